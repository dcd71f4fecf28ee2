/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies as they stream: spans, ends, limits, trailers. */
#include "proto/http1/http1_chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http1_wire.h"

#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct http1_limits limits = SHOAL_HTTP1_LIMITS_INIT;
static struct shoal__http_field fields[100];

/* Reads the head at `text`'s start and returns what is behind. */
static struct shoal_view enter(struct http1_parser *parser, const char *text)
{
    const struct shoal_view input = shoal_view_of(text);
    struct http1_request request = {.head.fields = fields};
    *parser = (struct http1_parser){0};
    assert_int_equal(shoal__http1_request_parse(parser, input, &limits, &request), HTTP1_DONE);
    return shoal_view_from(input, request.head.size);
}

static enum http1_result next(struct http1_parser *parser, struct shoal_view *input,
                              struct http1_part *part)
{
    part->trailers = fields;
    enum http1_result result = shoal__http1_body_next(parser, *input, &limits, part);
    *input = shoal_view_from(*input, part->consumed);
    return result;
}

static void assert_data(struct shoal_view data, const char *expected)
{
    assert_int_equal(data.size, strlen(expected));
    assert_memory_equal(data.data, expected, data.size);
}

static void a_counted_body_comes_as_it_came_and_ends_by_itself(void **state)
{
    (void)state;
    struct http1_parser parser;
    struct http1_part part;
    struct shoal_view rest = enter(&parser, POST "Content-Length: 5\r\n\r\nabcdeGET");
    struct shoal_view first = shoal_view(rest.data, 2);
    assert_int_equal(next(&parser, &first, &part), HTTP1_DATA);
    assert_data(part.data, "ab");
    assert_int_equal(next(&parser, &first, &part), HTTP1_MORE);
    rest = shoal_view_from(rest, 2);
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DATA);
    assert_data(part.data, "cde");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DONE);
    assert_data(rest, "GET");
}

static void a_request_without_body_is_over_at_once(void **state)
{
    (void)state;
    struct http1_parser parser;
    struct http1_part part;
    struct shoal_view rest = enter(&parser, POST "\r\nGET");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DONE);
    assert_int_equal(part.consumed, 0);
    rest = enter(&parser, POST "Content-Length: 0\r\n\r\nGET");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DONE);
    assert_int_equal(part.consumed, 0);
}

static void chunks_come_as_views_of_their_data(void **state)
{
    (void)state;
    struct http1_parser parser;
    struct http1_part part;
    const char *text = CHUNKED "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET";
    struct shoal_view rest = enter(&parser, text);
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DATA);
    assert_data(part.data, "abc");
    assert_ptr_equal(part.data.data, strstr(text, "abc"));
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DATA);
    assert_data(part.data, "0123456789");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DONE);
    assert_int_equal(part.trailer_count, 0);
    assert_data(rest, "GET");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DONE);
    assert_int_equal(part.consumed, 0);
}

static void trailers_are_kept_apart_and_the_forbidden_dropped(void **state)
{
    (void)state;
    struct http1_parser parser;
    struct http1_part part;
    struct shoal_view rest =
        enter(&parser, CHUNKED "0\r\nContent-Length: 9\r\nX-Sum: 7\r\nhost: evil\r\n"
                               "TRANSFER-ENCODING: x\r\nSet-Cookie: a\r\nY:\r\n\r\nGET");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DONE);
    assert_int_equal(part.trailer_count, 2);
    assert_data(part.trailers[0].name, "X-Sum");
    assert_data(part.trailers[0].value, "7");
    assert_data(part.trailers[1].name, "Y");
    assert_data(rest, "GET");
}

static void a_part_of_a_line_is_left_for_the_next_call(void **state)
{
    (void)state;
    struct http1_parser parser;
    struct http1_part part;
    struct shoal_view rest = enter(&parser, CHUNKED "3;ext=va");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_MORE);
    assert_int_equal(part.consumed, 0);
    rest = shoal_view_of("3;ext=value\r\nabc\r");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DATA);
    assert_int_equal(next(&parser, &rest, &part), HTTP1_MORE);
    assert_data(rest, "\r");
}

static void a_bad_chunk_size_is_refused_before_its_line_ends(void **state)
{
    (void)state;
    static const char *const starts[] = {"g", "0x", "-", " ", "3 ", "00000000000000000", "3;;"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        struct http1_parser parser;
        struct http1_part part;
        enter(&parser, CHUNKED);
        struct shoal_view rest = shoal_view_of(starts[i]);
        assert_int_equal(next(&parser, &rest, &part), HTTP1_REFUSED);
    }
}

static void a_length_over_the_limit_is_refused_without_its_body(void **state)
{
    (void)state;
    struct http1_parser parser;
    enter(&parser, POST "Content-Length: 5\r\n\r\n");
    assert_int_equal(shoal__http1_body_limit(&parser, 5), HTTP1_DONE);
    enter(&parser, POST "Content-Length: 5\r\n\r\n");
    assert_int_equal(shoal__http1_body_limit(&parser, 4), HTTP1_REFUSED);
    assert_int_equal(parser.refusal, HTTP1_LARGE_BODY);
}

static void without_a_limit_a_chunk_may_be_of_any_size(void **state)
{
    (void)state;
    struct http1_parser parser;
    struct http1_part part;
    struct shoal_view rest = enter(&parser, CHUNKED "7fffffffffffffff\r\nabc");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_DATA);
    assert_data(part.data, "abc");
    rest = enter(&parser, CHUNKED "8000000000000000\r\nabc");
    assert_int_equal(next(&parser, &rest, &part), HTTP1_REFUSED);
    assert_int_equal(parser.refusal, HTTP1_LARGE_BODY);
}

static void data_earns_room_for_extensions(void **state)
{
    (void)state;
    struct http1_parser parser;
    struct http1_part part;
    enter(&parser, CHUNKED);
    /* 200 extensions of 84 bytes are far over 4 KiB, but every chunk of 2 KiB earns 128. */
    for (int i = 0; i < 200; i++) {
        char chunk[2300];
        memset(chunk, 'x', sizeof(chunk));
        memcpy(chunk, "800;signature=", 14);
        memcpy(chunk + 87, "\r\n", 2);
        memcpy(chunk + 89 + 2048, "\r\n", 2);
        struct shoal_view rest = shoal_view(chunk, 89 + 2048 + 2);
        assert_int_equal(next(&parser, &rest, &part), HTTP1_DATA);
        assert_int_equal(part.data.size, 2048);
        assert_int_equal(next(&parser, &rest, &part), HTTP1_MORE);
        assert_int_equal(rest.size, 0);
    }
}

static void the_end_of_the_connection_cuts_a_body_short(void **state)
{
    (void)state;
    struct http1_parser parser;
    enter(&parser, POST "Content-Length: 5\r\n\r\n");
    assert_int_equal(shoal__http1_body_eof(&parser), HTTP1_REFUSED);
    assert_int_equal(parser.refusal, HTTP1_TRUNCATED);
    enter(&parser, CHUNKED);
    assert_int_equal(shoal__http1_body_eof(&parser), HTTP1_REFUSED);
    enter(&parser, POST "\r\n");
    assert_int_equal(shoal__http1_body_eof(&parser), HTTP1_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counted_body_comes_as_it_came_and_ends_by_itself),
        cmocka_unit_test(a_request_without_body_is_over_at_once),
        cmocka_unit_test(chunks_come_as_views_of_their_data),
        cmocka_unit_test(trailers_are_kept_apart_and_the_forbidden_dropped),
        cmocka_unit_test(a_part_of_a_line_is_left_for_the_next_call),
        cmocka_unit_test(a_bad_chunk_size_is_refused_before_its_line_ends),
        cmocka_unit_test(a_length_over_the_limit_is_refused_without_its_body),
        cmocka_unit_test(without_a_limit_a_chunk_may_be_of_any_size),
        cmocka_unit_test(data_earns_room_for_extensions),
        cmocka_unit_test(the_end_of_the_connection_cuts_a_body_short),
    };
    return cmocka_run_group_tests_name("http1 chunked", tests, NULL, NULL);
}
