/* SPDX-License-Identifier: BSD-3-Clause */
/* Base64; see base64.h. */
#include "call/base64.h"

#include <stdint.h>

void base64_encode(struct bytes *out, struct shoal_view bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t three = 0;
        for (size_t j = 0; j < 3; j++)
            three = three << 8 | (j < left ? (uint8_t)bytes.data[i + j] : 0u);
        char four[4] = {letters[three >> 18], letters[three >> 12 & 63],
                        left > 1 ? letters[three >> 6 & 63] : '=',
                        left > 2 ? letters[three & 63] : '='};
        bytes_add(out, four, sizeof(four));
    }
}

/* 64: no letter. */
static uint32_t value_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (uint32_t)(letter - 'A');
    if (letter >= 'a' && letter <= 'z')
        return (uint32_t)(letter - 'a') + 26;
    if (letter >= '0' && letter <= '9')
        return (uint32_t)(letter - '0') + 52;
    if (letter == '+' || letter == '-')
        return 62;
    return letter == '/' || letter == '_' ? 63 : 64;
}

static struct shoal_view without_padding(struct shoal_view text)
{
    if (text.size % 4 != 0)
        return text;
    for (int i = 0; i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++)
        text.size--;
    return text;
}

bool base64_decode(struct bytes *out, struct shoal_view text)
{
    size_t before = out->size;
    text = without_padding(text);
    uint32_t bits = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint32_t value = value_of(text.data[i]);
        if (value == 64 || text.size % 4 == 1) {
            bytes_cut(out, before);
            return false;
        }
        bits = bits << 6 | value;
        if (i % 4 > 0) {
            char byte = (char)(bits >> (6 - 2 * (i % 4)));
            bytes_add(out, &byte, 1);
        }
    }
    return true;
}
