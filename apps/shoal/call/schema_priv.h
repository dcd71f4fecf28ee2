/* SPDX-License-Identifier: BSD-3-Clause */
/* What schema.c, which keeps and finds, and schema_file.c, which reads files, share. */
#ifndef APPS_SHOAL_CALL_SCHEMA_PRIV_H
#define APPS_SHOAL_CALL_SCHEMA_PRIV_H

#include "call/schema.h"

enum symbol_kind { SYMBOL_MESSAGE, SYMBOL_ENUM, SYMBOL_SERVICE, SYMBOL_FILE };

/* Memory that lives as long as the schema: zeroed, and a text's or a joined name's copy. The join
 * has a dot between its parts where both are not empty. NULL where memory is out. Thread: owner. */
void *schema_keep(struct schema *schema, size_t size);
void *schema_keep_array(struct schema *schema, size_t count, size_t size);
const char *schema_keep_text(struct schema *schema, struct shoal_view text);
const char *schema_keep_name(struct schema *schema, const char *scope, struct shoal_view name);

/* Makes a thing findable by its name; the first one stays. False where memory is out.
 * Thread: owner. */
bool schema_add_symbol(struct schema *schema, enum symbol_kind kind, const char *name, void *thing);

/* Has the field's type found by name at a later schema_link(). Thread: owner. */
void schema_link_later(struct schema *schema, struct schema_field *field);

/* Adds the field to the message of that name at a later schema_link(). False where memory is out.
 * Thread: owner. */
bool schema_extend_later(struct schema *schema, const char *extended, struct schema_field *field);

/* Joins what is there by now; the rest may come with another file. False where memory is out.
 * Thread: owner. */
bool schema_link(struct schema *schema);

/* Remembers what a file imports. False where memory is out. Thread: owner. */
bool schema_add_import(struct schema *schema, const char *file);

/* Puts the fields in order. Thread: owner. */
void schema_sort_fields(struct schema_message *message);

/* Which known type a message is, by name and shape: a hostile one of that name is none.
 * Thread: owner. */
enum known schema_known(const struct schema_message *message);

#endif
