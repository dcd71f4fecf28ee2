/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output of a connection: what a callback writes goes out in one call; spans are not copied, and
 * buffers are moved; files; the marks and what they do to reading; the hard cap.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <shoal/buf.h>
#include <shoal/error.h>

#include "net/conn.h"
#include "net/conn_priv.h"
#include "support/connrig.h"
#include "support/failmalloc.h"

/* Limits with these marks and no others. */
static struct shoal_limits marks(size_t low, size_t high, size_t max)
{
    struct shoal_limits limits = connrig_no_limits;
    limits.out_low = low;
    limits.out_high = high;
    limits.out_max = max;
    return limits;
}

/* An unlinked file of `size` bytes, each its offset modulo 251. */
static int make_file(size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    char *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(unsigned char)(i % 251);
    assert_int_equal(write(fd, bytes, size), size);
    free(bytes);
    return fd;
}

static void assert_file_bytes(const char *bytes, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal((unsigned char)bytes[i], (from + i) % 251);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* Gathering */

static void write_in_pieces(struct shoal_conn *conn)
{
    assert_int_equal(shoal_conn_write(conn, "one ", 4), 0);
    assert_int_equal(shoal_conn_write_view(conn, shoal_view_of("two ")), 0);
    assert_int_equal(shoal_conn_printf(conn, "%s %d", "three", 4), 0);
    assert_int_equal(shoal_conn_pending(conn), 15);
}

static void what_a_callback_writes_goes_out_in_one_write(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.open = write_in_pieces;
    connbench_open(bench, NULL);
    assert_output(bench, "one two three 4"); /* when the callback has returned, not later */
    assert_int_equal(bench->wire.writes, 1);
    assert_int_equal(shoal_conn_pending(bench->conn), 0);
}

static void what_is_written_outside_a_callback_goes_out_at_the_end_of_the_turn(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    write_in_pieces(bench->conn);
    assert_int_equal(bench->wire.writes, 0);
    connrig_turns(&bench->rig, 1);
    assert_output(bench, "one two three 4");
    assert_int_equal(bench->wire.writes, 1);
}

/* More pieces than a gather has places for: none of them next to another in memory. */
static size_t echo_in_many_pieces(struct shoal_conn *conn, struct shoal_view in)
{
    for (size_t i = 0; i < in.size; i += 2)
        assert_int_equal(shoal_conn_write(conn, in.data + i, 1), 0);
    return in.size;
}

static void also_more_pieces_than_a_gather_holds_are_one_write(void **state)
{
    struct connbench *bench = *state;
    char text[601];
    char every_other[301];
    for (int i = 0; i < 600; i++)
        text[i] = (char)('a' + i % 26);
    text[600] = '\0';
    for (int i = 0; i < 300; i++)
        every_other[i] = text[2 * i];
    every_other[300] = '\0';
    bench->recorder.data = echo_in_many_pieces;
    connbench_open(bench, NULL);
    connbench_feed(bench, text);
    assert_output(bench, every_other);
    assert_int_equal(bench->wire.writes, 1);
}

static void write_much(struct shoal_conn *conn)
{
    char block[1000];
    for (int i = 0; i < 200; i++) {
        memset(block, 'a' + i % 26, sizeof(block));
        assert_int_equal(shoal_conn_write(conn, block, sizeof(block)), 0);
    }
}

static void more_than_the_scratch_holds_keeps_its_order(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.open = write_much;
    connbench_open(bench, NULL);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.written, 200 * 1000);
    for (int i = 0; i < 200 * 1000; i++)
        assert_int_equal(bench->wire.out[i], 'a' + i / 1000 % 26);
    assert_true(bench->wire.writes <= 2);
}

static const struct shoal__gather *gather_of(const struct shoal_conn *conn)
{
    return &conn->net->gather;
}

static size_t echo_and_look(struct shoal_conn *conn, struct shoal_view in)
{
    assert_int_equal(shoal_conn_write(conn, in.data, in.size), 0);
    assert_ptr_equal(gather_of(conn)->pieces[0].iov_base, in.data);
    assert_int_equal(gather_of(conn)->scratch_used, 0);
    char copy[4];
    memcpy(copy, in.data, sizeof(copy));
    assert_int_equal(shoal_conn_write(conn, copy, sizeof(copy)), 0);
    assert_int_equal(gather_of(conn)->scratch_used, sizeof(copy));
    memset(copy, 'x', sizeof(copy)); /* what is no span was copied */
    return in.size;
}

static void bytes_of_the_span_are_not_copied_and_others_are(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = echo_and_look;
    connbench_open(bench, NULL);
    connbench_feed(bench, "fish");
    assert_output(bench, "fishfish");
}

static size_t echo(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write(conn, in.data, in.size);
    return in.size;
}

static void a_steady_echo_allocates_nothing(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = echo;
    connbench_open(bench, NULL);
    connbench_feed(bench, "once");
    failmalloc_at(0);
    for (int i = 0; i < 20; i++)
        connbench_feed(bench, "and again");
    assert_int_equal(failmalloc_count(), 0);
    assert_int_equal(memwire_output(&bench->wire).size, 4 + 20 * 9);
}

static void an_echo_is_exact_when_the_wire_takes_one_byte_at_a_time(void **state)
{
    struct connbench *bench = *state;
    bench->recorder.data = echo;
    bench->wire.read_most = 1;
    bench->wire.write_most = 1;
    bench->wire.capacity = 2;
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "every byte counts");
    for (int i = 0; i < 60; i++) {
        connrig_turns(&bench->rig, 2);
        memwire_take(&bench->wire, 1);
    }
    assert_output(bench, "every byte counts");
}

static void a_short_write_keeps_the_rest_in_order(void **state)
{
    struct connbench *bench = *state;
    for (size_t fits = 0; fits <= 15; fits++) {
        struct memwire wire;
        memwire_init(&wire, bench->rig.loop);
        wire.capacity = fits;
        recorder_init(&bench->recorder);
        bench->recorder.open = write_in_pieces;
        struct shoal_conn *conn = connrig_open(&bench->rig, &wire, &bench->recorder, NULL);
        connrig_run(&bench->rig);
        assert_int_equal(wire.written, fits);
        assert_int_equal(shoal_conn_pending(conn), 15 - fits);
        shoal_conn_write(conn, " five", 5);
        memwire_take(&wire, fits);
        wire.capacity = MEMWIRE_ROOM;
        memwire_take(&wire, 0);
        connrig_run(&bench->rig);
        assert_text(memwire_output(&wire), "one two three 4 five");
        shoal_conn_close(conn, SHOAL_CLOSE_NOW);
        connrig_run(&bench->rig);
        memwire_fini(&wire);
    }
}

static void writability_is_asked_for_only_while_output_waits(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    assert_int_equal(bench->wire.watched, SHOAL__WATCH_READ);
    bench->wire.capacity = 2;
    shoal_conn_write(bench->conn, "four", 4);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.watched, SHOAL__WATCH_READ | SHOAL__WATCH_WRITE);
    memwire_take(&bench->wire, 2);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.watched, SHOAL__WATCH_READ);
    assert_output(bench, "four");
}

static void a_full_wire_is_not_tried_again_before_it_says_so(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "four", 4);
    connrig_run(&bench->rig);
    connbench_feed(bench, "input while output waits");
    assert_int_equal(bench->wire.writes, 1);
}

static void what_was_a_span_is_copied_outside_its_callback(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    connbench_feed(bench, "span");
    char *buffer = bench->conn->net->read_buffer;
    shoal_conn_write(bench->conn, buffer, 4);
    memset(buffer, 'x', 4);
    connrig_run(&bench->rig);
    assert_output(bench, "span");
}

static void empty_writes_are_nothing(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    struct shoal_buf *buf = shoal_buf_create();
    assert_int_equal(shoal_conn_write(bench->conn, NULL, 0), 0);
    assert_int_equal(shoal_conn_write_buf(bench->conn, buf), 0);
    assert_int_equal(shoal_conn_printf(bench->conn, "%s", ""), 0);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.writes, 0);
    shoal_buf_destroy(&buf);
}

static void printf_writes_texts_longer_than_any_small_buffer(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    assert_int_equal(shoal_conn_printf(bench->conn, "%0511d", 1), 0);
    assert_int_equal(shoal_conn_printf(bench->conn, "%0512d", 2), 0);
    assert_int_equal(shoal_conn_printf(bench->conn, "%05000d", 3), 0);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.written, 511 + 512 + 5000);
    assert_int_equal(bench->wire.out[510], '1');
    assert_int_equal(bench->wire.out[1022], '2');
    assert_int_equal(bench->wire.out[6022], '3');
}

/* Two connections */

static struct shoal_conn *other_conn;

static size_t write_to_both(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write(conn, "<", 1);
    shoal_conn_write(other_conn, in.data, in.size); /* a span of ours, so it must be copied */
    shoal_conn_write(conn, ">", 1);
    return in.size;
}

static void a_callback_may_write_to_other_connections(void **state)
{
    struct connbench *bench = *state;
    struct memwire wire;
    struct recorder *recorder = malloc(sizeof(*recorder));
    memwire_init(&wire, bench->rig.loop);
    recorder_init(recorder);
    other_conn = connrig_open(&bench->rig, &wire, recorder, NULL);
    bench->recorder.data = write_to_both;
    connbench_open(bench, NULL);
    memwire_feed_text(&bench->wire, "abc");
    connrig_run(&bench->rig);
    memset(bench->conn->net->read_buffer, 'x', 16);
    assert_output(bench, "<>");
    assert_int_equal(bench->wire.writes, 1);
    assert_text(memwire_output(&wire), "abc");

    shoal_conn_write(bench->conn, "1", 1); /* and so in turns, outside callbacks */
    shoal_conn_write(other_conn, "2", 1);
    shoal_conn_write(bench->conn, "3", 1);
    shoal_conn_write(other_conn, "4", 1);
    connrig_run(&bench->rig);
    assert_output(bench, "<>13");
    assert_text(memwire_output(&wire), "abc24");
    shoal_conn_close(other_conn, SHOAL_CLOSE_NOW);
    connrig_run(&bench->rig);
    memwire_fini(&wire);
    free(recorder);
}

/* Buffers */

static int released;

static void count_release(void *arg, const void *data, size_t size)
{
    (void)arg;
    (void)data;
    (void)size;
    released++;
}

static void a_buffer_is_moved_behind_what_was_written_before(void **state)
{
    static const char lent[] = "lent";
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    struct shoal_buf *buf = shoal_buf_create();
    released = 0;
    shoal_buf_append(buf, "own ", 4);
    shoal_buf_append_lent(buf, lent, 4, count_release, NULL);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "before ", 7);
    assert_int_equal(shoal_conn_write_buf(bench->conn, buf), 0);
    assert_int_equal(shoal_buf_size(buf), 0);
    shoal_conn_write(bench->conn, " after", 6);
    assert_int_equal(shoal_conn_pending(bench->conn), 21);
    connrig_run(&bench->rig);
    assert_int_equal(released, 0); /* moved, not copied: it is still in use */
    bench->wire.capacity = 100;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_output(bench, "before own lent after");
    assert_int_equal(released, 1);
    shoal_buf_destroy(&buf);
}

static void a_refused_buffer_stays_the_callers(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append(buf, "mine", 4);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    assert_int_equal(shoal_conn_write_buf(bench->conn, buf), -SHOAL_EPIPE);
    assert_int_equal(shoal_buf_size(buf), 4);
    shoal_buf_destroy(&buf);
}

static void close_from_release(void *arg, const void *data, size_t size)
{
    (void)data;
    (void)size;
    shoal_conn_close(arg, SHOAL_CLOSE_NOW);
}

static void a_release_function_may_close_the_connection(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append_lent(buf, "x", 1, close_from_release, bench->conn);
    shoal_conn_write_buf(bench->conn, buf);
    shoal_buf_append(buf, "y", 1);
    bench->wire.write_most = 1;
    shoal_conn_write_buf(bench->conn, buf);
    connrig_run(&bench->rig);
    assert_output(bench, "x");
    assert_notes(bench, "open close(local)");
    shoal_buf_destroy(&buf);
}

/* Files */

static void a_file_goes_out_between_what_surrounds_it(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    int fd = make_file(1000);
    shoal_conn_write(bench->conn, "<", 1);
    assert_int_equal(shoal_conn_send_file(bench->conn, fd, 100, 500, false), 0);
    shoal_conn_write(bench->conn, ">", 1);
    assert_int_equal(shoal_conn_pending(bench->conn), 502);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.written, 502);
    assert_file_bytes(bench->wire.out + 1, 100, 500);
    assert_int_equal(bench->wire.out[501], '>');
    assert_true(bench->wire.sendfiles > 0);
    assert_true(is_open(fd));
    close(fd);
}

static void a_large_file_goes_in_bounded_slices(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    size_t size = 5 * 1024 * 1024 + 7;
    int fd = make_file(size);
    assert_int_equal(shoal_conn_send_file(bench->conn, fd, 0, size, true), 0);
    connrig_turns(&bench->rig, 1);
    assert_true(bench->wire.written <= 1024 * 1024 + 256 * 1024); /* then others have a turn */
    assert_true(bench->wire.written / bench->wire.sendfiles <= 256 * 1024);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.written, size);
    assert_file_bytes(bench->wire.out, 0, size);
    assert_false(is_open(fd));
}

static void a_file_on_a_full_wire_goes_on_when_it_fits(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    int fd = make_file(5000);
    bench->wire.capacity = 700;
    shoal_conn_send_file(bench->conn, fd, 0, 5000, true);
    for (int i = 0; i < 10; i++) {
        connrig_run(&bench->rig);
        memwire_take(&bench->wire, 700);
    }
    assert_int_equal(bench->wire.written, 5000);
    assert_file_bytes(bench->wire.out, 0, 5000);
}

static void without_sendfile_the_bytes_are_read_and_written(void **state)
{
    struct connbench *bench = *state;
    struct shoal__transport transport = memwire_transport_without_sendfile(&bench->wire);
    bench->conn = connrig_open_on(&bench->rig, &bench->wire, &transport, &bench->recorder, NULL);
    int fd = make_file(100000);
    bench->wire.write_most = 9999;
    shoal_conn_send_file(bench->conn, fd, 0, 100000, true);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.written, 100000);
    assert_file_bytes(bench->wire.out, 0, 100000);
    assert_int_equal(bench->wire.sendfiles, 0);
}

static void check_short_file(struct connbench *bench, const struct shoal__transport *transport)
{
    bench->conn = connrig_open_on(&bench->rig, &bench->wire, transport, &bench->recorder, NULL);
    int fd = make_file(1000);
    assert_int_equal(shoal_conn_send_file(bench->conn, fd, 0, 1001, true), 0);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_FLUSH);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(failed)");
    assert_true(bench->wire.aborted);
    assert_true(bench->recorder.error < 0);
    assert_false(is_open(fd));
}

static void a_file_shorter_than_promised_cuts_the_connection(void **state)
{
    struct connbench *bench = *state;
    struct shoal__transport transport = memwire_transport(&bench->wire);
    check_short_file(bench, &transport);
}

static void so_it_does_without_sendfile(void **state)
{
    struct connbench *bench = *state;
    struct shoal__transport transport = memwire_transport_without_sendfile(&bench->wire);
    check_short_file(bench, &transport);
}

static void a_file_truncated_under_way_cuts_the_connection(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    int fd = make_file(1000);
    bench->wire.capacity = 400;
    shoal_conn_send_file(bench->conn, fd, 0, 1000, false);
    connrig_run(&bench->rig);
    assert_int_equal(ftruncate(fd, 500), 0);
    memwire_take(&bench->wire, 400);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(failed)");
    assert_true(bench->wire.aborted);
    close(fd);
}

static void a_bad_range_is_refused_and_the_descriptor_stays_the_callers(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    int fd = make_file(10);
    assert_int_equal(shoal_conn_send_file(bench->conn, fd, -1, 5, true), -SHOAL_EINVAL);
    assert_true(is_open(fd));
    assert_int_equal(shoal_conn_send_file(bench->conn, fd, 10, 0, true), 0); /* nothing, taken */
    assert_false(is_open(fd));
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
}

static void a_file_that_waits_is_closed_with_the_connection(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    int fd = make_file(10);
    bench->wire.capacity = 0;
    shoal_conn_send_file(bench->conn, fd, 0, 10, true);
    connrig_run(&bench->rig);
    shoal_conn_close(bench->conn, SHOAL_CLOSE_NOW);
    connrig_run(&bench->rig);
    assert_false(is_open(fd));
}

/* Marks */

static void writing_above_the_high_mark_says_so_and_the_low_mark_calls_on_drained(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(4, 10, 0);
    recorder_note_drained(&bench->recorder);
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    assert_int_equal(shoal_conn_write(bench->conn, "0123456789", 10), 0);
    assert_int_equal(shoal_conn_write(bench->conn, "x", 1), 1);
    assert_int_equal(shoal_conn_write(bench->conn, "y", 1), 1); /* taken all the same */
    assert_int_equal(shoal_conn_write(bench->conn, "", 0), 1);
    connrig_run(&bench->rig);
    bench->wire.capacity = 7;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_notes(bench, "open"); /* five wait: not low yet */
    bench->wire.capacity = 8;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_notes(bench, "open drained");
    memwire_take(&bench->wire, 8);
    connrig_run(&bench->rig);
    assert_output(bench, "0123456789xy");
    assert_notes(bench, "open drained");
}

static void write_until_high(struct shoal_conn *conn)
{
    struct recorder *recorder = recorder_of(conn);
    while (recorder->number < 100 && shoal_conn_write(conn, "0123456789", 10) == 0)
        recorder->number++;
}

struct late_write {
    struct shoal_task task;
    struct shoal_conn *conn;
};

static void write_late(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    shoal_conn_write(((struct late_write *)arg)->conn, "high again", 10);
}

static void on_drained_does_not_come_where_the_mark_was_passed_again_meanwhile(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(0, 5, 0);
    struct late_write late = {.task = SHOAL_TASK(write_late, &late)};
    recorder_note_drained(&bench->recorder);
    connbench_open(bench, &limits);
    late.conn = bench->conn;
    bench->wire.capacity = 6;
    shoal_conn_write(bench->conn, "twelve bytes", 12);
    connrig_run(&bench->rig);
    memwire_take(&bench->wire, 6);            /* sinks to the low mark in the next turn, */
    shoal_defer(bench->rig.loop, &late.task); /* and rises in the same */
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    memwire_take(&bench->wire, 6);
    connrig_run(&bench->rig);
    assert_notes(bench, "open");
    memwire_take(&bench->wire, 6);
    connrig_run(&bench->rig);
    assert_notes(bench, "open drained");
}

static void a_producer_driven_by_on_drained_sends_everything(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(5, 30, 0);
    bench->recorder.open = write_until_high;
    bench->recorder.drained = write_until_high;
    recorder_note_drained(&bench->recorder);
    bench->wire.capacity = 17;
    connbench_open(bench, &limits);
    for (int i = 0; i < 200; i++) {
        connrig_turns(&bench->rig, 4);
        assert_true(shoal_conn_pending(bench->conn) <= 40);
        memwire_take(&bench->wire, 17);
    }
    assert_true(bench->recorder.number >= 100);
    assert_int_equal(shoal_conn_pending(bench->conn), 0);
    assert_int_equal(bench->wire.written % 10, 0);
}

static void on_drained_comes_also_where_all_of_it_could_be_sent_at_once(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(0, 5, 0);
    recorder_note_drained(&bench->recorder);
    connbench_open(bench, &limits);
    assert_int_equal(shoal_conn_write(bench->conn, "sixsix", 6), 1);
    connrig_run(&bench->rig);
    assert_notes(bench, "open drained");
}

static void above_the_high_mark_nothing_is_read(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(2, 8, 0);
    bench->recorder.data = echo;
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    connbench_feed(bench, "0123456789");
    assert_int_equal(shoal_conn_pending(bench->conn), 10);
    unsigned reads = bench->wire.reads;
    connbench_feed(bench, "abc");
    assert_int_equal(bench->wire.reads, reads);
    bench->wire.capacity = 8;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(10) data(3)");
    memwire_take(&bench->wire, 8);
    connrig_run(&bench->rig);
    assert_output(bench, "0123456789abc");
}

static size_t double_one_byte(struct shoal_conn *conn, struct shoal_view in)
{
    shoal_conn_write(conn, in.data, 1);
    shoal_conn_write(conn, in.data, 1);
    if (in.size > 1)
        shoal_conn_again(conn);
    return 1;
}

static void kept_input_waits_for_the_low_mark_and_the_end_does_too(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(0, 1, 0);
    bench->recorder.data = double_one_byte;
    recorder_note_end(&bench->recorder);
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    memwire_feed_text(&bench->wire, "ab");
    memwire_end(&bench->wire);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(2)");
    bench->wire.capacity = 2;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(2) data(1)");
    memwire_take(&bench->wire, 2);
    connrig_run(&bench->rig);
    assert_notes(bench, "open data(2) data(1) end(0)");
    assert_output(bench, "aabb");
}

static void files_count_for_the_marks_and_not_for_the_hard_cap(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(10, 100, 500);
    recorder_note_drained(&bench->recorder);
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    int fd = make_file(1000);
    assert_int_equal(shoal_conn_send_file(bench->conn, fd, 0, 1000, true), 1);
    connrig_run(&bench->rig);
    unsigned reads = bench->wire.reads;
    connbench_feed(bench, "another request");
    assert_int_equal(bench->wire.reads, reads);
    assert_notes(bench, "open");
    bench->wire.capacity = 1000;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_notes(bench, "open drained data(15)");
}

static void above_the_hard_cap_the_peer_is_cut(void **state)
{
    struct connbench *bench = *state;
    struct shoal_limits limits = marks(2, 4, 10);
    connbench_open(bench, &limits);
    bench->wire.capacity = 0;
    assert_int_equal(shoal_conn_write(bench->conn, "0123456789", 10), 1);
    assert_int_equal(shoal_conn_write(bench->conn, "x", 1), -SHOAL_EPIPE);
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(slow_reader)");
    assert_true(bench->wire.aborted);
}

static void zero_switches_marks_and_cap_off(void **state)
{
    struct connbench *bench = *state;
    recorder_note_drained(&bench->recorder);
    connbench_open(bench, NULL);
    bench->wire.capacity = 0;
    char *block = calloc(1, 1000000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(shoal_conn_write(bench->conn, block, 1000000), 0);
    free(block);
    bench->wire.capacity = MEMWIRE_ROOM;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_int_equal(bench->wire.written, 3000000);
    assert_notes(bench, "open");
}

/* Trouble */

static void a_failed_write_closes_with_the_error(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    shoal_conn_write(bench->conn, "x", 1);
    bench->wire.error = -EPIPE;
    connrig_run(&bench->rig);
    assert_notes(bench, "open close(reset)");
    assert_int_equal(bench->recorder.error, -EPIPE);
}

static void output_without_memory_takes_nothing(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "first ", 6);
    connrig_run(&bench->rig);
    char *large = calloc(1, 200000);
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append(buf, "third", 5);
    failmalloc_from(1);
    assert_int_equal(shoal_conn_write(bench->conn, large, 200000), -SHOAL_ENOMEM);
    assert_int_equal(shoal_conn_pending(bench->conn), 6);
    assert_int_equal(shoal_conn_write_buf(bench->conn, buf), 0); /* needs none */
    failmalloc_off();
    bench->wire.capacity = 100;
    memwire_take(&bench->wire, 0);
    connrig_run(&bench->rig);
    assert_output(bench, "first third");
    shoal_buf_destroy(&buf);
    free(large);
}

static void a_gather_that_cannot_be_kept_stays_a_gather(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    char *large = calloc(1, 200000);
    struct shoal_buf *buf = shoal_buf_create();
    shoal_buf_append(buf, "buf", 3);
    shoal_conn_write(bench->conn, "kept", 4);
    failmalloc_from(1);
    assert_int_equal(shoal_conn_write(bench->conn, large, 200000), -SHOAL_ENOMEM);
    assert_int_equal(shoal_conn_write_buf(bench->conn, buf), -SHOAL_ENOMEM);
    assert_int_equal(shoal_conn_send_file(bench->conn, 0, 0, 5, false), -SHOAL_ENOMEM);
    failmalloc_off();
    assert_int_equal(shoal_buf_size(buf), 3);
    assert_int_equal(shoal_conn_pending(bench->conn), 4);
    connrig_run(&bench->rig);
    assert_output(bench, "kept");
    shoal_buf_destroy(&buf);
    free(large);
}

static void a_write_that_cannot_be_kept_ends_the_connection_for_memory(void **state)
{
    struct connbench *bench = *state;
    connbench_open(bench, NULL);
    bench->wire.capacity = 0;
    shoal_conn_write(bench->conn, "lost", 4);
    failmalloc_from(1);
    connrig_run(&bench->rig);
    failmalloc_off();
    assert_notes(bench, "open close(memory)");
    assert_int_equal(bench->recorder.error, -SHOAL_ENOMEM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, connbench_start, connbench_stop)
    const struct CMUnitTest tests[] = {
        TEST(what_a_callback_writes_goes_out_in_one_write),
        TEST(what_is_written_outside_a_callback_goes_out_at_the_end_of_the_turn),
        TEST(also_more_pieces_than_a_gather_holds_are_one_write),
        TEST(more_than_the_scratch_holds_keeps_its_order),
        TEST(bytes_of_the_span_are_not_copied_and_others_are),
        TEST(a_steady_echo_allocates_nothing),
        TEST(an_echo_is_exact_when_the_wire_takes_one_byte_at_a_time),
        TEST(a_short_write_keeps_the_rest_in_order),
        TEST(writability_is_asked_for_only_while_output_waits),
        TEST(a_full_wire_is_not_tried_again_before_it_says_so),
        TEST(what_was_a_span_is_copied_outside_its_callback),
        TEST(empty_writes_are_nothing),
        TEST(printf_writes_texts_longer_than_any_small_buffer),
        TEST(a_callback_may_write_to_other_connections),
        TEST(a_buffer_is_moved_behind_what_was_written_before),
        TEST(a_refused_buffer_stays_the_callers),
        TEST(a_release_function_may_close_the_connection),
        TEST(a_file_goes_out_between_what_surrounds_it),
        TEST(a_large_file_goes_in_bounded_slices),
        TEST(a_file_on_a_full_wire_goes_on_when_it_fits),
        TEST(without_sendfile_the_bytes_are_read_and_written),
        TEST(a_file_shorter_than_promised_cuts_the_connection),
        TEST(so_it_does_without_sendfile),
        TEST(a_file_truncated_under_way_cuts_the_connection),
        TEST(a_bad_range_is_refused_and_the_descriptor_stays_the_callers),
        TEST(a_file_that_waits_is_closed_with_the_connection),
        TEST(writing_above_the_high_mark_says_so_and_the_low_mark_calls_on_drained),
        TEST(on_drained_does_not_come_where_the_mark_was_passed_again_meanwhile),
        TEST(a_producer_driven_by_on_drained_sends_everything),
        TEST(on_drained_comes_also_where_all_of_it_could_be_sent_at_once),
        TEST(above_the_high_mark_nothing_is_read),
        TEST(kept_input_waits_for_the_low_mark_and_the_end_does_too),
        TEST(files_count_for_the_marks_and_not_for_the_hard_cap),
        TEST(above_the_hard_cap_the_peer_is_cut),
        TEST(zero_switches_marks_and_cap_off),
        TEST(a_failed_write_closes_with_the_error),
        TEST(output_without_memory_takes_nothing),
        TEST(a_gather_that_cannot_be_kept_stays_a_gather),
        TEST(a_write_that_cannot_be_kept_ends_the_connection_for_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
