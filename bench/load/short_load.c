/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Short connections: connect, one message, its echo, close, and again. `--parallel` of them are
 * under way at any time. After a while it prints one JSON object: connections a second, and what
 * each cost the server (CPU time and context switches of all its threads). "others_cpu_share" is
 * what neither of the two used of their cores, as in echo_load.
 */
#include "dial.h"
#include "usage.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_BYTES 64
#define EVENTS_PER_TURN 256

static struct {
    uint16_t port;
    pid_t server_pid;
    unsigned parallel;
    double seconds;
} options = {.parallel = 1, .seconds = 1};

static int queue;
static unsigned dialled;
static uint64_t done;

static void fail(const char *what)
{
    fprintf(stderr, "short_load: connection %u: %s\n", dialled, what);
    exit(1);
}

/* The loopback takes connection and message at once, so neither is waited for. */
static void begin_one(void)
{
    char message[MESSAGE_BYTES];
    int fd = bench_dial(options.port, dialled++);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    memset(message, 'a' + (int)(dialled % 26), sizeof message);
    if (send(fd, message, sizeof message, MSG_NOSIGNAL) != MESSAGE_BYTES)
        fail("cannot send");
    if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void end_one(int fd)
{
    char answer[MESSAGE_BYTES];
    if (recv(fd, answer, sizeof answer, MSG_WAITALL) != MESSAGE_BYTES ||
        memcmp(answer, answer + 1, sizeof answer - 1) != 0)
        fail("the message did not come back");
    close(fd);
    done++;
}

static void run_until(uint64_t end_ns)
{
    struct epoll_event events[EVENTS_PER_TURN];
    while (bench_now_ns() < end_ns) {
        int ready = epoll_wait(queue, events, EVENTS_PER_TURN, 1000);
        if (ready <= 0)
            fail("no answer for a second");
        for (int i = 0; i < ready; i++) {
            end_one(events[i].data.fd);
            begin_one();
        }
    }
}

struct moment {
    uint64_t now_ns;
    uint64_t done;
    uint64_t busy_ns;
    struct bench_usage server;
    struct bench_usage load;
};

static struct moment take_moment(void)
{
    return (struct moment){.now_ns = bench_now_ns(),
                           .done = done,
                           .busy_ns = bench_busy_ns(options.server_pid),
                           .server = bench_usage_of(options.server_pid),
                           .load = bench_usage_of(0)};
}

static void report(const struct moment *a, const struct moment *b)
{
    double ns = (double)(b->now_ns - a->now_ns);
    double count = (double)(b->done - a->done);
    double server_ns = (double)(b->server.cpu_ns - a->server.cpu_ns);
    double load_ns = (double)(b->load.cpu_ns - a->load.cpu_ns);
    uint64_t switches = b->server.context_switches - a->server.context_switches;
    printf("{\"connections_per_second\": %.1f, \"cpu_us_per_connection\": %.4f, "
           "\"switches_per_connection\": %.4f, \"others_cpu_share\": %.3f}\n",
           count / ns * 1e9, server_ns / 1e3 / count, (double)switches / count,
           ((double)(b->busy_ns - a->busy_ns) - server_ns - load_ns) / ns);
}

static void measure(void)
{
    run_until(bench_now_ns() + 200000000);
    struct moment start = take_moment();
    run_until(start.now_ns + (uint64_t)(options.seconds * 1e9));
    struct moment end = take_moment();
    report(&start, &end);
}

static bool parse_options(int argc, char **argv)
{
    static const struct option table[] = {
        {"port", 1, NULL, 'p'},    {"server-pid", 1, NULL, 'P'}, {"parallel", 1, NULL, 'n'},
        {"seconds", 1, NULL, 't'}, {NULL, 0, NULL, 0},
    };
    for (int letter; (letter = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (letter == 'p')
            options.port = (uint16_t)atoi(optarg);
        else if (letter == 'P')
            options.server_pid = atoi(optarg);
        else if (letter == 'n')
            options.parallel = (unsigned)atoi(optarg);
        else if (letter == 't')
            options.seconds = atof(optarg);
        else
            return false;
    }
    return optind == argc && options.port != 0 && options.server_pid != 0 && options.parallel > 0;
}

int main(int argc, char **argv)
{
    if (!parse_options(argc, argv)) {
        fputs("usage: short_load --port P --server-pid PID [--parallel N] [--seconds S]\n", stderr);
        return 64;
    }
    queue = epoll_create1(EPOLL_CLOEXEC);
    if (queue < 0) {
        perror("short_load");
        return 71;
    }
    for (unsigned i = 0; i < options.parallel; i++)
        begin_one();
    measure();
    return 0;
}
