/* SPDX-License-Identifier: BSD-3-Clause */
/* The version of the headers, and that of the library that is really linked. */
#ifndef SHOAL_VERSION_H
#define SHOAL_VERSION_H

#include <shoal/export.h>

#define SHOAL_VERSION_MAJOR 0
#define SHOAL_VERSION_MINOR 1
#define SHOAL_VERSION_PATCH 0
#define SHOAL_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The linked library's version ("0.1.0"). Static. Thread: any. */
SHOAL_API const char *shoal_version(void);

/* One line naming the versions of the libraries below Shoal. Static. Thread: any. */
SHOAL_API const char *shoal_version_libraries(void);

#ifdef __cplusplus
}
#endif
#endif
