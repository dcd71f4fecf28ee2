/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load of the pool benchmark: producers that submit batches of empty work, wait until all of a
 * batch is done, and submit the next one, for a while. Prints one JSON object: pieces of work a
 * second, CPU microseconds of this whole process for each, and the time from submit to done.
 *
 *     pool_load queue|pool|loops PRODUCERS BATCH SECONDS
 *
 * queue   threads submit to a queue with a mutex and a condition, a signal for each piece
 * pool    threads submit to Shoal's pool, and are told on the worker's thread
 * loops   loops of a server submit to its pool, and are told on their own thread
 */
#include "usage.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shoal/shoal.h>

enum { WORKERS = 4, PRODUCERS_MAX = 64, BATCH_MAX = 256, CAPACITY = PRODUCERS_MAX * BATCH_MAX };

struct producer;

/* A piece of work: of the pool, or of the queue by `next`. Its producer's. */
struct piece {
    struct shoal_work work;
    struct piece *next;
    struct producer *producer;
    uint64_t submitted_ns;
    uint64_t done_ns;
};

/* The main thread makes it, its own thread or loop uses it. */
struct producer {
    struct piece pieces[BATCH_MAX];
    sem_t done;       /* threads: one for each piece that is */
    unsigned pending; /* loops: pieces that are not done */
    struct shoal_loop *loop;
    struct shoal_histogram *latency;
    uint64_t count;
};

static struct {
    unsigned producers;
    unsigned batch;
    double seconds;
} options;

static struct producer *producers;
static struct shoal_pool *pool;
static _Atomic bool stopping;
static _Atomic unsigned producing;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "pool_load: %s\n", what);
    exit(1);
}

static void count(struct producer *producer, const struct piece *piece)
{
    shoal_histogram_record(producer->latency, piece->done_ns - piece->submitted_ns);
    producer->count++;
}

/* Threads */

static void piece_done(struct piece *piece)
{
    piece->done_ns = bench_now_ns();
    sem_post(&piece->producer->done);
}

static void *produce(struct producer *self, void (*submit)(struct piece *piece))
{
    while (!atomic_load_explicit(&stopping, memory_order_relaxed)) {
        for (unsigned i = 0; i < options.batch; i++) {
            self->pieces[i].submitted_ns = bench_now_ns();
            submit(&self->pieces[i]);
        }
        for (unsigned i = 0; i < options.batch; i++)
            sem_wait(&self->done);
        for (unsigned i = 0; i < options.batch; i++)
            count(self, &self->pieces[i]);
    }
    return NULL;
}

static void run_threads(void *(*produce_all)(void *producer))
{
    pthread_t threads[PRODUCERS_MAX];
    for (unsigned i = 0; i < options.producers; i++) {
        if (pthread_create(&threads[i], NULL, produce_all, &producers[i]) != 0)
            fail("no thread");
    }
    usleep((useconds_t)(options.seconds * 1e6));
    atomic_store(&stopping, true);
    for (unsigned i = 0; i < options.producers; i++)
        pthread_join(threads[i], NULL);
}

/* The queue: what is written where no pool is at hand. */

static struct {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t filled;
    struct piece *first;
    struct piece **end;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void put(struct piece *piece)
{
    piece->next = NULL;
    pthread_mutex_lock(&queue.lock);
    *queue.end = piece;
    queue.end = &piece->next;
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.lock);
}

static struct piece *take(void)
{
    pthread_mutex_lock(&queue.lock);
    while (queue.first == NULL)
        pthread_cond_wait(&queue.filled, &queue.lock);
    struct piece *piece = queue.first;
    queue.first = piece->next;
    if (queue.first == NULL)
        queue.end = &queue.first;
    pthread_mutex_unlock(&queue.lock);
    return piece;
}

static void *consume(void *arg)
{
    (void)arg;
    for (;;)
        piece_done(take());
    return NULL;
}

static void *produce_for_queue(void *producer)
{
    return produce(producer, put);
}

static void run_queue(void)
{
    queue.end = &queue.first;
    for (int i = 0; i < WORKERS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, consume, NULL) != 0)
            fail("no thread");
    }
    run_threads(produce_for_queue);
}

/* Shoal's pool */

static void run_nothing(struct shoal_work *work)
{
    (void)work;
}

static void work_done(struct shoal_work *work, int status)
{
    (void)status;
    piece_done((struct piece *)work);
}

static void submit(struct piece *piece)
{
    piece->work = (struct shoal_work){.run = run_nothing, .done = work_done};
    if (shoal_pool_submit(pool, NULL, &piece->work) < 0)
        fail("the pool refuses");
}

static void *produce_for_pool(void *producer)
{
    return produce(producer, submit);
}

static void run_pool(void)
{
    struct shoal_pool_cfg cfg = SHOAL_POOL_CFG_INIT;
    cfg.workers = WORKERS;
    cfg.capacity = CAPACITY;
    if (shoal_pool_create(&cfg, &pool) < 0)
        fail("no pool");
    run_threads(produce_for_pool);
    shoal_pool_destroy(&pool);
}

/* Loops */

static void submit_batch(struct producer *self);

static void done_on_loop(struct shoal_work *work, int status)
{
    (void)status;
    struct piece *piece = (struct piece *)work;
    struct producer *self = piece->producer;
    piece->done_ns = bench_now_ns();
    count(self, piece);
    if (--self->pending > 0)
        return;
    if (atomic_load_explicit(&stopping, memory_order_relaxed))
        atomic_fetch_sub(&producing, 1);
    else
        submit_batch(self);
}

static void submit_batch(struct producer *self)
{
    self->pending = options.batch;
    for (unsigned i = 0; i < options.batch; i++) {
        struct piece *piece = &self->pieces[i];
        piece->submitted_ns = bench_now_ns();
        piece->work = (struct shoal_work){.run = run_nothing, .done = done_on_loop};
        if (shoal_pool_submit(pool, self->loop, &piece->work) < 0)
            fail("the pool refuses");
    }
}

static void begin(struct shoal_loop *loop, void *arg)
{
    struct producer *self = arg;
    self->loop = loop;
    submit_batch(self);
}

static void run_loops(void)
{
    struct shoal_server *server = NULL;
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = options.producers;
    cfg.workers = WORKERS;
    cfg.pool_capacity = CAPACITY;
    if (shoal_server_create(&cfg, &server) < 0 || shoal_server_start(server) < 0)
        fail("no server");
    pool = shoal_server_pool(server);
    atomic_store(&producing, options.producers);
    for (unsigned i = 0; i < options.producers; i++)
        shoal_call(shoal_server_loop(server, i), begin, &producers[i]);
    usleep((useconds_t)(options.seconds * 1e6));
    atomic_store(&stopping, true);
    while (atomic_load(&producing) > 0)
        usleep(100);
    shoal_server_stop(server);
    shoal_server_destroy(&server);
}

/* All of them */

static void make_producers(void)
{
    producers = calloc(options.producers, sizeof(*producers));
    for (unsigned i = 0; producers != NULL && i < options.producers; i++) {
        producers[i].latency = shoal_histogram_create();
        sem_init(&producers[i].done, 0, 0);
        if (producers[i].latency == NULL)
            fail("out of memory");
        for (unsigned k = 0; k < BATCH_MAX; k++)
            producers[i].pieces[k].producer = &producers[i];
    }
    if (producers == NULL)
        fail("out of memory");
}

static void report(uint64_t took_ns, uint64_t cpu_ns)
{
    struct shoal_histogram *latency = producers[0].latency;
    uint64_t sum = producers[0].count;
    for (unsigned i = 1; i < options.producers; i++) {
        shoal_histogram_merge(latency, producers[i].latency);
        sum += producers[i].count;
    }
    printf("{\"rate\": %.0f, \"cpu_us\": %.4f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
           (double)sum / ((double)took_ns / 1e9), (double)cpu_ns / 1e3 / (double)sum,
           (double)shoal_histogram_percentile(latency, 50) / 1e3,
           (double)shoal_histogram_percentile(latency, 99) / 1e3);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } kinds[] = {{"queue", run_queue}, {"pool", run_pool}, {"loops", run_loops}};
    void (*run)(void) = NULL;
    for (size_t i = 0; argc == 5 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        run = strcmp(kinds[i].name, argv[1]) == 0 ? kinds[i].run : run;
    options.producers = run ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    options.batch = run ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    options.seconds = run ? strtod(argv[4], NULL) : 0;
    if (options.producers < 1 || options.producers > PRODUCERS_MAX || options.batch < 1 ||
        options.batch > BATCH_MAX)
        fail("usage: pool_load queue|pool|loops PRODUCERS(1-64) BATCH(1-256) SECONDS");
    make_producers();
    struct bench_usage before = bench_usage_of(0);
    uint64_t start_ns = bench_now_ns();
    run();
    uint64_t took_ns = bench_now_ns() - start_ns;
    report(took_ns, bench_usage_of(0).cpu_ns - before.cpu_ns);
    return 0;
}
