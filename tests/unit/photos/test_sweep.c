/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A volume's life during which every call to the disk fails in turn, or every call from there on,
 * and then every allocation: what was acknowledged stays, what was refused left nothing behind, and
 * nothing leaks or hangs.
 */
#include "box.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/failmalloc.h"

enum { KEYS = 3 };

static const char *const keys[KEYS] = {"a", "b", "c"};

/* What the volume must say of each key: nothing, or a text. And the first write that was refused:
 * a disk that fails for good does not let its remains be cut off. */
struct model {
    const char *text[KEYS];
    bool has_refused;
    size_t refused_key;
    const char *refused;
};

/* The disk */

static struct {
    atomic_long calls, first, last;
    atomic_int error;
} faults;

static bool fails(void)
{
    long call = atomic_fetch_add(&faults.calls, 1) + 1;
    if (call < atomic_load(&faults.first) || call > atomic_load(&faults.last))
        return false;
    errno = atomic_load(&faults.error);
    return true;
}

static int do_open(void *arg, const char *path, int flags)
{
    return fails() ? -1 : disk_real.open(arg, path, flags);
}

/* One that fails may have written some. */
static ssize_t do_pwritev(void *arg, int fd, const struct iovec *iov, int count, off_t offset)
{
    struct iovec some = {iov[0].iov_base, iov[0].iov_len / 2};
    if (!fails())
        return disk_real.pwritev(arg, fd, iov, count, offset);
    int error = errno;
    (void)disk_real.pwritev(arg, fd, &some, 1, offset);
    errno = error;
    return -1;
}

static int do_fdatasync(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    return fails() ? -1 : 0;
}

static int do_ftruncate(void *arg, int fd, off_t size)
{
    return fails() ? -1 : disk_real.ftruncate(arg, fd, size);
}

static int do_rename(void *arg, const char *from, const char *to)
{
    return fails() ? -1 : disk_real.rename(arg, from, to);
}

static int do_unlink(void *arg, const char *path)
{
    return fails() ? -1 : disk_real.unlink(arg, path);
}

static int do_sync_folder(void *arg, const char *path)
{
    (void)arg;
    (void)path;
    return fails() ? -1 : 0;
}

static const struct disk failing = {
    .open = do_open,
    .pwritev = do_pwritev,
    .fdatasync = do_fdatasync,
    .ftruncate = do_ftruncate,
    .rename = do_rename,
    .unlink = do_unlink,
    .sync_folder = do_sync_folder,
};

static void set_faults(long first, long last, int error)
{
    atomic_store(&faults.calls, 0);
    atomic_store(&faults.error, error);
    atomic_store(&faults.first, first);
    atomic_store(&faults.last, last);
}

/* The life */

/* A NULL text deletes. */
static void put(struct box *box, struct model *model, size_t key, const char *text)
{
    int rc = text ? box_put_text(box, keys[key], text) : box_delete(box, keys[key]);
    if (rc == 0) {
        model->text[key] = text;
    } else if (!model->has_refused) {
        model->has_refused = true;
        model->refused_key = key;
        model->refused = text;
    }
}

static bool says(struct volume *volume, const char *key, const char *text)
{
    size_t size;
    char *bytes = box_get(volume, key, &size);
    bool same = text ? bytes && strcmp(bytes, text) == 0 : !bytes;
    free(bytes);
    return same;
}

static void expect(struct box *box, const struct model *model, bool doubting)
{
    for (size_t i = 0; i < KEYS; i++) {
        bool doubted = doubting && model->has_refused && model->refused_key == i;
        assert_true(says(box->volume, keys[i], model->text[i]) ||
                    (doubted && says(box->volume, keys[i], model->refused)));
    }
}

/* Returns what opening said. */
static int live(struct box *box, struct model *model)
{
    int rc = volume_open(&box->cfg, &box->volume);
    if (rc < 0)
        return rc;
    put(box, model, 0, "first");
    put(box, model, 1, "second");
    put(box, model, 0, "third");
    put(box, model, 1, NULL);
    (void)volume_compact(box->volume);
    put(box, model, 2, "fourth");
    box_close(box);
    return 0;
}

/* Begins with a volume that has a torn tail, so that opening has something to cut. */
static void begin(struct box *box, struct model *model)
{
    static const char *const suffixes[] = {"", ".index", ".compact", ".index.new"};
    char path[128];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", box->path, suffixes[i]);
        (void)unlink(path);
    }
    box->cfg.disk = &box->disk;
    box_open(box);
    *model = (struct model){.text = {NULL, NULL, "old"}};
    assert_int_equal(box_put_text(box, keys[2], "old"), 0);
    uint64_t kept = box_file_size(box->path);
    assert_int_equal(box_put_text(box, keys[2], "torn"), 0);
    box_close(box);
    snprintf(path, sizeof(path), "%s.index", box->path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(truncate(box->path, (off_t)kept + 70), 0);
}

static void reopen_and_expect(struct box *box, const struct model *model, bool doubting)
{
    box->cfg.disk = &box->disk;
    box_open(box);
    expect(box, model, doubting);
    assert_int_equal(box_put_text(box, keys[1], "again"), 0);
    assert_int_equal(volume_compact(box->volume), 0);
    box_expect(box, keys[1], "again");
    box_close(box);
}

static void sweep_the_disk(struct box *box, bool for_good, int error)
{
    struct model model;
    for (long k = 1;; k++) {
        begin(box, &model);
        box->cfg.disk = &failing;
        set_faults(k, for_good ? LONG_MAX : k, error);
        (void)live(box, &model);
        long calls = atomic_load(&faults.calls);
        set_faults(LONG_MAX, LONG_MAX, 0);
        reopen_and_expect(box, &model, for_good);
        if (calls < k) {
            assert_in_range(k, 30, 500);
            return;
        }
    }
}

static void a_disk_that_fails_once_loses_nothing_and_keeps_nothing_refused(void **state)
{
    sweep_the_disk(*state, false, EIO);
}

static void a_disk_that_is_full_once_loses_nothing_and_keeps_nothing_refused(void **state)
{
    sweep_the_disk(*state, false, ENOSPC);
}

static void a_disk_that_fails_for_good_loses_nothing(void **state)
{
    sweep_the_disk(*state, true, EIO);
}

static void memory_that_runs_out_loses_nothing_and_keeps_nothing_refused(void **state)
{
    struct box *box = *state;
    struct model model;
    for (long k = 1;; k++) {
        begin(box, &model);
        failmalloc_at(k);
        (void)live(box, &model);
        failmalloc_off();
        bool failed = failmalloc_failures() > 0;
        reopen_and_expect(box, &model, false);
        if (!failed) {
            assert_in_range(k, 10, 500);
            return;
        }
    }
}

static int setup(void **state)
{
    int rc = box_setup(state);
    box_close(*state);
    return rc;
}

#define ON_A_CLOSED_VOLUME(test) cmocka_unit_test_setup_teardown(test, setup, box_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_CLOSED_VOLUME(a_disk_that_fails_once_loses_nothing_and_keeps_nothing_refused),
        ON_A_CLOSED_VOLUME(a_disk_that_is_full_once_loses_nothing_and_keeps_nothing_refused),
        ON_A_CLOSED_VOLUME(a_disk_that_fails_for_good_loses_nothing),
        ON_A_CLOSED_VOLUME(memory_that_runs_out_loses_nothing_and_keeps_nothing_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
