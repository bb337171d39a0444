/* SPDX-License-Identifier: MIT
 *
 * The helper: how it is started, and its main loop.
 *
 * The host must not see it as a child: wait() would tell of it, and SIGCHLD.
 * So a process between them, which shares the host's memory for the moment
 * that it lives and sends no signal when it ends, starts it and is gone.
 *
 * The helper waits for what is to be started, and forks a supervisor for it.
 * It is small, so that costs little. It lives as long as the host has its end
 * of the socket open, or until the host dies. If a supervisor is killed, the
 * helper adopts what is left of its tree, and kills that.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_group.h"

#define HELPER_FD 3 /* where the helper has its socket */

/* ---------------------------------------------------------------- start --- */

/* Beside the library or program that this code is in, as it is installed. */
static bool beside(const char *more, char *path, size_t room)
{
    Dl_info info;
    char self[PATH_MAX];
    const char *from = self;
    const char *slash;
    ssize_t bytes;

    if (dladdr((const void *)(uintptr_t)&beside, &info) != 0 &&
        info.dli_fname != NULL && strstr(info.dli_fname, ".so") != NULL) {
        from = info.dli_fname;
    } else {
        bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (bytes < 0) {
            return false;
        }
        self[bytes] = '\0';
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
    const char *asked = secure_getenv("WEFT_HELPER");

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
 * What the process between works with. It is made by clone: __WCLONE alone
 * waits for it, so that no other thread's wait takes it. It has a stack of its
 * own, as it must not return into ours, and shares our memory for the moment
 * that it lives, and `cause` with it.
 */
struct start {
    const char *path;
    int socket;
    int cause;
    char *root; /* where groups are made, for the environment; may be NULL */
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

/*
 * The socket becomes descriptor 3, which is not closed over exec; 0 to 2 stay,
 * and no signal is blocked.
 */
static int prepare_spawn(struct start *start)
{
    sigset_t none;
    int cause = posix_spawn_file_actions_init(&start->actions);

    if (cause != 0) {
        return cause;
    }
    cause = posix_spawnattr_init(&start->attributes);
    if (cause != 0) {
        (void)posix_spawn_file_actions_destroy(&start->actions);
        return cause;
    }
    (void)sigemptyset(&none);
    cause = posix_spawn_file_actions_adddup2(&start->actions, start->socket,
                                             HELPER_FD);
    if (cause == 0) {
        cause = posix_spawnattr_setsigmask(&start->attributes, &none);
    }
    if (cause == 0) {
        cause = posix_spawnattr_setflags(&start->attributes,
                                         POSIX_SPAWN_SETSIGMASK);
    }
    return cause;
}

static int spawn_between(void *context)
{
    struct start *start = context;
    char *const arguments[] = {"weft-helper", NULL};
    char *const environment[] = {start->root, NULL};
    pid_t child;

    start->cause = posix_spawn(&child, start->path, &start->actions,
                               &start->attributes, arguments, environment);
    _exit(0);
}

static int fork_between(void *context)
{
    const struct start *start = context;
    pid_t child = fork();
    int code;

    if (child == 0) {
        weftos_run_reset_signals();
        if (start->socket != HELPER_FD &&
            dup3(start->socket, HELPER_FD, O_CLOEXEC) < 0) {
            _exit(127);
        }
        code = weftos_helper_main(HELPER_FD);
        _exit(code);
    }
    _exit(child < 0 ? errno : 0);
}

#define BETWEEN_STACK_BYTES ((size_t)64 * 1024)

static pid_t clone_between(int (*work)(void *), int flags, struct start *start)
{
    char *stack = mmap(NULL, BETWEEN_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    sigset_t all;
    sigset_t before;
    pid_t between;
    int status = 0;

    if (stack == MAP_FAILED) {
        return -1;
    }
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    between = clone(work, stack + BETWEEN_STACK_BYTES, flags, start);
    if (between > 0) {
        while (waitpid(between, &status, (int)__WCLONE) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
            start->cause = WEXITSTATUS(status);
        }
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)munmap(stack, BETWEEN_STACK_BYTES);
    return between;
}

weft_status weftos_helper_start(const char *path, bool forks,
                                weft_handle socket, weft_detail *detail)
{
    char room[PATH_MAX];
    struct start start = {.socket = (int)socket};
    const char *given = secure_getenv(RUN_ROOT_VARIABLE);
    char root[PATH_MAX + sizeof(RUN_ROOT_VARIABLE) + 1];
    pid_t between;

    start.path = path != NULL ? path : find_helper(room, sizeof(room));
    if (given != NULL && snprintf(root, sizeof(root), RUN_ROOT_VARIABLE "=%s",
                                  given) < (int)sizeof(root)) {
        start.root = root;
    }
    if (forks) {
        between = clone_between(fork_between, 0, &start);
    } else {
        start.cause = prepare_spawn(&start);
        if (start.cause != 0) {
            return weftos_fail(detail, weftos_errno_status(start.cause),
                               start.cause, "prepare weft-helper");
        }
        between = clone_between(spawn_between, CLONE_VM | CLONE_VFORK, &start);
        (void)posix_spawnattr_destroy(&start.attributes);
        (void)posix_spawn_file_actions_destroy(&start.actions);
    }
    if (between < 0) {
        return weftos_fail_errno(detail, "clone");
    }
    if (start.cause != 0) {
        return weftos_fail(
            detail,
            start.cause == ENOENT ? WEFT_ENOENT
                                  : weftos_errno_status(start.cause),
            start.cause, "start weft-helper (is it installed? $WEFT_HELPER)");
    }
    return WEFT_OK;
}

/* ------------------------------------------------------------ main loop --- */

/* The supervisors that live, and what is to be done for those that do not. */
struct supervisors {
    pid_t *pids;
    size_t count;
    size_t room;
    pid_t killed; /* whose tree is to be killed; 0: none */
};

static bool has_room(struct supervisors *all)
{
    size_t room = all->room == 0 ? 16 : all->room * 2;
    pid_t *grown;

    if (all->count < all->room) {
        return true;
    }
    grown = realloc(all->pids, room * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    all->pids = grown;
    all->room = room;
    return true;
}

/* Reaps, and ends the trees that have lost their supervisors. */
static void reap_all(struct supervisors *all)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG | (int)__WALL)) > 0) {
        for (size_t i = 0; i < all->count; i++) {
            if (all->pids[i] != pid) {
                continue;
            }
            all->pids[i] = all->pids[--all->count];
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                if (all->killed != 0) {
                    weftos_run_groups_end_of(all->killed);
                }
                all->killed = pid;
            }
            break;
        }
    }
    if (all->killed != 0) {
        bool is_left = weftos_run_kill_strays(all->pids, all->count);

        weftos_run_groups_end_of(all->killed);
        if (!is_left) {
            all->killed = 0;
        }
    }
}

/* One start. The handles are the supervisor's, and closed here. */
static void start_one(weft_handle socket, int host, weftos_received *received,
                      struct supervisors *all)
{
    struct wefti_run_message message;
    struct run run = {.host = -1};
    pid_t supervisor = -1;

    if (received->bytes == sizeof(message)) {
        memcpy(&message, received->data, sizeof(message));
        if (message.magic == WEFTI_RUN_MAGIC &&
            message.type == WEFTI_RUN_START &&
            weftos_run_unpack(&message, received, &run) && has_room(all)) {
            supervisor = fork();
        }
    }
    if (supervisor == 0) {
        weftos_close(socket);
        run.host = host;
        _exit(weftos_run_open(&run, message.bytes) ? weftos_run_tree(&run) : 1);
    }
    if (supervisor > 0) {
        all->pids[all->count++] = supervisor;
    }
    /* If there is none the host sees its program's socket hang up. */
    for (size_t i = 0; i < received->handle_count; i++) {
        weftos_close(received->handles[i]);
    }
}

/* Until there is a message, or the host has gone; -1 for one not known. */
static weft_status wait_for_host(weft_handle socket, int host, int ends,
                                 struct supervisors *all)
{
    struct pollfd polls[] = {{.fd = (int)socket, .events = POLLIN},
                             {.fd = host, .events = POLLIN},
                             {.fd = ends, .events = POLLIN}};
    struct signalfd_siginfo signal_;

    while (polls[0].revents == 0 && polls[1].revents == 0) {
        if (poll(polls, 3, -1) < 0 && errno != EINTR) {
            return WEFT_EOS;
        }
        if (polls[2].revents != 0) {
            (void)!read(ends, &signal_, sizeof(signal_));
            reap_all(all);
        }
    }
    return polls[0].revents == 0 ? WEFT_EPEERDIED : WEFT_OK;
}

int weftos_helper_main(weft_handle socket)
{
    struct supervisors all = {.count = 0};
    weftos_received received = {.handle_count = 0};
    int ends;
    int host = -1;
    weft_status status;

    /* What the host has open without knowing better is not for programs. */
    (void)syscall(SYS_close_range, (unsigned)socket + 1, ~0U, 0);
    ends = weftos_run_open_ends();
    (void)prctl(PR_SET_NAME, "weft-helper");
    (void)fcntl((int)socket, F_SETFD, FD_CLOEXEC);
    weftos_run_ignore_signals();
    weftos_run_isolate_begin();
    (void)weftos_get_facts(); /* once for all supervisors */
    status = ends < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0
                 ? WEFT_EOS
                 : weftos_socket_adopt(socket, NULL);
    while (status == WEFT_OK) {
        status = wait_for_host(socket, host, ends, &all);
        if (status == WEFT_OK) {
            status = weftos_socket_recv(socket, &received, NULL);
        }
        if (status == WEFT_EAGAIN) {
            status = WEFT_OK;
            continue;
        }
        if (status != WEFT_OK) {
            break;
        }
        if (host < 0) {
            host = (int)received.process; /* who it is, by the kernel */
        } else {
            weftos_close(received.process);
        }
        start_one(socket, host, &received, &all);
    }
    return status == WEFT_ECLOSED || status == WEFT_EPEERDIED ? 0 : 1;
}
