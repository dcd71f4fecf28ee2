/* SPDX-License-Identifier: BSD-3-Clause */
/* Links; see bench_link.h. */
#include "bench_link.h"

#include <string.h>

#include <shoal/error.h>
#include <shoal/histogram.h>

#include "bench_loop.h"
#include "bench_target.h"
#include "options.h"

enum {
    RETRY_MS = 100,
    SLOW_BEAT_MS = 100,
    SLOW_PENDING_BYTES = 256 * 1024, /* a slow reader's own output that waits, at most about so */
    SLOW_ASKS_PER_BEAT = 4096,
    NO_REQUEST = -1, /* in due_ns: the slot is free */
};

static void on_timer(struct shoal_timer *timer, void *arg);

/* Room */

static size_t align(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

size_t bench_link_room(enum bench_role role, unsigned depth, size_t talk_size)
{
    size_t slots = role == BENCH_ASKER ? depth : 0;
    return align(talk_size) + align(slots * sizeof(int64_t)) + align(slots * sizeof(unsigned));
}

void bench_link_init(struct bench_link *link, void *room)
{
    char *at = room;
    link->talk = at;
    at += align(link->target->speaker->talk_size);
    link->due_ns = (int64_t *)(void *)at;
    at += align(link->depth * sizeof(int64_t));
    link->free_slots = (unsigned *)(void *)at;
    shoal_timer_init(&link->timer, on_timer, link);
}

/* Counting */

static void count_errors(struct bench_link *link, enum bench_error error, uint64_t count)
{
    link->loop->stats.errors[error] += count;
    link->loop->recent.errors[error] += count;
}

static enum bench_error error_of(enum shoal_close_reason reason)
{
    switch (reason) {
    case SHOAL_CLOSED_PEER:
        return BENCH_ERROR_CLOSED;
    case SHOAL_CLOSED_RESET:
        return BENCH_ERROR_RESET;
    case SHOAL_CLOSED_PROTOCOL:
    case SHOAL_CLOSED_TOO_MUCH_INPUT:
        return BENCH_ERROR_WRONG;
    case SHOAL_CLOSED_CONNECT_TIMEOUT:
        return BENCH_ERROR_CONNECT_TIMEOUT;
    case SHOAL_CLOSED_CONNECT:
    case SHOAL_CLOSED_HANDSHAKE:
        return BENCH_ERROR_CONNECT;
    default:
        return BENCH_ERROR_FAILED;
    }
}

static void count_loss(struct bench_link *link, enum shoal_close_reason reason, bool partial)
{
    struct bench_stats *stats = &link->loop->stats;
    uint64_t in_flight = link->asked - link->answered;
    if (!link->open) {
        count_errors(link, error_of(reason), 1);
    } else if (link->role == BENCH_IDLE) {
        stats->idle_lost++;
    } else if (link->role == BENCH_SLOW_READER) {
        stats->slow_lost++;
    } else if (in_flight == 0) {
        stats->lost++;
    } else {
        count_errors(link, BENCH_ERROR_CUT, partial);
        count_errors(link, error_of(reason), in_flight - partial);
    }
}

/* One connection after the other */

/* Gets ready for another connection; what was in flight has been counted. */
static void forget(struct bench_link *link)
{
    if (link->role == BENCH_ASKER)
        link->loop->in_flight -= link->asked - link->answered;
    if (link->speaker->end)
        link->speaker->end(link);
    link->conn = NULL;
    link->open = false;
    link->asked = link->answered = 0;
}

/* Ends the connection and hears no more of it. */
static void let_go(struct bench_link *link, enum shoal_close how)
{
    struct shoal_conn *conn = link->conn;
    shoal_conn_set_data(conn, NULL);
    forget(link);
    shoal_conn_close(conn, how);
}

static void connect_later(struct bench_link *link)
{
    if (link->role != BENCH_IDLE && bench_loop_is_on(link->loop))
        shoal_timer_start(link->loop->loop, &link->timer, RETRY_MS);
}

/* All slots are free, in order. */
static void reset_talk(struct bench_link *link)
{
    memset(link->talk, 0, link->target->speaker->talk_size);
    link->free_head = 0;
    for (unsigned i = 0; link->role == BENCH_ASKER && i < link->depth; i++) {
        link->free_slots[i] = i;
        link->due_ns[i] = NO_REQUEST;
    }
}

/* How long to wait is for us alone to say: a server that stalls must be seen to stall. */
static struct shoal_limits patient_limits(void)
{
    struct shoal_limits limits = {.size = sizeof(limits)};
    struct shoal_limits usual = SHOAL_LIMITS_INIT;
    limits.handshake_ms = usual.handshake_ms;
    limits.flush_ms = usual.flush_ms;
    return limits;
}

static int dial(struct bench_link *link, const struct shoal_connect_cfg *cfg)
{
    const struct bench_speaker *speaker = link->speaker = link->target->speaker;
    if (speaker->connect)
        return speaker->connect(link, link->loop->loop, cfg, &link->conn);
    return shoal_connect(link->loop->loop, link->target->peer, speaker->service, cfg, &link->conn);
}

void bench_link_connect(struct bench_link *link)
{
    char source[16];
    struct shoal_limits limits = patient_limits();
    struct shoal_connect_cfg cfg = SHOAL_CONNECT_CFG_INIT;
    cfg.limits = &limits;
    cfg.data = link;
    cfg.tls = link->target->tls;
    link->serial += link->serial_step;
    cfg.source = bench_target_source(link->target, link->serial, source);
    link->connect_ns = bench_loop_tick(link->loop);
    reset_talk(link);
    int rc = dial(link, &cfg);
    if (rc == 0)
        return;
    link->conn = NULL;
    count_errors(link, BENCH_ERROR_CONNECT, 1);
    connect_later(link);
    bench_loop_link_tried(link->loop, link, rc);
}

struct bench_link *bench_link_of(const struct shoal_conn *conn)
{
    return shoal_conn_data(conn);
}

void bench_link_opened(struct bench_link *link)
{
    struct bench_loop *loop = link->loop;
    bench_loop_tick(loop);
    link->open = true;
    loop->stats.opened++;
    bench_loop_link_tried(loop, link, 0);
    if (loop->phase != BENCH_RUNNING && loop->phase != BENCH_ENDING)
        return;
    if (link->role == BENCH_SLOW_READER)
        bench_link_start_slow(link);
    else if (link->role == BENCH_ASKER)
        bench_loop_link_free(loop, link, link->connect_ns);
}

void bench_link_closed(struct bench_link *link, enum shoal_close_reason reason, bool partial)
{
    struct bench_loop *loop = link->loop;
    int error = shoal_conn_error(link->conn);
    bool had_use = link->answered > 0;
    bench_loop_tick(loop);
    if (bench_loop_is_on(loop))
        count_loss(link, reason, partial);
    bool was_open = link->open;
    forget(link);
    if (!was_open)
        bench_loop_link_tried(loop, link, error);
    if (had_use && link->role == BENCH_ASKER && bench_loop_is_on(loop))
        bench_link_connect(link);
    else
        connect_later(link);
    bench_loop_check_end(loop);
}

/* Requests and answers */

bool bench_link_can_ask(const struct bench_link *link)
{
    uint64_t quota = link->loop->options->reconnect;
    return link->open && link->asked - link->answered < link->depth &&
           (quota == 0 || link->asked < quota);
}

void bench_link_ask(struct bench_link *link, int64_t due_ns)
{
    struct bench_loop *loop = link->loop;
    unsigned slot = link->free_slots[link->free_head];
    link->free_head = link->free_head + 1 == link->depth ? 0 : link->free_head + 1;
    link->due_ns[slot] = due_ns;
    ssize_t size = link->speaker->ask(link, slot);
    link->asked++;
    loop->in_flight++;
    if (size < 0) /* its on_close comes, and counts the request as lost */
        shoal_conn_close_for(link->conn, SHOAL_CLOSE_ABORT, SHOAL_CLOSED_MEMORY);
    else
        bench_loop_count_bytes(loop, (uint64_t)size, 0);
}

void bench_link_received(struct bench_link *link, size_t size)
{
    bench_loop_tick(link->loop);
    if (link->role == BENCH_SLOW_READER) {
        link->loop->stats.slow_bytes += size;
        shoal_conn_pause(link->conn);
    } else {
        bench_loop_count_bytes(link->loop, 0, size);
    }
}

static void give_back(struct bench_link *link, unsigned slot)
{
    /* The ring holds depth - in_flight free slots from free_head on; the next place is behind. */
    uint64_t used = link->free_head + (link->depth - (link->asked - link->answered));
    link->free_slots[used % link->depth] = slot;
    link->due_ns[slot] = NO_REQUEST;
    link->answered++;
    link->loop->in_flight--;
}

/* Enough answers on this connection: the next one, at once. */
static void renew(struct bench_link *link)
{
    let_go(link, SHOAL_CLOSE_NOW);
    if (bench_loop_wants_more(link->loop))
        bench_link_connect(link);
    bench_loop_check_end(link->loop);
}

void bench_link_answered(struct bench_link *link, unsigned slot)
{
    struct bench_loop *loop = link->loop;
    if (link->role != BENCH_ASKER) {
        link->answered++;
        return;
    }
    bench_loop_count_answer(loop, link->due_ns[slot]);
    give_back(link, slot);
    if (link->answered == loop->options->reconnect)
        renew(link);
    else
        bench_loop_link_free(loop, link, loop->now_ns);
}

void bench_link_wrong(struct bench_link *link, enum bench_error error)
{
    uint64_t in_flight = link->role == BENCH_ASKER ? link->asked - link->answered : 0;
    count_errors(link, error, 1);
    count_errors(link, BENCH_ERROR_DROPPED, in_flight > 0 ? in_flight - 1 : 0);
    let_go(link, SHOAL_CLOSE_ABORT);
    connect_later(link);
    bench_loop_check_end(link->loop);
}

/* Slow readers */

static void slow_beat(struct bench_link *link)
{
    for (int i = 0; i < SLOW_ASKS_PER_BEAT && shoal_conn_pending(link->conn) < SLOW_PENDING_BYTES;
         i++) {
        if (link->speaker->ask(link, 0) < 0)
            break;
        link->asked++;
    }
    shoal_conn_resume(link->conn); /* until bench_link_received() */
    bench_link_start_slow(link);
}

void bench_link_start_slow(struct bench_link *link)
{
    shoal_timer_start(link->loop->loop, &link->timer, SLOW_BEAT_MS);
}

static void on_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct bench_link *link = arg;
    if (!link->conn)
        bench_link_connect(link);
    else if (link->open && link->role == BENCH_SLOW_READER)
        slow_beat(link);
}

/* The end */

void bench_link_conclude(struct bench_link *link)
{
    struct bench_loop *loop = link->loop;
    shoal_timer_stop(&link->timer);
    if (link->role == BENCH_IDLE)
        loop->stats.idle_open += link->open;
    if (link->role == BENCH_SLOW_READER)
        loop->stats.slow_open += link->open;
    for (unsigned i = 0; link->role == BENCH_ASKER && link->open && i < link->depth; i++) {
        if (link->due_ns[i] != NO_REQUEST)
            bench_stats_unanswered(&loop->stats, &loop->window, link->due_ns[i], loop->now_ns);
    }
}
