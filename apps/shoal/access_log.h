/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file of the access log (--access-log): a line for each HTTP request, as the library makes it.
 * Each line is one write to a file opened for appending, so lines of several loops do not mix, and
 * whoever rotates it renames the file and sends HUP. A line that cannot be written (a full disk, a
 * reader that is too slow) is lost and told of: requests do not wait for their log.
 */
#ifndef APPS_SHOAL_ACCESS_LOG_H
#define APPS_SHOAL_ACCESS_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

#include <shoal/view.h>

#include "log.h"

/* Owned by the host; written to by all loops; opened and closed by main's thread. */
struct access_log {
    const char *path; /* "-": standard output; NULL: no access log */
    int fd;
    struct log *complaints;
    atomic_bool torn; /* the last line was not written to its end */
};

/* Opens the file, making it where it is not there; a NULL path means none. Returns 0 or a negative
 * errno. Thread: main's, before loops run. */
int access_log_open(struct access_log *self, const char *path, struct log *complaints);

/* Opens the path anew, for the file behind it was renamed; on failure (negative errno) the old one
 * stays in use. Thread: main's. */
int access_log_reopen(struct access_log *self);

/* Writes a line: `arg` is the log. As shoal_http_cfg wants it. Thread: any. */
void access_log_write(void *arg, struct shoal_view line);

/* Thread: main's, after loops have ended. */
void access_log_close(struct access_log *self);

#endif
