/* SPDX-License-Identifier: MIT
 *
 * Connecting to a name, and waiting for one.
 *
 * Windows does not tell when a pipe appears. So who waits for a name makes an
 * event that is named after it and has a number, the first that is free; who
 * begins to listen sets all events of these numbers that there are. Each has
 * one waiter, so nobody can reset what another one waits for; it is made
 * before the waiter looks for the pipe, and the pipe is there before the
 * listener looks for events, so one of the two sees the other. Who finds no
 * number free looks for the pipe from time to time.
 */
#include "socket.h"

#include <wchar.h>

#include "link.h"
#include "rendezvous.h"

/* How many are told of a name at once. */
#define AWAITING_MOST 64

/* Whoever makes it lets his own user set it, and nobody else. */
static weft_status event_name(unsigned number, const wchar_t *key,
                              wchar_t text[WEFTOS_PLACE_TEXT],
                              weft_detail *detail)
{
    wchar_t prefix[32];

    (void)_snwprintf(prefix, ARRAYSIZE(prefix), L"Global\\await-%u-", number);
    return weftos_place_object(prefix, key, text, detail);
}

void weftos_announce(const wchar_t *key)
{
    wchar_t text[WEFTOS_PLACE_TEXT];

    for (unsigned i = 0; i < AWAITING_MOST; i++) {
        HANDLE event = event_name(i, key, text, NULL) == WEFT_OK
                           ? OpenEventW(EVENT_MODIFY_STATE, FALSE, text)
                           : NULL;

        if (event != NULL) {
            (void)SetEvent(event);
            (void)CloseHandle(event);
        }
    }
}

weft_status weftos_await_event(const wchar_t *key, HANDLE *event,
                               weft_detail *detail)
{
    SECURITY_ATTRIBUTES *access = weftos_get_access(WEFTOS_ACCESS_USER, detail);

    *event = NULL;
    if (access == NULL) {
        return WEFT_EOS;
    }
    for (unsigned i = 0; i < AWAITING_MOST; i++) {
        wchar_t text[WEFTOS_PLACE_TEXT];
        weft_status status = event_name(i, key, text, detail);

        if (status != WEFT_OK) {
            return status;
        }
        *event = CreateEventW(access, FALSE, FALSE, text);
        if (*event != NULL && GetLastError() != ERROR_ALREADY_EXISTS) {
            return WEFT_OK;
        }
        weftos_close_native(*event);
        *event = NULL;
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- connect --- */

/* So long at a time: the listener may leave, and the pipe stay. */
#define WAIT_MS 50

/*
 * Does somebody listen? Without a listener a pipe that still has connections
 * is as busy as one whose listener has not yet taken its last client.
 */
static bool is_claimed(const struct weftos_place *place)
{
    wchar_t text[WEFTOS_PLACE_TEXT];
    HANDLE claim;

    if (weftos_claim_name(place->key, text, NULL) != WEFT_OK) {
        return false;
    }
    claim = OpenEventW(SYNCHRONIZE, FALSE, text);
    if (claim == NULL) {
        return GetLastError() != ERROR_FILE_NOT_FOUND;
    }
    (void)CloseHandle(claim);
    return true;
}

/* There is no free instance. Another client may be faster to take the next. */
static weft_status wait_for_place(const struct weftos_place *place,
                                  uint64_t deadline_ns, weft_detail *detail)
{
    static const char step[] = "wait for a place in the listener's queue";
    DWORD ms = weftos_ms_left(deadline_ns);

    if (!is_claimed(place)) {
        return weftos_fail(detail, WEFT_ENOENT, ERROR_PIPE_BUSY, step);
    }
    if (ms == 0) {
        return weftos_fail(
            detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
            ERROR_PIPE_BUSY, step);
    }
    /* A wait in vain shows in the next try, as a gone pipe does. */
    (void)WaitNamedPipeW(place->pipe, ms < WAIT_MS ? ms : WAIT_MS);
    return WEFT_OK;
}

static weft_status open_status(DWORD cause)
{
    switch (cause) {
    case ERROR_FILE_NOT_FOUND:
        return WEFT_ENOENT;
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
        return WEFT_ENAME;
    default:
        return weftos_error_status(cause);
    }
}

static weft_status open_pipe(const struct weftos_place *place,
                             uint64_t deadline_ns, HANDLE *pipe,
                             weft_detail *detail)
{
    for (;;) {
        DWORD cause;
        weft_status status;

        *pipe = weftos_pipe_open(place->pipe);
        if (*pipe != INVALID_HANDLE_VALUE) {
            return WEFT_OK;
        }
        cause = GetLastError();
        if (cause != ERROR_PIPE_BUSY) {
            return weftos_fail(detail, open_status(cause), cause, "connect");
        }
        status = wait_for_place(place, deadline_ns, detail);
        if (status != WEFT_OK) {
            return status;
        }
    }
}

static weft_status connect_once(const struct weftos_place *place,
                                uint64_t deadline_ns, weft_handle *socket,
                                weftos_peer *peer, weft_detail *detail)
{
    struct weftos_link *link;
    HANDLE pipe;
    weft_status status = open_pipe(place, deadline_ns, &pipe, detail);

    if (status != WEFT_OK) {
        return status;
    }
    if (!weftos_socket_prepare(pipe)) {
        status = weftos_fail(detail, WEFT_EPROTO, GetLastError(),
                             "read messages from the pipe");
    } else {
        status = weftos_link_add(pipe, false, &link, detail);
    }
    if (status != WEFT_OK) {
        (void)CloseHandle(pipe);
        return status;
    }
    /* A number may be used again, but nobody else can make our own pipes. */
    link->peer.is_same_user =
        link->peer.is_same_user && weftos_is_own_object(pipe);
    *peer = weftos_link_peer(link);
    *socket = (weft_handle)pipe;
    return WEFT_OK;
}

/* Sleeps until the name may have appeared. */
static weft_status sleep_for_name(HANDLE event, uint64_t deadline_ns,
                                  weft_detail *detail)
{
    static const char step[] = "wait for the name";
    DWORD ms = weftos_ms_left(deadline_ns);
    DWORD index;

    if (event != NULL) {
        return weftos_wait_once(&event, 1, deadline_ns, &index, detail, step);
    }
    if (ms == 0) {
        return weftos_fail(
            detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT, 0,
            step);
    }
    Sleep(ms < WAIT_MS ? ms : WAIT_MS);
    return WEFT_OK;
}

static weft_status await_name(const struct weftos_place *place,
                              uint64_t deadline_ns, weft_handle *socket,
                              weftos_peer *peer, weft_detail *detail)
{
    HANDLE event = NULL;
    weft_status status = weftos_await_event(place->key, &event, detail);

    while (status == WEFT_OK) {
        status = connect_once(place, deadline_ns, socket, peer, detail);
        if (status != WEFT_ENOENT) {
            break;
        }
        status = sleep_for_name(event, deadline_ns, detail);
    }
    weftos_close_native(event);
    return status;
}

weft_status weftos_endpoint_connect(const char *name, bool await,
                                    uint64_t deadline_ns, bool interruptible,
                                    weft_handle *socket, weftos_peer *peer,
                                    weft_detail *detail)
{
    struct weftos_place place;
    weft_status status = weftos_place_name(name, &place, detail);

    (void)interruptible; /* Windows has no signals */
    if (status != WEFT_OK) {
        return status;
    }
    status = connect_once(&place, deadline_ns, socket, peer, detail);
    return status == WEFT_ENOENT && await
               ? await_name(&place, deadline_ns, socket, peer, detail)
               : status;
}

weft_status weftos_endpoint_numbers(const char *name, weftos_endpoint *endpoint,
                                    uint64_t id, uint64_t *numbers,
                                    weft_detail *detail)
{
    struct weftos_place place;
    weft_status status = weftos_place_name(name, &place, detail);
    size_t length;

    *numbers = 0;
    if (status == WEFT_OK && endpoint != NULL) {
        status = weftos_endpoint_await(endpoint, id, place.key, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    length = wcslen(place.key);
    for (unsigned i = 0; i < WEFTOS_NUMBERS; i++) {
        if (i > 0 && _snwprintf(place.key + length, WEFTOS_PLACE_TEXT - length,
                                L"+%u", i) < 0) {
            break; /* nobody can have a name that is too long */
        }
        *numbers |= (uint64_t)is_claimed(&place) << i;
    }
    return WEFT_OK;
}
