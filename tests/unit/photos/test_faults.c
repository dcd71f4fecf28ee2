/* SPDX-License-Identifier: BSD-3-Clause */
/* Disks that fail: what was acknowledged stays, what failed leaves nothing behind. */
#include "box.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <stdatomic.h>

/* Fails once told to. `room`: bytes that may yet be written. */
static struct {
    atomic_int write_error, sync_error;
    _Atomic uint64_t room;
} faults;

static ssize_t write_or_fail(void *arg, int fd, const struct iovec *iov, int count, off_t offset)
{
    (void)arg;
    int error = atomic_load(&faults.write_error);
    if (!error)
        return pwritev(fd, iov, count, offset);
    uint64_t room = atomic_load(&faults.room);
    struct iovec some = {iov[0].iov_base, iov[0].iov_len < room ? iov[0].iov_len : (size_t)room};
    if (some.iov_len == 0) {
        errno = error;
        return -1;
    }
    atomic_fetch_sub(&faults.room, some.iov_len);
    return pwritev(fd, &some, 1, offset);
}

static int sync_or_fail(void *arg, int fd)
{
    (void)arg;
    errno = atomic_load(&faults.sync_error);
    return errno ? -1 : fdatasync(fd);
}

static struct disk faulty;

/* The linker puts this in place of pread(). */
ssize_t __real_pread(int fd, void *out, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *out, size_t size, off_t offset);

static atomic_bool unreadable;

/* Of a bad disk all but the header's block can be read no more. */
ssize_t __wrap_pread(int fd, void *out, size_t size, off_t offset)
{
    errno = EIO;
    bool bad = atomic_load(&unreadable) && offset >= VOLUME_HEADER_SIZE;
    return bad ? -1 : __real_pread(fd, out, size, offset);
}

static atomic_uint file_syncs, folder_syncs;

static int count_sync(void *arg, int fd)
{
    atomic_fetch_add(&file_syncs, 1);
    return sync_or_fail(arg, fd);
}

static int count_folder_sync(void *arg, const char *path)
{
    atomic_fetch_add(&folder_syncs, 1);
    return disk_real.sync_folder(arg, path);
}

static int setup(void **state)
{
    int rc = box_setup(state);
    struct box *box = *state;
    atomic_store(&faults.write_error, 0);
    atomic_store(&faults.sync_error, 0);
    box_close(box);
    faulty = disk_real;
    faulty.pwritev = write_or_fail;
    faulty.fdatasync = sync_or_fail;
    box->cfg.disk = &faulty;
    box_open(box);
    return rc;
}

static void a_full_disk_refuses_and_loses_nothing(void **state)
{
    struct box *box = *state;
    assert_int_equal(box_put_text(box, "a", "kept"), 0);
    uint64_t size = box_file_size(box->path);
    for (uint64_t room = 0; room < 80; room++) {
        atomic_store(&faults.room, room);
        atomic_store(&faults.write_error, ENOSPC);
        assert_int_equal(box_put_text(box, "a", "refused"), -ENOSPC);
        atomic_store(&faults.write_error, 0);
        assert_int_equal(box_file_size(box->path), size);
        box_expect(box, "a", "kept");
    }
    assert_int_equal(box_put_text(box, "b", "goes on"), 0);
    box_close(box);
    box_open(box);
    box_expect(box, "a", "kept");
    box_expect(box, "b", "goes on");
}

static void a_disk_found_full_by_the_sync_refuses_and_loses_nothing(void **state)
{
    struct box *box = *state;
    box_put_text(box, "a", "kept");
    atomic_store(&faults.sync_error, ENOSPC);
    assert_int_equal(box_put_text(box, "a", "refused"), -ENOSPC);
    assert_int_equal(box_delete(box, "a"), -ENOSPC);
    atomic_store(&faults.sync_error, 0);
    box_expect(box, "a", "kept");
    assert_int_equal(box_put_text(box, "b", "goes on"), 0);
}

static void after_a_failed_sync_nothing_is_written_until_it_is_opened_again(void **state)
{
    struct box *box = *state;
    struct volume_stats stats;
    box_put_text(box, "a", "kept");
    atomic_store(&faults.sync_error, EIO);
    assert_int_equal(box_put_text(box, "a", "refused"), -EIO);
    atomic_store(&faults.sync_error, 0);
    assert_int_equal(box_put_text(box, "a", "refused"), -EIO);
    assert_int_equal(volume_compact(box->volume), -EIO);
    box_expect(box, "a", "kept");
    volume_stats(box->volume, &stats);
    assert_true(stats.read_only);
    box_close(box);
    box_open(box);
    box_expect(box, "a", "kept");
    assert_int_equal(box_put_text(box, "a", "accepted"), 0);
}

static void a_compaction_that_meets_a_full_disk_leaves_the_volume_as_it_was(void **state)
{
    struct box *box = *state;
    box_put_text(box, "a", "old");
    box_put_text(box, "a", "kept");
    uint64_t size = box_file_size(box->path);
    for (uint64_t room = 0; room < 64 + 80; room += 8) {
        atomic_store(&faults.room, room);
        atomic_store(&faults.write_error, ENOSPC);
        assert_int_equal(volume_compact(box->volume), -ENOSPC);
        atomic_store(&faults.write_error, 0);
        box_expect(box, "a", "kept");
        assert_int_equal(box_file_size(box->path), size);
    }
    assert_int_equal(volume_compact(box->volume), 0);
    box_expect(box, "a", "kept");
    assert_true(box_file_size(box->path) < size);
}

static void what_cannot_be_read_is_not_cut_off(void **state)
{
    struct box *box = *state;
    char index[128];
    box_put_text(box, "a", "kept");
    box_put_text(box, "b", "kept, too");
    uint64_t size = box_file_size(box->path);
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    assert_int_equal(unlink(index), 0);
    atomic_store(&unreadable, true);
    assert_int_equal(volume_open(&box->cfg, &box->volume), -EIO);
    atomic_store(&unreadable, false);
    assert_int_equal(box_file_size(box->path), size);
    box_open(box);
    box_expect(box, "a", "kept");
    box_expect(box, "b", "kept, too");
}

static void a_photo_that_cannot_be_read_is_damaged_and_the_others_are_served(void **state)
{
    struct box *box = *state;
    struct volume_stats stats;
    box_put_text(box, "a", "kept");
    atomic_store(&unreadable, true);
    box_expect(box, "a", NULL);
    atomic_store(&unreadable, false);
    box_expect(box, "a", "kept");
    volume_stats(box->volume, &stats);
    assert_int_equal(stats.damaged, 1);
}

/* A process that was killed leaves writes and names that only the kernel knows of. */
static void what_is_opened_is_made_durable_before_it_is_shown(void **state)
{
    struct box *box = *state;
    box_put_text(box, "a", "kept");
    box_close(box);
    faulty.fdatasync = count_sync;
    faulty.sync_folder = count_folder_sync;
    atomic_store(&file_syncs, 0);
    atomic_store(&folder_syncs, 0);
    box_open(box);
    assert_in_range(atomic_load(&file_syncs), 1, 10);
    assert_in_range(atomic_load(&folder_syncs), 1, 10);
    box_close(box);
    atomic_store(&faults.sync_error, EIO);
    assert_int_equal(volume_open(&box->cfg, &box->volume), -EIO);
    atomic_store(&faults.sync_error, 0);
    box_open(box);
    box_expect(box, "a", "kept");
}

static void a_limit_of_the_file_size_is_a_full_disk(void **state)
{
    struct box *box = *state;
    box_put_text(box, "a", "kept");
    struct rlimit before, tight;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = box_file_size(box->path) + 50;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    assert_int_equal(box_put_text(box, "b", "refused"), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(box_put_text(box, "b", "accepted"), 0);
    box_expect(box, "a", "kept");
    box_expect(box, "b", "accepted");
}

#define ON_A_FAULTY_DISK(test) cmocka_unit_test_setup_teardown(test, setup, box_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_FAULTY_DISK(a_full_disk_refuses_and_loses_nothing),
        ON_A_FAULTY_DISK(a_disk_found_full_by_the_sync_refuses_and_loses_nothing),
        ON_A_FAULTY_DISK(after_a_failed_sync_nothing_is_written_until_it_is_opened_again),
        ON_A_FAULTY_DISK(a_compaction_that_meets_a_full_disk_leaves_the_volume_as_it_was),
        ON_A_FAULTY_DISK(what_cannot_be_read_is_not_cut_off),
        ON_A_FAULTY_DISK(a_photo_that_cannot_be_read_is_damaged_and_the_others_are_served),
        ON_A_FAULTY_DISK(what_is_opened_is_made_durable_before_it_is_shown),
        ON_A_FAULTY_DISK(a_limit_of_the_file_size_is_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
