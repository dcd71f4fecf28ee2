/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages into JSON; see json_out.h. What a message holds is gathered first, as a field may come
 * in many places: occurrences in the order of field numbers, and of a field in the message's.
 */
#include "call/json_out_priv.h"

#include <stdlib.h>

#include "call/base64.h"
#include "call/numbers.h"

enum { MOST_DEPTH = 100 }; /* messages inside of messages, as everywhere in gRPC */

struct occurrence {
    const struct schema_field *field;
    size_t order; /* in the message */
    struct wire_field wire;
};

/* Of one message; on the stack of whoever gathers. */
struct gathered {
    struct occurrence *items;
    size_t count, room;
};

/* The occurrences of one field. */
struct run {
    const struct occurrence *items;
    size_t count;
};

static bool out_of_memory(struct writing *writing)
{
    return trouble_say(writing->trouble, NULL, "out of memory");
}

/* Gathering */

static bool is_packable(const struct schema_field *field)
{
    enum wire_type wire = schema_wire_type(field->type);
    return field->repeated && wire != WIRE_BYTES && wire != WIRE_GROUP;
}

/* Whether it is something of that field: what cannot be is treated as an unknown one, as protobuf
 * does, and no numbers, packed, are nothing. */
static bool matches(const struct schema_field *field, const struct wire_field *wire)
{
    return wire->type == schema_wire_type(field->type) ||
           (wire->type == WIRE_BYTES && is_packable(field) && wire->bytes.size > 0);
}

static bool keep(struct gathered *gathered, const struct schema_field *field,
                 const struct wire_field *wire)
{
    if (gathered->count == gathered->room) {
        size_t room = 2 * gathered->room + 8;
        struct occurrence *items = realloc(gathered->items, room * sizeof(*items));
        if (!items)
            return false;
        gathered->items = items;
        gathered->room = room;
    }
    struct occurrence *item = &gathered->items[gathered->count];
    *item = (struct occurrence){field, gathered->count, *wire};
    item->wire.value = number_significant(field->type, wire->value);
    gathered->count++;
    return true;
}

static int compare_occurrences(const void *a, const void *b)
{
    const struct occurrence *left = a;
    const struct occurrence *right = b;
    if (left->field->number != right->field->number)
        return left->field->number < right->field->number ? -1 : 1;
    return left->order < right->order ? -1 : 1;
}

/* Who holds a oneof at its message's end. */
struct holder {
    const struct schema_field *field;
    bool displaced; /* whom it has displaced, going backwards, does not come back */
};

static bool is_displaced(struct holder *holder, const struct schema_field *field)
{
    if (!holder->field)
        holder->field = field;
    if (holder->field != field)
        holder->displaced = true;
    return holder->displaced;
}

/* Of a oneof's members the last one counts, from where it displaced another one. */
static bool drop_displaced(struct gathered *gathered, size_t oneofs)
{
    struct holder *holders = calloc(oneofs + 1, sizeof(*holders));
    size_t kept = gathered->count;
    if (!holders)
        return false;
    for (size_t i = gathered->count; i > 0; i--) {
        struct occurrence *item = &gathered->items[i - 1];
        size_t oneof = item->field->oneof;
        if (!oneof || !is_displaced(&holders[oneof], item->field))
            gathered->items[--kept] = *item;
    }
    gathered->count -= kept;
    if (kept > 0)
        memmove(gathered->items, gathered->items + kept,
                gathered->count * sizeof(*gathered->items));
    free(holders);
    return true;
}

static bool gather(struct writing *writing, const struct schema_message *type,
                   struct shoal_view message, struct gathered *out, const struct place *place)
{
    struct wire_field wire;
    while (wire_next(&message, &wire)) {
        const struct schema_field *field = schema_field_numbered(type, wire.number);
        if (field && matches(field, &wire) && !keep(out, field, &wire))
            return out_of_memory(writing);
    }
    if (message.size > 0)
        return trouble_say(writing->trouble, place, "the message is no well-formed %s", type->name);
    if (type->oneof_count > 0 && out->count > 0 && !drop_displaced(out, type->oneof_count))
        return out_of_memory(writing);
    if (out->count > 1)
        qsort(out->items, out->count, sizeof(*out->items), compare_occurrences);
    return true;
}

/* Values */

bool write_string(struct writing *writing, struct shoal_view string, const struct place *place)
{
    return json_text_string(&writing->text, string) ||
           trouble_say(writing->trouble, place, "a string that is not UTF-8");
}

static void write_base64(struct writing *writing, struct shoal_view bytes)
{
    bytes_text(writing->text.out, "\"");
    base64_encode(writing->text.out, bytes);
    bytes_text(writing->text.out, "\"");
}

static void write_number(struct writing *writing, enum field_type type, uint64_t bits)
{
    char text[NUMBER_MAX];
    number_text(type, bits, text);
    const char *quote = number_is_quoted(type, bits) ? "\"" : "";
    bytes_format(writing->text.out, "%s%s%s", quote, text, quote);
}

/* By name where it has one. */
static bool write_enum(struct writing *writing, const struct schema_enum *type, uint64_t bits)
{
    int32_t number = (int32_t)bits;
    if (type && type->is_null) {
        bytes_text(writing->text.out, "null");
        return true;
    }
    for (size_t i = 0; type && i < type->value_count; i++) {
        if (type->values[i].number == number)
            return write_string(writing, shoal_view_of(type->values[i].name), NULL);
    }
    bytes_format(writing->text.out, "%d", number);
    return true;
}

static bool write_inner_message(struct writing *writing, const struct schema_field *field,
                                struct shoal_view message, const struct place *place)
{
    const struct schema_message *type =
        field->message ? field->message : schema_need_message(writing->schema, field->type_name);
    if (!type)
        return trouble_say(writing->trouble, place,
                           "its type %s is not among what the server describes", field->type_name);
    return write_message(writing, type, message, place);
}

static bool write_value(struct writing *writing, const struct schema_field *field,
                        const struct wire_field *wire, const struct place *place)
{
    switch (field->type) {
    case TYPE_MESSAGE:
        return write_inner_message(writing, field, wire->bytes, place);
    case TYPE_STRING:
        return write_string(writing, wire->bytes, place);
    case TYPE_BYTES:
        write_base64(writing, wire->bytes);
        return true;
    case TYPE_ENUM:
        return write_enum(writing, field->enumeration, wire->value);
    case TYPE_GROUP:
        return trouble_say(writing->trouble, place,
                           "is a proto2 group, which this program does not show");
    default:
        write_number(writing, field->type, wire->value);
        return true;
    }
}

/* Fields */

static bool write_packed(struct writing *writing, const struct schema_field *field,
                         struct shoal_view numbers, const struct place *place)
{
    struct wire_field wire = {.type = schema_wire_type(field->type)};
    while (wire_number(&numbers, wire.type, &wire.value)) {
        json_text_item(&writing->text);
        if (!write_value(writing, field, &wire, place))
            return false;
    }
    return numbers.size == 0 || trouble_say(writing->trouble, place, "malformed packed numbers");
}

static bool write_array(struct writing *writing, const struct schema_field *field, struct run run,
                        const struct place *place)
{
    json_text_open(&writing->text, '[');
    for (size_t i = 0; i < run.count; i++) {
        const struct wire_field *wire = &run.items[i].wire;
        struct place element = {place, NULL, i};
        bool whole;
        if (is_packable(field) && wire->type == WIRE_BYTES) {
            whole = write_packed(writing, field, wire->bytes, place);
        } else {
            json_text_item(&writing->text);
            whole = write_value(writing, field, wire, &element);
        }
        if (!whole)
            return false;
    }
    json_text_close(&writing->text, ']');
    return true;
}

/* Messages that came in parts are merged, and a message is merged by joining its bytes. */
static bool write_merged(struct writing *writing, const struct schema_field *field, struct run run,
                         const struct place *place)
{
    struct bytes joined = {0};
    for (size_t i = 0; i < run.count; i++)
        bytes_add(&joined, run.items[i].wire.bytes.data, run.items[i].wire.bytes.size);
    struct wire_field wire = {.type = WIRE_BYTES, .bytes = bytes_view(&joined)};
    bool whole = joined.failed ? out_of_memory(writing) : write_value(writing, field, &wire, place);
    bytes_fini(&joined);
    return whole;
}

static bool write_singular(struct writing *writing, const struct schema_field *field,
                           struct run run, const struct place *place)
{
    struct wire_field zero = {.type = schema_wire_type(field->type)};
    if (field->type == TYPE_MESSAGE && run.count > 1)
        return write_merged(writing, field, run, place);
    const struct wire_field *last = run.count ? &run.items[run.count - 1].wire : &zero;
    return write_value(writing, field, last, place);
}

/* Maps: an object by key, and of a key's entries the last one. */

struct entry {
    struct shoal_view message;
    struct shoal_view text; /* a key that is a string */
    uint64_t bits;          /* ... or a number */
    size_t order;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    size_t size = left->text.size < right->text.size ? left->text.size : right->text.size;
    int text = size > 0 ? memcmp(left->text.data, right->text.data, size) : 0;
    if (text != 0)
        return text;
    if (left->text.size != right->text.size)
        return left->text.size < right->text.size ? -1 : 1;
    if (left->bits != right->bits)
        return left->bits < right->bits ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

static bool is_same_key(const struct entry *a, const struct entry *b)
{
    return a->bits == b->bits && shoal_view_equal(a->text, b->text);
}

static struct entry entry_of(const struct occurrence *item, const struct schema_field *key,
                             size_t order)
{
    struct entry entry = {.message = item->wire.bytes, .order = order};
    struct wire_field wire;
    if (wire_last(entry.message, 1, schema_wire_type(key->type), &wire)) {
        entry.text = wire.bytes;
        entry.bits = number_significant(key->type, wire.value);
    }
    return entry;
}

static bool write_key(struct writing *writing, const struct schema_field *key,
                      const struct entry *entry, const struct place *place)
{
    char text[NUMBER_MAX];
    if (key->type == TYPE_STRING) {
        json_text_item(&writing->text);
        bool whole = write_string(writing, entry->text, place);
        bytes_text(writing->text.out, ": ");
        return whole;
    }
    number_text(key->type, entry->bits, text);
    json_text_name(&writing->text, shoal_view_of(text));
    return true;
}

static bool write_entry(struct writing *writing, const struct schema_message *type,
                        const struct entry *entry, const struct place *place)
{
    struct place inner = {place, "(entry)", 0};
    return write_key(writing, schema_field_numbered(type, 1), entry, &inner) &&
           write_lone_field(writing, type, 2, entry->message, &inner);
}

static bool write_entries(struct writing *writing, const struct schema_message *type,
                          const struct entry *entries, size_t count, const struct place *place)
{
    json_text_open(&writing->text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && is_same_key(&entries[i], &entries[i + 1]))
            continue;
        if (!write_entry(writing, type, &entries[i], place))
            return false;
    }
    json_text_close(&writing->text, '}');
    return true;
}

static bool is_key_type(enum field_type type)
{
    return type != TYPE_BYTES && type != TYPE_MESSAGE && type != TYPE_GROUP && type != TYPE_ENUM;
}

static bool write_map(struct writing *writing, const struct schema_field *field, struct run run,
                      const struct place *place)
{
    const struct schema_field *key = schema_field_numbered(field->message, 1);
    const struct schema_field *value = schema_field_numbered(field->message, 2);
    if (!key || !value || !is_key_type(key->type))
        return trouble_say(writing->trouble, place, "the server describes it as no map");
    struct entry *entries = calloc(run.count + 1, sizeof(*entries));
    if (!entries)
        return out_of_memory(writing);
    for (size_t i = 0; i < run.count; i++)
        entries[i] = entry_of(&run.items[i], key, i);
    qsort(entries, run.count, sizeof(*entries), compare_entries);
    bool whole = write_entries(writing, field->message, entries, run.count, place);
    free(entries);
    return whole;
}

static bool write_field(struct writing *writing, const struct schema_field *field, struct run run,
                        const struct place *place)
{
    if (field->repeated && field->message && field->message->is_map_entry)
        return write_map(writing, field, run, place);
    return field->repeated ? write_array(writing, field, run, place)
                           : write_singular(writing, field, run, place);
}

/* Messages */

/* A zero where zero and absent are the same is absent. */
static bool is_zero(const struct schema_field *field, struct run run)
{
    const struct wire_field *last = &run.items[run.count - 1].wire;
    return !field->presence && !field->repeated && last->value == 0 && last->bytes.size == 0;
}

static bool is_shown(const struct writing *writing, const struct schema_field *field,
                     struct run run)
{
    if (writing->with_defaults && !field->presence)
        return true;
    return run.count > 0 && !is_zero(field, run);
}

static bool write_member(struct writing *writing, const struct schema_field *field, struct run run,
                         const struct place *place)
{
    struct place inner = {place, field->json_name, 0};
    if (!is_shown(writing, field, run))
        return true;
    json_text_name(&writing->text, shoal_view_of(field->json_name));
    return write_field(writing, field, run, &inner);
}

/* The occurrences of a field, from *items on. */
static struct run take_run(const struct gathered *gathered, size_t *from,
                           const struct schema_field *field)
{
    struct run run = {gathered->items ? &gathered->items[*from] : NULL, 0};
    for (; *from < gathered->count && gathered->items[*from].field == field; ++*from)
        run.count++;
    return run;
}

bool write_members(struct writing *writing, const struct schema_message *type,
                   struct shoal_view message, const struct place *place)
{
    struct gathered gathered = {0};
    bool whole = gather(writing, type, message, &gathered, place);
    size_t from = 0;
    for (size_t i = 0; whole && i < type->field_count; i++) {
        struct run run = take_run(&gathered, &from, type->fields[i]);
        whole = write_member(writing, type->fields[i], run, place);
    }
    free(gathered.items);
    return whole;
}

bool write_lone_field(struct writing *writing, const struct schema_message *type, uint32_t number,
                      struct shoal_view message, const struct place *place)
{
    struct gathered gathered = {0};
    const struct schema_field *field = schema_field_numbered(type, number);
    bool whole = gather(writing, type, message, &gathered, place);
    size_t from = 0;
    while (from < gathered.count && gathered.items[from].field != field)
        from++;
    whole = whole && write_field(writing, field, take_run(&gathered, &from, field), place);
    free(gathered.items);
    return whole;
}

bool write_message(struct writing *writing, const struct schema_message *type,
                   struct shoal_view message, const struct place *place)
{
    if (writing->depth == MOST_DEPTH)
        return trouble_say(writing->trouble, place, "nested deeper than %d messages", MOST_DEPTH);
    writing->depth++;
    bool whole;
    if (type->known != KNOWN_NOT) {
        whole = write_known(writing, type, message, place);
    } else {
        json_text_open(&writing->text, '{');
        whole = write_members(writing, type, message, place);
        json_text_close(&writing->text, '}');
    }
    writing->depth--;
    return whole;
}

bool message_to_json(struct schema *schema, const struct schema_message *type,
                     struct shoal_view message, const struct json_style *style, struct bytes *out,
                     struct trouble *trouble)
{
    struct writing writing = {.schema = schema,
                              .text = {.out = out, .pretty = style->pretty},
                              .trouble = trouble,
                              .with_defaults = style->with_defaults};
    bool whole = write_message(&writing, type, message, NULL);
    return whole && out->failed ? out_of_memory(&writing) : whole;
}
