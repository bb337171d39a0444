/* SPDX-License-Identifier: MIT
 *
 * The helper: how it is started, and its main loop.
 *
 * The host must not have it as a child, of whose end wait() would tell. So it
 * forks once more as the first thing, and the first process ends. macOS has no
 * child that wait() passes over: a thread of the host's that waits for any
 * child in this moment is told of the first process, and so is SIGCHLD.
 *
 * The helper waits for what is to be started, and forks a supervisor for it. It
 * lives as long as the host has its end of the socket open, or until the host
 * dies. What a supervisor that was killed has left it looks for, and kills.
 */
#define _DARWIN_C_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <libproc.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define HELPER_FD 3 /* where the helper has its socket */
#define APP_GROUP "WEFT_APP_GROUP"

/* ---------------------------------------------------------------- start --- */

/* Beside the library or program that this code is in, as it is installed. */
static bool beside(const char *more, char *path, size_t room)
{
    Dl_info info;
    char self[PROC_PIDPATHINFO_MAXSIZE];
    const char *from = self;
    const char *slash;
    int bytes;

    if (dladdr((const void *)(uintptr_t)&beside, &info) != 0 &&
        info.dli_fname != NULL && strstr(info.dli_fname, ".dylib") != NULL) {
        from = info.dli_fname;
    } else if (proc_pidpath(getpid(), self, sizeof(self)) <= 0) {
        return false;
    }
    slash = strrchr(from, '/');
    if (slash == NULL) {
        return false;
    }
    bytes = snprintf(path, room, "%.*s/%s", (int)(slash - from), from, more);
    return (size_t)bytes < room && access(path, X_OK) == 0;
}

static const char *find_helper(char *path, size_t room)
{
    const char *asked = issetugid() != 0 ? NULL : getenv("WEFT_HELPER");

    if (asked != NULL) {
        return asked;
    }
    if (beside("weft-helper", path, room) ||
        beside("../libexec/weft/weft-helper", path, room)) {
        return path;
    }
    return WEFT_HELPER_PATH;
}

/*
 * The socket becomes descriptor 3, which is not closed over exec; 0 to 2 stay,
 * and no signal is blocked. The environment is empty but for what memory needs
 * in a sandbox. 0 or an errno.
 */
static int spawn(const char *path, int socket, pid_t *child)
{
    char *const arguments[] = {(char *)(uintptr_t) "weft-helper", NULL};
    const char *group = getenv(APP_GROUP);
    char variable[64] = "";
    char *environment[] = {NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int cause = posix_spawn_file_actions_init(&actions);

    if (cause != 0) {
        return cause;
    }
    cause = posix_spawnattr_init(&attributes);
    if (cause != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return cause;
    }
    if (group != NULL && snprintf(variable, sizeof(variable), APP_GROUP "=%s",
                                  group) < (int)sizeof(variable)) {
        environment[0] = variable;
    }
    (void)sigemptyset(&none);
    cause = posix_spawn_file_actions_adddup2(&actions, socket, HELPER_FD);
    if (cause == 0) {
        cause = posix_spawnattr_setsigmask(&attributes, &none);
    }
    if (cause == 0) {
        cause = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    }
    if (cause == 0) {
        cause = posix_spawn(child, path, &actions, &attributes, arguments,
                            environment);
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return cause;
}

/* 0 or an errno. */
static int fork_here(int socket, pid_t *child)
{
    *child = fork();
    if (*child == 0) {
        weftos_run_reset_signals();
        if (dup2(socket, HELPER_FD) < 0) {
            _exit(errno);
        }
        _exit(weftos_helper_main(HELPER_FD));
    }
    return *child < 0 ? errno : 0;
}

/* 0, or the errno that the first process has ended with. */
static int await(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return 0; /* another thread's wait was told of it */
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

weft_status weftos_helper_start(const char *path, bool forks,
                                weft_handle socket, weft_detail *detail)
{
    char room[PATH_MAX];
    pid_t child = 0;
    /* In place already it would be closed over exec. */
    int copy = fcntl((int)socket, F_DUPFD_CLOEXEC, HELPER_FD + 1);
    int cause;

    if (copy < 0) {
        return weftos_fail_errno(detail, "start weft-helper");
    }
    if (path == NULL) {
        path = find_helper(room, sizeof(room));
    }
    cause = forks ? fork_here(copy, &child) : spawn(path, copy, &child);
    (void)close(copy);
    if (cause == 0) {
        cause = await(child);
    }
    return cause == 0
               ? WEFT_OK
               : weftos_fail(
                     detail,
                     cause == ENOENT ? WEFT_ENOENT : weftos_errno_status(cause),
                     cause,
                     "start weft-helper (is it installed? $WEFT_HELPER)");
}

/* ------------------------------------------------------------ main loop --- */

/* What an event is of; a supervisor's is its process number. */
#define ID_SOCKET 0
#define ID_HOST 1

#define EVENTS_MOST 16

struct supervisor {
    pid_t pid; /* 0: it was killed, and its tree is not gone yet */
    struct run_slot *slot;
};

struct helper {
    int socket;
    int queue;
    weftos_process_id host; /* pid 0: not known yet */
    bool has_ended;         /* the host has */
    bool has_message;
    bool has_strays;
    struct supervisor *list;
    size_t count;
    size_t room;
};

static bool has_room(struct helper *helper)
{
    size_t room = helper->room == 0 ? 16 : helper->room * 2;
    struct supervisor *grown;

    if (helper->count < helper->room) {
        return true;
    }
    grown = realloc(helper->list, room * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    helper->list = grown;
    helper->room = room;
    return true;
}

/* Shared with the supervisor that is to be forked; NULL: there is no memory. */
static struct run_slot *new_slot(void)
{
    struct run_slot *slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANON, -1, 0);
    uint64_t number = 0;

    if (slot == MAP_FAILED) {
        return NULL;
    }
    arc4random_buf(&number, sizeof(number));
    (void)snprintf(slot->mark, sizeof(slot->mark), "WEFT_TREE=%016llx",
                   (unsigned long long)number);
    return slot;
}

static void free_slot(struct run_slot *slot)
{
    (void)munmap(slot, sizeof(*slot));
}

static void forget(struct helper *helper, size_t index)
{
    free_slot(helper->list[index].slot);
    helper->list[index] = helper->list[--helper->count];
}

/* Kills what killed supervisors have left; the ends lead here again. */
static void end_strays(struct helper *helper)
{
    helper->has_strays = false;
    for (size_t i = helper->count; i > 0; i--) {
        if (helper->list[i - 1].pid != 0) {
            continue;
        }
        if (weftos_run_kill_stray(helper->list[i - 1].slot, helper->queue)) {
            helper->has_strays = true;
        } else {
            forget(helper, i - 1);
        }
    }
}

/*
 * Reaps one. NOTE_EXIT may come before the process can be waited for, so this
 * waits; its end is near.
 */
static void reap(struct helper *helper, pid_t pid)
{
    int status = 0;

    for (size_t i = 0; i < helper->count; i++) {
        if (helper->list[i].pid != pid) {
            continue;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(status)) {
            forget(helper, i);
        } else {
            helper->list[i].pid = 0;
            helper->has_strays = true;
        }
        return;
    }
}

static void watch_supervisor(struct helper *helper, pid_t pid)
{
    if (weftos_queue_change(helper->queue, (uintptr_t)pid, EVFILT_PROC, EV_ADD,
                            NOTE_EXIT, (uint64_t)pid) != 0) {
        reap(helper, pid); /* ESRCH: it has ended */
    }
}

static _Noreturn void supervise(struct run *run, uint64_t request_bytes)
{
    _exit(weftos_run_open(run, request_bytes) ? weftos_run_tree(run) : 1);
}

/* One start. The handles are the supervisor's, and closed here. */
static void start_one(struct helper *helper, weftos_received *received)
{
    struct wefti_run_message message;
    struct run run = {.host = helper->host};
    struct run_slot *slot = NULL;
    pid_t pid = -1;

    if (received->bytes == sizeof(message)) {
        memcpy(&message, received->data, sizeof(message));
        if (message.magic == WEFTI_RUN_MAGIC &&
            message.type == WEFTI_RUN_START &&
            weftos_run_unpack(&message, received, &run) && has_room(helper)) {
            slot = new_slot();
        }
    }
    if (slot != NULL) {
        run.slot = slot;
        pid = fork();
    }
    if (pid == 0) {
        (void)close(helper->socket);
        supervise(&run, message.bytes);
    }
    if (pid > 0) {
        helper->list[helper->count++] = (struct supervisor){pid, slot};
        watch_supervisor(helper, pid);
    } else if (slot != NULL) {
        free_slot(slot);
    }
    /* If there is none the host sees its program's socket hang up. */
    for (size_t i = 0; i < received->handle_count; i++) {
        weftos_close(received->handles[i]);
    }
}

/* Who it is, by the kernel. */
static void know_host(struct helper *helper, weft_handle process)
{
    if (helper->host.pid != 0 || process == WEFTOS_NONE) {
        return;
    }
    helper->host = weftos_process_of(process);
    helper->has_ended = weftos_process_watch(helper->queue, &helper->host,
                                             ID_HOST, NULL) == WEFT_ENOENT;
}

static void take_event(struct helper *helper, uint64_t id)
{
    if (id == ID_SOCKET) {
        helper->has_message = true;
    } else if (id == ID_HOST) {
        helper->has_ended = true;
    } else {
        reap(helper, (pid_t)id);
    }
}

/* Until there is a message, or the host has gone. */
static weft_status wait_for_host(struct helper *helper)
{
    struct kevent found[EVENTS_MOST];

    helper->has_message = false;
    while (!helper->has_message && !helper->has_ended) {
        int count =
            weftos_queue_wait(helper->queue, found, EVENTS_MOST, WEFT_FOREVER);

        if (count < 0 && errno != EINTR) {
            return WEFT_EOS;
        }
        for (int i = 0; i < count; i++) {
            take_event(helper, (uint64_t)(uintptr_t)found[i].udata);
        }
        if (helper->has_strays) {
            end_strays(helper);
        }
    }
    return helper->has_message ? WEFT_OK : WEFT_EPEERDIED;
}

static weft_status serve(struct helper *helper)
{
    weftos_received received = {.handle_count = 0};
    weft_status status = wait_for_host(helper);

    if (status == WEFT_OK) {
        status = weftos_socket_recv(helper->socket, &received, NULL);
    }
    if (status == WEFT_OK) {
        know_host(helper, received.process);
        start_one(helper, &received);
    }
    return status == WEFT_EAGAIN ? WEFT_OK : status;
}

/* The host's child ends here, and its child goes on. */
static void detach(void)
{
    pid_t child = fork();

    if (child != 0) {
        _exit(child < 0 ? errno : 0);
    }
}

int weftos_helper_main(weft_handle socket)
{
    struct weftos_queue queue;
    struct helper helper = {.socket = (int)socket};
    weft_status status;

    detach();
    /* What the host has open without knowing better is not for programs. */
    weftos_run_close_from((int)socket + 1, -1);
    (void)fcntl((int)socket, F_SETFD, FD_CLOEXEC);
    weftos_run_ignore_signals();
    (void)weftos_get_facts(); /* once for all supervisors */
    status = weftos_socket_adopt(socket, NULL);
    if (status == WEFT_OK) {
        status = weftos_queue_open(&queue, NULL);
    }
    if (status == WEFT_OK) {
        helper.queue = queue.fd;
        status = weftos_queue_change(queue.fd, (uintptr_t)socket, EVFILT_READ,
                                     EV_ADD, 0, ID_SOCKET) == 0
                     ? WEFT_OK
                     : WEFT_EOS;
    }
    while (status == WEFT_OK) {
        status = serve(&helper);
    }
    free(helper.list);
    return status == WEFT_ECLOSED || status == WEFT_EPEERDIED ? 0 : 1;
}
