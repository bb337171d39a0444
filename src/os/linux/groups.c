/* SPDX-License-Identifier: MIT
 *
 * The control groups that this process is in: what their limits are, and who
 * has made them.
 *
 * A controller is in one hierarchy: one of version 1 that lists it, else the
 * one of version 2. /proc/self/cgroup says which group this process is in, as
 * seen from the root of its cgroup namespace; the mount says which directory
 * that is. Each group above binds too, so the least value of all counts, as
 * far as they are in sight.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "text.h"

/* More than memory.stat has before the line that is looked for. */
#define STAT_BYTES 8192

/* A controller's hierarchy, and the directory of this process's group. */
struct hierarchy {
    const char *controller;
    unsigned version; /* 0: there is none */
    char group[PATH_MAX];
    char mount[PATH_MAX]; /* "": not in sight */
    size_t skip;          /* what of `group` is above the mount */
};

static void judge_path(const char *path, struct weftos_groups *groups)
{
    const char *id;
    size_t length;

    if (groups->container != WEFT_CONTAINER_NONE) {
        return;
    }
    groups->container = weftos_group_maker(path, &id, &length);
    if (groups->container != WEFT_CONTAINER_NONE) {
        (void)snprintf(groups->fact, sizeof(groups->fact),
                       "its control group is %.60s", path);
    }
}

/* ---------------------------------------------------------- finding them ---
 */

/* "4:memory:/path", and "0::/path" of version 2. The path, or NULL. */
static const char *take_group(char *line, struct hierarchy *found, size_t count)
{
    char *controllers = strchr(line, ':');
    char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (path == NULL || path[1] != '/') {
        return NULL;
    }
    *path++ = '\0';
    controllers++;
    for (size_t i = 0; i < count; i++) {
        unsigned version =
            weftos_list_has(controllers, ',', found[i].controller) ? 1
            : strncmp(line, "0:", 2) == 0                          ? 2
                                                                   : 0;

        if (version == 1 || (version == 2 && found[i].version == 0)) {
            found[i].version = version;
            (void)snprintf(found[i].group, PATH_MAX, "%s", path);
        }
    }
    return path;
}

static bool read_groups(const char *root, struct hierarchy *found, size_t count,
                        struct weftos_groups *groups)
{
    char path[PATH_MAX];
    char *line = calloc(1, WEFTOS_LINE_BYTES);
    bool is_read;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    file = fopen(path, "re");
    is_read = file != NULL && line != NULL;
    while (is_read && weftos_read_line(file, line)) {
        const char *group = take_group(line, found, count);

        if (group != NULL) {
            judge_path(group, groups);
        }
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    return is_read;
}

/*
 * How much of the group's path is above the mounted root; false: the group is
 * not below it.
 */
static bool is_below(const char *group, const char *root, size_t *skip)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

    if (strncmp(group, root, length) != 0 ||
        (group[length] != '/' && group[length] != '\0') ||
        weftos_list_has(group, '/', "..")) {
        return false;
    }
    *skip = length;
    return true;
}

struct search {
    struct hierarchy *found;
    size_t count;
};

static bool match_mount(void *context, const struct weftos_mount *mount)
{
    const struct search *search = context;
    bool is_second = strcmp(mount->type, "cgroup2") == 0;

    if (!is_second && strcmp(mount->type, "cgroup") != 0) {
        return true;
    }
    for (size_t i = 0; i < search->count; i++) {
        struct hierarchy *hierarchy = &search->found[i];
        bool matches = is_second ? hierarchy->version == 2
                                 : hierarchy->version == 1 &&
                                       weftos_list_has(mount->options, ',',
                                                       hierarchy->controller);

        if (matches &&
            is_below(hierarchy->group, mount->root, &hierarchy->skip)) {
            (void)snprintf(hierarchy->mount, PATH_MAX, "%s", mount->point);
        }
    }
    return true;
}

/* ------------------------------------------------------------- reading --- */

/* A file of a group, whose path is `length` bytes of the hierarchy's. */
static bool read_file(const char *root, const struct hierarchy *hierarchy,
                      size_t length, const char *file, char *text, size_t bytes)
{
    char path[PATH_MAX * 3];

    (void)snprintf(path, sizeof(path), "%s%s%.*s/%s", root, hierarchy->mount,
                   (int)(length - hierarchy->skip),
                   hierarchy->group + hierarchy->skip, file);
    return weftos_read_text(path, text, bytes);
}

/* The value of one group; WEFT_UNLIMITED: none is set there, or to be read. */
typedef uint64_t read_value(const char *root, const struct hierarchy *hierarchy,
                            size_t length);

static uint64_t read_memory(const char *root, const struct hierarchy *hierarchy,
                            size_t length)
{
    char text[64];
    const char *end;
    uint64_t value;

    if (!read_file(root, hierarchy, length,
                   hierarchy->version == 2 ? "memory.max"
                                           : "memory.limit_in_bytes",
                   text, sizeof(text)) ||
        !weftos_parse_number(text, &end, &value) ||
        (hierarchy->version == 1 && value >= WEFTOS_NO_LIMIT_V1)) {
        return WEFT_UNLIMITED;
    }
    return value;
}

/* Thousandths of a CPU, rounded up: a quota is never told as none. */
static uint64_t to_milli(uint64_t quota, uint64_t period)
{
    uint64_t rest;

    if (period == 0 || quota / period > UINT32_MAX ||
        quota % period > UINT64_MAX / 1000) {
        return WEFT_UNLIMITED;
    }
    rest = quota % period * 1000;
    return quota / period * 1000 + rest / period + (rest % period != 0);
}

static uint64_t read_quota(const char *root, const struct hierarchy *hierarchy,
                           size_t length)
{
    char text[64];
    char period_text[64];
    const char *period_at = period_text;
    const char *end;
    uint64_t quota;
    uint64_t period;

    /* "max 100000", and of version 1 -1, are no numbers. */
    if (!read_file(root, hierarchy, length,
                   hierarchy->version == 2 ? "cpu.max" : "cpu.cfs_quota_us",
                   text, sizeof(text)) ||
        !weftos_parse_number(text, &end, &quota)) {
        return WEFT_UNLIMITED;
    }
    if (hierarchy->version == 2) {
        period_at = end + strspn(end, " ");
    } else if (!read_file(root, hierarchy, length, "cpu.cfs_period_us",
                          period_text, sizeof(period_text))) {
        return WEFT_UNLIMITED;
    }
    return weftos_parse_number(period_at, &end, &period)
               ? to_milli(quota, period)
               : WEFT_UNLIMITED;
}

/* From a group's path to that of the one above. False: it is out of sight. */
static bool go_up(const struct hierarchy *hierarchy, size_t *length)
{
    if (*length <= hierarchy->skip) {
        return false;
    }
    do {
        (*length)--;
    } while (*length > hierarchy->skip && hierarchy->group[*length] != '/');
    return true;
}

/* The least value of the group and those above, and whose it is. */
static uint64_t find_least(const char *root, const struct hierarchy *hierarchy,
                           read_value *read_one, const char *file, char *source,
                           size_t bytes)
{
    size_t length = strlen(hierarchy->group);
    uint64_t least = WEFT_UNLIMITED;

    do {
        uint64_t value = read_one(root, hierarchy, length);

        if (value < least) {
            least = value;
            (void)snprintf(source, bytes, "cgroup v%u %s of %.*s",
                           hierarchy->version, file,
                           length > 0 ? (int)length : 1, hierarchy->group);
        }
    } while (go_up(hierarchy, &length));
    return least;
}

/* Version 1 tells the least one itself, those out of sight included. */
static void ask_kernel(const char *root, const struct hierarchy *hierarchy,
                       weft_system *system)
{
    char text[STAT_BYTES];
    uint64_t value;

    if (hierarchy->version == 1 &&
        read_file(root, hierarchy, strlen(hierarchy->group), "memory.stat",
                  text, sizeof(text)) &&
        weftos_find_number(text, "hierarchical_memory_limit", &value) &&
        value < WEFTOS_NO_LIMIT_V1 && value < system->memory_limit_bytes) {
        system->memory_limit_bytes = value;
        (void)snprintf(system->memory_limit_source,
                       sizeof(system->memory_limit_source),
                       "cgroup v1 hierarchical_memory_limit");
    }
}

void weftos_groups_find(const char *root, weft_system *system,
                        struct weftos_groups *groups)
{
    struct hierarchy *found = calloc(2, sizeof(*found));
    struct search search = {found, 2};

    groups->container = WEFT_CONTAINER_NONE;
    if (found == NULL) {
        return;
    }
    found[0].controller = "memory";
    found[1].controller = "cpu";
    if (read_groups(root, found, 2, groups)) {
        weftos_mounts_each(root, match_mount, &search);
    }
    if (found[0].mount[0] != '\0') {
        system->memory_limit_bytes = find_least(
            root, &found[0], read_memory,
            found[0].version == 2 ? "memory.max" : "memory.limit_in_bytes",
            system->memory_limit_source, sizeof(system->memory_limit_source));
        ask_kernel(root, &found[0], system);
        system->valid |= WEFT_SYSTEM_MEMORY_LIMIT;
    }
    if (found[1].mount[0] != '\0') {
        system->cpu_quota_milli = find_least(
            root, &found[1], read_quota,
            found[1].version == 2 ? "cpu.max" : "cpu.cfs_quota_us",
            system->cpu_quota_source, sizeof(system->cpu_quota_source));
        system->valid |= WEFT_SYSTEM_CPU_QUOTA;
    }
    free(found);
}

/* ------------------------------------------------------------ visiting --- */

static void visit_levels(struct hierarchy *hierarchy, weftos_group_visit *visit,
                         void *context)
{
    size_t length = strlen(hierarchy->group);
    char directory[PATH_MAX * 2];
    bool goes_on;

    do {
        hierarchy->group[length] = '\0';
        (void)snprintf(directory, sizeof(directory), "%s%s", hierarchy->mount,
                       hierarchy->group + hierarchy->skip);
        goes_on = visit(context, hierarchy->version, directory,
                        length > 0 ? hierarchy->group : "/");
    } while (goes_on && go_up(hierarchy, &length));
}

void weftos_groups_each(const char *root, const char *controller,
                        weftos_group_visit *visit, void *context)
{
    struct weftos_groups groups = {.container = WEFT_CONTAINER_NONE};
    struct hierarchy *found = calloc(1, sizeof(*found));
    struct search search = {found, 1};

    if (found == NULL) {
        return;
    }
    found->controller = controller;
    if (read_groups(root, found, 1, &groups)) {
        weftos_mounts_each(root, match_mount, &search);
    }
    if (found->mount[0] != '\0') {
        visit_levels(found, visit, context);
    }
    free(found);
}

bool weftos_group_levels(const char *root, unsigned version,
                         const char *controller, const char *group,
                         weftos_group_visit *visit, void *context)
{
    struct hierarchy *found = calloc(1, sizeof(*found));
    struct search search = {found, 1};
    bool is_seen;

    if (found == NULL) {
        return false;
    }
    found->controller = controller;
    found->version = version;
    (void)snprintf(found->group, PATH_MAX, "%s", group);
    weftos_mounts_each(root, match_mount, &search);
    is_seen = found->mount[0] != '\0';
    if (is_seen) {
        visit_levels(found, visit, context);
    }
    free(found);
    return is_seen;
}
