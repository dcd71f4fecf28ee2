/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The payload; see bench_payload.h. Generated messages are windows into a prime number of
 * pseudo-random bytes, repeated far enough that no window wraps. No message size divides the
 * period, so neighbours differ.
 */
#include "bench_payload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "host.h"
#include "options.h"
#include "parse.h"

enum {
    PERIOD = 65521, /* prime */
    SKEW = 7919,    /* how far apart two connections enter */
};

static const char letters[64] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-";

static char next_byte(uint64_t *state, bool printable)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return printable ? letters[*state >> 58] : (char)(*state >> 56);
}

static int generate(const struct options *options, struct bench_payload *payload)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    payload->size = (options->size ? options->size : BENCH_SIZE_DEFAULT) - options->line;
    payload->period = PERIOD;
    payload->bytes = malloc(PERIOD + payload->size);
    if (!payload->bytes)
        return host_fail(options, EX_OSERR, "out of memory for --size %zu", payload->size);
    for (size_t i = 0; i < PERIOD; i++)
        payload->bytes[i] = next_byte(&state, options->line);
    for (size_t i = PERIOD; i < PERIOD + payload->size; i++)
        payload->bytes[i] = payload->bytes[i - PERIOD];
    return 0;
}

/* Files */

static int read_all(FILE *file, struct bench_payload *payload)
{
    payload->bytes = malloc(BENCH_SIZE_MAX + 1);
    if (!payload->bytes)
        return -ENOMEM;
    payload->size = fread(payload->bytes, 1, BENCH_SIZE_MAX + 1, file);
    if (ferror(file))
        return -errno;
    char *fitting = realloc(payload->bytes, payload->size + 1);
    payload->bytes = fitting ? fitting : payload->bytes;
    return payload->size == 0 ? -ENODATA : payload->size > BENCH_SIZE_MAX ? -EFBIG : 0;
}

static int read_file(const struct options *options, struct bench_payload *payload)
{
    char shown[256];
    escape_text(shoal_view_of(options->data), shown, sizeof(shown));
    FILE *file = fopen(options->data, "re");
    int rc = file ? read_all(file, payload) : -errno;
    if (file)
        fclose(file);
    if (rc == -ENODATA)
        return host_fail(options, EX_NOINPUT, "%s is empty: there is nothing to send", shown);
    if (rc == -EFBIG)
        return host_fail(options, EX_NOINPUT, "%s is larger than %d bytes", shown, BENCH_SIZE_MAX);
    if (rc < 0)
        return host_fail(options, EX_NOINPUT, "cannot read %s: %s", shown, strerror(-rc));
    return 0;
}

static size_t count_lines(struct shoal_view text)
{
    size_t lines = text.data[text.size - 1] != '\n';
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    return lines;
}

static int split_lines(const struct options *options, struct bench_payload *payload)
{
    struct shoal_view rest = shoal_view(payload->bytes, payload->size);
    payload->line_count = count_lines(rest);
    payload->lines = calloc(payload->line_count, sizeof(payload->lines[0]));
    if (!payload->lines)
        return host_fail(options, EX_OSERR, "out of memory");
    payload->size = 0;
    for (size_t i = 0; i < payload->line_count; i++) {
        struct shoal_view line = take_until(&rest, '\n');
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        payload->lines[i] = line;
        payload->size = line.size > payload->size ? line.size : payload->size;
    }
    return 0;
}

int bench_payload_make(const struct options *options, struct bench_payload *out_payload)
{
    *out_payload = (struct bench_payload){0};
    if (options->size > 0 && options->data)
        return host_fail(options, EX_USAGE,
                         "--size and --data exclude each other; try 'shoal bench --help'");
    if (options->size > BENCH_SIZE_MAX)
        return host_fail(options, EX_USAGE, "--size: %d bytes at most", BENCH_SIZE_MAX);
    int code = options->data ? read_file(options, out_payload) : generate(options, out_payload);
    if (code == 0 && options->data && options->line)
        code = split_lines(options, out_payload);
    if (code != 0)
        bench_payload_free(out_payload);
    return code;
}

void bench_payload_free(struct bench_payload *payload)
{
    free(payload->bytes);
    free(payload->lines);
    *payload = (struct bench_payload){0};
}

struct shoal_view bench_payload_message(const struct bench_payload *payload, uint64_t serial,
                                        uint64_t number)
{
    if (payload->lines)
        return payload->lines[(serial + number) % payload->line_count];
    size_t offset =
        payload->period ? (number * payload->size + serial * SKEW) % payload->period : 0;
    return shoal_view(payload->bytes + offset, payload->size);
}
