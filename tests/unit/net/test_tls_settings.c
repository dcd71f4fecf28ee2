/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS settings: what is refused and how it is said, which certificate and protocol is chosen, who
 * is trusted, reload, and the life of ticket keys on a clock moved by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <shoal/error.h>

#include "net/tls_priv.h"
#include "support/fakeclock.h"
#include "support/tlspeer.h"

struct bench {
    struct tlsfolder folder;
    struct shoal_tls *tls;
    char error[256];
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    tlsfolder_make(&bench->folder);
    tlsfolder_add(&bench->folder, "a", "a.example", NULL);
    tlsfolder_add(&bench->folder, "b", "b.example", NULL);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;
    shoal_tls_unref(&bench->tls);
    tlsfolder_remove(&bench->folder);
    free(bench);
    return 0;
}

static struct shoal_tls_cert cert_of(struct bench *bench, const char *pem, const char *key)
{
    return (struct shoal_tls_cert){tlsfolder_file(&bench->folder, pem),
                                   tlsfolder_file(&bench->folder, key)};
}

static int create(struct bench *bench, const struct shoal_tls_cfg *cfg)
{
    shoal_tls_unref(&bench->tls);
    bench->error[0] = '\0';
    return shoal_tls_create(cfg, &bench->tls, bench->error, sizeof(bench->error));
}

static void create_well(struct bench *bench, const struct shoal_tls_cfg *cfg)
{
    if (create(bench, cfg) < 0)
        fail_msg("%s", bench->error);
}

/* With both certificates; a's first. */
static void create_with_both(struct bench *bench, const char *const *alpn)
{
    struct shoal_tls_cert certs[] = {cert_of(bench, "a.pem", "a.key"),
                                     cert_of(bench, "b.pem", "b.key")};
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.certs = certs;
    cfg.cert_count = 2;
    cfg.alpn = alpn;
    create_well(bench, &cfg);
}

static void create_client(struct bench *bench, const char *ca, bool insecure)
{
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.client = true;
    cfg.ca_file = tlsfolder_file(&bench->folder, ca);
    cfg.insecure = insecure;
    create_well(bench, &cfg);
}

/* Refusals */

static void refused(struct bench *bench, const struct shoal_tls_cfg *cfg, int code,
                    const char *sentence)
{
    assert_int_equal(create(bench, cfg), code);
    assert_null(bench->tls);
    if (!strstr(bench->error, sentence))
        fail_msg("'%s' does not say '%s'", bench->error, sentence);
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    struct bench *bench = *state;
    struct shoal_tls_cert certs[] = {cert_of(bench, "a.pem", "a.key"), {"a.pem", NULL}};
    const char *empty[] = {"", NULL};
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    refused(bench, &cfg, -SHOAL_EINVAL, "a TLS server needs a certificate and its key");
    cfg.certs = certs;
    cfg.cert_count = 2;
    refused(bench, &cfg, -SHOAL_EINVAL, "a certificate needs its key");
    cfg.cert_count = 1;
    cfg.alpn = empty;
    refused(bench, &cfg, -SHOAL_EINVAL, "1 to 255 bytes");
    cfg.alpn = NULL;
    cfg.require_client_cert = true;
    refused(bench, &cfg, -SHOAL_EINVAL, "vouches");
}

static void file_refused(struct bench *bench, const char *pem, const char *key,
                         const char *sentence)
{
    struct shoal_tls_cert cert = cert_of(bench, pem, key);
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.certs = &cert;
    cfg.cert_count = 1;
    refused(bench, &cfg, -SHOAL_ECERT, sentence);
}

static void files_that_cannot_be_used_are_refused_by_name(void **state)
{
    struct bench *bench = *state;
    file_refused(bench, "none.pem", "a.key", "none.pem: No such file or directory (ENOENT)");
    file_refused(bench, "a.pem", "none.key", "none.key: No such file or directory (ENOENT)");
    file_refused(bench, "a.key", "a.key", "no good certificate in ");
    file_refused(bench, "a.pem", "a.pem", "no good private key in ");
    file_refused(bench, "a.pem", "b.key", "b.key: key values mismatch (ECERT)");
}

static void a_file_of_trust_that_holds_none_is_refused(void **state)
{
    struct bench *bench = *state;
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.client = true;
    cfg.ca_file = tlsfolder_file(&bench->folder, "a.key");
    refused(bench, &cfg, -SHOAL_ECERT, "no good certificates in ");
    cfg.ca_file = "/does/not/exist";
    refused(bench, &cfg, -SHOAL_ECERT, "cannot read /does/not/exist: ");
}

/* Names */

/* The name of the certificate that a client is shown who asks for `name` (NULL: for none). */
static void assert_shown(struct bench *bench, const char *name, const char *host)
{
    struct tlspeer peer;
    tlspeer_open(&peer, bench->tls, NULL);
    if (name)
        assert_int_equal(SSL_set_tlsext_host_name(peer.ssl, name), 1);
    assert_true(tlspeer_shake_hands(&peer));
    assert_int_equal(X509_check_host(SSL_get0_peer_certificate(peer.ssl), host, 0, 0, NULL), 1);
    tlspeer_close(&peer);
}

static void the_certificate_with_the_name_asked_for_is_shown(void **state)
{
    struct bench *bench = *state;
    create_with_both(bench, NULL);
    assert_shown(bench, "b.example", "b.example");
    assert_shown(bench, "B.EXAMPLE", "b.example");
    assert_shown(bench, "a.example", "a.example");
    assert_shown(bench, "c.example", "a.example");
    assert_shown(bench, NULL, "a.example");
}

static bool negotiates(struct bench *bench, const char *offer, const char *chosen)
{
    struct tlspeer peer;
    struct shoal_tls_info info = {.sni = NULL};
    tlspeer_open(&peer, bench->tls, NULL);
    assert_int_equal(
        SSL_set_alpn_protos(peer.ssl, (const unsigned char *)offer, (unsigned)strlen(offer)), 0);
    bool done = tlspeer_shake_hands(&peer);
    if (!done)
        assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
                         SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    if (done) {
        assert_true(shoal__tls_info(&peer.transport, &info));
        assert_int_equal(info.alpn.size, strlen(chosen));
        assert_memory_equal(info.alpn.data, chosen, info.alpn.size);
    }
    tlspeer_close(&peer);
    return done;
}

static void a_protocol_is_chosen_in_our_order(void **state)
{
    struct bench *bench = *state;
    static const char *const ours[] = {"h2", "http/1.1", NULL};
    create_with_both(bench, ours);
    assert_true(negotiates(bench, "\x08http/1.1\x02h2", "h2"));
    assert_true(negotiates(bench, "\x08http/1.1", "http/1.1"));
    assert_true(negotiates(bench, "\x03h2c\x02h2\x02h2", "h2"));
    assert_true(negotiates(bench, "", ""));
    assert_false(negotiates(bench, "\x03h2c", ""));
}

static void without_protocols_of_ours_every_offer_is_passed_over(void **state)
{
    struct bench *bench = *state;
    create_with_both(bench, NULL);
    assert_true(negotiates(bench, "\x02h2", ""));
}

/* Trust */

/* What Shoal's client says to the certificate NAME when it means to reach `host`. */
static int client_says(struct bench *bench, const char *name, const char *host)
{
    struct tlspeer peer;
    struct shoal_tls_cert cert = {0};
    char file[64];
    tlspeer_open(&peer, bench->tls, host);
    snprintf(file, sizeof(file), "%s.pem", name);
    cert.cert_file = tlsfolder_file(&bench->folder, file);
    snprintf(file, sizeof(file), "%s.key", name);
    cert.key_file = tlsfolder_file(&bench->folder, file);
    assert_int_equal(SSL_use_certificate_file(peer.ssl, cert.cert_file, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_use_PrivateKey_file(peer.ssl, cert.key_file, SSL_FILETYPE_PEM), 1);
    (void)tlspeer_shake_hands(&peer);
    int rc = peer.handshake;
    tlspeer_close(&peer);
    return rc;
}

static void a_client_checks_issuer_and_name(void **state)
{
    struct bench *bench = *state;
    tlsfolder_add(&bench->folder, "signed", "c.example", "a");
    tlsfolder_add(&bench->folder, "numbered", "127.0.0.1", "a");
    create_client(bench, "a.pem", false);
    assert_int_equal(client_says(bench, "signed", "c.example"), 1);
    assert_int_equal(client_says(bench, "signed", "d.example"), -SHOAL_ECERT);
    assert_int_equal(client_says(bench, "numbered", "127.0.0.1"), 1);
    assert_int_equal(client_says(bench, "numbered", "127.0.0.2"), -SHOAL_ECERT);
    assert_int_equal(client_says(bench, "b", "b.example"), -SHOAL_ECERT);
    create_client(bench, "a.pem", true);
    assert_int_equal(client_says(bench, "b", "d.example"), 1);
}

/* True where a server that asks for client certificates of a's lets this one in; NULL for none. */
static bool lets_in(struct bench *bench, const char *name)
{
    struct tlspeer peer;
    char file[64];
    tlspeer_open(&peer, bench->tls, NULL);
    if (name) {
        snprintf(file, sizeof(file), "%s.pem", name);
        SSL_use_certificate_file(peer.ssl, tlsfolder_file(&bench->folder, file), SSL_FILETYPE_PEM);
        snprintf(file, sizeof(file), "%s.key", name);
        SSL_use_PrivateKey_file(peer.ssl, tlsfolder_file(&bench->folder, file), SSL_FILETYPE_PEM);
    }
    bool done = tlspeer_shake_hands(&peer);
    struct shoal_tls_info info = {.peer_verified = false};
    if (done) {
        assert_true(shoal__tls_info(&peer.transport, &info));
        assert_int_equal(info.peer_verified, name != NULL);
    }
    tlspeer_close(&peer);
    return done;
}

static void clients_are_let_in_by_their_certificate(void **state)
{
    struct bench *bench = *state;
    struct shoal_tls_cert cert = cert_of(bench, "a.pem", "a.key");
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    tlsfolder_add(&bench->folder, "client", "client.example", "a");
    cfg.certs = &cert;
    cfg.cert_count = 1;
    cfg.ca_file = tlsfolder_file(&bench->folder, "a.pem");
    create_well(bench, &cfg);
    assert_true(lets_in(bench, "client"));
    assert_true(lets_in(bench, NULL));
    assert_false(lets_in(bench, "b"));
    cfg.require_client_cert = true;
    create_well(bench, &cfg);
    assert_true(lets_in(bench, "client"));
    assert_false(lets_in(bench, NULL));
    assert_false(lets_in(bench, "b"));
}

static void a_certificate_that_has_ended_or_is_enormous_lets_nobody_in(void **state)
{
    struct bench *bench = *state;
    struct shoal_tls_cert cert = cert_of(bench, "a.pem", "a.key");
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    tlsfolder_add_odd(&bench->folder, "large", "client.example", "a", 3600, 10000);
    tlsfolder_add_odd(&bench->folder, "ended", "client.example", "a", -3600, 0);
    tlsfolder_add_odd(&bench->folder, "enormous", "client.example", "a", 3600, 1 << 20);
    cfg.certs = &cert;
    cfg.cert_count = 1;
    cfg.ca_file = tlsfolder_file(&bench->folder, "a.pem");
    create_well(bench, &cfg);
    assert_true(lets_in(bench, "large"));
    assert_false(lets_in(bench, "ended"));
    assert_false(lets_in(bench, "enormous"));
    assert_true(lets_in(bench, NULL));
}

/* Reload */

static void a_reload_changes_the_certificate_for_handshakes_to_come(void **state)
{
    struct bench *bench = *state;
    struct tlspeer open;
    bench->tls = tlsfolder_server(&bench->folder, "a");
    tlspeer_open(&open, bench->tls, NULL);
    assert_true(tlspeer_shake_hands(&open));
    tlsfolder_add(&bench->folder, "a", "new.example", NULL);
    assert_shown(bench, NULL, "a.example");
    assert_int_equal(shoal_tls_reload(bench->tls, NULL, 0), 0);
    assert_shown(bench, NULL, "new.example");
    assert_true(tlspeer_receives(&open, "still here", 10));
    tlspeer_close(&open);
}

static void a_reload_that_fails_changes_nothing(void **state)
{
    struct bench *bench = *state;
    bench->tls = tlsfolder_server(&bench->folder, "a");
    const char *key = tlsfolder_file(&bench->folder, "a.key");
    assert_int_equal(rename(tlsfolder_file(&bench->folder, "b.key"), key), 0);
    assert_int_equal(shoal_tls_reload(bench->tls, bench->error, sizeof(bench->error)),
                     -SHOAL_ECERT);
    assert_non_null(strstr(bench->error, "key values mismatch"));
    assert_shown(bench, NULL, "a.example");
    assert_int_equal(unlink(key), 0);
    assert_int_equal(shoal_tls_reload(bench->tls, NULL, 0), -SHOAL_ECERT);
    assert_shown(bench, NULL, "a.example");
}

/* Tickets */

/* Connects with a session (NULL: a new one). Returns the one that came of it; *out_resumed tells
 * whether it was resumed. */
static SSL_SESSION *connect_with(struct bench *bench, int version, SSL_SESSION *session,
                                 bool *out_resumed)
{
    struct tlspeer peer;
    char nothing;
    struct shoal_tls_info info;
    tlspeer_open(&peer, bench->tls, NULL);
    assert_int_equal(SSL_set_max_proto_version(peer.ssl, version), 1);
    if (session)
        assert_int_equal(SSL_set_session(peer.ssl, session), 1);
    assert_true(tlspeer_shake_hands(&peer));
    tlspeer_move(&peer);
    (void)SSL_read(peer.ssl, &nothing, 1);
    assert_true(shoal__tls_info(&peer.transport, &info));
    *out_resumed = info.resumed;
    SSL_SESSION *next = SSL_get1_session(peer.ssl);
    SSL_set_shutdown(peer.ssl, SSL_SENT_SHUTDOWN); /* or the session would count as bad */
    tlspeer_close(&peer);
    return next;
}

static bool resumes(struct bench *bench, int version, SSL_SESSION *session)
{
    bool resumed;
    SSL_SESSION_free(connect_with(bench, version, session, &resumed));
    return resumed;
}

static void check_tickets(struct bench *bench, int version)
{
    struct fakeclock time;
    bool resumed;
    struct shoal__clock clock = fakeclock_start(&time, 5 * SHOAL__NS_PER_S);
    bench->tls = tlsfolder_server(&bench->folder, "a");
    assert_true(shoal__tls_set_clock(bench->tls, &clock));
    SSL_SESSION *session = connect_with(bench, version, NULL, &resumed);
    assert_false(resumed);
    assert_true(resumes(bench, version, session));
    assert_int_equal(shoal_tls_reload(bench->tls, NULL, 0), 0);
    assert_true(resumes(bench, version, session));
    fakeclock_advance_ms(&time, SHOAL__TICKET_KEY_S * 1000 + 1);
    assert_true(resumes(bench, version, session)); /* by the key before the current one */
    SSL_SESSION *later = connect_with(bench, version, NULL, &resumed);
    fakeclock_advance_ms(&time, SHOAL__TICKET_KEY_S * 1000 - 1);
    assert_false(resumes(bench, version, session));
    assert_true(resumes(bench, version, later));
    SSL_SESSION_free(later);
    SSL_SESSION_free(session);
}

static void a_ticket_of_1_3_is_good_for_an_hour_and_for_less_than_two(void **state)
{
    check_tickets(*state, TLS1_3_VERSION);
}

static void a_ticket_of_1_2_is_good_for_an_hour_and_for_less_than_two(void **state)
{
    check_tickets(*state, TLS1_2_VERSION);
}

static void a_key_that_nobody_used_for_hours_opens_nothing(void **state)
{
    struct bench *bench = *state;
    struct fakeclock time;
    bool resumed;
    struct shoal__clock clock = fakeclock_start(&time, 5 * SHOAL__NS_PER_S);
    bench->tls = tlsfolder_server(&bench->folder, "a");
    assert_true(shoal__tls_set_clock(bench->tls, &clock));
    SSL_SESSION *session = connect_with(bench, TLS1_3_VERSION, NULL, &resumed);
    fakeclock_advance_ms(&time, 5 * SHOAL__TICKET_KEY_S * 1000);
    assert_false(resumes(bench, TLS1_3_VERSION, session));
    SSL_SESSION_free(session);
}

static void a_session_takes_no_early_data(void **state)
{
    struct bench *bench = *state;
    bool resumed;
    bench->tls = tlsfolder_server(&bench->folder, "a");
    SSL_SESSION *session = connect_with(bench, TLS1_3_VERSION, NULL, &resumed);
    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    SSL_SESSION_free(session);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(settings_that_make_no_sense_are_refused),
        TEST(files_that_cannot_be_used_are_refused_by_name),
        TEST(a_file_of_trust_that_holds_none_is_refused),
        TEST(the_certificate_with_the_name_asked_for_is_shown),
        TEST(a_protocol_is_chosen_in_our_order),
        TEST(without_protocols_of_ours_every_offer_is_passed_over),
        TEST(a_client_checks_issuer_and_name),
        TEST(clients_are_let_in_by_their_certificate),
        TEST(a_certificate_that_has_ended_or_is_enormous_lets_nobody_in),
        TEST(a_reload_changes_the_certificate_for_handshakes_to_come),
        TEST(a_reload_that_fails_changes_nothing),
        TEST(a_ticket_of_1_3_is_good_for_an_hour_and_for_less_than_two),
        TEST(a_ticket_of_1_2_is_good_for_an_hour_and_for_less_than_two),
        TEST(a_key_that_nobody_used_for_hours_opens_nothing),
        TEST(a_session_takes_no_early_data),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
