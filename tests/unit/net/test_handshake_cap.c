/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A crowd of handshakes on one loop: so many steps in a turn and no more, whoever waits longest
 * first, and connections that are open are served in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/conn.h"
#include "net/net_loop.h"
#include "support/connrig.h"
#include "support/faketls.h"

enum { CROWD = 50 };

struct guest {
    struct memwire wire;
    struct faketls tls;
    struct recorder recorder;
    struct shoal_conn *conn;
};

struct crowd {
    struct connrig rig;
    struct guest guests[CROWD];
};

static int start(void **state)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    assert_non_null(crowd);
    connrig_start(&crowd->rig);
    *state = crowd;
    return 0;
}

static int stop(void **state)
{
    struct crowd *crowd = *state;
    connrig_stop(&crowd->rig);
    for (int i = 0; i < CROWD; i++) {
        if (crowd->guests[i].conn)
            memwire_fini(&crowd->guests[i].wire);
    }
    free(crowd);
    return 0;
}

static void invite(struct crowd *crowd, int index, unsigned rounds,
                   const struct shoal_limits *limits)
{
    struct guest *guest = &crowd->guests[index];
    memwire_init(&guest->wire, crowd->rig.loop);
    faketls_init(&guest->tls, &guest->wire);
    guest->tls.rounds = rounds;
    recorder_init(&guest->recorder);
    struct shoal__transport transport = faketls_transport(&guest->tls);
    guest->conn = connrig_open_on(&crowd->rig, &guest->wire, &transport, &guest->recorder, limits);
}

/* Everybody is there and waits for the hello. */
static void invite_all(struct crowd *crowd, const struct shoal_limits *limits)
{
    for (int i = 0; i < CROWD; i++)
        invite(crowd, i, 2, limits);
    connrig_run(&crowd->rig);
}

static void hello(struct crowd *crowd, int index)
{
    faketls_feed(&crowd->guests[index].tls, 'H', NULL, 0);
}

static unsigned answers(const struct crowd *crowd)
{
    unsigned count = 0;
    for (int i = 0; i < CROWD; i++)
        count += faketls_written(&crowd->guests[i].tls, 'H');
    return count;
}

static bool is_open(const struct crowd *crowd, int index)
{
    return crowd->guests[index].recorder.notes_size > 0;
}

static void a_turn_has_so_many_steps_and_no_more(void **state)
{
    struct crowd *crowd = *state;
    invite_all(crowd, NULL);
    for (int i = 0; i < CROWD; i++)
        hello(crowd, i);
    for (unsigned before = 0, turn = 0; before < CROWD; turn++) {
        assert_true(turn < CROWD);
        connrig_turns(&crowd->rig, 1);
        /* The events of this turn and the wait's end of the one before share one budget, but a
         * turn begins before its budget does. */
        assert_true(answers(crowd) - before <= 2 * SHOAL__HANDSHAKE_STEPS);
        before = answers(crowd);
    }
    for (int i = 0; i < CROWD; i++)
        hello(crowd, i);
    connrig_run(&crowd->rig);
    for (int i = 0; i < CROWD; i++)
        assert_true(is_open(crowd, i));
}

static void who_waits_longest_comes_first(void **state)
{
    struct crowd *crowd = *state;
    invite_all(crowd, NULL);
    for (int i = 0; i < CROWD / 2; i++)
        hello(crowd, i);
    connrig_turns(&crowd->rig, 1);
    for (int i = CROWD / 2; i < CROWD; i++)
        hello(crowd, i); /* a second wave, while most of the first still wait */
    while (answers(crowd) < CROWD / 2)
        connrig_turns(&crowd->rig, 1);
    unsigned second = 0;
    for (int i = CROWD / 2; i < CROWD; i++)
        second += faketls_written(&crowd->guests[i].tls, 'H');
    assert_true(second <= SHOAL__HANDSHAKE_STEPS);
}

static void an_open_connection_is_served_in_every_turn(void **state)
{
    struct crowd *crowd = *state;
    invite_all(crowd, NULL);
    hello(crowd, 0);
    connrig_run(&crowd->rig);
    hello(crowd, 0);
    connrig_run(&crowd->rig);
    assert_true(is_open(crowd, 0));
    for (int i = 1; i < CROWD; i++)
        hello(crowd, i);
    faketls_feed_text(&crowd->guests[0].tls, "served");
    connrig_turns(&crowd->rig, 2);
    assert_true(answers(crowd) < CROWD * 2 / 3);
    assert_text(
        shoal_view(crowd->guests[0].recorder.consumed, crowd->guests[0].recorder.consumed_size),
        "served");
}

static void who_is_closed_while_waiting_takes_no_step(void **state)
{
    struct crowd *crowd = *state;
    invite_all(crowd, NULL);
    for (int i = 0; i < CROWD; i++)
        hello(crowd, i);
    connrig_turns(&crowd->rig, 1);
    unsigned before = answers(crowd);
    for (int i = 0; i < CROWD; i++)
        shoal_conn_close(crowd->guests[i].conn, SHOAL_CLOSE_NOW);
    connrig_run(&crowd->rig);
    assert_int_equal(answers(crowd), before);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(crowd->guests[i].wire.closes, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_turn_has_so_many_steps_and_no_more),
        TEST(who_waits_longest_comes_first),
        TEST(an_open_connection_is_served_in_every_turn),
        TEST(who_is_closed_while_waiting_takes_no_step),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
