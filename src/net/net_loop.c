/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop's part of the connections: the end of each turn (flush, turns without an event,
 * burials), the drain of all of them, and the slab. A connection's memory goes in settle_dirty()
 * only, so whoever holds one within a turn holds a live object.
 */
#include "net/net_loop.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/poison.h"
#include "net/conn_priv.h"
#include "runtime/server.h"

enum { CHUNK_BYTES = 64 * 1024 };

struct shoal__chunk {
    uint32_t used;
    uint32_t free_hint; /* no slot before this one is free */
    struct shoal_conn conns[];
};

enum {
    CHUNK_CONNS = (CHUNK_BYTES - sizeof(struct shoal__chunk)) / sizeof(struct shoal_conn),
};

static struct shoal__net_loop *net_of(struct shoal__loop_layer *layer)
{
    return (struct shoal__net_loop *)layer;
}

/* Settling may make other connections dirty (a broadcast from on_close, say), so until none is. */
static void settle_dirty(struct shoal__net_loop *net)
{
    while (net->dirty || net->gather.conn) {
        shoal__gather_close(net);
        struct shoal_conn *conn = net->dirty;
        if (!conn)
            continue;
        net->dirty = conn->dirty_next;
        conn->in_dirty = false;
        shoal__conn_settle(conn);
        if (conn->state == SHOAL__CONN_CLOSED && !conn->in_dirty && !conn->in_ready)
            shoal__conn_bury(conn);
    }
}

/* One turn for each connection that asked for one before now; who asks again waits. */
static void run_ready(struct shoal__net_loop *net)
{
    struct shoal_conn *conn = net->ready;
    net->ready = NULL;
    while (conn) {
        struct shoal_conn *next = conn->ready_next;
        conn->in_ready = false;
        if (conn->state == SHOAL__CONN_CLOSED)
            shoal__conn_mark_dirty(conn);
        else
            shoal__conn_take_turn(conn);
        conn = next;
    }
}

/* The steps of this turn: whoever waits comes before whatever the next events bring. */
static void run_handshakes(struct shoal__net_loop *net)
{
    net->handshake_steps = 0;
    while (net->shaking) {
        struct shoal_conn *conn = net->shaking;
        bool closed = conn->state == SHOAL__CONN_CLOSED;
        if (!closed && net->handshake_steps >= SHOAL__HANDSHAKE_STEPS)
            break;
        net->shaking = conn->ready_next;
        conn->in_ready = false;
        if (closed)
            shoal__conn_mark_dirty(conn);
        else
            shoal__conn_take_turn(conn);
    }
}

static void check_quiet(struct shoal__net_loop *net)
{
    if (net->draining && net->open == 0)
        shoal__server_loop_quiet(net->loop);
}

static void turn_end(struct shoal__loop_layer *layer)
{
    struct shoal__net_loop *net = net_of(layer);
    settle_dirty(net);
    run_handshakes(net);
    if (net->ready)
        run_ready(net);
    settle_dirty(net);
    if (net->ready || net->shaking)
        shoal__loop_want_turn(net->loop);
    check_quiet(net);
}

static void drain_one(struct shoal_conn *conn, void *arg)
{
    (void)arg;
    shoal__conn_drain(conn, SHOAL_CLOSED_DRAINED);
}

static void drain(struct shoal__loop_layer *layer)
{
    struct shoal__net_loop *net = net_of(layer);
    net->draining = true;
    shoal__net_loop_each(net, drain_one, NULL);
}

static void force_one(struct shoal_conn *conn, void *arg)
{
    (void)arg;
    bool cut_short = conn->output != NULL; /* then the peer shall not take it for the whole */
    shoal__conn_close_now(conn, SHOAL_CLOSED_FORCED, cut_short);
}

static void force(struct shoal__loop_layer *layer)
{
    struct shoal__net_loop *net = net_of(layer);
    net->draining = true;
    net->forcing = true;
    shoal__net_loop_each(net, force_one, NULL);
}

/* What of a free slot is nobody's: all before the fields that say whether it is free. */
static void poison(struct shoal_conn *conn)
{
    SHOAL_POISON(conn, offsetof(struct shoal_conn, slot));
}

static void unmap_chunk(struct shoal__chunk *chunk)
{
    SHOAL_UNPOISON(chunk, CHUNK_BYTES);
    munmap(chunk, CHUNK_BYTES);
}

static void destroy(struct shoal__loop_layer *layer)
{
    struct shoal__net_loop *net = net_of(layer);
    shoal__net_loop_each(net, force_one, NULL);
    settle_dirty(net);
    run_handshakes(net);
    if (net->ready)
        run_ready(net);
    settle_dirty(net);
    for (uint32_t i = 0; i < net->chunk_room; i++) {
        if (net->chunks[i])
            unmap_chunk(net->chunks[i]);
    }
    free(net->chunks);
    free(net->read_buffer);
    free(net->scratch);
    net->loop->layer = NULL;
    free(net);
}

struct shoal__net_loop *shoal__net_loop_get(struct shoal_loop *loop)
{
    if (loop->layer)
        return net_of(loop->layer);

    struct shoal__net_loop *net = calloc(1, sizeof(*net));
    if (!net)
        return NULL;
    net->read_buffer = malloc(SHOAL__READ_SIZE + 1);
    net->scratch = malloc(SHOAL__SCRATCH_SIZE);
    if (!net->read_buffer || !net->scratch) {
        free(net->read_buffer);
        free(net->scratch);
        free(net);
        return NULL;
    }
    net->loop = loop;
    net->has_edges = (event_base_get_features(loop->base) & EV_FEATURE_ET) != 0;
    net->draining = loop->draining;
    net->output_share = loop->server ? shoal__server_output_share(loop->server) : SIZE_MAX;
    shoal__list_init(&net->backlogs);
    net->layer = (struct shoal__loop_layer){turn_end, drain, force, destroy};
    loop->layer = &net->layer;
    shoal__loop_want_turn(loop); /* a start hook's connections are settled by a turn's end, too */
    return net;
}

static bool grow_chunk_table(struct shoal__net_loop *net)
{
    uint32_t room = net->chunk_room ? net->chunk_room * 2 : 4;
    struct shoal__chunk **chunks = realloc(net->chunks, room * sizeof(struct shoal__chunk *));
    if (!chunks)
        return false;
    for (uint32_t i = net->chunk_room; i < room; i++)
        chunks[i] = NULL;
    net->chunks = chunks;
    net->chunk_room = room;
    return true;
}

/* The index of a chunk with a free slot, mapping one where it must; UINT32_MAX on failure. */
static uint32_t chunk_with_room(struct shoal__net_loop *net)
{
    uint32_t i = net->first_free;
    while (i < net->chunk_room && net->chunks[i] && net->chunks[i]->used == CHUNK_CONNS)
        i++;
    net->first_free = i;
    if (i >= SHOAL__ID_SLOTS / CHUNK_CONNS || (i == net->chunk_room && !grow_chunk_table(net)))
        return UINT32_MAX;
    if (!net->chunks[i]) {
        void *chunk =
            mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED)
            return UINT32_MAX;
        net->chunks[i] = chunk;
    }
    return i;
}

struct shoal_conn *shoal__net_loop_take(struct shoal__net_loop *net)
{
    uint32_t index = chunk_with_room(net);
    if (index == UINT32_MAX)
        return NULL;
    struct shoal__chunk *chunk = net->chunks[index];
    uint32_t i = chunk->free_hint;
    while (chunk->conns[i].generation != 0)
        i++;
    chunk->used++;
    chunk->free_hint = i + 1;

    struct shoal_conn *conn = &chunk->conns[i];
    SHOAL_UNPOISON(conn, sizeof(*conn));
    *conn = (struct shoal_conn){.net = net};
    if (++net->generation == 0)
        net->generation = 1;
    conn->generation = net->generation;
    conn->slot = index * CHUNK_CONNS + i;
    net->open++;
    return conn;
}

void shoal__net_loop_give(struct shoal_conn *conn)
{
    struct shoal__net_loop *net = conn->net;
    uint32_t index = conn->slot / CHUNK_CONNS;
    uint32_t i = conn->slot % CHUNK_CONNS;
    struct shoal__chunk *chunk = net->chunks[index];

    conn->generation = 0;
    poison(conn);
    net->open--;
    chunk->used--;
    if (i < chunk->free_hint)
        chunk->free_hint = i;
    if (index < net->first_free)
        net->first_free = index;
    if (chunk->used == 0 && index > 0) { /* the first stays, for servers with few connections */
        unmap_chunk(chunk);
        net->chunks[index] = NULL;
    }
}

struct shoal_conn *shoal__net_loop_find(struct shoal__net_loop *net, uint32_t slot,
                                        uint32_t generation)
{
    uint32_t index = slot / CHUNK_CONNS;
    if (generation == 0 || index >= net->chunk_room || !net->chunks[index])
        return NULL;
    struct shoal_conn *conn = &net->chunks[index]->conns[slot % CHUNK_CONNS];
    return conn->generation == generation && conn->state != SHOAL__CONN_CLOSED ? conn : NULL;
}

void shoal__net_loop_each(struct shoal__net_loop *net, void (*fn)(struct shoal_conn *, void *),
                          void *arg)
{
    /* Nothing is given back before the end of the turn, so chunks stay while we walk; new
     * connections may move the table, which is read anew each time. */
    for (uint32_t index = 0; index < net->chunk_room; index++) {
        for (uint32_t i = 0; net->chunks[index] && i < CHUNK_CONNS; i++) {
            struct shoal_conn *conn = &net->chunks[index]->conns[i];
            if (conn->generation != 0 && conn->state != SHOAL__CONN_CLOSED)
                fn(conn, arg);
        }
    }
}
