/* SPDX-License-Identifier: MIT
 *
 * Commands that cmd.exe runs beside this process, on Windows.
 *
 * Each is in a job of its own, which ends with this process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys_windows.h"

#define KILLED 0x7eae

/* What sys_shell.process leads to. */
typedef struct shell {
    HANDLE handle;
    HANDLE job;
} shell;

static shell *shell_of(const sys_shell *of)
{
    return (shell *)(intptr_t)of->process;
}

/* ------------------------------------------------------------- starting --- */

/* The line that cmd.exe is to have, to free; NULL: out of memory. */
static WCHAR *make_line(const char *command)
{
    size_t room = strlen(command) + 32;
    char *line = malloc(room);
    WCHAR *wide = NULL;

    if (line != NULL) {
        (void)snprintf(line, room, "cmd.exe /d /s /c \"%s\"", command);
        wide = sys_wide(line);
        free(line);
    }
    return wide;
}

/* Sets or removes a variable of ours, which the command inherits. */
static int set_variable(const char *variable, bool is_set)
{
    WCHAR *wide = sys_wide(variable);
    WCHAR *value = wide != NULL ? wcschr(wide, L'=') : NULL;
    int code = ERROR_NOT_ENOUGH_MEMORY;

    if (value != NULL) {
        *value++ = L'\0';
        code = SetEnvironmentVariableW(wide, is_set ? value : NULL)
                   ? 0
                   : (int)GetLastError();
    }
    free(wide);
    return code;
}

static int set_variables(char *const *variables, bool is_set)
{
    int code = 0;

    for (; *variables != NULL; variables++) {
        int one = set_variable(*variables, is_set);

        code = code == 0 ? one : code;
    }
    return code;
}

static HANDLE open_null(DWORD access)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    HANDLE file =
        CreateFileW(L"NUL", access, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    &inherited, OPEN_EXISTING, 0, NULL);

    return file != INVALID_HANDLE_VALUE ? file : NULL;
}

static int create(shell *made, WCHAR *line)
{
    HANDLE streams[3] = {open_null(GENERIC_READ), open_null(GENERIC_WRITE),
                         sys_copy_of_stderr()};
    int code = streams[0] == NULL || streams[1] == NULL
                   ? ERROR_FILE_NOT_FOUND
                   : sys_create_in_job(made->job, line, streams, &made->handle);

    for (size_t i = 0; i < 3; i++) {
        if (streams[i] != NULL) {
            (void)CloseHandle(streams[i]);
        }
    }
    return code;
}

static void destroy(shell *me)
{
    if (me->handle != NULL) {
        (void)CloseHandle(me->handle);
    }
    if (me->job != NULL) {
        (void)CloseHandle(me->job);
    }
    free(me);
}

int sys_shell_start(const char *command, char *const *variables,
                    sys_shell *started)
{
    shell *made = calloc(1, sizeof(*made));
    WCHAR *line = make_line(command);
    int code = ERROR_NOT_ENOUGH_MEMORY;

    *started = (sys_shell){0};
    if (made != NULL && line != NULL) {
        made->job = sys_job_make();
        code = made->job == NULL ? (int)GetLastError()
                                 : set_variables(variables, true);
        if (code == 0) {
            code = create(made, line);
        }
        (void)set_variables(variables, false);
    }
    free(line);
    if (code != 0 && made != NULL) {
        destroy(made);
    } else {
        started->process = (int64_t)(intptr_t)made;
    }
    return code;
}

/* --------------------------------------------------------------- ending --- */

static void end_one(sys_shell *ended)
{
    shell *me = shell_of(ended);
    DWORD status = 0;

    (void)TerminateJobObject(me->job, KILLED);
    (void)WaitForSingleObject(me->handle, INFINITE);
    (void)GetExitCodeProcess(me->handle, &status);
    destroy(me);
    ended->process = 0;
    if (status == KILLED) {
        (void)snprintf(ended->ending, sizeof(ended->ending),
                       "took too long, and was ended");
    } else if (status != 0) {
        (void)snprintf(ended->ending, sizeof(ended->ending),
                       "has ended with exit code %lu", status);
    }
}

bool sys_shell_has_ended(sys_shell *ended)
{
    const shell *me = shell_of(ended);

    if (me != NULL && WaitForSingleObject(me->handle, 0) == WAIT_OBJECT_0) {
        end_one(ended);
    }
    return ended->process == 0;
}

void sys_shells_end(sys_shell *shells, size_t count, uint64_t deadline_ns)
{
    int code;

    for (size_t i = 0; i < count; i++) {
        /* After an interruption the others have no time left. */
        if (sys_wait_handle((weft_handle)(intptr_t)shell_of(&shells[i])->handle,
                            deadline_ns, &code) == SYS_INTERRUPTED) {
            deadline_ns = WEFT_NOW;
        }
        end_one(&shells[i]);
    }
}
