/* SPDX-License-Identifier: BSD-3-Clause */
/* Request heads: what a driver is told about a request that is accepted. */
#include "proto/http1/http1_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http1_wire.h"

#define HEAD(line, fields) line " HTTP/1.1\r\nHost: h\r\n" fields "\r\n"

static struct shoal__http_field fields[100];

/* Reads a head that must be accepted. */
static struct http1_request parse(const char *text)
{
    static const struct http1_limits limits = SHOAL_HTTP1_LIMITS_INIT;
    struct http1_parser parser = {0};
    struct http1_request request = {.head.fields = fields};
    assert_int_equal(shoal__http1_request_parse(&parser, shoal_view_of(text), &limits, &request),
                     HTTP1_DONE);
    return request;
}

static void assert_view(struct shoal_view view, const char *expected)
{
    char *text = strndup(view.data ? view.data : "", view.size);
    assert_string_equal(text, expected);
    free(text);
}

static void a_parser_is_small_enough_to_keep_per_connection(void **state)
{
    (void)state;
    assert_true(sizeof(struct http1_parser) <= 64);
}

static void fields_are_views_of_the_input_in_their_own_case_and_trimmed(void **state)
{
    (void)state;
    const char *text = "GET / HTTP/1.1\r\nHost: h\r\nX-Case:  a \t b\t \r\nempty:\r\n\r\nrest";
    struct http1_request request = parse(text);
    assert_int_equal(request.head.field_count, 3);
    assert_int_equal(request.head.size, strlen(text) - strlen("rest"));
    assert_view(fields[1].name, "X-Case");
    assert_view(fields[1].value, "a \t b");
    assert_ptr_equal(fields[1].name.data, strstr(text, "X-Case"));
    assert_view(fields[2].value, "");
}

static void methods_are_known_by_number_and_others_by_name(void **state)
{
    (void)state;
#define CHECK_METHOD(name)             \
    if (HTTP1_##name != HTTP1_CONNECT) \
        assert_int_equal(parse(HEAD(#name " /", "")).method, HTTP1_##name);
    SHOAL_HTTP1_METHODS(CHECK_METHOD)
#undef CHECK_METHOD
    struct http1_request request = parse(HEAD("MKCOL /", ""));
    assert_int_equal(request.method, HTTP1_OTHER);
    assert_view(request.method_name, "MKCOL");
    assert_int_equal(parse(HEAD("GETS /", "")).method, HTTP1_OTHER);
}

static void an_origin_target_is_split_at_its_first_question_mark(void **state)
{
    (void)state;
    struct http1_request request = parse(HEAD("GET /a%20b?c=d?e", ""));
    assert_int_equal(request.form, HTTP1_ORIGIN_FORM);
    assert_view(request.target, "/a%20b?c=d?e");
    assert_view(request.path, "/a%20b");
    assert_view(request.query, "c=d?e");
    assert_view(request.host, "h");
}

static void an_empty_query_is_told_from_none(void **state)
{
    (void)state;
    assert_non_null(parse(HEAD("GET /?", "")).query.data);
    assert_int_equal(parse(HEAD("GET /?", "")).query.size, 0);
    assert_null(parse(HEAD("GET /", "")).query.data);
}

static void the_authority_of_an_absolute_target_overrides_host(void **state)
{
    (void)state;
    struct http1_request request = parse(HEAD("GET http://example.com:8080/x?y", ""));
    assert_int_equal(request.form, HTTP1_ABSOLUTE_FORM);
    assert_view(request.host, "example.com:8080");
    assert_view(request.path, "/x");
    assert_view(request.query, "y");
}

static void an_absolute_target_without_path_means_the_root_or_the_server(void **state)
{
    (void)state;
    assert_view(parse(HEAD("GET http://example.com", "")).path, "/");
    assert_view(parse(HEAD("GET HTTPS://example.com?q=/", "")).path, "/");
    assert_view(parse(HEAD("GET HTTPS://example.com?q=/", "")).host, "example.com");
    assert_view(parse(HEAD("OPTIONS http://example.com", "")).path, "*");
}

static void asterisk_and_authority_forms_belong_to_their_methods(void **state)
{
    (void)state;
    struct http1_request request = parse(HEAD("OPTIONS *", ""));
    assert_int_equal(request.form, HTTP1_ASTERISK_FORM);
    assert_view(request.path, "*");
    assert_view(request.host, "h");
    request = parse(HEAD("CONNECT example.com:443", ""));
    assert_int_equal(request.form, HTTP1_AUTHORITY_FORM);
    assert_view(request.host, "example.com:443");
    assert_view(request.path, "");
    assert_false(request.head.keep_alive);
}

static void the_connection_lives_on_by_version_and_option(void **state)
{
    (void)state;
    assert_true(parse("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head.keep_alive);
    assert_false(parse("GET / HTTP/1.0\r\n\r\n").head.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").head.keep_alive);
    assert_false(parse(HEAD("GET /", "Connection: close\r\n")).head.keep_alive);
    assert_false(parse(HEAD("GET /", "connection: TE, CLOSE\r\n")).head.keep_alive);
    assert_false(parse(HEAD("GET /", "Connection: close, keep-alive\r\n")).head.keep_alive);
    assert_false(
        parse(HEAD("GET /", "Connection: keep-alive\r\nConnection: close\r\n")).head.keep_alive);
    assert_true(parse(HEAD("GET /", "Connection: closed\r\nX: close\r\n")).head.keep_alive);
}

static void the_body_is_framed_by_length_or_chunks_or_absent(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD("POST /", "")).head.framing, HTTP1_NO_BODY);
    struct http1_head head = parse(HEAD("POST /", "Content-Length: 18\r\n")).head;
    assert_int_equal(head.framing, HTTP1_COUNTED);
    assert_int_equal(head.content_length, 18);
    head = parse(HEAD("POST /", "Content-Length: 9223372036854775807\r\n")).head;
    assert_true(head.content_length == INT64_MAX);
    head = parse(HEAD("GET /", "TRANSFER-ENCODING: CHUNKED\r\n")).head;
    assert_int_equal(head.framing, HTTP1_CHUNKED);
    assert_int_equal(head.content_length, 0);
}

static void only_a_request_with_a_body_expects_100_continue(void **state)
{
    (void)state;
#define EXPECT "Expect: 100-continue\r\n"
    assert_true(parse(HEAD("PUT /", EXPECT "Content-Length: 1\r\n")).expects_continue);
    assert_true(parse(HEAD("PUT /", EXPECT "Transfer-Encoding: chunked\r\n")).expects_continue);
    assert_false(parse(HEAD("PUT /", EXPECT)).expects_continue);
    assert_false(parse(HEAD("PUT /", EXPECT "Content-Length: 0\r\n")).expects_continue);
    assert_false(parse(HEAD("PUT /", "Content-Length: 1\r\n")).expects_continue);
    assert_false(parse("PUT / HTTP/1.0\r\n" EXPECT "Content-Length: 1\r\n\r\n").expects_continue);
}

static void an_upgrade_counts_with_its_option_and_without_a_body(void **state)
{
    (void)state;
#define UPGRADE "Upgrade: websocket\r\n"
    const char *option = HEAD("GET /", UPGRADE "Connection: keep-alive, Upgrade\r\n");
    assert_view(parse(option).head.upgrade, "websocket");
    assert_view(parse(HEAD("GET /", UPGRADE)).head.upgrade, "");
    assert_view(parse(HEAD("GET /", "Connection: upgrade\r\n")).head.upgrade, "");
    assert_view(
        parse(HEAD("GET /", UPGRADE "Connection: upgrade\r\nContent-Length: 1\r\n")).head.upgrade,
        "");
    assert_view(parse("GET / HTTP/1.0\r\nConnection: upgrade\r\n" UPGRADE "\r\n").head.upgrade, "");
}

static void a_request_of_http_1_0_may_lack_its_host(void **state)
{
    (void)state;
    assert_view(parse("GET / HTTP/1.0\r\n\r\n").host, "");
    assert_view(parse("GET / HTTP/1.0\r\nHost: h\r\n\r\n").host, "h");
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n").head.minor, 0);
}

static void nothing_of_an_earlier_request_shines_through(void **state)
{
    (void)state;
    static const struct http1_limits limits = SHOAL_HTTP1_LIMITS_INIT;
    static const char full[] = "GET /a?b HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\n"
                               "Connection: upgrade\r\nConnection: close\r\n\r\n";
    static const char *const texts[] = {full, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
                                        "GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n"};
    struct http1_request request = {.head.fields = fields};
    for (size_t i = 0; i < 3; i++) {
        struct http1_parser parser = {0};
        assert_int_equal(
            shoal__http1_request_parse(&parser, shoal_view_of(texts[i]), &limits, &request),
            HTTP1_DONE);
    }
    assert_int_equal(request.form, HTTP1_ORIGIN_FORM);
    assert_null(request.query.data);
    assert_view(request.host, "");
    assert_view(request.head.upgrade, "");
    assert_false(request.head.says_close);
    assert_int_equal(request.head.field_count, 1);
}

/* The verdict on a head that ends in `text`, fed as it is. */
static enum http1_result feed(struct http1_parser *parser, const char *text)
{
    static const struct http1_limits limits = SHOAL_HTTP1_LIMITS_INIT;
    struct http1_request request = {.head.fields = fields};
    return shoal__http1_request_parse(parser, shoal_view_of(text), &limits, &request);
}

static void a_hostile_start_is_refused_before_its_end_has_come(void **state)
{
    (void)state;
    static const char *const starts[] = {"\x16\x03\x01",
                                         "get ",
                                         "\n",
                                         "GET  ",
                                         "GET /#",
                                         "GET / HTTP/9.9\r\n",
                                         "GET / HTTP/1.1\r\n ",
                                         "GET / HTTP/1.1\r\nX :"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        struct http1_parser parser = {0};
        assert_int_equal(feed(&parser, starts[i]), HTTP1_REFUSED);
    }
}

static void a_refusal_is_final(void **state)
{
    (void)state;
    struct http1_parser parser = {0};
    assert_int_equal(feed(&parser, "GET /\n"), HTTP1_REFUSED);
    assert_int_equal(feed(&parser, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), HTTP1_REFUSED);
    assert_int_equal(parser.refusal, HTTP1_BARE_LF);
}

static void every_refusal_has_a_status_of_an_error_and_a_text(void **state)
{
    (void)state;
    for (int i = HTTP1_NOT_REFUSED + 1; i < HTTP1_REFUSAL_COUNT; i++) {
        assert_in_range(shoal__http1_refusal_status((enum http1_refusal)i), 400, 599);
        assert_true(strlen(shoal__http1_refusal_text((enum http1_refusal)i)) > 5);
    }
    assert_string_equal(shoal__http1_refusal_name(HTTP1_BARE_LF), "BARE_LF");
    assert_int_equal(shoal__http1_refusal_status(HTTP1_LONG_TARGET), 414);
    assert_int_equal(shoal__http1_refusal_status(HTTP1_MANY_FIELDS), 431);
    assert_int_equal(shoal__http1_refusal_status(HTTP1_LARGE_BODY), 413);
    assert_int_equal(shoal__http1_refusal_status(HTTP1_OTHER_VERSION), 505);
}

static void names_compare_without_regard_to_case_and_nothing_else(void **state)
{
    (void)state;
    assert_true(shoal__http_name_is(shoal_view_of("Content-Length"), "content-length"));
    assert_true(shoal__http_name_is(shoal_view_of("CONTENT-LENGTH"), "content-length"));
    assert_false(shoal__http_name_is(shoal_view_of("Content-Lengt"), "content-length"));
    assert_false(shoal__http_name_is(shoal_view_of("Content-Lengths"), "content-length"));
    assert_false(shoal__http_name_is(shoal_view_of("Content_Length"), "content-length"));
    assert_true(shoal__http_name_is(shoal_view(NULL, 0), ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parser_is_small_enough_to_keep_per_connection),
        cmocka_unit_test(fields_are_views_of_the_input_in_their_own_case_and_trimmed),
        cmocka_unit_test(methods_are_known_by_number_and_others_by_name),
        cmocka_unit_test(an_origin_target_is_split_at_its_first_question_mark),
        cmocka_unit_test(an_empty_query_is_told_from_none),
        cmocka_unit_test(the_authority_of_an_absolute_target_overrides_host),
        cmocka_unit_test(an_absolute_target_without_path_means_the_root_or_the_server),
        cmocka_unit_test(asterisk_and_authority_forms_belong_to_their_methods),
        cmocka_unit_test(the_connection_lives_on_by_version_and_option),
        cmocka_unit_test(the_body_is_framed_by_length_or_chunks_or_absent),
        cmocka_unit_test(only_a_request_with_a_body_expects_100_continue),
        cmocka_unit_test(an_upgrade_counts_with_its_option_and_without_a_body),
        cmocka_unit_test(a_request_of_http_1_0_may_lack_its_host),
        cmocka_unit_test(nothing_of_an_earlier_request_shines_through),
        cmocka_unit_test(a_hostile_start_is_refused_before_its_end_has_come),
        cmocka_unit_test(a_refusal_is_final),
        cmocka_unit_test(every_refusal_has_a_status_of_an_error_and_a_text),
        cmocka_unit_test(names_compare_without_regard_to_case_and_nothing_else),
    };
    return cmocka_run_group_tests_name("http1 parser", tests, NULL, NULL);
}
