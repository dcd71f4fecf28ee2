/* SPDX-License-Identifier: BSD-3-Clause */
/* Statuses; see status.h. Tables and two small codecs, no state. */
#include "proto/grpc/status.h"

#include "proto/http/stream.h"

const char *shoal_grpc_status_name(int status)
{
    switch (status) {
#define STATUS_CASE(NAME, code) \
    case code:                  \
        return #NAME;
        SHOAL_GRPC_STATUS_TABLE(STATUS_CASE)
#undef STATUS_CASE
    default:
        return "UNKNOWN";
    }
}

struct shoal_view shoal__grpc_status_digits(int status)
{
    static const struct shoal_view unknown = SHOAL_VIEW("2");
    static const struct shoal_view digits[] = {
#define STATUS_DIGITS(NAME, code) SHOAL_VIEW(#code),
        SHOAL_GRPC_STATUS_TABLE(STATUS_DIGITS)
#undef STATUS_DIGITS
    };
    bool known = status >= 0 && (size_t)status < sizeof(digits) / sizeof(digits[0]);
    return known ? digits[status] : unknown;
}

int shoal__grpc_status_parse(struct shoal_view digits)
{
    for (int status = SHOAL_GRPC_OK; status <= SHOAL_GRPC_UNAUTHENTICATED; status++) {
        if (shoal_view_equal(digits, shoal__grpc_status_digits(status)))
            return status;
    }
    return SHOAL_GRPC_UNKNOWN;
}

int shoal__grpc_status_of_reset(uint32_t error)
{
    switch (error) {
    case SHOAL__H2_REFUSED_STREAM:
        return SHOAL_GRPC_UNAVAILABLE;
    case SHOAL__H2_CANCEL:
        return SHOAL_GRPC_CANCELLED;
    case SHOAL__H2_ENHANCE_YOUR_CALM:
        return SHOAL_GRPC_RESOURCE_EXHAUSTED;
    case SHOAL__H2_INADEQUATE_SECURITY:
        return SHOAL_GRPC_PERMISSION_DENIED;
    default:
        return SHOAL_GRPC_INTERNAL;
    }
}

int shoal__grpc_status_of_http(unsigned status)
{
    switch (status) {
    case 400:
        return SHOAL_GRPC_INTERNAL;
    case 401:
        return SHOAL_GRPC_UNAUTHENTICATED;
    case 403:
        return SHOAL_GRPC_PERMISSION_DENIED;
    case 404:
        return SHOAL_GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return SHOAL_GRPC_UNAVAILABLE;
    default:
        return SHOAL_GRPC_UNKNOWN;
    }
}

/* Percent-encoding */

static bool is_plain(char c)
{
    return c >= 0x20 && c <= 0x7e && c != '%';
}

size_t shoal__grpc_percent_size(struct shoal_view text)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++)
        size += is_plain(text.data[i]) ? 1 : 3;
    return size;
}

void shoal__grpc_percent_encode(struct shoal_view text, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (is_plain(text.data[i])) {
            *out++ = text.data[i];
            continue;
        }
        *out++ = '%';
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
    }
}

/* 0 to 15, or -1. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t shoal__grpc_percent_decode(struct shoal_view text, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool whole = text.data[i] == '%' && text.size - i > 2;
        int high = whole ? hex_value(text.data[i + 1]) : -1;
        int low = whole ? hex_value(text.data[i + 2]) : -1;
        bool good = high >= 0 && low >= 0;
        out[size++] = good ? (char)((unsigned)high << 4 | (unsigned)low) : text.data[i];
        i += good ? 2 : 0;
    }
    return size;
}
