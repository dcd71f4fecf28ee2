/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The corpus of hostile and legal requests: every file of tests/corpus/http1, each with a request
 * for /SMUG behind what must be refused, against the table of expected answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http1_wire.h"

struct expected {
    char name[64];
    unsigned messages;
    char verdict[32];
};

typedef void (*check_fn)(const struct expected *expected, struct shoal_view bytes);

static struct shoal_view slurp(const char *name)
{
    static char bytes[65536];
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.http", HTTP1_CORPUS, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_in_range(size, 1, sizeof(bytes) - 1);
    return shoal_view(bytes, size);
}

/* Calls `check` for every file of the table and returns how many there were. */
static unsigned for_each_file(check_fn check)
{
    FILE *table = fopen(HTTP1_CORPUS "/expected.txt", "r");
    assert_non_null(table);
    unsigned files = 0;
    char line[256];
    while (fgets(line, sizeof(line), table)) {
        struct expected expected;
        if (line[0] == '#')
            continue;
        assert_int_equal(
            sscanf(line, "%63s %u %31s", expected.name, &expected.messages, expected.verdict), 3);
        check(&expected, slurp(expected.name));
        files++;
    }
    fclose(table);
    return files;
}

/* The refusal at the transcript's end, or "OK". */
static const char *verdict_of(const struct http1_wire *wire)
{
    const char *refusal = strstr(http1_wire_log(wire), "REFUSED ");
    if (refusal)
        return refusal + strlen("REFUSED ");
    return strstr(http1_wire_log(wire), "CUT SHORT") ? "CUT SHORT" : "OK";
}

static void check_answer(const struct expected *expected, struct shoal_view bytes)
{
    struct http1_wire wire;
    http1_wire_start(&wire);
    wire = http1_wire_run(&wire, bytes, bytes.size);
    if (strcmp(verdict_of(&wire), expected->verdict) != 0 || wire.messages != expected->messages)
        fail_msg("%s: expected %u %s, got %u %s", expected->name, expected->messages,
                 expected->verdict, wire.messages, verdict_of(&wire));
    http1_wire_free(&wire);
}

static void check_smuggled(const struct expected *expected, struct shoal_view bytes)
{
    struct http1_wire wire;
    http1_wire_start(&wire);
    wire = http1_wire_run(&wire, bytes, 7);
    if (strstr(http1_wire_log(&wire), ") /SMUG "))
        fail_msg("%s: the request behind was executed", expected->name);
    http1_wire_free(&wire);
}

static void check_cuts(const struct expected *expected, struct shoal_view bytes)
{
    (void)expected;
    struct http1_wire wire;
    http1_wire_start(&wire);
    http1_wire_assert_cuts_leave_no_trace(&wire, bytes, bytes.size < 2000 ? 1 : 97);
}

static void every_file_gets_its_expected_answer(void **state)
{
    (void)state;
    assert_true(for_each_file(check_answer) >= 129);
}

static void nothing_behind_a_refusal_or_a_close_is_executed(void **state)
{
    (void)state;
    for_each_file(check_smuggled);
}

static void every_file_gets_the_same_answer_wherever_it_is_cut(void **state)
{
    (void)state;
    for_each_file(check_cuts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_gets_its_expected_answer),
        cmocka_unit_test(nothing_behind_a_refusal_or_a_close_is_executed),
        cmocka_unit_test(every_file_gets_the_same_answer_wherever_it_is_cut),
    };
    return cmocka_run_group_tests_name("http1 corpus", tests, NULL, NULL);
}
