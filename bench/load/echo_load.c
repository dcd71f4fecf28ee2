/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load of the echo benchmarks: a closed loop of bare epoll on one thread. Each connection keeps
 * `depth` messages in flight: for every message answered the next one is sent, all that are due in
 * one write. Every byte is verified. After the warm-up it measures for a while and prints one JSON
 * object: messages a second, and the server's CPU microseconds for each message (user and system,
 * all threads), which is the figure that holds when this program is the bottleneck.
 *
 * It uses nothing of Shoal, so that the tool and what it measures share no mistake, and it measures
 * no latency: a closed loop cannot do so honestly. `shoal bench` does.
 */
#include "dial.h"
#include "pattern.h"
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define EVENTS_PER_TURN 512
#define NS_PER_S 1e9

static const char usage_text[] =
    "usage: echo_load --port P [OPTION...]\n"
    "  --port P         the echo server's port on 127.0.0.1\n"
    "  --server-pid PID the server, whose CPU time and context switches are measured\n"
    "  --connections N  open connections (1)\n"
    "  --size BYTES     of one message (64)\n"
    "  --depth N        messages in flight on each connection (1)\n"
    "  --seconds S      measured time (1)\n"
    "  --messages N     end after this many measured messages, if that comes first\n"
    "  --warmup S       time before the measurement (0.2)\n"
    "  --spin 1         never sleep: look for answers all the time (0)\n";

static struct {
    uint16_t port;
    pid_t server_pid;
    unsigned connections;
    unsigned size;
    unsigned depth;
    double seconds;
    double warmup;
    double messages;
    bool spin;
} options = {.connections = 1, .size = 64, .depth = 1, .seconds = 1, .warmup = 0.2};

/* One connection, by stream position. Owned by main(), lives to the end. */
struct link {
    int fd;
    unsigned index;
    uint32_t events;   /* what epoll watches */
    uint64_t sent;     /* bytes */
    uint64_t received; /* bytes, all verified */
};

/* The state of everything at one moment; two of them make a measurement. */
struct moment {
    uint64_t now_ns;
    uint64_t bytes;
    struct bench_usage server;
    struct bench_usage load;
    uint64_t busy_ns; /* of the cores that server and load run on */
};

static int queue;
static uint64_t bytes_received;
static char buffer[BENCH_PATTERN_SLICE];

static void fail(const char *what, const struct link *link)
{
    fprintf(stderr, "echo_load: connection %u, byte %llu: %s\n", link->index,
            (unsigned long long)link->received, what);
    exit(1);
}

static void watch(struct link *link, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = link};
    link->events = events;
    if (epoll_ctl(queue, operation, link->fd, &event) != 0)
        fail(strerror(errno), link);
}

/* Up to which stream position this connection may have sent. */
static uint64_t due(const struct link *link)
{
    uint64_t answered = link->received / options.size;
    return (answered + options.depth) * options.size;
}

/* Sends what is due. Returns false if the kernel did not take all of it. */
static bool send_due(struct link *link)
{
    for (uint64_t end = due(link); link->sent < end;) {
        uint64_t missing = end - link->sent;
        size_t size = missing < BENCH_PATTERN_SLICE ? (size_t)missing : BENCH_PATTERN_SLICE;
        ssize_t n = send(link->fd, bench_pattern(link->index, link->sent), size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0)
            fail(strerror(errno), link);
        link->sent += (uint64_t)n;
    }
    return true;
}

static void refill(struct link *link)
{
    uint32_t wanted = send_due(link) ? EPOLLIN : EPOLLIN | EPOLLOUT;
    if (wanted != link->events)
        watch(link, EPOLL_CTL_MOD, wanted);
}

static void verify(struct link *link, size_t size)
{
    if (link->received + size > link->sent)
        fail("more came back than was sent", link);
    if (memcmp(buffer, bench_pattern(link->index, link->received), size) != 0)
        fail("not the bytes that were sent", link);
    link->received += size;
    bytes_received += size;
}

static void receive(struct link *link)
{
    ssize_t got = read(link->fd, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail(got == 0 ? "the server closed it" : strerror(errno), link);
    verify(link, (size_t)got);
}

static void open_links(struct link *links)
{
    for (unsigned i = 0; i < options.connections; i++) {
        links[i] = (struct link){.fd = bench_dial(options.port, i), .index = i};
        fcntl(links[i].fd, F_SETFL, O_NONBLOCK);
        watch(&links[i], EPOLL_CTL_ADD, EPOLLIN);
    }
    for (unsigned i = 0; i < options.connections; i++)
        refill(&links[i]);
}

static void turn(void)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int ready = epoll_wait(queue, events, EVENTS_PER_TURN, options.spin ? 0 : 10);
    for (int i = 0; i < ready; i++) {
        struct link *link = events[i].data.ptr;
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            receive(link);
        refill(link);
    }
}

static void run_until(uint64_t end_ns, uint64_t end_bytes)
{
    while (bench_now_ns() < end_ns && bytes_received < end_bytes)
        turn();
}

static struct moment take_moment(void)
{
    struct moment moment = {.bytes = bytes_received, .load = bench_usage_of(0)};
    if (options.server_pid != 0)
        moment.server = bench_usage_of(options.server_pid);
    moment.busy_ns = bench_busy_ns(options.server_pid);
    moment.now_ns = bench_now_ns();
    return moment;
}

/* Connections that were never answered. */
static unsigned count_starved(const struct link *links)
{
    unsigned starved = 0;
    for (unsigned i = 0; i < options.connections; i++)
        starved += links[i].received == 0;
    return starved;
}

/* Prints what happened between two moments. "others_cpu_share" is the part of a core that neither
 * the server nor this program used of the cores they run on: above a few percent, the figures are
 * disturbed. */
static void report(const struct moment *a, const struct moment *b, const struct link *links)
{
    double ns = (double)(b->now_ns - a->now_ns);
    double messages = (double)(b->bytes - a->bytes) / options.size;
    double server_ns = (double)(b->server.cpu_ns - a->server.cpu_ns);
    double load_ns = (double)(b->load.cpu_ns - a->load.cpu_ns);
    double others_ns = (double)(b->busy_ns - a->busy_ns) - server_ns - load_ns;
    uint64_t switches = b->server.context_switches - a->server.context_switches;
    printf("{\"messages\": %.0f, \"seconds\": %.6f, \"messages_per_second\": %.1f, "
           "\"load_cpu_share\": %.3f, \"starved\": %u",
           messages, ns / NS_PER_S, messages / ns * NS_PER_S, load_ns / ns, count_starved(links));
    if (options.server_pid != 0)
        printf(", \"server_cpu_us_per_message\": %.5f, \"server_cpu_share\": %.3f, "
               "\"server_context_switches_per_message\": %.5f, \"others_cpu_share\": %.3f",
               server_ns / 1e3 / messages, server_ns / ns, (double)switches / messages,
               others_ns / ns);
    puts("}");
}

static void measure(const struct link *links)
{
    run_until(bench_now_ns() + (uint64_t)(options.warmup * NS_PER_S), UINT64_MAX);
    struct moment start = take_moment();
    uint64_t wanted =
        options.messages > 0 ? (uint64_t)(options.messages * options.size) : UINT64_MAX / 2;
    run_until(start.now_ns + (uint64_t)(options.seconds * NS_PER_S), start.bytes + wanted);
    struct moment end = take_moment();
    if (end.bytes == start.bytes) {
        fprintf(stderr, "echo_load: the server answered nothing\n");
        exit(EX_TEMPFAIL); /* with a machine as busy as that, in another try it may */
    }
    report(&start, &end, links);
}

static bool take_option(int letter, double value)
{
    switch (letter) {
    case 'p':
        options.port = (uint16_t)value;
        break;
    case 'P':
        options.server_pid = (pid_t)value;
        break;
    case 'c':
        options.connections = (unsigned)value;
        break;
    case 's':
        options.size = (unsigned)value;
        break;
    case 'd':
        options.depth = (unsigned)value;
        break;
    case 't':
        options.seconds = value;
        break;
    case 'm':
        options.messages = value;
        break;
    case 'w':
        options.warmup = value;
        break;
    case 'S':
        options.spin = value > 0;
        break;
    default:
        return false;
    }
    return true;
}

static bool parse_options(int argc, char **argv)
{
    static const struct option table[] = {
        {"port", 1, NULL, 'p'},     {"server-pid", 1, NULL, 'P'}, {"connections", 1, NULL, 'c'},
        {"size", 1, NULL, 's'},     {"depth", 1, NULL, 'd'},      {"seconds", 1, NULL, 't'},
        {"messages", 1, NULL, 'm'}, {"warmup", 1, NULL, 'w'},     {"spin", 1, NULL, 'S'},
        {NULL, 0, NULL, 0},
    };
    for (int letter; (letter = getopt_long(argc, argv, "", table, NULL)) != -1;)
        if (!take_option(letter, optarg == NULL ? 0 : atof(optarg)))
            return false;
    return optind == argc && options.port != 0 && options.size > 0 && options.depth > 0 &&
           options.connections > 0;
}

int main(int argc, char **argv)
{
    if (!parse_options(argc, argv)) {
        fputs(usage_text, stderr);
        return 64;
    }
    struct link *links = calloc(options.connections, sizeof *links);
    queue = epoll_create1(EPOLL_CLOEXEC);
    if (links == NULL || queue < 0) {
        perror("echo_load");
        return 71;
    }
    bench_pattern_init();
    open_links(links);
    measure(links);
    free(links);
    return 0;
}
