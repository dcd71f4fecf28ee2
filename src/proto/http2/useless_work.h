/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The budget of useless work: one account per connection, against every flood that HTTP/2 makes
 * cheap for a peer. Whatever a peer makes us do that serves no request costs tokens; answered
 * requests and moved bytes earn them, and time gives a few. A mixture of floods pays from the same
 * account, so staying below each single limit is of no use. An empty account ends the connection.
 *
 * The rates are made for honest clients: a window update and a ping for every frame of data that
 * we send, a burst of a few hundred cancelled requests, keepalive pings for ever. The cheapest
 * abuse empties the account with 1,000 frames.
 */
#ifndef SHOAL_PROTO_HTTP2_USELESS_WORK_H
#define SHOAL_PROTO_HTTP2_USELESS_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, cost, meaning). What makes us answer, costs both sides a request, or carries up to a
 * frame of fields to decode, costs more. */
#define SHOAL_USELESS_WORK_TABLE(X)                                               \
    X(EMPTY_DATA, 1, "a DATA frame without data that ends nothing")               \
    X(IGNORED, 1, "a frame of unknown type, or of a stream that is no more")      \
    X(PRIORITY, 1, "a PRIORITY or PRIORITY_UPDATE frame")                         \
    X(STRAY_RESET, 1, "RST_STREAM for a stream that is no more")                  \
    X(PEER_RESET, 2, "RST_STREAM for a request under way")                        \
    X(SETTINGS, 1, "a SETTINGS frame")                                            \
    X(PING, 1, "a PING, or the answer to none")                                   \
    X(GOAWAY, 1, "a GOAWAY frame")                                                \
    X(WINDOW_UPDATE, 1, "a WINDOW_UPDATE frame")                                  \
    X(CONTINUATION, 10, "a CONTINUATION frame")                                   \
    X(DRIBBLE, 1, "a few bytes of data, because the window had room for no more") \
    X(REFUSED, 2, "a stream above the limit of concurrent ones")                  \
    X(PROVOKED_RESET, 4, "a reset that the peer's mistake made us send")          \
    X(MALFORMED, 4, "a request that was answered by an error before any handler")

enum shoal__useless_kind {
#define SHOAL_USELESS_WORK_ENUM(NAME, cost, meaning) USELESS_##NAME,
    SHOAL_USELESS_WORK_TABLE(SHOAL_USELESS_WORK_ENUM)
#undef SHOAL_USELESS_WORK_ENUM
        USELESS_KINDS
};

enum {
    SHOAL__USELESS_BALANCE_MAX = 1000, /* also the balance at first */
    SHOAL__USELESS_PER_SECOND = 20,    /* given back by time alone */
    SHOAL__USELESS_PER_ANSWER = 4,     /* earned by a request answered to its end */
    SHOAL__USELESS_PER_DATA = 2,       /* by a DATA frame that we sent because there was data */
    SHOAL__USELESS_BYTES = 4096,       /* one is earned by so many bytes of body, either way */
};

/* Owned by the engine that embeds it, touched by its loop only. */
struct shoal__useless_work {
    int32_t balance;
    uint32_t bytes; /* moved, and not yet a token */
    int64_t refilled_ms;
    uint32_t counts[USELESS_KINDS];
};

/* A full account. Thread: owner. */
void shoal__useless_work_init(struct shoal__useless_work *work, int64_t now_ms);

/* Pays for one piece of useless work. False where the account is empty: the connection must end.
 * Thread: owner. */
bool shoal__useless_work_charge(struct shoal__useless_work *work, enum shoal__useless_kind kind);

/* Earns tokens, and bytes on the way to some. Thread: owner. */
void shoal__useless_work_earn(struct shoal__useless_work *work, int32_t tokens);
void shoal__useless_work_earn_bytes(struct shoal__useless_work *work, size_t bytes);

/* Gives what time gives. Thread: owner. */
void shoal__useless_work_refill(struct shoal__useless_work *work, int64_t now_ms);

/* What a kind is, for logs and counters; static. Thread: any. */
const char *shoal__useless_work_name(enum shoal__useless_kind kind);

#endif
