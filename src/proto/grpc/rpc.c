/* SPDX-License-Identifier: BSD-3-Clause */
/* A client call's life, and what its application asks about it; see rpc_priv.h. */
#include "proto/grpc/rpc_priv.h"

#include <shoal/error.h>

static const struct shoal__grpc_error cancelled = {SHOAL_GRPC_CANCELLED, "cancelled"};
static const struct shoal__grpc_error expired = {SHOAL_GRPC_DEADLINE_EXCEEDED, "deadline exceeded"};
static const struct shoal__grpc_error no_memory = {SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory"};
static const struct shoal__grpc_error bad_head = {SHOAL_GRPC_INTERNAL, "the call cannot be sent"};
static const struct shoal__grpc_error lost = {SHOAL_GRPC_UNAVAILABLE, "the connection was lost"};

/* As often the server may say that it did not look at a call. */
enum { MOST_REFUSALS = 5 };

/* The beginning */

/* "/package.Service/Method". Not printf, which costs more than all else of a call's start. */
static struct shoal_view join_path(struct shoal_rpc *rpc, const char *service, const char *method)
{
    size_t service_size = strlen(service), method_size = strlen(method);
    char *path = shoal__arena_alloc(&rpc->arena, service_size + method_size + 2);
    if (!path)
        return shoal_view(NULL, 0);
    path[0] = path[service_size + 1] = '/';
    memcpy(path + 1, service, service_size);
    memcpy(path + service_size + 2, method, method_size);
    return shoal_view(path, service_size + method_size + 2);
}

static int find_method(struct shoal_rpc *rpc, const struct shoal_rpc_cfg *cfg)
{
    const ProtobufCServiceDescriptor *service = cfg->service;
    const ProtobufCMethodDescriptor *method =
        service ? protobuf_c_service_descriptor_get_method_by_name(service, cfg->method) : NULL;
    if (service ? !method : cfg->method[0] != '/')
        return -SHOAL_EINVAL;
    struct shoal_view given = shoal_view_of(cfg->method);
    rpc->path = service ? join_path(rpc, service->name, cfg->method)
                        : shoal_view(shoal__arena_strdup(&rpc->arena, given), given.size);
    if (!rpc->path.data)
        return -SHOAL_ENOMEM;
    rpc->input = method ? method->input : NULL;
    rpc->output = method ? method->output : NULL;
    return shoal__http_is_value(rpc->path) ? 0 : -SHOAL_EINVAL;
}

static int copy_metadata(struct shoal_rpc *rpc, const struct shoal_rpc_cfg *cfg)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < cfg->metadata_count; i++)
        rc = shoal__grpc_metadata_add(&rpc->out.metadata, &rpc->arena,
                                      shoal_view_of(cfg->metadata[i].name), cfg->metadata[i].value);
    return rc;
}

static bool is_sane(const struct shoal_rpc_cfg *cfg)
{
    bool one_request = cfg->kind == SHOAL_GRPC_UNARY || cfg->kind == SHOAL_GRPC_SERVER_STREAM;
    bool one_reply = cfg->kind == SHOAL_GRPC_UNARY || cfg->kind == SHOAL_GRPC_CLIENT_STREAM;
    return cfg->method && cfg->done && one_request == (cfg->request != NULL) &&
           (one_reply || cfg->on_reply) && cfg->deadline_ms >= 0 &&
           cfg->encoding <= SHOAL_GRPC_DEFLATE && cfg->kind <= SHOAL_GRPC_BIDI;
}

static enum shoal__grpc_encoding encoding_of(enum shoal_grpc_encoding encoding)
{
    static const enum shoal__grpc_encoding all[] = {
        [SHOAL_GRPC_IDENTITY] = SHOAL__GRPC_IDENTITY,
        [SHOAL_GRPC_GZIP] = SHOAL__GRPC_GZIP,
        [SHOAL_GRPC_DEFLATE] = SHOAL__GRPC_DEFLATE,
    };
    return all[encoding];
}

static int prepare(struct shoal_rpc *rpc, const struct shoal_rpc_cfg *cfg)
{
    rpc->kind = cfg->kind;
    rpc->wait_for_ready = cfg->wait_for_ready;
    rpc->on_initial = cfg->on_initial;
    rpc->on_reply = cfg->on_reply;
    rpc->on_drained = cfg->on_drained;
    rpc->done = cfg->done;
    rpc->arg = cfg->arg;
    rpc->in.text = "";
    rpc->out.replayable = true;
    rpc->out.encoding = encoding_of(cfg->encoding);
    rpc->out.compress = true;
    int rc = find_method(rpc, cfg);
    if (rc == 0)
        rc = copy_metadata(rpc, cfg);
    if (rc == 0 && cfg->request)
        rc = shoal__rpc_push(rpc, cfg->request);
    if (rc >= 0)
        rc = shoal__rpc_deadline_start(rpc, cfg->deadline_ms);
    rpc->out.said_all = shoal__rpc_one_request(rpc);
    return rc;
}

static void destroy(struct shoal_rpc *rpc)
{
    struct shoal_grpc_channel *channel = rpc->channel;
    shoal__rpc_deadline_stop(rpc);
    shoal__list_remove(&rpc->node);
    shoal__buf_fini(&rpc->out.kept);
    shoal__buf_fini(&rpc->in.held);
    shoal__grpc_reader_fini(&rpc->in.reader);
    shoal__rpc_free(channel->local, rpc);
}

int shoal_rpc_start(struct shoal_grpc_channel *channel, const struct shoal_rpc_cfg *cfg,
                    struct shoal_rpc **out_rpc)
{
    shoal__rpc_assert_owner(channel);
    if (!is_sane(cfg))
        return -SHOAL_EINVAL;
    if (shoal__grpc_channel_is_closing(channel))
        return -SHOAL_ESTOPPED;
    struct shoal_rpc *rpc = shoal__rpc_alloc(channel->local);
    if (!rpc)
        return -SHOAL_ENOMEM;
    rpc->channel = channel;
    shoal__list_push_back(&channel->rpcs, &rpc->node);
    int rc = prepare(rpc, cfg);
    if (rc < 0) {
        destroy(rpc);
        return rc;
    }
    if (out_rpc)
        *out_rpc = rpc;
    shoal__grpc_channel_enqueue(rpc, false);
    return 0;
}

int shoal_rpc_unary(struct shoal_grpc_channel *channel, const ProtobufCServiceDescriptor *service,
                    const char *method, const void *request, shoal_rpc_done_fn *done, void *arg)
{
    struct shoal_rpc_cfg cfg = {
        .service = service, .method = method, .request = request, .done = done, .arg = arg};
    return shoal_rpc_start(channel, &cfg, NULL);
}

int shoal__rpc_open(struct shoal_rpc *rpc, struct shoal__grpc_link *link)
{
    if (shoal__rpc_left_ns(rpc) <= 0) {
        shoal__rpc_fail(rpc, &expired); /* the timer is late */
        return 0;
    }
    int rc = shoal__rpc_send_head(rpc, link);
    if (rc == -SHOAL_EFULL || rc == -SHOAL_ESTOPPED)
        return rc;
    if (rc < 0)
        shoal__rpc_fail(rpc, rc == -SHOAL_ENOMEM ? &no_memory : &bad_head);
    return 0;
}

/* The end */

/* The stream has nothing more to tell, and the call nothing to say: what the server did not wait
 * for is not sent any more. */
static void let_stream_go(struct shoal_rpc *rpc)
{
    struct shoal__stream *stream = rpc->stream;
    rpc->stream = NULL;
    if (!stream)
        return;
    stream->user = NULL;
    if (!rpc->in.whole || !rpc->out.said_all || shoal__stream_pending(stream) > 0)
        shoal__stream_reset(stream, SHOAL__H2_CANCEL);
}

void shoal__rpc_finish(struct shoal_rpc *rpc, int status, const char *text)
{
    if (rpc->st == RPC_ENDED)
        return;
    shoal__rpc_deadline_stop(rpc);
    shoal__list_remove(&rpc->waiting);
    let_stream_go(rpc);
    shoal__rpc_commit(rpc);
    char *copy = text ? shoal__arena_strdup(&rpc->arena, shoal_view_of(text)) : NULL;
    if (text)
        rpc->in.text = copy ? copy : "";
    rpc->in.status = status;
    rpc->st = RPC_ENDED;
    shoal__rpc_schedule(rpc);
}

void shoal__rpc_fail(struct shoal_rpc *rpc, const struct shoal__grpc_error *error)
{
    shoal__rpc_finish(rpc, error->status, error->text);
}

void shoal__rpc_expire(struct shoal_rpc *rpc)
{
    shoal__rpc_fail(rpc, &expired);
}

/* Where the end is held back, a writer that waits learns now that it need not: its next request is
 * refused. */
static void tell_drained_later(struct shoal_rpc *rpc)
{
    rpc->out.drained = true;
    shoal__rpc_schedule(rpc);
}

void shoal__rpc_settle(struct shoal_rpc *rpc)
{
    rpc->in.whole = true;
    let_stream_go(rpc);
    shoal__rpc_advance(rpc);
    if (rpc->st == RPC_OPEN && rpc->out.choked)
        tell_drained_later(rpc);
}

void shoal__rpc_catch_up(struct shoal_rpc *rpc)
{
    rpc->scheduled = false;
    if (rpc->out.drained) {
        rpc->out.drained = rpc->out.choked = false;
        if (rpc->st == RPC_OPEN && !rpc->out.said_all && rpc->on_drained)
            rpc->on_drained(rpc, rpc->arg);
    }
    shoal__rpc_advance(rpc);
    if (rpc->st != RPC_ENDED || rpc->scheduled)
        return;
    struct shoal_grpc_channel *channel = rpc->channel;
    rpc->scheduled = true; /* from here on nothing brings it back */
    rpc->done(rpc, rpc->in.status, rpc->arg);
    destroy(rpc);
    shoal__grpc_channel_let_go(channel);
}

/* What the stream tells. Once the call lets go of it, it has no call. */

static void on_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    if (stream->user)
        shoal__rpc_head_came(stream->user, head, end);
}

static void on_data(struct shoal__stream *stream, struct shoal_view data)
{
    if (stream->user)
        shoal__rpc_data_came(stream->user, data);
}

static void on_end(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                   size_t trailer_count)
{
    if (stream->user)
        shoal__rpc_end_came(stream->user, trailers, trailer_count);
}

static void on_drained(struct shoal__stream *stream)
{
    struct shoal_rpc *rpc = stream->user;
    if (!rpc)
        return;
    rpc->out.choked = false;
    if (rpc->on_drained && !rpc->out.said_all)
        rpc->on_drained(rpc, rpc->arg);
}

static bool may_repeat(const struct shoal_rpc *rpc, uint32_t error)
{
    return error == SHOAL__H2_REFUSED_STREAM && !rpc->in.heard && rpc->out.replayable &&
           rpc->refusals < MOST_REFUSALS && !shoal__grpc_channel_is_closing(rpc->channel);
}

/* The stream closed before the server's status came. */
static void lose(struct shoal_rpc *rpc, uint32_t error, bool gone)
{
    bool late = error == SHOAL__H2_CANCEL && shoal__rpc_left_ns(rpc) <= 0;
    char *text =
        shoal__arena_printf(&rpc->arena, "the call was reset: %s", shoal__stream_error_text(error));
    if (late)
        shoal__rpc_fail(rpc, &expired);
    else if (gone)
        shoal__rpc_fail(rpc, &lost);
    else
        shoal__rpc_finish(rpc, shoal__grpc_status_of_reset(error), text ? text : "");
}

static void on_close(struct shoal__stream *stream, uint32_t error)
{
    struct shoal_rpc *rpc = stream->user;
    if (!rpc)
        return;
    rpc->stream = NULL;
    if (stream->session->gone)
        shoal__grpc_channel_leave(stream->session->user);
    if (may_repeat(rpc, error)) {
        rpc->refusals++;
        shoal__grpc_channel_enqueue(rpc, true);
    } else {
        lose(rpc, error, stream->session->gone);
    }
}

const struct shoal__stream_events shoal__rpc_stream_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_close = on_close,
};

/* What the application does */

int shoal_rpc_send(struct shoal_rpc *rpc, const void *request)
{
    if (shoal__rpc_one_request(rpc) || rpc->out.said_all)
        return -SHOAL_ESTATE;
    if (rpc->st == RPC_ENDED || rpc->in.whole)
        return -SHOAL_EPIPE;
    return shoal__rpc_push(rpc, request);
}

int shoal_rpc_end(struct shoal_rpc *rpc)
{
    if (rpc->out.said_all)
        return -SHOAL_ESTATE;
    if (rpc->st == RPC_ENDED || rpc->in.whole)
        return -SHOAL_EPIPE;
    return shoal__rpc_push_end(rpc);
}

void shoal_rpc_compress(struct shoal_rpc *rpc, bool on)
{
    rpc->out.compress = on;
}

void shoal_rpc_pause(struct shoal_rpc *rpc)
{
    rpc->paused = true;
}

void shoal_rpc_resume(struct shoal_rpc *rpc)
{
    if (rpc->paused)
        shoal__rpc_schedule(rpc);
    rpc->paused = false;
}

void shoal_rpc_cancel(struct shoal_rpc *rpc)
{
    shoal__rpc_fail(rpc, &cancelled);
}

/* What it asks */

const void *shoal_rpc_reply(const struct shoal_rpc *rpc)
{
    return rpc->in.message;
}

const char *shoal_rpc_text(const struct shoal_rpc *rpc)
{
    return rpc->in.text;
}

struct shoal_view shoal_rpc_details(const struct shoal_rpc *rpc)
{
    return rpc->in.details;
}

struct shoal_view shoal_rpc_initial(const struct shoal_rpc *rpc, const char *name)
{
    return shoal__grpc_metadata_find(&rpc->in.initial, shoal_view_of(name));
}

struct shoal_view shoal_rpc_trailing(const struct shoal_rpc *rpc, const char *name)
{
    return shoal__grpc_metadata_find(&rpc->in.trailing, shoal_view_of(name));
}

/* Names were copied with a NUL behind them. */
static bool pair_at(const struct shoal__grpc_metadata *metadata, size_t index,
                    struct shoal_grpc_pair *out_pair)
{
    if (index >= metadata->count)
        return false;
    *out_pair =
        (struct shoal_grpc_pair){metadata->items[index].name.data, metadata->items[index].value};
    return true;
}

bool shoal_rpc_initial_at(const struct shoal_rpc *rpc, size_t index,
                          struct shoal_grpc_pair *out_pair)
{
    return pair_at(&rpc->in.initial, index, out_pair);
}

bool shoal_rpc_trailing_at(const struct shoal_rpc *rpc, size_t index,
                           struct shoal_grpc_pair *out_pair)
{
    return pair_at(&rpc->in.trailing, index, out_pair);
}

bool shoal_rpc_was_compressed(const struct shoal_rpc *rpc)
{
    return rpc->in.compressed;
}

const char *shoal_rpc_peer(const struct shoal_rpc *rpc)
{
    if (rpc->link)
        return rpc->link->peer;
    return rpc->peer ? rpc->peer : "";
}
