/* SPDX-License-Identifier: MIT
 *
 * Pipes to and from programs on Windows.
 *
 * Pipes without a name can't be read without waiting. So these have names, for
 * the moment until both ends are open. Each is open for its reader as the
 * server and for its writer as the client, whichever is ours: other users may
 * read from a pipe by default, but not write to it, so none of them can come
 * in between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys_windows.h"

/* What is read or written at a time, and what the system keeps. */
#define BUFFER_BYTES ((size_t)64 * 1024)

struct sys_pipe {
    OVERLAPPED io; /* hEvent, which such a call leaves alone, leads back here */
    HANDLE end;
    bool busy; /* the buffer is the system's */
    int code;
    size_t begin; /* what was read and not taken yet */
    size_t bytes;
    char data[BUFFER_BYTES];
};

/* -------------------------------------------------------------- opening --- */

static HANDLE open_reader(const WCHAR *name, bool is_ours)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, !is_ours};
    DWORD overlapped = is_ours ? FILE_FLAG_OVERLAPPED : 0;

    return CreateNamedPipeW(
        name, PIPE_ACCESS_INBOUND | FILE_FLAG_FIRST_PIPE_INSTANCE | overlapped,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT |
            PIPE_REJECT_REMOTE_CLIENTS,
        1, (DWORD)BUFFER_BYTES, (DWORD)BUFFER_BYTES, 0, &inherited);
}

static HANDLE open_writer(const WCHAR *name, bool is_ours)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, !is_ours};

    return CreateFileW(name, GENERIC_WRITE, 0, &inherited, OPEN_EXISTING,
                       is_ours ? FILE_FLAG_OVERLAPPED : 0, NULL);
}

/* Both ends of a new pipe. */
static int open_ends(bool to_read, HANDLE *ours, HANDLE *theirs)
{
    static unsigned number;
    WCHAR name[64];
    HANDLE reader;
    HANDLE writer;

    (void)_snwprintf(name, sizeof(name) / sizeof(name[0]),
                     L"\\\\.\\pipe\\weft-serve.%lu.%u", GetCurrentProcessId(),
                     number++);
    reader = open_reader(name, to_read);
    if (reader == INVALID_HANDLE_VALUE) {
        return (int)GetLastError();
    }
    writer = open_writer(name, !to_read);
    if (writer == INVALID_HANDLE_VALUE) {
        int code = (int)GetLastError();

        (void)CloseHandle(reader);
        return code;
    }
    *ours = to_read ? reader : writer;
    *theirs = to_read ? writer : reader;
    return 0;
}

int sys_pipe_open(bool to_read, sys_pipe **pipe, HANDLE *theirs)
{
    sys_pipe *made = calloc(1, sizeof(*made));
    int code;

    if (made == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    code = open_ends(to_read, &made->end, theirs);
    if (code != 0) {
        free(made);
        return code;
    }
    made->io.hEvent = (HANDLE)made;
    *pipe = made;
    return 0;
}

/* The buffer can't go before the system has let go of it. */
void sys_pipe_close(sys_pipe **pipe)
{
    sys_pipe *me = *pipe;

    *pipe = NULL;
    if (me == NULL) {
        return;
    }
    if (me->busy) {
        (void)CancelIoEx(me->end, &me->io);
    }
    while (me->busy) {
        (void)SleepEx(INFINITE, TRUE);
    }
    (void)CloseHandle(me->end);
    free(me);
}

/* ------------------------------------------------------ reads and writes ---
 */

static VOID CALLBACK note_completion(DWORD code, DWORD bytes, OVERLAPPED *io)
{
    sys_pipe *me = (sys_pipe *)io->hEvent;

    me->busy = false;
    me->code = (int)code;
    me->begin = 0;
    me->bytes = bytes;
}

/* Begins a read, or a write of so many bytes of the buffer. */
static void begin(sys_pipe *me, bool to_read, size_t bytes)
{
    me->busy = to_read ? ReadFileEx(me->end, me->data, (DWORD)bytes, &me->io,
                                    note_completion)
                       : WriteFileEx(me->end, me->data, (DWORD)bytes, &me->io,
                                     note_completion);
    me->bytes = 0;
    me->code = me->busy ? 0 : (int)GetLastError();
}

/* A program may write nothing, which is read as such and isn't the end. */
static void read_ahead(sys_pipe *me)
{
    do {
        if (!me->busy && me->bytes == 0 && me->code == 0) {
            begin(me, true, BUFFER_BYTES);
        }
        (void)SleepEx(0, TRUE);
    } while (!me->busy && me->bytes == 0 && me->code == 0);
}

int sys_pipe_read(sys_pipe *me, void *buffer, size_t room, size_t *bytes,
                  bool *at_end)
{
    read_ahead(me);
    *at_end = false;
    *bytes = 0;
    if (!me->busy && me->bytes > 0) {
        *bytes = me->bytes < room ? me->bytes : room;
        memcpy(buffer, me->data + me->begin, *bytes);
        me->begin += *bytes;
        me->bytes -= *bytes;
        return 0;
    }
    *at_end = me->code == ERROR_BROKEN_PIPE;
    return *at_end ? 0 : me->code;
}

int sys_pipe_write(sys_pipe *me, const void *data, size_t bytes,
                   size_t *written)
{
    (void)SleepEx(0, TRUE);
    *written = 0;
    if (!me->busy && me->code == 0) {
        *written = bytes < BUFFER_BYTES ? bytes : BUFFER_BYTES;
        memcpy(me->data, data, *written);
        begin(me, false, *written);
    }
    return me->code;
}

bool sys_pipe_is_ready(const sys_pipe *me)
{
    return !me->busy;
}

int sys_pipe_code(const sys_pipe *me)
{
    return me->code;
}
