/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Range field, RFC 9110 §14: which parts of a representation a client wants. Whoever asks for
 * the same bytes more than once, or for more parts than anybody needs, gets the whole instead, so
 * that an answer never holds more of a file than the file does.
 */
#ifndef SHOAL_PROTO_HTTP_RANGES_H
#define SHOAL_PROTO_HTTP_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

enum { SHOAL__RANGES_MAX = 10 };

/* A part that exists: never empty. */
struct shoal__range {
    uint64_t offset;
    uint64_t size;
};

/* The parts in the order they were asked for; no two overlap. */
struct shoal__ranges {
    struct shoal__range parts[SHOAL__RANGES_MAX];
    size_t count;
};

enum shoal__ranges_answer {
    SHOAL__RANGES_WHOLE,   /* 200: no range, or one that is ignored */
    SHOAL__RANGES_PARTS,   /* 206: these */
    SHOAL__RANGES_OUTSIDE, /* 416: nothing of it exists */
};

/*
 * Reads the field for a representation of `size` bytes. *out_ranges is filled where parts are the
 * answer. Thread: any.
 */
enum shoal__ranges_answer shoal__ranges_read(struct shoal_view field, uint64_t size,
                                             struct shoal__ranges *out_ranges);

#endif
