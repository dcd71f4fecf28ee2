/* SPDX-License-Identifier: BSD-3-Clause */
/* What protoc says about messages becomes a schema; what a hostile server says does no harm. */
#include "call/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cases.h"

static void fields_are_found_by_number_and_by_both_names(void **state)
{
    (void)state;
    struct schema *schema = cases_schema();
    const struct schema_message *scalars = schema_message(schema, "shoal.cases.Scalars");
    const struct schema_field *field = schema_field_numbered(scalars, 18);
    assert_string_equal(field->name, "renamed_field");
    assert_ptr_equal(schema_field_named(scalars, "renamed_field"), field);
    assert_ptr_equal(schema_field_named(scalars, "other"), field);
    assert_null(schema_field_numbered(scalars, 19));
    assert_null(schema_field_named(scalars, "another"));
    assert_true(schema_field_numbered(scalars, 17)->presence);
    assert_int_equal(schema_field_numbered(scalars, 17)->oneof, 0);
    assert_false(schema_field_numbered(scalars, 3)->presence);
    schema_destroy(&schema);
}

static void types_are_joined_over_files_in_any_order(void **state)
{
    (void)state;
    struct schema *schema = schema_create();
    /* message A { B b = 1; } imports message B {}, which comes later */
    static const struct shoal_view first = SHOAL_VIEW("\x0a\x01"
                                                      "a\x12\x01p\x1a\x01"
                                                      "b\x22\x10\x0a\x01"
                                                      "A\x12\x0b\x0a\x01"
                                                      "b\x18\x01(\x0b"
                                                      "2\x02.B\x62\x06proto3");
    static const struct shoal_view second = SHOAL_VIEW("\x0a\x01"
                                                       "b\x22\x03\x0a\x01"
                                                       "B");
    assert_true(schema_add_file(schema, first));
    const struct schema_message *message = schema_message(schema, "p.A");
    assert_null(schema_field_numbered(message, 1)->message);
    assert_string_equal(schema_next_import(schema), "b");
    assert_null(schema_next_import(schema));
    assert_true(schema_add_file(schema, second));
    assert_string_equal(schema_field_numbered(message, 1)->message->name, "B");
    assert_true(schema_add_file(schema, second)); /* once more is no harm */
    schema_destroy(&schema);
}

static void known_names_need_the_known_shapes(void **state)
{
    (void)state;
    struct schema *schema = schema_create();
    /* package google.protobuf; message Timestamp {} */
    static const struct shoal_view file =
        SHOAL_VIEW("\x0a\x01t\x12\x0fgoogle.protobuf\x22\x0b\x0a\x09Timestamp");
    assert_true(schema_add_file(schema, file));
    assert_int_equal(schema_message(schema, "google.protobuf.Timestamp")->known, KNOWN_NOT);
    schema_destroy(&schema);
    schema = cases_schema();
    assert_int_equal(schema_message(schema, "google.protobuf.Timestamp")->known, KNOWN_TIMESTAMP);
    assert_int_equal(schema_message(schema, "google.protobuf.Struct")->known, KNOWN_STRUCT);
    schema_destroy(&schema);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "0a 05 61",                                           /* cut */
        "22 06 0a 01 41 12 01 ff",                            /* a field that is no message */
        "22 07 0a 01 41 12 02 18 00",                         /* a field without number and type */
        "22 0b 0a 01 41 12 06 18 01 28 05 48 00",             /* in a oneof that there is not */
        "22 0d 0a 01 41 12 04 18 01 28 05 12 02 18 01",       /* cut, then */
        "22 0f 0a 01 41 12 04 18 01 28 05 12 04 18 01 28 05", /* two fields of one number */
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct schema *schema = schema_create();
        char bytes[64];
        size_t size = cases_bytes(wrong[i], bytes, sizeof(bytes));
        if (schema_add_file(schema, shoal_view(bytes, size)))
            fail_msg("%s was taken", wrong[i]);
        schema_destroy(&schema);
    }
}

static void types_in_types_have_an_end(void **state)
{
    (void)state;
    struct schema *schema = schema_create();
    struct bytes file = {0};
    for (int i = 0; i < 200; i++) {
        struct bytes outer = {0};
        wire_add_bytes(&outer, i < 199 ? 3 : 4, bytes_view(&file));
        bytes_fini(&file);
        file = outer;
    }
    assert_false(schema_add_file(schema, bytes_view(&file)));
    bytes_fini(&file);
    schema_destroy(&schema);
}

static void names_do_no_harm_to_a_terminal(void **state)
{
    (void)state;
    struct schema *schema = schema_create();
    static const struct shoal_view file = SHOAL_VIEW("\x0a\x01s\x22\x06\x0a\x04"
                                                     "A\x1b[m");
    assert_true(schema_add_file(schema, file));
    assert_non_null(schema_message(schema, "A.[m"));
    schema_destroy(&schema);
}

static void services_have_methods(void **state)
{
    (void)state;
    struct schema *schema = schema_create();
    /* service S { rpc M(.p.I) returns (stream .p.O); } */
    static const struct shoal_view file =
        SHOAL_VIEW("\x0a\x01s\x12\x01p\x32\x16\x0a\x01S\x12\x11\x0a\x01M\x12\x04.p.I\x1a\x04.p.O"
                   "\x30\x01");
    assert_true(schema_add_file(schema, file));
    const struct schema_service *service = schema_service(schema, "p.S");
    const struct schema_method *method = schema_method(service, "M");
    assert_string_equal(method->input, "p.I");
    assert_string_equal(method->output, "p.O");
    assert_false(method->client_streams);
    assert_true(method->server_streams);
    assert_null(schema_method(service, "N"));
    assert_null(schema_service(schema, "p.M"));
    schema_destroy(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_by_number_and_by_both_names),
        cmocka_unit_test(types_are_joined_over_files_in_any_order),
        cmocka_unit_test(known_names_need_the_known_shapes),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(types_in_types_have_an_end),
        cmocka_unit_test(names_do_no_harm_to_a_terminal),
        cmocka_unit_test(services_have_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
