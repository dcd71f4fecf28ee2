/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The volume's writer thread and its group commit. Whatever has been queued while the last sync ran
 * is one batch:
 *
 *     decide and append each ──► fdatasync once ──► publish each ──► tell each
 *
 * Nothing is readable or acknowledged before the sync has returned. Where appending fails, the file
 * is cut back to where that needle began and the others go on. Where the sync fails, the whole
 * batch is cut off: with a full disk that is all; with any other error nobody knows what the disk
 * holds of it, and nothing is written any more until the volume is opened again.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>
#include <xxhash.h>

#include "photos/volume_priv.h"

enum { BATCH_MAX = 256 };

/* The batch at work. */
struct batch {
    struct volume *volume;
    struct edition *edition;
    struct volume_op *ops[BATCH_MAX];
    size_t count;
    size_t written; /* operations with a needle in the file */
    uint64_t start; /* where the batch begins in the file */
    uint64_t end;   /* and where the next needle goes */
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool is_full(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG;
}

static void break_down(struct volume *volume, int rc, const char *what)
{
    volume_log(volume, SHOAL_LOG_ERROR, "msg=\"volume is read-only now\" failed=%s error=\"%s\"",
               what, strerror(-rc));
    pthread_mutex_lock(&volume->lock);
    volume->broken = rc;
    pthread_mutex_unlock(&volume->lock);
}

static void cut_back(struct batch *batch, uint64_t end)
{
    batch->end = end;
    int rc = disk_cut(batch->volume->cfg.disk, batch->edition->fd, end);
    if (rc < 0)
        break_down(batch->volume, rc, "ftruncate");
}

/* Deciding */

/* What the key has before `op`: from an earlier operation of the batch, or from the index. */
static bool find_before(const struct batch *batch, const struct volume_op *op,
                        struct photo_facts *out)
{
    for (size_t i = batch->count; i-- > 0;) {
        const struct volume_op *earlier = batch->ops[i];
        if (earlier->node_ == op->node_ && earlier->status == 0) {
            *out = earlier->facts;
            return earlier->kind == VOLUME_PUT;
        }
    }
    return photo_read(op->node_, out);
}

/* What is refused leaves no node behind: whoever asks for what is not there takes no memory. */
static int decide(const struct batch *batch, struct volume_op *op)
{
    struct photo_facts before;
    struct index *index = batch->edition->index;
    op->node_ = index_find(index, op->key);
    op->replaced = op->node_ && find_before(batch, op, &before);
    if (op->allows && !op->allows(op, op->replaced ? &before : NULL))
        return -SHOAL_ESTATE;
    if (op->kind == VOLUME_DELETE)
        return op->replaced ? 0 : -SHOAL_ENOENT;
    int rc = kinds_number(&batch->volume->kinds, op->type, &op->facts.kind);
    if (rc == 0 && !op->node_)
        op->node_ = index_reserve(index, op->key);
    return rc == 0 && !op->node_ ? -SHOAL_ENOMEM : rc;
}

/* Appending */

static int write_body(const struct batch *batch, const struct volume_op *op, struct iovec *iov,
                      size_t head_size)
{
    const struct disk *disk = batch->volume->cfg.disk;
    int fd = batch->edition->fd;
    if (op->body_fd < 0)
        return disk_write(disk, fd, iov, 3, batch->end);
    uint64_t body = batch->end + head_size;
    int rc = disk_write(disk, fd, &iov[0], 1, batch->end);
    if (rc == 0)
        rc = disk_copy(disk, op->body_fd, 0, fd, body, op->body_size);
    return rc < 0 ? rc : disk_write(disk, fd, &iov[2], 1, body + op->body_size);
}

static int append(struct batch *batch, struct volume_op *op)
{
    uint8_t head[NEEDLE_HEAD_MAX], tail[NEEDLE_TAIL_MAX];
    struct needle needle = {.deleted = op->kind == VOLUME_DELETE,
                            .key = op->key,
                            .type = op->type,
                            .body_size = op->body_size,
                            .sequence = batch->volume->next_sequence++,
                            .modified_ms = clock_us(CLOCK_REALTIME) / 1000,
                            .body_sum =
                                op->kind == VOLUME_DELETE ? XXH3_64bits("", 0) : op->body_sum,
                            .synced = batch->start};
    size_t head_size = needle_encode_head(&needle, batch->edition->header.id, batch->end, head);
    size_t tail_size = needle_encode_tail(head, op->body_size, tail);
    struct iovec iov[] = {
        {head, head_size}, {(void *)op->body.data, op->body.size}, {tail, tail_size}};
    int rc = write_body(batch, op, iov, head_size);
    if (rc < 0)
        return rc;
    op->facts.offset = batch->end;
    op->facts.sequence = needle.sequence;
    op->facts.size = (uint32_t)op->body_size;
    op->facts.modified_s = (uint32_t)(needle.modified_ms / 1000);
    batch->end += head_size + op->body_size + tail_size;
    batch->written++;
    return 0;
}

static void add(struct batch *batch, struct volume_op *op)
{
    uint64_t start = batch->end;
    op->status = batch->volume->broken;
    if (op->status == 0)
        op->status = decide(batch, op);
    if (op->status == 0) {
        op->status = append(batch, op);
        if (op->status < 0)
            cut_back(batch, start);
    }
    batch->ops[batch->count++] = op;
}

/* Committing */

static void count_sync(struct volume *volume, int64_t us)
{
    pthread_mutex_lock(&volume->lock);
    volume->syncs++;
    shoal_histogram_record(volume->sync_us, (uint64_t)us);
    pthread_mutex_unlock(&volume->lock);
}

static void fail_batch(struct batch *batch, int rc)
{
    cut_back(batch, batch->start);
    if (!is_full(rc))
        break_down(batch->volume, rc, "fdatasync");
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i]->status == 0)
            batch->ops[i]->status = rc;
    }
    batch->written = 0;
}

static void sync_batch(struct batch *batch)
{
    int64_t began_us = clock_us(CLOCK_MONOTONIC);
    int rc = disk_sync(batch->volume->cfg.disk, batch->edition->fd);
    if (rc < 0)
        fail_batch(batch, rc);
    else
        count_sync(batch->volume, clock_us(CLOCK_MONOTONIC) - began_us);
}

static void publish(struct batch *batch)
{
    uint64_t puts = 0, deletes = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct volume_op *op = batch->ops[i];
        if (op->status < 0)
            continue;
        bool deleted = op->kind == VOLUME_DELETE;
        edition_apply(batch->volume, batch->edition, op->node_, &op->facts, deleted);
        puts += !deleted;
        deletes += deleted;
    }
    atomic_store_explicit(&batch->edition->end, batch->end, memory_order_release);
    pthread_mutex_lock(&batch->volume->lock);
    batch->volume->published_sequence = batch->volume->next_sequence;
    batch->volume->puts += puts;
    batch->volume->deletes += deletes;
    pthread_mutex_unlock(&batch->volume->lock);
}

static void commit(struct batch *batch)
{
    if (batch->written > 0)
        sync_batch(batch);
    if (batch->written > 0)
        publish(batch);
    for (size_t i = 0; i < batch->count; i++)
        batch->ops[i]->done(batch->ops[i]);
}

/* The thread */

static bool compaction_pays(const struct volume *volume, const struct edition *edition)
{
    uint64_t end = edition_end(edition);
    uint64_t dead = end - VOLUME_HEADER_SIZE - edition_live_bytes(edition);
    return volume->cfg.compact_percent > 0 && dead >= volume->cfg.compact_min_bytes &&
           dead / volume->cfg.compact_percent >= end / 100 && end >= volume->retry_compaction_at;
}

/* Wakes the keeper where there is something to do. Where a compaction fails, the next one is tried
 * when as much again has been written. */
static void ask_keeper(struct volume *volume)
{
    struct edition *edition = current_edition(volume);
    bool compact = compaction_pays(volume, edition);
    if (compact)
        volume->retry_compaction_at = edition_end(edition) + volume->cfg.compact_min_bytes;
    pthread_mutex_lock(&volume->lock);
    volume->compaction_wanted = volume->compaction_wanted || compact;
    if (compact || edition_end(edition) >= volume->checkpoint_end + volume->cfg.checkpoint_bytes)
        pthread_cond_signal(&volume->keeper_wake);
    pthread_mutex_unlock(&volume->lock);
}

/* Takes the first operations of the queue. */
static struct volume_op *take_locked(struct volume *volume)
{
    struct volume_op *first = volume->first, *last = first;
    for (size_t i = 1; i < BATCH_MAX && last && last->next_; i++)
        last = last->next_;
    volume->first = last ? last->next_ : NULL;
    if (!volume->first)
        volume->last = NULL;
    if (last)
        last->next_ = NULL;
    return first;
}

static void write_batch(struct volume *volume, struct volume_op *ops)
{
    struct edition *edition = current_edition(volume);
    uint64_t end = edition_end(edition);
    struct batch batch = {.volume = volume, .edition = edition, .start = end, .end = end};
    for (struct volume_op *next; ops; ops = next) {
        next = ops->next_;
        add(&batch, ops);
    }
    commit(&batch);
    ask_keeper(volume);
}

static void serve_turnover(struct volume *volume, struct turnover *turnover)
{
    int status = turnover_finish(volume, turnover);
    if (status == 0)
        volume->retry_compaction_at = 0;
    pthread_mutex_lock(&volume->lock);
    turnover->status = status;
    volume->turnover = NULL;
    pthread_cond_broadcast(&volume->kept);
    pthread_mutex_unlock(&volume->lock);
}

/* Waits for something to do; false at the end, when nothing is left. */
static bool wait_for_work(struct volume *volume, struct volume_op **out_ops,
                          struct turnover **out_turnover)
{
    pthread_mutex_lock(&volume->lock);
    while (!volume->first && !volume->turnover &&
           !atomic_load_explicit(&volume->stopping, memory_order_relaxed))
        pthread_cond_wait(&volume->writer_wake, &volume->lock);
    *out_ops = take_locked(volume);
    *out_turnover = volume->turnover;
    bool more = *out_ops || *out_turnover;
    volume->writer_ended = !more;
    if (!more)
        pthread_cond_broadcast(&volume->kept);
    pthread_mutex_unlock(&volume->lock);
    return more;
}

void *volume_write(void *arg)
{
    struct volume *volume = arg;
    struct volume_op *ops;
    struct turnover *turnover;
    while (wait_for_work(volume, &ops, &turnover)) {
        if (ops)
            write_batch(volume, ops);
        if (turnover)
            serve_turnover(volume, turnover);
    }
    return NULL;
}
