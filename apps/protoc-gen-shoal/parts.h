/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the files: what each kind of user of a service finds in the header and the source.
 */
#ifndef PROTOC_GEN_SHOAL_PARTS_H
#define PROTOC_GEN_SHOAL_PARTS_H

#include "schema.h"

/* A method's line in the .proto file as a comment, with the comment it has there, each line behind
 * `indent`. Thread: any. */
void put_comment(FILE *out, const char *indent, const struct method *method);

/* A server's: the table of handlers, its registration, and sending. Thread: any. */
void server_declare(FILE *out, const struct service *service);
void server_define(FILE *out, const struct service *service);

/* A client's: calls on a loop and blocking ones, and the function in a source that they share.
 * Thread: any. */
void client_declare(FILE *out, const struct service *service);
void client_define_help(FILE *out);
void client_define(FILE *out, const struct service *service);

/* Server reflection's: the descriptor set of a file with services, once, and its registration.
 * Thread: any. */
void reflection_define_set(FILE *out, const Plugin__Request *request, const Plugin__File *file);
void reflection_declare(FILE *out, const struct service *service);
void reflection_define(FILE *out, const struct service *service);

#endif
