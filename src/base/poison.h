/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tells AddressSanitizer which parts of memory that we keep for reuse are nobody's right now, so
 * that a use after give or after reset is found as surely as a use after free. Free of cost and
 * effect in other builds.
 */
#ifndef SHOAL_BASE_POISON_H
#define SHOAL_BASE_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHOAL_HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SHOAL_HAS_ASAN 1
#endif

#ifdef SHOAL_HAS_ASAN
#include <sanitizer/asan_interface.h>
#define SHOAL_POISON(data, size) __asan_poison_memory_region((data), (size))
#define SHOAL_UNPOISON(data, size) __asan_unpoison_memory_region((data), (size))
#else
#define SHOAL_POISON(data, size) ((void)(data), (void)(size))
#define SHOAL_UNPOISON(data, size) ((void)(data), (void)(size))
#endif

#endif
