/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The WebSocket engine, RFC 6455 §5: bytes in, pieces of messages out. It does no I/O and allocates
 * nothing; messages are put together by whoever wants them whole. Both roles: a server's peer must
 * mask, a client's must not.
 *
 *            ┌──────────────── payload is complete ──────────────┐
 *            ▼                                                   │
 *     HEAD (2 to 14 bytes) ──► PAYLOAD (unmasked where it lies) ─┘
 *
 * However the stream is cut, the pieces of a message put together are the same, and so is the rest.
 */
#ifndef SHOAL_PROTO_WEBSOCKET_ENGINE_H
#define SHOAL_PROTO_WEBSOCKET_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

#include "base/utf8.h"

enum shoal__websocket_role { SHOAL__WEBSOCKET_SERVER, SHOAL__WEBSOCKET_CLIENT };

enum shoal__websocket_opcode {
    SHOAL__WEBSOCKET_OP_CONTINUATION = 0x0,
    SHOAL__WEBSOCKET_OP_TEXT = 0x1,
    SHOAL__WEBSOCKET_OP_BINARY = 0x2,
    SHOAL__WEBSOCKET_OP_CLOSE = 0x8,
    SHOAL__WEBSOCKET_OP_PING = 0x9,
    SHOAL__WEBSOCKET_OP_PONG = 0xa,
};

enum { SHOAL__WEBSOCKET_HEAD_MAX = 14, SHOAL__WEBSOCKET_CONTROL_MAX = 125 };

/* Owned by whoever owns the stream. */
struct shoal__websocket_engine {
    enum shoal__websocket_role role;
    size_t max_message;

    /* The frame at hand. */
    uint8_t head[SHOAL__WEBSOCKET_HEAD_MAX];
    uint8_t head_size; /* of it that has come */
    bool in_payload;
    bool final;
    uint8_t opcode;
    uint8_t mask[4];
    uint8_t mask_at; /* of it that the next byte is masked with */
    uint64_t left;   /* bytes of the payload still to come */

    /* The message at hand, between whose frames control frames may come. */
    uint8_t message; /* its opcode; 0: none */
    bool begun;      /* a piece of it was handed out */
    uint64_t message_size;
    struct shoal__utf8 text;

    /* The payload of a control frame. */
    uint8_t control_size;
    char control[SHOAL__WEBSOCKET_CONTROL_MAX];
};

enum shoal__websocket_step {
    SHOAL__WEBSOCKET_MORE, /* nothing yet: come again with what follows */
    SHOAL__WEBSOCKET_DATA, /* a piece of a message */
    SHOAL__WEBSOCKET_PING, /* whole, as the following two */
    SHOAL__WEBSOCKET_PONG,
    SHOAL__WEBSOCKET_CLOSE,
    SHOAL__WEBSOCKET_ERROR, /* the peer broke the protocol: `code` is what to tell it */
};

/* What was found. Bytes are borrowed: from the input, or from the engine until its next step. */
struct shoal__websocket_event {
    size_t taken;            /* bytes of the input, in every case */
    struct shoal_view bytes; /* the piece; the payload of a ping or pong; a close's reason */
    bool text;               /* DATA: of a text message, whose UTF-8 was checked so far */
    bool first, last;        /* DATA: the message's first and last piece, which may be empty */
    unsigned code;           /* CLOSE: 1005 where there was none; ERROR */
};

/* Begins a stream. Thread: any. */
void shoal__websocket_init(struct shoal__websocket_engine *engine, enum shoal__websocket_role role,
                           size_t max_message);

/*
 * Takes what the `size` bytes at `in`, which it unmasks in place, begin with. After ERROR and CLOSE
 * the engine is of no further use. Thread: owner.
 */
enum shoal__websocket_step shoal__websocket_next(struct shoal__websocket_engine *engine, char *in,
                                                 size_t size, struct shoal__websocket_event *event);

/*
 * Writes the head of a frame that holds a whole message. A client passes the mask that it will
 * apply to the payload, a server NULL. Returns its size. Thread: any.
 */
size_t shoal__websocket_head_write(enum shoal__websocket_opcode opcode, bool final, uint64_t size,
                                   const uint8_t mask[4], char out[SHOAL__WEBSOCKET_HEAD_MAX]);

/* Masks or unmasks bytes of which the first is the payload's byte number `at`. Thread: any. */
void shoal__websocket_mask(char *bytes, size_t size, const uint8_t mask[4], size_t at);

/* Whether a close may carry that code, RFC 6455 §7.4. Thread: any. */
bool shoal__websocket_is_code(unsigned code);

#endif
