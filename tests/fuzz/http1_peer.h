/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other readers of HTTP/1.x that http1_differential.c asks. Each is in a file of its own, since
 * their headers declare the same names, and tells what it reads through the functions below.
 */
#ifndef SHOAL_TESTS_FUZZ_HTTP1_PEER_H
#define SHOAL_TESTS_FUZZ_HTTP1_PEER_H

#include <shoal/view.h>

/* Reads requests until the input or the reader's patience ends; says which it was. */
const char *http1_peer_read_llhttp(struct shoal_view input);
const char *http1_peer_read_http_parser(struct shoal_view input);

/* What has been read. Names and values may come in parts; all return 0. */
int http1_peer_on_url(const char *bytes, size_t size);
int http1_peer_on_name(const char *bytes, size_t size);
int http1_peer_on_value(const char *bytes, size_t size);
int http1_peer_on_body(const char *bytes, size_t size);
int http1_peer_on_head_end(const char *method);
int http1_peer_on_end(void);

/* Both readers' callbacks differ in the parser's type only. */
#define HTTP1_PEER_CALLBACKS(lib, type, method_name)                     \
    static int lib##_url(type *parser, const char *bytes, size_t size)   \
    {                                                                    \
        (void)parser;                                                    \
        return http1_peer_on_url(bytes, size);                           \
    }                                                                    \
    static int lib##_name(type *parser, const char *bytes, size_t size)  \
    {                                                                    \
        (void)parser;                                                    \
        return http1_peer_on_name(bytes, size);                          \
    }                                                                    \
    static int lib##_value(type *parser, const char *bytes, size_t size) \
    {                                                                    \
        (void)parser;                                                    \
        return http1_peer_on_value(bytes, size);                         \
    }                                                                    \
    static int lib##_body(type *parser, const char *bytes, size_t size)  \
    {                                                                    \
        (void)parser;                                                    \
        return http1_peer_on_body(bytes, size);                          \
    }                                                                    \
    static int lib##_head_end(type *parser)                              \
    {                                                                    \
        return http1_peer_on_head_end(method_name);                      \
    }                                                                    \
    static int lib##_end(type *parser)                                   \
    {                                                                    \
        (void)parser;                                                    \
        return http1_peer_on_end();                                      \
    }

#endif
