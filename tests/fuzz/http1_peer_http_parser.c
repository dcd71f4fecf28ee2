/* SPDX-License-Identifier: BSD-3-Clause */
/* http-parser as a peer of http1_differential.c. */
#include "http1_peer.h"

#include <http_parser.h>

HTTP1_PEER_CALLBACKS(hp, http_parser, http_method_str((enum http_method)parser->method))

const char *http1_peer_read_http_parser(struct shoal_view input)
{
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = hp_url;
    settings.on_header_field = hp_name;
    settings.on_header_value = hp_value;
    settings.on_body = hp_body;
    settings.on_headers_complete = hp_head_end;
    settings.on_message_complete = hp_end;
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    http_parser_execute(&parser, &settings, input.data, input.size);
    return http_errno_name(HTTP_PARSER_ERRNO(&parser));
}
