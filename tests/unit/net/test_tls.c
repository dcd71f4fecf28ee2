/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS as a transport: real handshakes and records over a socket pair, with OpenSSL as the peer and
 * the test deciding how many bytes arrive at a time.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include <shoal/error.h>

#include "support/tlspeer.h"

enum { LARGE = 1024 * 1024 };

struct bench {
    struct tlsfolder folder;
    struct shoal_tls *tls;
    struct tlspeer peer;
    char large[LARGE];
    char got[LARGE];
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    tlsfolder_make(&bench->folder);
    tlsfolder_add(&bench->folder, "a", "a.example", NULL);
    bench->tls = tlsfolder_server(&bench->folder, "a");
    for (size_t i = 0; i < LARGE; i++)
        bench->large[i] = (char)(i * 31 + i / 251);
    tlspeer_open(&bench->peer, bench->tls, NULL);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;
    tlspeer_close(&bench->peer);
    shoal_tls_unref(&bench->tls);
    tlsfolder_remove(&bench->folder);
    free(bench);
    return 0;
}

static void limit_version(struct bench *bench, int version)
{
    assert_int_equal(SSL_set_max_proto_version(bench->peer.ssl, version), 1);
    assert_int_equal(SSL_set_min_proto_version(bench->peer.ssl, version), 1);
}

static void shake_hands(struct bench *bench)
{
    assert_true(tlspeer_shake_hands(&bench->peer));
    ERR_clear_error();
}

static ssize_t read_some(struct bench *bench, size_t size)
{
    return bench->peer.transport.ops->read(&bench->peer.transport, bench->got, size);
}

static size_t pending(struct bench *bench)
{
    return bench->peer.transport.ops->pending(&bench->peer.transport);
}

/* Handshakes */

static void check_trickle(struct bench *bench, int version)
{
    limit_version(bench, version);
    bench->peer.chunk = 1;
    shake_hands(bench);
    tlspeer_send(&bench->peer, "hello", 5);
    assert_int_equal(tlspeer_transport_reads(&bench->peer, bench->got, 5), 5);
    assert_memory_equal(bench->got, "hello", 5);
    assert_true(tlspeer_receives(&bench->peer, "world", 5));
}

static void a_handshake_of_1_3_split_at_every_byte_succeeds(void **state)
{
    check_trickle(*state, TLS1_3_VERSION);
}

static void a_handshake_of_1_2_split_at_every_byte_succeeds(void **state)
{
    check_trickle(*state, TLS1_2_VERSION);
}

static void a_hello_in_records_of_one_byte_is_no_harm(void **state)
{
    struct bench *bench = *state;
    char hello[2048], *bytes;
    assert_true(SSL_do_handshake(bench->peer.ssl) < 1);
    long size = BIO_get_mem_data(bench->peer.out, &bytes);
    memcpy(hello, bytes, (size_t)size);
    assert_int_equal(BIO_reset(bench->peer.out), 1);
    for (long i = 5; i < size; i++) {
        const char record[] = {0x16, 0x03, 0x01, 0, 1, hello[i]};
        assert_int_equal(BIO_write(bench->peer.out, record, sizeof(record)), sizeof(record));
    }
    shake_hands(bench);
}

static void versions_before_1_2_are_refused(void **state)
{
    struct bench *bench = *state;
    SSL_set_security_level(bench->peer.ssl, 0);
    limit_version(bench, TLS1_1_VERSION);
    assert_false(tlspeer_shake_hands(&bench->peer));
    assert_int_equal(bench->peer.handshake, -SHOAL_EPROTOCOL);
}

static void bytes_that_are_no_tls_are_refused(void **state)
{
    struct bench *bench = *state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_int_equal(send(bench->peer.fd, request, sizeof(request), 0), sizeof(request));
    assert_int_equal(bench->peer.transport.ops->handshake(&bench->peer.transport),
                     -SHOAL_EPROTOCOL);
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_peer_that_leaves_in_the_handshake_is_a_reset(void **state)
{
    struct bench *bench = *state;
    (void)SSL_do_handshake(bench->peer.ssl);
    tlspeer_move(&bench->peer);
    assert_int_equal(bench->peer.transport.ops->handshake(&bench->peer.transport),
                     SHOAL__IO_WANT_READ);
    shutdown(bench->peer.fd, SHUT_WR);
    assert_int_equal(bench->peer.transport.ops->handshake(&bench->peer.transport), -ECONNRESET);
}

static void what_the_handshake_came_to_can_be_asked(void **state)
{
    struct bench *bench = *state;
    struct shoal_tls_info info;
    assert_false(shoal__tls_info(&bench->peer.transport, &info));
    assert_int_equal(SSL_set_tlsext_host_name(bench->peer.ssl, "a.example"), 1);
    shake_hands(bench);
    assert_true(shoal__tls_info(&bench->peer.transport, &info));
    assert_string_equal(info.version, "TLSv1.3");
    assert_string_equal(info.sni, "a.example");
    assert_non_null(strstr(info.cipher, "TLS_"));
    assert_int_equal(info.alpn.size, 0);
    assert_false(info.resumed);
    assert_false(info.peer_verified);
    bench->peer.transport.ops->close(&bench->peer.transport, false);
    assert_false(shoal__tls_info(&bench->peer.transport, &info));
}

/* Data */

static void much_data_passes_both_ways_in_odd_pieces(void **state)
{
    struct bench *bench = *state;
    shake_hands(bench);
    bench->peer.chunk = 1733;
    tlspeer_send(&bench->peer, bench->large, LARGE);
    assert_int_equal(tlspeer_transport_reads(&bench->peer, bench->got, LARGE), LARGE);
    assert_memory_equal(bench->got, bench->large, LARGE);
    assert_true(tlspeer_receives(&bench->peer, bench->large, LARGE));
}

static void pieces_are_put_together_into_one_record(void **state)
{
    struct bench *bench = *state;
    struct iovec pieces[3] = {{bench->large, 10}, {bench->large + 10, 20}, {bench->large + 30, 5}};
    shake_hands(bench);
    assert_int_equal(bench->peer.transport.ops->writev(&bench->peer.transport, pieces, 3), 35);
    tlspeer_move(&bench->peer);
    assert_int_equal(SSL_read(bench->peer.ssl, bench->got, LARGE), 35);
    assert_memory_equal(bench->got, bench->large, 35);
}

static void what_openssl_holds_is_pending_and_half_a_record_is_not(void **state)
{
    struct bench *bench = *state;
    char *bytes;
    shake_hands(bench);
    tlspeer_send(&bench->peer, "first", 5);
    tlspeer_send(&bench->peer, "second", 6);
    long size = BIO_get_mem_data(bench->peer.out, &bytes);
    bench->peer.chunk = (size_t)size - 3; /* all but the second record's end */
    tlspeer_move(&bench->peer);
    assert_int_equal(read_some(bench, 3), 3);
    assert_int_equal(pending(bench), 2);
    assert_int_equal(read_some(bench, 100), 2);
    assert_int_equal(pending(bench), 0);
    assert_int_equal(read_some(bench, 100), SHOAL__IO_WANT_READ);
    assert_int_equal(pending(bench), 0);
    tlspeer_move(&bench->peer);
    assert_int_equal(read_some(bench, 100), 6);
}

static void a_full_socket_is_waited_for_and_the_same_bytes_are_sent_from_elsewhere(void **state)
{
    struct bench *bench = *state;
    const struct shoal__transport_ops *ops = bench->peer.transport.ops;
    struct iovec iov = {bench->large, 10000};
    size_t full = 0;
    ssize_t n;
    shake_hands(bench);
    while ((n = ops->writev(&bench->peer.transport, &iov, 1)) > 0)
        full += (size_t)n;
    assert_int_equal(n, SHOAL__IO_WANT_WRITE);
    for (size_t got = 0; got < full; got += (size_t)n) {
        tlspeer_move(&bench->peer);
        n = SSL_read(bench->peer.ssl, bench->got, 10000);
        n = n > 0 ? n : 0;
    }
    char *copy = malloc(10000); /* as when what was gathered is kept in a buffer */
    assert_non_null(copy);
    memcpy(copy, bench->large, 10000);
    struct iovec pieces[] = {{copy, 4000}, {copy + 4000, 6000}, {bench->large, 7}};
    n = ops->writev(&bench->peer.transport, pieces, 3);
    free(copy);
    assert_int_equal(n, 10007);
    tlspeer_move(&bench->peer);
    assert_int_equal(SSL_read(bench->peer.ssl, bench->got, LARGE), 10000);
    assert_memory_equal(bench->got, bench->large, 10000);
    assert_int_equal(SSL_read(bench->peer.ssl, bench->got, LARGE), 7);
    assert_memory_equal(bench->got, bench->large, 7);
}

/* Ends */

static void close_notify_is_the_end_also_right_behind_data(void **state)
{
    struct bench *bench = *state;
    shake_hands(bench);
    tlspeer_send(&bench->peer, "last", 4);
    assert_int_equal(SSL_shutdown(bench->peer.ssl), 0);
    tlspeer_move(&bench->peer);
    assert_int_equal(read_some(bench, 100), 4);
    assert_true(pending(bench) > 0); /* no event of the descriptor's will tell of it */
    assert_int_equal(read_some(bench, 100), SHOAL__IO_EOF);
    assert_int_equal(read_some(bench, 100), SHOAL__IO_EOF);
    assert_true(tlspeer_receives(&bench->peer, "answer", 6)); /* the other side is still open */
}

static void an_end_without_close_notify_is_a_reset_also_behind_data(void **state)
{
    struct bench *bench = *state;
    shake_hands(bench);
    tlspeer_send(&bench->peer, "last", 4);
    tlspeer_move(&bench->peer);
    shutdown(bench->peer.fd, SHUT_WR);
    assert_int_equal(read_some(bench, 100), 4);
    assert_int_equal(read_some(bench, 100), -ECONNRESET);
    assert_int_equal(read_some(bench, 100), -ECONNRESET);
}

static void shutting_down_sends_close_notify_and_reading_goes_on(void **state)
{
    struct bench *bench = *state;
    shake_hands(bench);
    assert_int_equal(bench->peer.transport.ops->shutdown(&bench->peer.transport), 1);
    tlspeer_move(&bench->peer);
    assert_int_equal(SSL_read(bench->peer.ssl, bench->got, 100), 0);
    assert_int_equal(SSL_get_error(bench->peer.ssl, 0), SSL_ERROR_ZERO_RETURN);
    tlspeer_send(&bench->peer, "more", 4);
    assert_int_equal(tlspeer_transport_reads(&bench->peer, bench->got, 4), 4);
}

static void a_record_that_was_changed_is_an_error_for_good(void **state)
{
    struct bench *bench = *state;
    char *bytes;
    shake_hands(bench);
    tlspeer_send(&bench->peer, "data", 4);
    long size = BIO_get_mem_data(bench->peer.out, &bytes);
    bytes[size - 1] ^= 1;
    tlspeer_move(&bench->peer);
    assert_int_equal(read_some(bench, 100), -SHOAL_EPROTOCOL);
    assert_int_equal(read_some(bench, 100), -SHOAL_EPROTOCOL);
}

/* Abuse */

static void update_keys(struct bench *bench, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(SSL_key_update(bench->peer.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(bench->peer.ssl), 1);
    }
}

static void a_few_new_keys_are_taken(void **state)
{
    struct bench *bench = *state;
    shake_hands(bench);
    update_keys(bench, 20);
    tlspeer_send(&bench->peer, "data", 4);
    assert_int_equal(tlspeer_transport_reads(&bench->peer, bench->got, 4), 4);
    assert_memory_equal(bench->got, "data", 4);
}

static void a_flood_of_new_keys_is_cut_within_one_read(void **state)
{
    struct bench *bench = *state;
    shake_hands(bench);
    update_keys(bench, 1000);
    tlspeer_send(&bench->peer, "data", 4);
    assert_int_equal(tlspeer_transport_reads(&bench->peer, bench->got, 4), -SHOAL_EPROTOCOL);
}

static void new_keys_between_data_are_a_flood_as_well(void **state)
{
    struct bench *bench = *state;
    ssize_t n = 1;
    int rounds = 0;
    shake_hands(bench);
    for (; n == 1 && rounds < 1000; rounds++) {
        update_keys(bench, 1);
        tlspeer_send(&bench->peer, "x", 1);
        n = tlspeer_transport_reads(&bench->peer, bench->got, 1);
    }
    assert_int_equal(n, -SHOAL_EPROTOCOL);
    assert_true(rounds > 100);
}

/* Records of 1.3 that no library would send, sealed by hand. */

enum { SEAL_KEY = 32, SEAL_IV = 12, SEAL_TAG = 16 };

struct seal {
    unsigned char secret[48]; /* the client's, of AES-256-GCM with SHA-384 */
    unsigned char key[SEAL_KEY], iv[SEAL_IV];
    unsigned char sequence;
};

static void keep_secret(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    struct seal *seal = SSL_get_app_data(ssl);
    size_t size;
    if (strncmp(line, label, sizeof(label) - 1) == 0)
        assert_int_equal(OPENSSL_hexstr2buf_ex(seal->secret, sizeof(seal->secret), &size,
                                               strrchr(line, ' ') + 1, '\0'),
                         1);
}

static void derive(const struct seal *seal, const char *label, unsigned char *out, size_t size)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA384"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)seal->secret,
                                          sizeof(seal->secret)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char[]){"tls13 "}, 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)(uintptr_t)label,
                                          strlen(label)),
        OSSL_PARAM_construct_end()};
    assert_int_equal(EVP_KDF_derive(context, out, size, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void shake_hands_and_keep_keys(struct bench *bench, struct seal *seal)
{
    SSL_set_app_data(bench->peer.ssl, seal);
    SSL_CTX_set_keylog_callback(bench->peer.context, keep_secret);
    assert_int_equal(SSL_set_ciphersuites(bench->peer.ssl, "TLS_AES_256_GCM_SHA384"), 1);
    shake_hands(bench);
    derive(seal, "key", seal->key, sizeof(seal->key));
    derive(seal, "iv", seal->iv, sizeof(seal->iv));
}

/* A record of application data, "" for an empty one. */
static void send_record(struct bench *bench, struct seal *seal, const char *text)
{
    enum { HEAD = 5, MOST = 64 };
    int size = (int)strlen(text) + 1, written, rest; /* with the content's type behind it */
    unsigned char record[HEAD + MOST] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0};
    unsigned char inner[MOST - SEAL_TAG], nonce[SEAL_IV];
    record[HEAD - 1] = (unsigned char)(size + SEAL_TAG);
    memcpy(inner, text, (size_t)size - 1);
    inner[size - 1] = SSL3_RT_APPLICATION_DATA;
    memcpy(nonce, seal->iv, sizeof(nonce));
    nonce[SEAL_IV - 1] ^= seal->sequence++;
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    assert_true(EVP_EncryptInit_ex(aes, EVP_aes_256_gcm(), NULL, seal->key, nonce) == 1 &&
                EVP_EncryptUpdate(aes, NULL, &written, record, HEAD) == 1 &&
                EVP_EncryptUpdate(aes, record + HEAD, &written, inner, size) == 1 &&
                EVP_EncryptFinal_ex(aes, record + HEAD + size, &rest) == 1 &&
                EVP_CIPHER_CTX_ctrl(aes, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, record + HEAD + size));
    EVP_CIPHER_CTX_free(aes);
    int all = HEAD + size + SEAL_TAG;
    assert_int_equal(BIO_write(bench->peer.out, record, all), all);
}

static void a_few_empty_records_are_passed_over(void **state)
{
    struct bench *bench = *state;
    struct seal seal = {.sequence = 0};
    shake_hands_and_keep_keys(bench, &seal);
    for (int i = 0; i < 20; i++)
        send_record(bench, &seal, "");
    send_record(bench, &seal, "data");
    assert_int_equal(tlspeer_transport_reads(&bench->peer, bench->got, 4), 4);
    assert_memory_equal(bench->got, "data", 4);
}

static void a_flood_of_empty_records_is_cut_within_one_read(void **state)
{
    struct bench *bench = *state;
    struct seal seal = {.sequence = 0};
    shake_hands_and_keep_keys(bench, &seal);
    for (int i = 0; i < 200; i++)
        send_record(bench, &seal, "");
    send_record(bench, &seal, "data");
    assert_int_equal(tlspeer_transport_reads(&bench->peer, bench->got, 4), -SHOAL_EPROTOCOL);
}

static void renegotiation_is_refused(void **state)
{
    struct bench *bench = *state;
    limit_version(bench, TLS1_2_VERSION);
    shake_hands(bench);
    assert_int_equal(SSL_renegotiate(bench->peer.ssl), 1);
    (void)SSL_do_handshake(bench->peer.ssl);
    tlspeer_move(&bench->peer);
    assert_int_equal(read_some(bench, 100), SHOAL__IO_WANT_READ);
    tlspeer_move(&bench->peer);
    assert_true(SSL_do_handshake(bench->peer.ssl) < 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

static void one_connections_failure_is_not_anothers(void **state)
{
    struct bench *bench = *state;
    struct tlspeer other;
    shake_hands(bench);
    tlspeer_open(&other, bench->tls, NULL);
    assert_int_equal(send(other.fd, "no TLS at all", 13, 0), 13);
    for (int i = 0; i < 3; i++) {
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_PACKET); /* somebody else's, left in the thread's queue */
        (void)other.transport.ops->handshake(&other.transport);
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_PACKET);
        assert_int_equal(read_some(bench, 100), SHOAL__IO_WANT_READ);
        assert_true(tlspeer_receives(&bench->peer, "fine", 4));
    }
    tlspeer_close(&other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_of_1_3_split_at_every_byte_succeeds),
        TEST(a_handshake_of_1_2_split_at_every_byte_succeeds),
        TEST(a_hello_in_records_of_one_byte_is_no_harm),
        TEST(versions_before_1_2_are_refused),
        TEST(bytes_that_are_no_tls_are_refused),
        TEST(a_peer_that_leaves_in_the_handshake_is_a_reset),
        TEST(what_the_handshake_came_to_can_be_asked),
        TEST(much_data_passes_both_ways_in_odd_pieces),
        TEST(pieces_are_put_together_into_one_record),
        TEST(what_openssl_holds_is_pending_and_half_a_record_is_not),
        TEST(a_full_socket_is_waited_for_and_the_same_bytes_are_sent_from_elsewhere),
        TEST(close_notify_is_the_end_also_right_behind_data),
        TEST(an_end_without_close_notify_is_a_reset_also_behind_data),
        TEST(shutting_down_sends_close_notify_and_reading_goes_on),
        TEST(a_record_that_was_changed_is_an_error_for_good),
        TEST(a_few_new_keys_are_taken),
        TEST(a_flood_of_new_keys_is_cut_within_one_read),
        TEST(new_keys_between_data_are_a_flood_as_well),
        TEST(a_few_empty_records_are_passed_over),
        TEST(a_flood_of_empty_records_is_cut_within_one_read),
        TEST(renegotiation_is_refused),
        TEST(one_connections_failure_is_not_anothers),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
