/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a blocking callback is told from a busy loop: the loop's callback counter changes with every
 * callback, so one that stands still while something runs is that one callback.
 */
#include "runtime/watchdog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <shoal/error.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/loop.h"
#include "runtime/thread.h"

/* Looks per limit: a callback is reported a quarter of the limit late at most. */
#define LOOKS 4

/* One loop, as seen at the last look. Watchdog thread only. */
struct watched {
    struct shoal_loop *loop;
    uint64_t callbacks;
    uint64_t reported; /* the callback, by count, that was reported last */
};

/* Owned by the server, dies in _stop(). */
struct shoal__watchdog {
    int64_t limit_ms;
    const struct shoal_log *log;
    pthread_t thread;

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;

    unsigned count;
    struct watched watched[];
};

static void report(const struct shoal__watchdog *watchdog, const struct watched *watched,
                   int64_t for_ms)
{
    struct shoal_loop *loop = watched->loop;
    const char *service = atomic_load_explicit(&loop->running_service, memory_order_relaxed);
    const char *callback = atomic_load_explicit(&loop->running, memory_order_relaxed);
    shoal__count(&loop->counters.blocked, 1);
    shoal__log(watchdog->log, SHOAL_LOG_WARN,
               "msg=\"callback blocked the loop\" callback=\"%s%s%s\" loop=%u for_ms=%lld",
               service != NULL ? service : "", service != NULL ? " " : "",
               callback != NULL ? callback : "?", loop->index, (long long)for_ms);
}

/* Two looks at the same callback in a row also make sure that all its fields are visible here. */
static void look(const struct shoal__watchdog *watchdog, struct watched *watched)
{
    struct shoal_loop *loop = watched->loop;
    uint64_t callbacks = atomic_load_explicit(&loop->callbacks, memory_order_relaxed);
    int64_t since_ns = atomic_load_explicit(&loop->busy_since_ns, memory_order_relaxed);
    bool is_same = callbacks == watched->callbacks;
    watched->callbacks = callbacks;
    if (!is_same || since_ns == 0 || watched->reported == callbacks)
        return;

    int64_t now_ns = shoal__clock_now_ns(&shoal__clock_monotonic);
    int64_t for_ms = (now_ns - since_ns) / SHOAL__NS_PER_MS;
    if (for_ms <= watchdog->limit_ms)
        return;
    watched->reported = callbacks;
    report(watchdog, watched, for_ms);
}

/* False once the watchdog is to end. */
static bool wait_for_next_look(struct shoal__watchdog *watchdog)
{
    int64_t pause_ms = watchdog->limit_ms < LOOKS ? 1 : watchdog->limit_ms / LOOKS;
    int64_t deadline_ns = shoal__deadline_in_ms(pause_ms);
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopping &&
           shoal__cond_wait_until(&watchdog->changed, &watchdog->lock, deadline_ns))
        continue;
    bool goes_on = !watchdog->stopping;
    pthread_mutex_unlock(&watchdog->lock);
    return goes_on;
}

static void *watchdog_main(void *arg)
{
    struct shoal__watchdog *watchdog = arg;
    while (wait_for_next_look(watchdog)) {
        for (unsigned i = 0; i < watchdog->count; i++)
            look(watchdog, &watchdog->watched[i]);
    }
    return NULL;
}

static void free_watchdog(struct shoal__watchdog *watchdog)
{
    pthread_mutex_destroy(&watchdog->lock);
    pthread_cond_destroy(&watchdog->changed);
    free(watchdog);
}

static int init_sync(struct shoal__watchdog *watchdog)
{
    int rc = -pthread_mutex_init(&watchdog->lock, NULL);
    if (rc < 0)
        return rc;
    rc = shoal__cond_init(&watchdog->changed);
    if (rc < 0)
        pthread_mutex_destroy(&watchdog->lock);
    return rc;
}

int shoal__watchdog_start(struct shoal_loop *const *loops, unsigned loop_count, int64_t limit_ms,
                          const struct shoal_log *log, struct shoal__watchdog **out_watchdog)
{
    struct shoal__watchdog *watchdog =
        calloc(1, sizeof *watchdog + loop_count * sizeof watchdog->watched[0]);
    int rc = watchdog != NULL ? init_sync(watchdog) : -SHOAL_ENOMEM;
    if (rc < 0) {
        free(watchdog);
        return rc;
    }
    watchdog->limit_ms = limit_ms;
    watchdog->log = log;
    watchdog->count = loop_count;
    for (unsigned i = 0; i < loop_count; i++)
        watchdog->watched[i].loop = loops[i];
    rc = shoal__thread_create(&watchdog->thread, "watchdog", watchdog_main, watchdog);
    if (rc < 0) {
        free_watchdog(watchdog);
        return rc;
    }
    *out_watchdog = watchdog;
    return 0;
}

void shoal__watchdog_stop(struct shoal__watchdog **watchdog)
{
    struct shoal__watchdog *self = *watchdog;
    if (self == NULL)
        return;

    *watchdog = NULL;
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    free_watchdog(self);
}
