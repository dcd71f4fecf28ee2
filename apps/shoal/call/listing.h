/* SPDX-License-Identifier: BSD-3-Clause */
/* What `shoal call` shows of a server that it does not call: services, methods and messages. */
#ifndef APPS_SHOAL_CALL_LISTING_H
#define APPS_SHOAL_CALL_LISTING_H

#include "call/bytes.h"
#include "call/schema.h"

/* Each appends lines. A listing is of one line for each method, which begins with what to call;
 * a description is like a .proto file. Thread: owner of the schema. */
void list_service(const struct schema_service *service, struct bytes *out);
void describe_service(const struct schema *schema, const struct schema_service *service,
                      struct bytes *out);
void describe_message(const struct schema_message *message, struct bytes *out);
void describe_enum(const struct schema_enum *enumeration, struct bytes *out);

#endif
