/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PUT and DELETE of a photo. A body is gathered in memory up to a piece's size; what is longer goes
 * piece by piece into a file without a name beside the volume, written by workers while the client
 * waits. Once the whole body is here, the volume's writer takes it, and the answer comes after the
 * sync that covers it. An upload that is given up leaves nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>
#include <xxhash.h>

#include "parse.h"
#include "photos/conditions.h"
#include "photos/photos.h"

enum { PIECE = 256 * 1024 };

/*
 * An upload, or a delete. References: the request's, until its on_close, and one of whoever works
 * on it: a worker, or the volume's writer. Only one of loop, worker and writer touches it at a
 * time.
 */
struct upload {
    atomic_uint refs;
    struct photos *photos;
    struct shoal_http_id id;
    struct volume_op op;
    struct conditions conditions; /* views into `fields` */
    XXH3_state_t *sum;
    char *piece; /* what came last, or all of it */
    size_t piece_size, piece_room;
    int spool; /* the pieces before; -1: none */
    uint64_t spooled, size;
    int status; /* of the last piece that was spooled */
    bool ended;
    bool answered;
    char key[KEY_MAX], type[TYPE_MAX];
    char *fields;
};

static void unref(struct upload *upload)
{
    if (atomic_fetch_sub_explicit(&upload->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (upload->spool >= 0)
        close(upload->spool);
    XXH3_freeState(upload->sum);
    free(upload->piece);
    free(upload->fields);
    free(upload);
}

static void on_close(struct shoal_http_request *req, int status, void *arg)
{
    struct upload *upload = arg;
    (void)req;
    (void)status;
    upload->answered = true;
    unref(upload);
}

static void fail(struct shoal_http_request *req, struct upload *upload, unsigned status,
                 const char *sentence)
{
    upload->answered = true;
    photo_fail(req, status, sentence);
}

static void fail_for(struct shoal_http_request *req, struct upload *upload, int rc)
{
    upload->answered = true;
    photo_fail_for(req, rc);
}

/* The write */

static void answer_put(struct shoal_http_request *req, const struct upload *upload)
{
    char etag[ETAG_SIZE];
    photo_etag(upload->photos, upload->op.facts.sequence, etag);
    if (shoal_http_set(req, "ETag", etag) < 0 ||
        shoal_http_reply_status(req, upload->op.replaced ? 204 : 201) < 0)
        shoal_http_abort(req); /* rather cut than a wrong answer: it is stored */
}

static void answer(struct shoal_http_request *req, void *arg)
{
    struct upload *upload = arg;
    if (req && upload->op.status < 0)
        fail_for(req, upload, upload->op.status);
    else if (req && upload->op.kind == VOLUME_DELETE)
        (void)shoal_http_reply_status(req, 204);
    else if (req)
        answer_put(req, upload);
    unref(upload);
}

/* On the writer's thread. Where memory is out the answer is still owed, so it waits for some. */
static void on_written(struct volume_op *op)
{
    struct upload *upload = op->arg;
    int rc;
    while ((rc = shoal_http_call(upload->photos->server, upload->id, answer, upload)) ==
           -SHOAL_ENOMEM)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    if (rc < 0)
        unref(upload);
}

static bool allows(const struct volume_op *op, const struct photo_facts *before)
{
    const struct upload *upload = op->arg;
    char etag[ETAG_SIZE];
    return conditions_allow_write(
        &upload->conditions, before ? photo_etag(upload->photos, before->sequence, etag) : NULL);
}

static void submit(struct upload *upload)
{
    struct volume_op *op = &upload->op;
    op->body = shoal_view(upload->piece, upload->spool < 0 ? upload->piece_size : 0);
    op->body_fd = upload->spool;
    op->body_size = upload->size;
    op->body_sum = XXH3_64bits_digest(upload->sum);
    atomic_fetch_add_explicit(&upload->refs, 1, memory_order_relaxed);
    volume_submit(upload->photos->volume, op);
}

/* The spool */

static int open_spool(const char *folder)
{
    char path[PATH_MAX];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || errno == ENOSPC || errno == EMFILE || errno == ENFILE)
        return fd < 0 ? -errno : fd;
    snprintf(path, sizeof(path), "%s/.upload-XXXXXX", folder); /* not every file system has it */
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)unlink(path);
    return fd;
}

static void spool_by_worker(void *arg)
{
    struct upload *upload = arg;
    if (upload->spool < 0)
        upload->status = upload->spool = open_spool(upload->photos->folder);
    if (upload->spool < 0) {
        upload->spool = -1;
        return;
    }
    struct iovec iov = {upload->piece, upload->piece_size};
    upload->status = disk_write(&disk_real, upload->spool, &iov, 1, upload->spooled);
    upload->spooled += upload->piece_size;
    upload->piece_size = 0;
}

static void spool(struct shoal_http_request *req, struct upload *upload);

static void on_spooled(struct shoal_http_request *req, int status, void *arg)
{
    struct upload *upload = arg;
    if (req && (status < 0 || upload->status < 0))
        fail_for(req, upload, status < 0 ? status : upload->status);
    else if (req && upload->ended)
        submit(upload);
    if (req)
        shoal_http_resume(req);
    unref(upload);
}

static void spool(struct shoal_http_request *req, struct upload *upload)
{
    shoal_http_pause(req);
    atomic_fetch_add_explicit(&upload->refs, 1, memory_order_relaxed);
    int rc = shoal_http_offload(req, spool_by_worker, on_spooled, upload);
    if (rc == 0)
        return;
    unref(upload);
    fail_for(req, upload, rc);
    shoal_http_resume(req);
}

/* The body */

static bool make_room(struct upload *upload, size_t size)
{
    if (upload->piece_room - upload->piece_size >= size)
        return true;
    size_t room = upload->piece_room * 2 > upload->piece_size + size ? upload->piece_room * 2
                                                                     : upload->piece_size + size;
    char *piece = realloc(upload->piece, room);
    if (!piece)
        return false;
    upload->piece = piece;
    upload->piece_room = room;
    return true;
}

static void on_data(struct shoal_http_request *req, struct shoal_view part, void *arg)
{
    struct upload *upload = arg;
    if (upload->answered || part.size == 0)
        return;
    if (part.size > upload->photos->max_body - upload->size) {
        fail(req, upload, 413, "the photo is too large");
        return;
    }
    if (!make_room(upload, part.size)) {
        fail(req, upload, 503, "out of memory");
        return;
    }
    memcpy(upload->piece + upload->piece_size, part.data, part.size);
    upload->piece_size += part.size;
    upload->size += part.size;
    XXH3_64bits_update(upload->sum, part.data, part.size);
    if (upload->piece_size >= PIECE)
        spool(req, upload);
}

static void on_end(struct shoal_http_request *req, void *arg)
{
    struct upload *upload = arg;
    if (upload->answered)
        return;
    upload->ended = true;
    if (upload->spool >= 0 && upload->piece_size > 0)
        spool(req, upload);
    else
        submit(upload);
}

/* Beginning */

static struct shoal_view keep(struct upload *upload, size_t *used, struct shoal_view field)
{
    if (!field.data)
        return field;
    char *copy = upload->fields + *used;
    memcpy(copy, field.data, field.size);
    *used += field.size;
    return shoal_view(copy, field.size);
}

/* The conditions are asked on the writer's thread, when the request may be gone. */
static bool keep_conditions(struct shoal_http_request *req, struct upload *upload)
{
    struct conditions conditions;
    if (!conditions_read(req, &conditions))
        return false;
    size_t size = conditions.if_match.size + conditions.if_none_match.size, used = 0;
    upload->fields = malloc(size + 1);
    if (!upload->fields)
        return false;
    upload->conditions.if_match = keep(upload, &used, conditions.if_match);
    upload->conditions.if_none_match = keep(upload, &used, conditions.if_none_match);
    return true;
}

static struct upload *make_upload(struct shoal_http_request *req, struct photos *photos,
                                  enum volume_op_kind kind, struct shoal_view key)
{
    struct upload *upload = calloc(1, sizeof(*upload));
    if (!upload)
        return NULL;
    atomic_store_explicit(&upload->refs, 1, memory_order_relaxed);
    upload->photos = photos;
    upload->id = shoal_http_get_id(req);
    upload->spool = -1;
    memcpy(upload->key, key.data, key.size);
    upload->op = (struct volume_op){.kind = kind,
                                    .key = shoal_view(upload->key, key.size),
                                    .allows = allows,
                                    .done = on_written,
                                    .arg = upload};
    upload->sum = XXH3_createState();
    if (upload->sum && keep_conditions(req, upload) &&
        shoal_http_on_close(req, on_close, upload) == 0) {
        XXH3_64bits_reset(upload->sum);
        return upload;
    }
    unref(upload);
    return NULL;
}

/* Whether the write would be refused as things are: said before the body is sent. What counts is
 * asked again when it is written. */
static bool is_refused_already(struct photos *photos, struct upload *upload)
{
    struct edition *edition = volume_hold(photos->volume);
    struct volume_photo photo;
    bool found = edition_find(edition, upload->op.key, &photo);
    edition_release(photos->volume, &edition);
    return !allows(&upload->op, found ? &photo.facts : NULL);
}

static bool take_type(const struct shoal_http_request *req, struct upload *upload)
{
    struct shoal_view type = shoal_http_field(req, "content-type");
    if (type.size == 0)
        type = shoal_view_of("application/octet-stream");
    if (!type_is_valid(type))
        return false;
    memcpy(upload->type, type.data, type.size);
    upload->op.type = shoal_view(upload->type, type.size);
    return true;
}

/* What is asked for must not be stored as if it were something else, RFC 9110 §14.5 and §8.4. */
static unsigned refuse_unknown(const struct shoal_http_request *req)
{
    struct shoal_view coding = shoal_http_field(req, "content-encoding");
    if (shoal_http_field(req, "content-range").data)
        return 400;
    return coding.size > 0 && compare_nocase(coding, shoal_view_of("identity")) != 0 ? 415 : 0;
}

/* With a length, the piece is made in one go. */
static void begin_body(struct shoal_http_request *req, struct upload *upload)
{
    int64_t length = shoal_http_body_length(req);
    size_t room = length < 0 || length > PIECE ? PIECE : (size_t)length + 1;
    if (!make_room(upload, room))
        fail(req, upload, 503, "out of memory");
    else if (shoal_http_read(req, on_data, on_end, upload) < 0)
        fail(req, upload, 500, "the body cannot be read");
}

void photo_put(struct shoal_http_request *req, void *arg)
{
    struct photos *photos = arg;
    struct shoal_view key = photo_key_of(req);
    if (key.size == 0)
        return;
    int64_t length = shoal_http_body_length(req);
    unsigned refusal;
    struct upload *upload = make_upload(req, photos, VOLUME_PUT, key);
    if (!upload)
        photo_fail(req, 503, "out of memory");
    else if (length > 0 && (uint64_t)length > photos->max_body)
        fail(req, upload, 413, "the photo is too large");
    else if ((refusal = refuse_unknown(req)) != 0)
        fail(req, upload, refusal, "a photo is stored whole and without a content coding");
    else if (!take_type(req, upload))
        fail(req, upload, 400, "a Content-Type is 127 bytes of UTF-8 at most, without tabs");
    else if (is_refused_already(photos, upload))
        fail_for(req, upload, -SHOAL_ESTATE);
    else
        begin_body(req, upload);
}

void photo_delete(struct shoal_http_request *req, void *arg)
{
    struct shoal_view key = photo_key_of(req);
    if (key.size == 0)
        return;
    struct upload *upload = make_upload(req, arg, VOLUME_DELETE, key);
    if (upload)
        submit(upload);
    else
        photo_fail(req, 503, "out of memory");
}
