/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop without a thread of its own, turned by hand on a clock that moves by hand; and one on a
 * thread, for what needs two.
 */
#include "runtime/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <shoal/error.h>
#include <shoal/libevent.h>

#include "scale.h"
#include "support/failmalloc.h"
#include "support/fakeclock.h"

static struct fakeclock fake;
static struct shoal_loop *loop;

static int open_loop(void **state)
{
    (void)state;
    struct shoal__clock clock = fakeclock_start(&fake, SHOAL__NS_PER_S);
    int rc = shoal__loop_create(NULL, 3, &clock, &loop);
    if (rc == 0)
        shoal__loop_adopt(loop);
    return rc;
}

static int close_loop(void **state)
{
    (void)state;
    shoal__loop_abandon(loop);
    shoal__loop_destroy(&loop);
    return loop != NULL;
}

static void turn(void)
{
    assert_true(shoal__loop_turn(loop, false));
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* What a test's callbacks leave behind: the order in which they ran. */
static int ran[4096];
static int ran_count;

static int forget_runs(void **state)
{
    ran_count = 0;
    return open_loop(state);
}

static void note(struct shoal_loop *on, void *arg)
{
    assert_ptr_equal(on, loop);
    if (ran_count < 4096)
        ran[ran_count] = (int)(intptr_t)arg;
    ran_count++;
}

static struct shoal_task note_task(int number)
{
    return (struct shoal_task)SHOAL_TASK(note, (void *)(intptr_t)number);
}

static void a_loop_knows_its_owner_and_its_number(void **state)
{
    (void)state;
    assert_ptr_equal(shoal_loop_current(), loop);
    assert_true(shoal_loop_is_owner(loop));
    assert_int_equal(shoal_loop_index(loop), 3);
    assert_null(shoal_loop_data(loop));
    shoal_loop_set_data(loop, &fake);
    assert_ptr_equal(shoal_loop_data(loop), &fake);
    assert_non_null(shoal_loop_base(loop));
}

static void posted_tasks_run_in_order_in_the_next_turn(void **state)
{
    (void)state;
    struct shoal_task tasks[5];
    for (int i = 0; i < 5; i++) {
        tasks[i] = note_task(i);
        assert_int_equal(shoal_post(loop, &tasks[i]), 0);
    }
    assert_int_equal(ran_count, 0);
    turn();
    assert_int_equal(ran_count, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ran[i], i);
    assert_int_equal(counted(&loop->counters.posts), 5);
}

static void a_call_needs_no_task_and_is_refused_without_memory(void **state)
{
    (void)state;
    assert_int_equal(shoal_call(loop, note, (void *)9), 0);
    failmalloc_at(1);
    assert_int_equal(shoal_call(loop, note, (void *)10), -SHOAL_ENOMEM);
    failmalloc_off();
    turn();
    assert_int_equal(ran_count, 1);
    assert_int_equal(ran[0], 9);
}

static void post_again(struct shoal_loop *on, void *arg)
{
    struct shoal_task *task = arg;
    note(on, NULL);
    shoal_post(on, task);
}

static void a_turn_runs_a_bounded_number_of_posted_tasks(void **state)
{
    (void)state;
    struct shoal_task endless = {.run = post_again, .arg = &endless, .name = "endless"};
    struct shoal_task last = note_task(7);
    shoal_post(loop, &endless);
    turn();
    assert_in_range(ran_count, 1, 4095);
    shoal_post(loop, &last);
    turn();
    bool found = false;
    for (int i = 0; i < ran_count; i++)
        found = found || ran[i] == 7;
    assert_true(found);
}

static void a_task_may_post_its_own_struct_again_from_inside(void **state)
{
    (void)state;
    struct shoal_task task = {.run = post_again, .arg = &task, .name = "again"};
    shoal_post(loop, &task);
    turn();
    int first = ran_count;
    turn();
    assert_true(ran_count > first);
}

struct slices {
    struct shoal_task task;
    int left;
};

static void run_slice(struct shoal_loop *on, void *arg)
{
    struct slices *slices = arg;
    note(on, (void *)(intptr_t)slices->left);
    if (--slices->left > 0)
        shoal_defer(on, &slices->task);
}

static void a_task_that_defers_itself_runs_once_per_turn(void **state)
{
    (void)state;
    struct slices slices = {.left = 3};
    slices.task = (struct shoal_task)SHOAL_TASK(run_slice, &slices);
    shoal_defer(loop, &slices.task);
    for (int i = 1; i <= 3; i++) {
        turn();
        assert_int_equal(ran_count, i);
    }
    turn();
    assert_int_equal(ran_count, 3);
}

static void deferred_tasks_keep_their_order_and_come_after_posted_ones(void **state)
{
    (void)state;
    struct shoal_task a = note_task(1);
    struct shoal_task b = note_task(2);
    struct shoal_task posted = note_task(0);
    shoal_defer(loop, &a);
    shoal_defer(loop, &b);
    shoal_post(loop, &posted);
    turn();
    assert_int_equal(ran_count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ran[i], i);
}

static void defer_from_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    shoal_defer(loop, arg);
}

static void what_an_event_defers_waits_for_the_next_turn(void **state)
{
    (void)state;
    struct shoal_task task = note_task(1);
    struct event *event = event_new(loop->base, -1, 0, defer_from_event, &task);
    event_active(event, EV_READ, 0);
    turn();
    assert_int_equal(ran_count, 0);
    turn();
    assert_int_equal(ran_count, 1);
    event_free(event);
}

/* Timers */

static void fire_note(struct shoal_timer *timer, void *arg)
{
    assert_false(shoal_timer_running(timer));
    note(loop, arg);
}

static void a_timer_never_fires_early_and_fires_once(void **state)
{
    (void)state;
    struct shoal_timer timer;
    shoal_timer_init(&timer, fire_note, (void *)1);
    assert_int_equal(shoal_timer_start(loop, &timer, 10), 0);
    assert_true(shoal_timer_running(&timer));
    fakeclock_advance_ns(&fake, 10 * SHOAL__NS_PER_MS - 1);
    turn();
    assert_int_equal(ran_count, 0);
    fakeclock_advance_ns(&fake, 1);
    turn();
    assert_int_equal(ran_count, 1);
    fakeclock_advance_ms(&fake, 1000);
    turn();
    assert_int_equal(ran_count, 1);
    assert_int_equal(counted(&loop->counters.timers_fired), 1);
}

static void a_timer_started_late_in_a_turn_counts_from_then(void **state)
{
    (void)state;
    struct shoal_timer timer;
    shoal_timer_init(&timer, fire_note, NULL);
    int64_t turn_ms = shoal_loop_now_ms(loop);
    fakeclock_advance_ms(&fake, 50); /* the callback that starts it has taken that long */
    assert_int_equal(shoal_loop_now_ms(loop), turn_ms);
    shoal_timer_start(loop, &timer, 10);
    turn();
    assert_int_equal(ran_count, 0);
    fakeclock_advance_ms(&fake, 10);
    turn();
    assert_int_equal(ran_count, 1);
}

static void a_moved_or_stopped_timer_forgets_its_old_deadline(void **state)
{
    (void)state;
    struct shoal_timer moved;
    struct shoal_timer stopped;
    shoal_timer_init(&moved, fire_note, (void *)1);
    shoal_timer_init(&stopped, fire_note, (void *)2);
    shoal_timer_start(loop, &moved, 10);
    shoal_timer_start(loop, &stopped, 10);
    shoal_timer_start(loop, &moved, 30);
    shoal_timer_stop(&stopped);
    shoal_timer_stop(&stopped);
    assert_false(shoal_timer_running(&stopped));
    fakeclock_advance_ms(&fake, 29);
    turn();
    assert_int_equal(ran_count, 0);
    fakeclock_advance_ms(&fake, 1);
    turn();
    assert_int_equal(ran_count, 1);
    assert_int_equal(ran[0], 1);
}

static void stop_other(struct shoal_timer *timer, void *arg)
{
    fire_note(timer, NULL);
    shoal_timer_stop(arg);
}

static void a_timer_stopped_by_another_callback_of_its_turn_does_not_fire(void **state)
{
    (void)state;
    struct shoal_timer first;
    struct shoal_timer second;
    shoal_timer_init(&first, stop_other, &second);
    shoal_timer_init(&second, fire_note, NULL);
    shoal_timer_start(loop, &first, 1);
    shoal_timer_start(loop, &second, 2);
    fakeclock_advance_ms(&fake, 5);
    turn();
    assert_int_equal(ran_count, 1);
    assert_false(shoal_timer_running(&second));
}

static void start_again(struct shoal_timer *timer, void *arg)
{
    fire_note(timer, arg);
    shoal_timer_start(loop, timer, 0);
}

static void a_timer_that_starts_itself_without_delay_fires_once_per_turn(void **state)
{
    (void)state;
    struct shoal_timer timer;
    shoal_timer_init(&timer, start_again, NULL);
    shoal_timer_start(loop, &timer, 0);
    for (int i = 1; i <= 3; i++) {
        turn();
        assert_int_equal(ran_count, i);
        fakeclock_advance_ns(&fake, 1);
    }
    shoal_timer_stop(&timer);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    struct shoal_timer timers[50];
    for (int i = 0; i < 50; i++) {
        shoal_timer_init(&timers[i], fire_note, (void *)(intptr_t)(i * 7 % 50));
        shoal_timer_start(loop, &timers[i], i * 7 % 50);
    }
    fakeclock_advance_ms(&fake, 60);
    turn();
    assert_int_equal(ran_count, 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(ran[i], i);
}

static void a_delay_too_long_for_the_clock_means_never(void **state)
{
    (void)state;
    struct shoal_timer timer;
    shoal_timer_init(&timer, fire_note, NULL);
    assert_int_equal(shoal_timer_start(loop, &timer, INT64_MAX), 0);
    fakeclock_advance_ns(&fake, INT64_MAX / 2);
    turn();
    assert_int_equal(ran_count, 0);
    shoal_timer_stop(&timer);
}

/* The end */

static void a_stopped_loop_runs_what_was_posted_and_deferred_and_then_refuses(void **state)
{
    (void)state;
    struct slices slices = {.left = 3};
    slices.task = (struct shoal_task)SHOAL_TASK(run_slice, &slices);
    struct shoal_task posted = note_task(100);
    shoal_defer(loop, &slices.task);
    shoal__loop_stop(loop);
    shoal_post(loop, &posted);
    while (shoal__loop_turn(loop, true))
        continue;
    assert_int_equal(ran_count, 4);
    assert_int_equal(slices.left, 0);
    assert_int_equal(shoal_post(loop, &posted), -SHOAL_ESTOPPED);
    assert_int_equal(shoal_call(loop, note, NULL), -SHOAL_ESTOPPED);
    shoal__loop_finish(loop);
}

struct test_layer {
    struct shoal__loop_layer layer; /* first */
    int turns;
    bool destroyed;
};

static void layer_turn_end(struct shoal__loop_layer *layer)
{
    ((struct test_layer *)layer)->turns++;
}

static void layer_nothing(struct shoal__loop_layer *layer)
{
    (void)layer;
}

static void layer_destroy(struct shoal__loop_layer *layer)
{
    ((struct test_layer *)layer)->destroyed = true;
}

static void the_layer_is_told_of_every_turn_and_of_the_end(void **state)
{
    (void)state;
    struct test_layer layer = {
        .layer = {layer_turn_end, layer_nothing, layer_nothing, layer_destroy}};
    loop->layer = &layer.layer;
    turn();
    turn();
    assert_int_equal(layer.turns, 2);
    shoal__loop_stop(loop);
    while (shoal__loop_turn(loop, false))
        continue;
    assert_false(layer.destroyed);
    shoal__loop_finish(loop);
    assert_true(layer.destroyed);
}

static void advance(struct shoal_loop *on, void *arg)
{
    (void)on;
    fakeclock_advance_ms(&fake, (int64_t)(intptr_t)arg);
}

static void a_long_task_shows_as_the_longest_turn(void **state)
{
    (void)state;
    assert_int_equal(shoal_call(loop, advance, (void *)80), 0);
    turn();
    assert_int_equal(loop->counters.max_turn_ns, 80 * SHOAL__NS_PER_MS);
    assert_int_equal(loop->counters.lag_ns, 10 * SHOAL__NS_PER_MS);
    for (int i = 0; i < 100; i++)
        turn();
    assert_int_equal(loop->counters.max_turn_ns, 80 * SHOAL__NS_PER_MS);
    assert_in_range(loop->counters.lag_ns, 0, SHOAL__NS_PER_MS);
}

/* With a thread */

static void *turn_until_stopped(void *arg)
{
    shoal__loop_adopt(arg);
    while (shoal__loop_turn(arg, true))
        continue;
    shoal__loop_finish(arg);
    shoal__loop_abandon(arg);
    return NULL;
}

enum { SENDERS = 3, PER_SENDER = SCALED(50000) };

struct sender {
    struct shoal_loop *to;
    int sent;
    int received; /* loop's thread */
};

static void receive(struct shoal_loop *on, void *arg)
{
    (void)on;
    ((struct sender *)arg)->received++;
}

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    for (; sender->sent < PER_SENDER; sender->sent++) {
        if (shoal_call(sender->to, receive, sender) != 0)
            break;
    }
    return NULL;
}

static void a_sleeping_loop_is_woken_for_every_post_from_other_threads(void **state)
{
    (void)state;
    struct shoal_loop *other;
    pthread_t thread;
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    assert_int_equal(shoal__loop_create(NULL, 0, NULL, &other), 0);
    assert_int_equal(pthread_create(&thread, NULL, turn_until_stopped, other), 0);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.to = other};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    shoal__loop_stop(other);
    pthread_join(thread, NULL);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(senders[i].received, PER_SENDER);
    assert_true(counted(&other->counters.wakeups) <= counted(&other->counters.posts));
    shoal__loop_destroy(&other);
}

static void fire_stop(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    shoal__loop_stop(arg);
}

static void a_sleeping_loop_wakes_for_its_timers(void **state)
{
    (void)state;
    struct shoal_loop *other;
    assert_int_equal(shoal__loop_create(NULL, 0, NULL, &other), 0);
    shoal__loop_abandon(loop);
    shoal__loop_adopt(other);
    struct shoal_timer timer;
    shoal_timer_init(&timer, fire_stop, other);
    int64_t before_ns = shoal__clock_now_ns(&shoal__clock_monotonic);
    shoal_timer_start(other, &timer, 20);
    while (shoal__loop_turn(other, true))
        continue;
    int64_t took_ns = shoal__clock_now_ns(&shoal__clock_monotonic) - before_ns;
    assert_true(took_ns >= 20 * SHOAL__NS_PER_MS);
    assert_true(counted(&other->counters.turns) < 50); /* slept, not spun */
    shoal__loop_abandon(other);
    shoal__loop_destroy(&other);
    shoal__loop_adopt(loop);
}

/* Failures */

static void making_a_loop_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct shoal_loop *made = NULL;
    int rc = -1;
    long k = 1;
    for (; rc != 0; k++) {
        failmalloc_at(k);
        rc = shoal__loop_create(NULL, 0, NULL, &made);
        failmalloc_off();
        assert_true(rc == 0 || (rc == -SHOAL_ENOMEM && made == NULL));
    }
    assert_true(k > 5);
    shoal__loop_destroy(&made);
}

/* The descriptor of an epoll instance of this process. */
static int find_epoll(void)
{
    int found = -1;
    for (int fd = 3; fd < 64; fd++) {
        char path[64];
        char target[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "eventpoll") != NULL)
            found = fd;
    }
    return found;
}

static void a_loop_whose_event_base_fails_still_runs_posts_and_timers(void **state)
{
    (void)state;
    int epoll = find_epoll();
    if (epoll < 0)
        skip(); /* another method was chosen by the environment */
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(null, epoll), epoll);
    close(null);
    turn();
    assert_true(loop->broken);

    struct shoal_timer timer;
    shoal_timer_init(&timer, fire_note, (void *)2);
    shoal_timer_start(loop, &timer, 0);
    struct shoal_task task = note_task(1);
    shoal_post(loop, &task);
    assert_true(shoal__loop_turn(loop, true));
    assert_int_equal(ran_count, 2);
}

/* Busy polling */

static bool slept;

static void note_sleep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    slept = loop->asleep;
}

/* Takes a turn that may wait, with an event ready; returns whether the loop told the mailbox that
 * it sleeps. */
static bool would_sleep(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(event_base_once(loop->base, ends[0], EV_READ, note_sleep, NULL, NULL), 0);
    assert_true(shoal__loop_turn(loop, true));
    close(ends[0]);
    close(ends[1]);
    return slept;
}

static void have_something_posted(void)
{
    struct shoal_task task = note_task(1);
    assert_int_equal(shoal_post(loop, &task), 0);
    turn();
    assert_int_equal(ran_count, 1);
}

static void a_loop_sleeps_after_a_post(void **state)
{
    (void)state;
    have_something_posted();
    assert_true(would_sleep());
}

static void a_loop_that_polls_busily_does_not_sleep_soon_after_a_post(void **state)
{
    (void)state;
    loop->busy_poll_ns = SHOAL__NS_PER_MS;
    have_something_posted();
    fakeclock_advance_ns(&fake, SHOAL__NS_PER_MS - 1);
    turn();
    assert_false(would_sleep());
}

static void a_loop_that_polls_busily_sleeps_once_nothing_came_for_so_long(void **state)
{
    (void)state;
    loop->busy_poll_ns = SHOAL__NS_PER_MS;
    assert_true(would_sleep());
    have_something_posted();
    fakeclock_advance_ns(&fake, SHOAL__NS_PER_MS);
    turn();
    assert_true(would_sleep());
}

int main(void)
{
    failmalloc_use_in_libevent();
    const struct CMUnitTest tests[] = {
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, forget_runs, close_loop)
        LOOP_TEST(a_loop_sleeps_after_a_post),
        LOOP_TEST(a_loop_that_polls_busily_does_not_sleep_soon_after_a_post),
        LOOP_TEST(a_loop_that_polls_busily_sleeps_once_nothing_came_for_so_long),
        LOOP_TEST(a_loop_knows_its_owner_and_its_number),
        LOOP_TEST(posted_tasks_run_in_order_in_the_next_turn),
        LOOP_TEST(a_call_needs_no_task_and_is_refused_without_memory),
        LOOP_TEST(a_turn_runs_a_bounded_number_of_posted_tasks),
        LOOP_TEST(a_task_may_post_its_own_struct_again_from_inside),
        LOOP_TEST(a_task_that_defers_itself_runs_once_per_turn),
        LOOP_TEST(deferred_tasks_keep_their_order_and_come_after_posted_ones),
        LOOP_TEST(what_an_event_defers_waits_for_the_next_turn),
        LOOP_TEST(a_timer_never_fires_early_and_fires_once),
        LOOP_TEST(a_timer_started_late_in_a_turn_counts_from_then),
        LOOP_TEST(a_moved_or_stopped_timer_forgets_its_old_deadline),
        LOOP_TEST(a_timer_stopped_by_another_callback_of_its_turn_does_not_fire),
        LOOP_TEST(a_timer_that_starts_itself_without_delay_fires_once_per_turn),
        LOOP_TEST(timers_fire_in_the_order_of_their_deadlines),
        LOOP_TEST(a_delay_too_long_for_the_clock_means_never),
        LOOP_TEST(a_stopped_loop_runs_what_was_posted_and_deferred_and_then_refuses),
        LOOP_TEST(the_layer_is_told_of_every_turn_and_of_the_end),
        LOOP_TEST(a_long_task_shows_as_the_longest_turn),
        LOOP_TEST(a_sleeping_loop_is_woken_for_every_post_from_other_threads),
        LOOP_TEST(a_sleeping_loop_wakes_for_its_timers),
        LOOP_TEST(making_a_loop_survives_every_failing_allocation),
        LOOP_TEST(a_loop_whose_event_base_fails_still_runs_posts_and_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
