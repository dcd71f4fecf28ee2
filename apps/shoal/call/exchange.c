/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A call with its requests and replies; see exchange.h.
 *
 *     main thread: receives and prints      sender: reads, converts and sends (streams of requests)
 *     watcher: a signal cancels the call    the library's loop: all input and output
 *
 * Who first finds a reason to give up says it, and cancels. The descriptor that ends the reading of
 * requests ends the watcher, too.
 */
#include "call/exchange.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <shoal/error.h>

#include "call/json_in.h"
#include "call/json_out.h"
#include "call/outcome.h"
#include "call/requests.h"
#include "host.h"

/* On the stack of exchange_run(). */
struct exchange {
    const struct exchange_cfg *cfg;
    const struct options *options;
    const struct schema_message *input, *output;
    struct requests requests;
    struct shoal_grpc_talk *talk;
    int signals; /* a signalfd */
    size_t replies;

    /* Under the lock. */
    pthread_mutex_t lock;
    struct schema *schema;
    int failure; /* an exit code that has been explained; 0: none */
};

/* Explains a failure of ours, unless there was one, and ends the call. */
static void give_up(struct exchange *exchange, int code, const char *what, const char *why)
{
    pthread_mutex_lock(&exchange->lock);
    if (exchange->failure == 0)
        exchange->failure =
            host_fail(exchange->options, code, "%s: %s: %s", exchange->cfg->path + 1, what, why);
    pthread_mutex_unlock(&exchange->lock);
    if (exchange->talk)
        shoal_grpc_talk_cancel(exchange->talk);
}

/* Requests */

/* True with a message in `out`. */
static bool convert(struct exchange *exchange, size_t number, struct shoal_view document,
                    struct bytes *out)
{
    struct trouble trouble = {0};
    char what[48];
    pthread_mutex_lock(&exchange->lock);
    bool whole = message_from_json(exchange->schema, exchange->input, document, out, &trouble);
    pthread_mutex_unlock(&exchange->lock);
    snprintf(what, sizeof(what), "request %zu", number);
    if (!whole)
        give_up(exchange, EX_DATAERR, what, trouble.text);
    return whole;
}

static bool send_document(struct exchange *exchange, size_t number, struct shoal_view document)
{
    struct bytes message = {0};
    int rc = -SHOAL_EPIPE;
    if (convert(exchange, number, document, &message)) {
        struct shoal_view view = bytes_view(&message);
        rc = shoal_grpc_talk_send(exchange->talk, &view);
        if (rc < 0 && rc != -SHOAL_EPIPE)
            give_up(exchange, host_exit_code(rc), "a request", shoal_strerror(rc));
    }
    bytes_fini(&message);
    return rc >= 0;
}

static void *send_requests(void *arg)
{
    struct exchange *exchange = arg;
    struct shoal_view document;
    size_t number = 0;
    int rc;
    while ((rc = requests_next(&exchange->requests, &document)) > 0) {
        if (!send_document(exchange, ++number, document))
            return NULL;
    }
    if (rc < 0)
        give_up(exchange, EX_IOERR, "standard input", strerror(-rc));
    else
        (void)shoal_grpc_talk_end(exchange->talk);
    return NULL;
}

/* Where there is one request it is whole before the call begins. */
static bool read_only_request(struct exchange *exchange, struct bytes *out)
{
    struct shoal_view document;
    bool is_empty = !exchange->cfg->from_stdin && exchange->cfg->document_count == 0;
    int rc = is_empty ? 1 : requests_next(&exchange->requests, &document);
    if (is_empty)
        document = shoal_view_of("{}");
    if (rc < 0)
        give_up(exchange, EX_IOERR, "standard input", strerror(-rc));
    else if (rc == 0)
        give_up(exchange, EX_DATAERR, "the request", "there is no JSON document; {} is the least");
    if (rc <= 0 || !convert(exchange, 1, document, out))
        return false;
    if (!is_empty && requests_next(&exchange->requests, &document) > 0) {
        give_up(exchange, EX_DATAERR, "the request",
                "the method takes one, and there are more JSON documents than that");
        return false;
    }
    return true;
}

/* Replies */

static bool print(const struct bytes *line)
{
    return fwrite(line->data, 1, line->size, stdout) == line->size && fflush(stdout) == 0;
}

static bool show_reply(struct exchange *exchange, struct shoal_view reply)
{
    struct trouble trouble = {0};
    struct bytes line = {0};
    struct json_style style = {exchange->options->pretty, exchange->options->emit_defaults};
    char what[48];
    pthread_mutex_lock(&exchange->lock);
    bool whole =
        message_to_json(exchange->schema, exchange->output, reply, &style, &line, &trouble);
    pthread_mutex_unlock(&exchange->lock);
    bytes_text(&line, "\n");
    snprintf(what, sizeof(what), "reply %zu", exchange->replies);
    bool printed = whole && !line.failed && print(&line);
    if (!whole)
        give_up(exchange, EX_PROTOCOL, what, trouble.text);
    else if (!printed)
        give_up(exchange, EX_IOERR, "standard output", strerror(errno));
    bytes_fini(&line);
    return printed;
}

static void receive_replies(struct exchange *exchange)
{
    const void *reply;
    while (shoal_grpc_talk_receive(exchange->talk, &reply) == 1) {
        exchange->replies++;
        if (!show_reply(exchange, *(const struct shoal_view *)reply))
            return;
    }
}

/* Signals: the first one cancels, another one ends the program at once. */

static void *watch_signals(void *arg)
{
    struct exchange *exchange = arg;
    struct signalfd_siginfo taken;
    struct pollfd polled[] = {{.fd = exchange->signals, .events = POLLIN},
                              {.fd = exchange->requests.stopped, .events = POLLIN}};
    bool cancelled = false;
    for (;;) {
        if (poll(polled, 2, -1) < 0)
            continue;
        if (polled[1].revents != 0)
            return NULL;
        if (read(exchange->signals, &taken, sizeof(taken)) != sizeof(taken))
            continue;
        if (cancelled)
            _exit(128 + (int)taken.ssi_signo);
        cancelled = true;
        shoal_grpc_talk_cancel(exchange->talk);
    }
}

static int block_signals(struct exchange *exchange)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    exchange->signals = signalfd(-1, &set, SFD_CLOEXEC);
    return exchange->signals < 0 ? -errno : 0;
}

/* The call */

static void run_threads(struct exchange *exchange)
{
    pthread_t sender;
    pthread_t watcher;
    bool sends = exchange->cfg->method->client_streams;
    if (pthread_create(&watcher, NULL, watch_signals, exchange) != 0) {
        give_up(exchange, EX_OSERR, "it", "no thread can be started");
        return;
    }
    bool started = !sends || pthread_create(&sender, NULL, send_requests, exchange) == 0;
    if (started)
        receive_replies(exchange);
    else
        give_up(exchange, EX_OSERR, "it", "no thread can be started");
    requests_stop(&exchange->requests);
    if (sends && started)
        pthread_join(sender, NULL);
    pthread_join(watcher, NULL);
}

/* A unary method has one reply where it is OK. */
static int check_count(struct exchange *exchange, int code)
{
    if (code == SHOAL_GRPC_OK && !exchange->cfg->method->server_streams && exchange->replies != 1)
        return host_fail(exchange->options, EX_PROTOCOL,
                         "%s of %s: came to OK with %zu replies instead of one",
                         exchange->cfg->path + 1, exchange->cfg->remote->url, exchange->replies);
    return code;
}

static int finish(struct exchange *exchange)
{
    struct shoal_grpc_result *result = NULL;
    int rc = shoal_grpc_talk_finish(&exchange->talk, &result);
    int code = exchange->failure;
    if (code == 0 && rc < 0)
        code = host_fail(exchange->options, host_exit_code(rc), "%s: %s", exchange->cfg->path + 1,
                         shoal_strerror(rc));
    else if (code == 0)
        code = check_count(exchange, outcome_report(exchange->cfg->remote, exchange->cfg->path,
                                                    exchange->schema, result));
    shoal_grpc_result_free(&result);
    return code;
}

static int begin(struct exchange *exchange)
{
    const struct exchange_cfg *cfg = exchange->cfg;
    struct bytes message = {0};
    struct shoal_view request;
    int code = 0;
    if (cfg->method->client_streams) {
        code = remote_begin(cfg->remote, cfg->path, SHOAL_GRPC_BIDI, NULL, &exchange->talk);
    } else if (read_only_request(exchange, &message)) {
        request = bytes_view(&message);
        code = remote_begin(cfg->remote, cfg->path, SHOAL_GRPC_SERVER_STREAM, &request,
                            &exchange->talk);
    } else {
        code = exchange->failure;
    }
    bytes_fini(&message);
    return code;
}

static int run(struct exchange *exchange)
{
    int code = begin(exchange);
    if (code != 0)
        return code;
    outcome_show_request(exchange->cfg->remote, exchange->cfg->path);
    if (block_signals(exchange) < 0)
        give_up(exchange, EX_OSERR, "it", strerror(errno));
    else
        run_threads(exchange);
    code = finish(exchange);
    if (exchange->signals >= 0)
        close(exchange->signals);
    return code;
}

static int find_type(const struct exchange_cfg *cfg, const char *name,
                     const struct schema_message **out)
{
    *out = schema_need_message(cfg->schema, name);
    return *out ? 0
                : host_fail(cfg->remote->options, EX_PROTOCOL,
                            "%s of %s: the server does not describe its message %s", cfg->path + 1,
                            cfg->remote->url, name);
}

int exchange_run(const struct exchange_cfg *cfg)
{
    struct exchange exchange = {.cfg = cfg,
                                .options = cfg->remote->options,
                                .schema = cfg->schema,
                                .signals = -1,
                                .lock = PTHREAD_MUTEX_INITIALIZER};
    int code = find_type(cfg, cfg->method->input, &exchange.input);
    if (code == 0)
        code = find_type(cfg, cfg->method->output, &exchange.output);
    if (code != 0)
        return code;
    int rc =
        requests_init(&exchange.requests, cfg->documents, cfg->document_count, cfg->from_stdin);
    code = rc < 0 ? host_fail(exchange.options, EX_OSERR, "%s", strerror(-rc)) : run(&exchange);
    requests_fini(&exchange.requests);
    return code;
}
