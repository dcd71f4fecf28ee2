/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS without memory: allocations of a handshake and an exchange are made to fail one at a time, in
 * Shoal, in libevent and in OpenSSL alike. Nothing crashes, nothing is lost, and above all the next
 * handshake succeeds: OpenSSL remembers a failed fetch for good, which the handshakes in memory at
 * the start are there to prevent.
 */
#include "../net/peers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <shoal/error.h>

#include "support/failmalloc.h"
#include "support/scale.h"
#include "support/tlspeer.h"

enum {
    STEP = SHOAL_UNDER_SANITIZER ? 7 : 1,
    STRIDE = SHOAL_UNDER_SANITIZER ? 211 : 37,
    FIRST_STEP = SHOAL_UNDER_SANITIZER ? 23 : 5,
    FIRST_ALLOCATIONS = 1500, /* of a handshake, both sides together */
};

static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(size);
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(old, size);
}

static void release(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* The certificate is made by another process, so that this one's OpenSSL begins cold. */
struct bench {
    struct tlsfolder folder;
    struct shoal_server *server;
    struct shoal_listener *listener;
    char url[256];
};

/* Runs fn(bench, k) in a process of its own. True where that says so. */
static bool in_a_child(bool (*fn)(struct bench *bench, long k), struct bench *bench, long k)
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(fn(bench, k) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 0;
}

static bool make_certificate(struct bench *bench, long k)
{
    (void)k;
    tlsfolder_add(&bench->folder, "a", "localhost", NULL);
    return true;
}

static int start_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    tlsfolder_make(&bench->folder);
    assert_true(in_a_child(make_certificate, bench, 0));
    const char *folder = bench->folder.path;
    snprintf(bench->url, sizeof(bench->url), "tls://127.0.0.1:0?cert=%s/a.pem&key=%s/a.key", folder,
             folder);
    *state = bench;
    return 0;
}

static int stop_bench(void **state)
{
    struct bench *bench = *state;
    if (bench->server)
        destroy(&bench->server);
    tlsfolder_remove(&bench->folder);
    free(bench);
    return 0;
}

/* One client with everything of its own: shakes hands, sends a byte, reads it. True where all went
 * well; the client fails as readily as the server. */
static bool exchange(uint16_t port, int version)
{
    char answer = 0;
    int fd = dial(port);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context ? SSL_new(context) : NULL;
    bool good = ssl && SSL_set_fd(ssl, fd) == 1 && SSL_set_max_proto_version(ssl, version) == 1 &&
                SSL_connect(ssl) == 1 && SSL_write(ssl, "x", 1) == 1 &&
                SSL_read(ssl, &answer, 1) == 1 && answer == 'x';
    if (good)
        (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    close(fd);
    return good;
}

static uint16_t serve_bench(struct bench *bench)
{
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    bench->server = make_server(&cfg);
    bench->listener = listen_on(bench->server, bench->url, NULL);
    start(bench->server);
    return port_of(bench->listener);
}

/* The process's very first handshake runs out of memory: are the next ones good? */
static bool recovers_from_a_bad_start(struct bench *bench, long k)
{
    uint16_t port = serve_bench(bench);
    failmalloc_at(k);
    (void)exchange(port, TLS1_3_VERSION);
    failmalloc_off();
    bool good = exchange(port, TLS1_3_VERSION) && exchange(port, TLS1_2_VERSION);
    destroy(&bench->server);
    return good;
}

static void the_first_handshake_of_all_may_run_out_of_memory(void **state)
{
    for (long k = 1; k < FIRST_ALLOCATIONS; k += FIRST_STEP) {
        if (!in_a_child(recovers_from_a_bad_start, *state, k))
            fail_msg("TLS is dead for good after allocation %ld failed", k);
    }
}

static void sweep_exchanges(struct bench *bench, int version, long step)
{
    uint16_t port = serve_bench(bench);
    assert_true(exchange(port, version));
    bool reached_the_end = false;
    long failures = 0;
    for (long k = 1; !reached_the_end; k += step) {
        failmalloc_at(k);
        bool good = exchange(port, version);
        failmalloc_off();
        reached_the_end = failmalloc_failures() == 0;
        assert_true(good || !reached_the_end);
        failures += !reached_the_end;
        if (!exchange(port, version))
            fail_msg("no handshake any more after allocation %ld failed", k);
    }
    assert_true(failures > 100 / step);
}

static void a_handshake_of_1_3_recovers_from_every_failed_allocation(void **state)
{
    sweep_exchanges(*state, TLS1_3_VERSION, STEP);
}

static void a_handshake_of_1_2_recovers_from_every_failed_allocation(void **state)
{
    sweep_exchanges(*state, TLS1_2_VERSION, STEP);
}

/* Making the settings takes many allocations; every so many of them is tried. */
static void settings_are_made_or_refused_as_a_whole(void **state)
{
    struct bench *bench = *state;
    struct shoal_tls_cert cert = {tlsfolder_file(&bench->folder, "a.pem"),
                                  tlsfolder_file(&bench->folder, "a.key")};
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    bool reached_the_end = false;
    cfg.certs = &cert;
    cfg.cert_count = 1;
    for (long k = 1; !reached_the_end; k += k < 100 ? 1 : STRIDE) {
        struct shoal_tls *tls = NULL;
        char error[128] = "";
        failmalloc_at(k);
        int rc = shoal_tls_create(&cfg, &tls, error, sizeof(error));
        failmalloc_off();
        reached_the_end = failmalloc_failures() == 0;
        assert_true(rc < 0 ? !tls && error[0] != '\0' && !reached_the_end : tls != NULL);
        shoal_tls_unref(&tls);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_bench, stop_bench)
    const struct CMUnitTest tests[] = {
        TEST(the_first_handshake_of_all_may_run_out_of_memory),
        TEST(a_handshake_of_1_3_recovers_from_every_failed_allocation),
        TEST(a_handshake_of_1_2_recovers_from_every_failed_allocation),
        TEST(settings_are_made_or_refused_as_a_whole),
    };
#undef TEST
    signal(SIGPIPE, SIG_IGN); /* the client writes by OpenSSL's own calls */
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        return 70;
    failmalloc_use_in_libevent();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
