/* SPDX-License-Identifier: BSD-3-Clause */
/* The seam's one function that belongs to no side: what its error codes mean. */
#include "proto/http/stream.h"

const char *shoal__stream_error_text(uint32_t error)
{
    switch (error) {
#define TEXT_OF(NAME, code, text) \
    case SHOAL__H2_##NAME:        \
        return text;
        SHOAL_STREAM_ERROR_TABLE(TEXT_OF)
#undef TEXT_OF
    default:
        return "unknown error";
    }
}
