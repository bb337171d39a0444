/* SPDX-License-Identifier: MIT
 *
 * The leader, between the fork and the program: its limits, its descriptors,
 * its arguments.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* glibc makes a type of its own of the numbers of limits. */
#ifdef __GLIBC__
typedef __rlimit_resource_t limit_number;
#else
typedef int limit_number;
#endif

/* The limits that every process of the tree inherits. */
static const struct limit {
    weft_fence fence;
    int resource;
    const char *mechanism;
} limits[] = {
    {WEFT_FENCE_FILES, RLIMIT_NOFILE, "RLIMIT_NOFILE"},
    {WEFT_FENCE_FILE_SIZE, RLIMIT_FSIZE, "RLIMIT_FSIZE"},
    {WEFT_FENCE_CORE, RLIMIT_CORE, "RLIMIT_CORE"},
    {WEFT_FENCE_STACK, RLIMIT_STACK, "RLIMIT_STACK"},
};

#define LIMIT_COUNT (sizeof(limits) / sizeof(limits[0]))

void weftos_run_child_rows(struct run *run)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        struct rlimit now = {0, 0};
        uint64_t asked = run->request->fences[limits[i].fence].hard;

        if (!weftos_run_is_asked(run, limits[i].fence)) {
            continue;
        }
        (void)getrlimit((limit_number)limits[i].resource, &now);
        weftos_run_row(run, limits[i].fence, WEFT_LEVEL_PROCESS,
                       limits[i].mechanism,
                       "the kernel has no such limit for a tree");
        if (asked > now.rlim_max) {
            /* Firmer than asked for; what is in force is said. */
            weftos_run_row_of(run, limits[i].fence)->applied = now.rlim_max;
        }
    }
}

_Noreturn void weftos_run_child_fail(int pipe, int fence, const char *operation)
{
    struct run_failure failure = {.os_code = errno, .fence = fence};

    (void)snprintf(failure.operation, sizeof(failure.operation), "%s",
                   operation);
    (void)!write(pipe, &failure, sizeof(failure));
    _exit(125);
}

void weftos_run_child_note(int pipe, const char *format, ...)
{
    struct run_failure note = {.fence = -1};
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(note.operation, sizeof(note.operation), format, arguments);
    va_end(arguments);
    (void)!write(pipe, &note, sizeof(note));
}

void weftos_run_set_limits(const struct run *run, int pipe)
{
    const char *operation = "";
    int fence = -1;

    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        const struct wefti_run_fence *asked =
            &run->request->fences[limits[i].fence];
        limit_number resource = (limit_number)limits[i].resource;
        struct rlimit limit;

        if (asked->is_asked == 0 || getrlimit(resource, &limit) != 0) {
            continue;
        }
        if (asked->hard < limit.rlim_max) {
            limit.rlim_max = asked->hard;
        }
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(resource, &limit) != 0) {
            weftos_run_child_fail(pipe, (int)limits[i].fence,
                                  limits[i].mechanism);
        }
    }
    if (!weftos_run_limits_child(run, &operation, &fence)) {
        weftos_run_child_fail(pipe, fence, operation);
    }
}

/* A descriptor above all places, so that none of them is overwritten. */
static int lift(int handle)
{
    return handle < 0 || handle > RUN_CHANNEL_FD
               ? handle
               : fcntl(handle, F_DUPFD_CLOEXEC, RUN_CHANNEL_FD + 1);
}

/* The streams become 0 to 2, the channel 3, the pipe one above. */
int weftos_run_place_handles(const struct run *run, int pipe)
{
    int from[4];
    int high = lift(pipe);

    if (high < 0) {
        weftos_run_child_fail(pipe, -1, "copy a descriptor");
    }
    for (int i = 0; i < 4; i++) {
        int handle =
            run->handles[i < 3 ? WEFTI_RUN_INPUT + i : WEFTI_RUN_CHANNEL];

        if (handle < 0 && i < 3) {
            handle = open("/dev/null", O_RDWR | O_CLOEXEC);
        }
        from[i] = lift(handle);
        if (from[i] < 0 && (i < 3 || handle >= 0)) {
            weftos_run_child_fail(
                high, -1, i < 3 ? "open a standard stream" : "the channel");
        }
    }
    for (int i = 0; i < 4; i++) {
        if (from[i] >= 0 && dup2(from[i], i) < 0) {
            weftos_run_child_fail(high, -1, "place a descriptor");
        }
    }
    return high;
}

void weftos_run_reset_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++) {
        (void)sigaction(i, &usual, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * What a terminal, a service manager or a shell sends to all of a session is
 * for the program and its host. The helper ends when its host does.
 */
void weftos_run_ignore_signals(void)
{
    static const int numbers[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE,
                                  SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN,
                                  SIGTTOU, SIGXFSZ, SIGXCPU};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)signal(numbers[i], SIG_IGN);
    }
}

/* The terminated strings from an offset on, as exec wants them. */
static char **strings_at(const struct run *run, uint64_t offset, uint32_t count,
                         uint32_t more, int pipe)
{
    char **list = calloc((size_t)count + more + 1, sizeof(*list));
    char *text = (char *)(uintptr_t)run->request + offset;

    if (list == NULL) {
        weftos_run_child_fail(pipe, -1, "allocate the arguments");
    }
    for (uint32_t i = 0; i < count; i++) {
        list[i] = text;
        text += strlen(text) + 1;
    }
    return list;
}

/* Replaces a variable, or adds it; there is room. */
static void set_variable(char **variables, uint32_t count, char *variable)
{
    size_t name = strcspn(variable, "=") + 1;

    for (uint32_t i = 0; i < count; i++) {
        if (strncmp(variables[i], variable, name) == 0) {
            variables[i] = variable;
            return;
        }
    }
    variables[count] = variable;
}

_Noreturn void weftos_run_execute(const struct run *run, int pipe)
{
    const struct wefti_run_request *request = run->request;
    struct run_failure failure = {
        .fence = -1, .is_program = 1, .operation = "execute it"};
    static char channel[] = WEFT_CHANNEL_ENV "=3";
    char **arguments =
        strings_at(run, request->arguments, request->argument_count, 0, pipe);
    char **variables =
        strings_at(run, request->variables, request->variable_count, 3, pipe);
    uint32_t count = request->variable_count;
    const char *absence;

    if (run->handles[WEFTI_RUN_CHANNEL] >= 0) {
        variables[count++] = channel;
    }
    if (weftos_run_mark(run) != NULL) {
        variables[count++] = weftos_run_mark(run);
    }
    if (weftos_run_isolate_temp(run) != NULL) {
        set_variable(variables, count, weftos_run_isolate_temp(run));
    }
    weftos_environment_set(variables);
    weftos_run_program(arguments, request->argument_count, variables, &failure);
    absence = weftos_run_isolate_absence(run, arguments[0]);
    if (failure.os_code == ENOENT && absence != NULL) {
        (void)snprintf(failure.operation, sizeof(failure.operation), "%s",
                       absence);
    }
    (void)!write(pipe, &failure, sizeof(failure));
    _exit(125);
}
