/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes in memory, before the first real one: TLS 1.2, TLS 1.3, and a resumption. Both sides
 * run here in turn over a pair of BIOs; the side that is not under test is a stand-in that trusts
 * everybody, with a certificate made on the spot where it has to be the server.
 */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "net/tls_priv.h"

enum {
    ROUNDS = 16,
    STAND_IN_S = 3600,
};

struct pair {
    SSL *server;
    SSL *client;
};

static bool sign(X509 *cert, EVP_PKEY *key)
{
    return ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), STAND_IN_S) &&
           X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0;
}

static SSL_CTX *stand_in_server(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    bool done = context && key && cert && sign(cert, key) &&
                SSL_CTX_use_certificate(context, cert) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    if (!done) {
        SSL_CTX_free(context);
        context = NULL;
    }
    return context;
}

static bool join(const struct pair *pair)
{
    BIO *server = NULL, *client = NULL;
    if (BIO_new_bio_pair(&server, 0, &client, 0) != 1)
        return false;
    SSL_set_bio(pair->server, server, server);
    SSL_set_bio(pair->client, client, client);
    SSL_set_accept_state(pair->server);
    SSL_set_connect_state(pair->client);
    SSL_set_verify(pair->server, SSL_VERIFY_NONE, NULL);
    SSL_set_verify(pair->client, SSL_VERIFY_NONE, NULL);
    return true;
}

static bool shake_hands(const struct pair *pair)
{
    for (int round = 0; round < ROUNDS; round++) {
        int client = SSL_do_handshake(pair->client);
        int server = SSL_do_handshake(pair->server);
        if (client == 1 && server == 1)
            return true;
    }
    return false;
}

/* The ticket of TLS 1.3 follows the handshake; the client finds it when it reads. */
static SSL_SESSION *take_session(SSL *client)
{
    char nothing;
    (void)SSL_read(client, &nothing, 1);
    return SSL_get1_session(client);
}

/* One handshake; resumes *session where there is one, and replaces it. */
static bool handshake(SSL_CTX *server, SSL_CTX *client, int version, SSL_SESSION **session)
{
    struct pair pair = {SSL_new(server), SSL_new(client)};
    bool done = pair.server && pair.client && join(&pair) &&
                SSL_set_min_proto_version(pair.client, version) == 1 &&
                SSL_set_max_proto_version(pair.client, version) == 1 &&
                (!*session || SSL_set_session(pair.client, *session) == 1) && shake_hands(&pair);
    if (done) {
        SSL_SESSION_free(*session);
        *session = take_session(pair.client);
        SSL_set_shutdown(pair.client, SSL_SENT_SHUTDOWN); /* or the session would count as bad */
    }
    SSL_free(pair.server);
    SSL_free(pair.client);
    return done;
}

static bool all_handshakes(SSL_CTX *server, SSL_CTX *client)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++) {
        SSL_SESSION *session = NULL;
        bool done = true;
        for (int visit = 0; done && visit < 2; visit++) /* the second one resumes */
            done = handshake(server, client, versions[i], &session);
        SSL_SESSION_free(session);
        if (!done)
            return false;
    }
    return true;
}

bool shoal__tls_warm_up(SSL_CTX *context, bool client)
{
    SSL_CTX *peer = client ? stand_in_server() : SSL_CTX_new(TLS_client_method());
    bool done = peer && all_handshakes(client ? peer : context, client ? context : peer);
    SSL_CTX_free(peer);
    return done;
}
