/* SPDX-License-Identifier: BSD-3-Clause */
/* Conditional requests: tags, dates, and which of them counts. */
#include "proto/http/conditions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OURS "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

/* We have "a", modified at OURS, a day ago. */
static const struct shoal__validators ours = {
    .etag = SHOAL_VIEW("\"a\""), .modified = 784111777, .now = 784111777 + 86400};

static struct shoal_view field(const char *text)
{
    return text ? shoal_view_of(text) : shoal_view(NULL, 0);
}

struct row {
    const char *match, *none_match, *modified_since, *unmodified_since;
    enum shoal__verdict wanted;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct shoal__conditions given = {
            .if_match = field(row->match),
            .if_none_match = field(row->none_match),
            .if_modified_since = field(row->modified_since),
            .if_unmodified_since = field(row->unmodified_since),
        };
        enum shoal__verdict got = shoal__conditions_judge(&given, &ours);
        if (got != row->wanted)
            fail_msg("row %zu: %d, not %d", i, (int)got, (int)row->wanted);
    }
}
#define CHECK(rows) check((rows), sizeof(rows) / sizeof((rows)[0]))

#define GO_ON SHOAL__VERDICT_GO_ON
#define SAME SHOAL__VERDICT_NOT_MODIFIED
#define FAILED SHOAL__VERDICT_FAILED

static void tags_tell_whether_the_client_has_it_already(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, NULL, NULL, NULL, GO_ON},
        {NULL, "\"a\"", NULL, NULL, SAME},
        {NULL, "W/\"a\"", NULL, NULL, SAME},
        {NULL, "*", NULL, NULL, SAME},
        {NULL, "\"b\"", NULL, NULL, GO_ON},
        {NULL, "\"b\", \"a\"", NULL, NULL, SAME},
        {NULL, "\"b\",\"a\",", NULL, NULL, SAME},
        {NULL, "\"b\" , ,\"c,\\\", \"a\"", NULL, NULL, SAME},
        {NULL, "\"A\"", NULL, NULL, GO_ON},
        {NULL, "\"a,\"", NULL, NULL, GO_ON},
    };
    CHECK(rows);
}

static void tags_tell_whether_it_is_still_the_same(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"\"a\"", NULL, NULL, NULL, GO_ON},        {"*", NULL, NULL, NULL, GO_ON},
        {"\"b\", \"a\"", NULL, NULL, NULL, GO_ON}, {"\"b\"", NULL, NULL, NULL, FAILED},
        {"W/\"a\"", NULL, NULL, NULL, FAILED},
    };
    CHECK(rows);
}

static void dates_count_to_the_second(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, NULL, OURS, NULL, SAME},    {NULL, NULL, AFTER, NULL, SAME},
        {NULL, NULL, BEFORE, NULL, GO_ON}, {NULL, NULL, NULL, OURS, GO_ON},
        {NULL, NULL, NULL, AFTER, GO_ON},  {NULL, NULL, NULL, BEFORE, FAILED},
    };
    CHECK(rows);
}

static void tags_count_before_dates_and_failing_before_having(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, "\"b\"", OURS, NULL, GO_ON},     {NULL, "\"a\"", BEFORE, NULL, SAME},
        {"\"a\"", NULL, NULL, BEFORE, GO_ON},   {"\"b\"", NULL, NULL, OURS, FAILED},
        {"\"b\"", "\"a\"", NULL, NULL, FAILED}, {"\"a\"", "\"a\"", NULL, NULL, SAME},
    };
    CHECK(rows);
}

static void what_is_malformed_is_ignored(void **state)
{
    (void)state;
    static const char *const tags[] = {"",         "a",       "\"a",      "a\"",
                                       "'a'",      "w/\"a\"", "W/ \"a\"", "\"a\" \"b\"",
                                       "\"a\"; x", "**",      "\"a\", *"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        const struct row rows[] = {
            {tags[i], NULL, NULL, NULL, GO_ON},
            {NULL, tags[i], NULL, NULL, GO_ON},
        };
        CHECK(rows);
    }
    static const struct row dates[] = {
        {NULL, NULL, "", NULL, GO_ON},
        {NULL, NULL, "tomorrow", NULL, GO_ON},
        {NULL, NULL, NULL, "Sun, 06 Nov 1994 08:49:36 CET", GO_ON},
    };
    CHECK(dates);
}

static void a_list_of_64_kib_is_read_once(void **state)
{
    (void)state;
    static char list[64 * 1024];
    size_t size = 0;
    while (size + 16 < sizeof(list))
        size += (size_t)snprintf(list + size, sizeof(list) - size, "\"%zx\",", size);
    memcpy(list + size, "\"a\"", 4);
    const struct row rows[] = {{NULL, list, NULL, NULL, SAME}};
    CHECK(rows);
}

static bool allows(const char *if_range, int64_t age)
{
    struct shoal__conditions given = {.if_range = field(if_range)};
    struct shoal__validators aged = ours;
    aged.now = aged.modified + age;
    return shoal__conditions_allow_range(&given, &aged);
}

static void a_range_goes_on_only_with_exactly_what_we_have(void **state)
{
    (void)state;
    assert_true(allows(NULL, 0));
    assert_true(allows("\"a\"", 0));
    assert_false(allows("\"b\"", 86400));
    assert_false(allows("W/\"a\"", 86400));
    assert_false(allows("", 86400));
    assert_true(allows(OURS, 86400));
    assert_false(allows(AFTER, 86400));
    assert_false(allows(BEFORE, 86400));
}

static void a_date_of_this_very_second_names_nothing(void **state)
{
    (void)state;
    assert_false(allows(OURS, 0));
    assert_false(allows(OURS, 1));
    assert_true(allows(OURS, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_tell_whether_the_client_has_it_already),
        cmocka_unit_test(tags_tell_whether_it_is_still_the_same),
        cmocka_unit_test(dates_count_to_the_second),
        cmocka_unit_test(tags_count_before_dates_and_failing_before_having),
        cmocka_unit_test(what_is_malformed_is_ignored),
        cmocka_unit_test(a_list_of_64_kib_is_read_once),
        cmocka_unit_test(a_range_goes_on_only_with_exactly_what_we_have),
        cmocka_unit_test(a_date_of_this_very_second_names_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
