/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Session tickets: the server's state of a session, encrypted and kept by the client, so that
 * resumption costs no memory here. The keys change every hour, because whoever gets hold of one can
 * read what its tickets resumed in TLS 1.2. They belong to the settings and outlive a reload.
 */
#include "net/tls_priv.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static const int64_t key_ns = SHOAL__TICKET_KEY_S * SHOAL__NS_PER_S;

static bool make_key(struct shoal__ticket_key *key, int64_t now_ns)
{
    key->made_ns = now_ns;
    return RAND_bytes(key->name, sizeof(key->name)) == 1 &&
           RAND_priv_bytes(key->aes, sizeof(key->aes)) == 1 &&
           RAND_priv_bytes(key->hmac, sizeof(key->hmac)) == 1;
}

bool shoal__tls_tickets_init(struct shoal__tls_tickets *tickets, const struct shoal__clock *clock)
{
    int64_t now_ns = shoal__clock_now_ns(clock);
    tickets->clock = *clock;
    if (!tickets->lock)
        tickets->lock = CRYPTO_THREAD_lock_new();
    /* The previous one as well: a key of zeros would be everybody's. */
    return tickets->lock && make_key(&tickets->keys[0], now_ns) &&
           make_key(&tickets->keys[1], now_ns);
}

void shoal__tls_tickets_fini(struct shoal__tls_tickets *tickets)
{
    CRYPTO_THREAD_lock_free(tickets->lock);
    tickets->lock = NULL;
    OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
}

/* A fresh current key where it is time; where none can be made, the old one goes on. */
static void rotate_locked(struct shoal__tls_tickets *tickets, int64_t now_ns)
{
    struct shoal__ticket_key next;
    if (now_ns - tickets->keys[0].made_ns < key_ns || !make_key(&next, now_ns))
        return;
    tickets->keys[1] = tickets->keys[0];
    tickets->keys[0] = next;
    OPENSSL_cleanse(&next, sizeof(next));
}

static bool opens_locked(const struct shoal__ticket_key *key, const unsigned char *name,
                         int64_t now_ns)
{
    return memcmp(name, key->name, sizeof(key->name)) == 0 && now_ns - key->made_ns < 2 * key_ns;
}

/* Copies the key to use to *out. Returns what OpenSSL wants to know: 1 use it, 2 use it and make a
 * new ticket, 0 there is none for this ticket. A NULL name asks for the one to encrypt with. */
static int find_key(struct shoal__tls_tickets *tickets, const unsigned char *name,
                    struct shoal__ticket_key *out)
{
    int found = 0;
    int64_t now_ns = shoal__clock_now_ns(&tickets->clock);
    if (!CRYPTO_THREAD_write_lock(tickets->lock))
        return 0;
    rotate_locked(tickets, now_ns);
    if (!name || opens_locked(&tickets->keys[0], name, now_ns))
        found = 1;
    else if (opens_locked(&tickets->keys[1], name, now_ns))
        found = 2;
    if (found)
        *out = tickets->keys[found - 1];
    CRYPTO_THREAD_unlock(tickets->lock);
    return found;
}

static bool set_mac(EVP_MAC_CTX *mac, struct shoal__ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof(key->hmac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static bool set_encryption(EVP_CIPHER_CTX *cipher, const struct shoal__ticket_key *key,
                           unsigned char *name, unsigned char *iv)
{
    memcpy(name, key->name, sizeof(key->name));
    return RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 &&
           EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv) == 1;
}

static int ticket_key_cb(SSL *ssl, unsigned char name[16], unsigned char *iv,
                         EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    struct shoal__tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct shoal__ticket_key key;
    int found = find_key(tickets, encrypt ? NULL : name, &key);
    if (!found)
        return 0;
    bool set = encrypt ? set_encryption(cipher, &key, name, iv)
                       : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv) == 1;
    bool done = set && set_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof(key));
    return done ? found : -1;
}

bool shoal__tls_tickets_use(struct shoal__tls_tickets *tickets, SSL_CTX *context)
{
    SSL_CTX_set_timeout(context, 2 * SHOAL__TICKET_KEY_S);
    return SSL_CTX_set_app_data(context, tickets) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key_cb) == 1;
}
