/* SPDX-License-Identifier: MIT
 *
 * Proving which end of which pipe a handle is.
 *
 * Questions about a handle that was opened for synchronous use wait for what
 * it is in use for, and so does closing it. So the owner of such a handle, who
 * reads from it and gets nothing, could hold up whoever asks. What a peer has
 * named is therefore looked at by a thread of its own, for a bounded time; one
 * that is late is left to end when it can, and closes the handle then.
 */
#include "proof.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/*
 * So long may an answer take that the system gives at once: the thread may
 * have to wait for its turn on a busy machine.
 */
#define PATIENCE_MS 500

/* Room for the name of a pipe, which has 256 characters at most. */
union pipe_name {
    FILE_NAME_INFO info;
    BYTE room[sizeof(FILE_NAME_INFO) + 512];
};

struct end {
    bool is_server;
    union pipe_name name;
};

bool weftos_is_server_end(HANDLE pipe, bool *is_server)
{
    DWORD flags;

    if (!GetNamedPipeInfo(pipe, &flags, NULL, NULL, NULL)) {
        return false;
    }
    *is_server = (flags & PIPE_SERVER_END) != 0;
    return true;
}

static bool look_at_end(HANDLE pipe, struct end *end)
{
    return weftos_is_server_end(pipe, &end->is_server) &&
           GetFileInformationByHandleEx(pipe, FileNameInfo, &end->name,
                                        sizeof(end->name)) &&
           end->name.info.FileNameLength <= sizeof(end->name.room) - 8;
}

static bool is_pair(const struct end *one, const struct end *other)
{
    return one->is_server != other->is_server &&
           one->name.info.FileNameLength == other->name.info.FileNameLength &&
           wmemcmp(one->name.info.FileName, other->name.info.FileName,
                   one->name.info.FileNameLength / sizeof(wchar_t)) == 0;
}

bool weftos_is_other_end(HANDLE ours, HANDLE theirs)
{
    struct end one;
    struct end other;

    return look_at_end(ours, &one) && look_at_end(theirs, &other) &&
           is_pair(&one, &other);
}

/* -------------------------------------------------------------- inquiry --- */

/* Of two: who asks, and the thread. The last one frees it. */
struct inquiry {
    _Atomic unsigned owners;
    HANDLE pipe;        /* the thread's, to close */
    bool was_looked_at; /* the thread has ended in time: whether `end` holds */
    struct end end;
    HMODULE library; /* this code, which has to stay as long as the thread */
};

static void leave(struct inquiry *inquiry)
{
    if (atomic_fetch_sub(&inquiry->owners, 1) == 1) {
        free(inquiry);
    }
}

static DWORD WINAPI inquire(void *argument)
{
    struct inquiry *inquiry = argument;
    HMODULE library = inquiry->library;

    inquiry->was_looked_at = look_at_end(inquiry->pipe, &inquiry->end);
    (void)CloseHandle(inquiry->pipe);
    leave(inquiry);
    FreeLibraryAndExitThread(library, 0);
}

/* Starts the thread; NULL: it could not be, and the handle is the caller's. */
static HANDLE start(struct inquiry *inquiry)
{
    HANDLE thread;

    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                            (const wchar_t *)(uintptr_t)inquire,
                            &inquiry->library)) {
        return NULL;
    }
    thread = CreateThread(NULL, 0, inquire, inquiry, 0, NULL);
    if (thread == NULL) {
        (void)FreeLibrary(inquiry->library);
    }
    return thread;
}

bool weftos_is_proven_end(HANDLE ours, HANDLE theirs)
{
    struct inquiry *inquiry = calloc(1, sizeof(*inquiry));
    struct end end;
    HANDLE thread = NULL;
    bool is_proven;

    if (inquiry != NULL) {
        atomic_init(&inquiry->owners, 2);
        inquiry->pipe = theirs;
        thread = start(inquiry);
    }
    if (thread == NULL) {
        free(inquiry);
        (void)CloseHandle(theirs);
        return false;
    }
    is_proven = WaitForSingleObject(thread, PATIENCE_MS) == WAIT_OBJECT_0 &&
                inquiry->was_looked_at && look_at_end(ours, &end) &&
                is_pair(&end, &inquiry->end);
    (void)CloseHandle(thread);
    leave(inquiry);
    return is_proven;
}
