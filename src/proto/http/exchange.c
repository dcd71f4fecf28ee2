/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request's life: it begins when a session tells of a stream, goes to the application, and ends
 * when the stream does. What the stream tells in between goes to body.c and response.c.
 *
 * The head is the session's, borrowed while the application is first called. Most requests have
 * been answered by then and need it no more; for the others it is copied.
 */
#include <shoal/error.h>

#include "proto/http/request_priv.h"
#include "proto/http/target.h"

/* Beginning */

/* The method as a string: one of ours for the usual ones, else a copy. */
static const char *method_string(struct shoal_view method, struct shoal__arena *arena)
{
    static const char *const usual[] = {"GET",    "HEAD",  "POST",    "PUT",
                                        "DELETE", "PATCH", "OPTIONS", "CONNECT"};
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (shoal_view_equal(method, shoal_view_of(usual[i])))
            return usual[i];
    }
    return shoal__arena_strdup(arena, method);
}

static void log_start(struct shoal_http_request *req)
{
    if (req->endpoint->log_access)
        req->began_ns = shoal__http_now_ns(req);
}

/* The request of a stream, with as much filled in as cannot fail; NULL where memory is out. */
static struct shoal_http_request *create(struct shoal__stream *stream,
                                         const struct shoal__head *head, bool end)
{
    struct shoal_http_request *req = shoal__arena_alloc(stream->arena, sizeof(*req));
    if (!req)
        return NULL;
    *req = (struct shoal_http_request){
        .stream = stream,
        .endpoint = stream->session->user,
        .head = *head,
        .method = method_string(head->method, stream->arena),
        .path = "",
        .version = (unsigned)stream->session->version,
        .body.ended = end,
        .left = -1,
    };
    if (!req->method)
        return NULL;
    req->is_head = strcmp(req->method, "HEAD") == 0;
    shoal__list_init(&req->jobs);
    log_start(req);
    return req;
}

/* Decodes the path. Returns 0, or the status to refuse the request with. */
static unsigned read_path(struct shoal_http_request *req)
{
    struct shoal_view path = shoal__http_path_of(req->head.path);
    bool whole_server = shoal_view_equal(path, shoal_view("*", 1));
    if (whole_server) {
        req->path = "*";
        return strcmp(req->method, "OPTIONS") == 0 ? 0 : 400;
    }
    char *room = shoal__arena_alloc(req->stream->arena, path.size + 1);
    if (!room)
        return 500;
    if (!shoal__http_path_decode(path, room))
        return 400;
    req->path = room;
    return 0;
}

static bool is_too_large(const struct shoal_http_request *req)
{
    uint64_t max = req->endpoint->max_body;
    return max > 0 && req->head.content_length > 0 && (uint64_t)req->head.content_length > max;
}

static void begin(struct shoal_http_request *req)
{
    int64_t request_ms = req->endpoint->request_ms;
    unsigned refusal = read_path(req);
    if (refusal == 0 && is_too_large(req))
        refusal = 413;
    if (refusal == 0 && request_ms > 0 && shoal_http_set_deadline(req, request_ms) < 0)
        refusal = 503;
    if (refusal == 0)
        shoal__http_app_dispatch(req);
    else if (shoal_http_reply_status(req, refusal) < 0)
        shoal_http_abort(req);
}

/* Keeping the head */

static char *put(char *at, struct shoal_view *view)
{
    if (view->size > 0)
        memcpy(at, view->data, view->size);
    view->data = view->data ? at : NULL;
    return at + view->size;
}

static size_t head_bytes(const struct shoal__head *head)
{
    size_t size = head->field_count * sizeof(*head->fields) + head->authority.size +
                  head->path.size + head->method.size;
    for (size_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.size + head->fields[i].value.size;
    return size;
}

/* Copies the head into the arena in one piece. False where memory is out. */
static bool keep_head(struct shoal_http_request *req)
{
    struct shoal__head *head = &req->head;
    struct shoal__http_field *fields = shoal__arena_alloc(req->stream->arena, head_bytes(head));
    if (!fields)
        return false;
    char *at = (char *)(fields + head->field_count);
    at = put(at, &head->method);
    at = put(at, &head->authority);
    at = put(at, &head->path);
    for (size_t i = 0; i < head->field_count; i++) {
        fields[i] = head->fields[i];
        at = put(at, &fields[i].name);
        at = put(at, &fields[i].value);
    }
    head->fields = fields;
    head->kept = true;
    return true;
}

static void forget_head(struct shoal_http_request *req)
{
    req->head = (struct shoal__head){.content_length = req->head.content_length};
}

/* Whether anybody may still look at the request after the application's first call. */
static bool is_needed(const struct shoal_http_request *req)
{
    return req->output != HTTP_OUTPUT_ENDED || req->closers || req->name ||
           req->endpoint->log_access;
}

static void leave_input(struct shoal_http_request *req)
{
    if (req->head.kept)
        return;
    if (!is_needed(req)) {
        forget_head(req);
    } else if (!keep_head(req)) {
        forget_head(req);
        shoal_http_abort(req);
    }
}

/* Ending */

void shoal__http_close(struct shoal_http_request *req, int status)
{
    if (req->closed)
        return;
    req->closed = true;
    shoal__http_stop_deadline(req);
    shoal__http_forget_id(req);
    shoal__http_cancel_jobs(req);
    shoal__http_body_drop(req);
    if (req->endpoint->log_access)
        shoal__http_log_access(req);
    while (req->closers) {
        struct http_closer *closer = req->closers;
        req->closers = closer->next;
        closer->fn(req, status, closer->arg);
    }
}

static int status_of_close(const struct shoal_http_request *req, uint32_t error)
{
    if (req->timed_out)
        return -SHOAL_ETIMEDOUT;
    bool all_said = req->output == HTTP_OUTPUT_ENDED || req->no_content;
    bool whole = error == SHOAL__H2_NO_ERROR && all_said;
    return whole ? 0 : -SHOAL_EPIPE;
}

/* What the stream tells */

static void on_data(struct shoal__stream *stream, struct shoal_view data)
{
    shoal__http_body_came(stream->user, data);
}

static void on_end(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                   size_t trailer_count)
{
    shoal__http_body_ended(stream->user, trailers, trailer_count);
}

static void on_drained(struct shoal__stream *stream)
{
    struct shoal_http_request *req = stream->user;
    if (req->on_drained && req->output == HTTP_OUTPUT_BODY)
        req->on_drained(req, req->drained_arg);
}

static void on_close(struct shoal__stream *stream, uint32_t error)
{
    struct shoal_http_request *req = stream->user;
    shoal__http_close(req, status_of_close(req, error));
    shoal__http_body_fini(req);
}

static const struct shoal__stream_events request_events = {
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_close = on_close,
};

static void ignore_close(struct shoal__stream *stream, uint32_t error)
{
    (void)stream;
    (void)error;
}

/* A stream for which there was not even memory for a request. */
static const struct shoal__stream_events stillborn_events = {.on_close = ignore_close};

static void on_request(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct shoal_http_request *req = create(stream, head, end);
    stream->events = req ? &request_events : &stillborn_events;
    stream->user = req;
    if (!req) {
        shoal__stream_reset(stream, SHOAL__H2_INTERNAL_ERROR);
        return;
    }
    begin(req);
    leave_input(req);
}

static void on_refused(const struct shoal__session *session, unsigned status, struct shoal_view in)
{
    const struct shoal__http_endpoint *endpoint = session->user;
    if (endpoint->log_access)
        shoal__http_log_refusal(session, status, in);
}

const struct shoal__session_events shoal__http_server_events = {.on_request = on_request,
                                                                .on_refused = on_refused};
