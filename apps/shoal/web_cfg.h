/* SPDX-License-Identifier: BSD-3-Clause */
/* What all services that speak HTTP take from the options. */
#ifndef APPS_SHOAL_WEB_CFG_H
#define APPS_SHOAL_WEB_CFG_H

#include <shoal/http.h>

#include "host.h"

/* The library's defaults with the options in their place, and the access log where one is wanted;
 * `listen` is borrowed. Thread: main's, before loops run. */
struct shoal_http_cfg web_cfg(struct host *host, const struct shoal_listen_cfg *listen);

#endif
