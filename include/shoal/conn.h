/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection: a byte stream to a peer, accepted by a listener or made by shoal_connect(). It
 * lives on one loop for life. Functions that take a `struct shoal_conn *` are for the loop's own
 * thread and assert it; other threads hold the connection's id and use the functions at the end
 * of this file, which are safe also when the peer has long gone.
 *
 * What a handler writes while one of its callbacks runs is gathered and sent when the callback
 * returns. A callback may do anything to its connection, closing it included: the object stays
 * valid until `on_close` has returned, which comes exactly once, last, and never from inside
 * another callback of the same connection.
 */
#ifndef SHOAL_CONN_H
#define SHOAL_CONN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <shoal/export.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_buf;
struct shoal_conn;
struct shoal_loop;
struct shoal_server;
struct shoal_tls;

/* X(NAME, name, meaning): why a connection ended; counted per reason in stats.h. */
#define SHOAL_CLOSE_REASON_TABLE(X)                                                    \
    X(PEER, peer, "the peer ended the stream, and everything was answered")            \
    X(LOCAL, local, "the handler closed it")                                           \
    X(RESET, reset, "the peer reset it or went away")                                  \
    X(FAILED, failed, "reading or writing failed")                                     \
    X(FIRST_BYTE, first_byte, "nothing came before the first-byte deadline")           \
    X(IDLE, idle, "nothing moved for the idle timeout")                                \
    X(READ_STALL, read_stall, "a message that had begun did not come in time")         \
    X(WRITE_STALL, write_stall, "the peer took nothing for the write-stall timeout")   \
    X(AGE, age, "open longer than the age limit")                                      \
    X(SLOW_READER, slow_reader, "output waiting grew past the hard cap")               \
    X(TOO_MUCH_INPUT, too_much_input, "a message outgrew max_input")                   \
    X(PROTOCOL, protocol, "the peer broke the protocol")                               \
    X(HANDSHAKE, handshake, "the transport's handshake failed or was too slow")        \
    X(CONNECT, connect, "an outgoing connection could not be made")                    \
    X(CONNECT_TIMEOUT, connect_timeout, "an outgoing connection was not made in time") \
    X(MEMORY, memory, "memory ran out")                                                \
    X(DRAINED, drained, "the server drained; everything was answered")                 \
    X(FORCED, forced, "cut when the drain's deadline passed")

enum shoal_close_reason {
#define SHOAL_CLOSE_REASON_ENUM(NAME, name, meaning) SHOAL_CLOSED_##NAME,
    SHOAL_CLOSE_REASON_TABLE(SHOAL_CLOSE_REASON_ENUM)
#undef SHOAL_CLOSE_REASON_ENUM
        SHOAL_CLOSE_REASONS
};

/* The lower-case name of a reason ("idle"). Static, never NULL. Thread: any. */
SHOAL_API const char *shoal_close_reason_name(enum shoal_close_reason reason);

/*
 * What a service does with its connections. Every callback may be NULL. The struct is borrowed by
 * listeners and connections: keep it in place while they exist. All callbacks run on the
 * connection's loop.
 */
struct shoal_service {
    const char *name; /* for logs and the watchdog; NULL: "raw" */

    /* The connection is ready (accepted or connected, handshake done). */
    void (*on_open)(struct shoal_conn *conn);

    /*
     * Bytes came: `in` holds everything received and not yet consumed. Returns how many bytes
     * from the front are done with; the rest is kept and comes again with more behind it, or
     * after shoal_conn_resume() or shoal_conn_again(). Who leaves more than max_input bytes
     * without having asked for that (paused, or again) has the connection closed. Where NULL,
     * input is read and dropped.
     */
    size_t (*on_data)(struct shoal_conn *conn, struct shoal_view in);

    /*
     * The peer has ended its side and every byte before that was offered to on_data; `rest` is
     * what was not consumed. The connection can still be written to. Where NULL the connection is
     * closed when the output is flushed and nothing is held (shoal_conn_hold()); a service that
     * sets it must close the connection itself.
     */
    void (*on_end)(struct shoal_conn *conn, struct shoal_view rest);

    /* Output that was above the high mark is now at or below the low one: write on. */
    void (*on_drained)(struct shoal_conn *conn);

    /*
     * The server begins to drain. Where NULL, the connection reads what has already come, answers
     * it (a paused handler with kept input is waited for), and is closed once its output is
     * flushed and nothing is held. A service that sets it must see to its own end; the drain's
     * deadline cuts what has not.
     */
    void (*on_server_drain)(struct shoal_conn *conn);

    /*
     * A deadline has passed for which the connection is about to be closed (idle, first_byte,
     * read_stall): last words that are written here are flushed. Where NULL there are none.
     */
    void (*on_deadline)(struct shoal_conn *conn, enum shoal_close_reason reason);

    /*
     * The connection is over; `reason` says why. Called for every connection that saw on_open,
     * and for those of shoal_connect() that never opened. No callback comes after it; writing to
     * the connection is refused with -SHOAL_EPIPE.
     */
    void (*on_close)(struct shoal_conn *conn, enum shoal_close_reason reason);

    void *arg; /* shoal_conn_arg() */
};

/*
 * Limits of a connection. Times are in milliseconds (twelve days at most), sizes in bytes; 0
 * switches a limit off. A deadline that comes due re-checks what has arrived in the meantime
 * before it acts.
 */
struct shoal_limits {
    size_t size;            /* sizeof this struct, for later versions */
    int64_t handshake_ms;   /* transport handshake or outgoing connect */
    int64_t first_byte_ms;  /* from open to the first byte of input */
    int64_t idle_ms;        /* no byte either way and nothing held */
    int64_t read_stall_ms;  /* from the first byte of an unconsumed message to its end */
    int64_t write_stall_ms; /* output waits and the peer takes none of it */
    int64_t age_ms;         /* from open; the connection is then closed as if drained */
    int64_t flush_ms;       /* flush-then-close without progress, and lingering in all */
    size_t out_high;        /* output waiting above this: reading pauses, writes tell so */
    size_t out_low;         /* at or below this: reading goes on, on_drained is called */
    size_t out_max;         /* above this, files not counted: closed as slow_reader */
    size_t max_input;       /* unconsumed input kept */
};
#define SHOAL_LIMITS_INIT                                                                    \
    {                                                                                        \
        sizeof(struct shoal_limits), 10000, 60000, 60000, 30000, 30000, 0, 5000, 256 * 1024, \
            64 * 1024, 64 * 1024 * 1024, 1024 * 1024                                         \
    }

/*
 * Writes a copy of `size` bytes (bytes of the span that on_data is looking at are not even
 * copied, so they must not be changed before it returns).
 * Returns 0; 1 where the output waiting is now above the high mark: everything was taken, but
 * stop and go on in on_drained; -SHOAL_EPIPE where the connection is closed for writing;
 * -SHOAL_ENOMEM with nothing taken. Above the hard cap the connection is closed.
 * Thread: owner.
 */
SHOAL_API int shoal_conn_write(struct shoal_conn *conn, const void *data, size_t size);

/* shoal_conn_write() of a view, and of formatted text (-SHOAL_EINVAL for a bad format).
 * Thread: owner. */
SHOAL_API int shoal_conn_write_view(struct shoal_conn *conn, struct shoal_view view);
SHOAL_API int shoal_conn_printf(struct shoal_conn *conn, const char *format, ...)
    SHOAL_PRINTF(2, 3);
SHOAL_API int shoal_conn_vprintf(struct shoal_conn *conn, const char *format, va_list args)
    SHOAL_PRINTF(2, 0);

/*
 * Writes a buffer by moving its segments: `buf` is empty afterwards unless the call failed.
 * Returns as shoal_conn_write(). Thread: owner.
 */
SHOAL_API int shoal_conn_write_buf(struct shoal_conn *conn, struct shoal_buf *buf);

/*
 * Sends `size` bytes of a file from `offset`, in bounded slices. With `close_fd` the descriptor is
 * the connection's from success on. A file that turns out shorter cuts the connection (reason
 * failed), so that the peer never takes a short body for a whole one.
 * Returns as shoal_conn_write(), or -SHOAL_EINVAL for a bad range. Thread: owner.
 */
SHOAL_API int shoal_conn_send_file(struct shoal_conn *conn, int fd, off_t offset, size_t size,
                                   bool close_fd);

/* Bytes of output that wait, those gathered in this callback included. Thread: owner. */
SHOAL_API size_t shoal_conn_pending(const struct shoal_conn *conn);

/*
 * Stops reading and calling on_data until resumed; deadlines go on. Pausing and resuming do not
 * nest. Thread: owner.
 */
SHOAL_API void shoal_conn_pause(struct shoal_conn *conn);

/* Reads on; kept input is offered again in the next turn. Thread: owner. */
SHOAL_API void shoal_conn_resume(struct shoal_conn *conn);
SHOAL_API bool shoal_conn_paused(const struct shoal_conn *conn);

/*
 * Has kept input offered again in the next turn although nothing new came: for a handler that
 * stops in the middle of its input to let other connections have their turn. Nothing more is read
 * before that. Thread: owner.
 */
SHOAL_API void shoal_conn_again(struct shoal_conn *conn);

/*
 * Marks that an answer is owed (work in the pool, say): until as many releases have followed, the
 * idle timeout does not count, and neither half-close nor drain closes the connection.
 * Thread: owner.
 */
SHOAL_API void shoal_conn_hold(struct shoal_conn *conn);
SHOAL_API void shoal_conn_release(struct shoal_conn *conn);

enum shoal_close {
    SHOAL_CLOSE_FLUSH,  /* after the output is flushed, or flush_ms without progress */
    SHOAL_CLOSE_LINGER, /* the same, then input is dropped until the peer ends or flush_ms, so that
                           the last answer arrives even while the peer still sends */
    SHOAL_CLOSE_NOW,    /* output that waits is lost */
    SHOAL_CLOSE_ABORT,  /* the same, and the peer sees a reset */
};

/*
 * Closes the connection; on_data is not called any more and further output is refused. on_close
 * follows, with reason local unless shoal_conn_close_for() gave another, or the one that kept the
 * output from being flushed (reset, failed, write_stall, forced). A second close only counts where
 * it is more abrupt. Thread: owner.
 */
SHOAL_API void shoal_conn_close(struct shoal_conn *conn, enum shoal_close how);
SHOAL_API void shoal_conn_close_for(struct shoal_conn *conn, enum shoal_close how,
                                    enum shoal_close_reason reason);

/*
 * Ends the output side once what waits is flushed; input goes on. Returns 0 or -SHOAL_EPIPE.
 * Thread: owner.
 */
SHOAL_API int shoal_conn_end(struct shoal_conn *conn);

/*
 * One pointer of the application's per connection; NULL at first. Freeing what it points to is the
 * business of on_close. Thread: owner.
 */
SHOAL_API void *shoal_conn_data(const struct shoal_conn *conn);
SHOAL_API void shoal_conn_set_data(struct shoal_conn *conn, void *data);

/* The `arg` of the connection's service. Thread: owner. */
SHOAL_API void *shoal_conn_arg(const struct shoal_conn *conn);

/* The connection's loop, for timers, tasks and the pool. Thread: any. */
SHOAL_API struct shoal_loop *shoal_conn_loop(const struct shoal_conn *conn);
SHOAL_API struct shoal_server *shoal_conn_server(const struct shoal_conn *conn);

/*
 * The error behind a failed connect or I/O as a negative code, 0 for none. Meant for on_close.
 * Thread: owner.
 */
SHOAL_API int shoal_conn_error(const struct shoal_conn *conn);

/* Room for any address that shoal_conn_peer() or shoal_conn_local() writes. */
#define SHOAL_ADDRESS_MAX 160

/*
 * Writes "HOST:PORT" of the peer, IPv4-mapped addresses as IPv4, IPv6 in brackets, "unix:" and the
 * path for Unix sockets; always terminated, cut where `size` is too small. Returns `out`.
 * Thread: owner.
 */
SHOAL_API char *shoal_conn_peer(const struct shoal_conn *conn, char *out, size_t size);
SHOAL_API char *shoal_conn_local(const struct shoal_conn *conn, char *out, size_t size);

/* Changes the connection's limits; they are copied. Returns 0 or -SHOAL_ENOMEM. Thread: owner. */
SHOAL_API int shoal_conn_set_limits(struct shoal_conn *conn, const struct shoal_limits *limits);

/*
 * Connections by id, for other threads (and for later). An id is never 0 and never names another
 * connection, also when descriptors and memory are reused.
 */
typedef uint64_t shoal_conn_id;

/* The id to give to other threads, or to keep for later. Thread: owner. */
SHOAL_API shoal_conn_id shoal_conn_get_id(const struct shoal_conn *conn);

/* The connection of that id on this loop, or NULL where it has closed. Thread: owner. */
SHOAL_API struct shoal_conn *shoal_conn_find(struct shoal_loop *loop, shoal_conn_id id);

/* The loop an id belongs to, or NULL where the server does not run.
 * Thread: any, between start and the end of drain. */
SHOAL_API struct shoal_loop *shoal_server_loop_of(struct shoal_server *server, shoal_conn_id id);

/*
 * Sends a copy of the bytes, or the whole of a buffer (which is taken and *buf cleared), to the
 * connection of that id. Returns 0 where it is on its way; the connection may still turn out to be
 * gone, which is counted (stale_ids). -SHOAL_ENOMEM or -SHOAL_ESTOPPED: nothing was taken.
 * Thread: any.
 */
SHOAL_API int shoal_send(struct shoal_server *server, shoal_conn_id id, const void *data,
                         size_t size);
SHOAL_API int shoal_send_buf(struct shoal_server *server, shoal_conn_id id, struct shoal_buf **buf);

/* Closes the connection of that id. Returns as shoal_send(). Thread: any. */
SHOAL_API int shoal_close(struct shoal_server *server, shoal_conn_id id, enum shoal_close how);

/*
 * Calls fn(conn, arg) on the connection's loop; `conn` is NULL where it has closed. Returns 0, and
 * then the call is made exactly once; or -SHOAL_ENOMEM or -SHOAL_ESTOPPED, and then never.
 * Thread: any.
 */
typedef void shoal_conn_fn(struct shoal_conn *conn, void *arg);
SHOAL_API int shoal_call_conn(struct shoal_server *server, shoal_conn_id id, shoal_conn_fn *fn,
                              void *arg);

/*
 * Calls fn(conn, arg) for every open connection of the loop; the callback may close any of them.
 * Thread: owner.
 */
SHOAL_API void shoal_loop_each_conn(struct shoal_loop *loop, shoal_conn_fn *fn, void *arg);

/* Options of an outgoing connection. Start from SHOAL_CONNECT_CFG_INIT. */
struct shoal_connect_cfg {
    size_t size;                       /* sizeof this struct, for later versions */
    const struct shoal_limits *limits; /* NULL: SHOAL_LIMITS_INIT; copied */
    const char *source;    /* numeric source address, port 0; NULL: the kernel's choice */
    void *data;            /* shoal_conn_data() from the start */
    struct shoal_tls *tls; /* client's settings for a tls:// URL; referenced. NULL: trust whom the
                              system trusts, no certificate of our own, no ALPN */
};
#define SHOAL_CONNECT_CFG_INIT                                   \
    {                                                            \
        sizeof(struct shoal_connect_cfg), NULL, NULL, NULL, NULL \
    }

/*
 * Connects to a URL (tcp://HOST:PORT, tls://HOST:PORT, whose host is verified, or unix:PATH). Names
 * are resolved off the loop; all addresses are tried in turn until limits->handshake_ms has passed
 * in all, the handshake of TLS included. The connection object exists at once: on_open tells
 * success, on_close (reason connect, connect_timeout or handshake; shoal_conn_error()) failure;
 * neither is called from inside this function. Closing it cancels the attempt. What is written
 * before on_open is sent after it.
 * Returns 0; -SHOAL_EURL; -SHOAL_EINVAL (a server's TLS settings); -SHOAL_ENOMEM; -SHOAL_ECERT (the
 * system's store of certificates); -SHOAL_ESTOPPED while the server drains; or the negative errno
 * of a socket that could not be made.
 * Thread: owner.
 */
SHOAL_API int shoal_connect(struct shoal_loop *loop, const char *url,
                            const struct shoal_service *service,
                            const struct shoal_connect_cfg *cfg, struct shoal_conn **out_conn);

#ifdef __cplusplus
}
#endif
#endif
