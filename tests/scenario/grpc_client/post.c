/* SPDX-License-Identifier: BSD-3-Clause */
/* The server of parcels; see post.h. */
#include "post.h"

#include <unistd.h>

enum { PATIENCE_MS = 20000 };

#define POST_SERVICE (&parcels__post__descriptor)

/* Calls that wait for all to be there, by their counts, and then for their delays: a millisecond
 * from when the answer before has left, for what leaves at once has no order. The server's loop's.
 */
static struct shoal_grpc_call *places[POST_IN_ORDER];
static unsigned taken, answered;
static struct shoal_timer delay;

static void wait_for_next(struct shoal_grpc_call *call, int status, void *arg)
{
    (void)status;
    (void)arg;
    if (++answered < POST_IN_ORDER)
        (void)shoal_timer_start(shoal_grpc_loop(call), &delay, 1);
}

static void answer_next(struct shoal_timer *timer, void *arg)
{
    struct shoal_grpc_call *call = places[answered];
    Parcels__Parcel reply = PARCELS__PARCEL__INIT;
    (void)timer;
    (void)arg;
    reply.count = answered;
    (void)shoal_grpc_on_close(call, wait_for_next, NULL);
    (void)shoal_grpc_send(call, &reply);
    (void)shoal_grpc_finish(call, SHOAL_GRPC_OK);
}

static int take_place(struct shoal_grpc_call *call, uint32_t count)
{
    places[count] = call;
    if (++taken < POST_IN_ORDER)
        return SHOAL_GRPC_LATER;
    answered = 0;
    shoal_timer_init(&delay, answer_next, NULL);
    (void)shoal_timer_start(shoal_grpc_loop(call), &delay, 1);
    return SHOAL_GRPC_LATER;
}

/* The call that is kept. */
static struct shoal_grpc_call *kept;

static void forget(struct shoal_grpc_call *call, int status, void *arg)
{
    (void)status;
    (void)arg;
    kept = kept == call ? NULL : kept;
}

static int keep(struct shoal_grpc_call *call)
{
    kept = call;
    return shoal_grpc_on_close(call, forget, NULL) < 0 ? SHOAL_GRPC_RESOURCE_EXHAUSTED
                                                       : SHOAL_GRPC_LATER;
}

static int let_go(void)
{
    Parcels__Parcel reply = PARCELS__PARCEL__INIT;
    if (!kept)
        return SHOAL_GRPC_NOT_FOUND;
    (void)shoal_grpc_send(kept, &reply);
    (void)shoal_grpc_finish(kept, SHOAL_GRPC_OK);
    return SHOAL_GRPC_OK;
}

/* Two bytes each on the wire, and the same one in memory. */
static int say_much(struct shoal_grpc_call *call, Parcels__Parcel *out)
{
    enum { MUCH = 100000 };
    static Parcels__Parcel empty = PARCELS__PARCEL__INIT;
    out->more = shoal_grpc_alloc(call, MUCH * sizeof(*out->more));
    for (; out->more && out->n_more < MUCH; out->n_more++)
        out->more[out->n_more] = &empty;
    return out->more ? SHOAL_GRPC_OK : SHOAL_GRPC_RESOURCE_EXHAUSTED;
}

static int answer(struct shoal_grpc_call *call, const void *request, void *reply)
{
    const Parcels__Parcel *parcel = request;
    Parcels__Parcel *out = reply;
    if (strcmp(parcel->label, "keep") == 0)
        return keep(call);
    if (strcmp(parcel->label, "let go") == 0)
        return let_go();
    if (strcmp(parcel->label, "kept") == 0)
        return kept ? SHOAL_GRPC_OK : SHOAL_GRPC_NOT_FOUND;
    if (strcmp(parcel->label, "much") == 0)
        return say_much(call, out);
    if (strcmp(parcel->label, "order") == 0)
        return take_place(call, parcel->count);
    if (strcmp(parcel->label, "cut") == 0) {
        shoal_conn_close(shoal_grpc_conn(call), SHOAL_CLOSE_ABORT);
        return SHOAL_GRPC_LATER;
    }
    out->label = shoal_grpc_printf(call, "%s!", parcel->label);
    return out->label ? SHOAL_GRPC_OK : SHOAL_GRPC_RESOURCE_EXHAUSTED;
}

static int spread(struct shoal_grpc_call *call, const void *request)
{
    const Parcels__Parcel *parcel = request;
    for (uint32_t i = 0; i < parcel->count; i++) {
        if (shoal_grpc_send(call, parcel) < 0)
            return SHOAL_GRPC_RESOURCE_EXHAUSTED;
    }
    return SHOAL_GRPC_OK;
}

static int gather(struct shoal_grpc_call *call, const void *request)
{
    (void)request;
    uintptr_t count = (uintptr_t)shoal_grpc_data(call);
    shoal_grpc_set_data(call, (void *)(count + 1));
    return SHOAL_GRPC_LATER;
}

static int gathered(struct shoal_grpc_call *call)
{
    Parcels__Parcel reply = PARCELS__PARCEL__INIT;
    reply.count = (uint32_t)(uintptr_t)shoal_grpc_data(call);
    return shoal_grpc_send(call, &reply) < 0 ? SHOAL_GRPC_RESOURCE_EXHAUSTED : SHOAL_GRPC_OK;
}

/* Takes no more than it gets rid of. */
static int chat(struct shoal_grpc_call *call, const void *request)
{
    int rc = shoal_grpc_send(call, request);
    if (rc == 1)
        shoal_grpc_pause(call);
    return rc < 0 ? SHOAL_GRPC_RESOURCE_EXHAUSTED : SHOAL_GRPC_LATER;
}

static const struct shoal_grpc_stream spreading = {.on_message = spread};
static const struct shoal_grpc_stream gathering = {.on_message = gather, .on_end = gathered};
static const struct shoal_grpc_stream chatting = {.on_message = chat,
                                                  .on_drained = shoal_grpc_resume};

void post_start(struct post *post)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 1;
    cfg.workers = 0;
    taken = 0;
    assert_int_equal(shoal_server_create(&cfg, &post->server), 0);
    struct shoal_grpc *grpc = shoal_grpc_create(post->server);
    shoal_grpc_unary(grpc, POST_SERVICE, "Unary", answer, NULL, NULL);
    shoal_grpc_streaming(grpc, POST_SERVICE, "Spread", SHOAL_GRPC_SERVER_STREAM, &spreading, NULL,
                         NULL);
    shoal_grpc_streaming(grpc, POST_SERVICE, "Gather", SHOAL_GRPC_CLIENT_STREAM, &gathering, NULL,
                         NULL);
    shoal_grpc_streaming(grpc, POST_SERVICE, "Chat", SHOAL_GRPC_BIDI, &chatting, NULL, NULL);
    struct shoal_grpc_cfg grpc_cfg = SHOAL_GRPC_CFG_INIT;
    grpc_cfg.max_age_ms = post->max_age_ms;
    shoal_listen_grpc(post->server, post->url, grpc, &grpc_cfg, NULL);
    assert_int_equal(shoal_server_start(post->server), 0);
}

void post_stop(struct post *post, int64_t drain_ms)
{
    if (!post->server)
        return;
    assert_int_equal(shoal_server_drain(post->server, drain_ms, NULL), 0);
    assert_int_equal(shoal_server_destroy(&post->server), 0);
}

int post_setup(void **state)
{
    struct post *post = calloc(1, sizeof(*post));
    snprintf(post->folder, sizeof(post->folder), "/tmp/shoal-post-XXXXXX");
    assert_non_null(mkdtemp(post->folder));
    snprintf(post->url, sizeof(post->url), "unix:%s/socket", post->folder);
    post_start(post);
    *state = post;
    return 0;
}

int post_teardown(void **state)
{
    struct post *post = *state;
    post_stop(post, 0);
    (void)unlink(post->url + strlen("unix:"));
    assert_int_equal(rmdir(post->folder), 0);
    free(post);
    return 0;
}

/* Calls */

struct shoal_rpc_cfg post_unary(const Parcels__Parcel *parcel)
{
    return (struct shoal_rpc_cfg){
        .service = POST_SERVICE, .method = "Unary", .request = parcel, .deadline_ms = PATIENCE_MS};
}

struct shoal_rpc_cfg post_streaming(const char *method, enum shoal_grpc_kind kind)
{
    return (struct shoal_rpc_cfg){
        .service = POST_SERVICE, .method = method, .kind = kind, .deadline_ms = PATIENCE_MS};
}

struct shoal_grpc_client *post_client(const struct post *post)
{
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    struct shoal_grpc_client *client = NULL;
    cfg.backoff_ms = 5;
    assert_int_equal(shoal_grpc_client_open(post->url, &cfg, &client), 0);
    return client;
}

int post_ask(struct shoal_grpc_client *client, const char *label)
{
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    struct shoal_rpc_cfg cfg = post_unary(&parcel);
    struct shoal_grpc_result *result = NULL;
    parcel.label = (char *)(uintptr_t)label;
    int status = shoal_grpc_client_call(client, &cfg, &result);
    shoal_grpc_result_free(&result);
    return status;
}
