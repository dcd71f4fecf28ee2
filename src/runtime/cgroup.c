/* SPDX-License-Identifier: BSD-3-Clause */
/* Walking the tree of cgroups; see cgroup.h. */
#include "runtime/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool shoal__cgroup_scan(const char *dir, const char *name, const char *format, long long *a,
                        long long *b)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;

    int expected = b != NULL ? 2 : 1;
    bool is_read = fscanf(file, format, a, b) == expected;
    fclose(file);
    return is_read;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The least limit on the way from the group's directory up to the mount itself. */
static uint64_t least_of_path(const struct shoal__cgroup_limit *limit, const char *mount,
                              const char *group)
{
    char dir[PATH_MAX];
    int length = snprintf(dir, sizeof dir, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof dir)
        return UINT64_MAX;

    uint64_t found = UINT64_MAX;
    size_t mount_length = strlen(mount);
    for (;;) {
        found = least(found, limit->read(dir));
        char *slash = strrchr(dir, '/');
        if (slash == NULL || (size_t)(slash - dir) < mount_length)
            return found;
        *slash = '\0';
    }
}

/* True where the comma-separated list has the controller. */
static bool lists(const char *controllers, const char *controller)
{
    size_t length = strlen(controller);
    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, controller, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* One line of the groups file: "HIERARCHY:CONTROLLERS:PATH"; version 2 lists no controllers. */
static uint64_t least_of_line(const struct shoal__cgroup_limit *limit, char *line,
                              const char *mount)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL)
        return UINT64_MAX;
    *group++ = '\0';
    controllers++;
    if (*controllers == '\0')
        return least_of_path(limit, mount, group);
    if (!lists(controllers, limit->controller))
        return UINT64_MAX;

    uint64_t found = UINT64_MAX;
    for (int i = 0; i < 2 && limit->v1_mounts[i] != NULL; i++) {
        char v1_mount[PATH_MAX];
        snprintf(v1_mount, sizeof v1_mount, "%s/%s", mount, limit->v1_mounts[i]);
        found = least(found, least_of_path(limit, v1_mount, group));
    }
    return found;
}

uint64_t shoal__cgroup_least(const struct shoal__cgroup_limit *limit, const char *groups_path,
                             const char *mount_path)
{
    FILE *file = fopen(groups_path, "re");
    if (file == NULL)
        return UINT64_MAX;

    uint64_t found = UINT64_MAX;
    char line[PATH_MAX + 64];
    while (fgets(line, sizeof line, file) != NULL)
        found = least(found, least_of_line(limit, line, mount_path));
    fclose(file);
    return found;
}
