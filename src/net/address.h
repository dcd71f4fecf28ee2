/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses: a compact value for each connection, and the URLs that listeners and connect take.
 * Pure functions; no I/O (but the name of an IPv6 zone is looked up among the interfaces).
 */
#ifndef SHOAL_NET_ADDRESS_H
#define SHOAL_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/hash.h"
#include <shoal/view.h>

/* 24 bytes, because every connection has one. */
struct shoal__address {
    uint16_t family; /* AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC for none */
    uint16_t port;   /* host order */
    uint32_t scope;  /* IPv6 zone */
    uint8_t ip[16];  /* network order; IPv4 in the first four; IPv4-mapped IPv6 is kept as IPv4 */
};

/* What the kernel tells, as a value; a family that is none of ours gives AF_UNSPEC. Thread: any. */
struct shoal__address shoal__address_from(const struct sockaddr *sockaddr, socklen_t size);

/* Fills *out and returns its size; AF_UNSPEC and AF_UNIX give 0. Thread: any. */
socklen_t shoal__address_to(const struct shoal__address *address, struct sockaddr_storage *out);

/* "1.2.3.4:80", "[::1]:80", "unix:"; always terminated. Returns out. Thread: any. */
char *shoal__address_print(const struct shoal__address *address, char *out, size_t size);

/* What per-address limits count by: the IPv4 address, or the first 64 bits of an IPv6 one. The
 * view points into `address`; it is empty where there is nothing to count by. Thread: any. */
struct shoal_view shoal__address_key(const struct shoal__address *address);

/* Reads an address written in numbers, "127.0.0.1", "::1" or "fe80::1%eth0"; no brackets. False,
 * with *out untouched, for everything else, names included. Thread: any. */
bool shoal__address_numeric(struct shoal_view host, uint16_t port, struct shoal__address *out);

enum shoal__url_scheme { SHOAL__URL_TCP, SHOAL__URL_UNIX, SHOAL__URL_FD, SHOAL__URL_TLS };

/* A parsed URL. The views point into the parsed string. */
struct shoal__url {
    enum shoal__url_scheme scheme;
    struct shoal_view scheme_text; /* "tcp" */
    struct shoal_view host;        /* without brackets; empty for "all addresses" */
    uint16_t port;
    bool ipv6_literal;
    struct shoal_view path;  /* unix: */
    int fd;                  /* fd: */
    struct shoal_view query; /* after '?', empty for none */
};

/*
 * Reads tcp://HOST:PORT, tls://HOST:PORT, unix:PATH or fd:N, each with an optional ?QUERY. HOST is
 * empty, a name, an IPv4 address or an IPv6 one in brackets; that a name exists is not checked.
 * Returns 0, or -SHOAL_EURL with *out_url untouched. Thread: any.
 */
int shoal__url_parse(const char *text, struct shoal__url *out_url);

#endif
