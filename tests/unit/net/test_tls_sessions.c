/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client keeps of its TLS sessions: which one it resumes, how often, and how many it keeps.
 */
#include "net/tls_sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/tlspeer.h"

static int start(void **state)
{
    *state = shoal__tls_sessions_create();
    return *state == NULL;
}

static int stop(void **state)
{
    shoal__tls_sessions_destroy(*state);
    return 0;
}

/* A session that can be resumed, told by its number. */
static void put(struct shoal__tls_sessions *sessions, const char *server, int version, int number)
{
    SSL_SESSION *session = SSL_SESSION_new();
    unsigned char id[4] = {(unsigned char)(number >> 8), (unsigned char)number, 0, 1};
    assert_int_equal(SSL_SESSION_set1_id(session, id, sizeof(id)), 1);
    assert_int_equal(SSL_SESSION_set_protocol_version(session, version), 1);
    shoal__tls_sessions_put(sessions, server, session);
}

/* The number of the session that is taken; -1 for none. */
static int take(struct shoal__tls_sessions *sessions, const char *server)
{
    SSL_SESSION *session = shoal__tls_sessions_take(sessions, server);
    unsigned size;
    int number = -1;
    if (session) {
        const unsigned char *id = SSL_SESSION_get_id(session, &size);
        number = id[0] << 8 | id[1];
    }
    SSL_SESSION_free(session);
    return number;
}

static void a_session_of_1_3_is_taken_once_the_youngest_first(void **state)
{
    put(*state, "a:1", TLS1_3_VERSION, 1);
    put(*state, "a:1", TLS1_3_VERSION, 2);
    assert_int_equal(take(*state, "a:1"), 2);
    assert_int_equal(take(*state, "a:1"), 1);
    assert_int_equal(take(*state, "a:1"), -1);
}

static void a_session_of_1_2_is_taken_as_often_as_wanted(void **state)
{
    put(*state, "a:1", TLS1_2_VERSION, 1);
    assert_int_equal(take(*state, "a:1"), 1);
    assert_int_equal(take(*state, "a:1"), 1);
}

static void another_server_or_port_has_none_of_it(void **state)
{
    put(*state, "a:1", TLS1_3_VERSION, 1);
    assert_int_equal(take(*state, "a:2"), -1);
    assert_int_equal(take(*state, "b:1"), -1);
    assert_int_equal(take(*state, "a:1"), 1);
}

static void what_cannot_be_resumed_is_not_kept(void **state)
{
    shoal__tls_sessions_put(*state, "a:1", SSL_SESSION_new());
    assert_null(shoal__tls_sessions_take(*state, "a:1"));
}

static void a_server_that_gives_tickets_without_end_pushes_out_its_own(void **state)
{
    put(*state, "a:1", TLS1_3_VERSION, 1);
    for (int i = 0; i < 1000; i++)
        put(*state, "flood:1", TLS1_3_VERSION, i);
    assert_int_equal(take(*state, "a:1"), 1);
    for (int i = 0; i < SHOAL__TLS_SESSIONS_OF_A_SERVER; i++)
        assert_int_equal(take(*state, "flood:1"), 999 - i);
    assert_int_equal(take(*state, "flood:1"), -1);
}

static void of_many_servers_the_longest_ago_is_forgotten(void **state)
{
    char server[32];
    for (int i = 0; i <= SHOAL__TLS_SESSIONS; i++) {
        snprintf(server, sizeof(server), "s%d:1", i);
        put(*state, server, TLS1_3_VERSION, i);
    }
    assert_int_equal(take(*state, "s0:1"), -1);
    assert_int_equal(take(*state, "s1:1"), 1);
    assert_int_equal(take(*state, server), SHOAL__TLS_SESSIONS);
}

static void all_can_be_forgotten(void **state)
{
    put(*state, "a:1", TLS1_3_VERSION, 1);
    shoal__tls_sessions_clear(*state);
    assert_int_equal(take(*state, "a:1"), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_of_1_3_is_taken_once_the_youngest_first),
        TEST(a_session_of_1_2_is_taken_as_often_as_wanted),
        TEST(another_server_or_port_has_none_of_it),
        TEST(what_cannot_be_resumed_is_not_kept),
        TEST(a_server_that_gives_tickets_without_end_pushes_out_its_own),
        TEST(of_many_servers_the_longest_ago_is_forgotten),
        TEST(all_can_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
