/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The access log's file; see access_log.h. A new file takes the old one's descriptor number
 * (dup3), so loops that write meanwhile need no lock: each line goes to the one or the other.
 */
#include "access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Without waiting: pipes that nobody reads must not stop the loops. Standard output is opened again
 * for that, as the flag would be everybody's who has it; a socket cannot be, and is taken as is. */
static int open_path(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC;
    bool is_output = strcmp(path, "-") == 0;
    int fd = open(is_output ? "/proc/self/fd/1" : path, flags, 0640);
    if (fd < 0 && is_output)
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int access_log_open(struct access_log *self, const char *path, struct log *complaints)
{
    *self = (struct access_log){.path = path, .fd = -1, .complaints = complaints};
    if (!path)
        return 0;
    self->fd = open_path(path);
    return self->fd < 0 ? self->fd : 0;
}

int access_log_reopen(struct access_log *self)
{
    if (self->fd < 0)
        return 0;
    int fd = open_path(self->path);
    if (fd < 0)
        return fd;
    int rc = dup3(fd, self->fd, O_CLOEXEC) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

void access_log_close(struct access_log *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

/* Told once a second at most, with the number of times: the sink sees to that. */
static void complain(const struct access_log *self, int error)
{
    struct shoal_log sink = log_sink(self->complaints);
    char message[128];
    snprintf(message, sizeof(message), "msg=\"access log line lost\" error=\"%s\"",
             strerrordesc_np(error));
    if (sink.level >= SHOAL_LOG_WARN)
        sink.write(sink.arg, SHOAL_LOG_WARN, message);
}

void access_log_write(void *arg, struct shoal_view line)
{
    struct access_log *self = arg;
    char end[] = "\n";
    bool torn = atomic_exchange_explicit(&self->torn, false, memory_order_relaxed);
    struct iovec parts[] = {
        {end, torn ? 1 : 0}, {(void *)(uintptr_t)line.data, line.size}, {end, 1}};
    ssize_t size = (ssize_t)(parts[0].iov_len + line.size + 1);
    ssize_t written;
    do {
        written = writev(self->fd, parts, 3);
    } while (written < 0 && errno == EINTR);
    if (written == size)
        return;
    if (torn || written > 0)
        atomic_store_explicit(&self->torn, true, memory_order_relaxed);
    complain(self, written < 0 ? errno : ENOSPC);
}
