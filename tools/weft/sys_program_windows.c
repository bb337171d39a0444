/* SPDX-License-Identifier: MIT
 *
 * Programs beside this one on Windows.
 *
 * Each is in a job of its own, which ends it, and what it has started, when
 * this process ends in any way. It inherits its three standard handles and
 * nothing else, so that no program holds the pipes of another one open.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys_windows.h"

/* The exit code of who is killed here. */
#define KILLED 0x7ead

/* Exit codes from here on are those of exceptions. */
#define EXCEPTION_LEAST 0x80000000u

/* What sys_program.process leads to. */
typedef struct process {
    HANDLE handle;
    HANDLE job;
    sys_pipe *input;
    sys_pipe *output;
} process;

static process *process_of(const sys_program *program)
{
    return (process *)(intptr_t)program->process;
}

/* --------------------------------------------------------- command line --- */

/* As many backslashes again. */
static char *pair(char *to, size_t backslashes)
{
    memset(to, '\\', backslashes);
    return to + backslashes;
}

/*
 * What an argument becomes in the line. Programs take it apart by the rules of
 * the C library: backslashes are such, but before a quote they come in pairs.
 */
static char *quote(char *to, const char *argument)
{
    size_t backslashes = 0;

    *to++ = '"';
    for (; *argument != '\0'; argument++) {
        if (*argument == '"') {
            to = pair(to, backslashes);
            *to++ = '\\';
        }
        backslashes = *argument == '\\' ? backslashes + 1 : 0;
        *to++ = *argument;
    }
    to = pair(to, backslashes);
    *to++ = '"';
    return to;
}

/* The name of the program is what stands between the first two quotes. */
static WCHAR *join(char **arguments)
{
    size_t room = 1;
    char *line;
    char *end;
    WCHAR *wide;

    for (char **at = arguments; *at != NULL; at++) {
        room += 2 * strlen(*at) + 3;
    }
    line = malloc(room);
    if (line == NULL) {
        return NULL;
    }
    end = line + snprintf(line, room, "\"%s\"", arguments[0]);
    for (char **at = arguments + 1; *at != NULL; at++) {
        *end++ = ' ';
        end = quote(end, *at);
    }
    *end = '\0';
    wide = sys_wide(line);
    free(line);
    return wide;
}

/*
 * The system would give a batch file to cmd.exe, which takes lines apart by
 * rules of its own: no quotes keep an argument whole there. Dots and spaces at
 * the end of a name do not count.
 */
static bool is_batch_file(const char *name)
{
    size_t length = strlen(name);

    while (length > 0 && (name[length - 1] == '.' || name[length - 1] == ' ')) {
        length--;
    }
    return length >= 4 && (_strnicmp(name + length - 4, ".bat", 4) == 0 ||
                           _strnicmp(name + length - 4, ".cmd", 4) == 0);
}

/* ------------------------------------------------------------- starting --- */

/* Ours may be one that is not inherited, or none at all. */
HANDLE sys_copy_of_stderr(void)
{
    HANDLE copy = NULL;

    return DuplicateHandle(GetCurrentProcess(), GetStdHandle(STD_ERROR_HANDLE),
                           GetCurrentProcess(), &copy, 0, TRUE,
                           DUPLICATE_SAME_ACCESS)
               ? copy
               : NULL;
}

/* Starts it in the job, before it has run a step. */
static int create_in_job(process *me, WCHAR *line, STARTUPINFOEXW *startup)
{
    PROCESS_INFORMATION made;
    int code = 0;

    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE,
                        CREATE_SUSPENDED | EXTENDED_STARTUPINFO_PRESENT, NULL,
                        NULL, &startup->StartupInfo, &made)) {
        return (int)GetLastError();
    }
    if (!AssignProcessToJobObject(me->job, made.hProcess) ||
        ResumeThread(made.hThread) == (DWORD)-1) {
        code = (int)GetLastError();
        (void)TerminateProcess(made.hProcess, KILLED);
    }
    (void)CloseHandle(made.hThread);
    if (code != 0) {
        (void)CloseHandle(made.hProcess);
        return code;
    }
    me->handle = made.hProcess;
    return 0;
}

/* With a list of what it inherits. */
static int create_with(process *me, WCHAR *line, HANDLE handles[3])
{
    STARTUPINFOEXW startup = {.StartupInfo = {.cb = sizeof(startup)}};
    DWORD count = handles[2] != NULL ? 3 : 2;
    SIZE_T room = 0;
    int code;

    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = handles[0];
    startup.StartupInfo.hStdOutput = handles[1];
    startup.StartupInfo.hStdError = handles[2];
    (void)InitializeProcThreadAttributeList(NULL, 1, 0, &room);
    startup.lpAttributeList = malloc(room);
    if (startup.lpAttributeList == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    if (!InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0,
                                           &room)) {
        code = (int)GetLastError();
        free(startup.lpAttributeList);
        return code;
    }
    code = UpdateProcThreadAttribute(startup.lpAttributeList, 0,
                                     PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                     count * sizeof(HANDLE), NULL, NULL)
               ? create_in_job(me, line, &startup)
               : (int)GetLastError();
    DeleteProcThreadAttributeList(startup.lpAttributeList);
    free(startup.lpAttributeList);
    return code;
}

int sys_create_in_job(HANDLE job, WCHAR *line, HANDLE streams[3],
                      HANDLE *started)
{
    process made = {.job = job};
    int code = create_with(&made, line, streams);

    *started = made.handle;
    return code;
}

static void close_if_open(HANDLE handle)
{
    if (handle != NULL) {
        (void)CloseHandle(handle);
    }
}

static int create(process *me, char **arguments)
{
    HANDLE handles[3] = {NULL, NULL, sys_copy_of_stderr()};
    WCHAR *line = join(arguments);
    int code = line == NULL ? ERROR_NOT_ENOUGH_MEMORY : 0;

    me->job = sys_job_make();
    if (code == 0 && me->job == NULL) {
        code = (int)GetLastError();
    }
    if (code == 0) {
        code = sys_pipe_open(false, &me->input, &handles[0]);
    }
    if (code == 0) {
        code = sys_pipe_open(true, &me->output, &handles[1]);
    }
    if (code == 0) {
        code = create_with(me, line, handles);
    }
    for (size_t i = 0; i < 3; i++) {
        close_if_open(handles[i]);
    }
    free(line);
    return code;
}

static void destroy(process *me)
{
    sys_pipe_close(&me->input);
    sys_pipe_close(&me->output);
    close_if_open(me->job);
    close_if_open(me->handle);
    free(me);
}

int sys_program_start(char **arguments, sys_program *program)
{
    process *made;
    int code;

    program->process = 0;
    if (strchr(arguments[0], '"') != NULL) {
        return ERROR_INVALID_NAME;
    }
    if (is_batch_file(arguments[0])) {
        return ERROR_BAD_EXE_FORMAT;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    code = create(made, arguments);
    if (code != 0) {
        destroy(made);
        return code;
    }
    program->process = (int64_t)(intptr_t)made;
    return 0;
}

/* ---------------------------------------------------------------- pipes --- */

int sys_program_write(const sys_program *program, const void *data,
                      size_t bytes, size_t *written)
{
    return sys_pipe_write(process_of(program)->input, data, bytes, written);
}

/* A write that has failed since it began has nobody else to tell it. */
static int input_code(const process *me)
{
    return me->input != NULL ? sys_pipe_code(me->input) : 0;
}

int sys_program_read(const sys_program *program, void *buffer, size_t room,
                     size_t *bytes, bool *at_end)
{
    process *me = process_of(program);
    int code = sys_pipe_read(me->output, buffer, room, bytes, at_end);

    return code == 0 && *bytes == 0 && !*at_end ? input_code(me) : code;
}

static bool any_is_ready(const sys_watch *watches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const process *me = process_of(watches[i].program);

        if (sys_pipe_is_ready(me->output) || input_code(me) != 0 ||
            (watches[i].to_write && sys_pipe_is_ready(me->input))) {
            return true;
        }
    }
    return false;
}

sys_event sys_wait_programs(weft_handle handle, const sys_watch *watches,
                            size_t count, uint64_t deadline_ns, int *code)
{
    sys_event event;

    /* Whoever asks this process to end is heard in any case. */
    do {
        bool is_ready = any_is_ready(watches, count);

        event = sys_wait_completion(handle, is_ready ? WEFT_NOW : deadline_ns,
                                    code);
        if (is_ready && event == SYS_DEADLINE) {
            return SYS_READY;
        }
    } while (event == SYS_OTHER);
    return event;
}

/* --------------------------------------------------------------- ending --- */

void sys_program_close_input(sys_program *program)
{
    sys_pipe_close(&process_of(program)->input);
}

/* Drops what it still writes, until it closes its output or time is over. */
static void drain(const sys_program *program, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = weft_now_ns();
        char dropped[4096];
        size_t bytes;
        bool at_end;

        if (sys_program_read(program, dropped, sizeof(dropped), &bytes,
                             &at_end) != 0 ||
            at_end || now >= deadline_ns) {
            return;
        }
        if (bytes == 0) {
            (void)SleepEx(sys_timeout(deadline_ns), TRUE);
        }
    }
}

void sys_program_end(sys_program *program, uint64_t deadline_ns, char *text,
                     size_t room)
{
    process *me = process_of(program);
    DWORD status = KILLED;

    sys_program_close_input(program);
    drain(program, deadline_ns);
    /* Nothing happens to one that has ended. */
    (void)TerminateJobObject(me->job, KILLED);
    (void)WaitForSingleObject(me->handle, INFINITE);
    (void)GetExitCodeProcess(me->handle, &status);
    destroy(me);
    program->process = 0;
    if (status == KILLED) {
        snprintf(text, room, "was ended");
    } else if (status >= EXCEPTION_LEAST) {
        snprintf(text, room, "was ended by exception 0x%08lX", status);
    } else {
        snprintf(text, room, "has ended with exit code %lu", status);
    }
}

/* Without the folders. */
bool sys_process_name(int64_t pid, char *name, size_t room)
{
    HANDLE handle =
        OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)pid);
    WCHAR path[1024];
    DWORD length = sizeof(path) / sizeof(path[0]);
    const WCHAR *own = path;
    bool known;

    if (handle == NULL) {
        return false;
    }
    known = QueryFullProcessImageNameW(handle, 0, path, &length) != 0;
    (void)CloseHandle(handle);
    for (const WCHAR *at = path; known && *at != L'\0'; at++) {
        own = *at == L'\\' ? at + 1 : own;
    }
    return known && WideCharToMultiByte(CP_UTF8, 0, own, -1, name, (int)room,
                                        NULL, NULL) > 0;
}

/* Users have no numbers here. */
bool sys_user_name(uint32_t user, char *name, size_t room)
{
    (void)user;
    (void)name;
    (void)room;
    return false;
}
