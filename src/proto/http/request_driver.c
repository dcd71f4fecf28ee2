/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests and their loop: time, deadlines, ids, and answers from other threads and from the pool.
 *
 * An id leads to its request by a table that the loop keeps; only requests whose id was asked for
 * are in it. Whoever answers from elsewhere sends an errand to the connection's loop, which finds
 * the request there, or that it has ended.
 */
#include <stdlib.h>
#include <time.h>

#include <shoal/error.h>
#include <shoal/http.h>
#include <shoal/tls.h>

#include "base/hash.h"
#include "proto/http/request_priv.h"
#include "runtime/loop.h"

/* What the requests of a loop share. Owned by the loop. */
struct http_local {
    struct shoal__loop_local base;
    struct shoal__hashmap requests; /* by serial */
    uint64_t serials;
    time_t date_s; /* the second that the texts are about */
    char date[40];
    char log_date[40];
};

static void destroy_local(struct shoal__loop_local *base)
{
    struct http_local *local = (struct http_local *)base;
    shoal__hashmap_fini(&local->requests);
    free(local);
}

static struct shoal__loop_local *create_local(void)
{
    struct http_local *local = calloc(1, sizeof(*local));
    if (!local)
        return NULL;
    local->base.destroy = destroy_local;
    local->date_s = -1;
    /* No secret: the keys are our own numbers, not a peer's choice. */
    shoal__hashmap_init(&local->requests, (struct shoal__hash_key){0, 0});
    return &local->base;
}

static struct http_local *local_of(struct shoal_loop *loop)
{
    static const char key;
    return (struct http_local *)shoal__loop_local(loop, &key, create_local);
}

/* Time */

int64_t shoal__http_now_ns(const struct shoal_http_request *req)
{
    return shoal__clock_now_ns(&shoal_http_loop(req)->clock);
}

/* The local with its texts up to date, or NULL. */
static struct http_local *dated_local(struct shoal_loop *loop)
{
    struct http_local *local = local_of(loop);
    time_t now = time(NULL);
    if (!local || local->date_s == now)
        return local;
    struct tm utc;
    gmtime_r(&now, &utc);
    local->date_s = now;
    (void)strftime(local->date, sizeof(local->date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    (void)strftime(local->log_date, sizeof(local->log_date), "%d/%b/%Y:%H:%M:%S +0000", &utc);
    return local;
}

struct shoal_view shoal__http_date(const struct shoal_http_request *req)
{
    const struct http_local *local = dated_local(shoal_http_loop(req));
    return local ? shoal_view_of(local->date) : shoal_view(NULL, 0);
}

struct shoal_view shoal__http_log_date(struct shoal_loop *loop)
{
    const struct http_local *local = dated_local(loop);
    return local ? shoal_view_of(local->log_date) : shoal_view(NULL, 0);
}

/* The deadline */

struct http_deadline {
    struct shoal_timer timer;
    int64_t at_ms; /* by the loop's clock, while the timer runs */
};

static void deadline_passed(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct shoal_http_request *req = arg;
    req->timed_out = true;
    if (req->output != HTTP_OUTPUT_HEAD || shoal_http_reply_status(req, 503) < 0)
        shoal_http_abort(req);
}

static struct http_deadline *deadline_of(struct shoal_http_request *req)
{
    if (req->deadline)
        return req->deadline;
    struct http_deadline *deadline = shoal__arena_alloc(req->stream->arena, sizeof(*deadline));
    if (deadline)
        shoal_timer_init(&deadline->timer, deadline_passed, req);
    req->deadline = deadline;
    return deadline;
}

int shoal_http_set_deadline(struct shoal_http_request *req, int64_t ms)
{
    if (req->closed || ms <= 0) {
        shoal__http_stop_deadline(req);
        return 0;
    }
    struct shoal_loop *loop = shoal_http_loop(req);
    struct http_deadline *deadline = deadline_of(req);
    int rc = deadline ? shoal_timer_start(loop, &deadline->timer, ms) : -SHOAL_ENOMEM;
    if (rc == 0)
        deadline->at_ms = shoal_loop_now_ms(loop) + ms;
    return rc;
}

int64_t shoal_http_left_ms(const struct shoal_http_request *req)
{
    if (req->timed_out)
        return 0;
    if (!req->deadline || !shoal_timer_running(&req->deadline->timer))
        return INT64_MAX;
    int64_t left = req->deadline->at_ms - shoal_loop_now_ms(shoal_http_loop(req));
    return left > 0 ? left : 0;
}

void shoal__http_stop_deadline(struct shoal_http_request *req)
{
    if (req->deadline)
        shoal_timer_stop(&req->deadline->timer);
}

/* The connection */

bool shoal__http_is_secure(const struct shoal_http_request *req)
{
    struct shoal_tls_info info;
    return shoal_conn_tls_info(shoal_http_conn(req), &info);
}

/* Ids */

/* A request's place in the loop's table. */
struct http_name {
    struct shoal__hashmap_node node;
    struct shoal_http_request *req;
    uint64_t serial; /* never 0 */
};

/* Where memory is out there is no name, and the id leads nowhere, as if the request had ended. */
static void register_name(struct shoal_http_request *req)
{
    struct http_local *local = local_of(shoal_http_loop(req));
    struct http_name *name = local ? shoal__arena_alloc(req->stream->arena, sizeof(*name)) : NULL;
    if (!name)
        return;
    *name = (struct http_name){.req = req, .serial = ++local->serials};
    name->node.key = shoal_view(&name->serial, sizeof(name->serial));
    (void)shoal__hashmap_put(&local->requests, &name->node);
    req->name = name;
}

struct shoal_http_id shoal_http_get_id(const struct shoal_http_request *req)
{
    /* Asking changes nothing that the caller can see, so `req` is const for it. */
    struct shoal_http_request *self = (struct shoal_http_request *)(uintptr_t)req;
    if (!self->name && !self->closed)
        register_name(self);
    return (struct shoal_http_id){shoal_conn_get_id(shoal_http_conn(req)),
                                  self->name ? self->name->serial : 0};
}

void shoal__http_forget_id(struct shoal_http_request *req)
{
    if (req->name)
        shoal__hashmap_remove(&local_of(shoal_http_loop(req))->requests, &req->name->node);
}

struct shoal_http_request *shoal_http_find(struct shoal_loop *loop, struct shoal_http_id id)
{
    SHOAL__ASSERT_OWNER(loop);
    struct http_local *local = local_of(loop);
    struct shoal__hashmap_node *node =
        local ? shoal__hashmap_get(&local->requests, shoal_view(&id.serial, sizeof(id.serial)))
              : NULL;
    if (!node)
        return NULL;
    struct shoal_http_request *req = SHOAL_CONTAINER_OF(node, struct http_name, node)->req;
    return shoal_conn_get_id(shoal_http_conn(req)) == id.conn ? req : NULL;
}

/* Errands from other threads */

struct errand {
    struct shoal_http_id id;
    shoal_http_handler_fn *fn;
    void *arg;
};

static void run_errand(struct shoal_conn *conn, void *arg)
{
    struct errand errand = *(struct errand *)arg;
    free(arg);
    errand.fn(conn ? shoal_http_find(shoal_conn_loop(conn), errand.id) : NULL, errand.arg);
}

int shoal_http_call(struct shoal_server *server, struct shoal_http_id id, shoal_http_handler_fn *fn,
                    void *arg)
{
    struct errand *errand = malloc(sizeof(*errand));
    if (!errand)
        return -SHOAL_ENOMEM;
    *errand = (struct errand){id, fn, arg};
    int rc = shoal_call_conn(server, id.conn, run_errand, errand);
    if (rc < 0)
        free(errand);
    return rc;
}

struct answer {
    struct shoal_buf *body;
    unsigned status;
    bool has_type;
    char type[];
};

/* Whoever answered has gone, so a bad answer is told to the client. */
static void give_answer(struct shoal_http_request *req, void *arg)
{
    struct answer *answer = arg;
    const char *type = answer->has_type ? answer->type : NULL;
    int rc = req ? shoal_http_reply_buf(req, answer->status, type, answer->body) : 0;
    if ((rc == -SHOAL_EINVAL || rc == -SHOAL_ENOMEM) && shoal_http_reply_status(req, 500) < 0)
        shoal_http_abort(req);
    shoal_buf_destroy(&answer->body);
    free(answer);
}

int shoal_http_answer(struct shoal_server *server, struct shoal_http_id id, unsigned status,
                      const char *type, struct shoal_buf **body)
{
    size_t type_size = type ? strlen(type) + 1 : 0;
    struct answer *answer = malloc(sizeof(*answer) + type_size);
    if (!answer)
        return -SHOAL_ENOMEM;
    *answer = (struct answer){.body = *body, .status = status, .has_type = type != NULL};
    if (type)
        memcpy(answer->type, type, type_size);
    int rc = shoal_http_call(server, id, give_answer, answer);
    if (rc < 0)
        free(answer);
    else
        *body = NULL;
    return rc;
}

/* The pool */

/* Work for a request. Outlives it, so it is of its own; the loop's only, but for `work`. */
struct job {
    struct shoal_work work;
    struct shoal__list node;        /* in the request's jobs */
    struct shoal_http_request *req; /* NULL: it has ended */
    shoal_http_work_fn *run;
    shoal_http_done_fn *done;
    void *arg;
};

static void run_job(struct shoal_work *work)
{
    struct job *job = SHOAL_CONTAINER_OF(work, struct job, work);
    job->run(job->arg);
}

static void job_done(struct shoal_work *work, int status)
{
    struct job *job = SHOAL_CONTAINER_OF(work, struct job, work);
    struct shoal_http_request *req = job->req;
    shoal_http_done_fn *done = job->done;
    void *arg = job->arg;
    shoal__list_remove(&job->node);
    free(job);
    done(req, status, arg);
}

/* The request's deadline as the pool wants it: 0 for none. */
static int64_t job_deadline_ms(const struct shoal_http_request *req)
{
    int64_t left = shoal_http_left_ms(req);
    if (left == INT64_MAX)
        return 0;
    return left > 0 ? left : 1;
}

int shoal_http_offload(struct shoal_http_request *req, shoal_http_work_fn *work,
                       shoal_http_done_fn *done, void *arg)
{
    struct shoal_loop *loop = shoal_http_loop(req);
    struct shoal_pool *pool = shoal_server_pool(shoal_loop_server(loop));
    if (!pool || req->closed)
        return -SHOAL_ESTATE;
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return -SHOAL_ENOMEM;
    job->work = (struct shoal_work){
        .run = run_job, .done = job_done, .name = "http", .deadline_ms = job_deadline_ms(req)};
    job->run = work;
    job->done = done;
    job->arg = arg;
    job->req = req;
    shoal__list_init(&job->node);
    int rc = shoal_pool_submit(pool, loop, &job->work);
    if (rc < 0) {
        free(job);
        return rc;
    }
    shoal__list_push_back(&req->jobs, &job->node);
    return 0;
}

void shoal__http_cancel_jobs(struct shoal_http_request *req)
{
    for (struct shoal__list *node; (node = shoal__list_take_first(&req->jobs)) != NULL;) {
        struct job *job = SHOAL_CONTAINER_OF(node, struct job, node);
        job->req = NULL;
        shoal_work_cancel(&job->work);
    }
}
