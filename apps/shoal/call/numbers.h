/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protobuf's scalars and how JSON writes them. A scalar is the 64 bits that lie on the wire before
 * they become a varint or are cut to 32. Pure functions, any thread.
 */
#ifndef APPS_SHOAL_CALL_NUMBERS_H
#define APPS_SHOAL_CALL_NUMBERS_H

#include <jansson.h>

#include "call/schema.h"

enum { NUMBER_MAX = 40 };

/*
 * The bits of a JSON value, or of a text that stands for it as a key of a map does. False where it
 * is no such number, or out of range. Not for enums. Thread: any.
 */
bool number_from_json(enum field_type type, const json_t *value, uint64_t *out_bits);
bool number_from_key(enum field_type type, struct shoal_view key, uint64_t *out_bits);

/*
 * Writes it as JSON does, without the quotation marks that number_is_quoted() says it has in a
 * value. Not for enums. Thread: any.
 */
void number_text(enum field_type type, uint64_t bits, char out[NUMBER_MAX]);
bool number_is_quoted(enum field_type type, uint64_t bits);

/* The bits that count: a varint may have more than its type, and any is true but 0. Also for enums.
 * Thread: any. */
uint64_t number_significant(enum field_type type, uint64_t bits);

/* What is expected, for a sentence: "a whole number from -2147483648 to 2147483647".
 * Thread: any. */
const char *number_expected(enum field_type type);

#endif
