/* SPDX-License-Identifier: BSD-3-Clause */
/* Compaction: leaves the dead behind and nothing else, while the volume is read and written. */
#include "box.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>

static void the_dead_are_left_behind(void **state)
{
    struct box *box = *state;
    struct volume_stats stats;
    char key[16];
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "key-%d", i % 20);
        box_put_text(box, key, i < 180 ? "replaced" : "kept");
    }
    box_delete(box, "key-0");
    assert_int_equal(volume_compact(box->volume), 0);
    volume_stats(box->volume, &stats);
    assert_int_equal(stats.photos, 19);
    assert_int_equal(stats.dead_bytes, 0);
    assert_int_equal(stats.file_bytes, box_file_size(box->path));
    for (int round = 0; round < 2; round++) {
        box_expect(box, "key-0", NULL);
        for (int i = 1; i < 20; i++) {
            snprintf(key, sizeof(key), "key-%d", i);
            box_expect(box, key, "kept");
        }
        box_close(box);
        box_open(box);
    }
}

static void who_holds_the_old_edition_goes_on_reading_it(void **state)
{
    struct box *box = *state;
    struct volume_photo photo;
    char bytes[8] = "";
    box_put_text(box, "a", "before");
    struct edition *held = volume_hold(box->volume);
    for (int i = 0; i < 3; i++) {
        box_put_text(box, "a", "after");
        assert_int_equal(volume_compact(box->volume), 0);
    }
    assert_true(edition_find(held, shoal_view_of("a"), &photo));
    assert_int_equal(disk_read(edition_fd(held), bytes, photo.facts.size,
                               volume_body_offset(box->volume, &photo)),
                     photo.facts.size);
    assert_true(strcmp(bytes, "before") == 0 || strcmp(bytes, "after") == 0);
    edition_release(box->volume, &held);
    box_expect(box, "a", "after");
}

static void it_comes_by_itself_once_enough_is_dead(void **state)
{
    struct box *box = *state;
    struct volume_stats stats;
    box_close(box);
    box->cfg.compact_min_bytes = 4096;
    box_open(box);
    uint64_t puts = 0;
    do {
        assert_int_equal(box_put_text(box, "a", "the same key again and again"), 0);
        puts++;
        volume_stats(box->volume, &stats);
    } while (stats.compactions < 3);
    box_expect(box, "a", "the same key again and again");
    assert_true(box_file_size(box->path) < puts * needle_size(1, 10, 28));
}

static void what_a_crash_left_of_it_is_removed(void **state)
{
    struct box *box = *state;
    char path[128];
    box_put_text(box, "a", "kept");
    box_close(box);
    snprintf(path, sizeof(path), "%s.compact", box->path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    box_open(box);
    assert_int_equal(access(path, F_OK), -1);
    box_expect(box, "a", "kept");
}

static void damage_is_not_left_behind_silently(void **state)
{
    struct box *box = *state;
    uint64_t photos;
    box_put_text(box, "rotten", "some bytes");
    box_put_text(box, "sound", "other bytes");
    size_t head = needle_head_size(strlen("rotten"), strlen("image/test"));
    box_damage(box->path, VOLUME_HEADER_SIZE + head);
    assert_int_equal(volume_compact(box->volume), 0);
    box_expect(box, "rotten", NULL);
    box_expect(box, "sound", "other bytes");
    assert_int_equal(volume_verify(box->volume, &photos), 1);
    assert_int_equal(photos, 2);
}

static void a_live_photo_with_a_damaged_head_stops_it(void **state)
{
    struct box *box = *state;
    box_put_text(box, "rotten", "some bytes");
    box_put_text(box, "sound", "other bytes");
    box_damage(box->path, VOLUME_HEADER_SIZE + 20);
    assert_true(volume_compact(box->volume) < 0);
    box_expect(box, "sound", "other bytes");
    assert_int_equal(box_delete(box, "rotten"), 0);
    assert_int_equal(volume_compact(box->volume), 0);
    box_expect(box, "sound", "other bytes");
}

/* A reader beside: each photo holds the number of its key, whatever moves underneath. */
struct reader {
    struct box *box;
    atomic_bool done;
    atomic_uint wrong, reads;
};

static void *read_always(void *arg)
{
    struct reader *reader = arg;
    char key[16];
    for (unsigned i = 0; !atomic_load(&reader->done); i++) {
        size_t size;
        snprintf(key, sizeof(key), "key-%u", i % 16);
        char *bytes = box_get(reader->box->volume, key, &size);
        if (!bytes || strcmp(bytes, key) != 0)
            atomic_fetch_add(&reader->wrong, 1);
        atomic_fetch_add(&reader->reads, 1);
        free(bytes);
    }
    return NULL;
}

static void *compact_always(void *arg)
{
    struct reader *reader = arg;
    while (!atomic_load(&reader->done)) {
        if (volume_compact(reader->box->volume) != 0)
            atomic_fetch_add(&reader->wrong, 1);
    }
    return NULL;
}

static void readers_and_writers_go_on_meanwhile(void **state)
{
    struct box *box = *state;
    struct reader reader = {.box = box};
    pthread_t threads[2];
    char key[16];
    for (unsigned i = 0; i < 16; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        assert_int_equal(box_put_text(box, key, key), 0);
    }
    assert_int_equal(pthread_create(&threads[0], NULL, read_always, &reader), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, compact_always, &reader), 0);
    for (unsigned i = 0; i < 400 || atomic_load(&reader.reads) < 400; i++) {
        snprintf(key, sizeof(key), "key-%u", i % 16);
        assert_int_equal(box_put_text(box, key, key), 0);
        assert_int_equal(box_put_text(box, "passing", "by"), 0);
        assert_int_equal(box_delete(box, "passing"), 0);
    }
    atomic_store(&reader.done, true);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&reader.wrong), 0);
    box_close(box);
    box_open(box);
    for (unsigned i = 0; i < 16; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        box_expect(box, key, key);
    }
    box_expect(box, "passing", NULL);
}

#define ON_A_VOLUME(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_VOLUME(the_dead_are_left_behind),
        ON_A_VOLUME(who_holds_the_old_edition_goes_on_reading_it),
        ON_A_VOLUME(it_comes_by_itself_once_enough_is_dead),
        ON_A_VOLUME(what_a_crash_left_of_it_is_removed),
        ON_A_VOLUME(damage_is_not_left_behind_silently),
        ON_A_VOLUME(a_live_photo_with_a_damaged_head_stops_it),
        ON_A_VOLUME(readers_and_writers_go_on_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
