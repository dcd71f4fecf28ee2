/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker pool alone, without a server: counts the primes below a number in slices, all slices
 * at once. Shows the bound too: a full pool refuses, and the submitter waits for a slot.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <shoal/shoal.h>

enum { SLICE = 10000 };

struct slice {
    struct shoal_work work; /* first: the pool hands it back as this */
    unsigned from, to, primes;
};

static atomic_uint total;

static int is_prime(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++) {
        if (n % d == 0)
            return 0;
    }
    return n > 1;
}

static void count(struct shoal_work *work)
{
    struct slice *slice = (struct slice *)work;
    for (unsigned n = slice->from; n < slice->to && !shoal_work_cancelled(work); n++)
        slice->primes += (unsigned)is_prime(n);
}

/* Without a loop, `done` runs on the worker's thread. */
static void counted(struct shoal_work *work, int status)
{
    struct slice *slice = (struct slice *)work;
    if (status == 0)
        atomic_fetch_add(&total, slice->primes);
    free(slice);
}

int main(int argc, char **argv)
{
    unsigned below = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    struct shoal_pool_cfg cfg = SHOAL_POOL_CFG_INIT;
    cfg.capacity = 8;
    struct shoal_pool *pool = NULL;
    if (shoal_pool_create(&cfg, &pool) < 0)
        return 1;

    for (unsigned from = 0; from < below; from += SLICE) {
        struct slice *slice = calloc(1, sizeof(*slice));
        if (!slice)
            break;
        slice->work.run = count;
        slice->work.done = counted;
        slice->from = from;
        slice->to = below - from < SLICE ? below : from + SLICE;
        while (shoal_pool_submit(pool, NULL, &slice->work) == -SHOAL_EFULL)
            usleep(100); /* bounded: we wait, memory does not grow */
    }

    int rc = shoal_pool_stop(pool, SHOAL_POOL_FINISH, -1, NULL);
    shoal_pool_destroy(&pool);
    printf("%u primes below %u\n", atomic_load(&total), below);
    return rc < 0;
}
