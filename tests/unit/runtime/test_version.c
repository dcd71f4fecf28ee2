/* SPDX-License-Identifier: BSD-3-Clause */
/* Versions and the names in tables. */
#include <shoal/version.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>
#include <shoal/stats.h>

static void the_linked_version_is_that_of_the_headers(void **state)
{
    (void)state;
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", SHOAL_VERSION_MAJOR, SHOAL_VERSION_MINOR,
             SHOAL_VERSION_PATCH);
    assert_string_equal(shoal_version(), expected);
    assert_string_equal(SHOAL_VERSION, expected);
}

static void the_libraries_below_are_named_with_their_real_versions(void **state)
{
    (void)state;
    assert_non_null(strstr(shoal_version_libraries(), event_get_version()));
    assert_ptr_equal(shoal_version_libraries(), shoal_version_libraries());
}

static void every_refusal_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(shoal_refusal_name(SHOAL_REFUSED_ADDRESS), "address");
    assert_string_equal(shoal_refusal_name(SHOAL_REFUSED_STOPPING), "stopping");
    assert_string_equal(shoal_refusal_name(SHOAL_REFUSALS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_linked_version_is_that_of_the_headers),
        cmocka_unit_test(the_libraries_below_are_named_with_their_real_versions),
        cmocka_unit_test(every_refusal_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
