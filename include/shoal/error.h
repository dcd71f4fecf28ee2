/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error codes. Every Shoal function that can fail returns 0 (or a documented non-negative value)
 * on success and a negative code, -SHOAL_E..., on failure. Where errno has the same idea the code
 * is errno's own number, so -SHOAL_ENOMEM == -ENOMEM and any other -errno may be returned too.
 */
#ifndef SHOAL_ERROR_H
#define SHOAL_ERROR_H

#include <errno.h>

#include <shoal/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, text). The texts are what shoal_strerror() returns for Shoal's own codes. */
#define SHOAL_ERROR_TABLE(X)                                                  \
    X(EINVAL, EINVAL, "invalid argument")                                     \
    X(ENOMEM, ENOMEM, "out of memory")                                        \
    X(EBUSY, EBUSY, "still in use")                                           \
    X(EDEADLK, EDEADLK, "would wait for itself: call it from another thread") \
    X(ECANCELED, ECANCELED, "cancelled")                                      \
    X(ETIMEDOUT, ETIMEDOUT, "deadline passed")                                \
    X(EPIPE, EPIPE, "connection is closed for writing")                       \
    X(ENOENT, ENOENT, "no such object")                                       \
    X(EOVERFLOW, EOVERFLOW, "value or size out of range")                     \
    X(ESTOPPED, 2001, "stopped: no more work is taken")                       \
    X(EFULL, 2002, "full: try again later")                                   \
    X(ESHED, 2003, "shed: waited too long in an overloaded queue")            \
    X(ERESOLVE, 2004, "host name could not be resolved")                      \
    X(EPROTOCOL, 2005, "protocol error")                                      \
    X(ESTATE, 2006, "not possible in this state")                             \
    X(EURL, 2007, "malformed URL")                                            \
    X(ECERT, 2008, "certificate or key cannot be used")

enum shoal_error {
#define SHOAL_ERROR_ENUM(name, value, text) SHOAL_##name = (value),
    SHOAL_ERROR_TABLE(SHOAL_ERROR_ENUM)
#undef SHOAL_ERROR_ENUM
};

/*
 * The English text of an error code; `code` may carry either sign. Codes that are plain errno
 * values get the C library's text. Never NULL; the string is static.
 * Thread: any.
 */
SHOAL_API const char *shoal_strerror(int code);

/*
 * The symbolic name of an error code ("ENOMEM", "ESTOPPED"), for logs and error sentences;
 * "EUNKNOWN" where there is none. `code` may carry either sign. Never NULL, static.
 * Thread: any.
 */
SHOAL_API const char *shoal_strerrorname(int code);

#ifdef __cplusplus
}
#endif
#endif
