/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which version of HTTP a connection speaks, by its first bytes (RFC 9113 §3.4). Nothing but the
 * decision, so that it can be tested at every split.
 */
#ifndef SHOAL_PROTO_WEB_WEB_H
#define SHOAL_PROTO_WEB_WEB_H

#include <shoal/view.h>

enum shoal__web_version {
    SHOAL__WEB_UNDECIDED, /* the beginning of HTTP/2's preface: more has to come */
    SHOAL__WEB_HTTP1,
    SHOAL__WEB_HTTP2,
};

/* Looks at everything that has come so far. Thread: any. */
enum shoal__web_version shoal__web_sniff(struct shoal_view in);

#endif
