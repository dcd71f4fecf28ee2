/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands that serve; see serve.c. */
#ifndef APPS_SHOAL_SERVE_H
#define APPS_SHOAL_SERVE_H

#include "options.h"

/* Each serves until a signal comes and returns the exit code. Thread: main's. */
int serve_all(const struct options *options);
int serve_echo(const struct options *options);
int serve_fish(const struct options *options);
int serve_console(const struct options *options);
int serve_http(const struct options *options);
int serve_grpc(const struct options *options);
int serve_photos(const struct options *options);

#endif
