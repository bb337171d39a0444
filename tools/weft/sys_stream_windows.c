/* SPDX-License-Identifier: MIT
 *
 * Standard input and output on Windows.
 *
 * A pipe or a console can't be waited for here, and a read or write of one
 * can't be given a deadline. So a thread does what may block: one reads ahead
 * as soon as somebody waits for input, one writes for those who have a
 * deadline. Each has a buffer of its own and is simply left behind when the
 * process ends. Files are read and written directly.
 */
#include <stdlib.h>
#include <string.h>

#include "sys_windows.h"

/* The largest piece that one ReadFile or WriteFile is given. */
#define PIECE_BYTES (1u << 30)

/* What a thread moves at a time. */
#define BUFFER_BYTES ((size_t)64 * 1024)

/*
 * A buffer that two threads hand to each other. `theirs` is set while it is the
 * helping thread's, `ours` while it is not: both events are never set at once.
 */
struct relay {
    HANDLE theirs; /* auto-reset */
    HANDLE ours;   /* manual-reset, so that it can be looked at */
    HANDLE stream;
    size_t begin; /* of what is in the buffer */
    size_t end;
    int code; /* what the helper's call failed with */
    bool at_end;
    char data[BUFFER_BYTES];
};

static struct relay *input;
static struct relay *output;

static int hand_over(struct relay *relay)
{
    return ResetEvent(relay->ours) && SetEvent(relay->theirs)
               ? 0
               : (int)GetLastError();
}

static struct relay *relay_start(LPTHREAD_START_ROUTINE help, DWORD stream)
{
    struct relay *made = calloc(1, sizeof(*made));
    HANDLE thread = NULL;

    if (made != NULL) {
        made->stream = GetStdHandle(stream);
        made->theirs = CreateEventW(NULL, FALSE, FALSE, NULL);
        made->ours = CreateEventW(NULL, TRUE, TRUE, NULL);
        if (made->theirs != NULL && made->ours != NULL) {
            thread = CreateThread(NULL, 0, help, made, 0, NULL);
        }
    }
    if (thread == NULL) {
        return NULL; /* what was made ends with the process, which is soon */
    }
    (void)CloseHandle(thread);
    return made;
}

/* The writer of a pipe has closed it: this is its end of file. */
static bool is_end(int code)
{
    return code == ERROR_BROKEN_PIPE || code == ERROR_HANDLE_EOF;
}

static int read_once(HANDLE from, void *buffer, size_t room, size_t *bytes)
{
    DWORD piece = room < PIECE_BYTES ? (DWORD)room : PIECE_BYTES;
    DWORD got = 0;

    *bytes = 0;
    if (!ReadFile(from, buffer, piece, &got, NULL)) {
        int code = (int)GetLastError();

        return is_end(code) ? 0 : code;
    }
    *bytes = got;
    return 0;
}

static int write_all(HANDLE to, const char *data, size_t bytes, size_t *written)
{
    *written = 0;
    while (*written < bytes) {
        size_t left = bytes - *written;
        DWORD piece = left < PIECE_BYTES ? (DWORD)left : PIECE_BYTES;
        DWORD done = 0;

        if (!WriteFile(to, data + *written, piece, &done, NULL)) {
            return (int)GetLastError();
        }
        *written += done;
    }
    return 0;
}

/* ---------------------------------------------------------------- input --- */

static DWORD WINAPI read_ahead(void *context)
{
    struct relay *relay = context;

    while (!relay->at_end &&
           WaitForSingleObject(relay->theirs, INFINITE) == WAIT_OBJECT_0) {
        relay->begin = 0;
        relay->code =
            read_once(relay->stream, relay->data, BUFFER_BYTES, &relay->end);
        relay->at_end = relay->code != 0 || relay->end == 0;
        (void)SetEvent(relay->ours);
    }
    return 0;
}

bool sys_input_left(uint64_t *bytes)
{
    HANDLE file = GetStdHandle(STD_INPUT_HANDLE);
    LARGE_INTEGER zero = {0};
    LARGE_INTEGER at;
    LARGE_INTEGER size;

    if (GetFileType(file) != FILE_TYPE_DISK || !GetFileSizeEx(file, &size) ||
        !SetFilePointerEx(file, zero, &at, FILE_CURRENT) ||
        at.QuadPart > size.QuadPart) {
        return false;
    }
    *bytes = (uint64_t)(size.QuadPart - at.QuadPart);
    return true;
}

/* A file can be read at once. */
static bool input_is_file(void)
{
    return GetFileType(GetStdHandle(STD_INPUT_HANDLE)) == FILE_TYPE_DISK;
}

/* Reads ahead from now on. */
static int start_input(void)
{
    if (input != NULL) {
        return 0;
    }
    input = relay_start(read_ahead, STD_INPUT_HANDLE);
    return input == NULL ? ERROR_NOT_ENOUGH_MEMORY : hand_over(input);
}

/* Writes wait here, so the output is always ready. */
sys_event sys_wait_several(sys_waits *waits, uint64_t deadline_ns, int *code)
{
    HANDLE handles[2 + SYS_WAITS_MAX] = {sys_end_event()};
    bool is_ready = waits->for_output || (waits->for_input && input_is_file());
    DWORD count = 1;
    DWORD result;

    waits->has_output = waits->for_output;
    waits->has_input = waits->for_input && input_is_file();
    if (waits->for_input && !waits->has_input) {
        *code = start_input();
        if (*code != 0) {
            return SYS_ERROR;
        }
        handles[count++] = input->ours;
    }
    for (size_t i = 0; i < waits->count; i++) {
        handles[count++] = (HANDLE)waits->handles[i];
    }
    result = WaitForMultipleObjects(count, handles, FALSE,
                                    is_ready ? 0 : sys_timeout(deadline_ns));
    if (result == WAIT_OBJECT_0) {
        return SYS_INTERRUPTED;
    }
    if (result == WAIT_FAILED) {
        *code = (int)GetLastError();
        return SYS_ERROR;
    }
    if (waits->for_input && !waits->has_input) {
        waits->has_input = WaitForSingleObject(input->ours, 0) == WAIT_OBJECT_0;
    }
    return result == WAIT_TIMEOUT && !is_ready ? SYS_DEADLINE : SYS_READY;
}

sys_event sys_wait_input(weft_handle watch, uint64_t deadline_ns, int *code)
{
    sys_event event;

    if (input == NULL && input_is_file()) {
        return SYS_READY;
    }
    *code = start_input();
    if (*code != 0) {
        return SYS_ERROR;
    }
    if (watch == WEFT_HANDLE_NONE) {
        return sys_wait_two(input->ours, NULL, deadline_ns, code);
    }
    event = sys_wait_two((HANDLE)watch, input->ours, deadline_ns, code);
    if (event == SYS_READY || event == SYS_OTHER) {
        return event == SYS_READY ? SYS_OTHER : SYS_READY;
    }
    return event;
}

/* The rest of what was read ahead, or its end. */
static int take(struct relay *relay, void *buffer, size_t room, size_t *bytes)
{
    size_t left = relay->end - relay->begin;

    *bytes = left < room ? left : room;
    memcpy(buffer, relay->data + relay->begin, *bytes);
    relay->begin += *bytes;
    if (relay->begin < relay->end || relay->at_end) {
        return relay->code;
    }
    return hand_over(relay);
}

int sys_read(void *buffer, size_t room, size_t *bytes)
{
    if (input == NULL) {
        return read_once(GetStdHandle(STD_INPUT_HANDLE), buffer, room, bytes);
    }
    if (WaitForSingleObject(input->ours, INFINITE) != WAIT_OBJECT_0) {
        return (int)GetLastError();
    }
    return take(input, buffer, room, bytes);
}

/* --------------------------------------------------------------- output --- */

static DWORD WINAPI write_behind(void *context)
{
    struct relay *relay = context;

    while (WaitForSingleObject(relay->theirs, INFINITE) == WAIT_OBJECT_0) {
        relay->code =
            write_all(relay->stream, relay->data, relay->end, &relay->begin);
        (void)SetEvent(relay->ours);
    }
    return 0;
}

/* Has a piece written, and waits for that. */
static int write_piece(struct relay *relay, const char *data, size_t bytes,
                       uint64_t deadline_ns, size_t *written)
{
    int code;

    *written = 0;
    memcpy(relay->data, data, bytes);
    relay->end = bytes;
    code = hand_over(relay);
    if (code != 0) {
        return code;
    }
    switch (sys_wait_two(relay->ours, NULL, deadline_ns, &code)) {
    case SYS_READY:
        *written = relay->begin;
        return relay->code;
    case SYS_DEADLINE:
        return SYS_TIMED_OUT;
    default:
        return code;
    }
}

int sys_write(const void *data, size_t bytes, uint64_t deadline_ns,
              size_t *written)
{
    HANDLE file = GetStdHandle(STD_OUTPUT_HANDLE);
    const char *at = data;
    int code = 0;

    if (deadline_ns == WEFT_FOREVER || GetFileType(file) == FILE_TYPE_DISK) {
        return write_all(file, at, bytes, written);
    }
    if (output == NULL) {
        output = relay_start(write_behind, STD_OUTPUT_HANDLE);
    }
    *written = 0;
    if (output == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    while (code == 0 && *written < bytes) {
        size_t left = bytes - *written;
        size_t done;

        code = write_piece(output, at + *written,
                           left < BUFFER_BYTES ? left : BUFFER_BYTES,
                           deadline_ns, &done);
        *written += done;
    }
    return code;
}

int sys_write_some(const void *data, size_t bytes, size_t *written)
{
    return sys_write(data, bytes, WEFT_FOREVER, written);
}

weft_handle sys_error_stream(void)
{
    return (weft_handle)GetStdHandle(STD_ERROR_HANDLE);
}

int sys_close_output(void)
{
    HANDLE file = GetStdHandle(STD_OUTPUT_HANDLE);

    return CloseHandle(file) ? 0 : (int)GetLastError();
}
