/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server for attacks.py: methods that are slow on purpose, on limits that the test gives as
 * NAME=NUMBER arguments. Prints its URL and serves until its standard input ends.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <parcel.pb-c.h>

#include <shoal/error.h>
#include <shoal/grpc.h>

extern const unsigned char parcel_set[];
extern const size_t parcel_set_size;

static atomic_uint unary_runs, spread_sent, gather_got;
static atomic_int spread_status = -1;

/* Unary, in the pool: sleeps `count` ms. */
static int sleep_in_pool(struct shoal_grpc_call *call, const void *request, void *reply)
{
    (void)call;
    const Parcels__Parcel *asked = request;
    struct timespec wait = {asked->count / 1000, (long)(asked->count % 1000) * 1000000};
    nanosleep(&wait, NULL);
    ((Parcels__Parcel *)reply)->count = atomic_fetch_add(&unary_runs, 1) + 1;
    return SHOAL_GRPC_OK;
}

/* Spread: copies without an end, as far as the client reads them. */
static void spread_on(struct shoal_grpc_call *call)
{
    int rc = 0;
    while (rc == 0) {
        rc = shoal_grpc_send(call, shoal_grpc_data(call));
        atomic_fetch_add(&spread_sent, 1);
    }
    if (rc < 0)
        shoal_grpc_finish(call, SHOAL_GRPC_ABORTED);
}

static int begin_spreading(struct shoal_grpc_call *call, const void *request)
{
    shoal_grpc_set_data(call, (void *)(uintptr_t)request);
    spread_on(call);
    return SHOAL_GRPC_LATER;
}

static void end_spreading(struct shoal_grpc_call *call, int status)
{
    (void)call;
    atomic_store(&spread_status, status);
}

/* Gather: takes a message and then none, until the timer, a second later. Chat: the same in the
 * pool, whose worker sleeps. */
struct rest {
    struct shoal_timer timer;
    struct shoal_grpc_call *call;
};

static void wake(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    shoal_grpc_resume(((struct rest *)arg)->call);
}

static int begin_gathering(struct shoal_grpc_call *call)
{
    struct rest *rest = calloc(1, sizeof(*rest));
    if (!rest)
        return SHOAL_GRPC_RESOURCE_EXHAUSTED;
    rest->call = call;
    shoal_timer_init(&rest->timer, wake, rest);
    shoal_grpc_set_data(call, rest);
    return SHOAL_GRPC_LATER;
}

static int gather(struct shoal_grpc_call *call, const void *request)
{
    (void)request;
    struct rest *rest = shoal_grpc_data(call);
    if (atomic_fetch_add(&gather_got, 1) == 0) {
        shoal_grpc_pause(call);
        shoal_timer_start(shoal_grpc_loop(call), &rest->timer, 1000);
    }
    return SHOAL_GRPC_LATER;
}

static int gathered(struct shoal_grpc_call *call)
{
    Parcels__Parcel reply = PARCELS__PARCEL__INIT;
    reply.count = atomic_load(&gather_got);
    return shoal_grpc_send(call, &reply) < 0 ? SHOAL_GRPC_RESOURCE_EXHAUSTED : SHOAL_GRPC_OK;
}

static void end_gathering(struct shoal_grpc_call *call, int status)
{
    (void)status;
    struct rest *rest = shoal_grpc_data(call);
    if (rest)
        shoal_timer_stop(&rest->timer);
    free(rest);
}

static int chat_in_pool(struct shoal_grpc_call *call, const void *request)
{
    (void)call;
    (void)request;
    if (atomic_fetch_add(&gather_got, 1) == 0)
        nanosleep(&(struct timespec){1, 0}, NULL);
    return SHOAL_GRPC_LATER;
}

static const struct shoal_grpc_stream spreading = {
    .on_message = begin_spreading, .on_drained = spread_on, .on_close = end_spreading};
static const struct shoal_grpc_stream gathering = {.on_open = begin_gathering,
                                                   .on_message = gather,
                                                   .on_end = gathered,
                                                   .on_close = end_gathering};
static const struct shoal_grpc_stream chatting = {.on_message = chat_in_pool, .on_end = gathered};

static void add_methods(struct shoal_grpc *grpc)
{
    struct shoal_grpc_method_cfg in_pool = SHOAL_GRPC_METHOD_CFG_INIT;
    const ProtobufCServiceDescriptor *post = &parcels__post__descriptor;
    in_pool.in_pool = true;
    shoal_grpc_unary(grpc, post, "Unary", sleep_in_pool, NULL, &in_pool);
    shoal_grpc_streaming(grpc, post, "Spread", SHOAL_GRPC_SERVER_STREAM, &spreading, NULL, NULL);
    shoal_grpc_streaming(grpc, post, "Gather", SHOAL_GRPC_CLIENT_STREAM, &gathering, NULL, NULL);
    shoal_grpc_streaming(grpc, post, "Chat", SHOAL_GRPC_BIDI, &chatting, NULL, &in_pool);
    shoal_grpc_health(grpc);
    shoal_grpc_reflect(grpc, shoal_view(parcel_set, parcel_set_size));
}

/* The number behind NAME= among the arguments. */
static long given(char **argv, const char *name, long otherwise)
{
    size_t size = strlen(name);
    for (; *argv; argv++) {
        if (strncmp(*argv, name, size) == 0 && (*argv)[size] == '=')
            return strtol(*argv + size + 1, NULL, 10);
    }
    return otherwise;
}

static int listen_with(struct shoal_server *server, char **argv, struct shoal_listener **listener)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    struct shoal_grpc_cfg cfg = SHOAL_GRPC_CFG_INIT;
    struct shoal_grpc *grpc = shoal_grpc_create(server);
    add_methods(grpc);
    limits.idle_ms = 0;
    limits.write_stall_ms = given(argv, "write_stall_ms", limits.write_stall_ms);
    listen.limits = &limits;
    cfg.listen = &listen;
    cfg.max_calls = (uint32_t)given(argv, "max_calls", 0);
    cfg.max_calls_per_connection =
        (uint32_t)given(argv, "max_calls_per_connection", cfg.max_calls_per_connection);
    return shoal_listen_grpc(server, "tcp://127.0.0.1:0", grpc, &cfg, listener);
}

/* Each line of the standard input asks for the counters. */
static void tell_counters(void)
{
    char line[16];
    while (fgets(line, sizeof(line), stdin))
        fprintf(stderr, "runs=%u sent=%u got=%u status=%d\n", atomic_load(&unary_runs),
                atomic_load(&spread_sent), atomic_load(&gather_got), atomic_load(&spread_status));
}

int main(int argc, char **argv)
{
    (void)argc;
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    struct shoal_server *server;
    struct shoal_listener *listener;
    cfg.loops = 1;
    cfg.workers = 1;
    cfg.pool_capacity = (size_t)given(argv, "pool_capacity", 1000);
    cfg.pool_shed_target_ms = given(argv, "shed_target_ms", 0);
    shoal_server_create(&cfg, &server);
    if (listen_with(server, argv, &listener) < 0 || shoal_server_start(server) < 0) {
        fprintf(stderr, "%s\n", shoal_server_error(server));
        return 1;
    }
    fprintf(stderr, "msg=listening url=%s\n", shoal_listener_url(listener));
    tell_counters();
    shoal_server_drain(server, 5000, NULL);
    return shoal_server_destroy(&server) < 0;
}
