/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP client's inside. A *fetch* waits at its *origin* until one of the origin's *links* takes
 * it; a link is a connection that becomes a session once it is open.
 *
 *     shoal_http_fetch ──► fetch ── waits at ──► origin ◄── has ── links ── session ── streams
 *                            └───────────── gets a stream ──────────────────────────────┘
 *
 * client_driver.c has the client; client_link_driver.c its origins and links; client_fetch_driver.c
 * what happens to one fetch; client_request_driver.c what is asked for, and the calls on a fetch.
 * Everything is for the client's loop. `done` is always called from a task of its own, so no fetch
 * goes while somebody up the stack still knows it.
 */
#ifndef SHOAL_PROTO_WEB_CLIENT_DRIVER_H
#define SHOAL_PROTO_WEB_CLIENT_DRIVER_H

#include <shoal/http_client.h>
#include <shoal/loop.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"
#include "proto/http/stream.h"

struct shoal__client_url;

/* Owned by itself: it goes when it has been destroyed and its links and fetches have gone. */
struct shoal_http_client {
    struct shoal_loop *loop;
    struct shoal__list node; /* of the loop's clients */
    struct shoal_http_client_cfg cfg;
    struct shoal__arena arena; /* the strings of cfg */
    struct shoal_tls *tls;     /* NULL until it is needed */
    struct shoal_limits conn_limits;
    struct shoal__session_limits limits;
    struct shoal__hashmap origins;
    struct shoal__list idle; /* links without streams, the longest idle first */
    unsigned idle_count;
    struct shoal__list fetches;
    size_t links;
    bool closing; /* destroyed: takes no more */
};

/* A scheme, host and port. Owned by its client; goes when nothing waits at it and no link is left.
 */
struct client_origin {
    struct shoal__hashmap_node node; /* key: the URL that is connected to */
    struct shoal_http_client *client;
    struct shoal__list links;
    struct shoal__list waiting; /* fetches */
    unsigned link_count;
    unsigned connecting; /* of these */
    unsigned waiting_count;
    bool multiplexes; /* one connection may be enough: it speaks HTTP/2, or that is not known yet */
    char url[];
};

/* A connection to an origin. Owned by its connection, or by its session once there is one. */
struct client_link {
    struct shoal__list node;      /* of the origin's links */
    struct shoal__list idle_node; /* of the client's idle ones */
    struct client_origin *origin;
    struct shoal_conn *conn;
    struct shoal__session *session; /* NULL: it is not open yet */
    size_t served;                  /* responses that came whole */
    bool leaving;                   /* takes no more requests */
};

enum fetch_st {
    FETCH_WAITING, /* at its origin, for a link */
    FETCH_OPEN,    /* has a stream */
    FETCH_ENDED,   /* `done` is owed */
};

/* One request and its response. Owned by its client until `done` has returned. */
struct shoal_fetch {
    struct shoal__list node;    /* of the client's fetches */
    struct shoal__list waiting; /* of the origin's */
    struct shoal_http_client *client;
    struct client_origin *origin; /* while waiting or open */
    struct shoal__stream *stream;
    struct shoal__arena arena;
    struct shoal_timer deadline;
    struct shoal_task task; /* catches up: see shoal__fetch_catch_up() */

    /* The request. */
    const char *url;
    const char *method;
    struct shoal_view authority;
    struct shoal_view target;
    struct shoal__http_fields fields;
    struct shoal_buf body;   /* the whole one */
    struct shoal_buf unsent; /* what of it, or of a streamed one, has not gone to the stream */
    int64_t length;          /* -1: not known */
    unsigned redirects;      /* that may still be followed */

    /* The response. */
    unsigned head_status; /* 0: no head has come */
    unsigned version;
    const struct shoal__http_field *head_fields;
    size_t head_field_count;
    const struct shoal__http_field *trailers;
    size_t trailer_count;
    char *gathered;
    size_t gathered_size;
    size_t gathered_room;
    size_t max_body;
    size_t skipped;        /* of the body of a redirect */
    const char *next_url;  /* where that leads */
    struct shoal_buf held; /* came while paused */

    void (*on_head)(struct shoal_fetch *fetch, void *arg);
    void (*on_data)(struct shoal_fetch *fetch, struct shoal_view data, void *arg);
    void (*on_drained)(struct shoal_fetch *fetch, void *arg);
    shoal_fetch_done_fn *done;
    void *arg;
    void *data;

    int status;        /* FETCH_ENDED: what done is told */
    uint8_t state;     /* enum fetch_st */
    uint8_t tries;     /* that failed */
    bool has_body : 1; /* the request has one, be it empty */
    bool streams : 1;  /* it comes by shoal_fetch_write() */
    bool said_all : 1; /* the request's end has been handed over */
    bool choked : 1;   /* a write returned 1 */
    bool tell_drained : 1;
    bool paused : 1;
    bool heard : 1;     /* something of a response has come */
    bool whole : 1;     /* all of it */
    bool kept_link : 1; /* its link had served before */
    bool scheduled : 1; /* `task` is on its way */
    bool given_up : 1;  /* by our side: what was held is not told any more */
};

/* client_driver.c */

/* The settings for TLS, made on first use. Returns 0, -SHOAL_ECERT or -SHOAL_ENOMEM.
 * Thread: owner. */
int shoal__client_tls(struct shoal_http_client *client);

/* Whether no more fetches are taken: destroyed, or the server drains. Thread: owner. */
bool shoal__client_is_closing(const struct shoal_http_client *client);

/* Frees a client that has been destroyed, once nothing of it is left. Thread: owner. */
void shoal__client_let_go(struct shoal_http_client *client);

/* client_link_driver.c */

/* Closes all connections, those under way as well. Thread: owner. */
void shoal__client_close_links(struct shoal_http_client *client);

/*
 * Has the fetch wait at the origin of its URL, and gives it to a link where one is
 * free. Returns 0, or -SHOAL_ENOMEM. Thread: owner.
 */
int shoal__client_enqueue(struct shoal_fetch *fetch, const struct shoal__client_url *url);

/* The same again at the origin where it was, before all others: its link was dead, so the other
 * ones that are idle are not trusted any more. Thread: owner. */
void shoal__client_enqueue_again(struct shoal_fetch *fetch);

/* Takes the fetch out of its origin's line. Thread: owner. */
void shoal__client_dequeue(struct shoal_fetch *fetch);

/* client_fetch_driver.c */

/* Sends the request on the session. Returns as shoal__session_open(); on success the fetch is open.
 * Thread: owner. */
int shoal__fetch_begin(struct shoal_fetch *fetch, struct client_link *link);

/* Sends the fetch to a URL, part of `fetch->url`: queues it there. Returns as
 * shoal__client_enqueue() and shoal__client_tls(). Thread: owner. */
int shoal__fetch_aim(struct shoal_fetch *fetch, const struct shoal__client_url *url);

/* Ends the fetch, unless it has ended: `done` follows, after what was held. Thread: owner. */
void shoal__fetch_finish(struct shoal_fetch *fetch, int status);

/* Ends it for our side's own reasons: only `done` follows, paused or not. Thread: owner. */
void shoal__fetch_give_up(struct shoal_fetch *fetch, int status);

/* Has shoal__fetch_catch_up() run in the next turn. Thread: owner. */
void shoal__fetch_schedule(struct shoal_fetch *fetch);

/* Does what is owed: tells that output has drained, delivers what was held, calls `done` and frees
 * the fetch. Thread: owner. */
void shoal__fetch_catch_up(struct shoal_fetch *fetch);

/* Frees the fetch. Thread: owner. */
void shoal__fetch_free(struct shoal_fetch *fetch);

#endif
