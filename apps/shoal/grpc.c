/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `grpc`: the program's services with health and reflection, on one listener. */
#include "grpc.h"

#include "board.h"
#include "host.h"

static int listen_grpc(struct host *host, const char *url, const struct shoal_listen_cfg *listen,
                       struct shoal_listener **out_listener)
{
    struct shoal_grpc *grpc = shoal_grpc_create(host->server);
    if (host->options->access_log)
        grpc_add_log(grpc);
    grpc_add_echo(grpc);
    grpc_add_market(grpc);
    (void)shoal_grpc_health(grpc);
    if (host->options->interop)
        grpc_add_interop(grpc);

    /* Idle is a connection without calls, whatever else moves or does not. */
    struct shoal_limits limits = *listen->limits;
    struct shoal_listen_cfg own_listen = *listen;
    struct shoal_grpc_cfg cfg = SHOAL_GRPC_CFG_INIT;
    cfg.max_idle_ms = limits.idle_ms;
    limits.idle_ms = 0;
    own_listen.limits = &limits;
    cfg.listen = &own_listen;
    return shoal_listen_grpc(host->server, url, grpc, &cfg, out_listener);
}

const struct service grpc_service = {
    .name = "grpc",
    .default_url = "tcp://127.0.0.1:50051",
    .try_by = TRY_BY_CALL,
    .prepare = board_prepare,
    .listen = listen_grpc,
};
