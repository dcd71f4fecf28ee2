/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An index of FileDescriptorSets; see descriptors.h. The sets are walked as protobuf messages: a
 * table says which fields of which kind of definition hold definitions; the name is always field 1.
 */
#include "proto/grpc/descriptors.h"

#include <shoal/error.h>

#include "base/list.h"
#include "proto/grpc/wire.h"

/* A file or a symbol of one. In the index's arena. */
struct entry {
    struct shoal__hashmap_node node;
    struct shoal_view file;
};

struct shoal__descriptor_extension {
    struct shoal__descriptor_extension *next;
    struct shoal_view extended; /* full name */
    int32_t number;
    struct shoal_view file;
};

enum kind { OF_FILE, OF_MESSAGE, OF_FIELD, OF_EXTENSION, OF_ENUM, OF_SERVICE, OF_LEAF };

enum { NAME = 1, PACKAGE = 2, EXTENDEE = 2, NUMBER = 3, MOST_NESTING = 64 };

static const struct {
    enum kind outer;
    uint32_t field;
    enum kind inner;
} structure[] = {
    {OF_FILE, 4, OF_MESSAGE},   {OF_FILE, 5, OF_ENUM},    {OF_FILE, 6, OF_SERVICE},
    {OF_FILE, 7, OF_EXTENSION}, {OF_MESSAGE, 2, OF_LEAF}, {OF_MESSAGE, 3, OF_MESSAGE},
    {OF_MESSAGE, 4, OF_ENUM},   {OF_MESSAGE, 8, OF_LEAF}, {OF_MESSAGE, 6, OF_EXTENSION},
    {OF_SERVICE, 2, OF_LEAF},
};

void shoal__descriptors_init(struct shoal__descriptors *index)
{
    /* No secret: the keys are the program's own. */
    static const struct shoal__hash_key none = {0, 0};
    shoal__arena_init(&index->arena, NULL);
    shoal__hashmap_init(&index->files, none);
    shoal__hashmap_init(&index->symbols, none);
    index->extensions = NULL;
}

void shoal__descriptors_fini(struct shoal__descriptors *index)
{
    shoal__hashmap_fini(&index->files);
    shoal__hashmap_fini(&index->symbols);
    shoal__arena_fini(&index->arena);
}

/* The first field of that number and type; false where there is none. */
static bool find_field(struct shoal_view message, uint32_t number, uint8_t type,
                       struct shoal__wire_field *out)
{
    while (shoal__wire_next(&message, out)) {
        if (out->number == number && out->type == type)
            return true;
    }
    return false;
}

static struct shoal_view text_field(struct shoal_view message, uint32_t number)
{
    struct shoal__wire_field field;
    return find_field(message, number, 2, &field) ? field.bytes : shoal_view(NULL, 0);
}

static int put_entry(struct shoal__descriptors *index, struct shoal__hashmap *map,
                     struct shoal_view key, struct shoal_view file)
{
    struct entry *entry = shoal__arena_alloc(&index->arena, sizeof(*entry));
    if (!entry)
        return -SHOAL_ENOMEM;
    entry->node.key = key;
    entry->file = file;
    (void)shoal__hashmap_put(map, &entry->node); /* one that is there already stays */
    return 0;
}

static struct shoal_view join(struct shoal__descriptors *index, struct shoal_view scope,
                              struct shoal_view name)
{
    char *text = shoal__arena_printf(&index->arena, "%.*s%s%.*s", (int)scope.size,
                                     scope.size ? scope.data : "", scope.size ? "." : "",
                                     (int)name.size, name.size ? name.data : "");
    return text ? shoal_view_of(text) : shoal_view(NULL, 0);
}

static int add_extension(struct shoal__descriptors *index, struct shoal_view definition,
                         struct shoal_view file)
{
    struct shoal__descriptor_extension *extension =
        shoal__arena_alloc(&index->arena, sizeof(*extension));
    struct shoal__wire_field number;
    if (!extension)
        return -SHOAL_ENOMEM;
    if (!find_field(definition, NUMBER, 0, &number))
        return -SHOAL_EINVAL;
    struct shoal_view extended = text_field(definition, EXTENDEE); /* ".package.Message" */
    *extension = (struct shoal__descriptor_extension){
        index->extensions, shoal_view_from(extended, 1), (int32_t)number.value, file};
    index->extensions = extension;
    return 0;
}

static int add_definition(struct shoal__descriptors *index, enum kind kind,
                          struct shoal_view definition, struct shoal_view scope,
                          struct shoal_view file, unsigned nesting);

static enum kind kind_inside(enum kind outer, uint32_t field)
{
    for (size_t i = 0; i < sizeof(structure) / sizeof(structure[0]); i++) {
        if (structure[i].outer == outer && structure[i].field == field)
            return structure[i].inner;
    }
    return OF_FILE; /* nothing is a file inside of something */
}

static int add_definitions(struct shoal__descriptors *index, enum kind outer,
                           struct shoal_view message, struct shoal_view scope,
                           struct shoal_view file, unsigned nesting)
{
    while (message.size > 0) {
        struct shoal__wire_field field;
        if (!shoal__wire_next(&message, &field))
            return -SHOAL_EINVAL;
        enum kind inner = field.type == 2 ? kind_inside(outer, field.number) : OF_FILE;
        int rc = inner == OF_FILE
                     ? 0
                     : add_definition(index, inner, field.bytes, scope, file, nesting + 1);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_definition(struct shoal__descriptors *index, enum kind kind,
                          struct shoal_view definition, struct shoal_view scope,
                          struct shoal_view file, unsigned nesting)
{
    struct shoal_view name = join(index, scope, text_field(definition, NAME));
    if (nesting > MOST_NESTING)
        return -SHOAL_EINVAL;
    if (!name.data)
        return -SHOAL_ENOMEM;
    int rc = put_entry(index, &index->symbols, name, file);
    if (rc == 0 && kind == OF_EXTENSION)
        rc = add_extension(index, definition, file);
    return rc < 0 ? rc : add_definitions(index, kind, definition, name, file, nesting);
}

static int add_file(struct shoal__descriptors *index, struct shoal_view file)
{
    struct shoal_view name = text_field(file, NAME);
    if (shoal__hashmap_get(&index->files, name))
        return 0;
    int rc = put_entry(index, &index->files, name, file);
    return rc < 0 ? rc : add_definitions(index, OF_FILE, file, text_field(file, PACKAGE), file, 0);
}

int shoal__descriptors_add(struct shoal__descriptors *index, struct shoal_view set)
{
    while (set.size > 0) {
        struct shoal__wire_field field;
        if (!shoal__wire_next(&set, &field) || field.number != 1 || field.type != 2)
            return -SHOAL_EINVAL;
        int rc = add_file(index, field.bytes);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static struct shoal_view find(const struct shoal__hashmap *map, struct shoal_view key)
{
    struct shoal__hashmap_node *node = shoal__hashmap_get(map, key);
    return node ? SHOAL_CONTAINER_OF(node, struct entry, node)->file : shoal_view(NULL, 0);
}

struct shoal_view shoal__descriptors_file(const struct shoal__descriptors *index,
                                          struct shoal_view name)
{
    return find(&index->files, name);
}

struct shoal_view shoal__descriptors_symbol(const struct shoal__descriptors *index,
                                            struct shoal_view symbol)
{
    return find(&index->symbols, symbol);
}

struct shoal_view shoal__descriptors_extension(const struct shoal__descriptors *index,
                                               struct shoal_view extended, int32_t number)
{
    const struct shoal__descriptor_extension *extension = index->extensions;
    for (; extension; extension = extension->next) {
        if (extension->number == number && shoal_view_equal(extension->extended, extended))
            return extension->file;
    }
    return shoal_view(NULL, 0);
}

size_t shoal__descriptors_numbers(const struct shoal__descriptors *index,
                                  struct shoal_view extended, int32_t *out, size_t room)
{
    size_t count = 0;
    const struct shoal__descriptor_extension *extension = index->extensions;
    for (; extension; extension = extension->next) {
        if (!shoal_view_equal(extension->extended, extended))
            continue;
        if (count < room)
            out[count] = extension->number;
        count++;
    }
    return count;
}
