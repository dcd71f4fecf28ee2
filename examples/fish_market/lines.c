/* SPDX-License-Identifier: BSD-3-Clause */
/* The fish market by lines: "3 pounds of trout" is paid at once. */
#include <inttypes.h>

#include <shoal/shoal.h>

#include "market.h"

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    struct offer offer;
    if (market_read_offer(line, &offer))
        shoal_conn_printf(conn, "%" PRIu64 " dollars\r\n", market_worth(&offer));
    else
        shoal_conn_printf(conn, "say: 3 pounds of trout\r\n");
}

int main(int argc, char **argv)
{
    static const struct shoal_line_service counter = {
        .name = "market", .max_line = 80, .on_line = on_line};
    struct shoal_server *server = NULL;
    if (shoal_server_create(NULL, &server) < 0)
        return 1;
    shoal_listen_line(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:8080", &counter, NULL, NULL);
    int rc = shoal_run(server, NULL);
    shoal_server_destroy(&server);
    return rc < 0;
}
