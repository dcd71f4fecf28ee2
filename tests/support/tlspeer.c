/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates by OpenSSL's own calls, and the peer in memory. Failing here fails the test. */
#include "support/tlspeer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <shoal/error.h>

enum {
    ROUNDS = 100000,
    DAY_S = 86400,
    MOVE = 64 * 1024,
};

/* Certificates */

void tlsfolder_make(struct tlsfolder *folder)
{
    *folder = (struct tlsfolder){.path = "/tmp/shoal-tls-XXXXXX"};
    assert_non_null(mkdtemp(folder->path));
}

void tlsfolder_remove(struct tlsfolder *folder)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", folder->path);
    assert_int_equal(system(command), 0);
}

const char *tlsfolder_file(struct tlsfolder *folder, const char *name)
{
    char *file = folder->file[folder->files++ % 32];
    char path[sizeof(folder->path)]; /* a copy: the compiler fears that it overlaps `file` */
    memcpy(path, folder->path, sizeof(path));
    snprintf(file, sizeof(folder->file[0]), "%s/%s", path, name);
    return file;
}

static FILE *open_file(struct tlsfolder *folder, const char *name, const char *kind,
                       const char *mode)
{
    char both[64];
    snprintf(both, sizeof(both), "%s.%s", name, kind);
    FILE *file = fopen(tlsfolder_file(folder, both), mode);
    assert_non_null(file);
    return file;
}

static X509 *read_cert(struct tlsfolder *folder, const char *name)
{
    FILE *file = open_file(folder, name, "pem", "r");
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(cert);
    return cert;
}

static EVP_PKEY *read_key(struct tlsfolder *folder, const char *name)
{
    FILE *file = open_file(folder, name, "key", "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(key);
    return key;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A comment of that many bytes, which nobody reads. */
static void add_padding(X509 *cert, size_t size)
{
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    unsigned char *padding = calloc(1, size + 1);
    ASN1_OCTET_STRING_set(bytes, padding, (int)size);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, bytes);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(bytes);
    free(padding);
}

static X509 *make_cert(const char *host, EVP_PKEY *key, long lives_s)
{
    static long serial;
    unsigned char ip[4];
    char alternative[128];
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(cert), lives_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)host, -1, -1, 0);
    X509_set_pubkey(cert, key);
    bool is_ip = sscanf(host, "%hhu.%hhu.%hhu.%hhu", &ip[0], &ip[1], &ip[2], &ip[3]) == 4;
    snprintf(alternative, sizeof(alternative), "%s:%s", is_ip ? "IP" : "DNS", host);
    add_extension(cert, NID_subject_alt_name, alternative);
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    return cert;
}

static void write_both(struct tlsfolder *folder, const char *name, X509 *cert, EVP_PKEY *key)
{
    FILE *file = open_file(folder, name, "pem", "w");
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    file = open_file(folder, name, "key", "w");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

void tlsfolder_add(struct tlsfolder *folder, const char *name, const char *host, const char *issuer)
{
    tlsfolder_add_odd(folder, name, host, issuer, DAY_S, 0);
}

void tlsfolder_add_odd(struct tlsfolder *folder, const char *name, const char *host,
                       const char *issuer, long lives_s, size_t padding)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *cert = make_cert(host, key, lives_s);
    if (padding > 0)
        add_padding(cert, padding);
    EVP_PKEY *issuer_key = issuer ? read_key(folder, issuer) : NULL;
    X509 *issuer_cert = issuer ? read_cert(folder, issuer) : NULL;
    X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer_cert : cert));
    assert_true(X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()) > 0);
    write_both(folder, name, cert, key);
    X509_free(issuer_cert);
    EVP_PKEY_free(issuer_key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct shoal_tls *tlsfolder_server(struct tlsfolder *folder, const char *name)
{
    char pem[64], key[64], error[256] = "";
    snprintf(pem, sizeof(pem), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    struct shoal_tls_cert cert = {tlsfolder_file(folder, pem), tlsfolder_file(folder, key)};
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    struct shoal_tls *tls = NULL;
    cfg.certs = &cert;
    cfg.cert_count = 1;
    if (shoal_tls_create(&cfg, &tls, error, sizeof(error)) < 0)
        fail_msg("%s", error);
    return tls;
}

/* The peer */

void tlspeer_open(struct tlspeer *peer, struct shoal_tls *tls, const char *host)
{
    int fds[2];
    bool is_server = shoal__tls_is_client(tls);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *peer = (struct tlspeer){.fd = fds[1], .handshake = SHOAL__IO_WANT_READ};
    assert_int_equal(shoal__tls_transport(tls, fds[0], host, &peer->transport), 0);
    peer->context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    peer->ssl = SSL_new(peer->context);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    assert_non_null(peer->ssl);
    assert_true(peer->in && peer->out);
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    if (is_server)
        SSL_set_accept_state(peer->ssl);
    else
        SSL_set_connect_state(peer->ssl);
}

void tlspeer_close(struct tlspeer *peer)
{
    if (peer->transport.state)
        peer->transport.ops->close(&peer->transport, false);
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    if (peer->fd >= 0)
        close(peer->fd);
    ERR_clear_error();
}

static void move_in(struct tlspeer *peer)
{
    char *bytes;
    long waiting = BIO_get_mem_data(peer->out, &bytes);
    size_t size = peer->chunk > 0 && (size_t)waiting > peer->chunk ? peer->chunk : (size_t)waiting;
    ssize_t n = size > 0 ? send(peer->fd, bytes, size, MSG_NOSIGNAL) : 0;
    char gone[MOVE];
    for (ssize_t left = n; left > 0;)
        left -= BIO_read(peer->out, gone, left < MOVE ? (int)left : MOVE);
}

void tlspeer_move(struct tlspeer *peer)
{
    char bytes[MOVE];
    move_in(peer);
    ssize_t n = recv(peer->fd, bytes, sizeof(bytes), 0);
    if (n > 0)
        assert_int_equal(BIO_write(peer->in, bytes, (int)n), n);
}

bool tlspeer_shake_hands(struct tlspeer *peer)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (!peer->peer_is_done)
            peer->peer_is_done = SSL_do_handshake(peer->ssl) == 1;
        tlspeer_move(peer);
        if (peer->handshake == SHOAL__IO_WANT_READ || peer->handshake == SHOAL__IO_WANT_WRITE)
            peer->handshake = peer->transport.ops->handshake(&peer->transport);
        tlspeer_move(peer);
        bool failed = peer->handshake != 1 && peer->handshake != SHOAL__IO_WANT_READ &&
                      peer->handshake != SHOAL__IO_WANT_WRITE;
        if (failed || (peer->peer_is_done && peer->handshake == 1))
            break;
    }
    if (!peer->peer_is_done) /* an alert that is there to be read */
        (void)SSL_do_handshake(peer->ssl);
    return peer->peer_is_done && peer->handshake == 1;
}

void tlspeer_send(struct tlspeer *peer, const void *data, size_t size)
{
    assert_int_equal(SSL_write(peer->ssl, data, (int)size), size);
}

ssize_t tlspeer_transport_reads(struct tlspeer *peer, void *out, size_t size)
{
    const struct shoal__transport_ops *ops = peer->transport.ops;
    size_t got = 0;
    ssize_t n = SHOAL__IO_WANT_READ;
    for (int i = 0; i < ROUNDS && got < size; i++) {
        tlspeer_move(peer);
        n = ops->read(&peer->transport, (char *)out + got, size - got);
        if (n > 0)
            got += (size_t)n;
        else if (n != SHOAL__IO_WANT_READ || BIO_pending(peer->out) == 0)
            break;
    }
    return got > 0 ? (ssize_t)got : n;
}

bool tlspeer_receives(struct tlspeer *peer, const char *data, size_t size)
{
    static char got[MOVE];
    size_t sent = 0, received = 0;
    while (received < size) {
        struct iovec iov = {(void *)(uintptr_t)(data + sent), size - sent};
        ssize_t n = sent < size ? peer->transport.ops->writev(&peer->transport, &iov, 1) : 0;
        if (n < 0 && n != SHOAL__IO_WANT_WRITE)
            return false;
        sent += n > 0 ? (size_t)n : 0;
        tlspeer_move(peer);
        int m = SSL_read(peer->ssl, got, sizeof(got));
        if (m <= 0 && sent == size && SSL_get_error(peer->ssl, m) != SSL_ERROR_WANT_READ)
            return false;
        if (m > 0 && memcmp(got, data + received, (size_t)m) != 0)
            return false;
        received += m > 0 ? (size_t)m : 0;
    }
    return true;
}
