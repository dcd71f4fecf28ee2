/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A volume: one append-only file of photos, and the index of what is where. It knows nothing of
 * HTTP or loops.
 *
 * Readers hold an edition (the file and its index), look up, and read the file themselves; nothing
 * on that way takes a lock. Writes are operations in a queue: the volume's writer thread appends
 * all that wait, syncs once, publishes them in the index, and only then tells each that it is done.
 * A second thread, the keeper, writes checkpoints and compacts: a new edition takes the place of
 * the old one, which lives on for those who still hold it.
 *
 * Lock: one mutex per volume, for the queue, requests between the threads, and the figures. Nothing
 * else is locked while it is held.
 */
#ifndef APPS_SHOAL_PHOTOS_VOLUME_H
#define APPS_SHOAL_PHOTOS_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/log.h>
#include <shoal/view.h>

#include "photos/disk.h"
#include "photos/index.h"
#include "photos/needle.h"

struct edition;
struct volume;

/* How a volume is kept. Start from VOLUME_CFG_INIT. Strings are copied, `disk` is borrowed. */
struct volume_cfg {
    const char *path;
    uint64_t checkpoint_bytes;  /* write a checkpoint each time the file has grown by so much */
    uint64_t compact_min_bytes; /* compact where at least so much is dead ... */
    unsigned compact_percent;   /* ... and so much of the file; 0: never by itself */
    bool must_exist;            /* do not make one */
    bool thorough;              /* read all of the file, whatever a checkpoint says */
    const struct disk *disk;

    /* Told what happens, as "msg=... key=...". NULL: nobody. Called on any thread. */
    void (*log)(void *arg, enum shoal_log_level level, const char *text);
    void *log_arg;
};
#define VOLUME_CFG_INIT                                                                      \
    {                                                                                        \
        .checkpoint_bytes = 256 << 20, .compact_min_bytes = 64 << 20, .compact_percent = 50, \
        .disk = &disk_real                                                                   \
    }

/*
 * Opens a volume, made where there is none, and starts its threads: reads the checkpoint and what
 * was written after it, and cuts a torn tail. Returns 0; -SHOAL_EBUSY where another process has it
 * open; -SHOAL_EINVAL where the file is no volume; or a negative errno: -EIO where it cannot be
 * read, with nothing changed. Thread: any.
 */
int volume_open(const struct volume_cfg *cfg, struct volume **out_volume);

/*
 * Does what is queued, writes a checkpoint, ends the threads, closes, and clears *volume. Nobody
 * may hold an edition any more. NULL is a no-op. Thread: any but the volume's own.
 */
void volume_close(struct volume **volume);

/* Reading */

/* A photo as it was found; the node is the edition's. */
struct volume_photo {
    struct photo *node;
    struct photo_facts facts;
};

/* The edition in force, held until given back by edition_release(), on any thread.
 * Thread: any, without a lock. */
struct edition *volume_hold(struct volume *volume);

/* Holds what is held already once more. Thread: any. */
struct edition *edition_hold(struct edition *edition);

/* Gives it back and clears *edition. NULL is a no-op. Thread: any. */
void edition_release(struct volume *volume, struct edition **edition);

/* Finds a photo. False where there is none. Thread: any, without a lock. */
bool edition_find(const struct edition *edition, struct shoal_view key, struct volume_photo *out);

/* The node behind `key` (empty: the first), which may have no photo any more; photo_next() and
 * photo_read() go on from there. NULL at the end. Thread: any. */
struct photo *edition_after(const struct edition *edition, struct shoal_view key);

/* The file, and where in it the photo's bytes begin. Thread: any. */
int edition_fd(const struct edition *edition);
uint64_t volume_body_offset(const struct volume *volume, const struct volume_photo *photo);

/* "image/jpeg". Lives as long as the volume. Thread: any. */
const char *volume_type(const struct volume *volume, const struct volume_photo *photo);

/* A part of every ETag, different for every volume. Thread: any. */
uint64_t volume_id(const struct volume *volume);

/*
 * Reads the needle and compares its checksums; notes the outcome, and counts and logs damage.
 * Returns 0 where it is sound; -EIO where it is damaged or cannot be read; or -SHOAL_ENOMEM. Blocks
 * on the disk. Thread: any but loops.
 */
int volume_check(struct volume *volume, const struct edition *edition,
                 const struct volume_photo *photo);

/* Writing */

enum volume_op_kind { VOLUME_PUT, VOLUME_DELETE };

/*
 * One write. The struct is the caller's and stays in place from submit until `done`, which is told
 * once, on the writer's thread: `status` is 0 once the write is durable and readable;
 * -SHOAL_ESTATE where `allows` said no; -SHOAL_ENOENT for a delete of nothing; -ENOSPC, -EDQUOT or
 * -EFBIG where the disk is full; -SHOAL_EOVERFLOW for a type too many; another negative errno.
 * Nothing was changed then.
 */
struct volume_op {
    enum volume_op_kind kind;
    struct shoal_view key;
    struct shoal_view type;
    struct shoal_view body; /* in memory, or else ... */
    int body_fd;            /* ... a file that holds it from its beginning; -1: in memory */
    uint64_t body_size;
    uint64_t body_sum; /* XXH3, 64 bits */

    /* Whether to write, given the photo that the key has before (NULL: none). NULL: yes. */
    bool (*allows)(const struct volume_op *op, const struct photo_facts *before);
    void (*done)(struct volume_op *op);
    void *arg;

    int status;
    bool replaced; /* there was a photo before */
    struct photo_facts facts;

    struct volume_op *next_;
    struct photo *node_;
};

/* Queues a write. Never blocks on the disk. Thread: any. */
void volume_submit(struct volume *volume, struct volume_op *op);

/* Keeping */

/* Compacts now and waits for the end. Returns 0 or a negative code, with the volume as it was.
 * Thread: any but the volume's own and loops. */
int volume_compact(struct volume *volume);

/* A moment's figures. */
struct volume_stats {
    uint64_t photos, file_bytes, live_bytes, dead_bytes, index_bytes;
    uint64_t puts, deletes, syncs; /* since it was opened */
    uint64_t damaged;              /* checks that failed */
    uint64_t lost;                 /* places that were found to be no needle when it was opened */
    uint64_t compactions, checkpoints;
    uint64_t sync_us_median, sync_us_p99, sync_us_max;
    bool read_only; /* the disk failed; nothing is written until it is opened again */
};

/* Thread: any. Takes the volume's lock for a moment. */
void volume_stats(struct volume *volume, struct volume_stats *out);

/*
 * Reads every needle of the photos that there are. Returns how many were not found sound; each that
 * is damaged is told to the log. Thread: any but loops.
 */
uint64_t volume_verify(struct volume *volume, uint64_t *out_photos);

#endif
