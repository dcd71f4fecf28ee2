/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on the HTTP/1.x engine, both roles: any bytes are read without a fault, and how they
 * were cut leaves no trace in the outcome. The first two bytes choose the role, the limits and the
 * cuts; the rest is what the peer sends, and a line feed, for a line that never ends is not looked
 * at again until it is too long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/http1/http1_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void configure(struct http1_wire *wire, uint8_t choice)
{
    http1_wire_start(wire);
    wire->is_client = choice & 1;
    if (choice & 2)
        wire->limits = (struct http1_limits){
            .target_bytes = 16, .field_bytes = 32, .head_bytes = 128, .field_count = 4};
    if (choice & 4)
        wire->body_limit = 5;
    static const enum http1_method asked[] = {HTTP1_GET, HTTP1_HEAD, HTTP1_CONNECT, HTTP1_POST};
    wire->asked = asked[choice >> 3 & 3];
}

/* Feeds in pieces of ever different size, some of them empty. */
static struct http1_wire run_cut(const struct http1_wire *like, struct shoal_view bytes,
                                 uint32_t seed)
{
    struct http1_wire wire = *like;
    while (bytes.size > 0) {
        seed = seed * 1664525 + 1013904223;
        size_t piece = (seed >> 24) % 9;
        if (piece > bytes.size)
            piece = bytes.size;
        http1_wire_feed(&wire, shoal_view(bytes.data, piece));
        bytes = shoal_view_from(bytes, piece);
    }
    http1_wire_eof(&wire);
    return wire;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct http1_wire wire;
    configure(&wire, data[0]);
    char *sent = malloc(size - 1);
    if (!sent)
        return 0;
    memcpy(sent, data + 2, size - 2);
    sent[size - 2] = '\n';
    const struct shoal_view bytes = shoal_view(sent, size - 1);
    struct http1_wire whole = http1_wire_run(&wire, bytes, bytes.size + 1);
    struct http1_wire cut = run_cut(&wire, bytes, data[1]);
    if (whole.messages != cut.messages ||
        strcmp(http1_wire_log(&whole), http1_wire_log(&cut)) != 0) {
        fprintf(stderr, "whole:\n%s\ncut:\n%s\n", http1_wire_log(&whole), http1_wire_log(&cut));
        abort();
    }
    http1_wire_free(&whole);
    http1_wire_free(&cut);
    free(sent);
    return 0;
}
