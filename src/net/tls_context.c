/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What connections over TLS share: settings, certificates read from files, the keys of tickets.
 *
 * The files are read into a *generation*, a set of SSL_CTX objects (one per certificate, chosen by
 * SNI). A reload makes a new generation and swaps it in; an SSL object keeps its own SSL_CTX alive,
 * so nothing else has to remember the old one.
 *
 * The generation is guarded by one OpenSSL lock, taken once or twice per handshake; nothing on a
 * connection's data path takes it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <shoal/error.h>

#include "base/cfg.h"
#include "net/tls_priv.h"

enum {
    LONGEST_ALPN = 255,
    MOST_BETWEEN = 10, /* certificates between a peer's and a trusted one: each is work to check */
};

/* Where a failure's sentence goes. */
struct complaint {
    char *text;
    size_t size;
};

struct generation {
    size_t count;
    SSL_CTX *contexts[];
};

/* Refcounted; any thread. Settings are constant after creation. */
struct shoal_tls {
    _Atomic unsigned refs;
    bool client;
    bool insecure;
    bool require_client_cert;
    size_t cert_count;
    struct shoal_tls_cert *certs; /* strings owned */
    char *ca_file;
    unsigned char *alpn; /* wire format: length, name, ... */
    size_t alpn_size;
    struct shoal__tls_tickets tickets;
    struct shoal__tls_sessions *sessions; /* of a client */

    CRYPTO_RWLOCK *lock;
    /* Under `lock`: */
    struct generation *generation;
};

/* Writes "WHAT FILE: why", with OpenSSL's first reason where there is one, and returns the code,
 * which is memory's where that was the reason. */
static int complain(const struct complaint *complaint, int code, const char *what, const char *file)
{
    unsigned long first = ERR_peek_error();
    if (ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE)
        code = -SHOAL_ENOMEM;
    const char *reason = code == -SHOAL_ENOMEM ? NULL : ERR_reason_error_string(first);
    if (complaint->text && complaint->size > 0)
        (void)snprintf(complaint->text, complaint->size, "%s%s%s: %s (%s)", what, file ? " " : "",
                       file ? file : "", reason ? reason : shoal_strerror(code),
                       shoal_strerrorname(code));
    ERR_clear_error();
    return code;
}

/* For a file that the kernel does not let us read. */
static int complain_unreadable(const struct complaint *complaint, int error, const char *file)
{
    if (complaint->text && complaint->size > 0)
        (void)snprintf(complaint->text, complaint->size, "cannot read %s: %s (%s)", file,
                       strerrordesc_np(error), shoal_strerrorname(error));
    return -SHOAL_ECERT;
}

/* Names */

static int choose_alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                          const unsigned char *offered, unsigned offered_size, void *arg)
{
    (void)ssl;
    struct shoal_tls *tls = arg;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_size, tls->alpn, (unsigned)tls->alpn_size, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Switches to the certificate that has the name asked for; the default is good for all others. */
static int choose_cert_cb(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    struct shoal_tls *tls = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name || !CRYPTO_THREAD_read_lock(tls->lock))
        return SSL_TLSEXT_ERR_NOACK;
    const struct generation *generation = tls->generation;
    for (size_t i = 0; i < generation->count; i++) {
        X509 *cert = SSL_CTX_get0_certificate(generation->contexts[i]);
        if (cert && X509_check_host(cert, name, 0, 0, NULL) == 1) {
            SSL_set_SSL_CTX(ssl, generation->contexts[i]);
            break;
        }
    }
    CRYPTO_THREAD_unlock(tls->lock);
    return SSL_TLSEXT_ERR_OK;
}

/* Contexts */

static int check_readable(const char *file, const struct complaint *complaint)
{
    return access(file, R_OK) < 0 ? complain_unreadable(complaint, errno, file) : 0;
}

/* OpenSSL would ask at the terminal. */
static int no_passphrase_cb(char *out, int size, int is_write, void *arg)
{
    (void)out;
    (void)size;
    (void)is_write;
    (void)arg;
    return -1;
}

static int load_cert(SSL_CTX *context, const struct shoal_tls_cert *cert,
                     const struct complaint *complaint)
{
    int rc = check_readable(cert->cert_file, complaint);
    if (rc == 0)
        rc = check_readable(cert->key_file, complaint);
    if (rc < 0)
        return rc;
    if (SSL_CTX_use_certificate_chain_file(context, cert->cert_file) != 1)
        return complain(complaint, -SHOAL_ECERT, "no good certificate in", cert->cert_file);
    if (SSL_CTX_use_PrivateKey_file(context, cert->key_file, SSL_FILETYPE_PEM) != 1)
        return complain(complaint, -SHOAL_ECERT, "no good private key in", cert->key_file);
    if (SSL_CTX_check_private_key(context) == 1)
        return 0;
    ERR_clear_error(); /* it would say that there is no certificate, for another kind of key */
    return complain(complaint, -SHOAL_ECERT, "no private key that fits the certificate in",
                    cert->key_file);
}

static int trust_system(SSL_CTX *context, const struct complaint *complaint)
{
    return SSL_CTX_set_default_verify_paths(context) == 1
               ? 0
               : complain(complaint, -SHOAL_ECERT, "cannot use the system's certificates", NULL);
}

static int trust_file(SSL_CTX *context, const char *file, bool name_them,
                      const struct complaint *complaint)
{
    int rc = check_readable(file, complaint);
    if (rc < 0)
        return rc;
    STACK_OF(X509_NAME) *names = name_them ? SSL_load_client_CA_file(file) : NULL;
    if ((name_them && !names) || SSL_CTX_load_verify_file(context, file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return complain(complaint, -SHOAL_ECERT, "no good certificates in", file);
    }
    if (names)
        SSL_CTX_set_client_CA_list(context, names);
    return 0;
}

static int set_trust(SSL_CTX *context, const struct shoal_tls *tls,
                     const struct complaint *complaint)
{
    int mode = SSL_VERIFY_PEER;
    if (tls->client ? tls->insecure : !tls->ca_file)
        mode = SSL_VERIFY_NONE;
    else if (tls->require_client_cert)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, mode, NULL);
    SSL_CTX_set_verify_depth(context, MOST_BETWEEN);
    if (tls->ca_file)
        return trust_file(context, tls->ca_file, !tls->client, complaint);
    return tls->client ? trust_system(context, complaint) : 0;
}

static void set_options(SSL_CTX *context)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* one system call for a record, not two */
    SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets only: no growth */
    SSL_CTX_set_default_passwd_cb(context, no_passphrase_cb);
}

static bool set_server(SSL_CTX *context, struct shoal_tls *tls)
{
    SSL_CTX_set_tlsext_servername_callback(context, choose_cert_cb);
    SSL_CTX_set_tlsext_servername_arg(context, tls);
    if (tls->alpn)
        SSL_CTX_set_alpn_select_cb(context, choose_alpn_cb, tls);
    return SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set_num_tickets(context, 1) == 1 &&
           SSL_CTX_set_session_id_context(context, (const unsigned char *)"shoal", 5) == 1 &&
           shoal__tls_tickets_use(&tls->tickets, context);
}

static bool set_client(SSL_CTX *context, const struct shoal_tls *tls)
{
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, shoal__tls_new_session_cb);
    return !tls->alpn || SSL_CTX_set_alpn_protos(context, tls->alpn, (unsigned)tls->alpn_size) == 0;
}

static int set_up_context(SSL_CTX *context, struct shoal_tls *tls,
                          const struct shoal_tls_cert *cert, const struct complaint *complaint)
{
    set_options(context);
    if (!(tls->client ? set_client(context, tls) : set_server(context, tls)))
        return complain(complaint, -SHOAL_ENOMEM, "cannot set up TLS", NULL);
    int rc = set_trust(context, tls, complaint);
    if (rc == 0 && cert)
        rc = load_cert(context, cert, complaint);
    if (rc == 0 && !shoal__tls_warm_up(context, tls->client))
        rc = complain(complaint, -SHOAL_ECERT, "a handshake in memory fails with",
                      cert ? cert->cert_file : "no certificate");
    return rc;
}

static int make_context(struct shoal_tls *tls, const struct shoal_tls_cert *cert,
                        const struct complaint *complaint, SSL_CTX **out)
{
    SSL_CTX *context = SSL_CTX_new(tls->client ? TLS_client_method() : TLS_server_method());
    if (!context)
        return complain(complaint, -SHOAL_ENOMEM, "cannot set up TLS", NULL);
    int rc = set_up_context(context, tls, cert, complaint);
    if (rc < 0)
        SSL_CTX_free(context);
    else
        *out = context;
    return rc;
}

static void free_generation(struct generation *generation)
{
    if (!generation)
        return;
    for (size_t i = 0; i < generation->count; i++)
        SSL_CTX_free(generation->contexts[i]);
    free(generation);
}

static int make_generation(struct shoal_tls *tls, const struct complaint *complaint,
                           struct generation **out)
{
    size_t count = tls->cert_count ? tls->cert_count : 1;
    struct generation *generation =
        calloc(1, sizeof(*generation) + count * sizeof(generation->contexts[0]));
    if (!generation)
        return complain(complaint, -SHOAL_ENOMEM, "cannot set up TLS", NULL);
    generation->count = count;
    for (size_t i = 0; i < count; i++) {
        int rc = make_context(tls, tls->cert_count ? &tls->certs[i] : NULL, complaint,
                              &generation->contexts[i]);
        if (rc < 0) {
            free_generation(generation);
            return rc;
        }
    }
    *out = generation;
    return 0;
}

/* Settings */

static char *copy_string(const char *string, bool *failed)
{
    char *copy = string ? strdup(string) : NULL;
    *failed = *failed || (string && !copy);
    return copy;
}

static bool copy_certs(struct shoal_tls *tls, const struct shoal_tls_cfg *cfg)
{
    bool failed = false;
    tls->certs = calloc(cfg->cert_count ? cfg->cert_count : 1, sizeof(*tls->certs));
    if (!tls->certs)
        return false;
    for (size_t i = 0; i < cfg->cert_count; i++) {
        tls->certs[i].cert_file = copy_string(cfg->certs[i].cert_file, &failed);
        tls->certs[i].key_file = copy_string(cfg->certs[i].key_file, &failed);
        tls->cert_count++;
    }
    tls->ca_file = copy_string(cfg->ca_file, &failed);
    return !failed;
}

static bool copy_alpn(struct shoal_tls *tls, const char *const *names)
{
    size_t size = 0;
    for (size_t i = 0; names && names[i]; i++)
        size += 1 + strlen(names[i]);
    if (size == 0)
        return true;
    tls->alpn = malloc(size);
    if (!tls->alpn)
        return false;
    for (size_t i = 0; names[i]; i++) {
        size_t length = strlen(names[i]);
        tls->alpn[tls->alpn_size++] = (unsigned char)length;
        memcpy(tls->alpn + tls->alpn_size, names[i], length);
        tls->alpn_size += length;
    }
    return true;
}

static void destroy(struct shoal_tls *tls)
{
    free_generation(tls->generation);
    CRYPTO_THREAD_lock_free(tls->lock);
    for (size_t i = 0; i < tls->cert_count; i++) {
        free((char *)(uintptr_t)tls->certs[i].cert_file);
        free((char *)(uintptr_t)tls->certs[i].key_file);
    }
    free(tls->certs);
    free(tls->ca_file);
    free(tls->alpn);
    shoal__tls_tickets_fini(&tls->tickets);
    shoal__tls_sessions_destroy(tls->sessions);
    free(tls);
}

static bool are_protocols(const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++) {
        size_t length = strlen(names[i]);
        if (length == 0 || length > LONGEST_ALPN)
            return false;
    }
    return true;
}

static bool are_whole(const struct shoal_tls_cert *certs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!certs[i].cert_file || !certs[i].key_file)
            return false;
    }
    return true;
}

/* What makes no sense in these settings; NULL: nothing. */
static const char *find_nonsense(const struct shoal_tls_cfg *cfg)
{
    if (!are_whole(cfg->certs, cfg->cert_count))
        return "a certificate needs its key";
    if (!are_protocols(cfg->alpn))
        return "a protocol's name has 1 to 255 bytes";
    if (cfg->client && cfg->cert_count > 1)
        return "a TLS client has one certificate at most";
    if (!cfg->client && cfg->cert_count == 0)
        return "a TLS server needs a certificate and its key";
    if (!cfg->client && cfg->require_client_cert && !cfg->ca_file)
        return "client certificates need somebody who vouches for them";
    return NULL;
}

static int set_up(struct shoal_tls *tls, const struct shoal_tls_cfg *cfg,
                  const struct complaint *complaint)
{
    const char *nonsense = find_nonsense(cfg);
    if (nonsense)
        return complain(complaint, -SHOAL_EINVAL, nonsense, NULL);
    tls->client = cfg->client;
    tls->insecure = cfg->insecure;
    tls->require_client_cert = cfg->require_client_cert;
    tls->lock = CRYPTO_THREAD_lock_new();
    tls->sessions = tls->client ? shoal__tls_sessions_create() : NULL;
    if (!tls->lock || (tls->client && !tls->sessions) || !copy_certs(tls, cfg) ||
        !copy_alpn(tls, cfg->alpn) ||
        !shoal__tls_tickets_init(&tls->tickets, &shoal__clock_monotonic))
        return complain(complaint, -SHOAL_ENOMEM, "cannot set up TLS", NULL);
    return make_generation(tls, complaint, &tls->generation);
}

int shoal_tls_create(const struct shoal_tls_cfg *cfg, struct shoal_tls **out_tls, char *error,
                     size_t error_size)
{
    struct complaint complaint = {error, error_size};
    struct shoal_tls_cfg full = SHOAL_TLS_CFG_INIT;
    SHOAL__CFG_READ(&full, cfg);
    ERR_clear_error();
    struct shoal_tls *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return complain(&complaint, -SHOAL_ENOMEM, "cannot set up TLS", NULL);
    atomic_init(&tls->refs, 1);
    int rc = set_up(tls, &full, &complaint);
    if (rc < 0)
        destroy(tls);
    else
        *out_tls = tls;
    return rc;
}

int shoal_tls_reload(struct shoal_tls *tls, char *error, size_t error_size)
{
    struct complaint complaint = {error, error_size};
    struct generation *fresh = NULL;
    ERR_clear_error();
    int rc = make_generation(tls, &complaint, &fresh);
    if (rc < 0)
        return rc;
    if (!CRYPTO_THREAD_write_lock(tls->lock)) {
        free_generation(fresh);
        return -SHOAL_ENOMEM;
    }
    struct generation *old = tls->generation;
    tls->generation = fresh;
    CRYPTO_THREAD_unlock(tls->lock);
    free_generation(old);
    if (tls->sessions)
        shoal__tls_sessions_clear(tls->sessions); /* the new files may trust others */
    return 0;
}

struct shoal_tls *shoal_tls_ref(struct shoal_tls *tls)
{
    atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

void shoal_tls_unref(struct shoal_tls **tls)
{
    struct shoal_tls *self = *tls;
    if (!self)
        return;
    *tls = NULL;
    if (atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) == 1)
        destroy(self);
}

SSL *shoal__tls_new_ssl(struct shoal_tls *tls)
{
    if (!CRYPTO_THREAD_read_lock(tls->lock))
        return NULL;
    SSL *ssl = SSL_new(tls->generation->contexts[0]);
    CRYPTO_THREAD_unlock(tls->lock);
    return ssl;
}

bool shoal__tls_set_clock(struct shoal_tls *tls, const struct shoal__clock *clock)
{
    return shoal__tls_tickets_init(&tls->tickets, clock);
}

struct shoal__tls_sessions *shoal__tls_sessions_of(const struct shoal_tls *tls)
{
    return tls->sessions;
}

bool shoal__tls_is_client(const struct shoal_tls *tls)
{
    return tls->client;
}
