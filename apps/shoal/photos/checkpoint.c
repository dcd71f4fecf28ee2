/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoints: the index in a file beside the volume, so that opening need not read the volume
 * itself. One is written while the writer goes on, so it may already know of needles behind its
 * `end`; replaying those again changes nothing. A checkpoint that is damaged, or of another
 * edition, is no loss: the volume is read instead.
 */
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shoal/error.h>
#include <xxhash.h>

#include "photos/volume_priv.h"

enum { HEAD_SIZE = 48, RECORD_SIZE = 26, SUM_SIZE = 8, PIECE_SIZE = 64 * 1024 };

static const char checkpoint_magic[8] = "SHOALIX1";

/* Writing */

/* A file that is written from its beginning, by pieces. After an error it takes no more. */
struct sink {
    const struct disk *disk;
    int fd;
    int error; /* a negative errno */
    uint64_t offset;
    size_t used;
    XXH3_state_t *sum;
    char piece[PIECE_SIZE];
};

static void flush(struct sink *sink)
{
    struct iovec iov = {sink->piece, sink->used};
    if (sink->error == 0)
        sink->error = disk_write(sink->disk, sink->fd, &iov, 1, sink->offset);
    sink->offset += sink->used;
    sink->used = 0;
}

/* No more than a key at once. */
static void put(struct sink *sink, const void *bytes, size_t size)
{
    if (sizeof(sink->piece) - sink->used < size)
        flush(sink);
    memcpy(sink->piece + sink->used, bytes, size);
    sink->used += size;
    XXH3_64bits_update(sink->sum, bytes, size);
}

static void put_number(struct sink *sink, uint64_t value, size_t size)
{
    value = htole64(value);
    put(sink, &value, size);
}

static void put_record(const struct volume *volume, struct sink *sink, const struct photo *node,
                       const struct photo_facts *facts)
{
    struct shoal_view key = photo_key(node);
    struct shoal_view type = shoal_view_of(kinds_name(&volume->kinds, facts->kind));
    put_number(sink, facts->offset, 8);
    put_number(sink, facts->sequence, 8);
    put_number(sink, facts->size, 4);
    put_number(sink, facts->modified_s, 4);
    put_number(sink, key.size, 1);
    put_number(sink, type.size, 1);
    put(sink, key.data, key.size);
    put(sink, type.data, type.size);
}

static void put_everything(const struct volume *volume, const struct edition *edition, uint64_t end,
                           struct sink *sink)
{
    put(sink, checkpoint_magic, sizeof(checkpoint_magic));
    put_number(sink, edition->header.id, 8);
    put_number(sink, edition->header.edition, 8);
    put_number(sink, end, 8);
    put_number(sink, 0, 8); /* for later versions */
    put_number(sink, 0, 8);
    struct photo_facts facts;
    struct photo *node = index_after(edition->index, shoal_view(NULL, 0));
    for (; node; node = photo_next(node)) {
        if (photo_read(node, &facts))
            put_record(volume, sink, node, &facts);
    }
    put_number(sink, XXH3_64bits_digest(sink->sum), SUM_SIZE);
}

static struct sink *sink_create(const struct disk *disk, const char *path)
{
    struct sink *sink = malloc(sizeof(*sink));
    if (!sink)
        return NULL;
    sink->disk = disk;
    sink->used = 0;
    sink->offset = 0;
    sink->sum = XXH3_createState();
    sink->fd = disk_open(disk, path, O_WRONLY | O_CREAT | O_TRUNC);
    sink->error = !sink->sum ? -SHOAL_ENOMEM : sink->fd < 0 ? sink->fd : 0;
    if (sink->sum)
        XXH3_64bits_reset(sink->sum);
    return sink;
}

/* Frees it; returns what went wrong since it was made, or 0 with everything durable. */
static int sink_close(struct sink *sink)
{
    flush(sink);
    int rc = sink->error < 0 ? sink->error : disk_sync(sink->disk, sink->fd);
    if (sink->fd >= 0)
        close(sink->fd);
    XXH3_freeState(sink->sum);
    free(sink);
    return rc;
}

static int write_file(const struct volume *volume, const struct edition *edition, uint64_t end,
                      const char *path)
{
    struct sink *sink = sink_create(volume->cfg.disk, path);
    if (!sink)
        return -SHOAL_ENOMEM;
    if (sink->error == 0)
        put_everything(volume, edition, end, sink);
    return sink_close(sink);
}

int checkpoint_write(struct volume *volume, struct edition *edition)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s.new", volume->index_path);
    uint64_t end = edition_end(edition); /* first: what is published later is replayed */
    int rc = write_file(volume, edition, end, path);
    if (rc == 0)
        rc = disk_rename(volume->cfg.disk, path, volume->index_path);
    if (rc < 0) {
        (void)disk_remove(volume->cfg.disk, path);
        volume_log(volume, SHOAL_LOG_WARN, "msg=\"no checkpoint written\" error=\"%s\"",
                   shoal_strerror(rc));
    }
    pthread_mutex_lock(&volume->lock);
    volume->checkpoint_end = end; /* after a failure, too: the next is due after as much again */
    volume->checkpoints += rc == 0;
    pthread_mutex_unlock(&volume->lock);
    return rc;
}

/* Reading */

struct source {
    const uint8_t *bytes;
    size_t size, at;
};

static uint64_t take_number(struct source *source, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, source->bytes + source->at, size);
    source->at += size;
    return le64toh(value);
}

/* Reads a record; false where there is none. */
static bool take_record(struct source *source, struct needle *out, uint64_t *out_offset)
{
    if (source->size - source->at < RECORD_SIZE)
        return false;
    *out_offset = take_number(source, 8);
    *out = (struct needle){.sequence = take_number(source, 8)};
    out->body_size = take_number(source, 4);
    out->modified_ms = (int64_t)take_number(source, 4) * 1000;
    out->key.size = take_number(source, 1);
    out->type.size = take_number(source, 1);
    if (source->size - source->at < out->key.size + out->type.size)
        return false;
    out->key.data = (const char *)source->bytes + source->at;
    out->type.data = out->key.data + out->key.size;
    source->at += out->key.size + out->type.size;
    return key_is_valid(out->key) && type_is_valid(out->type);
}

/* Whether the checkpoint is of this edition and of no longer a file; *out_end is what it covers. */
static bool head_fits(struct source *source, const struct edition *edition, uint64_t file_size,
                      uint64_t *out_end)
{
    uint64_t sum;
    if (source->size < HEAD_SIZE + SUM_SIZE)
        return false;
    source->size -= SUM_SIZE;
    memcpy(&sum, source->bytes + source->size, sizeof(sum));
    if (memcmp(source->bytes, checkpoint_magic, sizeof(checkpoint_magic)) != 0 ||
        le64toh(sum) != XXH3_64bits(source->bytes, source->size))
        return false;
    source->at = sizeof(checkpoint_magic);
    bool same = take_number(source, 8) == edition->header.id;
    same = take_number(source, 8) == edition->header.edition && same;
    *out_end = take_number(source, 8);
    source->at = HEAD_SIZE;
    return same && *out_end <= file_size && *out_end >= VOLUME_HEADER_SIZE;
}

static bool take_records(struct volume *volume, struct edition *edition, struct source *source,
                         uint64_t file_size, uint64_t *out_reach)
{
    *out_reach = VOLUME_HEADER_SIZE;
    struct needle needle;
    uint64_t offset;
    while (take_record(source, &needle, &offset)) {
        uint64_t size = needle_size(needle.key.size, needle.type.size, needle.body_size);
        if (offset < VOLUME_HEADER_SIZE || offset % NEEDLE_ALIGN != 0 || offset > file_size ||
            size > file_size - offset || edition_apply_needle(volume, edition, &needle, offset) < 0)
            return false;
        if (offset + size > *out_reach)
            *out_reach = offset + size;
        if (needle.sequence >= volume->next_sequence)
            volume->next_sequence = needle.sequence + 1;
    }
    return source->at == source->size;
}

static uint8_t *read_file(const char *path, size_t *out_size)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes = NULL;
    if (fd >= 0 && fstat(fd, &stat) == 0 && stat.st_size > 0)
        bytes = malloc((size_t)stat.st_size);
    if (bytes)
        *out_size = (size_t)stat.st_size;
    if (bytes && disk_read(fd, bytes, *out_size, 0) != (ssize_t)*out_size) {
        free(bytes);
        bytes = NULL;
    }
    if (fd >= 0)
        close(fd);
    return bytes;
}

int checkpoint_forget(struct volume *volume, struct edition *edition)
{
    index_destroy(&edition->index);
    edition->index = index_create();
    atomic_store_explicit(&edition->live_bytes, 0, memory_order_relaxed);
    volume->next_sequence = edition->header.first_sequence;
    return edition->index ? 0 : -SHOAL_ENOMEM;
}

/* One that does not fit now must not be found to fit once the file has grown. */
static void discard(const struct volume *volume)
{
    volume_log(volume, SHOAL_LOG_WARN, "msg=\"checkpoint not believed: reading the volume\"");
    (void)disk_remove(volume->cfg.disk, volume->index_path);
}

bool checkpoint_load(struct volume *volume, struct edition *edition, uint64_t file_size,
                     uint64_t *out_reach)
{
    struct source source = {0};
    uint64_t end = 0;
    uint8_t *bytes = read_file(volume->index_path, &source.size);
    source.bytes = bytes;
    bool fits = bytes && head_fits(&source, edition, file_size, &end);
    bool loaded = fits && take_records(volume, edition, &source, file_size, out_reach);
    if (loaded)
        atomic_store_explicit(&edition->end, end, memory_order_release);
    else if (bytes)
        discard(volume);
    free(bytes);
    return loaded;
}
