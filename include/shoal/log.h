/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log seam. Shoal never prints: what it has to say goes to the sink that the application
 * puts into its configuration, or nowhere. A peer's mistake is counted, not logged (see stats.h);
 * the log is for what an operator may have to act on.
 */
#ifndef SHOAL_LOG_H
#define SHOAL_LOG_H

#include <shoal/export.h>

#ifdef __cplusplus
extern "C" {
#endif

enum shoal_log_level {
    SHOAL_LOG_ERROR, /* something asked for was not done */
    SHOAL_LOG_WARN,  /* done, but an operator should know */
    SHOAL_LOG_INFO,  /* start, stop, listening, drained */
    SHOAL_LOG_DEBUG, /* per connection */
};

/*
 * Receives one message: one line without its newline, in logfmt ("msg=listening url=..."), control
 * bytes escaped. The text is the caller's and dies when the sink returns.
 * Thread: any; the library calls it from several threads at once and never with a lock held.
 */
typedef void shoal_log_fn(void *arg, enum shoal_log_level level, const char *message);

/* A sink by value. A NULL `write` discards; messages above `level` are not even built. */
struct shoal_log {
    shoal_log_fn *write;
    void *arg;
    enum shoal_log_level level;
};

/* The level's name in lower case ("warn"). Thread: any. */
SHOAL_API const char *shoal_log_level_name(enum shoal_log_level level);

#ifdef __cplusplus
}
#endif
#endif
