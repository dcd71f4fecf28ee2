/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table: flags, environment, and the sentences for what is wrong. */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nearest.h"

static const struct command echo_command = {"echo", FOR_ECHO, NULL, "Echo.", NULL};
static const struct command serve_command = {"serve", FOR_SERVE, "[SERVICE=URL...]", "All.", NULL};
static const struct command fish_command = {"fish", FOR_FISH, NULL, "Fish.", NULL};

static struct options options;
static char error[OPTIONS_ERROR_MAX];

/* Parses up to eight words; the list ends with NULL. */
static enum options_outcome parse(const struct command *command, ...)
{
    static char words[10][128];
    static char *argv[10]; /* the options point into it */
    argv[0] = words[0];
    int argc = 1;
    va_list args;
    va_start(args, command);
    for (const char *word; (word = va_arg(args, const char *)) != NULL; argc++) {
        strcpy(words[argc], word);
        argv[argc] = words[argc];
    }
    va_end(args);
    argv[argc] = NULL;
    error[0] = '\0';
    return options_parse(command, argc, argv, &options, error);
}

static void without_options_the_defaults_hold(void **state)
{
    (void)state;
    assert_int_equal(parse(&echo_command, NULL), OPTIONS_RUN);
    assert_int_equal(options.loops, 0);
    assert_int_equal(options.workers, -1);
    assert_int_equal(options.accept, SHOAL_ACCEPT_DEFAULT);
    assert_int_equal(options.idle_timeout_ms, 60000);
    assert_int_equal(options.drain_timeout_ms, 10000);
    assert_int_equal(options.settle_ms, 50);
    assert_int_equal(options.listen_count, 0);
    assert_false(options.quiet);
}

static void every_spelling_of_a_flag_is_taken(void **state)
{
    (void)state;
    assert_int_equal(parse(&echo_command, "-n2", "--workers=3", "--idle-timeout", "5m", "-qvv",
                           "-l", "tcp://:1", "--listen=unix:/x", NULL),
                     OPTIONS_RUN);
    assert_int_equal(options.loops, 2);
    assert_int_equal(options.workers, 3);
    assert_int_equal(options.idle_timeout_ms, 300000);
    assert_int_equal(options.verbosity, 2);
    assert_true(options.quiet);
    assert_int_equal(options.listen_count, 2);
    assert_string_equal(options.listen[0], "tcp://:1");
    assert_string_equal(options.listen[1], "unix:/x");
}

static void auto_and_zero_have_their_meanings(void **state)
{
    (void)state;
    assert_int_equal(parse(&echo_command, "--loops=auto", "--workers=auto", NULL), OPTIONS_RUN);
    assert_int_equal(options.loops, 0);
    assert_int_equal(options.workers, -1);
    assert_int_equal(parse(&echo_command, "--workers=0", "--idle-timeout=0", NULL), OPTIONS_RUN);
    assert_int_equal(options.workers, 0);
    assert_int_equal(options.idle_timeout_ms, 0);
}

static void help_and_version_win(void **state)
{
    (void)state;
    assert_int_equal(parse(&echo_command, "--help", NULL), OPTIONS_HELP);
    assert_int_equal(parse(&echo_command, "-h", "--nonsense", NULL), OPTIONS_HELP);
    assert_int_equal(parse(&echo_command, "-V", NULL), OPTIONS_VERSION);
}

static void what_is_wrong_is_told_in_one_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *value;
        const char *sentence;
    } table[] = {
        {"--idle-timout", NULL, "unknown option '--idle-timout' (did you mean '--idle-timeout'?)"},
        {"--idle-timout=5s", NULL,
         "unknown option '--idle-timout' (did you mean '--idle-timeout'?)"},
        {"--prices", "x", "unknown option '--prices' (did you mean '--pin'?)"},
        {"-z", NULL, "unknown option '-z' (did you mean '--pin'?)"},
        {"--loops", NULL, "option '--loops' needs a value: a number from 1 to 1024, or 'auto'"},
        {"-n", NULL, "option '--loops' needs a value: a number from 1 to 1024, or 'auto'"},
        {"--loops", "0", "option '--loops': expected a number from 1 to 1024, or 'auto', not '0'"},
        {"--loops", "-1",
         "option '--loops': expected a number from 1 to 1024, or 'auto', not '-1'"},
        {"-n", "1025", "option '--loops': expected a number from 1 to 1024, or 'auto', not '1025'"},
        {"--workers", "x",
         "option '--workers': expected a number from 0 to 1024, or 'auto', not 'x'"},
        {"--max-connections", "4294967296",
         "option '--max-connections': expected a whole number up to 4294967295, not "
         "'4294967296'"},
        {"--idle-timeout", "5 s",
         "option '--idle-timeout': expected a duration such as 500ms, 60s, 5m or 1h, not '5 s'"},
        {"--accept", "luck",
         "option '--accept': expected 'handoff', 'least-of-two' or 'reuseport', not 'luck'"},
        {"--quiet=1", NULL, "option '--quiet' takes no value"},
        {"tcp://:1", NULL, "unexpected argument 'tcp://:1'"},
        {"a\nb", NULL, "unexpected argument 'a\\x0Ab'"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char expected[OPTIONS_ERROR_MAX];
        snprintf(expected, sizeof(expected), "shoal echo: %s; try 'shoal echo --help'",
                 table[i].sentence);
        assert_int_equal(parse(&echo_command, table[i].word, table[i].value, NULL), OPTIONS_WRONG);
        assert_string_equal(error, expected);
    }
}

static void a_command_has_its_own_options_only(void **state)
{
    (void)state;
    assert_int_equal(parse(&fish_command, "--settle=10ms", "--prices", "f", NULL), OPTIONS_RUN);
    assert_int_equal(options.settle_ms, 10);
    assert_string_equal(options.prices, "f");
    assert_int_equal(parse(&echo_command, "--settle=10ms", NULL), OPTIONS_WRONG);
    assert_int_equal(parse(&serve_command, "--listen=tcp://:1", NULL), OPTIONS_WRONG);
}

static void arguments_are_for_commands_that_take_them(void **state)
{
    (void)state;
    assert_int_equal(parse(&serve_command, "echo=tcp://:1", "-q", "fish=tcp://:2", NULL),
                     OPTIONS_RUN);
    assert_int_equal(options.argument_count, 2);
    assert_string_equal(options.arguments[0], "echo=tcp://:1");
    assert_string_equal(options.arguments[1], "fish=tcp://:2");
}

static void the_environment_is_read_and_flags_win(void **state)
{
    (void)state;
    setenv("SHOAL_IDLE_TIMEOUT", "7s", 1);
    setenv("SHOAL_LOOPS", "3", 1);
    setenv("SHOAL_LISTEN", "tcp://:1", 1);
    setenv("SHOAL_QUIET", "yes", 1);
    setenv("SHOAL_VERBOSE", "2", 1);
    setenv("SHOAL_SETTLE", "nonsense, but not for echo", 1);
    assert_int_equal(parse(&echo_command, "--loops=4", NULL), OPTIONS_RUN);
    assert_int_equal(options.idle_timeout_ms, 7000);
    assert_int_equal(options.loops, 4);
    assert_true(options.quiet);
    assert_int_equal(options.verbosity, 2);
    assert_string_equal(options.listen[0], "tcp://:1");

    assert_int_equal(parse(&echo_command, "-l", "tcp://:2", "-l", "tcp://:3", NULL), OPTIONS_RUN);
    assert_int_equal(options.listen_count, 2);
    assert_string_equal(options.listen[0], "tcp://:2");
    unsetenv("SHOAL_IDLE_TIMEOUT");
    unsetenv("SHOAL_LOOPS");
    unsetenv("SHOAL_LISTEN");
    unsetenv("SHOAL_QUIET");
    unsetenv("SHOAL_VERBOSE");
    unsetenv("SHOAL_SETTLE");
}

static void a_wrong_variable_is_named(void **state)
{
    (void)state;
    setenv("SHOAL_MAX_PER_ADDRESS", "many", 1);
    assert_int_equal(parse(&echo_command, NULL), OPTIONS_WRONG);
    unsetenv("SHOAL_MAX_PER_ADDRESS");
    assert_string_equal(error, "shoal echo: environment variable SHOAL_MAX_PER_ADDRESS: expected a "
                               "whole number up to 4294967295, not 'many'; try 'shoal echo "
                               "--help'");
}

static void too_many_listeners_are_refused(void **state)
{
    (void)state;
    static char flag[] = "-ltcp://:0";
    char *argv[MOST_LISTENS + 3] = {flag};
    for (int i = 1; i <= MOST_LISTENS + 1; i++)
        argv[i] = flag;
    assert_int_equal(options_parse(&echo_command, MOST_LISTENS + 1, argv, &options, error),
                     OPTIONS_RUN);
    assert_int_equal(options.listen_count, MOST_LISTENS);
    assert_int_equal(options_parse(&echo_command, MOST_LISTENS + 2, argv, &options, error),
                     OPTIONS_WRONG);
}

static void help_names_every_option_and_its_variable(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    options_help(&fish_command, out);
    fclose(out);
    assert_non_null(strstr(text, "Usage: shoal fish [OPTION...]\nFish.\n"));
    assert_non_null(strstr(text, "-l, --listen URL"));
    assert_non_null(strstr(text, "--settle DURATION"));
    assert_non_null(strstr(text, "SHOAL_DRAIN_TIMEOUT"));
    assert_non_null(strstr(text, "-h, --help"));
    assert_null(strstr(text, "SHOAL_HELP"));
    assert_null(strstr(text, "--allow-shutdown"));
    free(text);
}

static void the_nearest_name_needs_the_fewest_edits(void **state)
{
    (void)state;
    static const char *const names[] = {"serve", "echo", "fish", "fishermen", "console"};
    assert_string_equal(nearest_name("ehco", names, 5), "echo");
    assert_string_equal(nearest_name("fishes", names, 5), "fish");
    assert_string_equal(nearest_name("fisherman", names, 5), "fishermen");
    assert_string_equal(nearest_name("", names, 5), "echo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_defaults_hold),
        cmocka_unit_test(every_spelling_of_a_flag_is_taken),
        cmocka_unit_test(auto_and_zero_have_their_meanings),
        cmocka_unit_test(help_and_version_win),
        cmocka_unit_test(what_is_wrong_is_told_in_one_sentence),
        cmocka_unit_test(a_command_has_its_own_options_only),
        cmocka_unit_test(arguments_are_for_commands_that_take_them),
        cmocka_unit_test(the_environment_is_read_and_flags_win),
        cmocka_unit_test(a_wrong_variable_is_named),
        cmocka_unit_test(too_many_listeners_are_refused),
        cmocka_unit_test(help_names_every_option_and_its_variable),
        cmocka_unit_test(the_nearest_name_needs_the_fewest_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
