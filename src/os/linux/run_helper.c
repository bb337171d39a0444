/* SPDX-License-Identifier: MIT
 *
 * How the helper is started; what it does then is in run_serve.c.
 *
 * The host must not see it as a child: wait() would tell of it, and SIGCHLD.
 * So a process between them, which shares the host's memory for the moment
 * that it lives and sends no signal when it ends, starts it and is gone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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
