/* SPDX-License-Identifier: BSD-3-Clause */
/* Media types by name, from our table and from one that is read. */
#include "proto/http/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "support/failmalloc.h"

static void names_of_the_web_have_their_types(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"index.html", "text/html; charset=utf-8"},
        {"a/b.HTML", "text/html; charset=utf-8"},
        {"app.js", "text/javascript; charset=utf-8"},
        {"app.mjs", "text/javascript; charset=utf-8"},
        {"style.css", "text/css; charset=utf-8"},
        {"data.json", "application/json"},
        {"a.b.png", "image/png"},
        {"photo.JPG", "image/jpeg"},
        {"x.svg", "image/svg+xml"},
        {"x.woff2", "font/woff2"},
        {"x.wasm", "application/wasm"},
        {"x.7z", "application/x-7z-compressed"},
        {"x.zst", "application/zstd"},
        {"x.webp", "image/webp"},
        {"x.txt", "text/plain; charset=utf-8"},
        {"x.mp4", "video/mp4"},
        {"x.yml", "application/yaml"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(shoal__mime_type(NULL, rows[i][0]), rows[i][1]);
}

static void what_nobody_knows_is_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",         "README",
        "a.",       ".html",
        "a.html/b", "x.nothing",
        "x.html~",  "x.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(shoal__mime_type(NULL, names[i]), "application/octet-stream");
}

static const char table[] = "# comment\n"
                            "text/x-shoal\tshl SHOAL # of ours\n"
                            "application/empty\n"
                            "nonsense foo\n"
                            "text/evil\x01 evil\n"
                            "text/wrong html\n"
                            "\n"
                            "chemical/x-pdb pdb\r\n"
                            "last/one lst";

static void a_table_adds_types_and_takes_none_away(void **state)
{
    (void)state;
    struct shoal__mime mime = {0};
    assert_int_equal(shoal__mime_read(&mime, shoal_view_of(table)), 0);
    assert_int_equal(mime.count, 5);
    assert_string_equal(shoal__mime_type(&mime, "a.shl"), "text/x-shoal");
    assert_string_equal(shoal__mime_type(&mime, "a.Shoal"), "text/x-shoal");
    assert_string_equal(shoal__mime_type(&mime, "a.pdb"), "chemical/x-pdb");
    assert_string_equal(shoal__mime_type(&mime, "a.lst"), "last/one");
    assert_string_equal(shoal__mime_type(&mime, "a.html"), "text/html; charset=utf-8");
    assert_string_equal(shoal__mime_type(&mime, "a.foo"), "application/octet-stream");
    assert_string_equal(shoal__mime_type(&mime, "a.evil"), "application/octet-stream");
    shoal__mime_fini(&mime);
    assert_string_equal(shoal__mime_type(&mime, "a.shl"), "application/octet-stream");
}

static void an_empty_table_is_no_error(void **state)
{
    (void)state;
    struct shoal__mime mime = {0};
    assert_int_equal(shoal__mime_read(&mime, shoal_view(NULL, 0)), 0);
    assert_string_equal(shoal__mime_type(&mime, "a.shl"), "application/octet-stream");
    shoal__mime_fini(&mime);
}

static void without_memory_a_table_is_empty_and_nothing_leaks(void **state)
{
    (void)state;
    struct shoal__mime mime = {0};
    for (long k = 1;; k++) {
        failmalloc_at(k);
        int rc = shoal__mime_read(&mime, shoal_view_of(table));
        failmalloc_off();
        if (rc == 0)
            break;
        assert_int_equal(rc, -SHOAL_ENOMEM);
        assert_null(mime.entries);
        assert_null(mime.text);
    }
    shoal__mime_fini(&mime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_web_have_their_types),
        cmocka_unit_test(what_nobody_knows_is_bytes),
        cmocka_unit_test(a_table_adds_types_and_takes_none_away),
        cmocka_unit_test(an_empty_table_is_no_error),
        cmocka_unit_test(without_memory_a_table_is_empty_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
