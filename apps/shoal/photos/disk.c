/* SPDX-License-Identifier: BSD-3-Clause */
/* The seam between the volume and the disk; see disk.h. */
#include "photos/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { COPY_SIZE = 64 * 1024 };

static int real_open(void *arg, const char *path, int flags)
{
    (void)arg;
    return open(path, flags | O_CLOEXEC, 0600);
}

static ssize_t real_pwritev(void *arg, int fd, const struct iovec *iov, int count, off_t offset)
{
    (void)arg;
    return pwritev(fd, iov, count, offset);
}

static int real_fdatasync(void *arg, int fd)
{
    (void)arg;
    return fdatasync(fd);
}

static int real_ftruncate(void *arg, int fd, off_t size)
{
    (void)arg;
    return ftruncate(fd, size);
}

static int real_rename(void *arg, const char *from, const char *to)
{
    (void)arg;
    return rename(from, to);
}

static int real_unlink(void *arg, const char *path)
{
    (void)arg;
    return unlink(path);
}

static int real_sync_folder(void *arg, const char *path)
{
    char copy[PATH_MAX];
    (void)arg;
    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd), error = errno;
    close(fd);
    errno = error;
    return rc;
}

const struct disk disk_real = {
    .open = real_open,
    .pwritev = real_pwritev,
    .fdatasync = real_fdatasync,
    .ftruncate = real_ftruncate,
    .rename = real_rename,
    .unlink = real_unlink,
    .sync_folder = real_sync_folder,
};

/* Drops the first `size` bytes; returns how many entries are used up. */
static int advance(struct iovec *iov, int count, size_t size)
{
    int used = 0;
    while (used < count && size >= iov[used].iov_len)
        size -= iov[used++].iov_len;
    if (used < count) {
        iov[used].iov_base = (char *)iov[used].iov_base + size;
        iov[used].iov_len -= size;
    }
    return used;
}

int disk_write(const struct disk *disk, int fd, struct iovec *iov, int count, uint64_t offset)
{
    while (count > 0) {
        ssize_t n = disk->pwritev(disk->arg, fd, iov, count, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        int used = advance(iov, count, (size_t)n);
        if (n == 0 && used == 0)
            return -EIO;
        iov += used;
        count -= used;
        offset += (uint64_t)n;
    }
    return 0;
}

int disk_copy(const struct disk *disk, int from, uint64_t from_offset, int to, uint64_t to_offset,
              uint64_t size)
{
    char bytes[COPY_SIZE];
    for (uint64_t done = 0; done < size;) {
        size_t want = size - done < COPY_SIZE ? (size_t)(size - done) : COPY_SIZE;
        ssize_t got = disk_read(from, bytes, want, from_offset + done);
        if (got != (ssize_t)want)
            return got < 0 ? (int)got : -EIO;
        struct iovec iov = {bytes, want};
        int rc = disk_write(disk, to, &iov, 1, to_offset + done);
        if (rc < 0)
            return rc;
        done += want;
    }
    return 0;
}

int disk_open(const struct disk *disk, const char *path, int flags)
{
    int fd = disk->open(disk->arg, path, flags);
    return fd < 0 ? -errno : fd;
}

int disk_sync(const struct disk *disk, int fd)
{
    int rc;
    do
        rc = disk->fdatasync(disk->arg, fd);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

int disk_cut(const struct disk *disk, int fd, uint64_t size)
{
    int rc;
    do
        rc = disk->ftruncate(disk->arg, fd, (off_t)size);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

int disk_rename(const struct disk *disk, const char *from, const char *to)
{
    return disk->rename(disk->arg, from, to) < 0 ? -errno : 0;
}

int disk_remove(const struct disk *disk, const char *path)
{
    return disk->unlink(disk->arg, path) < 0 ? -errno : 0;
}

int disk_sync_folder(const struct disk *disk, const char *path)
{
    return disk->sync_folder(disk->arg, path) < 0 ? -errno : 0;
}

ssize_t disk_read(int fd, void *out, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)out + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}
