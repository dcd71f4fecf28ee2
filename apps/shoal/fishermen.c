/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fishermen: clients of the fish market, all on one loop. Each walks in (connects), is perhaps
 * delayed, sells his lines, ends his side, and reads until the market closes its own: what he was
 * paid is the sum of the replies.
 *
 *     walks in ──► delayed ──► sells ──► paid ──► leaves
 *         │    └──────────────────┘
 *         └─► the market is closed: nobody else goes
 *
 * In a crowd only so many are at the market at once; whoever leaves sends the next one in. When the
 * last one has left the server, which is only a client here, drains.
 */
#include "fishermen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include <shoal/error.h>
#include <shoal/line.h>
#include <shoal/server.h>

#include "host.h"
#include "market.h"
#include "parse.h"

enum { MOST_AT_ONCE = 256, MOST_LOTS = 4, NAME_MAX_BYTES = 32 };

/* So many pounds of a fish. */
struct lot {
    unsigned pounds;
    const char *fish;
};

struct seller {
    const char *name;
    struct lot lots[MOST_LOTS]; /* ends with 0 pounds */
};

static const struct seller sellers[] = {
    {"fred", {{5, "haddock"}, {3, "trout"}, {4, "bream"}}},
    {"bob", {{1, "haddock"}, {2, "salmon"}}},
    {"karen", {{6, "trout"}}},
};

enum { SELLERS = sizeof(sellers) / sizeof(sellers[0]) };

static const char *const known_fish[] = {"haddock", "trout", "bream", "salmon", "cod", "herring"};

enum { KNOWN_FISH = sizeof(known_fish) / sizeof(known_fish[0]) };

/* One visit to the market; owned by its connection, as shoal_conn_data(). */
struct visit {
    struct trip *trip;
    struct shoal_conn *conn;
    struct shoal_timer delay;
    struct lot lots[MOST_LOTS];
    char name[NAME_MAX_BYTES];
    uint64_t due;     /* dollars, by the built-in prices */
    uint64_t paid;    /* dollars so far */
    unsigned replies; /* that were dollars */
    bool in;          /* walked in */
    bool cheated;     /* a reply was no number */
};

/* The whole command; owned by go_fishing(), used by the loop's thread while the server runs. */
struct trip {
    const struct options *options;
    struct shoal_server *server;
    struct prices *prices;
    uint64_t random;
    uint64_t fishermen; /* how many there are */
    uint64_t sent;      /* who have been sent to the market */
    uint64_t left;      /* who have left it */
    uint64_t right;     /* who were paid right */
    int code;           /* exit code; the first failure's */
};

static const struct shoal_line_service customer;

/* xorshift64*: enough for choosing fish. */
static uint64_t next_random(struct trip *trip)
{
    trip->random ^= trip->random >> 12;
    trip->random ^= trip->random << 25;
    trip->random ^= trip->random >> 27;
    return trip->random * 0x2545F4914F6CDD1Du;
}

static void fail(struct trip *trip, int code)
{
    if (trip->code == 0)
        trip->code = code;
}

static bool is_crowd(const struct trip *trip)
{
    return trip->options->crowd > 0;
}

/* What happens is told as it happens, except of a crowd. */
static void tell(const struct visit *visit, const char *format, ...) SHOAL_PRINTF(2, 3);

static void tell(const struct visit *visit, const char *format, ...)
{
    if (is_crowd(visit->trip) && visit->trip->options->verbosity == 0)
        return;
    va_list args;
    va_start(args, format);
    printf("%s ", visit->name);
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    va_end(args);
}

/* Catches */

static void fill_at_random(struct visit *visit)
{
    unsigned lots = 1 + (unsigned)(next_random(visit->trip) % (MOST_LOTS - 1));
    for (unsigned i = 0; i < lots; i++) {
        visit->lots[i].pounds = 1 + (unsigned)(next_random(visit->trip) % 1000);
        visit->lots[i].fish = known_fish[next_random(visit->trip) % KNOWN_FISH];
    }
}

static uint64_t worth_of(const struct visit *visit)
{
    uint64_t total = 0;
    for (const struct lot *lot = visit->lots; lot->pounds > 0; lot++) {
        const struct offer offer = {lot->pounds, shoal_view_of(lot->fish)};
        offer_add(&offer, visit->trip->prices, &total);
    }
    return total;
}

static void fill(struct visit *visit, uint64_t number)
{
    if (is_crowd(visit->trip)) {
        snprintf(visit->name, sizeof(visit->name), "fisherman %" PRIu64, number + 1);
        fill_at_random(visit);
    } else {
        snprintf(visit->name, sizeof(visit->name), "%s", sellers[number].name);
        memcpy(visit->lots, sellers[number].lots, sizeof(visit->lots));
    }
    visit->due = worth_of(visit);
}

/* At the market */

static void sell(struct visit *visit)
{
    for (const struct lot *lot = visit->lots; lot->pounds > 0; lot++)
        shoal_conn_printf(visit->conn, "%u pound%s of %s\r\n", lot->pounds,
                          lot->pounds == 1 ? "" : "s", lot->fish);
    shoal_conn_end(visit->conn);
}

static void stop_waiting(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    sell(arg);
}

/* Every other one is delayed. The choice is made before, in the order of sending, so that a seed
 * gives the same delays again. */
static int64_t choose_delay_ms(struct trip *trip)
{
    uint64_t choice = next_random(trip);
    uint64_t longest = (uint64_t)trip->options->max_delay_ms;
    return longest == 0 || choice % 2 == 0 ? 0 : (int64_t)(1 + choice / 2 % longest);
}

static void on_open(struct shoal_conn *conn)
{
    struct visit *visit = shoal_conn_data(conn);
    int64_t delay_ms = choose_delay_ms(visit->trip);
    visit->in = true;
    tell(visit, "walks in");
    if (delay_ms == 0) {
        sell(visit);
        return;
    }
    tell(visit, "is delayed by %lld ms", (long long)delay_ms);
    shoal_timer_init(&visit->delay, stop_waiting, visit);
    if (shoal_timer_start(shoal_conn_loop(conn), &visit->delay, delay_ms) < 0)
        shoal_conn_close_for(conn, SHOAL_CLOSE_NOW, SHOAL_CLOSED_MEMORY);
}

static void on_line(struct shoal_conn *conn, struct shoal_view line)
{
    struct visit *visit = shoal_conn_data(conn);
    uint64_t dollars;
    char shown[120];
    if (parse_number(line, UINT64_MAX - visit->paid, &dollars)) {
        visit->paid += dollars;
        visit->replies++;
        return;
    }
    visit->cheated = true;
    tell(visit, "is told: %s", escape_text(line, shown, sizeof(shown)));
}

static void market_is_closed(const struct visit *visit, int error)
{
    if (visit->trip->code == 0)
        host_fail(visit->trip->options, EX_UNAVAILABLE,
                  "cannot connect to %s: %s (%s); the market appears to be closed",
                  visit->trip->options->market, shoal_strerror(error), shoal_strerrorname(error));
    fail(visit->trip, EX_UNAVAILABLE);
}

static void was_not_paid(const struct visit *visit, enum shoal_close_reason reason)
{
    host_fail(visit->trip->options, EX_PROTOCOL, "%s was not paid (%s)", visit->name,
              shoal_close_reason_name(reason));
    fail(visit->trip, EX_PROTOCOL);
}

/* A market may have other prices: only a crowd insists on the built-in ones. */
static void take_stock(struct visit *visit, enum shoal_close_reason reason)
{
    if (visit->replies == 0) {
        was_not_paid(visit, reason);
        return;
    }
    tell(visit, "is paid %" PRIu64 " dollars", visit->paid);
    if (!visit->cheated && (!is_crowd(visit->trip) || visit->paid == visit->due)) {
        visit->trip->right++;
        return;
    }
    host_fail(visit->trip->options, EX_PROTOCOL,
              "%s was paid %" PRIu64 " dollars instead of %" PRIu64, visit->name, visit->paid,
              visit->due);
    fail(visit->trip, EX_PROTOCOL);
}

/* Going there */

static bool send_next(struct trip *trip, struct shoal_loop *loop);

static void leave(struct trip *trip, struct shoal_loop *loop)
{
    trip->left++;
    if (trip->left == trip->fishermen || trip->code == EX_UNAVAILABLE)
        shoal_server_request_drain(trip->server);
    else if (trip->sent < trip->fishermen && !shoal_server_draining(trip->server))
        send_next(trip, loop);
}

static void on_close(struct shoal_conn *conn, enum shoal_close_reason reason)
{
    struct visit *visit = shoal_conn_data(conn);
    struct trip *trip = visit->trip;
    shoal_timer_stop(&visit->delay);
    if (visit->in && !shoal_server_draining(trip->server))
        take_stock(visit, reason);
    else if (!visit->in && !shoal_server_draining(trip->server))
        market_is_closed(visit, shoal_conn_error(conn));
    free(visit);
    leave(trip, shoal_conn_loop(conn));
}

static const struct shoal_line_service customer = {
    .name = "fishermen",
    .on_open = on_open,
    .on_line = on_line,
    .on_close = on_close,
};

static int connect_to_market(struct shoal_loop *loop, struct visit *visit)
{
    struct shoal_connect_cfg cfg = SHOAL_CONNECT_CFG_INIT;
    struct shoal_limits limits = SHOAL_LIMITS_INIT;
    limits.first_byte_ms = limits.idle_ms = visit->trip->options->max_delay_ms + 30000;
    cfg.limits = &limits;
    cfg.data = visit;
    return shoal_connect_line(loop, visit->trip->options->market, &customer, &cfg, &visit->conn);
}

/* False where that cannot be done, which ends the trip. */
static bool send_next(struct trip *trip, struct shoal_loop *loop)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    int rc = -SHOAL_ENOMEM;
    if (visit) {
        visit->trip = trip;
        fill(visit, trip->sent++);
        rc = connect_to_market(loop, visit);
    }
    if (rc == 0)
        return true;
    free(visit);
    fail(trip, host_fail(trip->options, host_exit_code(rc), "cannot connect to %s: %s (%s)",
                         trip->options->market, shoal_strerror(rc), shoal_strerrorname(rc)));
    shoal_server_request_drain(trip->server);
    return false;
}

static void set_out(struct shoal_loop *loop, void *arg)
{
    struct trip *trip = arg;
    while (trip->sent < trip->fishermen && trip->sent < MOST_AT_ONCE && send_next(trip, loop))
        ;
}

static void on_running(struct shoal_server *server)
{
    struct trip *trip = shoal_server_arg(server);
    if (shoal_call(shoal_server_loop(server, 0), set_out, trip) == 0)
        return;
    fail(trip, EX_OSERR);
    shoal_server_request_drain(server);
}

static uint64_t seed_of(const struct options *options)
{
    uint64_t seed = options->seed;
    if (!options->has_seed && getrandom(&seed, sizeof(seed), 0) < 0)
        seed = (uint64_t)host_now_ms();
    return (seed * 0x9E3779B97F4A7C15u) | 1; /* xorshift cannot leave 0 */
}

static int sum_up(const struct trip *trip)
{
    if (trip->code == 0 && trip->left < trip->fishermen)
        return host_fail(trip->options, EX_UNAVAILABLE, "only %" PRIu64 " of %" PRIu64 " sold",
                         trip->right, trip->fishermen);
    if (is_crowd(trip) && trip->code != EX_UNAVAILABLE)
        printf("%" PRIu64 " of %" PRIu64 " fishermen were paid right\n", trip->right,
               trip->fishermen);
    return trip->code;
}

static int make_trip(struct trip *trip, struct log *log)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    cfg.loops = 1;
    cfg.workers = 0;
    cfg.log = log_sink(log);
    cfg.arg = trip;
    cfg.on_running = on_running;
    struct shoal_run_cfg run = SHOAL_RUN_CFG_INIT;
    run.drain_ms = 0;
    int rc = shoal_server_create(&cfg, &trip->server);
    if (rc == 0)
        rc = shoal_run(trip->server, &run);
    if (rc < 0)
        fail(trip, host_fail(trip->options, host_exit_code(rc), "cannot set out: %s (%s)",
                             shoal_strerror(rc), shoal_strerrorname(rc)));
    shoal_server_destroy(&trip->server);
    return rc < 0 ? trip->code : sum_up(trip);
}

int go_fishing(const struct options *options)
{
    struct log log;
    struct trip trip = {.options = options,
                        .prices = prices_builtin(),
                        .random = seed_of(options),
                        .fishermen = options->crowd ? options->crowd : SELLERS};
    if (!trip.prices)
        return host_fail(options, EX_OSERR, "out of memory");
    log_begin(&log, options->verbosity > 1 ? SHOAL_LOG_DEBUG : SHOAL_LOG_WARN);
    int code = make_trip(&trip, &log);
    prices_unref(&trip.prices);
    log_end(&log);
    return code;
}
