/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections for the load programs, from many source addresses, so that no single address runs out
 * of ports.
 */
#ifndef BENCH_LOAD_DIAL_H
#define BENCH_LOAD_DIAL_H

#include <stdint.h>

/* Connects to 127.0.0.1:port, from an address in 127.0.0.0/8 that follows from `index` (a thousand
 * neighbours share one). The socket is blocking, without Nagle's delay. Ends the program where it
 * cannot connect. Thread: main. */
int bench_dial(uint16_t port, unsigned index);

#endif
