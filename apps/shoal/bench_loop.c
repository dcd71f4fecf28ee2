/* SPDX-License-Identifier: BSD-3-Clause */
/* A loop's part of the load; see bench_loop.h. */
#include "bench_loop.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <shoal/histogram.h>

#include "bench_progress.h"
#include "bench_target.h"
#include "options.h"

enum {
    CONNECTING_AT_ONCE = 64, /* less than any listen queue */
    GRACE_MS = 2000,         /* what is in flight at the end is waited for so long */
    BEAT_MS = 1000,
};

int64_t bench_loop_tick(struct bench_loop *self)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    self->now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    return self->now_ns;
}

static bool is_open_loop(const struct bench_loop *self)
{
    return self->pacer.per_second > 0;
}

/* Requests of the timetable that were due and have not been asked, or will yet be due. */
static bool has_timetable_left(const struct bench_loop *self)
{
    return is_open_loop(self) && self->next_due_ns < self->window.end_ns;
}

bool bench_loop_is_on(const struct bench_loop *self)
{
    return self->phase != BENCH_IDLE_PHASE && self->phase != BENCH_ENDED;
}

bool bench_loop_wants_more(const struct bench_loop *self)
{
    return self->phase == BENCH_RUNNING ||
           (self->phase == BENCH_ENDING && has_timetable_left(self));
}

static void tell_main(const struct bench_loop *self)
{
    eventfd_write(self->report_fd, 1);
}

/* Links */

static enum bench_role role_of(const struct options *options, uint64_t number)
{
    if (number < options->connections)
        return BENCH_ASKER;
    return number < options->connections + options->slow_readers ? BENCH_SLOW_READER : BENCH_IDLE;
}

static uint64_t count_links(const struct options *options)
{
    return options->connections + options->slow_readers + options->idle;
}

static size_t room_of(const struct bench_loop *self, uint64_t number)
{
    return bench_link_room(role_of(self->options, number), (unsigned)self->options->depth,
                           self->target->speaker->talk_size);
}

/* The links of all loops are numbered through; this loop has every n-th. */
static void init_links(struct bench_loop *self, uint64_t all)
{
    char *room = self->rooms;
    for (size_t i = 0; i < self->link_count; i++) {
        uint64_t number = self->index + i * self->plan->loops;
        self->links[i] = (struct bench_link){.loop = self,
                                             .target = self->target,
                                             .role = role_of(self->options, number),
                                             .serial = number - all,
                                             .serial_step = all,
                                             .depth = (unsigned)self->options->depth};
        bench_link_init(&self->links[i], room);
        room += room_of(self, number);
    }
}

bool bench_loop_init(struct bench_loop *self, const struct options *options, unsigned index)
{
    uint64_t all = count_links(options);
    size_t room = 0;
    self->options = options;
    self->index = index;
    for (uint64_t number = index; number < all; number += self->plan->loops) {
        self->link_count++;
        room += room_of(self, number);
    }
    self->links = calloc(self->link_count + 1, sizeof(self->links[0]));
    self->rooms = calloc(1, room + 1);
    bool counted = bench_stats_init(&self->stats) && bench_stats_init(&self->recent);
    if (!self->links || !self->rooms || !counted)
        return false;
    init_links(self, all);
    return true;
}

void bench_loop_free(struct bench_loop *self)
{
    free(self->links);
    free(self->rooms);
    bench_stats_free(&self->stats);
    bench_stats_free(&self->recent);
}

/* Counting */

void bench_loop_count_bytes(struct bench_loop *self, uint64_t out, uint64_t in)
{
    self->recent.bytes_out += out;
    self->recent.bytes_in += in;
    if (self->now_ns < self->window.begin_ns || self->now_ns >= self->window.end_ns)
        return;
    self->stats.bytes_out += out;
    self->stats.bytes_in += in;
}

void bench_loop_count_answer(struct bench_loop *self, int64_t due_ns)
{
    static const struct bench_window always = {0, INT64_MAX};
    bench_stats_answer(&self->stats, &self->window, due_ns, self->now_ns);
    bench_stats_answer(&self->recent, &always, due_ns, self->now_ns);
}

/* Connecting */

static void connect_some(struct bench_loop *self)
{
    while (self->connecting < CONNECTING_AT_ONCE && self->to_connect < self->link_count) {
        self->connecting++;
        bench_link_connect(&self->links[self->to_connect++]);
    }
}

static void connect_more(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct bench_loop *self = arg;
    self->connect_deferred = false;
    if (bench_loop_is_on(self))
        connect_some(self);
}

/* The next ones are begun in another turn: this may be called from inside of connect_some(). */
void bench_loop_link_tried(struct bench_loop *self, struct bench_link *link, int error)
{
    if (error < 0 && self->first_error == 0)
        self->first_error = error;
    if (link->tried)
        return;
    link->tried = true;
    atomic_fetch_add_explicit(&self->first_opened, error == 0, memory_order_relaxed);
    self->tried++;
    self->connecting--;
    if (self->tried == self->link_count) {
        tell_main(self);
    } else if (!self->connect_deferred && self->to_connect < self->link_count) {
        self->connect_deferred = true;
        shoal_defer(self->loop, &self->connect_task);
    }
}

void bench_loop_connect(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct bench_loop *self = arg;
    self->phase = BENCH_CONNECTING;
    if (self->link_count == 0)
        tell_main(self);
    connect_some(self);
}

/* Asking */

static void push_ready(struct bench_loop *self, struct bench_link *link)
{
    if (link->queued || !bench_link_can_ask(link))
        return;
    link->queued = true;
    link->next = NULL;
    if (self->ready_head)
        self->ready_tail->next = link;
    else
        self->ready_head = link;
    self->ready_tail = link;
}

/* A link may have lost its connection while it was queued. */
static struct bench_link *pop_ready(struct bench_loop *self)
{
    struct bench_link *link;
    do {
        link = self->ready_head;
        if (!link)
            return NULL;
        self->ready_head = link->next;
        link->queued = false;
    } while (!bench_link_can_ask(link));
    return link;
}

static void set_next_due(struct bench_loop *self)
{
    self->next_due_ns = bench_pacer_due_ns(&self->pacer, self->issued);
}

/* Asks what is due and can be asked. `by_alarm`: links were ready before it was due, so that what
 * is late now is late by this program's fault. */
static void issue_due(struct bench_loop *self, bool by_alarm)
{
    while (has_timetable_left(self) && self->next_due_ns <= self->now_ns) {
        struct bench_link *link = pop_ready(self);
        if (!link)
            break;
        if (by_alarm)
            shoal_histogram_record(self->stats.late, (uint64_t)(self->now_ns - self->next_due_ns));
        bench_link_ask(link, self->next_due_ns);
        self->issued++;
        set_next_due(self);
        push_ready(self, link);
    }
    if (self->ready_head && has_timetable_left(self))
        bench_alarm_set(&self->alarm, self->next_due_ns);
}

static void on_alarm(void *arg)
{
    struct bench_loop *self = arg;
    bench_loop_tick(self);
    if (bench_loop_wants_more(self))
        issue_due(self, true);
}

void bench_loop_link_free(struct bench_loop *self, struct bench_link *link, int64_t since_ns)
{
    if (is_open_loop(self)) {
        push_ready(self, link);
        if (bench_loop_wants_more(self))
            issue_due(self, false);
    } else {
        while (self->phase == BENCH_RUNNING && self->now_ns < self->window.end_ns &&
               bench_link_can_ask(link))
            bench_link_ask(link, since_ns);
    }
    bench_loop_check_end(self);
}

/* The phases */

static int64_t ms_until(const struct bench_loop *self, int64_t at_ns)
{
    int64_t ms = (at_ns - self->now_ns + 999999) / 1000000;
    return ms > 0 ? ms : 0;
}

void bench_loop_begin(struct shoal_loop *loop, void *arg)
{
    struct bench_loop *self = arg;
    bench_loop_tick(self);
    self->window = self->plan->window;
    self->pacer = (struct bench_pacer){.start_ns = self->plan->start_ns,
                                       .per_second = self->options->rate,
                                       .loop = self->index,
                                       .loops = self->plan->loops};
    self->phase = BENCH_RUNNING;
    if (is_open_loop(self))
        set_next_due(self);
    shoal_timer_start(loop, &self->end_timer, ms_until(self, self->window.end_ns));
    shoal_timer_start(loop, &self->beat, BEAT_MS);
    for (size_t i = 0; i < self->link_count; i++) {
        struct bench_link *link = &self->links[i];
        if (link->open && link->role == BENCH_SLOW_READER)
            bench_link_start_slow(link);
        else if (link->open && link->role == BENCH_ASKER)
            bench_loop_link_free(self, link, self->now_ns);
    }
}

static void publish(struct shoal_timer *timer, void *arg)
{
    struct bench_loop *self = arg;
    bench_progress_add(self->progress, &self->recent);
    shoal_timer_start(self->loop, timer, BEAT_MS);
}

/* What was due and could not even be asked waited, too. */
static void count_unasked(struct bench_loop *self)
{
    while (has_timetable_left(self) && self->next_due_ns < self->now_ns) {
        bench_stats_unanswered(&self->stats, &self->window, self->next_due_ns, self->now_ns);
        self->issued++;
        set_next_due(self);
    }
}

static void conclude(struct bench_loop *self)
{
    if (!bench_loop_is_on(self))
        return;
    bench_loop_tick(self);
    count_unasked(self);
    for (size_t i = 0; i < self->link_count; i++)
        bench_link_conclude(&self->links[i]);
    self->phase = BENCH_ENDED;
    shoal_timer_stop(&self->end_timer);
    shoal_timer_stop(&self->beat);
    bench_alarm_set(&self->alarm, 0);
    tell_main(self);
}

static void end_waiting(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    conclude(arg);
}

static void end_asking(struct shoal_timer *timer, void *arg)
{
    struct bench_loop *self = arg;
    bench_loop_tick(self);
    self->phase = BENCH_ENDING;
    shoal_timer_init(timer, end_waiting, self);
    shoal_timer_start(self->loop, timer, GRACE_MS);
    bench_loop_check_end(self);
}

void bench_loop_check_end(struct bench_loop *self)
{
    if (self->phase == BENCH_ENDING && self->in_flight == 0 && !has_timetable_left(self))
        conclude(self);
}

void bench_loop_cut(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct bench_loop *self = arg;
    if (self->phase != BENCH_RUNNING)
        return;
    self->window.end_ns = self->plan->cut_ns;
    end_asking(&self->end_timer, self);
}

void bench_loop_conclude(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    conclude(arg);
}

/* The server's hooks */

int bench_loop_start(struct bench_loop *self, struct shoal_loop *loop)
{
    self->loop = loop;
    self->thread = pthread_self();
    self->thread_id = gettid();
    self->connect_task = (struct shoal_task)SHOAL_TASK(connect_more, self);
    shoal_timer_init(&self->end_timer, end_asking, self);
    shoal_timer_init(&self->beat, publish, self);
    return bench_alarm_open(&self->alarm, loop, on_alarm, self);
}

void bench_loop_exit(struct bench_loop *self)
{
    bench_alarm_close(&self->alarm);
}
