/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The console: a command line for telnet. Commands are a table; each answers at once, or later, or
 * leaves. One that answers later pauses its connection, so that the commands behind it wait, and
 * holds it, so that the answer still arrives when the server drains:
 *
 *     reading ── command of the LATER kind ──► waiting (paused, held) ── answer() ──► reading
 *
 * What runs meanwhile (a sleeper in the pool, a cruncher on the loop, a roll call through all
 * loops) belongs to itself; its client may be gone when it ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shoal/buf.h>
#include <shoal/error.h>
#include <shoal/line.h>
#include <shoal/stats.h>

#include "host.h"
#include "parse.h"

enum {
    MOST_SLEEP_MS = 3600 * 1000,
    SLEEP_SLICE_MS = 20, /* how soon a cancelled sleeper is noticed */
    CRUNCH_SLICE = 50000 /* rounds; well below a millisecond */
};

#define MOST_CRUNCH_ROUNDS ((uint64_t)10000000000)

/* Output that waits for a client who does not read what others say. */
#define MOST_OUTPUT_BYTES ((size_t)1 << 20)

struct sleeper;

/* Owned by its connection, as shoal_conn_data(); on its loop's list; dies in on_close. */
struct console_client {
    struct console_client *next;
    struct console_client *previous;
    struct shoal_conn *conn;
    struct sleeper *sleeper; /* its work in the pool, cancelled if the client leaves */
    bool waiting;            /* for the answer of a LATER command */
};

enum progress {
    ANSWERED, /* the next command may come */
    LATER,    /* answer() will be called */
    LEAVING,  /* the connection is closing */
};

struct console_command {
    const char *name;
    const char *arguments;
    const char *help;
    enum progress (*run)(struct console_client *client, struct shoal_view arguments);
};

static struct console_client *client_of(const struct shoal_conn *conn)
{
    return shoal_conn_data(conn);
}

static struct shoal_loop *loop_of(const struct console_client *client)
{
    return shoal_conn_loop(client->conn);
}

static void prompt(struct console_client *client)
{
    shoal_conn_write(client->conn, "> ", 2);
}

/* The LATER kind */

static enum progress answer_later(struct console_client *client)
{
    client->waiting = true;
    shoal_conn_hold(client->conn);
    shoal_conn_pause(client->conn);
    return LATER;
}

/* Call after the answer was written. */
static void go_on(struct console_client *client)
{
    client->waiting = false;
    prompt(client);
    shoal_conn_release(client->conn);
    shoal_conn_resume(client->conn);
}

static enum progress refuse(struct console_client *client, const char *why)
{
    shoal_conn_printf(client->conn, "ERR %s\r\n", why);
    return ANSWERED;
}

/* help, echo, quit */

static enum progress run_help(struct console_client *client, struct shoal_view arguments);

static enum progress run_echo(struct console_client *client, struct shoal_view arguments)
{
    shoal_conn_write_view(client->conn, arguments);
    shoal_conn_write(client->conn, "\r\n", 2);
    return ANSWERED;
}

static enum progress run_quit(struct console_client *client, struct shoal_view arguments)
{
    (void)arguments;
    shoal_conn_printf(client->conn, "bye\r\n");
    shoal_conn_close(client->conn, SHOAL_CLOSE_LINGER);
    return LEAVING;
}

/* info */

static enum progress run_info(struct console_client *client, struct shoal_view arguments)
{
    (void)arguments;
    struct shoal_conn *conn = client->conn;
    struct shoal_server *server = shoal_conn_server(conn);
    char peer[SHOAL_ADDRESS_MAX];
    struct shoal_stats stats;
    shoal_server_stats(server, &stats);
    int64_t uptime_ms = host_now_ms() - host_of(loop_of(client))->started_ms;
    shoal_conn_printf(conn, "peer %s\r\nloop %u of %u\r\nuptime %lld s\r\nconnections %llu\r\n",
                      shoal_conn_peer(conn, peer, sizeof(peer)), shoal_loop_index(loop_of(client)),
                      shoal_server_loops(server), (long long)(uptime_ms / 1000),
                      (unsigned long long)stats.open_connections);
    return ANSWERED;
}

/* sleep: work that blocks, in the pool */

/* Owned by itself from submit until `wake`, which comes exactly once. */
struct sleeper {
    struct shoal_work work;        /* first */
    struct console_client *client; /* NULL once it has left; for the loop's thread only */
    int64_t ms;
};

static void sleep_in_pool(struct shoal_work *work)
{
    const struct sleeper *self = (const struct sleeper *)work;
    int64_t until_ms = host_now_ms() + self->ms;
    for (int64_t left_ms = self->ms; left_ms > 0 && !shoal_work_cancelled(work);
         left_ms = until_ms - host_now_ms()) {
        int64_t slice_ms = left_ms < SLEEP_SLICE_MS ? left_ms : SLEEP_SLICE_MS;
        const struct timespec slice = {.tv_nsec = slice_ms * 1000000};
        nanosleep(&slice, NULL);
    }
}

static void tell_sleeper(struct console_client *client, int64_t ms, int status)
{
    if (status == 0)
        shoal_conn_printf(client->conn, "slept %lld.%03lld s\r\n", (long long)(ms / 1000),
                          (long long)(ms % 1000));
    else
        refuse(client, shoal_strerror(status));
    client->sleeper = NULL;
    go_on(client);
}

static void wake(struct shoal_work *work, int status)
{
    struct sleeper *self = (struct sleeper *)work;
    if (self->client)
        tell_sleeper(self->client, self->ms, status);
    free(self);
}

static void abandon_sleeper(struct sleeper *self)
{
    self->client = NULL;
    shoal_work_cancel(&self->work);
}

/* "2" or "0.25": up to three decimals. */
static bool parse_seconds(struct shoal_view text, int64_t *out_ms)
{
    uint64_t whole;
    uint64_t fraction = 0;
    size_t size = text.size;
    struct shoal_view digits = take_until(&text, '.');
    bool has_fraction = digits.size < size;
    if (!parse_number(digits, MOST_SLEEP_MS / 1000, &whole) || text.size > 3)
        return false;
    if (has_fraction && !parse_number(text, 999, &fraction))
        return false;
    for (size_t i = text.size; has_fraction && i < 3; i++)
        fraction *= 10;
    *out_ms = (int64_t)(whole * 1000 + fraction);
    return true;
}

static struct sleeper *make_sleeper(struct console_client *client, int64_t ms)
{
    struct sleeper *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->work.run = sleep_in_pool;
    self->work.done = wake;
    self->work.name = "sleep";
    self->client = client;
    self->ms = ms;
    return self;
}

static enum progress run_sleep(struct console_client *client, struct shoal_view arguments)
{
    int64_t ms;
    struct shoal_pool *pool = shoal_server_pool(shoal_conn_server(client->conn));
    if (!parse_seconds(trim(arguments), &ms))
        return refuse(client, "expected: sleep SECONDS, from 0 to 3600");
    if (!pool)
        return refuse(client, "no workers: start the server with --workers");
    struct sleeper *sleeper = make_sleeper(client, ms);
    if (!sleeper)
        return refuse(client, "out of memory");
    int rc = shoal_pool_submit(pool, loop_of(client), &sleeper->work);
    if (rc < 0) {
        free(sleeper);
        return refuse(client, shoal_strerror(rc));
    }
    client->sleeper = sleeper;
    return answer_later(client);
}

/* crunch: a computation in slices, on the loop */

/* Owned by itself; its task is always deferred until the last slice. */
struct cruncher {
    struct shoal_task task;
    shoal_conn_id client;
    uint64_t rounds_left;
    uint64_t value;
};

/* One round of SplitMix64. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static void crunch_slice(struct shoal_loop *loop, void *arg)
{
    struct cruncher *self = arg;
    struct shoal_conn *conn = shoal_conn_find(loop, self->client);
    uint64_t rounds = self->rounds_left < CRUNCH_SLICE ? self->rounds_left : CRUNCH_SLICE;
    for (uint64_t i = 0; conn && i < rounds; i++)
        self->value = mix(self->value);
    self->rounds_left -= rounds;
    if (conn && self->rounds_left > 0) {
        shoal_defer(loop, &self->task);
        return;
    }
    if (conn) {
        shoal_conn_printf(conn, "%016llx\r\n", (unsigned long long)self->value);
        go_on(client_of(conn));
    }
    free(self);
}

static enum progress run_crunch(struct console_client *client, struct shoal_view arguments)
{
    uint64_t rounds;
    if (!parse_number(trim(arguments), MOST_CRUNCH_ROUNDS, &rounds))
        return refuse(client, "expected: crunch N, from 0 to 10000000000");
    struct cruncher *self = malloc(sizeof(*self));
    if (!self)
        return refuse(client, "out of memory");
    *self = (struct cruncher){.task = SHOAL_TASK(crunch_slice, self),
                              .client = shoal_conn_get_id(client->conn),
                              .rounds_left = rounds};
    shoal_defer(loop_of(client), &self->task);
    return answer_later(client);
}

/* say: to everybody, on every loop */

/* Words on their way to another loop; owned by its task. */
struct saying {
    struct shoal_task task;
    size_t size;
    char text[];
};

/* One who waits for an answer has no prompt to be given back. */
static void hear(struct console_client *client, const char *text, size_t size)
{
    shoal_conn_write(client->conn, "\r\n", 2);
    shoal_conn_write(client->conn, text, size);
    if (!client->waiting)
        prompt(client);
}

static void tell_loop(struct shoal_loop *loop, const struct console_client *speaker,
                      const char *text, size_t size)
{
    struct console_client *client = host_loop_of(loop)->clients;
    for (struct console_client *next; client; client = next) {
        next = client->next;
        if (client != speaker)
            hear(client, text, size);
    }
}

static void arrive(struct shoal_loop *loop, void *arg)
{
    struct saying *self = arg;
    tell_loop(loop, NULL, self->text, self->size);
    free(self);
}

static int send_saying(struct shoal_loop *loop, const char *text, size_t size)
{
    struct saying *saying = malloc(sizeof(*saying) + size);
    if (!saying)
        return -SHOAL_ENOMEM;
    saying->task = (struct shoal_task)SHOAL_TASK(arrive, saying);
    saying->size = size;
    memcpy(saying->text, text, size);
    int rc = shoal_post(loop, &saying->task);
    if (rc < 0)
        free(saying);
    return rc;
}

/* What one client says may not steer the terminals of others: control bytes become '?', those of
 * eight bits (C2 80 to C2 9F in UTF-8) too. */
static void disarm(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool high_control =
            byte >= 0x80 && byte < 0xA0 && i > 0 && (unsigned char)text[i - 1] == 0xC2;
        if (byte < ' ' || byte == 0x7f || high_control)
            text[i] = '?';
    }
}

/* "[PEER] TEXT" and a line end; the caller frees it. */
static char *compose(const struct console_client *client, struct shoal_view words, size_t *out_size)
{
    char peer[SHOAL_ADDRESS_MAX];
    shoal_conn_peer(client->conn, peer, sizeof(peer));
    size_t room = strlen(peer) + words.size + sizeof("[] \r\n");
    char *text = malloc(room);
    if (!text)
        return NULL;
    size_t head = (size_t)snprintf(text, room, "[%s] ", peer);
    if (words.size > 0)
        memcpy(text + head, words.data, words.size);
    disarm(text + head, words.size);
    memcpy(text + head + words.size, "\r\n", 2);
    *out_size = head + words.size + 2;
    return text;
}

static enum progress run_say(struct console_client *client, struct shoal_view arguments)
{
    size_t size;
    char *text = compose(client, arguments, &size);
    if (!text)
        return refuse(client, "out of memory");

    int rc = 0;
    struct shoal_server *server = shoal_conn_server(client->conn);
    for (unsigned i = 0; i < shoal_server_loops(server); i++) {
        struct shoal_loop *loop = shoal_server_loop(server, i);
        if (loop != loop_of(client) && send_saying(loop, text, size) < 0)
            rc = -SHOAL_ENOMEM;
    }
    tell_loop(loop_of(client), client, text, size);
    shoal_conn_write(client->conn, text, size);
    free(text);
    return rc < 0 ? refuse(client, "not everybody heard that") : ANSWERED;
}

/* who: a roll call that goes from loop to loop and comes back with the names */

/* Owned by itself; its task is on its way to one loop at a time. */
struct roll_call {
    struct shoal_task task;
    struct shoal_server *server;
    shoal_conn_id client;
    unsigned next_loop;
    struct shoal_buf *names;
    bool failed; /* for want of memory */
};

static void destroy_roll_call(struct roll_call *self)
{
    shoal_buf_destroy(&self->names);
    free(self);
}

static void answer_roll_call(struct shoal_conn *conn, void *arg)
{
    struct roll_call *self = arg;
    if (conn) {
        if (self->failed || shoal_conn_write_buf(conn, self->names) < 0)
            refuse(client_of(conn), "out of memory");
        go_on(client_of(conn));
    }
    destroy_roll_call(self);
}

/* Goes to the next loop that lives, or home from the last one. */
static void pass_on(struct roll_call *self)
{
    unsigned loops = shoal_server_loops(self->server);
    while (self->next_loop < loops) {
        struct shoal_loop *loop = shoal_server_loop(self->server, self->next_loop++);
        if (loop && shoal_post(loop, &self->task) == 0)
            return;
    }
    if (shoal_call_conn(self->server, self->client, answer_roll_call, self) < 0)
        destroy_roll_call(self);
}

static void call_roll(struct shoal_loop *loop, void *arg)
{
    struct roll_call *self = arg;
    char peer[SHOAL_ADDRESS_MAX];
    for (struct console_client *client = host_loop_of(loop)->clients; client;
         client = client->next) {
        bool asks = shoal_conn_get_id(client->conn) == self->client;
        int rc = shoal_buf_printf(self->names, "%s on loop %u%s\r\n",
                                  shoal_conn_peer(client->conn, peer, sizeof(peer)),
                                  shoal_loop_index(loop), asks ? " (you)" : "");
        self->failed = self->failed || rc < 0;
    }
    pass_on(self);
}

static enum progress run_who(struct console_client *client, struct shoal_view arguments)
{
    (void)arguments;
    struct roll_call *self = calloc(1, sizeof(*self));
    struct shoal_buf *names = self ? shoal_buf_create() : NULL;
    if (!names) {
        free(self);
        return refuse(client, "out of memory");
    }
    self->task = (struct shoal_task)SHOAL_TASK(call_roll, self);
    self->server = shoal_conn_server(client->conn);
    self->client = shoal_conn_get_id(client->conn);
    self->names = names;
    pass_on(self);
    return answer_later(client);
}

/* shutdown, kill */

static enum progress run_shutdown(struct console_client *client, struct shoal_view arguments)
{
    (void)arguments;
    if (!host_of(loop_of(client))->options->allow_shutdown)
        return refuse(client, "not permitted: the server was started without --allow-shutdown");
    shoal_conn_printf(client->conn, "shutting down\r\n");
    shoal_server_request_drain(shoal_conn_server(client->conn));
    return ANSWERED;
}

/* The table */

static const struct console_command commands[] = {
    {"help", "", "this list", run_help},
    {"echo", " TEXT", "say TEXT back", run_echo},
    {"info", "", "you, your loop and the server", run_info},
    {"sleep", " SECONDS", "wait in the worker pool; nobody else feels it", run_sleep},
    {"crunch", " N", "N rounds of a mixer on the loop, in slices", run_crunch},
    {"say", " TEXT", "tell everybody", run_say},
    {"who", "", "who is connected", run_who},
    {"quit", "", "leave", run_quit},
    {"shutdown", "", "stop the server, if that is allowed", run_shutdown},
    {"kill", "", "the same", run_shutdown},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static enum progress run_help(struct console_client *client, struct shoal_view arguments)
{
    (void)arguments;
    for (size_t i = 0; i < COMMANDS; i++)
        shoal_conn_printf(client->conn, "%s%s: %s\r\n", commands[i].name, commands[i].arguments,
                          commands[i].help);
    return ANSWERED;
}

static enum progress unknown(struct console_client *client, struct shoal_view name)
{
    char shown[80];
    shoal_conn_printf(client->conn, "ERR unknown command \"%s\"; try help\r\n",
                      escape_text(name, shown, sizeof(shown)));
    return ANSWERED;
}

static enum progress run_line(struct console_client *client, struct shoal_view line)
{
    while (take_text(&line, " "))
        ;
    struct shoal_view name = take_until(&line, ' ');
    if (name.size == 0)
        return ANSWERED;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (compare_nocase(name, shoal_view_of(commands[i].name)) == 0)
            return commands[i].run(client, line);
    }
    return unknown(client, name);
}

/* The line service */

static void enlist(struct console_client *client)
{
    struct host_loop *loop = host_loop_of(loop_of(client));
    client->next = loop->clients;
    if (client->next)
        client->next->previous = client;
    loop->clients = client;
}

static void delist(struct console_client *client)
{
    if (client->next)
        client->next->previous = client->previous;
    if (client->previous)
        client->previous->next = client->next;
    else
        host_loop_of(loop_of(client))->clients = client->next;
}

static void on_open(struct shoal_conn *conn)
{
    struct console_client *client = calloc(1, sizeof(*client));
    if (!client) {
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
        return;
    }
    client->conn = conn;
    shoal_conn_set_data(conn, client);
    enlist(client);
    prompt(client);
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    struct console_client *client = client_of(conn);
    if (run_line(client, line) == ANSWERED)
        prompt(client);
}

static void on_error(struct shoal_conn *conn, enum shoal_line_error error)
{
    refuse(client_of(conn),
           error == SHOAL_LINE_NUL ? "a line has no NUL bytes" : "line longer than 8192 bytes");
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct console_client *client = client_of(conn);
    if (!client)
        return;
    if (client->sleeper)
        abandon_sleeper(client->sleeper);
    delist(client);
    free(client);
}

static const struct shoal_line_service telnet = {
    .name = "console",
    .max_line = 8192,
    .on_open = on_open,
    .on_line = on_line,
    .on_error = on_error,
    .on_close = on_close,
};

static int listen_console(struct host *host, const char *url, const struct shoal_listen_cfg *cfg,
                          struct shoal_listener **out_listener)
{
    struct shoal_listen_cfg own = *cfg;
    struct shoal_limits limits = *cfg->limits;
    limits.out_max = MOST_OUTPUT_BYTES;
    own.limits = &limits;
    return shoal_listen_line(host->server, url, &telnet, &own, out_listener);
}

const struct service console_service = {
    .name = "console",
    .default_url = "tcp://127.0.0.1:5556",
    .try_with = "",
    .listen = listen_console,
};
