/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS for connections of every protocol: 1.2 and 1.3 by OpenSSL, no renegotiation, no 0-RTT; as a
 * server 1.2 with forward secrecy and authenticated ciphers only, which is what HTTP/2 asks for.
 * A listener takes it by its URL,
 *
 *     tls://HOST:PORT?cert=FILE&key=FILE[&cert=FILE&key=FILE...][&client_ca=FILE]
 *                    [&client_cert=require]
 *
 * (PEM files; odd characters as %XX), or by the `tls` member of its options; shoal_connect() by a
 * tls:// URL, with verification of the URL's host.
 *
 * A `struct shoal_tls` is one side's settings with everything read from files. It may be shared
 * by listeners and connections of any loop and is freed when the last of them lets go. A client's
 * remember some sessions of the servers that were connected to with them, and resume those.
 */
#ifndef SHOAL_TLS_H
#define SHOAL_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <shoal/export.h>
#include <shoal/view.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shoal_conn;
struct shoal_server;
struct shoal_tls;

/* A certificate chain and its private key, both PEM files. */
struct shoal_tls_cert {
    const char *cert_file;
    const char *key_file;
};

/* Settings. Start from SHOAL_TLS_CFG_INIT; everything is copied. */
struct shoal_tls_cfg {
    size_t size; /* sizeof this struct, for later versions */
    bool client; /* for connecting; otherwise for listening */

    /* A server needs one at least. The first is the default; another one is taken where the name
     * that the client asks for (SNI) is among its own. A client may have one. */
    const struct shoal_tls_cert *certs;
    size_t cert_count;

    /* Application protocols (ALPN) in order of preference, ended by NULL; NULL: none. A client
     * that offers only others is refused with no_application_protocol. */
    const char *const *alpn;

    /* Who may vouch for the peer, a PEM file, with at most ten certificates in between. Server:
     * NULL asks for no client certificate. Client: NULL means the system's store. */
    const char *ca_file;
    bool require_client_cert; /* server, with ca_file: refuse clients without one */
    bool insecure;            /* client: take any certificate */
};
#define SHOAL_TLS_CFG_INIT                   \
    {                                        \
        .size = sizeof(struct shoal_tls_cfg) \
    }

/*
 * Reads the files and makes the settings, and does some handshakes in memory, so that everything
 * OpenSSL loads late is loaded. Returns 0; -SHOAL_EINVAL (settings that make no sense),
 * -SHOAL_ECERT (a file that cannot be read or is no certificate or key, a key that does not fit),
 * or -SHOAL_ENOMEM. On failure `error` (may be NULL) gets a sentence. Thread: any.
 */
SHOAL_API int shoal_tls_create(const struct shoal_tls_cfg *cfg, struct shoal_tls **out_tls,
                               char *error, size_t error_size);

/*
 * Reads the files again for handshakes from now on; connections that are open keep what they
 * have. Returns as shoal_tls_create(), and on failure everything stays as it was. Thread: any.
 */
SHOAL_API int shoal_tls_reload(struct shoal_tls *tls, char *error, size_t error_size);

/*
 * shoal_tls_reload() for every listener of the server that is open and speaks TLS, also where one
 * of them fails: what on_reload is for. Returns how many there are, or what the first failure was,
 * with its sentence in `error` (may be NULL).
 * Thread: the one that starts and drains the server; shoal_run()'s.
 */
SHOAL_API int shoal_server_reload_tls(struct shoal_server *server, char *error, size_t error_size);

/* Another owner, who must let go too. Returns `tls`. Thread: any. */
SHOAL_API struct shoal_tls *shoal_tls_ref(struct shoal_tls *tls);

/* Lets go and clears *tls. NULL is a no-op. Thread: any. */
SHOAL_API void shoal_tls_unref(struct shoal_tls **tls);

/* What the handshake of a connection came to. Strings and views live until it is closed. */
struct shoal_tls_info {
    const char *version;    /* "TLSv1.3" */
    const char *cipher;     /* "TLS_AES_128_GCM_SHA256" */
    struct shoal_view alpn; /* chosen protocol; empty for none */
    const char *sni;        /* name the client asked for; NULL for none */
    bool resumed;           /* from a session ticket */
    bool peer_verified;     /* the peer gave a certificate, and it was found good */
};

/* True, with *out_info filled, for an open connection over TLS whose handshake is done.
 * Thread: owner. */
SHOAL_API bool shoal_conn_tls_info(const struct shoal_conn *conn, struct shoal_tls_info *out_info);

#ifdef __cplusplus
}
#endif
#endif
