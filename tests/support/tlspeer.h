/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other side of TLS for tests: certificates made on the spot, and a peer that OpenSSL runs in
 * memory, so that the test decides byte by byte what reaches Shoal's transport over a socket pair.
 */
#ifndef TESTS_SUPPORT_TLSPEER_H
#define TESTS_SUPPORT_TLSPEER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "net/tls.h"

/*
 * A folder of its own with certificates. Each is two files, NAME.pem and NAME.key, good for one
 * host (a DNS name or an IPv4 address), signed by itself or by another one of the folder.
 */
struct tlsfolder {
    char path[64];
    char file[32][128]; /* what tlsfolder_file() gave last */
    unsigned files;
};
void tlsfolder_make(struct tlsfolder *folder);
void tlsfolder_remove(struct tlsfolder *folder);
void tlsfolder_add(struct tlsfolder *folder, const char *name, const char *host,
                   const char *issuer);

/* The same for one that ends `lives_s` seconds from now (negative: in the past) and is larger by
 * `padding` bytes. */
void tlsfolder_add_odd(struct tlsfolder *folder, const char *name, const char *host,
                       const char *issuer, long lives_s, size_t padding);

/* The path of "NAME.pem", say; good for the next thirty calls. */
const char *tlsfolder_file(struct tlsfolder *folder, const char *name);

/* Settings with NAME.pem as the only certificate; fails the test where they cannot be made. */
struct shoal_tls *tlsfolder_server(struct tlsfolder *folder, const char *name);

/* One of Shoal's transports and a peer of it. */
struct tlspeer {
    struct shoal__transport transport;
    SSL_CTX *context; /* the peer's */
    SSL *ssl;
    BIO *in;
    BIO *out;
    int fd;            /* the peer's end of the socket pair */
    size_t chunk;      /* bytes that one move carries to the transport; 0: all */
    int handshake;     /* what the transport's last handshake call gave */
    bool peer_is_done; /* ... and the peer's is over */
};

/* The peer is a client, where `tls` is a server's, or the other way round; `host` as for
 * shoal__tls_transport(). What is left of a move waits in the peer. */
void tlspeer_open(struct tlspeer *peer, struct shoal_tls *tls, const char *host);
void tlspeer_close(struct tlspeer *peer);

/* Carries what the peer has written to the transport's socket, and back what the transport has. */
void tlspeer_move(struct tlspeer *peer);

/* Steps of both sides until both are done or one has failed. True where both are done. */
bool tlspeer_shake_hands(struct tlspeer *peer);

/* The peer sends data; the transport reads, until `size` bytes or something else has come. */
void tlspeer_send(struct tlspeer *peer, const void *data, size_t size);
ssize_t tlspeer_transport_reads(struct tlspeer *peer, void *out, size_t size);

/* The transport sends; the peer reads all of it. True where that came through unharmed. */
bool tlspeer_receives(struct tlspeer *peer, const char *data, size_t size);

#endif
