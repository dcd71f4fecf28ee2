/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Building the trie and searching it. A search goes down the fixed segment first, then the
 * parameter, then the rest, and comes back up where that led nowhere; as each node is reached by
 * one way only, no path can make it visit a node twice.
 */
#include "proto/http/router.h"

#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>

#include "base/arena.h"

enum { ANY_METHOD = SHOAL__HTTP_METHODS_MAX };

/* A segment's place. Owned by its parent; children are sorted. */
struct shoal__http_node {
    struct shoal_view name; /* ours; of a fixed segment */
    struct shoal__http_node **children;
    size_t child_count;
    struct shoal__http_node *param;
    struct shoal__http_route *routes; /* whose patterns end here */
    struct shoal__http_route *rests;  /* which take all that is left from here */
};

/* Methods */

static bool is_method(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")] == '\0';
}

/* The method's index, or ANY_METHOD where no route names it. */
static size_t method_index(const struct shoal__http_router *router, const char *name)
{
    for (size_t i = 0; i < router->method_count; i++) {
        if (strcmp(router->methods[i], name) == 0)
            return i;
    }
    return ANY_METHOD;
}

static int intern_method(struct shoal__http_router *router, const char *name, size_t *out_index)
{
    if (strcmp(name, "*") == 0) {
        *out_index = ANY_METHOD;
        return 0;
    }
    if (!is_method(name))
        return -SHOAL_EINVAL;
    *out_index = method_index(router, name);
    if (*out_index != ANY_METHOD)
        return 0;
    if (router->method_count == SHOAL__HTTP_METHODS_MAX)
        return -SHOAL_EINVAL;
    char *copy = strdup(name);
    if (!copy)
        return -SHOAL_ENOMEM;
    *out_index = router->method_count;
    router->methods[router->method_count++] = copy;
    return 0;
}

/* Patterns */

enum segment_kind { SEGMENT_FIXED, SEGMENT_PARAM, SEGMENT_REST, SEGMENT_MALFORMED };

struct segment {
    enum segment_kind kind;
    struct shoal_view name;
    const char *next; /* NULL: it was the last */
};

static bool is_name_byte(char byte)
{
    char lower = (char)(byte | 0x20);
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
}

static bool is_name(struct shoal_view name)
{
    bool good = name.size > 0;
    for (size_t i = 0; good && i < name.size; i++)
        good = is_name_byte(name.data[i]);
    return good;
}

static bool has_brace(struct shoal_view text)
{
    return text.size > 0 &&
           (memchr(text.data, '{', text.size) || memchr(text.data, '}', text.size));
}

/* What stands between the braces: a name, or a name and "..." where it is the last segment. */
static void read_braces(struct segment *segment)
{
    struct shoal_view *name = &segment->name;
    *name = shoal_view(name->data + 1, name->size - 2);
    segment->kind = SEGMENT_PARAM;
    if (name->size > 3 && memcmp(name->data + name->size - 3, "...", 3) == 0) {
        name->size -= 3;
        segment->kind = segment->next ? SEGMENT_MALFORMED : SEGMENT_REST;
    }
    if (!is_name(*name))
        segment->kind = SEGMENT_MALFORMED;
}

static struct segment read_segment(const char *at)
{
    const char *end = strchrnul(at, '/');
    struct segment segment = {.name = shoal_view(at, (size_t)(end - at)),
                              .next = *end ? end + 1 : NULL};
    if (!has_brace(segment.name))
        return segment;
    if (segment.name.size < 3 || *at != '{' || end[-1] != '}')
        segment.kind = SEGMENT_MALFORMED;
    else
        read_braces(&segment);
    return segment;
}

/* Whether `name` is among the NUL-ended names so far. */
static bool is_taken(const char *names, size_t count, struct shoal_view name)
{
    for (size_t i = 0; i < count; i++, names += strlen(names) + 1) {
        if (shoal_view_equal(shoal_view_of(names), name))
            return true;
    }
    return false;
}

/* Checks the pattern and gathers its parameters' names, which are shorter than itself. */
static bool read_pattern(const char *pattern, struct shoal__http_route *route)
{
    char *end = route->names;
    for (const char *at = pattern; at;) {
        struct segment segment = read_segment(at);
        at = segment.next;
        if (segment.kind == SEGMENT_MALFORMED)
            return false;
        if (segment.kind == SEGMENT_FIXED)
            continue;
        if (route->name_count == SHOAL__HTTP_PARAMS_MAX ||
            is_taken(route->names, route->name_count, segment.name))
            return false;
        memcpy(end, segment.name.data, segment.name.size);
        end[segment.name.size] = '\0';
        end += segment.name.size + 1;
        route->name_count++;
    }
    return true;
}

/* Routes */

static void route_destroy(struct shoal__http_route *route)
{
    if (!route)
        return;
    free(route->pattern);
    free(route->names);
    free(route);
}

static struct shoal__http_route *route_create(const char *pattern)
{
    struct shoal__http_route *route = calloc(1, sizeof(*route));
    if (!route)
        return NULL;
    route->pattern = strdup(pattern);
    route->names = malloc(strlen(pattern) + 1);
    if (route->pattern && route->names)
        return route;
    route_destroy(route);
    return NULL;
}

static bool has_route(const struct shoal__http_route *route, size_t method)
{
    while (route && route->method != method)
        route = route->next;
    return route != NULL;
}

/* Nodes */

static void node_destroy(struct shoal__http_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->child_count; i++)
        node_destroy(node->children[i]);
    node_destroy(node->param);
    struct shoal__http_route *lists[] = {node->routes, node->rests};
    for (size_t i = 0; i < 2; i++) {
        while (lists[i]) {
            struct shoal__http_route *route = lists[i];
            lists[i] = route->next;
            route_destroy(route);
        }
    }
    free(node->children);
    free((char *)(uintptr_t)node->name.data);
    free(node);
}

static struct shoal__http_node *node_create(struct shoal_view name)
{
    struct shoal__http_node *node = calloc(1, sizeof(*node));
    char *copy = strndup(name.data ? name.data : "", name.size);
    if (node && copy) {
        node->name = shoal_view(copy, name.size);
        return node;
    }
    free(copy);
    free(node);
    return NULL;
}

/* By size, then by bytes: the cheapest order that is one. */
static int compare(struct shoal_view a, struct shoal_view b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size ? memcmp(a.data, b.data, a.size) : 0;
}

/* Where the child of that name is, or would be. */
static size_t child_place(const struct shoal__http_node *node, struct shoal_view name)
{
    size_t low = 0;
    size_t high = node->child_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(node->children[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct shoal__http_node *find_child(const struct shoal__http_node *node,
                                           struct shoal_view name)
{
    size_t place = child_place(node, name);
    bool there = place < node->child_count && compare(node->children[place]->name, name) == 0;
    return there ? node->children[place] : NULL;
}

static struct shoal__http_node *add_child(struct shoal__http_node *node, struct shoal_view name)
{
    struct shoal__http_node **children =
        realloc(node->children, (node->child_count + 1) * sizeof(struct shoal__http_node *));
    if (!children)
        return NULL;
    node->children = children;
    struct shoal__http_node *child = node_create(name);
    if (!child)
        return NULL;
    size_t place = child_place(node, name);
    memmove(&children[place + 1], &children[place],
            (node->child_count - place) * sizeof(struct shoal__http_node *));
    children[place] = child;
    node->child_count++;
    return child;
}

/* The node of a segment, made where it is not there yet; NULL where memory is out. */
static struct shoal__http_node *go_to(struct shoal__http_node *node, const struct segment *segment)
{
    if (segment->kind == SEGMENT_PARAM) {
        if (!node->param)
            node->param = node_create(shoal_view(NULL, 0));
        return node->param;
    }
    struct shoal__http_node *child = find_child(node, segment->name);
    return child ? child : add_child(node, segment->name);
}

/* Where the route belongs: the list in its last node, or NULL where memory is out. */
static struct shoal__http_route **place_of(struct shoal__http_node *node, const char *pattern)
{
    for (const char *at = pattern; node && at;) {
        struct segment segment = read_segment(at);
        if (segment.kind == SEGMENT_REST)
            return &node->rests;
        node = go_to(node, &segment);
        at = segment.next;
    }
    return node ? &node->routes : NULL;
}

static int insert(struct shoal__http_router *router, struct shoal__http_route *route)
{
    if (!router->root)
        router->root = node_create(shoal_view(NULL, 0));
    struct shoal__http_route **place =
        router->root ? place_of(router->root, route->pattern + 1) : NULL;
    if (!place)
        return -SHOAL_ENOMEM;
    if (has_route(*place, route->method))
        return -SHOAL_EBUSY;
    route->next = *place;
    *place = route;
    return 0;
}

int shoal__http_router_add(struct shoal__http_router *router, const char *method,
                           const char *pattern, shoal_http_handler_fn *handler, void *arg)
{
    size_t index;
    if (pattern[0] != '/')
        return -SHOAL_EINVAL;
    int rc = intern_method(router, method, &index);
    if (rc < 0)
        return rc;
    struct shoal__http_route *route = route_create(pattern);
    if (!route)
        return -SHOAL_ENOMEM;
    route->method = index;
    route->handler = handler;
    route->arg = arg;
    rc = read_pattern(pattern + 1, route) ? insert(router, route) : -SHOAL_EINVAL;
    if (rc < 0)
        route_destroy(route);
    return rc;
}

void shoal__http_router_fini(struct shoal__http_router *router)
{
    node_destroy(router->root);
    for (size_t i = 0; i < router->method_count; i++)
        free(router->methods[i]);
    *router = (struct shoal__http_router){0};
}

/* Searching */

struct search {
    size_t method;   /* that is asked for; ANY_METHOD where no route names it */
    size_t fallback; /* GET's for HEAD, else the same */
    size_t values;   /* parameters so far */
    struct shoal__http_match *match;
};

/* The route among these that has the method: by its name, as HEAD by GET's, or for any. */
static const struct shoal__http_route *pick(struct search *search,
                                            const struct shoal__http_route *routes)
{
    const struct shoal__http_route *best = NULL;
    for (const struct shoal__http_route *route = routes; route; route = route->next) {
        bool any = route->method == ANY_METHOD;
        if (!any && route->method == search->method)
            return route;
        if (!any && route->method == search->fallback)
            best = route;
        if (any && !best)
            best = route;
        if (!any)
            search->match->methods |= UINT64_C(1) << route->method;
        search->match->path_known = true;
    }
    return best;
}

static void take_value(struct search *search, const char *data, size_t size)
{
    search->match->values[search->values++] = shoal_view(data, size);
}

static const struct shoal__http_route *walk(struct search *search,
                                            const struct shoal__http_node *node, const char *at);

static const struct shoal__http_route *walk_param(struct search *search,
                                                  const struct shoal__http_node *node,
                                                  const char *at, size_t size, const char *next)
{
    if (!node->param || size == 0)
        return NULL;
    take_value(search, at, size);
    const struct shoal__http_route *route = walk(search, node->param, next);
    if (!route)
        search->values--;
    return route;
}

static const struct shoal__http_route *
walk_rest(struct search *search, const struct shoal__http_node *node, const char *at)
{
    const struct shoal__http_route *route = node->rests ? pick(search, node->rests) : NULL;
    if (route)
        take_value(search, at, strlen(at));
    return route;
}

/* The route for what is left of the path, `at` a segment's start or NULL at the path's end. */
static const struct shoal__http_route *walk(struct search *search,
                                            const struct shoal__http_node *node, const char *at)
{
    if (!at)
        return pick(search, node->routes);
    const char *end = strchrnul(at, '/');
    const char *next = *end ? end + 1 : NULL;
    size_t size = (size_t)(end - at);
    const struct shoal__http_node *child = find_child(node, shoal_view(at, size));
    const struct shoal__http_route *route = child ? walk(search, child, next) : NULL;
    if (!route)
        route = walk_param(search, node, at, size, next);
    return route ? route : walk_rest(search, node, at);
}

void shoal__http_router_find(const struct shoal__http_router *router, const char *method,
                             const char *path, struct shoal__http_match *out_match)
{
    out_match->route = NULL;
    out_match->path_known = false;
    out_match->methods = 0;
    if (!router->root || path[0] != '/')
        return;
    struct search search = {.method = method_index(router, method), .match = out_match};
    bool head = strcmp(method, "HEAD") == 0;
    search.fallback = head ? method_index(router, "GET") : search.method;
    out_match->route = walk(&search, router->root, path + 1);
}

/* Allow */

static char *put_method(char *end, const char *start, const char *name)
{
    if (end > start)
        end = stpcpy(end, ", ");
    return stpcpy(end, name);
}

char *shoal__http_router_allow(const struct shoal__http_router *router, uint64_t methods,
                               bool every, struct shoal__arena *arena)
{
    size_t size = sizeof("HEAD, OPTIONS, ");
    for (size_t i = 0; i < router->method_count; i++)
        size += strlen(router->methods[i]) + 2;
    char *allow = shoal__arena_alloc(arena, size);
    if (!allow)
        return NULL;

    char *end = allow;
    bool get = false;
    bool head = false;
    for (size_t i = 0; i < router->method_count; i++) {
        const char *name = router->methods[i];
        if ((!every && !(methods >> i & 1)) || strcmp(name, "OPTIONS") == 0)
            continue;
        get = get || strcmp(name, "GET") == 0;
        head = head || strcmp(name, "HEAD") == 0;
        end = put_method(end, allow, name);
    }
    if (get && !head)
        end = put_method(end, allow, "HEAD");
    put_method(end, allow, "OPTIONS");
    return allow;
}
