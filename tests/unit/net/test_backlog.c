/* SPDX-License-Identifier: BSD-3-Clause */
/* The bound on output that waits in memory, over all connections of a loop: who is cut, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "net/backlog.h"
#include "net/conn.h"
#include "net/conn_priv.h"
#include "support/connrig.h"

enum { PEERS = 3, SHARE = 1000 };

/* Some peers of one loop, none of which takes anything. */
struct crowd {
    struct connrig rig;
    struct memwire wires[PEERS];
    struct recorder recorders[PEERS];
    struct shoal_conn *conns[PEERS];
};

static int start(void **state)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    connrig_start(&crowd->rig);
    for (int i = 0; i < PEERS; i++) {
        memwire_init(&crowd->wires[i], crowd->rig.loop);
        crowd->wires[i].capacity = 0;
        recorder_init(&crowd->recorders[i]);
        crowd->conns[i] = connrig_open(&crowd->rig, &crowd->wires[i], &crowd->recorders[i], NULL);
    }
    shoal__net_loop_get(crowd->rig.loop)->output_share = SHARE;
    *state = crowd;
    return 0;
}

static int stop(void **state)
{
    struct crowd *crowd = *state;
    connrig_stop(&crowd->rig);
    for (int i = 0; i < PEERS; i++)
        memwire_fini(&crowd->wires[i]);
    free(crowd);
    return 0;
}

static int write_bytes(struct crowd *crowd, int peer, size_t size)
{
    char bytes[SHARE + 1] = {0};
    int rc = shoal_conn_write(crowd->conns[peer], bytes, size);
    connrig_run(&crowd->rig);
    return rc;
}

static size_t counted(struct crowd *crowd)
{
    return shoal__net_loop_get(crowd->rig.loop)->output_bytes;
}

static const char *notes(struct crowd *crowd, int peer)
{
    return crowd->recorders[peer].notes;
}

static void within_the_share_nobody_is_cut(void **state)
{
    struct crowd *crowd = *state;
    write_bytes(crowd, 0, 300);
    write_bytes(crowd, 1, 300);
    write_bytes(crowd, 2, 400);
    assert_int_equal(counted(crowd), SHARE);
    for (int i = 0; i < PEERS; i++)
        assert_string_equal(notes(crowd, i), "open");
}

static void whoever_holds_most_is_cut_whoever_writes(void **state)
{
    struct crowd *crowd = *state;
    write_bytes(crowd, 0, 300);
    write_bytes(crowd, 1, 600);
    assert_int_equal(write_bytes(crowd, 2, 200), 0);
    assert_string_equal(notes(crowd, 0), "open");
    assert_string_equal(notes(crowd, 1), "open close(slow_reader)");
    assert_string_equal(notes(crowd, 2), "open");
    assert_true(crowd->wires[1].aborted);
    assert_int_equal(counted(crowd), 500);
}

static void a_buffer_that_is_too_much_is_the_end_of_its_own_connection(void **state)
{
    struct crowd *crowd = *state;
    struct shoal_buf *buf = shoal_buf_create();
    char bytes[SHARE + 1] = {0};
    write_bytes(crowd, 0, 300);
    assert_int_equal(shoal_buf_append(buf, bytes, sizeof(bytes)), 0);
    assert_int_equal(shoal_conn_write_buf(crowd->conns[1], buf), -SHOAL_EPIPE);
    connrig_run(&crowd->rig);
    shoal_buf_destroy(&buf);
    assert_string_equal(notes(crowd, 0), "open");
    assert_string_equal(notes(crowd, 1), "open close(slow_reader)");
    assert_int_equal(counted(crowd), 300);
}

static void what_was_sent_counts_no_more(void **state)
{
    struct crowd *crowd = *state;
    write_bytes(crowd, 0, 900);
    crowd->wires[0].capacity = 500;
    memwire_take(&crowd->wires[0], 0); /* as much fits now */
    connrig_run(&crowd->rig);
    assert_int_equal(counted(crowd), 400);
    write_bytes(crowd, 1, 600);
    assert_string_equal(notes(crowd, 0), "open");
    assert_string_equal(notes(crowd, 1), "open");
}

static void what_is_closed_counts_no_more(void **state)
{
    struct crowd *crowd = *state;
    write_bytes(crowd, 0, 900);
    shoal_conn_close(crowd->conns[0], SHOAL_CLOSE_NOW);
    assert_int_equal(counted(crowd), 0);
    connrig_run(&crowd->rig);
    assert_int_equal(counted(crowd), 0);
}

static void what_a_driver_keeps_counts_with_its_connection(void **state)
{
    struct crowd *crowd = *state;
    struct shoal__backlog backlog = {0};
    write_bytes(crowd, 0, 450);
    write_bytes(crowd, 1, 200);
    shoal__backlog_set(crowd->conns[1], &backlog, 300); /* 500 with its own */
    assert_int_equal(counted(crowd), 950);
    write_bytes(crowd, 2, 100);
    assert_string_equal(notes(crowd, 0), "open");
    assert_string_equal(notes(crowd, 1), "open close(slow_reader)");
    assert_int_equal(counted(crowd), 550);
    assert_int_equal(backlog.bytes, 0);
}

static void a_driver_may_keep_less_and_nothing(void **state)
{
    struct crowd *crowd = *state;
    struct shoal__backlog backlog = {0};
    shoal__backlog_set(crowd->conns[0], &backlog, 800);
    shoal__backlog_set(crowd->conns[0], &backlog, 100);
    assert_int_equal(counted(crowd), 100);
    shoal__backlog_set(crowd->conns[0], &backlog, 0);
    assert_int_equal(counted(crowd), 0);
    shoal__backlog_set(crowd->conns[0], &backlog, SHARE + 1);
    connrig_run(&crowd->rig);
    assert_string_equal(notes(crowd, 0), "open close(slow_reader)");
    assert_int_equal(counted(crowd), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(within_the_share_nobody_is_cut),
        TEST(whoever_holds_most_is_cut_whoever_writes),
        TEST(a_buffer_that_is_too_much_is_the_end_of_its_own_connection),
        TEST(what_was_sent_counts_no_more),
        TEST(what_is_closed_counts_no_more),
        TEST(what_a_driver_keeps_counts_with_its_connection),
        TEST(a_driver_may_keep_less_and_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
