/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line protocol: connections whose input is lines ended by LF or CRLF. Many lines may come in
 * one packet and a line in many; the handler sees whole ones.
 */
#ifndef SHOAL_LINE_H
#define SHOAL_LINE_H

#include <shoal/conn.h>
#include <shoal/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a line was not delivered. */
enum shoal_line_error {
    SHOAL_LINE_TOO_LONG, /* no end within max_line bytes */
    SHOAL_LINE_NUL,      /* a NUL byte where allow_nul is false */
};

/*
 * What a line service does. The struct is borrowed: keep it in place. Callbacks run on the
 * connection's loop; on_line is required, the rest may be NULL. shoal_conn_data() is the
 * application's as for any connection. Pausing the connection inside on_line holds back the lines
 * behind it until it is resumed: the way to answer commands in order although one takes longer.
 */
struct shoal_line_service {
    const char *name;
    size_t max_line;         /* bytes without the line end; 0: 8192 */
    bool allow_nul;          /* NUL bytes are part of the line instead of an error */
    unsigned lines_per_turn; /* then other connections have their turn; 0: 64 */
    void *arg;               /* shoal_line_arg() */

    void (*on_open)(struct shoal_conn *conn);

    /* One line without its end; line.data[line.size] is NUL, so C string functions work. */
    void (*on_line)(struct shoal_conn *conn, struct shoal_view line);

    /* A turn's lines are delivered: `partial` tells whether part of another line has come. */
    void (*on_turn)(struct shoal_conn *conn, bool partial);

    /*
     * A line was refused. Where NULL, or after it returns, the connection is closed lingering with
     * reason protocol, so that what the callback wrote arrives.
     */
    void (*on_error)(struct shoal_conn *conn, enum shoal_line_error error);

    /*
     * The peer has ended its side; a last line without an end was delivered as a line before.
     * Where NULL the connection is closed when everything is flushed and nothing is held; after it
     * returns, the same.
     */
    void (*on_end)(struct shoal_conn *conn);

    void (*on_drained)(struct shoal_conn *conn);
    void (*on_close)(struct shoal_conn *conn, enum shoal_close_reason reason);
};

/*
 * shoal_listen() for a line service. Returns as it does. Thread: any, while the server does not
 * run.
 */
SHOAL_API int shoal_listen_line(struct shoal_server *server, const char *url,
                                const struct shoal_line_service *service,
                                const struct shoal_listen_cfg *cfg,
                                struct shoal_listener **out_listener);

/*
 * shoal_connect() for a line service. Returns as it does. Thread: owner.
 */
SHOAL_API int shoal_connect_line(struct shoal_loop *loop, const char *url,
                                 const struct shoal_line_service *service,
                                 const struct shoal_connect_cfg *cfg, struct shoal_conn **out_conn);

/* The `arg` of the connection's line service. Thread: owner. */
SHOAL_API void *shoal_line_arg(const struct shoal_conn *conn);

#ifdef __cplusplus
}
#endif
#endif
