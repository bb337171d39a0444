/* SPDX-License-Identifier: MIT
 *
 * The processes of a tree, found from their parents.
 *
 * The supervisor adopts every orphan of the tree, so all of it is below the
 * supervisor, whatever sessions and groups it makes. While it is listed it
 * changes; so a signal that is to reach all first stops all: in each pass
 * those not seen before are stopped, until a pass finds none. One that is
 * stopped makes no more.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* Passes over a tree that grows faster than it can be stopped. */
#define PASSES_MAX 100

struct members {
    pid_t *pids;
    size_t count;
    size_t room;
    bool is_short; /* of memory: some are missing */
};

static bool has_member(const struct members *members, pid_t pid)
{
    for (size_t i = 0; i < members->count; i++) {
        if (members->pids[i] == pid) {
            return true;
        }
    }
    return false;
}

static void add_member(struct members *members, pid_t pid)
{
    if (members->count == members->room) {
        size_t room = members->room == 0 ? 64 : members->room * 2;
        pid_t *grown = realloc(members->pids, room * sizeof(*grown));

        if (grown == NULL) {
            members->is_short = true;
            return;
        }
        members->pids = grown;
        members->room = room;
    }
    members->pids[members->count++] = pid;
}

/*
 * Adds the children of a process that are not known yet. A process's children
 * are listed for each of its threads.
 */
static void add_children(struct members *members, pid_t parent)
{
    char path[64];
    int child;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent,
                   parent);
    file = fopen(path, "re");
    if (file == NULL) {
        return; /* it has ended: its children are the supervisor's now */
    }
    while (fscanf(file, "%d", &child) == 1) {
        if (!has_member(members, child)) {
            add_member(members, child);
        }
    }
    (void)fclose(file);
}

/* One pass over the whole tree; false: it found none that is new. */
static bool find_more(struct members *members, pid_t root)
{
    size_t before = members->count;

    add_children(members, root);
    for (size_t i = 0; i < members->count; i++) {
        add_children(members, members->pids[i]);
    }
    return members->count > before;
}

/* The init of a pid namespace is ours, and only its children are the tree's. */
static void signal_member(pid_t member, pid_t init, int number)
{
    if (member != init) {
        (void)kill(member, number);
    }
}

void run_signal_tree(struct run *run, int number)
{
    struct members members = {.count = 0};
    pid_t init = run_isolate_init(run);
    size_t stopped = 0;

    if (number == SIGKILL && run_isolate_kill(run)) {
        return;
    }
    for (unsigned pass = 0;
         pass < PASSES_MAX && find_more(&members, run->supervisor); pass++) {
        for (; stopped < members.count; stopped++) {
            signal_member(members.pids[stopped], init, SIGSTOP);
        }
    }
    for (size_t i = 0; i < members.count; i++) {
        signal_member(members.pids[i], init, number);
    }
    for (size_t i = 0; i < members.count && number != SIGKILL; i++) {
        signal_member(members.pids[i], init, SIGCONT);
    }
    free(members.pids);
}

int64_t run_count_members(struct run *run)
{
    struct members members = {.count = 0};
    int64_t count;

    while (find_more(&members, run->supervisor)) {
    }
    count = (int64_t)members.count - (run_isolate_init(run) != 0);
    if (members.is_short) {
        count = -1;
    }
    free(members.pids);
    return count;
}
