/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that runs out anywhere is told, and nothing is lost: descriptors, JSON, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call/documents.h"
#include "call/json_in.h"
#include "call/json_out.h"
#include "cases.h"
#include "support/failmalloc.h"

static void descriptors_load_whole_or_not(void **state)
{
    (void)state;
    struct schema *schema = NULL;
    for (long k = 1; !schema; k++) {
        failmalloc_at(k);
        schema = cases_schema();
        failmalloc_off();
    }
    const struct schema_message *old = schema_message(schema, "shoal.cases2.Old");
    assert_non_null(schema_field_numbered(old, 100));
    assert_non_null(schema_field_numbered(old, 101));
    schema_destroy(&schema);
}

static struct schema *schema;

static bool convert(const char *type_name, const char *json)
{
    struct trouble trouble = {0};
    struct bytes message = {0};
    struct bytes text = {0};
    const struct schema_message *type = schema_message(schema, type_name);
    bool whole = message_from_json(schema, type, shoal_view_of(json), &message, &trouble) &&
                 message_to_json(schema, type, bytes_view(&message), &(struct json_style){0}, &text,
                                 &trouble);
    assert_true(whole == (trouble.text[0] == '\0'));
    if (whole)
        assert_true(shoal_view_equal(bytes_view(&text), shoal_view_of(json)));
    bytes_fini(&message);
    bytes_fini(&text);
    return whole;
}

static void messages_and_json_are_whole_or_not(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"shoal.cases.Maps", "{\"texts\": {\"a\": \"1\", \"b\": \"2\"}, \"scalars\": {\"1\": "
                             "{\"anInt32\": 2}}, \"values\": {\"x\": [1, null]}}"},
        {"shoal.cases.Choice", "{\"scalars\": {\"someBytes\": \"AAEC\"}, \"yes\": false}"},
        {"shoal.cases.Known",
         "{\"time\": \"2026-11-21T15:04:05Z\", \"mask\": \"a,b.cD\", \"any\": {\"@type\": "
         "\"/shoal.cases.Tree\", \"left\": {\"name\": \"x\"}}}"}};
    schema = cases_schema();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool whole = false;
        for (long k = 1; !whole; k++) {
            failmalloc_at(k);
            whole = convert(cases[i][0], cases[i][1]);
            failmalloc_off();
        }
    }
    schema_destroy(&schema);
}

static bool take_documents(void)
{
    struct documents documents = {0};
    struct shoal_view document;
    bool added = documents_add(&documents, shoal_view_of("{} {\"a\": [")) &&
                 documents_add(&documents, shoal_view_of("\"a long enough one: it grows again, "
                                                         "and that fails, too\"]}"));
    if (added) {
        assert_true(documents_next(&documents, false, &document));
        assert_true(documents_next(&documents, false, &document));
    }
    documents_fini(&documents);
    return added;
}

static void documents_are_whole_or_not(void **state)
{
    (void)state;
    bool whole = false;
    for (long k = 1; !whole; k++) {
        failmalloc_at(k);
        whole = take_documents();
        failmalloc_off();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_load_whole_or_not),
        cmocka_unit_test(messages_and_json_are_whole_or_not),
        cmocka_unit_test(documents_are_whole_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
