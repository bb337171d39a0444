/* SPDX-License-Identifier: MIT
 *
 * Control sockets: message-mode named pipes, so that a message is whole or
 * absent.
 *
 * Each message has a header of this file's in front of the caller's bytes. No
 * call waits within Windows: reading follows a look that found a message, and
 * a write that does not end at once, because the pipe has no room, is
 * cancelled, which takes all of it back.
 */
#include "socket.h"

#include <string.h>

#include "inbox.h"

/* A handle that nobody has noted, such as the end of a pair not yet adopted. */
static struct weftos_link *find_link(HANDLE pipe, weft_detail *detail)
{
    struct weftos_link *link = weftos_link_find(pipe);

    if (link == NULL) {
        (void)weftos_fail(detail, WEFT_EINVAL, 0, "find the control socket");
    }
    return link;
}

/* ----------------------------------------------------------------- send --- */

/*
 * Writes all of it or nothing, at once. The link's lock is held, as two writes
 * would end each other's waits for the event.
 */
static weft_status write_now(struct weftos_link *link, const void *data,
                             size_t bytes, weft_detail *detail)
{
    OVERLAPPED io = {.hEvent = link->write_event};
    DWORD written;
    DWORD cause = 0;

    if (!WriteFile(link->pipe, data, (DWORD)bytes, NULL, &io)) {
        cause = GetLastError();
        if (cause == ERROR_IO_PENDING) {
            cause = weftos_io_finish(link->pipe, &io, true, &written);
        }
    }
    return cause == 0 ? WEFT_OK
                      : weftos_fail(detail, weftos_pipe_status(cause), cause,
                                    "send a control message");
}

/* Sends a message that has no content. */
static weft_status write_bare(struct weftos_link *link, enum weftos_kind kind)
{
    struct weftos_header header;
    weft_status status;

    weftos_header_fill(&header, link->pipe, kind, 0);
    AcquireSRWLockExclusive(&link->lock);
    status = write_now(link, &header, sizeof(header), NULL);
    ReleaseSRWLockExclusive(&link->lock);
    return status;
}

/* Completes the message with copies of the handles, and sends it. */
static weft_status send_parcel(struct weftos_link *link,
                               struct weftos_message *message,
                               const weft_handle *handles, size_t count,
                               weft_detail *detail)
{
    struct weftos_parcel *parcel = &message->header.parcel;
    weft_status status =
        weftos_parcel_pack(link, handles, count, parcel, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = write_now(link, message,
                       sizeof(message->header) + message->header.bytes, detail);
    if (status == WEFT_OK) {
        link->sent++;
    } else {
        weftos_parcel_take_back(link, parcel);
    }
    return status;
}

weft_status weftos_socket_send(weft_handle socket, const void *data,
                               size_t bytes, const weft_handle *handles,
                               size_t handle_count, weft_detail *detail)
{
    HANDLE pipe = weftos_native(socket);
    struct weftos_link *link = find_link(pipe, detail);
    struct weftos_message message;
    weft_status status;

    if (link == NULL) {
        return WEFT_EINVAL;
    }
    if (bytes > WEFTOS_SOCKET_BYTES || handle_count > WEFTOS_SOCKET_HANDLES) {
        return weftos_fail(detail, WEFT_ELIMIT, 0, "pass handles");
    }
    /* What is pushed to one who reads no more would stay there. */
    if (link->has_hung_up ||
        (handle_count > 0 && weftos_socket_look(pipe) == WEFT_ECLOSED)) {
        return weftos_fail(detail, WEFT_ECLOSED, 0, "send a control message");
    }
    weftos_header_fill(&message.header, pipe, WEFTOS_KIND_MESSAGE, bytes);
    message.header.seen = link->taken;
    if (bytes > 0) {
        memcpy(message.data, data, bytes);
    }
    AcquireSRWLockExclusive(&link->lock);
    status = send_parcel(link, &message, handles, handle_count, detail);
    ReleaseSRWLockExclusive(&link->lock);
    return status;
}

void weftos_socket_hang_up(weft_handle socket)
{
    HANDLE pipe = weftos_native(socket);
    struct weftos_link *link = weftos_link_find(pipe);

    if (link == NULL || link->has_hung_up) {
        return;
    }
    /* A peer that has let the pipe fill up learns it from the close. */
    (void)write_bare(link, WEFTOS_KIND_END);
    link->has_hung_up = true;
    /* Whoever of this process hears the pipe looks, and finds that. */
    (void)CancelIoEx(pipe, NULL);
}

/* -------------------------------------------------------------- receive --- */

static bool is_sound(const struct weftos_message *message, DWORD bytes)
{
    const struct weftos_header *header = &message->header;

    return bytes >= sizeof(*header) && header->magic == WEFTOS_MAGIC &&
           header->kind == WEFTOS_KIND_MESSAGE &&
           header->bytes <= WEFTOS_SOCKET_BYTES &&
           bytes == sizeof(*header) + header->bytes &&
           header->parcel.count <= WEFTOS_SOCKET_HANDLES &&
           header->parcel.kind <= WEFTOS_PARCEL_HELD &&
           (header->parcel.kind == 0) == (header->parcel.count == 0);
}

/* Is the sender who the system, or an earlier message, says it is? */
static bool know_sender(struct weftos_link *link,
                        const struct weftos_header *header)
{
    return (link->has_peer && header->pid == link->peer.pid) ||
           (link->is_inherited &&
            weftos_link_prove(link, header->pid,
                              (HANDLE)(uintptr_t)header->pipe));
}

/* A handle of the caller's own for the peer's process. */
static void name_sender(const struct weftos_link *link,
                        weftos_received *received)
{
    HANDLE self = GetCurrentProcess();
    HANDLE process;

    received->has_sender = true;
    received->sender = weftos_link_peer(link);
    if (link->peer.can_watch &&
        DuplicateHandle(self, link->peer.process, self, &process, SYNCHRONIZE,
                        FALSE, 0)) {
        received->process = (weft_handle)process;
    }
}

/* Why a message was of no use: its sender has gone, or lies. */
static weft_status refuse_message(struct weftos_link *link, const char *step,
                                  weft_detail *detail)
{
    weft_status status = write_bare(link, WEFTOS_KIND_FILLER);

    return weftos_fail(
        detail, status == WEFT_ECLOSED ? WEFT_ECLOSED : WEFT_EPROTO, 0, step);
}

static weft_status take_message(struct weftos_link *link,
                                const struct weftos_message *message,
                                DWORD bytes, weftos_received *received,
                                weft_detail *detail)
{
    const struct weftos_header *header = &message->header;

    if (!is_sound(message, bytes)) {
        return weftos_fail(detail, WEFT_EPROTO, 0, "check a control message");
    }
    if (!know_sender(link, header)) {
        return refuse_message(link, "learn who sent a control message", detail);
    }
    if (weftos_parcel_open(link, &header->parcel, received->handles, detail) !=
        WEFT_OK) {
        return refuse_message(link, "receive handles", detail);
    }
    weftos_link_confirm(link, header->seen);
    received->handle_count = header->parcel.count;
    received->bytes = header->bytes;
    memcpy(received->data, message->data, header->bytes);
    /* To open a handle for each message takes as long as the message. */
    if (!link->is_known) {
        name_sender(link, received);
    }
    return WEFT_OK;
}

static weft_status receive(struct weftos_link *link, weftos_received *received,
                           weft_detail *detail)
{
    static const char step[] = "receive a control message";
    struct weftos_message message;
    DWORD bytes;
    weft_status status = weftos_inbox_take(link, &message, &bytes);

    if (status != WEFT_OK) {
        /* Now that all was read, it is the end of both directions. */
        link->has_hung_up |= status == WEFT_ECLOSED;
        return weftos_fail(detail, status, 0, step);
    }
    link->taken++;
    return take_message(link, &message, bytes, received, detail);
}

weft_status weftos_socket_recv(weft_handle socket, weftos_received *received,
                               weft_detail *detail)
{
    struct weftos_link *link = find_link(weftos_native(socket), detail);

    received->bytes = 0;
    received->handle_count = 0;
    received->has_sender = false;
    received->process = WEFTOS_NONE;
    if (link == NULL) {
        return WEFT_EINVAL;
    }
    if (link->has_hung_up) {
        return weftos_fail(detail, WEFT_ECLOSED, 0,
                           "receive a control message");
    }
    return receive(link, received, detail);
}

/* --------------------------------------------------------------- set-up --- */

bool weftos_socket_prepare(HANDLE pipe)
{
    DWORD mode = PIPE_READMODE_MESSAGE | PIPE_WAIT;

    return SetNamedPipeHandleState(pipe, &mode, NULL, NULL) != 0;
}

weft_status weftos_socket_adopt(weft_handle socket, weft_detail *detail)
{
    static const char step[] = "check the control socket";
    HANDLE pipe = weftos_native(socket);

    if (GetFileType(pipe) != FILE_TYPE_PIPE || !weftos_socket_prepare(pipe)) {
        return weftos_fail(detail, WEFT_EINVAL, GetLastError(), step);
    }
    if (!SetHandleInformation(pipe, HANDLE_FLAG_INHERIT, 0)) {
        return weftos_fail_last(detail, step);
    }
    if (weftos_link_find(pipe) != NULL) {
        return WEFT_OK;
    }
    weftos_link_meet(pipe);
    return weftos_link_add(pipe, false, NULL, detail);
}

/* More than a pipe and an inbox hold. */
#define UNREAD_MOST 1000

/*
 * What was pushed to us and not yet received would stay open for ever: the
 * last thing to do for a socket is to empty it.
 */
static void drain(struct weftos_link *link)
{
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < UNREAD_MOST; i++) {
        weftos_received received;

        received.handle_count = 0;
        received.process = WEFTOS_NONE;
        status = receive(link, &received, NULL);
        if (status != WEFT_OK && status != WEFT_EPROTO) {
            return;
        }
        for (size_t k = 0; k < received.handle_count; k++) {
            weftos_close(received.handles[k]);
        }
        weftos_close(received.process);
    }
}

void weftos_close(weft_handle handle)
{
    struct weftos_link *link;

    if (handle == WEFTOS_NONE) {
        return;
    }
    link = weftos_link_remove(weftos_native(handle));
    if (link != NULL) {
        drain(link);
        weftos_link_free(link);
    }
    (void)CloseHandle(weftos_native(handle));
}

void weftos_socket_discard(HANDLE pipe)
{
    struct weftos_link link;

    weftos_link_init(&link, pipe);
    drain(&link);
    weftos_link_deinit(&link);
    (void)CloseHandle(pipe);
}
