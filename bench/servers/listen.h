/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every peer needs before it can be measured: a listening socket on the loopback, and the
 * line on stderr from which ./bench/run learns the port. The line is the one `shoal echo` prints,
 * so that the harness treats all servers alike.
 */
#ifndef BENCH_SERVERS_LISTEN_H
#define BENCH_SERVERS_LISTEN_H

/* The most that a peer reads at a time: as much as `shoal echo` does. */
#define BENCH_READ_BYTES 65536

/* A non-blocking listening socket on 127.0.0.1 and the port in argv[1] (none or 0: any), said on
 * stderr. Ends the program where it cannot have one. Thread: main, before anything else. */
int bench_listen(int argc, char **argv);

/* The file, opened for reading. Ends the program where it cannot be. Thread: main, before anything
 * else. */
int bench_open(const char *path);

/* Turns Nagle's algorithm off, as every peer must: with it on, pipelined replies would wait for
 * acknowledgements and the figures would be about TCP. Thread: any. */
void bench_no_delay(int fd);

#endif
