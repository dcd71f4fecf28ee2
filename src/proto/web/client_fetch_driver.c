/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to one fetch: the request goes out on a stream, the response comes in, and is told,
 * gathered, held back while paused, repeated or followed elsewhere; then the end.
 *
 *     WAITING ──► OPEN ──► ENDED ──► done, freed
 *        ▲          │
 *        └──────────┘  the link was dead, or a redirect is followed
 */
#include <stdlib.h>

#include <shoal/buf.h>
#include <shoal/error.h>
#include <shoal/view.h>

#include "base/checked.h"
#include "proto/web/client_driver.h"
#include "proto/web/client_url.h"

enum {
    MOST_REFUSALS = 5,
    SLICE = 256 * 1024,       /* of a body, written at once */
    SKIPPED_MAX = 256 * 1024, /* body of a redirect read to keep its connection */
    FIRST_GATHERED = 4096,
    MOST_RESERVED = 1024 * 1024, /* of what the server says that it will send */
};

/* The request */

/* One slice of what waits, so that the stream's marks are looked at in between. */
static int push_slice(struct shoal_fetch *fetch)
{
    struct shoal_buf slice = {0};
    size_t size = shoal_buf_size(&fetch->unsent);
    if (size > SLICE)
        size = SLICE;
    int rc = shoal_buf_share(&slice, &fetch->unsent, size);
    if (rc == 0)
        rc = shoal__stream_write_buf(fetch->stream, &slice);
    if (rc >= 0)
        shoal_buf_consume(&fetch->unsent, size);
    shoal__buf_fini(&slice);
    return rc;
}

/* Hands what waits to the stream, as far as its marks allow, and then the end. Returns 0, 1 where
 * on_drained will go on, or a negative code. */
static int push(struct shoal_fetch *fetch)
{
    int rc = 0;
    while (rc == 0 && shoal_buf_size(&fetch->unsent) > 0)
        rc = push_slice(fetch);
    if (rc < 0 || shoal_buf_size(&fetch->unsent) > 0)
        return rc;
    if (!fetch->said_all)
        return rc;
    int ended = shoal__stream_end(fetch->stream, NULL, 0);
    return ended < 0 ? ended : rc;
}

/* A new stream: the whole body is kept, for it may have to be sent again. */
static int begin_body(struct shoal_fetch *fetch)
{
    int rc = 0;
    if (!fetch->streams) {
        shoal__buf_fini(&fetch->unsent);
        rc = shoal_buf_share(&fetch->unsent, &fetch->body, shoal_buf_size(&fetch->body));
    }
    if (rc == 0)
        rc = push(fetch);
    if (rc == 0 && fetch->choked) {
        fetch->tell_drained = true;
        shoal__fetch_schedule(fetch);
    }
    return rc < 0 ? rc : 0;
}

static const struct shoal__stream_events stream_events;

int shoal__fetch_begin(struct shoal_fetch *fetch, struct client_link *link)
{
    static const struct shoal_view schemes[] = {SHOAL_VIEW("http"), SHOAL_VIEW("https")};
    struct shoal__head head = {
        .method = shoal_view_of(fetch->method),
        .scheme = schemes[strncmp(link->origin->url, "tls", 3) == 0],
        .authority = fetch->authority,
        .path = fetch->target,
        .fields = fetch->fields.items,
        .field_count = fetch->fields.count,
        .content_length = fetch->has_body ? fetch->length : -1,
    };
    int rc = shoal__session_open(link->session, &head, !fetch->has_body, &stream_events, fetch,
                                 &fetch->stream);
    if (rc < 0)
        return rc;
    shoal__client_dequeue(fetch);
    fetch->state = FETCH_OPEN;
    fetch->kept_link = link->served > 0;
    rc = fetch->has_body ? begin_body(fetch) : 0;
    if (rc < 0)
        shoal__fetch_finish(fetch, rc);
    return 0;
}

/* The response's head */

static struct shoal_view keep_text(struct shoal__arena *arena, struct shoal_view text)
{
    return shoal_view(shoal__arena_strdup(arena, text), text.size);
}

/* A copy of the fields; they outlive the stream. */
static int keep_fields(struct shoal_fetch *fetch, const struct shoal__http_field *fields,
                       size_t count, const struct shoal__http_field **out_kept)
{
    struct shoal__http_field *kept = shoal__arena_alloc(&fetch->arena, count * sizeof(*kept));
    if (!kept)
        return -SHOAL_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        kept[i].name = keep_text(&fetch->arena, fields[i].name);
        kept[i].value = keep_text(&fetch->arena, fields[i].value);
        if (!kept[i].name.data || !kept[i].value.data)
            return -SHOAL_ENOMEM;
    }
    *out_kept = kept;
    return 0;
}

static int reserve(struct shoal_fetch *fetch, size_t room)
{
    if (room <= fetch->gathered_room)
        return 0;
    char *larger = realloc(fetch->gathered, room);
    if (!larger)
        return -SHOAL_ENOMEM;
    fetch->gathered = larger;
    fetch->gathered_room = room;
    return 0;
}

/* Makes room for a body that the server says the size of. */
static int expect_body(struct shoal_fetch *fetch, int64_t length)
{
    if (fetch->on_data || length < 0)
        return 0;
    if ((uint64_t)length > fetch->max_body)
        return -SHOAL_EOVERFLOW;
    return reserve(fetch, (length < MOST_RESERVED ? (size_t)length : MOST_RESERVED) + 1);
}

static int keep_head(struct shoal_fetch *fetch, const struct shoal__head *head)
{
    int rc = keep_fields(fetch, head->fields, head->field_count, &fetch->head_fields);
    if (rc < 0)
        return rc;
    fetch->head_status = head->status;
    fetch->version = fetch->stream->session->version;
    fetch->head_field_count = head->field_count;
    return 0;
}

/* Redirects */

static bool is_method(const struct shoal_fetch *fetch, const char *method)
{
    return strcmp(fetch->method, method) == 0;
}

/* Whether the next request repeats this one; else it is a GET. */
static bool repeats(const struct shoal_fetch *fetch)
{
    if (fetch->head_status == 303)
        return is_method(fetch, "HEAD");
    return fetch->head_status >= 307 || !is_method(fetch, "POST");
}

/* Where the redirect leads, or NULL where it is an answer like any other: no good URL, one that
 * would lay open what TLS has hidden, or a body that cannot be sent again. */
static const char *where_to(struct shoal_fetch *fetch, const struct shoal__head *head)
{
    const struct shoal__http_field *location =
        shoal__http_field_find(head->fields, head->field_count, shoal_view_of("location"));
    bool moved =
        (head->status >= 301 && head->status <= 303) || head->status == 307 || head->status == 308;
    if (!moved || !location || fetch->redirects == 0 || (fetch->streams && repeats(fetch)))
        return NULL;
    struct shoal__client_url from, to;
    const char *url = shoal__client_url_resolve(&fetch->arena, fetch->url, location->value);
    bool good = url && shoal__client_url_parse(fetch->url, &from) == 0 &&
                shoal__client_url_parse(url, &to) == 0 && from.tls <= to.tls;
    return good ? url : NULL;
}

static void become_get(struct shoal_fetch *fetch)
{
    fetch->method = "GET";
    fetch->has_body = fetch->streams = false;
    fetch->said_all = true;
    shoal__buf_fini(&fetch->body);
    shoal__buf_fini(&fetch->unsent);
    shoal__http_fields_remove(&fetch->fields, shoal_view_of("content-type"));
    shoal__http_fields_remove(&fetch->fields, shoal_view_of("content-encoding"));
}

int shoal__fetch_aim(struct shoal_fetch *fetch, const struct shoal__client_url *url)
{
    bool rooted = url->target.size > 0 && url->target.data[0] == '/';
    char *target = shoal__arena_printf(&fetch->arena, "%s%.*s", rooted ? "" : "/",
                                       (int)url->target.size, url->target.data);
    if (!target)
        return -SHOAL_ENOMEM;
    fetch->target = shoal_view_of(target);
    fetch->authority = url->authority;
    int rc = url->tls ? shoal__client_tls(fetch->client) : 0;
    return rc < 0 ? rc : shoal__client_enqueue(fetch, url);
}

/* What was meant for one host is not told to another. */
static void keep_secrets(struct shoal_fetch *fetch, const struct shoal__client_url *to)
{
    struct shoal__client_url from;
    if (shoal__client_url_parse(fetch->url, &from) == 0 && from.port == to->port &&
        from.tls == to->tls && shoal__http_name_equal(from.host, to->host))
        return;
    shoal__http_fields_remove(&fetch->fields, shoal_view_of("authorization"));
    shoal__http_fields_remove(&fetch->fields, shoal_view_of("cookie"));
}

/* The redirect's own answer is over. */
static void follow(struct shoal_fetch *fetch)
{
    struct shoal__client_url to;
    int rc = shoal__client_url_parse(fetch->next_url, &to);
    if (rc == 0 && !repeats(fetch))
        become_get(fetch);
    if (rc == 0)
        keep_secrets(fetch, &to);
    fetch->url = fetch->next_url;
    fetch->next_url = NULL;
    fetch->redirects--;
    fetch->head_status = 0;
    fetch->head_field_count = fetch->skipped = 0;
    fetch->heard = fetch->whole = false;
    fetch->tries = 0;
    if (rc == 0)
        rc = shoal__fetch_aim(fetch, &to);
    if (rc < 0)
        shoal__fetch_finish(fetch, rc);
}

static void skip(struct shoal_fetch *fetch, size_t size)
{
    fetch->skipped += size;
    shoal__stream_consume(fetch->stream, size);
    if (fetch->skipped <= SKIPPED_MAX || fetch->whole)
        return;
    fetch->whole = true; /* enough of it; its stream goes, and with HTTP/1 the connection */
    shoal__stream_reset(fetch->stream, SHOAL__H2_CANCEL);
}

/* The response's body */

static int gather(struct shoal_fetch *fetch, struct shoal_view data)
{
    size_t size;
    if (!shoal__add_size(fetch->gathered_size, data.size, &size) || size > fetch->max_body)
        return -SHOAL_EOVERFLOW;
    size_t room = fetch->gathered_room ? fetch->gathered_room : FIRST_GATHERED;
    while (room <= size)
        room *= 2;
    if (reserve(fetch, room) < 0)
        return -SHOAL_ENOMEM;
    memcpy(fetch->gathered + fetch->gathered_size, data.data, data.size);
    fetch->gathered_size = size;
    fetch->gathered[size] = '\0';
    return 0;
}

static void deliver(struct shoal_fetch *fetch, struct shoal_view data)
{
    int rc = 0;
    if (fetch->on_data)
        fetch->on_data(fetch, data, fetch->arg);
    else
        rc = gather(fetch, data);
    if (rc < 0)
        shoal__fetch_give_up(fetch, rc);
    else if (fetch->stream)
        shoal__stream_consume(fetch->stream, data.size);
}

/* One piece of what was held; false where there is none. */
static bool deliver_held(struct shoal_fetch *fetch)
{
    struct iovec piece;
    if (fetch->paused || shoal_buf_peek(&fetch->held, &piece, 1) == 0)
        return false;
    struct shoal_buf now = {0};
    shoal_buf_move(&now, &fetch->held); /* the callback may give the fetch up */
    deliver(fetch, shoal_view(piece.iov_base, piece.iov_len));
    shoal_buf_consume(&now, piece.iov_len);
    if (!fetch->given_up)
        shoal_buf_move(&fetch->held, &now);
    shoal__buf_fini(&now);
    return true;
}

/* The response is whole. Where the request is not, nobody wants the rest of it. */
static void came(struct shoal_fetch *fetch)
{
    fetch->whole = true;
    if (!fetch->said_all)
        shoal__stream_reset(fetch->stream, SHOAL__H2_CANCEL);
}

/* The stream's events. Once the fetch has ended it has no stream, and the stream no fetch. */

static void on_head(struct shoal__stream *stream, const struct shoal__head *head, bool end)
{
    struct shoal_fetch *fetch = stream->user;
    if (!fetch)
        return;
    fetch->heard = true;
    if (head->status < 200 && head->status != 101)
        return;
    int rc = keep_head(fetch, head);
    fetch->next_url = rc == 0 ? where_to(fetch, head) : NULL;
    if (rc == 0 && !fetch->next_url && !end)
        rc = expect_body(fetch, head->content_length);
    if (rc < 0) {
        shoal__fetch_finish(fetch, rc);
        return;
    }
    if (!fetch->next_url && fetch->on_head)
        fetch->on_head(fetch, fetch->arg);
    if (end && fetch->stream) /* still: on_head may have given it up */
        came(fetch);
}

static void on_data(struct shoal__stream *stream, struct shoal_view data)
{
    struct shoal_fetch *fetch = stream->user;
    if (!fetch)
        return;
    if (fetch->next_url)
        skip(fetch, data.size);
    else if (!fetch->paused && shoal_buf_size(&fetch->held) == 0)
        deliver(fetch, data);
    else if (shoal_buf_append(&fetch->held, data.data, data.size) < 0)
        shoal__fetch_finish(fetch, -SHOAL_ENOMEM);
}

static void on_end(struct shoal__stream *stream, const struct shoal__http_field *trailers,
                   size_t count)
{
    struct shoal_fetch *fetch = stream->user;
    if (!fetch)
        return;
    if (count > 0 && keep_fields(fetch, trailers, count, &fetch->trailers) < 0) {
        shoal__fetch_finish(fetch, -SHOAL_ENOMEM);
        return;
    }
    fetch->trailer_count = count;
    came(fetch);
}

static void on_drained(struct shoal__stream *stream)
{
    struct shoal_fetch *fetch = stream->user;
    int rc = 0;
    if (!fetch)
        return;
    if (shoal_buf_size(&fetch->unsent) > 0)
        rc = push(fetch);
    if (rc < 0)
        shoal__fetch_finish(fetch, rc);
    if (rc != 0)
        return;
    fetch->choked = false;
    if (fetch->on_drained && !fetch->said_all)
        fetch->on_drained(fetch, fetch->arg);
}

static bool is_idempotent(const struct shoal_fetch *fetch)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    bool found = false;
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        found = found || is_method(fetch, methods[i]);
    return found;
}

static bool may_repeat(const struct shoal_fetch *fetch, uint32_t error)
{
    bool refused = error == SHOAL__H2_REFUSED_STREAM;
    bool was_dead = error == SHOAL__H2_CANCEL && fetch->kept_link && is_idempotent(fetch);
    bool again = (refused && fetch->tries < MOST_REFUSALS) || (was_dead && fetch->tries == 0);
    return again && !fetch->heard && !fetch->streams && !shoal__client_is_closing(fetch->client);
}

static int status_of(const struct shoal_fetch *fetch, uint32_t error)
{
    switch (error) {
    case SHOAL__H2_PROTOCOL_ERROR:
    case SHOAL__H2_FLOW_CONTROL_ERROR:
    case SHOAL__H2_FRAME_SIZE_ERROR:
    case SHOAL__H2_COMPRESSION_ERROR:
        return -SHOAL_EPROTOCOL;
    case SHOAL__H2_ENHANCE_YOUR_CALM: /* what our side says to too large a head */
        return fetch->head_status == 0 ? -SHOAL_EOVERFLOW : -SHOAL_EPIPE;
    default:
        return -SHOAL_EPIPE;
    }
}

static void on_close(struct shoal__stream *stream, uint32_t error)
{
    struct shoal_fetch *fetch = stream->user;
    if (!fetch)
        return;
    struct client_link *link = stream->session->user;
    fetch->stream = NULL;
    if (fetch->whole) {
        link->served++;
        if (fetch->next_url)
            follow(fetch);
        else
            shoal__fetch_finish(fetch, 0);
    } else if (may_repeat(fetch, error)) {
        fetch->tries++;
        shoal__client_enqueue_again(fetch);
    } else {
        shoal__fetch_finish(fetch, status_of(fetch, error));
    }
}

static const struct shoal__stream_events stream_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_close = on_close,
};

/* Ends */

void shoal__fetch_finish(struct shoal_fetch *fetch, int status)
{
    if (fetch->state == FETCH_ENDED)
        return;
    shoal_timer_stop(&fetch->deadline);
    shoal__client_dequeue(fetch);
    if (fetch->stream) {
        fetch->stream->user = NULL;
        shoal__stream_reset(fetch->stream, SHOAL__H2_CANCEL);
        fetch->stream = NULL;
    }
    fetch->state = FETCH_ENDED;
    fetch->status = status;
    shoal__fetch_schedule(fetch);
}

void shoal__fetch_give_up(struct shoal_fetch *fetch, int status)
{
    fetch->given_up = true;
    fetch->paused = false;
    shoal__buf_fini(&fetch->held);
    shoal__fetch_finish(fetch, status);
    fetch->status = status; /* also where it had ended, and was paused */
    shoal__fetch_schedule(fetch);
}

void shoal__fetch_schedule(struct shoal_fetch *fetch)
{
    if (fetch->scheduled)
        return;
    fetch->scheduled = true;
    shoal_defer(fetch->client->loop, &fetch->task);
}

void shoal__fetch_catch_up(struct shoal_fetch *fetch)
{
    fetch->scheduled = false;
    if (fetch->tell_drained) {
        fetch->tell_drained = fetch->choked = false;
        if (fetch->on_drained && fetch->state == FETCH_OPEN && !fetch->said_all)
            fetch->on_drained(fetch, fetch->arg);
    }
    while (deliver_held(fetch))
        continue;
    bool over = fetch->state == FETCH_ENDED && !fetch->paused && !fetch->scheduled;
    if (!over)
        return;
    fetch->scheduled = true; /* from here on nothing brings it back */
    fetch->done(fetch, fetch->status, fetch->arg);
    shoal__fetch_free(fetch);
}

void shoal__fetch_free(struct shoal_fetch *fetch)
{
    struct shoal_http_client *client = fetch->client;
    shoal_timer_stop(&fetch->deadline);
    shoal__list_remove(&fetch->node);
    shoal__buf_fini(&fetch->body);
    shoal__buf_fini(&fetch->unsent);
    shoal__buf_fini(&fetch->held);
    shoal__arena_fini(&fetch->arena);
    free(fetch->gathered);
    free(fetch);
    shoal__client_let_go(client);
}
