/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands that serve: `serve` with all services, and one command for each service alone. They
 * only say what is bound where; the host does the rest.
 */
#include "serve.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "host.h"
#include "nearest.h"
#include "parse.h"
#include "photos/service.h"

static const struct service *const services[] = {&echo_service, &fish_service, &console_service,
                                                 &http_service, &grpc_service, &photos_service};

enum { SERVICES = sizeof(services) / sizeof(services[0]) };

static int wrong_service(const struct options *options, const char *argument)
{
    const char *names[SERVICES];
    for (size_t i = 0; i < SERVICES; i++)
        names[i] = services[i]->name;
    char shown[80];
    char name[40];
    size_t length = strcspn(argument, "=");
    if (length >= sizeof(name))
        length = sizeof(name) - 1;
    memcpy(name, argument, length);
    name[length] = '\0';
    escape_text(shoal_view_of(argument), shown, sizeof(shown));
    return host_fail(options, EX_USAGE,
                     "expected SERVICE=URL, not '%s' (did you mean '%s=tcp://HOST:PORT'?); "
                     "try 'shoal serve --help'",
                     shown, nearest_name(name, names, SERVICES));
}

/* Moves one service: "echo=tcp://:7". */
static bool apply_argument(const char *argument, struct binding bindings[SERVICES])
{
    for (size_t i = 0; i < SERVICES; i++) {
        size_t size = strlen(services[i]->name);
        if (strncmp(argument, services[i]->name, size) == 0 && argument[size] == '=') {
            bindings[i].url = argument + size + 1;
            return true;
        }
    }
    return false;
}

int serve_all(const struct options *options)
{
    struct binding bindings[SERVICES];
    for (size_t i = 0; i < SERVICES; i++)
        bindings[i] = (struct binding){services[i], services[i]->default_url, NULL};
    for (int i = 0; i < options->argument_count; i++) {
        if (!apply_argument(options->arguments[i], bindings))
            return wrong_service(options, options->arguments[i]);
    }
    return host_run(options, bindings, SERVICES, !options->quiet);
}

static int serve_one(const struct options *options, const struct service *service)
{
    struct binding bindings[MOST_LISTENS] = {{service, service->default_url, NULL}};
    for (size_t i = 0; i < options->listen_count; i++)
        bindings[i] = (struct binding){service, options->listen[i], NULL};
    size_t count = options->listen_count ? options->listen_count : 1;
    return host_run(options, bindings, count, false);
}

int serve_echo(const struct options *options)
{
    return serve_one(options, &echo_service);
}

int serve_fish(const struct options *options)
{
    return serve_one(options, &fish_service);
}

int serve_console(const struct options *options)
{
    return serve_one(options, &console_service);
}

int serve_http(const struct options *options)
{
    return serve_one(options, &http_service);
}

int serve_grpc(const struct options *options)
{
    return serve_one(options, &grpc_service);
}

int serve_photos(const struct options *options)
{
    return options->verify ? verify_photos(options) : serve_one(options, &photos_service);
}
