/* SPDX-License-Identifier: MIT
 *
 * Waiting for a control socket.
 *
 * Windows tells nobody that a pipe has room again. But a write that has no
 * room ends as soon as the peer has read enough. So who waits for room writes
 * a message that means nothing, a filler, and waits for its end. The reader
 * passes over fillers, and whenever it has taken a message it also takes the
 * fillers behind it: otherwise fillers alone could fill the pipe, while the
 * peer waits for something to read.
 */
#include "socket.h"

#include <string.h>

#include "inbox.h"

/* Waits for an operation's event, or the end of the peer's process. */
static weft_status wait_for(HANDLE event, HANDLE process, uint64_t deadline_ns,
                            weft_detail *detail)
{
    static const char step[] = "wait for the peer";
    const HANDLE objects[2] = {event, process};
    bool has_process = process != INVALID_HANDLE_VALUE;
    DWORD index = 0;
    weft_status status = weftos_wait_once(objects, has_process ? 2 : 1,
                                          deadline_ns, &index, detail, step);

    return status == WEFT_OK && index == 1
               ? weftos_fail(detail, WEFT_EPEERDIED, 0, step)
               : status;
}

/*
 * For a message. The process's end may be seen before that of the pipe, or
 * before a message that was sent earlier.
 */
static weft_status wait_to_read(HANDLE pipe, struct weftos_link *link,
                                HANDLE event, HANDLE process,
                                uint64_t deadline_ns, weft_detail *detail)
{
    struct weftos_hearing hearing;
    weft_status status = WEFT_OK;

    weftos_hearing_start(&hearing, pipe, event);
    if (weftos_hearing_look(&hearing) == WEFTOS_HEARD_NOTHING) {
        status = wait_for(event, process, deadline_ns, detail);
    }
    weftos_hearing_stop(&hearing);
    if (link != NULL && weftos_hearing_look(&hearing) == WEFTOS_HEARD_MESSAGE) {
        weftos_inbox_probe(link);
    }
    return status == WEFT_EPEERDIED && weftos_socket_look(pipe) == WEFT_OK
               ? WEFT_OK
               : status;
}

static weft_status wait_for_room(HANDLE pipe, HANDLE event, HANDLE process,
                                 uint64_t deadline_ns, weft_detail *detail)
{
    OVERLAPPED io = {.hEvent = event};
    struct weftos_message filler;
    weft_status status;
    DWORD bytes;

    memset(&filler, 0, sizeof(filler));
    weftos_header_fill(&filler.header, pipe, WEFTOS_KIND_FILLER, 0);
    if (WriteFile(pipe, &filler, sizeof(filler), NULL, &io) ||
        GetLastError() != ERROR_IO_PENDING) {
        return WEFT_OK; /* the next send says what is wrong */
    }
    status = wait_for(event, process, deadline_ns, detail);
    (void)weftos_io_finish(pipe, &io, true, &bytes);
    return status;
}

weft_status weftos_socket_wait(weft_handle socket, bool room,
                               weft_handle process, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail)
{
    HANDLE pipe = weftos_native(socket);
    struct weftos_link *link = weftos_link_find(pipe);
    HANDLE event;
    weft_status status;

    (void)interruptible; /* Windows has no signals */
    if (link != NULL && link->has_hung_up) {
        return WEFT_OK;
    }
    /* What lies in the inbox no read of the pipe would tell of. */
    if (!room && weftos_socket_look(pipe) != WEFT_EAGAIN) {
        return WEFT_OK;
    }
    event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (event == NULL) {
        return weftos_fail_last(detail, "make an event to wait for");
    }
    status = room ? wait_for_room(pipe, event, weftos_native(process),
                                  deadline_ns, detail)
                  : wait_to_read(pipe, link, event, weftos_native(process),
                                 deadline_ns, detail);
    (void)CloseHandle(event);
    return status;
}
