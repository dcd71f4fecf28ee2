/* SPDX-License-Identifier: BSD-3-Clause */
/* The client: its options, what all of its fetches share, and its end, with its loop at the latest.
 */
#include "proto/web/client_driver.h"

#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/tls.h>

#include "base/cfg.h"
#include "proto/web/connect_driver.h"
#include "runtime/loop.h"

enum {
    MAX_FIELDS = 256, /* of a response */
    WINDOWS = 8,      /* of streams, that fit into a session's */
};

/* The clients of a loop, for the loop's end. */
struct client_local {
    struct shoal__loop_local local;
    struct shoal__list clients;
};

static void free_client(struct shoal_http_client *client)
{
    shoal__list_remove(&client->node);
    shoal_tls_unref(&client->tls);
    shoal__hashmap_fini(&client->origins);
    shoal__arena_fini(&client->arena);
    free(client);
}

void shoal__client_let_go(struct shoal_http_client *client)
{
    if (client->closing && client->links == 0 && shoal__list_is_empty(&client->fetches))
        free_client(client);
}

bool shoal__client_is_closing(const struct shoal_http_client *client)
{
    return client->closing || client->loop->draining || client->loop->stopping;
}

/* The loop has ended, and its connections with it: what is left was paused, or never destroyed. */
static void destroy_local(struct shoal__loop_local *base)
{
    struct client_local *local = (struct client_local *)base;
    for (struct shoal__list *node; (node = shoal__list_first(&local->clients));) {
        struct shoal_http_client *client = SHOAL_CONTAINER_OF(node, struct shoal_http_client, node);
        struct shoal__list *fetch;
        client->closing = false; /* so that it stays until we are done with it */
        while ((fetch = shoal__list_first(&client->fetches))) {
            struct shoal_fetch *last = SHOAL_CONTAINER_OF(fetch, struct shoal_fetch, node);
            shoal__fetch_give_up(last, -SHOAL_ECANCELED);
            shoal__fetch_catch_up(last);
        }
        free_client(client);
    }
    free(local);
}

static struct shoal__loop_local *create_local(void)
{
    struct client_local *local = calloc(1, sizeof(*local));
    if (!local)
        return NULL;
    local->local.destroy = destroy_local;
    shoal__list_init(&local->clients);
    return &local->local;
}

int shoal__client_tls(struct shoal_http_client *client)
{
    static const char *const both[] = {"h2", "http/1.1", NULL};
    static const char *const one[] = {"http/1.1", NULL};
    const struct shoal_http_client_cfg *cfg = &client->cfg;
    struct shoal__connect_files files = {cfg->ca_file, cfg->cert_file, cfg->key_file,
                                         cfg->no_verify};
    return client->tls ? 0 : shoal__connect_tls(&files, cfg->no_http2 ? one : both, &client->tls);
}

static struct shoal__session_limits session_limits(const struct shoal_http_client_cfg *cfg)
{
    struct shoal__session_limits limits = SHOAL__SESSION_LIMITS_INIT;
    limits.max_fields = MAX_FIELDS;
    limits.max_fields_bytes = cfg->max_fields_bytes;
    limits.stream_window = cfg->stream_window < INT32_MAX ? cfg->stream_window : INT32_MAX;
    limits.session_window =
        limits.stream_window < INT32_MAX / WINDOWS ? limits.stream_window * WINDOWS : INT32_MAX;
    limits.read_stall_ms = limits.write_stall_ms = 0; /* a fetch has its own deadline, or none */
    return limits;
}

static struct shoal_limits conn_limits(const struct shoal_http_client_cfg *cfg)
{
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.handshake_ms = cfg->connect_ms;
    limits.first_byte_ms = limits.read_stall_ms = limits.write_stall_ms = 0;
    limits.idle_ms = cfg->idle_ms;
    limits.max_input = 0; /* the session's limits are enough */
    return limits;
}

/* NULL stays NULL. */
static bool keep_string(struct shoal__arena *arena, const char **string)
{
    if (*string)
        *string = shoal__arena_strdup(arena, shoal_view_of(*string));
    return *string != NULL;
}

static bool keep_strings(struct shoal_http_client *client,
                         const struct shoal_http_client_cfg *given)
{
    struct shoal_http_client_cfg *cfg = &client->cfg;
    struct shoal__arena *arena = &client->arena;
    return keep_string(arena, &cfg->ca_file) == (given->ca_file != NULL) &&
           keep_string(arena, &cfg->cert_file) == (given->cert_file != NULL) &&
           keep_string(arena, &cfg->key_file) == (given->key_file != NULL) &&
           keep_string(arena, &cfg->user_agent) == (given->user_agent != NULL);
}

static int prepare(struct shoal_http_client *client, const struct shoal_http_client_cfg *cfg)
{
    struct shoal__hash_key seed;
    int rc = shoal__hash_seed(&seed);
    if (rc < 0)
        return rc;
    shoal__hashmap_init(&client->origins, seed);
    client->cfg = *cfg;
    client->limits = session_limits(cfg);
    client->conn_limits = conn_limits(cfg);
    if (!keep_strings(client, cfg))
        return -SHOAL_ENOMEM;
    bool own_files = cfg->ca_file || cfg->cert_file;
    rc = own_files ? shoal__client_tls(client) : 0;
    return rc == -SHOAL_ECERT ? -SHOAL_EINVAL : rc;
}

static bool is_sane(const struct shoal_http_client_cfg *cfg)
{
    struct shoal_view agent = shoal_view_of(cfg->user_agent ? cfg->user_agent : "");
    return !cfg->cert_file == !cfg->key_file && cfg->max_fields_bytes > 0 &&
           cfg->stream_window > 0 && shoal__http_is_value(agent);
}

int shoal_http_client_create(struct shoal_loop *loop, const struct shoal_http_client_cfg *cfg,
                             struct shoal_http_client **out_client)
{
    SHOAL__ASSERT_OWNER(loop);
    static const char key;
    struct shoal_http_client_cfg all = SHOAL_HTTP_CLIENT_CFG_INIT;
    SHOAL__CFG_READ(&all, cfg);
    if (!is_sane(&all))
        return -SHOAL_EINVAL;

    struct client_local *local = (struct client_local *)shoal__loop_local(loop, &key, create_local);
    struct shoal_http_client *client = local ? calloc(1, sizeof(*client)) : NULL;
    if (!client)
        return -SHOAL_ENOMEM;
    client->loop = loop;
    shoal__list_init(&client->idle);
    shoal__list_init(&client->fetches);
    shoal__list_push_back(&local->clients, &client->node);
    shoal__arena_init(&client->arena, NULL);
    int rc = prepare(client, &all);
    if (rc < 0) {
        free_client(client);
        return rc;
    }
    *out_client = client;
    return 0;
}

void shoal_http_client_destroy(struct shoal_http_client **client)
{
    struct shoal_http_client *self = *client;
    *client = NULL;
    if (!self)
        return;
    SHOAL__ASSERT_OWNER(self->loop);
    self->closing = true;
    SHOAL_LIST_FOREACH(node, &self->fetches)
    shoal__fetch_give_up(SHOAL_CONTAINER_OF(node, struct shoal_fetch, node), -SHOAL_ECANCELED);
    shoal__client_close_links(self);
    shoal__client_let_go(self);
}
