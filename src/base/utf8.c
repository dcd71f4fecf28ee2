/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The UTF-8 checker. A lead byte decides how many continuation bytes follow and which range the
 * first of them has: that range is all it takes to refuse overlong forms, surrogates and code
 * points above U+10FFFF (the table of RFC 3629 §4). Every later one is 80 to BF.
 */
#include "base/utf8.h"

#include <stddef.h>

/* What a lead byte asks for. False where no character starts with it. */
static bool start(struct shoal__utf8 *state, uint8_t byte)
{
    *state = (struct shoal__utf8){.low = 0x80, .high = 0xbf};
    if (byte < 0x80)
        return true;
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    state->missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    switch (byte) {
    case 0xe0:
        state->low = 0xa0;
        break;
    case 0xed:
        state->high = 0x9f;
        break;
    case 0xf0:
        state->low = 0x90;
        break;
    case 0xf4:
        state->high = 0x8f;
        break;
    default:
        break;
    }
    return true;
}

static bool go_on(struct shoal__utf8 *state, uint8_t byte)
{
    bool fits = byte >= state->low && byte <= state->high;
    state->missing--;
    state->low = 0x80;
    state->high = 0xbf;
    return fits;
}

/* How many of the first bytes are ASCII, by eights: text is mostly that. */
static size_t ascii_prefix(const char *data, size_t size)
{
    size_t i = 0;
    for (uint64_t word; size - i >= sizeof word; i += sizeof word) {
        memcpy(&word, data + i, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    return i;
}

bool shoal__utf8_feed(struct shoal__utf8 *state, struct shoal_view piece)
{
    size_t i = 0;
    while (i < piece.size) {
        if (state->missing == 0)
            i += ascii_prefix(piece.data + i, piece.size - i);
        if (i == piece.size)
            break;
        uint8_t byte = (uint8_t)piece.data[i++];
        if (!(state->missing > 0 ? go_on(state, byte) : start(state, byte)))
            return false;
    }
    return true;
}

bool shoal__utf8_is_valid(struct shoal_view text)
{
    struct shoal__utf8 state = {0};
    return shoal__utf8_feed(&state, text) && shoal__utf8_is_complete(&state);
}

size_t shoal__utf8_char_size(struct shoal_view text)
{
    struct shoal__utf8 state = {0};
    if (text.size == 0 || !start(&state, (uint8_t)text.data[0]))
        return 0;
    size_t size = 1;
    for (; state.missing > 0; size++) {
        if (size == text.size || !go_on(&state, (uint8_t)text.data[size]))
            return 0;
    }
    return size;
}
