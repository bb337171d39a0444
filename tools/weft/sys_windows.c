/* SPDX-License-Identifier: MIT
 *
 * The tool's needs on Windows; its standard streams are in
 * sys_stream_windows.c.
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "sys.h"
#include "sys_windows.h"

const bool sys_can_fork = false;

static HANDLE end_event;

/* ------------------------------------------------------------ beginning --- */

typedef LPWSTR *WINAPI split_call(LPCWSTR line, int *count);

static bool is_ascii(const WCHAR *text)
{
    while (*text != L'\0' && *text < 0x80) {
        text++;
    }
    return *text == L'\0';
}

/* A copy in UTF-8, which lives as long as the process; NULL: out of memory. */
static char *narrow(const WCHAR *text)
{
    int bytes = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *copy = malloc((size_t)bytes);

    if (copy != NULL) {
        (void)WideCharToMultiByte(CP_UTF8, 0, text, -1, copy, bytes, NULL,
                                  NULL);
    }
    return copy;
}

/*
 * The arguments of main() are in the code page of the machine, which loses
 * what it has no letters for. The call that splits the line in UTF-16 is in a
 * large library, so that is loaded only when it makes a difference.
 */
static void take_unicode(int argc, char **argv)
{
    HMODULE shell;
    split_call *split;
    LPWSTR *words;
    int count = 0;

    if (is_ascii(GetCommandLineW())) {
        return;
    }
    shell = LoadLibraryExW(L"shell32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    split = shell == NULL ? NULL
                          : (split_call *)(void (*)(void))GetProcAddress(
                                shell, "CommandLineToArgvW");
    words = split == NULL ? NULL : split(GetCommandLineW(), &count);
    for (int i = 0; words != NULL && i < argc && i < count; i++) {
        char *copy = narrow(words[i]);

        argv[i] = copy != NULL ? copy : argv[i];
    }
    (void)LocalFree(words);
}

WCHAR *sys_wide(const char *text)
{
    int length = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    WCHAR *wide = malloc((size_t)length * sizeof(*wide));

    if (wide != NULL) {
        (void)MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, length);
    }
    return wide;
}

/* The console's code page is not this process's alone: it gets it back. */
static UINT code_page; /* 0: there was no console, or it had this one */

static void restore_code_page(void)
{
    if (code_page != 0) {
        (void)SetConsoleOutputCP(code_page);
    }
}

static void take_code_page(void)
{
    UINT before = GetConsoleOutputCP();

    if (before != 0 && before != CP_UTF8 && SetConsoleOutputCP(CP_UTF8)) {
        code_page = before;
        (void)atexit(restore_code_page);
    }
}

void sys_start(int argc, char **argv)
{
    take_code_page();
    (void)_setmode(_fileno(stdin), _O_BINARY);
    (void)_setmode(_fileno(stdout), _O_BINARY);
    (void)_setmode(_fileno(stderr), _O_BINARY);
    take_unicode(argc, argv);
}

void sys_abandon(int exit_code)
{
    restore_code_page();
    ExitProcess((UINT)exit_code);
}

/* A FILETIME counts 100 ns since 1601, 134774 days before 1970. */
uint64_t sys_unix_ns(void)
{
    FILETIME now;
    uint64_t ticks;

    GetSystemTimePreciseAsFileTime(&now);
    ticks = (uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime;
    return (ticks - UINT64_C(134774) * 86400 * 10000000) * 100;
}

const char *sys_error_text(int code, char *text, size_t room)
{
    WCHAR found[256];
    DWORD length = FormatMessageW(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
            FORMAT_MESSAGE_MAX_WIDTH_MASK,
        NULL, (DWORD)code, 0, found, ARRAYSIZE(found), NULL);

    if (length == 0 || WideCharToMultiByte(CP_UTF8, 0, found, -1, text,
                                           (int)room, NULL, NULL) == 0) {
        snprintf(text, room, "error %d", code);
    }
    return text;
}

/* ------------------------------------------------------------ terminal --- */

bool sys_stderr_is_terminal(void)
{
    DWORD mode;

    return GetConsoleMode(GetStdHandle(STD_ERROR_HANDLE), &mode) != 0;
}

bool sys_stdout_is_terminal(void)
{
    DWORD mode;

    return GetConsoleMode(GetStdHandle(STD_OUTPUT_HANDLE), &mode) != 0;
}

unsigned sys_terminal_columns(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_ERROR_HANDLE), &info)) {
        return 80;
    }
    return (unsigned)(info.srWindow.Right - info.srWindow.Left + 1);
}

/* -------------------------------------------------------------- waiting --- */

DWORD sys_timeout(uint64_t deadline_ns)
{
    uint64_t now = weft_now_ns();
    uint64_t ms;

    if (deadline_ns == WEFT_FOREVER) {
        return INFINITE;
    }
    if (now >= deadline_ns) {
        return 0;
    }
    ms = (deadline_ns - now + 999999) / 1000000;
    return ms < INFINITE - 1 ? (DWORD)ms : INFINITE - 1;
}

/* As WaitForMultipleObjectsEx, for one or two. */
static DWORD wait_for(HANDLE first, HANDLE second, bool completes,
                      uint64_t deadline_ns)
{
    HANDLE handles[2] = {first, second};
    DWORD count = second != NULL ? 2 : 1;
    DWORD result;

    do {
        result = WaitForMultipleObjectsEx(count, handles, FALSE,
                                          sys_timeout(deadline_ns), completes);
    } while (result == WAIT_TIMEOUT && weft_now_ns() < deadline_ns);
    return result;
}

sys_event sys_wait_two(HANDLE first, HANDLE second, uint64_t deadline_ns,
                       int *code)
{
    switch (wait_for(first, second, false, deadline_ns)) {
    case WAIT_OBJECT_0:
        return SYS_READY;
    case WAIT_OBJECT_0 + 1:
        return SYS_OTHER;
    case WAIT_TIMEOUT:
        return SYS_DEADLINE;
    default:
        *code = (int)GetLastError();
        return SYS_ERROR;
    }
}

static sys_event wait_end(weft_handle handle, bool completes,
                          uint64_t deadline_ns, int *code)
{
    HANDLE other = handle != WEFT_HANDLE_NONE ? (HANDLE)handle : NULL;

    if (end_event == NULL) {
        *code = ERROR_NOT_SUPPORTED;
        return SYS_ERROR;
    }
    switch (wait_for(end_event, other, completes, deadline_ns)) {
    case WAIT_OBJECT_0:
        return SYS_INTERRUPTED;
    case WAIT_OBJECT_0 + 1:
        return SYS_READY;
    case WAIT_IO_COMPLETION:
        return SYS_OTHER;
    case WAIT_TIMEOUT:
        return SYS_DEADLINE;
    default:
        *code = (int)GetLastError();
        return SYS_ERROR;
    }
}

HANDLE sys_end_event(void)
{
    return end_event;
}

sys_event sys_wait_handle(weft_handle handle, uint64_t deadline_ns, int *code)
{
    return wait_end(handle, false, deadline_ns, code);
}

sys_event sys_wait_completion(weft_handle handle, uint64_t deadline_ns,
                              int *code)
{
    return wait_end(handle, true, deadline_ns, code);
}

/*
 * The system gives this thread some seconds when the console closes or the
 * user leaves, and ends the process when it returns: the time is the main
 * thread's, to end in order.
 */
static BOOL WINAPI note_end(DWORD kind)
{
    BOOL is_noted = SetEvent(end_event);

    if (is_noted && kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT) {
        Sleep(INFINITE);
    }
    return is_noted;
}

void sys_hold_signals(void)
{
    if (end_event == NULL) {
        end_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    }
    if (end_event != NULL) {
        (void)SetConsoleCtrlHandler(note_end, TRUE);
    }
}

int sys_take_signal(bool *is_shared)
{
    bool has_come = end_event != NULL && WaitForSingleObject(end_event, 0) == 0;

    *is_shared = false;
    if (has_come) {
        (void)ResetEvent(end_event);
    }
    return has_come ? 2 : 0;
}

void sys_release_signals(void)
{
    (void)SetConsoleCtrlHandler(note_end, FALSE);
    if (end_event != NULL && WaitForSingleObject(end_event, 0) == 0) {
        sys_abandon((int)STATUS_CONTROL_C_EXIT);
    }
}

/* There is no other than the end, at once. */
int sys_signal_number(const char *name)
{
    name += strncmp(name, "SIG", 3) == 0 ? 3 : 0;
    return strcmp(name, "KILL") == 0 || strcmp(name, "9") == 0 ? SYS_SIGNAL_KILL
                                                               : -1;
}

/* --------------------------------------------------------------- places --- */

/* The directories of other systems are parts of a pipe's name here. */
const char *sys_runtime_directory(char *path, size_t room)
{
    const char *own = getenv("WEFT_RUNTIME_DIR");
    int length = snprintf(path, room, "\\\\.\\pipe\\");

    if (length < 0 || (size_t)length >= room) {
        return NULL;
    }
    return own != NULL && *own != '\0'
               ? "the names of pipes, set apart by $WEFT_RUNTIME_DIR"
               : "the names of pipes";
}

bool sys_is_path(const char *name)
{
    return strpbrk(name, "/\\") != NULL;
}

const char *const sys_path_form = "the path of a pipe (\\\\.\\pipe\\...)";
