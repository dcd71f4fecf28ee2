/* SPDX-License-Identifier: BSD-3-Clause */
/* What is found beneath a directory of the real disk, and that nothing else is. */
#include "proto/http/files_open_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <shoal/error.h>

#include "support/failmalloc.h"

/* A directory with "root" in it, which is served, and "secret" beside that. */
static char top[64];
static int root_fd;

static const char *in_top(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned next;
    char *out = path[next++ % 4];
    (void)snprintf(out, PATH_MAX, "%s/%s", top, name);
    return out;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_top(name), "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static void set_age(const char *name, long seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, in_top(name), times, 0), 0);
}

static int start(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof(top), "/tmp/shoal-files-XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(mkdir(in_top("root"), 0755), 0);
    assert_int_equal(mkdir(in_top("root/dir"), 0755), 0);
    put("secret", "canary");
    put("root/file", "hello");
    put("root/dir/inner", "inner");
    root_fd = open(in_top("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(root_fd >= 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    char command[128];
    close(root_fd);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
    return system(command);
}

/* What opening says, with nothing left open. */
static int outcome(const char *path)
{
    struct shoal__found found = {{NULL}};
    int rc = shoal__files_open(root_fd, path, true, true, &found);
    shoal__found_release(&found);
    return rc;
}

static void a_file_is_found_with_its_size_and_its_validators(void **state)
{
    (void)state;
    struct shoal__found found;
    set_age("root/file", 784111777);
    assert_int_equal(shoal__files_open(root_fd, "file", true, true, &found), 0);
    struct shoal__file *file = found.forms[SHOAL__ENCODING_IDENTITY];
    assert_int_equal(file->size, 5);
    assert_int_equal(file->modified, 784111777);
    assert_string_equal(file->date, "Sun, 06 Nov 1994 08:49:37 GMT");
    char bytes[8];
    assert_int_equal(pread(file->fd, bytes, sizeof(bytes), 0), 5);
    shoal__found_release(&found);
    assert_null(found.forms[SHOAL__ENCODING_IDENTITY]);
}

static void a_file_of_the_kernels_memory_is_opened_without_waiting(void **state)
{
    (void)state;
    struct shoal__found found;
    assert_int_equal(outcome("dir/inner"), 0);
    assert_int_equal(shoal__files_open(root_fd, "dir/inner", false, false, &found), 0);
    shoal__found_release(&found);
}

static void links_lead_anywhere_beneath_the_root_and_nowhere_else(void **state)
{
    (void)state;
    assert_int_equal(symlink("dir/inner", in_top("root/inside")), 0);
    assert_int_equal(symlink("../file", in_top("root/dir/up-inside")), 0);
    assert_int_equal(symlink("../secret", in_top("root/outside")), 0);
    assert_int_equal(symlink("..", in_top("root/parent")), 0);
    assert_int_equal(symlink("dir/../../secret", in_top("root/winding")), 0);
    assert_int_equal(symlink("/etc/passwd", in_top("root/absolute")), 0);
    assert_int_equal(symlink(in_top("root/file"), in_top("root/absolute-inside")), 0);
    assert_int_equal(symlink("/proc/self/root/etc/passwd", in_top("root/magic")), 0);
    assert_int_equal(symlink("round", in_top("root/round")), 0);
    assert_int_equal(symlink("nothing", in_top("root/dangling")), 0);
    assert_int_equal(outcome("inside"), 0);
    assert_int_equal(outcome("dir/up-inside"), 0);
    static const char *const none[] = {
        "outside", "parent/secret", "winding",   "absolute",    "absolute-inside", "magic",
        "round",   "dangling",      "../secret", "/etc/passwd", "dir/../../secret"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(outcome(none[i]), -SHOAL_ENOENT);
    assert_int_equal(outcome("parent"), -SHOAL_ENOENT);
}

static void what_is_no_regular_file_is_not_opened_and_blocks_nobody(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(in_top("root/fifo"), 0644), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", in_top("root/socket"));
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(outcome("fifo"), -SHOAL_ENOENT);
    assert_int_equal(outcome("socket"), -SHOAL_ENOENT);
    close(sock);
    assert_int_equal(outcome("dir"), -EISDIR);
    assert_int_equal(outcome("file/x"), -SHOAL_ENOENT);
    assert_int_equal(outcome("none"), -SHOAL_ENOENT);
}

static void names_of_any_length_are_none(void **state)
{
    (void)state;
    char name[6000];
    memset(name, 'a', sizeof(name));
    name[300] = '\0';
    assert_int_equal(outcome(name), -SHOAL_ENOENT);
    name[300] = 'a';
    name[5999] = '\0';
    assert_int_equal(outcome(name), -SHOAL_ENOENT);
    for (size_t i = 1; i < 5999; i += 2)
        name[i] = '/';
    assert_int_equal(outcome(name), -SHOAL_ENOENT);
}

static void twins_are_found_unless_they_are_older(void **state)
{
    (void)state;
    put("root/page", "plain");
    put("root/page.gz", "gzip");
    put("root/page.br", "brotli");
    assert_int_equal(mkdir(in_top("root/page.zst"), 0755), 0);
    set_age("root/page", 1000);
    set_age("root/page.gz", 1000);
    set_age("root/page.br", 999);
    struct shoal__found found;
    assert_int_equal(shoal__files_open(root_fd, "page", true, true, &found), 0);
    assert_non_null(found.forms[SHOAL__ENCODING_IDENTITY]);
    assert_non_null(found.forms[SHOAL__ENCODING_GZIP]);
    assert_null(found.forms[SHOAL__ENCODING_BROTLI]);
    assert_null(found.forms[SHOAL__ENCODING_ZSTD]);
    assert_string_not_equal(found.forms[SHOAL__ENCODING_GZIP]->etag,
                            found.forms[SHOAL__ENCODING_IDENTITY]->etag);
    shoal__found_release(&found);

    assert_int_equal(shoal__files_open(root_fd, "page", false, true, &found), 0);
    assert_null(found.forms[SHOAL__ENCODING_GZIP]);
    shoal__found_release(&found);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void without_memory_nothing_stays_open(void **state)
{
    (void)state;
    put("root/twin", "plain");
    put("root/twin.gz", "gzip");
    int before = open_descriptors();
    long allocations = 0;
    for (long k = 1; k <= 4; k++) {
        failmalloc_at(k);
        int rc = outcome("twin");
        allocations = failmalloc_count();
        failmalloc_off();
        assert_true(rc == 0 || rc == -SHOAL_ENOMEM);
        assert_int_equal(rc == -SHOAL_ENOMEM, k == 1); /* a twin may be missing */
        assert_int_equal(open_descriptors(), before);
    }
    assert_true(allocations >= 2);
}

static void a_file_lives_as_long_as_anybody_refers_to_it(void **state)
{
    (void)state;
    struct shoal__found found;
    int before = open_descriptors();
    assert_int_equal(shoal__files_open(root_fd, "file", true, true, &found), 0);
    struct shoal__file *file = found.forms[SHOAL__ENCODING_IDENTITY];
    shoal__file_ref(file);
    shoal__found_release(&found);
    assert_int_equal(open_descriptors(), before + 1);
    shoal__file_unref(&file);
    assert_null(file);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_found_with_its_size_and_its_validators),
        cmocka_unit_test(a_file_of_the_kernels_memory_is_opened_without_waiting),
        cmocka_unit_test(links_lead_anywhere_beneath_the_root_and_nowhere_else),
        cmocka_unit_test(what_is_no_regular_file_is_not_opened_and_blocks_nobody),
        cmocka_unit_test(names_of_any_length_are_none),
        cmocka_unit_test(twins_are_found_unless_they_are_older),
        cmocka_unit_test(without_memory_nothing_stays_open),
        cmocka_unit_test(a_file_lives_as_long_as_anybody_refers_to_it),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
