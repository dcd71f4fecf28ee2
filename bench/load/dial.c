/* SPDX-License-Identifier: BSD-3-Clause */
/* Dialling from many source addresses. It blocks: connecting is not what is measured. */
#include "dial.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DIALS_PER_ADDRESS 1000

static void or_die(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(69);
    }
}

static struct sockaddr_in loopback(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {htonl(INADDR_LOOPBACK + host)},
    };
}

int bench_dial(uint16_t port, unsigned index)
{
    struct sockaddr_in from = loopback(index / DIALS_PER_ADDRESS, 0);
    struct sockaddr_in to = loopback(0, port);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    or_die(fd, "socket");
    /* The port is chosen at connect(), where the same one may serve several destinations. */
    or_die(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), "bind later");
    or_die(bind(fd, (struct sockaddr *)&from, sizeof from), "bind");
    or_die(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    or_die(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    return fd;
}
