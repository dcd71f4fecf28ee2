/* SPDX-License-Identifier: BSD-3-Clause */
/* The line driver as whoever makes connections by himself sees it: a raw service that speaks lines.
 */
#ifndef SHOAL_PROTO_LINE_DRIVER_H
#define SHOAL_PROTO_LINE_DRIVER_H

#include <shoal/line.h>

/*
 * The raw service that hands lines to `service`, which it borrows as `arg`. Keep the result in
 * place while connections use it. Thread: any.
 */
struct shoal_service shoal__line_raw_service(const struct shoal_line_service *service);

#endif
