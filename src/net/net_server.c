/* SPDX-License-Identifier: BSD-3-Clause */
/* The net layer's state of a server: made, stopped and freed on behalf of the runtime. */
#include "net/net_server.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <shoal/error.h>
#include <shoal/tls.h>

#include "runtime/counts.h"

static struct shoal__net_server *of(struct shoal__server_net *base)
{
    return (struct shoal__net_server *)base;
}

static void stop(struct shoal__server_net *base)
{
    shoal__resolver_stop(&of(base)->resolver);
}

static void destroy(struct shoal__server_net *base)
{
    struct shoal__net_server *net = of(base);
    struct shoal_tls *tls = atomic_load_explicit(&net->client_tls, memory_order_acquire);
    shoal_tls_unref(&tls);
    shoal__resolver_fini(&net->resolver);
    shoal__counts_destroy(&net->per_address);
    free(net);
}

static struct shoal__server_net *create(struct shoal_server *server)
{
    (void)server;
    struct shoal__net_server *net = calloc(1, sizeof(*net));
    if (!net)
        return NULL;
    if (shoal__counts_create(&net->per_address) < 0) {
        free(net);
        return NULL;
    }
    net->base = (struct shoal__server_net){.stop = stop, .destroy = destroy};
    return &net->base;
}

struct shoal__net_server *shoal__net_server_get(struct shoal_server *server)
{
    struct shoal__server_net *base = shoal__server_net_state(server, create);
    return base ? of(base) : NULL;
}

int shoal__net_server_client_tls(struct shoal_server *server, struct shoal_tls **out_tls)
{
    struct shoal__net_server *net = shoal__net_server_get(server);
    if (!net)
        return -SHOAL_ENOMEM;
    struct shoal_tls *tls = atomic_load_explicit(&net->client_tls, memory_order_acquire);
    if (!tls) {
        struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
        struct shoal_tls *fresh = NULL;
        cfg.client = true;
        int rc = shoal_tls_create(&cfg, &fresh, NULL, 0);
        if (rc < 0)
            return rc;
        /* Two loops may come here at once: the first one's stays. */
        if (atomic_compare_exchange_strong_explicit(&net->client_tls, &tls, fresh,
                                                    memory_order_acq_rel, memory_order_acquire))
            tls = fresh;
        else
            shoal_tls_unref(&fresh);
    }
    *out_tls = tls;
    return 0;
}
