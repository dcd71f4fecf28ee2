/* SPDX-License-Identifier: BSD-3-Clause */
/* The logfmt sink; see log.h. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REPEAT_WINDOW_MS = 1000 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t print_time(char *out, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(out, size, "ts=%Y-%m-%dT%H:%M:%S", &utc);
    return used + (size_t)snprintf(out + used, size - used, ".%03ldZ", now.tv_nsec / 1000000);
}

/* One write, so that lines of several threads do not mix. Control bytes cannot come this far from
 * a peer (the library escapes them); the ones that do anyway become '?'. */
static void write_line(enum shoal_log_level level, const char *message, unsigned repeated)
{
    char line[LOG_LINE_MAX + 128];
    size_t room = sizeof(line) - 1;
    size_t used = print_time(line, room);
    int size =
        snprintf(line + used, room - used, " level=%s %s", shoal_log_level_name(level), message);
    used += (size_t)size < room - used ? (size_t)size : room - used - 1;
    if (repeated > 0 && room - used > 32)
        used += (size_t)snprintf(line + used, room - used, " repeated=%u", repeated);
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    line[used++] = '\n';
    while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
        continue; /* for all other failures there is nowhere to complain */
}

/* The slot of this message, or the oldest one, made its. */
static struct log_repeat *find_repeat_locked(struct log *log, const char *message)
{
    struct log_repeat *oldest = &log->repeats[0];
    for (int i = 0; i < LOG_REPEATS; i++) {
        struct log_repeat *repeat = &log->repeats[i];
        if (strncmp(repeat->message, message, LOG_LINE_MAX - 1) == 0)
            return repeat;
        if (repeat->written_ms < oldest->written_ms)
            oldest = repeat;
    }
    if (oldest->held_back > 0)
        write_line(oldest->level, oldest->message, oldest->held_back);
    oldest->held_back = 0;
    oldest->written_ms = INT64_MIN;
    snprintf(oldest->message, sizeof(oldest->message), "%s", message);
    return oldest;
}

static void sink(void *arg, enum shoal_log_level level, const char *message)
{
    struct log *log = arg;
    int64_t now = now_ms();
    pthread_mutex_lock(&log->lock);
    struct log_repeat *repeat = find_repeat_locked(log, message);
    repeat->level = level;
    if (repeat->written_ms > now - REPEAT_WINDOW_MS) {
        repeat->held_back++;
    } else {
        write_line(level, message, repeat->held_back);
        repeat->held_back = 0;
        repeat->written_ms = now;
    }
    pthread_mutex_unlock(&log->lock);
}

void log_begin(struct log *log, enum shoal_log_level level)
{
    memset(log, 0, sizeof(*log));
    log->level = level;
    pthread_mutex_init(&log->lock, NULL);
    for (int i = 0; i < LOG_REPEATS; i++)
        log->repeats[i].written_ms = INT64_MIN;
}

void log_end(struct log *log)
{
    for (int i = 0; i < LOG_REPEATS; i++) {
        if (log->repeats[i].held_back > 0)
            write_line(log->repeats[i].level, log->repeats[i].message, log->repeats[i].held_back);
    }
    pthread_mutex_destroy(&log->lock);
}

struct shoal_log log_sink(struct log *log)
{
    return (struct shoal_log){.write = sink, .arg = log, .level = log->level};
}

void log_write(const struct log *log, enum shoal_log_level level, const char *format, ...)
{
    if (level > log->level)
        return;
    char message[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    write_line(level, message, 0);
}

void log_announce(const char *format, ...)
{
    char message[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    write_line(SHOAL_LOG_INFO, message, 0);
}
