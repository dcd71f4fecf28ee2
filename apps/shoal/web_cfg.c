/* SPDX-License-Identifier: BSD-3-Clause */
/* Options to the configuration of an HTTP listener; see web_cfg.h. */
#include "web_cfg.h"

struct shoal_http_cfg web_cfg(struct host *host, const struct shoal_listen_cfg *listen)
{
    const struct options *options = host->options;
    struct shoal_http_cfg cfg = SHOAL_HTTP_CFG_INIT;
    cfg.listen = listen;
    cfg.body_stall_ms = options->idle_timeout_ms;
    cfg.request_ms = options->request_timeout_ms;
    cfg.max_fields_bytes = (uint32_t)options->max_header;
    cfg.max_streams = (uint32_t)options->max_streams;
    cfg.server_field = options->server_header;
    if (options->access_log) {
        cfg.log_access = access_log_write;
        cfg.log_arg = &host->access_log;
    }
    return cfg;
}
