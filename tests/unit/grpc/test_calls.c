/* SPDX-License-Identifier: BSD-3-Clause */
/* A call's life, with a client and a clock that do what the test says. */
#include "grpc_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POST_SERVICE (&parcels__post__descriptor)

/* What handlers note, in order. */
static char notes[512];

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    size_t at = strlen(notes);
    va_list args;
    va_start(args, format);
    vsnprintf(notes + at, sizeof(notes) - at, format, args);
    va_end(args);
}

static struct shoal_grpc_call *last; /* the call whose handler ran last */

static const char *label_of(const void *request)
{
    return ((const Parcels__Parcel *)request)->label;
}

static void closed(struct shoal_grpc_call *call, int status, void *arg)
{
    (void)call;
    (void)arg;
    note("closed(%s) ", shoal_grpc_status_name(status));
}

static int echo(struct shoal_grpc_call *call, const void *request, void *reply)
{
    last = call;
    shoal_grpc_on_close(call, closed, NULL);
    note("echo(%s) ", label_of(request));
    ((Parcels__Parcel *)reply)->label = shoal_grpc_printf(call, "%s!", label_of(request));
    return SHOAL_GRPC_OK;
}

static int later(struct shoal_grpc_call *call, const void *request, void *reply)
{
    (void)echo(call, request, reply);
    return SHOAL_GRPC_LATER;
}

static int say_no(struct shoal_grpc_call *call, const void *request, void *reply)
{
    (void)reply;
    return shoal_grpc_fail_with(call, SHOAL_GRPC_NOT_FOUND, shoal_view("\0d", 2), "no %s: 100%%\n",
                                label_of(request));
}

static struct grpc_rig *start_with(void **state, shoal_grpc_unary_fn *unary)
{
    struct grpc_rig *rig = *state;
    notes[0] = '\0';
    last = NULL;
    assert_int_equal(shoal_grpc_unary(rig->grpc, POST_SERVICE, "Unary", unary, NULL, NULL), 0);
    return rig;
}

static struct rig_stream *call_unary(struct grpc_rig *rig)
{
    return grpc_rig_call(rig, "/parcels.Post/Unary", NULL);
}

/* Unary */

static void a_request_is_answered_when_the_client_has_sent_all(void **state)
{
    struct grpc_rig *rig = start_with(state, echo);
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_send(stream, "hello");
    assert_string_equal(notes, "");
    grpc_rig_ends(stream);
    assert_string_equal(grpc_rig_replies(stream), "hello!");
    assert_int_equal(stream->status, 200);
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_OK);
    assert_true(stream->ended && !stream->was_reset);
    grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string_equal(notes, "echo(hello) closed(OK) ");
}

static void a_status_comes_alone_with_its_text_and_details(void **state)
{
    struct grpc_rig *rig = start_with(state, say_no);
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_ask(stream, "cod");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_NOT_FOUND);
    assert_string_equal(grpc_rig_field(stream, "grpc-message"), "no cod: 100%25%0A");
    assert_string_equal(grpc_rig_field(stream, "grpc-status-details-bin"), "AGQ");
    assert_int_equal(stream->body_size, 0);
}

static void no_request_or_two_are_not_what_a_unary_method_takes(void **state)
{
    struct grpc_rig *rig = start_with(state, echo);
    struct rig_stream *none = call_unary(rig);
    grpc_rig_ends(none);
    assert_int_equal(none->grpc_status, SHOAL_GRPC_UNIMPLEMENTED);
    struct rig_stream *two = call_unary(rig);
    grpc_rig_send(two, "a");
    grpc_rig_send(two, "b");
    assert_int_equal(two->grpc_status, SHOAL_GRPC_UNIMPLEMENTED);
    assert_true(two->was_reset && two->reset_error == SHOAL__H2_NO_ERROR);
    assert_string_equal(notes, "");
}

static void an_answer_may_come_later_and_only_once(void **state)
{
    struct grpc_rig *rig = start_with(state, later);
    struct rig_stream *stream = call_unary(rig);
    Parcels__Parcel reply = PARCELS__PARCEL__INIT;
    reply.label = (char *)"late";
    grpc_rig_ask(stream, "x");
    assert_false(stream->ended);
    assert_int_equal(shoal_grpc_send(last, &reply), 0);
    assert_int_equal(shoal_grpc_send(last, &reply), -SHOAL_ESTATE);
    assert_int_equal(shoal_grpc_finish(last, SHOAL_GRPC_OK), 0);
    assert_int_equal(shoal_grpc_finish(last, SHOAL_GRPC_OK), -SHOAL_ESTATE);
    assert_string_equal(grpc_rig_replies(stream), "late");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_OK);
}

static void ok_without_a_reply_is_internal(void **state)
{
    struct grpc_rig *rig = start_with(state, later);
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_ask(stream, "x");
    assert_int_equal(shoal_grpc_finish(last, SHOAL_GRPC_OK), 0);
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_INTERNAL);
}

static void an_id_leads_to_its_call_until_that_is_over(void **state)
{
    struct grpc_rig *rig = start_with(state, later);
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_ask(stream, "x");
    struct shoal_grpc_id id = shoal_grpc_get_id(last);
    assert_ptr_equal(shoal_grpc_find(rig->rig.loop, id), last);
    grpc_rig_close(stream, SHOAL__H2_CANCEL);
    assert_null(shoal_grpc_find(rig->rig.loop, id));
    assert_string_equal(notes, "echo(x) closed(CANCELLED) ");
}

static void a_cancelled_call_takes_nothing(void **state)
{
    struct grpc_rig *rig = start_with(state, later);
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_ask(stream, "x");
    assert_false(shoal_grpc_cancelled(last));
    grpc_rig_close(stream, SHOAL__H2_CANCEL);
    assert_string_equal(notes, "echo(x) closed(CANCELLED) ");
}

/* Deadlines */

static void a_deadline_ends_the_call_and_tells_its_handler_at_once(void **state)
{
    static const char *const timeout[] = {"grpc-timeout", "100m", NULL};
    struct grpc_rig *rig = start_with(state, later);
    struct rig_stream *stream = grpc_rig_call(rig, "/parcels.Post/Unary", timeout);
    grpc_rig_ask(stream, "x");
    assert_int_equal(shoal_grpc_left_ms(last), 100);
    connrig_pass_ms(&rig->rig, 99);
    assert_int_equal(stream->grpc_status, -1);
    connrig_pass_ms(&rig->rig, 1);
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_DEADLINE_EXCEEDED);
    assert_string_equal(notes, "echo(x) closed(DEADLINE_EXCEEDED) ");
    assert_true(shoal_grpc_cancelled(last));
    assert_int_equal(shoal_grpc_finish(last, SHOAL_GRPC_OK), -SHOAL_EPIPE);
    grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string_equal(notes, "echo(x) closed(DEADLINE_EXCEEDED) ");
}

static void a_call_whose_deadline_has_passed_is_never_run(void **state)
{
    static const char *const now[] = {"grpc-timeout", "0n", NULL};
    static const char *const soon[] = {"grpc-timeout", "10m", NULL};
    struct grpc_rig *rig = start_with(state, echo);
    struct rig_stream *stream = grpc_rig_call(rig, "/parcels.Post/Unary", now);
    grpc_rig_ask(stream, "x");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_DEADLINE_EXCEEDED);

    stream = grpc_rig_call(rig, "/parcels.Post/Unary", soon);
    fakeclock_advance_ms(&rig->rig.time, 10); /* the loop has not come to its timers */
    grpc_rig_ask(stream, "x");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_DEADLINE_EXCEEDED);
    assert_string_equal(notes, "");
}

static void the_listener_may_cap_deadlines(void **state)
{
    struct grpc_rig *rig = start_with(state, later);
    rig->endpoint.cfg.max_deadline_ms = 50;
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_ask(stream, "x");
    assert_int_equal(shoal_grpc_left_ms(last), 50);
    connrig_pass_ms(&rig->rig, 50);
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_DEADLINE_EXCEEDED);
}

/* Streams */

static int chat(struct shoal_grpc_call *call, const void *request)
{
    last = call;
    note("%s ", label_of(request));
    return shoal_grpc_send(call, request) < 0 ? SHOAL_GRPC_INTERNAL : SHOAL_GRPC_LATER;
}

static int chat_pausing(struct shoal_grpc_call *call, const void *request)
{
    shoal_grpc_pause(call);
    return chat(call, request);
}

static void drained(struct shoal_grpc_call *call)
{
    (void)call;
    note("drained ");
}

static void stream_closed(struct shoal_grpc_call *call, int status)
{
    closed(call, status, NULL);
}

static const struct shoal_grpc_stream chatting = {
    .on_message = chat, .on_drained = drained, .on_close = stream_closed};
static const struct shoal_grpc_stream pausing = {.on_message = chat_pausing};

static struct grpc_rig *start_chat(void **state, const struct shoal_grpc_stream *stream)
{
    struct grpc_rig *rig = *state;
    notes[0] = '\0';
    assert_int_equal(
        shoal_grpc_streaming(rig->grpc, POST_SERVICE, "Chat", SHOAL_GRPC_BIDI, stream, NULL, NULL),
        0);
    return rig;
}

static void every_message_of_a_stream_is_delivered_however_it_is_cut(void **state)
{
    struct grpc_rig *rig = start_chat(state, &chatting);
    static const uint8_t bytes[] = "\0\0\0\0\3\x0a\1a\0\0\0\0\3\x0a\1b\0\0\0\0\0\0\0\0\0\3\x0a\1c";
    const size_t size = sizeof(bytes) - 1;
    for (size_t cut = 1; cut <= size; cut++) {
        struct rig_stream *stream = grpc_rig_call(rig, "/parcels.Post/Chat", NULL);
        for (size_t at = 0; at < size; at += cut)
            grpc_rig_bytes(stream, bytes + at, cut < size - at ? cut : size - at);
        grpc_rig_ends(stream);
        assert_string_equal(grpc_rig_replies(stream), "a b  c");
        assert_int_equal(stream->grpc_status, SHOAL_GRPC_OK);
        assert_int_equal(stream->consumed, size);
        grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
    }
    assert_int_equal(atomic_load(&rig->endpoint.inflight), 0);
}

static void a_paused_stream_keeps_what_comes_and_its_window_closed(void **state)
{
    struct grpc_rig *rig = start_chat(state, &pausing);
    struct rig_stream *stream = grpc_rig_call(rig, "/parcels.Post/Chat", NULL);
    grpc_rig_send(stream, "a");
    size_t consumed = stream->consumed;
    grpc_rig_send(stream, "b");
    grpc_rig_send(stream, "c");
    grpc_rig_ends(stream);
    assert_string_equal(notes, "a ");
    assert_int_equal(stream->consumed, consumed);
    shoal_grpc_resume(last);
    assert_string_equal(notes, "a b ");
    shoal_grpc_resume(last);
    assert_string_equal(notes, "a b c ");
    assert_int_equal(stream->grpc_status, -1);
    shoal_grpc_resume(last);
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_OK);
    assert_int_equal(stream->consumed, 3 * consumed);
}

static void a_writer_is_told_to_stop_and_to_go_on(void **state)
{
    struct grpc_rig *rig = start_chat(state, &chatting);
    struct rig_stream *stream = grpc_rig_call(rig, "/parcels.Post/Chat", NULL);
    grpc_rig_send(stream, "a");
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    stream->write_rc = 1;
    assert_int_equal(shoal_grpc_send(last, &parcel), 1);
    stream->write_rc = 0;
    stream->stream.events->on_drained(&stream->stream);
    assert_string_equal(notes, "a drained ");
    stream->write_rc = -SHOAL_EFULL;
    assert_int_equal(shoal_grpc_send(last, &parcel), -SHOAL_EFULL);
}

static void a_stream_cut_inside_of_a_message_is_internal(void **state)
{
    struct grpc_rig *rig = start_chat(state, &chatting);
    struct rig_stream *stream = grpc_rig_call(rig, "/parcels.Post/Chat", NULL);
    grpc_rig_bytes(stream, "\0\0\0\0\3\x0a", 6);
    grpc_rig_ends(stream);
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_INTERNAL);
    assert_string_equal(notes, "");
}

static void what_is_gathered_is_charged_and_too_much_is_refused(void **state)
{
    struct grpc_rig *rig = start_chat(state, &chatting);
    rig->endpoint.cfg.max_inflight_bytes = 5000;
    struct rig_stream *one = grpc_rig_call(rig, "/parcels.Post/Chat", NULL);
    struct rig_stream *two = grpc_rig_call(rig, "/parcels.Post/Chat", NULL);
    grpc_rig_bytes(one, "\0\0\1\0\0abc", 8);
    assert_int_equal(atomic_load(&rig->endpoint.inflight), 4096);
    grpc_rig_bytes(two, "\0\0\1\0\0abc", 8);
    assert_int_equal(two->grpc_status, SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(one->grpc_status, -1);
    grpc_rig_close(one, SHOAL__H2_CANCEL);
    grpc_rig_close(two, SHOAL__H2_NO_ERROR);
    assert_int_equal(atomic_load(&rig->endpoint.inflight), 0);
}

/* Metadata */

static int with_metadata(struct shoal_grpc_call *call, const void *request, void *reply)
{
    (void)request;
    ((Parcels__Parcel *)reply)->label = shoal_grpc_copy(call, shoal_grpc_metadata(call, "x-in"));
    assert_int_equal(shoal_grpc_add_initial(call, "x-first", shoal_view_of("1")), 0);
    assert_int_equal(shoal_grpc_add_trailing(call, "x-last-bin", shoal_view("\0", 1)), 0);
    assert_int_equal(shoal_grpc_add_trailing(call, "grpc-status", shoal_view_of("9")),
                     -SHOAL_EINVAL);
    assert_int_equal(shoal_grpc_add_initial(call, "X", shoal_view_of("9")), -SHOAL_EINVAL);
    return SHOAL_GRPC_OK;
}

static void metadata_goes_in_and_out(void **state)
{
    static const char *const fields[] = {"x-in", "value", NULL};
    struct grpc_rig *rig = start_with(state, with_metadata);
    struct rig_stream *stream = grpc_rig_call(rig, "/parcels.Post/Unary", fields);
    grpc_rig_ask(stream, "");
    assert_string_equal(grpc_rig_replies(stream), "value");
    assert_string_equal(grpc_rig_field(stream, "x-first"), "1");
    assert_string_equal(grpc_rig_field(stream, "x-last-bin"), "AA");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_OK);
}

/* Interceptors */

static int before(struct shoal_grpc_call *call, void *arg)
{
    note("before(%s) ", (const char *)arg);
    struct shoal_view stop = shoal_grpc_metadata(call, "x-stop");
    return shoal_view_equal(stop, shoal_view_of(arg))
               ? shoal_grpc_fail(call, SHOAL_GRPC_PERMISSION_DENIED, "stopped")
               : SHOAL_GRPC_OK;
}

static void after(struct shoal_grpc_call *call, int status, void *arg)
{
    (void)call;
    note("after(%s %s) ", (const char *)arg, shoal_grpc_status_name(status));
}

static void interceptors_surround_the_handler(void **state)
{
    static const char *const stop[] = {"x-stop", "b", NULL};
    struct grpc_rig *rig = start_with(state, echo);
    shoal_grpc_intercept(rig->grpc, before, after, (char *)"a");
    shoal_grpc_intercept(rig->grpc, before, after, (char *)"b");
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_ask(stream, "x");
    grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string_equal(notes, "before(a) before(b) echo(x) closed(OK) after(b OK) after(a OK) ");

    notes[0] = '\0';
    stream = grpc_rig_call(rig, "/parcels.Post/Unary", stop);
    grpc_rig_ask(stream, "x");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_PERMISSION_DENIED);
    grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string_equal(notes, "before(a) before(b) after(a PERMISSION_DENIED) ");
}

/* Keeps calls that have the field x-wait. */
static int keep(struct shoal_grpc_call *call, void *arg)
{
    (void)arg;
    last = call;
    return shoal_grpc_metadata(call, "x-wait").data ? SHOAL_GRPC_LATER : SHOAL_GRPC_OK;
}

static struct rig_stream *call_and_wait(struct grpc_rig *rig)
{
    static const char *const wait[] = {"x-wait", "1", NULL};
    notes[0] = '\0';
    return grpc_rig_call(rig, "/parcels.Post/Unary", wait);
}

static void an_interceptor_may_keep_a_call_and_let_it_pass_later(void **state)
{
    struct grpc_rig *rig = start_with(state, echo);
    shoal_grpc_intercept(rig->grpc, before, after, (char *)"a");
    shoal_grpc_intercept(rig->grpc, keep, after, (char *)"b");
    shoal_grpc_intercept(rig->grpc, before, after, (char *)"c");
    struct rig_stream *stream = call_and_wait(rig);
    grpc_rig_ask(stream, "x");
    assert_string_equal(notes, "before(a) ");
    assert_int_equal(stream->consumed, 0); /* nor does the client get a window for more */

    assert_int_equal(shoal_grpc_pass(last), 0);
    assert_int_equal(shoal_grpc_pass(last), -SHOAL_ESTATE);
    grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string_equal(
        notes, "before(a) before(c) echo(x) closed(OK) after(c OK) after(b OK) after(a OK) ");
}

static void a_last_may_be_refused_or_cancelled(void **state)
{
    struct grpc_rig *rig = start_with(state, echo);
    shoal_grpc_intercept(rig->grpc, before, after, (char *)"a");
    shoal_grpc_intercept(rig->grpc, keep, after, (char *)"b");
    struct rig_stream *stream = call_and_wait(rig);
    assert_int_equal(shoal_grpc_finish(last, SHOAL_GRPC_UNAUTHENTICATED), 0);
    assert_int_equal(shoal_grpc_pass(last), -SHOAL_ESTATE);
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_UNAUTHENTICATED);
    grpc_rig_close(stream, SHOAL__H2_NO_ERROR);
    assert_string_equal(notes, "before(a) after(a UNAUTHENTICATED) ");

    stream = call_and_wait(rig);
    grpc_rig_ask(stream, "x");
    grpc_rig_close(stream, SHOAL__H2_CANCEL);
    assert_string_equal(notes, "before(a) after(a CANCELLED) ");
}

/* Limits */

static void calls_over_the_limit_are_refused_at_once(void **state)
{
    struct grpc_rig *rig = start_with(state, later);
    rig->endpoint.cfg.max_calls = 2;
    struct rig_stream *one = call_unary(rig);
    (void)call_unary(rig);
    struct rig_stream *three = call_unary(rig);
    assert_int_equal(three->grpc_status, SHOAL_GRPC_RESOURCE_EXHAUSTED);
    grpc_rig_close(three, SHOAL__H2_NO_ERROR);
    grpc_rig_close(one, SHOAL__H2_CANCEL);
    assert_int_equal(call_unary(rig)->grpc_status, -1);
}

static void a_reply_over_the_limit_is_refused(void **state)
{
    struct grpc_rig *rig = start_with(state, echo);
    rig->endpoint.cfg.max_reply = 3;
    struct rig_stream *stream = call_unary(rig);
    grpc_rig_ask(stream, "hello");
    assert_int_equal(stream->grpc_status, SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(stream->body_size, 0);
}

/* The connection */

static void a_connection_of_age_is_ended_gracefully_and_then_cut(void **state)
{
    struct grpc_rig *rig = *state;
    struct shoal__session session = rig->session;
    rig->endpoint.cfg.max_age_ms = 1000;
    rig->endpoint.cfg.age_grace_ms = 100;
    session.events->on_close(&rig->session, 0);
    rig->session.user = shoal__grpc_session_create(rig->rig.loop, &rig->endpoint);
    shoal__grpc_session_begin(rig->session.user, &rig->session);
    connrig_pass_ms(&rig->rig, 899);
    assert_false(rig->session_shut);
    connrig_pass_ms(&rig->rig, 202);
    assert_true(rig->session_shut);
    assert_false(rig->session_closed);
    connrig_pass_ms(&rig->rig, 100);
    assert_true(rig->session_closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, grpc_rig_start, grpc_rig_stop)
        TEST(a_request_is_answered_when_the_client_has_sent_all),
        TEST(a_status_comes_alone_with_its_text_and_details),
        TEST(no_request_or_two_are_not_what_a_unary_method_takes),
        TEST(an_answer_may_come_later_and_only_once),
        TEST(ok_without_a_reply_is_internal),
        TEST(an_id_leads_to_its_call_until_that_is_over),
        TEST(a_cancelled_call_takes_nothing),
        TEST(a_deadline_ends_the_call_and_tells_its_handler_at_once),
        TEST(a_call_whose_deadline_has_passed_is_never_run),
        TEST(the_listener_may_cap_deadlines),
        TEST(every_message_of_a_stream_is_delivered_however_it_is_cut),
        TEST(a_paused_stream_keeps_what_comes_and_its_window_closed),
        TEST(a_writer_is_told_to_stop_and_to_go_on),
        TEST(a_stream_cut_inside_of_a_message_is_internal),
        TEST(what_is_gathered_is_charged_and_too_much_is_refused),
        TEST(metadata_goes_in_and_out),
        TEST(interceptors_surround_the_handler),
        TEST(an_interceptor_may_keep_a_call_and_let_it_pass_later),
        TEST(a_last_may_be_refused_or_cancelled),
        TEST(calls_over_the_limit_are_refused_at_once),
        TEST(a_reply_over_the_limit_is_refused),
        TEST(a_connection_of_age_is_ended_gracefully_and_then_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
