/* SPDX-License-Identifier: MIT
 *
 * The processes of a tree, found from their parents.
 *
 * The supervisor adopts every orphan of the tree, so all of it is below the
 * supervisor, whatever sessions and groups it makes. While it is listed it
 * changes; so who is to kill all of it first stops all: in each pass those not
 * seen before are stopped, until a pass finds none. One that is stopped makes
 * no more. Other signals go to those that one pass finds, as who is stopped and
 * goes on may be seen doing so by his parent.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run.h"

/* Passes over a tree that grows faster than it can be stopped. */
#define PASSES_MAX 100

/* Above every process number: the kernel's PID_MAX_LIMIT. */
#define PIDS_MAX 4194304

#define SEEN_BYTES ((size_t)PIDS_MAX / 8)

/* Only those pages become memory that are used; NULL: there is none. */
static uint64_t *new_bits(void)
{
    void *bits = mmap(NULL, SEEN_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return bits == MAP_FAILED ? NULL : bits;
}

/* False: it is there already, or there is no memory for it. */
static bool add_member(struct run_members *members, pid_t pid)
{
    uint64_t bit = UINT64_C(1) << (unsigned)pid % 64;

    if (members->seen == NULL) {
        members->seen = new_bits();
    }
    if (members->count == members->room) {
        size_t room = members->room == 0 ? 64 : members->room * 2;
        pid_t *grown = realloc(members->pids, room * sizeof(*grown));

        if (grown != NULL) {
            members->pids = grown;
            members->room = room;
        }
    }
    if (members->seen == NULL || members->count == members->room) {
        members->is_short = true;
        return false;
    }
    if ((members->seen[pid / 64] & bit) != 0) {
        return false;
    }
    members->seen[pid / 64] |= bit;
    members->pids[members->count++] = pid;
    return true;
}

void weftos_run_free_members(struct run_members *members)
{
    free(members->pids);
    if (members->seen != NULL) {
        (void)munmap(members->seen, SEEN_BYTES);
    }
}

/* What a new one is sent as soon as it is found: 0 is nothing. */
static void add_children_of_thread(struct run_members *members, pid_t parent,
                                   const char *thread, int number)
{
    char path[64];
    int child;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", parent,
                   thread);
    file = fopen(path, "re");
    if (file == NULL) {
        return; /* it has ended: its children are another's now */
    }
    while (fscanf(file, "%d", &child) == 1) {
        if (child > 0 && child < PIDS_MAX && child != members->init &&
            add_member(members, child) && number != 0) {
            (void)kill(child, number);
        }
    }
    (void)fclose(file);
}

/* A process's children are listed for that of its threads that made them. */
static void add_children(struct run_members *members, pid_t parent, int number)
{
    char path[64];
    DIR *threads;
    const struct dirent *thread;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", parent);
    threads = opendir(path);
    while (threads != NULL && (thread = readdir(threads)) != NULL) {
        if (thread->d_name[0] != '.') {
            add_children_of_thread(members, parent, thread->d_name, number);
        }
    }
    if (threads != NULL) {
        (void)closedir(threads);
    }
}

/* One pass over the whole tree; false: it found none that is new. */
static bool find_more(struct run_members *members, pid_t root, int number)
{
    size_t before = members->count;

    add_children(members, root, number);
    if (members->init != 0) {
        add_children(members, members->init, number);
    }
    for (size_t i = 0; i < members->count; i++) {
        add_children(members, members->pids[i], number);
    }
    return members->count > before;
}

static void stop_all(struct run_members *members, pid_t root)
{
    unsigned pass = 0;

    while (pass < PASSES_MAX && find_more(members, root, SIGSTOP)) {
        pass++;
    }
}

void weftos_run_signal_tree(struct run *run, int number)
{
    struct run_members members = {.init = weftos_run_isolate_init(run)};

    if (number == SIGKILL && weftos_run_isolate_kill(run)) {
        return;
    }
    if (number == SIGKILL) {
        stop_all(&members, run->supervisor);
    } else {
        (void)find_more(&members, run->supervisor, 0);
    }
    for (size_t i = 0; i < members.count; i++) {
        (void)kill(members.pids[i], number);
    }
    weftos_run_free_members(&members);
}

void weftos_run_list_members(const struct run *run, struct run_members *members)
{
    if (!run->has_ended) {
        members->init = weftos_run_isolate_init(run);
        (void)find_more(members, run->supervisor, 0);
    }
}

int64_t weftos_run_count_members(struct run *run)
{
    struct run_members members = {.count = 0};
    int64_t count;

    weftos_run_list_members(run, &members);
    count = members.is_short ? -1 : (int64_t)members.count;
    weftos_run_free_members(&members);
    return count;
}

static bool is_kept(const pid_t *keep, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (keep[i] == pid) {
            return true;
        }
    }
    return false;
}

bool weftos_run_kill_strays(const pid_t *keep, size_t count)
{
    struct run_members children = {.count = 0};
    bool found = false;

    add_children(&children, getpid(), 0);
    for (size_t i = 0; i < children.count; i++) {
        struct run_members members = {.count = 0};
        pid_t stray = children.pids[i];

        if (is_kept(keep, count, stray)) {
            continue;
        }
        found = true;
        (void)kill(stray, SIGSTOP);
        stop_all(&members, stray);
        for (size_t k = 0; k < members.count; k++) {
            (void)kill(members.pids[k], SIGKILL);
        }
        (void)kill(stray, SIGKILL);
        weftos_run_free_members(&members);
    }
    weftos_run_free_members(&children);
    return found;
}
