/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fake of TLS on a memwire: everything that makes TLS hard for the layer above and no
 * cryptography. Bytes travel in records (a type, two bytes of length, the payload):
 *
 *     'H' handshake    each round reads one and then writes one
 *     'D' data         read whole, delivered in pieces: leftovers are held, and pending() tells
 *     'K' new keys     what a renegotiating read has to write, or a write has to read first
 *     'E' the end      what shutdown writes; with `shutdown_reads` it then waits for the peer's
 *
 * A record goes onto the wire whole or not at all. The wire's own end without an 'E' is an error,
 * for it may be a truncation. Loop's thread only.
 */
#ifndef TESTS_SUPPORT_FAKETLS_H
#define TESTS_SUPPORT_FAKETLS_H

#include "support/memwire.h"

enum { FAKETLS_RECORD = 16 * 1024 }; /* the largest payload */

struct faketls {
    struct memwire *wire;

    /* Set by the test, at any time. */
    unsigned rounds;      /* of the handshake, still to go */
    bool handshake_fails; /* at the end of the last round */
    bool read_must_write; /* the next read first writes a 'K' */
    bool write_must_read; /* the next write first reads a 'K' */
    bool shutdown_reads;  /* shutdown waits for the peer's 'E' */
    size_t deliver_most;  /* bytes that one read gives; 0: what was asked for */

    bool round_read; /* this round's record has come */
    bool end_sent;
    bool end_came;
    size_t held_start; /* held[held_start .. held_end) is read from the wire and not delivered */
    size_t held_end;
    char held[FAKETLS_RECORD];
};

void faketls_init(struct faketls *tls, struct memwire *wire);
struct shoal__transport faketls_transport(struct faketls *tls);

/* The peer sends one record. */
void faketls_feed(struct faketls *tls, char type, const void *data, size_t size);
void faketls_feed_text(struct faketls *tls, const char *text);

/* How many records of that type the connection has written. */
unsigned faketls_written(const struct faketls *tls, char type);

/* Copies the payload of all data records written; returns its size. */
size_t faketls_output(const struct faketls *tls, char *out, size_t size);

#endif
