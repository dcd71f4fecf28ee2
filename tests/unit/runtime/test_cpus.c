/* SPDX-License-Identifier: BSD-3-Clause */
/* Usable CPUs and memory: limits from made-up cgroup trees of both versions, and pinning. */
#include "runtime/cpus.h"

#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "runtime/memory.h"

static char root[] = "shoal-cpus-XXXXXX";

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "shoal-cpus-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

/* Writes a file below the root, and the directories that lead to it. */
static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static unsigned by_quota(void)
{
    char groups[512];
    char mount[512];
    snprintf(groups, sizeof groups, "%s/groups", root);
    snprintf(mount, sizeof mount, "%s/mount", root);
    return shoal__cpus_by_quota(groups, mount);
}

static void no_cgroups_mean_no_quota(void **state)
{
    (void)state;
    assert_int_equal(by_quota(), UINT_MAX);
    put("groups", "0::/\n");
    assert_int_equal(by_quota(), UINT_MAX);
}

static void version_2_is_read_and_rounded_up(void **state)
{
    (void)state;
    put("groups", "0::/a/b\n");
    put("mount/a/b/cpu.max", "250000 100000\n");
    assert_int_equal(by_quota(), 3);
    put("mount/a/b/cpu.max", "10000 100000\n");
    assert_int_equal(by_quota(), 1);
    put("mount/a/b/cpu.max", "max 100000\n");
    assert_int_equal(by_quota(), UINT_MAX);
}

static void the_least_quota_of_all_levels_counts(void **state)
{
    (void)state;
    put("groups", "0::/a/b\n");
    put("mount/a/b/cpu.max", "800000 100000\n");
    put("mount/a/cpu.max", "200000 100000\n");
    assert_int_equal(by_quota(), 2);
    put("mount/cpu.max", "100000 100000\n");
    assert_int_equal(by_quota(), 1);
}

static void version_1_is_read_under_either_name(void **state)
{
    (void)state;
    put("groups", "5:memory:/m\n4:cpu,cpuacct:/x\n0::/\n");
    put("mount/cpu,cpuacct/x/cpu.cfs_quota_us", "400000\n");
    put("mount/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    assert_int_equal(by_quota(), 4);
    put("mount/cpu/x/cpu.cfs_quota_us", "-1\n");
    put("mount/cpu/x/cpu.cfs_period_us", "100000\n");
    assert_int_equal(by_quota(), 4);
}

static void a_container_that_does_not_see_its_own_path_finds_the_root_of_its_mount(void **state)
{
    (void)state;
    put("groups", "4:cpu:/docker/0123\n");
    put("mount/cpu/cpu.cfs_quota_us", "150000\n");
    put("mount/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(by_quota(), 2);
}

static void nonsense_is_no_quota(void **state)
{
    (void)state;
    put("groups", "nonsense\n::\n0:cpuset:/\n0::/a\n");
    put("mount/a/cpu.max", "-5 100000\n");
    put("mount/cpu.max", "5 0\n");
    assert_int_equal(by_quota(), UINT_MAX);
}

static uint64_t memory(void)
{
    char groups[512];
    char mount[512];
    snprintf(groups, sizeof groups, "%s/groups", root);
    snprintf(mount, sizeof mount, "%s/mount", root);
    return shoal__memory_by_cgroup(groups, mount);
}

static void the_least_memory_of_all_levels_counts_in_both_versions(void **state)
{
    (void)state;
    assert_true(memory() == UINT64_MAX);
    put("groups", "0::/a/b\n");
    put("mount/a/b/memory.max", "max\n");
    assert_true(memory() == UINT64_MAX);
    put("mount/a/memory.max", "1073741824\n");
    assert_int_equal(memory(), 1073741824);
    put("groups", "5:cpu:/m\n4:memory:/m\n0::/a/b\n");
    put("mount/memory/m/memory.limit_in_bytes", "67108864\n");
    assert_int_equal(memory(), 67108864);
    assert_in_range(shoal__memory_usable(), 1024 * 1024, SIZE_MAX);
}

static void pinning_takes_one_cpu_of_the_mask(void **state)
{
    (void)state;
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_in_range(shoal__cpus_usable(), 1, (unsigned)CPU_COUNT(&all));
    assert_int_equal(shoal__cpus_pin(1000003), 0);
    cpu_set_t one;
    sched_getaffinity(0, sizeof one, &one);
    assert_int_equal(CPU_COUNT(&one), 1);
    assert_int_equal(shoal__cpus_usable(), 1);
    sched_setaffinity(0, sizeof all, &all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CPUS_TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
        CPUS_TEST(no_cgroups_mean_no_quota),
        CPUS_TEST(version_2_is_read_and_rounded_up),
        CPUS_TEST(the_least_quota_of_all_levels_counts),
        CPUS_TEST(version_1_is_read_under_either_name),
        CPUS_TEST(a_container_that_does_not_see_its_own_path_finds_the_root_of_its_mount),
        CPUS_TEST(nonsense_is_no_quota),
        CPUS_TEST(the_least_memory_of_all_levels_counts_in_both_versions),
        CPUS_TEST(pinning_takes_one_cpu_of_the_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
