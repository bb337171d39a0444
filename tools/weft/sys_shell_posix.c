/* SPDX-License-Identifier: MIT
 *
 * Commands that the shell runs beside this process, on Linux and macOS.
 *
 * The end of one rings a bell: a pipe, which the handler of SIGCHLD writes to
 * and sys_wait_handle waits for. The handler is set with the first command.
 * Whoever has set SIGCHLD to be ignored before would have lost the ends.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#define _DEFAULT_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys.h"

extern char **environ;

static int bell[2] = {-1, -1};

static void ring(int number)
{
    int code = errno;

    (void)number;
    (void)!write(bell[1], "", 1);
    errno = code;
}

static int hang_bell(void)
{
    struct sigaction action;

    if (bell[0] >= 0) {
        return 0;
    }
    if (pipe(bell) != 0) {
        return errno;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(bell[i], F_SETFL, O_NONBLOCK);
        (void)fcntl(bell[i], F_SETFD, FD_CLOEXEC);
    }
    memset(&action, 0, sizeof(action));
    action.sa_handler = ring;
    action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGCHLD, &action, NULL);
    return 0;
}

/* ------------------------------------------------------------- starting --- */

static bool has_same_name(const char *first, const char *second)
{
    size_t bytes = strcspn(first, "=");

    return strncmp(first, second, bytes) == 0 && second[bytes] == '=';
}

static bool is_replaced(const char *variable, char *const *variables)
{
    for (; *variables != NULL; variables++) {
        if (has_same_name(*variables, variable)) {
            return true;
        }
    }
    return false;
}

/* Our environment with these in it, to free; NULL: out of memory. */
static char **environment_with(char *const *variables)
{
    size_t room = 1;
    size_t count = 0;
    char **list;

    for (char **at = environ; *at != NULL; at++) {
        room++;
    }
    for (char *const *at = variables; *at != NULL; at++) {
        room++;
    }
    list = malloc(room * sizeof(*list));
    if (list == NULL) {
        return NULL;
    }
    for (char **at = environ; *at != NULL; at++) {
        if (!is_replaced(*at, variables)) {
            list[count++] = *at;
        }
    }
    for (char *const *at = variables; *at != NULL; at++) {
        list[count++] = *at;
    }
    list[count] = NULL;
    return list;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t usual;
    int code;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    sigaddset(&usual, SIGCHLD);
    code = posix_spawnattr_setsigmask(attributes, &none);
    if (code == 0) {
        code = posix_spawnattr_setsigdefault(attributes, &usual);
    }
    if (code == 0) {
        code = posix_spawnattr_setpgroup(attributes, 0);
    }
    if (code == 0) {
        code = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF |
                                                        POSIX_SPAWN_SETPGROUP);
    }
    return code;
}

static int set_streams(posix_spawn_file_actions_t *actions)
{
    int code = posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
                                                "/dev/null", O_RDONLY, 0);

    return code != 0 ? code
                     : posix_spawn_file_actions_addopen(
                           actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
}

static int spawn_shell(const char *command, char **environment, pid_t *process)
{
    static char name[] = "sh";
    static char option[] = "-c";
    char *arguments[] = {name, option, (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);

    if (code != 0) {
        return code;
    }
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        code = set_attributes(&attributes);
        if (code == 0) {
            code = set_streams(&actions);
        }
        if (code == 0) {
            code = posix_spawn(process, "/bin/sh", &actions, &attributes,
                               arguments, environment);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

int sys_shell_start(const char *command, char *const *variables,
                    sys_shell *shell)
{
    char **environment;
    pid_t process = 0;
    int code = hang_bell();

    *shell = (sys_shell){0};
    if (code != 0) {
        return code;
    }
    environment = environment_with(variables);
    if (environment == NULL) {
        return ENOMEM;
    }
    code = spawn_shell(command, environment, &process);
    free(environment);
    shell->process = code == 0 ? process : 0;
    return code;
}

/* --------------------------------------------------------------- ending --- */

static void note_ending(sys_shell *shell, int status, bool was_killed)
{
    shell->process = 0;
    if (was_killed) {
        (void)snprintf(shell->ending, sizeof(shell->ending),
                       "took too long, and was ended");
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(shell->ending, sizeof(shell->ending),
                       "was ended by signal %d", WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        (void)snprintf(shell->ending, sizeof(shell->ending),
                       "has ended with exit code %d", WEXITSTATUS(status));
    }
}

/* Reaps those that have ended; how many are left. */
static size_t reap(sys_shell *shells, size_t count)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        int status = 0;

        if (shells[i].process == 0) {
            continue;
        }
        if (waitpid((pid_t)shells[i].process, &status, WNOHANG) == 0) {
            left++;
        } else {
            note_ending(&shells[i], status, false);
        }
    }
    return left;
}

bool sys_shell_has_ended(sys_shell *shell)
{
    return reap(shell, 1) == 0;
}

static void end_by_force(sys_shell *shell)
{
    pid_t process = (pid_t)shell->process;
    int status = 0;

    /* It has not been reaped, so the number is its own, and its group's. */
    (void)kill(-process, SIGKILL);
    (void)kill(process, SIGKILL);
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    note_ending(shell, status, true);
}

void sys_shells_end(sys_shell *shells, size_t count, uint64_t deadline_ns)
{
    char dropped[64];
    int code;

    while (reap(shells, count) > 0 &&
           sys_wait_handle(bell[0], deadline_ns, &code) == SYS_READY) {
        while (read(bell[0], dropped, sizeof(dropped)) > 0) {
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (shells[i].process != 0) {
            end_by_force(&shells[i]);
        }
    }
}
