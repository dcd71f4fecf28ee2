/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer: an ordered queue of refcounted segments. A segment is memory (copied in, or lent with
 * a release function) or a range of a file. Buffers hand bytes on without copying them: moving a
 * buffer into another one, or into a connection, moves the segments.
 *
 * A buffer belongs to one thread at a time and may be given to another by handing over the pointer
 * (through a post, say). Segments shared by several buffers may be released on any thread.
 */
#ifndef SHOAL_BUF_H
#define SHOAL_BUF_H

#include <stdarg.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <shoal/export.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_buf;

/* Called exactly once, on whatever thread drops the last reference to lent bytes. */
typedef void shoal_buf_release_fn(void *arg, const void *data, size_t size);

/* Returns an empty buffer, or NULL where memory is out. Thread: any. */
SHOAL_API struct shoal_buf *shoal_buf_create(void);

/* Releases every segment and the buffer, and clears *buf. NULL is a no-op. Thread: owner. */
SHOAL_API void shoal_buf_destroy(struct shoal_buf **buf);

/* Bytes waiting in the buffer, file ranges included. Thread: owner. */
SHOAL_API size_t shoal_buf_size(const struct shoal_buf *buf);

/*
 * Appends a copy of `size` bytes. Returns 0, or -SHOAL_ENOMEM with the buffer as it was.
 * Thread: owner.
 */
SHOAL_API int shoal_buf_append(struct shoal_buf *buf, const void *data, size_t size);

/*
 * Appends formatted text. Returns 0, -SHOAL_EINVAL for a bad format, or -SHOAL_ENOMEM; on failure
 * the buffer is as it was. Thread: owner.
 */
SHOAL_API int shoal_buf_printf(struct shoal_buf *buf, const char *format, ...) SHOAL_PRINTF(2, 3);
SHOAL_API int shoal_buf_vprintf(struct shoal_buf *buf, const char *format, va_list args)
    SHOAL_PRINTF(2, 0);

/*
 * Appends `size` bytes that stay where they are until `release(arg, data, size)` is called; a NULL
 * `release` is for bytes that outlive every buffer. Returns 0, or -SHOAL_ENOMEM with nothing taken
 * (release is not called then). Thread: owner.
 */
SHOAL_API int shoal_buf_append_lent(struct shoal_buf *buf, const void *data, size_t size,
                                    shoal_buf_release_fn *release, void *arg);

/*
 * Appends `size` bytes of the file `fd` from `offset`. With `close_fd` the descriptor is the
 * buffer's from success on and closed with its last range; on failure it stays the caller's.
 * Returns 0, -SHOAL_EINVAL for a negative offset or one whose end overflows, or -SHOAL_ENOMEM.
 * Thread: owner.
 */
SHOAL_API int shoal_buf_append_file(struct shoal_buf *buf, int fd, off_t offset, size_t size,
                                    bool close_fd);

/* Moves everything in `from` to the end of `to`; `from` is empty afterwards. Cannot fail and
 * copies no bytes. Thread: owner of both. */
SHOAL_API void shoal_buf_move(struct shoal_buf *to, struct shoal_buf *from);

/*
 * Appends to `to` the first `size` bytes of `from` by sharing their segments; `from` keeps them.
 * Returns 0, -SHOAL_EINVAL where `from` holds less, or -SHOAL_ENOMEM with `to` as it was.
 * Thread: owner of both.
 */
SHOAL_API int shoal_buf_share(struct shoal_buf *to, const struct shoal_buf *from, size_t size);

/* Drops the first `size` bytes, or all where it holds less. Thread: owner. */
SHOAL_API void shoal_buf_consume(struct shoal_buf *buf, size_t size);

/*
 * Copies up to `size` bytes from the front to `out` without consuming them. Returns how many were
 * copied; stops early at a file range. Thread: owner.
 */
SHOAL_API size_t shoal_buf_copy_out(const struct shoal_buf *buf, void *out, size_t size);

/*
 * Fills up to `max` entries of `iov` with the memory at the front, stopping at a file range.
 * Returns the number filled; 0 where the buffer is empty or starts with a file range. The entries
 * live until the buffer is next changed. Thread: owner.
 */
SHOAL_API int shoal_buf_peek(const struct shoal_buf *buf, struct iovec *iov, int max);

/* A file range at the front of a buffer. */
struct shoal_buf_file {
    int fd;
    off_t offset;
    size_t size;
};

/* True, with *out_file filled, where the buffer starts with a file range. Thread: owner. */
SHOAL_API bool shoal_buf_peek_file(const struct shoal_buf *buf, struct shoal_buf_file *out_file);

#ifdef __cplusplus
}
#endif
#endif
