/* SPDX-License-Identifier: MIT
 *
 * Programs beside this one, on Linux and macOS.
 *
 * Our ends of the pipes do not block, which is no affair of the program's:
 * each end of a pipe has a description of its own. All ends close on exec, so
 * that no program holds the pipes of another one open.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#define _DEFAULT_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys.h"

extern char **environ;

/* ------------------------------------------------------------- starting --- */

static void close_pair(int pair[2])
{
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* A pipe of which we keep the end `ours`. */
static int open_pipe(int pair[2], int ours)
{
    int flags;

    if (pipe(pair) != 0) {
        return errno;
    }
    flags = fcntl(pair[ours], F_GETFL);
    if (flags < 0 || fcntl(pair[ours], F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(pair[0], F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(pair[1], F_SETFD, FD_CLOEXEC) != 0) {
        int code = errno;

        close_pair(pair);
        return code;
    }
    return 0;
}

/* What we ignore and hold back is not for the program. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t usual;
    int code;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    code = posix_spawnattr_setsigmask(attributes, &none);
    if (code == 0) {
        code = posix_spawnattr_setsigdefault(attributes, &usual);
    }
    if (code == 0) {
        code = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
    }
    return code;
}

static int spawn(char **arguments, int input, int output, pid_t *process)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);

    if (code != 0) {
        return code;
    }
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        code = set_signals(&attributes);
        if (code == 0) {
            code =
                posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        }
        if (code == 0) {
            code = posix_spawn_file_actions_adddup2(&actions, output,
                                                    STDOUT_FILENO);
        }
        if (code == 0) {
            code = posix_spawnp(process, arguments[0], &actions, &attributes,
                                arguments, environ);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

int sys_program_start(char **arguments, sys_program *program)
{
    int input[2];
    int output[2];
    pid_t process = 0;
    int code = open_pipe(input, 1);

    program->process = 0;
    if (code != 0) {
        return code;
    }
    code = open_pipe(output, 0);
    if (code != 0) {
        close_pair(input);
        return code;
    }
    code = spawn(arguments, input[0], output[1], &process);
    (void)close(input[0]);
    (void)close(output[1]);
    if (code != 0) {
        (void)close(input[1]);
        (void)close(output[0]);
        return code;
    }
    *program = (sys_program){process, input[1], output[0]};
    return 0;
}

/* ---------------------------------------------------------------- pipes --- */

/* What a call on a pipe that does not block has returned; 0: try later. */
static int pipe_code(ssize_t result)
{
    return result >= 0 || errno == EAGAIN || errno == EINTR ? 0 : errno;
}

int sys_program_write(const sys_program *program, const void *data,
                      size_t bytes, size_t *written)
{
    ssize_t result = write((int)program->input, data, bytes);

    *written = result > 0 ? (size_t)result : 0;
    return pipe_code(result);
}

int sys_program_read(const sys_program *program, void *buffer, size_t room,
                     size_t *bytes, bool *at_end)
{
    ssize_t result = read((int)program->output, buffer, room);

    *bytes = result > 0 ? (size_t)result : 0;
    *at_end = result == 0;
    return pipe_code(result);
}

/* --------------------------------------------------------------- ending --- */

void sys_program_close_input(sys_program *program)
{
    if (program->input != WEFT_HANDLE_NONE) {
        (void)close((int)program->input);
        program->input = WEFT_HANDLE_NONE;
    }
}

/* Drops what it still writes, until it closes its output or time is over. */
static void drain(const sys_program *program, uint64_t deadline_ns)
{
    struct pollfd output = {(int)program->output, POLLIN, 0};
    char dropped[4096];

    for (;;) {
        uint64_t now = weft_now_ns();
        size_t bytes;
        bool at_end;

        if (sys_program_read(program, dropped, sizeof(dropped), &bytes,
                             &at_end) != 0 ||
            at_end || now >= deadline_ns) {
            return;
        }
        (void)poll(&output, 1, (int)((deadline_ns - now) / 1000000) + 1);
    }
}

void sys_program_end(sys_program *program, uint64_t deadline_ns, char *text,
                     size_t room)
{
    pid_t process = (pid_t)program->process;
    int status = 0;

    sys_program_close_input(program);
    drain(program, deadline_ns);
    (void)close((int)program->output);
    /* Nothing happens to one that has ended, and its number is still taken. */
    (void)kill(process, SIGKILL);
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    program->process = 0;
    if (WIFSIGNALED(status)) {
        snprintf(text, room, "was ended by signal %d", WTERMSIG(status));
    } else {
        snprintf(text, room, "has ended with exit code %d",
                 WEXITSTATUS(status));
    }
}

/* Linux says; macOS has no /proc. */
bool sys_process_name(int64_t pid, char *name, size_t room)
{
    char path[64];
    char text[64];
    FILE *file;
    bool known;

    snprintf(path, sizeof(path), "/proc/%lld/comm", (long long)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    known = fgets(text, sizeof(text), file) != NULL;
    fclose(file);
    if (known) {
        text[strcspn(text, "\n")] = '\0';
        snprintf(name, room, "%s", text);
    }
    return known;
}

bool sys_user_name(uint32_t user, char *name, size_t room)
{
    char text[4096]; /* a line of any user file in use */
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r((uid_t)user, &entry, text, sizeof(text), &found) != 0 ||
        found == NULL || strlen(found->pw_name) >= room) {
        return false;
    }
    (void)snprintf(name, room, "%s", found->pw_name);
    return true;
}
