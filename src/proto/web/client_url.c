/* SPDX-License-Identifier: BSD-3-Clause */
/* Cutting URLs, and putting new ones together. */
#include "proto/web/client_url.h"

#include <shoal/error.h>

#include "base/arena.h"
#include "base/checked.h"

static bool is_visible(struct shoal_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

/* The part of `text` before the first of `ends`; *text becomes the rest. */
static struct shoal_view cut(struct shoal_view *text, const char *ends)
{
    size_t size = 0;
    while (size < text->size && !strchr(ends, text->data[size]))
        size++;
    struct shoal_view part = shoal_view(text->data, size);
    *text = shoal_view_from(*text, size);
    return part;
}

/* Takes "scheme:" off where it is there, in whatever case. */
static bool takes_scheme(struct shoal_view *text, const char *scheme)
{
    size_t size = strlen(scheme);
    bool same = text->size >= size;
    for (size_t i = 0; same && i < size; i++)
        same = (text->data[i] | 0x20) == scheme[i];
    if (same)
        *text = shoal_view_from(*text, size);
    return same;
}

/* Letters, digits and what else names and addresses have; with no escape, no user, no backslash. */
static bool is_host(struct shoal_view host)
{
    bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    const char *others = bracketed ? "[]:.%" : ".-_";
    for (size_t i = 0; i < host.size; i++) {
        char byte = host.data[i];
        bool alnum = (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
        if (!alnum && !strchr(others, byte))
            return false;
    }
    return host.size > 0;
}

static bool parse_port(struct shoal_view text, uint16_t *port)
{
    uint64_t number = *port;
    if (text.size > 0 && shoal__parse_u64(text, UINT16_MAX, &number) < 0)
        return false;
    *port = (uint16_t)number;
    return number > 0;
}

static bool parse_authority(struct shoal_view authority, struct shoal__client_url *url)
{
    uint16_t usual = url->port;
    struct shoal_view rest = authority;
    if (rest.size > 0 && rest.data[0] == '[') {
        url->host = cut(&rest, "]");
        url->host.size += rest.size > 0;
        rest = shoal_view_from(rest, rest.size > 0);
    } else {
        url->host = cut(&rest, ":");
    }
    bool has_port = rest.size > 0 && rest.data[0] == ':';
    if ((rest.size > 0 && !has_port) || !is_host(url->host) ||
        !parse_port(shoal_view_from(rest, has_port), &url->port))
        return false;
    url->authority = url->port == usual ? url->host : authority;
    return true;
}

int shoal__client_url_parse(const char *text, struct shoal__client_url *out_url)
{
    struct shoal_view rest = shoal_view_of(text);
    struct shoal__client_url url = {.port = 80};
    if (!is_visible(rest))
        return -SHOAL_EURL;
    if (takes_scheme(&rest, "https://"))
        url = (struct shoal__client_url){.tls = true, .port = 443};
    else if (!takes_scheme(&rest, "http://"))
        return -SHOAL_EURL;
    if (!parse_authority(cut(&rest, "/?#"), &url))
        return -SHOAL_EURL;
    url.target = cut(&rest, "#");
    *out_url = url;
    return 0;
}

/* References */

static bool has_scheme(struct shoal_view reference)
{
    struct shoal_view scheme = cut(&reference, ":/?#");
    return scheme.size > 0 && reference.size > 0 && reference.data[0] == ':';
}

/* Takes the last segment off a path that is being put together. */
static size_t without_last(const char *path, size_t size)
{
    while (size > 0 && path[size - 1] != '/')
        size--;
    return size > 0 ? size - 1 : 0;
}

/* RFC 3986 §5.2.4, in place: "." goes, ".." goes with what stands before it. */
static size_t remove_dots(char *path, size_t size)
{
    size_t kept = 0;
    for (size_t at = 0; at < size;) {
        size_t end = at + 1;
        while (end < size && path[end] != '/')
            end++;
        struct shoal_view segment = shoal_view(path + at + 1, end - at - 1);
        bool dot = shoal_view_equal(segment, shoal_view("..", 1));
        bool dots = shoal_view_equal(segment, shoal_view("..", 2));
        if (dots)
            kept = without_last(path, kept);
        if (!dot && !dots) {
            memmove(path + kept, path + at, end - at);
            kept += end - at;
        } else if (end == size) {
            path[kept++] = '/';
        }
        at = end;
    }
    return kept;
}

static char *join(struct shoal__arena *arena, struct shoal_view head, struct shoal_view folder,
                  struct shoal_view path, struct shoal_view rest)
{
    char *text = shoal__arena_printf(arena, "%.*s%.*s%.*s", (int)head.size, head.data,
                                     (int)folder.size, folder.data, (int)path.size, path.data);
    if (!text)
        return NULL;
    size_t kept = remove_dots(text + head.size, folder.size + path.size);
    return shoal__arena_printf(arena, "%.*s%.*s", (int)(head.size + kept), text, (int)rest.size,
                               rest.data ? rest.data : "");
}

char *shoal__client_url_resolve(struct shoal__arena *arena, const char *base,
                                struct shoal_view reference)
{
    if (has_scheme(reference))
        return shoal__arena_strdup(arena, reference);
    struct shoal_view rest = shoal_view_of(base);
    struct shoal_view scheme = cut(&rest, ":");
    if (reference.size >= 2 && memcmp(reference.data, "//", 2) == 0)
        return shoal__arena_printf(arena, "%.*s:%.*s", (int)scheme.size, scheme.data,
                                   (int)reference.size, reference.data);

    rest = shoal_view_from(rest, strlen("://"));
    struct shoal_view authority = cut(&rest, "/?#");
    struct shoal_view head = shoal_view(base, (size_t)(authority.data - base) + authority.size);
    struct shoal_view old_path = cut(&rest, "?#");
    struct shoal_view old_query = cut(&rest, "#");
    struct shoal_view path = cut(&reference, "?#");
    if (path.size == 0)
        return join(arena, head, shoal_view(NULL, 0), old_path,
                    reference.size > 0 && reference.data[0] == '?' ? reference : old_query);
    if (path.data[0] == '/')
        return join(arena, head, shoal_view(NULL, 0), path, reference);
    struct shoal_view folder =
        shoal_view(old_path.data, without_last(old_path.data, old_path.size));
    char *merged = shoal__arena_printf(arena, "%.*s/", (int)folder.size, folder.data);
    return merged ? join(arena, head, shoal_view_of(merged), path, reference) : NULL;
}
