/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests of connections share: a loop on a fake clock, owned by the test's thread and turned by
 * hand; a connection on a memwire; and a service that writes down which callbacks came, in order,
 * as text ("open data(3) end close(peer)").
 */
#ifndef TESTS_SUPPORT_CONNRIG_H
#define TESTS_SUPPORT_CONNRIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/conn.h>
#include <shoal/server.h>

#include "runtime/loop.h"
#include "support/fakeclock.h"
#include "support/memwire.h"

struct connrig {
    struct fakeclock time;
    struct shoal_server *server; /* made, not started */
    struct shoal_loop *loop;
};

/* 0, or a negative code with nothing left behind. */
int connrig_try_start(struct connrig *rig);

/* The same, failing the test. */
void connrig_start(struct connrig *rig);

/* Ends the loop, which closes what is still open (as forced), and frees everything. */
void connrig_stop(struct connrig *rig);

/* Runs that many turns. */
void connrig_turns(struct connrig *rig, unsigned turns);

/* Runs as many turns as a small exchange needs. */
void connrig_run(struct connrig *rig);

/* Lets time pass, and runs. */
void connrig_pass_ms(struct connrig *rig, int64_t ms);

/*
 * A recording service; each recorder is of one connection. Hooks may be NULL and are called after
 * the note was written; `data` NULL consumes everything, which is kept in `consumed`.
 */
struct recorder {
    struct shoal_service service; /* its arg is the recorder */
    size_t (*data)(struct shoal_conn *conn, struct shoal_view in);
    void (*open)(struct shoal_conn *conn);
    void (*end)(struct shoal_conn *conn);
    void (*drained)(struct shoal_conn *conn);
    void (*close)(struct shoal_conn *conn, enum shoal_close_reason reason);
    int error;   /* shoal_conn_error() in on_close */
    long number; /* the test's own */
    void *arg;   /* the test's own */
    size_t consumed_size;
    size_t notes_size;
    char notes[1024];
    char consumed[256 * 1024];
};

/* Empty, with on_open, on_data and on_close set: without on_end. */
void recorder_init(struct recorder *recorder);

/* Sets on_end and on_drained, which change what the connection does by itself. */
void recorder_note_end(struct recorder *recorder);
void recorder_note_drained(struct recorder *recorder);

/* The recorder of a connection. */
struct recorder *recorder_of(const struct shoal_conn *conn);

/* Keeps `size` bytes of a span as consumed; returns size. */
size_t recorder_consume(struct recorder *recorder, struct shoal_view in, size_t size);

/* A connection on the wire; wire->conn is set. NULL limits are none at all. */
struct shoal_conn *connrig_open(struct connrig *rig, struct memwire *wire,
                                struct recorder *recorder, const struct shoal_limits *limits);

/* The same on a transport of the test's. */
struct shoal_conn *connrig_open_on(struct connrig *rig, struct memwire *wire,
                                   const struct shoal__transport *transport,
                                   struct recorder *recorder, const struct shoal_limits *limits);

/* Every limit off. */
extern const struct shoal_limits connrig_no_limits;

/* What nearly every test starts with: a rig, one wire, one recorder; setup and teardown for cmocka
 * with a connbench in *state. */
struct connbench {
    struct connrig rig;
    struct memwire wire;
    struct recorder recorder;
    struct shoal_conn *conn;
};
int connbench_start(void **state);
int connbench_stop(void **state);

/* Opens bench->conn; NULL limits are none. */
void connbench_open(struct connbench *bench, const struct shoal_limits *limits);

/* The peer sends text, or ends, and the loop runs. */
void connbench_feed(struct connbench *bench, const char *text);
void connbench_end(struct connbench *bench);

/* The notes and the output so far are these. */
#define assert_notes(bench, text) assert_text(shoal_view_of((bench)->recorder.notes), (text))
#define assert_output(bench, text) assert_text(memwire_output(&(bench)->wire), (text))
#define assert_consumed(bench, text) \
    assert_text(shoal_view((bench)->recorder.consumed, (bench)->recorder.consumed_size), (text))

/* Fails the test unless the two are the same, and shows both. */
#define assert_text(view, text) connrig_assert_text((view), (text), __FILE__, __LINE__)
void connrig_assert_text(struct shoal_view view, const char *text, const char *file, int line);

#endif
