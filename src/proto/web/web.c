/* SPDX-License-Identifier: BSD-3-Clause */
/* The preface, and how much of it has come. */
#include "proto/web/web.h"

enum shoal__web_version shoal__web_sniff(struct shoal_view in)
{
    static const struct shoal_view preface = SHOAL_VIEW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    size_t size = in.size < preface.size ? in.size : preface.size;
    if (size > 0 && memcmp(in.data, preface.data, size) != 0)
        return SHOAL__WEB_HTTP1;
    return size < preface.size ? SHOAL__WEB_UNDECIDED : SHOAL__WEB_HTTP2;
}
