/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The URLs that a client takes: http://HOST[:PORT][/PATH][?QUERY] and https://..., read strictly
 * (visible ASCII only, no user and password, a fragment is dropped), and references relative to
 * one, which is what a redirect brings (RFC 3986 §5.2). Pure functions over text.
 */
#ifndef SHOAL_PROTO_WEB_CLIENT_URL_H
#define SHOAL_PROTO_WEB_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include <shoal/view.h>

struct shoal__arena;

/* A URL taken apart. The views point into its text. */
struct shoal__client_url {
    bool tls;
    struct shoal_view host;      /* as written: an IPv6 address is in brackets */
    struct shoal_view authority; /* host, and port where it is not the scheme's own */
    uint16_t port;
    struct shoal_view target; /* path and query; may be empty or begin with "?" */
};

/* Takes `text` apart. Returns 0, or -SHOAL_EURL with *out_url untouched. Thread: any. */
int shoal__client_url_parse(const char *text, struct shoal__client_url *out_url);

/*
 * What `reference` means where `base`, a URL that parses, refers to it; in the arena. NULL where
 * memory is out. Whether the result is a URL is to be seen by parsing it. Thread: owner of `arena`.
 */
char *shoal__client_url_resolve(struct shoal__arena *arena, const char *base,
                                struct shoal_view reference);

#endif
