/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server's part. The typed handlers stand in a table of the application's, which the library
 * keeps beside the method; what the library calls looks them up there, so that no function is
 * called as one of another type.
 */
#include "parts.h"

static const char unary_handler[] = "    int (*$method$)(\n"
                                    "        struct shoal_grpc_call *call,\n"
                                    "        const $input$ *request,\n"
                                    "        $output$ *reply);\n";

static const char stream_handlers_begin[] =
    "    struct {\n"
    "        int (*on_open)(struct shoal_grpc_call *call);\n"
    "        int (*on_message)(struct shoal_grpc_call *call, const $input$ *request);\n";

static const char stream_handlers_end[] =
    "        void (*on_drained)(struct shoal_grpc_call *call);\n"
    "        void (*on_close)(struct shoal_grpc_call *call, int status);\n"
    "    } $method$;\n";

static const char registration[] = "/*\n"
                                   " * Registers the methods that the table has a handler for; the "
                                   "others may follow with another\n"
                                   " * table, or are answered UNIMPLEMENTED. The table is "
                                   "borrowed. `arg` is shoal_grpc_arg(); a NULL\n"
                                   " * `cfg` means SHOAL_GRPC_METHOD_CFG_INIT. Returns as "
                                   "shoal_grpc_unary(). Thread: any, while the\n"
                                   " * server does not run.\n"
                                   " */\n"
                                   "int $service$_register(\n"
                                   "    struct shoal_grpc *grpc,\n"
                                   "    const struct $service$_handlers *handlers,\n"
                                   "    void *arg,\n"
                                   "    const struct shoal_grpc_method_cfg *cfg);\n"
                                   "\n";

static const char sending[] = "static inline int $service$__$method$__send(\n"
                              "    struct shoal_grpc_call *call,\n"
                              "    const $output$ *reply)\n"
                              "{\n"
                              "    return shoal_grpc_send(call, reply);\n"
                              "}\n"
                              "\n";

static const char answering[] =
    "static inline int $service$__$method$__answer(\n"
    "    struct shoal_server *server,\n"
    "    struct shoal_grpc_id id,\n"
    "    const $output$ *reply)\n"
    "{\n"
    "    return shoal_grpc_answer(server, id, (const ProtobufCMessage *)reply);\n"
    "}\n"
    "\n";

static void declare_handler(FILE *out, const struct method *method)
{
    put_comment(out, "    ", method);
    if (method->kind == UNARY) {
        put(out, unary_handler, method->words);
        return;
    }
    put(out, stream_handlers_begin, method->words);
    if (method->kind != SERVER_STREAM)
        put(out, "        int (*on_end)(struct shoal_grpc_call *call);\n", method->words);
    put(out, stream_handlers_end, method->words);
}

void server_declare(FILE *out, const struct service *service)
{
    put(out, "/* What a server does. Streams are as struct shoal_grpc_stream has them. */\n",
        service->words);
    put(out, "struct $service$_handlers {\n", service->words);
    for (size_t i = 0; i < service->count; i++) {
        if (i > 0)
            fputs("\n", out);
        declare_handler(out, &service->methods[i]);
    }
    put(out, "};\n\n", service->words);
    put(out, registration, service->words);

    put(out,
        "/* shoal_grpc_send() and, where there is one reply, shoal_grpc_answer(). Thread: as they. "
        "*/\n",
        service->words);
    for (size_t i = 0; i < service->count; i++) {
        const struct method *method = &service->methods[i];
        put(out, sending, method->words);
        if (method->kind == UNARY || method->kind == CLIENT_STREAM)
            put(out, answering, method->words);
    }
}

static const char run_unary[] = "static int $service$__$method$__run(\n"
                                "    struct shoal_grpc_call *call,\n"
                                "    const void *request,\n"
                                "    void *reply)\n"
                                "{\n"
                                "    const struct $service$_handlers *handlers = "
                                "shoal_grpc_handlers(call);\n"
                                "    return handlers->$method$(call, request, reply);\n"
                                "}\n"
                                "\n";

static const char run_stream[] = "static int $service$__$method$__run(\n"
                                 "    struct shoal_grpc_call *call,\n"
                                 "    const void *request)\n"
                                 "{\n"
                                 "    const struct $service$_handlers *handlers = "
                                 "shoal_grpc_handlers(call);\n"
                                 "    return handlers->$method$.on_message(call, request);\n"
                                 "}\n"
                                 "\n";

static const char register_begin[] =
    "int $service$_register(\n"
    "    struct shoal_grpc *grpc,\n"
    "    const struct $service$_handlers *handlers,\n"
    "    void *arg,\n"
    "    const struct shoal_grpc_method_cfg *cfg)\n"
    "{\n"
    "    const ProtobufCServiceDescriptor *service = &$service$__descriptor;\n"
    "    struct shoal_grpc_method_cfg with_handlers = SHOAL_GRPC_METHOD_CFG_INIT;\n"
    "    int rc = 0;\n"
    "    if (cfg)\n"
    "        with_handlers = *cfg;\n"
    "    with_handlers.handlers = handlers;\n"
    "\n";

static const char register_unary[] =
    "    if (rc == 0 && handlers->$method$)\n"
    "        rc = shoal_grpc_unary(grpc, service, \"$Method$\", $service$__$method$__run,\n"
    "                              arg, &with_handlers);\n"
    "\n";

static const char register_stream_begin[] = "    if (rc == 0 && handlers->$method$.on_message) {\n"
                                            "        struct shoal_grpc_stream stream = {\n"
                                            "            .on_open = handlers->$method$.on_open,\n"
                                            "            .on_message = $service$__$method$__run,\n";

static const char register_stream_end[] =
    "            .on_drained = handlers->$method$.on_drained,\n"
    "            .on_close = handlers->$method$.on_close,\n"
    "        };\n"
    "        rc = shoal_grpc_streaming(grpc, service, \"$Method$\", $kind$,\n"
    "                                  &stream, arg, &with_handlers);\n"
    "    }\n"
    "\n";

static void define_registration(FILE *out, const struct method *method)
{
    if (method->kind == UNARY) {
        put(out, register_unary, method->words);
        return;
    }
    put(out, register_stream_begin, method->words);
    if (method->kind != SERVER_STREAM)
        put(out, "            .on_end = handlers->$method$.on_end,\n", method->words);
    put(out, register_stream_end, method->words);
}

void server_define(FILE *out, const struct service *service)
{
    for (size_t i = 0; i < service->count; i++) {
        const struct method *method = &service->methods[i];
        put(out, method->kind == UNARY ? run_unary : run_stream, method->words);
    }
    put(out, register_begin, service->words);
    for (size_t i = 0; i < service->count; i++)
        define_registration(out, &service->methods[i]);
    put(out, "    return rc;\n}\n", service->words);
}
