/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The WebSocket engine: streams of frames, whole and cut anywhere, become notes as text:
 * "T(hello) B(2:00ff) ping(x) pong() close(1000,bye) error(1002)".
 */
#include "proto/websocket/websocket_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_MESSAGE = 1000 };

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

/* A stream that is put together frame by frame. */
struct stream {
    char bytes[200 * 1024];
    size_t size;
};

static struct stream *stream_new(void)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    assert_non_null(stream);
    return stream;
}

static void add_raw(struct stream *stream, const void *bytes, size_t size)
{
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
}

/* A frame as a client sends it. */
static void add(struct stream *stream, int opcode, bool final, const char *payload, size_t size)
{
    char head[SHOAL__WEBSOCKET_HEAD_MAX];
    add_raw(
        stream, head,
        shoal__websocket_head_write((enum shoal__websocket_opcode)opcode, final, size, mask, head));
    char *at = stream->bytes + stream->size;
    add_raw(stream, payload, size);
    shoal__websocket_mask(at, size, mask, 0);
}

static void add_text(struct stream *stream, int opcode, bool final, const char *payload)
{
    add(stream, opcode, final, payload, strlen(payload));
}

/* What came of a stream. */
struct notes {
    char text[8192];
    size_t size;
    char message[MAX_MESSAGE + 1];
    size_t message_size;
};

static void note(struct notes *notes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    notes->size += (size_t)snprintf(notes->text + notes->size, sizeof(notes->text) - notes->size,
                                    "%s", notes->size ? " " : "");
    notes->size += (size_t)vsnprintf(notes->text + notes->size, sizeof(notes->text) - notes->size,
                                     format, args);
    va_end(args);
    assert_true(notes->size < sizeof(notes->text));
}

static void note_piece(struct notes *notes, const struct shoal__websocket_event *event)
{
    if (event->first)
        notes->message_size = 0;
    assert_true(notes->message_size + event->bytes.size <= MAX_MESSAGE);
    if (event->bytes.size > 0)
        memcpy(notes->message + notes->message_size, event->bytes.data, event->bytes.size);
    notes->message_size += event->bytes.size;
    notes->message[notes->message_size] = '\0';
    if (event->last && notes->message_size > 40)
        note(notes, "%s[%zu]", event->text ? "T" : "B", notes->message_size);
    else if (event->last)
        note(notes, "%s(%s)", event->text ? "T" : "B", notes->message);
}

static bool note_step(struct notes *notes, enum shoal__websocket_step step,
                      const struct shoal__websocket_event *event)
{
    int size = (int)event->bytes.size;
    switch (step) {
    case SHOAL__WEBSOCKET_MORE:
        return true;
    case SHOAL__WEBSOCKET_DATA:
        note_piece(notes, event);
        return true;
    case SHOAL__WEBSOCKET_PING:
        note(notes, "ping(%.*s)", size, event->bytes.data);
        return true;
    case SHOAL__WEBSOCKET_PONG:
        note(notes, "pong(%.*s)", size, event->bytes.data);
        return true;
    case SHOAL__WEBSOCKET_CLOSE:
        note(notes, "close(%u,%.*s)", event->code, size, event->bytes.data);
        return false;
    case SHOAL__WEBSOCKET_ERROR:
        note(notes, "error(%u)", event->code);
        return false;
    }
    return false;
}

/* Feeds the stream in pieces: the first of `first` bytes, the others of `rest` bytes each. */
static void feed(enum shoal__websocket_role role, const struct stream *stream, size_t first,
                 size_t rest, struct notes *notes)
{
    struct shoal__websocket_engine engine;
    shoal__websocket_init(&engine, role, MAX_MESSAGE);
    *notes = (struct notes){.size = 0};
    bool goes_on = true;
    for (size_t at = 0, piece = first; goes_on && at < stream->size; at += piece, piece = rest) {
        piece = piece < stream->size - at ? piece : stream->size - at;
        char *copy = malloc(piece); /* of just that size: a byte further is a fault */
        memcpy(copy, stream->bytes + at, piece);
        for (size_t used = 0; goes_on && used < piece;) {
            struct shoal__websocket_event event;
            enum shoal__websocket_step step =
                shoal__websocket_next(&engine, copy + used, piece - used, &event);
            used += event.taken;
            goes_on = note_step(notes, step, &event);
        }
        free(copy);
        if (piece == 0)
            break;
    }
}

/* The stream says this, whole, byte by byte, and cut in two at every place. */
static void assert_says_as(enum shoal__websocket_role role, struct stream *stream,
                           const char *wanted)
{
    static struct notes notes;
    feed(role, stream, stream->size, stream->size, &notes);
    assert_string_equal(notes.text, wanted);
    feed(role, stream, 1, 1, &notes);
    assert_string_equal(notes.text, wanted);
    for (size_t cut = 1; cut < stream->size && cut < 2000; cut++) {
        feed(role, stream, cut, stream->size, &notes);
        assert_string_equal(notes.text, wanted);
    }
    free(stream);
}

static void assert_says(struct stream *stream, const char *wanted)
{
    assert_says_as(SHOAL__WEBSOCKET_SERVER, stream, wanted);
}

#define RAW(stream, literal) add_raw((stream), "" literal, sizeof(literal) - 1)

static void the_examples_of_the_standard_are_read(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    RAW(stream, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    RAW(stream, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_says(stream, "T(Hello) pong(Hello)");
    stream = stream_new();
    RAW(stream, "\x81\x05\x48\x65\x6c\x6c\x6f");
    RAW(stream, "\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f");
    RAW(stream, "\x89\x05\x48\x65\x6c\x6c\x6f");
    assert_says_as(SHOAL__WEBSOCKET_CLIENT, stream, "T(Hello) T(Hello) ping(Hello)");
}

static void messages_of_every_form_of_length_are_read(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 127, 300, MAX_MESSAGE};
    static const char *const wanted[] = {"B()",    "B(a)",   "B[125]", "B[126]",
                                         "B[127]", "B[300]", "B[1000]"};
    char payload[MAX_MESSAGE];
    memset(payload, 'a', sizeof(payload));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct stream *stream = stream_new();
        add(stream, 2, true, payload, sizes[i]);
        assert_says(stream, wanted[i]);
    }
}

static void fragments_become_one_message_with_control_frames_between_them(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    add_text(stream, 1, false, "one ");
    add_text(stream, 9, true, "still there?");
    add_text(stream, 0, false, "");
    add_text(stream, 0, false, "two ");
    add_text(stream, 10, true, "");
    add_text(stream, 0, true, "three");
    add_text(stream, 2, false, "");
    add_text(stream, 0, true, "");
    add_text(stream, 1, true, "next");
    assert_says(stream, "ping(still there?) pong() T(one two three) B() T(next)");
}

static void text_may_be_cut_inside_a_character(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    add_text(stream, 1, false, "\xe2");
    add_text(stream, 0, false, "\x82");
    add_text(stream, 0, true, "\xac");
    assert_says(stream, "T(\xe2\x82\xac)");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xff", "\xc0\xaf", "\xed\xa0\x80", "ok\xe2\x82",
                                        "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stream *stream = stream_new();
        add_text(stream, 1, true, texts[i]);
        assert_says(stream, "error(1007)");
        stream = stream_new();
        add_text(stream, 2, true, texts[i]);
        static struct notes notes;
        feed(SHOAL__WEBSOCKET_SERVER, stream, stream->size, 1, &notes);
        assert_memory_equal(notes.text, "B(", 2);
        free(stream);
    }
}

static void a_broken_character_is_refused_before_the_message_ends(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    add_text(stream, 1, false, "\xce\xba\xed\xa0\x80");
    assert_says(stream, "error(1007)");
}

static void a_message_over_the_limit_is_refused_by_its_head(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    RAW(stream, "\x82\xfe\x03\xe9"
                "mask");
    assert_says(stream, "error(1009)");

    stream = stream_new();
    RAW(stream, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
                "mask");
    assert_says(stream, "error(1009)");

    stream = stream_new();
    char payload[MAX_MESSAGE] = {0};
    add(stream, 2, false, payload, MAX_MESSAGE);
    add(stream, 0, true, payload, 1);
    assert_says(stream, "error(1009)");
}

static void frames_against_the_rules_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } frames[] = {
#define FRAME(literal) {literal, sizeof(literal) - 1}
        FRAME("\x81\x01"
              "a"),            /* not masked */
        FRAME("\xc1\x80mask"), /* reserved bits */
        FRAME("\xa1\x80mask"),
        FRAME("\x91\x80mask"),
        FRAME("\x83\x80mask"), /* unknown opcodes */
        FRAME("\x87\x80mask"),
        FRAME("\x8b\x80mask"),
        FRAME("\x8f\x80mask"),
        FRAME("\x80\x80mask"), /* nothing to continue */
        FRAME("\x00\x80mask"),
        FRAME("\x09\x80mask"), /* a control frame in pieces, or too long */
        FRAME("\x89\xfe\x00\x7emask"),
        FRAME("\x82\xfe\x00\x7dmask"), /* a length not in its shortest form */
        FRAME("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xffmask"),
        FRAME("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mask"),
#undef FRAME
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct stream *stream = stream_new();
        add_raw(stream, frames[i].bytes, frames[i].size);
        assert_says(stream, "error(1002)");
    }
}

static void a_message_inside_a_message_is_refused(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    add_text(stream, 1, false, "one");
    add_text(stream, 1, true, "two");
    assert_says(stream, "error(1002)");
}

static void a_client_refuses_masked_frames(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    add_text(stream, 1, true, "a");
    assert_says_as(SHOAL__WEBSOCKET_CLIENT, stream, "error(1002)");
}

static void a_close_tells_its_code_and_reason(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    add(stream, 8, true,
        "\x03\xe8"
        "bye",
        5);
    add_text(stream, 1, true, "never seen");
    assert_says(stream, "close(1000,bye)");
    stream = stream_new();
    add(stream, 8, true, "", 0);
    assert_says(stream, "close(1005,)");
    stream = stream_new();
    add(stream, 8, true, "\x13\x87", 2);
    assert_says(stream, "close(4999,)");
}

static void a_close_with_half_a_code_or_a_bad_reason_is_refused(void **state)
{
    (void)state;
    struct stream *stream = stream_new();
    add(stream, 8, true, "\x03", 1);
    assert_says(stream, "error(1002)");
    stream = stream_new();
    add(stream, 8, true, "\x03\xe8\xff", 3);
    assert_says(stream, "error(1007)");
    stream = stream_new();
    add(stream, 8, true, "\x03\xed", 2);
    assert_says(stream, "error(1002)");
}

static void only_codes_of_the_standard_and_free_ones_may_be_sent(void **state)
{
    (void)state;
    static const unsigned good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                    1010, 1011, 1012, 1013, 1014, 3000, 4999};
    static const unsigned bad[] = {0,    1,    999,  1004, 1005, 1006, 1015,
                                   1016, 1100, 2000, 2999, 5000, 65535};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(shoal__websocket_is_code(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(shoal__websocket_is_code(bad[i]));
}

static void masking_twice_changes_nothing_wherever_it_begins(void **state)
{
    (void)state;
    char bytes[64], copy[64];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37);
    for (size_t size = 0; size < 40; size++) {
        for (size_t at = 0; at < 9; at++) {
            memcpy(copy, bytes, sizeof(copy));
            shoal__websocket_mask(copy + at, size, mask, at);
            for (size_t i = 0; i < size; i++)
                assert_int_equal((uint8_t)copy[at + i],
                                 (uint8_t)bytes[at + i] ^ mask[(at + i) % 4]);
            shoal__websocket_mask(copy + at, size, mask, at);
            assert_memory_equal(copy, bytes, sizeof(copy));
        }
    }
}

static void every_head_that_is_written_is_read_again(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct shoal__websocket_engine engine;
        struct shoal__websocket_event event;
        char head[SHOAL__WEBSOCKET_HEAD_MAX];
        shoal__websocket_init(&engine, SHOAL__WEBSOCKET_CLIENT, SIZE_MAX);
        size_t size =
            shoal__websocket_head_write(SHOAL__WEBSOCKET_OP_BINARY, true, sizes[i], NULL, head);
        enum shoal__websocket_step step = shoal__websocket_next(&engine, head, size, &event);
        assert_int_equal(event.taken, size);
        assert_int_equal(step, sizes[i] ? SHOAL__WEBSOCKET_MORE : SHOAL__WEBSOCKET_DATA);
        assert_int_equal(engine.left, sizes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_are_read),
        cmocka_unit_test(messages_of_every_form_of_length_are_read),
        cmocka_unit_test(fragments_become_one_message_with_control_frames_between_them),
        cmocka_unit_test(text_may_be_cut_inside_a_character),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_broken_character_is_refused_before_the_message_ends),
        cmocka_unit_test(a_message_over_the_limit_is_refused_by_its_head),
        cmocka_unit_test(frames_against_the_rules_are_refused),
        cmocka_unit_test(a_message_inside_a_message_is_refused),
        cmocka_unit_test(a_client_refuses_masked_frames),
        cmocka_unit_test(a_close_tells_its_code_and_reason),
        cmocka_unit_test(a_close_with_half_a_code_or_a_bad_reason_is_refused),
        cmocka_unit_test(only_codes_of_the_standard_and_free_ones_may_be_sent),
        cmocka_unit_test(masking_twice_changes_nothing_wherever_it_begins),
        cmocka_unit_test(every_head_that_is_written_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
