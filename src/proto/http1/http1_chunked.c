/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The body's phases. http1_parser.c enters one of the first three when the head is whole.
 *
 *   IN_COUNTED --last byte--------------------------------------------------> AT_END
 *   IN_UNBOUNDED --shoal__http1_body_eof()----------------------------------> AT_END
 *   AT_CHUNK_SIZE --0--> IN_TRAILERS --empty line---------------------------> AT_END
 *     ^   | size
 *     |   v
 *     |  IN_CHUNK --last byte--> AT_CHUNK_END
 *     +-------------- CRLF -----------+
 *
 * A size line is read whole, at worst some 280 bytes several times, and otherwise from left to
 * right as heads are: the verdict does not depend on how the bytes were cut.
 */
#include "proto/http1/http1_chunked.h"

#include "base/assert.h"
#include "proto/http/chars.h"
#include "proto/http1/http1_priv.h"

enum { SIZE_DIGITS_MAX = 16, EXTENSION_MAX = 256, SLACK_MAX = 65536, DATA_PER_SLACK = 16 };

/* A size line while it is read. */
struct size_line {
    uint64_t size;
    const char *at; /* the next byte to look at */
    const char *end;
    uint32_t padding; /* leading zeros and extension bytes: what the line did not need */
};

/* ---- Chunk sizes ---- */

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    const char small = (char)(byte | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/* Why a size line cannot go on with `byte`. */
static enum http1_refusal size_refusal(char byte, bool has_digits)
{
    return byte == '\n' && has_digits ? HTTP1_BARE_LF : HTTP1_BAD_CHUNK_SIZE;
}

static enum http1_result read_size(struct http1_parser *parser, struct size_line *line)
{
    const char *first = line->at;
    for (; line->at < line->end; line->at++) {
        const int digit = hex_digit(*line->at);
        if (digit < 0 && line->at > first && (*line->at == ';' || *line->at == '\r'))
            return HTTP1_DONE;
        if (digit < 0)
            return http1_refuse(parser, size_refusal(*line->at, line->at > first));
        if (line->at - first == SIZE_DIGITS_MAX)
            return http1_refuse(parser, HTTP1_BAD_CHUNK_SIZE);
        if (line->size == 0 && line->at > first)
            line->padding++;
        line->size = line->size << 4 | (uint64_t)digit;
    }
    return HTTP1_MORE;
}

/*
 * Extensions, RFC 9112 §7.1.1, without the "bad whitespace" that only recipients had to know:
 *
 *   ; NAME_START -token-> NAME [ = VALUE_START -token-> VALUE | -"-> QUOTED -"-> AFTER_QUOTE ] ; or
 * CR
 */
enum extension { NAME_START, NAME, VALUE_START, VALUE, QUOTED, ESCAPED, AFTER_QUOTE, MALFORMED };

static enum extension after_element(char byte)
{
    return byte == ';' ? NAME_START : MALFORMED;
}

static enum extension step(enum extension state, char byte)
{
    const bool is_token = shoal__http_is_char(byte, HTTP_TOKEN_CHAR);
    const bool is_text = shoal__http_is_char(byte, HTTP_VALUE_CHAR);
    switch (state) {
    case NAME_START:
        return is_token ? NAME : MALFORMED;
    case NAME:
        if (byte == '=')
            return VALUE_START;
        return is_token ? NAME : after_element(byte);
    case VALUE_START:
        if (byte == '"')
            return QUOTED;
        return is_token ? VALUE : MALFORMED;
    case VALUE:
        return is_token ? VALUE : after_element(byte);
    case QUOTED:
        if (byte == '"')
            return AFTER_QUOTE;
        if (byte == '\\')
            return ESCAPED;
        return is_text ? QUOTED : MALFORMED;
    case ESCAPED:
        return is_text ? QUOTED : MALFORMED;
    case AFTER_QUOTE:
        return after_element(byte);
    case MALFORMED:
        break;
    }
    return MALFORMED;
}

static bool may_end(enum extension state)
{
    return state == NAME || state == VALUE || state == AFTER_QUOTE;
}

/* Reads from the `;` behind the size up to the CR. */
static enum http1_result read_extensions(struct http1_parser *parser, struct size_line *line)
{
    const char *first = line->at++;
    enum extension state = NAME_START;
    for (; line->at < line->end; line->at++) {
        if (*line->at == '\r' && may_end(state)) {
            line->padding += (uint32_t)(line->at - first);
            return HTTP1_DONE;
        }
        if (line->at - first == EXTENSION_MAX)
            return http1_refuse(parser, HTTP1_CHUNK_OVERHEAD);
        if (*line->at == '\n')
            return http1_refuse(parser, HTTP1_BARE_LF);
        state = step(state, *line->at);
        if (state == MALFORMED)
            return http1_refuse(parser, HTTP1_BAD_CHUNK_EXTENSION);
    }
    return HTTP1_MORE;
}

/* Padding is paid for from what the data before has earned. */
static enum http1_result take_size(struct http1_parser *parser, const struct size_line *line)
{
    if (line->padding > parser->slack)
        return http1_refuse(parser, HTTP1_CHUNK_OVERHEAD);
    if (line->size > parser->allowance)
        return http1_refuse(parser, HTTP1_LARGE_BODY);
    const uint64_t earned = parser->slack - line->padding + line->size / DATA_PER_SLACK;
    parser->slack = earned < SLACK_MAX ? (uint32_t)earned : SLACK_MAX;
    parser->allowance -= line->size;
    parser->left = line->size;
    parser->phase = line->size > 0 ? HTTP1_IN_CHUNK : HTTP1_IN_TRAILERS;
    parser->line = parser->scanned = parser->field_count = 0; /* of the trailers */
    return HTTP1_DONE;
}

/* ---- Phases ---- */

/* CR LF at `input`'s start; `reason` is for anything else but a CR alone. */
static enum http1_result read_line_end(struct http1_parser *parser, struct shoal_view input,
                                       enum http1_refusal reason)
{
    if (input.size > 0 && input.data[0] != '\r')
        return http1_refuse(parser, reason);
    if (input.size < 2)
        return HTTP1_MORE;
    return input.data[1] == '\n' ? HTTP1_DONE : http1_refuse(parser, HTTP1_BARE_CR);
}

static enum http1_result pass_chunk_size(struct http1_parser *parser, struct shoal_view input,
                                         struct http1_part *part)
{
    if (input.size == 0)
        return HTTP1_MORE;
    struct size_line line = {.at = input.data, .end = input.data + input.size};
    enum http1_result result = read_size(parser, &line);
    if (result == HTTP1_DONE && *line.at == ';')
        result = read_extensions(parser, &line);
    if (result != HTTP1_DONE)
        return result;
    const size_t before = (size_t)(line.at - input.data);
    result = read_line_end(parser, shoal_view_from(input, before), HTTP1_BARE_CR);
    if (result != HTTP1_DONE)
        return result;
    part->consumed += before + 2;
    return take_size(parser, &line);
}

static enum http1_result pass_chunk_end(struct http1_parser *parser, struct shoal_view input,
                                        struct http1_part *part)
{
    enum http1_result result = read_line_end(parser, input, HTTP1_BAD_CHUNK_END);
    if (result != HTTP1_DONE)
        return result;
    part->consumed += 2;
    parser->phase = HTTP1_AT_CHUNK_SIZE;
    return HTTP1_DONE;
}

/* Hands out what has come of the `left` bytes of the body or chunk; `next` follows the last. */
static enum http1_result pass_data(struct http1_parser *parser, struct shoal_view input,
                                   enum http1_phase next, struct http1_part *part)
{
    if (input.size == 0)
        return HTTP1_MORE;
    const size_t size = input.size < parser->left ? input.size : (size_t)parser->left;
    part->data = shoal_view(input.data, size);
    part->consumed += size;
    parser->left -= size;
    if (parser->left == 0)
        parser->phase = (uint8_t)next;
    return HTTP1_DATA;
}

/* What is within the limit is handed out before what is not is refused, however it was cut. */
static enum http1_result pass_unbounded(struct http1_parser *parser, struct shoal_view input,
                                        struct http1_part *part)
{
    if (input.size > 0 && parser->allowance == 0)
        return http1_refuse(parser, HTTP1_LARGE_BODY);
    parser->left = input.size < parser->allowance ? input.size : parser->allowance;
    parser->allowance -= parser->left;
    return pass_data(parser, input, HTTP1_IN_UNBOUNDED, part);
}

static enum http1_result pass_trailers(struct http1_parser *parser, struct shoal_view input,
                                       const struct http1_limits *limits, struct http1_part *part)
{
    struct http1_head trailers = {.fields = part->trailers};
    enum http1_result result = shoal__http1_trailers_parse(parser, input, limits, &trailers);
    if (result != HTTP1_DONE)
        return result;
    part->trailer_count = trailers.field_count;
    part->consumed += parser->line;
    parser->phase = HTTP1_AT_END;
    return HTTP1_DONE;
}

/* One step of the phase the parser is in. HTTP1_DONE: go on, or the end if the phase is AT_END. */
static enum http1_result pass(struct http1_parser *parser, struct shoal_view input,
                              const struct http1_limits *limits, struct http1_part *part)
{
    switch ((enum http1_phase)parser->phase) {
    case HTTP1_IN_COUNTED:
        return pass_data(parser, input, HTTP1_AT_END, part);
    case HTTP1_IN_UNBOUNDED:
        return pass_unbounded(parser, input, part);
    case HTTP1_AT_CHUNK_SIZE:
        return pass_chunk_size(parser, input, part);
    case HTTP1_IN_CHUNK:
        return pass_data(parser, input, HTTP1_AT_CHUNK_END, part);
    case HTTP1_AT_CHUNK_END:
        return pass_chunk_end(parser, input, part);
    case HTTP1_IN_TRAILERS:
        return pass_trailers(parser, input, limits, part);
    case HTTP1_AT_END:
        return HTTP1_DONE;
    case HTTP1_AT_START:
    case HTTP1_IN_FIELDS:
        SHOAL_ASSERT(false); /* the head comes first */
        break;
    case HTTP1_IN_REFUSAL:
        break;
    }
    return HTTP1_REFUSED;
}

enum http1_result shoal__http1_body_next(struct http1_parser *parser, struct shoal_view input,
                                         const struct http1_limits *limits, struct http1_part *part)
{
    *part = (struct http1_part){.trailers = part->trailers};
    enum http1_result result;
    do
        result = pass(parser, shoal_view_from(input, part->consumed), limits, part);
    while (result == HTTP1_DONE && parser->phase != HTTP1_AT_END);
    return result;
}

enum http1_result shoal__http1_body_limit(struct http1_parser *parser, uint64_t limit_bytes)
{
    if (parser->phase == HTTP1_IN_REFUSAL)
        return HTTP1_REFUSED;
    if (parser->phase == HTTP1_IN_COUNTED && parser->left > limit_bytes)
        return http1_refuse(parser, HTTP1_LARGE_BODY);
    if (limit_bytes < parser->allowance)
        parser->allowance = limit_bytes;
    return HTTP1_DONE;
}

enum http1_result shoal__http1_body_eof(struct http1_parser *parser)
{
    if (parser->phase == HTTP1_IN_UNBOUNDED)
        parser->phase = HTTP1_AT_END;
    if (parser->phase == HTTP1_AT_END)
        return HTTP1_DONE;
    return parser->phase == HTTP1_IN_REFUSAL ? HTTP1_REFUSED
                                             : http1_refuse(parser, HTTP1_TRUNCATED);
}
