/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a volume's file: the checkpoint, then what was written behind it.
 *
 * A crash may leave the end of the file torn: needles of the last batch, in any state, none of them
 * acknowledged. Bytes may also rot anywhere. The two are told apart by what needles say of the file
 * when they were written: the largest `synced` of all sound heads is a place up to which everything
 * was durable once. The file is cut at the first needle behind that place which is not whole; what
 * is damaged before it is kept where its head is sound (and never served), else stepped over.
 *
 * What cannot be read at all is neither torn nor damaged: the disk may give it another day, so the
 * volume is not opened.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shoal/error.h>
#include <xxhash.h>

#include "photos/volume_priv.h"

enum { WINDOW_SIZE = 1 << 20 };

/* A needle, or bytes that are none. */
struct find {
    uint64_t offset;
    bool has_head;
    bool whole;
};

/* A pass over the file. Open's thread only. */
struct scan {
    struct volume *volume;
    struct edition *edition;
    uint64_t size; /* of the file */
    uint64_t synced;
    int error; /* of reading; 0: none */
    struct find *finds;
    size_t count, room;
    uint64_t window_at; /* what `window` holds of the file */
    size_t window_size;
    XXH3_state_t *sum;
    uint8_t window[WINDOW_SIZE];
};

/* The bytes at `offset`, at most `want` of them, fewer at the end of the file. */
static struct shoal_view look(struct scan *scan, uint64_t offset, size_t want)
{
    if (offset >= scan->size)
        return shoal_view(NULL, 0);
    if (scan->size - offset < want)
        want = (size_t)(scan->size - offset);
    if (offset < scan->window_at || offset + want > scan->window_at + scan->window_size) {
        ssize_t got = disk_read(scan->edition->fd, scan->window, WINDOW_SIZE, offset);
        scan->window_at = offset;
        scan->window_size = got < 0 ? 0 : (size_t)got;
        if (got < 0)
            scan->error = (int)got;
    }
    size_t skip = (size_t)(offset - scan->window_at);
    size_t have = scan->window_size > skip ? scan->window_size - skip : 0;
    return shoal_view(scan->window + skip, have < want ? have : want);
}

static bool read_head(struct scan *scan, uint64_t offset, struct needle *out)
{
    struct shoal_view bytes = look(scan, offset, NEEDLE_HEAD_MAX);
    return needle_decode_head((const uint8_t *)bytes.data, bytes.size, scan->edition->header.id,
                              offset, out);
}

static uint64_t sum_body(struct scan *scan, uint64_t offset, uint64_t size)
{
    XXH3_64bits_reset(scan->sum);
    while (size > 0) {
        struct shoal_view piece =
            look(scan, offset, size < WINDOW_SIZE / 2 ? (size_t)size : WINDOW_SIZE / 2);
        if (piece.size == 0)
            break;
        XXH3_64bits_update(scan->sum, piece.data, piece.size);
        offset += piece.size;
        size -= piece.size;
    }
    return XXH3_64bits_digest(scan->sum);
}

/* Whether all of the needle is there and as it was written. */
static bool is_whole(struct scan *scan, uint64_t offset, const struct needle *needle)
{
    uint8_t head[NEEDLE_HEAD_MAX];
    size_t head_size = needle_encode_head(needle, scan->edition->header.id, offset, head);
    uint64_t body_size = needle->body_size, body_sum = needle->body_sum;
    uint64_t end = offset + needle_size(needle->key.size, needle->type.size, body_size);
    if (end > scan->size || sum_body(scan, offset + head_size, body_size) != body_sum)
        return false;
    uint64_t tail_at = offset + head_size + body_size;
    struct shoal_view tail = look(scan, tail_at, (size_t)(end - tail_at));
    return tail.size == end - tail_at &&
           needle_tail_matches(head, body_size, (const uint8_t *)tail.data);
}

static int note(struct scan *scan, struct find find)
{
    if (scan->count == scan->room) {
        size_t room = scan->room ? scan->room * 2 : 1024;
        struct find *finds = realloc(scan->finds, room * sizeof(*finds));
        if (!finds)
            return -SHOAL_ENOMEM;
        scan->finds = finds;
        scan->room = room;
    }
    scan->finds[scan->count++] = find;
    return 0;
}

/* The next place behind bytes that are no needle where one begins, or the end of the file. */
static uint64_t find_next_head(struct scan *scan, uint64_t offset)
{
    struct needle needle;
    do
        offset += NEEDLE_ALIGN;
    while (offset < scan->size && scan->error == 0 && !read_head(scan, offset, &needle));
    return offset < scan->size ? offset : scan->size;
}

/* Notes what is at *offset and moves past it. */
static int scan_one(struct scan *scan, uint64_t *offset)
{
    struct needle needle;
    struct find find = {.offset = *offset};
    if (!read_head(scan, *offset, &needle)) {
        *offset = find_next_head(scan, *offset);
        return note(scan, find);
    }
    uint64_t size = needle_size(needle.key.size, needle.type.size, needle.body_size);
    find.has_head = size <= scan->size - *offset;
    if (find.has_head && needle.synced > scan->synced)
        scan->synced = needle.synced;
    find.whole = find.has_head && is_whole(scan, *offset, &needle);
    *offset += find.has_head ? size : scan->size - *offset;
    return note(scan, find);
}

static int scan_file(struct scan *scan, uint64_t offset)
{
    int rc = 0;
    while (rc == 0 && scan->error == 0 && offset < scan->size)
        rc = scan_one(scan, &offset);
    if (scan->error != 0)
        volume_log(scan->volume, SHOAL_LOG_ERROR,
                   "msg=\"the volume cannot be read\" offset=%llu error=\"%s\"",
                   (unsigned long long)scan->window_at, strerror(-scan->error));
    return rc < 0 ? rc : scan->error;
}

/* Where the volume ends: what is behind is torn. */
static uint64_t find_cut(const struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        if (!scan->finds[i].whole && scan->finds[i].offset >= scan->synced)
            return scan->finds[i].offset;
    }
    return scan->size;
}

static int apply(struct scan *scan, const struct find *find)
{
    struct needle needle;
    if (!find->has_head || !read_head(scan, find->offset, &needle)) {
        volume_log(scan->volume, SHOAL_LOG_ERROR,
                   "msg=\"bytes of the volume are lost\" offset=%llu",
                   (unsigned long long)find->offset);
        scan->volume->lost++;
        return 0;
    }
    if (!find->whole)
        volume_log(scan->volume, SHOAL_LOG_ERROR, "msg=\"photo is damaged\" offset=%llu",
                   (unsigned long long)find->offset);
    if (needle.sequence >= scan->volume->next_sequence)
        scan->volume->next_sequence = needle.sequence + 1;
    return edition_apply_needle(scan->volume, scan->edition, &needle, find->offset);
}

static int cut_off(struct scan *scan, uint64_t cut)
{
    if (cut == scan->size)
        return 0;
    volume_log(scan->volume, SHOAL_LOG_WARN, "msg=\"torn tail cut off\" offset=%llu bytes=%llu",
               (unsigned long long)cut, (unsigned long long)(scan->size - cut));
    return disk_cut(scan->volume->cfg.disk, scan->edition->fd, cut);
}

static int apply_and_cut(struct scan *scan)
{
    uint64_t cut = find_cut(scan);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < scan->count && scan->finds[i].offset < cut; i++)
        rc = apply(scan, &scan->finds[i]);
    if (rc == 0)
        rc = cut_off(scan, cut);
    atomic_store_explicit(&scan->edition->end, cut, memory_order_release);
    return rc;
}

/* Adds what the file says from `offset` on; it is known to have been durable up to `durable`. */
static int recover_from(struct volume *volume, struct edition *edition, uint64_t offset,
                        uint64_t durable)
{
    struct stat stat;
    if (fstat(edition->fd, &stat) < 0)
        return -errno;
    struct scan *scan = calloc(1, sizeof(*scan));
    int rc = scan && (scan->sum = XXH3_createState()) ? 0 : -SHOAL_ENOMEM;
    if (rc == 0) {
        scan->volume = volume;
        scan->edition = edition;
        scan->size = (uint64_t)stat.st_size;
        scan->synced = durable;
        rc = scan_file(scan, offset);
    }
    if (rc == 0)
        rc = apply_and_cut(scan);
    if (scan) {
        free(scan->finds);
        XXH3_freeState(scan->sum);
    }
    free(scan);
    return rc;
}

/* Without the checkpoint but for what it says of how far the file was durable. */
static int recover_all(struct volume *volume, struct edition *edition, uint64_t durable)
{
    volume->lost = 0;
    int rc = checkpoint_forget(volume, edition);
    return rc < 0 ? rc : recover_from(volume, edition, VOLUME_HEADER_SIZE, durable);
}

int volume_recover(struct volume *volume, struct edition *edition)
{
    struct stat stat;
    uint64_t reach;
    if (fstat(edition->fd, &stat) < 0)
        return -errno;
    if (!checkpoint_load(volume, edition, (uint64_t)stat.st_size, &reach))
        return recover_all(volume, edition, VOLUME_HEADER_SIZE);
    uint64_t covered = volume->checkpoint_end = edition_end(edition);
    if (volume->cfg.thorough)
        return recover_all(volume, edition, covered);
    int rc = recover_from(volume, edition, covered, covered);
    /* Where the cut took what the checkpoint knows of, the state before that is looked up. */
    bool knows_too_much = rc == 0 && edition_end(edition) < reach;
    return knows_too_much ? recover_all(volume, edition, covered) : rc;
}
