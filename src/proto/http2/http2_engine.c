/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session of the HTTP/2 engine: its creation, bytes in and out, and its way out. Streams are
 * in http2_stream.c, what nghttp2 reports in http2_events.c.
 *
 * nghttp2 is told to leave the windows and the check of requests to us, to forget closed streams,
 * and that priorities of RFC 7540 are not used, so that a peer cannot make it keep a tree.
 */
#include "proto/http2/http2_engine.h"

#include "proto/http2/http2_priv.h"

static const struct shoal__session_ops session_ops;

/* What our pings say: of the layer above, and of a shutdown. */
static const uint8_t liveness_ping[8] = "shoal\0\0\1";
static const uint8_t shutdown_ping[8] = "shoal\0\0\2";

static struct shoal__http2_engine *engine_of(const struct shoal__session *session)
{
    return (struct shoal__http2_engine *)(uintptr_t)session;
}

/* Creation */

/* Servers say the same few things all the time, and have many sessions to remember them for. */
enum { SERVER_FIELD_TABLE = 1024 };

/* nghttp2 counts every piece of a CONTINUATION's head that comes alone; the budget counts frames.
 */
enum { PIECES_OF_CONTINUATION = 1000 };

static nghttp2_option *make_options(enum shoal__http_role role)
{
    nghttp2_option *options;
    if (nghttp2_option_new(&options) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    /* Resets are the budget's business, which knows what else the client does. */
    nghttp2_option_set_stream_reset_rate_limit(options, UINT32_MAX, UINT32_MAX);
    nghttp2_option_set_max_continuations(options, PIECES_OF_CONTINUATION);
    if (role == SHOAL__HTTP_SERVER) {
        nghttp2_option_set_max_deflate_dynamic_table_size(options, SERVER_FIELD_TABLE);
        nghttp2_option_set_no_http_messaging(options, 1); /* http2_check.c does that */
    }
    return options;
}

static bool prepare(struct shoal__http2_shared *shared, enum shoal__http_role role)
{
    if (!shared->callbacks)
        shared->callbacks = shoal__http2_make_callbacks();
    if (!shared->options[role])
        shared->options[role] = make_options(role);
    return shared->callbacks && shared->options[role];
}

static int make_session(struct shoal__http2_engine *self)
{
    enum shoal__http_role role = self->session.role;
    struct shoal__http2_shared *shared = self->shared;
    if (!prepare(shared, role))
        return NGHTTP2_ERR_NOMEM;
    return role == SHOAL__HTTP_SERVER
               ? nghttp2_session_server_new3(&self->nghttp2, shared->callbacks, self,
                                             shared->options[role], &shared->mem)
               : nghttp2_session_client_new3(&self->nghttp2, shared->callbacks, self,
                                             shared->options[role], &shared->mem);
}

static int announce_settings(struct shoal__http2_engine *self)
{
    const struct shoal__session_limits *limits = self->limits;
    bool server = self->session.role == SHOAL__HTTP_SERVER;
    nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server ? limits->max_streams : 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->max_fields_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    size_t count = sizeof(entries) / sizeof(*entries) - (server ? 1 : 0); /* push is a client's */
    int rc = nghttp2_submit_settings(self->nghttp2, NGHTTP2_FLAG_NONE, entries, count);
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(self->nghttp2, NGHTTP2_FLAG_NONE, 0,
                                                   (int32_t)limits->session_window);
    return rc;
}

static int create(const struct shoal__http2_cfg *cfg, struct shoal__http2_engine **out_engine)
{
    struct shoal__http2_engine *self = shoal__http2_alloc(cfg->shared, sizeof(*self));
    if (!self)
        return -SHOAL_ENOMEM;
    *self = (struct shoal__http2_engine){
        .session = {.ops = &session_ops,
                    .events = cfg->events,
                    .conn = cfg->conn,
                    .user = cfg->user,
                    .role = cfg->role,
                    .version = SHOAL__HTTP_2},
        .shared = cfg->shared,
        .limits = cfg->limits,
        .output = cfg->output,
        .output_arg = cfg->output_arg,
        .now_ms = cfg->now_ms,
    };
    if (cfg->role == SHOAL__HTTP_SERVER)
        self->input.skip = sizeof(SHOAL__HTTP2_PREFACE) - 1;
    shoal__list_init(&self->streams);
    shoal__useless_work_init(&self->useless, cfg->now_ms);
    if (make_session(self) != 0 || announce_settings(self) != 0) {
        nghttp2_session_del(self->nghttp2);
        shoal__http2_free(cfg->shared, self);
        return -SHOAL_ENOMEM;
    }
    *out_engine = self;
    return 0;
}

int shoal__http2_create(const struct shoal__http2_cfg *cfg, struct shoal__http2_engine **out_engine)
{
    shoal__http2_move_in(cfg->shared);
    int rc = create(cfg, out_engine);
    shoal__http2_moved_in(cfg->shared);
    return rc;
}

void shoal__http2_destroy(struct shoal__http2_engine **engine)
{
    struct shoal__http2_engine *self = *engine;
    *engine = NULL;
    if (!self)
        return;
    shoal__http2_go(self, HTTP2_OVER);
    self->session.gone = true;
    for (struct shoal__list *node; (node = shoal__list_first(&self->streams));)
        shoal__http2_stream_close(SHOAL_CONTAINER_OF(node, struct http2_stream, node), self->error);
    if (self->session.events->on_close)
        self->session.events->on_close(&self->session, self->error);
    nghttp2_session_del(self->nghttp2);
    shoal__http2_free(self->shared, self);
}

struct shoal__session *shoal__http2_session(struct shoal__http2_engine *engine)
{
    return &engine->session;
}

const struct shoal__useless_work *shoal__http2_useless(const struct shoal__http2_engine *engine)
{
    return &engine->useless;
}

/* Bytes in and out */

/* nghttp2 could not go on: the peer broke a rule that leaves nothing to go on with. */
static void fail(struct shoal__http2_engine *self, int error)
{
    if (error == NGHTTP2_ERR_NOMEM && self->failure == 0)
        self->failure = -SHOAL_ENOMEM;
    if (self->failure < 0 || error == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        self->error = self->failure < 0 ? SHOAL__H2_INTERNAL_ERROR : SHOAL__H2_PROTOCOL_ERROR;
        shoal__http2_go(self, HTTP2_OVER);
    } else { /* too many of something, or our own callback, which has ended the session already */
        shoal__http2_end(self, SHOAL__H2_ENHANCE_YOUR_CALM, shoal_view(NULL, 0));
    }
}

static int outcome(const struct shoal__http2_engine *self)
{
    if (self->failure < 0)
        return self->failure;
    return self->life >= HTTP2_ENDING ? -SHOAL_EPROTOCOL : 0;
}

static size_t payload_size(const uint8_t head[9])
{
    return (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
}

/* Counts the frames that begin in `in`, across the cuts of the input. */
static void count_frames(struct http2_input *input, struct shoal_view in)
{
    input->begun = input->reported = 0;
    while (in.size > 0) {
        size_t skipped = input->skip < in.size ? input->skip : in.size;
        input->skip -= skipped;
        in = shoal_view_from(in, skipped);

        size_t missing = sizeof(input->head) - input->head_size;
        size_t taken = missing < in.size ? missing : in.size;
        if (taken > 0)
            memcpy(input->head + input->head_size, in.data, taken);
        input->head_size = (uint8_t)(input->head_size + taken);
        in = shoal_view_from(in, taken);
        if (input->head_size < sizeof(input->head))
            continue;
        input->begun++;
        input->head_size = 0;
        input->skip = payload_size(input->head);
    }
}

static void charge_ignored(struct shoal__http2_engine *self)
{
    uint32_t ignored = self->input.begun - self->input.reported;
    for (bool goes_on = true; goes_on && ignored > 0; ignored--)
        goes_on = shoal__http2_charge(self, USELESS_IGNORED);
}

int shoal__http2_recv(struct shoal__http2_engine *self, struct shoal_view in, int64_t now_ms)
{
    self->now_ms = now_ms;
    shoal__useless_work_refill(&self->useless, now_ms);
    if (self->life >= HTTP2_ENDING)
        return outcome(self);
    count_frames(&self->input, in);
    self->busy = true;
    ssize_t rc = nghttp2_session_mem_recv(self->nghttp2, (const uint8_t *)in.data, in.size);
    if (rc < 0)
        fail(self, (int)rc);
    else if (nghttp2_session_want_read(self->nghttp2)) /* else it ignores all, and has its reason */
        charge_ignored(self);
    self->busy = false;
    return outcome(self);
}

/* Writes what nghttp2 has serialized. Returns how many bytes, 0 for none, or a negative code. */
static ssize_t send_some(struct shoal__http2_engine *self)
{
    const uint8_t *bytes;
    if (!shoal__http2_has_reserve(self->shared))
        return -SHOAL_ENOMEM;
    ssize_t size = nghttp2_session_mem_send(self->nghttp2, &bytes);
    if (size < 0)
        return self->failure < 0 ? self->failure : -SHOAL_ENOMEM;
    if (size == 0)
        return 0;
    int rc = self->output->write(self->output_arg, shoal_view(bytes, (size_t)size));
    self->sent += (size_t)size;
    return rc < 0 ? rc : size;
}

/* Writers that are told to go on may have more at once. */
static int send_all(struct shoal__http2_engine *self)
{
    ssize_t size;
    do {
        do
            size = send_some(self);
        while (size > 0 && self->sent < self->most && self->life != HTTP2_OVER);
    } while (size == 0 && self->sent < self->most && shoal__http2_tell_drained(self));
    return size < 0 ? (int)size : 0;
}

int shoal__http2_send(struct shoal__http2_engine *self, size_t most)
{
    if (self->life == HTTP2_OVER) /* also after half a frame: nothing may follow that */
        return self->failure;
    self->busy = true;
    self->wanted = false;
    self->sent = 0;
    self->most = most;
    int rc = send_all(self);
    self->busy = false;
    if (rc < 0) {
        self->failure = rc;
        shoal__http2_go(self, HTTP2_OVER);
        return rc;
    }
    return self->sent >= most && nghttp2_session_want_write(self->nghttp2) ? 1 : 0;
}

size_t shoal__http2_waiting(const struct shoal__http2_engine *engine)
{
    return engine->out_memory;
}

bool shoal__http2_is_over(const struct shoal__http2_engine *self)
{
    return self->life == HTTP2_OVER || (!nghttp2_session_want_read(self->nghttp2) &&
                                        !nghttp2_session_want_write(self->nghttp2));
}

void shoal__http2_poke(struct shoal__http2_engine *self)
{
    if (self->busy || self->wanted || !nghttp2_session_want_write(self->nghttp2))
        return;
    self->wanted = true;
    self->output->wanted(self->output_arg);
}

bool shoal__http2_charge(struct shoal__http2_engine *self, enum shoal__useless_kind kind)
{
    if (shoal__useless_work_charge(&self->useless, kind))
        return true;
    shoal__http2_end(self, SHOAL__H2_ENHANCE_YOUR_CALM, shoal_view_of("useless_work"));
    return false;
}

/* The way out */

void shoal__http2_go(struct shoal__http2_engine *self, enum http2_life life)
{
    if (life > self->life)
        self->life = life;
}

/* A GOAWAY for the streams that have been let in so far. */
static void submit_goaway(struct shoal__http2_engine *self, uint32_t error, struct shoal_view debug)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(self->nghttp2);
    if (nghttp2_submit_goaway(self->nghttp2, NGHTTP2_FLAG_NONE, last, error,
                              (const uint8_t *)debug.data, debug.size) != 0)
        shoal__http2_go(self, HTTP2_OVER);
    shoal__http2_poke(self);
}

void shoal__http2_end(struct shoal__http2_engine *self, uint32_t error, struct shoal_view debug)
{
    if (self->life >= HTTP2_ENDING)
        return;
    shoal__http2_go(self, HTTP2_ENDING);
    self->error = error;
    submit_goaway(self, error, debug);
}

static void leave(struct shoal__http2_engine *self)
{
    shoal__http2_go(self, HTTP2_LEAVING);
    submit_goaway(self, SHOAL__H2_NO_ERROR, shoal_view(NULL, 0));
}

/* The round trip tells that the peer has seen the notice: what it opens now, it knows is late. */
static void give_notice(struct shoal__http2_engine *self)
{
    shoal__http2_go(self, HTTP2_NOTICED);
    if (nghttp2_submit_shutdown_notice(self->nghttp2) != 0 ||
        nghttp2_submit_ping(self->nghttp2, NGHTTP2_FLAG_NONE, shutdown_ping) != 0)
        leave(self);
    shoal__http2_poke(self);
}

/* A second call does not wait for the round trip. A client has nothing to give notice of. */
static void op_shutdown(struct shoal__session *session)
{
    struct shoal__http2_engine *self = engine_of(session);
    if (self->life == HTTP2_STAYING && session->role == SHOAL__HTTP_SERVER)
        give_notice(self);
    else if (self->life <= HTTP2_NOTICED)
        leave(self);
}

static void op_close(struct shoal__session *session, uint32_t error, struct shoal_view debug)
{
    shoal__http2_end(engine_of(session), error, debug);
}

/* Pings */

static int op_ping(struct shoal__session *session)
{
    struct shoal__http2_engine *self = engine_of(session);
    if (self->life >= HTTP2_ENDING)
        return -SHOAL_EPIPE;
    if (nghttp2_submit_ping(self->nghttp2, NGHTTP2_FLAG_NONE, liveness_ping) != 0)
        return -SHOAL_ENOMEM;
    self->pings++;
    shoal__http2_poke(self);
    return 0;
}

void shoal__http2_pong(struct shoal__http2_engine *self, const uint8_t payload[8])
{
    const struct shoal__session_events *events = self->session.events;
    if (memcmp(payload, shutdown_ping, sizeof(shutdown_ping)) == 0) {
        if (self->life == HTTP2_NOTICED)
            leave(self);
    } else if (self->pings > 0) {
        self->pings--;
        if (events->on_pong)
            events->on_pong(&self->session);
    }
}

/* Room for streams, and their lookup */

static size_t op_room(const struct shoal__session *session)
{
    const struct shoal__http2_engine *self = engine_of(session);
    size_t most =
        nghttp2_session_get_remote_settings(self->nghttp2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const size_t unsaid = 100; /* until the peer's SETTINGS have come */
    if (most == NGHTTP2_INITIAL_MAX_CONCURRENT_STREAMS)
        most = unsaid;
    return most > session->open_streams ? most - session->open_streams : 0;
}

void shoal__http2_tell_room(struct shoal__http2_engine *self)
{
    struct shoal__session *session = &self->session;
    if (!self->wants_room || op_room(session) == 0)
        return;
    self->wants_room = false;
    if (session->events->on_room)
        session->events->on_room(session);
}

static struct shoal__stream *op_find(const struct shoal__session *session, uint64_t serial)
{
    if (serial == 0 || serial > INT32_MAX)
        return NULL;
    struct http2_stream *found = shoal__http2_stream_find(engine_of(session), (int32_t)serial);
    return found && found->announced ? &found->stream : NULL;
}

static const struct shoal__session_ops session_ops = {
    .open = shoal__http2_stream_open,
    .room = op_room,
    .find = op_find,
    .ping = op_ping,
    .shutdown = op_shutdown,
    .close = op_close,
};

/* Deadlines */

/* The peer owes a part of a body, and has room to send it. */
static bool waits_for_peer(const struct http2_stream *stream)
{
    bool client = stream->stream.session->role == SHOAL__HTTP_CLIENT;
    return !stream->in_ended && stream->unconsumed == 0 && (stream->head_came || !client);
}

static bool window_is_shut(const struct http2_stream *stream)
{
    nghttp2_session *nghttp2 = http2_engine_of(stream)->nghttp2;
    return nghttp2_session_get_remote_window_size(nghttp2) <= 0 ||
           nghttp2_session_get_stream_remote_window_size(nghttp2, stream->id) <= 0;
}

static bool is_over_for(int64_t since_ms, int64_t now_ms, int64_t most_ms)
{
    return most_ms > 0 && now_ms - since_ms >= most_ms;
}

static void expire_stream(struct http2_stream *stream, int64_t now_ms)
{
    const struct shoal__session_limits *limits = http2_engine_of(stream)->limits;
    if (!waits_for_peer(stream))
        stream->moved_in_ms = now_ms;
    if (shoal__http2_stream_pending(stream) == 0 || !window_is_shut(stream))
        stream->moved_out_ms = now_ms;
    if (is_over_for(stream->moved_in_ms, now_ms, limits->read_stall_ms) ||
        is_over_for(stream->moved_out_ms, now_ms, limits->write_stall_ms))
        shoal__http2_stream_reset(stream, SHOAL__H2_CANCEL, false);
}

bool shoal__http2_gives_notice(const struct shoal__http2_engine *self)
{
    return self->life == HTTP2_NOTICED;
}

bool shoal__http2_is_unheard(const struct shoal__http2_engine *self)
{
    return self->unheard;
}

void shoal__http2_expire(struct shoal__http2_engine *self, int64_t now_ms)
{
    self->now_ms = now_ms;
    if (self->life == HTTP2_NOTICED) {
        self->unheard = true;
        leave(self);
    }
    SHOAL_LIST_FOREACH_SAFE(node, &self->streams)
    {
        struct http2_stream *stream = SHOAL_CONTAINER_OF(node, struct http2_stream, node);
        if (!stream->dead)
            expire_stream(stream, now_ms);
    }
}
