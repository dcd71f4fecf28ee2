/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's role: status lines, and where responses end (RFC 9112 §6.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http1_wire.h"

/* Asserts the transcript of what a server sends in answer to `asked`, however it is cut. */
static void assert_reads(enum http1_method asked, const char *sent, const char *transcript)
{
    struct http1_wire wire;
    http1_wire_start(&wire);
    wire.is_client = true;
    wire.asked = asked;
    wire.body_limit = 20;
    http1_wire_assert_cuts_leave_no_trace(&wire, shoal_view_of(sent), 1);
    wire = http1_wire_run(&wire, shoal_view_of(sent), 1000);
    assert_string_equal(http1_wire_log(&wire), transcript);
    http1_wire_free(&wire);
}

static void assert_refused(const char *sent, const char *refusal)
{
    char transcript[64] = "REFUSED ";
    strcat(transcript, refusal);
    assert_reads(HTTP1_GET, sent, transcript);
}

static void a_counted_or_chunked_response_ends_by_itself(void **state)
{
    (void)state;
    assert_reads(HTTP1_GET, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                 "200 OK 1.1 counted:3 keep\nContent-Length=3\n{abc}\n");
    assert_reads(HTTP1_GET,
                 "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: "
                 "y\r\n\r\n",
                 "404 Not Found 1.1 chunked:0 keep\nTransfer-Encoding=chunked\n{abcX=y\n}\n");
    assert_reads(HTTP1_GET, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                 "200 OK 1.0 counted:3\nContent-Length=3\n{abc}\n");
}

static void a_response_without_framing_ends_with_the_connection(void **state)
{
    (void)state;
    assert_reads(HTTP1_GET, "HTTP/1.1 200 OK\r\n\r\nabc\r\n\r\n",
                 "200 OK 1.1 until-close:0\n{abc\r\n\r\n}\n");
}

static void a_counted_response_cut_short_is_not_whole(void **state)
{
    (void)state;
    assert_reads(HTTP1_GET, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
                 "200 OK 1.1 counted:3 keep\nContent-Length=3\n{abREFUSED TRUNCATED");
}

static void answers_to_head_and_some_statuses_have_no_body(void **state)
{
    (void)state;
    assert_reads(HTTP1_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
                 "200 OK 1.1 none:0 keep\nContent-Length=3\n{}\n");
    assert_reads(HTTP1_HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                 "200 OK 1.1 none:0 keep\nTransfer-Encoding=chunked\n{}\n");
    assert_reads(HTTP1_GET, "HTTP/1.1 204 No Content\r\n\r\n",
                 "204 No Content 1.1 none:0 keep\n{}\n");
    assert_reads(HTTP1_GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
                 "304 Not Modified 1.1 none:0 keep\nContent-Length=3\n{}\n");
}

static void interim_responses_come_before_the_final_one(void **state)
{
    (void)state;
    assert_reads(HTTP1_POST,
                 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
                 "100 Continue 1.1 none:0 keep\n{}\n103 Early Hints 1.1 none:0 keep\nLink=x\n{}\n"
                 "200 OK 1.1 counted:1 keep\nContent-Length=1\n{a}\n");
}

static void a_switch_of_protocols_ends_http(void **state)
{
    (void)state;
    assert_reads(HTTP1_GET,
                 "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                 "Upgrade: websocket\r\n\r\n\x81\x01x",
                 "101 Switching Protocols switches 1.1 none:0 says-upgrade upgrade=websocket\n"
                 "Connection=upgrade\nUpgrade=websocket\n{}\n");
    assert_reads(HTTP1_CONNECT, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                 "200 OK switches 1.1 none:0\nContent-Length=3\n{}\n");
    assert_reads(HTTP1_CONNECT, "HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\nabc",
                 "407 No 1.1 counted:3 keep\nContent-Length=3\n{abc}\n");
}

static void the_reason_phrase_may_be_empty_or_missing(void **state)
{
    (void)state;
    assert_reads(HTTP1_GET, "HTTP/1.1 204 \r\n\r\n", "204  1.1 none:0 keep\n{}\n");
    assert_reads(HTTP1_GET, "HTTP/1.1 204\r\n\r\n", "204  1.1 none:0 keep\n{}\n");
    assert_reads(HTTP1_GET, "HTTP/1.1 204 caf\xe9 au lait\r\n\r\n",
                 "204 caf\xe9 au lait 1.1 none:0 keep\n{}\n");
}

static void malformed_status_lines_are_refused(void **state)
{
    (void)state;
    assert_refused("HTTP/1.1 20 OK\r\n\r\n", "BAD_STATUS_LINE");
    assert_refused("HTTP/1.1 2000 OK\r\n\r\n", "BAD_STATUS_LINE");
    assert_refused("HTTP/1.1 099 OK\r\n\r\n", "BAD_STATUS_LINE");
    assert_refused("HTTP/1.1  200 OK\r\n\r\n", "BAD_STATUS_LINE");
    assert_refused("HTTP/1.1 -20 OK\r\n\r\n", "BAD_STATUS_LINE");
    assert_refused("ICY 200 OK\r\n\r\n", "BAD_STATUS_LINE");
    assert_refused("\r\nHTTP/1.1 200 OK\r\n\r\n", "BAD_STATUS_LINE");
    assert_refused("HTTP/2.0 200 OK\r\n\r\n", "OTHER_VERSION");
    assert_refused("HTTP/1.1 200 O\x01K\r\n\r\n", "CONTROL_BYTE");
    assert_refused("HTTP/1.1 200 OK\n\r\n", "BARE_LF");
    assert_refused("HTTP/1.1 200 OK\rX\r\n\r\n", "BARE_CR");
}

static void fields_of_responses_are_read_as_strictly(void **state)
{
    (void)state;
    assert_refused("HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "OBS_FOLD");
    assert_refused("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "SPACED_NAME");
    assert_refused("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                   "REPEATED_LENGTH");
    assert_refused("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                   "LENGTH_AND_ENCODING");
    assert_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "BAD_ENCODING");
    assert_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "ENCODING_IN_1_0");
}

static void a_body_until_the_end_has_its_limit(void **state)
{
    (void)state;
    assert_reads(HTTP1_GET, "HTTP/1.1 200 OK\r\n\r\n01234567890123456789",
                 "200 OK 1.1 until-close:0\n{01234567890123456789}\n");
    assert_reads(HTTP1_GET, "HTTP/1.1 200 OK\r\n\r\n012345678901234567890",
                 "200 OK 1.1 until-close:0\n{01234567890123456789REFUSED LARGE_BODY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counted_or_chunked_response_ends_by_itself),
        cmocka_unit_test(a_response_without_framing_ends_with_the_connection),
        cmocka_unit_test(a_counted_response_cut_short_is_not_whole),
        cmocka_unit_test(answers_to_head_and_some_statuses_have_no_body),
        cmocka_unit_test(interim_responses_come_before_the_final_one),
        cmocka_unit_test(a_switch_of_protocols_ends_http),
        cmocka_unit_test(the_reason_phrase_may_be_empty_or_missing),
        cmocka_unit_test(malformed_status_lines_are_refused),
        cmocka_unit_test(fields_of_responses_are_read_as_strictly),
        cmocka_unit_test(a_body_until_the_end_has_its_limit),
    };
    return cmocka_run_group_tests_name("http1 response", tests, NULL, NULL);
}
