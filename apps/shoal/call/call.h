/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `shoal call`; see call.c. */
#ifndef APPS_SHOAL_CALL_CALL_H
#define APPS_SHOAL_CALL_CALL_H

struct options;

/* Lists or describes what a server has, or calls a method of it. Returns the exit code: the status
 * of the call, or one of sysexits.h. Thread: main's. */
int call(const struct options *options);

#endif
