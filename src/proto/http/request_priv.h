/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a request, shared by the files that make it up:
 *
 *     request.c         what came: accessors, memory
 *     exchange.c        its life: begin, keep, close; what the stream tells
 *     body.c            reading its body
 *     response.c        answering: fields, head, body, end
 *     reply.c, event.c  ... in one call, and as server-sent events
 *     request_driver.c  its loop: deadline, ids, other threads, the pool
 *
 * The response's way, assigned by exchange.c's and response.c's setters only:
 *
 *     HEAD ──► BODY ──► ENDED
 *       └────────────────┘
 */
#ifndef SHOAL_PROTO_HTTP_REQUEST_PRIV_H
#define SHOAL_PROTO_HTTP_REQUEST_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "proto/http/app.h"

/* What the response waits for. */
enum http_output {
    HTTP_OUTPUT_HEAD,  /* its head: nothing was answered yet */
    HTTP_OUTPUT_BODY,  /* more of the body, or its end */
    HTTP_OUTPUT_ENDED, /* nothing */
};

/* An on_close callback; in the request's arena. */
struct http_closer {
    struct http_closer *next;
    shoal_http_close_fn *fn;
    void *arg;
};

/* What few requests have; in the request's arena. See request_driver.c. */
struct http_deadline;
struct http_name;

/* The request's body and whoever reads it. */
struct http_body {
    shoal_http_body_fn *on_data;
    shoal_http_end_fn *on_end;
    shoal_http_body_fn *on_whole; /* of shoal_http_read_all() */
    void *arg;
    struct shoal_buf waiting; /* came and was not taken: it fills the stream's window */
    char *whole;
    size_t whole_size;
    size_t whole_room;
    size_t max;
    const struct shoal__http_field *trailers;
    size_t trailer_count;
    uint64_t size;   /* of what has come */
    bool wanted;     /* somebody reads */
    bool paused;     /* ... and is not to be called now */
    bool delivering; /* a callback looks at the front of `waiting` */
    bool came;       /* some of it did */
    bool ended;      /* all of it has come */
    bool told;       /* the reader knows that, or nobody wants to know any more */
    bool on_heap;    /* `whole` is */
};

/*
 * A request and its response. Lives in its stream's arena and dies with it; its loop's only.
 * `head` borrows from the input until exchange.c keeps it. Small enough to be no large piece for
 * the arena (a quarter of a chunk).
 */
struct shoal_http_request {
    struct shoal__stream *stream;
    const struct shoal__http_endpoint *endpoint;
    struct shoal__head head;
    const char *method;
    const char *path;  /* decoded */
    const char *allow; /* what to say where there is no route; NULL: the path is not known */
    const struct shoal__http_route *route;
    const char **params; /* as many as the route has */
    size_t step;         /* middleware that was called */
    unsigned version;    /* 10, 11 or 20 */

    struct http_body body;

    enum http_output output;
    unsigned status; /* that was sent; 0 before */
    bool is_head;    /* HEAD: the response's body is not sent */
    bool no_content; /* the same for this response, by its status, too */
    bool events;     /* it was begun by shoal_http_event() */
    bool closed;     /* ended: on_close has been, or is being, told */
    bool timed_out;
    int64_t left;  /* of the announced body; -1: not announced */
    uint64_t sent; /* body bytes */
    struct shoal__http_fields fields;
    struct shoal__http_fields trailers;
    shoal_http_drained_fn *on_drained;
    void *drained_arg;

    struct http_closer *closers;    /* newest first */
    struct shoal__list jobs;        /* work in the pool */
    struct http_deadline *deadline; /* NULL: none was ever set */
    struct http_name *name;         /* NULL: nobody asked for the id */
    int64_t began_ns;               /* with an access log */
    void *data;
};

/* body.c */

/* The stream's on_data and on_end. Thread: owner. */
void shoal__http_body_came(struct shoal_http_request *req, struct shoal_view data);
void shoal__http_body_ended(struct shoal_http_request *req,
                            const struct shoal__http_field *trailers, size_t trailer_count);

/* Nobody reads any more: drops what waits. Thread: owner. */
void shoal__http_body_drop(struct shoal_http_request *req);

/* Frees what the body holds. Thread: owner. */
void shoal__http_body_fini(struct shoal_http_request *req);

/* response.c */

/* 0 where an answer may begin, else what the call returns instead. Thread: owner. */
int shoal__http_may_answer(const struct shoal_http_request *req);

/*
 * Checks and sends the head of a response; `length` -1: not known. Where there is no body to
 * follow (`empty`, or what was asked or answered says so) this is all of it. Returns as
 * shoal_http_begin(). Thread: owner.
 */
int shoal__http_send_head(struct shoal_http_request *req, unsigned status, const char *type,
                          int64_t length, bool empty);

/* The response is complete: the rest of the request is not waited for. Thread: owner. */
void shoal__http_finish(struct shoal_http_request *req);

/* Ends the stream with the trailers, and then as shoal__http_finish(). 0 or -SHOAL_EPIPE, with the
 * response cut. Thread: owner. */
int shoal__http_end_stream(struct shoal_http_request *req);

/* request_driver.c */

/* Nanoseconds of the loop's clock, asked anew. Thread: owner. */
int64_t shoal__http_now_ns(const struct shoal_http_request *req);

/* The moment for a Date field, and for the access log. The view lives until the next second.
 * Empty where memory is out. Thread: owner. */
struct shoal_view shoal__http_date(const struct shoal_http_request *req);
struct shoal_view shoal__http_log_date(struct shoal_loop *loop);

/* Whether the connection is over TLS. Thread: owner. */
bool shoal__http_is_secure(const struct shoal_http_request *req);

/* The request ends: its deadline does not count, its id leads nowhere, its work in the pool is not
 * wanted any more. Thread: owner. */
void shoal__http_stop_deadline(struct shoal_http_request *req);
void shoal__http_forget_id(struct shoal_http_request *req);
void shoal__http_cancel_jobs(struct shoal_http_request *req);

/* exchange.c */

/* The request has ended with that status: tells whoever wants to know, once. Thread: owner. */
void shoal__http_close(struct shoal_http_request *req, int status);

/* access_log.c */

/* Writes the line about a request that has ended. Thread: owner. */
void shoal__http_log_access(const struct shoal_http_request *req);

/* Writes the line about what was refused before it was a request, of which the first line is shown.
 * Thread: owner. */
void shoal__http_log_refusal(const struct shoal__session *session, unsigned status,
                             struct shoal_view in);

#endif
