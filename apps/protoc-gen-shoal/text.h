/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text: templates, and memory that is there. A plugin that has none left says so and exits, which
 * protoc reports.
 */
#ifndef PROTOC_GEN_SHOAL_TEXT_H
#define PROTOC_GEN_SHOAL_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* As malloc, reallocarray and asprintf; never NULL. Thread: any. */
void *allocate(size_t size);
void *reallocate(void *old, size_t count, size_t size);
char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says why on standard error and exits with 1. Thread: any. */
_Noreturn void fail(const char *why);

/* $name$ in a template stands for the value. Lists of them end with a NULL name. */
struct word {
    const char *name;
    const char *value;
};

/* Writes a template; each of its words is in the list. Thread: any. */
void put(FILE *out, const char *template, const struct word *words);

#endif
