/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on the line engine: any bytes are read without a fault, what it calls a line is one,
 * and how the bytes were cut leaves no trace. The first two bytes choose the limits and the cuts;
 * the rest is what the peer sends.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/line/line_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What became of a stream. */
struct outcome {
    size_t lines;
    size_t taken;
    uint64_t digest; /* of where the lines lie and how long they are */
    enum shoal__line_step end;
};

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "this does not hold: %s\n", what);
        abort();
    }
}

static void check_line(const struct shoal__line_engine *engine, struct shoal_view in,
                       const struct shoal__line *line)
{
    require(line->text.data == in.data, "a line begins where the input does");
    require(line->text.size <= engine->max_line, "a line is not too long");
    require(line->taken > 0 && line->taken <= in.size, "a line takes something of the input");
    require(line->taken - line->text.size <= 2, "a line's end has two bytes at most");
    require(!line->text.size || !memchr(line->text.data, '\n', line->text.size), "no LF inside");
    require(engine->allow_nul || !line->text.size || !memchr(line->text.data, 0, line->text.size),
            "no NUL where none is allowed");
}

/* Takes all lines that are whole in the stream's part that has come. */
static void take_lines(struct shoal__line_engine *engine, struct shoal_view come, bool ended,
                       struct outcome *outcome)
{
    struct shoal__line line;
    do {
        struct shoal_view in = shoal_view_from(come, outcome->taken);
        outcome->end =
            ended ? shoal__line_last(engine, in, &line) : shoal__line_next(engine, in, &line);
        if (outcome->end == SHOAL__LINE_READY) {
            check_line(engine, in, &line);
            outcome->digest =
                outcome->digest * 1099511628211u + outcome->taken * 31 + line.text.size;
            outcome->taken += line.taken;
            outcome->lines++;
        }
    } while (outcome->end == SHOAL__LINE_READY);
}

/* Feeds the stream in pieces of ever different size, up to `most` bytes each. */
static struct outcome run(uint8_t choice, struct shoal_view stream, size_t most, uint32_t seed)
{
    struct shoal__line_engine engine;
    struct outcome outcome = {.end = SHOAL__LINE_MORE};
    shoal__line_init(&engine, choice >> 1 & 31, choice & 1);

    size_t come = 0;
    while (come < stream.size && outcome.end == SHOAL__LINE_MORE) {
        seed = seed * 1664525 + 1013904223;
        size_t piece = (seed >> 8) % (most + 1);
        come = piece < stream.size - come ? come + piece : stream.size;
        take_lines(&engine, shoal_view(stream.data, come), false, &outcome);
    }
    if (outcome.end == SHOAL__LINE_MORE)
        take_lines(&engine, stream, true, &outcome);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct shoal_view stream = shoal_view(data + 2, size - 2);
    struct outcome whole = run(data[0], stream, size, UINT32_MAX);
    struct outcome cut = run(data[0], stream, 5, data[1]);
    require(whole.end == cut.end && whole.lines == cut.lines && whole.taken == cut.taken &&
                whole.digest == cut.digest,
            "the outcome is the same however the stream is cut");
    return 0;
}
