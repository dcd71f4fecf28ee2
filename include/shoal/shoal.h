/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything of Shoal that needs no other library's headers. */
#ifndef SHOAL_SHOAL_H
#define SHOAL_SHOAL_H

#include <shoal/buf.h>
#include <shoal/conn.h>
#include <shoal/error.h>
#include <shoal/grpc.h>
#include <shoal/grpc_client.h>
#include <shoal/histogram.h>
#include <shoal/http.h>
#include <shoal/line.h>
#include <shoal/log.h>
#include <shoal/loop.h>
#include <shoal/pool.h>
#include <shoal/server.h>
#include <shoal/stats.h>
#include <shoal/version.h>
#include <shoal/view.h>
#include <shoal/websocket.h>

#endif
