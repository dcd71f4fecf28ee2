/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the request says, as the generators want it: for each service and method the words of their
 * templates.
 */
#ifndef PROTOC_GEN_SHOAL_SCHEMA_H
#define PROTOC_GEN_SHOAL_SCHEMA_H

#include <plugin.pb-c.h>

#include "text.h"

enum kind {
    UNARY,
    SERVER_STREAM,
    CLIENT_STREAM,
    BIDI,
};

/*
 * A method and its words:
 *
 *     $service$   symbol that the service's names begin with: shoal__v1__fish_market
 *     $Service$   as the .proto file has it: shoal.v1.FishMarket
 *     $method$    trade
 *     $Method$    Trade
 *     $input$     Shoal__V1__Offer
 *     $output$    Shoal__V1__Payment
 *     $rpc$       rpc Trade(stream shoal.v1.Offer) returns (stream shoal.v1.Payment)
 *     $kind$      SHOAL_GRPC_BIDI
 */
struct method {
    enum kind kind;
    const char *comment; /* of the .proto file; NULL: none */
    struct word words[9];
};

/* A service and its words: the first two of a method's. It owns what the words say; the rest is the
 * request's. */
struct service {
    const char *comment;
    size_t count;
    struct method *methods;
    struct word words[3];
};

/*
 * Reads service number `index` of the file, and frees it. Types that no file of the request
 * defines, which protoc never sends, are taken to be called as they say. Thread: any.
 */
struct service *service_read(const Plugin__Request *request, const Plugin__File *file,
                             size_t index);
void service_free(struct service *service);

#endif
