/* SPDX-License-Identifier: BSD-3-Clause */
/* The bed: loops, servers, processes, and fetches to be waited for. */
#include "bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 50 };

struct bed bed;

static void wait_for(sem_t *sem)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    while (sem_timedwait(sem, &end) < 0) {
        if (errno == ETIMEDOUT)
            fail_msg("waited for %d s", PATIENCE_S);
    }
}

static struct shoal_server *make_server(unsigned loops)
{
    struct shoal_server *server;
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = loops;
    cfg.workers = 1;
    assert_int_equal(shoal_server_create(&cfg, &server), 0);
    return server;
}

int bed_setup(void **state)
{
    (void)state;
    bed = (struct bed){.here = make_server(1)};
    tlsfolder_make(&bed.folder);
    tlsfolder_add(&bed.folder, "a", "localhost", NULL);
    assert_int_equal(shoal_server_start(bed.here), 0);
    return 0;
}

static void destroy_client(void *arg)
{
    shoal_http_client_destroy(arg);
}

static void end_server(struct shoal_server **server)
{
    if (!*server)
        return;
    int rc = shoal_server_drain(*server, 5000, NULL);
    assert_true(rc == 0 || rc == -SHOAL_ESTATE); /* a test may have done so already */
    assert_int_equal(shoal_server_destroy(server), 0);
}

int bed_teardown(void **state)
{
    (void)state;
    if (bed.client)
        bed_call(destroy_client, &bed.client);
    end_server(&bed.here);
    end_server(&bed.there);
    tlsfolder_remove(&bed.folder);
    return 0;
}

/* The client's loop */

struct call {
    struct shoal_task task; /* of its own: posting it cannot fail */
    void (*fn)(void *arg);
    void *arg;
    sem_t over;
};

static void make_call(struct shoal_loop *loop, void *arg)
{
    struct call *call = arg;
    (void)loop;
    call->fn(call->arg);
    sem_post(&call->over);
}

void bed_call(void (*fn)(void *arg), void *arg)
{
    struct call call = {.fn = fn, .arg = arg};
    sem_init(&call.over, 0, 0);
    call.task = (struct shoal_task)SHOAL_TASK(make_call, &call);
    assert_int_equal(shoal_post(shoal_server_loop(bed.here, 0), &call.task), 0);
    wait_for(&call.over);
    sem_destroy(&call.over);
}

struct opening {
    const struct shoal_http_client_cfg *cfg;
    int rc;
};

static void open_client(void *arg)
{
    struct opening *opening = arg;
    opening->rc =
        shoal_http_client_create(shoal_server_loop(bed.here, 0), opening->cfg, &bed.client);
}

void bed_open(const struct shoal_http_client_cfg *cfg)
{
    struct opening opening = {.cfg = cfg};
    bed_call(open_client, &opening);
    assert_int_equal(opening.rc, 0);
}

struct shoal_http_client_cfg bed_trusting(void)
{
    struct shoal_http_client_cfg cfg = SHOAL_HTTP_CLIENT_CFG_INIT;
    cfg.ca_file = tlsfolder_file(&bed.folder, "a.pem");
    return cfg;
}

/* Servers */

void bed_serve(void (*add)(struct shoal_http_app *app), const struct shoal_service *raw)
{
    struct shoal_http_cfg cfg = SHOAL_HTTP_CFG_INIT;
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    char url[512];
    bed.there = make_server(2);
    struct shoal_http_app *app = shoal_http_app_create(bed.there);
    add(app);
    snprintf(url, sizeof(url), "tls://127.0.0.1:0?cert=%s&key=%s",
             tlsfolder_file(&bed.folder, "a.pem"), tlsfolder_file(&bed.folder, "a.key"));
    cfg.listen = &listen;
    assert_int_equal(shoal_listen_http(bed.there, "tcp://127.0.0.1:0", app, &cfg, &bed.plain), 0);
    assert_int_equal(shoal_listen_http(bed.there, url, app, &cfg, &bed.tls), 0);
    if (raw)
        assert_int_equal(shoal_listen(bed.there, "tcp://127.0.0.1:0", raw, NULL, &bed.raw), 0);
    assert_int_equal(shoal_server_start(bed.there), 0);
}

const char *bed_port_url(const char *scheme, unsigned port, const char *path)
{
    char *url = bed.url[bed.urls++ % 4];
    snprintf(url, sizeof(bed.url[0]), "%s://localhost:%u%s", scheme, port, path);
    return url;
}

static unsigned port_of(const struct shoal_listener *listener)
{
    return (unsigned)strtoul(strchr(shoal_listener_url(listener) + 6, ':') + 1, NULL, 10);
}

const char *bed_url(const char *path)
{
    return bed_port_url("http", port_of(bed.plain), path);
}

const char *bed_tls_url(const char *path)
{
    return bed_port_url("https", port_of(bed.tls), path);
}

const char *bed_raw_url(const char *path)
{
    return bed_port_url("http", port_of(bed.raw), path);
}

/* Processes */

static int socket_at(unsigned port, bool connects)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int rc = connects ? connect(fd, (struct sockaddr *)&address, sizeof(address))
                      : bind(fd, (struct sockaddr *)&address, sizeof(address));
    if (rc == 0)
        return fd;
    close(fd);
    return -1;
}

unsigned bed_free_port(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    int fd = socket_at(0, false);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool listens(unsigned port)
{
    int fd = socket_at(port, true);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

pid_t bed_spawn(unsigned port, const char *const *argv)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    for (int i = 0; i < PATIENCE_S * 20 && !listens(port); i++) {
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        usleep(50000); /* another program's start cannot be waited for in any other way */
    }
    return pid;
}

void bed_kill(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* Fetches */

static void copy_view(char *to, size_t room, struct shoal_view from)
{
    size_t size = from.size < room - 1 ? from.size : room - 1;
    if (size > 0)
        memcpy(to, from.data, size);
    to[size] = '\0';
}

static void note_done(struct shoal_fetch *fetch, int status, void *arg)
{
    struct job *job = arg;
    assert_false(job->inside);
    job->status = status;
    job->http_status = shoal_fetch_status(fetch);
    job->version = shoal_fetch_version(fetch);
    job->body_size = shoal_fetch_body(fetch).size;
    copy_view(job->body, sizeof(job->body), shoal_fetch_body(fetch));
    copy_view(job->field, sizeof(job->field), shoal_fetch_field(fetch, "x-test"));
    copy_view(job->trailer, sizeof(job->trailer), shoal_fetch_trailer(fetch, "X-Trailer"));
    copy_view(job->url, sizeof(job->url), shoal_view_of(shoal_fetch_url(fetch)));
    job->fetch = NULL;
    sem_post(&job->over);
}

struct job job_get(const char *url)
{
    return (struct job){.cfg = {.url = url}};
}

static void begin(void *arg)
{
    struct job *job = arg;
    job->inside = true;
    job->rc = shoal_http_fetch(bed.client, &job->cfg, &job->fetch);
    job->inside = false;
    if (job->rc < 0)
        sem_post(&job->over);
}

void job_start(struct job *job)
{
    sem_init(&job->over, 0, 0);
    job->cfg.done = note_done;
    job->cfg.arg = job;
    bed_call(begin, job);
}

void job_wait(struct job *job)
{
    wait_for(&job->over);
    sem_destroy(&job->over);
}

void job_run(struct job *job)
{
    job_start(job);
    job_wait(job);
}

void assert_answer(const struct job *job, unsigned http_status, unsigned version, const char *body)
{
    assert_int_equal(job->rc, 0);
    assert_int_equal(job->status, 0);
    assert_int_equal(job->http_status, http_status);
    assert_int_equal(job->version, version);
    assert_string_equal(job->body, body);
}
