/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client keeps of its TLS sessions, to resume them: tickets by host and port, so that the
 * next handshake with that server needs no certificates. Bounded, in all and for each server: one
 * that hands out tickets without end pushes out its own only.
 */
#ifndef SHOAL_NET_TLS_SESSIONS_H
#define SHOAL_NET_TLS_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

enum { SHOAL__TLS_SESSIONS = 256, SHOAL__TLS_SESSIONS_OF_A_SERVER = 4 };

struct shoal__tls_session {
    char *server; /* "host:port"; NULL: a free slot */
    SSL_SESSION *session;
    uint64_t serial; /* counts up: the greater, the younger */
};

/* Owned by a client's settings, any thread; the slots are under `lock`. */
struct shoal__tls_sessions {
    CRYPTO_RWLOCK *lock;
    uint64_t serial;
    struct shoal__tls_session slots[SHOAL__TLS_SESSIONS];
};

/* Makes it empty; NULL where memory is out. Thread: any. */
struct shoal__tls_sessions *shoal__tls_sessions_create(void);

/* Frees it with what it keeps; NULL is a no-op. Thread: any, while nobody else uses it. */
void shoal__tls_sessions_destroy(struct shoal__tls_sessions *sessions);

/* Keeps a session, taking the reference; where memory is out, or it cannot be resumed, it is
 * dropped. Thread: any. */
void shoal__tls_sessions_put(struct shoal__tls_sessions *sessions, const char *server,
                             SSL_SESSION *session);

/*
 * The youngest session with that server, as a reference to be freed; NULL for none. One of TLS 1.3
 * is kept no longer: its ticket is good once, as two uses would tell who watches that both
 * connections are one client's (RFC 8446 C.4). Thread: any.
 */
SSL_SESSION *shoal__tls_sessions_take(struct shoal__tls_sessions *sessions, const char *server);

/* Forgets all. Thread: any. */
void shoal__tls_sessions_clear(struct shoal__tls_sessions *sessions);

#endif
