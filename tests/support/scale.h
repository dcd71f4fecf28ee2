/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much a test does: SCALE(n) is n, and a tenth of it under the sanitizers, which are slow
 * enough to find with a tenth what the plain build needs the whole for.
 */
#ifndef TESTS_SUPPORT_SCALE_H
#define TESTS_SUPPORT_SCALE_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHOAL_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SHOAL_UNDER_SANITIZER 1
#endif
#endif

#ifndef SHOAL_UNDER_SANITIZER
#define SHOAL_UNDER_SANITIZER 0
#endif

#define SCALE(n) (SHOAL_UNDER_SANITIZER ? ((n) + 9) / 10 : (n))

#endif
