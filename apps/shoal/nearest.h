/* SPDX-License-Identifier: BSD-3-Clause */
/* What somebody may have meant, for "did you mean": a pure function, any thread. */
#ifndef APPS_SHOAL_NEAREST_H
#define APPS_SHOAL_NEAREST_H

#include <stddef.h>

/* The name that is nearest to `wrong` by edits, out of names[0..count). Thread: any. */
const char *nearest_name(const char *wrong, const char *const *names, size_t count);

#endif
