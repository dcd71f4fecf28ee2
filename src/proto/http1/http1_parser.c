/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head's lines, for requests and responses, and trailers' lines, which differ in their meaning
 * only. What the special fields mean is in http1_fields.c, what targets look like in
 * http1_target.c.
 *
 *   AT_START --first line--> IN_FIELDS --empty line--> the body's phases (http1_chunked.c)
 *      |                        |  ^ |
 *      +-- empty line, twice    |  +-+ field line
 *      v                        v
 *   IN_REFUSAL (from anywhere, for ever)
 *
 * Every function reads from left to right and gives a verdict on a prefix only if each longer
 * input would get the same: that is why the verdict does not depend on how the bytes were cut.
 */
#include "proto/http1/http1_parser.h"

#include "base/assert.h"
#include "proto/http/chars.h"
#include "proto/http1/http1_priv.h"

enum { EMPTY_LINES_MAX = 2, METHOD_MAX = 32, CHUNK_SLACK_BYTES = 4096 };

/* A call's work: the input and what it fills in. */
struct scan {
    struct http1_parser *parser;
    const struct http1_limits *limits;
    const char *start;
    const char *end; /* of the input or, before that, of what a head may take */
    struct http1_head *head;
    struct http1_request *request;   /* NULL for responses and trailers */
    struct http1_response *response; /* NULL for requests and trailers */
    enum http1_result result;        /* why a take_ function returned NULL */
};

/*
 * Every take_ function reads one thing at `from` and returns where the next begins, or NULL with
 * scan->result set. The place is handed on in a register: a small request is not much longer than
 * the way of a line's end through memory and back, once per line.
 */
typedef const char *(*take_line_fn)(struct scan *scan, const char *from);

static const char *nearer(const char *end, const char *from, size_t limit)
{
    return (size_t)(end - from) > limit ? from + limit : end;
}

static const char *wait(struct scan *scan)
{
    scan->result = HTTP1_MORE;
    return NULL;
}

static const char *refuse(struct scan *scan, enum http1_refusal reason)
{
    scan->result = http1_refuse(scan->parser, reason);
    return NULL;
}

/* A line of CR and LF alone; the caller has seen the CR. */
static const char *take_empty_line(struct scan *scan, const char *from)
{
    if (from + 1 == scan->end)
        return wait(scan);
    return from[1] == '\n' ? from + 2 : refuse(scan, HTTP1_BARE_CR);
}

/* ---- Field lines ---- */

/* Why a field's name does not end with a colon but at `stop`. */
static enum http1_refusal name_refusal(const char *line, const char *stop)
{
    switch (*stop) {
    case ' ':
    case '\t':
        return stop == line ? HTTP1_OBS_FOLD : HTTP1_SPACED_NAME;
    case ':':
        return stop == line ? HTTP1_EMPTY_NAME : HTTP1_LARGE_FIELD;
    case '\n':
        return HTTP1_BARE_LF;
    case '\r':
        return HTTP1_NO_COLON;
    default:
        if (shoal__http_is_char(*stop, HTTP_TOKEN_CHAR))
            return HTTP1_LARGE_FIELD;
        return shoal__http_is_char(*stop, HTTP_VALUE_CHAR) ? HTTP1_BAD_NAME : HTTP1_CONTROL_BYTE;
    }
}

/* Why a line does not end in CR LF at `stop`, the first byte that is no part of a value. */
static enum http1_refusal line_end_refusal(const char *stop)
{
    if (shoal__http_is_char(*stop, HTTP_VALUE_CHAR))
        return HTTP1_LARGE_FIELD;
    if (*stop == '\n')
        return HTTP1_BARE_LF;
    return *stop == '\r' ? HTTP1_BARE_CR : HTTP1_CONTROL_BYTE;
}

static struct shoal_view trimmed(const char *from, const char *end)
{
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (from < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return shoal_view(from, (size_t)(end - from));
}

/* Reads [from, bound) as a value that must end in CR LF; out_value is trimmed. */
static const char *take_value(struct scan *scan, const char *from, const char *bound,
                              struct shoal_view *out_value)
{
    const char *stop = shoal__http_skip_value(from, bound);
    if (stop == scan->end || (*stop == '\r' && stop + 1 == scan->end))
        return wait(scan);
    if (stop[0] != '\r' || stop[1] != '\n')
        return refuse(scan, line_end_refusal(stop));
    *out_value = trimmed(from, stop);
    return stop + 2;
}

/* Applies the field's meaning, if any, and keeps it. */
static enum http1_refusal keep_field(struct scan *scan, const struct shoal__http_field *field)
{
    struct http1_head *head = scan->head;
    if (scan->parser->phase == HTTP1_IN_TRAILERS) {
        head->field_count += !shoal__http1_is_forbidden_trailer(field->name);
        return HTTP1_NOT_REFUSED;
    }
    head->field_count++;
    return shoal__http1_note_field(scan->parser, head, scan->request, field);
}

/* The field is made where it will stay: copies of views stall on their two halves. */
static const char *take_field(struct scan *scan, const char *from)
{
    if (scan->parser->field_count == scan->limits->field_count)
        return refuse(scan, HTTP1_MANY_FIELDS);
    const char *bound = nearer(scan->end, from, scan->limits->field_bytes);
    const char *colon = shoal__http_skip(from, bound, HTTP_TOKEN_CHAR);
    if (colon == scan->end)
        return wait(scan);
    if (*colon != ':' || colon == from || colon == bound)
        return refuse(scan, name_refusal(from, colon));

    struct shoal__http_field *field = &scan->head->fields[scan->head->field_count];
    field->name = shoal_view(from, (size_t)(colon - from));
    const char *next = take_value(scan, colon + 1, bound, &field->value);
    if (!next)
        return NULL;
    scan->parser->field_count++;
    enum http1_refusal refusal = keep_field(scan, field);
    return refusal == HTTP1_NOT_REFUSED ? next : refuse(scan, refusal);
}

/* Field lines and the empty line that ends them. */
static const char *take_fields(struct scan *scan, const char *from)
{
    for (;;) {
        if (from == scan->end)
            return wait(scan);
        if (*from == '\r')
            return take_empty_line(scan, from);
        from = take_field(scan, from);
        if (!from)
            return NULL;
        scan->parser->line = (uint32_t)(from - scan->start);
    }
}

/* ---- The first line ---- */

/*
 * How many of `have` bytes fit `pattern`, where `#` stands for a digit; at most the pattern's
 * length.
 */
static size_t match(const char *bytes, size_t have, const char *pattern)
{
    size_t i = 0;
    while (i < have && pattern[i] != '\0') {
        const bool fits =
            pattern[i] == '#' ? bytes[i] >= '0' && bytes[i] <= '9' : bytes[i] == pattern[i];
        if (!fits)
            break;
        i++;
    }
    return i;
}

/* Sets the minor version from "HTTP/x.y" at `bytes`; false for versions other than 1.0 and 1.1. */
static bool note_version(struct http1_parser *parser, const char *bytes)
{
    parser->minor = (uint8_t)(bytes[7] - '0');
    return bytes[5] == '1' && parser->minor <= 1;
}

static const char *take_request_version(struct scan *scan, const char *from)
{
    static const char pattern[] = "HTTP/#.#\r\n", usual[] = "HTTP/1.1\r\n";
    const size_t size = sizeof(pattern) - 1, have = (size_t)(scan->end - from);
    if (have >= size && memcmp(from, usual, size) == 0) {
        scan->parser->minor = 1;
        return from + size;
    }
    const size_t fits = match(from, have, pattern);
    if (fits < size && fits == have)
        return wait(scan);
    if (fits == size - 2 && from[fits] == '\n')
        return refuse(scan, HTTP1_BARE_LF);
    if (fits < size)
        return refuse(scan, fits == size - 1 ? HTTP1_BARE_CR : HTTP1_BAD_VERSION);
    return note_version(scan->parser, from) ? from + size : refuse(scan, HTTP1_OTHER_VERSION);
}

/* Why a target does not end with a space but at `stop`. */
static enum http1_refusal target_refusal(const char *stop)
{
    if (shoal__http_is_char(*stop, HTTP_QUERY_CHAR))
        return HTTP1_LONG_TARGET;
    if (*stop == '\n')
        return HTTP1_BARE_LF;
    return *stop == '\r' ? HTTP1_BAD_REQUEST_LINE : HTTP1_BAD_TARGET;
}

static const char *take_target(struct scan *scan, const char *from)
{
    struct http1_request *request = scan->request;
    const char *bound = nearer(scan->end, from, scan->limits->target_bytes);
    const char *path_end = shoal__http_skip(from, bound, HTTP_PATH_CHAR);
    const char *stop = shoal__http_skip(path_end, bound, HTTP_QUERY_CHAR);
    if (stop == scan->end)
        return wait(scan);
    if (*stop != ' ')
        return refuse(scan, target_refusal(stop));
    if (stop == from)
        return refuse(scan, HTTP1_BAD_REQUEST_LINE);

    request->target = shoal_view(from, (size_t)(stop - from));
    request->path = shoal_view(from, (size_t)(path_end - from));
    if (path_end < stop)
        request->query = shoal_view(path_end + 1, (size_t)(stop - path_end - 1));
    return shoal__http1_note_target(request) ? stop + 1 : refuse(scan, HTTP1_BAD_TARGET);
}

/* Why a method does not end with a space but at `stop`. */
static enum http1_refusal method_refusal(const char *line, const char *stop)
{
    if (*stop == '\n')
        return HTTP1_BARE_LF;
    if (stop == line || !shoal__http_is_char(*stop, HTTP_TOKEN_CHAR))
        return *stop == '\r' ? HTTP1_BAD_REQUEST_LINE : HTTP1_BAD_METHOD;
    return HTTP1_UNKNOWN_METHOD;
}

static const char *take_method(struct scan *scan, const char *from)
{
    const char *bound = nearer(scan->end, from, METHOD_MAX);
    const char *stop = shoal__http_skip(from, bound, HTTP_TOKEN_CHAR);
    if (stop == scan->end)
        return wait(scan);
    if (*stop != ' ' || stop == from)
        return refuse(scan, method_refusal(from, stop));
    if (!shoal__http1_note_method(scan->request, shoal_view(from, (size_t)(stop - from))))
        return refuse(scan, HTTP1_UNKNOWN_METHOD);
    return stop + 1;
}

static const char *take_request_line(struct scan *scan, const char *from)
{
    const char *target = take_method(scan, from);
    const char *version = target ? take_target(scan, target) : NULL;
    return version ? take_request_version(scan, version) : NULL;
}

/* RFC 9112 §2.2: a server ignores an empty line before a request; old clients send one. */
static const char *take_request_start(struct scan *scan, const char *from)
{
    for (;;) {
        if (from == scan->end)
            return wait(scan);
        if (*from != '\r')
            return take_request_line(scan, from);
        from = take_empty_line(scan, from);
        if (!from)
            return NULL;
        scan->parser->line = (uint32_t)(from - scan->start);
        if (scan->parser->empty_lines++ == EMPTY_LINES_MAX)
            return refuse(scan, HTTP1_EMPTY_LINES);
    }
}

/* The space behind the code may be missing where there is no phrase: many servers leave it out. */
static const char *take_status_line(struct scan *scan, const char *from)
{
    static const char pattern[] = "HTTP/#.# ###";
    const size_t size = sizeof(pattern) - 1, have = (size_t)(scan->end - from);
    const size_t fits = match(from, have, pattern);
    if (fits == have)
        return wait(scan);
    const char *code = from + size - 3, *phrase = from + size;
    if (fits < size || code[0] == '0' || (*phrase != ' ' && *phrase != '\r'))
        return refuse(scan, HTTP1_BAD_STATUS_LINE);
    if (!note_version(scan->parser, from))
        return refuse(scan, HTTP1_OTHER_VERSION);
    scan->response->status =
        (unsigned)((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
    return take_value(scan, phrase, nearer(scan->end, phrase, scan->limits->field_bytes),
                      &scan->response->reason);
}

/* ---- The end of the head ---- */

/* Sets the parser up for the body that the head has announced. */
static void enter_body(struct http1_parser *parser, struct http1_head *head)
{
    head->content_length = head->framing == HTTP1_COUNTED ? parser->left : 0;
    parser->left = head->content_length;
    parser->allowance = INT64_MAX;
    parser->slack = CHUNK_SLACK_BYTES;
    switch (head->framing) {
    case HTTP1_NO_BODY:
        parser->phase = HTTP1_AT_END;
        break;
    case HTTP1_COUNTED:
        parser->phase = parser->left > 0 ? HTTP1_IN_COUNTED : HTTP1_AT_END;
        break;
    case HTTP1_CHUNKED:
        parser->phase = HTTP1_AT_CHUNK_SIZE;
        break;
    case HTTP1_UNTIL_CLOSE:
        parser->phase = HTTP1_IN_UNBOUNDED;
        break;
    }
}

/* Fills in what follows from the fields for requests and responses alike. */
static void finish_head(const struct http1_parser *parser, struct http1_head *head)
{
    head->size = parser->line;
    head->minor = parser->minor;
    head->says_close = (parser->seen & HTTP1_SEEN_CLOSE) != 0;
    head->says_keep_alive = (parser->seen & HTTP1_SEEN_KEEP_ALIVE) != 0;
    head->says_upgrade = (parser->seen & HTTP1_SEEN_UPGRADE) != 0;
    head->keep_alive = !head->says_close && (head->minor == 1 || head->says_keep_alive);
    if (parser->seen & HTTP1_SEEN_ENCODING)
        head->framing = HTTP1_CHUNKED;
    else if (parser->seen & HTTP1_SEEN_LENGTH)
        head->framing = HTTP1_COUNTED;
    else
        head->framing = HTTP1_NO_BODY;
}

/* An upgrade counts only where nothing of the old protocol would follow: on a request with no body.
 */
static enum http1_result finish_request(struct http1_parser *parser, struct http1_request *request)
{
    struct http1_head *head = &request->head;
    if (parser->minor == 1 && !(parser->seen & HTTP1_SEEN_HOST))
        return http1_refuse(parser, HTTP1_MISSING_HOST);
    finish_head(parser, head);
    enter_body(parser, head);
    const bool has_body = parser->phase != HTTP1_AT_END;
    if (!head->says_upgrade || head->minor == 0 || has_body)
        head->upgrade = shoal_view(NULL, 0);
    request->expects_continue = (parser->seen & HTTP1_SEEN_EXPECT) && head->minor == 1 && has_body;
    /* Behind CONNECT comes a tunnel's data; should it be refused, that must not be read as HTTP. */
    if (request->method == HTTP1_CONNECT)
        head->keep_alive = false;
    return HTTP1_DONE;
}

/* RFC 9112 §6.3, in its order. */
static enum http1_framing response_framing(const struct http1_response *response,
                                           enum http1_method asked)
{
    const unsigned status = response->status;
    if (response->switches || asked == HTTP1_HEAD || status < 200 || status == 204 || status == 304)
        return HTTP1_NO_BODY;
    return response->head.framing == HTTP1_NO_BODY ? HTTP1_UNTIL_CLOSE : response->head.framing;
}

static enum http1_result finish_response(struct http1_parser *parser,
                                         struct http1_response *response, enum http1_method asked)
{
    struct http1_head *head = &response->head;
    finish_head(parser, head);
    response->switches =
        response->status == 101 || (asked == HTTP1_CONNECT && response->status / 100 == 2);
    head->framing = response_framing(response, asked);
    head->keep_alive =
        head->keep_alive && !response->switches && head->framing != HTTP1_UNTIL_CLOSE;
    if (response->status != 101 || !head->says_upgrade)
        head->upgrade = shoal_view(NULL, 0);
    enter_body(parser, head);
    return HTTP1_DONE;
}

/* ---- One call ---- */

/* Takes all lines that are whole, from where the parser stands. */
static enum http1_result take_lines(struct scan *scan, take_line_fn take_first_line)
{
    struct http1_parser *parser = scan->parser;
    const char *at = scan->start + parser->line;
    if (parser->phase == HTTP1_AT_START) {
        at = take_first_line(scan, at);
        if (!at)
            return scan->result;
        parser->line = (uint32_t)(at - scan->start);
        parser->phase = HTTP1_IN_FIELDS;
    }
    at = take_fields(scan, at);
    if (!at)
        return scan->result;
    parser->line = (uint32_t)(at - scan->start);
    return HTTP1_DONE;
}

/* Whether the line the parser stands at may have become whole, or longer than any line may be. */
static bool is_worth_a_look(const struct scan *scan, size_t size)
{
    const struct http1_parser *parser = scan->parser;
    const struct http1_limits *limits = scan->limits;
    const size_t longest =
        limits->target_bytes > limits->field_bytes ? limits->target_bytes : limits->field_bytes;
    return size > limits->head_bytes || size - parser->line > longest + 64 ||
           memchr(scan->start + parser->scanned, '\n', size - parser->scanned) != NULL;
}

/*
 * Takes lines until the head's end, HTTP1_MORE or a refusal. A head that ends in a later call than
 * it began is read once more from its start: the spans of earlier calls are stale by now.
 */
static enum http1_result take_head(struct scan *scan, size_t size, take_line_fn take_first_line)
{
    struct http1_parser *parser = scan->parser;
    const uint8_t first_phase =
        parser->phase == HTTP1_IN_TRAILERS ? HTTP1_IN_TRAILERS : HTTP1_AT_START;
    const bool resumed = parser->scanned > 0;
    enum http1_result result = HTTP1_MORE;
    if (size > 0 && (!resumed || is_worth_a_look(scan, size)))
        result = take_lines(scan, take_first_line);
    if (result == HTTP1_MORE && size > scan->limits->head_bytes)
        return http1_refuse(parser, HTTP1_LARGE_HEAD);
    if (result == HTTP1_MORE)
        parser->scanned = (uint32_t)size;
    if (result != HTTP1_DONE || !resumed)
        return result;

    *parser = (struct http1_parser){.phase = first_phase};
    scan->head->field_count = 0;
    result = take_lines(scan, take_first_line);
    SHOAL_ASSERT(result == HTTP1_DONE);
    return result;
}

/* Not the whole of a head is cleared: that would cost a small request a tenth of its time. */
static struct scan scan_of(struct http1_parser *parser, struct shoal_view input,
                           const struct http1_limits *limits, struct http1_head *head)
{
    const char *end = input.size > limits->head_bytes ? input.data + limits->head_bytes
                      : input.size > 0                ? input.data + input.size
                                                      : input.data; /* which may be NULL */
    head->field_count = 0;
    head->upgrade = shoal_view(NULL, 0);
    return (struct scan){
        .parser = parser, .limits = limits, .start = input.data, .end = end, .head = head};
}

enum http1_result shoal__http1_request_parse(struct http1_parser *parser, struct shoal_view input,
                                             const struct http1_limits *limits,
                                             struct http1_request *out_request)
{
    if (parser->phase == HTTP1_IN_REFUSAL)
        return HTTP1_REFUSED;
    SHOAL_ASSERT(parser->phase <= HTTP1_IN_FIELDS);
    out_request->form = HTTP1_ORIGIN_FORM;
    out_request->query = out_request->host = shoal_view(NULL, 0);
    struct scan scan = scan_of(parser, input, limits, &out_request->head);
    scan.request = out_request;
    enum http1_result result = take_head(&scan, input.size, take_request_start);
    return result == HTTP1_DONE ? finish_request(parser, out_request) : result;
}

enum http1_result shoal__http1_response_parse(struct http1_parser *parser, struct shoal_view input,
                                              const struct http1_limits *limits,
                                              enum http1_method asked,
                                              struct http1_response *out_response)
{
    if (parser->phase == HTTP1_IN_REFUSAL)
        return HTTP1_REFUSED;
    SHOAL_ASSERT(parser->phase <= HTTP1_IN_FIELDS);
    struct scan scan = scan_of(parser, input, limits, &out_response->head);
    scan.response = out_response;
    enum http1_result result = take_head(&scan, input.size, take_status_line);
    return result == HTTP1_DONE ? finish_response(parser, out_response, asked) : result;
}

enum http1_result shoal__http1_trailers_parse(struct http1_parser *parser, struct shoal_view input,
                                              const struct http1_limits *limits,
                                              struct http1_head *trailers)
{
    struct scan scan = scan_of(parser, input, limits, trailers);
    return take_head(&scan, input.size, NULL);
}

/* ---- Refusals ---- */

static const struct {
    const char *name, *text;
    unsigned status;
} refusals[HTTP1_REFUSAL_COUNT] = {
#define REFUSAL_ROW(name, status, text) [HTTP1_##name] = {#name, text, status},
    SHOAL_HTTP1_REFUSALS(REFUSAL_ROW)
#undef REFUSAL_ROW
};

const char *shoal__http1_refusal_name(enum http1_refusal refusal)
{
    return refusals[refusal].name;
}

unsigned shoal__http1_refusal_status(enum http1_refusal refusal)
{
    return refusals[refusal].status;
}

const char *shoal__http1_refusal_text(enum http1_refusal refusal)
{
    return refusals[refusal].text;
}
