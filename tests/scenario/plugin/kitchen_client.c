/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kitchen_client URL: what protoc-gen-shoal has generated for clients, on a kitchen_server: every
 * kind of call, blocking, then on a loop. Exits with the number of the check that failed.
 */
#include <stdio.h>
#include <string.h>

#include <shoal/shoal.h>

#include "kitchen-v2.shoal.h"

#define KITCHEN(name) fish__kitchen__v2beta1__allcaps__httpkitchen_v2##name
typedef FishKitchen__V2beta1__ALLCAPS__Outer__Inner__DeepOne deep_one;
typedef FishKitchen__V2beta1__ALLCAPS__LowerCase lower_case;

enum { PATIENCE_MS = 30000 };

static const char *url;
static const struct shoal_rpc_cfg patient = {.deadline_ms = PATIENCE_MS};

/* Blocking */

static bool gets_url(struct shoal_grpc_client *client)
{
    deep_one request = FISH__KITCHEN__V2BETA1__ALLCAPS__OUTER__INNER__DEEP_ONE__INIT;
    request.text = (char[]){"cod"};
    struct shoal_grpc_result *result = NULL;
    bool good = KITCHEN(__get_url__client_call)(client, &request, &patient, &result) == 0 &&
                strcmp(KITCHEN(__get_url__result_reply)(result)->text, "cod cod") == 0;
    shoal_grpc_result_free(&result);
    return good;
}

static bool lists_all(struct shoal_grpc_client *client)
{
    Parts__V1__Part__Piece piece = PARTS__V1__PART__PIECE__INIT;
    piece.has_count = true;
    piece.count = 5;
    struct shoal_grpc_talk *talk = NULL;
    const Plain *plain;
    uint32_t last = 0;
    if (KITCHEN(__list_all__talk_begin)(client, &piece, NULL, &talk) < 0)
        return false;
    while (KITCHEN(__list_all__talk_receive)(talk, &plain) == 1 && plain->number == last + 1)
        last = plain->number;
    return shoal_grpc_talk_finish(&talk, NULL) == 0 && last == 5;
}

static bool gathers(struct shoal_grpc_client *client)
{
    Plain plain = PLAIN__INIT;
    struct shoal_grpc_talk *talk = NULL;
    struct shoal_grpc_result *result = NULL;
    if (KITCHEN(__gather2__talk_begin)(client, &patient, &talk) < 0)
        return false;
    for (plain.number = 1; plain.number <= 100; plain.number++)
        (void)KITCHEN(__gather2__talk_send)(talk, &plain);
    bool good = shoal_grpc_talk_finish(&talk, &result) == 0 &&
                KITCHEN(__gather2__result_reply)(result)->sum == 5050;
    shoal_grpc_result_free(&result);
    return good;
}

static bool talks(struct shoal_grpc_client *client)
{
    lower_case said = FISH__KITCHEN__V2BETA1__ALLCAPS__LOWER_CASE__INIT;
    struct shoal_grpc_talk *talk = NULL;
    const deep_one *heard;
    char text[16];
    bool good = KITCHEN(__talk__talk_begin)(client, &patient, &talk) == 0;
    said.text = text;
    for (int i = 0; i < 10 && good; i++) {
        snprintf(text, sizeof(text), "%d", i);
        good = KITCHEN(__talk__talk_send)(talk, &said) == 0 &&
               KITCHEN(__talk__talk_receive)(talk, &heard) == 1 && strcmp(heard->text, text) == 0;
    }
    return good && shoal_grpc_talk_finish(&talk, NULL) == 0;
}

static int check_blocking(void)
{
    struct shoal_grpc_client *client = NULL;
    int failed = 0;
    if (shoal_grpc_client_open(url, NULL, &client) < 0)
        failed = 1;
    else if (!gets_url(client))
        failed = 2;
    else if (!lists_all(client))
        failed = 3;
    else if (!gathers(client))
        failed = 4;
    else if (!talks(client))
        failed = 5;
    (void)shoal_grpc_client_close(&client);
    return failed;
}

/* On a loop: all four at once; the last one to end drains the server. */

static struct shoal_grpc_channel *channel;
static unsigned left = 4, good;

static void end_call(struct shoal_rpc *rpc, bool is_good)
{
    (void)rpc;
    good += is_good;
    if (--left == 0)
        shoal_server_request_drain(shoal_loop_server(shoal_loop_current()));
}

static void got_url(struct shoal_rpc *rpc, int status, void *arg)
{
    (void)arg;
    end_call(rpc, status == 0 && strcmp(KITCHEN(__get_url__rpc_reply)(rpc)->text, "a a") == 0);
}

static void gathered(struct shoal_rpc *rpc, int status, void *arg)
{
    (void)arg;
    end_call(rpc, status == 0 && KITCHEN(__gather2__rpc_reply)(rpc)->sum == 42);
}

static void count_reply(struct shoal_rpc *rpc, const void *reply, void *arg)
{
    (void)rpc;
    (void)reply;
    ++*(unsigned *)arg;
}

static void counted(struct shoal_rpc *rpc, int status, void *arg)
{
    end_call(rpc, status == 0 && *(unsigned *)arg == 3);
}

static int start_calls(struct shoal_loop *loop)
{
    static unsigned listed, heard;
    deep_one text = FISH__KITCHEN__V2BETA1__ALLCAPS__OUTER__INNER__DEEP_ONE__INIT;
    lower_case said = FISH__KITCHEN__V2BETA1__ALLCAPS__LOWER_CASE__INIT;
    Parts__V1__Part__Piece piece = PARTS__V1__PART__PIECE__INIT;
    Plain plain = PLAIN__INIT;
    text.text = said.text = (char[]){"a"};
    piece.has_count = true;
    piece.count = 3;
    plain.number = 42;
    struct shoal_rpc_cfg get = {.done = got_url}, gather = {.done = gathered};
    struct shoal_rpc_cfg list = {.on_reply = count_reply, .done = counted, .arg = &listed};
    struct shoal_rpc_cfg talk = {.on_reply = count_reply, .done = counted, .arg = &heard};
    struct shoal_rpc *rpc = NULL;

    int rc = shoal_grpc_channel_create(loop, url, NULL, &channel);
    rc = rc ? rc : KITCHEN(__get_url__rpc_start)(channel, &text, &get, NULL);
    rc = rc ? rc : KITCHEN(__list_all__rpc_start)(channel, &piece, &list, NULL);
    rc = rc ? rc : KITCHEN(__gather2__rpc_start)(channel, &gather, &rpc);
    rc = rc ? rc : KITCHEN(__gather2__rpc_send)(rpc, &plain);
    rc = rc ? rc : shoal_rpc_end(rpc);
    rc = rc ? rc : KITCHEN(__talk__rpc_start)(channel, &talk, &rpc);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = KITCHEN(__talk__rpc_send)(rpc, &said);
    return rc ? rc : shoal_rpc_end(rpc);
}

static int check_on_loop(void)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    struct shoal_server *server = NULL;
    cfg.loops = 1;
    cfg.on_loop_start = start_calls;
    int rc = shoal_server_create(&cfg, &server);
    rc = rc ? rc : shoal_run(server, NULL);
    (void)shoal_server_destroy(&server);
    return rc == 0 && good == 4 ? 0 : 6;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    url = argv[1];
    int failed = check_blocking();
    return failed ? failed : check_on_loop();
}
