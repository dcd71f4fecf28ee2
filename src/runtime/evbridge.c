/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bridge between shoal_buf and libevent's evbuffer, declared in shoal/libevent.h. An evbuffer
 * that is taken over is emptied into one of our own, which stays alive while any of its bytes is
 * lent to a shoal_buf.
 */
#include <shoal/libevent.h>

#include <stdatomic.h>
#include <stdlib.h>

#include <event2/buffer.h>

#include <shoal/error.h>

/* Below this, copying is cheaper than lending. */
#define LEND_FROM 4096

/* Owns the evbuffer whose bytes are lent; released on whatever thread drops the last of them. */
struct lender {
    struct evbuffer *bytes;
    _Atomic size_t refs;
};

static void drop_lender(void *arg, const void *data, size_t size)
{
    (void)data, (void)size;
    struct lender *lender = arg;
    if (atomic_fetch_sub(&lender->refs, 1) != 1)
        return;
    evbuffer_free(lender->bytes);
    free(lender);
}

static struct lender *make_lender(void)
{
    struct lender *lender = malloc(sizeof *lender);
    struct evbuffer *bytes = evbuffer_new();
    if (lender == NULL || bytes == NULL) {
        free(lender);
        if (bytes != NULL)
            evbuffer_free(bytes);
        return NULL;
    }
    lender->bytes = bytes;
    atomic_init(&lender->refs, 1);
    return lender;
}

/* Appends every chain of the lender's evbuffer; on failure a part of them. */
static int lend_chains(struct shoal_buf *to, struct lender *lender, struct evbuffer_iovec *chains,
                       int count)
{
    for (int i = 0; i < count; i++) {
        atomic_fetch_add(&lender->refs, 1);
        int rc =
            shoal_buf_append_lent(to, chains[i].iov_base, chains[i].iov_len, drop_lender, lender);
        if (rc < 0) {
            atomic_fetch_sub(&lender->refs, 1);
            return rc;
        }
    }
    return 0;
}

static int lend_all(struct shoal_buf *to, struct lender *lender)
{
    int count = evbuffer_peek(lender->bytes, -1, NULL, NULL, 0);
    struct evbuffer_iovec *chains = malloc((size_t)count * sizeof *chains);
    struct shoal_buf *lent = shoal_buf_create();
    int rc = -SHOAL_ENOMEM;
    if (chains != NULL && lent != NULL) {
        evbuffer_peek(lender->bytes, -1, NULL, chains, count);
        rc = lend_chains(lent, lender, chains, count);
        if (rc == 0)
            shoal_buf_move(to, lent);
    }
    shoal_buf_destroy(&lent);
    free(chains);
    return rc;
}

static int lend(struct shoal_buf *to, struct evbuffer *from)
{
    struct lender *lender = make_lender();
    if (lender == NULL)
        return -SHOAL_ENOMEM;

    int rc = evbuffer_add_buffer(lender->bytes, from) == 0 ? 0 : -SHOAL_ENOMEM;
    if (rc == 0)
        rc = lend_all(to, lender);
    if (rc < 0) /* chains go back as they came: nothing is lent any more */
        evbuffer_add_buffer(from, lender->bytes);
    drop_lender(lender, NULL, 0);
    return rc;
}

static int copy(struct shoal_buf *to, struct evbuffer *from, size_t size)
{
    char bytes[LEND_FROM];
    evbuffer_copyout(from, bytes, size);
    int rc = shoal_buf_append(to, bytes, size);
    if (rc == 0)
        evbuffer_drain(from, size);
    return rc;
}

int shoal_buf_from_evbuffer(struct shoal_buf *to, struct evbuffer *from)
{
    size_t size = evbuffer_get_length(from);
    if (size == 0)
        return 0;
    return size <= LEND_FROM ? copy(to, from, size) : lend(to, from);
}

int shoal_buf_to_evbuffer(struct shoal_buf *from, struct evbuffer *to)
{
    size_t size = shoal_buf_size(from);
    if (size == 0)
        return 0;
    struct evbuffer_iovec space;
    if (evbuffer_reserve_space(to, (ev_ssize_t)size, &space, 1) < 0)
        return -SHOAL_ENOMEM;
    if (shoal_buf_copy_out(from, space.iov_base, size) < size)
        return -SHOAL_EINVAL; /* a file range; space that is not committed does not count */

    space.iov_len = size;
    if (evbuffer_commit_space(to, &space, 1) < 0)
        return -SHOAL_ENOMEM;
    shoal_buf_consume(from, size);
    return 0;
}
