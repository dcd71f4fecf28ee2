/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accepting. The event is level-triggered: what a batch leaves is seen again in the next turn,
 * after every other event of the loop.
 *
 * accept4() can fail for three reasons. The one connection was bad: go on. No descriptor is left:
 * the reserve is given up to take a few connections and close them, so that those clients are told
 * at once. The machine lacks something else: nothing to be done. After the last two the
 * descriptor stays readable, so that watching on would spin; the intake looks away for a while,
 * longer each time, until a connection was taken again.
 */
#include "net/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shoal/error.h>

#include "base/log.h"
#include "net/handoff.h"
#include "net/limits.h"
#include "net/spread.h"
#include "runtime/loop.h"
#include "runtime/server.h"

enum {
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 800, /* service resumes within a second of descriptors being there again */
    LAST_BATCH = 64,
    LAST_BATCHES = 1024, /* an inherited descriptor's queue may be refilled as fast as we take */
};

/* Taking */

/* Counts first: what a client has seen is in the statistics. */
static void refuse(struct shoal__intake *intake, int fd, enum shoal_refusal why)
{
    shoal__count(&intake->loop->counters.refused[why], 1);
    close(fd);
}

static void dispatch(struct shoal__intake *intake, const struct shoal__arrival *arrival)
{
    const struct shoal__intake_plan *plan = intake->plan;
    if (plan->spread)
        shoal__handoff_add(plan, intake->loop, shoal__spread_choose(plan->spread), arrival);
    else
        shoal__arrival_open(plan, intake->loop, arrival);
}

/* Accepts one connection. 0, also where a limit refused it; or a negative errno. */
static int take_one(struct shoal__intake *intake)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    int fd = accept4(intake->fd, (struct sockaddr *)&name, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;

    struct shoal__arrival arrival = {fd, shoal__address_from((struct sockaddr *)&name, size)};
    enum shoal_refusal answer = shoal__admit(intake->plan->server, &arrival.peer);
    if (answer == SHOAL__ADMITTED)
        dispatch(intake, &arrival);
    else
        refuse(intake, fd, answer);
    return 0;
}

static void open_reserve(struct shoal__intake *intake)
{
    if (intake->reserve < 0)
        intake->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * Takes one connection with the reserve's descriptor and closes it. 0; -EAGAIN where none waits,
 * for the kernel looks for a descriptor first and for a connection afterwards; `error` where that
 * could not be done, because another thread was quicker to use the descriptor, say.
 */
static int shed_one(struct shoal__intake *intake, int error)
{
    if (intake->reserve < 0)
        return error;
    close(intake->reserve);
    intake->reserve = -1;
    int fd = accept4(intake->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        refuse(intake, fd, SHOAL_REFUSED_DESCRIPTORS);
    else if (errno == EAGAIN)
        error = -EAGAIN;
    open_reserve(intake);
    return fd >= 0 ? 0 : error;
}

static bool out_of_descriptors(int error)
{
    return error == -EMFILE || error == -ENFILE;
}

/* Errors of the one connection that would have been next, as accept(2) lists them. */
static bool of_one_peer(int error)
{
    switch (-error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* Takes up to `max` connections. 0: no more wait; 1: more may wait; negative: what is missing. */
static int take(struct shoal__intake *intake, unsigned max)
{
    bool any = false;
    int missing = 0;
    int error = 0;
    for (unsigned i = 0; i < max; i++) {
        int rc = take_one(intake);
        if (rc == 0) {
            any = true;
            intake->backoff_ms = 0;
        } else if (out_of_descriptors(rc)) {
            missing = rc;
            rc = shed_one(intake, rc);
        } else if (of_one_peer(rc)) {
            error = rc;
            rc = 0;
        }
        if (rc < 0)
            return rc == -EAGAIN ? 0 : rc;
    }
    if (missing < 0)
        return missing;
    return any ? 1 : error; /* nothing but errors: maybe they are not the peers' after all */
}

static void send_parcels(struct shoal__intake *intake)
{
    if (intake->plan->spread)
        shoal__handoff_send(intake->plan->spread, intake->loop);
}

/* Pausing */

/* A shortage lasts; one line a second says enough of it. */
static void log_pause(struct shoal__intake *intake, int error)
{
    int64_t now = shoal__loop_now_ns(intake->loop);
    if (intake->logged_ns != 0 && now - intake->logged_ns < SHOAL__NS_PER_S)
        return;
    intake->logged_ns = now;
    shoal__log(shoal__server_log(intake->plan->server), SHOAL_LOG_WARN,
               "msg=\"accepting paused\" url=\"%s\" error=%s pause_ms=%" PRId64, intake->plan->url,
               shoal_strerrorname(error), intake->backoff_ms);
}

static void pause_for(struct shoal__intake *intake, int error)
{
    intake->backoff_ms = intake->backoff_ms == 0 ? BACKOFF_FIRST_MS : intake->backoff_ms * 2;
    if (intake->backoff_ms > BACKOFF_MAX_MS)
        intake->backoff_ms = BACKOFF_MAX_MS;
    shoal__count(&intake->loop->counters.accept_pauses, 1);
    log_pause(intake, error);
    if (shoal_timer_start(intake->loop, &intake->retry, intake->backoff_ms) == 0)
        event_del(&intake->event); /* else: better busy than deaf */
}

static void watch(struct shoal__intake *intake)
{
    if (event_add(&intake->event, NULL) < 0)
        pause_for(intake, -ENOMEM);
}

static void resume(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct shoal__intake *intake = arg;
    open_reserve(intake);
    watch(intake);
}

static void accept_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct shoal__intake *intake = arg;
    shoal__loop_enter(intake->loop, NULL, "accept");
    int rc = take(intake, intake->plan->batch);
    send_parcels(intake);
    if (rc < 0)
        pause_for(intake, rc);
}

/* Beginning and end */

static void begin(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    watch(arg);
}

/*
 * Makes the kernel drop new SYNs: what completes a handshake between our last accept4() and the
 * close would be reset. Dropped ones come again in a second and are refused, or
 * find whoever listens then. Where the kernel does not do this the moment stays as short as it is.
 */
static void block_newcomers(struct shoal__intake *intake)
{
    static struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog program = {.len = 1, .filter = drop_all};
    if (intake->can_block)
        setsockopt(intake->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* What is missing for a moment only is waited for in this loop; there is no later. */
static void take_rest(struct shoal__intake *intake)
{
    for (int i = 0; i < LAST_BATCHES && take(intake, LAST_BATCH) != 0; i++)
        open_reserve(intake);
    send_parcels(intake);
}

static void end(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct shoal__intake *intake = arg;
    const struct shoal__intake_plan *plan = intake->plan;
    block_newcomers(intake);
    take_rest(intake);
    shoal__intake_close(intake);
    plan->ended(plan->arg);
}

int shoal__intake_open(struct shoal__intake *intake, const struct shoal__intake_plan *plan,
                       struct shoal_loop *loop, int fd, bool can_block)
{
    *intake = (struct shoal__intake){
        .plan = plan, .loop = loop, .fd = -1, .reserve = -1, .can_block = can_block};
    open_reserve(intake);
    if (intake->reserve < 0)
        return -errno;
    if (event_assign(&intake->event, loop->base, fd, EV_READ | EV_PERSIST, accept_cb, intake) < 0) {
        shoal__intake_close(intake);
        return -SHOAL_EINVAL;
    }
    shoal_timer_init(&intake->retry, resume, intake);
    intake->begin = (struct shoal_task)SHOAL_TASK(begin, intake);
    intake->end = (struct shoal_task)SHOAL_TASK(end, intake);
    intake->fd = fd;
    return 0;
}

void shoal__intake_begin(struct shoal__intake *intake)
{
    shoal_post(intake->loop, &intake->begin);
}

void shoal__intake_end(struct shoal__intake *intake)
{
    if (shoal_post(intake->loop, &intake->end) < 0)
        intake->plan->ended(intake->plan->arg);
}

/* The event goes before the descriptor: for one that is shared with the caller or another process
 * the kernel would go on reporting it otherwise, and nobody could stop that. */
void shoal__intake_close(struct shoal__intake *intake)
{
    if (intake->fd >= 0) {
        shoal_timer_stop(&intake->retry);
        event_del(&intake->event);
        close(intake->fd);
        intake->fd = -1;
    }
    if (intake->reserve >= 0)
        close(intake->reserve);
    intake->reserve = -1;
}
