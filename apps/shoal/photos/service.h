/* SPDX-License-Identifier: BSD-3-Clause */
/* The photo service, and verifying a volume; see service.c. */
#ifndef APPS_SHOAL_PHOTOS_SERVICE_H
#define APPS_SHOAL_PHOTOS_SERVICE_H

#include "options.h"

/* Reads every photo of the volume, tells what is damaged, and returns the exit code: 65 where
 * something is. Thread: main's. */
int verify_photos(const struct options *options);

#endif
