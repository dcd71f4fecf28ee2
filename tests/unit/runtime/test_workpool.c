/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker pool, alone and with a loop that is turned by hand. Work is held up by gates, never by
 * time; queueing delays come from a clock that moves by hand.
 */
#include "runtime/workpool.h"

#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <shoal/error.h>

#include "failthread.h"
#include "runtime/loop.h"
#include "scale.h"
#include "support/failmalloc.h"
#include "support/fakeclock.h"

enum { UNTOLD = 1, MANY = 100 };

/* A piece of work that records what became of it. */
struct job {
    struct shoal_work work; /* first */
    int number;
    int status;       /* of done; UNTOLD before */
    int told;         /* how often */
    pthread_t teller; /* who called done */
    bool ran;
};

static struct fakeclock fake;
static struct shoal_pool *pool;
static struct shoal_loop *loop;
static struct job jobs[MANY];
static sem_t gate;    /* work that waits here ... */
static sem_t entered; /* ... has said so here before */
static sem_t told;    /* a done was called */
static int run_order[MANY];
static atomic_int run_count;

static void run_job(struct shoal_work *work)
{
    struct job *job = (struct job *)work;
    job->ran = true;
    run_order[atomic_fetch_add(&run_count, 1) % MANY] = job->number;
}

static void run_behind_gate(struct shoal_work *work)
{
    sem_post(&entered);
    while (sem_wait(&gate) != 0)
        continue;
    run_job(work);
}

static void run_until_cancelled(struct shoal_work *work)
{
    sem_post(&entered);
    while (!shoal_work_cancelled(work))
        sched_yield();
    run_job(work);
}

static void note_done(struct shoal_work *work, int status)
{
    struct job *job = (struct job *)work;
    job->status = status;
    job->told++;
    job->teller = pthread_self();
    sem_post(&told);
}

static void make_pool(unsigned workers, size_t capacity, int64_t shed_target_ms)
{
    struct shoal_pool_cfg cfg = SHOAL_POOL_CFG_INIT;
    struct shoal__clock clock = fakeclock_start(&fake, SHOAL__NS_PER_S);
    cfg.workers = workers;
    cfg.capacity = capacity;
    cfg.shed_target_ms = shed_target_ms;
    assert_int_equal(shoal__pool_create(&cfg, &clock, &pool), 0);
}

static int setup(void **state)
{
    (void)state;
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < MANY; i++) {
        jobs[i].work.run = run_job;
        jobs[i].work.done = note_done;
        jobs[i].number = i;
        jobs[i].status = UNTOLD;
    }
    atomic_store(&run_count, 0);
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    sem_init(&told, 0, 0);
    if (shoal__loop_create(NULL, 0, NULL, &loop) < 0)
        return -1;
    shoal__loop_adopt(loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int rc = shoal_pool_destroy(&pool);
    if (shoal_loop_current() != NULL)
        shoal__loop_abandon(loop);
    shoal__loop_destroy(&loop);
    sem_destroy(&gate);
    sem_destroy(&entered);
    sem_destroy(&told);
    return rc;
}

static struct shoal_pool_stats stats(void)
{
    struct shoal_pool_stats now;
    shoal_pool_stats(pool, &now);
    return now;
}

static void wait_sem(sem_t *sem, int times)
{
    while (times > 0)
        times -= sem_wait(sem) == 0;
}

static int submit(int number, struct shoal_loop *on)
{
    return shoal_pool_submit(pool, on, &jobs[number].work);
}

/* Occupies one worker with job `number` until the gate opens. */
static void occupy(int number)
{
    jobs[number].work.run = run_behind_gate;
    assert_int_equal(submit(number, NULL), 0);
    wait_sem(&entered, 1);
}

static void open_gate(int times)
{
    for (int i = 0; i < times; i++)
        sem_post(&gate);
}

static void turn(void)
{
    assert_true(shoal__loop_turn(loop, false));
}

/* Until every worker is done with what this loop has submitted. */
static void wait_for_results(void)
{
    while (atomic_load(&loop->works) > 0)
        sched_yield();
}

/* Bounds and order */

static void a_full_pool_refuses_at_its_exact_bound(void **state)
{
    (void)state;
    make_pool(1, 8, 0);
    occupy(0);
    for (int i = 1; i < 8; i++)
        assert_int_equal(submit(i, i % 2 ? loop : NULL), 0);
    assert_int_equal(submit(8, NULL), -SHOAL_EFULL);
    assert_int_equal(submit(8, loop), -SHOAL_EFULL);
    assert_int_equal(stats().held, 8);
    assert_int_equal(stats().refused, 2);

    turn();
    open_gate(1);
    wait_sem(&told, 4); /* 0, 2, 4 and 6 */
    wait_for_results();
    assert_true(stats().held >= 4); /* the loop's are held until they are told */
    turn();
    for (int i = 0; i < 8; i++)
        assert_int_equal(jobs[i].told, 1);
    assert_int_equal(submit(8, loop), 0);
    assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_FINISH, -1, NULL), 0);
    turn();
    assert_int_equal(stats().held, 0);
}

enum { SUBMITTERS = 4 };

static void *submit_many(void *arg)
{
    intptr_t accepted = 0;
    struct job *mine = arg;
    for (int i = 0; i < MANY / SUBMITTERS; i++)
        accepted += shoal_pool_submit(pool, NULL, &mine[i].work) == 0;
    return (void *)accepted;
}

static void many_submitters_together_get_exactly_the_capacity(void **state)
{
    (void)state;
    make_pool(1, 37, 0);
    struct job first = {.work = {.run = run_behind_gate}};
    assert_int_equal(shoal_pool_submit(pool, NULL, &first.work), 0);
    wait_sem(&entered, 1);
    pthread_t threads[SUBMITTERS];
    intptr_t accepted = 1;
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_create(&threads[i], NULL, submit_many, &jobs[i * (MANY / SUBMITTERS)]);
    for (int i = 0; i < SUBMITTERS; i++) {
        void *mine;
        pthread_join(threads[i], &mine);
        accepted += (intptr_t)mine;
    }
    assert_int_equal(accepted, 37);
    assert_int_equal(stats().refused, MANY - 36);
    open_gate(1);
    assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_FINISH, -1, NULL), 0);
    assert_int_equal(stats().completed, 37);
}

static void one_submitters_work_is_started_in_order(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(submit(i, loop), 0);
        if (i % 10 == 9)
            turn();
    }
    wait_for_results();
    turn();
    for (int i = 0; i < MANY; i++)
        assert_int_equal(run_order[i], i);
}

/* Loops */

static void submit_fifty(struct shoal_loop *on, void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++)
        assert_int_equal(submit(i, on), 0);
    assert_int_equal(stats().queued, 0);
    assert_int_equal(stats().held, 50);
}

static void what_a_loop_submits_in_a_turn_is_one_batch_both_ways(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    shoal_call(loop, submit_fifty, NULL);
    turn();
    assert_int_equal(stats().batches, 1);
    wait_for_results();
    assert_int_equal(jobs[0].told, 0);
    assert_int_equal(loop->counters.posts, 1);
    turn();
    assert_int_equal(loop->counters.posts, 2);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(jobs[i].told, 1);
        assert_int_equal(jobs[i].status, 0);
        assert_true(pthread_equal(jobs[i].teller, pthread_self()));
    }
    assert_int_equal(stats().held, 0);
}

static void work_submitted_before_the_first_turn_does_not_wait_for_an_event(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    assert_int_equal(submit(0, loop), 0);
    while (jobs[0].told == 0)
        assert_true(shoal__loop_turn(loop, true));
}

static void at_most_as_many_workers_are_woken_as_there_is_work(void **state)
{
    (void)state;
    make_pool(8, MANY, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(submit(i, loop), 0);
    turn();
    assert_true(stats().wakeups <= 3);
    wait_for_results();
    turn();
}

static void no_piece_waits_for_one_that_blocks(void **state)
{
    (void)state;
    make_pool(3, MANY, 0);
    jobs[0].work.run = jobs[2].work.run = run_behind_gate;
    for (int i = 0; i < 10; i++)
        assert_int_equal(submit(i, loop), 0);
    turn();
    wait_sem(&entered, 2);
    while (atomic_load(&loop->works) > 2)
        sched_yield();
    turn();
    for (int i = 0; i < 10; i++)
        assert_int_equal(jobs[i].told, i == 0 || i == 2 ? 0 : 1);
    open_gate(2);
    wait_for_results();
    turn();
}

static void what_a_worker_has_done_is_told_before_it_does_the_next(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    jobs[1].work.run = run_behind_gate;
    assert_int_equal(submit(0, loop), 0);
    assert_int_equal(submit(1, loop), 0);
    turn();
    wait_sem(&entered, 1);
    while (atomic_load(&loop->works) > 1)
        sched_yield();
    turn();
    assert_int_equal(jobs[0].told, 1);
    assert_int_equal(jobs[1].told, 0);
    open_gate(1);
    wait_for_results();
    turn();
}

static void work_for_two_pools_in_one_turn_goes_to_each(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    struct shoal_pool *second;
    assert_int_equal(shoal_pool_create(NULL, &second), 0);
    for (int i = 0; i < 10; i++)
        shoal_pool_submit(i % 2 ? second : pool, loop, &jobs[i].work);
    turn();
    wait_for_results();
    turn();
    for (int i = 0; i < 10; i++)
        assert_int_equal(jobs[i].told, 1);
    assert_int_equal(stats().completed, 5);
    assert_int_equal(shoal_pool_destroy(&second), 0);
}

static void submit_next(struct shoal_work *work, int status)
{
    note_done(work, status);
    struct job *job = (struct job *)work;
    if (job->number < 20) {
        job->number++;
        assert_int_equal(shoal_pool_submit(job->work.pool_, loop, work), 0);
    }
}

static void done_may_submit_the_same_struct_again(void **state)
{
    (void)state;
    make_pool(2, 2, 0);
    jobs[0].work.done = submit_next;
    assert_int_equal(submit(0, loop), 0);
    while (jobs[0].told < 21)
        turn();
    assert_int_equal(stats().held, 0);
}

static void results_are_told_by_the_worker_where_the_loop_has_ended(void **state)
{
    (void)state;
    make_pool(2, MANY, 0);
    jobs[0].work.run = run_behind_gate;
    jobs[1].work.run = run_behind_gate;
    submit(0, loop);
    submit(1, loop);
    turn();
    wait_sem(&entered, 2);
    shoal__loop_stop(loop);
    while (shoal__loop_turn(loop, false))
        continue;
    shoal__loop_finish(loop);
    open_gate(2);
    wait_sem(&told, 2);
    wait_for_results();
    assert_false(pthread_equal(jobs[0].teller, pthread_self()));
    assert_int_equal(jobs[0].told + jobs[1].told, 2);
}

/* A pool may be destroyed while results are still on their way to a loop. */
static void a_destroyed_pools_results_still_arrive(void **state)
{
    (void)state;
    make_pool(2, MANY, 0);
    for (int i = 0; i < 10; i++)
        submit(i, loop);
    assert_int_equal(shoal_pool_destroy(&pool), 0);
    assert_null(pool);
    turn();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(jobs[i].told, 1);
        assert_int_equal(jobs[i].status, jobs[i].ran ? 0 : -SHOAL_ECANCELED);
    }
}

/* Cancelling */

static void queued_work_that_is_cancelled_is_told_soon_and_never_runs(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    occupy(0);
    for (int i = 1; i <= 3; i++)
        submit(i, loop);
    turn();
    shoal_work_cancel(&jobs[2].work);
    shoal_work_cancel(&jobs[2].work);
    assert_int_equal(jobs[2].told, 0);
    turn();
    assert_int_equal(jobs[2].told, 1);
    assert_int_equal(jobs[2].status, -SHOAL_ECANCELED);
    assert_int_equal(stats().queued, 2);
    open_gate(1);
    wait_for_results();
    turn();
    assert_false(jobs[2].ran);
    assert_true(jobs[1].ran && jobs[3].ran);
    assert_int_equal(stats().cancelled, 1);
}

static void gathered_work_that_is_cancelled_is_told_with_the_batch(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    submit(0, loop);
    submit(1, loop);
    shoal_work_cancel(&jobs[0].work);
    turn();
    wait_for_results();
    turn();
    assert_int_equal(jobs[0].status, -SHOAL_ECANCELED);
    assert_false(jobs[0].ran);
    assert_int_equal(jobs[1].status, 0);
}

static void running_work_sees_that_it_is_cancelled_and_ends_normally(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    jobs[0].work.run = run_until_cancelled;
    submit(0, loop);
    turn();
    wait_sem(&entered, 1);
    assert_false(shoal_work_cancelled(&jobs[0].work));
    shoal_work_cancel(&jobs[0].work);
    wait_for_results();
    shoal_work_cancel(&jobs[0].work); /* ended, not yet told: harmless */
    turn();
    assert_int_equal(jobs[0].told, 1);
    assert_int_equal(jobs[0].status, 0);
    shoal_work_cancel(&jobs[0].work);
    shoal_work_cancel(&jobs[1].work); /* never submitted */
    turn();
    assert_int_equal(jobs[0].told, 1);
    assert_int_equal(jobs[1].told, 0);
}

static void work_without_a_loop_is_cancelled_by_the_next_free_worker(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    occupy(0);
    submit(1, NULL);
    shoal_work_cancel(&jobs[1].work);
    assert_int_equal(jobs[1].told, 0);
    open_gate(1);
    wait_sem(&told, 2);
    assert_int_equal(jobs[1].status, -SHOAL_ECANCELED);
    assert_false(jobs[1].ran);
}

/* Delays */

static void work_is_not_started_after_its_deadline(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    occupy(0);
    for (int i = 1; i <= 3; i++)
        jobs[i].work.deadline_ms = i * 10;
    for (int i = 1; i <= 4; i++)
        submit(i, NULL);
    fakeclock_advance_ms(&fake, 20);
    assert_int_equal(stats().oldest_ms, 20);
    open_gate(1);
    wait_sem(&told, 5);
    assert_int_equal(jobs[1].status, -SHOAL_ETIMEDOUT);
    assert_int_equal(jobs[2].status, 0); /* not later than its deadline */
    assert_int_equal(jobs[3].status, 0);
    assert_int_equal(jobs[4].status, 0);
    assert_false(jobs[1].ran);
    assert_int_equal(stats().expired, 1);
}

static void run_and_advance_100_ms(struct shoal_work *work)
{
    run_job(work);
    fakeclock_advance_ms(&fake, 100);
}

static void a_standing_queue_is_shed(void **state)
{
    (void)state;
    make_pool(1, MANY, 5);
    occupy(0);
    jobs[1].work.run = run_and_advance_100_ms;
    for (int i = 1; i <= 3; i++)
        submit(i, NULL);
    fakeclock_advance_ms(&fake, 10);
    open_gate(1);
    wait_sem(&told, 4);
    assert_int_equal(jobs[1].status, 0); /* the delay has just risen above the target */
    assert_int_equal(jobs[2].status, -SHOAL_ESHED);
    assert_int_equal(jobs[3].status, 0); /* one at a time at first */
    assert_int_equal(stats().shed, 1);
}

/* Stopping */

static void a_pool_stops_before_its_first_work(void **state)
{
    (void)state;
    static const enum shoal_pool_stop ways[] = {SHOAL_POOL_FINISH, SHOAL_POOL_DISCARD};
    for (int i = 0; i < 2; i++) {
        make_pool(4, MANY, 0);
        assert_int_equal(shoal_pool_stop(pool, ways[i], 0, NULL), 0);
        assert_int_equal(submit(0, NULL), -SHOAL_ESTOPPED);
        assert_int_equal(submit(0, loop), -SHOAL_ESTOPPED);
        assert_int_equal(shoal_pool_stop(pool, ways[i], 0, NULL), 0);
        assert_int_equal(shoal_pool_destroy(&pool), 0);
    }
    assert_int_equal(jobs[0].told, 0);
}

static void finish_runs_what_is_queued_and_what_is_gathered(void **state)
{
    (void)state;
    make_pool(2, MANY, 0);
    struct shoal_pool_report report;
    for (int i = 0; i < MANY; i++)
        submit(i, i % 2 ? loop : NULL);
    assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_FINISH, -1, &report), 0);
    assert_int_equal(report.discarded, 0);
    assert_int_equal(report.stuck, 0);
    turn();
    for (int i = 0; i < MANY; i++) {
        assert_true(jobs[i].ran);
        assert_int_equal(jobs[i].told, 1);
    }
}

static void discard_cancels_what_runs_and_drops_what_is_queued(void **state)
{
    (void)state;
    make_pool(1, 10, 0);
    struct shoal_pool_report report;
    jobs[0].work.run = run_until_cancelled;
    submit(0, NULL);
    wait_sem(&entered, 1);
    for (int i = 1; i < 10; i++)
        assert_int_equal(submit(i, i % 2 ? loop : NULL), 0);
    assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_DISCARD, -1, &report), 0);
    assert_int_equal(report.discarded, 9);
    assert_int_equal(jobs[0].status, 0);
    turn();
    for (int i = 1; i < 10; i++) {
        assert_int_equal(jobs[i].told, 1);
        assert_int_equal(jobs[i].status, -SHOAL_ECANCELED);
        assert_false(jobs[i].ran);
    }
}

static void stuck_work_is_reported_and_the_pool_outlives_it(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    struct shoal_pool_report report;
    occupy(0);
    submit(1, NULL);
    assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_FINISH, 0, &report), -SHOAL_EBUSY);
    assert_int_equal(report.stuck, 1);
    assert_int_equal(report.discarded, 1);
    assert_int_equal(jobs[1].status, -SHOAL_ECANCELED);
    struct shoal_pool *same = pool;
    assert_int_equal(shoal_pool_destroy(&pool), -SHOAL_EBUSY);
    assert_ptr_equal(pool, same);
    open_gate(1);
    wait_sem(&told, 2);
    assert_int_equal(shoal_pool_destroy(&pool), 0);
    assert_int_equal(jobs[0].status, 0);
}

static void *stop_finish(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)shoal_pool_stop(pool, SHOAL_POOL_FINISH, -1, NULL);
}

static void a_second_stop_may_hurry_the_first(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    jobs[0].work.run = run_until_cancelled; /* without the hurry, for ever */
    submit(0, NULL);
    wait_sem(&entered, 1);
    submit(1, NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, stop_finish, NULL);
    assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_DISCARD, -1, NULL), 0);
    for (int i = 0; i < 3; i++) {
        void *rc;
        pthread_join(threads[i], &rc);
        assert_null(rc);
    }
    assert_int_equal(jobs[0].told, 1);
    assert_int_equal(jobs[1].told, 1);
}

static int inside[3];

static void stop_from_inside(struct shoal_work *work)
{
    run_job(work);
    struct shoal_pool *copy = pool;
    inside[0] = shoal_pool_stop(pool, SHOAL_POOL_DISCARD, 0, NULL);
    inside[1] = shoal_pool_destroy(&copy);
    inside[2] = shoal__pool_is_worker(pool);
}

static void a_pool_cannot_be_stopped_on_its_own_thread(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    jobs[0].work.run = stop_from_inside;
    submit(0, NULL);
    wait_sem(&told, 1);
    assert_int_equal(inside[0], -SHOAL_EDEADLK);
    assert_int_equal(inside[1], -SHOAL_EDEADLK);
    assert_true(inside[2]);
    assert_false(shoal__pool_is_worker(pool));
}

static void look_at_signals(struct shoal_work *work)
{
    run_job(work);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    inside[0] = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGPIPE) &&
                sigismember(&mask, SIGHUP) && sigismember(&mask, SIGUSR1);
    inside[1] = sigismember(&mask, SIGSEGV);
}

static void workers_block_asynchronous_signals_and_sigpipe(void **state)
{
    (void)state;
    make_pool(1, MANY, 0);
    jobs[0].work.run = look_at_signals;
    submit(0, NULL);
    wait_sem(&told, 1);
    assert_true(inside[0]);
    assert_false(inside[1]);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

/* Failures */

static void malformed_options_are_refused(void **state)
{
    (void)state;
    struct shoal_pool_cfg cfg = SHOAL_POOL_CFG_INIT;
    cfg.workers = 0;
    assert_int_equal(shoal_pool_create(&cfg, &pool), -SHOAL_EINVAL);
    cfg.workers = 1;
    cfg.capacity = 0;
    assert_int_equal(shoal_pool_create(&cfg, &pool), -SHOAL_EINVAL);
    cfg.capacity = 1;
    cfg.shed_target_ms = -1;
    assert_int_equal(shoal_pool_create(&cfg, &pool), -SHOAL_EINVAL);
    assert_null(pool);
}

static void creation_survives_every_failing_allocation_and_thread(void **state)
{
    (void)state;
    for (long k = 1; k <= 2; k++) {
        failmalloc_at(k);
        assert_int_equal(shoal_pool_create(NULL, &pool), -SHOAL_ENOMEM);
        failmalloc_off();
    }
    for (long k = 1; k <= 4; k++) {
        failthread_at(k);
        assert_int_equal(shoal_pool_create(NULL, &pool), -EAGAIN);
        failthread_off();
    }
    assert_null(pool);
    assert_int_equal(shoal_pool_create(NULL, &pool), 0);
    assert_int_equal(stats().workers, 4);
}

/* Everything at once */

enum { LOOPS = 3, PER_LOOP = SCALED(20000), SLOTS = 64 };

struct storm {
    struct shoal_loop *loop;
    struct {
        struct shoal_work work; /* first */
        struct storm *storm;
        bool busy;
    } slots[SLOTS];
    int submitted;
    int told;
    uint32_t seed;
};

static void storm_run(struct shoal_work *work)
{
    if (shoal_work_cancelled(work))
        return;
    sched_yield();
}

static void storm_done(struct shoal_work *work, int status)
{
    (void)status;
    struct storm *storm = *(struct storm **)(work + 1);
    for (int i = 0; i < SLOTS; i++) {
        if (&storm->slots[i].work == work)
            storm->slots[i].busy = false;
    }
    storm->told++;
}

/* Submits, cancels and turns at random until enough was accepted, or the pool has stopped. */
static void *storm_main(void *arg)
{
    struct storm *storm = arg;
    shoal__loop_adopt(storm->loop);
    int rc = 0;
    while (storm->submitted < PER_LOOP && rc != -SHOAL_ESTOPPED) {
        storm->seed = storm->seed * 1664525 + 1013904223;
        uint32_t slot = (storm->seed >> 8) % SLOTS;
        struct shoal_work *work = &storm->slots[slot].work;
        if (storm->slots[slot].busy) {
            shoal_work_cancel(work);
        } else {
            *work = (struct shoal_work){.run = storm_run, .done = storm_done};
            storm->slots[slot].storm = storm;
            rc = shoal_pool_submit(pool, storm->loop, work);
            storm->slots[slot].busy = rc == 0;
            storm->submitted += rc == 0;
        }
        if (storm->seed >> 29 == 0)
            shoal__loop_turn(storm->loop, false);
    }
    while (storm->told < storm->submitted)
        shoal__loop_turn(storm->loop, true);
    shoal__loop_abandon(storm->loop);
    return NULL;
}

static struct storm storms[LOOPS];

static void run_storm(bool stop_halfway)
{
    make_pool(3, LOOPS * SLOTS / 2, 0);
    pthread_t threads[LOOPS];
    for (int i = 0; i < LOOPS; i++) {
        storms[i] = (struct storm){.seed = (uint32_t)i + 1};
        assert_int_equal(shoal__loop_create(NULL, 0, NULL, &storms[i].loop), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, storm_main, &storms[i]), 0);
    }
    while (stop_halfway && stats().submitted < PER_LOOP / 2)
        sched_yield();
    if (stop_halfway)
        assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_DISCARD, -1, NULL), 0);
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(storms[i].told, storms[i].submitted);
    }
    assert_int_equal(shoal_pool_stop(pool, SHOAL_POOL_DISCARD, -1, NULL), 0);
    struct shoal_pool_stats end = stats();
    assert_int_equal(end.held, 0);
    assert_int_equal(end.submitted, end.completed + end.cancelled);
    for (int i = 0; i < LOOPS; i++)
        shoal__loop_destroy(&storms[i].loop);
}

static void in_a_storm_every_work_is_told_exactly_once(void **state)
{
    (void)state;
    run_storm(false);
}

static void a_stop_in_a_storm_loses_nothing(void **state)
{
    (void)state;
    run_storm(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        POOL_TEST(a_full_pool_refuses_at_its_exact_bound),
        POOL_TEST(many_submitters_together_get_exactly_the_capacity),
        POOL_TEST(one_submitters_work_is_started_in_order),
        POOL_TEST(what_a_loop_submits_in_a_turn_is_one_batch_both_ways),
        POOL_TEST(work_submitted_before_the_first_turn_does_not_wait_for_an_event),
        POOL_TEST(at_most_as_many_workers_are_woken_as_there_is_work),
        POOL_TEST(no_piece_waits_for_one_that_blocks),
        POOL_TEST(what_a_worker_has_done_is_told_before_it_does_the_next),
        POOL_TEST(work_for_two_pools_in_one_turn_goes_to_each),
        POOL_TEST(done_may_submit_the_same_struct_again),
        POOL_TEST(results_are_told_by_the_worker_where_the_loop_has_ended),
        POOL_TEST(a_destroyed_pools_results_still_arrive),
        POOL_TEST(queued_work_that_is_cancelled_is_told_soon_and_never_runs),
        POOL_TEST(gathered_work_that_is_cancelled_is_told_with_the_batch),
        POOL_TEST(running_work_sees_that_it_is_cancelled_and_ends_normally),
        POOL_TEST(work_without_a_loop_is_cancelled_by_the_next_free_worker),
        POOL_TEST(work_is_not_started_after_its_deadline),
        POOL_TEST(a_standing_queue_is_shed),
        POOL_TEST(a_pool_stops_before_its_first_work),
        POOL_TEST(finish_runs_what_is_queued_and_what_is_gathered),
        POOL_TEST(discard_cancels_what_runs_and_drops_what_is_queued),
        POOL_TEST(stuck_work_is_reported_and_the_pool_outlives_it),
        POOL_TEST(a_second_stop_may_hurry_the_first),
        POOL_TEST(a_pool_cannot_be_stopped_on_its_own_thread),
        POOL_TEST(workers_block_asynchronous_signals_and_sigpipe),
        POOL_TEST(malformed_options_are_refused),
        POOL_TEST(creation_survives_every_failing_allocation_and_thread),
        POOL_TEST(in_a_storm_every_work_is_told_exactly_once),
        POOL_TEST(a_stop_in_a_storm_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
