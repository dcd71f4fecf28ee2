/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line and the environment. One table (options.c) drives flags, SHOAL_* variables and
 * help; a row says which commands it is for. Nothing here prints but options_help().
 */
#ifndef APPS_SHOAL_OPTIONS_H
#define APPS_SHOAL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <shoal/server.h>

struct options;

/* Which commands an option is for. */
enum command_bit {
    FOR_SERVE = 1 << 0,
    FOR_ECHO = 1 << 1,
    FOR_FISH = 1 << 2,
    FOR_FISHERMEN = 1 << 3,
    FOR_CONSOLE = 1 << 4,
    FOR_BENCH = 1 << 5,
    FOR_HTTP = 1 << 6,
    FOR_GRPC = 1 << 7,
    FOR_PHOTOS = 1 << 12,
    FOR_CALL = 1 << 13,
    FOR_LINES = FOR_SERVE | FOR_FISH,
    FOR_MARKETS = FOR_LINES | FOR_GRPC,
    FOR_CONSOLES = FOR_SERVE | FOR_CONSOLE,
    FOR_WEBS = FOR_SERVE | FOR_HTTP,
    FOR_GRPCS = FOR_SERVE | FOR_GRPC,
    FOR_SINGLES = FOR_ECHO | FOR_FISH | FOR_CONSOLE | FOR_HTTP | FOR_GRPC | FOR_PHOTOS,
    FOR_PAGES = FOR_SERVE | FOR_HTTP | FOR_PHOTOS,
    FOR_LOGGED = FOR_PAGES | FOR_GRPC,
    FOR_ALBUMS = FOR_SERVE | FOR_PHOTOS,
    FOR_SERVERS = FOR_SERVE | FOR_SINGLES,
    FOR_ALL = FOR_SERVERS | FOR_FISHERMEN | FOR_BENCH | FOR_CALL,
};

/* A subcommand. `run` returns the exit code. */
struct command {
    const char *name;
    enum command_bit bit;
    const char *arguments; /* what may follow the options, for help; NULL: nothing */
    const char *summary;
    int (*run)(const struct options *options);
};

enum { MOST_LISTENS = 64, MOST_HEADERS = 64 };

/* What the user wants. Strings are borrowed from argv and the environment. */
struct options {
    const struct command *command;
    int argument_count; /* what followed the options */
    char **arguments;

    unsigned verbosity;
    bool quiet;

    const char *listen[MOST_LISTENS];
    size_t listen_count;
    uint64_t loops;  /* 0: auto */
    int64_t workers; /* -1: auto */
    enum shoal_accept accept;
    bool pin;
    uint64_t busy_poll_us; /* 0: off */
    uint64_t max_connections;
    uint64_t max_per_address;
    uint64_t max_output; /* bytes; 0: a part of the memory there is */
    int64_t idle_timeout_ms;
    int64_t drain_timeout_ms;

    const char *prices; /* file; NULL: built in */
    int64_t settle_ms;
    bool allow_shutdown;
    bool interop; /* gRPC: serve the official test service, too */

    const char *root; /* directory; NULL: none */
    bool list;
    uint64_t max_body;          /* bytes; 0: no limit */
    uint64_t max_header;        /* bytes */
    uint64_t max_streams;       /* of an HTTP/2 connection, at once */
    int64_t request_timeout_ms; /* 0: none */
    const char *access_log;     /* file, "-" for standard output; NULL: none */
    const char *server_header;  /* NULL: none */

    const char *volume; /* file; NULL: in the user's state folder */
    uint64_t max_photo; /* bytes */
    uint64_t compact_percent;
    uint64_t compact_min; /* bytes */
    bool verify;

    const char *market;
    uint64_t seed;
    bool has_seed;
    int64_t max_delay_ms;
    uint64_t crowd; /* 0: fred, bob and karen */

    uint64_t connections;
    uint64_t depth; /* requests in flight on each */
    int64_t duration_ms;
    int64_t warmup_ms;
    uint64_t rate;    /* requests a second; 0: closed loop */
    uint64_t size;    /* bytes; 0: not given */
    const char *data; /* file; NULL: not given */
    bool line;
    const char *headers[MOST_HEADERS]; /* "Name: value" */
    size_t header_count;
    bool http1;         /* over TLS: offer nothing else */
    uint64_t reconnect; /* after so many answers; 0: never */
    uint64_t slow_readers;
    uint64_t idle;
    uint64_t server_pid; /* 0: not measured */
    bool json;

    int64_t deadline_ms;   /* of a call; 0: none */
    const char *authority; /* NULL: the URL's */
    const char *ca_file;   /* PEM; NULL: the system's */
    const char *cert_file; /* the client's own; NULL: none */
    const char *key_file;
    bool insecure;
    bool compress;
    bool pretty;
    bool emit_defaults;
    uint64_t max_reply; /* bytes */
};

enum options_outcome { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WRONG };

/* The longest sentence that options_parse() writes. */
enum { OPTIONS_ERROR_MAX = 512 };

/*
 * Reads the environment, then argv[1..], which wins. Returns what to do: RUN with *out complete;
 * WRONG with one sentence in `error` that names the option and, for an unknown one, the nearest
 * known. Thread: main's, before others run.
 */
enum options_outcome options_parse(const struct command *command, int argc, char **argv,
                                   struct options *out, char error[OPTIONS_ERROR_MAX]);

/* Prints the command's help. Thread: any. */
void options_help(const struct command *command, FILE *out);

#endif
