/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fields that mean something to the engine itself: where the message ends, which host it is
 * for, whether the connection lives on, and what may not be a trailer. Whatever two readers could
 * understand differently is refused (RFC 9112 §11.2), also where the RFC would allow a guess.
 */
#include "proto/http/authority.h"
#include "proto/http1/http1_priv.h"

static void note(struct http1_parser *parser, enum http1_seen what)
{
    parser->seen = (uint16_t)(parser->seen | what);
}

static enum http1_refusal note_host(struct http1_parser *parser, struct http1_request *request,
                                    struct shoal_view value)
{
    if (parser->seen & HTTP1_SEEN_HOST)
        return HTTP1_REPEATED_HOST;
    if (!shoal__http_is_authority(value, false))
        return HTTP1_BAD_HOST;
    note(parser, HTTP1_SEEN_HOST);
    if (request->form == HTTP1_ORIGIN_FORM || request->form == HTTP1_ASTERISK_FORM)
        request->host = value;
    return HTTP1_NOT_REFUSED;
}

/* Digits alone. Up to 18 of them always fit; a 19th may not, and any more is no honest length. */
static enum http1_refusal parse_length(struct shoal_view value, uint64_t *out_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return HTTP1_BAD_LENGTH;
        length = length * 10 + (uint64_t)(value.data[i] - '0');
    }
    if (value.size == 0)
        return HTTP1_BAD_LENGTH;
    if (value.size > 19 || length > INT64_MAX)
        return HTTP1_HUGE_LENGTH;
    *out_length = length;
    return HTTP1_NOT_REFUSED;
}

/* Even equal repetitions are refused, which RFC 9110 §8.6 would let pass. */
static enum http1_refusal note_length(struct http1_parser *parser, struct shoal_view value)
{
    if (parser->seen & HTTP1_SEEN_LENGTH)
        return HTTP1_REPEATED_LENGTH;
    if (parser->seen & HTTP1_SEEN_ENCODING)
        return HTTP1_LENGTH_AND_ENCODING;
    note(parser, HTTP1_SEEN_LENGTH);
    return parse_length(value, &parser->left);
}

static enum http1_refusal note_encoding(struct http1_parser *parser, struct shoal_view value)
{
    if (parser->seen & HTTP1_SEEN_ENCODING)
        return HTTP1_REPEATED_ENCODING;
    if (parser->seen & HTTP1_SEEN_LENGTH)
        return HTTP1_LENGTH_AND_ENCODING;
    if (parser->minor == 0)
        return HTTP1_ENCODING_IN_1_0;
    note(parser, HTTP1_SEEN_ENCODING);
    return shoal__http_name_is(value, "chunked") ? HTTP1_NOT_REFUSED : HTTP1_BAD_ENCODING;
}

/* Takes the first element off a comma-separated list, without the blanks around it. */
static struct shoal_view take_element(struct shoal_view *list)
{
    const char *comma = memchr(list->data, ',', list->size);
    const size_t size = comma ? (size_t)(comma - list->data) : list->size;
    struct shoal_view element = shoal_view(list->data, size);
    *list = shoal_view_from(*list, comma ? size + 1 : size);
    while (element.size > 0 && (*element.data == ' ' || *element.data == '\t'))
        element = shoal_view_from(element, 1);
    while (element.size > 0 &&
           (element.data[element.size - 1] == ' ' || element.data[element.size - 1] == '\t'))
        element.size--;
    return element;
}

static enum http1_refusal note_connection(struct http1_parser *parser, struct shoal_view value)
{
    while (value.size > 0) {
        struct shoal_view option = take_element(&value);
        if (shoal__http_name_is(option, "close"))
            note(parser, HTTP1_SEEN_CLOSE);
        else if (shoal__http_name_is(option, "keep-alive"))
            note(parser, HTTP1_SEEN_KEEP_ALIVE);
        else if (shoal__http_name_is(option, "upgrade"))
            note(parser, HTTP1_SEEN_UPGRADE);
    }
    return HTTP1_NOT_REFUSED;
}

static enum http1_refusal note_expect(struct http1_parser *parser, struct shoal_view value)
{
    note(parser, HTTP1_SEEN_EXPECT);
    return shoal__http_name_is(value, "100-continue") ? HTTP1_NOT_REFUSED : HTTP1_BAD_EXPECT;
}

enum http1_refusal shoal__http1_note_field(struct http1_parser *parser, struct http1_head *head,
                                           struct http1_request *request,
                                           const struct shoal__http_field *field)
{
    switch (field->name.size) {
    case 4:
        if (request && shoal__http_name_is(field->name, "host"))
            return note_host(parser, request, field->value);
        break;
    case 6:
        if (request && shoal__http_name_is(field->name, "expect"))
            return note_expect(parser, field->value);
        break;
    case 7:
        if (shoal__http_name_is(field->name, "upgrade"))
            head->upgrade = field->value;
        break;
    case 10:
        if (shoal__http_name_is(field->name, "connection"))
            return note_connection(parser, field->value);
        break;
    case 14:
        if (shoal__http_name_is(field->name, "content-length"))
            return note_length(parser, field->value);
        break;
    case 17:
        if (shoal__http_name_is(field->name, "transfer-encoding"))
            return note_encoding(parser, field->value);
        break;
    default:
        break;
    }
    return HTTP1_NOT_REFUSED;
}

bool shoal__http1_is_forbidden_trailer(struct shoal_view name)
{
    static const char *const forbidden[] = {"age",
                                            "authorization",
                                            "cache-control",
                                            "connection",
                                            "content-encoding",
                                            "content-length",
                                            "content-range",
                                            "content-type",
                                            "cookie",
                                            "date",
                                            "expect",
                                            "expires",
                                            "host",
                                            "if-match",
                                            "if-modified-since",
                                            "if-none-match",
                                            "if-range",
                                            "if-unmodified-since",
                                            "keep-alive",
                                            "location",
                                            "max-forwards",
                                            "pragma",
                                            "proxy-authenticate",
                                            "proxy-authorization",
                                            "proxy-connection",
                                            "range",
                                            "retry-after",
                                            "set-cookie",
                                            "te",
                                            "trailer",
                                            "transfer-encoding",
                                            "upgrade",
                                            "vary",
                                            "warning",
                                            "www-authenticate"};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
        if (shoal__http_name_is(name, forbidden[i]))
            return true;
    }
    return false;
}
