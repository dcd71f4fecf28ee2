/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An HTTP server: one handler API for HTTP/1.0, 1.1 and 2. A listener finds the version by itself
 * (the HTTP/2 preface, or ALPN under TLS); handlers do not see it.
 *
 *     static void hello(struct shoal_http_request *req, void *arg)
 *     {
 *         shoal_http_reply(req, 200, "text/plain", "Hello, %s!\n", shoal_http_param(req, "name"));
 *     }
 *
 *     struct shoal_http_app *app = shoal_http_app_create(server);
 *     shoal_http_route(app, "GET", "/hello/{name}", hello, NULL);
 *     shoal_listen_http(server, "tcp://127.0.0.1:8080", app, NULL, NULL);
 *
 * A request and its response are one object, `struct shoal_http_request`, which lives on its
 * connection's loop. It begins with the handler's call and ends with its on_close callbacks, once
 * the response is handed to the kernel, or when the peer has gone. A handler may answer before it
 * returns, or keep the pointer and answer later on the same loop, until on_close; whoever wants to
 * answer from elsewhere keeps the request's id (see the end of this file).
 *
 * Misuse (answering twice, writing after the end) returns -SHOAL_ESTATE and changes nothing. When
 * the peer has gone, what is written returns -SHOAL_EPIPE and is dropped.
 */
#ifndef SHOAL_HTTP_H
#define SHOAL_HTTP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/buf.h>
#include <shoal/conn.h>
#include <shoal/export.h>
#include <shoal/server.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_http_app;
struct shoal_http_request;

/* A handler or a piece of middleware. Called on the connection's loop. */
typedef void shoal_http_handler_fn(struct shoal_http_request *req, void *arg);

/*
 * The application: routes and middleware. It belongs to the server and is freed with it. Returns
 * NULL where memory is out. A failure of this and the next two calls is also remembered and told
 * by shoal_server_start(), so that simple programs need to check only there.
 * Thread: any, while the server does not run.
 */
SHOAL_API struct shoal_http_app *shoal_http_app_create(struct shoal_server *server);

/*
 * Adds a route. `method` is a name in capitals or "*" for any. In `pattern`, "{name}" stands for
 * one segment that is not empty, and "{name...}", at the end, for all that is left. Patterns match
 * the decoded path; a fixed segment beats "{name}", and that beats "{name...}".
 * A GET route answers HEAD, too. What no pattern matches is answered 404, a method that the path
 * does not have 405 with Allow, and OPTIONS, where there is no route for it, 204 with Allow.
 * Strings are copied. Returns 0, -SHOAL_EINVAL (malformed pattern, no handler), -SHOAL_EBUSY (the
 * same route exists), or -SHOAL_ENOMEM.
 * Thread: any, while the server does not run.
 */
SHOAL_API int shoal_http_route(struct shoal_http_app *app, const char *method, const char *pattern,
                               shoal_http_handler_fn *handler, void *arg);

/*
 * Adds middleware: called for every request, before the route's handler, in the order of these
 * calls. It answers, or goes on with shoal_http_next(), at once or later.
 * Returns 0, -SHOAL_EINVAL or -SHOAL_ENOMEM.
 * Thread: any, while the server does not run.
 */
SHOAL_API int shoal_http_use(struct shoal_http_app *app, shoal_http_handler_fn *middleware,
                             void *arg);

/*
 * Passes the request on to the next middleware, in the end to the handler. Not to be called by
 * handlers. Thread: owner.
 */
SHOAL_API void shoal_http_next(struct shoal_http_request *req);

/*
 * Options of an HTTP listener. Start from SHOAL_HTTP_CFG_INIT. Limits protect the server: what
 * exceeds them is refused (413, 414, 431) before a handler sees it.
 */
struct shoal_http_cfg {
    size_t size;                           /* sizeof this struct, for later versions */
    const struct shoal_listen_cfg *listen; /* NULL: SHOAL_LISTEN_CFG_INIT */
    uint32_t max_target;                   /* bytes */
    uint32_t max_fields;                   /* fields of a request */
    uint32_t max_fields_bytes;             /* their names and values in total */
    uint32_t max_streams;                  /* HTTP/2: requests at once on one connection */
    uint32_t stream_window;                /* HTTP/2: body bytes kept for a slow handler */
    uint32_t session_window;               /* HTTP/2: the same for a whole connection */
    uint64_t max_body;        /* bytes of a request's body; 0: no limit but the handler's */
    int64_t body_stall_ms;    /* nothing of a request's body came although it was waited for */
    int64_t request_ms;       /* default of shoal_http_set_deadline(); 0: none */
    const char *server_field; /* value of the Server field; NULL: no such field */

    /*
     * The access log: called once per request with one line in Apache's combined format and the
     * duration in microseconds behind it, without a line end, control bytes escaped. NULL: none.
     * What HTTP/1 refuses before it is a request is told by its first line. A "-" is not known.
     * The line lives until the call returns. Called on the connection's loop.
     */
    void (*log_access)(void *arg, struct shoal_view line);
    void *log_arg;
};
#define SHOAL_HTTP_CFG_INIT                                                           \
    {                                                                                 \
        .size = sizeof(struct shoal_http_cfg), .max_target = 8192, .max_fields = 100, \
        .max_fields_bytes = 32768, .max_streams = 128, .stream_window = 256 * 1024,   \
        .session_window = 1024 * 1024, .body_stall_ms = 30000                         \
    }

/*
 * shoal_listen() for HTTP. A NULL `cfg` means SHOAL_HTTP_CFG_INIT; it is copied. One app may have
 * several listeners. Returns as shoal_listen() does, or -SHOAL_EINVAL where `app` is NULL or
 * another server's. Thread: any, while the server does not run.
 */
SHOAL_API int shoal_listen_http(struct shoal_server *server, const char *url,
                                struct shoal_http_app *app, const struct shoal_http_cfg *cfg,
                                struct shoal_listener **out_listener);

/*
 * The request. Views and strings live until the request ends; absent ones have NULL `data` or are
 * NULL. Names of fields compare without regard to case.
 */

/* "GET". Thread: owner. */
SHOAL_API const char *shoal_http_method(const struct shoal_http_request *req);

/* Path and query as they came, "/a%20b?x=1"; "*" for OPTIONS of the whole server. Thread: owner. */
SHOAL_API struct shoal_view shoal_http_target(const struct shoal_http_request *req);

/*
 * The path, percent-decoded, "/a b". What is malformed, or decodes to a NUL, was refused (400).
 * Dots are not resolved: "/a/../b" stays. Thread: owner.
 */
SHOAL_API const char *shoal_http_path(const struct shoal_http_request *req);

/* What the route's pattern calls `name`, decoded; "" where it has no such name. Thread: owner. */
SHOAL_API const char *shoal_http_param(const struct shoal_http_request *req, const char *name);

/*
 * The first value of `name` in the query, decoded ("+" is a space); "" for "?name", NULL where the
 * query has no such name or memory is out. Thread: owner.
 */
SHOAL_API const char *shoal_http_query(struct shoal_http_request *req, const char *name);

/* The pattern of the route that matched, for logs and metrics; NULL for none. Thread: owner. */
SHOAL_API const char *shoal_http_pattern(const struct shoal_http_request *req);

/* "http" or "https", and the host (and port) that the request is for. Thread: owner. */
SHOAL_API const char *shoal_http_scheme(const struct shoal_http_request *req);
SHOAL_API struct shoal_view shoal_http_host(const struct shoal_http_request *req);

/* 10, 11 or 20. Thread: owner. */
SHOAL_API unsigned shoal_http_version(const struct shoal_http_request *req);

/* The first field of that name. Cookies that came apart are one field. Thread: owner. */
SHOAL_API struct shoal_view shoal_http_field(const struct shoal_http_request *req,
                                             const char *name);

/* How many fields there are, and each in the order they came; false past the end. Thread: owner. */
SHOAL_API size_t shoal_http_field_count(const struct shoal_http_request *req);
SHOAL_API bool shoal_http_field_at(const struct shoal_http_request *req, size_t index,
                                   struct shoal_view *out_name, struct shoal_view *out_value);

/* The same for trailers, which have come when the body has ended. Thread: owner. */
SHOAL_API struct shoal_view shoal_http_trailer(const struct shoal_http_request *req,
                                               const char *name);

/*
 * The connection the request came on, for peer, local address, TLS facts, loop and server. It may
 * carry other requests: closing or writing to it is not a handler's business. Thread: owner.
 */
SHOAL_API struct shoal_conn *shoal_http_conn(const struct shoal_http_request *req);
SHOAL_API struct shoal_loop *shoal_http_loop(const struct shoal_http_request *req);

/*
 * Memory that lives as long as the request: `size` bytes, contents undefined; or formatted text.
 * NULL where memory is out. Thread: owner.
 */
SHOAL_API void *shoal_http_alloc(struct shoal_http_request *req, size_t size);
SHOAL_API char *shoal_http_format(struct shoal_http_request *req, const char *format, ...)
    SHOAL_PRINTF(2, 3);

/* One pointer of the application's per request, NULL at first: from middleware to handler, say.
 * Thread: owner. */
SHOAL_API void *shoal_http_data(const struct shoal_http_request *req);
SHOAL_API void shoal_http_set_data(struct shoal_http_request *req, void *data);

/*
 * The request ends: `status` is 0 where the whole response went to the kernel, -SHOAL_EPIPE where
 * the peer went away or gave up before, -SHOAL_ETIMEDOUT where its deadline passed. The last word
 * about this request; it may still be read, no more answered. Callbacks come in reverse order of
 * these calls: what was set last is undone first. Returns 0 or -SHOAL_ENOMEM. Thread: owner.
 */
typedef void shoal_http_close_fn(struct shoal_http_request *req, int status, void *arg);
SHOAL_API int shoal_http_on_close(struct shoal_http_request *req, shoal_http_close_fn *on_close,
                                  void *arg);

/*
 * Has the request end `ms` from now, in place of an earlier deadline: with 503 where no response
 * has begun, else by resetting it. 0 takes the deadline away. Returns 0 or -SHOAL_ENOMEM.
 * Thread: owner.
 */
SHOAL_API int shoal_http_set_deadline(struct shoal_http_request *req, int64_t ms);

/* Milliseconds left, 0 where it has passed, INT64_MAX without a deadline. Thread: owner. */
SHOAL_API int64_t shoal_http_left_ms(const struct shoal_http_request *req);

/*
 * The request's body. A handler that wants it says so before it returns or later; until then at
 * most a window's bytes are kept and the client waits. A client that asked "Expect: 100-continue"
 * is told to go on by the first of these calls, unless a response has begun. A body that is not
 * read to its end when the response ends is dropped, and its reader not called any more.
 */

/* The length the client announced; -1 where it did not, 0 for no body. Thread: owner. */
SHOAL_API int64_t shoal_http_body_length(const struct shoal_http_request *req);

/*
 * Gathers the whole body, then calls `on_body`; a body over `max` bytes is answered 413 instead,
 * and `on_body` not called, nor where the peer goes before. The view lives as long as the request;
 * its data[size] is NUL. A body that is already here is passed on from inside this call.
 * Returns 0, or -SHOAL_ESTATE where the body is being read or was, or the request was answered.
 * Thread: owner.
 */
typedef void shoal_http_body_fn(struct shoal_http_request *req, struct shoal_view body, void *arg);
SHOAL_API int shoal_http_read_all(struct shoal_http_request *req, size_t max,
                                  shoal_http_body_fn *on_body, void *arg);

/*
 * Streams the body: `on_data` for each piece as it comes, borrowed until it returns, then once
 * `on_end`, when trailers are there as well. Neither comes where the peer goes before, nor after
 * more than max_body bytes: then the request is answered 413, or cut where an answer has begun.
 * Returns as shoal_http_read_all(). Thread: owner.
 */
typedef void shoal_http_end_fn(struct shoal_http_request *req, void *arg);
SHOAL_API int shoal_http_read(struct shoal_http_request *req, shoal_http_body_fn *on_data,
                              shoal_http_end_fn *on_end, void *arg);

/*
 * Holds `on_data` and `on_end` back until resumed; the client is slowed down once a window's bytes
 * wait. The piece at hand counts as taken. They do not nest. Thread: owner.
 */
SHOAL_API void shoal_http_pause(struct shoal_http_request *req);
SHOAL_API void shoal_http_resume(struct shoal_http_request *req);

/*
 * The response: fields first, then either a reply in one call, or begin, write... and end. Framing
 * (Content-Length, Transfer-Encoding, Connection), Date and Server are the library's business.
 * Responses to HEAD and those without content (204, 304) go without the body that was given.
 */

/*
 * Sets a field of the response in place of those of the same name, or adds one more. Copied.
 * Returns 0; -SHOAL_EINVAL where the name is no token, the value holds CR, LF, NUL or another
 * control byte, or the field is the library's business; -SHOAL_ESTATE after the head was sent; or
 * -SHOAL_ENOMEM. Thread: owner.
 */
SHOAL_API int shoal_http_set(struct shoal_http_request *req, const char *name, const char *value);
SHOAL_API int shoal_http_add(struct shoal_http_request *req, const char *name, const char *value);
SHOAL_API int shoal_http_add_view(struct shoal_http_request *req, struct shoal_view name,
                                  struct shoal_view value);

/*
 * Answers with formatted text. A NULL `type` means no Content-Type.
 * Returns 0, -SHOAL_EINVAL (bad status, type or format), -SHOAL_ESTATE, -SHOAL_EPIPE or
 * -SHOAL_ENOMEM; where it failed for memory or a bad argument, nothing was sent and another answer
 * is possible. A body that cannot be taken when its head is out (no memory, or above the hard cap)
 * cuts the response, as shoal_http_abort() does, and returns -SHOAL_EPIPE. Thread: owner.
 */
SHOAL_API int shoal_http_reply(struct shoal_http_request *req, unsigned status, const char *type,
                               const char *format, ...) SHOAL_PRINTF(4, 5);

/* The same with bytes that are copied, or with a buffer whose segments are moved: it is empty
 * afterwards unless the call failed. Thread: owner. */
SHOAL_API int shoal_http_reply_view(struct shoal_http_request *req, unsigned status,
                                    const char *type, struct shoal_view body);
SHOAL_API int shoal_http_reply_buf(struct shoal_http_request *req, unsigned status,
                                   const char *type, struct shoal_buf *body);

/* Answers without content, or with the status and its name as text where content is expected.
 * Returns as shoal_http_reply(). Thread: owner. */
SHOAL_API int shoal_http_reply_status(struct shoal_http_request *req, unsigned status);

/* Answers with a Location. Returns as shoal_http_reply(). Thread: owner. */
SHOAL_API int shoal_http_redirect(struct shoal_http_request *req, unsigned status,
                                  const char *location);

/*
 * Sends the head of a response whose body follows by the calls below; `length` is -1 where it is
 * not known yet. Returns as shoal_http_reply(). Thread: owner.
 */
SHOAL_API int shoal_http_begin(struct shoal_http_request *req, unsigned status, const char *type,
                               int64_t length);

/*
 * Sends a part of the body: copied bytes, formatted text, or a buffer whose segments are moved.
 * Returns 0; 1 where what waits is above the high mark: everything was taken, but stop and go on
 * when drained; -SHOAL_EFULL, with nothing taken, above the hard cap; -SHOAL_EOVERFLOW, with
 * nothing taken, for more than the announced length; -SHOAL_ESTATE without begin or after end;
 * -SHOAL_EPIPE; -SHOAL_ENOMEM, with nothing taken. Thread: owner.
 */
SHOAL_API int shoal_http_write(struct shoal_http_request *req, struct shoal_view part);
SHOAL_API int shoal_http_printf(struct shoal_http_request *req, const char *format, ...)
    SHOAL_PRINTF(2, 3);
SHOAL_API int shoal_http_write_buf(struct shoal_http_request *req, struct shoal_buf *part);

/*
 * Adds a trailer, sent with the end where the version can carry it (not 1.0, nor a body of known
 * length in 1.1) and dropped where not. Returns as shoal_http_add(); -SHOAL_ESTATE after the end.
 * Thread: owner.
 */
SHOAL_API int shoal_http_add_trailer(struct shoal_http_request *req, const char *name,
                                     const char *value);

/*
 * Ends the response. Returns 0; -SHOAL_ESTATE without begin or after an end; -SHOAL_EINVAL, with
 * the response reset, where less than the announced length was written; or -SHOAL_EPIPE.
 * Thread: owner.
 */
SHOAL_API int shoal_http_end(struct shoal_http_request *req);

/* Called each time that output was above the high mark and is at or below the low one: write on.
 * One callback; a later one takes its place. Thread: owner. */
typedef void shoal_http_drained_fn(struct shoal_http_request *req, void *arg);
SHOAL_API void shoal_http_on_drained(struct shoal_http_request *req,
                                     shoal_http_drained_fn *on_drained, void *arg);

/* Bytes of the response's body that wait to be sent. Thread: owner. */
SHOAL_API size_t shoal_http_pending(const struct shoal_http_request *req);

/* Gives up: the peer sees that the response is cut, never a short one. Thread: owner. */
SHOAL_API void shoal_http_abort(struct shoal_http_request *req);

/* 103 Early Hints with the fields set so far (Link, say), which stay set for the response.
 * Returns 0, -SHOAL_ESTATE after the head was sent, -SHOAL_EPIPE or -SHOAL_ENOMEM.
 * Thread: owner. */
SHOAL_API int shoal_http_hint(struct shoal_http_request *req);

/*
 * Server-sent events. The first call begins the response (200, text/event-stream, not cached);
 * data of several lines is sent as such. `event` and `id` may be NULL.
 * Returns as shoal_http_write(); -SHOAL_EINVAL where event or id hold a line end.
 * Thread: owner.
 */
SHOAL_API int shoal_http_event(struct shoal_http_request *req, const char *event, const char *id,
                               struct shoal_view data);

/* Options of files. Start from SHOAL_HTTP_FILES_CFG_INIT. */
struct shoal_http_files_cfg {
    size_t size;               /* sizeof this struct, for later versions */
    const char *index;         /* served for a directory; NULL: none */
    bool list;                 /* list directories without index */
    bool precompressed;        /* serve NAME.br, NAME.zst or NAME.gz to those who accept it */
    const char *cache_control; /* value of that field; NULL: none */
};
#define SHOAL_HTTP_FILES_CFG_INIT                                            \
    {                                                                        \
        sizeof(struct shoal_http_files_cfg), "index.html", false, true, NULL \
    }

/*
 * Adds GET (and HEAD) routes that serve the files beneath the directory `root` under `prefix`
 * ("/static"): types by name, ETag and Last-Modified, conditional requests, single and multiple
 * ranges. No dot files, no editors' backups ("name~"), nothing outside of the root, whatever the
 * name or a symbolic link says; names are UTF-8. What changes on the disk is seen within a second.
 * Disks are read where they block nobody: by the server's pool, where it has one. A NULL `cfg`
 * means SHOAL_HTTP_FILES_CFG_INIT. Returns 0, -SHOAL_EINVAL, -SHOAL_ENOMEM, or the negative errno
 * of opening the root. Thread: any, while the server does not run.
 */
SHOAL_API int shoal_http_files(struct shoal_http_app *app, const char *prefix, const char *root,
                               const struct shoal_http_files_cfg *cfg);

/*
 * Answers with one file, opened by the caller: conditional requests and ranges as above, `name`
 * for the type. With `close_fd` the descriptor is the library's from success on; else it stays the
 * caller's, who may close it at once.
 * Returns as shoal_http_reply(), or -SHOAL_EINVAL where it is not a regular file. Thread: owner.
 */
SHOAL_API int shoal_http_reply_file(struct shoal_http_request *req, int fd, const char *name,
                                    bool close_fd);

/*
 * Content that lies somewhere in a file, as a store keeps many in one. Its bytes do not change
 * until it is released. Start from SHOAL_HTTP_CONTENT_INIT.
 */
struct shoal_http_content {
    size_t size;      /* sizeof this struct, for later versions */
    const char *type; /* as in Content-Type; copied */
    const char *etag; /* a strong tag with its quotes, at most 55 bytes; copied */
    int64_t modified; /* seconds since 1970 */
    int fd;
    uint64_t offset, length; /* where in the file */
    bool in_memory;          /* was read a moment ago, so that reading again waits for no disk */

    /* NULL, or called once when nothing reads the bytes any more. Thread: any. */
    void (*release)(void *arg);
    void *arg;
};
#define SHOAL_HTTP_CONTENT_INIT                                                                  \
    {                                                                                            \
        sizeof(struct shoal_http_content), "application/octet-stream", NULL, 0, -1, 0, 0, false, \
            NULL, NULL                                                                           \
    }

/*
 * Answers with content: conditional requests, single and multiple ranges, and bytes that no loop
 * waits for, as above. The fields set so far go with it. Returns as shoal_http_reply(), and
 * -SHOAL_EINVAL for a bad tag; only where it returns 0 is the content released. Thread: owner.
 */
SHOAL_API int shoal_http_reply_content(struct shoal_http_request *req,
                                       const struct shoal_http_content *content);

/*
 * Leaves HTTP: answers 101 with `protocol` as Upgrade and the fields set so far, and hands the
 * connection over to `service`, whose on_open comes next, with what the client has sent behind its
 * request as first input. The request ends (status 0) and on_close comes from inside this call.
 * Returns 0; -SHOAL_ESTATE where the client has not asked for an upgrade, its body has not ended,
 * the version is not 1.1, or a response has begun; or -SHOAL_ENOMEM. Thread: owner.
 */
SHOAL_API int shoal_http_upgrade(struct shoal_http_request *req, const char *protocol,
                                 const struct shoal_service *service);

/*
 * Answering from elsewhere. An id is a value; it never names another request, also when the
 * client has long gone.
 */
struct shoal_http_id {
    shoal_conn_id conn;
    uint64_t serial;
};

/* The id to give to other threads, or to keep for later. Thread: owner. */
SHOAL_API struct shoal_http_id shoal_http_get_id(const struct shoal_http_request *req);

/* The request of that id, or NULL where it has ended. Thread: owner of its loop. */
SHOAL_API struct shoal_http_request *shoal_http_find(struct shoal_loop *loop,
                                                     struct shoal_http_id id);

/*
 * Calls fn(req, arg) on the request's loop; `req` is NULL where it has ended. Returns 0, and then
 * the call is made exactly once; or -SHOAL_ENOMEM or -SHOAL_ESTOPPED, and then never.
 * Thread: any.
 */
SHOAL_API int shoal_http_call(struct shoal_server *server, struct shoal_http_id id,
                              shoal_http_handler_fn *fn, void *arg);

/*
 * shoal_http_reply_buf() from any thread; the buffer is taken and *body cleared. Returns 0 where
 * the answer is on its way (the request may turn out to have ended), or as shoal_http_call().
 * Thread: any.
 */
SHOAL_API int shoal_http_answer(struct shoal_server *server, struct shoal_http_id id,
                                unsigned status, const char *type, struct shoal_buf **body);

/*
 * Has `work` called in the server's worker pool, then `done` on the request's loop, with `req`
 * NULL where it has ended in the meantime, and a status as in pool.h (0: it ran). `work` must not
 * touch the request. It is not started when the request's deadline has passed or the peer has
 * gone. Returns 0, and then `done` comes exactly once, not from inside this call; or -SHOAL_EFULL,
 * -SHOAL_ESTOPPED, -SHOAL_ENOMEM, or -SHOAL_ESTATE where the server has no pool. Thread: owner.
 */
typedef void shoal_http_work_fn(void *arg);
typedef void shoal_http_done_fn(struct shoal_http_request *req, int status, void *arg);
SHOAL_API int shoal_http_offload(struct shoal_http_request *req, shoal_http_work_fn *work,
                                 shoal_http_done_fn *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif
