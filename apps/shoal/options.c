/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The option table and its three readers: getopt_long, the environment and help. A kind knows how
 * to read a value into a field and how to say what it expects; a row ties a name to a field.
 */
#include "options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench_web.h"
#include "nearest.h"
#include "parse.h"

/* How a value is read. `text` is NULL for a flag given on the command line. */
struct kind {
    const char *expects;
    bool (*set)(struct options *options, void *field, const char *text);
};

struct row {
    const char *name;
    char letter;          /* '\0': none */
    const char *argument; /* NULL: a flag */
    const struct kind *kind;
    size_t offset; /* of the field in struct options */
    unsigned commands;
    const char *help;
};

/* Kinds */

static bool set_flag(struct options *options, void *field, const char *text)
{
    (void)options;
    bool *flag = field;
    static const char *const words[] = {"0", "no", "false", "", "1", "yes", "true"};
    for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            *flag = i > 3;
            return true;
        }
    }
    *flag = *flag || !text;
    return !text;
}

static bool set_verbosity(struct options *options, void *field, const char *text)
{
    (void)field;
    uint64_t level = options->verbosity + 1;
    if (text && !parse_number(shoal_view_of(text), 9, &level))
        return false;
    options->verbosity = (unsigned)level;
    return true;
}

static bool set_number(struct options *options, void *field, const char *text)
{
    (void)options;
    return parse_number(shoal_view_of(text), UINT32_MAX, field);
}

static bool set_bytes(struct options *options, void *field, const char *text)
{
    (void)options;
    return parse_number(shoal_view_of(text), INT64_MAX, field);
}

/* What a field of HTTP may be: printable, and not blank at its ends. */
static bool set_field_text(struct options *options, void *field, const char *text)
{
    (void)options;
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    *(const char **)field = text;
    return size > 0 && text[0] != ' ' && text[size - 1] != ' ';
}

static bool set_busy_poll(struct options *options, void *field, const char *text)
{
    (void)options;
    return parse_number(shoal_view_of(text), 1000000, field);
}

static bool set_seed(struct options *options, void *field, const char *text)
{
    options->has_seed = parse_number(shoal_view_of(text), UINT64_MAX, field);
    return options->has_seed;
}

static bool set_loops(struct options *options, void *field, const char *text)
{
    (void)options;
    uint64_t loops = 0;
    bool automatic = strcmp(text, "auto") == 0;
    if (!automatic && (!parse_number(shoal_view_of(text), 1024, &loops) || loops == 0))
        return false;
    *(uint64_t *)field = loops;
    return true;
}

static bool set_workers(struct options *options, void *field, const char *text)
{
    (void)options;
    uint64_t workers = 0;
    bool automatic = strcmp(text, "auto") == 0;
    if (!automatic && !parse_number(shoal_view_of(text), 1024, &workers))
        return false;
    *(int64_t *)field = automatic ? -1 : (int64_t)workers;
    return true;
}

static bool set_duration(struct options *options, void *field, const char *text)
{
    (void)options;
    return parse_duration_ms(shoal_view_of(text), field);
}

static bool set_text(struct options *options, void *field, const char *text)
{
    (void)options;
    *(const char **)field = text;
    return text[0] != '\0';
}

static bool set_listen(struct options *options, void *field, const char *text)
{
    (void)field;
    if (options->listen_count == MOST_LISTENS || text[0] == '\0')
        return false;
    options->listen[options->listen_count++] = text;
    return true;
}

static bool set_header(struct options *options, void *field, const char *text)
{
    (void)field;
    if (options->header_count == MOST_HEADERS || !bench_web_is_field(text))
        return false;
    options->headers[options->header_count++] = text;
    return true;
}

static bool set_accept(struct options *options, void *field, const char *text)
{
    (void)options;
    static const struct {
        const char *name;
        enum shoal_accept accept;
    } ways[] = {{"handoff", SHOAL_ACCEPT_ROUND_ROBIN},
                {"least-of-two", SHOAL_ACCEPT_LEAST_OF_TWO},
                {"reuseport", SHOAL_ACCEPT_REUSEPORT}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(text, ways[i].name) == 0) {
            *(enum shoal_accept *)field = ways[i].accept;
            return true;
        }
    }
    return false;
}

static const struct kind flag_kind = {"1 or 0", set_flag};
static const struct kind verbosity_kind = {"a number from 0 to 9", set_verbosity};
static const struct kind number_kind = {"a whole number up to 4294967295", set_number};
static const struct kind bytes_kind = {"a whole number of bytes", set_bytes};
static const struct kind field_text_kind = {"printable text", set_field_text};
static const struct kind busy_poll_kind = {"microseconds, 1000000 at most", set_busy_poll};
static const struct kind seed_kind = {"a whole number below 2^64", set_seed};
static const struct kind loops_kind = {"a number from 1 to 1024, or 'auto'", set_loops};
static const struct kind workers_kind = {"a number from 0 to 1024, or 'auto'", set_workers};
static const struct kind duration_kind = {"a duration such as 500ms, 60s, 5m or 1h", set_duration};
static const struct kind text_kind = {"something", set_text};
static const struct kind listen_kind = {"tcp://HOST:PORT, unix:PATH or fd:N, 64 times at most",
                                        set_listen};
static const struct kind header_kind = {"a field such as 'Accept: text/plain', 64 times at most",
                                        set_header};
static const struct kind accept_kind = {"'handoff', 'least-of-two' or 'reuseport'", set_accept};

/* The table */

#define FIELD(name) offsetof(struct options, name)

static const struct row table[] = {
    {"listen", 'l', "URL", &listen_kind, FIELD(listen), FOR_SINGLES,
     "listen on tcp://HOST:PORT (port 0: any free one), tls://HOST:PORT?cert=FILE&key=FILE,\n"
     "                                unix:PATH or fd:N; repeatable"},
    {"loops", 'n', "N|auto", &loops_kind, FIELD(loops), FOR_SERVERS,
     "event loops; auto: as many as the usable CPUs"},
    {"workers", 'w', "N|auto", &workers_kind, FIELD(workers), FOR_SERVERS,
     "threads for blocking work; 0: none"},
    {"accept", 0, "HOW", &accept_kind, FIELD(accept), FOR_SERVERS,
     "how connections reach the loops: handoff, least-of-two or reuseport"},
    {"pin", 0, NULL, &flag_kind, FIELD(pin), FOR_SERVERS, "bind each loop to a CPU"},
    {"busy-poll", 0, "USEC", &busy_poll_kind, FIELD(busy_poll_us), FOR_SERVERS | FOR_BENCH,
     "keep looking for events for so long before going to sleep; 0: off"},
    {"max-connections", 0, "N", &number_kind, FIELD(max_connections), FOR_SERVERS,
     "connections at once; 0: what descriptors allow"},
    {"max-per-address", 0, "N", &number_kind, FIELD(max_per_address), FOR_SERVERS,
     "connections at once from one address (/64 for IPv6); 0: no limit"},
    {"max-output", 0, "BYTES", &bytes_kind, FIELD(max_output), FOR_SERVERS,
     "output that may wait, before whoever holds most is cut; 0: a quarter of the memory"},
    {"idle-timeout", 0, "DURATION", &duration_kind, FIELD(idle_timeout_ms), FOR_SERVERS,
     "close connections that are silent for so long; 0: never (default 60s)"},
    {"drain-timeout", 0, "DURATION", &duration_kind, FIELD(drain_timeout_ms), FOR_SERVERS,
     "what finishing may take at the end; 0: cut at once (default 10s)"},
    {"prices", 0, "FILE", &text_kind, FIELD(prices), FOR_MARKETS,
     "price list of FISH = DOLLARS lines; a HUP signal reads it again"},
    {"settle", 0, "DURATION", &duration_kind, FIELD(settle_ms), FOR_LINES,
     "pay a catch so long after its last line; 0: only at its end (default 50ms)"},
    {"allow-shutdown", 0, NULL, &flag_kind, FIELD(allow_shutdown), FOR_CONSOLES,
     "let console clients shut the server down"},
    {"interop", 0, NULL, &flag_kind, FIELD(interop), FOR_GRPCS,
     "serve grpc.testing.TestService by gRPC, too"},
    {"root", 0, "DIR", &text_kind, FIELD(root), FOR_WEBS,
     "serve the files of this directory by HTTP, and nothing else"},
    {"list", 0, NULL, &flag_kind, FIELD(list), FOR_WEBS,
     "list directories that have no index.html"},
    {"max-body", 0, "BYTES", &bytes_kind, FIELD(max_body), FOR_WEBS,
     "refuse requests with a larger body (413); 0: no limit, as all are streamed"},
    {"max-header", 0, "BYTES", &number_kind, FIELD(max_header), FOR_PAGES,
     "refuse requests with more in their header fields (431; default 32768)"},
    {"max-streams", 0, "N", &number_kind, FIELD(max_streams), FOR_PAGES,
     "requests at once on one HTTP/2 connection (default 128)"},
    {"request-timeout", 0, "DURATION", &duration_kind, FIELD(request_timeout_ms), FOR_PAGES,
     "answer 503, or cut the answer, after so long; 0: never"},
    {"access-log", 0, "FILE", &text_kind, FIELD(access_log), FOR_LOGGED,
     "append a line for each HTTP request to this file (combined format, and microseconds);\n"
     "                                '-': to standard output; a HUP signal opens it anew"},
    {"server-header", 0, "TEXT", &field_text_kind, FIELD(server_header), FOR_PAGES,
     "send this as Server with each HTTP response"},
    {"volume", 0, "FILE", &text_kind, FIELD(volume), FOR_ALBUMS,
     "keep photos in this file (default: shoal/photos in the user's state folder)"},
    {"max-photo", 0, "BYTES", &number_kind, FIELD(max_photo), FOR_ALBUMS,
     "refuse photos that are larger (default 67108864)"},
    {"compact-percent", 0, "N", &number_kind, FIELD(compact_percent), FOR_ALBUMS,
     "compact the volume when so much of it is dead; 0: never (default 50)"},
    {"compact-min", 0, "BYTES", &number_kind, FIELD(compact_min), FOR_ALBUMS,
     "but not before so many bytes are dead (default 67108864)"},
    {"verify", 0, NULL, &flag_kind, FIELD(verify), FOR_PHOTOS,
     "read every photo, tell which are damaged, and exit"},
    {"market", 0, "URL", &text_kind, FIELD(market), FOR_FISHERMEN,
     "where the market is (default tcp://127.0.0.1:8080)"},
    {"seed", 0, "N", &seed_kind, FIELD(seed), FOR_FISHERMEN, "make the same random choices again"},
    {"max-delay", 0, "DURATION", &duration_kind, FIELD(max_delay_ms), FOR_FISHERMEN,
     "how long a fisherman may be delayed; 0: nobody is (default 1s)"},
    {"crowd", 0, "N", &number_kind, FIELD(crowd), FOR_FISHERMEN,
     "sell as N fishermen and check every payment against the built-in prices"},
    {"loops", 'n', "N|auto", &loops_kind, FIELD(loops), FOR_BENCH,
     "event loops; auto: half of the usable CPUs, as the server wants some, too"},
    {"connections", 'c', "N", &number_kind, FIELD(connections), FOR_BENCH,
     "connections that ask (default 64)"},
    {"depth", 'd', "N", &number_kind, FIELD(depth), FOR_BENCH,
     "requests in flight on each of them (default 1)"},
    {"duration", 't', "DURATION", &duration_kind, FIELD(duration_ms), FOR_BENCH,
     "how long to measure (default 10s)"},
    {"warmup", 0, "DURATION", &duration_kind, FIELD(warmup_ms), FOR_BENCH,
     "load before the measurement (default 1s)"},
    {"rate", 0, "N", &number_kind, FIELD(rate), FOR_BENCH,
     "open loop: N requests a second in all, and latencies from when each was due; 0: closed "
     "loop"},
    {"size", 0, "BYTES", &number_kind, FIELD(size), FOR_BENCH,
     "of a request (default 64); of the body by HTTP, which is POSTed then"},
    {"data", 0, "FILE", &text_kind, FIELD(data), FOR_BENCH,
     "requests are this file's bytes, or its lines with --line; by gRPC, a serialised message"},
    {"line", 0, NULL, &flag_kind, FIELD(line), FOR_BENCH,
     "speak the line protocol: each line must come back"},
    {"header", 0, "FIELD", &header_kind, FIELD(headers), FOR_BENCH,
     "send this field, 'Name: value', with each HTTP request; repeatable"},
    {"http1", 0, NULL, &flag_kind, FIELD(http1), FOR_BENCH,
     "by https://, speak HTTP/1.1 even where the server has HTTP/2"},
    {"reconnect", 0, "N", &number_kind, FIELD(reconnect), FOR_BENCH,
     "a new connection after N answers; 0: never"},
    {"slow-readers", 0, "N", &number_kind, FIELD(slow_readers), FOR_BENCH,
     "N more connections that ask without end and hardly read"},
    {"idle", 0, "N", &number_kind, FIELD(idle), FOR_BENCH,
     "N more connections that only stay open"},
    {"server-pid", 0, "PID", &number_kind, FIELD(server_pid), FOR_BENCH,
     "measure this process: CPU time, context switches, memory"},
    {"json", 0, NULL, &flag_kind, FIELD(json), FOR_BENCH, "print the report as one JSON object"},
    {"header", 'H', "FIELD", &header_kind, FIELD(headers), FOR_CALL,
     "send this metadata, 'name: value'; that of a name in '-bin' is base64; repeatable"},
    {"deadline", 0, "DURATION", &duration_kind, FIELD(deadline_ms), FOR_CALL,
     "what the call may take, also as the server is told; 0: for ever (default)"},
    {"timeout", 0, "DURATION", &duration_kind, FIELD(deadline_ms), FOR_CALL,
     "another name for --deadline"},
    {"cacert", 0, "FILE", &text_kind, FIELD(ca_file), FOR_CALL,
     "over TLS, trust the authorities in this PEM file instead of the system's"},
    {"cert", 0, "FILE", &text_kind, FIELD(cert_file), FOR_CALL,
     "the client's own certificate, PEM; with --key"},
    {"key", 0, "FILE", &text_kind, FIELD(key_file), FOR_CALL, "its private key, PEM"},
    {"insecure", 'k', NULL, &flag_kind, FIELD(insecure), FOR_CALL,
     "over TLS, take any certificate: for tests only"},
    {"authority", 0, "HOST", &text_kind, FIELD(authority), FOR_CALL,
     "tell the server that this host is called instead of the URL's"},
    {"compress", 0, NULL, &flag_kind, FIELD(compress), FOR_CALL, "compress requests by gzip"},
    {"max-reply", 0, "BYTES", &number_kind, FIELD(max_reply), FOR_CALL,
     "refuse replies that are larger (default 4194304)"},
    {"pretty", 0, NULL, &flag_kind, FIELD(pretty), FOR_CALL,
     "indent replies, instead of a line for each"},
    {"emit-defaults", 0, NULL, &flag_kind, FIELD(emit_defaults), FOR_CALL,
     "show fields that are zero or empty, too"},
    {"verbose", 'v', NULL, &verbosity_kind, FIELD(verbosity), FOR_ALL, "say more; repeatable"},
    {"quiet", 'q', NULL, &flag_kind, FIELD(quiet), FOR_ALL, "say errors only"},
    {"help", 'h', NULL, NULL, 0, FOR_ALL, "print this and exit"},
    {"version", 'V', NULL, NULL, 0, FOR_ALL, "print the versions and exit"},
};

enum { ROWS = sizeof(table) / sizeof(table[0]), LONG_BASE = 1000 };

static bool applies(const struct row *row, const struct command *command)
{
    return (row->commands & (unsigned)command->bit) != 0;
}

static bool set_row(struct options *options, const struct row *row, const char *text)
{
    return row->kind->set(options, (char *)options + row->offset, text);
}

static enum options_outcome wrong(const struct command *command, char *error, const char *format,
                                  ...) __attribute__((format(printf, 3, 4)));

static enum options_outcome wrong(const struct command *command, char *error, const char *format,
                                  ...)
{
    char what[OPTIONS_ERROR_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(error, OPTIONS_ERROR_MAX, "shoal %s: %s; try 'shoal %s --help'", command->name, what,
             command->name);
    return OPTIONS_WRONG;
}

static char *show(const char *text, char out[80])
{
    return escape_text(shoal_view_of(text), out, 80);
}

/* Environment */

static char *variable_of(const struct row *row, char out[64])
{
    size_t size = (size_t)snprintf(out, 64, "SHOAL_%s", row->name);
    for (size_t i = 0; i < size; i++) {
        if (out[i] == '-')
            out[i] = '_';
        else if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    }
    return out;
}

static enum options_outcome read_environment(const struct command *command, struct options *options,
                                             char *error)
{
    for (size_t i = 0; i < ROWS; i++) {
        char variable[64];
        char shown[80];
        const char *text = getenv(variable_of(&table[i], variable));
        if (!text || !table[i].kind || !applies(&table[i], command))
            continue;
        if (!set_row(options, &table[i], text))
            return wrong(command, error, "environment variable %s: expected %s, not '%s'", variable,
                         table[i].kind->expects, show(text, shown));
    }
    return OPTIONS_RUN;
}

/* Flags */

static const char *nearest_option(const struct command *command, const char *name)
{
    const char *names[ROWS];
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (applies(&table[i], command))
            names[count++] = table[i].name;
    }
    return nearest_name(name, names, count);
}

static enum options_outcome unknown_long(const struct command *command, const char *text,
                                         char *error)
{
    char name[40];
    char shown[80];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "="), text);
    return wrong(command, error, "unknown option '--%s' (did you mean '--%s'?)", show(name, shown),
                 nearest_option(command, name));
}

static enum options_outcome unknown_short(const struct command *command, char letter, char *error)
{
    const char name[] = {letter, '\0'};
    char shown[80];
    return wrong(command, error, "unknown option '-%s' (did you mean '--%s'?)", show(name, shown),
                 nearest_option(command, name));
}

/* What getopt calls it: LONG_BASE + index for a long name, the letter for a short one. */
static const struct row *row_of(const struct command *command, int value)
{
    if (value >= LONG_BASE && value < LONG_BASE + ROWS)
        return &table[value - LONG_BASE];
    for (size_t i = 0; i < ROWS; i++) {
        if (value != 0 && table[i].letter == value && applies(&table[i], command))
            return &table[i];
    }
    return NULL;
}

static void describe_to_getopt(const struct command *command, struct option *longs, char *shorts)
{
    *shorts++ = ':';
    for (int i = 0; i < ROWS; i++) {
        const struct row *row = &table[i];
        if (!applies(row, command))
            continue;
        *longs++ = (struct option){row->name, row->argument ? required_argument : no_argument, NULL,
                                   LONG_BASE + i};
        if (row->letter)
            *shorts++ = row->letter;
        if (row->letter && row->argument)
            *shorts++ = ':';
    }
    *longs = (struct option){NULL, 0, NULL, 0};
    *shorts = '\0';
}

static enum options_outcome refuse(const struct command *command, int value, char **argv,
                                   char *error)
{
    const struct row *row = row_of(command, optopt);
    if (value == ':')
        return wrong(command, error, "option '--%s' needs a value: %s", row->name,
                     row->kind->expects);
    if (optopt == 0)
        return unknown_long(command, argv[optind - 1] + 2, error);
    if (row)
        return wrong(command, error, "option '--%s' takes no value", row->name);
    return unknown_short(command, (char)optopt, error);
}

static enum options_outcome read_flag(const struct row *row, struct options *options, char *error)
{
    char shown[80];
    if (!row->kind)
        return row->letter == 'h' ? OPTIONS_HELP : OPTIONS_VERSION;
    if (set_row(options, row, optarg))
        return OPTIONS_RUN;
    return wrong(options->command, error, "option '--%s': expected %s, not '%s'", row->name,
                 row->kind->expects, show(optarg, shown));
}

static enum options_outcome read_flags(const struct command *command, int argc, char **argv,
                                       struct options *options, char *error)
{
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 2];
    describe_to_getopt(command, longs, shorts);
    size_t inherited = options->listen_count;
    enum options_outcome outcome = OPTIONS_RUN;
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while (outcome == OPTIONS_RUN) {
        int value = getopt_long(argc, argv, shorts, longs, NULL);
        if (value == -1)
            break;
        if (value == ':' || value == '?')
            return refuse(command, value, argv, error);
        const struct row *row = row_of(command, value);
        if (row->kind == &listen_kind && inherited > 0)
            options->listen_count = inherited = 0; /* flags replace the environment's */
        outcome = read_flag(row, options, error);
    }
    return outcome;
}

static const struct options defaults = {
    .workers = -1,
    .idle_timeout_ms = 60000,
    .drain_timeout_ms = 10000,
    .settle_ms = 50,
    .max_header = 32768,
    .max_streams = 128,
    .market = "tcp://127.0.0.1:8080",
    .max_delay_ms = 1000,
    .max_photo = 64 << 20,
    .compact_percent = 50,
    .compact_min = 64 << 20,
    .connections = 64,
    .depth = 1,
    .duration_ms = 10000,
    .warmup_ms = 1000,
    .max_reply = 4 << 20,
};

enum options_outcome options_parse(const struct command *command, int argc, char **argv,
                                   struct options *out, char error[OPTIONS_ERROR_MAX])
{
    *out = defaults;
    out->command = command;
    enum options_outcome outcome = read_environment(command, out, error);
    if (outcome == OPTIONS_RUN)
        outcome = read_flags(command, argc, argv, out, error);
    if (outcome != OPTIONS_RUN)
        return outcome;

    out->arguments = argv + optind;
    out->argument_count = argc - optind;
    char shown[80];
    if (out->argument_count > 0 && !command->arguments)
        return wrong(command, error, "unexpected argument '%s'", show(argv[optind], shown));
    return OPTIONS_RUN;
}

/* Help */

static void help_row(const struct row *row, FILE *out)
{
    char left[48];
    char variable[64];
    snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
             row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
             row->argument ? " " : "", row->argument ? row->argument : "");
    fprintf(out, "  %-28s  %s\n", left, row->help);
    if (row->kind)
        fprintf(out, "  %-28s  [%s]\n", "", variable_of(row, variable));
}

void options_help(const struct command *command, FILE *out)
{
    fprintf(out,
            "Usage: shoal %s [OPTION...]%s%s\n%s\n\nOptions (a flag wins over its variable):\n",
            command->name, command->arguments ? " " : "",
            command->arguments ? command->arguments : "", command->summary);
    for (size_t i = 0; i < ROWS; i++) {
        if (applies(&table[i], command))
            help_row(&table[i], out);
    }
}
