/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client engine and a server engine talk to each other: messages in all shapes, resets, pings,
 * and the ways out. What each side is told is compared as text, whatever the cut of the bytes.
 */
#include "http2_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WHOLE = 1 << 20 };

static struct peer client, server;

static int set_up(void **state)
{
    (void)state;
    peer_init(&client);
    peer_init(&server);
    peer_open(&client, SHOAL__HTTP_CLIENT);
    peer_open(&server, SHOAL__HTTP_SERVER);
    server.on_request = answer_hello;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&client);
    peer_close(&server);
    return 0;
}

static void run(void)
{
    wire_run(&client, &server, WHOLE);
}

static void expect(const char *at_server, const char *at_client)
{
    assert_string_equal(peer_log(&server), at_server);
    assert_string_equal(peer_log(&client), at_client);
}

static void a_request_is_answered(void **state)
{
    (void)state;
    assert_non_null(ask(&client, "GET", "/a?b=c", true));
    run();
    expect("<GET /a?b=c.>[closed: ended in order]", "<200>(hello)[end][closed: ended in order]");
    assert_int_equal(server.session->open_streams, 0);
    assert_int_equal(client.session->open_streams, 0);
}

static void a_session_carries_many_requests_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        assert_non_null(ask(&client, "GET", "/", true));
    run();
    assert_int_equal(server.requests, 50);
    assert_int_equal(client.closes, 50);
    assert_int_equal(server.closes, 50);
}

static void a_body_goes_both_ways_while_both_are_open(void **state)
{
    (void)state;
    server.on_request = answer_echo;
    server.on_data = echo_data;
    server.on_end = echo_end;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    run();
    expect("<POST />", "<200>");
    assert_int_equal(shoal__stream_write(stream, shoal_view("one", 3)), 0);
    run();
    expect("(one)", "(one)");
    assert_int_equal(shoal__stream_write(stream, shoal_view("two", 3)), 0);
    assert_int_equal(shoal__stream_end(stream, NULL, 0), 0);
    run();
    expect("(two)[end][closed: ended in order]", "(two)[end][closed: ended in order]");
}

static void answer_with_fields(struct peer *peer, struct shoal__stream *stream,
                               const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    const struct shoal__http_field fields[] = {{SHOAL_VIEW("X-One"), SHOAL_VIEW("1")},
                                               {SHOAL_VIEW("x-two"), SHOAL_VIEW("")}};
    struct shoal__head answer = {
        .status = 404, .fields = fields, .field_count = 2, .content_length = 4};
    assert_int_equal(shoal__stream_send_head(stream, &answer, false), 0);
    assert_int_equal(shoal__stream_write(stream, shoal_view("none", 4)), 0);
    assert_int_equal(shoal__stream_end(stream, NULL, 0), 0);
}

static void fields_arrive_in_small_letters_and_in_order(void **state)
{
    (void)state;
    client.notes_fields = true;
    server.on_request = answer_with_fields;
    ask(&client, "GET", "/", true);
    run();
    assert_string_equal(
        peer_log(&client),
        "<404>{content-length: 4}{x-one: 1}{x-two: }(none)[end][closed: ended in order]");
}

/* Everything that was handed over is scribbled on before any of it can have been sent. */
static void answer_from_borrowed_bytes(struct peer *peer, struct shoal__stream *stream,
                                       const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    char name[] = "X-Name", value[] = "value", type[] = "text/plain", date[] = "today";
    struct shoal__http_field field = {shoal_view_of(name), shoal_view_of(value)};
    struct shoal__usual_fields usual = {.type = shoal_view_of(type), .date = shoal_view_of(date)};
    struct shoal__head answer = {
        .status = 200, .fields = &field, .field_count = 1, .usual = &usual, .content_length = 0};
    assert_int_equal(shoal__stream_send_head(stream, &answer, true), 0);
    memset(name, '!', sizeof(name));
    memset(value, '!', sizeof(value));
    memset(type, '!', sizeof(type));
    memset(date, '!', sizeof(date));
    memset(&field, 0, sizeof(field));
    memset(&usual, 0, sizeof(usual));
}

static void a_head_that_is_sent_is_borrowed_no_longer(void **state)
{
    (void)state;
    client.notes_fields = true;
    server.on_request = answer_from_borrowed_bytes;
    ask(&client, "GET", "/", true);
    run();
    assert_string_equal(peer_log(&client), "<200.>{content-length: 0}{content-type: text/plain}"
                                           "{date: today}{x-name: value}[closed: ended in order]");
}

static void answer_with_trailers(struct peer *peer, struct shoal__stream *stream,
                                 const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    const struct shoal__http_field trailers[] = {{SHOAL_VIEW("grpc-status"), SHOAL_VIEW("0")}};
    assert_int_equal(send_status(stream, 200, false), 0);
    assert_int_equal(shoal__stream_write(stream, shoal_view("body", 4)), 0);
    assert_int_equal(shoal__stream_end(stream, trailers, 1), 0);
}

static void trailers_go_both_ways_apart_from_fields(void **state)
{
    (void)state;
    client.notes_fields = server.notes_fields = true;
    server.on_request = answer_with_trailers;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    const struct shoal__http_field trailers[] = {{SHOAL_VIEW("sum"), SHOAL_VIEW("42")}};
    shoal__stream_write(stream, shoal_view("up", 2));
    assert_int_equal(shoal__stream_end(stream, trailers, 1), 0);
    run();
    expect("<POST />(up)[end]{sum: 42}[closed: ended in order]",
           "<200>(body)[end]{grpc-status: 0}[closed: ended in order]");
}

static void answer_with_interim(struct peer *peer, struct shoal__stream *stream,
                                const struct shoal__head *head, bool end)
{
    assert_int_equal(send_status(stream, 103, false), 0);
    assert_int_equal(shoal__stream_write(stream, shoal_view("early", 5)), -SHOAL_ESTATE);
    answer_hello(peer, stream, head, end);
}

static void interim_heads_come_before_the_final_one(void **state)
{
    (void)state;
    server.on_request = answer_with_interim;
    ask(&client, "GET", "/", true);
    run();
    assert_string_equal(peer_log(&client), "<103><200>(hello)[end][closed: ended in order]");
}

static void answer_misused(struct peer *peer, struct shoal__stream *stream,
                           const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    assert_int_equal(shoal__stream_end(stream, NULL, 0), -SHOAL_ESTATE);
    assert_int_equal(send_status(stream, 1000, true), -SHOAL_EINVAL);
    assert_int_equal(send_status(stream, 204, true), 0);
    assert_int_equal(send_status(stream, 200, true), -SHOAL_ESTATE);
    assert_int_equal(shoal__stream_write(stream, shoal_view("x", 1)), -SHOAL_ESTATE);
    assert_int_equal(shoal__stream_end(stream, NULL, 0), -SHOAL_ESTATE);
}

static void misuse_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    server.on_request = answer_misused;
    ask(&client, "GET", "/", true);
    run();
    assert_string_equal(peer_log(&client), "<204.>[closed: ended in order]");
}

static void answer_unsendable(struct peer *peer, struct shoal__stream *stream,
                              const struct shoal__head *head, bool end)
{
    static const struct shoal__http_field bad[] = {
        {SHOAL_VIEW("a"), SHOAL_VIEW("b\r\nc: d")},
        {SHOAL_VIEW("a"), SHOAL_VIEW("b\0c")},
        {SHOAL_VIEW("a"), SHOAL_VIEW("b\nc")},
        {SHOAL_VIEW("a b"), SHOAL_VIEW("c")},
        {SHOAL_VIEW(""), SHOAL_VIEW("c")},
        {SHOAL_VIEW(":status"), SHOAL_VIEW("200")},
        {SHOAL_VIEW("Connection"), SHOAL_VIEW("x")},
        {SHOAL_VIEW("a\r"), SHOAL_VIEW("c")},
        {SHOAL_VIEW("content-length"), SHOAL_VIEW("1")},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct shoal__head answer = {
            .status = 200, .fields = &bad[i], .field_count = 1, .content_length = -1};
        assert_int_equal(shoal__stream_send_head(stream, &answer, true), -SHOAL_EINVAL);
    }
    answer_hello(peer, stream, head, end);
}

static void fields_that_would_split_a_response_are_refused(void **state)
{
    (void)state;
    server.on_request = answer_unsendable;
    ask(&client, "GET", "/", true);
    run();
    assert_string_equal(peer_log(&client), "<200>(hello)[end][closed: ended in order]");
}

static void a_client_that_gives_up_is_told_to_the_server_once(void **state)
{
    (void)state;
    server.on_request = answer_echo;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    run();
    shoal__stream_reset(stream, SHOAL__H2_CANCEL);
    assert_int_equal(shoal__stream_write(stream, shoal_view("x", 1)), -SHOAL_EPIPE);
    shoal__stream_reset(stream, SHOAL__H2_INTERNAL_ERROR); /* too late to matter */
    run();
    expect("<POST />[closed: no longer needed]", "<200>[closed: no longer needed]");
}

static void a_request_given_up_before_it_was_sent_never_was(void **state)
{
    (void)state;
    struct shoal__stream *stream = ask(&client, "GET", "/", true);
    shoal__stream_reset(stream, SHOAL__H2_CANCEL);
    run();
    expect("", "[closed: no longer needed]");
    assert_non_null(ask(&client, "GET", "/", true));
    run();
    expect("<GET /.>[closed: ended in order]", "<200>(hello)[end][closed: ended in order]");
}

static void answer_reset(struct peer *peer, struct shoal__stream *stream,
                         const struct shoal__head *head, bool end)
{
    answer_hello(peer, stream, head, end);
    shoal__stream_reset(stream, SHOAL__H2_INTERNAL_ERROR);
    assert_int_equal(shoal__stream_write(stream, shoal_view("x", 1)), -SHOAL_EPIPE);
}

static void a_server_that_gives_up_is_told_to_the_client(void **state)
{
    (void)state;
    server.on_request = answer_reset;
    ask(&client, "POST", "/", false);
    run();
    assert_string_equal(peer_log(&server), "<POST />[closed: internal error]");
    assert_non_null(strstr(peer_log(&client), "[closed: internal error]"));
}

static void answer_early(struct peer *peer, struct shoal__stream *stream,
                         const struct shoal__head *head, bool end)
{
    answer_hello(peer, stream, head, end);
    shoal__stream_reset(stream, SHOAL__H2_NO_ERROR);
}

static void an_answer_before_the_request_has_ended_arrives_whole(void **state)
{
    (void)state;
    server.on_request = answer_early;
    struct shoal__stream *stream = ask(&client, "POST", "/", false);
    shoal__stream_write(stream, shoal_view("never read", 10));
    run();
    expect("<POST />[closed: ended in order]", "<200>(hello)[end][closed: ended in order]");
}

static void answer_later(struct peer *peer, struct shoal__stream *stream,
                         const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)stream;
    (void)head;
    (void)end;
}

static void an_answer_may_come_later_and_wants_to_be_sent(void **state)
{
    (void)state;
    server.on_request = answer_later;
    ask(&client, "GET", "/", true);
    run();
    struct shoal__stream *stream = shoal__session_find(server.session, server.last->serial);
    assert_ptr_equal(stream, server.last);
    server.wanted = 0;
    answer_hello(&server, stream, NULL, true);
    assert_int_equal(server.wanted, 1); /* told once, not for every call */
    uint64_t serial = stream->serial;
    run();
    assert_string_equal(peer_log(&client), "<200>(hello)[end][closed: ended in order]");
    assert_null(shoal__session_find(server.session, serial));
    assert_null(shoal__session_find(server.session, UINT64_MAX));
}

static void a_ping_is_answered(void **state)
{
    (void)state;
    assert_int_equal(shoal__session_ping(client.session), 0);
    run();
    expect("", "[pong]");
}

static void a_server_may_refuse_pings(void **state)
{
    (void)state;
    server.refuses_pings = true;
    shoal__session_ping(client.session);
    run();
    assert_true(shoal__http2_is_over(server.engine));
    assert_string_equal(peer_log(&client),
                        "[pong][goaway last none: too much useless work: too_many_pings]");
}

static void a_shutdown_loses_no_request(void **state)
{
    (void)state;
    run();
    shoal__session_shutdown(server.session);
    assert_int_equal(peer_flush(&server), 0); /* the notice is on its way ... */
    assert_non_null(ask(&client, "GET", "/late", true));
    run(); /* ... and so was this */
    assert_string_equal(peer_log(&server), "<GET /late.>[closed: ended in order]");
    assert_string_equal(peer_log(&client),
                        "[goaway notice: ended in order]<200>(hello)[end][closed: ended in order]");
    assert_true(shoal__http2_is_over(server.engine));
    assert_true(shoal__http2_is_over(client.engine));
}

static void a_shutdown_waits_for_streams_and_lets_no_more_in(void **state)
{
    (void)state;
    server.on_request = answer_later;
    ask(&client, "GET", "/", true);
    run();
    shoal__session_shutdown(server.session);
    run();
    struct shoal__stream *refused;
    assert_int_equal(ask_rc(&client, "GET", "/", true, &refused), -SHOAL_ESTOPPED);
    assert_false(shoal__http2_is_over(server.engine));
    answer_hello(&server, server.last, NULL, true);
    run();
    assert_true(shoal__http2_is_over(server.engine));
    assert_int_equal(client.last_error, SHOAL__H2_NO_ERROR);
}

static void a_second_shutdown_does_not_wait_for_the_round_trip(void **state)
{
    (void)state;
    run();
    shoal__session_shutdown(server.session);
    shoal__session_shutdown(server.session);
    peer_flush(&server);
    assert_true(shoal__http2_is_over(server.engine));
}

static void a_client_that_leaves_finishes_what_it_has(void **state)
{
    (void)state;
    ask(&client, "GET", "/", true);
    shoal__session_shutdown(client.session);
    run();
    assert_non_null(strstr(peer_log(&client), "<200>(hello)[end][closed: ended in order]"));
    assert_true(shoal__http2_is_over(client.engine));
    assert_true(shoal__http2_is_over(server.engine));
}

static void closing_a_session_tells_the_peer_why_and_closes_its_streams(void **state)
{
    (void)state;
    server.on_request = answer_later;
    ask(&client, "GET", "/", true);
    run();
    peer_log(&server);
    shoal__session_close(server.session, SHOAL__H2_INTERNAL_ERROR, shoal_view_of("on fire"));
    assert_int_equal(send_status(server.last, 200, true), -SHOAL_EPIPE);
    peer_flush(&server);
    assert_true(shoal__http2_is_over(server.engine));
    run();
    assert_non_null(strstr(peer_log(&client), "[goaway last: internal error: on fire]"));
    shoal__http2_destroy(&server.engine);
    assert_string_equal(peer_log(&server), "[closed: internal error][session: internal error]");
}

static void streams_of_a_lost_connection_are_closed(void **state)
{
    (void)state;
    server.on_request = answer_later;
    ask(&client, "GET", "/", true);
    run();
    peer_log(&server);
    shoal__http2_destroy(&server.engine);
    assert_string_equal(peer_log(&server), "[closed: no longer needed][session: ended in order]");
}

static void a_client_is_told_once_that_settings_have_come(void **state)
{
    (void)state;
    assert_int_equal(client.settings, 0);
    run();
    ask(&client, "GET", "/", true);
    run();
    assert_int_equal(client.settings, 1);
    assert_int_equal(server.settings, 0);
}

static void a_request_that_never_left_is_refused(void **state)
{
    (void)state;
    run();
    ask(&client, "GET", "/left", true);
    peer_flush(&client);
    ask(&client, "GET", "/stayed", true);
    shoal__http2_destroy(&client.engine);
    assert_string_equal(peer_log(&client), "[closed: no longer needed]"
                                           "[closed: refused before any processing]"
                                           "[session: ended in order]");
}

static void a_request_that_a_goaway_overtakes_is_refused(void **state)
{
    (void)state;
    run();
    shoal__session_shutdown(server.session);
    peer_flush(&server);
    ask(&client, "GET", "/late", true);
    char piece[4096];
    size_t size = shoal_buf_copy_out(&server.out, piece, sizeof(piece));
    shoal_buf_consume(&server.out, size);
    peer_take(&client, piece, size, WHOLE); /* before it has sent anything */
    run();
    assert_string_equal(peer_log(&server), "");
    assert_string_equal(peer_log(&client), "[goaway notice: ended in order]"
                                           "[closed: refused before any processing]");
}

static void refuse_early(struct peer *peer, struct shoal__stream *stream,
                         const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    shoal__stream_reset(stream, SHOAL__H2_NO_ERROR);
}

static void a_response_cut_without_error_is_an_error(void **state)
{
    (void)state;
    server.on_request = refuse_early;
    ask(&client, "GET", "/", true);
    run();
    assert_string_equal(peer_log(&client), "[closed: protocol error]");
    assert_false(client.session->gone);
}

static void a_client_is_told_when_there_is_room_again(void **state)
{
    (void)state;
    server.limits.max_streams = 2; /* announced already; a new pair is needed */
    tear_down(NULL);
    peer_init(&client);
    peer_init(&server);
    server.limits.max_streams = 2;
    server.on_request = answer_later;
    peer_open(&client, SHOAL__HTTP_CLIENT);
    peer_open(&server, SHOAL__HTTP_SERVER);
    run();
    assert_int_equal(shoal__session_room(client.session), 2);
    ask(&client, "GET", "/1", true);
    ask(&client, "GET", "/2", true);
    struct shoal__stream *third;
    assert_int_equal(ask_rc(&client, "GET", "/3", true, &third), -SHOAL_EFULL);
    run();
    peer_log(&client);
    answer_hello(&server, server.last, NULL, true);
    run();
    assert_string_equal(peer_log(&client), "<200>(hello)[end][closed: ended in order][room]");
    assert_non_null(ask(&client, "GET", "/3", true));
}

static void send_in_small_steps(struct peer *from, struct peer *to)
{
    int rc = 1;
    while (rc == 1) {
        rc = shoal__http2_send(from->engine, 100);
        char piece[70000];
        size_t size = shoal_buf_copy_out(&from->out, piece, sizeof(piece));
        assert_in_range(size, 0, 100 + 16384 + 9);
        shoal_buf_consume(&from->out, size);
        assert_int_equal(peer_take(to, piece, size, WHOLE), 0);
    }
    assert_int_equal(rc, 0);
}

static void answer_long(struct peer *peer, struct shoal__stream *stream,
                        const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)head;
    (void)end;
    static char body[200000];
    assert_int_equal(send_status(stream, 200, false), 0);
    assert_int_equal(shoal__stream_write(stream, shoal_view(body, sizeof(body))), 0);
    assert_int_equal(shoal__stream_end(stream, NULL, 0), 0);
}

static void a_driver_may_take_the_output_in_steps(void **state)
{
    (void)state;
    server.on_request = answer_long;
    client.quiet = true;
    ask(&client, "GET", "/", true);
    peer_flush(&client);
    char piece[4096];
    size_t size = shoal_buf_copy_out(&client.out, piece, sizeof(piece));
    shoal_buf_consume(&client.out, size);
    peer_take(&server, piece, size, WHOLE);
    send_in_small_steps(&server, &client);
    assert_int_equal(client.received, 200000);
    assert_string_equal(peer_log(&client), "<200>[end][closed: ended in order]");
}

static void an_output_that_fails_ends_the_session(void **state)
{
    (void)state;
    ask(&client, "GET", "/", true);
    client.write_error = -SHOAL_EPIPE;
    assert_int_equal(peer_flush(&client), -SHOAL_EPIPE);
    assert_true(shoal__http2_is_over(client.engine));
    client.write_error = 0;
}

/* A conversation of everything, whatever the cut. */
static void every_cut_of_the_bytes_gives_the_same_conversation(void **state)
{
    (void)state;
    char at_server[LOG_BYTES] = "", at_client[LOG_BYTES] = "";
    for (size_t cut = 4096; cut > 0; cut = cut > 64 ? cut / 2 : cut - 1) {
        tear_down(NULL);
        set_up(NULL);
        client.notes_fields = server.notes_fields = true;
        client.quiet = true; /* the body comes in other pieces, but it comes */
        server.on_request = answer_with_trailers;
        struct shoal__stream *stream = ask(&client, "POST", "/cut", false);
        const struct shoal__http_field trailers[] = {{SHOAL_VIEW("sum"), SHOAL_VIEW("42")}};
        shoal__stream_end(stream, trailers, 1);
        ask(&client, "GET", "/other", true);
        shoal__session_ping(client.session);
        wire_run(&client, &server, cut);
        assert_int_equal(client.received, 2 * strlen("body"));
        assert_int_equal(shoal__http2_useless(client.engine)->counts[USELESS_IGNORED], 0);
        assert_int_equal(shoal__http2_useless(server.engine)->counts[USELESS_IGNORED], 0);
        if (cut == 4096) {
            snprintf(at_server, sizeof(at_server), "%s", peer_log(&server));
            snprintf(at_client, sizeof(at_client), "%s", peer_log(&client));
        } else {
            expect(at_server, at_client);
        }
    }
    assert_non_null(strstr(at_client, "{grpc-status: 0}"));
    assert_non_null(strstr(at_client, "[pong]"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_answered),
        TEST(a_session_carries_many_requests_at_once),
        TEST(a_body_goes_both_ways_while_both_are_open),
        TEST(fields_arrive_in_small_letters_and_in_order),
        TEST(a_head_that_is_sent_is_borrowed_no_longer),
        TEST(trailers_go_both_ways_apart_from_fields),
        TEST(interim_heads_come_before_the_final_one),
        TEST(misuse_is_refused_and_changes_nothing),
        TEST(fields_that_would_split_a_response_are_refused),
        TEST(a_client_that_gives_up_is_told_to_the_server_once),
        TEST(a_request_given_up_before_it_was_sent_never_was),
        TEST(a_server_that_gives_up_is_told_to_the_client),
        TEST(an_answer_before_the_request_has_ended_arrives_whole),
        TEST(an_answer_may_come_later_and_wants_to_be_sent),
        TEST(a_ping_is_answered),
        TEST(a_server_may_refuse_pings),
        TEST(a_shutdown_loses_no_request),
        TEST(a_shutdown_waits_for_streams_and_lets_no_more_in),
        TEST(a_second_shutdown_does_not_wait_for_the_round_trip),
        TEST(a_client_that_leaves_finishes_what_it_has),
        TEST(closing_a_session_tells_the_peer_why_and_closes_its_streams),
        TEST(streams_of_a_lost_connection_are_closed),
        TEST(a_client_is_told_once_that_settings_have_come),
        TEST(a_request_that_never_left_is_refused),
        TEST(a_request_that_a_goaway_overtakes_is_refused),
        TEST(a_response_cut_without_error_is_an_error),
        TEST(a_client_is_told_when_there_is_room_again),
        TEST(a_driver_may_take_the_output_in_steps),
        TEST(an_output_that_fails_ends_the_session),
        TEST(every_cut_of_the_bytes_gives_the_same_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
