/* SPDX-License-Identifier: BSD-3-Clause */
/* The mailbox alone: its order, its wake-ups, its end, and many senders at once. */
#include "runtime/mailbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scale.h"

enum { BURST = 100 };

static struct shoal__mailbox mailbox;

static int fresh_mailbox(void **state)
{
    (void)state;
    shoal__mailbox_init(&mailbox);
    return 0;
}

static void tasks_come_out_in_the_order_of_their_pushes(void **state)
{
    (void)state;
    struct shoal_task tasks[BURST] = {{0}};
    for (int i = 0; i < BURST; i++)
        shoal__mailbox_push(&mailbox, &tasks[i]);
    struct shoal_task *task = shoal__mailbox_take(&mailbox);
    for (int i = 0; i < BURST; i++, task = task->next_)
        assert_ptr_equal(task, &tasks[i]);
    assert_null(task);
    assert_null(shoal__mailbox_take(&mailbox));
}

static void a_burst_wakes_a_sleeping_owner_once(void **state)
{
    (void)state;
    struct shoal_task tasks[BURST] = {{0}};
    assert_true(shoal__mailbox_sleep(&mailbox));
    assert_int_equal(shoal__mailbox_push(&mailbox, &tasks[0]), SHOAL__PUSHED_WAKE);
    for (int i = 1; i < BURST; i++)
        assert_int_equal(shoal__mailbox_push(&mailbox, &tasks[i]), SHOAL__PUSHED);
}

static void an_awake_owner_is_never_woken(void **state)
{
    (void)state;
    struct shoal_task task = {0};
    assert_int_equal(shoal__mailbox_push(&mailbox, &task), SHOAL__PUSHED);
    shoal__mailbox_take(&mailbox);
    assert_true(shoal__mailbox_sleep(&mailbox));
    shoal__mailbox_awake(&mailbox);
    assert_int_equal(shoal__mailbox_push(&mailbox, &task), SHOAL__PUSHED);
}

static void taking_nothing_from_a_sleeping_mailbox_wakes_it(void **state)
{
    (void)state;
    struct shoal_task task = {0};
    assert_true(shoal__mailbox_sleep(&mailbox));
    assert_null(shoal__mailbox_take(&mailbox));
    assert_int_equal(shoal__mailbox_push(&mailbox, &task), SHOAL__PUSHED);
}

static void an_owner_with_tasks_does_not_get_to_sleep(void **state)
{
    (void)state;
    struct shoal_task task = {0};
    shoal__mailbox_push(&mailbox, &task);
    assert_false(shoal__mailbox_sleep(&mailbox));
    assert_ptr_equal(shoal__mailbox_take(&mailbox), &task);
    assert_true(shoal__mailbox_sleep(&mailbox));
    assert_true(shoal__mailbox_sleep(&mailbox));
}

static void a_closed_mailbox_refuses_and_one_with_tasks_does_not_close(void **state)
{
    (void)state;
    struct shoal_task task = {0};
    shoal__mailbox_push(&mailbox, &task);
    assert_false(shoal__mailbox_try_close(&mailbox));
    shoal__mailbox_take(&mailbox);
    assert_true(shoal__mailbox_try_close(&mailbox));
    assert_int_equal(shoal__mailbox_push(&mailbox, &task), SHOAL__PUSH_REFUSED);

    shoal__mailbox_init(&mailbox);
    assert_true(shoal__mailbox_sleep(&mailbox));
    assert_true(shoal__mailbox_try_close(&mailbox));
}

enum { SENDERS = 4, PER_SENDER = SCALED(200000) };

struct numbered {
    struct shoal_task task; /* first */
    int sender;
    int number;
};

static struct numbered numbered[SENDERS][PER_SENDER];
static sem_t wake;

static void *send_all(void *arg)
{
    struct numbered *mine = arg;
    for (int i = 0; i < PER_SENDER; i++) {
        if (shoal__mailbox_push(&mailbox, &mine[i].task) == SHOAL__PUSHED_WAKE)
            sem_post(&wake);
    }
    return NULL;
}

/* A lost wake-up makes this hang, which the test's timeout turns into a failure. */
static void receive_all(int received[SENDERS])
{
    for (int left = SENDERS * PER_SENDER; left > 0;) {
        struct shoal_task *task = shoal__mailbox_take(&mailbox);
        if (task == NULL && shoal__mailbox_sleep(&mailbox))
            sem_wait(&wake);
        while (task != NULL) {
            struct numbered *got = (struct numbered *)task;
            task = task->next_;
            assert_int_equal(got->number, received[got->sender]);
            received[got->sender]++;
            left--;
        }
    }
}

static void many_senders_keep_their_own_order_and_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[SENDERS];
    int received[SENDERS] = {0};
    assert_int_equal(sem_init(&wake, 0, 0), 0);
    for (int s = 0; s < SENDERS; s++) {
        for (int i = 0; i < PER_SENDER; i++)
            numbered[s][i] = (struct numbered){.sender = s, .number = i};
        assert_int_equal(pthread_create(&threads[s], NULL, send_all, numbered[s]), 0);
    }
    receive_all(received);
    for (int s = 0; s < SENDERS; s++) {
        pthread_join(threads[s], NULL);
        assert_int_equal(received[s], PER_SENDER);
    }
    assert_null(shoal__mailbox_take(&mailbox));
    sem_destroy(&wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tasks_come_out_in_the_order_of_their_pushes, fresh_mailbox),
        cmocka_unit_test_setup(a_burst_wakes_a_sleeping_owner_once, fresh_mailbox),
        cmocka_unit_test_setup(an_awake_owner_is_never_woken, fresh_mailbox),
        cmocka_unit_test_setup(taking_nothing_from_a_sleeping_mailbox_wakes_it, fresh_mailbox),
        cmocka_unit_test_setup(an_owner_with_tasks_does_not_get_to_sleep, fresh_mailbox),
        cmocka_unit_test_setup(a_closed_mailbox_refuses_and_one_with_tasks_does_not_close,
                               fresh_mailbox),
        cmocka_unit_test_setup(many_senders_keep_their_own_order_and_lose_nothing, fresh_mailbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
