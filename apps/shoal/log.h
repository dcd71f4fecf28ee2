/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program's log: logfmt lines on stderr, one write each, from any thread. Which levels are
 * written is the user's choice; announcements are always. A message of the library's that repeats
 * within a second is written once, and its repetitions are counted in the next one.
 */
#ifndef APPS_SHOAL_LOG_H
#define APPS_SHOAL_LOG_H

#include <stdint.h>

#include <pthread.h>

#include <shoal/log.h>

enum { LOG_LINE_MAX = 1024, LOG_REPEATS = 8 };

/* A message of the library's, written lately. */
struct log_repeat {
    int64_t written_ms;
    unsigned held_back; /* repetitions not written since */
    enum shoal_log_level level;
    char message[LOG_LINE_MAX];
};

/* Owned by main; used by any thread until log_end(). */
struct log {
    enum shoal_log_level level;

    pthread_mutex_t lock; /* guards what follows; nothing else is locked while it is held */
    struct log_repeat repeats[LOG_REPEATS];
};

/* Thread: before others run. */
void log_begin(struct log *log, enum shoal_log_level level);

/* Writes what was held back. Thread: after others ran. */
void log_end(struct log *log);

/* The log as the library wants it. Thread: any. */
struct shoal_log log_sink(struct log *log);

/* Writes a message of this level ("msg=... key=..."). Thread: any. */
void log_write(const struct log *log, enum shoal_log_level level, const char *format, ...)
    SHOAL_PRINTF(3, 4);

/* Writes a message whatever the level that was chosen. Thread: any. */
void log_announce(const char *format, ...) SHOAL_PRINTF(1, 2);

#endif
