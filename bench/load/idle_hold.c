/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Holds idle connections to an echo server: for each count given it opens connections until so many
 * are open, exchanges one message on each new one, prints the count, and waits for a line on stdin
 * before it goes on. The caller reads the server's memory in the pauses. It is a process of its
 * own because one process gets no more descriptors than the server needs for itself.
 *
 *     idle_hold PORT COUNT...
 */
#include "dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE "one message, and silence thereafter"

static void exchange(int fd)
{
    char answer[sizeof MESSAGE];
    if (send(fd, MESSAGE, sizeof MESSAGE, MSG_NOSIGNAL) != (ssize_t)sizeof MESSAGE ||
        recv(fd, answer, sizeof answer, MSG_WAITALL) != (ssize_t)sizeof answer ||
        memcmp(answer, MESSAGE, sizeof answer) != 0) {
        fprintf(stderr, "idle_hold: the message did not come back\n");
        exit(1);
    }
}

/* The descriptors are never closed, and not remembered either: that is the end of the program's. */
static void open_until(uint16_t port, unsigned *open, unsigned wanted)
{
    while (*open < wanted)
        exchange(bench_dial(port, (*open)++));
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: idle_hold PORT COUNT...\n");
        return 64;
    }
    unsigned open = 0;
    for (int i = 2; i < argc; i++) {
        open_until((uint16_t)atoi(argv[1]), &open, (unsigned)atoi(argv[i]));
        printf("%u\n", open);
        fflush(stdout);
        if (getchar() == EOF)
            return 0;
    }
    return 0;
}
