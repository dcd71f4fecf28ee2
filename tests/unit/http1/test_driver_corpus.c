/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The corpus of hostile and legal requests, through the driver: as many requests are executed as
 * the table says, a refusal is answered and closes, and the request for /SMUG that follows what
 * must be refused is never told to anybody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "driver_rig.h"
#include "net/conn.h"
#include "proto/http1/http1_parser.h"

struct expected {
    char name[64];
    unsigned messages;
    char verdict[32];
};

/* Requests that came whole; what a driver learns of one when its body has ended. */
static unsigned whole;

static void note_whole(struct shoal__stream *stream)
{
    whole++;
    rig_reply_empty(stream, 200);
}

static void answer_at_the_end(struct shoal__stream *stream, const struct shoal__head *head,
                              bool end)
{
    if (head->path.size == 5 && memcmp(head->path.data, "/SMUG", 5) == 0)
        fail_msg("the request behind was executed");
    if (end)
        note_whole(stream);
}

static const char *status_of(const char *verdict)
{
    static const struct {
        const char *name, *status;
    } table[] = {
#define ROW(name, status, text) {#name, #status},
        SHOAL_HTTP1_REFUSALS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(verdict, table[i].name) == 0)
            return table[i].status;
    return NULL;
}

static struct shoal_view slurp(const char *name)
{
    static char bytes[65536];
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.http", HTTP1_CORPUS, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    return shoal_view(bytes, size);
}

static void send_in_pieces(struct shoal_view bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.size; at += piece)
        rig_feed_bytes(bytes.data + at, bytes.size - at < piece ? bytes.size - at : piece);
    rig_end();
}

static void check(const struct expected *expected, size_t piece)
{
    rig.silent = true;
    rig.on_request = answer_at_the_end;
    rig.on_end = note_whole;
    whole = 0;
    rig_open();
    send_in_pieces(slurp(expected->name), piece);

    char answer[32] = "HTTP/1.1 ";
    const char *status = status_of(expected->verdict);
    bool refused = strstr(strcat(answer, status ? status : "none"), " none") == NULL;
    const char *output = rig_output();
    if (strcmp(expected->verdict, "LARGE_BODY") == 0)
        return; /* the limit of the engine's own test */
    if (whole != expected->messages)
        fail_msg("%s: %u requests, expected %u", expected->name, whole, expected->messages);
    if (refused != (strstr(output, answer) != NULL))
        fail_msg("%s: expected %s, got \"%s\"", expected->name, expected->verdict, output);
    assert_true(rig_is_closed());
}

static void for_each_file(void **state, size_t piece)
{
    FILE *table = fopen(HTTP1_CORPUS "/expected.txt", "r");
    assert_non_null(table);
    char line[256];
    unsigned files = 0;
    while (fgets(line, sizeof(line), table)) {
        struct expected expected;
        if (line[0] == '#')
            continue;
        assert_int_equal(
            sscanf(line, "%63s %u %31s", expected.name, &expected.messages, expected.verdict), 3);
        check(&expected, piece);
        rig_teardown(state);
        rig_setup_server(state);
        files++;
    }
    fclose(table);
    assert_true(files >= 129);
}

static void every_file_gets_its_answer(void **state)
{
    for_each_file(state, SIZE_MAX / 2);
}

static void every_file_gets_its_answer_in_pieces(void **state)
{
    for_each_file(state, 61);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_server, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_file_gets_its_answer),
        TEST(every_file_gets_its_answer_in_pieces),
    };
    return cmocka_run_group_tests_name("http1 driver, corpus", tests, NULL, NULL);
}
