/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a TLS listener's URL: what is read, what is refused and how it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "net/tls_query.h"
#include "support/failmalloc.h"

static void opens(const char *text, const char *sentence)
{
    struct shoal__tls_query *query = NULL;
    struct shoal_tls *tls = NULL;
    const char *why = NULL;
    char error[256] = "";
    assert_int_equal(shoal__tls_query_parse(shoal_view_of(text), NULL, &query, &why), 0);
    assert_int_equal(shoal__tls_query_open(query, &tls, error, sizeof(error)), -SHOAL_ECERT);
    if (strncmp(error, sentence, strlen(sentence)) != 0)
        fail_msg("'%s' does not begin with '%s'", error, sentence);
    shoal__tls_query_destroy(&query);
    assert_null(query);
}

static void refused(const char *text, const char *sentence)
{
    struct shoal__tls_query *query = NULL;
    const char *why = "";
    assert_int_equal(shoal__tls_query_parse(shoal_view_of(text), NULL, &query, &why), -SHOAL_EURL);
    assert_null(query);
    if (!strstr(why, sentence))
        fail_msg("'%s': '%s' does not say '%s'", text, why, sentence);
}

static void files_are_named_by_the_options(void **state)
{
    (void)state;
    opens("cert=/none/c.pem&key=/none/k.pem", "cannot read /none/c.pem: ");
    opens("key=/none/k.pem&cert=/etc/passwd", "cannot read /none/k.pem: ");
    opens("cert=/none/1&cert=/none/2&key=/none/3&key=/none/4&client_ca=/none/5&client_cert=require",
          "cannot read /none/5: ");
}

static void odd_characters_are_written_as_hexadecimals(void **state)
{
    (void)state;
    opens("cert=/none/a%20b%26%3d%C3%bc&key=k", "cannot read /none/a b&=\xc3\xbc: ");
    opens("cert=/none/a+b=c&key=k", "cannot read /none/a+b=c: ");
    for (size_t i = 0; i < 6; i++) {
        static const char *const wrong[] = {"%", "%4", "%4g", "%g4", "%00", "%\x10\x11"};
        char text[64];
        snprintf(text, sizeof(text), "cert=%s&key=k", wrong[i]);
        refused(text, "odd characters as %XX");
    }
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    refused("", "?cert=FILE&key=FILE");
    refused("cert=c", "?cert=FILE&key=FILE");
    refused("key=k", "?cert=FILE&key=FILE");
    refused("cert=c&key=k&cert=d", "?cert=FILE&key=FILE");
    refused("cert=c&key=k&client_cert=require", "needs client_ca=FILE");
    refused("cert=&key=k", "NAME=VALUE");
    refused("cert&key=k", "NAME=VALUE");
}

static void what_is_unknown_is_refused(void **state)
{
    (void)state;
    refused("cert=c&key=k&x=y", "unknown option");
    refused("cert=c&key=k&client_cert=maybe", "unknown option");
    refused("cert=c&key=k&client_ca=1&client_ca=2", "unknown option");
    refused("CERT=c&key=k", "unknown option");
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct shoal__tls_query *query = NULL;
    const char *why = NULL;
    failmalloc_at(1);
    assert_int_equal(shoal__tls_query_parse(shoal_view_of("cert=c&key=k"), NULL, &query, &why),
                     -SHOAL_ENOMEM);
    failmalloc_off();
    assert_null(query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_named_by_the_options),
        cmocka_unit_test(odd_characters_are_written_as_hexadecimals),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(what_is_unknown_is_refused),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
