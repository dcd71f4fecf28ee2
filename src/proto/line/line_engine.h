/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line engine: bytes in, lines out. It does no I/O, keeps no bytes and allocates nothing; all
 * it remembers is how far the line it waits for has been searched, so that every byte is looked at
 * once however the stream is cut.
 *
 * The rules of the protocol:
 *   - A line ends at LF; one CR directly before it belongs to the end. Any other CR is a byte like
 *     all others, so LF CR is an end and the first byte of the next line.
 *   - The stream's last line needs no LF. A CR that is the stream's last byte is half an end.
 *   - A line has at most `max_line` bytes, its end not counted; a NUL is a byte of the line or an
 *     error. Of two errors in a line the one that comes first counts, so that the outcome is the
 *     same at every cut.
 */
#ifndef SHOAL_PROTO_LINE_ENGINE_H
#define SHOAL_PROTO_LINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include <shoal/view.h>

/* Owned by whoever owns the stream. */
struct shoal__line_engine {
    size_t max_line; /* below SIZE_MAX - 2 */
    bool allow_nul;
    size_t searched; /* bytes of the next line known to hold no LF */
};

enum shoal__line_step {
    SHOAL__LINE_MORE,     /* no whole line yet: come again with more behind the same bytes */
    SHOAL__LINE_READY,    /* a line */
    SHOAL__LINE_TOO_LONG, /* error: no end within max_line bytes */
    SHOAL__LINE_HAS_NUL,  /* error: a NUL where none is allowed */
};

/* A line found: `text` without its end, and the bytes it took with it. */
struct shoal__line {
    struct shoal_view text;
    size_t taken;
};

/* Begins a stream. Thread: any. */
void shoal__line_init(struct shoal__line_engine *engine, size_t max_line, bool allow_nul);

/*
 * Looks for the line that `in` starts with. `in` is everything received and not yet taken, so it
 * only grows until a line is READY; then `line->taken` bytes leave its front. After an error the
 * engine is of no further use. Thread: owner.
 */
enum shoal__line_step shoal__line_next(struct shoal__line_engine *engine, struct shoal_view in,
                                       struct shoal__line *line);

/*
 * The same where the stream has ended behind `in`: what has no LF is a line too. MORE only for
 * empty input. Thread: owner.
 */
enum shoal__line_step shoal__line_last(struct shoal__line_engine *engine, struct shoal_view in,
                                       struct shoal__line *line);

#endif
