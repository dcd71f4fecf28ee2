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

static const struct {
    const char *scheme;
    bool line;
    const struct bench_speaker *speaker;
} schemes[] = {
    {"tcp://", false, &bench_echo_speaker},
    {"tcp://", true, &bench_line_speaker},
    {"unix:", false, &bench_echo_speaker},
    {"unix:", true, &bench_line_speaker},
};

static const struct bench_speaker *find_speaker(const struct options *options)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct shoal_view url = shoal_view_of(options->arguments[0]);
        if (take_text(&url, schemes[i].scheme) && schemes[i].line == options->line)
            return schemes[i].speaker;
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

int bench_target_make(const struct options *options, struct bench_target *out_target)
{
    char shown[256];
    *out_target = (struct bench_target){.url = options->arguments[0]};
    out_target->speaker = find_speaker(options);
    if (!out_target->speaker)
        return host_fail(
            options, EX_USAGE,
            "expected tcp://HOST:PORT or unix:PATH, not '%s'; try 'shoal bench --help'",
            escape_text(shoal_view_of(out_target->url), shown, sizeof(shown)));
    out_target->is_loopback = is_loopback(out_target->url);
    return bench_payload_make(options, &out_target->payload);
}

void bench_target_free(struct bench_target *target)
{
    bench_payload_free(&target->payload);
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
