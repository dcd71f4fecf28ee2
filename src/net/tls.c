/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection's TLS. OpenSSL reads and writes the descriptor itself, so records never pass
 * through a buffer of ours; pieces of output are put together into whole records here, because
 * each SSL_write makes one.
 *
 * OpenSSL's error queue is the thread's, shared by all connections of a loop and by what else the
 * application does with OpenSSL there: it is cleared before every call, and after a failure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <shoal/error.h>

#include "net/conn_priv.h"
#include "net/tls_priv.h"

enum {
    RECORD = 16 * 1024,
    KEY_UPDATES = 128,  /* in a connection's life: one of every terabyte is usual */
    IDLE_RECORDS = 128, /* without data between them: renegotiations, tickets, warnings */
};

/* Owned by its connection (transport.state); its loop's thread only; dies with close(). */
struct tls_state {
    SSL *ssl;
    struct shoal_tls *tls; /* a reference: the callbacks of `ssl` use it */
    char *server;          /* "host:port", by which a client keeps sessions; NULL: it does not */
    unsigned key_updates;
    unsigned idle_records;
    int end;          /* what every further read returns, once `ended` */
    bool ended : 1;   /* no more comes: the end or an error, perhaps not told yet */
    bool ready : 1;   /* the handshake is done */
    bool flooded : 1; /* with records that carry no data */
    bool starved : 1; /* the last read wanted the descriptor: what OpenSSL holds is not enough */
};

static struct tls_state *state_of(const struct shoal__transport *transport)
{
    return transport->state;
}

static SSL *begin_call(struct tls_state *state)
{
    ERR_clear_error();
    errno = 0;
    return state->ssl;
}

static int reason_of_failure(void)
{
    switch (ERR_GET_REASON(ERR_peek_error())) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return -ECONNRESET; /* without close_notify it may be an attacker's cut: not the end */
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return -SHOAL_ECERT;
    case ERR_R_MALLOC_FAILURE:
        return -SHOAL_ENOMEM;
    default:
        return -SHOAL_EPROTOCOL;
    }
}

/* What an unsuccessful call means to the connection. */
static int failure(const struct tls_state *state, int rc)
{
    int system = errno;
    int reason = 0;
    switch (SSL_get_error(state->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return SHOAL__IO_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return SHOAL__IO_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return SHOAL__IO_EOF;
    case SSL_ERROR_SYSCALL:
        reason = system != 0 ? -system : -ECONNRESET;
        break;
    default:
        reason = reason_of_failure();
    }
    ERR_clear_error();
    return state->flooded ? -SHOAL_EPROTOCOL : reason;
}

static int tls_handshake(struct shoal__transport *transport)
{
    struct tls_state *state = state_of(transport);
    int rc = SSL_do_handshake(begin_call(state));
    if (rc == 1) {
        state->ready = true;
        return 1;
    }
    int why = failure(state, rc);
    return why == SHOAL__IO_EOF ? -ECONNRESET : why;
}

/* Reads the data of one record, or the rest of it. */
static ssize_t read_record(struct tls_state *state, char *out, size_t size)
{
    size_t n = 0;
    int rc = SSL_read_ex(begin_call(state), out, size, &n);
    if (state->flooded)
        return -SHOAL_EPROTOCOL;
    if (rc != 1)
        return failure(state, rc);
    state->idle_records = 0;
    return (ssize_t)n;
}

/* One record after the other, as long as OpenSSL has (a part of) one; what ends the data behind
 * some data is kept for the next call. */
static ssize_t tls_read(struct shoal__transport *transport, void *out, size_t size)
{
    struct tls_state *state = state_of(transport);
    size_t got = 0;
    ssize_t n = state->end;
    while (!state->ended && got < size) {
        n = read_record(state, (char *)out + got, size - got);
        state->starved = n == SHOAL__IO_WANT_READ || (n == SHOAL__IO_WANT_WRITE && got == 0);
        if (n <= 0 && n != SHOAL__IO_WANT_READ && n != SHOAL__IO_WANT_WRITE) {
            state->ended = true;
            state->end = (int)n;
        }
        if (n <= 0)
            break;
        got += (size_t)n;
        if (!SSL_has_pending(state->ssl))
            break;
    }
    return got > 0 ? (ssize_t)got : n;
}

/* Puts up to one record of the pieces together; one piece that fills a record is taken as it is.
 * A call repeated with more behind the same bytes gives no smaller a record, as OpenSSL demands. */
static struct iovec next_record(const struct iovec *iov, int count, char *room)
{
    if (count == 1 || iov->iov_len >= RECORD)
        return (struct iovec){iov->iov_base, iov->iov_len < RECORD ? iov->iov_len : RECORD};
    size_t used = 0;
    for (int i = 0; i < count && used < RECORD; i++) {
        size_t part = iov[i].iov_len < RECORD - used ? iov[i].iov_len : RECORD - used;
        memcpy(room + used, iov[i].iov_base, part);
        used += part;
    }
    return (struct iovec){room, used};
}

static ssize_t tls_writev(struct shoal__transport *transport, const struct iovec *iov, int count)
{
    struct tls_state *state = state_of(transport);
    char room[RECORD];
    struct iovec record = next_record(iov, count, room);
    size_t n = 0;
    int rc = SSL_write_ex(begin_call(state), record.iov_base, record.iov_len, &n);
    if (rc == 1)
        return (ssize_t)n;
    int why = failure(state, rc);
    return why == SHOAL__IO_EOF ? -EPIPE : why;
}

static size_t tls_pending(const struct shoal__transport *transport)
{
    const struct tls_state *state = state_of(transport);
    if (state->ended)
        return 1; /* to be told */
    if (state->starved)
        return 0;
    size_t size = (size_t)SSL_pending(state->ssl);
    return size > 0 ? size : (size_t)SSL_has_pending(state->ssl);
}

/* Sends close_notify. The peer's own is not waited for here: lingering reads it. */
static int tls_shutdown(struct shoal__transport *transport)
{
    struct tls_state *state = state_of(transport);
    int rc = SSL_shutdown(begin_call(state));
    if (rc >= 0)
        return 1;
    int why = failure(state, rc);
    return why == SHOAL__IO_WANT_READ || why == SHOAL__IO_WANT_WRITE ? why : -EPIPE;
}

static void tls_close(struct shoal__transport *transport, bool abort)
{
    struct tls_state *state = state_of(transport);
    SSL_free(begin_call(state));
    shoal_tls_unref(&state->tls);
    free(state->server);
    free(state);
    transport->state = NULL;
    shoal__transport_plain.close(transport, abort);
}

static const struct shoal__transport_ops tls_ops = {
    .name = "tls",
    .handshake = tls_handshake,
    .read = tls_read,
    .writev = tls_writev,
    .pending = tls_pending,
    .shutdown = tls_shutdown,
    .close = tls_close,
};

/* One read goes over every record without data that has come, so that a flood of them would hold
 * the loop as long as it lasts. Called for each of them, this cuts it off: OpenSSL finds the
 * descriptor's end. */
static void watch_records(int is_write, int version, int type, const void *bytes, size_t size,
                          SSL *ssl, void *arg)
{
    (void)version;
    struct tls_state *state = arg;
    if (is_write || !state->ready || state->flooded)
        return;
    if (type == SSL3_RT_HEADER)
        state->idle_records++;
    else if (type == SSL3_RT_HANDSHAKE && size > 0 &&
             *(const unsigned char *)bytes == SSL3_MT_KEY_UPDATE)
        state->key_updates++;
    state->flooded = state->idle_records > IDLE_RECORDS || state->key_updates > KEY_UPDATES;
    if (state->flooded)
        (void)shutdown(SSL_get_fd(ssl), SHUT_RDWR);
}

static bool is_ip_address(const char *host)
{
    unsigned char ip[16];
    return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

/* Whom a client means: asked for by SNI (names only), and checked against the certificate. */
static bool set_host(SSL *ssl, const char *host)
{
    if (is_ip_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

/* Resuming */

static char *server_name(int fd, const char *host)
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof(peer);
    char *name = NULL;
    (void)getpeername(fd, (struct sockaddr *)&peer, &size);
    struct shoal__address address = shoal__address_from((struct sockaddr *)&peer, size);
    return asprintf(&name, "%s:%u", host, address.port) < 0 ? NULL : name;
}

/* Offers the server a session that it has told us of, if there is one. Without memory there is
 * none: then the handshake is a full one. */
static void resume(struct tls_state *state, int fd, const char *host)
{
    state->server = server_name(fd, host);
    SSL_SESSION *session =
        state->server ? shoal__tls_sessions_take(shoal__tls_sessions_of(state->tls), state->server)
                      : NULL;
    if (session)
        (void)SSL_set_session(state->ssl, session);
    SSL_SESSION_free(session);
}

/* A copy is kept: OpenSSL spoils a session whose connection is cut. */
int shoal__tls_new_session_cb(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_state *state = SSL_get_app_data(ssl);
    SSL_SESSION *copy = state && state->server ? SSL_SESSION_dup(session) : NULL;
    if (copy)
        shoal__tls_sessions_put(shoal__tls_sessions_of(state->tls), state->server, copy);
    return 0;
}

int shoal__tls_transport(struct shoal_tls *tls, int fd, const char *host,
                         struct shoal__transport *out)
{
    struct tls_state *state = calloc(1, sizeof(*state));
    SSL *ssl = state ? shoal__tls_new_ssl(tls) : NULL;
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || (host && !set_host(ssl, host))) {
        SSL_free(ssl);
        free(state);
        ERR_clear_error();
        return -SHOAL_ENOMEM;
    }
    if (shoal__tls_is_client(tls))
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    SSL_set_app_data(ssl, state);
    SSL_set_msg_callback(ssl, watch_records);
    SSL_set_msg_callback_arg(ssl, state);
    state->ssl = ssl;
    state->tls = shoal_tls_ref(tls);
    if (host && shoal__tls_is_client(tls))
        resume(state, fd, host);
    *out = (struct shoal__transport){.ops = &tls_ops, .state = state, .fd = fd};
    return 0;
}

bool shoal__tls_info(const struct shoal__transport *transport, struct shoal_tls_info *out_info)
{
    if (transport->ops != &tls_ops || !transport->state || !state_of(transport)->ready)
        return false;
    SSL *ssl = state_of(transport)->ssl;
    const unsigned char *alpn = NULL;
    unsigned alpn_size = 0;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
    *out_info = (struct shoal_tls_info){
        .version = SSL_get_version(ssl),
        .cipher = SSL_get_cipher_name(ssl),
        .alpn = shoal_view(alpn, alpn_size),
        .sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
        .resumed = SSL_session_reused(ssl) == 1,
        .peer_verified =
            SSL_get0_peer_certificate(ssl) != NULL && SSL_get_verify_result(ssl) == X509_V_OK,
    };
    return true;
}

bool shoal_conn_tls_info(const struct shoal_conn *conn, struct shoal_tls_info *out_info)
{
    SHOAL__ASSERT_CONN(conn);
    return shoal__tls_info(&conn->transport, out_info);
}
