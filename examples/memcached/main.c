/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A cache that speaks memcached's text protocol (its doc/protocol.txt):
 *
 *     memcached [URL [LOOPS]]        default tcp://127.0.0.1:11211 1
 *
 * on_data takes every whole command of what has come and gathers the answers, which leave in one
 * write when it returns: however many gets a client has pipelined. The items are in table.c.
 */
#include <stdlib.h>
#include <string.h>

#include "../example.h"
#include "table.h"

enum {
    LINE_MAX_BYTES = 2048,
    KEY_MAX = 250,
    VALUE_MAX = 1024 * 1024,
    WORDS_MAX = 24,
    RELATIVE_MAX = 60 * 60 * 24 * 30, /* seconds; a greater time is of the wall clock */
    ANSWERS = 16 * 1024,
};

/* Answers on their way to a connection; on the stack of on_data. */
struct answers {
    struct shoal_conn *conn;
    size_t size;
    char bytes[ANSWERS];
};

/* A command line's words. `data` is the block behind a storage command's line. */
struct command {
    struct answers *out;
    struct shoal_view words[WORDS_MAX];
    size_t count;
    bool noreply;
    struct shoal_view data;
};

/* Answers */

static void flush(struct answers *out)
{
    if (out->size > 0)
        shoal_conn_write(out->conn, out->bytes, out->size);
    out->size = 0;
}

static void add(struct answers *out, const void *bytes, size_t size)
{
    if (size > ANSWERS - out->size)
        flush(out);
    if (size > ANSWERS) {
        shoal_conn_write(out->conn, bytes, size);
        return;
    }
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static void add_number(struct answers *out, uint64_t number)
{
    char digits[20];
    add(out, digits, (size_t)(put_digits(digits, number) - digits));
}

static void say(const struct command *command, const char *text)
{
    if (!command->noreply)
        add(command->out, text, strlen(text));
}

/* Words */

static bool is(struct shoal_view word, const char *text)
{
    return shoal_view_equal(word, shoal_view_of(text));
}

static void split(struct command *command, struct shoal_view line)
{
    while (line.size > 0 && command->count < WORDS_MAX) {
        const char *end = memchr(line.data, ' ', line.size);
        size_t size = end ? (size_t)(end - line.data) : line.size;
        if (size > 0)
            command->words[command->count++] = shoal_view(line.data, size);
        line = shoal_view_from(line, size + 1);
    }
    command->noreply = command->count > 1 && is(command->words[command->count - 1], "noreply");
    command->count -= command->noreply;
}

static bool read_number(struct shoal_view word, uint64_t *out)
{
    uint64_t number = 0;
    for (size_t i = 0; i < word.size; i++) {
        unsigned digit = (unsigned)(unsigned char)word.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *out = number;
    return word.size > 0;
}

/* An expiry as second of the wall clock; what is negative has expired. */
static bool read_expiry(struct shoal_view word, int64_t *out)
{
    uint64_t number;
    bool negative = word.size > 0 && word.data[0] == '-';
    if (!read_number(negative ? shoal_view_from(word, 1) : word, &number) || number > INT32_MAX)
        return false;
    int64_t seconds = (int64_t)number;
    *out = negative                                 ? 1
           : seconds == 0 || seconds > RELATIVE_MAX ? seconds
                                                    : now_seconds() + seconds;
    return true;
}

static bool has_key(const struct command *command, size_t words)
{
    return command->count == words && command->words[1].size <= KEY_MAX;
}

static void refuse(const struct command *command)
{
    say(command, "CLIENT_ERROR bad command line format\r\n");
}

/* Commands */

static void add_item(struct answers *out, struct item *item, bool with_unique)
{
    size_t copied = 0;
    if (with_unique) {
        copied = item->head_size - 2u;
        add(out, item->bytes, copied);
        add(out, " ", 1);
        add_number(out, item->unique);
    }
    add(out, item->bytes + copied, item->head_size - copied + item->size + 2);
}

static void get(struct command *command)
{
    uint64_t hash;
    for (size_t i = 1; i < command->count; i++) {
        if (command->words[i].size > KEY_MAX) {
            refuse(command);
            return;
        }
        struct stripe *stripe = table_lock(command->words[i], &hash);
        struct item *item = table_find(stripe, hash, command->words[i]);
        if (item)
            add_item(command->out, item, command->words[0].size == 4);
        table_unlock(stripe);
    }
    say(command, command->count > 1 ? "END\r\n" : "ERROR\r\n");
}

/* What becomes of a storage command, beside an old item or none. NULL: it is stored. */
static const char *refusal_to_store(const struct command *command, const struct item *old)
{
    struct shoal_view how = command->words[0];
    uint64_t unique = 0;
    if (is(how, "cas"))
        return !old                                                               ? "NOT_FOUND\r\n"
               : read_number(command->words[5], &unique) && unique == old->unique ? NULL
                                                                                  : "EXISTS\r\n";
    if (is(how, "add") ? old != NULL : !is(how, "set") && !old)
        return "NOT_STORED\r\n";
    return NULL;
}

/* The new item, which append and prepend make from the old one. */
static struct item *make_item(const struct command *command, struct item *old, uint32_t flags,
                              int64_t expires)
{
    struct shoal_view how = command->words[0], data = command->data;
    bool append = is(how, "append"), joins = append || is(how, "prepend");
    size_t kept = joins ? old->size : 0;
    struct item *item = item_create(command->words[1], joins ? old->flags : flags,
                                    joins ? old->expires : expires, kept + data.size);
    if (!item)
        return NULL;
    memcpy(item_value(item) + (append ? kept : 0), data.data, data.size);
    if (joins)
        memcpy(item_value(item) + (append ? 0 : data.size), item_value(old), kept);
    return item;
}

static void store(struct command *command)
{
    uint64_t hash, flags;
    int64_t expires;
    if (!read_number(command->words[2], &flags) || flags > UINT32_MAX ||
        !read_expiry(command->words[3], &expires)) {
        refuse(command);
        return;
    }
    struct stripe *stripe = table_lock(command->words[1], &hash);
    struct item *old = table_find(stripe, hash, command->words[1]);
    const char *answer = refusal_to_store(command, old);
    struct item *item = answer ? NULL : make_item(command, old, (uint32_t)flags, expires);
    if (item)
        table_put(stripe, hash, item);
    table_unlock(stripe);
    say(command, item     ? "STORED\r\n"
                 : answer ? answer
                          : "SERVER_ERROR out of memory storing object\r\n");
}

/* Replaces the number; one that gets shorter is filled up with spaces, as memcached does. */
static bool put_number(struct stripe *stripe, uint64_t hash, struct item *old, uint64_t number)
{
    char text[32];
    size_t digits = (size_t)snprintf(text, sizeof(text), "%ju", (uintmax_t)number);
    size_t size = digits < old->size ? old->size : digits;
    struct item *item = item_create(item_key(old), old->flags, old->expires, size);
    if (!item)
        return false;
    memset(item_value(item), ' ', size);
    memcpy(item_value(item), text, digits);
    table_put(stripe, hash, item);
    return true;
}

static bool number_of(struct item *item, uint64_t *out)
{
    struct shoal_view value = shoal_view(item_value(item), item->size);
    while (value.size > 0 && value.data[value.size - 1] == ' ')
        value.size--;
    return value.size <= 20 && read_number(value, out);
}

static const char *count_locked(struct stripe *stripe, uint64_t hash, const struct command *command,
                                uint64_t delta, uint64_t *out_number)
{
    struct item *item = table_find(stripe, hash, command->words[1]);
    if (!item)
        return "NOT_FOUND\r\n";
    if (!number_of(item, out_number))
        return "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
    if (is(command->words[0], "incr"))
        *out_number += delta;
    else
        *out_number -= delta < *out_number ? delta : *out_number;
    return put_number(stripe, hash, item, *out_number) ? NULL : "SERVER_ERROR out of memory\r\n";
}

static void count(struct command *command)
{
    uint64_t hash, delta, number;
    if (!has_key(command, 3)) {
        refuse(command);
        return;
    }
    if (!read_number(command->words[2], &delta)) {
        say(command, "CLIENT_ERROR invalid numeric delta argument\r\n");
        return;
    }
    struct stripe *stripe = table_lock(command->words[1], &hash);
    const char *refusal = count_locked(stripe, hash, command, delta, &number);
    table_unlock(stripe);
    if (!refusal && !command->noreply)
        add_number(command->out, number);
    say(command, refusal ? refusal : "\r\n");
}

static void delete (struct command *command)
{
    uint64_t hash;
    bool zero = command->count == 3 && is(command->words[2], "0"); /* once a time */
    if (!has_key(command, zero ? 3 : 2)) {
        refuse(command);
        return;
    }
    struct stripe *stripe = table_lock(command->words[1], &hash);
    bool found = table_find(stripe, hash, command->words[1]) != NULL;
    table_delete(stripe, hash, command->words[1]);
    table_unlock(stripe);
    say(command, found ? "DELETED\r\n" : "NOT_FOUND\r\n");
}

static void touch(struct command *command)
{
    uint64_t hash;
    int64_t expires;
    if (!has_key(command, 3) || !read_expiry(command->words[2], &expires)) {
        refuse(command);
        return;
    }
    struct stripe *stripe = table_lock(command->words[1], &hash);
    struct item *item = table_find(stripe, hash, command->words[1]);
    if (item)
        item->expires = expires;
    table_unlock(stripe);
    say(command, item ? "TOUCHED\r\n" : "NOT_FOUND\r\n");
}

static void flush_all(struct command *command)
{
    uint64_t delay = 0;
    if (command->count > 1 && (!read_number(command->words[1], &delay) || delay > RELATIVE_MAX)) {
        refuse(command);
        return;
    }
    table_flush(now_seconds() + (int64_t)delay);
    say(command, "OK\r\n");
}

static void tell_stats(struct command *command)
{
    say(command, "STAT curr_items ");
    add_number(command->out, table_count());
    say(command, "\r\nSTAT threads ");
    add_number(command->out, shoal_server_loops(shoal_conn_server(command->out->conn)));
    say(command, "\r\nSTAT time ");
    add_number(command->out, (uint64_t)now_seconds());
    say(command, "\r\nEND\r\n");
}

static void tell_version(struct command *command)
{
    say(command, "VERSION ");
    say(command, shoal_version());
    say(command, "\r\n");
}

static void quit(struct command *command)
{
    flush(command->out);
    shoal_conn_close(command->out->conn, SHOAL_CLOSE_FLUSH);
}

static const struct {
    const char *name;
    void (*run)(struct command *command);
    size_t stores; /* words of a storage command; 0: it is none */
} commands[] = {
    {"get", get, 0},
    {"gets", get, 0},
    {"set", store, 5},
    {"add", store, 5},
    {"replace", store, 5},
    {"append", store, 5},
    {"prepend", store, 5},
    {"cas", store, 6},
    {"incr", count, 0},
    {"decr", count, 0},
    {"delete", delete, 0},
    {"touch", touch, 0},
    {"flush_all", flush_all, 0},
    {"stats", tell_stats, 0},
    {"version", tell_version, 0},
    {"quit", quit, 0},
};

/* Input */

/* What is still to be dropped of a value that was too large: the connection's data. */
static size_t left_to_drop(const struct shoal_conn *conn)
{
    return (uintptr_t)shoal_conn_data(conn);
}

static size_t drop(struct shoal_conn *conn, size_t left, size_t available)
{
    size_t size = left < available ? left : available;
    shoal_conn_set_data(conn, (void *)(uintptr_t)(left - size)); /* NOLINT */
    return size;
}

/* Runs a storage command whose line is `line_size` bytes. Returns the bytes it takes, 0 where its
 * data has not all come. */
static size_t run_storage(struct command *command, size_t row, struct shoal_view in,
                          size_t line_size)
{
    uint64_t size;
    if (!has_key(command, commands[row].stores) || !read_number(command->words[4], &size)) {
        refuse(command);
        return line_size;
    }
    if (size > VALUE_MAX) {
        say(command, "SERVER_ERROR object too large for cache\r\n");
        size_t more = size > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)size + 2;
        return line_size + drop(command->out->conn, more, in.size - line_size);
    }
    if (in.size - line_size < size + 2)
        return 0;
    command->data = shoal_view(in.data + line_size, (size_t)size);
    if (memcmp(command->data.data + size, "\r\n", 2) != 0)
        say(command, "CLIENT_ERROR bad data chunk\r\n");
    else
        commands[row].run(command);
    return line_size + (size_t)size + 2;
}

/* Runs the command at the front. Returns the bytes it takes, 0 where it is not all there. */
static size_t run_command(struct answers *out, struct shoal_view in)
{
    const char *end = memchr(in.data, '\n', in.size);
    if (!end && in.size > LINE_MAX_BYTES)
        shoal_conn_close_for(out->conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_PROTOCOL);
    if (!end)
        return 0;
    size_t line_size = (size_t)(end - in.data) + 1;
    struct command command;
    command.out = out;
    command.count = 0;
    split(&command, shoal_view(in.data, line_size - 1 - (end > in.data && end[-1] == '\r')));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && command.count > 0; i++) {
        if (!is(command.words[0], commands[i].name))
            continue;
        if (commands[i].stores)
            return run_storage(&command, i, in, line_size);
        commands[i].run(&command);
        return line_size;
    }
    command.noreply = false;
    say(&command, "ERROR\r\n");
    return line_size;
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct answers out;
    out.conn = conn;
    out.size = 0;
    struct shoal_view rest = in;
    size_t taken;
    do {
        size_t left = left_to_drop(conn);
        taken = left > 0 ? drop(conn, left, rest.size) : run_command(&out, rest);
        rest = shoal_view_from(rest, taken);
    } while (taken > 0 && rest.size > 0);
    flush(&out);
    return in.size - rest.size;
}

int main(int argc, char **argv)
{
    static const struct shoal_service cache = {.name = "memcached", .on_data = on_data};
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.first_byte_ms = limits.idle_ms = 0;
    limits.max_input = VALUE_MAX + LINE_MAX_BYTES + 2;
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    listen.limits = &limits;
    struct shoal_server_cfg cfg = example_cfg();
    cfg.loops = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    cfg.workers = 0;
    struct shoal_server *server = NULL;
    if (!table_create() || shoal_server_create(&cfg, &server) < 0)
        return 1;
    shoal_listen(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:11211", &cache, &listen,
                 &example_listener);
    int status = example_run(server);
    table_destroy();
    return status;
}
