/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An event loop: one thread with one event base, and everything that lives on it. Loops belong to
 * a server (server.h) and exist from its start until the end of its drain.
 *
 * A loop's own thread is its *owner*. Whatever lives on a loop (connections, timers) is touched by
 * the owner only; the one way onto a loop from another thread is to post a task.
 */
#ifndef SHOAL_LOOP_H
#define SHOAL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_loop;
struct shoal_server;
struct shoal_task;
struct shoal_timer;

typedef void shoal_task_fn(struct shoal_loop *loop, void *arg);

/*
 * A task: one call to be made on a loop. The struct is the caller's (usually a member of something
 * larger), must stay in place from the post until `run` is called, and is free for reuse from
 * then on, also inside `run`. `name` is what the watchdog prints if the call blocks the loop.
 * Fill `run`, `arg` and `name`, or use SHOAL_TASK; the rest is the library's.
 */
struct shoal_task {
    struct shoal_task *next_;
    shoal_task_fn *run;
    void *arg;
    const char *name;
};

#define SHOAL_TASK(fn, argument)    \
    {                               \
        NULL, (fn), (argument), #fn \
    }

/*
 * Has `task->run(loop, task->arg)` called on the loop's thread. Tasks of one sender run in the
 * order of their posts; a burst of posts wakes a sleeping loop once; a loop runs a bounded number
 * of tasks per turn. Never blocks and never allocates.
 * Returns 0, and then the task will run, even while the server stops; or -SHOAL_ESTOPPED where the
 * loop has ended, and then it never will and stays the caller's.
 * Thread: any, while the loop exists.
 */
SHOAL_API int shoal_post(struct shoal_loop *loop, struct shoal_task *task);

/*
 * Posts a call without a task of the caller's. Returns 0, -SHOAL_ENOMEM or -SHOAL_ESTOPPED (the
 * function is not called then). Use the shoal_call() macro, which names the function by itself.
 * Thread: any, while the loop exists.
 */
SHOAL_API int shoal_call_named(struct shoal_loop *loop, shoal_task_fn *run, void *arg,
                               const char *name);
#define shoal_call(loop, fn, arg) shoal_call_named((loop), (fn), (arg), #fn)

/*
 * Has the task run in the loop's next turn, after the events that are ready by then: the way to
 * cut a long computation into slices that delay nobody by more than one slice (a task may defer
 * itself again from `run`). A deferred task whose loop ends first is run before it ends.
 * Thread: owner.
 */
SHOAL_API void shoal_defer(struct shoal_loop *loop, struct shoal_task *task);

/*
 * Timers. One-shot; the struct is the caller's, zeroed or set by shoal_timer_init() before first
 * use, and must stay in place while it is running. Times are monotonic; a timer never fires early,
 * and a loop that was held up fires each late timer once.
 */
typedef void shoal_timer_fn(struct shoal_timer *timer, void *arg);

struct shoal_timer {
    shoal_timer_fn *fire;
    void *arg;
    const char *name;
    uint32_t slot_; /* place in the loop's heap plus one; 0 while not running */
};

/* Sets the callback; use the macro shoal_timer_init(), which names it. Thread: owner to be. */
SHOAL_API void shoal_timer_init_named(struct shoal_timer *timer, shoal_timer_fn *fire, void *arg,
                                      const char *name);
#define shoal_timer_init(timer, fn, arg) shoal_timer_init_named((timer), (fn), (arg), #fn)

/*
 * Starts the timer, or moves a running one, to fire `delay_ms` from now. Returns 0, or
 * -SHOAL_ENOMEM with a running timer left as it was. Thread: owner.
 */
SHOAL_API int shoal_timer_start(struct shoal_loop *loop, struct shoal_timer *timer,
                                int64_t delay_ms);

/* Stops the timer; it does not fire any more. No-op where it is not running. Thread: owner. */
SHOAL_API void shoal_timer_stop(struct shoal_timer *timer);

/* True from start until just before the callback, or until stopped. Thread: owner. */
SHOAL_API bool shoal_timer_running(const struct shoal_timer *timer);

/* The loop whose thread this is, or NULL on every other thread. Thread: any. */
SHOAL_API struct shoal_loop *shoal_loop_current(void);

/* True on the loop's own thread. Thread: any. */
SHOAL_API bool shoal_loop_is_owner(const struct shoal_loop *loop);

/* The loop's number, from 0 to shoal_server_loops() - 1. Thread: any. */
SHOAL_API unsigned shoal_loop_index(const struct shoal_loop *loop);

/* The server the loop belongs to. Thread: any. */
SHOAL_API struct shoal_server *shoal_loop_server(const struct shoal_loop *loop);

/*
 * Milliseconds of the monotonic clock as of this turn: cheap, and the same for every caller within
 * one turn. Thread: owner.
 */
SHOAL_API int64_t shoal_loop_now_ms(struct shoal_loop *loop);

/*
 * One pointer of the application's per loop (a database handle, say), usually set by the start
 * hook of shoal_server_cfg and released by its exit hook. NULL until set. Thread: owner.
 */
SHOAL_API void *shoal_loop_data(const struct shoal_loop *loop);
SHOAL_API void shoal_loop_set_data(struct shoal_loop *loop, void *data);

#ifdef __cplusplus
}
#endif
#endif
