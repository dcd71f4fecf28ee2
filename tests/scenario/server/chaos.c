/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chaos: handlers that do anything at any time, clients that come, ask, half-close, reset and go,
 * threads that use ids of whoever, and a drain in the middle of it all. Nothing to be proved but
 * that it stands: on_close once for each on_open, every piece of work told, nothing left behind.
 */
#include "scenario/net/peers.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "support/scale.h"

enum {
    ROUNDS = SCALE(60),
    LOOPS = 2,
    CLIENT_THREADS = 3,
    SEATS = 8,    /* connections that a client thread has at a time */
    STEPS = 1500, /* of each client thread in a round */
    ID_THREADS = 2,
    KNOWN = 64,
    PAUSE_MS = 3,
    LARGE = 400000,
};

struct chaos {
    struct shoal_server *server;
    uint16_t port;
    int file;
    _Atomic shoal_conn_id known[KNOWN];
    atomic_bool over;  /* no more use of ids */
    atomic_bool ended; /* no more server */
    atomic_long opens;
    atomic_long closes;
    atomic_long submitted;
    atomic_long told;
};

/* Of one connection; also its own timer and work, so that it lives until both are done. */
struct guest {
    struct chaos *chaos;
    struct shoal_conn *conn; /* NULL once closed */
    struct shoal_timer timer;
    struct shoal_work work; /* one at a time */
    bool work_out;
    unsigned seed;
};

static unsigned dice(unsigned *seed, unsigned sides)
{
    return (unsigned)rand_r(seed) % sides;
}

static void free_if_done(struct guest *guest)
{
    if (!guest->conn && !guest->work_out && !shoal_timer_running(&guest->timer))
        free(guest);
}

static void timer_fired(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct guest *guest = arg;
    if (guest->conn)
        shoal_conn_resume(guest->conn);
    free_if_done(guest);
}

static void run_work(struct shoal_work *work)
{
    (void)work;
    usleep(100);
}

static void work_done(struct shoal_work *work, int status)
{
    (void)status;
    struct guest *guest = (struct guest *)((char *)work - offsetof(struct guest, work));
    atomic_fetch_add(&guest->chaos->told, 1);
    guest->work_out = false;
    if (guest->conn) {
        shoal_conn_write(guest->conn, "worked", 6);
        shoal_conn_release(guest->conn);
    }
    free_if_done(guest);
}

static void pause_for_a_while(struct guest *guest)
{
    shoal_conn_pause(guest->conn);
    if (shoal_timer_start(shoal_conn_loop(guest->conn), &guest->timer, PAUSE_MS) < 0)
        shoal_conn_resume(guest->conn);
}

static void submit_work(struct guest *guest)
{
    if (guest->work_out)
        return;
    guest->work = (struct shoal_work){.run = run_work, .done = work_done};
    if (shoal_pool_submit(shoal_server_pool(guest->chaos->server), shoal_conn_loop(guest->conn),
                          &guest->work) < 0)
        return;
    guest->work_out = true;
    atomic_fetch_add(&guest->chaos->submitted, 1);
    shoal_conn_hold(guest->conn);
}

static void write_buffer(struct shoal_conn *conn)
{
    static const char lent[LARGE];
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append_lent(buf, lent, sizeof(lent), NULL, NULL);
    (void)shoal_conn_write_buf(conn, buf);
    shoal_buf_destroy(&buf);
}

/* One of everything that a handler may do, at any place. */
static void do_anything(struct guest *guest)
{
    struct shoal_conn *conn = guest->conn;
    switch (dice(&guest->seed, 24)) {
    case 0:
    case 1:
        pause_for_a_while(guest);
        break;
    case 2:
        shoal_conn_again(conn);
        break;
    case 3:
    case 4:
        submit_work(guest);
        break;
    case 5:
        shoal_conn_close(conn, (enum shoal_close)dice(&guest->seed, 4));
        break;
    case 6:
        (void)shoal_conn_end(conn);
        break;
    case 7:
    case 8:
        write_buffer(conn);
        break;
    case 9:
        (void)shoal_conn_send_file(conn, guest->chaos->file, 0, LARGE, false);
        break;
    case 10:
        (void)shoal_conn_printf(conn, "%0700d", 1);
        break;
    default:
        (void)shoal_conn_write(conn, "some answer", 11);
        break;
    }
}

static struct guest *guest_of(struct shoal_conn *conn)
{
    return shoal_conn_data(conn);
}

static void on_open(struct shoal_conn *conn)
{
    struct chaos *chaos = shoal_conn_arg(conn);
    struct guest *guest = calloc(1, sizeof(*guest));
    guest->chaos = chaos;
    guest->conn = conn;
    guest->seed = (unsigned)atomic_fetch_add(&chaos->opens, 1);
    shoal_timer_init(&guest->timer, timer_fired, guest);
    shoal_conn_set_data(conn, guest);
    atomic_store(&chaos->known[dice(&guest->seed, KNOWN)], shoal_conn_get_id(conn));
    do_anything(guest);
}

static size_t on_data(struct shoal_conn *conn, struct shoal_view in)
{
    struct guest *guest = guest_of(conn);
    size_t used = dice(&guest->seed, 4) == 0 ? dice(&guest->seed, (unsigned)in.size + 1) : in.size;
    (void)shoal_conn_write(conn, in.data, used);
    do_anything(guest);
    return used;
}

static void on_end(struct shoal_conn *conn, struct shoal_view rest)
{
    (void)rest;
    struct guest *guest = guest_of(conn);
    do_anything(guest);
    shoal_conn_close(conn, (enum shoal_close)dice(&guest->seed, 4));
}

static void on_drained(struct shoal_conn *conn)
{
    do_anything(guest_of(conn));
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    (void)reason;
    struct guest *guest = guest_of(conn);
    atomic_fetch_add(&guest->chaos->closes, 1);
    do_anything(guest); /* in vain, all of it but a timer and work */
    shoal_timer_stop(&guest->timer);
    guest->conn = NULL;
    free_if_done(guest);
}

/* Clients */

struct visitor {
    pthread_t thread;
    struct chaos *chaos;
    unsigned seed;
};

static void reset(int fd)
{
    struct linger linger = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

static void take_what_is_there(int fd)
{
    char bytes[16 * 1024];
    (void)recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
}

/* One step with one connection. Returns it, or -1 where it is gone. */
static int act(struct visitor *visitor, int fd)
{
    static const char flood[30000];
    switch (dice(&visitor->seed, 20)) {
    case 0:
        reset(fd);
        return -1;
    case 1:
        close(fd);
        return -1;
    case 2:
        shutdown(fd, SHUT_WR);
        break;
    case 3:
        poll(NULL, 0, 1); /* for the server's deadlines to pass */
        break;
    case 4:
    case 5:
        (void)send(fd, flood, sizeof(flood), MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case 6:
    case 7:
    case 8:
        take_what_is_there(fd);
        break;
    default:
        (void)send(fd, flood, dice(&visitor->seed, 50) + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    }
    return fd;
}

static void *visitor_main(void *arg)
{
    struct visitor *visitor = arg;
    int fds[SEATS];
    for (int i = 0; i < SEATS; i++)
        fds[i] = -1;
    for (int step = 0; step < STEPS && !atomic_load(&visitor->chaos->ended); step++) {
        int *fd = &fds[dice(&visitor->seed, SEATS)];
        *fd = *fd >= 0 ? act(visitor, *fd) : try_dial("127.0.0.1", visitor->chaos->port, NULL);
    }
    for (int i = 0; i < SEATS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return NULL;
}

/* Threads that know ids */

static void touch(struct shoal_conn *conn, void *arg)
{
    if (conn)
        do_anything(guest_of(conn));
    atomic_fetch_add((atomic_long *)arg, 1);
}

struct meddler {
    pthread_t thread;
    struct chaos *chaos;
    unsigned seed;
    atomic_long owed;
    atomic_long paid;
};

static void meddle(struct meddler *meddler)
{
    struct shoal_server *server = meddler->chaos->server;
    shoal_conn_id id = atomic_load(&meddler->chaos->known[dice(&meddler->seed, KNOWN)]);
    switch (dice(&meddler->seed, 6)) {
    case 0:
        (void)shoal_close(server, id, (enum shoal_close)dice(&meddler->seed, 4));
        break;
    case 1:
        if (shoal_call_conn(server, id, touch, &meddler->paid) == 0)
            atomic_fetch_add(&meddler->owed, 1);
        break;
    default:
        (void)shoal_send(server, id, "from elsewhere", 14);
        break;
    }
}

static void *meddler_main(void *arg)
{
    struct meddler *meddler = arg;
    while (!atomic_load(&meddler->chaos->over)) {
        meddle(meddler);
        usleep(50); /* a post is never refused for being one too many */
    }
    return NULL;
}

/* A round */

static void start_chaos(struct chaos *chaos, enum shoal_accept mode)
{
    static struct shoal_service service = {.name = "chaos",
                                           .on_open = on_open,
                                           .on_data = on_data,
                                           .on_end = on_end,
                                           .on_drained = on_drained,
                                           .on_close = on_close};
    struct shoal_server_cfg cfg = server_cfg(LOOPS, mode);
    struct shoal_listen_cfg listen = SHOAL_LISTEN_CFG_INIT;
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.out_high = 30000;
    limits.out_low = 1000;
    limits.out_max = 3 * LARGE;
    limits.max_input = 40000;
    limits.flush_ms = 20;
    limits.write_stall_ms = 5;
    limits.first_byte_ms = 5;
    limits.idle_ms = 10;
    limits.read_stall_ms = 5;
    limits.age_ms = 30;
    listen.limits = &limits;
    cfg.workers = 2;
    service.arg = chaos;
    struct shoal_listener *listener;
    chaos->server = make_server(&cfg);
    assert_int_equal(shoal_listen(chaos->server, "tcp://127.0.0.1:0", &service, &listen, &listener),
                     0);
    start(chaos->server);
    chaos->port = port_of(listener);
}

static void run_round(int round)
{
    struct chaos *chaos = calloc(1, sizeof(*chaos));
    struct visitor visitors[CLIENT_THREADS];
    struct meddler meddlers[ID_THREADS];
    chaos->file = memfd_create("chaos", MFD_CLOEXEC);
    assert_int_equal(ftruncate(chaos->file, LARGE), 0);
    start_chaos(chaos, (enum shoal_accept)(SHOAL_ACCEPT_ROUND_ROBIN + round % 3));
    for (unsigned i = 0; i < CLIENT_THREADS; i++) {
        visitors[i] = (struct visitor){.chaos = chaos, .seed = (unsigned)round * 100 + i};
        pthread_create(&visitors[i].thread, NULL, visitor_main, &visitors[i]);
    }
    for (unsigned i = 0; i < ID_THREADS; i++) {
        meddlers[i] = (struct meddler){.chaos = chaos, .seed = (unsigned)round * 100 + 50 + i};
        pthread_create(&meddlers[i].thread, NULL, meddler_main, &meddlers[i]);
    }
    if (round % 2)
        pthread_join(visitors[0].thread, NULL); /* else: drain from under their feet */
    else
        usleep(10000);
    atomic_store(&chaos->over, true); /* ids are for while the server runs */
    for (unsigned i = 0; i < ID_THREADS; i++)
        pthread_join(meddlers[i].thread, NULL);
    assert_int_equal(shoal_server_drain(chaos->server, round % 4 * 20, NULL), 0);
    atomic_store(&chaos->ended, true);
    for (unsigned i = round % 2 ? 1 : 0; i < CLIENT_THREADS; i++)
        pthread_join(visitors[i].thread, NULL);

    for (unsigned i = 0; i < ID_THREADS; i++)
        assert_int_equal(atomic_load(&meddlers[i].paid), atomic_load(&meddlers[i].owed));
    assert_int_equal(atomic_load(&chaos->opens), atomic_load(&chaos->closes));
    assert_int_equal(atomic_load(&chaos->submitted), atomic_load(&chaos->told));
    assert_int_equal(stats_of(chaos->server).open_connections, 0);
    destroy(&chaos->server);
    close(chaos->file);
    free(chaos);
}

static void it_stands_whatever_everybody_does(void **state)
{
    (void)state;
    unsigned before = descriptors();
    for (int round = 0; round < ROUNDS; round++)
        run_round(round);
    assert_int_equal(descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stands_whatever_everybody_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
