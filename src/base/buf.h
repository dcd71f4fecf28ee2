/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of struct shoal_buf (include/shoal/buf.h), open so that an object can hold a buffer
 * without a pointer and an allocation. Only buf.c touches the fields; everybody else uses the
 * public calls, and shoal__buf_is_empty() where it matters.
 */
#ifndef SHOAL_BASE_BUF_H
#define SHOAL_BASE_BUF_H

#include <shoal/buf.h>

struct shoal__slice;

/*
 * Owned by whoever created or embeds it, touched by that owner's thread only, dead after
 * shoal_buf_destroy() or shoal__buf_fini(). All zero is an empty buffer. Slices are never empty.
 */
struct shoal_buf {
    struct shoal__slice *first;
    struct shoal__slice *last; /* meaningless while first is NULL */
    size_t size;
    size_t file_size; /* of it, in file ranges */
};

/* Makes an embedded buffer empty. Cannot fail. Thread: owner. */
static inline void shoal__buf_init(struct shoal_buf *buf)
{
    *buf = (struct shoal_buf){0};
}

/* Releases every segment; the buffer is empty and usable afterwards. Thread: owner. */
void shoal__buf_fini(struct shoal_buf *buf);

/*
 * shoal_buf_append_file() of a descriptor that stays open until `release(arg, ...)` is called, on
 * whatever thread drops the last range of it. Returns as that does; release is not called on
 * failure. Thread: owner.
 */
int shoal__buf_append_file_lent(struct shoal_buf *buf, int fd, off_t offset, size_t size,
                                shoal_buf_release_fn *release, void *arg);

/* Thread: owner. */
static inline bool shoal__buf_is_empty(const struct shoal_buf *buf)
{
    return buf->size == 0;
}

/* Bytes that the buffer keeps in memory: all but file ranges. Thread: owner. */
static inline size_t shoal__buf_memory(const struct shoal_buf *buf)
{
    return buf->size - buf->file_size;
}

#endif
