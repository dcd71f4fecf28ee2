/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes that grow at their end: messages and texts under construction. A failed allocation is
 * remembered, so that a row of additions needs one look at `failed` when it is done.
 */
#ifndef APPS_SHOAL_CALL_BYTES_H
#define APPS_SHOAL_CALL_BYTES_H

#include <stdbool.h>
#include <stddef.h>

#include <shoal/export.h>
#include <shoal/view.h>

/* Empty where all zero. Owned, touched and ended by whoever embeds it. */
struct bytes {
    char *data;
    size_t size, room;
    bool failed; /* memory was out; what is there is worth nothing */
};

/* Thread: owner. */
void bytes_fini(struct bytes *bytes);
void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_text(struct bytes *bytes, const char *text);
void bytes_format(struct bytes *bytes, const char *format, ...) SHOAL_PRINTF(2, 3);

/* Puts `size` bytes where `at` is, and moves what is there behind them. Thread: owner. */
void bytes_insert(struct bytes *bytes, size_t at, const void *data, size_t size);

/* Drops all but the first `size` bytes. Thread: owner. */
void bytes_cut(struct bytes *bytes, size_t size);

/* Adds a text that somebody else wrote, for a terminal: a point for each control character.
 * Thread: owner. */
void bytes_harmless(struct bytes *bytes, struct shoal_view text);

/* Thread: owner. */
struct shoal_view bytes_view(const struct bytes *bytes);

/* Puts a point for each control character. Thread: owner of the text. */
void make_harmless(char *text, size_t size);

#endif
