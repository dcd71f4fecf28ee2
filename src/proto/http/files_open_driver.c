/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening files. The kernel resolves the name beneath the root, so no link and no race with a
 * rename leads out of it. With RESOLVE_CACHED it answers from what it has in memory or not at all,
 * which is how a loop may open a file; a worker does it without.
 */
#include "proto/http/files_open_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shoal/error.h>

/* Another name beneath the root changed while links were followed: the kernel says so instead of
 * deciding. Who goes on renaming for so long does it on purpose. */
enum { TRIES = 8 };

static int open_beneath(int root_fd, const char *path, unsigned flags, bool wait)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (wait ? 0 : RESOLVE_CACHED),
    };
    for (int tries = wait ? TRIES : 1; tries > 0; tries--) {
        long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return -errno;
}

/* What says as much as that there is nothing of that name for the world to see: a link that leads
 * out (EXDEV) or round (ELOOP), a socket or a dead FIFO (ENXIO), a name that cannot be one. */
static int blur(int rc)
{
    switch (-rc) {
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV:
    case ENXIO:
    case ENODEV:
        return -SHOAL_ENOENT;
    case EINVAL: /* a kernel without RESOLVE_CACHED: only a worker can tell */
        return -EAGAIN;
    default:
        return rc;
    }
}

unsigned shoal__files_status(int error)
{
    switch (-error) {
    case SHOAL_ENOENT:
    case EISDIR:
        return 404;
    case EACCES:
    case EPERM:
        return 403;
    case EIO:
        return 500;
    default: /* no descriptor, no memory, no worker: later, perhaps */
        return 503;
    }
}

/* Files */

int shoal__file_create(int fd, enum shoal__encoding encoding, struct shoal__file **out_file)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -SHOAL_ENOENT;
    struct shoal__file *file = malloc(sizeof(*file));
    if (!file)
        return -SHOAL_ENOMEM;
    *file = (struct shoal__file){
        .fd = fd,
        .encoding = encoding,
        .size = (uint64_t)st.st_size,
        .modified = st.st_mtim.tv_sec,
        .modified_ns =
            (int64_t)((uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec),
        .warm_until_ms = INT64_MIN,
    };
    atomic_init(&file->refs, 1);
    shoal__file_etag_write(st.st_ino, file->size, file->modified_ns, file->etag);
    shoal__http_date_write(file->modified, file->date);
    *out_file = file;
    return 0;
}

void shoal__file_ref(struct shoal__file *file)
{
    atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
}

/* Release: our use of the descriptor comes before; acquire: whoever closes it sees everybody's. */
void shoal__file_unref(struct shoal__file **file)
{
    struct shoal__file *dropped = *file;
    *file = NULL;
    if (!dropped || atomic_fetch_sub_explicit(&dropped->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (dropped->close_fd)
        close(dropped->fd);
    if (dropped->release)
        dropped->release(dropped->release_arg);
    free(dropped);
}

void shoal__found_release(struct shoal__found *found)
{
    for (size_t i = 0; i < SHOAL__ENCODINGS; i++)
        shoal__file_unref(&found->forms[i]);
}

static int open_form(int root_fd, const char *path, enum shoal__encoding encoding, bool wait,
                     struct shoal__file **out_file)
{
    int fd = open_beneath(root_fd, path, 0, wait);
    if (fd < 0)
        return blur(fd);
    int rc = shoal__file_create(fd, encoding, out_file);
    if (rc < 0)
        close(fd);
    else
        (*out_file)->close_fd = true;
    return rc;
}

/* Twins that cannot be had are none; only whether there is one must be known. */
static int open_twin(int root_fd, const char *path, enum shoal__encoding encoding, bool wait,
                     struct shoal__found *found)
{
    char name[4096 + 8];
    int length = snprintf(name, sizeof(name), "%s%s", path, shoal__encoding_suffix(encoding));
    if (length < 0 || (size_t)length >= sizeof(name))
        return 0;
    struct shoal__file *twin = NULL;
    int rc = open_form(root_fd, name, encoding, wait, &twin);
    if (rc < 0)
        return rc == -EAGAIN && !wait ? rc : 0;
    if (twin->modified_ns < found->forms[SHOAL__ENCODING_IDENTITY]->modified_ns)
        shoal__file_unref(&twin); /* made of an earlier state of the file */
    found->forms[encoding] = twin;
    return 0;
}

int shoal__files_open(int root_fd, const char *path, bool twins, bool wait,
                      struct shoal__found *out_found)
{
    struct shoal__found found = {{NULL}};
    int rc = open_form(root_fd, path, SHOAL__ENCODING_IDENTITY, wait,
                       &found.forms[SHOAL__ENCODING_IDENTITY]);
    for (unsigned i = 0; rc == 0 && twins && i < SHOAL__ENCODING_IDENTITY; i++)
        rc = open_twin(root_fd, path, i, wait, &found);
    if (rc < 0)
        shoal__found_release(&found);
    else
        *out_found = found;
    return rc;
}

int shoal__files_open_directory(int root_fd, const char *path)
{
    int fd = open_beneath(root_fd, path[0] ? path : ".", O_DIRECTORY, true);
    return fd < 0 ? blur(fd) : fd;
}
