/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked for: options read, checked and copied; and the calls on a fetch. */
#include <stdlib.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "proto/web/client_driver.h"
#include "proto/web/client_url.h"
#include "runtime/loop.h"

enum { MOST_GATHERED = 64 * 1024 * 1024 }; /* where the caller does not say */

/* Options */

static bool brings_body(const struct shoal_fetch_cfg *cfg)
{
    return cfg->stream || cfg->buf || cfg->body.size > 0;
}

static bool is_one_of(const char *text, const char *const *list)
{
    while (*list && strcmp(*list, text) != 0)
        list++;
    return *list != NULL;
}

static const char *method_of(const struct shoal_fetch_cfg *cfg)
{
    if (cfg->method)
        return cfg->method;
    return brings_body(cfg) ? "POST" : "GET";
}

/* A server may wait for a body that these methods do not bring, unless it is told that none is. */
static bool has_body(const struct shoal_fetch_cfg *cfg)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};
    return brings_body(cfg) || is_one_of(method_of(cfg), methods);
}

static bool is_sane(const struct shoal_fetch_cfg *cfg)
{
    static const char *const tunnels[] = {"CONNECT", NULL};
    struct shoal_view method = shoal_view_of(method_of(cfg));
    return cfg->done && cfg->length >= 0 && cfg->deadline_ms >= 0 && shoal__http_is_token(method) &&
           !is_one_of(method.data, tunnels);
}

/* Fields */

static int add_field(struct shoal_fetch *fetch, const char *name, const char *value)
{
    return shoal__http_fields_add(&fetch->fields, &fetch->arena, shoal_view_of(name),
                                  shoal_view_of(value));
}

static int add_fields(struct shoal_fetch *fetch, const struct shoal_fetch_cfg *cfg)
{
    const char *agent = fetch->client->cfg.user_agent;
    int rc = 0;
    for (size_t i = 0; i < cfg->field_count && rc == 0; i++)
        rc = add_field(fetch, cfg->fields[i].name, cfg->fields[i].value);
    if (rc == 0 && cfg->type)
        rc = shoal__http_fields_set(&fetch->fields, &fetch->arena, shoal_view_of("Content-Type"),
                                    shoal_view_of(cfg->type));
    bool has_agent = shoal__http_field_find(fetch->fields.items, fetch->fields.count,
                                            shoal_view_of("User-Agent")) != NULL;
    if (rc == 0 && agent && !has_agent)
        rc = add_field(fetch, "User-Agent", agent);
    return rc;
}

/* The body */

static int add_body(struct shoal_fetch *fetch, const struct shoal_fetch_cfg *cfg)
{
    fetch->has_body = has_body(cfg);
    fetch->streams = cfg->stream;
    fetch->said_all = !cfg->stream;
    if (cfg->stream) {
        fetch->length = cfg->length > 0 ? cfg->length : -1;
        return 0;
    }
    if (cfg->body.size > 0 && shoal_buf_append(&fetch->body, cfg->body.data, cfg->body.size) < 0)
        return -SHOAL_ENOMEM;
    fetch->length = (int64_t)(cfg->buf ? shoal_buf_size(cfg->buf) : cfg->body.size);
    return 0;
}

/* Creation */

static void on_deadline(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    shoal__fetch_give_up(arg, -SHOAL_ETIMEDOUT);
}

static void on_task(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    shoal__fetch_catch_up(arg);
}

static void init(struct shoal_fetch *fetch, struct shoal_http_client *client,
                 const struct shoal_fetch_cfg *cfg)
{
    fetch->client = client;
    shoal__list_push_back(&client->fetches, &fetch->node);
    shoal__list_init(&fetch->waiting);
    shoal__arena_init(&fetch->arena, NULL);
    shoal_timer_init(&fetch->deadline, on_deadline, fetch);
    fetch->task = (struct shoal_task)SHOAL_TASK(on_task, fetch);
    fetch->max_body = cfg->max_body > 0 ? cfg->max_body : MOST_GATHERED;
    fetch->redirects = cfg->redirects;
    fetch->on_head = cfg->on_head;
    fetch->on_data = cfg->on_data;
    fetch->on_drained = cfg->on_drained;
    fetch->done = cfg->done;
    fetch->arg = cfg->arg;
}

static int copy_request(struct shoal_fetch *fetch, const struct shoal_fetch_cfg *cfg)
{
    fetch->url = shoal__arena_strdup(&fetch->arena, shoal_view_of(cfg->url));
    fetch->method = shoal__arena_strdup(&fetch->arena, shoal_view_of(method_of(cfg)));
    if (!fetch->url || !fetch->method)
        return -SHOAL_ENOMEM;
    int rc = add_fields(fetch, cfg);
    if (rc == 0)
        rc = add_body(fetch, cfg);
    return rc;
}

/* A buffer's segments are taken last, when nothing can fail any more: on failure it stays the
 * caller's. Until the fetch is on its way nobody looks at them. */
static int start(struct shoal_fetch *fetch, const struct shoal_fetch_cfg *cfg)
{
    struct shoal__client_url url;
    int rc = copy_request(fetch, cfg);
    if (rc == 0)
        rc = shoal__client_url_parse(fetch->url, &url);
    if (rc == 0 && cfg->deadline_ms > 0)
        rc = shoal_timer_start(fetch->client->loop, &fetch->deadline, cfg->deadline_ms);
    if (rc < 0)
        return rc;
    if (cfg->buf && !cfg->stream)
        shoal_buf_move(&fetch->body, cfg->buf);
    rc = shoal__fetch_aim(fetch, &url);
    if (rc < 0 && cfg->buf && !cfg->stream)
        shoal_buf_move(cfg->buf, &fetch->body);
    return rc;
}

int shoal_http_fetch(struct shoal_http_client *client, const struct shoal_fetch_cfg *cfg,
                     struct shoal_fetch **out_fetch)
{
    SHOAL__ASSERT_OWNER(client->loop);
    struct shoal__client_url url;
    if (shoal__client_is_closing(client))
        return -SHOAL_ESTOPPED;
    if (!cfg->url || shoal__client_url_parse(cfg->url, &url) < 0)
        return -SHOAL_EURL;
    if (!is_sane(cfg))
        return -SHOAL_EINVAL;
    struct shoal_fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch)
        return -SHOAL_ENOMEM;
    init(fetch, client, cfg);
    int rc = start(fetch, cfg);
    if (rc < 0) {
        shoal__fetch_free(fetch);
        return rc;
    }
    if (out_fetch)
        *out_fetch = fetch;
    return 0;
}

int shoal_http_get(struct shoal_http_client *client, const char *url, shoal_fetch_done_fn *done,
                   void *arg)
{
    struct shoal_fetch_cfg cfg = {.url = url, .done = done, .arg = arg};
    return shoal_http_fetch(client, &cfg, NULL);
}

int shoal_http_post(struct shoal_http_client *client, const char *url, const char *type,
                    struct shoal_view body, shoal_fetch_done_fn *done, void *arg)
{
    struct shoal_fetch_cfg cfg = {
        .url = url, .method = "POST", .type = type, .body = body, .done = done, .arg = arg};
    return shoal_http_fetch(client, &cfg, NULL);
}

/* A streamed body */

static int may_write(const struct shoal_fetch *fetch)
{
    SHOAL__ASSERT_OWNER(fetch->client->loop);
    if (!fetch->streams || fetch->said_all)
        return -SHOAL_ESTATE;
    return fetch->state == FETCH_ENDED || fetch->whole ? -SHOAL_EPIPE : 0;
}

/* Whether the stream takes what is written now: there is one, and nothing is before that. */
static bool is_direct(const struct shoal_fetch *fetch)
{
    return fetch->stream && shoal_buf_size(&fetch->unsent) == 0;
}

/* Whether as much more may wait. */
static int may_keep(const struct shoal_fetch *fetch, size_t size)
{
    size_t most = fetch->client->limits.out_max;
    size_t waiting = shoal__buf_memory(&fetch->unsent);
    return size > most || waiting > most - size ? -SHOAL_EFULL : 0;
}

static int written(struct shoal_fetch *fetch, int rc)
{
    if (rc == 1)
        fetch->choked = true;
    return rc;
}

static int kept(struct shoal_fetch *fetch)
{
    bool high = shoal_buf_size(&fetch->unsent) > fetch->client->limits.out_high;
    return written(fetch, fetch->choked || high);
}

int shoal_fetch_write(struct shoal_fetch *fetch, struct shoal_view part)
{
    int rc = may_write(fetch);
    if (rc < 0)
        return rc;
    if (is_direct(fetch))
        return written(fetch, shoal__stream_write(fetch->stream, part));
    rc = may_keep(fetch, part.size);
    if (rc == 0 && part.size > 0)
        rc = shoal_buf_append(&fetch->unsent, part.data, part.size);
    return rc < 0 ? rc : kept(fetch);
}

int shoal_fetch_write_buf(struct shoal_fetch *fetch, struct shoal_buf *part)
{
    int rc = may_write(fetch);
    if (rc < 0)
        return rc;
    if (is_direct(fetch))
        return written(fetch, shoal__stream_write_buf(fetch->stream, part));
    rc = may_keep(fetch, shoal__buf_memory(part));
    if (rc < 0)
        return rc;
    shoal_buf_move(&fetch->unsent, part);
    return kept(fetch);
}

int shoal_fetch_end(struct shoal_fetch *fetch)
{
    int rc = may_write(fetch);
    if (rc == 0 && is_direct(fetch))
        rc = shoal__stream_end(fetch->stream, NULL, 0);
    if (rc == 0)
        fetch->said_all = true;
    return rc;
}

/* Flow and end */

void shoal_fetch_pause(struct shoal_fetch *fetch)
{
    SHOAL__ASSERT_OWNER(fetch->client->loop);
    fetch->paused = !fetch->given_up;
}

void shoal_fetch_resume(struct shoal_fetch *fetch)
{
    SHOAL__ASSERT_OWNER(fetch->client->loop);
    if (!fetch->paused)
        return;
    fetch->paused = false;
    shoal__fetch_schedule(fetch);
}

void shoal_fetch_cancel(struct shoal_fetch *fetch)
{
    SHOAL__ASSERT_OWNER(fetch->client->loop);
    shoal__fetch_give_up(fetch, -SHOAL_ECANCELED);
}

/* The response */

unsigned shoal_fetch_status(const struct shoal_fetch *fetch)
{
    return fetch->head_status;
}

unsigned shoal_fetch_version(const struct shoal_fetch *fetch)
{
    return fetch->version;
}

struct shoal_view shoal_fetch_field(const struct shoal_fetch *fetch, const char *name)
{
    return shoal__http_field_value(fetch->head_fields, fetch->head_field_count, name);
}

struct shoal_view shoal_fetch_trailer(const struct shoal_fetch *fetch, const char *name)
{
    return shoal__http_field_value(fetch->trailers, fetch->trailer_count, name);
}

struct shoal_view shoal_fetch_body(const struct shoal_fetch *fetch)
{
    if (fetch->gathered_size == 0)
        return shoal_view(fetch->head_status ? "" : NULL, 0);
    return shoal_view(fetch->gathered, fetch->gathered_size);
}

const char *shoal_fetch_url(const struct shoal_fetch *fetch)
{
    return fetch->url;
}

void *shoal_fetch_data(const struct shoal_fetch *fetch)
{
    return fetch->data;
}

void shoal_fetch_set_data(struct shoal_fetch *fetch, void *data)
{
    fetch->data = data;
}
