/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is asked, and how: a target is a URL, a payload and a *speaker*, which is the one place that
 * knows a protocol. A new protocol is a table here and a file of its own.
 *
 *     bench_loop ── decides when ──► bench_link ── ask(slot) ──► speaker ──► connection
 *         ▲                             ▲                          │
 *         └── a slot is free again ─────┴── answered(slot), wrong ─┘
 */
#ifndef APPS_SHOAL_BENCH_TARGET_H
#define APPS_SHOAL_BENCH_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include <shoal/conn.h>

#include "bench_payload.h"
#include "bench_web.h"

struct bench_link;
struct shoal_tls;

/*
 * How one protocol makes a request and recognises and verifies an answer. Its functions run on the
 * link's loop. A speaker reports through the functions at the end of bench_link.h, and may do so
 * from any callback of its connection.
 */
struct bench_speaker {
    const char *name;
    size_t talk_size; /* of what it keeps per connection: link->talk, zero for each new one */

    /* What handles its connections; NULL with a `connect` of its own, which connects with `cfg` as
     * it is (its data is the link) and returns as shoal_connect(). */
    const struct shoal_service *service;
    int (*connect)(struct bench_link *link, struct shoal_loop *loop,
                   const struct shoal_connect_cfg *cfg, struct shoal_conn **out_conn);

    /*
     * Sends one request; its answer is to be reported with `slot`. Slots are below the depth, and
     * as long as they are given back in the order of asking they come round in turn. Returns the
     * bytes written, or a negative code: the connection is lost then.
     */
    ssize_t (*ask)(struct bench_link *link, unsigned slot);

    /* The connection is over, or is let go of: frees what `talk` points to, now or once the speaker
     * has returned. May be NULL. */
    void (*end)(struct bench_link *link);
};

/* Owned by the command; made before loops run, read by all of them. */
struct bench_target {
    const char *url; /* borrowed */
    const struct bench_speaker *speaker;
    struct bench_payload payload;
    struct bench_web web;  /* for speakers of HTTP */
    struct shoal_tls *tls; /* settings for connecting; NULL: plain */
    size_t request_size;   /* of a request's payload, the longest */
    const char *peer;      /* what shoal_connect() gets; borrowed */
    bool is_loopback;      /* of numbers, 127.0.0.0/8: any source address in it will do */
};

/*
 * Finds the speaker for options->arguments[0] and makes the payload. Returns 0, or an exit code
 * after a sentence. Thread: main's.
 */
int bench_target_make(const struct options *options, struct bench_target *out_target);

/* Thread: main's. */
void bench_target_free(struct bench_target *target);

/*
 * The source address of connection `serial`: a few hundred connections share each of tens of
 * thousands, so that ports never run out. NULL where the kernel's choice will do. Returns `out`.
 * Thread: any.
 */
const char *bench_target_source(const struct bench_target *target, uint64_t serial, char out[16]);

/* The speakers, each in a file of its protocol. */
extern const struct bench_speaker bench_echo_speaker;
extern const struct bench_speaker bench_line_speaker;
extern const struct bench_speaker bench_http_speaker;
extern const struct bench_speaker bench_h2_speaker;
extern const struct bench_speaker bench_grpc_speaker;  /* HTTP/2 with another notion of right */
extern const struct bench_speaker bench_https_speaker; /* one of HTTP's, as ALPN decides */

#endif
