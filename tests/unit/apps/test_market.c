/* SPDX-License-Identifier: BSD-3-Clause */
/* The market's arithmetic: what is an offer, what it is worth, what a price file may say. */
#include "market.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/failmalloc.h"

static bool parse(const char *line, struct offer *offer)
{
    return offer_parse(shoal_view_of(line), offer);
}

static void an_offer_is_pounds_of_fish(void **state)
{
    (void)state;
    struct offer offer;
    assert_true(parse("3 pounds of trout", &offer));
    assert_int_equal(offer.pounds, 3);
    assert_true(shoal_view_equal(offer.fish, shoal_view_of("trout")));
    assert_true(parse("1 pound of Red Snapper of Doom", &offer));
    assert_true(shoal_view_equal(offer.fish, shoal_view_of("Red Snapper of Doom")));
    assert_true(parse("0 pounds of cod", &offer));
    assert_int_equal(offer.pounds, 0);
    assert_true(parse("007 pounds of cod", &offer));
    assert_int_equal(offer.pounds, 7);
    assert_true(parse("5 pound of cod", &offer));
    assert_true(parse("1 pounds of \xc3\xa4sche", &offer));
}

static void any_number_of_64_bits_is_in_range(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint64_t pounds;
    } vectors[] = {{"2147483647 pounds of cod", INT32_MAX},
                   {"2147483648 pounds of cod", (uint64_t)INT32_MAX + 1},
                   {"9223372036854775807 pounds of cod", INT64_MAX},
                   {"9223372036854775808 pounds of cod", (uint64_t)INT64_MAX + 1},
                   {"18446744073709551615 pounds of cod", UINT64_MAX}};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct offer offer;
        assert_true(parse(vectors[i].line, &offer));
        assert_true(offer.pounds == vectors[i].pounds);
    }
}

static void everything_else_is_no_offer(void **state)
{
    (void)state;
    static const char *const lines[] = {"-1 pounds of cod",
                                        "+5 pounds of cod",
                                        "0x10 pounds of cod",
                                        "1e9 pounds of cod",
                                        "1.5 pounds of cod",
                                        " 5 pounds of cod",
                                        "5  pounds of cod",
                                        "5 pounds  of cod",
                                        "5\tpounds of cod",
                                        "18446744073709551616 pounds of cod",
                                        "1234567890123456789012345678901234567890 pounds of cod",
                                        "\xd9\xa1 pounds of cod",
                                        " pounds of cod",
                                        "pounds of cod",
                                        "5 pounds of ",
                                        "5 pounds of",
                                        "5 pounds cod",
                                        "5 poundss of cod",
                                        "5 kilos of cod",
                                        "five pounds of cod",
                                        "5 pounds of c\x1bod",
                                        "5 pounds of cod\r",
                                        "5 pounds of cod\x7f",
                                        "",
                                        "%n%n%n",
                                        "5"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct offer offer = {4711, {NULL, 0}};
        if (parse(lines[i], &offer))
            fail_msg("\"%s\" was taken for an offer", lines[i]);
        assert_int_equal(offer.pounds, 4711);
    }
    struct offer offer;
    assert_false(offer_parse(shoal_view("5 pounds of c\0d", 15), &offer));
}

static uint64_t price_of(const struct prices *prices, const char *fish)
{
    return prices_of(prices, shoal_view_of(fish));
}

static void the_built_in_prices_are_these(void **state)
{
    (void)state;
    struct prices *prices = prices_builtin();
    assert_non_null(prices);
    assert_int_equal(price_of(prices, "haddock"), 2);
    assert_int_equal(price_of(prices, "trout"), 3);
    assert_int_equal(price_of(prices, "bream"), 1);
    assert_int_equal(price_of(prices, "salmon"), 5);
    assert_int_equal(price_of(prices, "cod"), 2);
    assert_int_equal(price_of(prices, "herring"), 1);
    assert_int_equal(price_of(prices, "SaLmOn"), 5);
    prices_unref(&prices);
    assert_null(prices);
}

static void an_unknown_fish_is_worth_nothing(void **state)
{
    (void)state;
    struct prices *prices = prices_builtin();
    assert_int_equal(price_of(prices, "whale"), 0);
    assert_int_equal(price_of(prices, "co"), 0);
    assert_int_equal(price_of(prices, "cods"), 0);
    assert_int_equal(price_of(prices, "cod "), 0);
    prices_unref(&prices);
}

static void a_total_adds_up_and_refuses_to_overflow(void **state)
{
    (void)state;
    struct prices *prices = prices_builtin();
    struct offer offer;
    uint64_t total = 0;
    assert_true(parse("5 pounds of haddock", &offer) && offer_add(&offer, prices, &total));
    assert_true(parse("2 pounds of salmon", &offer) && offer_add(&offer, prices, &total));
    assert_int_equal(total, 20);

    assert_true(parse("18446744073709551615 pounds of haddock", &offer));
    assert_false(offer_add(&offer, prices, &total));
    assert_true(parse("18446744073709551615 pounds of bream", &offer));
    assert_false(offer_add(&offer, prices, &total));
    assert_int_equal(total, 20);

    assert_true(parse("18446744073709551595 pounds of bream", &offer));
    assert_true(offer_add(&offer, prices, &total));
    assert_true(total == UINT64_MAX);
    assert_true(parse("18446744073709551615 pounds of whale", &offer));
    assert_true(offer_add(&offer, prices, &total));
    assert_true(parse("1 pound of herring", &offer));
    assert_false(offer_add(&offer, prices, &total));
    assert_true(total == UINT64_MAX);
    prices_unref(&prices);
}

static struct prices *read_text(const char *text, char error[160])
{
    return prices_parse(shoal_view_of(text), error, 160);
}

static void a_price_file_has_fish_dollars_and_comments(void **state)
{
    (void)state;
    char error[160];
    struct prices *prices = read_text("# today\n"
                                      "cod = 7\r\n"
                                      "\n"
                                      "  Red Snapper=12   # dear\n"
                                      "\teel\t=\t0\n"
                                      "trout = 4",
                                      error);
    assert_non_null(prices);
    assert_int_equal(price_of(prices, "cod"), 7);
    assert_int_equal(price_of(prices, "red snapper"), 12);
    assert_int_equal(price_of(prices, "eel"), 0);
    assert_int_equal(price_of(prices, "trout"), 4);
    assert_int_equal(price_of(prices, "salmon"), 0);
    prices_unref(&prices);
}

static void an_empty_price_file_makes_everything_worthless(void **state)
{
    (void)state;
    char error[160];
    struct prices *prices = read_text("", error);
    assert_non_null(prices);
    assert_int_equal(price_of(prices, "cod"), 0);
    prices_unref(&prices);
}

static void a_bad_price_file_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char *const files[] = {
        "cod = 2\ntrout\n",       "cod = 2\ntrout = \n",
        "cod = 2\n= 3\n",         "cod = 2\ntrout = -1",
        "cod = 2\ntrout = 1.5\n", "cod = 2\ntrout = 3 dollars\n",
        "cod = 2\ntrout == 3\n",  "cod = 2\ntrout = 18446744073709551616\n"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char error[160] = "";
        assert_null(read_text(files[i], error));
        assert_string_equal(error, "line 2: expected \"FISH = DOLLARS\"");
    }
    char error[160] = "";
    assert_null(read_text("cod = 2\neel = 1\nCod = 3\n", error));
    assert_non_null(strstr(error, "two prices for"));
}

static void a_price_file_is_read_from_disk(void **state)
{
    (void)state;
    char path[] = "test_market.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "cod = 9\n", 8), 8);
    char error[160];
    struct prices *prices = prices_load(path, error, sizeof(error));
    assert_non_null(prices);
    assert_int_equal(price_of(prices, "cod"), 9);
    prices_unref(&prices);

    assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
    assert_null(prices_load(path, error, sizeof(error)));
    assert_string_equal(error, "larger than 1 MiB");
    close(fd);
    unlink(path);
    assert_null(prices_load(path, error, sizeof(error)));
    assert_string_equal(error, "No such file or directory (ENOENT)");
    assert_null(prices_load("/", error, sizeof(error)));
}

static void want_of_memory_is_told_and_leaks_nothing(void **state)
{
    (void)state;
    struct prices *prices = NULL;
    for (long k = 1; !prices; k++) {
        char error[160] = "";
        failmalloc_at(k);
        prices = read_text("cod = 2\n", error);
        failmalloc_off();
        assert_string_equal(error, prices ? "" : "out of memory");
        assert_true(k < 10);
    }
    prices_unref(&prices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_pounds_of_fish),
        cmocka_unit_test(any_number_of_64_bits_is_in_range),
        cmocka_unit_test(everything_else_is_no_offer),
        cmocka_unit_test(the_built_in_prices_are_these),
        cmocka_unit_test(an_unknown_fish_is_worth_nothing),
        cmocka_unit_test(a_total_adds_up_and_refuses_to_overflow),
        cmocka_unit_test(a_price_file_has_fish_dollars_and_comments),
        cmocka_unit_test(an_empty_price_file_makes_everything_worthless),
        cmocka_unit_test(a_bad_price_file_is_refused_with_its_line),
        cmocka_unit_test(a_price_file_is_read_from_disk),
        cmocka_unit_test(want_of_memory_is_told_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
