/* SPDX-License-Identifier: MIT
 *
 * The control groups of a tree: made, entered, killed and removed.
 *
 * A group is called weft-PID-N, after its supervisor, which holds a lock on
 * its directory as long as it lives: so who finds one that is not locked may
 * remove it, whatever namespace the number is of. There is a moment between
 * making and locking; who has made one looks if it is still there then.
 *
 * The leader is born in the v2 group (CLONE_INTO_CGROUP), and enters those of
 * v1 by itself before it becomes the program: in neither case does the program
 * run outside for a moment.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container.h"
#include "run_group.h"
#include "text.h"

#define NAMES_MAX 100 /* tries, where others of the name are not ours */

/* ---------------------------------------------------------------- files --- */

int weftos_run_file_write(int directory, const char *name, const char *text)
{
    int file = openat(directory, name, O_WRONLY | O_CLOEXEC);
    int code;

    if (file < 0) {
        return errno;
    }
    code = write(file, text, strlen(text)) < 0 ? errno : 0;
    (void)close(file);
    return code;
}

bool weftos_run_file_read(int directory, const char *name, char *text,
                          size_t room)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t bytes;

    if (file < 0) {
        return false;
    }
    bytes = read(file, text, room - 1);
    (void)close(file);
    if (bytes < 0) {
        return false;
    }
    text[bytes] = '\0';
    return true;
}

static bool parse_number(const char *text, uint64_t *number)
{
    if (strncmp(text, "max", 3) == 0) {
        *number = UINT64_MAX;
        return true;
    }
    return sscanf(text, "%" SCNu64, number) == 1;
}

bool weftos_run_file_number(int directory, const char *name, uint64_t *number)
{
    char text[64];

    return weftos_run_file_read(directory, name, text, sizeof(text)) &&
           parse_number(text, number);
}

bool weftos_run_file_value(int directory, const char *name, const char *key,
                           uint64_t *number)
{
    char text[4096];
    char label[64];

    (void)snprintf(label, sizeof(label), "%s ", key);
    return weftos_run_file_read(directory, name, text, sizeof(text)) &&
           weftos_find_number(text, label, number);
}

/* Whether a file's one line has a word. */
static bool file_lists(int directory, const char *name, const char *word)
{
    char text[512];

    if (!weftos_run_file_read(directory, name, text, sizeof(text))) {
        return false;
    }
    text[strcspn(text, "\n")] = '\0';
    return weftos_list_has(text, ' ', word);
}

/* ----------------------------------------------------------------- make --- */

static struct run_group *groups_of(struct run *run)
{
    if (!run->has_found_groups) {
        run->has_found_groups = true;
        weftos_run_groups_find(run->groups);
    }
    return run->groups;
}

static int explain(struct run_group *group, int code)
{
    (void)snprintf(group->why_not, sizeof(group->why_not), "%s",
                   strerror(code));
    return -1;
}

/* Opens and locks what was made. -1: it is another's by now. */
static int hold(const struct run_group *group)
{
    struct stat made;
    struct stat found;
    int directory =
        openat(group->parent, group->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory >= 0 &&
        (flock(directory, LOCK_EX | LOCK_NB) != 0 ||
         fstat(directory, &made) != 0 ||
         fstatat(group->parent, group->name, &found, 0) != 0 ||
         made.st_ino != found.st_ino)) {
        (void)close(directory);
        return -1;
    }
    return directory;
}

int weftos_run_group_make(struct run *run, enum run_tier tier)
{
    struct run_group *group = &groups_of(run)[tier];

    if (group->directory >= 0 || group->parent < 0) {
        return group->directory;
    }
    for (unsigned n = 0; n < NAMES_MAX; n++) {
        (void)snprintf(group->name, sizeof(group->name), "weft-%d-%u",
                       run->supervisor, n);
        if (mkdirat(group->parent, group->name, 0755) != 0) {
            if (errno == EEXIST) {
                continue;
            }
            return explain(group, errno);
        }
        group->directory = hold(group);
        if (group->directory >= 0) {
            break;
        }
    }
    if (group->directory < 0) {
        return explain(group, EEXIST);
    }
    if (tier != RUN_UNIFIED) {
        /*
         * By this file a thread that moves itself waits for nobody. By
         * cgroup.procs it waits for all CPUs (RCU), at times 10 ms; and the
         * leader has one thread.
         */
        group->entry = openat(group->directory, "tasks", O_WRONLY | O_CLOEXEC);
        if (group->entry < 0) {
            (void)unlinkat(group->parent, group->name, AT_REMOVEDIR);
            (void)close(group->directory);
            group->directory = -1;
            return explain(group, errno);
        }
    }
    return group->directory;
}

/* Lets the groups in our own v2 group have a controller; NULL: they have. */
static const char *enable(const struct run_group *own, const char *controller)
{
    char text[64];

    if (own->parent < 0) {
        return own->why_not;
    }
    if (!file_lists(own->parent, "cgroup.controllers", controller)) {
        return "no such controller";
    }
    if (file_lists(own->parent, "cgroup.subtree_control", controller)) {
        return NULL;
    }
    (void)snprintf(text, sizeof(text), "+%s", controller);
    switch (
        weftos_run_file_write(own->parent, "cgroup.subtree_control", text)) {
    case 0:
        return NULL;
    case EBUSY: /* of the rule that only leaves have processes */
        return "our own group has processes (EBUSY)";
    default:
        return strerror(errno);
    }
}

int weftos_run_group_with(struct run *run, const char *controller,
                          enum run_tier v1, bool *is_unified, char *why_not)
{
    struct run_group *groups = groups_of(run);
    const char *missing = enable(&groups[RUN_UNIFIED], controller);
    int directory;

    *is_unified = missing == NULL;
    directory = weftos_run_group_make(run, *is_unified ? RUN_UNIFIED : v1);
    if (missing == NULL) {
        missing = groups[RUN_UNIFIED].why_not;
    }
    if (directory < 0) {
        (void)snprintf(why_not, 96, "cgroup v2: %.40s; v1: %.32s", missing,
                       groups[v1].why_not);
    }
    return directory;
}

/* ---------------------------------------------------------------- enter --- */

/*
 * A fork; glibc's own work for one is for threads and locks, of which a
 * supervisor has none. Where the kernel can't do it, the leader enters the
 * group like one of v1.
 */
static pid_t clone_into(int directory, unsigned long flags)
{
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP | flags,
        /* With CLONE_PARENT it is the caller's own. */
        .exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD,
        .cgroup = (unsigned)directory,
    };

    return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

bool weftos_run_can_be_born_in_group(const struct run *run)
{
    return run->has_found_groups && run->groups[RUN_UNIFIED].directory >= 0;
}

pid_t weftos_run_clone(struct run *run, unsigned long flags)
{
    struct run_group *own = &run->groups[RUN_UNIFIED];
    bool has_group = weftos_run_can_be_born_in_group(run);
    pid_t child = has_group ? clone_into(own->directory, flags) : -1;

    if (child >= 0) {
        return child;
    }
    if (has_group && own->entry < 0) {
        own->entry =
            openat(own->directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    }
    if (has_group && own->entry < 0) {
        return -1;
    }
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0L, 0L, 0L, 0L);
}

bool weftos_run_enter_groups(const struct run *run)
{
    for (int i = 0; run->has_found_groups && i < RUN_TIERS; i++) {
        /* "0" is who writes. */
        if (run->groups[i].entry >= 0 &&
            write(run->groups[i].entry, "0", 1) != 1) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ end --- */

static int unified_of(const struct run *run)
{
    return run->has_found_groups ? run->groups[RUN_UNIFIED].directory : -1;
}

bool weftos_run_can_kill_group(const struct run *run)
{
    int directory = unified_of(run);

    return directory >= 0 && faccessat(directory, "cgroup.kill", W_OK, 0) == 0;
}

int weftos_run_group_populated(const struct run *run)
{
    uint64_t populated;
    int directory = unified_of(run);

    if (directory < 0 || !weftos_run_file_value(directory, "cgroup.events",
                                                "populated", &populated)) {
        return -1;
    }
    return populated != 0;
}

/*
 * Linux (6.18) lets cgroup.kill pass over a process whose first thread has
 * ended while others live: the signal goes to that thread. By its number the
 * process is reached.
 */
static void kill_listed(int directory)
{
    int file = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *list = file >= 0 ? fdopen(file, "r") : NULL;
    int pid;

    while (list != NULL && fscanf(list, "%d", &pid) == 1) {
        if (pid > 0) { /* 0 is one whom we can't see */
            (void)kill(pid, SIGKILL);
        }
    }
    if (list != NULL) {
        (void)fclose(list);
    } else if (file >= 0) {
        (void)close(file);
    }
}

bool weftos_run_kill_group(struct run *run)
{
    if (weftos_run_group_populated(run) != 1 ||
        weftos_run_file_write(unified_of(run), "cgroup.kill", "1") != 0) {
        return false;
    }
    kill_listed(unified_of(run));
    return true;
}

static bool is_of_dead(const char *name, pid_t supervisor)
{
    int pid;
    unsigned number;
    int end = 0;

    if (sscanf(name, "weft-%d-%u%n", &pid, &number, &end) != 2 ||
        name[end] != '\0') {
        return false;
    }
    return supervisor != 0 ? pid == supervisor
                           : kill(pid, 0) != 0 && errno == ESRCH;
}

/*
 * Removes a group that nobody holds. One that has processes stays, unless they
 * are to be killed and are gone in time.
 */
static void remove_left(int parent, const char *name, bool kills)
{
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory >= 0 && flock(directory, LOCK_EX | LOCK_NB) == 0) {
        if (kills) {
            (void)weftos_run_file_write(directory, "cgroup.kill", "1");
        }
        (void)unlinkat(parent, name, AT_REMOVEDIR);
    }
    if (directory >= 0) {
        (void)close(directory);
    }
}

/* `supervisor` 0: of all that are dead. */
static void remove_all_left(const struct run_group *groups, pid_t supervisor)
{
    for (int i = 0; i < RUN_TIERS; i++) {
        int copy = groups[i].parent < 0
                       ? -1
                       : openat(groups[i].parent, ".",
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *list = copy < 0 ? NULL : fdopendir(copy);
        const struct dirent *entry;

        while (list != NULL && (entry = readdir(list)) != NULL) {
            if (is_of_dead(entry->d_name, supervisor)) {
                remove_left(groups[i].parent, entry->d_name, supervisor != 0);
            }
        }
        if (list != NULL) {
            (void)closedir(list);
        } else if (copy >= 0) {
            (void)close(copy);
        }
    }
}

void weftos_run_groups_tidy(struct run *run)
{
    if (run->has_found_groups) {
        remove_all_left(run->groups, 0);
    }
}

void weftos_run_groups_end(struct run *run)
{
    for (int i = 0; run->has_found_groups && i < RUN_TIERS; i++) {
        struct run_group *group = &run->groups[i];

        if (group->directory >= 0) {
            (void)unlinkat(group->parent, group->name, AT_REMOVEDIR);
            (void)close(group->directory);
            group->directory = -1;
        }
    }
}

void weftos_run_groups_end_of(pid_t supervisor)
{
    struct run_group groups[RUN_TIERS];

    weftos_run_groups_find(groups);
    remove_all_left(groups, supervisor);
    weftos_run_groups_forget(groups);
}
