/* SPDX-License-Identifier: BSD-3-Clause */
/* The access log: one line per request, and nothing that a client sends can break it. */
#include "http_rig.h"

#include <stdio.h>
#include <string.h>

static char line[8192];
static unsigned lines;

static void take_line(void *arg, struct shoal_view text)
{
    (void)arg;
    snprintf(line, sizeof(line), "%.*s", (int)text.size, text.data);
    lines++;
}

static void answer(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    shoal_http_reply(req, 200, NULL, "hello");
}

static int start(void **state)
{
    int rc = http_rig_start(state);
    struct http_rig *rig = *state;
    rig->endpoint.log_access = take_line;
    http_rig_route(rig, "GET", "/a", answer, NULL);
    lines = 0;
    return rc;
}

/* The line from its first quote on: what is before it is the peer and the time. */
static const char *from_request(void)
{
    const char *quote = strchr(line, '"');
    assert_non_null(quote);
    return quote;
}

static void a_request_is_one_line_in_the_combined_format(void **state)
{
    struct http_rig *rig = *state;
    struct rig_stream *stream =
        http_rig_ask(rig, "GET", "/a?x=1", "User-Agent: curl/1\nReferer: http://r/\n");
    assert_int_equal(lines, 0);
    fakeclock_advance_ns(&rig->rig.time, 85500);
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_int_equal(lines, 1);
    assert_string(from_request(), "\"GET /a?x=1 HTTP/1.1\" 200 5 \"http://r/\" \"curl/1\" 85");
    char peer[64], month[8];
    int day, year, hour, minute, second;
    assert_int_equal(sscanf(line, "%63s - - [%d/%3s/%d:%d:%d:%d +0000] ", peer, &day, month, &year,
                            &hour, &minute, &second),
                     7);
}

static void what_is_absent_is_a_dash(void **state)
{
    struct http_rig *rig = *state;
    rig->session.version = SHOAL__HTTP_2;
    http_rig_close(http_rig_get(rig, "/none"), SHOAL__H2_NO_ERROR);
    assert_string(from_request(), "\"GET /none HTTP/2.0\" 404 14 \"-\" \"-\" 0");
}

static void control_bytes_and_quotes_are_escaped(void **state)
{
    struct http_rig *rig = *state;
    struct rig_stream *stream =
        http_rig_ask(rig, "GET", "/a", "User-Agent: a\"b\\c\x1b[31m\xff\r\x7f\n");
    http_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string(from_request(), "\"GET /a HTTP/1.1\" 200 5 \"-\" "
                                  "\"a\\x22b\\x5cc\\x1b[31m\\xff\\x0d\\x7f\" 0");
}

static void an_unanswered_request_is_logged_without_a_status(void **state)
{
    struct http_rig *rig = *state;
    http_rig_route(rig, "GET", "/never", (shoal_http_handler_fn *)shoal_http_set_data, NULL);
    http_rig_close(http_rig_get(rig, "/never"), SHOAL__H2_CANCEL);
    assert_string(from_request(), "\"GET /never HTTP/1.1\" 000 0 \"-\" \"-\" 0");
}

static void a_head_s_body_is_not_counted(void **state)
{
    struct http_rig *rig = *state;
    http_rig_close(http_rig_ask(rig, "HEAD", "/a", NULL), SHOAL__H2_NO_ERROR);
    assert_string(from_request(), "\"HEAD /a HTTP/1.1\" 200 0 \"-\" \"-\" 0");
}

static void refuse(struct http_rig *rig, unsigned status, const char *in, size_t size)
{
    rig->session.events->on_refused(&rig->session, status, shoal_view(in, size));
}

static void what_is_refused_is_told_by_its_first_line(void **state)
{
    struct http_rig *rig = *state;
    refuse(rig, 400, "\r\nGET /\x01 \"x\"\r\nHost: h\r\n", 25);
    assert_string(from_request(), "\"GET /\\x01 \\x22x\\x22\" 400 - \"-\" \"-\" -");
    refuse(rig, 400, "\r\n", 2);
    assert_string(from_request(), "\"\" 400 - \"-\" \"-\" -");
    assert_int_equal(lines, 2);
}

static void of_a_long_line_that_is_refused_the_beginning_is_told(void **state)
{
    static char bytes[10000];
    struct http_rig *rig = *state;
    memset(bytes, '\xff', sizeof(bytes));
    refuse(rig, 414, bytes, sizeof(bytes));
    size_t shown = strspn(from_request() + 1, "\\xf");
    assert_int_equal(shown, 256 * 4);
    assert_string(from_request() + 1 + shown, "\" 414 - \"-\" \"-\" -");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, http_rig_stop)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_one_line_in_the_combined_format),
        TEST(what_is_absent_is_a_dash),
        TEST(control_bytes_and_quotes_are_escaped),
        TEST(an_unanswered_request_is_logged_without_a_status),
        TEST(a_head_s_body_is_not_counted),
        TEST(what_is_refused_is_told_by_its_first_line),
        TEST(of_a_long_line_that_is_refused_the_beginning_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
