/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may stand in Host, in `:authority` and in a request target's place of it: one rule for both
 * versions of the protocol.
 */
#ifndef SHOAL_PROTO_HTTP_AUTHORITY_H
#define SHOAL_PROTO_HTTP_AUTHORITY_H

#include <stdbool.h>

#include <shoal/view.h>

/*
 * Whether `authority` is a host and, after a colon, a port up to 65535. No user information, and
 * no percent-encoding or sub-delimiters: no client sends them and servers disagree about them.
 * Thread: any.
 */
bool shoal__http_is_authority(struct shoal_view authority, bool needs_port);

#endif
