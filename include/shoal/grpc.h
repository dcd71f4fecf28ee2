/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gRPC server: methods of protobuf-c services, many calls at once on one connection. A unary
 * method is a function from request to reply or status:
 *
 *     static int say_hello(struct shoal_grpc_call *call, const void *request, void *reply)
 *     {
 *         const Helloworld__HelloRequest *hello = request;
 *         ((Helloworld__HelloReply *)reply)->message =
 *             shoal_grpc_printf(call, "Hello, %s!", hello->name);
 *         return SHOAL_GRPC_OK;
 *     }
 *
 *     struct shoal_grpc *grpc = shoal_grpc_create(server);
 *     shoal_grpc_unary(grpc, &helloworld__greeter__descriptor, "SayHello", say_hello, NULL, NULL);
 *     shoal_listen_grpc(server, "tcp://127.0.0.1:50051", grpc, NULL, NULL);
 *
 * protoc-gen-shoal(1) writes the same with the messages' own types, for methods of all kinds.
 *
 * A call lives on its connection's loop, from its first handler to its on_close, which comes once
 * and last. Handlers run on that loop, or in the worker pool where the method says so; there they
 * may use everything that says "or its work". A handler that answers later returns
 * SHOAL_GRPC_LATER; whoever answers from elsewhere keeps the call's id (end of this file).
 *
 * Messages that a handler gets, and the memory it asks for, live until it returns for methods with
 * a stream of requests, else as long as the call.
 *
 * Misuse (answering twice, sending after the end) returns -SHOAL_ESTATE and changes nothing. When
 * the call is over already (cancelled, deadline passed), what is sent returns -SHOAL_EPIPE and is
 * dropped.
 */
#ifndef SHOAL_GRPC_H
#define SHOAL_GRPC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/conn.h>
#include <shoal/export.h>
#include <shoal/server.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

/* protobuf-c's; with its header they are ProtobufCMessage and so on. */
struct ProtobufCMessage;
struct ProtobufCServiceDescriptor;

struct shoal_grpc;
struct shoal_grpc_call;

/* X(NAME, code): the statuses of gRPC. */
#define SHOAL_GRPC_STATUS_TABLE(X) \
    X(OK, 0)                       \
    X(CANCELLED, 1)                \
    X(UNKNOWN, 2)                  \
    X(INVALID_ARGUMENT, 3)         \
    X(DEADLINE_EXCEEDED, 4)        \
    X(NOT_FOUND, 5)                \
    X(ALREADY_EXISTS, 6)           \
    X(PERMISSION_DENIED, 7)        \
    X(RESOURCE_EXHAUSTED, 8)       \
    X(FAILED_PRECONDITION, 9)      \
    X(ABORTED, 10)                 \
    X(OUT_OF_RANGE, 11)            \
    X(UNIMPLEMENTED, 12)           \
    X(INTERNAL, 13)                \
    X(UNAVAILABLE, 14)             \
    X(DATA_LOSS, 15)               \
    X(UNAUTHENTICATED, 16)

enum shoal_grpc_status {
    SHOAL_GRPC_LATER = -1, /* what a handler returns whose answer comes later */
#define SHOAL_GRPC_STATUS_ENUM(NAME, code) SHOAL_GRPC_##NAME = (code),
    SHOAL_GRPC_STATUS_TABLE(SHOAL_GRPC_STATUS_ENUM)
#undef SHOAL_GRPC_STATUS_ENUM
};

/* "NOT_FOUND"; "UNKNOWN" for what is no status. Static, never NULL. Thread: any. */
SHOAL_API const char *shoal_grpc_status_name(int status);

/*
 * The set of services that a listener offers. It belongs to the server and is freed with it.
 * Returns NULL where memory is out. A failure of this and of what registers below is also
 * remembered and told by shoal_server_start(), so that simple programs need to check only there.
 * Thread: any, while the server does not run.
 */
SHOAL_API struct shoal_grpc *shoal_grpc_create(struct shoal_server *server);

/* Options of a method. Start from SHOAL_GRPC_METHOD_CFG_INIT. */
struct shoal_grpc_method_cfg {
    size_t size;  /* sizeof this struct, for later versions */
    bool in_pool; /* its handlers but on_open and on_close run in the server's worker pool, one at a
                     time for each call */
    const void *handlers; /* shoal_grpc_handlers(), for the code that protoc-gen-shoal writes */
};
#define SHOAL_GRPC_METHOD_CFG_INIT                   \
    {                                                \
        .size = sizeof(struct shoal_grpc_method_cfg) \
    }

/*
 * A unary method: fills `reply`, which comes initialised as the method's output, and returns
 * SHOAL_GRPC_OK; or returns what shoal_grpc_fail() does, or another status; or SHOAL_GRPC_LATER.
 */
typedef int shoal_grpc_unary_fn(struct shoal_grpc_call *call, const void *request, void *reply);

/*
 * Registers a unary method of the service that protoc-c described; `method` is its name in the
 * .proto file. The descriptor is borrowed. A NULL `cfg` means SHOAL_GRPC_METHOD_CFG_INIT. Methods
 * that nobody registers are answered UNIMPLEMENTED.
 * Returns 0, -SHOAL_EINVAL (the service has no such method), -SHOAL_EBUSY (it is registered
 * already) or -SHOAL_ENOMEM. Thread: any, while the server does not run.
 */
SHOAL_API int shoal_grpc_unary(struct shoal_grpc *grpc,
                               const struct ProtobufCServiceDescriptor *service, const char *method,
                               shoal_grpc_unary_fn *handler, void *arg,
                               const struct shoal_grpc_method_cfg *cfg);

enum shoal_grpc_kind {
    SHOAL_GRPC_UNARY,
    SHOAL_GRPC_SERVER_STREAM, /* one request, many replies */
    SHOAL_GRPC_CLIENT_STREAM, /* many requests, one reply */
    SHOAL_GRPC_BIDI,          /* many of both, in any order */
};

/*
 * A streaming method. The first three return SHOAL_GRPC_LATER to let the call go on, or a status
 * that ends it. All may be NULL but on_message.
 */
struct shoal_grpc_stream {
    /* The call begins. Always on the loop. */
    int (*on_open)(struct shoal_grpc_call *call);

    /* A request came; where there is one only, the client has sent all. Not called again while it
     * is paused, or runs in the pool. */
    int (*on_message)(struct shoal_grpc_call *call, const void *request);

    /* The client has sent all. NULL: the call ends with OK. Not called where there is one request
     * only: on_message says as much. */
    int (*on_end)(struct shoal_grpc_call *call);

    /* What waits to be sent was above the high mark and is at or below the low one: go on. */
    void (*on_drained)(struct shoal_grpc_call *call);

    /* As shoal_grpc_on_close(). */
    void (*on_close)(struct shoal_grpc_call *call, int status);
};

/* Registers a streaming method; `stream` is copied. Returns as shoal_grpc_unary(), -SHOAL_EINVAL
 * also for kind UNARY. Thread: any, while the server does not run. */
SHOAL_API int shoal_grpc_streaming(struct shoal_grpc *grpc,
                                   const struct ProtobufCServiceDescriptor *service,
                                   const char *method, enum shoal_grpc_kind kind,
                                   const struct shoal_grpc_stream *stream, void *arg,
                                   const struct shoal_grpc_method_cfg *cfg);

/*
 * Adds an interceptor. `before` is called on the loop when a call has begun, before its handler,
 * in the order of these calls; SHOAL_GRPC_OK lets the call pass, another status ends it, and
 * SHOAL_GRPC_LATER keeps it until shoal_grpc_pass() or shoal_grpc_finish(). `after` is called in
 * reverse order when the call is over, for each `before` that let it pass. Either may be NULL.
 * Returns 0 or -SHOAL_ENOMEM. Thread: any, while the server does not run.
 */
typedef int shoal_grpc_before_fn(struct shoal_grpc_call *call, void *arg);
typedef void shoal_grpc_close_fn(struct shoal_grpc_call *call, int status, void *arg);
SHOAL_API int shoal_grpc_intercept(struct shoal_grpc *grpc, shoal_grpc_before_fn *before,
                                   shoal_grpc_close_fn *after, void *arg);

/*
 * Registers grpc.health.v1.Health. The server as a whole ("") and every registered service are
 * SERVING until told otherwise, and NOT_SERVING once the server drains, which ends watches.
 * Returns as shoal_grpc_unary(). Thread: any, while the server does not run.
 */
SHOAL_API int shoal_grpc_health(struct shoal_grpc *grpc);

/*
 * Sets the health of a service ("" for the server), which need not be a registered one; watches are
 * told. Returns 0, -SHOAL_ESTATE without shoal_grpc_health(), or -SHOAL_ENOMEM. Thread: any.
 */
SHOAL_API int shoal_grpc_set_serving(struct shoal_grpc *grpc, const char *service, bool serving);

/*
 * Registers server reflection, v1 and v1alpha, for `descriptor_set`: a FileDescriptorSet as
 * `protoc --include_imports --descriptor_set_out` writes it, which is borrowed. The library's own
 * services need not be in it. May be called several times, each with a further set.
 * Returns 0; -SHOAL_EINVAL where it is no FileDescriptorSet; or as shoal_grpc_unary().
 * Thread: any, while the server does not run.
 */
SHOAL_API int shoal_grpc_reflect(struct shoal_grpc *grpc, struct shoal_view descriptor_set);

/*
 * Options of a gRPC listener. Start from SHOAL_GRPC_CFG_INIT. Sizes in bytes, times in
 * milliseconds, 0 switches a limit off. What exceeds a size is answered RESOURCE_EXHAUSTED.
 */
struct shoal_grpc_cfg {
    size_t size;                           /* sizeof this struct, for later versions */
    const struct shoal_listen_cfg *listen; /* NULL: SHOAL_LISTEN_CFG_INIT without idle limit */
    uint32_t max_request;                  /* a received message, decompressed */
    uint32_t max_reply;                    /* a sent message */
    uint32_t max_depth;                    /* messages inside of messages */
    uint32_t max_metadata;                 /* pairs that a call brings */
    uint32_t max_metadata_bytes;           /* ... and their bytes */
    uint32_t max_calls_per_connection;
    uint32_t max_calls;        /* over all connections */
    size_t max_inflight_bytes; /* messages being received, over all connections */
    uint32_t stream_window;    /* received for a slow handler, per call */
    uint32_t session_window;   /* and per connection */
    int64_t max_deadline_ms;   /* a call that allows itself longer, or for ever, gets this */

    /* A client that pings more often is told to calm down after `max_ping_strikes` times. */
    int64_t min_ping_ms;
    int64_t min_ping_idle_ms; /* ... while it has no calls */
    uint32_t max_ping_strikes;

    int64_t max_idle_ms;  /* a connection without calls is ended gracefully */
    int64_t max_age_ms;   /* every connection is, give or take a tenth */
    int64_t age_grace_ms; /* calls then still open are cut after this */
};
#define SHOAL_GRPC_CFG_INIT                                                                     \
    {                                                                                           \
        .size = sizeof(struct shoal_grpc_cfg), .max_request = 4 << 20, .max_depth = 100,        \
        .max_metadata = 128, .max_metadata_bytes = 8192, .max_calls_per_connection = 128,       \
        .max_inflight_bytes = 256 << 20, .stream_window = 256 << 10, .session_window = 1 << 20, \
        .min_ping_ms = 300000, .min_ping_idle_ms = 7200000, .max_ping_strikes = 2,              \
        .max_idle_ms = 1800000, .age_grace_ms = 10000                                           \
    }

/*
 * shoal_listen() for gRPC: HTTP/2, by prior knowledge or by ALPN under TLS. A NULL `cfg` means
 * SHOAL_GRPC_CFG_INIT; it is copied. Returns as shoal_listen() does, or -SHOAL_EINVAL where `grpc`
 * is NULL. Thread: any, while the server does not run.
 */
SHOAL_API int shoal_listen_grpc(struct shoal_server *server, const char *url,
                                struct shoal_grpc *grpc, const struct shoal_grpc_cfg *cfg,
                                struct shoal_listener **out_listener);

/*
 * The call: what came.
 */

/* The method's `arg`. Thread: owner, or its work. */
SHOAL_API void *shoal_grpc_arg(const struct shoal_grpc_call *call);

/* What the method's cfg has as `handlers`: a table of typed functions. Thread: owner, or its
 * work. */
SHOAL_API const void *shoal_grpc_handlers(const struct shoal_grpc_call *call);

/* "/package.Service/Method"; lives as long as the services. Thread: owner, or its work. */
SHOAL_API const char *shoal_grpc_method(const struct shoal_grpc_call *call);

/* The host that the client means, and where it comes from, as shoal_conn_peer() writes it ("" in
 * tests without a connection). Thread: owner, or its work. */
SHOAL_API struct shoal_view shoal_grpc_authority(const struct shoal_grpc_call *call);
SHOAL_API const char *shoal_grpc_peer(const struct shoal_grpc_call *call);

/* The call's connection, for TLS facts, and its loop. Thread: owner. */
SHOAL_API struct shoal_conn *shoal_grpc_conn(const struct shoal_grpc_call *call);
SHOAL_API struct shoal_loop *shoal_grpc_loop(const struct shoal_grpc_call *call);

/*
 * Metadata that came: the first value of that name (small letters), NULL data where there is none;
 * and all, in order, false past the end. Values of names that end in "-bin" are decoded. gRPC's own
 * fields are not among them. Views live as long as the call. Thread: owner, or its work.
 */
SHOAL_API struct shoal_view shoal_grpc_metadata(const struct shoal_grpc_call *call,
                                                const char *name);
SHOAL_API bool shoal_grpc_metadata_at(const struct shoal_grpc_call *call, size_t index,
                                      struct shoal_view *out_name, struct shoal_view *out_value);

/* Milliseconds left, 0 where the deadline has passed, INT64_MAX without one.
 * Thread: owner, or its work. */
SHOAL_API int64_t shoal_grpc_left_ms(const struct shoal_grpc_call *call);

/* True once the call is over without its handler's doing: cancelled, deadline passed, or the
 * connection gone. A long piece of work asks from time to time. Thread: owner, or its work. */
SHOAL_API bool shoal_grpc_cancelled(const struct shoal_grpc_call *call);

/* Whether the request at hand came compressed. Thread: owner, or its work. */
SHOAL_API bool shoal_grpc_was_compressed(const struct shoal_grpc_call *call);

/* Memory of the call's: `size` bytes, contents undefined; formatted text; or a copy of bytes with a
 * NUL behind. NULL where memory is out. Thread: owner, or its work. */
SHOAL_API void *shoal_grpc_alloc(struct shoal_grpc_call *call, size_t size);
SHOAL_API char *shoal_grpc_printf(struct shoal_grpc_call *call, const char *format, ...)
    SHOAL_PRINTF(2, 3);
SHOAL_API char *shoal_grpc_copy(struct shoal_grpc_call *call, struct shoal_view bytes);

/* One pointer of the application's per call, NULL at first. Thread: owner, or its work. */
SHOAL_API void *shoal_grpc_data(const struct shoal_grpc_call *call);
SHOAL_API void shoal_grpc_set_data(struct shoal_grpc_call *call, void *data);

/*
 * The call is over: `status` is what the handler ended it with once that is handed to the kernel;
 * CANCELLED where the client cancelled or went, DEADLINE_EXCEEDED where that passed. Called on the
 * loop, after the call's work where some runs. Callbacks come in reverse order of these calls. The
 * call may still be read, no more answered. Returns 0 or -SHOAL_ENOMEM. Thread: owner.
 */
SHOAL_API int shoal_grpc_on_close(struct shoal_grpc_call *call, shoal_grpc_close_fn *on_close,
                                  void *arg);

/*
 * Lets a call pass whose interceptor has said SHOAL_GRPC_LATER, to the next one or to its handler.
 * From another thread, shoal_grpc_call_on() leads here. Returns 0, or -SHOAL_ESTATE where no
 * interceptor keeps the call, or it is over. Thread: owner.
 */
SHOAL_API int shoal_grpc_pass(struct shoal_grpc_call *call);

/* Holds requests back until resumed; the client is slowed down once a window's bytes wait. They do
 * not nest. Thread: owner. */
SHOAL_API void shoal_grpc_pause(struct shoal_grpc_call *call);
SHOAL_API void shoal_grpc_resume(struct shoal_grpc_call *call);

/*
 * The answer.
 */

/*
 * Adds metadata to what goes before the first reply, or behind the last. Copied; values of names
 * that end in "-bin" are any bytes, others printable ASCII.
 * Returns 0; -SHOAL_EINVAL (a name with other than small letters, digits, "_", "-" and ".", a
 * reserved one, a bad value); -SHOAL_ESTATE where that part was sent; -SHOAL_ENOMEM.
 * Thread: owner, or its work.
 */
SHOAL_API int shoal_grpc_add_initial(struct shoal_grpc_call *call, const char *name,
                                     struct shoal_view value);
SHOAL_API int shoal_grpc_add_trailing(struct shoal_grpc_call *call, const char *name,
                                      struct shoal_view value);

/* Sends the initial metadata now instead of with the first reply. Returns 0, -SHOAL_ESTATE where it
 * was sent, -SHOAL_EPIPE or -SHOAL_ENOMEM. Thread: owner. */
SHOAL_API int shoal_grpc_send_initial(struct shoal_grpc_call *call);

/* Whether replies from now on are compressed, where the client can read that; off at first. To be
 * first called before the first reply is sent: later the client is not told how. Thread: owner, or
 * its work. */
SHOAL_API void shoal_grpc_compress(struct shoal_grpc_call *call, bool on);

/*
 * Sends a reply, which is packed before this returns; from the pool it goes out when the handler
 * returns, and waits in memory until then, which counts for the marks as what waits for the client.
 * Returns 0; 1 where what waits is above the high mark: it was taken, but stop and go on when
 * drained (of a method in the pool, requests are held back until then); -SHOAL_EFULL, with nothing
 * taken, above the hard cap; -SHOAL_EOVERFLOW for one over max_reply; -SHOAL_ESTATE for the second
 * one where there may be one only, or after the end; -SHOAL_EPIPE; -SHOAL_ENOMEM. Thread: owner, or
 * its work.
 */
SHOAL_API int shoal_grpc_send(struct shoal_grpc_call *call, const void *reply);

/*
 * Sets the status text (and details: a serialised google.rpc.Status) that go with the status to
 * come, and returns `status`, so that handlers end with "return shoal_grpc_fail(...)".
 * Thread: owner, or its work.
 */
SHOAL_API int shoal_grpc_fail(struct shoal_grpc_call *call, int status, const char *format, ...)
    SHOAL_PRINTF(3, 4);
SHOAL_API int shoal_grpc_fail_with(struct shoal_grpc_call *call, int status,
                                   struct shoal_view details, const char *format, ...)
    SHOAL_PRINTF(4, 5);

/*
 * Ends a call whose handler said LATER, with the text of shoal_grpc_fail() if any. A method with
 * one reply must have sent it to end with OK; else the client is told INTERNAL. In the pool, where
 * on_drained calls it, the call ends when the handler returns.
 * Returns 0, -SHOAL_ESTATE where it has ended, or -SHOAL_EPIPE. Thread: owner, or its work.
 */
SHOAL_API int shoal_grpc_finish(struct shoal_grpc_call *call, int status);

/*
 * Answering from elsewhere. An id is a value; it never names another call, also when the client
 * has long gone.
 */
struct shoal_grpc_id {
    shoal_conn_id conn;
    uint64_t serial;
};

/* The id to give to other threads, or to keep for later; serial 0, which leads nowhere, where
 * memory is out. Thread: owner. */
SHOAL_API struct shoal_grpc_id shoal_grpc_get_id(struct shoal_grpc_call *call);

/* The call of that id, or NULL where it is over. Thread: owner of its loop. */
SHOAL_API struct shoal_grpc_call *shoal_grpc_find(struct shoal_loop *loop, struct shoal_grpc_id id);

/*
 * Calls fn(call, arg) on the call's loop; `call` is NULL where it is over. Returns 0, and then that
 * is done exactly once; or -SHOAL_ENOMEM or -SHOAL_ESTOPPED, and then never. Thread: any.
 */
typedef void shoal_grpc_call_fn(struct shoal_grpc_call *call, void *arg);
SHOAL_API int shoal_grpc_call_on(struct shoal_server *server, struct shoal_grpc_id id,
                                 shoal_grpc_call_fn *fn, void *arg);

/*
 * Ends the call of that id from any thread: with a reply, packed before this returns, and OK; or
 * with a status and a text, which may be NULL. The first answer counts; others, and those to calls
 * that are over, go nowhere. Returns 0 where it is on its way, or as shoal_grpc_call_on().
 * Thread: any.
 */
SHOAL_API int shoal_grpc_answer(struct shoal_server *server, struct shoal_grpc_id id,
                                const struct ProtobufCMessage *reply);
SHOAL_API int shoal_grpc_answer_status(struct shoal_server *server, struct shoal_grpc_id id,
                                       int status, const char *text);

#ifdef __cplusplus
}
#endif
#endif
