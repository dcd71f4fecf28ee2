/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the clients on HTTP (client_link_driver.c, grpc_channel_driver.c) have in common: how a
 * connection of theirs begins, or why it did not.
 */
#ifndef SHOAL_PROTO_WEB_CONNECT_DRIVER_H
#define SHOAL_PROTO_WEB_CONNECT_DRIVER_H

#include <shoal/conn.h>

/* Why a connection that was never open failed, as a negative code. Thread: owner. */
int shoal__connect_failure(const struct shoal_conn *conn, enum shoal_close_reason reason);

/* Whether to speak HTTP/2 on it: what ALPN came to under TLS, else `by_default`. Thread: owner. */
bool shoal__connect_chose_http2(const struct shoal_conn *conn, bool by_default);

/* The files a client's TLS settings are made of; NULL as shoal_tls_cfg has it. */
struct shoal__connect_files {
    const char *ca_file, *cert_file, *key_file;
    bool no_verify;
};

/* Makes them. Returns as shoal_tls_create(). Thread: any. */
int shoal__connect_tls(const struct shoal__connect_files *files, const char *const *alpn,
                       struct shoal_tls **out_tls);

#endif
