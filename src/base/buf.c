/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers. A buffer is a singly linked list of slices; a slice is a range of one segment and holds
 * one reference to it; a segment is memory of ours, lent memory or an open file.
 *
 *     buffer ──► slice ──► slice ──► slice
 *                  │         │         │
 *                segment   segment   segment (also referred to by a slice of another buffer)
 *
 * Every segment brings one slice with it, used by the buffer that made it, so that an append costs
 * one allocation; only sharing allocates slices alone. That inner slice lives as long as its own
 * reference keeps the segment.
 *
 * Appending continues in the last slice's memory where that segment is ours and unshared: what lies
 * behind the slice is then nobody's. Buffers are single-threaded; only the reference counts are
 * touched by several threads.
 */
#include "base/buf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <shoal/error.h>

#include "base/checked.h"

/* Most buffers have little to hold, so the first segment is small; a long queue gets large ones. */
#define SMALL_SEGMENT_BYTES ((size_t)1 << 10)
#define MEDIUM_SEGMENT_BYTES ((size_t)16 << 10)
#define LARGE_SEGMENT_BYTES ((size_t)64 << 10)

struct segment;

/* Owned by the one buffer it is in, touched by that buffer's thread only. */
struct shoal__slice {
    struct shoal__slice *next;
    struct segment *segment;
    size_t offset; /* in the segment's memory, or in the file */
    size_t size;
};

enum segment_kind {
    SEGMENT_OURS, /* memory behind the struct */
    SEGMENT_LENT, /* memory of somebody else, until `release` */
    SEGMENT_FILE, /* ranges of `fd` */
};

/*
 * Owned by its slices together; any thread may drop the last reference. All fields but `refs` are
 * constant after creation, except `inner`, which belongs to the buffer that made the segment.
 */
struct segment {
    atomic_size_t refs;
    enum segment_kind kind;
    int fd; /* of a file */
    bool close_fd;
    char *data; /* of memory */
    size_t capacity;
    shoal_buf_release_fn *release;
    void *arg;
    struct shoal__slice inner;
};

static struct segment *segment_create(enum segment_kind kind, size_t bytes_behind)
{
    size_t total;
    if (!shoal__add_size(sizeof(struct segment), bytes_behind, &total))
        return NULL;
    struct segment *segment = malloc(total);
    if (segment == NULL)
        return NULL;
    *segment = (struct segment){
        .kind = kind, .fd = -1, .data = (char *)(segment + 1), .capacity = bytes_behind};
    atomic_init(&segment->refs, 1);
    segment->inner = (struct shoal__slice){.segment = segment};
    return segment;
}

static void segment_destroy(struct segment *segment)
{
    if (segment->release != NULL)
        segment->release(segment->arg, segment->data, segment->capacity);
    if (segment->close_fd)
        close(segment->fd);
    free(segment);
}

static void segment_ref(struct segment *segment)
{
    atomic_fetch_add_explicit(&segment->refs, 1, memory_order_relaxed);
}

/* Release: our reads of the bytes come before; acquire: whoever is last sees everybody's. */
static void segment_unref(struct segment *segment)
{
    if (atomic_fetch_sub_explicit(&segment->refs, 1, memory_order_acq_rel) == 1)
        segment_destroy(segment);
}

/* True where only our slice refers to it. Acquire pairs with segment_unref() on other threads:
 * their last reads come before what we now write. */
static bool segment_is_unshared(const struct segment *segment)
{
    return atomic_load_explicit(&segment->refs, memory_order_acquire) == 1;
}

/* A slice for a further reference to the segment, or NULL. */
static struct shoal__slice *slice_create(struct segment *segment, size_t offset, size_t size)
{
    struct shoal__slice *slice = malloc(sizeof *slice);
    if (slice == NULL)
        return NULL;
    *slice = (struct shoal__slice){.segment = segment, .offset = offset, .size = size};
    segment_ref(segment);
    return slice;
}

static void slice_destroy(struct shoal__slice *slice)
{
    struct segment *segment = slice->segment;
    if (slice != &segment->inner)
        free(slice);
    segment_unref(segment);
}

static bool slice_is_file(const struct shoal__slice *slice)
{
    return slice->segment->kind == SEGMENT_FILE;
}

static char *slice_data(const struct shoal__slice *slice)
{
    return slice->segment->data + slice->offset;
}

static void push(struct shoal_buf *buf, struct shoal__slice *slice)
{
    slice->next = NULL;
    *(buf->first == NULL ? &buf->first : &buf->last->next) = slice;
    buf->last = slice;
    buf->size += slice->size;
    if (slice_is_file(slice))
        buf->file_size += slice->size;
}

static void pop(struct shoal_buf *buf)
{
    struct shoal__slice *slice = buf->first;
    buf->first = slice->next;
    buf->size -= slice->size;
    if (slice_is_file(slice))
        buf->file_size -= slice->size;
    slice_destroy(slice);
}

/* Appends the first `size` bytes of a segment that was just made. */
static void push_segment(struct shoal_buf *buf, struct segment *segment, size_t offset, size_t size)
{
    segment->inner.offset = offset;
    segment->inner.size = size;
    push(buf, &segment->inner);
}

struct shoal_buf *shoal_buf_create(void)
{
    return calloc(1, sizeof(struct shoal_buf));
}

void shoal__buf_fini(struct shoal_buf *buf)
{
    while (buf->first != NULL)
        pop(buf);
}

void shoal_buf_destroy(struct shoal_buf **buf)
{
    struct shoal_buf *doomed = *buf;
    if (doomed == NULL)
        return;
    *buf = NULL;
    shoal__buf_fini(doomed);
    free(doomed);
}

size_t shoal_buf_size(const struct shoal_buf *buf)
{
    return buf->size;
}

/* Free bytes behind the last slice that we may write. */
static size_t tail_room(const struct shoal_buf *buf)
{
    if (buf->first == NULL)
        return 0;
    const struct segment *segment = buf->last->segment;
    if (segment->kind != SEGMENT_OURS || !segment_is_unshared(segment))
        return 0;
    return segment->capacity - buf->last->offset - buf->last->size;
}

static char *tail_end(const struct shoal_buf *buf)
{
    return slice_data(buf->last) + buf->last->size;
}

static void extend_tail(struct shoal_buf *buf, size_t size)
{
    buf->last->size += size;
    buf->size += size;
}

/* A new segment of ours with room for `size` bytes at least. */
static struct segment *segment_for(const struct shoal_buf *buf, size_t size)
{
    size_t usual = buf->size == 0                     ? SMALL_SEGMENT_BYTES
                   : buf->size < MEDIUM_SEGMENT_BYTES ? MEDIUM_SEGMENT_BYTES
                                                      : LARGE_SEGMENT_BYTES;
    size_t room = usual - sizeof(struct segment);
    return segment_create(SEGMENT_OURS, size > room ? size : room);
}

int shoal_buf_append(struct shoal_buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return 0;

    size_t room = tail_room(buf);
    size_t in_tail = size < room ? size : room;
    size_t rest = size - in_tail;
    struct segment *segment = NULL;
    if (rest > 0) {
        segment = segment_for(buf, rest);
        if (segment == NULL)
            return -SHOAL_ENOMEM;
        memcpy(segment->data, (const char *)data + in_tail, rest);
    }
    if (in_tail > 0) {
        memcpy(tail_end(buf), data, in_tail);
        extend_tail(buf, in_tail);
    }
    if (segment != NULL)
        push_segment(buf, segment, 0, rest);
    return 0;
}

int shoal_buf_printf(struct shoal_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = shoal_buf_vprintf(buf, format, args);
    va_end(args);
    return rc;
}

/* Formats into the free room of the tail. Returns the length the text has, which is in the buffer
 * only where it is below `room`. What it writes behind the tail otherwise is nobody's. */
static int print_into_tail(struct shoal_buf *buf, size_t room, const char *format, va_list args)
{
    int length = vsnprintf(room > 0 ? tail_end(buf) : NULL, room, format, args);
    if (length > 0 && (size_t)length < room)
        extend_tail(buf, (size_t)length);
    return length;
}

static int print_into_new(struct shoal_buf *buf, size_t size, const char *format, va_list args)
{
    struct segment *segment = segment_for(buf, size + 1); /* vsnprintf ends with a NUL */
    if (segment == NULL)
        return -SHOAL_ENOMEM;
    vsnprintf(segment->data, size + 1, format, args);
    push_segment(buf, segment, 0, size);
    return 0;
}

int shoal_buf_vprintf(struct shoal_buf *buf, const char *format, va_list args)
{
    va_list first_try;
    size_t room = tail_room(buf);
    va_copy(first_try, args);
    int length = print_into_tail(buf, room, format, first_try);
    va_end(first_try);
    if (length < 0)
        return errno == ENOMEM ? -SHOAL_ENOMEM : -SHOAL_EINVAL;
    if (length == 0 || (size_t)length < room)
        return 0;
    return print_into_new(buf, (size_t)length, format, args);
}

int shoal_buf_append_lent(struct shoal_buf *buf, const void *data, size_t size,
                          shoal_buf_release_fn *release, void *arg)
{
    struct segment *segment = segment_create(SEGMENT_LENT, 0);
    if (segment == NULL)
        return -SHOAL_ENOMEM;
    segment->data = (char *)(uintptr_t)data; /* never written: tail_room() is for our own only */
    segment->capacity = size;
    segment->release = release;
    segment->arg = arg;
    if (size == 0)
        segment_unref(segment);
    else
        push_segment(buf, segment, 0, size);
    return 0;
}

/* True where offset and end are off_t values and the buffer can count the bytes. */
static bool is_file_range(const struct shoal_buf *buf, off_t offset, size_t size)
{
    off_t end;
    size_t total;
    return offset >= 0 && !__builtin_add_overflow(offset, size, &end) &&
           shoal__add_size(buf->size, size, &total);
}

static int append_file(struct shoal_buf *buf, const struct segment *like, off_t offset, size_t size)
{
    if (!is_file_range(buf, offset, size))
        return -SHOAL_EINVAL;
    struct segment *segment = segment_create(SEGMENT_FILE, 0);
    if (segment == NULL)
        return -SHOAL_ENOMEM;
    segment->fd = like->fd;
    segment->close_fd = like->close_fd;
    segment->release = like->release;
    segment->arg = like->arg;
    if (size == 0)
        segment_unref(segment);
    else
        push_segment(buf, segment, (size_t)offset, size);
    return 0;
}

int shoal_buf_append_file(struct shoal_buf *buf, int fd, off_t offset, size_t size, bool close_fd)
{
    return append_file(buf, &(struct segment){.fd = fd, .close_fd = close_fd}, offset, size);
}

int shoal__buf_append_file_lent(struct shoal_buf *buf, int fd, off_t offset, size_t size,
                                shoal_buf_release_fn *release, void *arg)
{
    return append_file(buf, &(struct segment){.fd = fd, .release = release, .arg = arg}, offset,
                       size);
}

void shoal_buf_move(struct shoal_buf *to, struct shoal_buf *from)
{
    if (to == from || from->first == NULL)
        return;
    *(to->first == NULL ? &to->first : &to->last->next) = from->first;
    to->last = from->last;
    to->size += from->size;
    to->file_size += from->file_size;
    *from = (struct shoal_buf){0};
}

int shoal_buf_share(struct shoal_buf *to, const struct shoal_buf *from, size_t size)
{
    size_t total;
    if (size > from->size)
        return -SHOAL_EINVAL;
    if (!shoal__add_size(to->size, size, &total))
        return -SHOAL_ENOMEM;

    struct shoal_buf shared = {0};
    for (const struct shoal__slice *slice = from->first; shared.size < size; slice = slice->next) {
        size_t wanted = size - shared.size;
        size_t part = slice->size < wanted ? slice->size : wanted;
        struct shoal__slice *further = slice_create(slice->segment, slice->offset, part);
        if (further == NULL) {
            shoal__buf_fini(&shared);
            return -SHOAL_ENOMEM;
        }
        push(&shared, further);
    }
    shoal_buf_move(to, &shared);
    return 0;
}

void shoal_buf_consume(struct shoal_buf *buf, size_t size)
{
    while (buf->first != NULL && size >= buf->first->size) {
        size -= buf->first->size;
        pop(buf);
    }
    if (buf->first == NULL)
        return;
    buf->first->offset += size;
    buf->first->size -= size;
    buf->size -= size;
    if (slice_is_file(buf->first))
        buf->file_size -= size;
}

size_t shoal_buf_copy_out(const struct shoal_buf *buf, void *out, size_t size)
{
    size_t copied = 0;
    for (const struct shoal__slice *slice = buf->first;
         slice != NULL && !slice_is_file(slice) && copied < size; slice = slice->next) {
        size_t wanted = size - copied;
        size_t part = slice->size < wanted ? slice->size : wanted;
        memcpy((char *)out + copied, slice_data(slice), part);
        copied += part;
    }
    return copied;
}

int shoal_buf_peek(const struct shoal_buf *buf, struct iovec *iov, int max)
{
    int filled = 0;
    for (const struct shoal__slice *slice = buf->first;
         slice != NULL && !slice_is_file(slice) && filled < max; slice = slice->next) {
        iov[filled++] = (struct iovec){slice_data(slice), slice->size};
    }
    return filled;
}

bool shoal_buf_peek_file(const struct shoal_buf *buf, struct shoal_buf_file *out_file)
{
    const struct shoal__slice *first = buf->first;
    if (first == NULL || !slice_is_file(first))
        return false;
    *out_file = (struct shoal_buf_file){first->segment->fd, (off_t)first->offset, first->size};
    return true;
}
