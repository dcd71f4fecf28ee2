/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets; see bench_target.h. */
#include "bench_target.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <shoal/tls.h>

#include "host.h"
#include "options.h"
#include "parse.h"

enum {
    CONNECTIONS_PER_ADDRESS = 500,
    ADDRESSES_PER_BLOCK = 250,
    ADDRESSES = ADDRESSES_PER_BLOCK * ADDRESSES_PER_BLOCK,
};

static const struct bench_web_scheme http = {"http", "tcp", 80, false};
static const struct bench_web_scheme https = {"https", "tls", 443, false};
static const struct bench_web_scheme grpc = {"http", "tcp", 80, true};
static const struct bench_web_scheme grpcs = {"https", "tls", 443, true};

static const struct scheme {
    const char *scheme;
    bool line;
    const struct bench_speaker *speaker;
    const struct bench_web_scheme *web; /* NULL: not HTTP */
    const char *alpn;                   /* over TLS: what is offered first */
} schemes[] = {
    {"tcp://", false, &bench_echo_speaker, NULL, NULL},
    {"tcp://", true, &bench_line_speaker, NULL, NULL},
    {"unix:", false, &bench_echo_speaker, NULL, NULL},
    {"unix:", true, &bench_line_speaker, NULL, NULL},
    {"http://", false, &bench_http_speaker, &http, NULL},
    {"https://", false, &bench_https_speaker, &https, "h2"},
    {"h2c://", false, &bench_h2_speaker, &http, NULL},
    {"grpc://", false, &bench_grpc_speaker, &grpc, NULL},
    {"grpcs://", false, &bench_grpc_speaker, &grpcs, "h2"},
};

static const struct scheme *find_scheme(const struct options *options)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct shoal_view url = shoal_view_of(options->arguments[0]);
        if (take_text(&url, schemes[i].scheme) && schemes[i].line == options->line)
            return &schemes[i];
    }
    return NULL;
}

/* "127." and nothing but numbers, so that it cannot be a name. */
static bool is_loopback(const char *url)
{
    struct shoal_view rest = shoal_view_of(url);
    if (!take_text(&rest, "tcp://127.") && !take_text(&rest, "tls://127."))
        return false;
    return strspn(rest.data, "0123456789.") == strcspn(rest.data, ":");
}

/* Whom it talks to is not what a load generator has to make sure of. */
static int make_tls(const struct options *options, const struct scheme *scheme,
                    struct bench_target *target)
{
    bool is_either = strcmp(scheme->scheme, "https://") == 0;
    const char *const alpn[] = {options->http1 ? "http/1.1" : scheme->alpn,
                                is_either && !options->http1 ? "http/1.1" : NULL, NULL};
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.client = true;
    cfg.insecure = true;
    cfg.alpn = alpn;
    char error[256];
    if (shoal_tls_create(&cfg, &target->tls, error, sizeof(error)) == 0)
        return 0;
    return host_fail(options, EX_OSERR, "%s", error);
}

static int make_web(const struct options *options, const struct scheme *scheme,
                    struct bench_target *target)
{
    const char *rest = target->url + strlen(scheme->scheme);
    struct shoal_view body = bench_payload_message(&target->payload, 0, 0);
    int code = bench_web_make(options, scheme->web, rest, body, &target->web);
    if (code != 0)
        return code;
    target->peer = target->web.peer;
    target->request_size = options->data ? body.size : options->size;
    return scheme->alpn ? make_tls(options, scheme, target) : 0;
}

int bench_target_make(const struct options *options, struct bench_target *out_target)
{
    char shown[256];
    *out_target = (struct bench_target){.url = options->arguments[0]};
    const struct scheme *scheme = find_scheme(options);
    if (!scheme)
        return host_fail(options, EX_USAGE,
                         "expected tcp://HOST:PORT, unix:PATH, or http://, https://, h2c://, "
                         "grpc:// or grpcs://HOST:PORT/PATH without --line, not '%s'; try 'shoal "
                         "bench --help'",
                         escape_text(shoal_view_of(out_target->url), shown, sizeof(shown)));
    out_target->speaker = scheme->speaker;
    out_target->peer = out_target->url;
    int code = bench_payload_make(options, &out_target->payload);
    out_target->request_size = out_target->payload.size + options->line;
    if (code == 0 && scheme->web)
        code = make_web(options, scheme, out_target);
    if (code != 0)
        bench_target_free(out_target);
    out_target->is_loopback = code == 0 && is_loopback(out_target->peer);
    return code;
}

void bench_target_free(struct bench_target *target)
{
    bench_payload_free(&target->payload);
    bench_web_free(&target->web);
    shoal_tls_unref(&target->tls);
}

const char *bench_target_source(const struct bench_target *target, uint64_t serial, char out[16])
{
    if (!target->is_loopback)
        return NULL;
    unsigned address = (unsigned)(serial / CONNECTIONS_PER_ADDRESS % ADDRESSES);
    snprintf(out, 16, "127.0.%u.%u", address / ADDRESSES_PER_BLOCK,
             1 + address % ADDRESSES_PER_BLOCK);
    return out;
}
