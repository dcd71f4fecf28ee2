/* SPDX-License-Identifier: BSD-3-Clause */
/* The alarm: a timerfd, watched through the loop's libevent door; see bench_alarm.h. */
#include "bench_alarm.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/libevent.h>

/* Setting a timerfd, also to never, is what makes it unreadable again: nothing needs reading. */
static void set(struct bench_alarm *alarm, int64_t at_ns)
{
    const struct itimerspec spec = {
        .it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};
    timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &spec, NULL);
    alarm->at_ns = at_ns;
}

static void ring_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct bench_alarm *alarm = arg;
    alarm->at_ns = -1; /* so that whatever is set next is a change */
    alarm->ring(alarm->arg);
    if (alarm->at_ns == -1)
        set(alarm, 0);
}

int bench_alarm_open(struct bench_alarm *alarm, struct shoal_loop *loop, bench_alarm_fn *ring,
                     void *arg)
{
    *alarm = (struct bench_alarm){.ring = ring, .arg = arg};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    alarm->event = event_new(shoal_loop_base(loop), fd, EV_READ | EV_PERSIST, ring_cb, alarm);
    if (!alarm->event || event_add(alarm->event, NULL) < 0) {
        if (alarm->event)
            event_free(alarm->event);
        alarm->event = NULL;
        close(fd);
        return -SHOAL_ENOMEM;
    }
    alarm->fd = fd;
    return 0;
}

void bench_alarm_close(struct bench_alarm *alarm)
{
    if (!alarm->event)
        return;
    event_free(alarm->event);
    alarm->event = NULL;
    close(alarm->fd);
}

void bench_alarm_set(struct bench_alarm *alarm, int64_t at_ns)
{
    if (at_ns != alarm->at_ns)
        set(alarm, at_ns);
}
