/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The files made of a .proto file: NAME.shoal.h and NAME.shoal.c, beside protoc-c's. Both are made
 * for every file, also where it has no service, so that build rules need not know.
 */
#ifndef PROTOC_GEN_SHOAL_GENERATE_H
#define PROTOC_GEN_SHOAL_GENERATE_H

#include <plugin.pb-c.h>

/*
 * Answers protoc's request, with what is wrong with it as the response's error, if anything. The
 * response may point into the request. Thread: any.
 */
Plugin__Response *generate(const Plugin__Request *request);
void response_free(Plugin__Response *response);

#endif
