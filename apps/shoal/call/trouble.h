/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong, and where in a document: the first thing that was said counts. */
#ifndef APPS_SHOAL_CALL_TROUBLE_H
#define APPS_SHOAL_CALL_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>

#include <shoal/export.h>

enum { TROUBLE_MAX = 512 };

/* None where all zero; then a sentence. */
struct trouble {
    char text[TROUBLE_MAX];
};

/* A step into a document: a member, or an element where there is no name. Lives on the stack of
 * whoever went there. */
struct place {
    const struct place *outer; /* NULL: the document itself */
    const char *name;
    size_t index;
};

/*
 * Says it, with "offers[2].price: " in front where `place` is not the whole document, NULL. Always
 * returns false, as that is what comes next. Thread: owner of `trouble`.
 */
bool trouble_say(struct trouble *trouble, const struct place *place, const char *format, ...)
    SHOAL_PRINTF(3, 4);

#endif
