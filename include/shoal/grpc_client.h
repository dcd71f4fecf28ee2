/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gRPC client. On a loop: channels, each to one server (or to one of several that are alike), and
 * calls on them, any number at once on one connection:
 *
 *     static void greeted(struct shoal_rpc *rpc, int status, void *arg)
 *     {
 *         const Helloworld__HelloReply *reply = shoal_rpc_reply(rpc);
 *         puts(status == SHOAL_GRPC_OK ? reply->message : shoal_rpc_text(rpc));
 *     }
 *
 *     shoal_grpc_channel_create(loop, "tcp://127.0.0.1:50051", NULL, &channel);
 *     shoal_rpc_unary(channel, &helloworld__greeter__descriptor, "SayHello", &request, greeted,
 * NULL);
 *
 * And for programs without a loop, a client whose calls block (end of this file).
 * protoc-gen-shoal(1) writes the same with the messages' own types.
 *
 * A call (struct shoal_rpc, as its client sees it) lives from its start until its `done` has
 * returned, which comes exactly once and last, and never from inside another function of this file.
 * Everything of a channel is for its loop; other threads post to it.
 *
 * Messages are protobuf-c's, as the method is described: ProtobufCMessage to be sent is a request,
 * one that came a reply. In a call without description they are bytes: wherever a message is passed
 * as `const void *`, it is then a `const struct shoal_view *`.
 */
#ifndef SHOAL_GRPC_CLIENT_H
#define SHOAL_GRPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/export.h>
#include <shoal/grpc.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_grpc_channel;
struct shoal_rpc;
struct shoal_tls;

/*
 * Options of a channel. Start from SHOAL_GRPC_CHANNEL_CFG_INIT. Sizes in bytes, times in
 * milliseconds, 0 switches a limit off. Strings are copied.
 */
struct shoal_grpc_channel_cfg {
    size_t size;                 /* sizeof this struct, for later versions */
    const char *authority;       /* NULL: host and port of the URL */
    const char *user_agent;      /* goes before the library's own; NULL: nothing does */
    uint32_t max_request;        /* a sent message */
    uint32_t max_reply;          /* a received message, decompressed: RESOURCE_EXHAUSTED above it */
    uint32_t max_depth;          /* messages inside of messages */
    uint32_t max_metadata;       /* pairs of a head, or of trailers */
    uint32_t max_metadata_bytes; /* ... and their bytes */
    uint32_t stream_window;      /* received for a slow reader, per call */
    uint32_t session_window;     /* and per connection */

    int64_t connect_ms;           /* to one server: resolve, connect, handshakes */
    int64_t backoff_ms;           /* after all servers have failed; times 1.6 each time */
    int64_t backoff_max_ms;       /* ... but no more than this; all of it give or take a fifth */
    int64_t idle_ms;              /* a connection without calls is closed */
    int64_t keepalive_ms;         /* after silence of the server, it is pinged ... */
    int64_t keepalive_timeout_ms; /* and given up where no answer comes */
    bool keepalive_idle;          /* also while there are no calls */

    /* For tls:// URLs. Settings of a client with ALPN "h2" (referenced), or the files for them. */
    struct shoal_tls *tls;
    const char *ca_file;   /* PEM of trusted authorities; NULL: the system's */
    const char *cert_file; /* client certificate and key, PEM; NULL: none */
    const char *key_file;
    bool no_verify; /* take any certificate: for tests only */
};
#define SHOAL_GRPC_CHANNEL_CFG_INIT                                                            \
    {                                                                                          \
        .size = sizeof(struct shoal_grpc_channel_cfg), .max_reply = 4 << 20, .max_depth = 100, \
        .max_metadata = 128, .max_metadata_bytes = 8192, .stream_window = 256 << 10,           \
        .session_window = 1 << 20, .connect_ms = 20000, .backoff_ms = 1000,                    \
        .backoff_max_ms = 120000, .idle_ms = 1800000, .keepalive_timeout_ms = 20000            \
    }

/*
 * Makes a channel on the loop; it connects with the first call. `urls` is tcp://HOST:PORT (HTTP/2
 * by prior knowledge), tls://HOST:PORT or unix:PATH, or several of them with commas between, which
 * are tried in turn, each at the addresses of its host until one takes the connection. A NULL `cfg`
 * means SHOAL_GRPC_CHANNEL_CFG_INIT; it is copied.
 * Returns 0; -SHOAL_EURL; -SHOAL_EINVAL (options that make no sense); -SHOAL_ECERT (a file that
 * cannot be read or is none); or -SHOAL_ENOMEM. Thread: owner.
 */
SHOAL_API int shoal_grpc_channel_create(struct shoal_loop *loop, const char *urls,
                                        const struct shoal_grpc_channel_cfg *cfg,
                                        struct shoal_grpc_channel **out_channel);

/*
 * Cancels its calls (each `done` is told CANCELLED, from the next turn on), closes the connection
 * and clears *channel. NULL is a no-op. Also done when the loop ends. While the server drains,
 * calls under way may finish, and no new ones are taken. Thread: owner.
 */
SHOAL_API void shoal_grpc_channel_destroy(struct shoal_grpc_channel **channel);

enum shoal_grpc_channel_st {
    SHOAL_GRPC_CHANNEL_IDLE, /* not connected, and nobody wants it to be */
    SHOAL_GRPC_CHANNEL_CONNECTING,
    SHOAL_GRPC_CHANNEL_READY,
    SHOAL_GRPC_CHANNEL_BACKOFF, /* all servers have failed: calls fail at once, or wait */
};

/* What the channel is at; and has an idle one connect although there is no call yet.
 * Thread: owner. */
SHOAL_API enum shoal_grpc_channel_st
shoal_grpc_channel_state(const struct shoal_grpc_channel *channel);
SHOAL_API void shoal_grpc_channel_connect(struct shoal_grpc_channel *channel);

/* Metadata to be sent, or that came. Names are in small letters; values of names that end in "-bin"
 * are any bytes, others printable ASCII. */
struct shoal_grpc_pair {
    const char *name;
    struct shoal_view value;
};

/* How messages may travel. What a server sends is read whichever it takes. */
enum shoal_grpc_encoding {
    SHOAL_GRPC_IDENTITY,
    SHOAL_GRPC_GZIP,
    SHOAL_GRPC_DEFLATE,
};

/* A call is over: `status` is the server's, or what it came to on our side. OK means that
 * everything has come that the method promises. */
typedef void shoal_rpc_done_fn(struct shoal_rpc *rpc, int status, void *arg);

/*
 * What to call, and who is told. Start from zero. All is copied before the call returns, but the
 * service's description, which is borrowed.
 */
struct shoal_rpc_cfg {
    const struct ProtobufCServiceDescriptor *service; /* NULL: messages are bytes */
    const char
        *method; /* its name in the .proto file; without a service "/package.Service/Method" */
    enum shoal_grpc_kind kind;
    const void *request; /* where the kind has one; others follow by shoal_rpc_send() */
    int64_t deadline_ms; /* from now to the end; 0: none. The server is told. */
    bool wait_for_ready; /* while no server can be reached, wait; else UNAVAILABLE at once */
    enum shoal_grpc_encoding encoding; /* of requests */
    const struct shoal_grpc_pair *metadata;
    size_t metadata_count;

    /* The server's initial metadata has come. May be NULL. */
    void (*on_initial)(struct shoal_rpc *rpc, void *arg);

    /* A reply, which lives until this returns. Required where there may be many; where there is
     * one, it is NULL and `done` finds the reply by shoal_rpc_reply(). */
    void (*on_reply)(struct shoal_rpc *rpc, const void *reply, void *arg);

    /* Of the requests that were above the high mark little is left: send on. Told too where the
     * server has ended the call and a pause holds that back. May be NULL. */
    void (*on_drained)(struct shoal_rpc *rpc, void *arg);

    shoal_rpc_done_fn *done;
    void *arg;
};

/*
 * Starts a call. Where it turns out that the server has not seen it (it refused it, it had said
 * goodbye, the connection was lost before the call was sent) it is sent again, on a new connection
 * where it has to be. A NULL `out_rpc` is allowed.
 * Returns 0, and then `done` comes exactly once; -SHOAL_EINVAL (no such method, a request of
 * another type, metadata that may not be sent, no `done`); -SHOAL_EOVERFLOW (a request over
 * max_request); -SHOAL_ESTOPPED while the server drains; or -SHOAL_ENOMEM. Thread: owner.
 */
SHOAL_API int shoal_rpc_start(struct shoal_grpc_channel *channel, const struct shoal_rpc_cfg *cfg,
                              struct shoal_rpc **out_rpc);

/* A unary call without options. Returns as above. Thread: owner. */
SHOAL_API int shoal_rpc_unary(struct shoal_grpc_channel *channel,
                              const struct ProtobufCServiceDescriptor *service, const char *method,
                              const void *request, shoal_rpc_done_fn *done, void *arg);

/*
 * Sends a request of a stream, packed before this returns; and says that all have been sent.
 * Return 0; 1 where what waits is above the high mark: it was taken, but stop and go on when
 * drained; -SHOAL_EFULL, with nothing taken, above the hard cap; -SHOAL_EOVERFLOW for one over
 * max_request; -SHOAL_EINVAL for another type; -SHOAL_ESTATE after the end, and for kinds with one
 * request; -SHOAL_EPIPE where the call is over, or the server wants no more; -SHOAL_ENOMEM.
 * Thread: owner.
 */
SHOAL_API int shoal_rpc_send(struct shoal_rpc *rpc, const void *request);
SHOAL_API int shoal_rpc_end(struct shoal_rpc *rpc);

/* Whether requests from now on are compressed; on at first where the call has an encoding, without
 * effect where it has none. Thread: owner. */
SHOAL_API void shoal_rpc_compress(struct shoal_rpc *rpc, bool on);

/* Holds on_reply, and a `done` that is the server's, back until resumed; the server is slowed down
 * once a window's bytes wait. They do not nest. Thread: owner. */
SHOAL_API void shoal_rpc_pause(struct shoal_rpc *rpc);
SHOAL_API void shoal_rpc_resume(struct shoal_rpc *rpc);

/* Gives up: the server is told, and `done` CANCELLED in the next turn. Thread: owner. */
SHOAL_API void shoal_rpc_cancel(struct shoal_rpc *rpc);

/*
 * What came, until `done` returns. The only reply of a method that has one: NULL where none came.
 * The status text, "" for none, and its details (a serialised google.rpc.Status), from `done` on.
 * Metadata as shoal_grpc_metadata() has it: initial from on_initial on, trailing from `done` on.
 * Whether the reply at hand came compressed. Thread: owner.
 */
SHOAL_API const void *shoal_rpc_reply(const struct shoal_rpc *rpc);
SHOAL_API const char *shoal_rpc_text(const struct shoal_rpc *rpc);
SHOAL_API struct shoal_view shoal_rpc_details(const struct shoal_rpc *rpc);
SHOAL_API struct shoal_view shoal_rpc_initial(const struct shoal_rpc *rpc, const char *name);
SHOAL_API struct shoal_view shoal_rpc_trailing(const struct shoal_rpc *rpc, const char *name);
SHOAL_API bool shoal_rpc_initial_at(const struct shoal_rpc *rpc, size_t index,
                                    struct shoal_grpc_pair *out_pair);
SHOAL_API bool shoal_rpc_trailing_at(const struct shoal_rpc *rpc, size_t index,
                                     struct shoal_grpc_pair *out_pair);
SHOAL_API bool shoal_rpc_was_compressed(const struct shoal_rpc *rpc);

/* Where the server is, as shoal_conn_peer() writes it; "" before the call is on a connection. Until
 * `done` returns. Thread: owner. */
SHOAL_API const char *shoal_rpc_peer(const struct shoal_rpc *rpc);

/*
 * A client whose calls block: a channel with a loop and a thread of its own. Many threads may call
 * at once. No thread of a loop may: that is refused with -SHOAL_EDEADLK.
 */
struct shoal_grpc_client;

/* Makes one; arguments as shoal_grpc_channel_create() has them. Returns as that does, or as
 * shoal_server_start(). Thread: any but loops'. */
SHOAL_API int shoal_grpc_client_open(const char *urls, const struct shoal_grpc_channel_cfg *cfg,
                                     struct shoal_grpc_client **out_client);

/*
 * Cancels its calls, ends its thread and clears *client. Threads that wait in a call return from
 * it; no other may be begun meanwhile, and talks must have been finished. NULL is a no-op. Returns
 * 0 or -SHOAL_EDEADLK. Thread: any but loops'.
 */
SHOAL_API int shoal_grpc_client_close(struct shoal_grpc_client **client);

/* What a blocking call came to. Free it by shoal_grpc_result_free(). */
struct shoal_grpc_result {
    int status;                /* SHOAL_GRPC_OK ... */
    const char *text;          /* "" for none */
    struct shoal_view details; /* a serialised google.rpc.Status; empty for none */
    const void *reply;         /* of a method with one reply; NULL: none came */
    bool compressed;           /* it came so */
    const struct shoal_grpc_pair *initial;
    size_t initial_count;
    const struct shoal_grpc_pair *trailing;
    size_t trailing_count;
};

/*
 * Calls a unary method and waits for the result. Of `cfg` the callbacks and `arg` are not used.
 * Returns the status, SHOAL_GRPC_OK or more, with a result; or, without one, a negative code as
 * shoal_rpc_start() or -SHOAL_EDEADLK. Thread: any but loops'.
 */
SHOAL_API int shoal_grpc_client_call(struct shoal_grpc_client *client,
                                     const struct shoal_rpc_cfg *cfg,
                                     struct shoal_grpc_result **out_result);

/* Frees a result and clears *result. NULL is a no-op. Thread: any. */
SHOAL_API void shoal_grpc_result_free(struct shoal_grpc_result **result);

/*
 * A talk: a blocking call of a streaming method. It belongs to the thread that begins it, but one
 * thread may send while another one receives, and any may cancel. Begin returns as
 * shoal_grpc_client_call() without waiting; where that is a negative code there is no talk, and
 * *out_talk is NULL. Of every talk the end is shoal_grpc_talk_finish().
 * Thread: any but loops'.
 */
struct shoal_grpc_talk;
SHOAL_API int shoal_grpc_talk_begin(struct shoal_grpc_client *client,
                                    const struct shoal_rpc_cfg *cfg,
                                    struct shoal_grpc_talk **out_talk);

/*
 * Sends a request, waiting while too much of those before waits to be sent; and says that all have
 * been sent. Return 0; -SHOAL_EPIPE where the call is over, or the server wants no more: see what
 * finish says; or as shoal_rpc_send(). Thread: one at a time, no loop's.
 */
SHOAL_API int shoal_grpc_talk_send(struct shoal_grpc_talk *talk, const void *request);
SHOAL_API int shoal_grpc_talk_end(struct shoal_grpc_talk *talk);

/* Whether requests from now on are compressed, as shoal_rpc_compress() has it.
 * Thread: the sending one. */
SHOAL_API void shoal_grpc_talk_compress(struct shoal_grpc_talk *talk, bool on);

/*
 * Waits for the next reply. Returns 1 with *out_reply, which lives until the next call of this or
 * of finish; 0 where none follows; -SHOAL_EPROTOCOL for one that cannot be decoded;
 * -SHOAL_EDEADLK; or -SHOAL_ENOMEM. Thread: one at a time, no loop's.
 */
SHOAL_API int shoal_grpc_talk_receive(struct shoal_grpc_talk *talk, const void **out_reply);

/* Whether the reply received last came compressed. Thread: the receiving one. */
SHOAL_API bool shoal_grpc_talk_was_compressed(const struct shoal_grpc_talk *talk);

/* Gives up: whoever waits is told, and finish says CANCELLED. Thread: any but loops'. */
SHOAL_API void shoal_grpc_talk_cancel(struct shoal_grpc_talk *talk);

/*
 * Says that all requests have been sent where that was not said, drops the replies that were not
 * received, waits for the status, and ends the talk: *talk is cleared, nobody may use it any more.
 * Returns as shoal_grpc_client_call(), or -SHOAL_EINVAL for a talk that did not begin, which is
 * NULL; a NULL `out_result` is allowed. Thread: any but loops'.
 */
SHOAL_API int shoal_grpc_talk_finish(struct shoal_grpc_talk **talk,
                                     struct shoal_grpc_result **out_result);

#ifdef __cplusplus
}
#endif
#endif
