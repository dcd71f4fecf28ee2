/* SPDX-License-Identifier: BSD-3-Clause */
/* What status codes are called: for answers that have nothing else to say. */
#include "proto/http/status.h"

const char *shoal__http_status_name(unsigned status)
{
    switch (status) {
#define NAME_OF(code, name) \
    case code:              \
        return name;
        SHOAL_HTTP_STATUS_TABLE(NAME_OF)
#undef NAME_OF
    default:
        return "Status";
    }
}
