/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on the WebSocket engine: any bytes are read without a fault, what comes out keeps the
 * engine's promises, and how the bytes were cut leaves no trace. The first two bytes choose role,
 * limit and cuts; the rest is what the peer sends.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "proto/websocket/websocket_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What became of a stream. A message counts when it has ended: of one that is refused in its
 * middle, more or less may have been handed out before. */
struct outcome {
    uint64_t digest;
    size_t events;
    unsigned code;
    enum shoal__websocket_step end;
    struct shoal__utf8 text; /* of the message at hand */
    uint64_t message;        /* its digest */
    size_t message_size;
    bool in_message;
};

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "this does not hold: %s\n", what);
        abort();
    }
}

static uint64_t digest_of(uint64_t digest, struct shoal_view bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        digest = (digest ^ (uint8_t)bytes.data[i]) * 1099511628211u;
    return digest;
}

static void note(struct outcome *outcome, uint64_t what)
{
    outcome->digest = outcome->digest * 31 + what;
    outcome->events++;
}

static void on_data(struct outcome *outcome, const struct shoal__websocket_event *event, size_t max)
{
    require(event->first != outcome->in_message, "a message begins once");
    if (event->first) {
        outcome->message = event->text;
        outcome->message_size = 0;
        outcome->text = (struct shoal__utf8){0};
    }
    outcome->in_message = !event->last;
    outcome->message_size += event->bytes.size;
    outcome->message = digest_of(outcome->message, event->bytes);
    require(outcome->message_size <= max, "a message is not too long");
    require(event->bytes.size > 0 || event->last, "only the last piece may be empty");
    require(!event->text || event->bytes.size == 0 ||
                shoal__utf8_feed(&outcome->text, event->bytes),
            "text is UTF-8 so far");
    require(!event->text || !event->last || shoal__utf8_is_complete(&outcome->text),
            "text ends between characters");
    if (event->last)
        note(outcome, outcome->message);
}

static void on_control(struct outcome *outcome, const struct shoal__websocket_event *event)
{
    bool is_close = outcome->end == SHOAL__WEBSOCKET_CLOSE;
    require(event->bytes.size <= SHOAL__WEBSOCKET_CONTROL_MAX, "control frames are short");
    require(!is_close || event->code == 1005 || shoal__websocket_is_code(event->code),
            "a close's code is one");
    require(!is_close || shoal__utf8_is_valid(event->bytes), "a close's reason is UTF-8");
    note(outcome, digest_of(outcome->end, event->bytes));
    outcome->code = event->code;
}

/* Feeds a piece. False where the stream is over. */
static bool feed(struct shoal__websocket_engine *engine, char *piece, size_t size,
                 struct outcome *outcome)
{
    size_t used = 0;
    while (used < size) {
        struct shoal__websocket_event event;
        outcome->end = shoal__websocket_next(engine, piece + used, size - used, &event);
        require(event.taken <= size - used, "no more is taken than there is");
        used += event.taken;
        if (outcome->end == SHOAL__WEBSOCKET_ERROR) {
            require(event.code == 1002 || event.code == 1007 || event.code == 1009, "a known code");
            outcome->code = event.code;
            return false;
        }
        if (outcome->end == SHOAL__WEBSOCKET_MORE) {
            require(used == size, "everything is taken");
            return true;
        }
        if (outcome->end == SHOAL__WEBSOCKET_DATA)
            on_data(outcome, &event, engine->max_message);
        else
            on_control(outcome, &event);
        if (outcome->end == SHOAL__WEBSOCKET_CLOSE)
            return false;
    }
    return true;
}

/* Feeds the stream in pieces of ever different size, up to `most` bytes each. */
static struct outcome run(uint8_t choice, const uint8_t *data, size_t size, size_t most,
                          uint32_t seed)
{
    struct shoal__websocket_engine engine;
    struct outcome outcome = {.end = SHOAL__WEBSOCKET_MORE};
    shoal__websocket_init(&engine, choice & 1 ? SHOAL__WEBSOCKET_CLIENT : SHOAL__WEBSOCKET_SERVER,
                          choice & 2 ? 16 : 1000);
    bool goes_on = true;
    for (size_t at = 0; goes_on && at < size;) {
        seed = seed * 1664525 + 1013904223;
        size_t piece = most < size ? (seed >> 8) % most + 1 : size;
        piece = piece < size - at ? piece : size - at;
        char *copy = malloc(piece); /* of just that size, for the sanitizer to guard */
        require(copy, "memory");
        memcpy(copy, data + at, piece);
        goes_on = feed(&engine, copy, piece, &outcome);
        free(copy);
        at += piece;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct outcome whole = run(data[0], data + 2, size - 2, size, 0);
    struct outcome cut = run(data[0], data + 2, size - 2, 5, data[1]);
    struct outcome bytes = run(data[0], data + 2, size - 2, 1, 0);
    bool over = whole.end == SHOAL__WEBSOCKET_ERROR || whole.end == SHOAL__WEBSOCKET_CLOSE;
    require(whole.digest == cut.digest && whole.events == cut.events && whole.code == cut.code &&
                (!over || whole.end == cut.end),
            "the outcome is the same however the stream is cut");
    require(whole.digest == bytes.digest && whole.events == bytes.events &&
                whole.code == bytes.code && (!over || whole.end == bytes.end),
            "... and byte by byte");
    return 0;
}
