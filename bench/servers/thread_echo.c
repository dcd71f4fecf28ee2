/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What event loops are compared with: a thread for each connection, which blocks in read and in
 * write. The simplest correct echo server there is; its price is a stack and a context switch for
 * whoever is spoken to.
 */
#include "listen.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 4096

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[BUFFER_BYTES];
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;) {
        for (ssize_t sent = 0; sent < got;) {
            ssize_t n = write(fd, buffer + sent, (size_t)(got - sent));
            if (n <= 0)
                break;
            sent += n;
        }
    }
    close(fd);
    return NULL;
}

static void give_to_a_thread(int fd, const pthread_attr_t *detached)
{
    pthread_t thread;
    bench_no_delay(fd);
    if (pthread_create(&thread, detached, serve, (void *)(intptr_t)fd) != 0) {
        perror("pthread_create");
        close(fd);
    }
}

int main(int argc, char **argv)
{
    int listener = bench_listen(argc, argv);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    fcntl(listener, F_SETFL, 0); /* accept blocks here, too */
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            give_to_a_thread(fd, &detached);
    }
}
