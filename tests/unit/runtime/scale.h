/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads for stress tests: a tenth under a sanitizer. */
#ifndef TESTS_UNIT_RUNTIME_SCALE_H
#define TESTS_UNIT_RUNTIME_SCALE_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SCALED(n) ((n) / 10)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SCALED(n) ((n) / 10)
#endif
#endif
#ifndef SCALED
#define SCALED(n) (n)
#endif

#endif
