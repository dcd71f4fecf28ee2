/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Media types by the ending of a name: a table of our own for what the web is made of, and one that
 * is read from a file in the format of /etc/mime.types for the rest. Endings compare without regard
 * to case.
 */
#ifndef SHOAL_PROTO_HTTP_MIME_H
#define SHOAL_PROTO_HTTP_MIME_H

#include <stddef.h>

#include <shoal/view.h>

struct shoal__mime_entry {
    const char *ending;
    const char *type;
};

/* A table that was read; all zero is empty. Owned by what embeds it; constant once it is read, and
 * then any thread may look things up. */
struct shoal__mime {
    struct shoal__mime_entry *entries; /* sorted by ending */
    size_t count;
    char *text; /* what the entries point into */
};

/*
 * Reads a table into `mime`, which is all zero: lines of a type and its endings, "#" before
 * comments. What makes no sense is passed over. Returns 0 or -SHOAL_ENOMEM, with `mime` empty.
 * Thread: any.
 */
int shoal__mime_read(struct shoal__mime *mime, struct shoal_view text);

/* Frees it; it is empty afterwards. Thread: owner. */
void shoal__mime_fini(struct shoal__mime *mime);

/* The type for a name ("a/b.html"), "application/octet-stream" where nobody knows. Text says that
 * it is UTF-8. `mime` may be NULL. Static, or the table's. Thread: any. */
const char *shoal__mime_type(const struct shoal__mime *mime, const char *name);

#endif
