/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line engine; its rules are in the header. Everything is decided within the window of the
 * first max_line + 2 bytes: a longer line shows there that it is too long.
 */
#include "proto/line/line_engine.h"

#include <string.h>

void shoal__line_init(struct shoal__line_engine *engine, size_t max_line, bool allow_nul)
{
    *engine = (struct shoal__line_engine){.max_line = max_line, .allow_nul = allow_nul};
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A NUL among the bytes that could still be the line's, from where the search stopped last. */
static bool has_nul(const struct shoal__line_engine *engine, struct shoal_view in, size_t end)
{
    size_t from = engine->searched;
    end = smaller(end, engine->max_line + 1);
    return !engine->allow_nul && from < end && memchr(in.data + from, '\0', end - from) != NULL;
}

/* The line is in.data[0 .. end), an end of `end_size` bytes excepted. */
static enum shoal__line_step finish(struct shoal__line_engine *engine, struct shoal_view in,
                                    size_t end, size_t end_size, struct shoal__line *line)
{
    size_t size = end - (end > 0 && in.data[end - 1] == '\r');
    if (size > engine->max_line)
        return SHOAL__LINE_TOO_LONG;
    engine->searched = 0;
    line->text = shoal_view(in.data, size);
    line->taken = end + end_size;
    return SHOAL__LINE_READY;
}

/* There is no LF in the first `end` bytes: may there still come one in time? */
static enum shoal__line_step wait_for_end(struct shoal__line_engine *engine, struct shoal_view in,
                                          size_t end)
{
    size_t max = engine->max_line;
    if (end > max + 1 || (end == max + 1 && in.data[max] != '\r'))
        return SHOAL__LINE_TOO_LONG;
    engine->searched = end;
    return SHOAL__LINE_MORE;
}

enum shoal__line_step shoal__line_next(struct shoal__line_engine *engine, struct shoal_view in,
                                       struct shoal__line *line)
{
    size_t window = smaller(in.size, engine->max_line + 2);
    if (window <= engine->searched)
        return SHOAL__LINE_MORE;

    const char *from = in.data + engine->searched;
    const char *newline = memchr(from, '\n', window - engine->searched);
    size_t end = newline ? (size_t)(newline - in.data) : window;
    if (has_nul(engine, in, end))
        return SHOAL__LINE_HAS_NUL;
    return newline ? finish(engine, in, end, 1, line) : wait_for_end(engine, in, end);
}

enum shoal__line_step shoal__line_last(struct shoal__line_engine *engine, struct shoal_view in,
                                       struct shoal__line *line)
{
    enum shoal__line_step step = shoal__line_next(engine, in, line);
    return step == SHOAL__LINE_MORE && in.size > 0 ? finish(engine, in, in.size, 0, line) : step;
}
