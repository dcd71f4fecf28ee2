/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer: what it writes the parser reads back, and what could split a message it refuses. */
#include "proto/http1/http1_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "http1_wire.h"

static const struct http1_limits limits = SHOAL_HTTP1_LIMITS_INIT;
static char room[4096];

static struct shoal__http_field field(const char *name, const char *value)
{
    return (struct shoal__http_field){shoal_view_of(name), shoal_view_of(value)};
}

static void assert_response(struct http1_response_head response, const char *expected)
{
    size_t size = 0;
    const size_t bound = shoal__http1_response_bound(&response);
    char *exact = malloc(bound); /* not a byte more than promised: the sanitizer watches */
    assert_non_null(exact);
    assert_int_equal(shoal__http1_response_write(&response, exact, bound, &size), 0);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(exact, expected, size);
    free(exact);
}

static void assert_request(struct http1_request_head request, const char *expected)
{
    size_t size = 0;
    const size_t bound = shoal__http1_request_bound(&request);
    char *exact = malloc(bound);
    assert_non_null(exact);
    assert_int_equal(shoal__http1_request_write(&request, exact, bound, &size), 0);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(exact, expected, size);
    free(exact);
}

static void a_response_head_has_its_date_framing_and_fields(void **state)
{
    (void)state;
    const struct shoal__http_field fields[] = {field("Content-Type", "text/plain"), field("X", "")};
    assert_response(
        (struct http1_response_head){.head = {.fields = fields,
                                              .field_count = 2,
                                              .framing = HTTP1_COUNTED,
                                              .content_length = 18446744073709551615u},
                                     .status = 200,
                                     .date = SHOAL_VIEW("Sun, 06 Nov 1994 08:49:37 GMT")},
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        "Content-Length: 18446744073709551615\r\nContent-Type: text/plain\r\nX: \r\n\r\n");
}

static void what_is_usual_stands_before_the_other_fields(void **state)
{
    (void)state;
    const struct shoal__http_field fields[] = {field("X", "y")};
    const struct shoal__usual_fields usual = {.type = SHOAL_VIEW("text/plain"),
                                              .server = SHOAL_VIEW("Shoal")};
    assert_response((struct http1_response_head){.head = {.fields = fields, .field_count = 1},
                                                 .status = 304,
                                                 .usual = &usual},
                    "HTTP/1.1 304 Not Modified\r\nContent-Type: text/plain\r\nServer: Shoal\r\n"
                    "X: y\r\n\r\n");
}

static void the_connection_field_says_what_the_caller_wants(void **state)
{
    (void)state;
    assert_response((struct http1_response_head){.status = 204}, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_response(
        (struct http1_response_head){
            .head = {.framing = HTTP1_CHUNKED, .persistence = HTTP1_SAY_CLOSE}, .status = 500},
        "HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n");
    assert_response(
        (struct http1_response_head){.head.persistence = HTTP1_SAY_KEEP_ALIVE, .status = 304},
        "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\n\r\n");
    assert_response(
        (struct http1_response_head){.head.persistence = HTTP1_SAY_UPGRADE, .status = 101},
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n");
}

static void every_registered_status_has_its_line_within_the_bound(void **state)
{
    (void)state;
#define CHECK_STATUS(code, reason)                                                              \
    assert_response((struct http1_response_head){.head = {.framing = HTTP1_COUNTED,             \
                                                          .persistence = HTTP1_SAY_KEEP_ALIVE}, \
                                                 .status = code},                               \
                    "HTTP/1.1 " #code " " reason                                                \
                    "\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
    SHOAL_HTTP_STATUS_TABLE(CHECK_STATUS)
#undef CHECK_STATUS
    assert_int_equal(shoal__http1_reason(404).size, strlen("Not Found"));
    assert_memory_equal(shoal__http1_reason(404).data, "Not Found", strlen("Not Found"));
    assert_int_equal(shoal__http1_reason(299).size, 0);
}

static void an_unregistered_status_has_an_empty_phrase(void **state)
{
    (void)state;
    assert_response((struct http1_response_head){.status = 299}, "HTTP/1.1 299 \r\n\r\n");
    size_t size;
    struct http1_response_head response = {.status = 99};
    assert_int_equal(shoal__http1_response_write(&response, room, sizeof(room), &size),
                     -SHOAL_EINVAL);
    response.status = 1000;
    assert_int_equal(shoal__http1_response_write(&response, room, sizeof(room), &size),
                     -SHOAL_EINVAL);
}

static void a_request_head_has_its_host_first(void **state)
{
    (void)state;
    const struct shoal__http_field fields[] = {field("Accept", "*/*")};
    assert_request(
        (struct http1_request_head){.head = {.fields = fields,
                                             .field_count = 1,
                                             .framing = HTTP1_COUNTED,
                                             .content_length = 42},
                                    .method = SHOAL_VIEW("POST"),
                                    .target = SHOAL_VIEW("/a?b"),
                                    .host = SHOAL_VIEW("[::1]:80")},
        "POST /a?b HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 42\r\nAccept: */*\r\n\r\n");
}

/* What the writer says about a field in a response. */
static int try_field(const char *name, size_t name_size, const char *value, size_t value_size)
{
    const struct shoal__http_field bad = {shoal_view(name, name_size),
                                          shoal_view(value, value_size)};
    const struct http1_response_head response = {.head = {.fields = &bad, .field_count = 1},
                                                 .status = 200};
    size_t size;
    return shoal__http1_response_write(&response, room, sizeof(room), &size);
}

#define TRY(name, value) try_field(name, sizeof(name) - 1, value, sizeof(value) - 1)

static void a_field_that_could_split_the_message_is_refused(void **state)
{
    (void)state;
    assert_int_equal(TRY("X", "a b\t\xe9"), 0);
    assert_int_equal(TRY("X", "a\r\nSet-Cookie: x"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X", "a\nb"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X", "a\rb"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X", "a\0b"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X", "0123456789\n"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X", "a\x7f"), -SHOAL_EINVAL);
    assert_int_equal(TRY("", "a"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X ", "a"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X:", "a"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X\r\nY", "a"), -SHOAL_EINVAL);
    assert_int_equal(TRY("X\0", "a"), -SHOAL_EINVAL);
    assert_int_equal(TRY("\xe9", "a"), -SHOAL_EINVAL);
}

static void every_control_byte_but_tab_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        const bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        for (size_t at = 0; at < 20; at++) {
            char value[20];
            memset(value, 'v', sizeof(value));
            value[at] = (char)byte;
            assert_int_equal(try_field("X", 1, value, sizeof(value)),
                             is_control ? -SHOAL_EINVAL : 0);
        }
    }
}

static void framing_fields_come_from_one_source_only(void **state)
{
    (void)state;
    assert_int_equal(TRY("Content-Length", "3"), -SHOAL_EINVAL);
    assert_int_equal(TRY("transfer-encoding", "chunked"), -SHOAL_EINVAL);
    assert_int_equal(TRY("CONNECTION", "close"), -SHOAL_EINVAL);
    assert_int_equal(TRY("Content-Lengths", "3"), 0);
    const struct shoal__http_field host = field("HOST", "h");
    const struct http1_request_head request = {.head = {.fields = &host, .field_count = 1},
                                               .method = SHOAL_VIEW("GET"),
                                               .target = SHOAL_VIEW("/"),
                                               .host = SHOAL_VIEW("h")};
    size_t size;
    assert_int_equal(shoal__http1_request_write(&request, room, sizeof(room), &size),
                     -SHOAL_EINVAL);
}

static int try_request(const char *method, const char *target, const char *host)
{
    const struct http1_request_head request = {.method = shoal_view_of(method),
                                               .target = shoal_view_of(target),
                                               .host = shoal_view_of(host)};
    size_t size;
    return shoal__http1_request_write(&request, room, sizeof(room), &size);
}

static void a_request_line_that_could_be_split_is_refused(void **state)
{
    (void)state;
    assert_int_equal(try_request("GET", "/", "h"), 0);
    assert_int_equal(try_request("", "/", "h"), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET /", "/", "h"), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET", "", "h"), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET", "/a b", "h"), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET", "/\r\nX: y", "h"), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET", "/#x", "h"), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET", "/", ""), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET", "/", "h\r\nX: y"), -SHOAL_EINVAL);
    assert_int_equal(try_request("GET", "/", "u@h"), -SHOAL_EINVAL);
}

static void too_little_room_is_told_and_nothing_written_past_it(void **state)
{
    (void)state;
    const struct http1_response_head response = {.status = 200};
    const size_t bound = shoal__http1_response_bound(&response);
    size_t size = 7;
    assert_int_equal(shoal__http1_response_write(&response, room, bound - 1, &size),
                     -SHOAL_EOVERFLOW);
    assert_int_equal(size, 7);
    assert_int_equal(shoal__http1_response_write(&response, room, bound, &size), 0);
}

static void a_written_response_is_read_back_as_it_was(void **state)
{
    (void)state;
    const struct shoal__http_field sent[] = {field("Content-Type", "text/html; charset=utf-8"),
                                             field("ETag", "\"1-2\""), field("Set-Cookie", "a=b"),
                                             field("Set-Cookie", "c=d"), field("Empty", "")};
    const struct http1_response_head response = {
        .head = {.fields = sent, .field_count = 5, .framing = HTTP1_COUNTED, .content_length = 12},
        .status = 206};
    size_t size = 0;
    assert_int_equal(shoal__http1_response_write(&response, room, sizeof(room), &size), 0);

    struct shoal__http_field fields[100];
    struct http1_parser parser = {0};
    struct http1_response read = {.head.fields = fields};
    assert_int_equal(
        shoal__http1_response_parse(&parser, shoal_view(room, size), &limits, HTTP1_GET, &read),
        HTTP1_DONE);
    assert_int_equal(read.status, 206);
    assert_int_equal(read.head.size, size);
    assert_int_equal(read.head.content_length, 12);
    assert_int_equal(read.head.field_count, 6);
    for (size_t i = 0; i < 5; i++) {
        assert_true(shoal_view_equal(fields[i + 1].name, sent[i].name));
        assert_true(shoal_view_equal(fields[i + 1].value, sent[i].value));
    }
}

static void chunk_heads_are_hexadecimal_without_padding(void **state)
{
    (void)state;
    char head[SHOAL_HTTP1_CHUNK_HEAD_MAX];
    assert_int_equal(shoal__http1_chunk_write(1, head), 3);
    assert_memory_equal(head, "1\r\n", 3);
    assert_int_equal(shoal__http1_chunk_write(0x1f40, head), 6);
    assert_memory_equal(head, "1f40\r\n", 6);
    assert_int_equal(shoal__http1_chunk_write(UINT64_MAX, head), SHOAL_HTTP1_CHUNK_HEAD_MAX);
    assert_memory_equal(head, "ffffffffffffffff\r\n", 18);
}

static void a_written_chunked_body_is_read_back_with_its_trailers(void **state)
{
    (void)state;
    const struct shoal__http_field trailers[] = {field("grpc-status", "0"), field("X", "y z")};
    char head[SHOAL_HTTP1_CHUNK_HEAD_MAX], end[256];
    size_t end_size = 0;
    const size_t head_size = shoal__http1_chunk_write(26, head);
    assert_int_equal(shoal__http1_trailers_write(trailers, 2, end, sizeof(end), &end_size), 0);
    char body[512];
    const int size = snprintf(body, sizeof(body),
                              "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "%.*sabcdefghijklmnopqrstuvwxyz%s%.*s",
                              (int)head_size, head, SHOAL_HTTP1_CHUNK_END, (int)end_size, end);

    struct http1_wire wire;
    http1_wire_start(&wire);
    wire = http1_wire_run(&wire, shoal_view(body, (size_t)size), 1000);
    assert_int_equal(wire.messages, 1);
    assert_non_null(
        strstr(http1_wire_log(&wire), "{abcdefghijklmnopqrstuvwxyzgrpc-status=0\nX=y z\n}\n"));
    http1_wire_free(&wire);
}

static void forbidden_trailers_are_not_written(void **state)
{
    (void)state;
    static const char *const names[] = {"Content-Length", "transfer-encoding", "Host",
                                        "Trailer",        "Set-Cookie",        "bad name"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct shoal__http_field trailer = field(names[i], "x");
        size_t size;
        assert_int_equal(shoal__http1_trailers_write(&trailer, 1, room, sizeof(room), &size),
                         -SHOAL_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_head_has_its_date_framing_and_fields),
        cmocka_unit_test(what_is_usual_stands_before_the_other_fields),
        cmocka_unit_test(the_connection_field_says_what_the_caller_wants),
        cmocka_unit_test(every_registered_status_has_its_line_within_the_bound),
        cmocka_unit_test(an_unregistered_status_has_an_empty_phrase),
        cmocka_unit_test(a_request_head_has_its_host_first),
        cmocka_unit_test(a_field_that_could_split_the_message_is_refused),
        cmocka_unit_test(every_control_byte_but_tab_is_refused_wherever_it_stands),
        cmocka_unit_test(framing_fields_come_from_one_source_only),
        cmocka_unit_test(a_request_line_that_could_be_split_is_refused),
        cmocka_unit_test(too_little_room_is_told_and_nothing_written_past_it),
        cmocka_unit_test(a_written_response_is_read_back_as_it_was),
        cmocka_unit_test(chunk_heads_are_hexadecimal_without_padding),
        cmocka_unit_test(a_written_chunked_body_is_read_back_with_its_trailers),
        cmocka_unit_test(forbidden_trailers_are_not_written),
    };
    return cmocka_run_group_tests_name("http1 writer", tests, NULL, NULL);
}
