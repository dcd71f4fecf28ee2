/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on three readers of HTTP/1.x requests: what ours accepts, llhttp and http-parser accept
 * too, with the same method, target, fields and body. They may accept more; where they do so
 * dangerously is why ours was written. Where they cannot be asked, the comparison ends:
 *   - a method they do not know (ours leaves that to the router's 501 or 405);
 *   - CONNECT, and an upgrade, after which they read no HTTP;
 *   - a message of HTTP/1.0, or one that says close, is the last for all three.
 * Trailers are compared by none: the others mix them with the fields.
 *
 * What ours accepts and another refuses, each legal and harmless:
 *   - a chunk extension with a quoted value, or behind one with a value (llhttp);
 *   - a tab among the blanks behind the value of Content-Length or Transfer-Encoding (llhttp);
 *   - framing fields among the trailers (both): ours drops them, RFC 9110 §6.5.1;
 *   - a field whose name only begins with Transfer-Encoding (http-parser takes it for the whole).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1_peer.h"
#include "proto/http/chars.h"
#include "proto/http1/http1_chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES_MAX = 8, TEXT_MAX = 65536, FIELDS_MAX = 100 };

/* What a reader has made of a message. */
struct text {
    size_t size;
    char bytes[TEXT_MAX];
};

struct outcome {
    unsigned messages; /* whole ones */
    bool in_trailers;
    bool in_value; /* the last field's */
    struct text head[MESSAGES_MAX], body[MESSAGES_MAX];
};

static struct outcome ours, theirs;

static void add(struct text *text, const char *bytes, size_t size)
{
    if (size > TEXT_MAX - text->size)
        abort(); /* -max_len is too large */
    if (size > 0)
        memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void clear(struct outcome *outcome)
{
    outcome->messages = 0;
    outcome->in_trailers = outcome->in_value = false;
    for (int i = 0; i < MESSAGES_MAX; i++)
        outcome->head[i].size = outcome->body[i].size = 0;
}

static bool same(const struct text *a, const struct text *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* ---- Ours ---- */

static void note_ours(const struct http1_request *request)
{
    struct text *head = &ours.head[ours.messages];
    add(head, request->method_name.data, request->method_name.size);
    add(head, " ", 1);
    add(head, request->target.data, request->target.size);
    for (size_t i = 0; i < request->head.field_count; i++) {
        const struct shoal__http_field *field = &request->head.fields[i];
        add(head, "\n", 1);
        add(head, field->name.data, field->name.size);
        add(head, "=", 1);
        add(head, field->value.data, field->value.size);
    }
}

static bool read_body(struct http1_parser *parser, struct shoal_view *input,
                      const struct http1_limits *limits)
{
    struct shoal__http_field trailers[FIELDS_MAX];
    struct http1_part part = {.trailers = trailers};
    enum http1_result result;
    do {
        result = shoal__http1_body_next(parser, *input, limits, &part);
        if (result == HTTP1_DATA)
            add(&ours.body[ours.messages], part.data.data, part.data.size);
        *input = shoal_view_from(*input, part.consumed);
    } while (result == HTTP1_DATA);
    return result == HTTP1_DONE;
}

static void read_ours(struct shoal_view input)
{
    const struct http1_limits limits = SHOAL_HTTP1_LIMITS_INIT;
    struct shoal__http_field fields[FIELDS_MAX];
    while (ours.messages < MESSAGES_MAX) {
        struct http1_parser parser = {0};
        struct http1_request request = {.head.fields = fields};
        if (shoal__http1_request_parse(&parser, input, &limits, &request) != HTTP1_DONE)
            return;
        if (request.method == HTTP1_CONNECT || request.head.says_upgrade)
            return;
        note_ours(&request);
        input = shoal_view_from(input, request.head.size);
        if (!read_body(&parser, &input, &limits))
            return;
        ours.messages++;
        if (!request.head.keep_alive)
            return;
    }
}

/* ---- What the peers tell ---- */

int http1_peer_on_url(const char *bytes, size_t size)
{
    if (theirs.messages < MESSAGES_MAX)
        add(&theirs.head[theirs.messages], bytes, size);
    return 0;
}

int http1_peer_on_name(const char *bytes, size_t size)
{
    if (theirs.in_trailers || theirs.messages == MESSAGES_MAX)
        return 0;
    struct text *head = &theirs.head[theirs.messages];
    if (theirs.in_value || !memchr(head->bytes, '\n', head->size))
        add(head, "\n", 1);
    theirs.in_value = false;
    add(head, bytes, size);
    return 0;
}

int http1_peer_on_value(const char *bytes, size_t size)
{
    if (theirs.in_trailers || theirs.messages == MESSAGES_MAX)
        return 0;
    struct text *head = &theirs.head[theirs.messages];
    if (!theirs.in_value)
        add(head, "=", 1);
    theirs.in_value = true;
    while (size > 0 && (bytes[size - 1] == ' ' || bytes[size - 1] == '\t'))
        size--;
    add(head, bytes, size);
    return 0;
}

int http1_peer_on_body(const char *bytes, size_t size)
{
    if (theirs.messages < MESSAGES_MAX)
        add(&theirs.body[theirs.messages], bytes, size);
    return 0;
}

/* The method is known by number only; its name goes before the target. */
int http1_peer_on_head_end(const char *method)
{
    if (theirs.messages < MESSAGES_MAX) {
        struct text *head = &theirs.head[theirs.messages];
        const size_t size = strlen(method);
        add(head, "", 0);
        if (head->size + size + 1 > TEXT_MAX)
            abort();
        memmove(head->bytes + size + 1, head->bytes, head->size);
        memcpy(head->bytes, method, size);
        head->bytes[size] = ' ';
        head->size += size + 1;
    }
    theirs.in_trailers = true;
    return 0;
}

int http1_peer_on_end(void)
{
    theirs.in_trailers = theirs.in_value = false;
    if (theirs.messages < MESSAGES_MAX)
        theirs.messages++;
    return 0;
}

/* ---- The comparison ---- */

/* The methods that ours names, all of which the peers know. */
static bool is_known(const struct text *head)
{
#define KNOWN(name)                                                                        \
    if (head->size >= sizeof(#name) && memcmp(head->bytes, #name " ", sizeof(#name)) == 0) \
        return true;
    SHOAL_HTTP1_METHODS(KNOWN)
#undef KNOWN
    return false;
}

static void fail(const char *reader, const char *why, unsigned message)
{
    fprintf(stderr, "message %u: %s: %s\nours:\n%.*s\n{%.*s}\ntheirs:\n%.*s\n{%.*s}\n", message,
            reader, why, (int)ours.head[message].size, ours.head[message].bytes,
            (int)ours.body[message].size, ours.body[message].bytes, (int)theirs.head[message].size,
            theirs.head[message].bytes, (int)theirs.body[message].size, theirs.body[message].bytes);
    abort();
}

/* Whether a field's name has "transfer-encoding" and more. */
static bool has_longer_name(const struct text *head)
{
    static const char name[] = "transfer-encoding";
    const size_t size = sizeof(name) - 1;
    for (size_t i = 0; i + size + 1 < head->size; i++) {
        if (head->bytes[i] == '\n' && head->bytes[i + 1 + size] != '=' &&
            shoal__http_name_is(shoal_view(head->bytes + i + 1, size), name))
            return true;
    }
    return false;
}

/* Whether something like `;name="` or `;name=value;` is among the bytes. */
static bool has_extension_value(struct shoal_view input)
{
    const char *end = input.data + input.size;
    for (const char *at = input.data; at < end; at++) {
        if (*at != ';')
            continue;
        const char *equals = shoal__http_skip(at + 1, end, HTTP_TOKEN_CHAR);
        if (equals == end || *equals != '=')
            continue;
        const char *stop = shoal__http_skip(equals + 1, end, HTTP_TOKEN_CHAR);
        if (stop < end && (*stop == '"' || *stop == ';'))
            return true;
    }
    return false;
}

/* Whether a tab is among the blanks before a line's end. */
static bool has_tab_at_line_end(struct shoal_view input)
{
    const char *end = input.data + input.size;
    bool has_tab = false;
    for (const char *at = input.data; at < end; at++) {
        if (*at == '\r' && has_tab)
            return true;
        has_tab = *at == '\t' || (*at == ' ' && has_tab);
    }
    return false;
}

/* Whether the reader ended message `i` at one of the things that ours accepts and it does not. */
static bool is_known_difference(struct shoal_view input, const char *verdict, unsigned i)
{
    if (strcmp(verdict, "HPE_INVALID_CHUNK_SIZE") == 0 || strcmp(verdict, "HPE_STRICT") == 0)
        return has_extension_value(input);
    return (theirs.in_trailers || has_longer_name(&ours.head[i]) || has_tab_at_line_end(input)) &&
           (strcmp(verdict, "HPE_INVALID_TRANSFER_ENCODING") == 0 ||
            strcmp(verdict, "HPE_UNEXPECTED_CONTENT_LENGTH") == 0 ||
            strcmp(verdict, "HPE_INVALID_CONTENT_LENGTH") == 0);
}

static void compare(struct shoal_view input, const char *reader, const char *verdict)
{
    for (unsigned i = 0; i < ours.messages; i++) {
        if (!is_known(&ours.head[i]))
            return;
        if (i >= theirs.messages && is_known_difference(input, verdict, i))
            return;
        if (i >= theirs.messages)
            fail(reader, verdict, i);
        if (!same(&ours.head[i], &theirs.head[i]))
            fail(reader, "another head", i);
        if (!same(&ours.body[i], &theirs.body[i]))
            fail(reader, "another body", i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct shoal_view input = shoal_view(data, size);
    clear(&ours);
    read_ours(input);
    if (ours.messages == 0)
        return -1; /* nothing to compare: not worth a place in the corpus */

    clear(&theirs);
    compare(input, "llhttp", http1_peer_read_llhttp(input));
    clear(&theirs);
    compare(input, "http-parser", http1_peer_read_http_parser(input));
    return 0;
}
