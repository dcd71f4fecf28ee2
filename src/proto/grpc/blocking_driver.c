/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The blocking client: a server of one loop with nothing but a channel on it, and calls that wait.
 * What a caller wants is an *errand*, which lies on the caller's stack: it is posted to the loop,
 * done there at once or when something comes, and then the caller is woken. So the loop owns
 * everything that two could touch. The one lock sees to it that the loop does not go while somebody
 * is still posting to it, whose errand may be done before that has returned.
 *
 *     caller: pack ── post ── wait ─────────────────────────────── unpack
 *     loop:               └── shoal_rpc_..., its callbacks ── wake ──┘
 *
 * Only bytes cross: messages are packed and unpacked by the caller. Results are in memory of their
 * own, for they outlive call and loop.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include <protobuf-c/protobuf-c.h>

#include <shoal/error.h>

#include "base/arena.h"
#include "base/assert.h"
#include "proto/grpc/blocking.h"
#include "proto/grpc/channel.h"
#include "proto/grpc/status.h"
#include "proto/grpc/wire.h"
#include "runtime/loop.h"

enum { FAREWELL_MS = 1000 }; /* for the server to take notice that we go */

/* Owned by the application. What is the loop's: the channel. */
struct shoal_grpc_client {
    struct shoal_server *server;
    struct shoal_loop *loop;
    struct shoal_grpc_channel *channel;
    pthread_rwlock_t posting; /* read: by who posts; write: nobody does any more */
    uint32_t max_depth;
};

/* Owned by its caller, who waits until it is woken. */
struct errand {
    struct shoal_task task;
    sem_t woken;
    void (*run)(struct errand *errand);
    struct shoal_grpc_client *client;
    struct shoal_grpc_talk *talk;
    int rc;

    /* What it brings along, or back. */
    const struct shoal_rpc_cfg *cfg;
    struct shoal_view bytes;
    bool on;
    const char *urls;
    const struct shoal_grpc_channel_cfg *channel_cfg;
    shoal__grpc_make_channel_fn *make;
};

/* A result with its memory. Owned by the talk, then by the application. */
struct result {
    struct shoal_grpc_result result; /* first */
    struct shoal__arena arena;
    struct shoal_view bytes; /* of the reply */
};

/* A call that somebody waits for. Owned by the application, or by the call on its stack. */
struct shoal_grpc_talk {
    struct shoal_grpc_client *client;
    const ProtobufCMessageDescriptor *input, *output; /* NULL: bytes */
    uint32_t max_depth;        /* the client's, which may be closed while a call returns */
    struct shoal__arena arena; /* the beginning's */

    /* The loop's. */
    struct shoal_rpc *rpc;                       /* NULL: it is over */
    struct errand *sender, *receiver, *finisher; /* who waits */
    struct result *result;                       /* once it is over; NULL: no memory */
    bool said_all, dropping;

    /* The receiver's: the reply at hand. */
    char *reply_memory;
    struct shoal_view reply_bytes;
    struct shoal__arena reply_arena;
    bool reply_compressed;
};

/* Errands */

static void run_task(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct errand *errand = arg;
    errand->run(errand);
}

/* The errand is gone afterwards. */
static void wake(struct errand **waiting, int rc)
{
    struct errand *errand = *waiting;
    *waiting = NULL;
    if (!errand)
        return;
    errand->rc = rc;
    (void)sem_post(&errand->woken);
}

static int post(struct shoal_grpc_client *client, struct shoal_task *task)
{
    (void)pthread_rwlock_rdlock(&client->posting);
    int rc = shoal_post(client->loop, task);
    (void)pthread_rwlock_unlock(&client->posting);
    return rc;
}

/* Has the errand done on the loop and waits for it. */
static int send_errand(struct errand *errand)
{
    if (sem_init(&errand->woken, 0, 0) < 0)
        return -errno;
    errand->task = (struct shoal_task)SHOAL_TASK(run_task, errand);
    int rc = post(errand->client, &errand->task);
    while (rc == 0 && sem_wait(&errand->woken) < 0)
        SHOAL_ASSERT(errno == EINTR);
    (void)sem_destroy(&errand->woken);
    return rc < 0 ? rc : errand->rc;
}

/* What the channel tells, on its loop */

static struct shoal_view copy_view(struct shoal__arena *arena, struct shoal_view view, bool *good)
{
    char *copy = shoal__arena_strdup(arena, view);
    *good = *good && copy;
    return shoal_view(copy, view.size);
}

typedef bool pair_at_fn(const struct shoal_rpc *rpc, size_t index, struct shoal_grpc_pair *out);

static const struct shoal_grpc_pair *copy_pairs(const struct shoal_rpc *rpc, pair_at_fn *pair_at,
                                                struct shoal__arena *arena, size_t *out_count,
                                                bool *good)
{
    struct shoal_grpc_pair pair;
    size_t count = 0;
    while (pair_at(rpc, count, &pair))
        count++;
    struct shoal_grpc_pair *pairs = shoal__arena_alloc(arena, count * sizeof(*pairs));
    *good = *good && pairs;
    for (size_t i = 0; *good && pair_at(rpc, i, &pair); i++) {
        pairs[i].name = shoal__arena_strdup(arena, shoal_view_of(pair.name));
        pairs[i].value = copy_view(arena, pair.value, good);
        *good = *good && pairs[i].name;
    }
    *out_count = count;
    return pairs;
}

static void free_result(struct result *result)
{
    if (!result)
        return;
    shoal__arena_fini(&result->arena);
    free(result);
}

/* A copy of all that came, or NULL where memory is out. */
static struct result *make_result(const struct shoal_rpc *rpc, int status)
{
    struct result *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    struct shoal_grpc_result *result = &self->result;
    const struct shoal_view *bytes = shoal_rpc_reply(rpc);
    bool good = true;
    shoal__arena_init(&self->arena, NULL);
    result->status = status;
    result->text = copy_view(&self->arena, shoal_view_of(shoal_rpc_text(rpc)), &good).data;
    result->details = copy_view(&self->arena, shoal_rpc_details(rpc), &good);
    result->compressed = shoal_rpc_was_compressed(rpc);
    result->initial =
        copy_pairs(rpc, shoal_rpc_initial_at, &self->arena, &result->initial_count, &good);
    result->trailing =
        copy_pairs(rpc, shoal_rpc_trailing_at, &self->arena, &result->trailing_count, &good);
    if (bytes) {
        self->bytes = copy_view(&self->arena, *bytes, &good);
        result->reply = &self->bytes;
    }
    if (good)
        return self;
    free_result(self);
    return NULL;
}

static void on_done(struct shoal_rpc *rpc, int status, void *arg)
{
    struct shoal_grpc_talk *talk = arg;
    talk->result = make_result(rpc, status);
    talk->rpc = NULL;
    wake(&talk->sender, -SHOAL_EPIPE);
    wake(&talk->receiver, 0);
    wake(&talk->finisher, 0); /* the last: with it the talk may go */
}

/* Replies come one at a time, each to somebody who waits for it. */
static void on_reply(struct shoal_rpc *rpc, const void *reply, void *arg)
{
    struct shoal_grpc_talk *talk = arg;
    const struct shoal_view *bytes = reply;
    if (talk->dropping)
        return;
    talk->reply_memory = malloc(bytes->size + 1); /* an empty one as well */
    if (talk->reply_memory && bytes->size > 0)
        memcpy(talk->reply_memory, bytes->data, bytes->size);
    talk->reply_bytes = shoal_view(talk->reply_memory, bytes->size);
    talk->reply_compressed = shoal_rpc_was_compressed(rpc);
    shoal_rpc_pause(rpc);
    wake(&talk->receiver, talk->reply_memory ? 1 : -SHOAL_ENOMEM);
}

static void on_drained(struct shoal_rpc *rpc, void *arg)
{
    (void)rpc;
    struct shoal_grpc_talk *talk = arg;
    wake(&talk->sender, 0);
}

/* Beginning */

static void begin_on_loop(struct errand *errand)
{
    struct shoal_grpc_talk *talk = errand->talk;
    int rc = shoal_rpc_start(errand->client->channel, errand->cfg, &talk->rpc);
    if (rc == 0 && errand->cfg->on_reply)
        shoal_rpc_pause(talk->rpc);
    if (rc < 0 || !talk->finisher)
        wake(&errand, rc);
}

static int describe(struct shoal_grpc_talk *talk, const struct shoal_rpc_cfg *cfg,
                    struct shoal_rpc_cfg *raw)
{
    const ProtobufCMethodDescriptor *method;
    if (!cfg->service)
        return 0;
    method = cfg->method
                 ? protobuf_c_service_descriptor_get_method_by_name(cfg->service, cfg->method)
                 : NULL;
    if (!method)
        return -SHOAL_EINVAL;
    talk->input = method->input;
    talk->output = method->output;
    raw->method = shoal__arena_printf(&talk->arena, "/%s/%s", cfg->service->name, cfg->method);
    return raw->method ? 0 : -SHOAL_ENOMEM;
}

/* The bytes of a request, in `arena` where it is a message. */
static int pack(const struct shoal_grpc_talk *talk, const void *request, struct shoal__arena *arena,
                struct shoal_view *out_bytes)
{
    const ProtobufCMessage *message = request;
    if (!talk->input) {
        *out_bytes = *(const struct shoal_view *)request;
        return 0;
    }
    if (message->descriptor != talk->input)
        return -SHOAL_EINVAL;
    uint8_t *packed = shoal__arena_alloc(arena, protobuf_c_message_get_packed_size(message));
    if (!packed)
        return -SHOAL_ENOMEM;
    *out_bytes = shoal_view(packed, protobuf_c_message_pack(message, packed));
    return 0;
}

/* Begins the call; with `finisher`, an errand of the same thread, waits for its end. */
static int begin(struct shoal_grpc_talk *talk, const struct shoal_rpc_cfg *cfg, bool waits)
{
    struct errand errand = {.run = begin_on_loop, .client = talk->client, .talk = talk};
    struct shoal_rpc_cfg raw = *cfg;
    bool many = cfg->kind == SHOAL_GRPC_SERVER_STREAM || cfg->kind == SHOAL_GRPC_BIDI;
    int rc = describe(talk, cfg, &raw);
    if (rc == 0 && cfg->request)
        rc = pack(talk, cfg->request, &talk->arena, &errand.bytes);
    if (rc < 0)
        return rc;
    raw.service = NULL;
    raw.request = cfg->request ? &errand.bytes : NULL;
    raw.on_initial = NULL;
    raw.on_reply = many ? on_reply : NULL;
    raw.on_drained = on_drained;
    raw.done = on_done;
    raw.arg = talk;
    errand.cfg = &raw;
    talk->said_all = cfg->request != NULL;
    talk->finisher = waits ? &errand : NULL;
    return send_errand(&errand);
}

static void init_talk(struct shoal_grpc_talk *talk, struct shoal_grpc_client *client)
{
    *talk = (struct shoal_grpc_talk){.client = client, .max_depth = client->max_depth};
    shoal__arena_init(&talk->arena, NULL);
    shoal__arena_init(&talk->reply_arena, NULL);
}

static void fini_talk(struct shoal_grpc_talk *talk)
{
    shoal__arena_fini(&talk->arena);
    shoal__arena_fini(&talk->reply_arena);
    free(talk->reply_memory);
    free_result(talk->result);
}

/* Results */

static const struct shoal__grpc_error undecodable = {SHOAL_GRPC_INTERNAL,
                                                     "reply cannot be decoded"};
static const struct shoal__grpc_error too_large = {SHOAL_GRPC_RESOURCE_EXHAUSTED,
                                                   "reply too large unpacked"};

/* NULL, or what is wrong, as a call on a loop would end. */
static const struct shoal__grpc_error *unpack(const struct shoal_grpc_talk *talk,
                                              struct shoal_view bytes, struct shoal__arena *arena,
                                              const void **out_message)
{
    bool exhausted = false;
    if (!shoal__wire_check(talk->output, bytes, talk->max_depth))
        return &undecodable;
    *out_message = shoal__wire_unpack(talk->output, bytes, arena, &exhausted);
    if (*out_message)
        return NULL;
    return exhausted ? &too_large : &undecodable;
}

/* Hands the result over, with the reply as a message. Returns its status, or a negative code. */
static int take_result(struct shoal_grpc_talk *talk, struct shoal_grpc_result **out_result)
{
    struct result *self = talk->result;
    if (!self)
        return -SHOAL_ENOMEM;
    struct shoal_grpc_result *result = &self->result;
    const struct shoal__grpc_error *wrong = NULL;
    if (result->reply && talk->output)
        wrong = unpack(talk, self->bytes, &self->arena, &result->reply);
    if (wrong) {
        result->reply = NULL;
        result->text = wrong->text;
        result->status = wrong->status;
    }
    int status = result->status;
    if (out_result) {
        *out_result = result;
        talk->result = NULL;
    }
    return status;
}

void shoal_grpc_result_free(struct shoal_grpc_result **result)
{
    free_result((struct result *)*result);
    *result = NULL;
}

/* Calls and talks */

int shoal_grpc_client_call(struct shoal_grpc_client *client, const struct shoal_rpc_cfg *cfg,
                           struct shoal_grpc_result **out_result)
{
    struct shoal_grpc_talk talk;
    if (shoal_loop_current())
        return -SHOAL_EDEADLK;
    if (cfg->kind != SHOAL_GRPC_UNARY || !cfg->request)
        return -SHOAL_EINVAL;
    init_talk(&talk, client);
    int rc = begin(&talk, cfg, true);
    if (rc == 0)
        rc = take_result(&talk, out_result);
    fini_talk(&talk);
    return rc;
}

int shoal_grpc_talk_begin(struct shoal_grpc_client *client, const struct shoal_rpc_cfg *cfg,
                          struct shoal_grpc_talk **out_talk)
{
    *out_talk = NULL;
    if (shoal_loop_current())
        return -SHOAL_EDEADLK;
    struct shoal_grpc_talk *talk = malloc(sizeof(*talk));
    if (!talk)
        return -SHOAL_ENOMEM;
    init_talk(talk, client);
    int rc = begin(talk, cfg, false);
    if (rc < 0) {
        fini_talk(talk);
        free(talk);
        return rc;
    }
    *out_talk = talk;
    return 0;
}

static void send_on_loop(struct errand *errand)
{
    struct shoal_grpc_talk *talk = errand->talk;
    int rc = talk->said_all ? -SHOAL_ESTATE : -SHOAL_EPIPE;
    if (talk->rpc)
        rc = shoal_rpc_send(talk->rpc, &errand->bytes);
    if (rc == 1)
        talk->sender = errand;
    else
        wake(&errand, rc);
}

static void end_on_loop(struct errand *errand)
{
    struct shoal_grpc_talk *talk = errand->talk;
    talk->said_all = true;
    wake(&talk->sender, 0); /* what it waits for is not told any more */
    wake(&errand, talk->rpc ? shoal_rpc_end(talk->rpc) : -SHOAL_EPIPE);
}

static void receive_on_loop(struct errand *errand)
{
    struct shoal_grpc_talk *talk = errand->talk;
    if (!talk->rpc) {
        wake(&errand, 0);
        return;
    }
    talk->receiver = errand;
    shoal_rpc_resume(talk->rpc);
}

static void cancel_on_loop(struct errand *errand)
{
    if (errand->talk->rpc)
        shoal_rpc_cancel(errand->talk->rpc);
    wake(&errand, 0);
}

static void finish_on_loop(struct errand *errand)
{
    struct shoal_grpc_talk *talk = errand->talk;
    if (!talk->rpc) {
        wake(&errand, 0);
        return;
    }
    if (!talk->said_all)
        (void)shoal_rpc_end(talk->rpc);
    wake(&talk->sender, 0);
    talk->dropping = true;
    talk->finisher = errand;
    shoal_rpc_resume(talk->rpc);
}

static int run(struct shoal_grpc_talk *talk, void (*on_loop)(struct errand *errand),
               struct shoal_view bytes)
{
    struct errand errand = {.run = on_loop, .client = talk->client, .talk = talk, .bytes = bytes};
    return shoal_loop_current() ? -SHOAL_EDEADLK : send_errand(&errand);
}

int shoal_grpc_talk_send(struct shoal_grpc_talk *talk, const void *request)
{
    struct shoal__arena arena;
    struct shoal_view bytes;
    shoal__arena_init(&arena, NULL);
    int rc = pack(talk, request, &arena, &bytes);
    if (rc == 0)
        rc = run(talk, send_on_loop, bytes);
    shoal__arena_fini(&arena);
    return rc;
}

int shoal_grpc_talk_end(struct shoal_grpc_talk *talk)
{
    return run(talk, end_on_loop, shoal_view(NULL, 0));
}

static void compress_on_loop(struct errand *errand)
{
    if (errand->talk->rpc)
        shoal_rpc_compress(errand->talk->rpc, errand->on);
    wake(&errand, 0);
}

void shoal_grpc_talk_compress(struct shoal_grpc_talk *talk, bool on)
{
    struct errand errand = {
        .run = compress_on_loop, .client = talk->client, .talk = talk, .on = on};
    if (!shoal_loop_current())
        (void)send_errand(&errand);
}

static void forget_reply(struct shoal_grpc_talk *talk)
{
    shoal__arena_reset(&talk->reply_arena);
    free(talk->reply_memory);
    talk->reply_memory = NULL;
}

int shoal_grpc_talk_receive(struct shoal_grpc_talk *talk, const void **out_reply)
{
    const void *message = &talk->reply_bytes;
    if (shoal_loop_current())
        return -SHOAL_EDEADLK;
    forget_reply(talk);
    int rc = run(talk, receive_on_loop, shoal_view(NULL, 0));
    if (rc != 1)
        return rc;
    if (talk->output && unpack(talk, talk->reply_bytes, &talk->reply_arena, &message))
        return -SHOAL_EPROTOCOL;
    *out_reply = message;
    return 1;
}

bool shoal_grpc_talk_was_compressed(const struct shoal_grpc_talk *talk)
{
    return talk->reply_compressed;
}

void shoal_grpc_talk_cancel(struct shoal_grpc_talk *talk)
{
    (void)run(talk, cancel_on_loop, shoal_view(NULL, 0));
}

int shoal_grpc_talk_finish(struct shoal_grpc_talk **talk, struct shoal_grpc_result **out_result)
{
    struct shoal_grpc_talk *self = *talk;
    if (!self)
        return -SHOAL_EINVAL;
    int rc = run(self, finish_on_loop, shoal_view(NULL, 0));
    if (rc < 0)
        return rc;
    *talk = NULL;
    rc = take_result(self, out_result);
    fini_talk(self);
    free(self);
    return rc;
}

/* Clients */

static void create_on_loop(struct errand *errand)
{
    struct shoal_grpc_client *client = errand->client;
    wake(&errand, errand->make(client->loop, errand->urls, errand->channel_cfg, &client->channel));
}

static void destroy_on_loop(struct errand *errand)
{
    shoal_grpc_channel_destroy(&errand->client->channel);
    wake(&errand, 0);
}

static struct shoal_grpc_client *create_client(uint32_t max_depth)
{
    struct shoal_grpc_client *client = calloc(1, sizeof(*client));
    if (!client || pthread_rwlock_init(&client->posting, NULL) != 0) {
        free(client);
        return NULL;
    }
    client->max_depth = max_depth;
    return client;
}

static void free_client(struct shoal_grpc_client *client)
{
    (void)shoal_server_destroy(&client->server);
    (void)pthread_rwlock_destroy(&client->posting);
    free(client);
}

/* Those whose calls have been cancelled may still be on their way out of their post. */
static void wait_for_posts(struct shoal_grpc_client *client)
{
    (void)pthread_rwlock_wrlock(&client->posting);
    (void)pthread_rwlock_unlock(&client->posting);
}

static int start(struct shoal_grpc_client *client)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 1;
    cfg.workers = 0;
    cfg.watchdog_ms = 0;
    int rc = shoal_server_create(&cfg, &client->server);
    if (rc == 0)
        rc = shoal_server_start(client->server);
    if (rc == 0)
        client->loop = shoal_server_loop(client->server, 0);
    return rc;
}

int shoal__grpc_client_open(const char *urls, const struct shoal_grpc_channel_cfg *cfg,
                            shoal__grpc_make_channel_fn *make,
                            struct shoal_grpc_client **out_client)
{
    struct shoal_grpc_channel_cfg all;
    if (shoal_loop_current())
        return -SHOAL_EDEADLK;
    if (!shoal__grpc_channel_cfg_complete(cfg, &all))
        return -SHOAL_EINVAL;
    struct shoal_grpc_client *client = create_client(all.max_depth);
    if (!client)
        return -SHOAL_ENOMEM;
    struct errand errand = {
        .run = create_on_loop, .client = client, .urls = urls, .channel_cfg = cfg, .make = make};
    int rc = start(client);
    if (rc == 0)
        rc = send_errand(&errand);
    if (rc < 0) {
        free_client(client);
        return rc;
    }
    *out_client = client;
    return 0;
}

int shoal_grpc_client_close(struct shoal_grpc_client **client)
{
    struct shoal_grpc_client *self = *client;
    if (!self)
        return 0;
    if (shoal_loop_current())
        return -SHOAL_EDEADLK;
    struct errand errand = {.run = destroy_on_loop, .client = self};
    (void)send_errand(&errand);
    wait_for_posts(self);
    (void)shoal_server_drain(self->server, FAREWELL_MS, NULL);
    free_client(self);
    *client = NULL;
    return 0;
}
