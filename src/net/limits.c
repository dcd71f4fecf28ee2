/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admission. The total is one atomic, incremented first and looked at afterwards; the places per
 * address are in a table that has its own locks (runtime/counts.h).
 */
#include "net/limits.h"

#include <shoal/error.h>

#include "net/address.h"
#include "net/net_server.h"
#include "runtime/counts.h"
#include "runtime/server.h"

static void give_back_total(struct shoal_server *server)
{
    atomic_fetch_sub_explicit(shoal__server_connections(server), 1, memory_order_relaxed);
}

static enum shoal_refusal take_address_slot(struct shoal_server *server, size_t max,
                                            const struct shoal__address *peer)
{
    struct shoal_view key = shoal__address_key(peer);
    if (key.size == 0)
        return SHOAL__ADMITTED; /* Unix sockets have no address to count by */
    struct shoal__net_server *net = shoal__net_server_get(server);
    int rc = net ? shoal__counts_try_inc(net->per_address, key, max) : -SHOAL_ENOMEM;
    if (rc == 0)
        return SHOAL__ADMITTED;
    return rc == -SHOAL_EFULL ? SHOAL_REFUSED_ADDRESS : SHOAL_REFUSED_MEMORY;
}

enum shoal_refusal shoal__admit(struct shoal_server *server, const struct shoal__address *peer)
{
    _Atomic size_t *total = shoal__server_connections(server);
    if (atomic_fetch_add_explicit(total, 1, memory_order_relaxed) >=
        shoal__server_max_connections(server)) {
        give_back_total(server);
        return SHOAL_REFUSED_CONNECTIONS;
    }

    size_t max = shoal__server_cfg(server)->max_per_address;
    enum shoal_refusal answer = max == 0 ? SHOAL__ADMITTED : take_address_slot(server, max, peer);
    if (answer != SHOAL__ADMITTED)
        give_back_total(server);
    return answer;
}

void shoal__admit_undo(struct shoal_server *server, const struct shoal__address *peer)
{
    shoal__address_slot_release(server, peer);
    give_back_total(server);
}

void shoal__address_slot_release(struct shoal_server *server, const struct shoal__address *peer)
{
    struct shoal_view key = shoal__address_key(peer);
    if (key.size == 0 || shoal__server_cfg(server)->max_per_address == 0)
        return;
    shoal__counts_dec(shoal__net_server_get(server)->per_address, key);
}
