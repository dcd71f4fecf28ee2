/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket (RFC 6455) over HTTP/1.1: an HTTP handler accepts, and from then on the connection
 * carries messages both ways.
 *
 *     static void on_message(struct shoal_conn *conn, enum shoal_websocket_kind kind,
 *                            struct shoal_view message)
 *     {
 *         shoal_websocket_send(conn, kind, message);
 *     }
 *     static const struct shoal_websocket_service echo = {.on_message = on_message};
 *
 *     static void handle(struct shoal_http_request *req, void *arg)
 *     {
 *         shoal_websocket_accept(req, &echo);
 *     }
 *
 * It is an ordinary connection (conn.h): it lives on one loop, shoal_conn_pause() holds messages
 * back, output has the same marks, and other threads reach it by its id and shoal_call_conn(). Only
 * shoal_conn_write() and its like are not for it. Who wants to keep something of the request hangs
 * it on the connection with shoal_conn_set_data() once it is accepted.
 *
 * Browsers let any page connect to any server and send its cookies along: where those count, the
 * handler has to look at Origin before it accepts.
 *
 * Pings of the peer are answered; ours keep the connection from being idle, and close one from
 * which nothing comes any more.
 */
#ifndef SHOAL_WEBSOCKET_H
#define SHOAL_WEBSOCKET_H

#include <shoal/conn.h>
#include <shoal/export.h>
#include <shoal/http.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

enum shoal_websocket_kind {
    SHOAL_WEBSOCKET_TEXT = 1, /* UTF-8, which was checked */
    SHOAL_WEBSOCKET_BINARY = 2,
};

/* X(NAME, code): why a WebSocket ended, RFC 6455 §7.4.1. Codes from 3000 to 4999 are free. */
#define SHOAL_WEBSOCKET_CODE_TABLE(X)                                       \
    X(NORMAL, 1000)                                                         \
    X(GOING_AWAY, 1001)                                                     \
    X(PROTOCOL_ERROR, 1002)                                                 \
    X(UNSUPPORTED, 1003)                                                    \
    X(NO_CODE, 1005)  /* the peer gave none; never sent */                  \
    X(ABNORMAL, 1006) /* the connection ended without a word; never sent */ \
    X(NOT_UTF8, 1007)                                                       \
    X(POLICY, 1008)                                                         \
    X(TOO_LARGE, 1009)                                                      \
    X(INTERNAL_ERROR, 1011)                                                 \
    X(TRY_AGAIN_LATER, 1013)

enum shoal_websocket_code {
#define SHOAL_WEBSOCKET_CODE_ENUM(NAME, code) SHOAL_WEBSOCKET_##NAME = (code),
    SHOAL_WEBSOCKET_CODE_TABLE(SHOAL_WEBSOCKET_CODE_ENUM)
#undef SHOAL_WEBSOCKET_CODE_ENUM
};

/*
 * What a service does with its WebSockets. Every callback may be NULL. The struct is borrowed: keep
 * it in place while the server runs. Callbacks run on the connection's loop.
 */
struct shoal_websocket_service {
    const char *name;             /* for logs and the watchdog; NULL: "websocket" */
    size_t max_message;           /* bytes; a larger one ends it with TOO_LARGE; 0: 1 MiB */
    int64_t ping_ms;              /* between pings of ours; 0: 30 s, below 0: none */
    const char *const *protocols; /* subprotocols, best first, ended by NULL; NULL: none */
    void *arg;                    /* shoal_websocket_arg() */

    /* The connection is a WebSocket now. */
    void (*on_open)(struct shoal_conn *conn);

    /* A whole message, borrowed until this returns. */
    void (*on_message)(struct shoal_conn *conn, enum shoal_websocket_kind kind,
                       struct shoal_view message);

    /* Output that was above the high mark is at or below the low one: write on. */
    void (*on_drained)(struct shoal_conn *conn);

    /*
     * It is over. `code` and `reason` are what the peer gave, NO_CODE where it gave none, ABNORMAL
     * where the connection ended without that; or, where the peer broke the protocol, what it was
     * told. The last callback; comes for every WebSocket that saw on_open.
     */
    void (*on_close)(struct shoal_conn *conn, unsigned code, struct shoal_view reason);
};

/*
 * Makes a WebSocket of the connection that the request came on; on_open comes next, when this has
 * returned. Fields set so far are sent along. The request ends, as by shoal_http_upgrade().
 * Returns 0; -SHOAL_EPROTOCOL where the request does not ask for a WebSocket in a way we know, and
 * then it has been answered (400 or 426); or as shoal_http_upgrade(). Thread: owner.
 */
SHOAL_API int shoal_websocket_accept(struct shoal_http_request *req,
                                     const struct shoal_websocket_service *service);

/* The service's subprotocol that accepting the request chooses: the first that the client offers;
 * NULL for none. Thread: owner. */
SHOAL_API const char *shoal_websocket_protocol(const struct shoal_http_request *req,
                                               const struct shoal_websocket_service *service);

/*
 * Sends a message. Returns 0; 1 where the output waiting is now above the high mark: it was taken,
 * but stop and go on in on_drained; -SHOAL_EINVAL for text that is not UTF-8; -SHOAL_EPIPE where
 * the WebSocket is closing; or -SHOAL_ENOMEM with nothing taken. Thread: owner.
 */
SHOAL_API int shoal_websocket_send(struct shoal_conn *conn, enum shoal_websocket_kind kind,
                                   struct shoal_view message);

/*
 * Begins to close: tells the peer, and waits a few seconds for its answer. No message comes any
 * more; on_close follows. `reason` is UTF-8 of at most 123 bytes; NULL: none.
 * Returns 0; -SHOAL_EINVAL for a code that may not be sent or such a reason; -SHOAL_EPIPE where it
 * is closing already; or -SHOAL_ENOMEM. Thread: owner.
 */
SHOAL_API int shoal_websocket_close(struct shoal_conn *conn, unsigned code, const char *reason);

/* The `arg` of the connection's service. Thread: owner. */
SHOAL_API void *shoal_websocket_arg(const struct shoal_conn *conn);

#ifdef __cplusplus
}
#endif
#endif
