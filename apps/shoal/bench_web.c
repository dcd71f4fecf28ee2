/* SPDX-License-Identifier: BSD-3-Clause */
/* What the speakers of HTTP share; see bench_web.h. */
#include "bench_web.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "bench_grpc.h"
#include "host.h"
#include "options.h"
#include "parse.h"

/* RFC 9110 §5.6.2 */
static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool is_printable(struct shoal_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    }
    return true;
}

bool bench_web_is_field(const char *text)
{
    size_t name = strspn(text, token_bytes);
    return name > 0 && text[name] == ':' && is_printable(shoal_view_of(text));
}

/* The URL */

static bool has_port(struct shoal_view authority)
{
    const char *colon = memrchr(authority.data, ':', authority.size);
    const char *bracket = memrchr(authority.data, ']', authority.size);
    return colon && (!bracket || colon > bracket);
}

static bool take_url(const char *rest, struct bench_web *web)
{
    size_t size = strcspn(rest, "/?#");
    web->authority = shoal_view(rest, size);
    web->path = shoal_view_of(rest[size] == '/' ? rest + size : "/");
    return size > 0 && !strpbrk(rest, "@# ") && (rest[size] == '/' || rest[size] == '\0') &&
           is_printable(shoal_view_of(rest));
}

static bool make_peer(struct bench_web *web)
{
    char port[16] = "";
    if (!has_port(web->authority))
        snprintf(port, sizeof(port), ":%u", web->scheme->port);
    return asprintf(&web->peer, "%s://%.*s%s", web->scheme->transport, (int)web->authority.size,
                    web->authority.data, port) >= 0;
}

/* The fields */

static void add_field(struct bench_web *web, struct shoal_view name, struct shoal_view value)
{
    web->fields[web->field_count++] = (struct bench_web_field){name, trim(value)};
}

/* Copies "Name: value" to `at`, the name in small letters. Returns the end of the copy. */
static char *add_given(struct bench_web *web, const char *given, char *at)
{
    size_t name = strcspn(given, ":"), size = strlen(given);
    memcpy(at, given, size);
    for (size_t i = 0; i < name; i++)
        at[i] = (char)tolower((unsigned char)at[i]);
    add_field(web, shoal_view(at, name), shoal_view(at + name + 1, size - name - 1));
    return at + size;
}

static bool make_fields(const struct options *options, size_t size, struct bench_web *web)
{
    enum { LENGTH_MAX = 24 };
    size_t room = LENGTH_MAX;
    for (size_t i = 0; i < options->header_count; i++)
        room += strlen(options->headers[i]);
    char *at = web->text = malloc(room);
    if (!at)
        return false;
    for (size_t i = 0; i < options->header_count; i++)
        at = add_given(web, options->headers[i], at);
    if (web->scheme->grpc) {
        add_field(web, shoal_view_of("te"), shoal_view_of("trailers"));
        add_field(web, shoal_view_of("content-type"), shoal_view_of("application/grpc"));
    } else if (web->posts) {
        int digits = snprintf(at, LENGTH_MAX, "%zu", size);
        add_field(web, shoal_view_of("content-length"), shoal_view(at, (size_t)digits));
    }
    return true;
}

static bool make_head(struct bench_web *web)
{
    FILE *head = open_memstream(&web->head, &web->head_size);
    if (!head)
        return false;
    fprintf(head, "%s %.*s HTTP/1.1\r\nhost: %.*s\r\n", web->posts ? "POST" : "GET",
            (int)web->path.size, web->path.data, (int)web->authority.size, web->authority.data);
    for (size_t i = 0; i < web->field_count; i++) {
        const struct bench_web_field *field = &web->fields[i];
        fprintf(head, "%.*s: %.*s\r\n", (int)field->name.size, field->name.data,
                (int)field->value.size, field->value.data);
    }
    fputs("\r\n", head);
    return fclose(head) == 0;
}

/* gRPC */

static bool make_frame(struct shoal_view message, struct bench_web *web)
{
    if (!web->scheme->grpc)
        return true;
    web->frame_size = BENCH_GRPC_PREFIX + message.size;
    web->frame = malloc(web->frame_size);
    if (web->frame)
        bench_grpc_frame(message, web->frame);
    return web->frame != NULL;
}

static int check_grpc(const struct options *options, const struct bench_web *web)
{
    if (options->size > 0)
        return host_fail(options, EX_USAGE,
                         "--size: the message of a gRPC request is not made up; give one, "
                         "serialised, by --data");
    if (!bench_grpc_is_method(web->path))
        return host_fail(options, EX_USAGE, "expected /PACKAGE.SERVICE/METHOD behind the host");
    return 0;
}

int bench_web_make(const struct options *options, const struct bench_web_scheme *scheme,
                   const char *rest, struct shoal_view body, struct bench_web *out_web)
{
    struct bench_web web = {.scheme = scheme,
                            .posts = scheme->grpc || options->size > 0 || options->data};
    char shown[256];
    if (!take_url(rest, &web))
        return host_fail(options, EX_USAGE,
                         "expected HOST[:PORT][/PATH] behind the scheme, not '%s'; try 'shoal "
                         "bench --help'",
                         escape_text(shoal_view_of(rest), shown, sizeof(shown)));
    int code = scheme->grpc ? check_grpc(options, &web) : 0;
    if (code != 0)
        return code;
    if (!make_peer(&web) || !make_fields(options, body.size, &web) || !make_head(&web) ||
        !make_frame(options->data ? body : shoal_view_of(""), &web)) {
        bench_web_free(&web);
        return host_fail(options, EX_OSERR, "out of memory");
    }
    *out_web = web;
    return 0;
}

void bench_web_free(struct bench_web *web)
{
    free(web->peer);
    free(web->text);
    free(web->head);
    free(web->frame);
    *web = (struct bench_web){0};
}

/* Answers */

bool bench_web_is_right(struct bench_web_check *check, unsigned status, uint64_t size)
{
    if (!check->has_size)
        *check = (struct bench_web_check){true, size};
    return status >= 200 && status < 300 && size == check->size;
}
