/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One event loop's part of the load: its links, its share of the timetable, its counts. Loops share
 * nothing while they run, except the progress board once a second.
 *
 *     IDLE ──► CONNECTING ──► RUNNING ──► ENDING ──► ENDED
 *              opens links    asks        waits for what is in flight, for a while
 *
 * Main moves them on; the step to ENDING they make themselves, at the window's end.
 */
#ifndef APPS_SHOAL_BENCH_LOOP_H
#define APPS_SHOAL_BENCH_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shoal/loop.h>

#include "bench_alarm.h"
#include "bench_link.h"
#include "bench_pacer.h"
#include "bench_stats.h"

struct bench_progress;
struct bench_target;
struct options;

enum bench_phase { BENCH_IDLE_PHASE, BENCH_CONNECTING, BENCH_RUNNING, BENCH_ENDING, BENCH_ENDED };

/* What main decides for all loops: written by main before it posts the task that reads it. */
struct bench_plan {
    struct bench_window window; /* for bench_loop_begin() */
    int64_t start_ns;           /* ditto: when the timetable begins */
    int64_t cut_ns;             /* for bench_loop_cut() */
    unsigned loops;             /* constant */
};

/* Owned by the command. The loop's thread only, from its start to its end; main's before and
 * after. */
struct bench_loop {
    /* Set by main before the loop starts, constant then. */
    const struct options *options;
    const struct bench_target *target;
    struct bench_progress *progress;
    const struct bench_plan *plan;
    unsigned index;
    int report_fd; /* eventfd: one is added when all links were tried, one at the end */
    size_t link_count;
    struct bench_link *links;
    char *rooms; /* memory of the links */

    /* Set when the loop starts. */
    struct shoal_loop *loop;
    pthread_t thread;
    pid_t thread_id;

    _Atomic uint64_t first_opened; /* links whose first attempt succeeded; main reads it */

    enum bench_phase phase;
    int64_t now_ns; /* as of the event that is handled */
    struct bench_window window;
    struct bench_pacer pacer;       /* per_second 0: a closed loop */
    size_t to_connect;              /* the next link to connect for the first time */
    size_t connecting;              /* links whose first attempt goes on */
    size_t tried;                   /* links whose first attempt has ended */
    int first_error;                /* of connecting */
    struct shoal_task connect_task; /* connects the next links */
    bool connect_deferred;
    uint64_t in_flight;

    /* Open loop. */
    uint64_t issued;               /* requests of the timetable that were asked */
    int64_t next_due_ns;           /* of the next one */
    struct bench_link *ready_head; /* links that can be asked, in turn */
    struct bench_link *ready_tail;
    struct bench_alarm alarm;

    struct shoal_timer end_timer; /* the window's end, then the end of waiting */
    struct shoal_timer beat;      /* for the progress board */
    struct bench_stats stats;
    struct bench_stats recent; /* since the last beat: answered, bytes, errors, latency */
};

/* Makes the links of loop `index`; target and plan are set. Returns false where memory is out; free
 * copes. Thread: main's. */
bool bench_loop_init(struct bench_loop *self, const struct options *options, unsigned index);
void bench_loop_free(struct bench_loop *self);

/* The loop starts, and ends: the server's hooks. Thread: owner. */
int bench_loop_start(struct bench_loop *self, struct shoal_loop *loop);
void bench_loop_exit(struct bench_loop *self);

/*
 * Tasks that main posts, with the struct as argument: open the links; begin to ask; end the window
 * at cut_ns instead; do not wait any more. Thread: owner.
 */
void bench_loop_connect(struct shoal_loop *loop, void *self);
void bench_loop_begin(struct shoal_loop *loop, void *self);
void bench_loop_cut(struct shoal_loop *loop, void *self);
void bench_loop_conclude(struct shoal_loop *loop, void *self);

/* For links. Thread: owner, all of them. */

/* Reads the clock: what is handled from now on happens now. Returns now_ns. */
int64_t bench_loop_tick(struct bench_loop *self);

/* True from the first attempt to connect to the end of waiting: what fails now counts. */
bool bench_loop_is_on(const struct bench_loop *self);

/* True where more will be asked: a connection that is missing is worth making. */
bool bench_loop_wants_more(const struct bench_loop *self);

/* Counts bytes of askers, and an answer to a request that was due at due_ns; both as of now_ns. */
void bench_loop_count_bytes(struct bench_loop *self, uint64_t out, uint64_t in);
void bench_loop_count_answer(struct bench_loop *self, int64_t due_ns);

/* An attempt to connect has ended; 0 or why not. */
void bench_loop_link_tried(struct bench_loop *self, struct bench_link *link, int error);

/* A link can be asked again, since some time: it will be when something is due, which in a closed
 * loop is at once. */
void bench_loop_link_free(struct bench_loop *self, struct bench_link *link, int64_t since_ns);

/* Something is not in flight any more: at the end, it may have been the last. */
void bench_loop_check_end(struct bench_loop *self);

#endif
