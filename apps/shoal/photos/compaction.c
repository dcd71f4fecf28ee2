/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keeper: checkpoints, compaction, and the end of old editions.
 *
 * Compaction copies what is live into a new file, in the order of the old one, while the volume is
 * read and written as always; then what was written meanwhile, in ever shorter rounds; and leaves
 * the last round to the writer, between two batches:
 *
 *     copy live needles ─► copy what is new ─► ... ─► [writer: the rest ─► sync ─► rename ─► sync
 *                                                       the folder ─► publish the new edition]
 *
 * Up to the rename the volume is the old file, from then on the new one: each is whole at every
 * moment. The old file is closed when the last reader gives it back. A live needle whose head is
 * damaged ends the compaction: nothing vanishes silently. One whose body is damaged is copied with
 * the checksum that it does not match, so it stays damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <shoal/error.h>

#include "photos/volume_priv.h"

/* What is left for the writer is at most about this. */
enum { SHORT_ROUND = 1 << 20, ROUNDS = 8 };

/* A copy at work. The keeper's, and the writer's during the turnover. */
struct copier {
    struct volume *volume;
    const struct edition *from;
    struct edition *to;
};

/* Copying */

/* Reads a head of the old file; its views point into `bytes`. */
static bool read_head(const struct copier *copier, uint64_t offset, uint8_t bytes[NEEDLE_HEAD_MAX],
                      struct needle *out)
{
    ssize_t got = disk_read(copier->from->fd, bytes, NEEDLE_HEAD_MAX, offset);
    return got > 0 && needle_decode_head(bytes, (size_t)got, copier->from->header.id, offset, out);
}

/* Appends the needle to the new file, with a head and a tail for its new place. */
static int copy_needle(struct copier *copier, const struct needle *needle, uint64_t offset)
{
    uint8_t head[NEEDLE_HEAD_MAX], tail[NEEDLE_TAIL_MAX];
    uint64_t to = edition_end(copier->to);
    struct needle moved = *needle;
    moved.synced = to; /* nobody sees the new file before all of it is durable */
    const struct disk *disk = copier->volume->cfg.disk;
    size_t head_size = needle_encode_head(&moved, copier->to->header.id, to, head);
    size_t tail_size = needle_encode_tail(head, moved.body_size, tail);
    struct iovec before = {head, head_size}, after = {tail, tail_size};
    uint64_t body = to + head_size;
    int rc = disk_write(disk, copier->to->fd, &before, 1, to);
    if (rc == 0)
        rc = disk_copy(disk, copier->from->fd, offset + head_size, copier->to->fd, body,
                       moved.body_size);
    if (rc == 0)
        rc = disk_write(disk, copier->to->fd, &after, 1, body + moved.body_size);
    if (rc == 0)
        rc = edition_apply_needle(copier->volume, copier->to, &moved, to);
    if (rc == 0)
        atomic_store_explicit(&copier->to->end, body + moved.body_size + tail_size,
                              memory_order_release);
    return rc;
}

/* Copies all of the old file from `from` to `to` that changes anything: what is new since the copy
 * of the live needles. */
static int copy_new(struct copier *copier, uint64_t from, uint64_t to)
{
    uint8_t bytes[NEEDLE_HEAD_MAX];
    struct needle needle;
    struct volume_photo photo;
    int rc = 0;
    while (rc == 0 && from < to) {
        if (!read_head(copier, from, bytes, &needle))
            return -EIO;
        if (!needle.deleted || edition_find(copier->to, needle.key, &photo))
            rc = copy_needle(copier, &needle, from);
        from += needle_size(needle.key.size, needle.type.size, needle.body_size);
    }
    return rc;
}

struct live {
    uint64_t offset, sequence;
};

static int compare_live(const void *a, const void *b)
{
    const struct live *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* What of the old file up to `end` is live, in its order. NULL where memory is out. */
static struct live *list_live(const struct edition *edition, uint64_t end, size_t *out_count)
{
    struct photo_facts facts;
    size_t count = 0, room = (size_t)index_count(edition->index) + 1024;
    struct live *live = malloc(room * sizeof(*live));
    struct photo *node = index_after(edition->index, shoal_view(NULL, 0));
    for (; live && node; node = photo_next(node)) {
        if (!photo_read(node, &facts) || facts.offset >= end)
            continue;
        if (count == room) {
            struct live *more = realloc(live, (room *= 2) * sizeof(*live));
            if (!more)
                free(live);
            live = more;
        }
        if (live)
            live[count++] = (struct live){facts.offset, facts.sequence};
    }
    if (live)
        qsort(live, count, sizeof(*live), compare_live);
    *out_count = count;
    return live;
}

static int copy_listed(struct copier *copier, const struct live *live, size_t count)
{
    uint8_t bytes[NEEDLE_HEAD_MAX];
    struct needle needle;
    for (size_t i = 0; i < count; i++) {
        if (atomic_load_explicit(&copier->volume->stopping, memory_order_relaxed))
            return -SHOAL_ECANCELED;
        if (!read_head(copier, live[i].offset, bytes, &needle) ||
            needle.sequence != live[i].sequence)
            return -EIO;
        int rc = copy_needle(copier, &needle, live[i].offset);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int copy_live(struct copier *copier, uint64_t end)
{
    size_t count;
    struct live *live = list_live(copier->from, end, &count);
    int rc = live ? copy_listed(copier, live, count) : -SHOAL_ENOMEM;
    free(live);
    return rc;
}

static int copy_rounds(struct copier *copier, uint64_t *copied)
{
    uint64_t end = edition_end(copier->from);
    int rc = copy_live(copier, end);
    *copied = end;
    for (int round = 0; rc == 0 && round < ROUNDS; round++) {
        end = edition_end(copier->from);
        rc = copy_new(copier, *copied, end);
        if (rc == 0)
            rc = disk_sync(copier->volume->cfg.disk, copier->to->fd);
        bool was_short = end - *copied < SHORT_ROUND;
        *copied = end;
        if (was_short)
            break;
    }
    return rc;
}

/* The turnover */

int turnover_finish(struct volume *volume, struct turnover *turnover)
{
    const struct disk *disk = volume->cfg.disk;
    struct edition *old = current_edition(volume);
    struct copier copier = {volume, old, turnover->edition};
    int rc = volume->broken;
    if (rc == 0)
        rc = copy_new(&copier, turnover->copied, edition_end(old));
    if (rc == 0)
        rc = disk_sync(disk, turnover->edition->fd);
    if (rc == 0 && flock(turnover->edition->fd, LOCK_EX | LOCK_NB) < 0)
        rc = -errno;
    if (rc == 0)
        rc = disk_rename(disk, volume->compact_path, volume->path);
    if (rc < 0)
        return rc;
    /* From here on the new file is the volume; if the folder cannot be made to say so for good,
     * nothing more may be acknowledged. */
    rc = disk_sync_folder(disk, volume->path);
    if (rc < 0) {
        volume_log(volume, SHOAL_LOG_ERROR, "msg=\"volume is read-only now\" failed=fsync");
        pthread_mutex_lock(&volume->lock);
        volume->broken = rc;
        pthread_mutex_unlock(&volume->lock);
    }
    unsigned slot = (unsigned)(turnover->edition - volume->editions);
    atomic_store_explicit(&turnover->edition->refs, 1, memory_order_release);
    atomic_store_explicit(&volume->current, slot, memory_order_release);
    edition_release(volume, &old);
    return 0;
}

static int ask_writer(struct volume *volume, struct turnover *turnover)
{
    pthread_mutex_lock(&volume->lock);
    if (volume->writer_ended)
        turnover->status = -SHOAL_ECANCELED;
    else
        volume->turnover = turnover;
    pthread_cond_signal(&volume->writer_wake);
    while (volume->turnover == turnover)
        pthread_cond_wait(&volume->kept, &volume->lock);
    pthread_mutex_unlock(&volume->lock);
    return turnover->status;
}

/* Compaction */

/* Ends old editions that nobody holds any more; returns a free slot, or NULL. */
static struct edition *sweep_editions(struct volume *volume)
{
    struct edition *found = NULL;
    for (size_t i = 0; i < EDITIONS; i++) {
        struct edition *edition = &volume->editions[i];
        if (atomic_load_explicit(&edition->refs, memory_order_acquire) > 0)
            continue;
        edition_end_slot(edition);
        found = edition;
    }
    return found;
}

static int begin_edition(struct volume *volume, const struct edition *old, struct edition *edition)
{
    uint8_t bytes[VOLUME_HEADER_SIZE];
    struct iovec iov = {bytes, sizeof(bytes)};
    edition->header = old->header;
    edition->header.edition++;
    pthread_mutex_lock(&volume->lock);
    edition->header.first_sequence = volume->published_sequence;
    pthread_mutex_unlock(&volume->lock);
    atomic_store_explicit(&edition->live_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&edition->end, VOLUME_HEADER_SIZE, memory_order_release);
    edition->index = index_create();
    edition->fd = disk_open(volume->cfg.disk, volume->compact_path, O_RDWR | O_CREAT | O_TRUNC);
    if (!edition->index || edition->fd < 0)
        return edition->fd < 0 ? edition->fd : -SHOAL_ENOMEM;
    volume_header_encode(&edition->header, bytes);
    return disk_write(volume->cfg.disk, edition->fd, &iov, 1, 0);
}

static int copy_and_turn_over(struct volume *volume, struct edition *old, struct edition *edition)
{
    struct copier copier = {volume, old, edition};
    struct turnover turnover = {.edition = edition};
    int rc = begin_edition(volume, old, edition);
    if (rc == 0)
        rc = copy_rounds(&copier, &turnover.copied);
    if (rc == 0)
        rc = ask_writer(volume, &turnover);
    if (rc < 0) {
        (void)disk_remove(volume->cfg.disk, volume->compact_path);
        edition_end_slot(edition);
    }
    return rc;
}

static int compact(struct volume *volume)
{
    struct edition *edition = sweep_editions(volume);
    if (!edition)
        return -SHOAL_EBUSY;
    struct edition *old = volume_hold(volume);
    uint64_t before = edition_end(old);
    int rc = copy_and_turn_over(volume, old, edition);
    edition_release(volume, &old);
    if (rc < 0) {
        volume_log(volume, SHOAL_LOG_WARN, "msg=\"not compacted\" error=\"%s\"",
                   shoal_strerror(rc));
        return rc;
    }
    volume_log(volume, SHOAL_LOG_INFO, "msg=compacted bytes_before=%llu bytes=%llu",
               (unsigned long long)before, (unsigned long long)edition_end(edition));
    pthread_mutex_lock(&volume->lock);
    volume->compactions++;
    pthread_mutex_unlock(&volume->lock);
    (void)checkpoint_write(volume, edition);
    return 0;
}

/* The thread */

enum chore { CHORE_STOP, CHORE_SWEEP, CHORE_CHECKPOINT, CHORE_COMPACT };

static bool has_ended_editions(struct volume *volume)
{
    for (size_t i = 0; i < EDITIONS; i++) {
        const struct edition *edition = &volume->editions[i];
        if (edition->fd >= 0 && atomic_load_explicit(&edition->refs, memory_order_acquire) == 0)
            return true;
    }
    return false;
}

static enum chore choose_chore_locked(struct volume *volume)
{
    for (;;) {
        uint64_t end = edition_end(current_edition(volume));
        if (volume->compactions_ended < volume->compactions_wanted)
            return CHORE_COMPACT;
        if (atomic_load_explicit(&volume->stopping, memory_order_relaxed))
            return CHORE_STOP;
        if (has_ended_editions(volume))
            return CHORE_SWEEP;
        if (volume->compaction_wanted)
            return CHORE_COMPACT;
        if (end >= volume->checkpoint_end + volume->cfg.checkpoint_bytes)
            return CHORE_CHECKPOINT;
        pthread_cond_wait(&volume->keeper_wake, &volume->lock);
    }
}

static enum chore next_chore(struct volume *volume, uint64_t *out_wanted)
{
    pthread_mutex_lock(&volume->lock);
    enum chore chore = choose_chore_locked(volume);
    *out_wanted = volume->compactions_wanted;
    if (chore == CHORE_COMPACT)
        volume->compaction_wanted = false;
    pthread_mutex_unlock(&volume->lock);
    return chore;
}

static void compact_and_tell(struct volume *volume, uint64_t wanted)
{
    int status = compact(volume);
    pthread_mutex_lock(&volume->lock);
    volume->compaction_status = status;
    volume->compactions_ended = wanted;
    pthread_cond_broadcast(&volume->kept);
    pthread_mutex_unlock(&volume->lock);
}

void *volume_keep(void *arg)
{
    struct volume *volume = arg;
    uint64_t wanted;
    for (;;) {
        switch (next_chore(volume, &wanted)) {
        case CHORE_STOP:
            return NULL;
        case CHORE_SWEEP:
            (void)sweep_editions(volume);
            break;
        case CHORE_CHECKPOINT:
            (void)checkpoint_write(volume, current_edition(volume));
            break;
        case CHORE_COMPACT:
            compact_and_tell(volume, wanted);
            break;
        }
    }
}
