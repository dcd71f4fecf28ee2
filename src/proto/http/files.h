/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be said about files without touching one: which names are served, what the validators
 * of a file look like, and how a directory is listed.
 */
#ifndef SHOAL_PROTO_HTTP_FILES_H
#define SHOAL_PROTO_HTTP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

struct shoal_buf;

enum shoal__file_name {
    SHOAL__FILE_NAME_FILE,      /* something that may be a file, or a directory without its slash */
    SHOAL__FILE_NAME_DIRECTORY, /* one that ends with a slash, or the root itself: empty */
    SHOAL__FILE_NAME_NONE,      /* 404: nothing that is served has such a name */
    SHOAL__FILE_NAME_MALFORMED, /* 400: not UTF-8 */
};

/*
 * Looks at a decoded path beneath the root, without a slash before it. Nothing is served whose
 * path holds an empty segment, one that begins with a dot ("." and ".." are such), one that ends
 * with "~" (an editor's backup), a backslash or a control byte. Thread: any.
 */
enum shoal__file_name shoal__file_name_judge(const char *path);

/* Whether a directory's member of that name is served, and so listed. Thread: any. */
bool shoal__file_name_is_served(const char *member);

enum { SHOAL__ETAG_SIZE = 56 };

/* Writes the strong tag, with its quotes, of a file in this state. Thread: any. */
void shoal__file_etag_write(uint64_t inode, uint64_t size, int64_t modified_ns,
                            char out[SHOAL__ETAG_SIZE]);

/*
 * Writes the page that lists a directory: `names` sorted, directories with a slash behind them.
 * `path` is what the reader knows it by; `cut` says that there are more. Returns 0 or
 * -SHOAL_ENOMEM. Thread: owner of `out`.
 */
int shoal__file_listing_write(struct shoal_buf *out, const char *path, char *const *names,
                              size_t count, bool cut);

#endif
