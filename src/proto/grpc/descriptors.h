/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An index of FileDescriptorSets, which protoc writes: which file defines a symbol, which has a
 * name, which extends a message. Files are handed out as they lie in the set.
 */
#ifndef SHOAL_PROTO_GRPC_DESCRIPTORS_H
#define SHOAL_PROTO_GRPC_DESCRIPTORS_H

#include "base/arena.h"
#include "base/hash.h"

struct shoal__descriptor_extension;

/* All zero but for the tables is empty. Built by one thread, then read by any. It must not be moved
 * in memory. */
struct shoal__descriptors {
    struct shoal__arena arena;
    struct shoal__hashmap files;   /* by name */
    struct shoal__hashmap symbols; /* by full name, without a dot in front */
    struct shoal__descriptor_extension *extensions;
};

/* Thread: control. */
void shoal__descriptors_init(struct shoal__descriptors *index);
void shoal__descriptors_fini(struct shoal__descriptors *index);

/* Adds the files of a set that are not there yet; its bytes are borrowed. Returns 0, -SHOAL_EINVAL
 * where it is malformed, or -SHOAL_ENOMEM. Thread: control. */
int shoal__descriptors_add(struct shoal__descriptors *index, struct shoal_view set);

/* The FileDescriptorProto; NULL data where there is none. Thread: any. */
struct shoal_view shoal__descriptors_file(const struct shoal__descriptors *index,
                                          struct shoal_view name);
struct shoal_view shoal__descriptors_symbol(const struct shoal__descriptors *index,
                                            struct shoal_view symbol);
struct shoal_view shoal__descriptors_extension(const struct shoal__descriptors *index,
                                               struct shoal_view extended, int32_t number);

/* Writes the numbers of up to `room` extensions of a message, and returns how many there are.
 * Thread: any. */
size_t shoal__descriptors_numbers(const struct shoal__descriptors *index,
                                  struct shoal_view extended, int32_t *out, size_t room);

#endif
