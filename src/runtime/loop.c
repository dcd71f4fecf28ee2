/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop: one turn after the other, on its owner's thread (the order within a turn is drawn in
 * loop.h). libevent waits and dispatches; what it lacks, or has only with locks, is done here:
 * posts from other threads, deferred tasks, timers on a clock of our choice, and the bookkeeping of
 * how long events had to wait.
 *
 * The base is made without libevent's locks and is never broken, exited or run in any other way
 * than turn by turn, so none of the traps around event_base_loopbreak() apply.
 */
#include "runtime/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/libevent.h>

#include "base/log.h"
#include "runtime/server.h"
#include "runtime/workpool.h"

/* Posted tasks run in one turn; the rest waits for the next, so that sockets are looked at. */
#define TASKS_PER_TURN 1024

/* How much of the smoothed lag one turn decides: 1/8. */
#define LAG_SHARE 8

_Thread_local struct shoal_loop *shoal__current_loop;

struct shoal_loop *shoal_loop_current(void)
{
    return shoal__current_loop;
}

bool shoal_loop_is_owner(const struct shoal_loop *loop)
{
    return loop == shoal__current_loop;
}

void shoal__loop_adopt(struct shoal_loop *loop)
{
    shoal__current_loop = loop;
}

void shoal__loop_abandon(struct shoal_loop *loop)
{
    SHOAL__ASSERT_OWNER(loop);
    shoal__current_loop = NULL;
}

unsigned shoal_loop_index(const struct shoal_loop *loop)
{
    return loop->index;
}

struct shoal_server *shoal_loop_server(const struct shoal_loop *loop)
{
    return loop->server;
}

struct event_base *shoal_loop_base(struct shoal_loop *loop)
{
    SHOAL__ASSERT_OWNER(loop);
    return loop->base;
}

void *shoal_loop_data(const struct shoal_loop *loop)
{
    SHOAL__ASSERT_OWNER(loop);
    return loop->data;
}

void shoal_loop_set_data(struct shoal_loop *loop, void *data)
{
    SHOAL__ASSERT_OWNER(loop);
    loop->data = data;
}

/* Time */

int64_t shoal__loop_now_ns(struct shoal_loop *loop)
{
    if (loop->now_ns == 0)
        loop->now_ns = shoal__clock_now_ns(&loop->clock);
    return loop->now_ns;
}

int64_t shoal_loop_now_ms(struct shoal_loop *loop)
{
    SHOAL__ASSERT_OWNER(loop);
    return shoal__loop_now_ns(loop) / SHOAL__NS_PER_MS;
}

/* Good to some milliseconds and several times cheaper than the precise clock: what the watchdog
 * needs at every callback. */
static int64_t coarse_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * SHOAL__NS_PER_S + now.tv_nsec;
}

/* Something runs for the first time since the loop waited. */
static void begin_turn(struct shoal_loop *loop)
{
    loop->in_turn = true;
    if (loop->asleep) {
        loop->asleep = false;
        shoal__mailbox_awake(&loop->mailbox);
    }
    loop->now_ns = 0;
    loop->turn_started_ns = shoal__loop_now_ns(loop);
}

static void note_running(struct shoal_loop *loop, const char *service, const char *callback,
                         int64_t since_ns)
{
    atomic_store_explicit(&loop->running_service, service, memory_order_relaxed);
    atomic_store_explicit(&loop->running, callback, memory_order_relaxed);
    atomic_store_explicit(&loop->busy_since_ns, since_ns, memory_order_relaxed);
    shoal__count(&loop->callbacks, 1);
}

void shoal__loop_enter(struct shoal_loop *loop, const char *service, const char *callback)
{
    if (!loop->in_turn)
        begin_turn(loop);
    note_running(loop, service, callback, coarse_now_ns());
}

/* Turn lengths are what another event may have had to wait. */
static void note_turn(struct shoal_loop *loop)
{
    int64_t took_ns = shoal__clock_now_ns(&loop->clock) - loop->turn_started_ns;
    struct shoal__counters *counters = &loop->counters;
    int64_t lag_ns = atomic_load_explicit(&counters->lag_ns, memory_order_relaxed);
    atomic_store_explicit(&counters->lag_ns, lag_ns + (took_ns - lag_ns) / LAG_SHARE,
                          memory_order_relaxed);
    if (took_ns > atomic_load_explicit(&counters->max_turn_ns, memory_order_relaxed))
        atomic_store_explicit(&counters->max_turn_ns, took_ns, memory_order_relaxed);
    shoal__count(&counters->turns, 1);
}

/* Posting */

/* The write cannot be lost: EAGAIN says that the descriptor is readable already. */
static void wake(struct shoal_loop *loop)
{
    uint64_t one = 1;
    ssize_t written;
    do {
        written = write(loop->wake_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    SHOAL_ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN);
}

int shoal_post(struct shoal_loop *loop, struct shoal_task *task)
{
    switch (shoal__mailbox_push(&loop->mailbox, task)) {
    case SHOAL__PUSH_REFUSED:
        return -SHOAL_ESTOPPED;
    case SHOAL__PUSHED_WAKE:
        wake(loop);
        break;
    case SHOAL__PUSHED:
        break;
    }
    return 0;
}

/* A task that frees itself. */
struct call {
    struct shoal_task task;
    shoal_task_fn *run;
    void *arg;
};

static void run_call(struct shoal_loop *loop, void *arg)
{
    struct call call = *(struct call *)arg;
    free(arg);
    call.run(loop, call.arg);
}

int shoal_call_named(struct shoal_loop *loop, shoal_task_fn *run, void *arg, const char *name)
{
    struct call *call = malloc(sizeof *call);
    if (call == NULL)
        return -SHOAL_ENOMEM;

    *call = (struct call){{NULL, run_call, call, name}, run, arg};
    int rc = shoal_post(loop, &call->task);
    if (rc < 0)
        free(call);
    return rc;
}

static void run_task(struct shoal_loop *loop, struct shoal_task *task)
{
    shoal__loop_enter(loop, NULL, task->name != NULL ? task->name : "task");
    shoal__count(&loop->counters.posts, 1);
    task->run(loop, task->arg);
}

/* What an earlier turn left over comes before what has been posted since. */
static void run_posted(struct shoal_loop *loop)
{
    for (unsigned n = 0; n < TASKS_PER_TURN; n++) {
        if (loop->posted == NULL)
            loop->posted = shoal__mailbox_take(&loop->mailbox);
        struct shoal_task *task = loop->posted;
        if (task == NULL)
            return;
        loop->posted = task->next_;
        loop->active_ns = loop->turn_started_ns;
        run_task(loop, task);
    }
}

void shoal_defer(struct shoal_loop *loop, struct shoal_task *task)
{
    SHOAL__ASSERT_OWNER(loop);
    struct shoal_task *last = loop->deferred;
    task->next_ = last != NULL ? last->next_ : task;
    if (last != NULL)
        last->next_ = task;
    loop->deferred = task;
}

/* Takes the whole list, so that a task which defers itself comes again in the turn after. */
static struct shoal_task *take_deferred(struct shoal_loop *loop)
{
    struct shoal_task *last = loop->deferred;
    if (last == NULL)
        return NULL;

    struct shoal_task *first = last->next_;
    last->next_ = NULL;
    loop->deferred = NULL;
    return first;
}

static void run_deferred(struct shoal_loop *loop, struct shoal_task *task)
{
    while (task != NULL) {
        struct shoal_task *next = task->next_;
        run_task(loop, task);
        task = next;
    }
}

/* Timers */

void shoal_timer_init_named(struct shoal_timer *timer, shoal_timer_fn *fire, void *arg,
                            const char *name)
{
    *timer = (struct shoal_timer){.fire = fire, .arg = arg, .name = name};
}

int shoal__loop_timer_at(struct shoal_loop *loop, struct shoal_timer *timer, int64_t deadline_ns)
{
    SHOAL__ASSERT_OWNER(loop);
    /* A timer that starts itself again with no delay must not keep the sweep going for ever. */
    if (deadline_ns <= loop->sweep_ns)
        deadline_ns = loop->sweep_ns + 1;
    return shoal__timers_set(&loop->timers, timer, deadline_ns);
}

int shoal_timer_start(struct shoal_loop *loop, struct shoal_timer *timer, int64_t delay_ms)
{
    /* Asks the clock, not the turn's time: that may be old, and the timer would fire early. */
    int64_t now_ns = shoal__clock_now_ns(&loop->clock);
    int64_t delay_ns;
    int64_t deadline_ns;
    if (__builtin_mul_overflow(delay_ms > 0 ? delay_ms : 0, SHOAL__NS_PER_MS, &delay_ns) ||
        __builtin_add_overflow(now_ns, delay_ns, &deadline_ns))
        deadline_ns = INT64_MAX;
    return shoal__loop_timer_at(loop, timer, deadline_ns);
}

void shoal_timer_stop(struct shoal_timer *timer)
{
    if (timer->slot_ == 0)
        return;
    struct shoal_loop *loop = shoal__current_loop; /* a timer is touched by its loop's owner only */
    SHOAL_ASSERT(loop != NULL && timer->slot_ <= loop->timers.count &&
                 loop->timers.heap[timer->slot_ - 1].timer == timer);
    shoal__timers_remove(&loop->timers, timer);
}

bool shoal_timer_running(const struct shoal_timer *timer)
{
    return timer->slot_ != 0;
}

static void run_timers(struct shoal_loop *loop)
{
    if (shoal__timers_next(&loop->timers) == INT64_MAX)
        return;

    loop->sweep_ns = shoal__loop_now_ns(loop);
    struct shoal_timer *timer;
    while ((timer = shoal__timers_take_due(&loop->timers, loop->sweep_ns)) != NULL) {
        shoal__loop_enter(loop, NULL, timer->name != NULL ? timer->name : "timer");
        shoal__count(&loop->counters.timers_fired, 1);
        timer->fire(timer, timer->arg);
    }
    loop->sweep_ns = INT64_MIN;
}

/* Makes libevent wake up for the earliest timer. One that is armed already and comes earlier is
 * left as it is: deadlines mostly move later, and a turn for nothing is cheaper than arming anew
 * each time. False where there is no memory for it. */
static bool arm_tick(struct shoal_loop *loop)
{
    int64_t next_ns = shoal__timers_next(&loop->timers);
    if (next_ns >= loop->tick_at_ns)
        return true;

    int64_t in_us = (next_ns - shoal__clock_now_ns(&loop->clock) + 999) / 1000;
    struct timeval in = {0, 0};
    if (in_us > 0)
        in = (struct timeval){.tv_sec = in_us / 1000000, .tv_usec = in_us % 1000000};
    if (event_add(loop->tick_event, &in) < 0)
        return false;
    loop->tick_at_ns = next_ns;
    return true;
}

static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct shoal_loop *loop = arg;
    loop->tick_at_ns = INT64_MAX; /* the turn goes on to look at the timers */
}

/* Turns */

/* Where each write is an event of its own (EV_ET), the descriptor may stay readable. */
static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
    struct shoal_loop *loop = arg;
    uint64_t posts;
    if ((what & EV_ET) || read(fd, &posts, sizeof posts) == (ssize_t)sizeof posts)
        shoal__count(&loop->counters.wakeups, 1);
}

/* What is left of a loop whose event base has failed: posts and timers, so that it can be drained.
 */
static void wait_without_base(struct shoal_loop *loop, bool wait)
{
    int64_t left_ns = shoal__timers_next(&loop->timers) - shoal__clock_now_ns(&loop->clock);
    int64_t left_ms = left_ns / SHOAL__NS_PER_MS + 1;
    int timeout_ms = !wait || left_ns <= 0 ? 0 : left_ms < 1000 ? (int)left_ms : 1000;
    struct pollfd woken = {.fd = loop->wake_fd, .events = POLLIN};
    if (poll(&woken, 1, timeout_ms) > 0)
        wake_cb(loop->wake_fd, EV_READ, loop);
}

static void base_failed(struct shoal_loop *loop)
{
    loop->broken = true;
    if (loop->server == NULL)
        return;
    shoal__log(shoal__server_log(loop->server), SHOAL_LOG_ERROR,
               "msg=\"event base failed, the server ends\" loop=%u method=%s errno=%d", loop->index,
               event_base_get_method(loop->base), errno);
    shoal_server_request_drain(loop->server);
}

/* With busy polling: something happened so short a time ago that the next thing is not worth going
 * to sleep for. The loop takes turns that do not wait then, in which posts need no wake-up. */
static bool is_expecting(struct shoal_loop *loop)
{
    return loop->busy_poll_ns > 0 &&
           shoal__loop_now_ns(loop) - loop->active_ns < loop->busy_poll_ns;
}

/* Waits for events, or only looks, and has their callbacks called. */
static void poll_events(struct shoal_loop *loop, bool may_wait)
{
    loop->want_turn = false;
    may_wait = may_wait && !is_expecting(loop);
    bool waits = may_wait && arm_tick(loop) && shoal__mailbox_sleep(&loop->mailbox);
    loop->asleep = waits;
    loop->in_turn = false;
    loop->now_ns = 0;
    note_running(loop, NULL, NULL, 0);

    /* ONCE always: NONBLOCK alone goes on for as long as anything is ready, which a descriptor that
     * nobody wants to read in this turn is for ever. */
    int how = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | (waits ? 0 : EVLOOP_NONBLOCK);
    if (loop->broken)
        wait_without_base(loop, waits);
    else if (event_base_loop(loop->base, how) < 0)
        base_failed(loop);

    if (loop->in_turn)
        loop->active_ns = loop->turn_started_ns;
    else
        begin_turn(loop);
}

static void end_turn(struct shoal_loop *loop)
{
    shoal__loop_enter(loop, NULL, "end of turn");
    if (loop->layer != NULL)
        loop->layer->turn_end(loop->layer);
    shoal__pool_flush(loop);
    note_turn(loop);
}

/* True once the loop was told to stop and nothing can come any more. */
static bool try_end(struct shoal_loop *loop)
{
    return loop->stopping && loop->posted == NULL && loop->deferred == NULL &&
           shoal__mailbox_try_close(&loop->mailbox);
}

bool shoal__loop_turn(struct shoal_loop *loop, bool wait)
{
    SHOAL__ASSERT_OWNER(loop);
    shoal__pool_flush(loop); /* what a start hook has submitted must not wait for an event */
    struct shoal_task *deferred = take_deferred(loop);
    bool may_wait = wait && !loop->want_turn && !loop->stopping && deferred == NULL;
    poll_events(loop, may_wait && loop->posted == NULL);
    run_timers(loop);
    run_posted(loop);
    run_deferred(loop, deferred);
    end_turn(loop);
    return !try_end(loop);
}

struct shoal__loop_local *shoal__loop_local(struct shoal_loop *loop, const void *key,
                                            struct shoal__loop_local *(*create)(void))
{
    SHOAL__ASSERT_OWNER(loop);
    for (struct shoal__loop_local *local = loop->locals; local != NULL; local = local->next) {
        if (local->key == key)
            return local;
    }
    struct shoal__loop_local *local = create();
    if (local == NULL)
        return NULL;
    local->key = key;
    local->next = loop->locals;
    loop->locals = local;
    return local;
}

static void destroy_locals(struct shoal_loop *loop)
{
    while (loop->locals != NULL) {
        struct shoal__loop_local *local = loop->locals;
        loop->locals = local->next;
        local->destroy(local);
    }
}

void shoal__loop_finish(struct shoal_loop *loop)
{
    SHOAL__ASSERT_OWNER(loop);
    while (loop->deferred != NULL)
        run_deferred(loop, take_deferred(loop));
    shoal__pool_flush(loop);
    if (!loop->broken) /* bufferevents, for one, are really freed in a later turn */
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
    if (loop->layer != NULL)
        loop->layer->destroy(loop->layer);
    loop->layer = NULL;
    while (loop->deferred != NULL) /* by the last on_close callbacks */
        run_deferred(loop, take_deferred(loop));
    destroy_locals(loop);
    note_running(loop, NULL, NULL, 0);
}

static void run_stop(struct shoal_loop *loop, void *arg)
{
    (void)arg;
    loop->stopping = true;
}

void shoal__loop_stop(struct shoal_loop *loop)
{
    loop->stop_task = (struct shoal_task){.run = run_stop, .name = "stop"};
    shoal_post(loop, &loop->stop_task);
}

/* Life */

/* libevent's methods on Linux, best first, and what turns each off. */
static const struct {
    const char *name;
    const char *off;
} methods[] = {{"epoll", "EVENT_NOEPOLL"}, {"poll", "EVENT_NOPOLL"}, {"select", "EVENT_NOSELECT"}};

/* Out of descriptors or memory libevent quietly takes the next best method; we rather fail than
 * serve a crowd on select. The environment may choose. */
static bool is_good_method(const char *method)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strncmp(method, methods[i].name, strlen(methods[i].name)) == 0)
            return true;
        if (getenv(methods[i].off) == NULL)
            return false;
    }
    return false;
}

/* NOLOCK: only the owner ever touches it. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;

    struct event_base *base = NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    if (base != NULL && !is_good_method(event_base_get_method(base))) {
        event_base_free(base);
        base = NULL;
    }
    return base;
}

static int open_wake(struct shoal_loop *loop)
{
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return loop->wake_fd < 0 ? -errno : 0;
}

/*
 * libevent ends the process where it finds no descriptors for a base's signal pair, so as many as
 * it will want (epoll, the pair, a timer) are tried for before.
 */
static int probe_descriptors(int any_fd)
{
    int probes[4];
    int count = 0;
    int rc = 0;
    while (rc == 0 && count < 4) {
        probes[count] = fcntl(any_fd, F_DUPFD_CLOEXEC, 0);
        if (probes[count] < 0)
            rc = -errno;
        else
            count++;
    }
    while (count > 0)
        close(probes[--count]);
    return rc;
}

static int open_base(struct shoal_loop *loop)
{
    int rc = probe_descriptors(loop->wake_fd);
    if (rc < 0)
        return rc;
    errno = 0;
    loop->base = make_base();
    if (loop->base == NULL)
        return errno != 0 ? -errno : -SHOAL_ENOMEM;

    bool has_edges = (event_base_get_features(loop->base) & EV_FEATURE_ET) != 0;
    short how = (short)(EV_READ | EV_PERSIST | (has_edges ? EV_ET : 0));
    loop->wake_event = event_new(loop->base, loop->wake_fd, how, wake_cb, loop);
    loop->tick_event = event_new(loop->base, -1, 0, tick_cb, loop);
    if (loop->wake_event == NULL || loop->tick_event == NULL ||
        event_add(loop->wake_event, NULL) < 0)
        return -SHOAL_ENOMEM;
    return 0;
}

static struct shoal_loop *make_loop(struct shoal_server *server, unsigned index,
                                    const struct shoal__clock *clock)
{
    struct shoal_loop *loop = aligned_alloc(alignof(struct shoal_loop), sizeof *loop);
    if (loop == NULL)
        return NULL;

    memset(loop, 0, sizeof *loop);
    loop->server = server;
    loop->index = index;
    loop->clock = clock != NULL ? *clock : shoal__clock_monotonic;
    loop->wake_fd = -1;
    loop->tick_at_ns = INT64_MAX;
    loop->sweep_ns = INT64_MIN;
    loop->busy_poll_ns = server != NULL ? shoal__server_cfg(server)->busy_poll_us * 1000 : 0;
    loop->active_ns = INT64_MIN / 2; /* long ago: no event yet */
    loop->pool_batch_end = &loop->pool_batch;
    shoal__mailbox_init(&loop->mailbox);
    shoal__timers_init(&loop->timers);
    return loop;
}

int shoal__loop_create(struct shoal_server *server, unsigned index,
                       const struct shoal__clock *clock, struct shoal_loop **out_loop)
{
    struct shoal_loop *loop = make_loop(server, index, clock);
    if (loop == NULL)
        return -SHOAL_ENOMEM;

    int rc = open_wake(loop);
    if (rc == 0)
        rc = open_base(loop);
    if (rc < 0)
        shoal__loop_destroy(&loop);
    else
        *out_loop = loop;
    return rc;
}

void shoal__loop_destroy(struct shoal_loop **loop)
{
    struct shoal_loop *self = *loop;
    if (self == NULL)
        return;

    *loop = NULL;
    shoal__timers_fini(&self->timers);
    if (self->wake_event != NULL)
        event_free(self->wake_event);
    if (self->tick_event != NULL)
        event_free(self->tick_event);
    if (self->base != NULL)
        event_base_free(self->base);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    free(self);
}
