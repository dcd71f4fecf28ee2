/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames and messages; the rules are RFC 6455's, §5.2 to §5.5 and §8.1. */
#include "proto/websocket/websocket_engine.h"

#include <string.h>

enum {
    FINAL_BIT = 0x80,
    RESERVED_BITS = 0x70,
    MASK_BIT = 0x80,
    SIZE_16 = 126,
    SIZE_64 = 127,

    PROTOCOL_ERROR = 1002,
    NO_CODE = 1005,
    NOT_UTF8 = 1007,
    TOO_LARGE = 1009,
};

void shoal__websocket_init(struct shoal__websocket_engine *engine, enum shoal__websocket_role role,
                           size_t max_message)
{
    *engine = (struct shoal__websocket_engine){.role = role, .max_message = max_message};
}

void shoal__websocket_mask(char *bytes, size_t size, const uint8_t mask[4], size_t at)
{
    uint8_t turned[8];
    for (size_t i = 0; i < 8; i++)
        turned[i] = mask[(at + i) % 4];
    uint64_t wide;
    memcpy(&wide, turned, 8);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        word ^= wide;
        memcpy(bytes + i, &word, 8);
    }
    for (; i < size; i++)
        bytes[i] = (char)((uint8_t)bytes[i] ^ turned[i % 8]);
}

bool shoal__websocket_is_code(unsigned code)
{
    if (code >= 3000)
        return code <= 4999;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static bool is_control(uint8_t opcode)
{
    return opcode >= SHOAL__WEBSOCKET_OP_CLOSE;
}

static bool is_known(uint8_t opcode)
{
    return opcode <= SHOAL__WEBSOCKET_OP_BINARY ||
           (opcode >= SHOAL__WEBSOCKET_OP_CLOSE && opcode <= SHOAL__WEBSOCKET_OP_PONG);
}

/* The head */

static size_t size_bytes(const struct shoal__websocket_engine *engine)
{
    unsigned size = engine->head[1] & 0x7fu;
    return size == SIZE_64 ? 8 : size == SIZE_16 ? 2 : 0;
}

/* How many bytes the head has, as far as what has come of it tells. */
static size_t head_needs(const struct shoal__websocket_engine *engine)
{
    if (engine->head_size < 2)
        return 2;
    return 2 + size_bytes(engine) + ((engine->head[1] & MASK_BIT) ? 4 : 0);
}

/* Takes bytes of the head; true once it is whole. */
static bool take_head(struct shoal__websocket_engine *engine, const char *in, size_t size,
                      size_t *taken)
{
    size_t needs;
    while (engine->head_size < (needs = head_needs(engine)) && *taken < size)
        engine->head[engine->head_size++] = (uint8_t)in[(*taken)++];
    return engine->head_size == needs;
}

static uint64_t payload_size(const struct shoal__websocket_engine *engine)
{
    size_t count = size_bytes(engine);
    if (count == 0)
        return engine->head[1] & 0x7fu;
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size = size << 8 | engine->head[2 + i];
    return size;
}

/* The size is written in the shortest way, and its highest bit is not set. */
static bool is_shortest(const struct shoal__websocket_engine *engine, uint64_t size)
{
    switch (size_bytes(engine)) {
    case 0:
        return true;
    case 2:
        return size >= SIZE_16;
    default:
        return size > UINT16_MAX && size <= INT64_MAX;
    }
}

/* What the head's first bytes already tell: 0, or the code to refuse it with. */
static unsigned judge_head(const struct shoal__websocket_engine *engine)
{
    uint8_t opcode = engine->head[0] & 0x0f;
    bool masked = (engine->head[1] & MASK_BIT) != 0;
    if ((engine->head[0] & RESERVED_BITS) || !is_known(opcode) ||
        masked != (engine->role == SHOAL__WEBSOCKET_SERVER))
        return PROTOCOL_ERROR;
    if (is_control(opcode))
        return (engine->head[0] & FINAL_BIT) && size_bytes(engine) == 0 ? 0 : PROTOCOL_ERROR;
    bool continues = opcode == SHOAL__WEBSOCKET_OP_CONTINUATION;
    return continues == (engine->message != 0) ? 0 : PROTOCOL_ERROR;
}

/* A frame of a message begins: 0, or the code to refuse it with. */
static unsigned begin_data(struct shoal__websocket_engine *engine)
{
    if (engine->opcode != SHOAL__WEBSOCKET_OP_CONTINUATION) {
        engine->message = engine->opcode;
        engine->message_size = 0;
        engine->begun = false;
        engine->text = (struct shoal__utf8){0};
    }
    if (engine->left > engine->max_message ||
        engine->message_size > engine->max_message - engine->left)
        return TOO_LARGE;
    engine->message_size += engine->left;
    return 0;
}

/* The head is whole: 0, or the code to refuse it with. */
static unsigned begin_frame(struct shoal__websocket_engine *engine)
{
    engine->left = payload_size(engine);
    if (!is_shortest(engine, engine->left))
        return PROTOCOL_ERROR;
    engine->opcode = engine->head[0] & 0x0f;
    engine->final = (engine->head[0] & FINAL_BIT) != 0;
    engine->mask_at = 0;
    memset(engine->mask, 0, sizeof(engine->mask));
    if (engine->head[1] & MASK_BIT)
        memcpy(engine->mask, engine->head + engine->head_size - 4, 4);
    engine->in_payload = true;
    engine->control_size = 0;
    return is_control(engine->opcode) ? 0 : begin_data(engine);
}

static void end_frame(struct shoal__websocket_engine *engine)
{
    engine->in_payload = false;
    engine->head_size = 0;
}

/* The payload */

static enum shoal__websocket_step refuse(struct shoal__websocket_event *event, unsigned code)
{
    event->code = code;
    return SHOAL__WEBSOCKET_ERROR;
}

/* Takes and unmasks what there is of the payload. */
static struct shoal_view take_payload(struct shoal__websocket_engine *engine, char *in, size_t size,
                                      size_t *taken)
{
    size_t here = size - *taken;
    size_t part = engine->left < here ? (size_t)engine->left : here;
    char *bytes = in + *taken;
    if (part > 0 && engine->role == SHOAL__WEBSOCKET_SERVER)
        shoal__websocket_mask(bytes, part, engine->mask, engine->mask_at);
    engine->mask_at = (uint8_t)((engine->mask_at + part) % 4);
    engine->left -= part;
    *taken += part;
    return shoal_view(bytes, part);
}

/* A close has no payload, or a code and perhaps a reason. */
static enum shoal__websocket_step finish_close(struct shoal__websocket_engine *engine,
                                               struct shoal__websocket_event *event)
{
    event->code = NO_CODE;
    event->bytes = shoal_view(engine->control, 0);
    if (engine->control_size == 0)
        return SHOAL__WEBSOCKET_CLOSE;
    unsigned high = (unsigned char)engine->control[0], low = (unsigned char)engine->control[1];
    if (engine->control_size < 2 || !shoal__websocket_is_code(high << 8 | low))
        return refuse(event, PROTOCOL_ERROR);
    event->code = high << 8 | low;
    event->bytes = shoal_view(engine->control + 2, engine->control_size - 2u);
    return shoal__utf8_is_valid(event->bytes) ? SHOAL__WEBSOCKET_CLOSE : refuse(event, NOT_UTF8);
}

static enum shoal__websocket_step finish_control(struct shoal__websocket_engine *engine,
                                                 struct shoal__websocket_event *event)
{
    end_frame(engine);
    event->bytes = shoal_view(engine->control, engine->control_size);
    switch (engine->opcode) {
    case SHOAL__WEBSOCKET_OP_PING:
        return SHOAL__WEBSOCKET_PING;
    case SHOAL__WEBSOCKET_OP_PONG:
        return SHOAL__WEBSOCKET_PONG;
    default:
        return finish_close(engine, event);
    }
}

static enum shoal__websocket_step take_control(struct shoal__websocket_engine *engine, char *in,
                                               size_t size, struct shoal__websocket_event *event)
{
    struct shoal_view part = take_payload(engine, in, size, &event->taken);
    if (part.size > 0)
        memcpy(engine->control + engine->control_size, part.data, part.size);
    engine->control_size = (uint8_t)(engine->control_size + part.size);
    return engine->left == 0 ? finish_control(engine, event) : SHOAL__WEBSOCKET_MORE;
}

static bool is_text_so_far(struct shoal__websocket_engine *engine, struct shoal_view part,
                           bool last)
{
    if (engine->message != SHOAL__WEBSOCKET_OP_TEXT)
        return true;
    return (part.size == 0 || shoal__utf8_feed(&engine->text, part)) &&
           (!last || shoal__utf8_is_complete(&engine->text));
}

static enum shoal__websocket_step take_data(struct shoal__websocket_engine *engine, char *in,
                                            size_t size, struct shoal__websocket_event *event)
{
    struct shoal_view part = take_payload(engine, in, size, &event->taken);
    bool frame_ends = engine->left == 0;
    bool last = frame_ends && engine->final;
    if (!is_text_so_far(engine, part, last))
        return refuse(event, NOT_UTF8);
    if (frame_ends)
        end_frame(engine);
    if (part.size == 0 && !last)
        return SHOAL__WEBSOCKET_MORE;
    event->bytes = part;
    event->text = engine->message == SHOAL__WEBSOCKET_OP_TEXT;
    event->first = !engine->begun;
    event->last = last;
    engine->begun = true;
    if (last)
        engine->message = 0;
    return SHOAL__WEBSOCKET_DATA;
}

/* One go at the frame at hand. MORE may mean that it has ended without anything to tell. */
static enum shoal__websocket_step step(struct shoal__websocket_engine *engine, char *in,
                                       size_t size, struct shoal__websocket_event *event)
{
    if (!engine->in_payload) {
        bool whole = take_head(engine, in, size, &event->taken);
        unsigned refusal = engine->head_size >= 2 ? judge_head(engine) : 0;
        if (refusal == 0 && whole)
            refusal = begin_frame(engine);
        if (refusal != 0)
            return refuse(event, refusal);
        if (!whole)
            return SHOAL__WEBSOCKET_MORE;
    }
    return is_control(engine->opcode) ? take_control(engine, in, size, event)
                                      : take_data(engine, in, size, event);
}

enum shoal__websocket_step shoal__websocket_next(struct shoal__websocket_engine *engine, char *in,
                                                 size_t size, struct shoal__websocket_event *event)
{
    *event = (struct shoal__websocket_event){.taken = 0};
    enum shoal__websocket_step found = SHOAL__WEBSOCKET_MORE;
    while (found == SHOAL__WEBSOCKET_MORE && event->taken < size)
        found = step(engine, in, size, event);
    return found;
}

size_t shoal__websocket_head_write(enum shoal__websocket_opcode opcode, bool final, uint64_t size,
                                   const uint8_t mask[4], char out[SHOAL__WEBSOCKET_HEAD_MAX])
{
    size_t count = size > UINT16_MAX ? 8 : size >= SIZE_16 ? 2 : 0;
    uint8_t first = count == 8 ? SIZE_64 : count == 2 ? SIZE_16 : (uint8_t)size;
    out[0] = (char)(opcode | (final ? FINAL_BIT : 0));
    out[1] = (char)(first | (mask ? MASK_BIT : 0));
    for (size_t i = 0; i < count; i++)
        out[2 + i] = (char)(uint8_t)(size >> (8 * (count - 1 - i)));
    if (mask)
        memcpy(out + 2 + count, mask, 4);
    return 2 + count + (mask ? 4 : 0);
}
