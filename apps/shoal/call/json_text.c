/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON's text; see json_text.h. */
#include "call/json_text.h"

#include <stdint.h>

static void new_line(struct json_text *text)
{
    if (text->pretty)
        bytes_format(text->out, "\n%*s", (int)(2 * text->indent), "");
}

void json_text_open(struct json_text *text, char bracket)
{
    bytes_add(text->out, &bracket, 1);
    text->any = false;
    text->indent++;
}

void json_text_close(struct json_text *text, char bracket)
{
    text->indent--;
    if (text->any)
        new_line(text);
    bytes_add(text->out, &bracket, 1);
    text->any = true;
}

void json_text_item(struct json_text *text)
{
    if (text->any)
        bytes_text(text->out, text->pretty ? "," : ", ");
    new_line(text);
    text->any = true;
}

void json_text_name(struct json_text *text, struct shoal_view name)
{
    json_text_item(text);
    (void)json_text_string(text, name);
    bytes_text(text->out, ": ");
}

/* Bytes of the UTF-8 sequence at the front, and its code point; 0: it is none. */
static size_t take_code(struct shoal_view text, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)text.data[0];
    size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size == 0 || first > 0xf4 || size > text.size)
        return 0;
    uint32_t code = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (((uint8_t)text.data[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((uint8_t)text.data[i] & 0x3f);
    }
    *out = code;
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[size] || code > 0x10ffff || surrogate ? 0 : size;
}

static void add_code(struct bytes *out, uint32_t code, struct shoal_view sequence)
{
    static const char escaped[] = "\b\f\n\r\t\"\\";
    const char *found = code && code < 0x80 ? strchr(escaped, (int)code) : NULL;
    if (found)
        bytes_format(out, "\\%c", "bfnrt\"\\"[found - escaped]);
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        bytes_format(out, "\\u%04x", code);
    else
        bytes_add(out, sequence.data, sequence.size);
}

bool json_text_string(struct json_text *text, struct shoal_view string)
{
    bool is_utf8 = true;
    bytes_text(text->out, "\"");
    while (string.size > 0) {
        uint32_t code;
        size_t size = take_code(string, &code);
        if (size > 0)
            add_code(text->out, code, shoal_view(string.data, size));
        else
            bytes_text(text->out, "\\ufffd");
        is_utf8 = is_utf8 && size > 0;
        string = shoal_view_from(string, size > 0 ? size : 1);
    }
    bytes_text(text->out, "\"");
    return is_utf8;
}
