/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig: a turned loop, a wire, and a service that takes notes. */
#include "support/connrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "net/conn.h"

enum { SMALL_EXCHANGE_TURNS = 24 };

const struct shoal_limits connrig_no_limits = {.size = sizeof(struct shoal_limits)};

int connrig_try_start(struct connrig *rig)
{
    struct shoal__clock clock = fakeclock_start(&rig->time, 5 * SHOAL__NS_PER_S);
    rig->server = NULL;
    rig->loop = NULL;
    int rc = shoal_server_create(NULL, &rig->server);
    if (rc < 0)
        return rc;
    rc = shoal__loop_create(rig->server, 0, &clock, &rig->loop);
    if (rc < 0) {
        assert_int_equal(shoal_server_destroy(&rig->server), 0);
        return rc;
    }
    shoal__loop_adopt(rig->loop);
    return 0;
}

void connrig_start(struct connrig *rig)
{
    assert_int_equal(connrig_try_start(rig), 0);
}

void connrig_stop(struct connrig *rig)
{
    if (rig->loop->layer) /* or a wire that is ready would keep the loop's deferred tasks going */
        rig->loop->layer->force(rig->loop->layer);
    connrig_turns(rig, 2);
    shoal__loop_finish(rig->loop);
    shoal__loop_abandon(rig->loop);
    shoal__loop_destroy(&rig->loop);
    assert_int_equal(shoal_server_destroy(&rig->server), 0);
}

void connrig_turns(struct connrig *rig, unsigned turns)
{
    for (unsigned i = 0; i < turns; i++)
        assert_true(shoal__loop_turn(rig->loop, false));
}

void connrig_run(struct connrig *rig)
{
    connrig_turns(rig, SMALL_EXCHANGE_TURNS);
}

void connrig_pass_ms(struct connrig *rig, int64_t ms)
{
    fakeclock_advance_ms(&rig->time, ms);
    connrig_run(rig);
}

/* The recorder */

struct recorder *recorder_of(const struct shoal_conn *conn)
{
    return shoal_conn_arg(conn);
}

static void note(struct recorder *recorder, const char *format, ...) SHOAL_PRINTF(2, 3);

static void note(struct recorder *recorder, const char *format, ...)
{
    size_t room = sizeof(recorder->notes) - recorder->notes_size;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(recorder->notes + recorder->notes_size, room, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < room)
        recorder->notes_size += (size_t)n;
}

static const char *gap(const struct recorder *recorder)
{
    return recorder->notes_size ? " " : "";
}

static void on_open(struct shoal_conn *conn)
{
    struct recorder *recorder = recorder_of(conn);
    note(recorder, "%sopen", gap(recorder));
    if (recorder->open)
        recorder->open(conn);
}

size_t recorder_consume(struct recorder *recorder, struct shoal_view in, size_t size)
{
    size_t room = sizeof(recorder->consumed) - recorder->consumed_size;
    size_t kept = size < room ? size : room;
    memcpy(recorder->consumed + recorder->consumed_size, in.data, kept);
    recorder->consumed_size += kept;
    return size;
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct recorder *recorder = recorder_of(conn);
    note(recorder, "%sdata(%zu)", gap(recorder), in.size);
    return recorder->data ? recorder->data(conn, in) : recorder_consume(recorder, in, in.size);
}

static void on_end(struct shoal_conn *conn, struct shoal_view rest)
{
    struct recorder *recorder = recorder_of(conn);
    note(recorder, "%send(%zu)", gap(recorder), rest.size);
    if (recorder->end)
        recorder->end(conn);
}

static void on_drained(struct shoal_conn *conn)
{
    struct recorder *recorder = recorder_of(conn);
    note(recorder, "%sdrained", gap(recorder));
    if (recorder->drained)
        recorder->drained(conn);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct recorder *recorder = recorder_of(conn);
    note(recorder, "%sclose(%s)", gap(recorder), shoal_close_reason_name(reason));
    recorder->error = shoal_conn_error(conn);
    if (recorder->close)
        recorder->close(conn, reason);
}

void recorder_init(struct recorder *recorder)
{
    memset(recorder, 0, sizeof(*recorder));
    recorder->service = (struct shoal_service){.name = "recorder",
                                               .on_open = on_open,
                                               .on_data = on_data,
                                               .on_close = on_close,
                                               .arg = recorder};
}

void recorder_note_end(struct recorder *recorder)
{
    recorder->service.on_end = on_end;
}

void recorder_note_drained(struct recorder *recorder)
{
    recorder->service.on_drained = on_drained;
}

/* Connections */

struct shoal_conn *connrig_open_on(struct connrig *rig, struct memwire *wire,
                                   const struct shoal__transport *transport,
                                   struct recorder *recorder, const struct shoal_limits *limits)
{
    struct shoal__shared_limits *shared =
        shoal__limits_create(limits ? limits : &connrig_no_limits);
    if (!shared)
        return NULL;
    struct shoal__address peer = {.family = AF_UNSPEC};
    struct shoal_conn *conn = NULL;
    int rc =
        shoal__conn_create(rig->loop, transport, &recorder->service, shared, &peer, false, &conn);
    shoal__limits_unref(&shared);
    wire->conn = rc == 0 ? conn : NULL;
    return wire->conn;
}

struct shoal_conn *connrig_open(struct connrig *rig, struct memwire *wire,
                                struct recorder *recorder, const struct shoal_limits *limits)
{
    struct shoal__transport transport = memwire_transport(wire);
    return connrig_open_on(rig, wire, &transport, recorder, limits);
}

/* The bench */

int connbench_start(void **state)
{
    struct connbench *bench = malloc(sizeof(*bench));
    assert_non_null(bench);
    connrig_start(&bench->rig);
    memwire_init(&bench->wire, bench->rig.loop);
    recorder_init(&bench->recorder);
    bench->conn = NULL;
    *state = bench;
    return 0;
}

int connbench_stop(void **state)
{
    struct connbench *bench = *state;
    connrig_stop(&bench->rig);
    memwire_fini(&bench->wire);
    free(bench);
    return 0;
}

void connbench_open(struct connbench *bench, const struct shoal_limits *limits)
{
    bench->conn = connrig_open(&bench->rig, &bench->wire, &bench->recorder, limits);
    assert_non_null(bench->conn);
}

void connbench_feed(struct connbench *bench, const char *text)
{
    memwire_feed_text(&bench->wire, text);
    connrig_run(&bench->rig);
}

void connbench_end(struct connbench *bench)
{
    memwire_end(&bench->wire);
    connrig_run(&bench->rig);
}

void connrig_assert_text(struct shoal_view view, const char *text, const char *file, int line)
{
    if (shoal_view_equal(view, shoal_view_of(text)))
        return;
    print_error("is:     \"%.*s\"\nshould: \"%s\"\n", (int)(view.size < 2000 ? view.size : 2000),
                view.data, text);
    _fail(file, line);
}
