/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the URL of a TLS listener says behind its question mark: files, by name. They are opened
 * when the server starts.
 */
#ifndef SHOAL_NET_TLS_QUERY_H
#define SHOAL_NET_TLS_QUERY_H

#include <shoal/tls.h>
#include <shoal/view.h>

struct shoal__tls_query;

/*
 * Reads cert=FILE&key=FILE[&cert=FILE&key=FILE...][&client_ca=FILE][&client_cert=require], values
 * percent-encoded; `alpn` (may be NULL) is copied along. Returns 0; -SHOAL_EURL, with the rest of a
 * sentence in *out_why; -SHOAL_ENOMEM. Thread: any.
 */
int shoal__tls_query_parse(struct shoal_view query, const char *const *alpn,
                           struct shoal__tls_query **out_query, const char **out_why);

/* Opens the files: shoal_tls_create() with all of it. Thread: any. */
int shoal__tls_query_open(const struct shoal__tls_query *query, struct shoal_tls **out_tls,
                          char *error, size_t error_size);

/* Frees it and clears *query. NULL is a no-op. Thread: any. */
void shoal__tls_query_destroy(struct shoal__tls_query **query);

#endif
