/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields: what may be sent, how names compare, and the list. */
#include "proto/http/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "base/arena.h"
#include "support/failmalloc.h"

static struct shoal_view view(const char *text)
{
    return shoal_view_of(text);
}

static void names_compare_without_case_but_not_without_bit_five(void **state)
{
    (void)state;
    assert_true(shoal__http_name_equal(view("Content-TYPE"), view("content-type")));
    assert_true(shoal__http_name_equal(view(""), view("")));
    assert_false(shoal__http_name_equal(view("a\r"), view("a-")));
    assert_false(shoal__http_name_equal(view("a@"), view("a`")));
    assert_false(shoal__http_name_equal(view("a"), view("ab")));
}

static void the_first_field_of_a_name_is_found(void **state)
{
    (void)state;
    const struct shoal__http_field fields[] = {{SHOAL_VIEW("A"), SHOAL_VIEW("1")},
                                               {SHOAL_VIEW("b"), SHOAL_VIEW("2")},
                                               {SHOAL_VIEW("B"), SHOAL_VIEW("3")}};
    assert_ptr_equal(shoal__http_field_find(fields, 3, view("B")), &fields[1]);
    assert_null(shoal__http_field_find(fields, 1, view("b")));
}

static void a_list_s_elements_are_found_whole(void **state)
{
    (void)state;
    assert_true(shoal__http_list_has(view("keep-alive, Upgrade"), view("upgrade")));
    assert_true(shoal__http_list_has(view("\tupgrade ,x"), view("upgrade")));
    assert_false(shoal__http_list_has(view("upgrades, not-upgrade"), view("upgrade")));
    assert_false(shoal__http_list_has(view(""), view("upgrade")));
}

static void only_tokens_are_names(void **state)
{
    (void)state;
    const char *bad[] = {"", "a b", "a:", "a\r", "a\n", "\x7f", "\x80", "a(", "a\t", "a\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(shoal__http_is_token(view(bad[i])));
    assert_false(shoal__http_is_token(shoal_view("a\0b", 3)));
    assert_true(shoal__http_is_token(view("X-9!#$%&'*+-.^_`|~z")));
}

static void values_have_no_control_bytes_but_tabs(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool control = (byte < ' ' && byte != '\t') || byte == 0x7f;
        for (size_t place = 0; place < 19; place++) { /* within eight bytes, and behind them */
            char value[] = "a\xffz a\x80z a~z a\tz a z";
            value[place] = (char)byte;
            assert_int_equal(shoal__http_is_value(shoal_view(value, 19)), !control);
            assert_int_equal(shoal__http_is_value(shoal_view(value + place, 1)), !control);
        }
    }
    assert_true(shoal__http_is_value(shoal_view(NULL, 0)));
}

static void what_the_library_writes_itself_is_refused(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    struct shoal__http_fields list = {0};
    const char *ours[] = {"Content-Length", "transfer-encoding", "CONNECTION", "Date",
                          "server",         "Keep-Alive",        "upgrade",    "host"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_int_equal(shoal__http_fields_add(&list, &arena, view(ours[i]), view("x")),
                         -SHOAL_EINVAL);
    assert_int_equal(list.count, 0);
    shoal__arena_fini(&arena);
}

static void setting_takes_the_place_of_all_fields_of_that_name(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    struct shoal__http_fields list = {0};
    for (int i = 0; i < 9; i++)
        assert_int_equal(shoal__http_fields_add(&list, &arena, view(i % 2 ? "a" : "b"), view("1")),
                         0);
    assert_int_equal(shoal__http_fields_set(&list, &arena, view("A"), view("2")), 0);
    assert_int_equal(list.count, 6);
    assert_true(shoal_view_equal(list.items[5].value, view("2")));
    assert_int_equal(shoal__http_fields_set(&list, &arena, view("b"), view("\n")), -SHOAL_EINVAL);
    assert_int_equal(list.count, 6);
    shoal__arena_fini(&arena);
}

static void without_memory_the_list_stays_as_it_was(void **state)
{
    (void)state;
    struct shoal__arena arena = {0};
    struct shoal__http_fields list = {0};
    failmalloc_from(1);
    assert_int_equal(shoal__http_fields_add(&list, &arena, view("a"), view("1")), -SHOAL_ENOMEM);
    assert_int_equal(shoal__http_fields_set(&list, &arena, view("a"), view("1")), -SHOAL_ENOMEM);
    failmalloc_off();
    assert_int_equal(list.count, 0);
    shoal__arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_compare_without_case_but_not_without_bit_five),
        cmocka_unit_test(the_first_field_of_a_name_is_found),
        cmocka_unit_test(a_list_s_elements_are_found_whole),
        cmocka_unit_test(only_tokens_are_names),
        cmocka_unit_test(values_have_no_control_bytes_but_tabs),
        cmocka_unit_test(what_the_library_writes_itself_is_refused),
        cmocka_unit_test(setting_takes_the_place_of_all_fields_of_that_name),
        cmocka_unit_test(without_memory_the_list_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
