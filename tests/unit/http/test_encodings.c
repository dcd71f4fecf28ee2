/* SPDX-License-Identifier: BSD-3-Clause */
/* Accept-Encoding against the twins that are there. */
#include "proto/http/encodings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    BR = 1 << SHOAL__ENCODING_BROTLI,
    ZSTD = 1 << SHOAL__ENCODING_ZSTD,
    GZIP = 1 << SHOAL__ENCODING_GZIP,
    PLAIN = 1 << SHOAL__ENCODING_IDENTITY,
    ALL = BR | ZSTD | GZIP | PLAIN,
};

struct row {
    const char *accept;
    unsigned there;
    const char *wanted;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct shoal_view accept =
            rows[i].accept ? shoal_view_of(rows[i].accept) : shoal_view(NULL, 0);
        const char *got = shoal__encoding_coding(shoal__encoding_choose(accept, rows[i].there));
        if (strcmp(got, rows[i].wanted) != 0)
            fail_msg("\"%s\" of %x chooses %s, not %s", rows[i].accept ? rows[i].accept : "-",
                     rows[i].there, got, rows[i].wanted);
    }
}
#define CHECK(rows) check((rows), sizeof(rows) / sizeof((rows)[0]))

static void the_one_that_the_client_likes_best_is_sent(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"gzip, deflate, br, zstd", ALL, "br"},
        {"gzip, deflate, br, zstd", ZSTD | GZIP | PLAIN, "zstd"},
        {"gzip, deflate, br, zstd", GZIP | PLAIN, "gzip"},
        {"gzip, deflate, br, zstd", PLAIN, "identity"},
        {"br;q=0.5, gzip;q=0.9", ALL, "gzip"},
        {"br;q=0.9, gzip;q=0.900", ALL, "br"},
        {"GZIP", ALL, "gzip"},
        {"x-gzip", ALL, "gzip"},
        {"gzip ; q=1.000", ALL, "gzip"},
        {"*", ALL, "br"},
        {"*;q=0.1, gzip;q=0.2", ALL, "gzip"},
        {"br;q=0, *", ALL, "zstd"},
        {"identity, gzip;q=0.5", ALL, "identity"},
        {"identity;q=0.5, gzip;q=0.6", ALL, "gzip"},
    };
    CHECK(rows);
}

static void who_asks_for_nothing_gets_the_file_as_it_is(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, ALL, "identity"},
        {"", ALL, "identity"},
        {"deflate", ALL, "identity"},
        {"br;q=0", ALL, "identity"},
        {"br;q=0, gzip;q=0.0, zstd;q=0.000", ALL, "identity"},
        {"identity;q=0", PLAIN, "identity"},
        {"*;q=0", ALL, "identity"},
        {"gzipp", ALL, "identity"},
        {"gz", ALL, "identity"},
    };
    CHECK(rows);
}

static void a_malformed_weight_spoils_the_whole_field(void **state)
{
    (void)state;
    static const char *const weights[] = {"2", "1.1",  "-1",       "0.1234", ".5",
                                          "",  "1.0a", "1,5x;q=9", "0 1",    "nan"};
    for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
        char accept[40];
        (void)snprintf(accept, sizeof(accept), "br, gzip;q=%s", weights[i]);
        const struct row rows[] = {{accept, ALL, "identity"}};
        CHECK(rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_the_client_likes_best_is_sent),
        cmocka_unit_test(who_asks_for_nothing_gets_the_file_as_it_is),
        cmocka_unit_test(a_malformed_weight_spoils_the_whole_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
