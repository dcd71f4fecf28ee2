/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client's part: the library's calls with the method filled in, and its messages' types. Each
 * name ends as that of the function that it wraps: S__M__rpc_start is shoal_rpc_start() of M.
 *
 *                     on a loop                        blocking
 *     unary           rpc_start rpc_reply              client_call result_reply
 *     server stream   rpc_start                        talk_begin talk_receive
 *     client stream   rpc_start rpc_send rpc_reply     talk_begin talk_send result_reply
 *     bidi            rpc_start rpc_send               talk_begin talk_send talk_receive
 */
#include <stdbool.h>

#include "parts.h"

static bool has_one_request(const struct method *method)
{
    return method->kind == UNARY || method->kind == SERVER_STREAM;
}

static bool has_one_reply(const struct method *method)
{
    return method->kind == UNARY || method->kind == CLIENT_STREAM;
}

/* The head of what begins a call, without what stands behind it. */
static void put_begin_head(FILE *out, const char *name, const struct method *method)
{
    put(out, name, method->words);
    if (has_one_request(method))
        put(out, "    const $input$ *request,\n", method->words);
    fputs("    const struct shoal_rpc_cfg *cfg,\n", out);
}

static const char rpc_start[] = "int $service$__$method$__rpc_start(\n"
                                "    struct shoal_grpc_channel *channel,\n";

static const char client_call[] = "int $service$__$method$__client_call(\n"
                                  "    struct shoal_grpc_client *client,\n";

static const char talk_begin[] = "int $service$__$method$__talk_begin(\n"
                                 "    struct shoal_grpc_client *client,\n";

static const char rpc_out[] = "    struct shoal_rpc **out_rpc)";
static const char result_out[] = "    struct shoal_grpc_result **out_result)";
static const char talk_out[] = "    struct shoal_grpc_talk **out_talk)";

static const char rpc_send[] = "static inline int $service$__$method$__rpc_send(\n"
                               "    struct shoal_rpc *rpc,\n"
                               "    const $input$ *request)\n"
                               "{\n"
                               "    return shoal_rpc_send(rpc, request);\n"
                               "}\n"
                               "\n";

static const char rpc_reply[] = "static inline const $output$ *$service$__$method$__rpc_reply(\n"
                                "    const struct shoal_rpc *rpc)\n"
                                "{\n"
                                "    return (const $output$ *)shoal_rpc_reply(rpc);\n"
                                "}\n"
                                "\n";

static const char result_reply[] =
    "static inline const $output$ *$service$__$method$__result_reply(\n"
    "    const struct shoal_grpc_result *result)\n"
    "{\n"
    "    return (const $output$ *)result->reply;\n"
    "}\n"
    "\n";

static const char talk_send[] = "static inline int $service$__$method$__talk_send(\n"
                                "    struct shoal_grpc_talk *talk,\n"
                                "    const $input$ *request)\n"
                                "{\n"
                                "    return shoal_grpc_talk_send(talk, request);\n"
                                "}\n"
                                "\n";

static const char talk_receive[] = "static inline int $service$__$method$__talk_receive(\n"
                                   "    struct shoal_grpc_talk *talk,\n"
                                   "    const $output$ **out_reply)\n"
                                   "{\n"
                                   "    const void *reply;\n"
                                   "    int rc = shoal_grpc_talk_receive(talk, &reply);\n"
                                   "    if (rc == 1)\n"
                                   "        *out_reply = (const $output$ *)reply;\n"
                                   "    return rc;\n"
                                   "}\n"
                                   "\n";

static void declare_on_loop(FILE *out, const struct method *method)
{
    put_begin_head(out, rpc_start, method);
    fprintf(out, "%s;\n\n", rpc_out);
    if (!has_one_request(method))
        put(out, rpc_send, method->words);
    if (has_one_reply(method))
        put(out, rpc_reply, method->words);
}

static void declare_blocking(FILE *out, const struct method *method)
{
    bool unary = method->kind == UNARY;
    put_begin_head(out, unary ? client_call : talk_begin, method);
    fprintf(out, "%s;\n\n", unary ? result_out : talk_out);
    if (!has_one_request(method))
        put(out, talk_send, method->words);
    if (!has_one_reply(method))
        put(out, talk_receive, method->words);
    else
        put(out, result_reply, method->words);
}

static const char explanation[] = "/*\n"
                                  " * What a client does: the functions of grpc_client.h that have "
                                  "these ends of names, with the\n"
                                  " * method's types. Of `cfg` the service, method, kind and "
                                  "request are filled in; for a blocking\n"
                                  " * call it may be NULL. Returns and Thread: as theirs.\n"
                                  " */\n";

void client_declare(FILE *out, const struct service *service)
{
    fputs(explanation, out);
    for (size_t i = 0; i < service->count; i++) {
        declare_on_loop(out, &service->methods[i]);
        declare_blocking(out, &service->methods[i]);
    }
}

static const char fill_in[] = "\n"
                              "static struct shoal_rpc_cfg fill_in(\n"
                              "    const struct shoal_rpc_cfg *cfg,\n"
                              "    const ProtobufCServiceDescriptor *service,\n"
                              "    const char *method,\n"
                              "    enum shoal_grpc_kind kind,\n"
                              "    const void *request)\n"
                              "{\n"
                              "    struct shoal_rpc_cfg own = {0};\n"
                              "    if (cfg)\n"
                              "        own = *cfg;\n"
                              "    own.service = service;\n"
                              "    own.method = method;\n"
                              "    own.kind = kind;\n"
                              "    own.request = request;\n"
                              "    return own;\n"
                              "}\n";

void client_define_help(FILE *out)
{
    fputs(fill_in, out);
}

static const char begin_body[] = "{\n"
                                 "    struct shoal_rpc_cfg own = fill_in(cfg,\n"
                                 "        &$service$__descriptor, \"$Method$\", $kind$, ";

/* Defines what begins a call; `call` is what the library's function is given. */
static void define_begin(FILE *out, const char *name, const char *outs, const char *call,
                         const struct method *method)
{
    fputs("\n", out);
    put_begin_head(out, name, method);
    fprintf(out, "%s\n", outs);
    put(out, begin_body, method->words);
    fprintf(out, "%s);\n    return %s;\n}\n", has_one_request(method) ? "request" : "NULL", call);
}

void client_define(FILE *out, const struct service *service)
{
    for (size_t i = 0; i < service->count; i++) {
        const struct method *method = &service->methods[i];
        define_begin(out, rpc_start, rpc_out, "shoal_rpc_start(channel, &own, out_rpc)", method);
        if (method->kind == UNARY)
            define_begin(out, client_call, result_out,
                         "shoal_grpc_client_call(client, &own, out_result)", method);
        else
            define_begin(out, talk_begin, talk_out, "shoal_grpc_talk_begin(client, &own, out_talk)",
                         method);
    }
}
