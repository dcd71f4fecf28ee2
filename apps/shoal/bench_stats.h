/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a loop of the load generator counts, and the window that it counts for. A latency belongs to
 * the window in which its request was due, wherever its answer falls; a rate is made of the answers
 * that came within the window. Nothing that was due is left out: a request without an answer counts
 * with its age at the end.
 */
#ifndef APPS_SHOAL_BENCH_STATS_H
#define APPS_SHOAL_BENCH_STATS_H

#include <stdbool.h>
#include <stdint.h>

struct shoal_histogram;

/* X(NAME, name, verifies, meaning): what can become of a request instead of a right answer.
 * `verifies`: an answer came and was wrong, which fails the run. */
#define BENCH_ERROR_TABLE(X)                                                     \
    X(CONNECT, connect, false, "connections that could not be made")             \
    X(CONNECT_TIMEOUT, connect_timeout, false, "... that were not made in time") \
    X(CLOSED, closed, false, "requests whose connection the server closed")      \
    X(RESET, reset, false, "requests whose connection the server reset")         \
    X(FAILED, failed, false, "requests lost to a failure of this machine")       \
    X(DROPPED, dropped, false, "requests in flight beside a wrong answer")       \
    X(WRONG, wrong, true, "answers that were not what they had to be")           \
    X(CUT, cut, true, "answers that ended early, with the connection")           \
    X(SURPLUS, surplus, true, "answers to nothing that was asked")

enum bench_error {
#define BENCH_ERROR_ENUM(NAME, name, verifies, meaning) BENCH_ERROR_##NAME,
    BENCH_ERROR_TABLE(BENCH_ERROR_ENUM)
#undef BENCH_ERROR_ENUM
        BENCH_ERRORS
};

/* From begin_ns on and before end_ns. */
struct bench_window {
    int64_t begin_ns;
    int64_t end_ns;
};

/* Owned by the command; counted by one loop's thread, then read by main's. */
struct bench_stats {
    struct shoal_histogram *latency; /* nanoseconds, of requests due in the window */
    struct shoal_histogram *late;    /* how much too late the generator itself asked */
    uint64_t answered;               /* in the window, right */
    uint64_t bytes_out;
    uint64_t bytes_in;
    uint64_t unanswered;           /* in `latency` with their age */
    uint64_t errors[BENCH_ERRORS]; /* of the whole run */
    uint64_t opened;               /* connections, of the whole run */
    uint64_t lost;                 /* ended by the server while nothing was asked of it */
    uint64_t idle_open;            /* idle connections, at the end */
    uint64_t idle_lost;
    uint64_t slow_open; /* slow readers, at the end */
    uint64_t slow_lost; /* cut by the server, in all */
    uint64_t slow_bytes;
};

/* Thread: main's. Returns false where memory is out; bench_stats_free() copes with what is there.
 */
bool bench_stats_init(struct bench_stats *stats);
void bench_stats_free(struct bench_stats *stats);

/* Counts an answer that came at now_ns to a request that was due at due_ns. Thread: owner. */
void bench_stats_answer(struct bench_stats *stats, const struct bench_window *window,
                        int64_t due_ns, int64_t now_ns);

/* Counts a request that is still without an answer at the end. That it was due before the window
 * is no excuse: it has waited through all of it. Thread: owner. */
void bench_stats_unanswered(struct bench_stats *stats, const struct bench_window *window,
                            int64_t due_ns, int64_t now_ns);

/* Makes it empty. Thread: owner. */
void bench_stats_reset(struct bench_stats *stats);

/* Counts everything of `from` in `to` as well. Thread: owner of both. */
void bench_stats_merge(struct bench_stats *to, const struct bench_stats *from);

/* The sum of all errors, and of those that are wrong answers. Thread: owner. */
uint64_t bench_stats_errors(const struct bench_stats *stats);
uint64_t bench_stats_wrong(const struct bench_stats *stats);

/* The name of a kind of error ("cut") and what it means. Static. Thread: any. */
const char *bench_error_name(enum bench_error error);
const char *bench_error_meaning(enum bench_error error);

/*
 * What a closed loop leaves out: while it waits for a slow answer it does not send the requests
 * that would have had to wait, too. Fills `out` (empty before) with the measured latencies and, for
 * each one, those that would have been due behind it, one every `interval_ns`. Thread: owner.
 */
void bench_add_omitted(const struct shoal_histogram *measured, uint64_t interval_ns,
                       struct shoal_histogram *out);

#endif
