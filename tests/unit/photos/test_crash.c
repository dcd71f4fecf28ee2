/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Crashes at every step. Behind each call that changes a file or a folder, whoever made it, the
 * volume is opened from what a crash right then may have left:
 *
 *     KILLED   everything that was written: the process died, the kernel did not
 *     CUT      only what a sync has returned for, contents and names alike: the power failed
 *     TORN     that, and of the rest whatever the disk liked: blocks and names, old or new
 *
 * All that was acknowledged must be there, byte for byte, and nothing that was not asked for.
 * SHOAL_PHOTO_ROUNDS sets how many rounds, SHOAL_PHOTO_SEED which.
 */
#include "box.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYS = 5, BODY_MOST = 1500, FILES = 4, BLOCK = 512, SHADOWS = 16 };
enum crash { KILLED, CUT, TORN, CRASHES };

static const char *const suffixes[FILES] = {"", ".index", ".index.new", ".compact"};

struct content {
    char *bytes;
    size_t size;
};

/* What a sync has returned for. An inode without a shadow is durable as an empty file. */
struct shadow {
    ino_t inode;
    struct content content;
};

/* One test's world; everything under the lock. */
static struct {
    pthread_mutex_t lock;
    struct box *box;
    char crashed[96]; /* where a crash's files are put */
    struct shadow shadows[SHADOWS];
    size_t shadow_count;
    ino_t names[FILES]; /* that are durable; 0: none */
    uint64_t random;
    unsigned made;
    unsigned present[KEYS]; /* what was acknowledged: what its bytes are made from; 0: no photo */
    int pending;            /* the key that is being written; -1: none */
    unsigned pending_present;
    unsigned images;
    char failure[256];
} world;

static unsigned draw(unsigned below)
{
    world.random = world.random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(world.random >> 33) % below;
}

static void complain(const char *format, ...)
{
    va_list args;
    if (world.failure[0])
        return;
    va_start(args, format);
    vsnprintf(world.failure, sizeof(world.failure), format, args);
    va_end(args);
}

/* Files */

static char *path_with(const char *base, size_t file, char out[128])
{
    snprintf(out, 128, "%s%s", base, suffixes[file]);
    return out;
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static struct content read_all(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    struct content content = {malloc((size_t)st.st_size + 1), (size_t)st.st_size};
    assert_non_null(content.bytes);
    assert_int_equal(disk_read(fd, content.bytes, content.size, 0), st.st_size);
    return content;
}

static struct content read_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct content content = {NULL, 0};
    if (fd >= 0) {
        content = read_all(fd);
        close(fd);
    }
    return content;
}

static struct shadow *shadow_of(ino_t inode)
{
    for (size_t i = 0; i < world.shadow_count; i++) {
        if (world.shadows[i].inode == inode)
            return &world.shadows[i];
    }
    assert_in_range(world.shadow_count, 0, SHADOWS - 1);
    world.shadows[world.shadow_count] = (struct shadow){.inode = inode};
    return &world.shadows[world.shadow_count++];
}

static void set_shadow(ino_t inode, struct content content)
{
    struct shadow *shadow = shadow_of(inode);
    free(shadow->content.bytes);
    shadow->content = content;
}

/* Whether a crash may leave the file under some name. */
static bool has_name(ino_t inode)
{
    char path[128];
    for (size_t file = 0; file < FILES; file++) {
        if (world.names[file] == inode || inode_of(path_with(world.box->path, file, path)) == inode)
            return true;
    }
    return false;
}

static void forget_nameless(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < world.shadow_count; i++) {
        if (has_name(world.shadows[i].inode))
            world.shadows[kept++] = world.shadows[i];
        else
            free(world.shadows[i].content.bytes);
    }
    world.shadow_count = kept;
}

/* What a crash leaves */

/* Each block from either; where the file ends, too. */
static struct content tear(struct content old, struct content new)
{
    size_t longer = old.size > new.size ? old.size : new.size;
    size_t shorter = old.size + new.size - longer;
    struct content torn = {calloc(1, longer + 1), shorter + draw((unsigned)(longer - shorter) + 1)};
    assert_non_null(torn.bytes);
    for (size_t at = 0; at < torn.size; at += BLOCK) {
        const struct content *from = draw(2) ? &old : &new;
        size_t end = at + BLOCK < torn.size ? at + BLOCK : torn.size;
        if (at < from->size)
            memcpy(torn.bytes + at, from->bytes + at, (end < from->size ? end : from->size) - at);
    }
    return torn;
}

static void put_file(const char *path, struct content content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (content.size > 0)
        assert_int_equal(write(fd, content.bytes, content.size), content.size);
    close(fd);
}

/* The file that has the name, or had it when the folder was synced last. */
static void leave_file(enum crash crash, size_t file, bool new_names)
{
    char path[128], left[128];
    path_with(world.box->path, file, path);
    path_with(world.crashed, file, left);
    (void)unlink(left);
    ino_t now = inode_of(path), inode = new_names ? now : world.names[file];
    if (inode == 0)
        return;
    struct content old = shadow_of(inode)->content;
    struct content new = inode == now ? read_path(path) : (struct content){NULL, 0};
    if (crash == TORN && new.bytes) {
        struct content torn = tear(old, new);
        put_file(left, torn);
        free(torn.bytes);
    } else {
        put_file(left, crash == KILLED ? new : old);
    }
    free(new.bytes);
}

static size_t make_body(unsigned made, char *out)
{
    size_t size = made * 7919 % BODY_MOST;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(made * 31 + i * (made | 1));
    return size;
}

static bool is_body(const char *bytes, size_t size, unsigned made)
{
    char expected[BODY_MOST];
    if (!bytes || made == 0)
        return !bytes && made == 0;
    return size == make_body(made, expected) && memcmp(bytes, expected, size) == 0;
}

static char *key_of(unsigned number, char out[16])
{
    snprintf(out, 16, "key/%u", number);
    return out;
}

static void compare(struct volume *volume, enum crash crash, const char *call)
{
    char key[16];
    for (int i = 0; i < KEYS; i++) {
        size_t size = 0;
        char *bytes = box_get(volume, key_of((unsigned)i, key), &size);
        if (!is_body(bytes, size, world.present[i]) &&
            !(i == world.pending && is_body(bytes, size, world.pending_present)))
            complain("image %u, crash %d after %s: %s has %s%zu bytes", world.images, (int)crash,
                     call, key, bytes ? "" : "none, ", size);
        free(bytes);
    }
}

static int sync_nothing(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    return 0;
}

static void crash_now(enum crash crash, const char *call)
{
    bool new_names = crash == KILLED || (crash == TORN && draw(2));
    for (size_t file = 0; file < FILES; file++)
        leave_file(crash, file, new_names);
    struct disk quick = disk_real;
    struct volume_cfg cfg = VOLUME_CFG_INIT;
    struct volume_stats stats;
    struct volume *volume = NULL;
    quick.fdatasync = sync_nothing;
    cfg.path = world.crashed;
    cfg.disk = &quick;
    world.images++;
    int rc = volume_open(&cfg, &volume);
    if (rc < 0) {
        complain("image %u, crash %d after %s: open says %d", world.images, (int)crash, call, rc);
        return;
    }
    compare(volume, crash, call);
    volume_stats(volume, &stats);
    if (stats.damaged + stats.lost > 0)
        complain("image %u, crash %d after %s: damage", world.images, (int)crash, call);
    volume_close(&volume);
}

static void crash_after(const char *call)
{
    for (enum crash crash = KILLED; crash < CRASHES; crash++)
        crash_now(crash, call);
}

/* The disk: each call as it is, then a crash behind it */

static int do_open(void *arg, const char *path, int flags)
{
    (void)arg;
    pthread_mutex_lock(&world.lock);
    bool is_new = inode_of(path) == 0;
    int fd = disk_real.open(NULL, path, (flags & ~O_ACCMODE) | O_RDWR); /* we read it back */
    forget_nameless();
    if (fd >= 0 && is_new)
        set_shadow(inode_of(path), (struct content){NULL, 0}); /* a number may come again */
    crash_after("open");
    pthread_mutex_unlock(&world.lock);
    return fd;
}

static ssize_t do_pwritev(void *arg, int fd, const struct iovec *iov, int count, off_t offset)
{
    (void)arg;
    pthread_mutex_lock(&world.lock);
    ssize_t n = disk_real.pwritev(NULL, fd, iov, count, offset);
    crash_after("pwritev");
    pthread_mutex_unlock(&world.lock);
    return n;
}

static int do_fdatasync(void *arg, int fd)
{
    struct stat st;
    (void)arg;
    pthread_mutex_lock(&world.lock);
    assert_int_equal(fstat(fd, &st), 0);
    set_shadow(st.st_ino, read_all(fd));
    crash_after("fdatasync");
    pthread_mutex_unlock(&world.lock);
    return 0;
}

static int do_ftruncate(void *arg, int fd, off_t size)
{
    (void)arg;
    pthread_mutex_lock(&world.lock);
    int rc = disk_real.ftruncate(NULL, fd, size);
    crash_after("ftruncate");
    pthread_mutex_unlock(&world.lock);
    return rc;
}

static int do_rename(void *arg, const char *from, const char *to)
{
    (void)arg;
    pthread_mutex_lock(&world.lock);
    int rc = disk_real.rename(NULL, from, to);
    crash_after("rename");
    pthread_mutex_unlock(&world.lock);
    return rc;
}

static int do_unlink(void *arg, const char *path)
{
    (void)arg;
    pthread_mutex_lock(&world.lock);
    int rc = disk_real.unlink(NULL, path);
    crash_after("unlink");
    pthread_mutex_unlock(&world.lock);
    return rc;
}

static int do_sync_folder(void *arg, const char *path)
{
    char file_path[128];
    (void)arg;
    (void)path;
    pthread_mutex_lock(&world.lock);
    for (size_t file = 0; file < FILES; file++)
        world.names[file] = inode_of(path_with(world.box->path, file, file_path));
    crash_after("fsync of the folder");
    pthread_mutex_unlock(&world.lock);
    return 0;
}

static const struct disk crashing = {
    .open = do_open,
    .pwritev = do_pwritev,
    .fdatasync = do_fdatasync,
    .ftruncate = do_ftruncate,
    .rename = do_rename,
    .unlink = do_unlink,
    .sync_folder = do_sync_folder,
};

/* What is done meanwhile */

static void write_one(struct box *box)
{
    char key[16], body[BODY_MOST];
    pthread_mutex_lock(&world.lock);
    unsigned number = draw(KEYS), made = draw(10) < 7 ? ++world.made : 0;
    world.pending = (int)number;
    world.pending_present = made;
    pthread_mutex_unlock(&world.lock);
    key_of(number, key);
    if (made > 0)
        assert_int_equal(box_put(box, key, body, make_body(made, body)), 0);
    else
        (void)box_delete(box, key);
    pthread_mutex_lock(&world.lock);
    world.present[number] = made;
    world.pending = -1;
    pthread_mutex_unlock(&world.lock);
}

static void write_some(struct box *box, int count)
{
    for (int i = 0; i < count; i++)
        write_one(box);
}

static void *compact(void *arg)
{
    struct box *box = arg;
    int *status = malloc(sizeof(*status));
    *status = volume_compact(box->volume);
    return status;
}

static void write_while_it_is_compacted(struct box *box)
{
    pthread_t thread;
    void *status;
    assert_int_equal(pthread_create(&thread, NULL, compact, box), 0);
    write_some(box, 6);
    assert_int_equal(pthread_join(thread, &status), 0);
    assert_int_equal(*(int *)status, 0);
    free(status);
}

static unsigned from_environment(const char *name, unsigned fallback)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : fallback;
}

static int setup(void **state)
{
    int rc = box_setup(state);
    struct box *box = *state;
    box_close(box);
    for (size_t file = 0; file < FILES; file++) {
        char path[128];
        (void)unlink(path_with(box->path, file, path));
    }
    world.box = box;
    world.random = from_environment("SHOAL_PHOTO_SEED", 1);
    world.pending = -1;
    pthread_mutex_init(&world.lock, NULL);
    strcpy(world.crashed, box->copy);
    box->cfg.disk = &crashing;
    return rc;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < world.shadow_count; i++)
        free(world.shadows[i].content.bytes);
    return box_teardown(state);
}

static void whatever_a_crash_leaves_has_all_that_was_acknowledged(void **state)
{
    struct box *box = *state;
    unsigned rounds = from_environment("SHOAL_PHOTO_ROUNDS", 2);
    for (unsigned round = 0; round < rounds && !world.failure[0]; round++) {
        box->cfg.checkpoint_bytes = round % 2 == 0 ? 256 << 20 : 5000;
        box_open(box);
        write_some(box, 8);
        write_while_it_is_compacted(box);
        write_some(box, 3);
        box_close(box);
    }
    print_message("%u crashes\n", world.images);
    if (world.failure[0])
        fail_msg("%s", world.failure);
    assert_in_range(world.images, 100 * rounds, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_a_crash_leaves_has_all_that_was_acknowledged,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
