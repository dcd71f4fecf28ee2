/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending files. A transfer goes through the parts of a file that were asked for, slice by slice,
 * and stops where the output is above its mark until that has drained. How a slice is sent:
 *
 *     the connection can send files   and it is in memory   ──► the kernel sends it (sendfile)
 *     it cannot (TLS, HTTP/2)         and it is in memory   ──► we read it and send the bytes
 *     it is not in memory, or who knows                     ──► a worker reads it, then the same
 *
 * Whether bytes are in memory is asked by reading with RWF_NOWAIT: of a slice for sendfile the
 * first and the last byte, which a kernel that reads ahead and evicts in order rarely has without
 * the ones in between. Bytes that a worker has read are sent as they are.
 *
 * A file that has become shorter than it was cuts the response; nobody takes it for whole.
 */
#include "proto/http/files_send_driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/http.h>
#include <shoal/loop.h>

#include "base/buf.h"
#include "net/conn.h"
#include "proto/http/conditions.h"
#include "proto/http/fields.h"
#include "proto/http/ranges.h"

enum {
    SMALL_SLICE = 16 * 1024, /* read on the stack: cheaper than sendfile */
    READ_SLICE = 64 * 1024,
    FILE_SLICE = 512 * 1024,
    RETRY_MS = 20, /* the pool was full */
};

/* A file on its way; in the request's memory, ended by its on_close. Loop's thread only. */
struct transfer {
    struct shoal_http_request *req;
    struct shoal__file *file;
    const char *type;
    const char *boundary; /* NULL: one part, without a head of its own */
    struct shoal__ranges ranges;
    size_t part;     /* the one being sent */
    bool begun;      /* its head was sent */
    bool sends_file; /* the connection can */
    bool waiting;    /* for a worker */
    struct shoal_timer retry;
};

/* What a worker reads for a transfer that may end in the meantime. */
struct read_job {
    struct transfer *transfer; /* gone where `req` is */
    struct shoal__file *file;
    uint64_t offset;
    size_t size;
    ssize_t got;
    char bytes[];
};

enum step { STEP_SENT, STEP_WAIT, STEP_BROKEN };

/* Answers that are no content */

/* All fields of that name as one list; what may not be repeated is malformed then. */
static void gather_field(struct shoal_http_request *req, struct shoal_view *slot,
                         struct shoal_view value)
{
    if (!slot->data) {
        *slot = value.data ? value : shoal_view("", 0);
        return;
    }
    const char *joined = shoal_http_format(req, "%.*s, %.*s", (int)slot->size, slot->data,
                                           (int)value.size, value.data ? value.data : "");
    *slot = joined ? shoal_view_of(joined) : shoal_view("", 0);
}

/* What a request says about how it wants a file. */
struct wishes {
    struct shoal__conditions conditions;
    struct shoal_view range;
};

static void read_wishes(struct shoal_http_request *req, struct wishes *out)
{
    struct {
        const char *name;
        struct shoal_view *slot;
    } wanted[] = {
        {"if-match", &out->conditions.if_match},
        {"if-none-match", &out->conditions.if_none_match},
        {"if-modified-since", &out->conditions.if_modified_since},
        {"if-unmodified-since", &out->conditions.if_unmodified_since},
        {"if-range", &out->conditions.if_range},
        {"range", &out->range},
    };
    *out = (struct wishes){.range = {NULL, 0}};
    struct shoal_view name, value;
    for (size_t i = 0; shoal_http_field_at(req, i, &name, &value); i++) {
        char first = name.size > 0 ? (char)(name.data[0] | 0x20) : '\0';
        for (size_t k = 0; (first == 'i' || first == 'r') && k < 6; k++) {
            if (shoal__http_name_is(name, wanted[k].name))
                gather_field(req, wanted[k].slot, value);
        }
    }
}

static int set_fields(struct shoal_http_request *req, const struct shoal__file *file,
                      const struct shoal__file_terms *terms)
{
    int rc = shoal_http_set(req, "ETag", file->etag);
    if (rc == 0)
        rc = shoal_http_set(req, "Last-Modified", file->date);
    if (rc == 0)
        rc = shoal_http_set(req, "Accept-Ranges", "bytes");
    if (rc == 0 && terms->varies)
        rc = shoal_http_set(req, "Vary", "Accept-Encoding");
    if (rc == 0 && file->encoding != SHOAL__ENCODING_IDENTITY)
        rc = shoal_http_set(req, "Content-Encoding", shoal__encoding_coding(file->encoding));
    if (rc == 0 && terms->cache_control)
        rc = shoal_http_set(req, "Cache-Control", terms->cache_control);
    return rc;
}

static int reply_outside(struct shoal_http_request *req, const struct shoal__file *file)
{
    char text[48];
    (void)snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)file->size);
    int rc = shoal_http_set(req, "Content-Range", text);
    return rc < 0 ? rc : shoal_http_reply_status(req, 416);
}

/* Sending */

static const struct shoal__range *part_of(const struct transfer *transfer)
{
    return &transfer->ranges.parts[transfer->part];
}

/* The head of a part among several, RFC 9110 §14.6. NULL where memory is out. */
static char *part_head(const struct transfer *transfer, const struct shoal__range *part)
{
    return shoal_http_format(transfer->req,
                             "\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes "
                             "%llu-%llu/%llu\r\n\r\n",
                             transfer->boundary, transfer->type, (unsigned long long)part->offset,
                             (unsigned long long)(part->offset + part->size - 1),
                             (unsigned long long)transfer->file->size);
}

static char *last_boundary(const struct transfer *transfer)
{
    return shoal_http_format(transfer->req, "\r\n--%s--\r\n", transfer->boundary);
}

static enum step step_of(int rc)
{
    return rc == 0 ? STEP_SENT : rc == 1 ? STEP_WAIT : STEP_BROKEN;
}

static enum step send_text(struct transfer *transfer, const char *text)
{
    if (!text)
        return STEP_BROKEN;
    return step_of(shoal_http_write(transfer->req, shoal_view_of(text)));
}

/* So many bytes of the part are on their way. */
static void advance(struct transfer *transfer, size_t size)
{
    struct shoal__range *part = &transfer->ranges.parts[transfer->part];
    part->offset += size;
    part->size -= size;
}

/* Up to `size` bytes that are in memory. -EAGAIN where the first is not; 0 at the file's end. */
static ssize_t read_now(const struct shoal__file *file, void *out, size_t size, uint64_t offset)
{
    struct iovec iov = {out, size};
    ssize_t got = preadv2(file->fd, &iov, 1, (off_t)(file->start + offset), RWF_NOWAIT);
    if (got >= 0)
        return got;
    return errno == EOPNOTSUPP ? -EAGAIN : -errno; /* a file system that cannot tell */
}

static bool is_here(const struct shoal__file *file, uint64_t offset)
{
    char byte;
    return read_now(file, &byte, 1, offset) >= 0;
}

static bool is_warm(struct transfer *transfer, const struct shoal__range *part, size_t size)
{
    struct shoal__file *file = transfer->file;
    int64_t now_ms = shoal_loop_now_ms(shoal_http_loop(transfer->req));
    if (now_ms < file->warm_until_ms)
        return true;
    bool warm = is_here(file, part->offset) && is_here(file, part->offset + size - 1);
    if (warm && size == file->size)
        file->warm_until_ms = now_ms + SHOAL__FILE_WARM_MS;
    return warm;
}

static void release_file(void *arg, const void *data, size_t size)
{
    struct shoal__file *file = arg;
    (void)data;
    (void)size;
    shoal__file_unref(&file);
}

static void release_bytes(void *arg, const void *data, size_t size)
{
    (void)data;
    (void)size;
    free(arg);
}

/* Writes what one append has put into `buf`, which is empty afterwards in any case. */
static enum step write_buf(struct transfer *transfer, struct shoal_buf *buf)
{
    size_t size = shoal_buf_size(buf);
    int rc = shoal_http_write_buf(transfer->req, buf);
    if (rc >= 0)
        advance(transfer, size);
    shoal__buf_fini(buf);
    return step_of(rc);
}

static enum step send_from_kernel(struct transfer *transfer, size_t size)
{
    const struct shoal__range *part = part_of(transfer);
    struct shoal_buf buf = {0};
    struct shoal__file *file = transfer->file;
    if (shoal__buf_append_file_lent(&buf, file->fd, (off_t)(file->start + part->offset), size,
                                    release_file, file) < 0)
        return STEP_BROKEN;
    shoal__file_ref(file);
    return write_buf(transfer, &buf);
}

/* Sends bytes of ours; `owner` is freed when they are gone. */
static enum step send_bytes(struct transfer *transfer, const char *bytes, size_t size, void *owner)
{
    struct shoal_buf buf = {0};
    if (shoal_buf_append_lent(&buf, bytes, size, release_bytes, owner) < 0) {
        free(owner);
        return STEP_BROKEN;
    }
    return write_buf(transfer, &buf);
}

static enum step read_by_worker(struct transfer *transfer);

static enum step send_small(struct transfer *transfer, size_t size)
{
    char bytes[SMALL_SLICE];
    ssize_t got = read_now(transfer->file, bytes, size, part_of(transfer)->offset);
    if (got == -EAGAIN)
        return read_by_worker(transfer);
    if (got <= 0)
        return STEP_BROKEN;
    int rc = shoal_http_write(transfer->req, shoal_view(bytes, (size_t)got));
    if (rc >= 0)
        advance(transfer, (size_t)got);
    return step_of(rc);
}

static enum step send_read(struct transfer *transfer, size_t size)
{
    char *bytes = malloc(size);
    if (!bytes)
        return STEP_BROKEN;
    ssize_t got = read_now(transfer->file, bytes, size, part_of(transfer)->offset);
    if (got > 0)
        return send_bytes(transfer, bytes, (size_t)got, bytes);
    free(bytes);
    return got == -EAGAIN ? read_by_worker(transfer) : STEP_BROKEN;
}

static size_t slice_of(const struct transfer *transfer, size_t most)
{
    uint64_t left = part_of(transfer)->size;
    return left < most ? (size_t)left : most;
}

static enum step send_slice(struct transfer *transfer)
{
    size_t size = slice_of(transfer, FILE_SLICE);
    if (size <= SMALL_SLICE)
        return send_small(transfer, size);
    if (!transfer->sends_file)
        return send_read(transfer, slice_of(transfer, READ_SLICE));
    if (is_warm(transfer, part_of(transfer), size))
        return send_from_kernel(transfer, size);
    return read_by_worker(transfer);
}

static bool is_done(const struct transfer *transfer)
{
    return transfer->part == transfer->ranges.count;
}

/* The next thing to send: a part's head, some of it, or what follows it. */
static enum step send_next(struct transfer *transfer)
{
    const struct shoal__range *part = part_of(transfer);
    if (!transfer->begun) {
        transfer->begun = true;
        if (transfer->boundary)
            return send_text(transfer, part_head(transfer, part));
    }
    if (part->size > 0)
        return send_slice(transfer);
    transfer->begun = false;
    transfer->part++;
    bool last = is_done(transfer) && transfer->boundary;
    return last ? send_text(transfer, last_boundary(transfer)) : STEP_SENT;
}

/* Sends until it is done, the output is full, or a worker has to read. */
static void pump(struct transfer *transfer)
{
    enum step step = STEP_SENT;
    while (step == STEP_SENT && !is_done(transfer))
        step = send_next(transfer);
    if (step == STEP_BROKEN)
        shoal_http_abort(transfer->req);
    else if (is_done(transfer))
        (void)shoal_http_end(transfer->req);
}

static void on_drained(struct shoal_http_request *req, void *arg)
{
    struct transfer *transfer = arg;
    (void)req;
    if (!transfer->waiting && !is_done(transfer))
        pump(transfer);
}

static void on_retry(struct shoal_timer *timer, void *arg)
{
    struct transfer *transfer = arg;
    (void)timer;
    transfer->waiting = false;
    pump(transfer);
}

/* Reading by a worker */

static void run_read(void *arg)
{
    struct read_job *job = arg;
    off_t at = (off_t)(job->file->start + job->offset);
    ssize_t got;
    do
        got = pread(job->file->fd, job->bytes, job->size, at);
    while (got < 0 && errno == EINTR);
    job->got = got;
}

static void free_job(struct read_job *job)
{
    shoal__file_unref(&job->file);
    free(job);
}

/* Sends what the worker has read, and takes the job. */
static enum step send_job(struct transfer *transfer, struct read_job *job)
{
    shoal__file_unref(&job->file);
    if (job->got > 0)
        return send_bytes(transfer, job->bytes, (size_t)job->got, job);
    free(job);
    return STEP_BROKEN;
}

static void on_read(struct shoal_http_request *req, int status, void *arg)
{
    struct read_job *job = arg;
    struct transfer *transfer = job->transfer;
    if (!req) {
        free_job(job);
        return;
    }
    transfer->waiting = false;
    if (status < 0)
        job->got = 0;
    enum step step = send_job(transfer, job);
    if (step == STEP_BROKEN)
        shoal_http_abort(req);
    else if (step == STEP_SENT)
        pump(transfer);
}

static struct read_job *job_create(struct transfer *transfer)
{
    size_t size = slice_of(transfer, READ_SLICE);
    struct read_job *job = malloc(sizeof(*job) + size);
    if (!job)
        return NULL;
    *job = (struct read_job){.transfer = transfer,
                             .file = transfer->file,
                             .offset = part_of(transfer)->offset,
                             .size = size};
    shoal__file_ref(job->file);
    return job;
}

/* The pool takes no more: not a reason to cut a response that has begun. */
static enum step retry_later(struct transfer *transfer)
{
    transfer->waiting = true;
    int rc = shoal_timer_start(shoal_http_loop(transfer->req), &transfer->retry, RETRY_MS);
    return rc < 0 ? STEP_BROKEN : STEP_WAIT;
}

static enum step read_by_worker(struct transfer *transfer)
{
    struct read_job *job = job_create(transfer);
    if (!job)
        return STEP_BROKEN;
    int rc = shoal_http_offload(transfer->req, run_read, on_read, job);
    if (rc == 0) {
        transfer->waiting = true;
        return STEP_WAIT;
    }
    if (rc == -SHOAL_ESTATE) { /* a server without a pool was made so on purpose */
        run_read(job);
        return send_job(transfer, job);
    }
    free_job(job);
    return rc == -SHOAL_EFULL ? retry_later(transfer) : STEP_BROKEN;
}

/* Beginning */

static void on_close(struct shoal_http_request *req, int status, void *arg)
{
    struct transfer *transfer = arg;
    (void)req;
    (void)status;
    shoal_timer_stop(&transfer->retry);
    shoal__file_unref(&transfer->file);
}

static struct transfer *transfer_create(struct shoal_http_request *req, struct shoal__file *file)
{
    struct transfer *transfer = shoal_http_alloc(req, sizeof(*transfer));
    if (!transfer || shoal_http_on_close(req, on_close, transfer) < 0)
        return NULL;
    const struct shoal__transport *transport = shoal__conn_transport(shoal_http_conn(req));
    *transfer = (struct transfer){
        .req = req,
        .file = file,
        .sends_file = shoal_http_version(req) < 20 && transport->ops->sendfile,
    };
    shoal__file_ref(file);
    shoal_timer_init(&transfer->retry, on_retry, transfer);
    return transfer;
}

/* Random, so that nobody can write a file that holds it. */
static const char *make_boundary(struct shoal_http_request *req)
{
    uint64_t bits[2];
    if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        return NULL;
    return shoal_http_format(req, "%016llx%016llx", (unsigned long long)bits[0],
                             (unsigned long long)bits[1]);
}

/* The length of all parts with their heads; -1 where memory is out. */
static int64_t multipart_length(const struct transfer *transfer)
{
    const char *last = last_boundary(transfer);
    if (!last)
        return -1;
    uint64_t length = strlen(last);
    for (size_t i = 0; i < transfer->ranges.count; i++) {
        const char *head = part_head(transfer, &transfer->ranges.parts[i]);
        if (!head)
            return -1;
        length += strlen(head) + transfer->ranges.parts[i].size;
    }
    return (int64_t)length;
}

static int begin_multipart(struct transfer *transfer)
{
    transfer->boundary = make_boundary(transfer->req);
    int64_t length = transfer->boundary ? multipart_length(transfer) : -1;
    const char *type = length < 0
                           ? NULL
                           : shoal_http_format(transfer->req, "multipart/byteranges; boundary=%s",
                                               transfer->boundary);
    return type ? shoal_http_begin(transfer->req, 206, type, length) : -SHOAL_ENOMEM;
}

static int begin_part(struct transfer *transfer)
{
    const struct shoal__range *part = &transfer->ranges.parts[0];
    char text[80];
    (void)snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)part->offset,
                   (unsigned long long)(part->offset + part->size - 1),
                   (unsigned long long)transfer->file->size);
    int rc = shoal_http_set(transfer->req, "Content-Range", text);
    return rc < 0 ? rc : shoal_http_begin(transfer->req, 206, transfer->type, (int64_t)part->size);
}

static int begin_whole(struct transfer *transfer)
{
    uint64_t size = transfer->file->size;
    transfer->ranges.count = size > 0;
    transfer->ranges.parts[0] = (struct shoal__range){0, size};
    return shoal_http_begin(transfer->req, 200, transfer->type, (int64_t)size);
}

static int begin(struct transfer *transfer, enum shoal__ranges_answer answer)
{
    if (answer == SHOAL__RANGES_WHOLE)
        return begin_whole(transfer);
    return transfer->ranges.count == 1 ? begin_part(transfer) : begin_multipart(transfer);
}

static bool is_method(const struct shoal_http_request *req, const char *method)
{
    return strcmp(shoal_http_method(req), method) == 0;
}

static int reply_content(struct shoal_http_request *req, struct shoal__file *file, const char *type,
                         enum shoal__ranges_answer answer, const struct shoal__ranges *ranges)
{
    struct transfer *transfer = transfer_create(req, file);
    if (!transfer)
        return -SHOAL_ENOMEM;
    transfer->ranges = *ranges;
    transfer->type = type;
    int rc = begin(transfer, answer);
    if (rc < 0)
        return rc;
    shoal_http_on_drained(req, on_drained, transfer);
    if (is_method(req, "HEAD"))
        (void)shoal_http_end(req); /* the head was all */
    else
        pump(transfer);
    return 0;
}

/* The verdict on a request to read; others are their handlers' business. */
static enum shoal__verdict judge(const struct shoal_http_request *req, const struct wishes *wishes,
                                 const struct shoal__validators *ours)
{
    bool reads = is_method(req, "GET") || is_method(req, "HEAD");
    return reads ? shoal__conditions_judge(&wishes->conditions, ours) : SHOAL__VERDICT_GO_ON;
}

/* Only GET knows ranges, RFC 9110 §14.2. */
static enum shoal__ranges_answer find_ranges(const struct shoal_http_request *req,
                                             const struct wishes *wishes,
                                             const struct shoal__validators *ours, uint64_t size,
                                             struct shoal__ranges *out_ranges)
{
    if (!wishes->range.data || !is_method(req, "GET") ||
        !shoal__conditions_allow_range(&wishes->conditions, ours))
        return SHOAL__RANGES_WHOLE;
    return shoal__ranges_read(wishes->range, size, out_ranges);
}

int shoal__file_reply(struct shoal_http_request *req, struct shoal__file *file,
                      const struct shoal__file_terms *terms)
{
    struct wishes wishes;
    read_wishes(req, &wishes);
    struct shoal__validators ours = {shoal_view_of(file->etag), file->modified, time(NULL)};
    enum shoal__verdict verdict = judge(req, &wishes, &ours);
    if (verdict == SHOAL__VERDICT_FAILED)
        return shoal_http_reply_status(req, 412);

    struct shoal__ranges ranges = {.count = 0};
    enum shoal__ranges_answer answer = find_ranges(req, &wishes, &ours, file->size, &ranges);
    bool unmodified = verdict == SHOAL__VERDICT_NOT_MODIFIED;
    if (answer == SHOAL__RANGES_OUTSIDE && !unmodified)
        return reply_outside(req, file);
    int rc = set_fields(req, file, terms);
    if (rc < 0)
        return rc;
    return unmodified ? shoal_http_reply_status(req, 304)
                      : reply_content(req, file, terms->type, answer, &ranges);
}
