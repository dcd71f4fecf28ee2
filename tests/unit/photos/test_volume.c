/* SPDX-License-Identifier: BSD-3-Clause */
/* A volume: keeps what it was given, over restarts, whatever became of the end of the file. */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shoal/error.h>
#include <xxhash.h>

static void photos_are_kept_replaced_and_deleted(void **state)
{
    struct box *box = *state;
    assert_int_equal(box_put_text(box, "a", "first"), 0);
    assert_int_equal(box_put_text(box, "b", ""), 0);
    box_expect(box, "a", "first");
    box_expect(box, "b", "");
    assert_int_equal(box_put_text(box, "a", "second"), 0);
    box_expect(box, "a", "second");
    assert_int_equal(box_delete(box, "a"), 0);
    box_expect(box, "a", NULL);
    assert_int_equal(box_delete(box, "a"), -SHOAL_ENOENT);
}

static void a_restart_changes_nothing(void **state)
{
    struct box *box = *state;
    box_put_text(box, "kept", "one");
    box_put_text(box, "gone", "two");
    box_put_text(box, "new", "three");
    box_delete(box, "gone");
    box_put_text(box, "new", "four");
    for (int i = 0; i < 2; i++) {
        box_close(box);
        box_open(box);
        box_expect(box, "kept", "one");
        box_expect(box, "gone", NULL);
        box_expect(box, "new", "four");
    }
}

static void a_restart_without_a_checkpoint_changes_nothing(void **state)
{
    struct box *box = *state;
    char index[128];
    box_put_text(box, "kept", "one");
    box_put_text(box, "gone", "two");
    box_delete(box, "gone");
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    assert_int_equal(unlink(index), 0);
    box_open(box);
    box_expect(box, "kept", "one");
    box_expect(box, "gone", NULL);
}

static void a_damaged_checkpoint_is_not_believed(void **state)
{
    struct box *box = *state;
    char index[128];
    box_put_text(box, "kept", "one");
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    for (uint64_t at = 0; at < box_file_size(index); at++) {
        box_damage(index, at);
        box_open(box);
        box_expect(box, "kept", "one");
        box_close(box); /* which leaves a sound one */
    }
    box_open(box);
}

static void a_checkpoint_of_a_longer_volume_is_removed_before_it_may_fit_again(void **state)
{
    struct box *box = *state;
    char index[128];
    box_put_text(box, "kept", "one");
    box_copy_volume(box, box_file_size(box->path)); /* a backup */
    box_put_text(box, "later", "two");
    box_close(box);
    assert_int_equal(rename(box->copy, box->path), 0);
    snprintf(index, sizeof(index), "%s.index", box->path);
    assert_int_equal(access(index, F_OK), 0);
    box_open(box);
    assert_int_equal(access(index, F_OK), -1);
    box_expect(box, "kept", "one");
    box_expect(box, "later", NULL);
}

/* Has the checkpoint say that it covers less than it knows of, as one does that was written while
 * photos were. */
static void set_covered(const char *path, uint64_t covered)
{
    uint8_t bytes[4096];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t size = disk_read(fd, bytes, sizeof(bytes), 0);
    assert_in_range(size, 56, sizeof(bytes) - 1);
    memcpy(bytes + 24, &covered, sizeof(covered));
    uint64_t sum = XXH3_64bits(bytes, (size_t)size - 8);
    memcpy(bytes + size - 8, &sum, sizeof(sum));
    assert_int_equal(pwrite(fd, bytes, (size_t)size, 0), size);
    close(fd);
}

static void what_a_checkpoint_knows_of_a_tail_that_was_cut_is_forgotten(void **state)
{
    struct box *box = *state;
    char index[128];
    box_put_text(box, "a", "before");
    uint64_t covered = box_file_size(box->path);
    box_put_text(box, "a", "torn");
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    set_covered(index, covered);
    box_open(box);
    box_expect(box, "a", "torn");
    box_close(box);
    set_covered(index, covered);
    box_damage(box->path, box_file_size(box->path) - 1);
    box_open(box);
    box_expect(box, "a", "before");
    assert_int_equal(box_file_size(box->path), covered);
}

static void a_thorough_look_finds_what_the_checkpoint_hides_and_cuts_nothing(void **state)
{
    struct box *box = *state;
    struct volume_stats stats;
    uint64_t photos;
    box_put_text(box, "rotten", "some bytes");
    uint64_t second = box_file_size(box->path);
    box_put_text(box, "last", "more bytes");
    uint64_t size = box_file_size(box->path);
    box_close(box);
    box_damage(box->path, VOLUME_HEADER_SIZE + 20);
    box_damage(box->path, second + needle_head_size(4, strlen("image/test")));
    box->cfg.thorough = true;
    box_open(box);
    volume_stats(box->volume, &stats);
    assert_int_equal(stats.lost, 1);
    assert_int_equal(volume_verify(box->volume, &photos), 1);
    assert_int_equal(photos, 1);
    assert_int_equal(box_file_size(box->path), size);
}

static void a_volume_that_must_exist_is_not_made(void **state)
{
    struct box *box = *state;
    struct volume *volume = NULL;
    box->cfg.must_exist = true;
    box->cfg.path = box->copy;
    assert_int_equal(volume_open(&box->cfg, &volume), -ENOENT);
    assert_int_equal(access(box->copy, F_OK), -1);
}

static void sequences_go_on_after_a_restart(void **state)
{
    struct box *box = *state;
    struct volume_photo before, after;
    box_put_text(box, "a", "1");
    struct edition *edition = volume_hold(box->volume);
    assert_true(edition_find(edition, shoal_view_of("a"), &before));
    edition_release(box->volume, &edition);
    box_delete(box, "a");
    assert_int_equal(volume_compact(box->volume), 0);
    box_close(box);
    box_open(box);
    box_put_text(box, "a", "2");
    edition = volume_hold(box->volume);
    assert_true(edition_find(edition, shoal_view_of("a"), &after));
    edition_release(box->volume, &edition);
    assert_true(after.facts.sequence > before.facts.sequence);
}

static void one_volume_is_open_once(void **state)
{
    struct box *box = *state;
    struct volume *other = NULL;
    assert_int_equal(volume_open(&box->cfg, &other), -SHOAL_EBUSY);
    assert_int_equal(volume_compact(box->volume), 0);
    assert_int_equal(volume_open(&box->cfg, &other), -SHOAL_EBUSY);
    assert_null(other);
}

static void a_file_that_is_no_volume_is_left_alone(void **state)
{
    struct box *box = *state;
    static const char text[] = "Dear diary";
    struct volume *volume = NULL;
    int fd = open(box->copy, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    close(fd);
    box->cfg.path = box->copy;
    assert_int_equal(volume_open(&box->cfg, &volume), -SHOAL_EINVAL);
    assert_int_equal(box_file_size(box->copy), sizeof(text));
}

static bool only_if_absent(const struct volume_op *op, const struct photo_facts *before)
{
    (void)op;
    return !before;
}

static void a_condition_sees_what_the_writes_before_it_left(void **state)
{
    struct box *box = *state;
    assert_int_equal(box_put_if(box, "a", "first", only_if_absent), 0);
    assert_int_equal(box_put_if(box, "a", "second", only_if_absent), -SHOAL_ESTATE);
    box_expect(box, "a", "first");
    box_delete(box, "a");
    assert_int_equal(box_put_if(box, "a", "third", only_if_absent), 0);
    box_expect(box, "a", "third");
}

static void many_writes_share_syncs_and_the_last_of_a_key_wins(void **state)
{
    enum { COUNT = 600 };
    struct box *box = *state;
    const char *keys[COUNT], *texts[COUNT];
    int status[COUNT];
    struct volume_stats stats;
    box_close(box);
    box->cfg.disk = &disk_real; /* its syncs last long enough to be shared */
    box_open(box);
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = i % 2 == 0 ? "even" : "odd";
        texts[i] = i + 2 >= COUNT ? "last" : "earlier";
    }
    box_put_many(box, keys, texts, COUNT, status);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(status[i], 0);
    box_expect(box, "even", "last");
    box_expect(box, "odd", "last");
    volume_stats(box->volume, &stats);
    assert_int_equal(stats.puts, COUNT);
    assert_in_range(stats.syncs, 1, COUNT - 1);
    assert_int_equal(stats.photos, 2);
}

static void figures_add_up(void **state)
{
    struct box *box = *state;
    struct volume_stats stats;
    box_put_text(box, "a", "12345");
    box_put_text(box, "a", "1234567890");
    volume_stats(box->volume, &stats);
    assert_int_equal(stats.live_bytes, needle_size(1, strlen("image/test"), 10));
    assert_int_equal(stats.dead_bytes, needle_size(1, strlen("image/test"), 5));
    assert_int_equal(stats.file_bytes, box_file_size(box->path));
    box_delete(box, "a");
    volume_stats(box->volume, &stats);
    assert_int_equal(stats.live_bytes, 0);
    assert_int_equal(stats.photos, 0);
}

/* The copy holds exactly "old", and "newer" where `has_newer`. */
static void expect_copy(struct box *box, uint64_t size, bool has_newer)
{
    struct volume *copy = NULL;
    size_t got;
    box_copy_volume(box, size);
    struct volume_cfg cfg = box->cfg;
    cfg.path = box->copy;
    assert_int_equal(volume_open(&cfg, &copy), 0);
    char *old = box_get(copy, "old", &got);
    char *newer = box_get(copy, "newer", &got);
    assert_non_null(old);
    assert_string_equal(old, "acknowledged");
    assert_int_equal(newer != NULL, has_newer);
    struct volume_stats stats;
    volume_stats(copy, &stats);
    assert_int_equal(stats.damaged, 0);
    free(old);
    free(newer);
    volume_close(&copy);
}

static void a_tail_torn_at_any_byte_loses_nothing_acknowledged(void **state)
{
    struct box *box = *state;
    box_put_text(box, "old", "acknowledged");
    uint64_t acknowledged = box_file_size(box->path);
    box_put_text(box, "newer", "torn somewhere");
    uint64_t all = box_file_size(box->path);
    for (uint64_t size = acknowledged; size <= all; size++)
        expect_copy(box, size, size == all);
}

static void a_tail_with_any_byte_unwritten_is_cut(void **state)
{
    struct box *box = *state;
    box_put_text(box, "old", "acknowledged");
    uint64_t acknowledged = box_file_size(box->path);
    box_put_text(box, "newer", "torn somewhere");
    uint64_t all = box_file_size(box->path);
    for (uint64_t at = acknowledged; at < all; at++) {
        box_damage(box->path, at);
        expect_copy(box, all, false);
        box_damage(box->path, at);
    }
}

static void damage_before_the_tail_is_kept_counted_and_not_served(void **state)
{
    struct box *box = *state;
    char index[128];
    struct volume_stats stats;
    uint64_t photos;
    box_put_text(box, "rotten", "some bytes");
    box_put_text(box, "sound", "other bytes");
    box_put_text(box, "last", "more bytes");
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    assert_int_equal(unlink(index), 0);
    uint64_t body = VOLUME_HEADER_SIZE + needle_head_size(strlen("rotten"), strlen("image/test"));
    box_damage(box->path, body);
    box_open(box);
    box_expect(box, "rotten", NULL);
    box_expect(box, "sound", "other bytes");
    assert_int_equal(volume_verify(box->volume, &photos), 1);
    assert_int_equal(photos, 3);
    volume_stats(box->volume, &stats);
    assert_int_equal(stats.damaged, 2);
}

static void a_damaged_head_hides_only_its_own_photo(void **state)
{
    struct box *box = *state;
    char index[128];
    box_put_text(box, "rotten", "some bytes");
    box_put_text(box, "sound", "other bytes");
    box_put_text(box, "last", "more bytes");
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    assert_int_equal(unlink(index), 0);
    box_damage(box->path, VOLUME_HEADER_SIZE + 20);
    box_open(box);
    box_expect(box, "rotten", NULL);
    box_expect(box, "sound", "other bytes");
    box_expect(box, "last", "more bytes");
}

static void a_volume_inside_a_photo_is_only_a_photo(void **state)
{
    struct box *box = *state;
    char bytes[4096], index[128];
    box_put_text(box, "ghost", "must not appear");
    box_delete(box, "ghost");
    int fd = open(box->path, O_RDONLY);
    ssize_t size = disk_read(fd, bytes, sizeof(bytes), 0);
    close(fd);
    assert_int_equal(box_put(box, "photo", bytes, (size_t)size), 0);
    box_put_text(box, "behind", "here");
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    assert_int_equal(unlink(index), 0);
    box_damage(box->path, (uint64_t)size + 20); /* the photo's head: its body is searched */
    box_open(box);
    box_expect(box, "ghost", NULL);
    box_expect(box, "behind", "here");
}

static void a_body_larger_than_the_window_is_recovered_whole(void **state)
{
    struct box *box = *state;
    enum { SIZE = 3000000 };
    char *body = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7);
    char index[128];
    assert_int_equal(box_put(box, "big", body, SIZE), 0);
    box_close(box);
    snprintf(index, sizeof(index), "%s.index", box->path);
    assert_int_equal(unlink(index), 0);
    box_open(box);
    size_t size;
    char *back = box_get(box->volume, "big", &size);
    assert_int_equal(size, SIZE);
    assert_memory_equal(back, body, SIZE);
    free(back);
    free(body);
}

#define ON_A_VOLUME(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_VOLUME(photos_are_kept_replaced_and_deleted),
        ON_A_VOLUME(a_restart_changes_nothing),
        ON_A_VOLUME(a_restart_without_a_checkpoint_changes_nothing),
        ON_A_VOLUME(a_damaged_checkpoint_is_not_believed),
        ON_A_VOLUME(a_checkpoint_of_a_longer_volume_is_removed_before_it_may_fit_again),
        ON_A_VOLUME(what_a_checkpoint_knows_of_a_tail_that_was_cut_is_forgotten),
        ON_A_VOLUME(a_thorough_look_finds_what_the_checkpoint_hides_and_cuts_nothing),
        ON_A_VOLUME(a_volume_that_must_exist_is_not_made),
        ON_A_VOLUME(sequences_go_on_after_a_restart),
        ON_A_VOLUME(one_volume_is_open_once),
        ON_A_VOLUME(a_file_that_is_no_volume_is_left_alone),
        ON_A_VOLUME(a_condition_sees_what_the_writes_before_it_left),
        ON_A_VOLUME(many_writes_share_syncs_and_the_last_of_a_key_wins),
        ON_A_VOLUME(figures_add_up),
        ON_A_VOLUME(a_tail_torn_at_any_byte_loses_nothing_acknowledged),
        ON_A_VOLUME(a_tail_with_any_byte_unwritten_is_cut),
        ON_A_VOLUME(damage_before_the_tail_is_kept_counted_and_not_served),
        ON_A_VOLUME(a_damaged_head_hides_only_its_own_photo),
        ON_A_VOLUME(a_volume_inside_a_photo_is_only_a_photo),
        ON_A_VOLUME(a_body_larger_than_the_window_is_recovered_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
