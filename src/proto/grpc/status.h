/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statuses: what a peer's mistakes are called, what resets and bare HTTP statuses mean, and how a
 * status text travels (percent-encoded, so that no byte of it can end the field).
 */
#ifndef SHOAL_PROTO_GRPC_STATUS_H
#define SHOAL_PROTO_GRPC_STATUS_H

#include <stdint.h>

#include <shoal/grpc.h>

/* A peer's mistake and how it is answered. Constant, compared by address. */
struct shoal__grpc_error {
    int status;
    const char *text;
};

/* The status as a decimal ("12"), as it is sent; what is no status is sent as UNKNOWN.
 * Thread: any. */
struct shoal_view shoal__grpc_status_digits(int status);

/* Reads a grpc-status; UNKNOWN for what is none. Thread: any. */
int shoal__grpc_status_parse(struct shoal_view digits);

/* What a reset with this HTTP/2 code, and a response without grpc-status, mean to the call.
 * Thread: any. */
int shoal__grpc_status_of_reset(uint32_t error);
int shoal__grpc_status_of_http(unsigned status);

/* Bytes of `text` percent-encoded, and the encoding, written to `out`. Thread: any. */
size_t shoal__grpc_percent_size(struct shoal_view text);
void shoal__grpc_percent_encode(struct shoal_view text, char *out);

/* Decodes into `out`, of at least text.size bytes; what is malformed stays as it is. Returns the
 * bytes written. Thread: any. */
size_t shoal__grpc_percent_decode(struct shoal_view text, char *out);

#endif
