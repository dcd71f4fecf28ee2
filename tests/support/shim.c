/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A library to preload: the machine at its least helpful, by the letter of the manual. What it does
 * is asked for by environment variables, so that one library serves all tests of the program:
 *
 *     SHIM_SHORT       sockets give and take one byte at a time, and every third call is
 * interrupted SHIM_ACCEPT      every other accept4() fails, with all the errors in turn that it may
 * have SHIM_WALL_CLOCK  the wall clock jumps by ten years, forth and back, at every look SHIM_DEAF
 * nanosleep() never returns: work that ignores its cancellation
 *
 * Not part of libshoal, and not instrumented by the sanitizers.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define TEN_YEARS_S (10 * 365 * 86400L)

static bool is_asked_for(const char *variable)
{
    return getenv(variable) != NULL;
}

static void *next_definition(_Atomic(void *) *slot, const char *name)
{
    void *found = atomic_load_explicit(slot, memory_order_relaxed);
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(slot, found, memory_order_relaxed);
    }
    return found;
}

/* next_NAME: the definition of a function behind ours. Looked up once; the race to do so is
 * harmless. */
#define REAL(name)                      \
    static _Atomic(void *) real_##name; \
    __typeof__(&(name)) next_##name;    \
    *(void **)(&next_##name) = next_definition(&real_##name, #name)

static bool is_interrupted(void)
{
    static atomic_uint calls;
    if (!is_asked_for("SHIM_SHORT") || atomic_fetch_add(&calls, 1) % 3 != 2)
        return false;
    errno = EINTR;
    return true;
}

static size_t shortened(size_t size)
{
    return size > 1 && is_asked_for("SHIM_SHORT") ? 1 : size;
}

EXPORT ssize_t recv(int fd, void *out, size_t size, int flags)
{
    REAL(recv);
    return is_interrupted() ? -1 : next_recv(fd, out, shortened(size), flags);
}

EXPORT ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    REAL(send);
    return is_interrupted() ? -1 : next_send(fd, bytes, shortened(size), flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg);
    struct msghdr one = *message;
    struct iovec first = one.msg_iovlen > 0 ? one.msg_iov[0] : (struct iovec){0};
    if (first.iov_len == 0 || !is_asked_for("SHIM_SHORT"))
        return next_sendmsg(fd, message, flags);
    first.iov_len = 1;
    one.msg_iov = &first;
    one.msg_iovlen = 1;
    return is_interrupted() ? -1 : next_sendmsg(fd, &one, flags);
}

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
    REAL(sendfile);
    return is_interrupted() ? -1 : next_sendfile(to, from, offset, shortened(size));
}

/* The name that glibc gives the union of all kinds of addresses. */
EXPORT int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags)
{
    REAL(accept4);
    static const int errors[] = {EINTR,  ECONNABORTED, EPROTO, EMFILE,     ENFILE,
                                 ENOMEM, ENOBUFS,      EPERM,  ENETDOWN,   EHOSTUNREACH,
                                 EAGAIN, ENOPROTOOPT,  ENONET, EOPNOTSUPP, ENETUNREACH};
    static atomic_uint calls;
    unsigned call = is_asked_for("SHIM_ACCEPT") ? atomic_fetch_add(&calls, 1) : 1;
    if (call % 2 == 1)
        return next_accept4(fd, address, size, flags);
    errno = errors[call / 2 % (sizeof(errors) / sizeof(errors[0]))];
    return -1;
}

static time_t jump(void)
{
    static atomic_uint looks;
    if (!is_asked_for("SHIM_WALL_CLOCK"))
        return 0;
    return atomic_fetch_add(&looks, 1) % 2 ? TEN_YEARS_S : -TEN_YEARS_S;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *out)
{
    REAL(clock_gettime);
    int rc = next_clock_gettime(clock, out);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        out->tv_sec += jump();
    return rc;
}

EXPORT int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    REAL(gettimeofday);
    int rc = next_gettimeofday(out, zone);
    if (rc == 0)
        out->tv_sec += jump();
    return rc;
}

EXPORT time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

EXPORT int nanosleep(const struct timespec *time, struct timespec *rest)
{
    REAL(nanosleep);
    while (is_asked_for("SHIM_DEAF"))
        pause();
    return next_nanosleep(time, rest);
}
