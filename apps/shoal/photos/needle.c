/* SPDX-License-Identifier: BSD-3-Clause */
/* The volume's bytes; see needle.h and docs/photo-volume.md. */
#include "photos/needle.h"

#include <endian.h>
#include <string.h>

#include <xxhash.h>

static const char volume_magic[8] = "SHOALPH1";
static const char needle_magic[4] = "NDL1";
static const char footer_magic[4] = "NEND";

enum { FLAG_DELETED = 1, HEADER_SUM_AT = 56, NEEDLE_SUM_AT = 48 };

static void put64(uint8_t *out, uint64_t value)
{
    value = htole64(value);
    memcpy(out, &value, sizeof(value));
}

static uint64_t get64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return le64toh(value);
}

void volume_header_encode(const struct volume_header *header, uint8_t out[VOLUME_HEADER_SIZE])
{
    memset(out, 0, VOLUME_HEADER_SIZE);
    memcpy(out, volume_magic, sizeof(volume_magic));
    put64(out + 8, header->id);
    put64(out + 16, header->edition);
    put64(out + 24, header->first_sequence);
    put64(out + HEADER_SUM_AT, XXH3_64bits(out, HEADER_SUM_AT));
}

bool volume_header_decode(const uint8_t bytes[VOLUME_HEADER_SIZE], struct volume_header *out)
{
    if (memcmp(bytes, volume_magic, sizeof(volume_magic)) != 0 ||
        get64(bytes + HEADER_SUM_AT) != XXH3_64bits(bytes, HEADER_SUM_AT))
        return false;
    *out = (struct volume_header){get64(bytes + 8), get64(bytes + 16), get64(bytes + 24)};
    return true;
}

bool volume_header_begins(const uint8_t *bytes, size_t size)
{
    return memcmp(bytes, volume_magic, size < sizeof(volume_magic) ? size : sizeof(volume_magic)) ==
           0;
}

static size_t padding_of(uint64_t size)
{
    return (size_t)(-size % NEEDLE_ALIGN);
}

size_t needle_head_size(size_t key_size, size_t type_size)
{
    return NEEDLE_FIXED_SIZE + key_size + type_size;
}

uint64_t needle_size(size_t key_size, size_t type_size, uint64_t body_size)
{
    uint64_t size = needle_head_size(key_size, type_size) + body_size;
    return size + padding_of(size) + NEEDLE_FOOTER_SIZE;
}

/* Over everything in front of the body but the sum itself. */
static uint64_t head_sum(const uint8_t *head, size_t size, uint64_t volume_id, uint64_t offset)
{
    uint64_t seed = volume_id ^ offset;
    uint64_t fixed = XXH3_64bits_withSeed(head, NEEDLE_SUM_AT, seed);
    return XXH3_64bits_withSeed(head + NEEDLE_FIXED_SIZE, size - NEEDLE_FIXED_SIZE, fixed);
}

size_t needle_encode_head(const struct needle *needle, uint64_t volume_id, uint64_t offset,
                          uint8_t out[NEEDLE_HEAD_MAX])
{
    size_t size = needle_head_size(needle->key.size, needle->type.size);
    memcpy(out, needle_magic, sizeof(needle_magic));
    out[4] = needle->deleted ? FLAG_DELETED : 0;
    out[5] = (uint8_t)needle->key.size;
    out[6] = (uint8_t)needle->type.size;
    out[7] = 0;
    put64(out + 8, needle->body_size);
    put64(out + 16, needle->sequence);
    put64(out + 24, (uint64_t)needle->modified_ms);
    put64(out + 32, needle->body_sum);
    put64(out + 40, needle->synced);
    memcpy(out + NEEDLE_FIXED_SIZE, needle->key.data, needle->key.size);
    if (needle->type.size > 0)
        memcpy(out + NEEDLE_FIXED_SIZE + needle->key.size, needle->type.data, needle->type.size);
    put64(out + NEEDLE_SUM_AT, head_sum(out, size, volume_id, offset));
    return size;
}

size_t needle_encode_tail(const uint8_t *head, uint64_t body_size, uint8_t out[NEEDLE_TAIL_MAX])
{
    size_t padding = padding_of(needle_head_size(head[5], head[6]) + body_size);
    memset(out, 0, padding);
    memcpy(out + padding, footer_magic, sizeof(footer_magic));
    memcpy(out + padding + sizeof(footer_magic), head + NEEDLE_SUM_AT, 4);
    return padding + NEEDLE_FOOTER_SIZE;
}

bool needle_decode_head(const uint8_t *bytes, size_t size, uint64_t volume_id, uint64_t offset,
                        struct needle *out)
{
    if (size < NEEDLE_FIXED_SIZE || memcmp(bytes, needle_magic, sizeof(needle_magic)) != 0)
        return false;
    size_t head_size = needle_head_size(bytes[5], bytes[6]);
    if (bytes[5] == 0 || bytes[6] > TYPE_MAX || size < head_size ||
        get64(bytes + NEEDLE_SUM_AT) != head_sum(bytes, head_size, volume_id, offset))
        return false;
    const char *key = (const char *)bytes + NEEDLE_FIXED_SIZE;
    *out = (struct needle){
        .deleted = (bytes[4] & FLAG_DELETED) != 0,
        .key = shoal_view(key, bytes[5]),
        .type = shoal_view(key + bytes[5], bytes[6]),
        .body_size = get64(bytes + 8),
        .sequence = get64(bytes + 16),
        .modified_ms = (int64_t)get64(bytes + 24),
        .body_sum = get64(bytes + 32),
        .synced = get64(bytes + 40),
    };
    return out->body_size <= BODY_MAX;
}

bool needle_tail_matches(const uint8_t *head, uint64_t body_size, const uint8_t *tail)
{
    uint8_t expected[NEEDLE_TAIL_MAX];
    size_t size = needle_encode_tail(head, body_size, expected);
    return memcmp(expected, tail, size) == 0;
}

/* Keys and types */

/* The length of the character that starts with this byte, 0 for none; *out_bits is its part. */
static size_t start_of_character(uint8_t byte, uint32_t *out_bits)
{
    static const struct {
        uint8_t mask, value;
    } forms[] = {{0x80, 0x00}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};
    for (size_t i = 0; i < 4; i++) {
        if ((byte & forms[i].mask) == forms[i].value) {
            *out_bits = byte & (uint8_t)~forms[i].mask;
            return i + 1;
        }
    }
    return 0;
}

/* Reads one character; 0 where it is malformed, too long for its value, or a surrogate. */
static size_t take_character(const uint8_t *bytes, size_t size, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = start_of_character(bytes[0], out);
    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *out = *out << 6 | (bytes[i] & 0x3f);
    }
    bool surrogate = *out >= 0xd800 && *out <= 0xdfff;
    return *out < least[length] || *out > 0x10ffff || surrogate ? 0 : length;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

static bool is_plain(struct shoal_view text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    for (size_t at = 0; at < text.size;) {
        uint32_t character = 0;
        size_t length = take_character(bytes + at, text.size - at, &character);
        if (length == 0 || is_control(character))
            return false;
        at += length;
    }
    return true;
}

bool key_is_valid(struct shoal_view key)
{
    return key.size > 0 && key.size <= KEY_MAX && is_plain(key);
}

bool type_is_valid(struct shoal_view type)
{
    return type.size <= TYPE_MAX && is_plain(type);
}
