/* SPDX-License-Identifier: BSD-3-Clause */
/* The net layer's state of a server: made, stopped and freed on behalf of the runtime. */
#include "net/net_server.h"

#include <stdlib.h>

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
