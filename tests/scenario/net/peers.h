/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the network scenarios share: a server that echoes, and blocking clients. Every wait has an
 * end of its own, so that a scenario that fails says where.
 */
#ifndef TESTS_SCENARIO_NET_PEERS_H
#define TESTS_SCENARIO_NET_PEERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <shoal/server.h>
#include <shoal/stats.h>

/* Echoes every byte. */
extern const struct shoal_service echo_service;

/* A server with that many loops; no workers. */
struct shoal_server_cfg server_cfg(unsigned loops, enum shoal_accept accept);
struct shoal_server *make_server(const struct shoal_server_cfg *cfg);
struct shoal_listener *listen_on(struct shoal_server *server, const char *url,
                                 const struct shoal_listen_cfg *cfg);

/* Fails the test with the server's sentence where it does not start. */
void start(struct shoal_server *server);

/* make_server, listen_on and start in one. */
struct shoal_server *serve(unsigned loops, enum shoal_accept accept, const char *url,
                           struct shoal_listener **out_listener);

void destroy(struct shoal_server **server);

/* The port at the end of a listener's URL. */
uint16_t port_of(const struct shoal_listener *listener);

struct shoal_stats stats_of(struct shoal_server *server);

/* Blocking sockets with a deadline of their own. -errno where the connection is not made;
 * `source` may be NULL. */
int try_dial(const char *host, uint16_t port, const char *source);
int dial(uint16_t port); /* 127.0.0.1; fails the test */
int dial_unix(const char *path);

/* Sends one byte and true if it comes back. */
bool echoes(int fd);

/* True if the peer ends the connection, in order or by a reset, without sending anything. */
bool ends(int fd);

/* Waits until `holds` does; fails the test after some seconds. */
void wait_until(bool (*holds)(void *arg), void *arg);

/* Descriptors of this process that are open. */
unsigned descriptors(void);

/* The descriptor in this process of the TCP socket that listens on the port, the n-th one. */
int listening_descriptor(uint16_t port, unsigned n);

/* ... and of the accepted one whose peer is `client`. */
int accepted_descriptor(int client);

#endif
