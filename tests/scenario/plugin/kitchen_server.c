/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods of all four kinds by what protoc-gen-shoal has generated: on the loop, in the pool,
 * answered from elsewhere, and two tables for one service. Says where it listens, and runs until it
 * is told to end.
 */
#include <stdio.h>
#include <stdlib.h>

#include <shoal/shoal.h>

#include "kitchen-v2.shoal.h"
#include "plain.shoal.h"

/* Long, so that they are heard of twice only. */
#define KITCHEN(name) fish__kitchen__v2beta1__allcaps__httpkitchen_v2##name
#define OTHER(name) fish__kitchen__v2beta1__allcaps__b##name
typedef FishKitchen__V2beta1__ALLCAPS__Outer__Inner__DeepOne deep_one;

static int no_memory(struct shoal_grpc_call *call)
{
    return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static int get_url(struct shoal_grpc_call *call, const deep_one *request,
                   FishKitchen__V2beta1__ALLCAPS__URL2Go *reply)
{
    reply->text = shoal_grpc_printf(call, "%s %s", request->text, request->text);
    return reply->text ? SHOAL_GRPC_OK : no_memory(call);
}

static int list_all(struct shoal_grpc_call *call, const Parts__V1__Part__Piece *piece)
{
    Plain plain = PLAIN__INIT;
    while (plain.number < piece->count) {
        plain.number++;
        if (KITCHEN(__list_all__send)(call, &plain) < 0)
            return no_memory(call);
    }
    return SHOAL_GRPC_OK;
}

static int begin_sum(struct shoal_grpc_call *call)
{
    Parts__V1__Part *sum = malloc(sizeof(*sum));
    shoal_grpc_set_data(call, sum);
    if (!sum)
        return no_memory(call);
    parts__v1__part__init(sum);
    sum->has_sum = true;
    return SHOAL_GRPC_LATER;
}

static int add(struct shoal_grpc_call *call, const Plain *plain)
{
    Parts__V1__Part *sum = shoal_grpc_data(call);
    sum->sum += plain->number;
    return SHOAL_GRPC_LATER;
}

static int send_sum(struct shoal_grpc_call *call)
{
    return KITCHEN(__gather2__send)(call, shoal_grpc_data(call)) < 0 ? no_memory(call)
                                                                     : SHOAL_GRPC_OK;
}

static int talk(struct shoal_grpc_call *call, const FishKitchen__V2beta1__ALLCAPS__LowerCase *said)
{
    deep_one reply = FISH__KITCHEN__V2BETA1__ALLCAPS__OUTER__INNER__DEEP_ONE__INIT;
    reply.text = said->text;
    int rc = KITCHEN(__talk__send)(call, &reply);
    if (rc == 1)
        shoal_grpc_pause(call);
    return rc < 0 ? no_memory(call) : SHOAL_GRPC_LATER;
}

static void end_sum(struct shoal_grpc_call *call, int status)
{
    (void)status;
    free(shoal_grpc_data(call));
}

static const struct KITCHEN(_handlers) on_loop = {
    .get_url = get_url,
    .gather2 = {.on_open = begin_sum, .on_message = add, .on_end = send_sum, .on_close = end_sum},
    .talk = {.on_message = talk, .on_drained = shoal_grpc_resume},
};
static const struct KITCHEN(_handlers) in_pool = {.list_all = {.on_message = list_all}};

/* B.A is answered by its id; its arg is the server. */
static int a(struct shoal_grpc_call *call, const Plain *request, Plain *reply)
{
    reply->number = request->number + 1;
    (void)OTHER(__a__answer)(shoal_grpc_arg(call), shoal_grpc_get_id(call), reply);
    return SHOAL_GRPC_LATER;
}

static const struct OTHER(_handlers) other = {.a = a};
static const struct plain_service_handlers nothing = {.twice = NULL};

static struct shoal_listener *listener;

static void running(struct shoal_server *server)
{
    (void)server;
    fprintf(stderr, "listening on %s\n", shoal_listener_url(listener));
}

int main(void)
{
    struct shoal_grpc_method_cfg pool = SHOAL_GRPC_METHOD_CFG_INIT;
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    struct shoal_server *server = NULL;
    pool.in_pool = true;
    cfg.on_running = running;
    if (shoal_server_create(&cfg, &server) < 0)
        return 1;
    struct shoal_grpc *grpc = shoal_grpc_create(server);
    bool registered = KITCHEN(_register)(grpc, &on_loop, NULL, NULL) == 0 &&
                      KITCHEN(_register)(grpc, &in_pool, NULL, &pool) == 0 &&
                      OTHER(_register)(grpc, &other, server, NULL) == 0 &&
                      plain_service_register(grpc, &nothing, NULL, NULL) == 0 &&
                      KITCHEN(_reflect)(grpc) == 0 && OTHER(_reflect)(grpc) == 0;
    shoal_listen_grpc(server, "tcp://127.0.0.1:0", grpc, NULL, &listener);
    int rc = registered ? shoal_run(server, NULL) : 1;
    (void)shoal_server_destroy(&server);
    return rc != 0;
}
