/* SPDX-License-Identifier: BSD-3-Clause */
/* The price board; see board.h. */
#include "board.h"

#include <stdio.h>
#include <sysexits.h>

#include <shoal/error.h>

#include "parse.h"

enum { ERROR_MAX = 160, PATH_SHOWN_MAX = 256 };

int board_prepare(struct host *host)
{
    const char *path = host->options->prices;
    if (host->prices)
        return 0;
    char error[ERROR_MAX] = "out of memory";
    host->prices = path ? prices_load(path, error, sizeof(error)) : prices_builtin();
    if (host->prices)
        return 0;
    if (!path)
        return host_fail(host->options, EX_OSERR, "cannot put up the price list: %s", error);
    return host_fail(host->options, EX_NOINPUT, "cannot read prices from %s: %s", path, error);
}

void board_finish(struct host *host)
{
    prices_unref(&host->prices);
}

void board_loop_start(struct host *host, struct host_loop *loop)
{
    loop->prices = host->prices ? prices_ref(host->prices) : NULL;
}

void board_loop_exit(struct host_loop *loop)
{
    prices_unref(&loop->prices);
}

static void adopt_prices(struct shoal_loop *loop, void *arg)
{
    struct host_loop *self = host_loop_of(loop);
    prices_unref(&self->prices);
    self->prices = arg;
}

static void publish(struct host *host)
{
    unsigned loops = shoal_server_loops(host->server);
    for (unsigned i = 0; i < loops; i++) {
        struct prices *prices = prices_ref(host->prices);
        int rc = shoal_call(shoal_server_loop(host->server, i), adopt_prices, prices);
        if (rc == 0)
            continue;
        log_write(&host->log, SHOAL_LOG_ERROR, "msg=\"loop keeps old prices\" loop=%u error=\"%s\"",
                  i, shoal_strerror(rc));
        prices_unref(&prices);
    }
}

void board_reload(struct host *host)
{
    if (!host->prices || !host->options->prices)
        return;
    char error[ERROR_MAX];
    char path[PATH_SHOWN_MAX];
    escape_text(shoal_view_of(host->options->prices), path, sizeof(path));
    struct prices *fresh = prices_load(host->options->prices, error, sizeof(error));
    if (!fresh) {
        log_write(&host->log, SHOAL_LOG_ERROR, "msg=\"prices kept\" file=\"%s\" error=\"%s\"", path,
                  error);
        return;
    }
    prices_unref(&host->prices);
    host->prices = fresh;
    publish(host);
    log_write(&host->log, SHOAL_LOG_INFO, "msg=\"prices read\" file=\"%s\"", path);
}

const struct prices *board_prices(struct shoal_loop *loop)
{
    return host_loop_of(loop)->prices;
}
