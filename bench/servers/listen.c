/* SPDX-License-Identifier: BSD-3-Clause */
/* The peers' listening socket. Nothing here runs while a peer is measured. */
#include "listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void or_die(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(71);
    }
}

static void tell_port(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    or_die(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
    fprintf(stderr, "msg=listening url=tcp://127.0.0.1:%u\n", ntohs(address.sin_port));
}

int bench_listen(int argc, char **argv)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0)),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    or_die(fd, "socket");
    or_die(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    or_die(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    or_die(listen(fd, SOMAXCONN), "listen");
    signal(SIGPIPE, SIG_IGN);
    tell_port(fd);
    return fd;
}

int bench_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    or_die(fd, path);
    return fd;
}

void bench_no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
