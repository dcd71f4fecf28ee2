/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The photo service:
 *
 *     GET /              the gallery                 PUT /photo/KEY     stores a photo
 *     GET /photos        the list                    GET /photo/KEY     sends it
 *     GET /stats         the figures                 DELETE /photo/KEY  forgets it
 *
 * An answer to PUT or DELETE means that it is on disk.
 */
#include "photos/service.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <shoal/error.h>

#include "host.h"
#include "photos/photos.h"
#include "web_cfg.h"

/* What the handlers share */

char *photo_etag(const struct photos *photos, uint64_t sequence, char out[ETAG_SIZE])
{
    snprintf(out, ETAG_SIZE, "\"%08" PRIx32 "-%" PRIx64 "\"", (uint32_t)volume_id(photos->volume),
             sequence);
    return out;
}

struct shoal_view photo_key_of(struct shoal_http_request *req)
{
    struct shoal_view key = shoal_view_of(shoal_http_param(req, "key"));
    if (key_is_valid(key))
        return key;
    photo_fail(req, 400, "a key is 1 to 255 bytes of UTF-8 without control characters");
    return shoal_view(NULL, 0);
}

void photo_fail(struct shoal_http_request *req, unsigned status, const char *sentence)
{
    if (shoal_http_reply(req, status, "text/plain; charset=utf-8", "%s\n", sentence) < 0)
        shoal_http_abort(req);
}

void photo_fail_for(struct shoal_http_request *req, int rc)
{
    switch (-rc) {
    case SHOAL_ESTATE:
        photo_fail(req, 412, "the photo is not the one that you expect");
        break;
    case SHOAL_ENOENT:
        photo_fail(req, 404, "no such photo");
        break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        photo_fail(req, 507, "the disk is full");
        break;
    case SHOAL_EOVERFLOW:
        photo_fail(req, 400, "there are 1024 different types already: use one of them");
        break;
    case EMFILE:
    case ENFILE:
    case SHOAL_EFULL:
    case SHOAL_ENOMEM:
    case SHOAL_ESTOPPED:
    case SHOAL_ETIMEDOUT:
    case SHOAL_ECANCELED:
    case SHOAL_ESHED:
        photo_fail(req, 503, "busy: try again later");
        break;
    default:
        photo_fail(req, 500, "the disk failed");
        break;
    }
}

/* The volume's place */

/* One that is made is made to stay, or all that is stored in it may go with it. */
static int make_folder(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return disk_sync_folder(&disk_real, path);
    return errno == EEXIST ? 0 : -errno;
}

/* Makes the folders above a file. */
static int make_folders(const char *path)
{
    char copy[PATH_MAX];
    int rc = 0;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *slash = strchr(copy + 1, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = make_folder(copy);
        *slash = '/';
    }
    return rc;
}

/* What the user said, or a file under the user's state folder. NULL where there is no such. */
static char *volume_path(const struct options *options)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *path = NULL;
    int rc = -1;
    if (options->volume)
        rc = asprintf(&path, "%s", options->volume);
    else if (state && state[0] == '/')
        rc = asprintf(&path, "%s/shoal/photos", state);
    else if (home)
        rc = asprintf(&path, "%s/.local/state/shoal/photos", home);
    return rc < 0 ? NULL : path;
}

/* Opening and closing */

static void log_volume(void *arg, enum shoal_log_level level, const char *text)
{
    log_write(arg, level, "%s", text);
}

static int open_volume(const struct options *options, struct log *log, struct volume **out_volume)
{
    char *path = volume_path(options);
    if (!path)
        return host_fail(options, EX_USAGE, "no place for the volume: give --volume FILE");
    struct volume_cfg cfg = VOLUME_CFG_INIT;
    cfg.path = path;
    cfg.compact_percent = (unsigned)options->compact_percent;
    cfg.compact_min_bytes = options->compact_min;
    cfg.must_exist = cfg.thorough = options->verify;
    cfg.log = log_volume;
    cfg.log_arg = log;
    int rc = options->volume || options->verify ? 0 : make_folders(path);
    if (rc == 0)
        rc = volume_open(&cfg, out_volume);
    int code = 0;
    if (rc == -SHOAL_EBUSY)
        code = host_fail(options, EX_UNAVAILABLE, "another process has %s open", path);
    else if (rc == -SHOAL_EINVAL)
        code = host_fail(options, EX_DATAERR, "%s is no photo volume", path);
    else if (rc < 0)
        code =
            host_fail(options, host_exit_code(rc), "cannot open %s: %s", path, shoal_strerror(rc));
    free(path);
    return code;
}

static char *folder_of(const struct options *options)
{
    char *path = volume_path(options);
    char *folder = path ? strdup(dirname(path)) : NULL;
    free(path);
    return folder;
}

static void close_photos(struct host *host)
{
    if (!host->photos)
        return;
    volume_close(&host->photos->volume);
    free(host->photos->folder);
    free(host->photos);
    host->photos = NULL;
}

/* Also where the service has several listeners: they share the volume. */
static int open_photos(struct host *host)
{
    if (host->photos)
        return 0;
    signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is a full disk to us */
    host->photos = calloc(1, sizeof(*host->photos));
    if (!host->photos)
        return host_fail(host->options, EX_OSERR, "out of memory");
    host->photos->server = host->server;
    host->photos->max_body = host->options->max_photo;
    host->photos->folder = folder_of(host->options);
    int code = open_volume(host->options, &host->log, &host->photos->volume);
    if (code == 0 && !host->photos->folder)
        code = host_fail(host->options, EX_OSERR, "out of memory");
    if (code != 0)
        close_photos(host);
    return code;
}

/* Listening */

static const struct {
    const char *method, *pattern;
    shoal_http_handler_fn *handler;
} routes[] = {
    {"GET", "/", photos_gallery},          {"GET", "/photos", photos_list},
    {"GET", "/stats", photos_stats},       {"GET", "/photo/{key...}", photo_get},
    {"PUT", "/photo/{key...}", photo_put}, {"DELETE", "/photo/{key...}", photo_delete},
};

static int listen_photos(struct host *host, const char *url, const struct shoal_listen_cfg *cfg,
                         struct shoal_listener **out_listener)
{
    struct shoal_http_app *app = shoal_http_app_create(host->server);
    int rc = app ? 0 : -SHOAL_ENOMEM;
    for (size_t i = 0; rc == 0 && i < sizeof(routes) / sizeof(routes[0]); i++)
        rc = shoal_http_route(app, routes[i].method, routes[i].pattern, routes[i].handler,
                              host->photos);
    if (rc < 0)
        return rc;
    struct shoal_http_cfg http = web_cfg(host, cfg);
    return shoal_listen_http(host->server, url, app, &http, out_listener);
}

const struct service photos_service = {
    .name = "photos",
    .default_url = "tcp://127.0.0.1:8090",
    .try_by = TRY_BY_CURL,
    .try_with = "/stats",
    .prepare = open_photos,
    .listen = listen_photos,
    .finish = close_photos,
};

/* Verifying */

static void print_verdict(uint64_t photos, uint64_t damaged, uint64_t lost)
{
    printf("%" PRIu64 " photos, %" PRIu64 " damaged", photos, damaged);
    if (lost > 0)
        printf(", and bytes that are no photos in %" PRIu64 " places", lost);
    printf("\n");
}

int verify_photos(const struct options *options)
{
    struct log log;
    struct volume *volume = NULL;
    struct volume_stats stats = {0};
    uint64_t photos = 0, damaged = 0;
    log_begin(&log, SHOAL_LOG_INFO);
    int code = open_volume(options, &log, &volume);
    if (code == 0) {
        damaged = volume_verify(volume, &photos);
        volume_stats(volume, &stats);
        volume_close(&volume);
        print_verdict(photos, damaged, stats.lost);
    }
    log_end(&log);
    return code == 0 && damaged + stats.lost > 0 ? EX_DATAERR : code;
}
