/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between the volume and the disk: the calls that change a file, so that tests can have
 * them fail; and helpers that go on after short reads and writes. Any thread.
 */
#ifndef APPS_SHOAL_PHOTOS_DISK_H
#define APPS_SHOAL_PHOTOS_DISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Each as the system call of its name, with -1 and errno; open() with mode 0600. `arg` is the
 * seam's own. */
struct disk {
    void *arg;
    int (*open)(void *arg, const char *path, int flags);
    ssize_t (*pwritev)(void *arg, int fd, const struct iovec *iov, int count, off_t offset);
    int (*fdatasync)(void *arg, int fd);
    int (*ftruncate)(void *arg, int fd, off_t size);
    int (*rename)(void *arg, const char *from, const char *to);
    int (*unlink)(void *arg, const char *path);
    int (*sync_folder)(void *arg, const char *path); /* fsync() of the folder that `path` is in */
};

/* The real one. */
extern const struct disk disk_real;

/* Writes all of `iov`, which is used up. Returns 0 or a negative errno; some of it may have been
 * written then. Thread: any. */
int disk_write(const struct disk *disk, int fd, struct iovec *iov, int count, uint64_t offset);

/* Copies `size` bytes from one file to another. Returns as disk_write(), -EIO where the source is
 * too short. Thread: any. */
int disk_copy(const struct disk *disk, int from, uint64_t from_offset, int to, uint64_t to_offset,
              uint64_t size);

/* Each returns 0 (the first: a descriptor) or a negative errno. disk_sync_folder() makes a rename
 * or a new file in the folder of `path` durable. Thread: any. */
int disk_open(const struct disk *disk, const char *path, int flags);
int disk_sync(const struct disk *disk, int fd);
int disk_cut(const struct disk *disk, int fd, uint64_t size);
int disk_rename(const struct disk *disk, const char *from, const char *to);
int disk_remove(const struct disk *disk, const char *path);
int disk_sync_folder(const struct disk *disk, const char *path);

/* Reads until `size` bytes or the end of the file. Returns how many, or a negative errno.
 * Thread: any. */
ssize_t disk_read(int fd, void *out, size_t size, uint64_t offset);

#endif
