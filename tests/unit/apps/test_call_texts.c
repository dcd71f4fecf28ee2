/* SPDX-License-Identifier: BSD-3-Clause */
/* The texts inside of JSON, and where documents end: times, base64, streams cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call/base64.h"
#include "call/documents.h"
#include "call/moments.h"

static void days_of_ten_thousand_years_have_their_texts(void **state)
{
    (void)state;
    char before[MOMENT_MAX] = "";
    for (int64_t day = -719162; day <= 2932896; day += 7) {
        char text[MOMENT_MAX];
        int64_t seconds;
        int32_t nanos;
        assert_true(timestamp_text(day * 86400, 0, text));
        assert_true(timestamp_parse(shoal_view_of(text), &seconds, &nanos));
        assert_true(seconds == day * 86400);
        assert_true(strcmp(before, text) < 0); /* they sort */
        memcpy(before, text, sizeof(text));
    }
    assert_string_equal(before, "9999-12-27T00:00:00Z");
}

static void times_may_be_of_any_zone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        int32_t nanos;
    } times[] = {{"1970-01-01T00:00:00Z", 0, 0},
                 {"1970-01-01T02:30:00+02:30", 0, 0},
                 {"1969-12-31T23:00:00-01:00", 0, 0},
                 {"1969-12-31T23:59:59.9Z", -1, 900000000},
                 {"2000-02-29T12:00:00.000000001Z", 951825600, 1}};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        int64_t seconds = 1;
        int32_t nanos = 1;
        if (!timestamp_parse(shoal_view_of(times[i].text), &seconds, &nanos))
            fail_msg("%s was refused", times[i].text);
        assert_int_equal(seconds, times[i].seconds);
        assert_int_equal(nanos, times[i].nanos);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "1970-01-01",
                                        "1970-01-01T00:00:00",
                                        "1970-01-01t00:00:00Z",
                                        "1970-01-01T00:00:00.Z",
                                        "1970-01-01T00:00:00.1234567890Z",
                                        "1970-01-01T24:00:00Z",
                                        "1970-01-01T00:60:00Z",
                                        "1970-01-01T00:00:60Z",
                                        "1970-02-29T00:00:00Z",
                                        "1970-04-31T00:00:00Z",
                                        "1970-13-01T00:00:00Z",
                                        "1970-00-01T00:00:00Z",
                                        "0000-01-01T00:00:00Z",
                                        "0001-01-01T00:00:00+00:01",
                                        "9999-12-31T23:59:59-00:01",
                                        "1970-01-01T00:00:00+0000",
                                        "1970-01-01T00:00:00Z "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        if (timestamp_parse(shoal_view_of(wrong[i]), &seconds, &nanos))
            fail_msg("%s was taken", wrong[i]);
    }
}

static void durations_have_signs_and_fractions(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } durations[] = {{"1s", "1s"},
                     {"-0.5s", "-0.500s"},
                     {"0.000001s", "0.000001s"},
                     {"1.000000001s", "1.000000001s"},
                     {"315576000000s", "315576000000s"},
                     {"-315576000000.000s", "-315576000000s"}};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        char text[MOMENT_MAX];
        if (!duration_parse(shoal_view_of(durations[i].in), &seconds, &nanos))
            fail_msg("%s was refused", durations[i].in);
        assert_true(duration_text(seconds, nanos, text));
        assert_string_equal(text, durations[i].out);
    }
    static const char *const wrong[] = {
        "", "s", "1", "1.s", ".5s", "1 s", "--1s", "+1s", "315576000001s", "315576000000.1s", "1m"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        if (duration_parse(shoal_view_of(wrong[i]), &seconds, &nanos))
            fail_msg("%s was taken", wrong[i]);
    }
    char text[MOMENT_MAX];
    assert_false(duration_text(1, -1, text));
    assert_false(duration_text(0, 1000000000, text));
}

static void base64_is_taken_in_both_alphabets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } pairs[] = {{"", ""},        {"Zg==", "f"},        {"Zm8=", "fo"},
                 {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zg", "f"},
                 {"Zm8", "fo"},   {"_-8=", "\xff\xef"}, {"/+8", "\xff\xef"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct bytes bytes = {0};
        assert_true(base64_decode(&bytes, shoal_view_of(pairs[i].text)));
        assert_true(shoal_view_equal(bytes_view(&bytes), shoal_view_of(pairs[i].bytes)));
        bytes_fini(&bytes);
    }
    static const char *const wrong[] = {"Z", "=", "Zg=", "Z===", "Zm9v=", "Z g=", "Zm9vZ", "*A=="};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct bytes bytes = {0};
        if (base64_decode(&bytes, shoal_view_of(wrong[i])))
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(bytes.size, 0);
        bytes_fini(&bytes);
    }
}

/* Feeds `stream` in pieces of that size, and joins what comes out with bars. */
static void split(const char *stream, size_t piece, char *out)
{
    struct documents documents = {0};
    struct shoal_view rest = shoal_view_of(stream);
    struct shoal_view document;
    *out = '\0';
    for (;;) {
        bool ended = rest.size == 0;
        size_t size = piece < rest.size ? piece : rest.size;
        assert_true(documents_add(&documents, shoal_view(rest.data, size)));
        rest = shoal_view_from(rest, size);
        while (documents_next(&documents, ended, &document)) {
            strncat(out, document.data, document.size);
            strcat(out, "|");
        }
        if (ended)
            break;
    }
    documents_fini(&documents);
}

static void documents_end_where_they_end_however_they_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *documents;
    } cases[] = {{"", ""},
                 {" \n\t", ""},
                 {"{}", "{}|"},
                 {"{}{}\n[ ]", "{}|{}|[ ]|"},
                 {"{\"a\": {\"b\": \"}\\\"\"}} {}", "{\"a\": {\"b\": \"}\\\"\"}}|{}|"},
                 {"1 22 \"x\"\"y\"true{}", "1|22|\"x\"|\"y\"|true|{}|"},
                 {"\"\\\\\" 5", "\"\\\\\"|5|"},
                 {"{\"a\": ", "{\"a\": |"},
                 {"]]{}", "]|]|{}|"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece < 12; piece++) {
            char out[200];
            split(cases[i].stream, piece, out);
            assert_string_equal(out, cases[i].documents);
        }
    }
}

static void a_document_is_there_with_its_last_byte(void **state)
{
    (void)state;
    struct documents documents = {0};
    struct shoal_view document;
    assert_true(documents_add(&documents, shoal_view_of("{\"a\":1")));
    assert_false(documents_next(&documents, false, &document));
    assert_true(documents_add(&documents, shoal_view_of("}")));
    assert_true(documents_next(&documents, false, &document));
    assert_false(documents_next(&documents, true, &document));
    documents_fini(&documents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_of_ten_thousand_years_have_their_texts),
        cmocka_unit_test(times_may_be_of_any_zone),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(durations_have_signs_and_fractions),
        cmocka_unit_test(base64_is_taken_in_both_alphabets),
        cmocka_unit_test(documents_end_where_they_end_however_they_are_cut),
        cmocka_unit_test(a_document_is_there_with_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
