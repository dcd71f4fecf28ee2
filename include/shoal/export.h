/* SPDX-License-Identifier: BSD-3-Clause */
/* Marks what libshoal exports, and checks printf-like calls where the compiler can. */
#ifndef SHOAL_EXPORT_H
#define SHOAL_EXPORT_H

#if defined(__GNUC__)
#define SHOAL_API __attribute__((visibility("default")))
#define SHOAL_PRINTF(format_index, first_arg) \
    __attribute__((format(printf, format_index, first_arg)))
#else
#define SHOAL_API
#define SHOAL_PRINTF(format_index, first_arg)
#endif

#endif
