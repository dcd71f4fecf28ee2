/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents in a stream; see documents.h. */
#include "call/documents.h"

void documents_fini(struct documents *documents)
{
    bytes_fini(&documents->waiting);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What was handed out, and blanks before a document. */
static void drop_front(struct documents *documents)
{
    struct bytes *waiting = &documents->waiting;
    size_t size = documents->handed;
    if (size == 0 && documents->looked > 0)
        return;
    while (size < waiting->size && is_blank(waiting->data[size]))
        size++;
    if (size > 0)
        memmove(waiting->data, waiting->data + size, waiting->size - size);
    waiting->size -= size;
    documents->looked = documents->handed = 0;
}

bool documents_add(struct documents *documents, struct shoal_view read)
{
    bytes_add(&documents->waiting, read.data, read.size);
    return !documents->waiting.failed;
}

static bool is_bracket(char c, const char *brackets)
{
    return c == brackets[0] || c == brackets[1];
}

/* Looks at one byte. True where a document ends behind it. */
static bool ends_behind(struct documents *documents, char c)
{
    bool quote = c == '"' && !documents->escaped;
    if (documents->in_string) {
        documents->escaped = c == '\\' && !documents->escaped;
        documents->in_string = !quote;
        return quote && documents->depth == 0;
    }
    documents->in_string = quote;
    if (is_bracket(c, "{["))
        documents->depth++;
    if (!is_bracket(c, "}]"))
        return false;
    documents->depth -= documents->depth > 0;
    return documents->depth == 0;
}

/* A number or a word has no end of its own: what cannot be in it is behind it. */
static bool ends_before(const struct documents *documents, char c)
{
    return documents->looked > 0 && documents->depth == 0 && !documents->in_string &&
           (is_blank(c) || is_bracket(c, "{[") || c == '"');
}

static bool find_end(struct documents *documents)
{
    const struct bytes *waiting = &documents->waiting;
    while (documents->looked < waiting->size) {
        char c = waiting->data[documents->looked];
        if (ends_before(documents, c))
            return true;
        documents->looked++;
        if (ends_behind(documents, c))
            return true;
    }
    return false;
}

bool documents_next(struct documents *documents, bool ended, struct shoal_view *out)
{
    drop_front(documents);
    bool whole = find_end(documents);
    if (!whole && !(ended && documents->waiting.size > 0))
        return false;
    documents->handed = documents->looked;
    documents->depth = 0;
    documents->in_string = documents->escaped = false;
    *out = shoal_view(documents->waiting.data, documents->looked);
    return true;
}
