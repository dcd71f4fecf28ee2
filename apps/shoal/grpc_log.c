/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The access log of gRPC calls, in the format of HTTP's: the status of HTTP is always 200, the size
 * is not told, and the call's own status stands behind the microseconds. A call of a method that is
 * not there, or one that is refused before it begins, is no line.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "grpc.h"
#include "host.h"
#include "parse.h"

enum { LINE_MAX_BYTES = 1024, AGENT_MAX_BYTES = 256 };

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static char *print_date(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    if (strftime(out, size, "%d/%b/%Y:%H:%M:%S +0000", &utc) == 0)
        out[0] = '\0';
    return out;
}

/* The length of the address without its port; "unix:" has none. */
static int length_of_host(const char *peer)
{
    const char *colon = strncmp(peer, "unix:", 5) == 0 ? NULL : strrchr(peer, ':');
    return (int)(colon ? (size_t)(colon - peer) : strlen(peer));
}

static void write_line(struct shoal_grpc_call *call, int status, int64_t took_us,
                       struct access_log *log)
{
    char line[LINE_MAX_BYTES], date[32], agent[AGENT_MAX_BYTES];
    const char *peer = shoal_grpc_peer(call);
    escape_text(shoal_grpc_metadata(call, "user-agent"), agent, sizeof(agent));
    int size = snprintf(
        line, sizeof(line), "%.*s - - [%s] \"POST %s HTTP/2.0\" 200 - \"-\" \"%s\" %lld %s",
        length_of_host(peer), peer, print_date(date, sizeof(date)), shoal_grpc_method(call),
        agent[0] ? agent : "-", (long long)took_us, shoal_grpc_status_name(status));
    if (size > 0)
        access_log_write(
            log, shoal_view(line, (size_t)size < sizeof(line) ? (size_t)size : sizeof(line) - 1));
}

static void after_call(struct shoal_grpc_call *call, int status, void *arg)
{
    const int64_t *began_us = arg;
    struct host *host = host_of(shoal_grpc_loop(call));
    write_line(call, status, now_us() - *began_us, &host->access_log);
}

static int before_call(struct shoal_grpc_call *call, void *arg)
{
    (void)arg;
    int64_t *began_us = shoal_grpc_alloc(call, sizeof(*began_us));
    if (began_us) {
        *began_us = now_us();
        (void)shoal_grpc_on_close(call, after_call, began_us);
    }
    return SHOAL_GRPC_OK;
}

void grpc_add_log(struct shoal_grpc *grpc)
{
    (void)shoal_grpc_intercept(grpc, before_call, NULL, NULL);
}
