/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that are open: what the kernel finds beneath a root under a name, and the small cache of it
 * that each loop keeps. Nothing here ever waits for a disk unless it is asked to.
 */
#ifndef SHOAL_PROTO_HTTP_FILES_OPEN_DRIVER_H
#define SHOAL_PROTO_HTTP_FILES_OPEN_DRIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/http/encodings.h"
#include "proto/http/files.h"
#include "proto/http/http_date.h"

struct shoal_loop;

/* For so long a file whose bytes were in memory is taken to be there still. */
enum { SHOAL__FILE_WARM_MS = 1000 };

/*
 * An open regular file as it was when it was opened, or content that is a part of one. Shared by
 * the cache, responses and output buffers, freed with the last reference on any thread; constant
 * but for `warm_until_ms`, which is for the loop that opened it.
 */
struct shoal__file {
    _Atomic unsigned refs;
    int fd;
    bool close_fd;
    enum shoal__encoding encoding;
    uint64_t start; /* where in the file its bytes begin */
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
    int64_t modified_ns;
    int64_t warm_until_ms; /* its bytes were all in memory a moment ago; the loop's clock */
    char etag[SHOAL__ETAG_SIZE];
    char date[SHOAL__HTTP_DATE_SIZE];
    void (*release)(void *arg); /* called at the end; NULL: nobody */
    void *release_arg;
};

/* Makes a file of a descriptor, which stays the caller's until close_fd is set. Returns 0; -EISDIR
 * for a directory; -SHOAL_ENOENT for what is neither; or another negative code. Thread: any. */
int shoal__file_create(int fd, enum shoal__encoding encoding, struct shoal__file **out_file);

/* Thread: any. */
void shoal__file_ref(struct shoal__file *file);
void shoal__file_unref(struct shoal__file **file);

/* What there is under a name: the file itself, and its precompressed twins where they are no older.
 * NULL for what is not there. Owns a reference to each. All zero is nothing. */
struct shoal__found {
    struct shoal__file *forms[SHOAL__ENCODINGS];
};
void shoal__found_release(struct shoal__found *found);

/*
 * Opens what `path` names beneath the directory `root_fd`, links followed as long as they stay
 * there. Never blocks on what is no regular file. Without `wait` it does not wait for a disk, but
 * returns -EAGAIN where it would have to. Returns 0; -EISDIR for a directory; or the negative errno
 * of opening, -SHOAL_ENOENT for all that is nobody's business. *out_found is untouched on failure.
 * Thread: any.
 */
int shoal__files_open(int root_fd, const char *path, bool twins, bool wait,
                      struct shoal__found *out_found);

/* Opens a directory for reading its names; waits for the disk. A descriptor, or as above.
 * Thread: any that may wait. */
int shoal__files_open_directory(int root_fd, const char *path);

/* The status that tells a client of such a failure, or of one to have work done for it.
 * Thread: any. */
unsigned shoal__files_status(int error);

/*
 * The loop's cache: what was found under a name less than a second ago. The result is borrowed
 * until the caller returns to the loop; NULL where nothing is known. `root` tells the names of one
 * root from another's. Thread: owner.
 */
const struct shoal__found *shoal__files_cached(struct shoal_loop *loop, const void *root,
                                               const char *path);

/* Puts what was found into the cache, or releases it where there is no memory; *found is empty
 * afterwards. Thread: owner. */
void shoal__files_keep(struct shoal_loop *loop, const void *root, const char *path,
                       struct shoal__found *found);

#endif
