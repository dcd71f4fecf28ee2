/* SPDX-License-Identifier: BSD-3-Clause */
/* Hosts and ports (see authority.h). Pure functions over bytes that nobody has looked at yet. */
#include "proto/http/authority.h"

#include "proto/http/chars.h"

/* The end of the host in [from, end), which is not empty; NULL where there is none. */
static const char *host_end(const char *from, const char *end)
{
    if (*from != '[') {
        const char *stop = shoal__http_skip(from, end, HTTP_HOST_CHAR);
        return stop > from ? stop : NULL;
    }
    const char *stop = shoal__http_skip(from + 1, end, HTTP_IPV6_CHAR);
    return stop < end && *stop == ']' && stop - from > 2 ? stop + 1 : NULL;
}

static bool is_port(const char *from, const char *end)
{
    unsigned port = 0;
    for (; from < end; from++) {
        if (*from < '0' || *from > '9')
            return false;
        port = port * 10 + (unsigned)(*from - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

bool shoal__http_is_authority(struct shoal_view authority, bool needs_port)
{
    if (authority.size == 0)
        return false;
    const char *end = authority.data + authority.size;
    const char *colon = host_end(authority.data, end);
    if (!colon)
        return false;
    if (colon == end)
        return !needs_port;
    if (*colon != ':' || (needs_port && colon + 1 == end))
        return false;
    return is_port(colon + 1, end);
}
