/* SPDX-License-Identifier: MIT
 *
 * The tool's needs on Windows.
 *
 * An anonymous pipe, the usual standard stream, can't be waited for here: a
 * read or write of one with a deadline is refused with ERROR_NOT_SUPPORTED
 * instead of being late without saying so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include "sys.h"

/* The largest piece that one ReadFile or WriteFile is given. */
#define PIECE_BYTES (1u << 30)

static HANDLE end_event;

void sys_start(void)
{
    (void)SetConsoleOutputCP(CP_UTF8);
}

void sys_abandon(int exit_code)
{
    ExitProcess((UINT)exit_code);
}

const char *sys_error_text(int code, char *text, size_t room)
{
    DWORD length = FormatMessageA(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
            FORMAT_MESSAGE_MAX_WIDTH_MASK,
        NULL, (DWORD)code, 0, text, (DWORD)room, NULL);

    if (length == 0) {
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

unsigned sys_terminal_columns(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_ERROR_HANDLE), &info)) {
        return 80;
    }
    return (unsigned)(info.srWindow.Right - info.srWindow.Left + 1);
}

/* ---------------------------------------------------- standard streams --- */

bool sys_input_left(uint64_t *bytes)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    LARGE_INTEGER zero = {0};
    LARGE_INTEGER at;
    LARGE_INTEGER size;

    if (GetFileType(input) != FILE_TYPE_DISK || !GetFileSizeEx(input, &size) ||
        !SetFilePointerEx(input, zero, &at, FILE_CURRENT) ||
        at.QuadPart > size.QuadPart) {
        return false;
    }
    *bytes = (uint64_t)(size.QuadPart - at.QuadPart);
    return true;
}

int sys_read(void *buffer, size_t room, size_t *bytes)
{
    DWORD piece = room < PIECE_BYTES ? (DWORD)room : PIECE_BYTES;
    DWORD got = 0;

    if (!ReadFile(GetStdHandle(STD_INPUT_HANDLE), buffer, piece, &got, NULL)) {
        int code = (int)GetLastError();

        /* The writer of a pipe has closed it: this is its end of file. */
        if (code != ERROR_BROKEN_PIPE) {
            return code;
        }
    }
    *bytes = got;
    return 0;
}

int sys_write(const void *data, size_t bytes, uint64_t deadline_ns,
              size_t *written)
{
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    const char *at = data;

    *written = 0;
    if (deadline_ns != WEFT_FOREVER && GetFileType(output) == FILE_TYPE_PIPE) {
        return ERROR_NOT_SUPPORTED;
    }
    while (*written < bytes) {
        size_t left = bytes - *written;
        DWORD piece = left < PIECE_BYTES ? (DWORD)left : PIECE_BYTES;
        DWORD done = 0;

        if (!WriteFile(output, at + *written, piece, &done, NULL)) {
            return (int)GetLastError();
        }
        *written += done;
    }
    return 0;
}

int sys_close_output(void)
{
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);

    return CloseHandle(output) ? 0 : (int)GetLastError();
}

/* -------------------------------------------------------------- waiting --- */

/* The time left in milliseconds, rounded up. */
static DWORD wait_timeout(uint64_t deadline_ns)
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

/* Waits for one of two handles; the first one counts as SYS_READY. */
static sys_event wait_two(HANDLE first, HANDLE second, uint64_t deadline_ns,
                          int *code)
{
    HANDLE handles[2] = {first, second};
    DWORD result;

    do {
        result = WaitForMultipleObjects(2, handles, FALSE,
                                        wait_timeout(deadline_ns));
    } while (result == WAIT_TIMEOUT && weft_now_ns() < deadline_ns);
    if (result == WAIT_TIMEOUT) {
        return SYS_DEADLINE;
    }
    if (result == WAIT_FAILED) {
        *code = (int)GetLastError();
        return SYS_ERROR;
    }
    return result == WAIT_OBJECT_0 ? SYS_READY : SYS_OTHER;
}

sys_event sys_wait_input(weft_handle watch, uint64_t deadline_ns, int *code)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    sys_event event;

    if (GetFileType(input) == FILE_TYPE_DISK) {
        return SYS_READY;
    }
    if (GetFileType(input) == FILE_TYPE_PIPE) {
        *code = ERROR_NOT_SUPPORTED;
        return deadline_ns == WEFT_FOREVER ? SYS_READY : SYS_ERROR;
    }
    if (watch == WEFT_HANDLE_NONE) {
        return wait_two(input, input, deadline_ns, code);
    }
    event = wait_two((HANDLE)watch, input, deadline_ns, code);
    if (event == SYS_READY || event == SYS_OTHER) {
        return event == SYS_READY ? SYS_OTHER : SYS_READY;
    }
    return event;
}

sys_event sys_wait_handle(weft_handle handle, uint64_t deadline_ns, int *code)
{
    sys_event event;

    if (end_event == NULL) {
        *code = ERROR_NOT_SUPPORTED;
        return SYS_ERROR;
    }
    event = wait_two(end_event, (HANDLE)handle, deadline_ns, code);
    if (event == SYS_READY || event == SYS_OTHER) {
        return event == SYS_READY ? SYS_INTERRUPTED : SYS_READY;
    }
    return event;
}

static BOOL WINAPI note_end(DWORD kind)
{
    (void)kind;
    return SetEvent(end_event);
}

void sys_hold_signals(void)
{
    end_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (end_event != NULL) {
        (void)SetConsoleCtrlHandler(note_end, TRUE);
    }
}

void sys_release_signals(void)
{
    (void)SetConsoleCtrlHandler(note_end, FALSE);
    if (end_event != NULL && WaitForSingleObject(end_event, 0) == 0) {
        ExitProcess((UINT)STATUS_CONTROL_C_EXIT);
    }
}

/* --------------------------------------------------------------- places --- */

const char *sys_runtime_directory(char *path, size_t room)
{
    int length = snprintf(path, room, "\\\\.\\pipe\\");

    return length >= 0 && (size_t)length < room ? "the pipe name space" : NULL;
}
