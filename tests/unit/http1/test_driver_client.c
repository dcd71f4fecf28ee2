/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP/1 driver in the client's role: requests out, responses of every framing in, and the
 * ways in which a connection ends too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "driver_rig.h"
#include "net/conn.h"
#include "support/failmalloc.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define OK_EMPTY OK "Content-Length: 0\r\n\r\n"

static void a_request_is_sent_and_its_response_told(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/a?b", 0, true);
    assert_string_equal(rig_output(), "GET /a?b HTTP/1.1|Host: host||");
    rig_feed(OK "Content-Length: 5\r\n\r\nhello");
    assert_string_equal(rig_notes(), "busy {200 ...} (hello) [] closed:0 idle");
    assert_false(rig_is_closed());
}

static void one_request_at_a_time_is_taken(void **state)
{
    (void)state;
    rig_open();
    assert_int_equal(shoal__session_room(rig.session), 1);
    rig_ask("GET", "/1", 0, true);
    assert_int_equal(shoal__session_room(rig.session), 0);
    struct shoal__stream *first = rig.stream;
    assert_int_equal(rig_ask_rc("GET", "/2", 0, true), -SHOAL_EFULL);
    rig.stream = first;
    rig_feed(OK_EMPTY);
    rig_output();
    rig_ask("GET", "/2", 0, true);
    assert_string_equal(rig_output(), "GET /2 HTTP/1.1|Host: host||");
    rig_feed(OK_EMPTY);
    assert_string_equal(rig_notes(), "busy {200} closed:0 idle busy {200} closed:0 idle");
}

static void a_request_that_may_not_be_sent_is_refused(void **state)
{
    (void)state;
    rig_open();
    assert_int_equal(rig_ask_rc("GET", "/a b", 0, true), -SHOAL_EINVAL);
    assert_int_equal(rig_ask_rc("G T", "/", 0, true), -SHOAL_EINVAL);
    assert_int_equal(shoal__session_room(rig.session), 1);
    assert_string_equal(rig_output(), "");
}

static void a_counted_body_is_sent_as_it_is(void **state)
{
    (void)state;
    rig_open();
    rig_ask("PUT", "/", 5, false);
    rig_write(rig.stream, "ab");
    rig_write(rig.stream, "cde");
    assert_int_equal(rig_end_stream(rig.stream), 0);
    rig_run();
    assert_string_equal(rig_output(), "PUT / HTTP/1.1|Host: host|Content-Length: 5||abcde");
    rig_feed(OK_EMPTY);
    assert_string_equal(rig_notes(), "busy {200} closed:0 idle");
}

static void a_body_of_unknown_length_is_chunked(void **state)
{
    (void)state;
    rig_open();
    rig_ask("POST", "/", -1, false);
    rig_write(rig.stream, "ab");
    static const struct shoal__http_field trailer = {SHOAL_VIEW("X-T"), SHOAL_VIEW("u")};
    assert_int_equal(shoal__stream_end(rig.stream, &trailer, 1), 0);
    rig_run();
    assert_string_equal(rig_output(), "POST / HTTP/1.1|Host: host|Transfer-Encoding: chunked||"
                                      "2|ab|0|X-T: u||");
}

static void a_chunked_response_has_its_trailers(void **state)
{
    (void)state;
    rig.bench->wire.read_most = 1;
    rig_open();
    rig_ask("GET", "/", 0, true);
    const char *text = OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: u\r\n\r\n";
    for (size_t i = 0; i < strlen(text); i++)
        rig_feed_bytes(text + i, 1);
    assert_string_equal(rig_notes(), "busy {200 ...} (a) (b) [T: u] closed:0 idle");
}

static void a_response_may_last_until_the_connection_ends(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed("HTTP/1.0 200 OK\r\n\r\nabc");
    rig_feed("def");
    assert_string_equal(rig_notes(), "busy {200 ...} (abc) (def)");
    rig_end();
    assert_string_equal(rig_notes(), "[] closed:0 over:0");
    assert_true(rig_is_closed());
}

static void the_answer_to_head_has_no_body(void **state)
{
    (void)state;
    rig_open();
    rig_ask("HEAD", "/", 0, true);
    rig_feed(OK "Content-Length: 100\r\n\r\n");
    assert_string_equal(rig_notes(), "busy {200} closed:0 idle");
}

static void answers_204_and_304_have_no_body(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n");
    rig_ask("GET", "/", 0, true);
    rig_feed("HTTP/1.1 204 No Content\r\n\r\n");
    assert_string_equal(rig_notes(), "busy {304} closed:0 idle busy {204} closed:0 idle");
}

static void interim_responses_come_before_the_final_one(void **state)
{
    (void)state;
    rig_open();
    rig_ask("POST", "/", 2, false);
    rig_feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    assert_string_equal(rig_notes(), "busy {100} {103}");
    rig_write(rig.stream, "ab");
    rig_end_stream(rig.stream);
    rig_feed(OK_EMPTY);
    assert_string_equal(rig_notes(), "{200} closed:0 idle");
}

static void a_connection_that_the_server_closes_takes_no_more(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed(OK "Connection: close\r\nContent-Length: 2\r\n\r\nok");
    assert_string_equal(rig_notes(), "busy {200 ...} (ok) [] closed:0 over:0");
    assert_true(rig_is_closed());
}

static void a_response_before_the_request_s_end_waits_for_it(void **state)
{
    (void)state;
    rig_open();
    rig_ask("POST", "/", 4, false);
    rig_feed(OK "Content-Length: 2\r\n\r\nok");
    assert_string_equal(rig_notes(), "busy {200 ...} (ok) []");
    rig_write(rig.stream, "late");
    rig_end_stream(rig.stream);
    rig_run();
    assert_string_equal(rig_notes(), "closed:0 idle");
}

static void data_is_read_although_output_waits(void **state)
{
    (void)state;
    rig.conn_limits.out_high = 20000;
    rig.conn_limits.out_low = 5000;
    rig.bench->wire.capacity = 1;
    rig_open();
    rig_ask("POST", "/", -1, false);
    static char part[30000];
    assert_int_equal(shoal__stream_write(rig.stream, shoal_view(part, sizeof(part))), 1);
    rig_run();
    rig_feed(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    assert_string_equal(rig_notes(), "busy {200 ...} (ab)");
}

static void unconsumed_data_stops_reading(void **state)
{
    (void)state;
    rig.hoards = true;
    rig.quiet = true;
    rig.limits.stream_window = 1000;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed(OK "Content-Length: 3000\r\n\r\n");
    static char part[1000];
    rig_feed_bytes(part, sizeof(part));
    rig_feed_bytes(part, sizeof(part));
    assert_int_equal(rig.bytes, 1000);
    shoal__stream_consume(rig.stream, 1000);
    rig_run();
    assert_int_equal(rig.bytes, 2000);
    assert_string_equal(rig_notes(), "busy {200 ...}");
}

static void a_window_left_full_does_not_stop_the_next_response(void **state)
{
    (void)state;
    rig.hoards = true;
    rig.limits.stream_window = 2;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed(OK "Content-Length: 2\r\n\r\nok");
    rig_ask("GET", "/", 0, true);
    rig_feed(OK_EMPTY);
    assert_string_equal(rig_notes(),
                        "busy {200 ...} (ok) [] closed:0 idle busy {200} closed:0 idle");
}

/* Too early, too much, broken */

static void expect_failure(const char *bytes, bool ends, uint32_t error)
{
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed(bytes);
    if (ends)
        rig_end();
    assert_int_equal(rig.closes, 1);
    char told[16];
    snprintf(told, sizeof(told), "closed:%u", error);
    assert_non_null(strstr(rig_notes(), told));
    assert_true(rig_is_closed());
}

static void an_end_before_the_response_is_a_failure(void **state)
{
    (void)state;
    expect_failure("", true, SHOAL__H2_CANCEL);
}

static void an_end_within_the_head_is_a_failure(void **state)
{
    (void)state;
    expect_failure(OK "Conte", true, SHOAL__H2_CANCEL);
}

static void an_end_within_a_counted_body_is_a_failure(void **state)
{
    (void)state;
    expect_failure(OK "Content-Length: 5\r\n\r\nabc", true, SHOAL__H2_CANCEL);
}

static void an_end_within_a_chunked_body_is_a_failure(void **state)
{
    (void)state;
    expect_failure(OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, SHOAL__H2_CANCEL);
}

static void a_response_that_breaks_the_rules_is_a_protocol_error(void **state)
{
    (void)state;
    expect_failure(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false,
                   SHOAL__H2_PROTOCOL_ERROR);
}

static void a_broken_chunk_is_a_protocol_error(void **state)
{
    (void)state;
    expect_failure(OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, SHOAL__H2_PROTOCOL_ERROR);
}

static void a_reset_connection_closes_the_stream(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_break(-ECONNRESET);
    assert_string_equal(rig_notes(), "busy closed:8 over:8");
}

static void bytes_that_nobody_asked_for_end_the_connection(void **state)
{
    (void)state;
    rig_open();
    rig_feed("HTTP/1.1 408 Request Timeout\r\n\r\n");
    assert_string_equal(rig_notes(), "over:8");
    assert_int_equal(rig_closed_for(SHOAL_CLOSED_PROTOCOL), 1);
}

static void bytes_behind_a_response_end_the_connection_and_not_the_response(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed(OK_EMPTY OK_EMPTY);
    assert_string_equal(rig_notes(), "busy {200} closed:0 idle over:8");
}

static void an_idle_connection_that_ends_is_over(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed(OK_EMPTY);
    rig_end();
    assert_string_equal(rig_notes(), "busy {200} closed:0 idle over:0");
}

/* Our own ends */

static void a_cancelled_request_resets_the_connection(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    shoal__stream_reset(rig.stream, SHOAL__H2_CANCEL);
    rig_run();
    assert_string_equal(rig_notes(), "busy closed:8 over:0");
    assert_true(rig.bench->wire.aborted);
}

static void a_session_that_shuts_down_takes_no_more_and_ends_after_its_response(void **state)
{
    (void)state;
    rig_open();
    rig_ask("GET", "/", 0, true);
    shoal__session_shutdown(rig.session);
    assert_int_equal(shoal__session_room(rig.session), 0);
    struct shoal__stream *stream = rig.stream;
    assert_int_equal(rig_ask_rc("GET", "/", 0, true), -SHOAL_ESTOPPED);
    rig.stream = stream;
    rig_feed(OK "Content-Length: 2\r\n\r\nok");
    assert_string_equal(rig_notes(), "busy {200 ...} (ok) [] closed:0 over:0");
}

static void an_idle_session_that_shuts_down_ends_at_once(void **state)
{
    (void)state;
    rig_open();
    shoal__session_shutdown(rig.session);
    rig_run();
    assert_string_equal(rig_notes(), "over:0");
}

static void ask_again(struct shoal__stream *stream)
{
    (void)stream;
    assert_int_equal(shoal__session_room(rig.session), 0);
}

static void there_is_no_room_before_on_close_has_returned(void **state)
{
    (void)state;
    rig.on_closed = ask_again;
    rig_open();
    rig_ask("GET", "/", 0, true);
    rig_feed(OK_EMPTY);
    assert_int_equal(shoal__session_room(rig.session), 1);
}

/* Memory */

static void scenario(void)
{
    rig_open();
    if (rig.session && rig_ask_rc("POST", "/", -1, false) == 0) {
        if (rig_write(rig.stream, "ab") >= 0)
            (void)rig_end_stream(rig.stream);
        rig_run();
    }
    rig_feed(OK "Transfer-Encoding: chun");
    rig_feed("ked\r\n\r\n2\r\nab\r\n0\r\nT: u\r\n\r\n");
    if (rig.session && !rig.stream && rig_ask_rc("GET", "/", 0, true) == 0)
        rig_feed(OK_EMPTY);
    rig_end();
}

static void memory_may_run_out_anywhere(void **state)
{
    long failures = 1;
    for (long k = 1; failures > 0; k++) {
        rig.hopeful = true;
        rig.silent = true;
        failmalloc_at(k);
        scenario();
        failures = failmalloc_failures();
        rig_teardown(state);
        rig_setup_client(state);
        assert_in_range(k, 1, 500);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_client, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_sent_and_its_response_told),
        TEST(one_request_at_a_time_is_taken),
        TEST(a_request_that_may_not_be_sent_is_refused),
        TEST(a_counted_body_is_sent_as_it_is),
        TEST(a_body_of_unknown_length_is_chunked),
        TEST(a_chunked_response_has_its_trailers),
        TEST(a_response_may_last_until_the_connection_ends),
        TEST(the_answer_to_head_has_no_body),
        TEST(answers_204_and_304_have_no_body),
        TEST(interim_responses_come_before_the_final_one),
        TEST(a_connection_that_the_server_closes_takes_no_more),
        TEST(a_response_before_the_request_s_end_waits_for_it),
        TEST(data_is_read_although_output_waits),
        TEST(unconsumed_data_stops_reading),
        TEST(a_window_left_full_does_not_stop_the_next_response),
        TEST(an_end_before_the_response_is_a_failure),
        TEST(an_end_within_the_head_is_a_failure),
        TEST(an_end_within_a_counted_body_is_a_failure),
        TEST(an_end_within_a_chunked_body_is_a_failure),
        TEST(a_response_that_breaks_the_rules_is_a_protocol_error),
        TEST(a_broken_chunk_is_a_protocol_error),
        TEST(a_reset_connection_closes_the_stream),
        TEST(bytes_that_nobody_asked_for_end_the_connection),
        TEST(bytes_behind_a_response_end_the_connection_and_not_the_response),
        TEST(an_idle_connection_that_ends_is_over),
        TEST(a_cancelled_request_resets_the_connection),
        TEST(a_session_that_shuts_down_takes_no_more_and_ends_after_its_response),
        TEST(an_idle_session_that_shuts_down_ends_at_once),
        TEST(there_is_no_room_before_on_close_has_returned),
        TEST(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests_name("http1 driver, client", tests, NULL, NULL);
}
