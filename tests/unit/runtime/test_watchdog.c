/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The watchdog. A callback blocks until the report about it has been seen, so that nothing depends
 * on how fast the machine is.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <shoal/server.h>
#include <shoal/stats.h>

#include "runtime/loop.h"

static sem_t reported;
static sem_t returned;
static char report[256];

static void see_report(void *arg, enum shoal_log_level level, const char *message)
{
    (void)arg;
    if (level != SHOAL_LOG_WARN || strstr(message, "blocked") == NULL)
        return;
    snprintf(report, sizeof report, "%s", message);
    sem_post(&reported);
}

static void block_until_reported(struct shoal_loop *loop, void *arg)
{
    (void)loop, (void)arg;
    while (sem_wait(&reported) != 0)
        continue;
    sem_post(&returned);
}

static void block_as_a_service(struct shoal_loop *loop, void *arg)
{
    shoal__loop_enter(loop, "fish", "on_data");
    block_until_reported(loop, arg);
}

static struct shoal_server *start(void)
{
    struct shoal_server *server;
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 2;
    cfg.workers = 0;
    cfg.watchdog_ms = 20;
    cfg.log = (struct shoal_log){.write = see_report, .level = SHOAL_LOG_WARN};
    sem_init(&reported, 0, 0);
    sem_init(&returned, 0, 0);
    assert_int_equal(shoal_server_create(&cfg, &server), 0);
    assert_int_equal(shoal_server_start(server), 0);
    return server;
}

static uint64_t blocked(struct shoal_server *server)
{
    struct shoal_stats stats;
    assert_int_equal(shoal_server_loop_stats(server, 1, &stats), 0);
    return stats.blocked;
}

static void wait_returned(void)
{
    while (sem_wait(&returned) != 0)
        continue;
}

static void a_blocking_callback_is_named_and_counted(void **state)
{
    (void)state;
    struct shoal_server *server = start();
    shoal_call(shoal_server_loop(server, 1), block_until_reported, NULL);
    wait_returned();
    assert_non_null(strstr(report, "callback=\"block_until_reported\" loop=1 for_ms="));
    assert_int_equal(blocked(server), 1);
    assert_int_equal(shoal_server_destroy(&server), 0);
}

static void a_blocking_callback_of_a_service_is_named_with_it(void **state)
{
    (void)state;
    struct shoal_server *server = start();
    shoal_call(shoal_server_loop(server, 1), block_as_a_service, NULL);
    wait_returned();
    assert_non_null(strstr(report, "callback=\"fish on_data\" loop=1 for_ms="));
    assert_int_equal(blocked(server), 1);
    assert_int_equal(shoal_server_destroy(&server), 0);
}

static void every_blocking_callback_is_reported_once(void **state)
{
    (void)state;
    struct shoal_server *server = start();
    for (uint64_t i = 1; i <= 3; i++) {
        shoal_call(shoal_server_loop(server, 1), block_until_reported, NULL);
        wait_returned();
        assert_int_equal(blocked(server), i);
    }
    int waiting;
    sem_getvalue(&reported, &waiting);
    assert_int_equal(waiting, 0);
    assert_int_equal(shoal_server_destroy(&server), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocking_callback_is_named_and_counted),
        cmocka_unit_test(a_blocking_callback_of_a_service_is_named_with_it),
        cmocka_unit_test(every_blocking_callback_is_reported_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
