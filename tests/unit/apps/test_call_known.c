/* SPDX-License-Identifier: BSD-3-Clause */
/* google.protobuf's own types have JSON of their own: times, wrappers, loose JSON, Any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call/json_in.h"
#include "call/json_out.h"
#include "cases.h"

#define KNOWN "shoal.cases.Known"

static struct schema *schema;

static void expect_round(const char *json)
{
    struct trouble trouble = {0};
    struct bytes message = {0};
    struct bytes text = {0};
    const struct schema_message *type = schema_message(schema, KNOWN);
    if (!message_from_json(schema, type, shoal_view_of(json), &message, &trouble) ||
        !message_to_json(schema, type, bytes_view(&message), &(struct json_style){0}, &text,
                         &trouble))
        fail_msg("%s: %s", json, trouble.text);
    bytes_add(&text, "", 1);
    assert_string_equal(text.data, json);
    bytes_fini(&message);
    bytes_fini(&text);
}

static void expect_refusal(const char *json, const char *sentence)
{
    struct trouble trouble = {0};
    struct bytes message = {0};
    if (message_from_json(schema, schema_message(schema, KNOWN), shoal_view_of(json), &message,
                          &trouble))
        fail_msg("%s was taken", json);
    assert_string_equal(trouble.text, sentence);
    bytes_fini(&message);
}

static void times_and_spans_are_texts(void **state)
{
    (void)state;
    expect_round("{\"time\": \"1970-01-01T00:00:00Z\", \"span\": \"0s\"}");
    expect_round("{\"time\": \"2026-11-21T15:04:05.123Z\", \"span\": \"-1.500s\"}");
    expect_round("{\"times\": [\"0001-01-01T00:00:00Z\", \"9999-12-31T23:59:59.999999999Z\"]}");
    expect_refusal("{\"time\": \"yesterday\"}",
                   "time: expected a time, as \"2026-01-31T12:00:00Z\", not the string "
                   "\"yesterday\"");
    expect_refusal("{\"span\": 5}", "span: expected a duration, as \"1.5s\", not 5");
}

static void a_wrapper_is_what_it_wraps(void **state)
{
    (void)state;
    expect_round("{\"aDouble\": 1.5, \"aFloat\": 0, \"anInt64\": \"5\", \"aUint64\": \"6\", "
                 "\"anInt32\": -7, \"aUint32\": 8, \"aBool\": false, \"aString\": \"\", "
                 "\"someBytes\": \"AA==\"}");
    expect_refusal("{\"anInt32\": {\"value\": 1}}",
                   "anInt32: expected a whole number from -2147483648 to 2147483647, not an "
                   "object");
}

static void loose_json_comes_through(void **state)
{
    (void)state;
    expect_round("{\"structure\": {\"a\": null, \"b\": [1, \"x\", true, {}, []], \"c\": {\"d\": "
                 "-0.5}}, \"value\": null, \"list\": [[null], {}]}");
    expect_round("{\"value\": {\"a\": 1}, \"values\": [null, \"s\", 1, [], {}]}");
    expect_refusal("{\"structure\": []}", "structure: expected an object, not an array");
    expect_refusal("{\"list\": {}}", "list: expected an array, not an object");
}

static void masks_are_one_text_of_paths(void **state)
{
    (void)state;
    expect_round("{\"mask\": \"user.displayName,photo\"}");
    expect_round("{\"mask\": \"\"}");
    expect_refusal("{\"mask\": \"a_b\"}",
                   "mask: expected the names of fields, as \"user.displayName,photo\", not the "
                   "string \"a_b\"");
}

static void any_names_its_type(void **state)
{
    (void)state;
    expect_round("{\"any\": {\"@type\": \"type.googleapis.com/shoal.cases.Tree\", \"name\": "
                 "\"x\"}, \"anys\": [{}]}");
    expect_round("{\"any\": {\"@type\": \"a.b/google.protobuf.Duration\", \"value\": \"1s\"}}");
    expect_round("{\"any\": {\"@type\": \"/google.protobuf.Any\", \"value\": {\"@type\": "
                 "\"/shoal.cases.Tree\"}}}");
    expect_refusal("{\"any\": {\"@type\": \"x/no.Such\"}}",
                   "any: the server does not describe the type 'no.Such'");
    expect_refusal("{\"any\": {\"name\": \"x\"}}",
                   "any: a google.protobuf.Any has \"@type\": \"type.googleapis.com/pkg.Name\"");
    expect_refusal("{\"any\": {\"@type\": \"/google.protobuf.Duration\"}}",
                   "any: an Any of google.protobuf.Duration has the members '@type' and 'value'");
}

static void empty_is_an_empty_object(void **state)
{
    (void)state;
    expect_round("{\"empty\": {}}");
    expect_refusal("{\"empty\": {\"a\": 1}}",
                   "empty.a: unknown field: google.protobuf.Empty has none");
}

/* How often a type was fetched, and whether it is added then. */
static unsigned fetches;

static void fetch_nothing(void *arg, const char *name)
{
    (void)arg;
    fetches++;
    assert_string_equal(name, "no.Such");
}

static void an_unknown_any_is_fetched_or_shown_as_bytes(void **state)
{
    (void)state;
    struct trouble trouble = {0};
    struct bytes text = {0};
    static const char message[] = "\x42\x0f\x0a\x09x/no.Such\x12\x02\x08\x01";
    fetches = 0;
    schema_on_missing(schema, fetch_nothing, NULL);
    assert_true(message_to_json(schema, schema_message(schema, KNOWN),
                                shoal_view(message, sizeof(message) - 1), &(struct json_style){0},
                                &text, &trouble));
    schema_on_missing(schema, NULL, NULL);
    bytes_add(&text, "", 1);
    assert_string_equal(text.data, "{\"any\": {\"@type\": \"x/no.Such\", \"@error\": \"the server "
                                   "does not describe this type\", \"@value\": \"CAE=\"}}");
    assert_int_equal(fetches, 1);
    bytes_fini(&text);
}

static void numbers_out_of_range_have_no_text(void **state)
{
    (void)state;
    static const char *const wrong[] = {"0a 07 08 ff ff ff ff ff 7f",
                                        "0a 06 10 80 94 eb dc 03",
                                        "12 04 08 01 10 ff ff ff ff ff ff ff ff ff 01",
                                        "22 09 11 00 00 00 00 00 00 f0 7f",
                                        "32 04 0a 02 41 62",
                                        "32 04 0a 02 61 2c"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct trouble trouble = {0};
        struct bytes text = {0};
        char bytes[64];
        size_t size = cases_bytes(wrong[i], bytes, sizeof(bytes));
        if (message_to_json(schema, schema_message(schema, KNOWN), shoal_view(bytes, size),
                            &(struct json_style){0}, &text, &trouble))
            fail_msg("%s was taken", wrong[i]);
        bytes_fini(&text);
    }
}

static int set_up(void **state)
{
    (void)state;
    schema = cases_schema();
    return schema ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    schema_destroy(&schema);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_and_spans_are_texts),
        cmocka_unit_test(a_wrapper_is_what_it_wraps),
        cmocka_unit_test(loose_json_comes_through),
        cmocka_unit_test(masks_are_one_text_of_paths),
        cmocka_unit_test(any_names_its_type),
        cmocka_unit_test(empty_is_an_empty_object),
        cmocka_unit_test(an_unknown_any_is_fetched_or_shown_as_bytes),
        cmocka_unit_test(numbers_out_of_range_have_no_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
