/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SHA-1 (RFC 3174) and base64 (RFC 4648), for the handshake only: it asks whether the other side
 * speaks WebSocket at all, no secret depends on it. 60 bytes are hashed, which are two blocks.
 */
#include "proto/websocket/websocket_handshake.h"

#include <stdint.h>
#include <string.h>

enum { KEY_SIZE = 24, BLOCK = 64, DIGEST = 20 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

static uint32_t read_word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The function of a round and its constant, RFC 3174 §5. */
static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round / 20) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5a827999;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    default:
        return (b ^ c ^ d) + 0xca62c1d6;
    }
}

static void hash_block(uint32_t state[5], const uint8_t block[BLOCK])
{
    uint32_t word[80];
    for (unsigned i = 0; i < 16; i++)
        word[i] = read_word(block + i * 4);
    for (unsigned i = 16; i < 80; i++)
        word[i] = rotate(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);

    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + word[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

/* The digest of the key and the GUID: 60 bytes, padded to two blocks. */
static void hash(const char *key, uint8_t out[DIGEST])
{
    uint8_t message[2 * BLOCK] = {0};
    const size_t size = KEY_SIZE + sizeof(guid) - 1;
    memcpy(message, key, KEY_SIZE);
    memcpy(message + KEY_SIZE, guid, sizeof(guid) - 1);
    message[size] = 0x80;
    message[2 * BLOCK - 2] = (uint8_t)(size * 8 >> 8);
    message[2 * BLOCK - 1] = (uint8_t)(size * 8);

    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    hash_block(state, message);
    hash_block(state, message + BLOCK);
    for (size_t i = 0; i < DIGEST; i++)
        out[i] = (uint8_t)(state[i / 4] >> (24 - i % 4 * 8));
}

/* 20 bytes are six groups of three and one of two. */
static void encode(const uint8_t digest[DIGEST], char out[SHOAL__WEBSOCKET_ACCEPT_SIZE])
{
    uint8_t padded[DIGEST + 1] = {0};
    memcpy(padded, digest, DIGEST);
    for (size_t i = 0; i < 7; i++) {
        const uint8_t *group = padded + i * 3;
        uint32_t bits = (uint32_t)group[0] << 16 | (uint32_t)group[1] << 8 | group[2];
        for (size_t k = 0; k < 4; k++)
            out[i * 4 + k] = digits[bits >> (18 - k * 6) & 63];
    }
    out[27] = '=';
    out[28] = '\0';
}

static bool is_digit(char byte)
{
    return byte != '\0' && strchr(digits, byte) != NULL;
}

/* 22 digits, of which the last carries two bits, and "==". */
static bool is_key(struct shoal_view key)
{
    if (key.size != KEY_SIZE || memcmp(key.data + 22, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < 22; i++) {
        if (!is_digit(key.data[i]))
            return false;
    }
    return strchr("AQgw", key.data[21]) != NULL;
}

bool shoal__websocket_accept_key(struct shoal_view key, char out[SHOAL__WEBSOCKET_ACCEPT_SIZE])
{
    uint8_t digest[DIGEST];
    if (!is_key(key))
        return false;
    hash(key.data, digest);
    encode(digest, out);
    return true;
}
