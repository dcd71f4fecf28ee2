/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A folder of its own for a test's volume, and the volume's operations as calls that wait for their
 * end. Helpers fail the test where something is wrong that no test asks for.
 */
#ifndef TESTS_UNIT_PHOTOS_BOX_H
#define TESTS_UNIT_PHOTOS_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "photos/volume.h"

struct box {
    char folder[64];
    char path[96];
    char copy[96];
    struct disk disk; /* the real one, but that syncs return at once */
    struct volume_cfg cfg;
    struct volume *volume;
};

/* A cmocka setup and teardown: an empty folder with an open volume; everything is removed again. */
int box_setup(void **state);
int box_teardown(void **state);

/* Opens, and closes where it is open. */
void box_open(struct box *box);
void box_close(struct box *box);

/* Each waits until it is done and returns the status. `allows` may be NULL. */
int box_put(struct box *box, const char *key, const void *body, size_t size);
int box_put_text(struct box *box, const char *key, const char *text);
int box_put_if(struct box *box, const char *key, const char *text,
               bool (*allows)(const struct volume_op *op, const struct photo_facts *before));
int box_delete(struct box *box, const char *key);

/* Many texts under one key each, queued before any is waited for. Statuses go to `out_status`. */
void box_put_many(struct box *box, const char *const *keys, const char *const *texts, size_t count,
                  int *out_status);

/* The bytes of a photo, checked against its sum; NULL where there is none or it is damaged. To be
 * freed. */
char *box_get(struct volume *volume, const char *key, size_t *out_size);

/* Compares a photo with a text; NULL: expects none. */
void box_expect(struct box *box, const char *key, const char *text);

/* The file: its size, a copy of its first bytes under box->copy, one bit of it turned over. */
uint64_t box_file_size(const char *path);
void box_copy_volume(struct box *box, uint64_t size);
void box_damage(const char *path, uint64_t offset);

#endif
