/* SPDX-License-Identifier: BSD-3-Clause */
/* Volumes: opening, closing, reading and figures; see volume.h. */
#include "photos/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shoal/error.h>

#include "photos/volume_priv.h"

void volume_log(const struct volume *volume, enum shoal_log_level level, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!volume->cfg.log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    volume->cfg.log(volume->cfg.log_arg, level, text);
}

/* Editions */

struct edition *volume_hold(struct volume *volume)
{
    for (;;) {
        unsigned slot = atomic_load_explicit(&volume->current, memory_order_acquire);
        struct edition *edition = &volume->editions[slot];
        unsigned refs = atomic_load_explicit(&edition->refs, memory_order_relaxed);
        while (refs > 0 &&
               !atomic_compare_exchange_weak_explicit(&edition->refs, &refs, refs + 1,
                                                      memory_order_acq_rel, memory_order_relaxed))
            continue;
        if (refs > 0)
            return edition;
    }
}

struct edition *edition_hold(struct edition *edition)
{
    atomic_fetch_add_explicit(&edition->refs, 1, memory_order_relaxed);
    return edition;
}

void edition_release(struct volume *volume, struct edition **edition)
{
    struct edition *held = *edition;
    *edition = NULL;
    if (!held || atomic_fetch_sub_explicit(&held->refs, 1, memory_order_acq_rel) > 1)
        return;
    /* The last of an old edition: freeing an index may take a while, so the keeper does it. */
    pthread_mutex_lock(&volume->lock);
    pthread_cond_signal(&volume->keeper_wake);
    pthread_mutex_unlock(&volume->lock);
}

void edition_end_slot(struct edition *edition)
{
    if (edition->fd >= 0)
        close(edition->fd);
    index_destroy(&edition->index);
    edition->fd = -1;
}

bool edition_find(const struct edition *edition, struct shoal_view key, struct volume_photo *out)
{
    struct photo *node = index_find(edition->index, key);
    struct photo_facts facts;
    if (!node || !photo_read(node, &facts))
        return false;
    *out = (struct volume_photo){node, facts};
    return true;
}

struct photo *edition_after(const struct edition *edition, struct shoal_view key)
{
    return index_after(edition->index, key);
}

int edition_fd(const struct edition *edition)
{
    return edition->fd;
}

uint64_t volume_body_offset(const struct volume *volume, const struct volume_photo *photo)
{
    return photo->facts.offset +
           needle_head_size(photo_key(photo->node).size, strlen(volume_type(volume, photo)));
}

const char *volume_type(const struct volume *volume, const struct volume_photo *photo)
{
    return kinds_name(&volume->kinds, photo->facts.kind);
}

uint64_t volume_id(const struct volume *volume)
{
    return volume->id;
}

uint64_t photo_needle_size(const struct volume *volume, const struct photo *node,
                           const struct photo_facts *facts)
{
    return needle_size(photo_key(node).size, strlen(kinds_name(&volume->kinds, facts->kind)),
                       facts->size);
}

void edition_apply(struct volume *volume, struct edition *edition, struct photo *node,
                   const struct photo_facts *facts, bool deleted)
{
    struct photo_facts before;
    uint64_t live = edition_live_bytes(edition);
    if (photo_read(node, &before))
        live -= photo_needle_size(volume, node, &before);
    if (deleted) {
        index_clear(edition->index, node);
    } else {
        live += photo_needle_size(volume, node, facts);
        index_set(edition->index, node, facts);
    }
    atomic_store_explicit(&edition->live_bytes, live, memory_order_relaxed);
}

int edition_apply_needle(struct volume *volume, struct edition *edition,
                         const struct needle *needle, uint64_t offset)
{
    struct photo_facts facts = {.offset = offset,
                                .sequence = needle->sequence,
                                .size = (uint32_t)needle->body_size,
                                .modified_s = (uint32_t)(needle->modified_ms / 1000)};
    struct photo *node = index_reserve(edition->index, needle->key);
    int rc = node ? 0 : -SHOAL_ENOMEM;
    if (rc == 0 && !needle->deleted)
        rc = kinds_number(&volume->kinds, needle->type, &facts.kind);
    if (rc < 0)
        return rc;
    edition_apply(volume, edition, node, &facts, needle->deleted);
    return 0;
}

/* Opening */

/* Opens and locks the file that has the name: while we waited for nothing, a compaction of another
 * process may have put a new file in its place. */
static int open_and_lock(const struct volume *volume, int *out_fd)
{
    const char *path = volume->path;
    int flags = O_RDWR | (volume->cfg.must_exist ? 0 : O_CREAT);
    for (;;) {
        struct stat opened, named;
        int fd = disk_open(volume->cfg.disk, path, flags);
        if (fd < 0)
            return fd;
        int rc = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
        if (rc == 0 && fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
            opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
            *out_fd = fd;
            return 0;
        }
        close(fd);
        if (rc < 0)
            return rc == -EWOULDBLOCK ? -SHOAL_EBUSY : rc;
    }
}

/* A file that a crash left before its header was durable: nothing was ever stored in it. */
static bool is_unborn(const uint8_t *bytes, size_t size, off_t file_size)
{
    uint8_t zero[VOLUME_HEADER_SIZE] = {0};
    if (file_size > VOLUME_HEADER_SIZE)
        return false;
    return memcmp(bytes, zero, size) == 0 ||
           (size < VOLUME_HEADER_SIZE && volume_header_begins(bytes, size));
}

static int write_first_header(struct volume *volume, struct edition *edition)
{
    uint8_t bytes[VOLUME_HEADER_SIZE];
    struct iovec iov = {bytes, sizeof(bytes)};
    edition->header = (struct volume_header){.edition = 1, .first_sequence = 1};
    if (getrandom(&edition->header.id, sizeof(edition->header.id), 0) < 0)
        return -errno;
    volume_header_encode(&edition->header, bytes);
    return disk_write(volume->cfg.disk, edition->fd, &iov, 1, 0);
}

static int read_header(struct volume *volume, struct edition *edition)
{
    uint8_t bytes[VOLUME_HEADER_SIZE];
    struct stat stat;
    ssize_t got = disk_read(edition->fd, bytes, sizeof(bytes), 0);
    if (got < 0 || fstat(edition->fd, &stat) < 0)
        return got < 0 ? (int)got : -errno;
    if (is_unborn(bytes, (size_t)got, stat.st_size))
        return write_first_header(volume, edition);
    bool sound = got == sizeof(bytes) && volume_header_decode(bytes, &edition->header);
    return sound ? 0 : -SHOAL_EINVAL;
}

/* A process that was killed may have left needles, the file's own name, or a compaction's rename
 * in the kernel's memory only. They are made to stay before anybody sees them. */
static int make_durable(const struct volume *volume, const struct edition *edition)
{
    int rc = disk_sync(volume->cfg.disk, edition->fd);
    return rc < 0 ? rc : disk_sync_folder(volume->cfg.disk, volume->path);
}

static int open_edition(struct volume *volume)
{
    struct edition *edition = &volume->editions[0];
    int rc = open_and_lock(volume, &edition->fd);
    if (rc == 0)
        rc = read_header(volume, edition);
    if (rc < 0)
        return rc;
    (void)disk_remove(volume->cfg.disk,
                      volume->compact_path); /* what a crash left of an edition that never was */
    edition->index = index_create();
    if (!edition->index)
        return -SHOAL_ENOMEM;
    atomic_store_explicit(&edition->refs, 1, memory_order_relaxed);
    volume->next_sequence = edition->header.first_sequence;
    volume->id = edition->header.id;
    rc = volume_recover(volume, edition);
    volume->published_sequence = volume->next_sequence;
    return rc < 0 ? rc : make_durable(volume, edition);
}

static void free_volume(struct volume *volume)
{
    for (size_t i = 0; i < EDITIONS; i++)
        edition_end_slot(&volume->editions[i]);
    kinds_fini(&volume->kinds);
    shoal_histogram_destroy(&volume->sync_us);
    pthread_cond_destroy(&volume->kept);
    pthread_cond_destroy(&volume->keeper_wake);
    pthread_cond_destroy(&volume->writer_wake);
    pthread_mutex_destroy(&volume->lock);
    free(volume->compact_path);
    free(volume->index_path);
    free(volume->path);
    free(volume);
}

static char *with_suffix(const char *path, const char *suffix)
{
    char *text = NULL;
    return asprintf(&text, "%s%s", path, suffix) < 0 ? NULL : text;
}

static struct volume *make_volume(const struct volume_cfg *cfg)
{
    struct volume *volume = calloc(1, sizeof(*volume));
    if (!volume)
        return NULL;
    volume->cfg = *cfg;
    for (size_t i = 0; i < EDITIONS; i++)
        volume->editions[i].fd = -1;
    pthread_mutex_init(&volume->lock, NULL);
    pthread_cond_init(&volume->writer_wake, NULL);
    pthread_cond_init(&volume->keeper_wake, NULL);
    pthread_cond_init(&volume->kept, NULL);
    volume->path = with_suffix(cfg->path, "");
    volume->index_path = with_suffix(cfg->path, ".index");
    volume->compact_path = with_suffix(cfg->path, ".compact");
    volume->sync_us = shoal_histogram_create();
    if (volume->path && volume->index_path && volume->compact_path && volume->sync_us)
        return volume;
    free_volume(volume);
    return NULL;
}

static void stop(struct volume *volume)
{
    pthread_mutex_lock(&volume->lock);
    atomic_store_explicit(&volume->stopping, true, memory_order_relaxed);
    pthread_cond_signal(&volume->writer_wake);
    pthread_cond_signal(&volume->keeper_wake);
    pthread_mutex_unlock(&volume->lock);
}

/* A thread that leaves the process's signals to others. */
static int start_thread(struct volume *volume, pthread_t *out_thread, void *(*run)(void *))
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(out_thread, NULL, run, volume);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static int start_threads(struct volume *volume)
{
    int error = start_thread(volume, &volume->writer, volume_write);
    if (error != 0)
        return -error;
    error = start_thread(volume, &volume->keeper, volume_keep);
    if (error != 0) {
        stop(volume);
        pthread_join(volume->writer, NULL);
    }
    return -error;
}

int volume_open(const struct volume_cfg *cfg, struct volume **out_volume)
{
    struct volume *volume = make_volume(cfg);
    if (!volume)
        return -SHOAL_ENOMEM;
    int rc = open_edition(volume);
    if (rc == 0)
        rc = start_threads(volume);
    if (rc < 0) {
        free_volume(volume);
        return rc;
    }
    *out_volume = volume;
    return 0;
}

void volume_close(struct volume **volume)
{
    struct volume *closing = *volume;
    if (!closing)
        return;
    *volume = NULL;
    stop(closing);
    pthread_join(closing->writer, NULL);
    pthread_join(closing->keeper, NULL);
    if (closing->checkpoint_end != edition_end(current_edition(closing)) && !closing->broken)
        (void)checkpoint_write(closing, current_edition(closing));
    free_volume(closing);
}

/* Writing and keeping: the callers' side */

void volume_submit(struct volume *volume, struct volume_op *op)
{
    op->next_ = NULL;
    op->node_ = NULL;
    pthread_mutex_lock(&volume->lock);
    if (volume->last)
        volume->last->next_ = op;
    else
        volume->first = op;
    volume->last = op;
    pthread_cond_signal(&volume->writer_wake);
    pthread_mutex_unlock(&volume->lock);
}

int volume_compact(struct volume *volume)
{
    pthread_mutex_lock(&volume->lock);
    uint64_t mine = ++volume->compactions_wanted;
    pthread_cond_signal(&volume->keeper_wake);
    while (volume->compactions_ended < mine)
        pthread_cond_wait(&volume->kept, &volume->lock);
    int status = volume->compaction_status;
    pthread_mutex_unlock(&volume->lock);
    return status;
}

void volume_stats(struct volume *volume, struct volume_stats *out)
{
    struct edition *edition = volume_hold(volume);
    uint64_t end = edition_end(edition), live = edition_live_bytes(edition);
    *out = (struct volume_stats){
        .photos = index_count(edition->index),
        .file_bytes = end,
        .live_bytes = live,
        .dead_bytes = end - VOLUME_HEADER_SIZE - live,
        .index_bytes = index_bytes(edition->index),
        .damaged = atomic_load_explicit(&volume->damaged, memory_order_relaxed),
        .lost = volume->lost,
    };
    edition_release(volume, &edition);
    pthread_mutex_lock(&volume->lock);
    out->puts = volume->puts;
    out->deletes = volume->deletes;
    out->syncs = volume->syncs;
    out->compactions = volume->compactions;
    out->checkpoints = volume->checkpoints;
    out->sync_us_median = shoal_histogram_percentile(volume->sync_us, 50);
    out->sync_us_p99 = shoal_histogram_percentile(volume->sync_us, 99);
    out->sync_us_max = shoal_histogram_max(volume->sync_us);
    out->read_only = volume->broken != 0;
    pthread_mutex_unlock(&volume->lock);
}
