/* SPDX-License-Identifier: BSD-3-Clause */
/* A volume for tests; see box.h. */
#include "box.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pthread.h>

#include <xxhash.h>

/* Several operations and how many of them are not done. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t left;
};

static int sync_nothing(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    return 0;
}

static int sync_no_folder(void *arg, const char *path)
{
    (void)arg;
    (void)path;
    return 0;
}

int box_setup(void **state)
{
    struct box *box = calloc(1, sizeof(*box));
    assert_non_null(box);
    strcpy(box->folder, "/tmp/shoal-photos-XXXXXX");
    assert_non_null(mkdtemp(box->folder));
    snprintf(box->path, sizeof(box->path), "%s/volume", box->folder);
    snprintf(box->copy, sizeof(box->copy), "%s/copy", box->folder);
    box->cfg = (struct volume_cfg)VOLUME_CFG_INIT;
    box->cfg.path = box->path;
    box->disk = disk_real;
    box->disk.fdatasync = sync_nothing;
    box->disk.sync_folder = sync_no_folder;
    box->cfg.disk = &box->disk;
    box_open(box);
    *state = box;
    return 0;
}

int box_teardown(void **state)
{
    static const char *const suffixes[] = {"", ".index", ".compact", ".index.new"};
    struct box *box = *state;
    char path[128];
    box_close(box);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", box->path, suffixes[i]);
        (void)unlink(path);
        snprintf(path, sizeof(path), "%s%s", box->copy, suffixes[i]);
        (void)unlink(path);
    }
    int rc = rmdir(box->folder);
    free(box);
    return rc;
}

void box_open(struct box *box)
{
    assert_int_equal(volume_open(&box->cfg, &box->volume), 0);
}

void box_close(struct box *box)
{
    volume_close(&box->volume);
    assert_null(box->volume);
}

static void on_done(struct volume_op *op)
{
    struct waiter *waiter = op->arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->left--;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static void run(struct box *box, struct volume_op *ops, size_t count)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, count};
    for (size_t i = 0; i < count; i++) {
        ops[i].done = on_done;
        ops[i].arg = &waiter;
        volume_submit(box->volume, &ops[i]);
    }
    pthread_mutex_lock(&waiter.lock);
    while (waiter.left > 0)
        pthread_cond_wait(&waiter.changed, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.changed);
    pthread_mutex_destroy(&waiter.lock);
}

static struct volume_op make_put(const char *key, const void *body, size_t size)
{
    return (struct volume_op){.kind = VOLUME_PUT,
                              .key = shoal_view_of(key),
                              .type = shoal_view_of("image/test"),
                              .body = shoal_view(body, size),
                              .body_fd = -1,
                              .body_size = size,
                              .body_sum = XXH3_64bits(body, size)};
}

int box_put(struct box *box, const char *key, const void *body, size_t size)
{
    struct volume_op op = make_put(key, body, size);
    run(box, &op, 1);
    return op.status;
}

int box_put_text(struct box *box, const char *key, const char *text)
{
    return box_put(box, key, text, strlen(text));
}

int box_put_if(struct box *box, const char *key, const char *text,
               bool (*allows)(const struct volume_op *op, const struct photo_facts *before))
{
    struct volume_op op = make_put(key, text, strlen(text));
    op.allows = allows;
    run(box, &op, 1);
    return op.status;
}

int box_delete(struct box *box, const char *key)
{
    struct volume_op op = {.kind = VOLUME_DELETE, .key = shoal_view_of(key), .body_fd = -1};
    run(box, &op, 1);
    return op.status;
}

void box_put_many(struct box *box, const char *const *keys, const char *const *texts, size_t count,
                  int *out_status)
{
    struct volume_op *ops = calloc(count, sizeof(*ops));
    assert_non_null(ops);
    for (size_t i = 0; i < count; i++)
        ops[i] = make_put(keys[i], texts[i], strlen(texts[i]));
    run(box, ops, count);
    for (size_t i = 0; i < count; i++)
        out_status[i] = ops[i].status;
    free(ops);
}

static char *read_photo(struct volume *volume, const struct edition *edition,
                        const struct volume_photo *photo)
{
    if (volume_check(volume, edition, photo) < 0)
        return NULL;
    char *bytes = calloc(1, (size_t)photo->facts.size + 1);
    assert_non_null(bytes);
    assert_int_equal(
        disk_read(edition_fd(edition), bytes, photo->facts.size, volume_body_offset(volume, photo)),
        photo->facts.size);
    return bytes;
}

char *box_get(struct volume *volume, const char *key, size_t *out_size)
{
    struct edition *edition = volume_hold(volume);
    struct volume_photo photo;
    char *bytes = NULL;
    if (edition_find(edition, shoal_view_of(key), &photo)) {
        bytes = read_photo(volume, edition, &photo);
        *out_size = photo.facts.size;
    }
    edition_release(volume, &edition);
    return bytes;
}

void box_expect(struct box *box, const char *key, const char *text)
{
    size_t size = 0;
    char *bytes = box_get(box->volume, key, &size);
    if (text) {
        assert_non_null(bytes);
        assert_string_equal(bytes, text);
    } else {
        assert_null(bytes);
    }
    free(bytes);
}

uint64_t box_file_size(const char *path)
{
    struct stat stat_of;
    assert_int_equal(stat(path, &stat_of), 0);
    return (uint64_t)stat_of.st_size;
}

void box_copy_volume(struct box *box, uint64_t size)
{
    char index[128];
    snprintf(index, sizeof(index), "%s.index", box->copy);
    (void)unlink(index);
    int from = open(box->path, O_RDONLY | O_CLOEXEC);
    int to = open(box->copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(from >= 0 && to >= 0);
    assert_int_equal(disk_copy(&disk_real, from, 0, to, 0, size), 0);
    close(from);
    close(to);
}

void box_damage(const char *path, uint64_t offset)
{
    char byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}
