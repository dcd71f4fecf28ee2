/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls and their loop: memory, deadlines, ids, and answers from other threads.
 *
 * An id leads to its call by a table that the loop keeps; only calls whose id was asked for are in
 * it. Whoever answers from elsewhere sends an errand to the connection's loop, which finds the call
 * there, or that it is over.
 */
#include <stdlib.h>

#include <shoal/error.h>

#include "base/blocks.h"
#include "proto/grpc/call_priv.h"
#include "runtime/loop.h"

enum { CHUNK_BYTES = 2048, KEPT_CALLS = 1024 };

/* What the calls of a loop share. Owned by the loop. */
struct grpc_local {
    struct shoal__loop_local base;
    struct shoal__hashmap calls; /* by serial */
    uint64_t serials;
    struct shoal__blocks call_blocks;
    struct shoal__blocks chunks; /* for the calls' arenas */
    struct shoal__grpc_codec *codec;
    struct shoal__list works; /* kept pieces of work */
};

static void destroy_local(struct shoal__loop_local *base)
{
    struct grpc_local *local = (struct grpc_local *)base;
    shoal__grpc_works_fini(&local->works);
    shoal__grpc_codec_destroy(&local->codec);
    shoal__blocks_fini(&local->call_blocks);
    shoal__blocks_fini(&local->chunks);
    shoal__hashmap_fini(&local->calls);
    free(local);
}

static struct shoal__loop_local *create_local(void)
{
    struct grpc_local *local = calloc(1, sizeof(*local));
    if (!local)
        return NULL;
    local->base.destroy = destroy_local;
    /* No secret: the keys are our own numbers, not a peer's choice. */
    shoal__hashmap_init(&local->calls, (struct shoal__hash_key){0, 0});
    shoal__blocks_init(&local->call_blocks, sizeof(struct shoal_grpc_call), KEPT_CALLS);
    shoal__blocks_init(&local->chunks, CHUNK_BYTES, KEPT_CALLS);
    shoal__list_init(&local->works);
    return &local->base;
}

struct grpc_local *shoal__grpc_local_of(struct shoal_loop *loop)
{
    static const char key;
    return (struct grpc_local *)shoal__loop_local(loop, &key, create_local);
}

struct shoal__grpc_codec *shoal__grpc_local_codec(struct grpc_local *local)
{
    if (!local->codec)
        local->codec = shoal__grpc_codec_create();
    return local->codec;
}

struct shoal__list *shoal__grpc_local_works(struct grpc_local *local)
{
    return &local->works;
}

struct shoal_grpc_call *shoal__grpc_call_alloc(struct grpc_local *local)
{
    struct shoal_grpc_call *call = shoal__blocks_take(&local->call_blocks);
    if (!call)
        return NULL;
    memset(call, 0, sizeof(*call));
    shoal__arena_init(&call->own_arena, &local->chunks);
    shoal__arena_init(&call->message_arena, &local->chunks);
    call->deadline_ns = INT64_MAX;
    return call;
}

void shoal__grpc_call_free(struct grpc_local *local, struct shoal_grpc_call *call)
{
    shoal__arena_fini(&call->own_arena);
    shoal__arena_fini(&call->message_arena);
    shoal__blocks_give(&local->call_blocks, call);
}

/* Time */

int64_t shoal__grpc_now_ns(const struct shoal_grpc_call *call)
{
    return shoal__clock_now_ns(&call->loop->clock);
}

int64_t shoal__grpc_turn_ns(const struct shoal_grpc_call *call)
{
    return shoal__loop_now_ns(call->loop);
}

static void deadline_passed(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    shoal__grpc_expire(arg);
}

int shoal__grpc_deadline_start(struct shoal_grpc_call *call)
{
    shoal_timer_init(&call->deadline, deadline_passed, call);
    return shoal__loop_timer_at(call->loop, &call->deadline, call->deadline_ns);
}

void shoal__grpc_deadline_stop(struct shoal_grpc_call *call)
{
    shoal_timer_stop(&call->deadline);
}

bool shoal__grpc_is_owner(const struct shoal_grpc_call *call)
{
    return shoal_loop_is_owner(call->loop);
}

/* Ids */

struct shoal_grpc_id shoal_grpc_get_id(struct shoal_grpc_call *call)
{
    struct grpc_local *local = call->session->local;
    struct shoal_conn *conn = shoal_grpc_conn(call);
    if (call->serial == 0 && call->stream) {
        call->serial = ++local->serials;
        call->by_serial.key = shoal_view(&call->serial, sizeof(call->serial));
        (void)shoal__hashmap_put(&local->calls, &call->by_serial);
    }
    return (struct shoal_grpc_id){conn ? shoal_conn_get_id(conn) : 0, call->serial};
}

void shoal__grpc_forget_id(struct shoal_grpc_call *call)
{
    if (call->serial != 0)
        shoal__hashmap_remove(&call->session->local->calls, &call->by_serial);
}

struct shoal_grpc_call *shoal_grpc_find(struct shoal_loop *loop, struct shoal_grpc_id id)
{
    SHOAL__ASSERT_OWNER(loop);
    struct grpc_local *local = shoal__grpc_local_of(loop);
    struct shoal_view key = shoal_view(&id.serial, sizeof(id.serial));
    struct shoal__hashmap_node *node = local ? shoal__hashmap_get(&local->calls, key) : NULL;
    if (!node)
        return NULL;
    struct shoal_grpc_call *call = SHOAL_CONTAINER_OF(node, struct shoal_grpc_call, by_serial);
    struct shoal_conn *conn = shoal_grpc_conn(call);
    bool same = (conn ? shoal_conn_get_id(conn) : 0) == id.conn;
    return same && !call->told ? call : NULL;
}

/* Errands from other threads */

struct errand {
    struct shoal_grpc_id id;
    shoal_grpc_call_fn *fn;
    void *arg;
};

static void run_errand(struct shoal_conn *conn, void *arg)
{
    struct errand errand = *(struct errand *)arg;
    free(arg);
    errand.fn(conn ? shoal_grpc_find(shoal_conn_loop(conn), errand.id) : NULL, errand.arg);
}

int shoal_grpc_call_on(struct shoal_server *server, struct shoal_grpc_id id, shoal_grpc_call_fn *fn,
                       void *arg)
{
    struct errand *errand = malloc(sizeof(*errand));
    if (!errand)
        return -SHOAL_ENOMEM;
    *errand = (struct errand){id, fn, arg};
    int rc = shoal_call_conn(server, id.conn, run_errand, errand);
    if (rc < 0)
        free(errand);
    return rc;
}

/* An answer on its way: a packed reply and OK, or a status. */
struct answer {
    int status;
    const ProtobufCMessageDescriptor *type; /* NULL: no reply */
    size_t size;
    char *text;  /* may be NULL */
    char *frame; /* the reply */
};

static void destroy_answer(struct answer *answer)
{
    free(answer->text);
    free(answer->frame);
    free(answer);
}

/* Whoever answered has gone, so an answer that is none is told to the client. */
static int give_reply(struct shoal_grpc_call *call, const struct answer *answer)
{
    struct shoal_buf none;
    shoal__buf_init(&none);
    if (answer->type != call->method->output)
        return shoal_grpc_fail(call, SHOAL_GRPC_INTERNAL, "the reply is of another type");
    int rc = shoal__grpc_send_packed(call, shoal_view(answer->frame, answer->size), &none);
    if (rc < 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "the reply cannot be sent");
    call->answer.replies++;
    return SHOAL_GRPC_OK;
}

static void give_answer(struct shoal_grpc_call *call, void *arg)
{
    struct answer *answer = arg;
    if (call && call->st == GRPC_CALL_OPEN) {
        int status = answer->status;
        if (answer->text)
            (void)shoal_grpc_fail(call, status, "%s", answer->text);
        if (answer->type)
            status = give_reply(call, answer);
        (void)shoal_grpc_finish(call, status);
    }
    destroy_answer(answer);
}

static int send_answer(struct shoal_server *server, struct shoal_grpc_id id, struct answer *answer)
{
    int rc = shoal_grpc_call_on(server, id, give_answer, answer);
    if (rc < 0)
        destroy_answer(answer);
    return rc;
}

int shoal_grpc_answer(struct shoal_server *server, struct shoal_grpc_id id,
                      const ProtobufCMessage *reply)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    size_t size = protobuf_c_message_get_packed_size(reply);
    if (!answer || shoal__grpc_pack(reply, size, &answer->frame) < 0) {
        free(answer);
        return -SHOAL_ENOMEM;
    }
    answer->type = reply->descriptor;
    answer->size = SHOAL__GRPC_PREFIX + size;
    return send_answer(server, id, answer);
}

int shoal_grpc_answer_status(struct shoal_server *server, struct shoal_grpc_id id, int status,
                             const char *text)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    if (!answer)
        return -SHOAL_ENOMEM;
    answer->status = status;
    answer->text = text ? strdup(text) : NULL;
    if (text && !answer->text) {
        free(answer);
        return -SHOAL_ENOMEM;
    }
    return send_answer(server, id, answer);
}
