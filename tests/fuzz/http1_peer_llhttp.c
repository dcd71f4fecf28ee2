/* SPDX-License-Identifier: BSD-3-Clause */
/* llhttp as a peer of http1_differential.c. */
#include "http1_peer.h"

#include <llhttp.h>

HTTP1_PEER_CALLBACKS(ll, llhttp_t, llhttp_method_name((llhttp_method_t)parser->method))

const char *http1_peer_read_llhttp(struct shoal_view input)
{
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_url = ll_url;
    settings.on_header_field = ll_name;
    settings.on_header_value = ll_value;
    settings.on_body = ll_body;
    settings.on_headers_complete = ll_head_end;
    settings.on_message_complete = ll_end;
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    const llhttp_errno_t error = llhttp_execute(&parser, input.data, input.size);
    return error == HPE_OK ? "waits" : llhttp_errno_name(error);
}
