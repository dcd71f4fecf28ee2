/* SPDX-License-Identifier: BSD-3-Clause */
/* The beginning of clients' connections; see connect_driver.h. */
#include "proto/web/connect_driver.h"

#include <shoal/error.h>
#include <shoal/tls.h>

int shoal__connect_failure(const struct shoal_conn *conn, enum shoal_close_reason reason)
{
    int error = shoal_conn_error(conn);
    switch (reason) {
    case SHOAL_CLOSED_CONNECT_TIMEOUT:
        return -SHOAL_ETIMEDOUT;
    case SHOAL_CLOSED_HANDSHAKE:
        return error < 0 ? error : -SHOAL_ETIMEDOUT;
    case SHOAL_CLOSED_DRAINED:
    case SHOAL_CLOSED_FORCED:
        return -SHOAL_ESTOPPED;
    case SHOAL_CLOSED_MEMORY:
        return -SHOAL_ENOMEM;
    default:
        return error < 0 ? error : -SHOAL_EPIPE;
    }
}

bool shoal__connect_chose_http2(const struct shoal_conn *conn, bool by_default)
{
    struct shoal_tls_info info;
    if (!shoal_conn_tls_info(conn, &info))
        return by_default;
    return shoal_view_equal(info.alpn, shoal_view("h2", 2));
}

int shoal__connect_tls(const struct shoal__connect_files *files, const char *const *alpn,
                       struct shoal_tls **out_tls)
{
    struct shoal_tls_cert cert = {files->cert_file, files->key_file};
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.client = true;
    cfg.certs = &cert;
    cfg.cert_count = files->cert_file != NULL;
    cfg.alpn = alpn;
    cfg.ca_file = files->ca_file;
    cfg.insecure = files->no_verify;
    return shoal_tls_create(&cfg, out_tls, NULL, 0);
}
