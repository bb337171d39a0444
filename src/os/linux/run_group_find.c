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

#include "run_group.h"

static const char *const controllers[RUN_TIERS] = {"", "memory", "pids",
                                                   "cpuacct"};

bool weftos_run_has_word(const char *list, const char *word,
                         const char *between)
{
    size_t length = strlen(word);

    for (;;) {
        size_t next = strcspn(list, between);

        if (next == length && strncmp(list, word, length) == 0) {
            return true;
        }
        if (list[next] == '\0') {
            return false;
        }
        list += next + 1;
    }
}

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
    path[strcspn(path, "\n")] = '\0';
    for (int i = 0; i < RUN_TIERS; i++) {
        if (weftos_run_has_word(names + 1, controllers[i], ",")) {
            (void)snprintf(own->paths[i], sizeof(own->paths[i]), "%s", path);
        }
    }
}

/* "\040" is a space, and so on. */
static void unescape(char *text)
{
    char *to = text;

    for (; *text != '\0'; to++) {
        unsigned value;

        if (text[0] == '\\' && sscanf(text + 1, "%3o", &value) == 1) {
            *to = (char)value;
            text += 4;
        } else {
            *to = *text++;
        }
    }
    *to = '\0';
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

/*
 * "31 23 0:28 ROOT PLACE rw,relatime MORE... - TYPE SOURCE rw,memory", of any
 * number of fields before the hyphen.
 */
static void note_mount(struct run_group *groups, const struct memberships *own,
                       char *line)
{
    char *rest = strstr(line, " - ");
    char root[PATH_MAX];
    char place[PATH_MAX];
    char type[16];
    char options[256];

    if (rest == NULL || strncmp(rest + 3, "cgroup", 6) != 0 ||
        sscanf(rest + 3, "%15s %*s %255s", type, options) != 2 ||
        sscanf(line, "%*s %*s %*s %4095s %4095s", root, place) != 2) {
        return;
    }
    unescape(root);
    unescape(place);
    for (int i = 0; i < RUN_TIERS; i++) {
        bool is_it =
            i == RUN_UNIFIED
                ? strcmp(type, "cgroup2") == 0
                : strcmp(type, "cgroup") == 0 &&
                      weftos_run_has_word(options, controllers[i], ",");

        if (is_it && groups[i].parent < 0 && own->paths[i][0] != '\0') {
            open_parent(&groups[i], own->paths[i], root, place);
        }
    }
}

static void find_all(struct run_group *groups)
{
    struct memberships own = {{""}};
    FILE *file = fopen("/proc/self/cgroup", "re");
    char *line = NULL;
    size_t room = 0;

    while (file != NULL && getline(&line, &room, file) > 0) {
        note_membership(&own, line);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    file = fopen("/proc/self/mountinfo", "re");
    while (file != NULL && getline(&line, &room, file) > 0) {
        note_mount(groups, &own, line);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    free(line);
}

void weftos_run_groups_find(struct run_group *groups)
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
