/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An HTTP client on a loop: HTTP/1.1, h2 by ALPN, and h2c by prior knowledge. Connections are kept
 * and reused per origin (scheme, host and port), within limits; requests beyond them wait in line.
 *
 *     static void got(struct shoal_fetch *fetch, int status, void *arg) { ... }
 *     shoal_http_get(client, "https://example.org/", got, NULL);
 *
 * A fetch, one request and its response, lives from the call until its `done` has returned, which
 * comes exactly once and last, and never from inside the call that started the fetch. Everything
 * is for the client's loop; other threads post to it.
 */
#ifndef SHOAL_HTTP_CLIENT_H
#define SHOAL_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/buf.h>
#include <shoal/conn.h>
#include <shoal/export.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_fetch;
struct shoal_http_client;
struct shoal_loop;

/* Options of a client. Start from SHOAL_HTTP_CLIENT_CFG_INIT. */
struct shoal_http_client_cfg {
    size_t size;               /* sizeof this struct, for later versions */
    unsigned max_per_origin;   /* connections to one origin */
    unsigned max_idle;         /* unused connections kept, over all origins */
    int64_t idle_ms;           /* for so long */
    int64_t connect_ms;        /* resolve, connect and handshake together */
    uint32_t max_fields_bytes; /* of a response */
    uint32_t stream_window;    /* HTTP/2: body bytes kept for a slow reader */
    bool prior_knowledge;      /* speak HTTP/2 without TLS (h2c) */
    bool no_http2;             /* never offer it */
    const char *ca_file;       /* PEM of trusted authorities; NULL: the system's */
    const char *cert_file;     /* client certificate and key, PEM; NULL: none */
    const char *key_file;
    bool no_verify;         /* take any certificate: for tests only */
    const char *user_agent; /* NULL: none */
};
#define SHOAL_HTTP_CLIENT_CFG_INIT                                                         \
    {                                                                                      \
        .size = sizeof(struct shoal_http_client_cfg), .max_per_origin = 6, .max_idle = 32, \
        .idle_ms = 30000, .connect_ms = 10000, .max_fields_bytes = 65536,                  \
        .stream_window = 1024 * 1024                                                       \
    }

/*
 * Makes a client on the loop; no connection is made yet. A NULL `cfg` means
 * SHOAL_HTTP_CLIENT_CFG_INIT; it is copied. Returns 0, -SHOAL_ENOMEM, or -SHOAL_EINVAL where
 * certificates cannot be read. Thread: owner.
 */
SHOAL_API int shoal_http_client_create(struct shoal_loop *loop,
                                       const struct shoal_http_client_cfg *cfg,
                                       struct shoal_http_client **out_client);

/*
 * Cancels what is under way (each `done` is told -SHOAL_ECANCELED, from the next turn on), closes
 * the connections and clears *client. NULL is a no-op. Also done when the loop ends.
 * Thread: owner.
 */
SHOAL_API void shoal_http_client_destroy(struct shoal_http_client **client);

/*
 * A fetch is over. `status` is 0 where the whole response has come, whatever its HTTP status;
 * -SHOAL_ECANCELED; -SHOAL_ETIMEDOUT; -SHOAL_ERESOLVE; -SHOAL_ECERT, a server that is not trusted;
 * -SHOAL_EPROTOCOL; -SHOAL_EOVERFLOW, a response over its limit; -SHOAL_EPIPE, the peer gave up in
 * the middle; -SHOAL_ESTOPPED, the server drains; -SHOAL_ENOMEM; or a negative errno.
 */
typedef void shoal_fetch_done_fn(struct shoal_fetch *fetch, int status, void *arg);

struct shoal_fetch_field {
    const char *name, *value;
};

/*
 * What to ask for, and who is told. Start from zero; only `url` and `done` are required. All is
 * copied before the call returns.
 */
struct shoal_fetch_cfg {
    const char *url;    /* http://HOST[:PORT]/PATH[?QUERY], https://... */
    const char *method; /* NULL: "GET", or "POST" with a body */
    const struct shoal_fetch_field *fields;
    size_t field_count;
    const char *type;       /* Content-Type of the body */
    struct shoal_view body; /* the whole body; copied */
    struct shoal_buf *buf;  /* or a buffer, whose segments are moved */
    bool stream;            /* or the body follows by shoal_fetch_write() ... _end() */
    int64_t length;         /* of that body where it is known; 0: it is not */
    int64_t deadline_ms;    /* from the call to the end of the response; 0: none */
    size_t max_body;        /* of a response gathered whole; 0: 64 MiB */
    unsigned redirects;     /* how many are followed, never from https to http; 0: none */

    /* The response's head has come. May be NULL. */
    void (*on_head)(struct shoal_fetch *fetch, void *arg);

    /* A part of its body, borrowed. Where NULL, the body is gathered for shoal_fetch_body(). */
    void (*on_data)(struct shoal_fetch *fetch, struct shoal_view data, void *arg);

    /* Of the request's body that was above the high mark little is left: write on. May be NULL. */
    void (*on_drained)(struct shoal_fetch *fetch, void *arg);

    shoal_fetch_done_fn *done;
    void *arg;
};

/*
 * Starts a fetch. Where a kept connection turns out dead before a byte of the response came, and
 * the request can be repeated (no streamed body, and the method is idempotent or the peer said it
 * was not processed), it is tried once more on a new one; as often as the peer says so, up to five
 * times. Nothing but the deadline ends a fetch that stalls. A NULL `out_fetch` is allowed.
 * Returns 0, and then `done` comes exactly once; -SHOAL_EURL; -SHOAL_EINVAL for a method or field
 * that may not be sent; -SHOAL_ECERT (https: the system's store of certificates); -SHOAL_ENOMEM; or
 * -SHOAL_ESTOPPED while the server drains.
 * Thread: owner.
 */
SHOAL_API int shoal_http_fetch(struct shoal_http_client *client, const struct shoal_fetch_cfg *cfg,
                               struct shoal_fetch **out_fetch);

/* The whole of a URL by GET, and a POST of a whole body. Return as above. Thread: owner. */
SHOAL_API int shoal_http_get(struct shoal_http_client *client, const char *url,
                             shoal_fetch_done_fn *done, void *arg);
SHOAL_API int shoal_http_post(struct shoal_http_client *client, const char *url, const char *type,
                              struct shoal_view body, shoal_fetch_done_fn *done, void *arg);

/*
 * Sends a part of a streamed body, or ends it. Returns 0; 1 above the high mark; -SHOAL_ESTATE;
 * -SHOAL_EFULL or -SHOAL_ENOMEM with nothing taken; -SHOAL_EPIPE where the peer wants no more.
 * Thread: owner.
 */
SHOAL_API int shoal_fetch_write(struct shoal_fetch *fetch, struct shoal_view part);
SHOAL_API int shoal_fetch_write_buf(struct shoal_fetch *fetch, struct shoal_buf *part);
SHOAL_API int shoal_fetch_end(struct shoal_fetch *fetch);

/* Holds on_data and done back until resumed, and slows the server down. Cancelling and deadline
 * count all the same. Thread: owner. */
SHOAL_API void shoal_fetch_pause(struct shoal_fetch *fetch);
SHOAL_API void shoal_fetch_resume(struct shoal_fetch *fetch);

/* Gives up; `done` tells -SHOAL_ECANCELED in the next turn. Thread: owner. */
SHOAL_API void shoal_fetch_cancel(struct shoal_fetch *fetch);

/*
 * The response, from on_head until `done` returns. The HTTP status is 0, and views have no data,
 * where none has come. The body is the gathered one, with a NUL behind it. Thread: owner.
 */
SHOAL_API unsigned shoal_fetch_status(const struct shoal_fetch *fetch);
SHOAL_API unsigned shoal_fetch_version(const struct shoal_fetch *fetch);
SHOAL_API struct shoal_view shoal_fetch_field(const struct shoal_fetch *fetch, const char *name);
SHOAL_API struct shoal_view shoal_fetch_trailer(const struct shoal_fetch *fetch, const char *name);
SHOAL_API struct shoal_view shoal_fetch_body(const struct shoal_fetch *fetch);

/* The URL that answered, after redirects. Thread: owner. */
SHOAL_API const char *shoal_fetch_url(const struct shoal_fetch *fetch);

/* One pointer of the application's per fetch, NULL at first. Thread: owner. */
SHOAL_API void *shoal_fetch_data(const struct shoal_fetch *fetch);
SHOAL_API void shoal_fetch_set_data(struct shoal_fetch *fetch, void *data);

#ifdef __cplusplus
}
#endif
#endif
