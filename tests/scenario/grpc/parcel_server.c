/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server for threads.py: methods that answer from elsewhere, a pool so small that it is soon
 * full, and streams in the pool. Prints its URL and serves until its standard input ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <parcel.pb-c.h>

#include <shoal/error.h>
#include <shoal/grpc.h>

extern const unsigned char parcel_set[];
extern const size_t parcel_set_size;

static struct shoal_server *server;

/* Unary: a thread of its own answers, once or (count 2) twice; count 3 answers a status. */
struct errand {
    struct shoal_grpc_id id;
    uint32_t count;
    char label[64];
};

static void *run_errand(void *arg)
{
    struct errand *errand = arg;
    Parcels__Parcel reply = PARCELS__PARCEL__INIT;
    reply.label = errand->label;
    if (errand->count == 3)
        shoal_grpc_answer_status(server, errand->id, SHOAL_GRPC_ABORTED, "from a thread");
    for (uint32_t i = 0; i < errand->count && errand->count < 3; i++)
        shoal_grpc_answer(server, errand->id, &reply.base);
    free(errand);
    return NULL;
}

static int answer_from_elsewhere(struct shoal_grpc_call *call, const void *request, void *reply)
{
    (void)reply;
    const Parcels__Parcel *asked = request;
    struct errand *errand = calloc(1, sizeof(*errand));
    pthread_t thread;
    if (!errand)
        return SHOAL_GRPC_RESOURCE_EXHAUSTED;
    errand->id = shoal_grpc_get_id(call);
    errand->count = asked->count;
    snprintf(errand->label, sizeof(errand->label), "%s later", asked->label);
    if (pthread_create(&thread, NULL, run_errand, errand) != 0) {
        free(errand);
        return SHOAL_GRPC_RESOURCE_EXHAUSTED;
    }
    pthread_detach(thread);
    return SHOAL_GRPC_LATER;
}

/* Spread, in the pool: `count` copies, with metadata, as far as the client reads them; a payload is
 * how many ms to sleep first. */
struct copies {
    const Parcels__Parcel *asked;
    uint32_t sent;
};

static int send_copies(struct shoal_grpc_call *call, struct copies *copies)
{
    int rc = 0;
    while (rc == 0 && copies->sent < copies->asked->count) {
        Parcels__Parcel reply = PARCELS__PARCEL__INIT;
        reply.label = shoal_grpc_printf(call, "%s %u", copies->asked->label, copies->sent++);
        rc = reply.label ? shoal_grpc_send(call, &reply) : -SHOAL_ENOMEM;
    }
    if (rc < 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "cannot send");
    return rc == 1 ? SHOAL_GRPC_LATER
                   : shoal_grpc_fail(call, SHOAL_GRPC_OK, "all %u", copies->sent);
}

static int begin_spreading(struct shoal_grpc_call *call)
{
    struct copies *copies = calloc(1, sizeof(*copies));
    shoal_grpc_set_data(call, copies);
    return copies ? SHOAL_GRPC_LATER : SHOAL_GRPC_RESOURCE_EXHAUSTED;
}

static int spread_in_pool(struct shoal_grpc_call *call, const void *request)
{
    struct copies *copies = shoal_grpc_data(call);
    copies->asked = request;
    struct timespec wait = {0, (long)copies->asked->payload.len * 1000000};
    nanosleep(&wait, NULL);
    shoal_grpc_add_initial(call, "x-method", shoal_view_of(shoal_grpc_method(call)));
    shoal_grpc_add_trailing(call, "x-peer", shoal_view_of(shoal_grpc_peer(call)));
    return send_copies(call, copies);
}

static void spread_on(struct shoal_grpc_call *call)
{
    int status = send_copies(call, shoal_grpc_data(call));
    if (status != SHOAL_GRPC_LATER)
        shoal_grpc_finish(call, status);
}

static void end_spreading(struct shoal_grpc_call *call, int status)
{
    (void)status;
    free(shoal_grpc_data(call));
}

/* Chat, in the pool: each request is answered by a worker, in order. */
static int chat_in_pool(struct shoal_grpc_call *call, const void *request)
{
    if (shoal_grpc_send(call, request) < 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "cannot send");
    return SHOAL_GRPC_LATER;
}

static int end_chat(struct shoal_grpc_call *call)
{
    return shoal_grpc_fail(call, SHOAL_GRPC_OUT_OF_RANGE, "no more");
}

static const struct shoal_grpc_stream spreading = {.on_open = begin_spreading,
                                                   .on_message = spread_in_pool,
                                                   .on_drained = spread_on,
                                                   .on_close = end_spreading};
static const struct shoal_grpc_stream chatting = {.on_message = chat_in_pool, .on_end = end_chat};

static void add_methods(struct shoal_grpc *grpc)
{
    struct shoal_grpc_method_cfg in_pool = SHOAL_GRPC_METHOD_CFG_INIT;
    in_pool.in_pool = true;
    const ProtobufCServiceDescriptor *post = &parcels__post__descriptor;
    shoal_grpc_unary(grpc, post, "Unary", answer_from_elsewhere, NULL, NULL);
    shoal_grpc_streaming(grpc, post, "Spread", SHOAL_GRPC_SERVER_STREAM, &spreading, NULL,
                         &in_pool);
    shoal_grpc_streaming(grpc, post, "Chat", SHOAL_GRPC_BIDI, &chatting, NULL, &in_pool);
    shoal_grpc_health(grpc);
    shoal_grpc_reflect(grpc, shoal_view(parcel_set, parcel_set_size));
}

/* Commands of the test: "+NAME" and "-NAME" set a service's health. */
static void obey(struct shoal_grpc *grpc)
{
    char line[100];
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        shoal_grpc_set_serving(grpc, line + 1, line[0] == '+');
    }
}

int main(void)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    struct shoal_listener *listener;
    cfg.loops = 2;
    cfg.workers = 1;
    cfg.pool_capacity = 2;
    shoal_server_create(&cfg, &server);
    struct shoal_grpc *grpc = shoal_grpc_create(server);
    add_methods(grpc);
    shoal_listen_grpc(server, "tcp://127.0.0.1:0", grpc, NULL, &listener);
    if (shoal_server_start(server) < 0) {
        fprintf(stderr, "%s\n", shoal_server_error(server));
        return 1;
    }
    fprintf(stderr, "msg=listening url=%s\n", shoal_listener_url(listener));
    obey(grpc);
    shoal_server_drain(server, 2000, NULL);
    return shoal_server_destroy(&server) < 0;
}
