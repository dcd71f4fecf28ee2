/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests of requests share: an app on a session of the test's own. The test is the client and
 * the driver: it tells of requests, bodies and ends, and reads what was answered as text. As from a
 * real driver, a head's bytes are gone when on_request has returned.
 */
#ifndef TESTS_UNIT_HTTP_HTTP_RIG_H
#define TESTS_UNIT_HTTP_HTTP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <shoal/error.h>
#include <shoal/http.h>

#include "base/arena.h"
#include "base/blocks.h"
#include "proto/http/app.h"
#include "support/connrig.h"

enum { RIG_STREAMS = 4, RIG_FIELDS = 40 };

/* One request, seen from the driver's side. */
struct rig_stream {
    struct shoal__stream stream; /* first */
    struct shoal__arena arena;
    bool open;

    /* What was answered. */
    char interim[64]; /* "100 103" */
    unsigned status;
    int64_t length;
    bool ended;
    bool was_reset;
    uint32_t reset_error;
    size_t consumed;
    size_t upgrades;
    char head[2048];    /* fields, "Name: value\n" each */
    char trailers[256]; /* the same */
    char body[32 * 1024];
    size_t body_size;

    /* What the calls return instead of succeeding; 0: they succeed. */
    int send_head_rc, write_rc, end_rc;
    size_t pending;
};

struct http_rig {
    struct connrig rig;
    struct memwire wire;
    struct recorder recorder;
    struct shoal_conn *conn;
    struct shoal_http_app *app;
    struct shoal__http_endpoint endpoint;
    struct shoal__session session;
    struct shoal__blocks chunks;
    struct rig_stream streams[RIG_STREAMS];
    char head_bytes[16 * 1024];
    size_t head_size;
};

/* Setup and teardown for cmocka, with a rig in *state. */
int http_rig_start(void **state);
int http_rig_stop(void **state);

/* 0, or a negative code with nothing left behind: for sweeps. */
int http_rig_try_start(struct http_rig *rig);
void http_rig_end(struct http_rig *rig);

/* A request without body: `fields` is "name: value\n..." or NULL. */
struct rig_stream *http_rig_get(struct http_rig *rig, const char *target);
struct rig_stream *http_rig_ask(struct http_rig *rig, const char *method, const char *target,
                                const char *fields);

/* A request whose body follows; `length` as in a head. */
struct rig_stream *http_rig_post(struct http_rig *rig, const char *target, const char *fields,
                                 int64_t length);
void http_rig_data(struct rig_stream *stream, const char *text);
void http_rig_ends(struct rig_stream *stream);
void http_rig_ends_with(struct rig_stream *stream, const char *name, const char *value);

/* The driver ends the stream. */
void http_rig_close(struct rig_stream *stream, uint32_t error);

/* The rig's GET route, and what it answered. */
void http_rig_route(struct http_rig *rig, const char *method, const char *pattern,
                    shoal_http_handler_fn *handler, void *arg);

/* The value of a field of the answer, or NULL; static until the next call. */
const char *http_rig_field(const struct rig_stream *stream, const char *name);

#define assert_body(stream, text) \
    assert_text(shoal_view((stream)->body, (stream)->body_size), (text))
#define assert_string(a, b) assert_text(shoal_view_of(a), (b))

#endif
