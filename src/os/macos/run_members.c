/* SPDX-License-Identifier: MIT
 *
 * The processes of a tree, as far as they can be found.
 *
 * Whose parent is of the tree is of the tree, and is noted at once, as the
 * kqueue tells of forks. When its parent ends launchd adopts it; but it is on
 * the list by then. One whose parent ended before it was noted is still found
 * by its process group, if that is the leader's or is led by one on the list;
 * by who made it, if that one was on the list (run_origin.c); or by its
 * environment, which has the tree's mark unless it took that out. macOS keeps
 * the environment of its own programs to itself. What is left are suspects:
 * orphans that are younger than the leader, and that launchd did not make. They
 * are not killed, and the tree's survivors are unknown then.
 *
 * A process number may be another one's by now; who is listed is told from a
 * later one by when it was started.
 */
#define _DARWIN_C_SOURCE
#include <libproc.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/proc.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "run.h"
#include "run_clock.h"
#include "run_origin.h"

/* Passes over a tree that grows faster than it can be stopped. */
#define PASSES_MAX 100

/* Above every process number; XNU's PID_MAX is 99999. */
#define PIDS_MAX 4194304

#define LAUNCHD 1

/* Processes that may start between the count and the list. */
#define SPARE 64

/* ----------------------------------------------------------------- list --- */

static uint64_t bit_of(pid_t pid)
{
    return UINT64_C(1) << (unsigned)pid % 64;
}

static bool has_bit(const uint64_t *bits, pid_t pid)
{
    return bits != NULL && pid > 0 && pid < PIDS_MAX &&
           (bits[pid / 64] & bit_of(pid)) != 0;
}

static uint64_t start_of(pid_t pid)
{
    struct proc_bsdinfo info;

    return proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof(info)) ==
                   (int)sizeof(info)
               ? info.pbi_start_tvsec * UINT64_C(1000000) +
                     info.pbi_start_tvusec
               : 0;
}

static struct run_member *member_of(const struct run_members *members,
                                    pid_t pid)
{
    for (size_t i = 0; i < members->count; i++) {
        if (members->list[i].pid == pid) {
            return &members->list[i];
        }
    }
    return NULL;
}

static bool make_room(struct run_members *members)
{
    size_t room = members->room == 0 ? 64 : members->room * 2;
    struct run_member *grown;

    if (members->known == NULL) {
        members->known = calloc(PIDS_MAX / 64, sizeof(uint64_t));
    }
    if (members->known != NULL && members->count < members->room) {
        return true;
    }
    grown = realloc(members->list, room * sizeof(*grown));
    if (grown != NULL) {
        members->list = grown;
        members->room = room;
    }
    return grown != NULL && members->known != NULL;
}

static void note_origin(struct run_members *members, pid_t pid)
{
    size_t room = members->origin_room == 0 ? 64 : members->origin_room * 2;
    struct run_origin origin;
    uint64_t *grown;

    if (!members->has_origins || !weftos_run_origin_of(pid, &origin)) {
        return;
    }
    if (members->origin_count == members->origin_room) {
        grown = realloc(members->origins, room * sizeof(*grown));
        if (grown == NULL) {
            members->is_short = true;
            return;
        }
        members->origins = grown;
        members->origin_room = room;
    }
    members->origins[members->origin_count++] = origin.own;
}

/* False: it is there already, or there is no memory for it. */
static bool add(struct run_members *members, pid_t pid, pid_t parent)
{
    if (pid <= LAUNCHD || pid >= PIDS_MAX || has_bit(members->known, pid)) {
        return false;
    }
    if (!make_room(members)) {
        members->is_short = true;
        return false;
    }
    members->known[pid / 64] |= bit_of(pid);
    members->list[members->count++] =
        (struct run_member){.pid = pid,
                            .parent = parent,
                            .start_us = start_of(pid),
                            .is_live = true,
                            .is_new = true};
    note_origin(members, pid);
    return true;
}

static void drop_ended(struct run_members *members)
{
    size_t kept = 0;

    for (size_t i = 0; i < members->count; i++) {
        struct run_member *member = &members->list[i];

        if (member->is_live) {
            members->list[kept++] = *member;
            continue;
        }
        members->known[member->pid / 64] &= ~bit_of(member->pid);
        /* Who has a parent in the tree is counted with that one. */
        if (member->parent == LAUNCHD) {
            members->lost_ns += member->cpu_ns;
        }
    }
    members->count = kept;
}

/* ----------------------------------------------------------------- scan --- */

/* All process numbers of the machine, for the caller to free. */
static pid_t *list_all(size_t *count)
{
    int most = proc_listallpids(NULL, 0) + SPARE;
    pid_t *list = calloc((size_t)most, sizeof(*list));
    int found;

    if (list == NULL) {
        return NULL;
    }
    found = proc_listallpids(list, most * (int)sizeof(*list));
    *count = found > 0 ? (size_t)found : 0;
    return list;
}

struct other {
    pid_t pid; /* 0: has ended, or is on the list */
    pid_t parent;
    pid_t group;
    uid_t user;
};

/* False: it has ended. */
static bool look_at(pid_t pid, struct other *other)
{
    struct proc_bsdshortinfo info;

    if (proc_pidinfo(pid, PROC_PIDT_SHORTBSDINFO, 0, &info, sizeof(info)) !=
            (int)sizeof(info) ||
        info.pbsi_status == SZOMB) {
        return false;
    }
    *other = (struct other){.pid = pid,
                            .parent = (pid_t)info.pbsi_ppid,
                            .group = (pid_t)info.pbsi_pgid,
                            .user = info.pbsi_uid};
    return true;
}

/* Goes through all: notes who of the list lives, and keeps the others. */
static size_t sort_out(struct run_members *members, const pid_t *pids,
                       size_t count, struct other *others)
{
    size_t kept = 0;

    for (size_t i = 0; i < members->count; i++) {
        members->list[i].is_live = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct other other;
        struct run_member *member;

        if (pids[i] <= LAUNCHD || !look_at(pids[i], &other)) {
            continue;
        }
        member = has_bit(members->known, pids[i]) ? member_of(members, pids[i])
                                                  : NULL;
        if (member != NULL && start_of(pids[i]) == member->start_us) {
            member->is_live = true;
            member->parent = other.parent;
        } else if (member == NULL && pids[i] != getpid() &&
                   pids[i] != getppid()) {
            others[kept++] = other;
        }
    }
    drop_ended(members);
    return kept;
}

/* Is it younger than the leader, as far as that is told? */
static bool is_younger(const struct run_members *members,
                       const struct other *other)
{
    uint64_t start = start_of(other->pid);

    if (start != 0 && members->start_us != 0 && start != members->start_us) {
        return start > members->start_us;
    }
    return !has_bit(members->earlier, other->pid);
}

static bool has_group(const struct run_members *members,
                      const struct other *other)
{
    return (members->group != 0 && other->group == members->group) ||
           has_bit(members->known, other->group);
}

/* The arguments and the environment, one after the other; they are its own. */
static bool has_mark(const struct run_members *members, pid_t pid)
{
    static char *room;
    static size_t most;
    int name[] = {CTL_KERN, KERN_PROCARGS2, pid};
    size_t bytes;
    size_t length = strlen(members->mark) + 1;

    if (room == NULL) {
        most = (size_t)sysconf(_SC_ARG_MAX);
        room = malloc(most);
    }
    bytes = most;
    if (room == NULL || sysctl(name, 3, room, &bytes, NULL, 0) != 0) {
        return false;
    }
    for (size_t i = 1; i + length <= bytes; i++) {
        if (room[i] == members->mark[0] && room[i - 1] == '\0' &&
            memcmp(room + i, members->mark, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_tree(const struct run_members *members,
                       const struct other *other)
{
    if (has_bit(members->known, other->parent)) {
        return true;
    }
    return has_group(members, other) && is_younger(members, other);
}

/* Adds those of the others that are of the tree, and theirs. */
static void add_found(struct run_members *members, struct other *others,
                      size_t count)
{
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < count; i++) {
            if (others[i].pid != 0 && is_of_tree(members, &others[i])) {
                found = add(members, others[i].pid, others[i].parent) || found;
                others[i].pid = 0;
            }
        }
    }
}

static bool is_origin(const struct run_members *members, uint64_t number)
{
    for (size_t i = members->origin_count; i > 0; i--) {
        if (members->origins[i - 1] == number) {
            return true;
        }
    }
    return false;
}

enum verdict { OF_TREE, OF_NONE, SUSPECT };

/* Of one that launchd has adopted, or made. */
static enum verdict judge(const struct run_members *members, pid_t pid)
{
    struct run_origin origin;

    if (members->has_origins && weftos_run_origin_of(pid, &origin)) {
        if (is_origin(members, origin.parent)) {
            return OF_TREE;
        }
        if (members->launchd != 0 && origin.parent == members->launchd) {
            return OF_NONE;
        }
    }
    return has_mark(members, pid) ? OF_TREE : SUSPECT;
}

/* Those that launchd has adopted since. True: some are of the tree. */
static bool add_orphans(struct run_members *members, struct other *others,
                        size_t count)
{
    bool found = false;

    members->has_suspects = false;
    for (size_t i = 0; i < count; i++) {
        enum verdict verdict;

        if (others[i].pid == 0 || others[i].parent != LAUNCHD ||
            !is_younger(members, &others[i])) {
            continue;
        }
        verdict = judge(members, others[i].pid);
        if (verdict == OF_TREE) {
            found = add(members, others[i].pid, LAUNCHD) || found;
            others[i].pid = 0;
        }
        members->has_suspects = members->has_suspects || verdict == SUSPECT;
    }
    return found;
}

void weftos_run_members_scan(struct run_members *members)
{
    size_t count = 0;
    pid_t *pids = list_all(&count);
    struct other *others = calloc(count + 1, sizeof(*others));

    if (pids == NULL || others == NULL) {
        members->is_short = true;
    } else {
        count = sort_out(members, pids, count, others);
        do {
            add_found(members, others, count);
        } while (add_orphans(members, others, count));
    }
    free(others);
    free(pids);
}

void weftos_run_members_forked(struct run_members *members, pid_t parent)
{
    int most = proc_listchildpids(parent, NULL, 0) + SPARE;
    pid_t *list = calloc((size_t)most, sizeof(*list));
    int count = list == NULL ? 0
                             : proc_listchildpids(parent, list,
                                                  most * (int)sizeof(*list));

    members->is_short = members->is_short || list == NULL;
    for (int i = 0; i < count; i++) {
        (void)add(members, list[i], parent);
    }
    free(list);
}

/* ------------------------------------------------------------ beginning --- */

void weftos_run_members_begin(struct run_members *members, const char *mark)
{
    size_t count = 0;
    pid_t *pids = list_all(&count);

    (void)snprintf(members->mark, sizeof(members->mark), "%s", mark);
    members->earlier = calloc(PIDS_MAX / 64, sizeof(uint64_t));
    for (size_t i = 0; i < count && members->earlier != NULL; i++) {
        if (pids[i] > 0 && pids[i] < PIDS_MAX) {
            members->earlier[pids[i] / 64] |= bit_of(pids[i]);
        }
    }
    free(pids);
}

/* The leader was made by this process: if that is told, the rest is believed.
 */
static void check_origins(struct run_members *members, pid_t leader)
{
    struct run_origin self;
    struct run_origin one;

    members->has_origins = weftos_run_origin_of(getpid(), &self) &&
                           weftos_run_origin_of(leader, &one) &&
                           self.own != 0 && one.own != self.own &&
                           one.parent == self.own;
    members->launchd =
        members->has_origins && weftos_run_origin_of(LAUNCHD, &one) ? one.own
                                                                    : 0;
}

void weftos_run_members_lead(struct run_members *members, pid_t leader,
                             bool group)
{
    for (size_t i = 0; i < members->count; i++) {
        members->list[i].is_live = false; /* of an attempt that has failed */
    }
    if (members->count > 0) {
        drop_ended(members);
    }
    members->group = group ? leader : 0;
    members->start_us = start_of(leader);
    check_origins(members, leader);
    (void)add(members, leader, getpid());
}

void weftos_run_members_watch(struct run_members *members, int queue)
{
    size_t count;

    /* Who has forked before it was heard of is looked at once. */
    do {
        count = members->count;
        for (size_t i = 0; i < members->count; i++) {
            pid_t pid = members->list[i].pid;

            if (members->list[i].is_new) {
                members->list[i].is_new = false;
                if (weftos_queue_change(
                        queue, (uintptr_t)pid, EVFILT_PROC, EV_ADD | EV_CLEAR,
                        NOTE_EXIT | NOTE_FORK, (uint64_t)pid) == 0) {
                    weftos_run_members_forked(members, pid);
                }
            }
        }
    } while (members->count > count);
}

/* ------------------------------------------------------------------ end --- */

/* True: it stopped one that was not stopped before. */
static bool stop_more(struct run_members *members)
{
    bool found = false;

    weftos_run_members_scan(members);
    for (size_t i = 0; i < members->count; i++) {
        struct run_member *member = &members->list[i];

        if (!member->was_stopped) {
            member->was_stopped = true;
            member->is_beyond =
                kill(member->pid, SIGSTOP) != 0 && errno == EPERM;
            found = found || !member->is_beyond;
        }
    }
    return found;
}

void weftos_run_members_kill(struct run_members *members)
{
    unsigned pass = 0;

    while (pass < PASSES_MAX && stop_more(members)) {
        pass++;
    }
    for (size_t i = 0; i < members->count; i++) {
        (void)kill(members->list[i].pid, SIGKILL);
    }
}

size_t weftos_run_members_left(const struct run_members *members)
{
    size_t count = 0;

    for (size_t i = 0; i < members->count; i++) {
        count += !members->list[i].is_beyond;
    }
    return count;
}

bool weftos_run_kill_stray(const struct run_slot *slot, int queue)
{
    pid_t leader = atomic_load(&slot->leader);
    struct run_members members = {.start_us = slot->start_us,
                                  .group = slot->group};
    size_t left;

    if (leader == 0) {
        return false;
    }
    (void)snprintf(members.mark, sizeof(members.mark), "%s", slot->mark);
    if (start_of(leader) == slot->start_us) {
        (void)add(&members, leader, LAUNCHD);
    }
    weftos_run_members_kill(&members);
    weftos_run_members_watch(&members, queue);
    left = weftos_run_members_left(&members);
    free(members.list);
    free(members.known);
    return left > 0;
}

/* -------------------------------------------------------------- figures --- */

/*
 * A scan costs some us for each process of the machine: no more than a
 * twentieth of a CPU goes into them, as the kqueue tells of forks, too.
 */
static void refresh(struct run_members *members)
{
    uint64_t now = weftos_now_ns();

    if (now >= members->scan_at_ns) {
        weftos_run_members_scan(members);
        members->scan_at_ns = weftos_now_ns() + (weftos_now_ns() - now) * 20;
    }
}

static bool add_figures(struct run_member *member, struct run_sample *sum)
{
    struct rusage_info_v4 usage;

    if (proc_pid_rusage(member->pid, RUSAGE_INFO_V4,
                        (rusage_info_t *)(void *)&usage) != 0) {
        return errno != ESRCH;
    }
    member->cpu_ns = weftos_run_clock_ns(
        usage.ri_user_time + usage.ri_system_time + usage.ri_child_user_time +
        usage.ri_child_system_time);
    sum->footprint += usage.ri_phys_footprint;
    sum->cpu_ns += member->cpu_ns;
    sum->processes++;
    return true;
}

void weftos_run_members_sample(struct run_members *members,
                               struct run_sample *sum)
{
    refresh(members);
    for (size_t i = 0; i < members->count; i++) {
        struct run_member *member = &members->list[i];

        member->is_live = add_figures(member, sum);
    }
    if (members->count > 0) {
        drop_ended(members);
    }
    sum->cpu_ns += members->lost_ns;
}
