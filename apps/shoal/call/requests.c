/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents from the command line or standard input; see requests.h. */
#include "call/requests.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int requests_init(struct requests *requests, char **documents, size_t count, bool from_stdin)
{
    *requests = (struct requests){.from_stdin = from_stdin, .ended = !from_stdin};
    requests->stopped = eventfd(0, EFD_CLOEXEC);
    if (requests->stopped < 0)
        return -errno;
    for (size_t i = 0; i < count; i++) {
        if (!documents_add(&requests->documents, shoal_view_of(documents[i])) ||
            !documents_add(&requests->documents, shoal_view_of("\n")))
            return -ENOMEM;
    }
    return 0;
}

void requests_fini(struct requests *requests)
{
    documents_fini(&requests->documents);
    if (requests->stopped >= 0)
        close(requests->stopped);
}

void requests_stop(struct requests *requests)
{
    uint64_t one = 1;
    ssize_t written = write(requests->stopped, &one, sizeof(one));
    (void)written; /* only an overflow could fail, and one is enough */
}

/* Waits until there is something to be read: 1, or 0 where nobody wants it. */
static int wait_for_input(const struct requests *requests)
{
    struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = requests->stopped, .events = POLLIN}};
    int count;
    do {
        count = poll(polled, 2, -1);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    return polled[1].revents == 0;
}

static int read_more(struct requests *requests)
{
    char part[16384];
    int rc = wait_for_input(requests);
    if (rc <= 0) {
        requests->ended = true;
        documents_fini(&requests->documents);
        requests->documents = (struct documents){0};
        return rc;
    }
    ssize_t size = read(STDIN_FILENO, part, sizeof(part));
    if (size < 0)
        return -errno;
    requests->ended = size == 0;
    return documents_add(&requests->documents, shoal_view(part, (size_t)size)) ? 0 : -ENOMEM;
}

int requests_next(struct requests *requests, struct shoal_view *out)
{
    while (!documents_next(&requests->documents, requests->ended, out)) {
        if (requests->ended)
            return 0;
        int rc = read_more(requests);
        if (rc < 0)
            return rc;
    }
    return 1;
}
