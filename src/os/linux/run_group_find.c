/* SPDX-License-Identifier: MIT
 *
 * Where groups can be made: in the groups that this process is in.
 *
 * /proc/self/cgroup says which those are, and /proc/self/mountinfo where their
 * hierarchies are seen. A group of ours is nested in our own, so every limit
 * that someone has set for this process holds for the tree as well.
 *
 * $WEFT_CGROUP_ROOT names another directory of a v2 hierarchy, such as one
 * that was delegated; if it is empty there are no groups at all.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "run_group.h"
#include "text.h"

static const char *const controllers[RUN_TIERS] = {"", "memory", "pids",
                                                   "cpuacct"};

/* Our own group in each hierarchy; empty where there is none. */
struct memberships {
    char paths[RUN_TIERS][PATH_MAX];
};

/* One line is "5:cpu,cpuacct:/path"; the one of v2 is "0::/path". */
static void note_membership(struct memberships *own, char *line)
{
    char *names = strchr(line, ':');
    char *path = names != NULL ? strchr(names + 1, ':') : NULL;

    if (path == NULL) {
        return;
    }
    *path++ = '\0';
    for (int i = 0; i < RUN_TIERS; i++) {
        if (weftos_list_has(names + 1, ',', controllers[i])) {
            (void)snprintf(own->paths[i], sizeof(own->paths[i]), "%s", path);
        }
    }
}

/* Opens our group where its hierarchy, or the part below `root`, is seen. */
static void open_parent(struct run_group *group, const char *own,
                        const char *root, const char *place)
{
    char path[2 * PATH_MAX];
    size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);

    if (strncmp(own, root, skip) != 0 || strstr(own, "/..") != NULL ||
        (own[skip] != '/' && own[skip] != '\0')) {
        (void)snprintf(group->why_not, sizeof(group->why_not),
                       "our own group is out of sight");
        return;
    }
    (void)snprintf(path, sizeof(path), "%s%s", place, own + skip);
    group->parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group->parent < 0) {
        (void)snprintf(group->why_not, sizeof(group->why_not), "%s",
                       strerror(errno));
    }
}

/* What a visit to the mounts works with. */
struct search {
    struct run_group *groups;
    struct memberships own;
};

static bool note_mount(void *context, const struct weftos_mount *mount)
{
    struct search *search = context;

    for (int i = 0; i < RUN_TIERS; i++) {
        struct run_group *group = &search->groups[i];
        bool is_it = i == RUN_UNIFIED ? strcmp(mount->type, "cgroup2") == 0
                                      : strcmp(mount->type, "cgroup") == 0 &&
                                            weftos_list_has(mount->options, ',',
                                                            controllers[i]);

        if (is_it && group->parent < 0 && search->own.paths[i][0] != '\0') {
            open_parent(group, search->own.paths[i], mount->root, mount->point);
        }
    }
    return true;
}

static void find_all(struct run_group *groups)
{
    struct search search = {.groups = groups};
    char *line = calloc(1, WEFTOS_LINE_BYTES);
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file != NULL && line != NULL && weftos_read_line(file, line)) {
        note_membership(&search.own, line);
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    weftos_mounts_each("", note_mount, &search);
}

static void find(struct run_group *groups)
{
    const char *given = getenv(RUN_ROOT_VARIABLE);

    for (int i = 0; i < RUN_TIERS; i++) {
        groups[i] =
            (struct run_group){.parent = -1, .directory = -1, .entry = -1};
        (void)snprintf(groups[i].why_not, sizeof(groups[i].why_not), "%s",
                       given != NULL ? "$" RUN_ROOT_VARIABLE " is set"
                                     : "not mounted");
    }
    if (given == NULL) {
        find_all(groups);
    } else if (given[0] != '\0') {
        groups[RUN_UNIFIED].parent =
            open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (groups[RUN_UNIFIED].parent < 0) {
            (void)snprintf(groups[RUN_UNIFIED].why_not,
                           sizeof(groups[RUN_UNIFIED].why_not),
                           "$" RUN_ROOT_VARIABLE ": %s", strerror(errno));
        }
    }
}

/* ----------------------------------------------------------------- keep --- */

/*
 * What the helper has found is good for its supervisors, which inherit it, as
 * long as they are in the same groups as it was then.
 */
static struct {
    bool is_known;
    char memberships[4096]; /* /proc/self/cgroup */
    struct run_group groups[RUN_TIERS];
} kept;

static bool read_memberships(char *text, size_t room)
{
    int file = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = file >= 0 ? read(file, text, room - 1) : -1;

    if (file >= 0) {
        (void)close(file);
    }
    text[bytes > 0 ? bytes : 0] = '\0';
    return bytes > 0 && (size_t)bytes < room - 1;
}

static bool is_kept(void)
{
    char text[sizeof(kept.memberships)];

    return kept.is_known && read_memberships(text, sizeof(text)) &&
           strcmp(text, kept.memberships) == 0;
}

static void close_parents(struct run_group *groups)
{
    for (int i = 0; i < RUN_TIERS; i++) {
        if (groups[i].parent >= 0) {
            (void)close(groups[i].parent);
            groups[i].parent = -1;
        }
    }
}

void weftos_run_groups_keep(void)
{
    if (is_kept()) {
        return;
    }
    if (kept.is_known) {
        close_parents(kept.groups);
    }
    kept.is_known =
        read_memberships(kept.memberships, sizeof(kept.memberships));
    if (kept.is_known) {
        find(kept.groups);
    }
}

void weftos_run_groups_find(struct run_group *groups)
{
    if (is_kept()) {
        memcpy(groups, kept.groups, sizeof(kept.groups));
    } else {
        find(groups);
    }
}

void weftos_run_groups_forget(struct run_group *groups)
{
    if (!kept.is_known || groups[0].parent != kept.groups[0].parent) {
        close_parents(groups);
    }
}
