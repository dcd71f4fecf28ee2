/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table that is searched from end to end: beside a handshake that is nothing. The lock is held
 * for the search only.
 */
#include "net/tls_sessions.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

struct shoal__tls_sessions *shoal__tls_sessions_create(void)
{
    struct shoal__tls_sessions *sessions = calloc(1, sizeof(*sessions));
    if (sessions && !(sessions->lock = CRYPTO_THREAD_lock_new())) {
        free(sessions);
        return NULL;
    }
    return sessions;
}

static void empty(struct shoal__tls_session *slot)
{
    SSL_SESSION_free(slot->session);
    free(slot->server);
    *slot = (struct shoal__tls_session){0};
}

static void clear_locked(struct shoal__tls_sessions *sessions)
{
    for (size_t i = 0; i < SHOAL__TLS_SESSIONS; i++)
        empty(&sessions->slots[i]);
}

void shoal__tls_sessions_destroy(struct shoal__tls_sessions *sessions)
{
    if (!sessions)
        return;
    clear_locked(sessions);
    CRYPTO_THREAD_lock_free(sessions->lock);
    free(sessions);
}

void shoal__tls_sessions_clear(struct shoal__tls_sessions *sessions)
{
    if (!CRYPTO_THREAD_write_lock(sessions->lock))
        return;
    clear_locked(sessions);
    CRYPTO_THREAD_unlock(sessions->lock);
}

static bool is_of(const struct shoal__tls_session *slot, const char *server)
{
    return slot->server && strcmp(slot->server, server) == 0;
}

/* The slot for one more session of that server: its oldest where it has its part of them, else a
 * free one, else the oldest of all. */
static struct shoal__tls_session *slot_for_locked(struct shoal__tls_sessions *sessions,
                                                  const char *server)
{
    struct shoal__tls_session *oldest = &sessions->slots[0]; /* a free one has serial 0 */
    struct shoal__tls_session *own = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < SHOAL__TLS_SESSIONS; i++) {
        struct shoal__tls_session *slot = &sessions->slots[i];
        if (slot->serial < oldest->serial)
            oldest = slot;
        if (!is_of(slot, server))
            continue;
        count++;
        if (!own || slot->serial < own->serial)
            own = slot;
    }
    return count < SHOAL__TLS_SESSIONS_OF_A_SERVER ? oldest : own;
}

void shoal__tls_sessions_put(struct shoal__tls_sessions *sessions, const char *server,
                             SSL_SESSION *session)
{
    char *name = SSL_SESSION_is_resumable(session) ? strdup(server) : NULL;
    if (!name || !CRYPTO_THREAD_write_lock(sessions->lock)) {
        free(name);
        SSL_SESSION_free(session);
        return;
    }
    struct shoal__tls_session *slot = slot_for_locked(sessions, server);
    empty(slot);
    *slot = (struct shoal__tls_session){name, session, ++sessions->serial};
    CRYPTO_THREAD_unlock(sessions->lock);
}

static SSL_SESSION *take_from(struct shoal__tls_session *slot)
{
    if (SSL_SESSION_get_protocol_version(slot->session) < TLS1_3_VERSION)
        return SSL_SESSION_dup(slot->session); /* what a connection does with it stays its own */
    SSL_SESSION *session = slot->session;
    slot->session = NULL;
    empty(slot);
    return session;
}

SSL_SESSION *shoal__tls_sessions_take(struct shoal__tls_sessions *sessions, const char *server)
{
    if (!CRYPTO_THREAD_write_lock(sessions->lock))
        return NULL;
    struct shoal__tls_session *youngest = NULL;
    for (size_t i = 0; i < SHOAL__TLS_SESSIONS; i++) {
        struct shoal__tls_session *slot = &sessions->slots[i];
        if (is_of(slot, server) && (!youngest || slot->serial > youngest->serial))
            youngest = slot;
    }
    SSL_SESSION *session = youngest ? take_from(youngest) : NULL;
    CRYPTO_THREAD_unlock(sessions->lock);
    return session;
}
