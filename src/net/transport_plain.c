/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport of plain sockets: one system call each, and no state. */
#include <errno.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/transport.h"

static ssize_t result(ssize_t n, int want)
{
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return want;
    return -errno;
}

static ssize_t plain_read(struct shoal__transport *transport, void *out, size_t size)
{
    return result(recv(transport->fd, out, size, 0), SHOAL__IO_WANT_READ);
}

static ssize_t plain_writev(struct shoal__transport *transport, const struct iovec *iov, int count)
{
    if (count == 1)
        return result(send(transport->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL),
                      SHOAL__IO_WANT_WRITE);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                             .msg_iovlen = (size_t)count};
    return result(sendmsg(transport->fd, &message, MSG_NOSIGNAL), SHOAL__IO_WANT_WRITE);
}

static ssize_t plain_sendfile(struct shoal__transport *transport, int fd, off_t offset, size_t size)
{
    return result(sendfile(transport->fd, fd, &offset, size), SHOAL__IO_WANT_WRITE);
}

static int plain_shutdown(struct shoal__transport *transport)
{
    return shutdown(transport->fd, SHUT_WR) == 0 ? 1 : -errno;
}

static void plain_close(struct shoal__transport *transport, bool abort)
{
    if (abort) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(transport->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    (void)close(transport->fd);
    transport->fd = -1;
}

const struct shoal__transport_ops shoal__transport_plain = {
    .name = "plain",
    .close_says_end = true,
    .read = plain_read,
    .writev = plain_writev,
    .sendfile = plain_sendfile,
    .shutdown = plain_shutdown,
    .close = plain_close,
};
