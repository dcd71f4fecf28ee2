/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that are served and names that are not, tags, and pages that list. */
#include "proto/http/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "support/failmalloc.h"

static void check(enum shoal__file_name wanted, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum shoal__file_name got = shoal__file_name_judge(paths[i]);
        if (got != wanted)
            fail_msg("\"%s\" is %d, not %d", paths[i], (int)got, (int)wanted);
    }
}
#define CHECK(wanted, paths) check((wanted), (paths), sizeof(paths) / sizeof((paths)[0]))

static void plain_names_are_files_and_with_a_slash_directories(void **state)
{
    (void)state;
    static const char *const files[] = {
        "a", "a/b", "a.b", "a b", "a~b", "a%2e", "-", "a/b/c/d/e", "\xc3\xa4/\xe2\x82\xac"};
    static const char *const directories[] = {"", "a/", "a/b/", "a b/"};
    CHECK(SHOAL__FILE_NAME_FILE, files);
    CHECK(SHOAL__FILE_NAME_DIRECTORY, directories);
}

static void ways_up_and_hidden_names_are_none(void **state)
{
    (void)state;
    static const char *const paths[] = {
        ".",    "..",          "../x",      "a/..",      "a/../b", "a/./b",      "./a",
        "/",    "//",          "/a",        "a//b",      "a//",    "...",        "....//x",
        ".git", ".git/config", "a/.env",    "a/.b/c",    "..\\x",  "a\\b",       "\\",
        "a~",   "a/b~",        "a~/b",      "a\nb",      "\x7f",   "a\tb",       "\x01",
        "a/\r", "../",         "a/../../x", ".htaccess", "a/..\\", "/etc/passwd"};
    CHECK(SHOAL__FILE_NAME_NONE, paths);
}

static void what_is_not_utf8_is_malformed(void **state)
{
    (void)state;
    static const char *const paths[] = {"\xff",         "a/\xfe",           "\xc0\xae\xc0\xae/x",
                                        "\xc0\xaf",     "a\xe0\x80\xafz",   "\xf0\x80\x80\xaf",
                                        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe4",
                                        "caf\xe9"};
    CHECK(SHOAL__FILE_NAME_MALFORMED, paths);
}

static void any_change_of_a_file_changes_its_tag(void **state)
{
    (void)state;
    char tags[4][SHOAL__ETAG_SIZE];
    shoal__file_etag_write(1, 2, 3, tags[0]);
    shoal__file_etag_write(2, 2, 3, tags[1]);
    shoal__file_etag_write(1, 3, 3, tags[2]);
    shoal__file_etag_write(1, 2, 4, tags[3]);
    for (size_t i = 1; i < 4; i++)
        assert_string_not_equal(tags[0], tags[i]);
    assert_string_equal(tags[0], "\"1-2-3\"");
    shoal__file_etag_write(UINT64_MAX, UINT64_MAX, -1, tags[0]);
    assert_int_equal(strlen(tags[0]), 2 + 3 * 16 + 2);
    assert_int_equal(tags[0][strlen(tags[0]) - 1], '"');
}

/* The page as a string, to be freed. */
static char *page(const char *path, char **names, size_t count, bool cut)
{
    struct shoal_buf *buf = shoal_buf_create();
    assert_int_equal(shoal__file_listing_write(buf, path, names, count, cut), 0);
    size_t size = shoal_buf_size(buf);
    char *text = calloc(1, size + 1);
    shoal_buf_copy_out(buf, text, size);
    shoal_buf_destroy(&buf);
    return text;
}

static void names_of_the_disk_cannot_write_into_the_page(void **state)
{
    (void)state;
    char evil[] = "<script>'\"&", scheme[] = "javascript:x", dir[] = "d/", umlaut[] = "\xc3\xa4";
    char *names[] = {evil, scheme, dir, umlaut};
    char *text = page("/<b>/", names, 4, false);
    assert_null(strstr(text, "<script>"));
    assert_null(strstr(text, "<b>"));
    assert_non_null(strstr(text, "<title>/&lt;b&gt;/</title>"));
    assert_non_null(strstr(text, "<a href=\"%3Cscript%3E%27%22%26\">"
                                 "&lt;script&gt;&#39;&quot;&amp;</a>"));
    assert_non_null(strstr(text, "href=\"javascript%3Ax\""));
    assert_non_null(strstr(text, "<a href=\"d/\">d/</a>"));
    assert_non_null(strstr(text, "<a href=\"%C3%A4\">\xc3\xa4</a>"));
    assert_non_null(strstr(text, "<a href=\"../\">"));
    assert_null(strstr(text, "There are more"));
    free(text);
}

static void the_root_has_no_way_up_and_a_cut_list_says_so(void **state)
{
    (void)state;
    char *text = page("/", NULL, 0, true);
    assert_null(strstr(text, "../"));
    assert_non_null(strstr(text, "There are more"));
    free(text);
}

static void without_memory_there_is_no_page(void **state)
{
    (void)state;
    char name[] = "name";
    char *names[] = {name};
    int rc = -1;
    for (long k = 1; rc != 0; k++) {
        struct shoal_buf *buf = shoal_buf_create();
        failmalloc_at(k);
        rc = shoal__file_listing_write(buf, "/", names, 1, false);
        failmalloc_off();
        assert_true(rc == 0 || rc == -SHOAL_ENOMEM);
        shoal_buf_destroy(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_files_and_with_a_slash_directories),
        cmocka_unit_test(ways_up_and_hidden_names_are_none),
        cmocka_unit_test(what_is_not_utf8_is_malformed),
        cmocka_unit_test(any_change_of_a_file_changes_its_tag),
        cmocka_unit_test(names_of_the_disk_cannot_write_into_the_page),
        cmocka_unit_test(the_root_has_no_way_up_and_a_cut_list_says_so),
        cmocka_unit_test(without_memory_there_is_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
