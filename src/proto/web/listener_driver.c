/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners as parts of their server; see listener_driver.h. */
#include "proto/web/listener_driver.h"

#include "base/cfg.h"
#include "base/list.h"

static struct shoal__web_listener *listener_of(struct shoal__part *part)
{
    return SHOAL_CONTAINER_OF(part, struct shoal__web_listener, part);
}

static void destroy_part(struct shoal__part *part)
{
    struct shoal__web_listener *self = listener_of(part);
    self->destroy(self);
}

static const struct shoal__part_ops part_ops = {.destroy = destroy_part};

int shoal__web_listen(struct shoal__web_listener *self, const char *url,
                      const struct shoal_listen_cfg *cfg, const struct shoal_limits *limits,
                      const char *const *protocols, struct shoal_listener **out_listener)
{
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    SHOAL__CFG_READ(&listen, cfg);
    listen.limits = limits;
    if (!listen.alpn)
        listen.alpn = protocols;
    self->part.ops = &part_ops;
    int rc = shoal_listen(self->server, url, &self->raw, &listen, out_listener);
    if (rc < 0)
        self->destroy(self);
    else
        shoal__server_add_part(self->server, &self->part);
    return rc;
}
