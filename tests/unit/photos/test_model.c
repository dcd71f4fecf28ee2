/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A volume against a plain array: random writes, deletes, compactions and restarts, and after each
 * round a copy of the volume that a crash has cut somewhere behind the last acknowledgement.
 * SHOAL_PHOTO_ROUNDS sets how many rounds, SHOAL_PHOTO_SEED which.
 */
#include "box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 12, BODY_MOST = 5000 };

struct model {
    unsigned present[KEYS]; /* 0: no photo; else what its bytes are made from */
    uint64_t random;
    unsigned made;
};

static unsigned draw(struct model *model, unsigned below)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(model->random >> 33) % below;
}

static unsigned from_environment(const char *name, unsigned fallback)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : fallback;
}

static char *key_of(unsigned number, char out[16])
{
    snprintf(out, 16, "key/%u", number);
    return out;
}

static size_t make_body(unsigned made, char *out)
{
    size_t size = made * 7919 % BODY_MOST;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(made * 31 + i * (made | 1));
    return size;
}

static void expect_model(const struct model *model, struct volume *volume)
{
    char key[16], expected[BODY_MOST];
    for (unsigned i = 0; i < KEYS; i++) {
        size_t size = 0;
        char *bytes = box_get(volume, key_of(i, key), &size);
        assert_int_equal(bytes != NULL, model->present[i] != 0);
        if (bytes) {
            assert_int_equal(size, make_body(model->present[i], expected));
            assert_memory_equal(bytes, expected, size);
        }
        free(bytes);
    }
}

static void put(struct box *box, struct model *model)
{
    char key[16], body[BODY_MOST];
    unsigned number = draw(model, KEYS);
    size_t size = make_body(++model->made, body);
    assert_int_equal(box_put(box, key_of(number, key), body, size), 0);
    model->present[number] = model->made;
}

static void erase(struct box *box, struct model *model)
{
    char key[16];
    unsigned number = draw(model, KEYS);
    int rc = box_delete(box, key_of(number, key));
    assert_int_equal(rc == 0, model->present[number] != 0);
    model->present[number] = 0;
}

static void restart(struct box *box)
{
    box_close(box);
    box_open(box);
}

static void step(struct box *box, struct model *model)
{
    unsigned what = draw(model, 20);
    if (what < 12)
        put(box, model);
    else if (what < 17)
        erase(box, model);
    else if (what < 19)
        restart(box);
    else
        assert_int_equal(volume_compact(box->volume), 0);
}

/* One more write, which the crash does not let be acknowledged: the copy ends inside of it. */
static void crash_and_expect(struct box *box, struct model *model)
{
    struct model before = *model;
    struct volume *copy = NULL;
    struct volume_cfg cfg = box->cfg;
    uint64_t acknowledged = box_file_size(box->path);
    put(box, model);
    uint64_t written = box_file_size(box->path) - acknowledged;
    box_copy_volume(box, acknowledged + draw(model, (unsigned)written));
    cfg.path = box->copy;
    assert_int_equal(volume_open(&cfg, &copy), 0);
    expect_model(&before, copy);
    volume_close(&copy);
}

static void whatever_happens_the_volume_says_what_the_model_says(void **state)
{
    struct box *box = *state;
    struct model model = {.random = from_environment("SHOAL_PHOTO_SEED", 1)};
    unsigned rounds = from_environment("SHOAL_PHOTO_ROUNDS", 200);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = draw(&model, 12); i > 0; i--)
            step(box, &model);
        expect_model(&model, box->volume);
        crash_and_expect(box, &model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_happens_the_volume_says_what_the_model_says,
                                        box_setup, box_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
