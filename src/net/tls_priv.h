/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of TLS, shared by tls.c (one connection), tls_context.c (settings and certificates),
 * tls_tickets.c (the keys of session tickets), tls_sessions.c (what clients resume) and
 * tls_warmup.c (handshakes in memory).
 */
#ifndef SHOAL_NET_TLS_PRIV_H
#define SHOAL_NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "base/clock.h"
#include "net/tls.h"
#include "net/tls_sessions.h"

/* tls.c */

/* Keeps the session of a client's connection, for SSL_CTX_sess_set_new_cb(). Thread: owner of the
 * connection. */
int shoal__tls_new_session_cb(SSL *ssl, SSL_SESSION *session);

/* tls_context.c */

/* What a client's settings keep of sessions; NULL for a server's. Thread: any. */
struct shoal__tls_sessions *shoal__tls_sessions_of(const struct shoal_tls *tls);

/* A new SSL object for a handshake now, with the certificates read last; NULL where memory is out.
 * Thread: any. */
SSL *shoal__tls_new_ssl(struct shoal_tls *tls);

/* Makes ticket keys by another clock, and new ones. Thread: any, before the first connection. */
bool shoal__tls_set_clock(struct shoal_tls *tls, const struct shoal__clock *clock);

/* tls_tickets.c */

enum { SHOAL__TICKET_KEY_S = 3600 };

struct shoal__ticket_key {
    unsigned char name[16];
    unsigned char aes[32];
    unsigned char hmac[32];
    int64_t made_ns;
};

/*
 * The keys that tickets are encrypted with: the current one for an hour, the one before still
 * decrypts for another. Owned by the settings, any thread; both keys are under `lock`, which is
 * held for a copy only.
 */
struct shoal__tls_tickets {
    CRYPTO_RWLOCK *lock;
    struct shoal__clock clock;
    struct shoal__ticket_key keys[2]; /* current, previous */
};

/* Makes the keys. False where memory or randomness is out; fini is good for a zeroed one as well.
 * Thread: any, while nobody else uses it. */
bool shoal__tls_tickets_init(struct shoal__tls_tickets *tickets, const struct shoal__clock *clock);
void shoal__tls_tickets_fini(struct shoal__tls_tickets *tickets);

/* Lets the context, a server's, encrypt and decrypt its tickets with these. Thread: any. */
bool shoal__tls_tickets_use(struct shoal__tls_tickets *tickets, SSL_CTX *context);

/* tls_warmup.c */

/*
 * Some handshakes in memory with a context, a server's or a client's. OpenSSL fetches some
 * algorithms at first use and remembers a failed fetch for good, so a moment without memory during
 * the first real handshake would leave TLS dead; after this nothing is left to fetch. False where
 * one of them fails; OpenSSL's error queue has the reason. Thread: any.
 */
bool shoal__tls_warm_up(SSL_CTX *context, bool client);

#endif
