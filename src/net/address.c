/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses and URLs. The parser is strict: what it does not understand whole it refuses, so that
 * a mistyped URL never listens on something else than was meant.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <shoal/error.h>

enum {
    HOST_MAX = 253, /* the longest name that DNS can hold */
    IPV4_BYTES = 4,
    IPV6_NET_BYTES = 8, /* the /64 that one subscriber has */
};

/* Addresses */

static struct shoal__address from_ipv6(const struct sockaddr_in6 *in6)
{
    struct shoal__address address = {.port = ntohs(in6->sin6_port)};
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        address.family = AF_INET;
        memcpy(address.ip, in6->sin6_addr.s6_addr + 12, IPV4_BYTES);
        return address;
    }
    address.family = AF_INET6;
    address.scope = in6->sin6_scope_id;
    memcpy(address.ip, in6->sin6_addr.s6_addr, sizeof(address.ip));
    return address;
}

struct shoal__address shoal__address_from(const struct sockaddr *sockaddr, socklen_t size)
{
    struct shoal__address address = {.family = AF_UNSPEC};
    if (size < sizeof(sockaddr->sa_family))
        return address;

    if (sockaddr->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sockaddr;
        address.family = AF_INET;
        address.port = ntohs(in->sin_port);
        memcpy(address.ip, &in->sin_addr, IPV4_BYTES);
    } else if (sockaddr->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
        address = from_ipv6((const struct sockaddr_in6 *)(const void *)sockaddr);
    } else if (sockaddr->sa_family == AF_UNIX) {
        address.family = AF_UNIX;
    }
    return address;
}

socklen_t shoal__address_to(const struct shoal__address *address, struct sockaddr_storage *out)
{
    if (address->family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&in.sin_addr, address->ip, IPV4_BYTES);
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    if (address->family == AF_INET6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                                   .sin6_port = htons(address->port),
                                   .sin6_scope_id = address->scope};
        memcpy(&in6.sin6_addr, address->ip, sizeof(address->ip));
        memcpy(out, &in6, sizeof(in6));
        return sizeof(in6);
    }
    return 0;
}

static void print_ipv6(const struct shoal__address *address, char *out, size_t size)
{
    char ip[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, address->ip, ip, sizeof(ip));
    if (address->scope != 0)
        snprintf(out, size, "[%s%%%u]:%u", ip, address->scope, address->port);
    else
        snprintf(out, size, "[%s]:%u", ip, address->port);
}

char *shoal__address_print(const struct shoal__address *address, char *out, size_t size)
{
    const uint8_t *ip = address->ip;
    switch (address->family) {
    case AF_INET:
        snprintf(out, size, "%u.%u.%u.%u:%u", ip[0], ip[1], ip[2], ip[3], address->port);
        break;
    case AF_INET6:
        print_ipv6(address, out, size);
        break;
    case AF_UNIX:
        snprintf(out, size, "unix:");
        break;
    default:
        snprintf(out, size, "unknown");
        break;
    }
    return out;
}

struct shoal_view shoal__address_key(const struct shoal__address *address)
{
    if (address->family == AF_INET)
        return shoal_view(address->ip, IPV4_BYTES);
    if (address->family == AF_INET6)
        return shoal_view(address->ip, IPV6_NET_BYTES);
    return shoal_view(NULL, 0);
}

/* Copies a view into a string; false where it is empty or does not fit. */
static bool to_string(struct shoal_view view, char *out, size_t size)
{
    if (view.size == 0 || view.size >= size || memchr(view.data, '\0', view.size))
        return false;
    memcpy(out, view.data, view.size);
    out[view.size] = '\0';
    return true;
}

static bool parse_digits(struct shoal_view text, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 10)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= max;
}

/* "eth0" or "2" */
static bool parse_zone(struct shoal_view text, uint32_t *out_scope)
{
    char name[IF_NAMESIZE];
    if (parse_digits(text, UINT32_MAX, out_scope))
        return *out_scope != 0;
    if (!to_string(text, name, sizeof(name)))
        return false;
    *out_scope = if_nametoindex(name);
    return *out_scope != 0;
}

static bool numeric_ipv6(struct shoal_view host, struct sockaddr_in6 *out)
{
    char ip[INET6_ADDRSTRLEN];
    const char *percent = memchr(host.data, '%', host.size);
    size_t ip_size = percent ? (size_t)(percent - host.data) : host.size;
    if (percent && !parse_zone(shoal_view_from(host, ip_size + 1), &out->sin6_scope_id))
        return false;
    return to_string(shoal_view(host.data, ip_size), ip, sizeof(ip)) &&
           inet_pton(AF_INET6, ip, &out->sin6_addr) == 1;
}

bool shoal__address_numeric(struct shoal_view host, uint16_t port, struct shoal__address *out)
{
    if (host.size == 0)
        return false;

    char text[INET_ADDRSTRLEN];
    struct shoal__address ipv4 = {.family = AF_INET, .port = port};
    if (to_string(host, text, sizeof(text)) && inet_pton(AF_INET, text, ipv4.ip) == 1) {
        *out = ipv4;
        return true;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (!numeric_ipv6(host, &in6))
        return false;
    *out = from_ipv6(&in6);
    return true;
}

/* URLs */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
           c == '_' || c == '.';
}

/* A host that ends in a number must be an IPv4 address, or "1.2.3" would be looked up as a name
 * and found, by an old custom, to mean 1.2.0.3. */
static bool is_host_name(struct shoal_view host)
{
    struct shoal__address ignored;
    if (host.size > HOST_MAX)
        return false;
    for (size_t i = 0; i < host.size; i++) {
        if (!is_name_char(host.data[i]))
            return false;
    }
    if (host.size == 0 || !is_digit(host.data[host.size - 1]))
        return true;
    size_t label = host.size;
    while (label > 0 && host.data[label - 1] != '.')
        label--;
    uint32_t number;
    bool numeric = parse_digits(shoal_view_from(host, label), UINT32_MAX, &number);
    return !numeric || shoal__address_numeric(host, 0, &ignored);
}

/* Splits "HOST:PORT" or "[IPV6]:PORT". */
static bool parse_authority(struct shoal_view text, struct shoal__url *url)
{
    const char *colon = memrchr(text.data, ':', text.size);
    if (!colon)
        return false;
    size_t host_size = (size_t)(colon - text.data);
    uint32_t port;
    if (text.size - host_size - 1 > 5 ||
        !parse_digits(shoal_view_from(text, host_size + 1), UINT16_MAX, &port))
        return false;
    url->port = (uint16_t)port;
    url->host = shoal_view(text.data, host_size);
    if (host_size == 0 || text.data[0] != '[')
        return is_host_name(url->host);

    struct shoal__address ignored;
    url->ipv6_literal = true;
    url->host = shoal_view(text.data + 1, host_size - 2);
    return host_size > 2 && text.data[host_size - 1] == ']' &&
           memchr(url->host.data, ':', url->host.size) &&
           shoal__address_numeric(url->host, 0, &ignored);
}

/* "unix:/path" and "unix:path"; "unix:///path" too, because other programs write it so. */
static bool parse_path(struct shoal_view text, struct shoal__url *url)
{
    if (text.size >= 2 && memcmp(text.data, "//", 2) == 0) {
        text = shoal_view_from(text, 2);
        if (text.size == 0 || text.data[0] != '/')
            return false; /* unix://name: neither the path nor the host that it looks like */
    }
    url->path = text;
    return text.size > 0;
}

static bool parse_fd(struct shoal_view text, struct shoal__url *url)
{
    uint32_t fd;
    if (!parse_digits(text, INT_MAX, &fd))
        return false;
    url->fd = (int)fd;
    return true;
}

struct scheme {
    const char *prefix;
    size_t name_size;
    enum shoal__url_scheme scheme;
    bool (*parse)(struct shoal_view rest, struct shoal__url *url);
};

static const struct scheme schemes[] = {
    {"tcp://", 3, SHOAL__URL_TCP, parse_authority},
    {"tls://", 3, SHOAL__URL_TLS, parse_authority},
    {"unix:", 4, SHOAL__URL_UNIX, parse_path},
    {"fd:", 2, SHOAL__URL_FD, parse_fd},
};

static bool parse_with(const struct scheme *scheme, const char *text, struct shoal__url *url)
{
    const char *rest = text + strlen(scheme->prefix);
    size_t size = strcspn(rest, "?");
    if (rest[size] == '?')
        url->query = shoal_view_of(rest + size + 1);
    url->scheme = scheme->scheme;
    url->scheme_text = shoal_view(text, scheme->name_size);
    return scheme->parse(shoal_view(rest, size), url);
}

int shoal__url_parse(const char *text, struct shoal__url *out_url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct shoal__url url = {.fd = -1};
        if (strncmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) != 0)
            continue;
        if (!parse_with(&schemes[i], text, &url))
            return -SHOAL_EURL;
        *out_url = url;
        return 0;
    }
    return -SHOAL_EURL;
}
