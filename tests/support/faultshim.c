/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A library to preload: a chosen system call that fails now and then.
 *
 *     SHIM_FAULT=NAME:ERRNO:STEP:MOST   every STEP-th call of NAME fails with the number ERRNO,
 *                                       MOST times at the most
 *
 * What fails is not done, but for close(), which closes all the same, as Linux does. Not part of
 * libshoal, and not instrumented by the sanitizers.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char victim[32];
static int error;
static unsigned step;
static atomic_uint left, calls;

__attribute__((constructor)) static void read_wish(void)
{
    unsigned most = 0;
    const char *wish = getenv("SHIM_FAULT");
    if (wish && sscanf(wish, "%31[^:]:%d:%u:%u", victim, &error, &step, &most) == 4)
        atomic_store(&left, most);
}

static bool fails(const char *name)
{
    if (strcmp(name, victim) != 0 || atomic_fetch_add(&calls, 1) % step != step - 1)
        return false;
    unsigned now = atomic_load(&left);
    while (now > 0 && !atomic_compare_exchange_weak(&left, &now, now - 1))
        continue;
    if (now > 0)
        errno = error;
    return now > 0;
}

/* Looked up anew at each call: cheap enough here, and without a race. */
#define REAL(name)                   \
    __typeof__(&(name)) next_##name; \
    *(void **)(&next_##name) = dlsym(RTLD_NEXT, #name)

/* FAULTY(result type, what a failure returns, name, (parameters), (arguments)) */
#define FAULTY(type, failure, name, parameters, arguments)      \
    __attribute__((visibility("default"))) type name parameters \
    {                                                           \
        if (fails(#name))                                       \
            return failure;                                     \
        REAL(name);                                             \
        return next_##name arguments;                           \
    }

FAULTY(ssize_t, -1, read, (int fd, void *out, size_t size), (fd, out, size))
FAULTY(ssize_t, -1, readv, (int fd, const struct iovec *iov, int count), (fd, iov, count))
FAULTY(ssize_t, -1, pread, (int fd, void *out, size_t size, off_t at), (fd, out, size, at))
FAULTY(ssize_t, -1, preadv2, (int fd, const struct iovec *iov, int count, off_t at, int flags),
       (fd, iov, count, at, flags))
FAULTY(ssize_t, -1, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
FAULTY(ssize_t, -1, recv, (int fd, void *out, size_t size, int flags), (fd, out, size, flags))
FAULTY(ssize_t, -1, send, (int fd, const void *bytes, size_t size, int flags),
       (fd, bytes, size, flags))
FAULTY(ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags),
       (fd, message, flags))
FAULTY(ssize_t, -1, sendfile, (int to, int from, off_t *at, size_t size), (to, from, at, size))
FAULTY(int, -1, epoll_create1, (int flags), (flags))
FAULTY(int, -1, epoll_ctl, (int fd, int op, int other, struct epoll_event *event),
       (fd, op, other, event))
FAULTY(int, -1, epoll_wait, (int fd, struct epoll_event *events, int most, int ms),
       (fd, events, most, ms))
FAULTY(int, -1, accept4, (int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags),
       (fd, address, size, flags))
FAULTY(int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAULTY(int, -1, bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t size), (fd, address, size))
FAULTY(int, -1, listen, (int fd, int backlog), (fd, backlog))
FAULTY(int, -1, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
       (fd, level, name, value, size))
FAULTY(int, -1, getsockopt,
       (int fd, int level, int name, void *restrict value, socklen_t *restrict size),
       (fd, level, name, value, size))
FAULTY(int, -1, getsockname, (int fd, __SOCKADDR_ARG address, socklen_t *restrict size),
       (fd, address, size))
FAULTY(int, -1, shutdown, (int fd, int how), (fd, how))
FAULTY(int, -1, fstat, (int fd, struct stat *out), (fd, out))
FAULTY(int, -1, eventfd, (unsigned start, int flags), (start, flags))
FAULTY(int, -1, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags))
FAULTY(ssize_t, -1, getrandom, (void *out, size_t size, unsigned flags), (out, size, flags))
FAULTY(void *, MAP_FAILED, mmap, (void *at, size_t size, int how, int flags, int fd, off_t offset),
       (at, size, how, flags, fd, offset))
FAULTY(int, -1, munmap, (void *at, size_t size), (at, size))

__attribute__((visibility("default"))) int close(int fd)
{
    REAL(close);
    bool failed = fails("close");
    int wanted = errno;
    int rc = next_close(fd);
    if (failed)
        errno = wanted;
    return failed ? -1 : rc;
}

/* openat2, preadv2's elder and others that the C library has no function for. */
__attribute__((visibility("default"))) long syscall(long number, ...)
{
    __builtin_va_list list;
    long a[6];
    __builtin_va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = __builtin_va_arg(list, long);
    __builtin_va_end(list);
    if (fails("syscall"))
        return -1;
    REAL(syscall);
    return next_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
