/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Serving a directory: from a name in a request to the answer. Everything that a loop can learn
 * without waiting for a disk it does itself; a worker is asked for the rest.
 *
 *     name ──► cache ──► opened from the kernel's memory ──► opened by a worker ──► the file
 *                └──────────────────┴────────────────────────────────────────────► the file
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/http.h>
#include <shoal/loop.h>

#include "base/cfg.h"
#include "base/list.h"
#include "proto/http/app.h"
#include "proto/http/files_list_driver.h"
#include "proto/http/files_open_driver.h"
#include "proto/http/files_send_driver.h"
#include "proto/http/mime.h"
#include "runtime/server.h"

/* The parameter of our routes, and the size above which a table of types is none. */
#define PATH_PARAM "path"
enum { MIME_TABLE_MAX = 1024 * 1024 };

/* One directory that is served. A part of the server, for living as long as that; constant while
 * it runs, and read by all loops and workers. */
struct files_root {
    struct shoal__part part;
    struct shoal_server *server;
    int fd;
    bool list;
    bool precompressed;
    char *index;         /* NULL: none */
    char *cache_control; /* NULL: none */
    struct shoal__mime mime;
};

/* A name that a worker opens. */
struct open_job {
    const struct files_root *root;
    struct shoal__found found;
    int result;
    char path[];
};

/* Answers */

/* Nothing more can be said to the client where even that fails. */
static void finish(struct shoal_http_request *req, int rc)
{
    if (rc < 0)
        shoal_http_abort(req);
}

static void refuse(struct shoal_http_request *req, unsigned status)
{
    finish(req, shoal_http_reply_status(req, status));
}

static const char *param(const struct shoal_http_request *req)
{
    return shoal_http_param(req, PATH_PARAM);
}

static bool names_directory(const struct shoal_http_request *req)
{
    const char *path = param(req);
    return path[0] == '\0' || path[strlen(path) - 1] == '/';
}

/* The same path with a slash behind it, and the query. The path was judged: it begins with one
 * slash, not two, so that no browser takes it for another host's. */
static void redirect_to_directory(struct shoal_http_request *req)
{
    struct shoal_view target = shoal_http_target(req);
    const char *query = memchr(target.data, '?', target.size);
    size_t path_size = query ? (size_t)(query - target.data) : target.size;
    const char *location = shoal_http_format(req, "%.*s/%.*s", (int)path_size, target.data,
                                             (int)(target.size - path_size), query ? query : "");
    finish(req, location ? shoal_http_redirect(req, 301, location) : -SHOAL_ENOMEM);
}

static struct shoal__file *choose(const struct shoal_http_request *req,
                                  const struct shoal__found *found, bool *out_varies)
{
    unsigned there = 0;
    for (unsigned i = 0; i < SHOAL__ENCODINGS; i++)
        there |= (found->forms[i] ? 1u : 0u) << i;
    *out_varies = there != 1u << SHOAL__ENCODING_IDENTITY;
    if (!*out_varies)
        return found->forms[SHOAL__ENCODING_IDENTITY];
    return found->forms[shoal__encoding_choose(shoal_http_field(req, "accept-encoding"), there)];
}

/* `path` is what was opened: the name of the index says its type, not that of the directory. */
static void answer(struct shoal_http_request *req, const struct files_root *root, const char *path,
                   const struct shoal__found *found)
{
    struct shoal__file_terms terms = {.type = shoal__mime_type(&root->mime, path),
                                      .cache_control = root->cache_control};
    struct shoal__file *file = choose(req, found, &terms.varies);
    finish(req, shoal__file_reply(req, file, &terms));
}

/* The name was opened, or not: `rc`. Takes what was found. */
static void settle(struct shoal_http_request *req, const struct files_root *root, const char *path,
                   int rc, struct shoal__found *found)
{
    if (rc == 0) {
        answer(req, root, path, found);
        shoal__files_keep(shoal_http_loop(req), root, path, found);
    } else if (rc == -EISDIR && !names_directory(req)) {
        redirect_to_directory(req);
    } else if (rc == -SHOAL_ENOENT && names_directory(req) && root->list) {
        rc = shoal__files_list(req, root->fd, param(req));
        if (rc < 0)
            refuse(req, shoal__files_status(rc));
    } else {
        refuse(req, shoal__files_status(rc));
    }
}

/* Opening by a worker */

static void run_open(void *arg)
{
    struct open_job *job = arg;
    job->result =
        shoal__files_open(job->root->fd, job->path, job->root->precompressed, true, &job->found);
}

static void on_opened(struct shoal_http_request *req, int status, void *arg)
{
    struct open_job *job = arg;
    if (req)
        settle(req, job->root, job->path, status < 0 ? status : job->result, &job->found);
    shoal__found_release(&job->found);
    free(job);
}

static void open_by_worker(struct shoal_http_request *req, const struct files_root *root,
                           const char *path)
{
    size_t size = strlen(path) + 1;
    struct open_job *job = malloc(sizeof(*job) + size);
    if (!job) {
        refuse(req, 503);
        return;
    }
    *job = (struct open_job){.root = root};
    memcpy(job->path, path, size);
    int rc = shoal_http_offload(req, run_open, on_opened, job);
    if (rc == -SHOAL_ESTATE) { /* no pool, by the server's own choice */
        run_open(job);
        on_opened(req, 0, job);
    } else if (rc < 0) {
        free(job);
        refuse(req, 503);
    }
}

/* Requests */

static void serve_name(struct shoal_http_request *req, const struct files_root *root,
                       const char *path)
{
    const struct shoal__found *known = shoal__files_cached(shoal_http_loop(req), root, path);
    if (known) {
        answer(req, root, path, known);
        return;
    }
    struct shoal__found found = {{NULL}};
    int rc = shoal__files_open(root->fd, path, root->precompressed, false, &found);
    if (rc == -EAGAIN)
        open_by_worker(req, root, path);
    else
        settle(req, root, path, rc, &found);
}

static void serve_directory(struct shoal_http_request *req, const struct files_root *root)
{
    struct shoal__found none = {{NULL}};
    if (!root->index) {
        settle(req, root, "", -SHOAL_ENOENT, &none);
        return;
    }
    const char *path = shoal_http_format(req, "%s%s", param(req), root->index);
    if (path)
        serve_name(req, root, path);
    else
        refuse(req, 503);
}

static void serve(struct shoal_http_request *req, void *arg)
{
    const struct files_root *root = arg;
    switch (shoal__file_name_judge(param(req))) {
    case SHOAL__FILE_NAME_FILE:
        serve_name(req, root, param(req));
        return;
    case SHOAL__FILE_NAME_DIRECTORY:
        serve_directory(req, root);
        return;
    case SHOAL__FILE_NAME_NONE:
        refuse(req, 404);
        return;
    case SHOAL__FILE_NAME_MALFORMED:
        refuse(req, 400);
        return;
    }
}

static void serve_prefix(struct shoal_http_request *req, void *arg)
{
    (void)arg;
    redirect_to_directory(req);
}

/* Bytes may wait in the connection's output long after the request has ended, so what is not ours
 * is duplicated. */
int shoal_http_reply_file(struct shoal_http_request *req, int fd, const char *name, bool close_fd)
{
    int ours = close_fd ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    struct shoal__file *file = NULL;
    int rc = ours < 0 ? -errno : shoal__file_create(ours, SHOAL__ENCODING_IDENTITY, &file);
    if (rc == 0) {
        struct shoal__file_terms terms = {.type = shoal__mime_type(NULL, name)};
        rc = shoal__file_reply(req, file, &terms);
        file->close_fd = rc == 0;
        shoal__file_unref(&file);
    } else if (rc == -EISDIR || rc == -SHOAL_ENOENT) {
        rc = -SHOAL_EINVAL;
    }
    if (rc < 0 && !close_fd && ours >= 0)
        close(ours);
    return rc;
}

/* A tag that may stand in a field and in lists of tags: quotes around what is visible. */
static bool is_tag(const char *tag)
{
    size_t size = tag ? strlen(tag) : 0;
    if (size < 2 || size >= SHOAL__ETAG_SIZE || tag[0] != '"' || tag[size - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < size; i++) {
        if (tag[i] <= ' ' || tag[i] == '"' || tag[i] > '~')
            return false;
    }
    return true;
}

static struct shoal__file *make_file(struct shoal_loop *loop,
                                     const struct shoal_http_content *content)
{
    struct shoal__file *file = malloc(sizeof(*file));
    if (!file)
        return NULL;
    *file = (struct shoal__file){
        .fd = content->fd,
        .encoding = SHOAL__ENCODING_IDENTITY,
        .start = content->offset,
        .size = content->length,
        .modified = content->modified,
        .warm_until_ms =
            content->in_memory ? shoal_loop_now_ms(loop) + SHOAL__FILE_WARM_MS : INT64_MIN,
        .release_arg = content->arg,
    };
    atomic_init(&file->refs, 1);
    memcpy(file->etag, content->etag, strlen(content->etag) + 1);
    shoal__http_date_write(file->modified, file->date);
    return file;
}

/* What was not answered is not released. */
int shoal_http_reply_content(struct shoal_http_request *req,
                             const struct shoal_http_content *content)
{
    if (!is_tag(content->etag) || !content->type || content->fd < 0)
        return -SHOAL_EINVAL;
    struct shoal__file_terms terms = {.type = shoal_http_format(req, "%s", content->type)};
    struct shoal__file *file = make_file(shoal_http_loop(req), content);
    int rc = file && terms.type ? shoal__file_reply(req, file, &terms) : -SHOAL_ENOMEM;
    if (rc == 0)
        file->release = content->release;
    shoal__file_unref(&file);
    return rc;
}

/* The root as a part of the server */

static void root_destroy(struct files_root *root)
{
    if (root->fd >= 0)
        close(root->fd);
    shoal__mime_fini(&root->mime);
    free(root->index);
    free(root->cache_control);
    free(root);
}

static void destroy_part(struct shoal__part *part)
{
    root_destroy(SHOAL_CONTAINER_OF(part, struct files_root, part));
}

static const struct shoal__part_ops part_ops = {.destroy = destroy_part};

/* The system's types, where it has any; a broken table is as good as none. */
static int read_mime_types(struct shoal__mime *mime)
{
    FILE *table = fopen("/etc/mime.types", "re");
    if (!table)
        return 0;
    char *text = malloc(MIME_TABLE_MAX);
    size_t size = text ? fread(text, 1, MIME_TABLE_MAX, table) : 0;
    int rc = text ? shoal__mime_read(mime, shoal_view(text, size)) : -SHOAL_ENOMEM;
    free(text);
    (void)fclose(table);
    return rc;
}

/* A copy of a string that may be NULL. False where memory is out. */
static bool copy(const char *string, char **out)
{
    *out = string ? strdup(string) : NULL;
    return !string || *out;
}

static int root_fill(struct files_root *root, const char *path,
                     const struct shoal_http_files_cfg *cfg)
{
    root->list = cfg->list;
    root->precompressed = cfg->precompressed;
    root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root->fd < 0)
        return -errno;
    if (!copy(cfg->index, &root->index) || !copy(cfg->cache_control, &root->cache_control))
        return -SHOAL_ENOMEM;
    return read_mime_types(&root->mime);
}

/* Routes for everything beneath the prefix, and for the prefix without its slash. */
static int add_routes(struct shoal_http_app *app, const char *prefix, struct files_root *root)
{
    size_t size = strlen(prefix);
    while (size > 0 && prefix[size - 1] == '/')
        size--;
    char pattern[1024];
    int length = snprintf(pattern, sizeof(pattern), "%.*s/{" PATH_PARAM "...}", (int)size, prefix);
    if (length < 0 || (size_t)length >= sizeof(pattern))
        return -SHOAL_EINVAL;
    int rc = shoal_http_route(app, "GET", pattern, serve, root);
    if (rc < 0 || size == 0)
        return rc;
    pattern[size] = '\0';
    return shoal_http_route(app, "GET", pattern, serve_prefix, root);
}

static bool is_index(const char *name)
{
    return !name || shoal__file_name_judge(name) == SHOAL__FILE_NAME_FILE;
}

/* Once the root is the server's part it stays, also where a route was refused: another may use it
 * already. */
static int add_root(struct shoal_http_app *app, const char *prefix, const char *path,
                    const struct shoal_http_files_cfg *cfg)
{
    struct files_root *root = calloc(1, sizeof(*root));
    if (!root)
        return -SHOAL_ENOMEM;
    root->part.ops = &part_ops;
    root->server = app->server;
    int rc = root_fill(root, path, cfg);
    if (rc < 0) {
        root_destroy(root);
        return rc;
    }
    shoal__server_add_part(app->server, &root->part);
    return add_routes(app, prefix, root);
}

int shoal_http_files(struct shoal_http_app *app, const char *prefix, const char *root,
                     const struct shoal_http_files_cfg *cfg)
{
    struct shoal_http_files_cfg all = SHOAL_HTTP_FILES_CFG_INIT;
    if (!app)
        return -SHOAL_EINVAL;
    SHOAL__CFG_READ(&all, cfg);
    bool good = prefix && root && (prefix[0] == '/' || prefix[0] == '\0') && is_index(all.index);
    int rc = good ? add_root(app, prefix, root, &all) : -SHOAL_EINVAL;
    if (rc < 0)
        shoal__server_spoil(app->server, rc);
    return rc;
}
