/* SPDX-License-Identifier: BSD-3-Clause */
/* The promises of include/shoal/error.h. */
#include <shoal/error.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void own_codes_have_their_own_text_and_name(void **state)
{
    (void)state;
    assert_string_equal(shoal_strerror(-SHOAL_ESTOPPED), "stopped: no more work is taken");
    assert_string_equal(shoal_strerrorname(-SHOAL_ESTOPPED), "ESTOPPED");
    assert_string_equal(shoal_strerrorname(-SHOAL_EURL), "EURL");
}

static void either_sign_is_the_same_code(void **state)
{
    (void)state;
    assert_string_equal(shoal_strerror(SHOAL_EFULL), shoal_strerror(-SHOAL_EFULL));
    assert_string_equal(shoal_strerrorname(EADDRINUSE), shoal_strerrorname(-EADDRINUSE));
}

static void codes_shared_with_errno_have_errnos_number(void **state)
{
    (void)state;
    assert_int_equal(SHOAL_ENOMEM, ENOMEM);
    assert_string_equal(shoal_strerrorname(-ENOMEM), "ENOMEM");
    assert_string_equal(shoal_strerror(-ENOMEM), "out of memory");
}

static void plain_errno_gets_the_c_librarys_text(void **state)
{
    (void)state;
    assert_string_equal(shoal_strerror(-EADDRINUSE), "Address already in use");
    assert_string_equal(shoal_strerrorname(-EADDRINUSE), "EADDRINUSE");
}

static void unknown_codes_are_said_to_be_unknown(void **state)
{
    (void)state;
    const int unknown[] = {-99999, 99999, INT_MIN, INT_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(shoal_strerror(unknown[i]), "unknown error");
        assert_string_equal(shoal_strerrorname(unknown[i]), "EUNKNOWN");
    }
}

static void every_code_of_the_table_has_a_number_of_its_own(void **state)
{
    (void)state;
#define CODE(name, value, text) value,
    const int codes[] = {SHOAL_ERROR_TABLE(CODE)};
#undef CODE
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(codes[i], codes[j]);
    }
}

static void success_is_no_error(void **state)
{
    (void)state;
    assert_string_equal(shoal_strerror(0), "no error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_codes_have_their_own_text_and_name),
        cmocka_unit_test(either_sign_is_the_same_code),
        cmocka_unit_test(codes_shared_with_errno_have_errnos_number),
        cmocka_unit_test(plain_errno_gets_the_c_librarys_text),
        cmocka_unit_test(unknown_codes_are_said_to_be_unknown),
        cmocka_unit_test(every_code_of_the_table_has_a_number_of_its_own),
        cmocka_unit_test(success_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
