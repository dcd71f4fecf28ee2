/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program `shoal`: a table of subcommands, and nothing else. A new command is a row here, a bit
 * in options.h for its options, and a file.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <shoal/version.h>

#include "bench.h"
#include "call/call.h"
#include "fishermen.h"
#include "nearest.h"
#include "options.h"
#include "parse.h"
#include "serve.h"

static const struct command commands[] = {
    {"serve", FOR_SERVE, "[SERVICE=URL...]",
     "Serve everything: echo, fish, console, http, grpc, photos.", serve_all},
    {"echo", FOR_ECHO, NULL, "Send every byte back; by default on tcp://127.0.0.1:5555.",
     serve_echo},
    {"fish", FOR_FISH, NULL, "Run the fish market; by default on tcp://127.0.0.1:8080.",
     serve_fish},
    {"fishermen", FOR_FISHERMEN, NULL, "Go and sell fish at the market.", go_fishing},
    {"console", FOR_CONSOLE, NULL,
     "Serve a command line to telnet; by default on tcp://127.0.0.1:5556.", serve_console},
    {"http", FOR_HTTP, NULL, "Serve HTTP/1.1 and HTTP/2; by default on tcp://127.0.0.1:1234.",
     serve_http},
    {"grpc", FOR_GRPC, NULL, "Serve gRPC; by default on tcp://127.0.0.1:50051.", serve_grpc},
    {"photos", FOR_PHOTOS, NULL, "Keep photos; by default on tcp://127.0.0.1:8090.", serve_photos},
    {"call", FOR_CALL, "URL [SERVICE | METHOD [JSON... | -]]",
     "Call a gRPC method with JSON, or list what a server has.", call},
    {"bench", FOR_BENCH, "TARGET | compare A.json B.json",
     "Put load on a server (tcp, unix, http, https, h2c, grpc, grpcs) and tell the truth about it.",
     bench},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

/* The standard descriptors must be taken, or a socket would get their numbers and the log. */
static void open_standard_descriptors(void)
{
    int fd = 0;
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO)
        close(fd);
}

static int print_usage(FILE *out)
{
    fprintf(out, "Usage: shoal COMMAND [OPTION...]\n"
                 "Multi-threaded network servers on libevent.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s  %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n'shoal COMMAND --help' tells a command's options.\n"
                 "Exit codes: 0 done, 64 usage, 66 input file, 69 cannot listen or connect,\n"
                 "70 work is stuck, 71 system limits, 76 wrong answer, 77 no permission.\n");
    return EX_OK;
}

static int print_version(void)
{
    printf("shoal %s\n%s\n", shoal_version(), shoal_version_libraries());
    return EX_OK;
}

static int unknown_command(const char *name)
{
    const char *names[COMMANDS];
    char shown[80];
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    fprintf(stderr, "shoal: unknown command '%s' (did you mean '%s'?); try 'shoal --help'\n",
            escape_text(shoal_view_of(name), shown, sizeof(shown)),
            nearest_name(name, names, COMMANDS));
    return EX_USAGE;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct options options;
    char error[OPTIONS_ERROR_MAX];
    switch (options_parse(command, argc, argv, &options, error)) {
    case OPTIONS_HELP:
        options_help(command, stdout);
        return EX_OK;
    case OPTIONS_VERSION:
        return print_version();
    case OPTIONS_WRONG:
        fprintf(stderr, "%s\n", error);
        return EX_USAGE;
    case OPTIONS_RUN:
        break;
    }
    return command->run(&options);
}

static bool is_any(const char *text, const char *a, const char *b, const char *c)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

int main(int argc, char **argv)
{
    open_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more must not end the service */
    if (argc < 2) {
        fprintf(stderr, "shoal: a command is missing; try 'shoal --help'\n");
        return EX_USAGE;
    }
    if (is_any(argv[1], "-h", "--help", "help"))
        return print_usage(stdout);
    if (is_any(argv[1], "-V", "--version", "version"))
        return print_version();
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(&commands[i], argc - 1, argv + 1);
    }
    return unknown_command(argv[1]);
}
