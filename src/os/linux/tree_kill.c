/* SPDX-License-Identifier: MIT
 *
 * The end of a tree that is not ours.
 *
 * A number that was read a moment ago may be another process's now. So each is
 * opened first (a pidfd), then its start is read again, and then the pidfd is
 * asked if its process is still there: if it is, it had the number all the
 * time, and so was the one that was read. From then on signals go through the
 * pidfd.
 *
 * Who descends from the tree can be found while his parent lives. So all of it
 * is stopped before anyone is killed, parents first; those that one pass finds
 * may have started others meanwhile, which the next one finds. A stop takes
 * effect some time after it was sent: the last pass is one that finds nobody
 * new, and sees all that were found standing still.
 *
 * Of a tree that is larger than the limit of descriptors the rest is opened
 * anew for each signal, and its start compared each time.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../tree.h"
#include "kin.h"

/* Over a tree that grows faster than it can be stopped. */
#define PASSES_MAX 100

/* Those that were killed and can't end, as the kernel holds them. */
#define END_WAIT_NS UINT64_C(2000000000)

/* Descriptors that are left to the process, and to the work itself. */
#define SPARE_HANDLES 64

/* One that was found. */
struct held {
    pid_t pid;
    uint64_t start;
    int handle; /* -1: there was no descriptor for it */
    bool has_ended;
    bool is_stopped;
    bool is_denied;
};

struct hunt {
    pid_t root;
    uint64_t root_start;
    struct kin_list list;
    size_t *order; /* as much room as the list */
    size_t order_room;
    struct held *held; /* by number and start */
    size_t count;
    size_t room;
    size_t sorted; /* so many are in order; the rest is new */
    size_t handles_left;
    weft_tree_kill_result *result;
};

/* --------------------------------------------------------------- signals ---
 */

/* 0, or errno; ESRCH: it is gone, or was never this one. */
static int send_to(int handle, int number)
{
    return syscall(SYS_pidfd_send_signal, handle, number, NULL, 0) == 0 ? 0
                                                                        : errno;
}

/* A pidfd for the process that has this number and start; -1 and errno. */
static int open_checked(pid_t pid, uint64_t start)
{
    weft_handle handle;
    weft_detail detail = {WEFT_OK, 0, NULL};
    struct kin now;
    int code = 0;

    if (weftos_process_open(pid, &handle, &detail) != WEFT_OK) {
        errno = detail.status == WEFT_ENOENT ? ESRCH : detail.os_code;
        return -1;
    }
    if (!weftos_kin_read(pid, &now)) {
        code = errno == EMFILE || errno == ENFILE ? errno : ESRCH;
    } else if (now.start != start || send_to((int)handle, 0) == ESRCH) {
        code = ESRCH;
    }
    if (code != 0) {
        (void)close((int)handle);
        errno = code;
        return -1;
    }
    return (int)handle;
}

/* Notes what came of it; true: it was sent. */
static bool signal_held(struct held *held, int number)
{
    int handle = held->handle;
    int code;

    if (held->has_ended || held->is_denied) {
        return false;
    }
    if (handle < 0) {
        handle = open_checked(held->pid, held->start);
    }
    code = handle >= 0 ? send_to(handle, number) : errno;
    if (handle >= 0 && handle != held->handle) {
        (void)close(handle);
    }
    held->has_ended = code == ESRCH;
    held->is_denied = code == EPERM;
    return code == 0;
}

/* ----------------------------------------------------------------- find --- */

static int compare_held(const void *a, const void *b)
{
    const struct held *first = a;
    const struct held *second = b;

    if (first->pid != second->pid) {
        return first->pid > second->pid ? 1 : -1;
    }
    return (first->start > second->start) - (first->start < second->start);
}

static struct held *find_held(const struct hunt *hunt, const struct kin *kin)
{
    struct held key = {.pid = kin->pid, .start = kin->start};

    return hunt->sorted == 0 ? NULL
                             : bsearch(&key, hunt->held, hunt->sorted,
                                       sizeof(key), compare_held);
}

static void sort_held(struct hunt *hunt)
{
    if (hunt->count > 1) {
        qsort(hunt->held, hunt->count, sizeof(*hunt->held), compare_held);
    }
    hunt->sorted = hunt->count;
}

/* Holds one that is new; false: there is no memory. */
static bool hold(struct hunt *hunt, const struct kin *kin)
{
    size_t room = hunt->room == 0 ? 64 : hunt->room * 2;
    struct held held = {.pid = kin->pid, .start = kin->start, .handle = -1};

    if (hunt->count == hunt->room) {
        struct held *grown = realloc(hunt->held, room * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        hunt->held = grown;
        hunt->room = room;
    }
    held.has_ended = weftos_kin_has_ended(kin);
    if (!held.has_ended && hunt->handles_left > 0) {
        held.handle = open_checked(kin->pid, kin->start);
        if (held.handle < 0 && errno == ESRCH) {
            return true; /* it has ended */
        }
        hunt->handles_left = held.handle >= 0 ? hunt->handles_left - 1 : 0;
    }
    hunt->held[hunt->count++] = held;
    hunt->result->found++;
    return true;
}

/* All threads of it stand, or wait in the kernel where they start nobody. */
static bool stands_still(const struct kin *kin)
{
    char path[32];
    DIR *threads;
    const struct dirent *entry;
    bool is_still = true;

    if (strchr("TtZXD", kin->state) == NULL) {
        return false;
    }
    if (kin->threads <= 1) {
        return true;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/task", kin->pid);
    threads = opendir(path);
    while (is_still && threads != NULL && (entry = readdir(threads)) != NULL) {
        struct kin thread;
        int number = atoi(entry->d_name);

        is_still = number <= 0 || !weftos_kin_read(number, &thread) ||
                   strchr("TtZXD", thread.state) != NULL;
    }
    if (threads != NULL) {
        (void)closedir(threads);
    }
    return is_still;
}

/* This process, and those that it comes from. */
static bool is_ours(const struct hunt *hunt, pid_t pid)
{
    const struct kin *kin = weftos_kin_find(&hunt->list, getpid());

    while (kin != NULL && kin->pid != pid) {
        const struct kin *parent = weftos_kin_find(&hunt->list, kin->parent);

        /* A list that was not made at one moment could have a circle. */
        kin = parent != NULL && parent->start <= kin->start && parent != kin
                  ? parent
                  : NULL;
    }
    return kin != NULL;
}

static bool has_order_room(struct hunt *hunt)
{
    if (hunt->order_room < hunt->list.count) {
        free(hunt->order);
        hunt->order_room = hunt->list.room;
        hunt->order = malloc(hunt->order_room * sizeof(*hunt->order));
    }
    if (hunt->order == NULL) {
        hunt->order_room = 0;
    }
    return hunt->order != NULL;
}

/* Those of the list that are held already, or the root; `*is_still`: all. */
static size_t find_roots(struct hunt *hunt, bool *is_still)
{
    size_t count = 0;

    *is_still = true;
    for (size_t i = 0; i < hunt->list.count; i++) {
        const struct kin *kin = &hunt->list.items[i];
        const struct held *held = find_held(hunt, kin);

        if (held != NULL && !held->is_denied && !held->has_ended &&
            !stands_still(kin)) {
            *is_still = false;
        }
        if (held != NULL ||
            (kin->pid == hunt->root && kin->start == hunt->root_start)) {
            hunt->order[count++] = i;
        }
    }
    return count;
}

/*
 * One pass: sends `number`, if that is not 0, to those not seen before, and
 * tells how many these are, or -1 if there is no memory, and how many it
 * reached.
 */
static int64_t pass(struct hunt *hunt, int number, size_t *sent, bool *is_still)
{
    size_t before = hunt->count;
    size_t roots;
    size_t count = 0;
    bool has_memory =
        weftos_kin_list(&hunt->list, NULL) == WEFT_OK && has_order_room(hunt);

    if (has_memory) {
        roots = find_roots(hunt, is_still);
        count =
            roots > 0 ? weftos_kin_family(&hunt->list, hunt->order, roots) : 0;
        has_memory = roots == 0 || count > 0;
    }
    for (size_t i = 0; i < count && has_memory; i++) {
        const struct kin *kin = &hunt->list.items[hunt->order[i]];
        size_t held = hunt->count;

        if (find_held(hunt, kin) != NULL || is_ours(hunt, kin->pid)) {
            continue;
        }
        has_memory = hold(hunt, kin);
        if (hunt->count > held && number != 0 &&
            signal_held(&hunt->held[held], number)) {
            hunt->held[held].is_stopped = number == SIGSTOP;
            *sent += 1;
        }
    }
    sort_held(hunt);
    return has_memory ? (int64_t)(hunt->count - before) : -1;
}

/* ----------------------------------------------------------------- wait --- */

/* Those that are held and live; `polls` has room for all that are held. */
static nfds_t fill_polls(const struct hunt *hunt, struct pollfd *polls)
{
    nfds_t count = 0;

    for (size_t i = 0; i < hunt->count; i++) {
        const struct held *held = &hunt->held[i];

        if (held->handle >= 0 && !held->has_ended && !held->is_denied) {
            polls[count++] = (struct pollfd){held->handle, POLLIN, 0};
        }
    }
    return count;
}

static void note_ends(struct hunt *hunt, const struct pollfd *polls)
{
    nfds_t at = 0;

    for (size_t i = 0; i < hunt->count; i++) {
        struct held *held = &hunt->held[i];

        if (held->handle >= 0 && !held->has_ended && !held->is_denied) {
            held->has_ended = polls[at++].revents != 0;
        }
    }
}

/* Returns at an interruption, too. */
static int poll_until(struct pollfd *polls, nfds_t count, uint64_t deadline_ns)
{
    struct timespec room;

    return ppoll(polls, count, weftos_time_left(deadline_ns, &room), NULL);
}

/* One for which there was no descriptor before. */
static void await_one(struct held *held, uint64_t deadline_ns)
{
    struct pollfd poll = {open_checked(held->pid, held->start), POLLIN, 0};
    int ready = -1;

    if (poll.fd < 0) {
        held->has_ended = errno == ESRCH;
        return;
    }
    do {
        ready = poll_until(&poll, 1, deadline_ns);
    } while (ready < 0 && errno == EINTR);
    held->has_ended = ready > 0;
    (void)close(poll.fd);
}

/* False: there is no memory to wait with. */
static bool await_ends(struct hunt *hunt, uint64_t deadline_ns)
{
    struct pollfd *polls = malloc((hunt->count + 1) * sizeof(*polls));
    nfds_t count = polls != NULL ? fill_polls(hunt, polls) : 0;
    int ready = 1;

    while (count > 0 && ready != 0) {
        ready = poll_until(polls, count, deadline_ns);
        if (ready > 0) {
            note_ends(hunt, polls);
            count = fill_polls(hunt, polls);
        } else if (ready < 0 && errno != EINTR) {
            break;
        }
    }
    for (size_t i = 0; i < hunt->count; i++) {
        struct held *held = &hunt->held[i];

        if (held->handle < 0 && !held->has_ended && !held->is_denied) {
            await_one(held, deadline_ns);
        }
    }
    free(polls);
    return polls != NULL;
}

/* ------------------------------------------------------------------ kill ---
 */

static void ask(struct hunt *hunt, const weft_tree_kill_options *options)
{
    int number = options->signal_number != 0 ? options->signal_number : SIGTERM;
    uint64_t deadline_ns = weft_after_ns(options->grace_ns);
    bool is_still;

    /* The root comes first, as it may start others anew. */
    for (size_t i = 0; i < 2 * hunt->count; i++) {
        struct held *held = &hunt->held[i % hunt->count];

        if ((held->pid == hunt->root) == (i < hunt->count)) {
            hunt->result->asked += signal_held(held, number);
        }
    }
    for (int i = 0; i < PASSES_MAX; i++) {
        if (pass(hunt, number, &hunt->result->asked, &is_still) <= 0) {
            break;
        }
    }
    (void)await_ends(hunt, deadline_ns);
}

/* True: nobody is left who could start another. */
static bool stop_all(struct hunt *hunt)
{
    for (int i = 0; i < PASSES_MAX; i++) {
        bool is_still = false;
        size_t sent = 0;
        int64_t found;

        for (size_t k = 0; k < hunt->count; k++) {
            struct held *held = &hunt->held[k];

            if (!held->is_stopped) {
                held->is_stopped = signal_held(held, SIGSTOP);
            }
        }
        found = pass(hunt, SIGSTOP, &sent, &is_still);
        if (found < 0) {
            return false;
        }
        if (found == 0 && is_still) {
            return true;
        }
        (void)sched_yield();
    }
    return false;
}

static void finish(struct hunt *hunt)
{
    weft_tree_kill_result *result = hunt->result;

    for (size_t i = 0; i < hunt->count; i++) {
        const struct held *held = &hunt->held[i];

        result->ended += held->has_ended;
        result->denied += held->is_denied;
        if (!held->has_ended) {
            if (result->survivors < WEFT_TREE_SURVIVORS) {
                result->survivor_pids[result->survivors] = held->pid;
            }
            result->survivors++;
        }
    }
}

static void end_all(struct hunt *hunt, const weft_tree_kill_options *options)
{
    if (options->grace_ns > 0) {
        ask(hunt, options);
    }
    hunt->result->is_complete = stop_all(hunt);
    for (size_t i = 0; i < hunt->count; i++) {
        hunt->result->killed += signal_held(&hunt->held[i], SIGKILL);
    }
    (void)await_ends(hunt, weft_after_ns(END_WAIT_NS));
}

/* ----------------------------------------------------------------- check ---
 */

static weft_status check_root(struct hunt *hunt, weft_detail *detail)
{
    const struct kin *root;
    weft_status status = weftos_kin_list(&hunt->list, detail);

    if (status != WEFT_OK) {
        return status;
    }
    root = weftos_kin_find(&hunt->list, hunt->root);
    if (root == NULL) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "there is no such process");
    }
    if (root->is_kernels) {
        return weftos_fail(detail, WEFT_EINVAL, 0,
                           "it is a thread of the kernel's");
    }
    if (hunt->root == getpid()) {
        return weftos_fail(detail, WEFT_EINVAL, 0,
                           "it is the process that asks for it");
    }
    if (is_ours(hunt, hunt->root)) {
        return weftos_fail(detail, WEFT_EINVAL, 0,
                           "the process that asks for it comes from it");
    }
    hunt->root_start = root->start;
    return WEFT_OK;
}

/* Finds and holds the tree, and looks whether there is a right to end it. */
static weft_status begin(struct hunt *hunt, weft_detail *detail)
{
    struct rlimit limit = {SPARE_HANDLES, SPARE_HANDLES};
    weft_handle handle = WEFTOS_NONE;
    weft_status status = check_root(hunt, detail);
    size_t allowed = 0;
    bool is_still;

    if (status == WEFT_OK) {
        status = weftos_process_open(hunt->root, &handle, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    (void)close((int)handle);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    hunt->handles_left = limit.rlim_cur > SPARE_HANDLES
                             ? (size_t)limit.rlim_cur - SPARE_HANDLES
                             : 0;
    if (pass(hunt, 0, &allowed, &is_still) < 0) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "find a tree");
    }
    if (hunt->count == 0) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "there is no such process");
    }
    for (size_t i = 0; i < hunt->count; i++) {
        allowed += signal_held(&hunt->held[i], 0) || hunt->held[i].has_ended;
    }
    return allowed > 0 ? WEFT_OK
                       : weftos_fail(detail, WEFT_EACCES, EPERM,
                                     "signal a process of another user");
}

static void free_hunt(struct hunt *hunt)
{
    for (size_t i = 0; i < hunt->count; i++) {
        if (hunt->held[i].handle >= 0) {
            (void)close(hunt->held[i].handle);
        }
    }
    free(hunt->held);
    free(hunt->order);
    free(hunt->list.items);
}

/* Can it end a process that does nothing about it? */
static bool is_ending(int number)
{
    static const int others[] = {SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU,
                                 SIGCONT, SIGCHLD, SIGURG,  SIGWINCH};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (number == others[i]) {
            return false;
        }
    }
    return number > 0 && number <= SIGRTMAX;
}

weft_status weftos_tree_kill(int64_t pid, const weft_tree_kill_options *options,
                             weft_tree_kill_result *result, weft_detail *detail)
{
    struct hunt hunt = {.root = (pid_t)pid, .result = result};
    weft_status status;
    int cancel;

    if (pid > INT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "there is no such process");
    }
    if (options->signal_number != 0 && !is_ending(options->signal_number)) {
        return weftos_fail(detail, WEFT_EINVAL, 0,
                           "the signal asks no process to end");
    }
    /* A thread that is cancelled in here would leave a tree that stands. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = begin(&hunt, detail);
    if (status == WEFT_OK) {
        result->is_complete = true;
        if ((options->flags & WEFT_TREE_KILL_DRY) == 0) {
            end_all(&hunt, options);
        }
        finish(&hunt);
    }
    free_hunt(&hunt);
    (void)pthread_setcancelstate(cancel, &cancel);
    return status;
}
