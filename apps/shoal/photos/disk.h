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

/* Each as the system call of its name. `arg` is the seam's own. */
struct disk {
    void *arg;
    ssize_t (*pwritev)(void *arg, int fd, const struct iovec *iov, int count, off_t offset);
    int (*fdatasync)(void *arg, int fd);
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

/* Returns 0 or a negative errno. Thread: any. */
int disk_sync(const struct disk *disk, int fd);

/* Reads until `size` bytes or the end of the file. Returns how many, or a negative errno.
 * Thread: any. */
ssize_t disk_read(int fd, void *out, size_t size, uint64_t offset);

/* Makes a rename or a new file in the folder of `path` durable. Returns 0 or a negative errno.
 * Thread: any. */
int disk_sync_folder(const char *path);

#endif
