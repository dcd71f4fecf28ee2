/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command `shoal call URL [METHOD [JSON...]]`: what is called is found by the server's
 * reflection. Without METHOD it lists, with the name of a service or message it describes that.
 */
#include "call/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "call/exchange.h"
#include "call/listing.h"
#include "call/reflect.h"
#include "host.h"
#include "nearest.h"

/* On the stack of call(). */
struct caller {
    const struct options *options;
    struct remote remote;
    struct schema *schema;
    struct reflection reflection;
    char **names; /* of the server's services */
    size_t name_count;
    bool failed; /* memory was out while they were gathered */
};

/* Services */

/* A copy that ends with NUL, which what is copied need not. */
static char *copy_text(struct shoal_view text)
{
    char *copy = malloc(text.size + 1);
    if (copy) {
        memcpy(copy, text.size > 0 ? text.data : "", text.size);
        copy[text.size] = '\0';
    }
    return copy;
}

static void keep_name(void *arg, struct shoal_view name)
{
    struct caller *caller = arg;
    char **names = realloc(caller->names, (caller->name_count + 1) * sizeof(*names));
    char *kept = copy_text(name);
    if (kept)
        make_harmless(kept, strlen(kept));
    if (names)
        caller->names = names;
    if (names && kept)
        names[caller->name_count++] = kept;
    else
        free(kept);
    caller->failed = caller->failed || !names || !kept;
}

static int gather_names(struct caller *caller)
{
    int code = reflection_list(&caller->reflection, keep_name, caller);
    if (code == 0 && caller->failed)
        return host_fail(caller->options, EX_OSERR, "out of memory");
    return code;
}

static int print(struct caller *caller, struct bytes *text)
{
    bool printed = !text->failed && fwrite(text->data, 1, text->size, stdout) == text->size &&
                   fflush(stdout) == 0;
    bytes_fini(text);
    return printed ? 0 : host_fail(caller->options, EX_IOERR, "cannot write the output");
}

static int list_services(struct caller *caller)
{
    struct bytes text = {0};
    int code = gather_names(caller);
    for (size_t i = 0; code == 0 && i < caller->name_count; i++) {
        const char *name = caller->names[i];
        code = reflection_fetch(&caller->reflection, name);
        const struct schema_service *service = schema_service(caller->schema, name);
        if (code == 0 && service)
            list_service(service, &text);
        else if (code == 0)
            bytes_format(&text, "%s (the server does not describe it)\n", name);
    }
    if (code == 0)
        return print(caller, &text);
    bytes_fini(&text);
    return code;
}

/* What is not there */

static int no_such_service(struct caller *caller, const char *name)
{
    int code = gather_names(caller);
    if (code != 0)
        return code;
    if (caller->name_count == 0)
        return host_fail(caller->options, EX_USAGE, "%s has no '%s', and no services at all",
                         caller->remote.url, name);
    return host_fail(caller->options, EX_USAGE,
                     "%s has no service, method or message '%s' (did you mean '%s'?); "
                     "'shoal call %s' lists what it has",
                     caller->remote.url, name,
                     nearest_name(name, (const char *const *)caller->names, caller->name_count),
                     caller->remote.url);
}

static int no_such_method(struct caller *caller, const struct schema_service *service,
                          const char *name)
{
    const char **names = calloc(service->method_count + 1, sizeof(*names));
    if (!names)
        return host_fail(caller->options, EX_OSERR, "out of memory");
    for (size_t i = 0; i < service->method_count; i++)
        names[i] = service->methods[i].name;
    const char *nearest =
        service->method_count > 0 ? nearest_name(name, names, service->method_count) : "";
    int code = host_fail(caller->options, EX_USAGE,
                         "the service %s of %s has no method '%s' (did you mean '%s'?)",
                         service->name, caller->remote.url, name, nearest);
    free(names);
    return code;
}

/* Calls and descriptions */

static int call_method(struct caller *caller, const struct schema_service *service,
                       const char *name)
{
    const struct schema_method *method = schema_method(service, name);
    if (!method)
        return no_such_method(caller, service, name);
    struct bytes path = {0};
    bytes_format(&path, "/%s/%s", service->name, name);
    if (path.failed)
        return host_fail(caller->options, EX_OSERR, "out of memory");
    char **documents = caller->options->arguments + 2;
    size_t count = (size_t)caller->options->argument_count - 2;
    bool dash = count == 1 && strcmp(documents[0], "-") == 0;
    struct exchange_cfg cfg = {.remote = &caller->remote,
                               .schema = caller->schema,
                               .path = path.data,
                               .method = method,
                               .documents = documents,
                               .document_count = dash ? 0 : count,
                               .from_stdin = dash || (count == 0 && method->client_streams)};
    int code = exchange_run(&cfg);
    bytes_fini(&path);
    return code;
}

/* *out_service is NULL where there is none. */
static int fetch_service(struct caller *caller, const char *name,
                         const struct schema_service **out_service)
{
    int code = reflection_fetch(&caller->reflection, name);
    *out_service = schema_service(caller->schema, name);
    return code;
}

/* "pkg.Service/Method", or with a dot; `cut` is where that stands. */
static int call_by_name(struct caller *caller, const char *name, const char *cut)
{
    const struct schema_service *service = NULL;
    char *service_name = strndup(name, (size_t)(cut - name));
    if (!service_name)
        return host_fail(caller->options, EX_OSERR, "out of memory");
    int code = fetch_service(caller, service_name, &service);
    free(service_name);
    if (code != 0)
        return code;
    return service ? call_method(caller, service, cut + 1) : no_such_service(caller, name);
}

static bool describe(struct caller *caller, const char *name, struct bytes *out)
{
    const struct schema_service *service = schema_service(caller->schema, name);
    const struct schema_message *message = schema_message(caller->schema, name);
    const struct schema_enum *enumeration = schema_enum(caller->schema, name);
    if (service)
        describe_service(caller->schema, service, out);
    else if (message)
        describe_message(message, out);
    else if (enumeration)
        describe_enum(enumeration, out);
    return service || message || enumeration;
}

/* A description where the name is that of a thing, a call where its front is that of a service. */
static int describe_or_call(struct caller *caller, const char *name)
{
    struct bytes text = {0};
    const char *dot = strrchr(name, '.');
    int code = reflection_fetch(&caller->reflection, name);
    if (code != 0)
        return code;
    if (!describe(caller, name, &text))
        return dot ? call_by_name(caller, name, dot) : no_such_service(caller, name);
    if (caller->options->argument_count == 2)
        return print(caller, &text);
    bytes_fini(&text);
    return host_fail(caller->options, EX_USAGE,
                     "'%s' is no method; 'shoal call %s %s' shows what it is", name,
                     caller->remote.url, name);
}

static int act(struct caller *caller)
{
    if (caller->options->argument_count == 1)
        return list_services(caller);
    const char *name = caller->options->arguments[1];
    const char *slash = strrchr(name, '/');
    name += name[0] == '/' && slash > name; /* as it stands in a request */
    return slash ? call_by_name(caller, name, slash) : describe_or_call(caller, name);
}

int call(const struct options *options)
{
    struct caller caller = {.options = options};
    if (options->argument_count == 0)
        return host_fail(options, EX_USAGE,
                         "a URL is missing, such as tcp://127.0.0.1:50051; "
                         "try 'shoal call --help'");
    caller.schema = schema_create();
    int code = caller.schema ? remote_open(&caller.remote, options, options->arguments[0])
                             : host_fail(options, EX_OSERR, "out of memory");
    if (caller.schema && code == 0) {
        reflection_init(&caller.reflection, &caller.remote, caller.schema);
        code = act(&caller);
        reflection_fini(&caller.reflection);
    }
    remote_close(&caller.remote);
    schema_destroy(&caller.schema);
    for (size_t i = 0; i < caller.name_count; i++)
        free(caller.names[i]);
    free(caller.names);
    return code;
}
