/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages and JSON: every kind of field, both ways. The known types have a test of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "call/json_in.h"
#include "call/json_out.h"
#include "cases.h"

static struct schema *schema;

static const struct schema_message *type_of(const char *name)
{
    const struct schema_message *type = schema_message(schema, name);
    if (!type)
        fail_msg("no type %s", name);
    return type;
}

static void read_json(const char *type, const char *json, struct bytes *out)
{
    struct trouble trouble = {0};
    *out = (struct bytes){0};
    if (!message_from_json(schema, type_of(type), shoal_view_of(json), out, &trouble))
        fail_msg("%s was refused: %s", json, trouble.text);
}

static void expect_json(const char *type, struct shoal_view message, struct json_style style,
                        const char *json)
{
    struct trouble trouble = {0};
    struct bytes text = {0};
    if (!message_to_json(schema, type_of(type), message, &style, &text, &trouble))
        fail_msg("no JSON: %s", trouble.text);
    bytes_add(&text, "", 1);
    assert_string_equal(text.data, json);
    bytes_fini(&text);
}

/* One is read, the other one comes out again. */
static void expect_round(const char *type, const char *in, const char *out)
{
    struct bytes message;
    read_json(type, in, &message);
    expect_json(type, bytes_view(&message), (struct json_style){0}, out);
    bytes_fini(&message);
}

static void expect_refusal(const char *type, const char *json, const char *sentence)
{
    struct trouble trouble = {0};
    struct bytes message = {0};
    if (message_from_json(schema, type_of(type), shoal_view_of(json), &message, &trouble))
        fail_msg("%s was taken", json);
    assert_string_equal(trouble.text, sentence);
    bytes_fini(&message);
}

static void expect_message(const char *type, const char *hex, const char *json)
{
    char bytes[512];
    size_t size = cases_bytes(hex, bytes, sizeof(bytes));
    expect_json(type, shoal_view(bytes, size), (struct json_style){0}, json);
}

#define SCALARS "shoal.cases.Scalars"
#define LISTS "shoal.cases.Lists"
#define MAPS "shoal.cases.Maps"
#define CHOICE "shoal.cases.Choice"
#define TREE "shoal.cases.Tree"
#define OLD "shoal.cases2.Old"

static void fields_have_two_names(void **state)
{
    (void)state;
    expect_round(SCALARS, "{\"anInt32\": 1}", "{\"anInt32\": 1}");
    expect_round(SCALARS, "{\"an_int32\": 1}", "{\"anInt32\": 1}");
    expect_round(SCALARS, "{\"renamed_field\": 1}", "{\"other\": 1}");
    expect_round(SCALARS, "{\"other\": 1}", "{\"other\": 1}");
    expect_refusal(SCALARS, "{\"an_int32\": 1, \"anInt32\": 1}",
                   "anInt32: given twice, as 'an_int32' and 'anInt32'");
}

static void whole_numbers_keep_every_digit(void **state)
{
    (void)state;
    expect_round(SCALARS,
                 "{\"anInt32\": -2147483648, \"anInt64\": -9223372036854775808, "
                 "\"aUint32\": 4294967295, \"aUint64\": \"18446744073709551615\"}",
                 "{\"anInt32\": -2147483648, \"anInt64\": \"-9223372036854775808\", "
                 "\"aUint32\": 4294967295, \"aUint64\": \"18446744073709551615\"}");
    expect_round(SCALARS,
                 "{\"aSint32\": -2147483648, \"aSint64\": \"-9223372036854775808\", "
                 "\"aFixed32\": 4294967295, \"aFixed64\": \"18446744073709551615\", "
                 "\"aSfixed32\": -1, \"aSfixed64\": -1}",
                 "{\"aSint32\": -2147483648, \"aSint64\": \"-9223372036854775808\", "
                 "\"aFixed32\": 4294967295, \"aFixed64\": \"18446744073709551615\", "
                 "\"aSfixed32\": -1, \"aSfixed64\": \"-1\"}");
    expect_round(SCALARS, "{\"aSint32\": 2147483647, \"anInt32\": 1e3, \"aUint32\": \"7\"}",
                 "{\"anInt32\": 1000, \"aUint32\": 7, \"aSint32\": 2147483647}");
}

static void a_number_out_of_range_is_refused(void **state)
{
    (void)state;
    static const char small[] = "anInt32: expected a whole number from -2147483648 to 2147483647, ";
    static const struct {
        const char *json, *what;
    } wrong[] = {{"{\"anInt32\": 2147483648}", "not 2147483648"},
                 {"{\"anInt32\": -2147483649}", "not -2147483649"},
                 {"{\"anInt32\": 1.5}", "not 1.5"},
                 {"{\"anInt32\": \"\"}", "not the string \"\""},
                 {"{\"anInt32\": \" 1\"}", "not the string \" 1\""},
                 {"{\"anInt32\": \"1x\"}", "not the string \"1x\""},
                 {"{\"anInt32\": true}", "not true"},
                 {"{\"anInt32\": [1]}", "not an array"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char sentence[200];
        snprintf(sentence, sizeof(sentence), "%s%s", small, wrong[i].what);
        expect_refusal(SCALARS, wrong[i].json, sentence);
    }
    expect_refusal(SCALARS, "{\"aUint64\": -1}",
                   "aUint64: expected a whole number from 0 to 18446744073709551615, not -1");
    expect_refusal(SCALARS, "{\"aFloat\": 1e39}",
                   "aFloat: expected a number of 32 bits, not 1e+39");
    expect_refusal(SCALARS, "{\"aUint64\": 18446744073709551615}",
                   "this is not JSON: line 1, column 32: too big integer near "
                   "'18446744073709551615'; write it as a string");
}

static void real_numbers_are_as_short_as_they_can_be(void **state)
{
    (void)state;
    expect_round(SCALARS, "{\"aDouble\": 0.1, \"aFloat\": 0.1}",
                 "{\"aDouble\": 0.1, \"aFloat\": 0.1}");
    expect_round(SCALARS, "{\"aDouble\": 1.7976931348623157e308, \"aFloat\": \"3.4028235e38\"}",
                 "{\"aDouble\": 1.7976931348623157e+308, \"aFloat\": 3.4028235e+38}");
    expect_round(SCALARS, "{\"aDouble\": \"NaN\", \"aFloat\": \"-Infinity\"}",
                 "{\"aDouble\": \"NaN\", \"aFloat\": \"-Infinity\"}");
    expect_round(SCALARS, "{\"aDouble\": -0.0}", "{\"aDouble\": -0.0}");
    expect_refusal(SCALARS, "{\"aDouble\": \"0x1\"}",
                   "aDouble: expected a number, not the string \"0x1\"");
}

static void enums_have_names_and_numbers(void **state)
{
    (void)state;
    expect_round(SCALARS, "{\"aFish\": \"HERRING\"}", "{\"aFish\": \"HERRING\"}");
    expect_round(SCALARS, "{\"aFish\": -7}", "{\"aFish\": \"SHARK\"}");
    expect_round(SCALARS, "{\"aFish\": 99}", "{\"aFish\": 99}");
    expect_refusal(SCALARS, "{\"aFish\": \"WHALE\"}",
                   "aFish: expected a value of the enum shoal.cases.Fish, by name or number, not "
                   "the string \"WHALE\"");
}

static void texts_and_bytes_come_through(void **state)
{
    (void)state;
    expect_round(SCALARS, "{\"aString\": \"a\\u0000\\n\\\"\\\\\\u00e9\\ud83d\\udc1f\\u007f\"}",
                 "{\"aString\": \"a\\u0000\\n\\\"\\\\\xc3\xa9\xf0\x9f\x90\x9f\\u007f\"}");
    expect_round(SCALARS, "{\"someBytes\": \"-_8\"}", "{\"someBytes\": \"+/8=\"}");
    expect_refusal(SCALARS, "{\"someBytes\": \"a\"}",
                   "someBytes: expected a string of base64, not the string \"a\"");
    expect_refusal(SCALARS, "{\"aString\": 1}", "aString: expected a string, not 1");
}

static void zero_is_left_out_where_it_means_absent(void **state)
{
    (void)state;
    struct bytes message;
    read_json(SCALARS, "{\"anInt32\": 0, \"aString\": \"\", \"aBool\": false, \"aFish\": 0}",
              &message);
    assert_int_equal(message.size, 0);
    bytes_fini(&message);
    expect_round(SCALARS, "{\"maybe\": 0, \"anInt32\": null}", "{\"maybe\": 0}");
    expect_round(CHOICE, "{\"number\": 0, \"yes\": false}", "{\"number\": 0, \"yes\": false}");
    expect_message(SCALARS, "18 00", "{}");
    expect_message(SCALARS, "18 80 80 80 80 10", "{}"); /* 2^32: of 32 bits none is set */
}

static void defaults_are_shown_on_demand(void **state)
{
    (void)state;
    struct json_style style = {.with_defaults = true};
    expect_json(CHOICE, shoal_view("", 0), style, "{}");
    expect_json(TREE, shoal_view("", 0), style, "{\"name\": \"\", \"more\": []}");
    expect_json(MAPS, shoal_view("", 0), style,
                "{\"texts\": {}, \"numbers\": {}, \"fish\": {}, \"scalars\": {}, "
                "\"bytesMap\": {}, \"values\": {}}");
}

static void lists_are_read_packed_or_not(void **state)
{
    (void)state;
    expect_round(LISTS, "{\"int32s\": [1, 0, -1], \"strings\": [\"\", \"b\"]}",
                 "{\"int32s\": [1, 0, -1], \"strings\": [\"\", \"b\"]}");
    expect_message(LISTS, "1a 02 01 02  18 03  1a 01 04", "{\"int32s\": [1, 2, 3, 4]}");
    expect_message(LISTS, "92 01 02 05 06", "{\"unpacked\": [5, 6]}");
    struct bytes message;
    read_json(LISTS, "{\"int32s\": [1, 2], \"unpacked\": [5, 6]}", &message);
    assert_int_equal(message.size, 10);
    assert_memory_equal(message.data, "\x1a\x02\x01\x02\x90\x01\x05\x90\x01\x06", 10);
    bytes_fini(&message);
    expect_refusal(LISTS, "{\"strings\": [\"a\", null]}",
                   "strings[1]: an element of an array is never null");
    expect_refusal(LISTS, "{\"scalars\": [{}, {\"anInt32\": []}]}",
                   "scalars[1].anInt32: expected a whole number from -2147483648 to 2147483647, "
                   "not an array");
    expect_refusal(LISTS, "{\"int32s\": 1}", "int32s: expected an array, not 1");
}

static void maps_are_objects(void **state)
{
    (void)state;
    expect_round(MAPS,
                 "{\"numbers\": {\"10\": 1, \"-2\": \"5\"}, \"fish\": {\"true\": \"HERRING\"}}",
                 "{\"numbers\": {\"10\": \"1\", \"-2\": \"5\"}, \"fish\": {\"true\": "
                 "\"HERRING\"}}");
    expect_round(MAPS, "{\"texts\": {\"b\": \"1\", \"\": \"\", \"a\": \"2\"}}",
                 "{\"texts\": {\"\": \"\", \"a\": \"2\", \"b\": \"1\"}}");
    expect_round(MAPS, "{\"scalars\": {\"1\": {\"anInt32\": 2}}}",
                 "{\"scalars\": {\"1\": {\"anInt32\": 2}}}");
    /* Of one key the last entry counts; an absent key or value is a zero. */
    expect_message(MAPS, "0a 06 0a 01 61 12 01 31  0a 06 0a 01 61 12 01 32",
                   "{\"texts\": "
                   "{\"a\": \"2\"}}");
    expect_message(MAPS, "1a 04 08 01 10 00  1a 04 08 02 10 01",
                   "{\"fish\": {\"true\": \"HERRING\"}}");
    expect_message(MAPS, "12 00", "{\"numbers\": {\"0\": \"0\"}}");
    expect_refusal(MAPS, "{\"fish\": {\"yes\": 1}}",
                   "fish.yes: the keys of this map are true or false, as strings");
    expect_refusal(MAPS, "{\"texts\": {\"a\": null}}", "texts.a: a value of a map is never null");
}

static void a_oneof_holds_one(void **state)
{
    (void)state;
    expect_refusal(CHOICE, "{\"number\": 1, \"text\": \"a\"}",
                   "text: excludes 'number': only one of 'what' may be given");
    expect_round(CHOICE, "{\"number\": null, \"text\": \"a\"}", "{\"text\": \"a\"}");
    expect_round(CHOICE, "{\"nothing\": null}", "{\"nothing\": null}");
    /* What was displaced does not come back: the first part of `scalars` is gone. */
    expect_message(CHOICE, "1a 02 18 01  08 05  1a 02 20 02",
                   "{\"scalars\": {\"anInt64\": "
                   "\"2\"}}");
    expect_message(CHOICE, "12 01 61  08 05", "{\"number\": 5}");
}

static void parts_of_a_message_are_merged(void **state)
{
    (void)state;
    expect_message(CHOICE, "1a 02 18 01  1a 02 20 02",
                   "{\"scalars\": {\"anInt32\": 1, "
                   "\"anInt64\": \"2\"}}");
    expect_message(SCALARS, "18 01 18 02", "{\"anInt32\": 2}");
}

static void unknown_fields_are_ignored_on_their_way_out_only(void **state)
{
    (void)state;
    expect_message(SCALARS, "f8 7f 01  18 05  fb 7f 08 01 fc 7f  1a 01 61", "{\"anInt32\": 5}");
    expect_refusal(SCALARS, "{\"anInt23\": 1}",
                   "anInt23: unknown field of shoal.cases.Scalars (did you mean 'anInt32'?)");
    expect_refusal(TREE, "{\"left\": {\"more\": [{\"nam\": 1}]}}",
                   "left.more[0].nam: unknown field of shoal.cases.Tree (did you mean 'name'?)");
}

static void proto2_has_required_fields_defaults_and_extensions(void **state)
{
    (void)state;
    expect_refusal(OLD, "{\"name\": \"a\"}", "'id' is missing, which shoal.cases2.Old requires");
    expect_refusal(OLD, "{\"id\": 1, \"next\": {}}",
                   "next: 'id' is missing, which shoal.cases2.Old requires");
    expect_round(OLD, "{\"id\": 0, \"zero\": 0}", "{\"id\": 0, \"zero\": 0}");
    expect_round(OLD, "{\"id\": 1, \"size\": \"SMALL\", \"packed\": [1], \"unpacked\": [2]}",
                 "{\"id\": 1, \"size\": \"SMALL\", \"unpacked\": [2], \"packed\": [1]}");
    expect_round(OLD,
                 "{\"id\": 1, \"[shoal.cases2.nickname]\": \"x\", "
                 "\"[shoal.cases2.Holder.held]\": {\"weight\": 3}}",
                 "{\"id\": 1, \"[shoal.cases2.nickname]\": \"x\", "
                 "\"[shoal.cases2.Holder.held]\": {\"weight\": 3}}");
}

static void groups_are_refused_by_name(void **state)
{
    (void)state;
    struct trouble trouble = {0};
    struct bytes text = {0};
    char bytes[16];
    size_t size = cases_bytes("08 01 3b 08 05 3c", bytes, sizeof(bytes));
    expect_refusal(OLD, "{\"id\": 1, \"legacy\": {}}",
                   "legacy: is a proto2 group, which this program does not send; leave it out");
    assert_false(message_to_json(schema, type_of(OLD), shoal_view(bytes, size),
                                 &(struct json_style){0}, &text, &trouble));
    assert_string_equal(trouble.text, "legacy: is a proto2 group, which this program does not "
                                      "show");
    bytes_fini(&text);
}

static void what_is_no_message_has_no_json(void **state)
{
    (void)state;
    static const char *const broken[] = {"18",          "1a 05 01",    "07",      "1a 01 80",
                                         "0b",          "0b 14",       "0c",      "00",
                                         "8a 01 02 18", "8a 01 01 ff", "72 01 ff"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct trouble trouble = {0};
        struct bytes text = {0};
        char bytes[16];
        size_t size = cases_bytes(broken[i], bytes, sizeof(bytes));
        if (message_to_json(schema, type_of(LISTS), shoal_view(bytes, size),
                            &(struct json_style){0}, &text, &trouble))
            fail_msg("%s was taken", broken[i]);
        assert_true(trouble.text[0] != '\0');
        bytes_fini(&text);
    }
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    struct bytes json = {0};
    struct bytes message = {0};
    struct bytes text = {0};
    struct trouble trouble = {0};
    for (int i = 0; i < 120; i++)
        bytes_text(&json, "{\"left\":");
    bytes_text(&json, "{}");
    for (int i = 0; i < 120; i++)
        bytes_text(&json, "}");
    assert_false(message_from_json(schema, type_of(TREE), bytes_view(&json), &message, &trouble));
    assert_non_null(strstr(trouble.text, "nested deeper than 100 messages"));

    bytes_cut(&message, 0);
    for (int i = 0; i < 120; i++) {
        char size[4];
        struct bytes prefix = {0};
        wire_add_tag(&prefix, 2, WIRE_BYTES);
        wire_add_number(&prefix, WIRE_VARINT, message.size);
        assert_in_range(prefix.size, 1, sizeof(size));
        bytes_insert(&message, 0, prefix.data, prefix.size);
        bytes_fini(&prefix);
    }
    trouble = (struct trouble){0};
    assert_false(message_to_json(schema, type_of(TREE), bytes_view(&message),
                                 &(struct json_style){0}, &text, &trouble));
    assert_non_null(strstr(trouble.text, "nested deeper than 100 messages"));
    bytes_fini(&json);
    bytes_fini(&message);
    bytes_fini(&text);
}

static void pretty_json_has_a_line_for_each_item(void **state)
{
    (void)state;
    struct bytes message;
    read_json(TREE, "{\"name\": \"a\", \"left\": {}, \"more\": [{\"name\": \"b\"}]}", &message);
    expect_json(TREE, bytes_view(&message), (struct json_style){.pretty = true},
                "{\n  \"name\": \"a\",\n  \"left\": {},\n  \"more\": [\n    {\n      \"name\": "
                "\"b\"\n    }\n  ]\n}");
    bytes_fini(&message);
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
        cmocka_unit_test(fields_have_two_names),
        cmocka_unit_test(whole_numbers_keep_every_digit),
        cmocka_unit_test(a_number_out_of_range_is_refused),
        cmocka_unit_test(real_numbers_are_as_short_as_they_can_be),
        cmocka_unit_test(enums_have_names_and_numbers),
        cmocka_unit_test(texts_and_bytes_come_through),
        cmocka_unit_test(zero_is_left_out_where_it_means_absent),
        cmocka_unit_test(defaults_are_shown_on_demand),
        cmocka_unit_test(lists_are_read_packed_or_not),
        cmocka_unit_test(maps_are_objects),
        cmocka_unit_test(a_oneof_holds_one),
        cmocka_unit_test(parts_of_a_message_are_merged),
        cmocka_unit_test(unknown_fields_are_ignored_on_their_way_out_only),
        cmocka_unit_test(proto2_has_required_fields_defaults_and_extensions),
        cmocka_unit_test(groups_are_refused_by_name),
        cmocka_unit_test(what_is_no_message_has_no_json),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(pretty_json_has_a_line_for_each_item),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
