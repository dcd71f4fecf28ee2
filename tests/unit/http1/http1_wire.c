/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection end of the HTTP/1.x tests; see http1_wire.h. */
#include "http1_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIELDS_MAX = 128 };

static void log_bytes(struct http1_wire *wire, const char *bytes, size_t size)
{
    if (wire->log_size + size >= wire->log_room) {
        wire->log_room = 2 * (wire->log_size + size) + 256;
        wire->log = realloc(wire->log, wire->log_room);
        assert_non_null(wire->log);
    }
    if (size > 0)
        memcpy(wire->log + wire->log_size, bytes, size);
    wire->log_size += size;
    wire->log[wire->log_size] = '\0';
}

static void log_view(struct http1_wire *wire, struct shoal_view view)
{
    log_bytes(wire, view.data, view.size);
}

__attribute__((format(printf, 2, 3))) static void log_text(struct http1_wire *wire,
                                                           const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_in_range(size, 0, sizeof(text) - 1);
    log_bytes(wire, text, (size_t)size);
}

static void log_named(struct http1_wire *wire, const char *name, struct shoal_view value)
{
    log_text(wire, " %s=", name);
    log_view(wire, value);
}

static void log_fields(struct http1_wire *wire, const struct shoal__http_field *fields,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        log_view(wire, fields[i].name);
        log_text(wire, "=");
        log_view(wire, fields[i].value);
        log_text(wire, "\n");
    }
}

static void log_head(struct http1_wire *wire, const struct http1_head *head)
{
    static const char *const framings[] = {"none", "counted", "chunked", "until-close"};
    log_text(wire, " 1.%u %s:%llu%s%s%s%s", head->minor, framings[head->framing],
             (unsigned long long)head->content_length, head->keep_alive ? " keep" : "",
             head->says_close ? " says-close" : "", head->says_keep_alive ? " says-keep" : "",
             head->says_upgrade ? " says-upgrade" : "");
    if (head->upgrade.size > 0)
        log_named(wire, "upgrade", head->upgrade);
    log_text(wire, "\n");
    log_fields(wire, head->fields, head->field_count);
    log_text(wire, "{");
}

static void log_request(struct http1_wire *wire, const struct http1_request *request)
{
    static const char *const forms[] = {"origin", "absolute", "authority", "asterisk"};
    log_view(wire, request->method_name);
    log_text(wire, "(%d) ", (int)request->method);
    log_view(wire, request->target);
    log_text(wire, " %s", forms[request->form]);
    log_named(wire, "path", request->path);
    if (request->query.data)
        log_named(wire, "query", request->query);
    log_named(wire, "host", request->host);
    log_text(wire, "%s", request->expects_continue ? " expects-continue" : "");
    log_head(wire, &request->head);
}

static void log_response(struct http1_wire *wire, const struct http1_response *response)
{
    log_text(wire, "%u ", response->status);
    log_view(wire, response->reason);
    log_text(wire, "%s", response->switches ? " switches" : "");
    log_head(wire, &response->head);
}

static void refused(struct http1_wire *wire)
{
    log_text(wire, "REFUSED %s",
             shoal__http1_refusal_name((enum http1_refusal)wire->parser.refusal));
    wire->is_over = true;
}

static void end_message(struct http1_wire *wire)
{
    log_text(wire, "}\n");
    wire->messages++;
    wire->is_over = wire->is_last;
    memset(&wire->parser, 0, sizeof(wire->parser));
}

/* Reads a head; the first byte behind it, or NULL to wait or stop. */
static const char *take_head(struct http1_wire *wire, struct shoal_view input)
{
    struct shoal__http_field *fields = calloc(FIELDS_MAX, sizeof(*fields));
    struct http1_request request = {.head.fields = fields};
    struct http1_response response = {.head.fields = fields};
    const struct http1_head *head = wire->is_client ? &response.head : &request.head;
    enum http1_result result =
        wire->is_client ? shoal__http1_response_parse(&wire->parser, input, &wire->limits,
                                                      wire->asked, &response)
                        : shoal__http1_request_parse(&wire->parser, input, &wire->limits, &request);
    if (result == HTTP1_REFUSED)
        refused(wire);
    if (result == HTTP1_DONE && wire->is_client)
        log_response(wire, &response);
    else if (result == HTTP1_DONE)
        log_request(wire, &request);
    const bool is_interim = wire->is_client && response.status / 100 == 1 && !response.switches;
    if (result == HTTP1_DONE)
        wire->is_last = !head->keep_alive && !is_interim;
    const char *rest = result == HTTP1_DONE ? input.data + head->size : NULL;
    free(fields);
    if (rest && shoal__http1_body_limit(&wire->parser, wire->body_limit) == HTTP1_REFUSED) {
        refused(wire);
        return NULL;
    }
    return rest;
}

/* Reads on in a body; the first byte behind what was taken. */
static const char *take_body(struct http1_wire *wire, struct shoal_view input,
                             enum http1_result *out_result)
{
    struct shoal__http_field *trailers = calloc(FIELDS_MAX, sizeof(*trailers));
    struct http1_part part = {.trailers = trailers};
    *out_result = shoal__http1_body_next(&wire->parser, input, &wire->limits, &part);
    assert_true(part.consumed <= input.size);
    if (*out_result == HTTP1_DATA)
        log_view(wire, part.data);
    if (*out_result == HTTP1_REFUSED)
        refused(wire);
    if (*out_result == HTTP1_DONE) {
        log_fields(wire, part.trailers, part.trailer_count);
        end_message(wire);
    }
    free(trailers);
    return part.consumed > 0 ? input.data + part.consumed : input.data;
}

static struct shoal_view consume(struct http1_wire *wire, struct shoal_view input)
{
    enum http1_result result = HTTP1_DONE;
    while (!wire->is_over && result != HTTP1_MORE) {
        const bool in_head = wire->parser.phase <= HTTP1_IN_FIELDS;
        const char *rest = in_head ? take_head(wire, input) : take_body(wire, input, &result);
        if (!rest)
            break;
        input = shoal_view(rest, input.size - (size_t)(rest - input.data));
    }
    return input;
}

void http1_wire_start(struct http1_wire *wire)
{
    *wire = (struct http1_wire){.limits = SHOAL_HTTP1_LIMITS_INIT, .body_limit = 1 << 20};
}

void http1_wire_feed(struct http1_wire *wire, struct shoal_view bytes)
{
    const size_t size = wire->kept_size + bytes.size;
    char *input = malloc(size > 0 ? size : 1);
    assert_non_null(input);
    if (wire->kept_size > 0)
        memcpy(input, wire->kept, wire->kept_size);
    if (bytes.size > 0)
        memcpy(input + wire->kept_size, bytes.data, bytes.size);
    free(wire->kept);

    struct shoal_view rest = consume(wire, shoal_view(input, size));
    wire->kept_size = rest.size;
    wire->kept = malloc(rest.size > 0 ? rest.size : 1);
    assert_non_null(wire->kept);
    if (rest.size > 0)
        memcpy(wire->kept, rest.data, rest.size);
    free(input);
}

void http1_wire_eof(struct http1_wire *wire)
{
    const bool in_head = wire->parser.phase <= HTTP1_IN_FIELDS;
    if (wire->is_over || (in_head && wire->kept_size == 0))
        return;
    if (in_head)
        log_text(wire, "CUT SHORT");
    else if (shoal__http1_body_eof(&wire->parser) == HTTP1_DONE)
        end_message(wire);
    else
        refused(wire);
    wire->is_over = true;
}

void http1_wire_free(struct http1_wire *wire)
{
    free(wire->kept);
    free(wire->log);
}

const char *http1_wire_log(const struct http1_wire *wire)
{
    return wire->log ? wire->log : "";
}

struct http1_wire http1_wire_run(const struct http1_wire *like, struct shoal_view bytes,
                                 size_t piece)
{
    struct http1_wire wire = *like;
    while (bytes.size > piece) {
        http1_wire_feed(&wire, shoal_view(bytes.data, piece));
        bytes = shoal_view_from(bytes, piece);
    }
    http1_wire_feed(&wire, bytes);
    http1_wire_eof(&wire);
    return wire;
}

struct http1_wire http1_wire_run_cut(const struct http1_wire *like, struct shoal_view bytes,
                                     size_t cut)
{
    struct http1_wire wire = *like;
    http1_wire_feed(&wire, shoal_view(bytes.data, cut));
    http1_wire_feed(&wire, shoal_view_from(bytes, cut));
    http1_wire_eof(&wire);
    return wire;
}

void http1_wire_assert_cuts_leave_no_trace(const struct http1_wire *like, struct shoal_view bytes,
                                           size_t step)
{
    struct http1_wire whole = http1_wire_run(like, bytes, bytes.size);
    struct http1_wire trickled = http1_wire_run(like, bytes, 1);
    assert_string_equal(http1_wire_log(&trickled), http1_wire_log(&whole));
    assert_int_equal(trickled.messages, whole.messages);
    http1_wire_free(&trickled);
    for (size_t cut = 1; cut < bytes.size; cut += step) {
        struct http1_wire halved = http1_wire_run_cut(like, bytes, cut);
        assert_string_equal(http1_wire_log(&halved), http1_wire_log(&whole));
        assert_int_equal(halved.messages, whole.messages);
        http1_wire_free(&halved);
    }
    http1_wire_free(&whole);
}
