/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two ends of an HTTP/2 connection in memory. A `peer` is an engine with what the layer above
 * would be: it notes every event as text ("<GET /a>(body)[end]") and answers requests by a function
 * of the test's. `frames` makes frames by hand, for what no engine would send, and `seen` counts
 * those that an engine has sent.
 */
#ifndef TESTS_UNIT_HTTP2_HTTP2_WIRE_H
#define TESTS_UNIT_HTTP2_HTTP2_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/http2/http2_engine.h"
#include "proto/http2/http2_shared.h"

enum { LOG_BYTES = 1 << 14 };

struct peer {
    struct shoal__http2_shared shared;
    struct shoal__session_limits limits;
    struct shoal__http2_engine *engine;
    struct shoal__session *session;
    struct shoal_buf out;
    int64_t now_ms;
    size_t log_size;
    char log[LOG_BYTES];

    /* The test's: called for each request or data where set. Data is consumed unless `hoards`. */
    void (*on_request)(struct peer *peer, struct shoal__stream *stream,
                       const struct shoal__head *head, bool end);
    void (*on_data)(struct peer *peer, struct shoal__stream *stream, struct shoal_view data);
    void (*on_end)(struct peer *peer, struct shoal__stream *stream);
    void (*on_drained)(struct peer *peer, struct shoal__stream *stream);
    bool hoards;
    bool quiet;         /* data is not noted */
    bool refuses_pings; /* says no in on_ping */
    bool notes_fields;
    unsigned requests, closes;
    unsigned settings; /* how often on_settings came */
    size_t received;
    uint32_t last_error; /* of the last on_close of a stream */
    struct shoal__stream *last;
    unsigned wanted;
    int write_error; /* what the output says instead of taking bytes; 0: it takes them */
    bool drops;      /* the output is not kept */
};

/* Opens an engine with the limits already set in peer->limits (peer_init sets the usual ones). */
void peer_init(struct peer *peer);
int peer_try_open(struct peer *peer, enum shoal__http_role role);
void peer_open(struct peer *peer, enum shoal__http_role role);
void peer_close(struct peer *peer);

/* What notes a session's events in the peer that is its `user`: for sessions made by the driver. */
extern const struct shoal__session_events peer_session_events;

/* Sends all that the engine has to say into peer->out. */
int peer_flush(struct peer *peer);

/* Gives the engine bytes, in one piece or cut into pieces of `cut`. */
int peer_take(struct peer *peer, const void *bytes, size_t size, size_t cut);

/* Moves what both have to say to the other, pieces of `cut` at a time, until both are silent. */
void wire_run(struct peer *a, struct peer *b, size_t cut);

/* The log so far; the next call starts anew. */
const char *peer_log(struct peer *peer);
void peer_note(struct peer *peer, const char *format, ...) SHOAL_PRINTF(2, 3);

/* The client's request, without body where `end`. NULL where it was refused. */
struct shoal__stream *ask(struct peer *client, const char *method, const char *path, bool end);
int ask_rc(struct peer *client, const char *method, const char *path, bool end,
           struct shoal__stream **out);

/* Usual answers. */
int send_status(struct shoal__stream *stream, unsigned status, bool end);
void answer_hello(struct peer *peer, struct shoal__stream *stream, const struct shoal__head *head,
                  bool end);
void answer_echo(struct peer *peer, struct shoal__stream *stream, const struct shoal__head *head,
                 bool end);
void echo_data(struct peer *peer, struct shoal__stream *stream, struct shoal_view data);
void echo_end(struct peer *peer, struct shoal__stream *stream);

/* Frames by hand. */
struct frames {
    size_t size;
    uint8_t bytes[1 << 16];
};
void frame(struct frames *to, unsigned type, unsigned flags, uint32_t id, const void *payload,
           size_t size);
void frame_preface(struct frames *to);
void frame_u32(struct frames *to, unsigned type, uint32_t id, uint32_t value);

/* A field block: literals without compression. Ends with a NULL name. */
struct pair {
    const char *name, *value;
};
size_t block_make(uint8_t *to, const struct pair *pairs);
void frame_request(struct frames *to, uint32_t id, unsigned flags, const struct pair *pairs);
extern const struct pair get_request[];
extern const struct pair post_request[];

/* Starts a server that has read the preface and SETTINGS, and in the second case also the
 * acknowledgement of its own. */
void server_before_settings(struct peer *server);
void server_for_frames(struct peer *server);

/* Gives the frames to the server and flushes; false once it is over. Frames are emptied. */
bool feed(struct peer *server, struct frames *frames);

/* What an engine has sent: taken out of peer->out. */
struct seen {
    unsigned count[16];
    uint32_t goaway_error, reset_error;
    uint32_t goaway_last;
    size_t data_bytes;
};
struct seen see(struct peer *peer);

#endif
