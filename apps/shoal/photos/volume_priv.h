/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the volume share; see volume.h. */
#ifndef APPS_SHOAL_PHOTOS_VOLUME_PRIV_H
#define APPS_SHOAL_PHOTOS_VOLUME_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include <shoal/histogram.h>

#include "photos/kinds.h"
#include "photos/volume.h"

enum { EDITIONS = 8 };

/*
 * A file and its index. A slot of the volume's table, which never moves: a reader takes a reference
 * only where the count is above zero, so that it may look at a slot that has just ended. One
 * reference is the table's for the edition in force. The keeper ends a slot without references.
 */
struct edition {
    atomic_uint refs;
    int fd; /* -1: the slot is free */
    struct volume_header header;
    struct index *index;
    _Atomic uint64_t end;        /* the file is durable and indexed up to here */
    _Atomic uint64_t live_bytes; /* needles of photos that there are */
};

/* What the keeper asks of the writer: take this edition's place. */
struct turnover {
    struct edition *edition;
    uint64_t copied; /* of the old file, up to here */
    int status;
};

/* Made by volume_open(), used by any thread until volume_close(). */
struct volume {
    char *path;
    char *index_path;   /* the checkpoint's */
    char *compact_path; /* the next edition's, until it takes its place */
    struct volume_cfg cfg;
    uint64_t id;
    struct kinds kinds; /* the writer's to add to */
    struct edition editions[EDITIONS];
    atomic_uint current;
    atomic_bool stopping; /* set under the lock, polled by long work without it */
    _Atomic uint64_t damaged;
    uint64_t lost; /* open's; constant then */

    uint64_t next_sequence; /* the writer's, as the next ones */
    uint64_t retry_compaction_at;

    pthread_t writer;
    pthread_t keeper;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t writer_wake;
    pthread_cond_t keeper_wake;
    pthread_cond_t kept; /* a turnover or a compaction has ended */
    struct volume_op *first, *last;
    struct turnover *turnover;   /* NULL: none is wanted */
    uint64_t published_sequence; /* greater than that of every needle published */
    bool writer_ended;
    bool compaction_wanted;
    uint64_t compactions_wanted, compactions_ended; /* by volume_compact() */
    int compaction_status;
    uint64_t checkpoint_end; /* of the file, when the last one was written */
    int broken;              /* why nothing is written any more; 0: it is */
    uint64_t puts, deletes, syncs, compactions, checkpoints;
    struct shoal_histogram *sync_us;
};

static inline struct edition *current_edition(struct volume *volume)
{
    return &volume->editions[atomic_load_explicit(&volume->current, memory_order_acquire)];
}

static inline uint64_t edition_end(const struct edition *edition)
{
    return atomic_load_explicit(&edition->end, memory_order_acquire);
}

static inline uint64_t edition_live_bytes(const struct edition *edition)
{
    return atomic_load_explicit(&edition->live_bytes, memory_order_relaxed);
}

/* Bytes of the photo's whole needle. Thread: any. */
uint64_t photo_needle_size(const struct volume *volume, const struct photo *node,
                           const struct photo_facts *facts);

/* Publishes what a needle at `offset` says, with a node that index_reserve() made, and keeps count
 * of live bytes. The kind must be known. Thread: the edition's writer. */
void edition_apply(struct volume *volume, struct edition *edition, struct photo *node,
                   const struct photo_facts *facts, bool deleted);

/* The same for a needle read from the file. Returns 0 or -SHOAL_ENOMEM.
 * Thread: the edition's writer. */
int edition_apply_needle(struct volume *volume, struct edition *edition,
                         const struct needle *needle, uint64_t offset);

/* Writes the log. Thread: any. */
void volume_log(const struct volume *volume, enum shoal_log_level level, const char *format, ...)
    SHOAL_PRINTF(3, 4);

/* recovery.c: fills the edition, whose file is open and has a header, from the file. Returns 0 or
 * a negative errno. Thread: open's. */
int volume_recover(struct volume *volume, struct edition *edition);

/*
 * checkpoint.c: reads a checkpoint; true with the edition filled up to its `end`. It may know of
 * needles behind that: *out_reach is where the last of all ends. False where there is none to
 * believe, with the edition to be forgotten. Thread: open's.
 */
bool checkpoint_load(struct volume *volume, struct edition *edition, uint64_t file_size,
                     uint64_t *out_reach);

/* Leaves the edition as if nothing had been read. Returns 0 or -SHOAL_ENOMEM. Thread: open's. */
int checkpoint_forget(struct volume *volume, struct edition *edition);

/* Writes one. Returns 0 or a negative errno, with the last one kept. Thread: the keeper, or
 * close's. */
int checkpoint_write(struct volume *volume, struct edition *edition);

/* writer.c: the thread's function. */
void *volume_write(void *arg);

/* compaction.c: the keeper's function, and the writer's part of a turnover, which returns 0 or a
 * negative code. `volume->lock` is not held. */
void *volume_keep(void *arg);
int turnover_finish(struct volume *volume, struct turnover *turnover);

/* Frees what the slot holds. Thread: the keeper, or close's. */
void edition_end_slot(struct edition *edition);

#endif
