/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP/1 driver on a wire in memory and a fake clock, with a layer above that writes down what
 * it is told as text:
 *
 *     busy <GET /a>                  a request; <POST /a ...> where a body follows
 *     {200} {200 ...}                a response's head, the same way
 *     (text) [] [name: value]        a part of a body, its end, its end with trailers
 *     drained closed:0 idle over:0   a stream's and the session's other callbacks, with their codes
 *
 * The test's hooks are called after the note was written. One rig at a time.
 */
#ifndef TESTS_UNIT_HTTP1_DRIVER_RIG_H
#define TESTS_UNIT_HTTP1_DRIVER_RIG_H

#include "proto/http1/http1_driver.h"
#include "support/connrig.h"

struct driver_rig {
    struct connbench *bench;
    struct shoal_limits conn_limits;     /* to be set before rig_open(); none by default */
    struct shoal__session_limits limits; /* the same; the usual ones by default */
    enum shoal__http_role role;
    struct shoal__session *session; /* NULL once it is over */
    struct shoal__stream *stream;   /* the newest; NULL once it is over */

    void (*on_request)(struct shoal__stream *stream, const struct shoal__head *head, bool end);
    void (*on_head)(struct shoal__stream *stream, const struct shoal__head *head, bool end);
    void (*on_data)(struct shoal__stream *stream, struct shoal_view data);
    void (*on_end)(struct shoal__stream *stream);
    void (*on_drained)(struct shoal__stream *stream);
    void (*on_closed)(struct shoal__stream *stream);

    bool quiet;          /* data is counted, not noted */
    bool silent;         /* nothing is noted */
    bool hoards;         /* data is not consumed */
    bool hopeful;        /* the session need not start: memory may be out */
    unsigned refused;    /* the status of what was no request; 0: all were */
    char refused_in[32]; /* ... and how it began */
    size_t requests;     /* counts */
    size_t closes;
    size_t overs;
    size_t bytes;
    size_t shown; /* of the output */
    size_t notes_size;
    char notes[4096];
};

extern struct driver_rig rig;

/* cmocka's setup and teardown: a server's rig, or a client's, not yet open. */
int rig_setup_server(void **state);
int rig_setup_client(void **state);
int rig_teardown(void **state);

/* Opens the connection, on which the session starts. */
void rig_open(void);

/* The peer sends text, ends its side, breaks; the loop runs. */
void rig_feed(const char *text);
void rig_feed_bytes(const void *bytes, size_t size);
void rig_end(void);
void rig_break(int error);

/* Turns of the loop; time passes. */
void rig_run(void);
void rig_pass_ms(int64_t ms);

/* What the driver has written since the last call: every CRLF as "|", without the Date field. */
const char *rig_output(void);

/* What the layer above was told since the last call. */
const char *rig_notes(void);

/* The connection is closed; why. */
bool rig_is_closed(void);
uint64_t rig_closed_for(enum shoal_close_reason reason);

/* What a layer above does. */
void rig_reply(struct shoal__stream *stream, unsigned status, const char *body);
void rig_reply_empty(struct shoal__stream *stream, unsigned status);
int rig_send_head(struct shoal__stream *stream, unsigned status, int64_t length, bool end);
int rig_write(struct shoal__stream *stream, const char *text);
int rig_end_stream(struct shoal__stream *stream);

/* Hooks: answers "hello"; echoes the body as it comes, counted or not; says the path. */
void rig_hello(struct shoal__stream *stream, const struct shoal__head *head, bool end);
void rig_echo(struct shoal__stream *stream, const struct shoal__head *head, bool end);
void rig_say_path(struct shoal__stream *stream, const struct shoal__head *head, bool end);

/* A client's request; without body where `end`. */
int rig_ask_rc(const char *method, const char *path, int64_t length, bool end);
struct shoal__stream *rig_ask(const char *method, const char *path, int64_t length, bool end);

#endif
