/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds where JSON documents end in a stream of them, so that each can be used as soon as it is
 * there. It knows brackets and strings and no more: whether a document is JSON is seen later.
 */
#ifndef APPS_SHOAL_CALL_DOCUMENTS_H
#define APPS_SHOAL_CALL_DOCUMENTS_H

#include "call/bytes.h"

/* Nothing read where all zero. Owned by who reads. */
struct documents {
    struct bytes waiting; /* from the start of a document on */
    size_t looked;        /* at so many of them */
    size_t handed;        /* so many are the document that was handed out last */
    size_t depth;
    bool in_string, escaped;
};

/* Thread: owner. */
void documents_fini(struct documents *documents);

/* Takes what has been read. False where memory is out. Thread: owner. */
bool documents_add(struct documents *documents, struct shoal_view read);

/*
 * The next whole document; with `ended`, what is left counts as one, too. True with *out, which
 * lives until the next call here. Thread: owner.
 */
bool documents_next(struct documents *documents, bool ended, struct shoal_view *out);

#endif
