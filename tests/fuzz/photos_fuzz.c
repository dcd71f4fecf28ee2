/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on what is read when a volume is opened: a volume with a few photos is written, its
 * bytes and those of its checkpoint are changed as the input says, and the end is cut. However it
 * looks then, it opens or is refused; what it serves is what was once stored under that key; and
 * opening it once more says the same.
 *
 *     1 byte    choices, see below
 *     1 byte    how many writes; then for each: 1 byte what, 1 byte how large
 *     3 bytes   a change: where (the highest bit: in the checkpoint), and what to turn over
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "photos/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WRITES_MOST = 12, KEYS = 4, SIZE_MOST = 255 };
enum choice { NO_CHECKPOINT = 1, SIGNED_CHECKPOINT = 2, RAW_VOLUME = 4, CUT = 8, SHORT_COVER = 16 };

static const char *const keys[KEYS] = {"a", "bb", "c/c", "\xc3\xa4"};
static const char *const types[2] = {"image/jpeg", ""};

struct input {
    const uint8_t *at;
    size_t left;
};

/* What was stored: the body of write N is N + 1, again and again. */
struct world {
    char path[64], index[72];
    uint8_t written_key[WRITES_MOST];
    uint8_t written_size[WRITES_MOST];
    size_t writes;
};

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "this does not hold: %s\n", what);
        abort();
    }
}

static uint8_t take(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

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

/* Writing */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool done;

static void on_done(struct volume_op *op)
{
    (void)op;
    pthread_mutex_lock(&lock);
    done = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void run(struct volume *volume, struct volume_op *op)
{
    op->done = on_done;
    op->body_fd = -1;
    done = false;
    volume_submit(volume, op);
    pthread_mutex_lock(&lock);
    while (!done)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void write_one(struct world *world, struct volume *volume, uint8_t what, uint8_t size)
{
    char body[SIZE_MOST];
    struct volume_op op = {.kind = what & 64 ? VOLUME_DELETE : VOLUME_PUT,
                           .key = shoal_view_of(keys[what % KEYS])};
    if (op.kind == VOLUME_PUT) {
        memset(body, (int)world->writes + 1, size);
        op.type = shoal_view_of(types[what >> 7]);
        op.body = shoal_view(body, size);
        op.body_size = size;
        op.body_sum = XXH3_64bits(body, size);
    }
    world->written_key[world->writes] = what % KEYS;
    world->written_size[world->writes++] = size;
    run(volume, &op);
    require(op.status <= 0, "a write ends");
}

static struct volume_cfg make_cfg(const struct world *world, const struct disk *disk)
{
    struct volume_cfg cfg = VOLUME_CFG_INIT;
    cfg.path = world->path;
    cfg.disk = disk;
    return cfg;
}

static void write_volume(struct world *world, const struct volume_cfg *cfg, struct input *input)
{
    struct volume *volume;
    require(volume_open(cfg, &volume) == 0, "an empty volume opens");
    for (unsigned writes = take(input) % (WRITES_MOST + 1); writes > 0; writes--) {
        uint8_t what = take(input), size = take(input);
        write_one(world, volume, what, size);
    }
    volume_close(&volume);
}

/* Damage */

static void turn(const char *path, uint64_t at, uint8_t bits)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (pread(fd, &byte, 1, (off_t)at) == 1) {
        byte ^= bits;
        require(pwrite(fd, &byte, 1, (off_t)at) == 1, "a byte is written");
    }
    close(fd);
}

/* Gives the checkpoint a right checksum whatever it says. */
static void sign(const char *path, bool short_cover)
{
    uint8_t bytes[8192];
    uint64_t covered = VOLUME_HEADER_SIZE;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : disk_read(fd, bytes, sizeof(bytes), 0);
    if (size >= 56) {
        if (short_cover)
            memcpy(bytes + 24, &covered, sizeof(covered));
        uint64_t sum = XXH3_64bits(bytes, (size_t)size - 8);
        memcpy(bytes + size - 8, &sum, sizeof(sum));
        require(pwrite(fd, bytes, (size_t)size, 0) == size, "the checkpoint is written");
    }
    if (fd >= 0)
        close(fd);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void damage(const struct world *world, unsigned choice, struct input *input)
{
    if (choice & CUT) {
        uint64_t size = size_of(world->path);
        require(truncate(world->path, (off_t)(size - take(input) % (size + 1))) == 0, "a cut");
    }
    while (input->left >= 3) {
        unsigned where = take(input);
        where = where << 8 | take(input);
        turn(where & 0x8000 ? world->index : world->path, where & 0x7fff, take(input));
    }
    if (choice & SIGNED_CHECKPOINT)
        sign(world->index, choice & SHORT_COVER);
    if (choice & NO_CHECKPOINT)
        unlink(world->index);
}

static void write_raw(const struct world *world, const struct input *input)
{
    int fd = open(world->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(write(fd, input->at, input->left) == (ssize_t)input->left, "raw bytes are written");
    close(fd);
}

/* Looking at it */

static bool was_written(const struct world *world, size_t key, const char *bytes, size_t size)
{
    for (size_t i = 0; i < world->writes; i++) {
        bool same = world->written_key[i] == key && world->written_size[i] == size;
        for (size_t k = 0; same && k < size; k++)
            same = bytes[k] == (char)(i + 1);
        if (same)
            return true;
    }
    return false;
}

/* A number made of all that the volume serves. */
static uint64_t look(const struct world *world, struct volume *volume)
{
    struct edition *edition = volume_hold(volume);
    struct volume_photo photo;
    char bytes[SIZE_MOST];
    uint64_t digest = 0;
    for (size_t key = 0; key < KEYS; key++) {
        if (!edition_find(edition, shoal_view_of(keys[key]), &photo))
            continue;
        int rc = volume_check(volume, edition, &photo);
        digest = digest * 31 + photo.facts.sequence * 2 + (rc == 0);
        if (rc < 0)
            continue;
        require(photo.facts.size <= SIZE_MOST, "a sound photo has a size that was stored");
        ssize_t got = disk_read(edition_fd(edition), bytes, photo.facts.size,
                                volume_body_offset(volume, &photo));
        require(got == (ssize_t)photo.facts.size, "a sound photo can be read");
        require(was_written(world, key, bytes, (size_t)got), "a sound photo was stored");
    }
    edition_release(volume, &edition);
    return digest;
}

/* A checkpoint that lies with a right checksum is believed, but still cannot have wrong bytes
 * served. */
static void open_and_look(const struct world *world, const struct volume_cfg *cfg, bool lies)
{
    struct volume *volume = NULL;
    uint64_t seen[2];
    for (size_t i = 0; i < 2; i++) {
        if (volume_open(cfg, &volume) < 0) {
            require(lies || i == 0, "what opened once opens again");
            return;
        }
        seen[i] = look(world, volume);
        volume_close(&volume);
    }
    require(lies || seen[0] == seen[1], "a volume says the same when it is opened again");
    if (volume_open(cfg, &volume) < 0)
        return;
    if (volume_compact(volume) == 0)
        look(world, volume);
    volume_close(&volume);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    char folder[] = "/dev/shm/shoal-fuzz-XXXXXX";
    struct disk quick = disk_real;
    struct world world = {.writes = 0};
    quick.fdatasync = sync_nothing;
    quick.sync_folder = sync_no_folder;
    require(mkdtemp(folder), "a folder");
    snprintf(world.path, sizeof(world.path), "%s/v", folder);
    snprintf(world.index, sizeof(world.index), "%s.index", world.path);
    struct volume_cfg cfg = make_cfg(&world, &quick);
    unsigned choice = take(&input);
    if (choice & RAW_VOLUME) {
        write_raw(&world, &input);
    } else {
        write_volume(&world, &cfg, &input);
        damage(&world, choice, &input);
    }
    open_and_look(&world, &cfg, choice & SIGNED_CHECKPOINT);
    unlink(world.path);
    unlink(world.index);
    rmdir(folder);
    return 0;
}
