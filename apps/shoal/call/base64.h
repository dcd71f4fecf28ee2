/* SPDX-License-Identifier: BSD-3-Clause */
/* Base64 for bytes in JSON and in metadata (RFC 4648). Pure functions, any thread. */
#ifndef APPS_SHOAL_CALL_BASE64_H
#define APPS_SHOAL_CALL_BASE64_H

#include "call/bytes.h"

/* Appends the text, padded. Thread: owner of `out`. */
void base64_encode(struct bytes *out, struct shoal_view bytes);

/*
 * Appends the bytes; takes the standard and the URL-safe alphabet, with padding or without. False,
 * with `out` as it was, for anything else. Thread: owner of `out`.
 */
bool base64_decode(struct bytes *out, struct shoal_view text);

#endif
