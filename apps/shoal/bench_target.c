/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets; see bench_target.h. */
#include "bench_target.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "host.h"
#include "options.h"
#include "parse.h"

enum {
    CONNECTIONS_PER_ADDRESS = 500,
    ADDRESSES_PER_BLOCK = 250,
    ADDRESSES = ADDRESSES_PER_BLOCK * ADDRESSES_PER_BLOCK,
};

static const struct scheme {
    const char *scheme;
    bool line;
    bool web;
    const struct bench_speaker *speaker;
} schemes[] = {
    {"tcp://", false, false, &bench_echo_speaker}, {"tcp://", true, false, &bench_line_speaker},
    {"unix:", false, false, &bench_echo_speaker},  {"unix:", true, false, &bench_line_speaker},
    {"http://", false, true, &bench_http_speaker}, {"h2c://", false, true, &bench_h2_speaker},
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
    if (!take_text(&rest, "tcp://127."))
        return false;
    return strspn(rest.data, "0123456789.") == strcspn(rest.data, ":");
}

static int make_web(const struct options *options, const struct scheme *scheme,
                    struct bench_target *target)
{
    const char *rest = target->url + strlen(scheme->scheme);
    int code = bench_web_make(options, rest, target->payload.size, &target->web);
    if (code == 0)
        target->peer = target->web.peer;
    else
        bench_payload_free(&target->payload);
    return code;
}

int bench_target_make(const struct options *options, struct bench_target *out_target)
{
    char shown[256];
    *out_target = (struct bench_target){.url = options->arguments[0]};
    const struct scheme *scheme = find_scheme(options);
    if (!scheme)
        return host_fail(options, EX_USAGE,
                         "expected tcp://HOST:PORT, unix:PATH, or http:// or h2c://HOST:PORT/PATH "
                         "without --line, not '%s'; try 'shoal bench --help'",
                         escape_text(shoal_view_of(out_target->url), shown, sizeof(shown)));
    out_target->speaker = scheme->speaker;
    out_target->peer = out_target->url;
    int code = bench_payload_make(options, &out_target->payload);
    if (code == 0 && scheme->web)
        code = make_web(options, scheme, out_target);
    out_target->is_loopback = code == 0 && is_loopback(out_target->peer);
    return code;
}

void bench_target_free(struct bench_target *target)
{
    bench_payload_free(&target->payload);
    bench_web_free(&target->web);
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
