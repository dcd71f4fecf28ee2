/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reflection's questions and answers; see reflect.h. The numbers are those of reflection.proto,
 * the same in both versions.
 */
#include "call/reflect.h"

#include <stdlib.h>
#include <sysexits.h>

#include <shoal/error.h>

#include "host.h"
#include "parse.h"

enum { ASKS_FILE = 3, ASKS_SYMBOL = 4, ASKS_SERVICES = 7 };
enum { SAYS_FILES = 4, SAYS_SERVICES = 6, SAYS_ERROR = 7 };

static const char *const paths[] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

enum { VERSIONS = sizeof(paths) / sizeof(paths[0]) };

static void fetch_missing(void *arg, const char *name)
{
    (void)reflection_fetch(arg, name);
}

void reflection_init(struct reflection *reflection, struct remote *remote, struct schema *schema)
{
    *reflection = (struct reflection){.remote = remote, .schema = schema};
    schema_on_missing(schema, fetch_missing, reflection);
}

void reflection_fini(struct reflection *reflection)
{
    if (reflection->talk)
        shoal_grpc_talk_cancel(reflection->talk);
    if (reflection->talk)
        (void)shoal_grpc_talk_finish(&reflection->talk, NULL);
}

/* Says why no answer came. Returns an exit code. */
static int explain(const struct remote *remote, int status, const struct shoal_grpc_result *result)
{
    const char *advice = status == SHOAL_GRPC_UNAVAILABLE ? remote_advice(remote) : "";
    struct bytes text = {0};
    if (status < 0)
        return host_fail(remote->options, host_exit_code(status), "cannot ask %s: %s", remote->url,
                         shoal_strerror(status));
    if (status == SHOAL_GRPC_UNIMPLEMENTED)
        return host_fail(remote->options, status,
                         "%s has no server reflection, without which its messages are not known "
                         "(%d %s); have the server register it",
                         remote->url, status, shoal_grpc_status_name(status));
    bytes_harmless(&text, shoal_view_of(result->text));
    host_fail(remote->options, status, "asking %s for its services: %d %s: %.*s%s", remote->url,
              status, shoal_grpc_status_name(status), (int)text.size, text.data ? text.data : "",
              advice);
    bytes_fini(&text);
    return status == SHOAL_GRPC_OK ? EX_PROTOCOL : status;
}

/* The stream is over without an answer. Sets *again where the other version may be served. */
static int end_early(struct reflection *reflection, bool *again)
{
    struct shoal_grpc_result *result = NULL;
    int status = shoal_grpc_talk_finish(&reflection->talk, &result);
    *again = status == SHOAL_GRPC_UNIMPLEMENTED && !reflection->asked &&
             reflection->version + 1 < VERSIONS;
    if (*again)
        reflection->version++;
    int code = *again ? status : explain(reflection->remote, status, result);
    shoal_grpc_result_free(&result);
    return code;
}

/* The answer lives until the next question. */
static int ask_once(struct reflection *reflection, struct shoal_view question,
                    struct shoal_view *out_answer, bool *again)
{
    const void *answer;
    *again = false;
    if (!reflection->talk) {
        int code = remote_begin(reflection->remote, paths[reflection->version], SHOAL_GRPC_BIDI,
                                NULL, &reflection->talk);
        if (code != 0)
            return code;
    }
    if (shoal_grpc_talk_send(reflection->talk, &question) < 0 ||
        shoal_grpc_talk_receive(reflection->talk, &answer) != 1)
        return end_early(reflection, again);
    reflection->asked = true;
    *out_answer = *(const struct shoal_view *)answer;
    return 0;
}

static int ask(struct reflection *reflection, uint32_t what, const char *about,
               struct shoal_view *out_answer)
{
    struct bytes question = {0};
    bool again;
    int code;
    wire_add_bytes(&question, what, shoal_view_of(about));
    do {
        code = ask_once(reflection, bytes_view(&question), out_answer, &again);
    } while (again);
    bytes_fini(&question);
    return code;
}

static struct shoal_view part_of(struct shoal_view message, uint32_t number)
{
    struct wire_field field;
    return wire_last(message, number, WIRE_BYTES, &field) ? field.bytes : shoal_view(NULL, 0);
}

/* Files */

static int add_files(struct reflection *reflection, const char *about, struct shoal_view answer)
{
    struct shoal_view files = part_of(answer, SAYS_FILES);
    struct wire_field field;
    while (wire_next(&files, &field)) {
        if (field.number == 1 && field.type == WIRE_BYTES &&
            !schema_add_file(reflection->schema, field.bytes))
            return host_fail(reflection->remote->options, EX_PROTOCOL,
                             "what %s says about '%s' makes no sense", reflection->remote->url,
                             about);
    }
    return 0;
}

/* All that is imported, as the server tells it or not. */
static int fetch_imports(struct reflection *reflection)
{
    const char *file;
    int code = 0;
    while (code == 0 && (file = schema_next_import(reflection->schema))) {
        struct shoal_view answer;
        code = ask(reflection, ASKS_FILE, file, &answer);
        if (code == 0)
            code = add_files(reflection, file, answer);
    }
    return code;
}

int reflection_fetch(struct reflection *reflection, const char *symbol)
{
    struct shoal_view answer;
    int code = ask(reflection, ASKS_SYMBOL, symbol, &answer);
    if (code == 0)
        code = add_files(reflection, symbol, answer);
    return code == 0 ? fetch_imports(reflection) : code;
}

/* Services */

int reflection_list(struct reflection *reflection, void (*each)(void *arg, struct shoal_view name),
                    void *arg)
{
    struct shoal_view answer;
    struct wire_field field;
    int code = ask(reflection, ASKS_SERVICES, "*", &answer);
    if (code != 0)
        return code;
    struct shoal_view services = part_of(answer, SAYS_SERVICES);
    while (wire_next(&services, &field)) {
        if (field.number == 1 && field.type == WIRE_BYTES)
            each(arg, part_of(field.bytes, 1));
    }
    if (!part_of(answer, SAYS_SERVICES).data && part_of(answer, SAYS_ERROR).data)
        return host_fail(reflection->remote->options, EX_PROTOCOL, "%s does not list its services",
                         reflection->remote->url);
    return 0;
}
