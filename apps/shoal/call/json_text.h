/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON's text while it is written: what stands between values, and strings. */
#ifndef APPS_SHOAL_CALL_JSON_TEXT_H
#define APPS_SHOAL_CALL_JSON_TEXT_H

#include "call/bytes.h"

/* Owned and touched by whoever writes the document. */
struct json_text {
    struct bytes *out;
    bool pretty;
    bool any; /* the innermost list has an item already */
    unsigned indent;
};

/* An object or an array: '{' or '[', and the other at its end. Thread: owner. */
void json_text_open(struct json_text *text, char bracket);
void json_text_close(struct json_text *text, char bracket);

/* Before an element; and the name of a member. Thread: owner. */
void json_text_item(struct json_text *text);
void json_text_name(struct json_text *text, struct shoal_view name);

/* A string in quotation marks, harmless on a terminal. False where it is not UTF-8; what is not is
 * replaced. Thread: owner. */
bool json_text_string(struct json_text *text, struct shoal_view string);

#endif
