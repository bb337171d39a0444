/* SPDX-License-Identifier: MIT
 *
 * What the files of the Windows back end share among themselves.
 *
 * A weft_handle is a HANDLE, and WEFTOS_NONE is INVALID_HANDLE_VALUE. Calls
 * that Windows 7 does not have, or Wine, are looked up at run time.
 */
#ifndef WEFTOS_WIN_H
#define WEFTOS_WIN_H

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include "../os.h"

#define WEFTOS_NS_PER_S UINT64_C(1000000000)

static inline HANDLE weftos_native(weft_handle handle)
{
    return (HANDLE)handle;
}

/* -------------------------------------------------------------- failure --- */

/* Fills in `detail`, if there is one, and returns `status`. */
static inline weft_status weftos_fail(weft_detail *detail, weft_status status,
                                      DWORD os_code, const char *operation)
{
    if (detail != NULL) {
        detail->status = status;
        detail->os_code = (int)os_code;
        detail->operation = operation;
    }
    return status;
}

/* The status that an error stands for when a call has no better one. */
weft_status weftos_error_status(DWORD os_code);

/* Both at once, for the error of the call that has just failed. */
static inline weft_status weftos_fail_last(weft_detail *detail,
                                           const char *operation)
{
    DWORD os_code = GetLastError();

    return weftos_fail(detail, weftos_error_status(os_code), os_code,
                       operation);
}

/*
 * So often a process is tried to be made. On a busy machine Wine 8 fails now
 * and then with ERROR_INTERNAL_ERROR, once in hundreds of times.
 */
#define WEFTOS_CREATE_TRIES 3

/* A function of a system library, or NULL. The caller knows its type. */
typedef void weftos_function(void);
weftos_function *weftos_find_function(const wchar_t *library, const char *name);

/*
 * The version of Windows, as "10.0.19045"; and after it, where `wine` has room
 * for it, " by Wine 8.0". False: it is not known.
 */
bool weftos_find_version(char *version, size_t room, char *wine,
                         size_t wine_room);

/* The rights of this handle, and how many handles there are of its object. */
bool weftos_ask_object(HANDLE handle, ULONG *rights, ULONG *handles);

/* CloseHandle, for what may be NULL. */
void weftos_close_native(HANDLE handle);

/* Of a process's start, for weftos_process_id; 0 if it can't be asked. */
uint32_t weftos_process_stamp(HANDLE process);

/*
 * The same of a process that may not be opened, by the list of all; 0: there
 * is none of this number. False: the list can't be had.
 */
bool weftos_listed_stamp(DWORD pid, uint32_t *stamp);

/*
 * Asks for the list of all processes: `list->data` is the caller's to free. An
 * error, or 0.
 */
struct weftos_process_list;
DWORD weftos_list_processes(struct weftos_process_list *list);

/* -------------------------------------------------------------- waiting --- */

/*
 * Waits for one of `count` objects (at most WEFTOS_WAIT_MOST) to be signalled,
 * by the deadline. `*timer` is NULL at first and the caller's to close: a
 * timer is made when a deadline needs one. WEFT_OK: `*index` says which.
 * WEFT_ETIMEDOUT, or WEFT_EAGAIN with WEFT_NOW; WEFT_EOS.
 */
#define WEFTOS_WAIT_MOST 8
weft_status weftos_wait_objects(const HANDLE *objects, DWORD count,
                                uint64_t deadline_ns, HANDLE *timer,
                                DWORD *index, weft_detail *detail,
                                const char *operation);

/* The same for one wait, with a timer of its own. */
weft_status weftos_wait_once(const HANDLE *objects, DWORD count,
                             uint64_t deadline_ns, DWORD *index,
                             weft_detail *detail, const char *operation);

/* Has the object been signalled? Takes the signal of an auto-reset event. */
static inline bool weftos_is_signalled(HANDLE object)
{
    return WaitForSingleObject(object, 0) == WAIT_OBJECT_0;
}

/* CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, of Windows 10 1803 and later. */
#define WEFTOS_FINE_TIMER 0x00000002

/* Time left, in milliseconds rounded up; INFINITE for WEFT_FOREVER only. */
DWORD weftos_ms_left(uint64_t deadline_ns);

/* WEFT_NOW always is. */
bool weftos_is_past(uint64_t deadline_ns);

/* ----------------------------------------------------------- overlapped --- */

/*
 * Waits for the end of an overlapped operation, which it first asks to stop if
 * `cancel`. Returns its error, 0 for success. Resets its event, which may be
 * one that other operations set too: then the caller looks at those. Without
 * an event it must be the only operation of the file.
 */
DWORD weftos_io_finish(HANDLE file, OVERLAPPED *io, bool cancel, DWORD *bytes);

/*
 * Hears a pipe: a read of no bytes, which Windows ends when a message arrives
 * (and leaves the message) or the other end is closed.
 */
struct weftos_hearing {
    OVERLAPPED io; /* with the caller's event */
    HANDLE pipe;
    DWORD result; /* ERROR_IO_PENDING: look at the operation */
};

enum weftos_heard {
    WEFTOS_HEARD_NOTHING,
    WEFTOS_HEARD_MESSAGE, /* one is there, or was: weftos_inbox_probe */
    WEFTOS_HEARD_HANGUP,
    WEFTOS_HEARD_CANCELLED /* as when the thread that began it has ended */
};

/* Begins; this resets the event, and may end at once. */
void weftos_hearing_start(struct weftos_hearing *hearing, HANDLE pipe,
                          HANDLE event);
enum weftos_heard weftos_hearing_look(struct weftos_hearing *hearing);
/* Nothing is pending when this returns. Harmless when it was not started. */
void weftos_hearing_stop(struct weftos_hearing *hearing);

#endif
