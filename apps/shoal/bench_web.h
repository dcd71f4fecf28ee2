/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the speakers of HTTP share: the parts of the target's URL, the fields of every request, and
 * what makes an answer right. A request is a GET, or a POST of the payload where --size or --data
 * asks for one; by gRPC it is a POST of one message, which --data has serialised or which is empty.
 * An answer is right with a status of 2xx and as many bytes of body as the first answer on its
 * connection had; by gRPC with whole messages that are the first answer's, and the status OK.
 */
#ifndef APPS_SHOAL_BENCH_WEB_H
#define APPS_SHOAL_BENCH_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

struct options;

enum {
    BENCH_WEB_FIELDS_MAX = 68,
    BENCH_WEB_TALK_MAX = 64, /* bytes: what any speaker of HTTP keeps for a connection */
};

/* What a URL's scheme says. */
struct bench_web_scheme {
    const char *name;      /* :scheme of the requests */
    const char *transport; /* of the peer's URL */
    unsigned port;         /* where the URL names none */
    bool grpc;
};

/* A field's name, in small letters, and its value; the memory is the struct's below. */
struct bench_web_field {
    struct shoal_view name;
    struct shoal_view value;
};

/* Part of the target; made before loops run, read by all of them. */
struct bench_web {
    const struct bench_web_scheme *scheme;
    char *peer;                  /* where to connect: tcp://HOST:PORT, tls://HOST:PORT */
    struct shoal_view authority; /* of the URL, which is borrowed */
    struct shoal_view path;      /* with its query */
    bool posts;                  /* the payload, as the body of each request */
    struct bench_web_field fields[BENCH_WEB_FIELDS_MAX]; /* --header, and the body's length */
    size_t field_count;
    char *text; /* the fields' memory */
    char *head; /* of each HTTP/1.1 request */
    size_t head_size;
    char *frame; /* the body of each gRPC request: one message; NULL: not gRPC */
    size_t frame_size;
};

/* What is known of the answers on a connection. */
struct bench_web_check {
    bool has_size;
    uint64_t size; /* of the first body */
};

/*
 * Takes `rest`, the URL behind its scheme, apart and makes the requests' fields; a body is `body`,
 * or as large. The scheme is static. Returns 0, or an exit code after a sentence, with nothing to
 * free. Thread: main's.
 */
int bench_web_make(const struct options *options, const struct bench_web_scheme *scheme,
                   const char *rest, struct shoal_view body, struct bench_web *out_web);

/* Frees it; copes with an empty one. Thread: main's. */
void bench_web_free(struct bench_web *web);

/* True where an answer of that status with a body of so many bytes is right. Thread: owner of
 * `check`. */
bool bench_web_is_right(struct bench_web_check *check, unsigned status, uint64_t size);

/* True for text that can stand in a request's head as NAME: VALUE. Thread: any. */
bool bench_web_is_field(const char *text);

#endif
