/* SPDX-License-Identifier: MIT
 *
 * Endpoints: the one thing that has a name, a named pipe.
 *
 * Each connection is an instance of the pipe, and there is always one more
 * that waits for a client. An application waits for the endpoint along with
 * other things, and for that it needs one object that stays signalled: a
 * manual-reset event. A completion port could hear as much, but can't be
 * waited for. So all that is pending here, the connection and what is watched
 * (watch.c), ends by setting the same event. Whoever waits resets it first,
 * looks at each operation, and sets it again if one has ended: what ends after
 * the look sets it anyway. To begin an operation resets the event too, so that
 * is followed by another look, or by setting it: who waits then looks in vain,
 * once.
 *
 * That nobody else listens at the name is seen by an event of the same name,
 * the claim, which lives as long as its maker. A pipe lives on, with its list
 * of access rights, as long as one of its connections: so to make the first
 * instance (FILE_FLAG_FIRST_PIPE_INSTANCE, which Wine 8 ignores) fails then
 * too. Who has the claim joins a pipe of its own user's, and makes the list
 * anew. Who connects looks for the claim when no instance is free.
 */
#include "socket.h"

#include <stdlib.h>
#include <wchar.h>

#include "place.h"
#include "rendezvous.h"
#include "watch.h"

struct weftos_endpoint {
    struct weftos_place place;
    SECURITY_ATTRIBUTES *access;
    HANDLE claim; /* the event that says that the name is taken */
    HANDLE pipe;  /* the instance that waits for a client, or INVALID */
    OVERLAPPED connecting;
    bool is_connecting; /* `connecting` may be pending */
    /* With the event that an application waits for. */
    struct weftos_watched watched;
    HANDLE awaited;      /* set when the awaited name appears; NULL: none */
    HANDLE awaited_wait; /* the pool's */
    uint64_t awaited_id;
    _Atomic bool has_appeared;
};

/* ---------------------------------------------------- the next instance --- */

/*
 * Begins to wait for a client. One that has come and gone already left
 * ERROR_NO_DATA, and a pipe to be cleared.
 */
static weft_status begin_connecting(weftos_endpoint *endpoint,
                                    weft_detail *detail)
{
    endpoint->connecting = (OVERLAPPED){.hEvent = endpoint->watched.ready};
    endpoint->is_connecting = false;
    endpoint->watched.has_begun = true;
    for (;;) {
        DWORD cause = ConnectNamedPipe(endpoint->pipe, &endpoint->connecting)
                          ? ERROR_PIPE_CONNECTED
                          : GetLastError();

        if (cause == ERROR_IO_PENDING || cause == ERROR_PIPE_CONNECTED) {
            endpoint->is_connecting = cause == ERROR_IO_PENDING;
            return WEFT_OK;
        }
        if (cause != ERROR_NO_DATA || !DisconnectNamedPipe(endpoint->pipe)) {
            return weftos_fail(detail, weftos_error_status(cause), cause,
                               "listen");
        }
    }
}

/* How a pipe that is there already is joined. */
#define JOINS WRITE_DAC

/* Another user's pipe, or one whose list can't be made anew, is not joined. */
static weft_status make_own(const weftos_endpoint *endpoint,
                            weft_detail *detail)
{
    return weftos_is_own_object(endpoint->pipe) &&
                   SetKernelObjectSecurity(
                       endpoint->pipe,
                       DACL_SECURITY_INFORMATION |
                           PROTECTED_DACL_SECURITY_INFORMATION,
                       endpoint->access->lpSecurityDescriptor)
               ? WEFT_OK
               : weftos_fail(detail, WEFT_EINUSE, ERROR_PIPE_BUSY,
                             "join the pipe of the name");
}

static weft_status make_instance(weftos_endpoint *endpoint, DWORD open_mode,
                                 weft_detail *detail)
{
    weft_status status = WEFT_OK;

    endpoint->pipe =
        weftos_pipe_create(endpoint->place.pipe, open_mode,
                           PIPE_UNLIMITED_INSTANCES, endpoint->access);
    if (endpoint->pipe == INVALID_HANDLE_VALUE) {
        DWORD cause = GetLastError();
        /* At first this means that there is one already, or another user's. */
        bool in_use = cause == ERROR_PIPE_BUSY ||
                      (cause == ERROR_ACCESS_DENIED && open_mode != 0);

        return weftos_fail(detail,
                           in_use ? WEFT_EINUSE : weftos_error_status(cause),
                           cause, "make the pipe of the name");
    }
    if (open_mode == JOINS) {
        status = make_own(endpoint, detail);
    }
    if (status == WEFT_OK) {
        status = begin_connecting(endpoint, detail);
    }
    if (status != WEFT_OK) {
        (void)CloseHandle(endpoint->pipe);
        endpoint->pipe = INVALID_HANDLE_VALUE;
    }
    return status;
}

/*
 * There may be none, if it could not be made when the last one was taken, or
 * if there is no name.
 */
static weft_status ensure_instance(weftos_endpoint *endpoint,
                                   weft_detail *detail)
{
    return endpoint->pipe != INVALID_HANDLE_VALUE || endpoint->claim == NULL
               ? WEFT_OK
               : make_instance(endpoint, 0, detail);
}

static void drop_instance(weftos_endpoint *endpoint)
{
    DWORD bytes;

    if (endpoint->is_connecting) {
        (void)weftos_io_finish(endpoint->pipe, &endpoint->connecting, true,
                               &bytes);
    }
    endpoint->is_connecting = false;
    if (endpoint->pipe != INVALID_HANDLE_VALUE) {
        weftos_socket_discard(endpoint->pipe);
    }
    endpoint->pipe = INVALID_HANDLE_VALUE;
}

/*
 * After a start, which may have reset the event, and does not set it for a
 * client that was there at once. What is watched is not looked at here: the
 * next wait looks.
 */
static void restore_event(const weftos_endpoint *endpoint)
{
    bool has_client = !endpoint->is_connecting ||
                      HasOverlappedIoCompleted(&endpoint->connecting);

    if (endpoint->watched.has_begun &&
        (has_client || endpoint->watched.count > 0)) {
        (void)SetEvent(endpoint->watched.ready);
    }
}

/* ------------------------------------------------------ an awaited name --- */

static void CALLBACK note_name(void *context, BOOLEAN timed_out)
{
    weftos_endpoint *endpoint = context;

    (void)timed_out; /* it waits for ever */
    endpoint->has_appeared = true;
    (void)SetEvent(endpoint->watched.ready);
}

static void await_no_name(weftos_endpoint *endpoint)
{
    if (endpoint->awaited_wait != NULL) {
        /* Waits until note_name() is not running. */
        (void)UnregisterWaitEx(endpoint->awaited_wait, INVALID_HANDLE_VALUE);
        endpoint->awaited_wait = NULL;
    }
    weftos_close_native(endpoint->awaited);
    endpoint->awaited = NULL;
    endpoint->has_appeared = false;
}

weft_status weftos_endpoint_await(weftos_endpoint *endpoint, uint64_t id,
                                  const wchar_t *key, weft_detail *detail)
{
    static const char step[] = "wait for the name";
    weft_status status;

    endpoint->awaited_id = id;
    if (endpoint->awaited != NULL) {
        return WEFT_OK;
    }
    status = weftos_await_event(key, &endpoint->awaited, detail);
    if (status == WEFT_OK && endpoint->awaited == NULL) {
        return weftos_fail(detail, WEFT_ELIMIT, 0, step);
    }
    if (status == WEFT_OK &&
        !RegisterWaitForSingleObject(&endpoint->awaited_wait, endpoint->awaited,
                                     note_name, endpoint, INFINITE,
                                     WT_EXECUTEINWAITTHREAD)) {
        endpoint->awaited_wait = NULL;
        status = weftos_fail_last(detail, step);
    }
    if (status != WEFT_OK) {
        await_no_name(endpoint);
    }
    return status;
}

/* ------------------------------------------------------- open and close --- */

weft_status weftos_claim_name(const wchar_t *key,
                              wchar_t text[WEFTOS_PLACE_TEXT],
                              weft_detail *detail)
{
    return weftos_place_object(L"Global\\listen-", key, text, detail);
}

/* Takes the name, or says WEFT_EINUSE. */
static weft_status claim_name(weftos_endpoint *endpoint, weft_detail *detail)
{
    static const char step[] = "take the name";
    wchar_t text[WEFTOS_PLACE_TEXT];
    weft_status status = weftos_claim_name(endpoint->place.key, text, detail);

    if (status != WEFT_OK) {
        return status;
    }
    endpoint->claim = CreateEventW(endpoint->access, TRUE, FALSE, text);
    if (endpoint->claim == NULL) {
        return weftos_fail_last(detail, step);
    }
    return GetLastError() == ERROR_ALREADY_EXISTS
               ? weftos_fail(detail, WEFT_EINUSE, ERROR_ALREADY_EXISTS, step)
               : WEFT_OK;
}

static weft_status listen_at(weftos_endpoint *endpoint, unsigned mode,
                             weft_detail *detail)
{
    weft_status status;

    /* A process of another user's could connect, and be sent no handles. */
    if ((mode & 077) != 0) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "let other users connect");
    }
    endpoint->access = weftos_get_access(WEFTOS_ACCESS_USER, detail);
    if (endpoint->access == NULL) {
        return WEFT_EOS;
    }
    status = claim_name(endpoint, detail);
    if (status != WEFT_OK) {
        return status;
    }
    status = make_instance(endpoint, FILE_FLAG_FIRST_PIPE_INSTANCE, detail);
    if (status == WEFT_EINUSE) {
        status = make_instance(endpoint, JOINS, detail);
    }
    if (status == WEFT_OK) {
        restore_event(endpoint);
        weftos_announce(endpoint->place.key);
    }
    return status;
}

static weft_status start(weftos_endpoint *endpoint, const char *name,
                         unsigned mode, weft_detail *detail)
{
    weft_status status;

    endpoint->watched.ready = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (endpoint->watched.ready == NULL) {
        return weftos_fail_last(detail, "make an endpoint's event");
    }
    if (name == NULL) {
        return WEFT_OK;
    }
    status = weftos_place_name(name, &endpoint->place, detail);
    return status == WEFT_OK ? listen_at(endpoint, mode, detail) : status;
}

weft_status weftos_endpoint_open(const char *name, unsigned mode,
                                 weftos_endpoint **out, weft_handle *handle,
                                 weft_detail *detail)
{
    weftos_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    weft_status status;

    *out = NULL;
    if (endpoint == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate an endpoint");
    }
    endpoint->pipe = INVALID_HANDLE_VALUE;
    status = start(endpoint, name, mode, detail);
    if (status != WEFT_OK) {
        weftos_endpoint_close(endpoint, false);
        return status;
    }
    *handle = (weft_handle)endpoint->watched.ready;
    *out = endpoint;
    return WEFT_OK;
}

void weftos_endpoint_close(weftos_endpoint *endpoint, bool forked)
{
    (void)forked; /* Windows has no fork */
    if (endpoint == NULL) {
        return;
    }
    await_no_name(endpoint);
    weftos_watch_close(&endpoint->watched);
    drop_instance(endpoint);
    weftos_close_native(endpoint->watched.ready);
    weftos_close_native(endpoint->claim);
    free(endpoint);
}

/* -------------------------------------------------------------- looking --- */

/*
 * Has a client come? A wait that Windows gave up, because the thread that
 * began it has ended, is begun anew.
 */
static bool look_for_client(weftos_endpoint *endpoint)
{
    DWORD bytes;

    if (!endpoint->is_connecting) {
        return endpoint->pipe != INVALID_HANDLE_VALUE;
    }
    if (GetOverlappedResult(endpoint->pipe, &endpoint->connecting, &bytes,
                            FALSE)) {
        endpoint->is_connecting = false;
        return true;
    }
    if (GetLastError() == ERROR_IO_INCOMPLETE) {
        return false;
    }
    if (begin_connecting(endpoint, NULL) != WEFT_OK) {
        drop_instance(endpoint); /* the next wait says why */
        return false;
    }
    return !endpoint->is_connecting;
}

/* Looks at each, in turn, until one is ready. The client's turn is the last. */
static bool look_around(weftos_endpoint *endpoint, uint64_t *id)
{
    struct weftos_watched *watched = &endpoint->watched;
    size_t turn =
        watched->turn < watched->count ? watched->turn : watched->count;

    if (atomic_exchange(&endpoint->has_appeared, false)) {
        *id = endpoint->awaited_id;
        return true;
    }
    if (weftos_watch_look(watched, turn, watched->count, id)) {
        return true;
    }
    if (look_for_client(endpoint)) {
        watched->turn = 0;
        *id = WEFTOS_NEW_CONNECTION;
        return true;
    }
    return weftos_watch_look(watched, 0, turn, id);
}

weft_status weftos_endpoint_wait(weftos_endpoint *endpoint,
                                 uint64_t deadline_ns, bool interruptible,
                                 uint64_t *id, weft_detail *detail)
{
    static const char step[] = "wait for a connection";
    HANDLE ready = endpoint->watched.ready;

    (void)interruptible; /* Windows has no signals */
    for (unsigned looks = 1;; looks++) {
        DWORD index;
        weft_status status = ensure_instance(endpoint, detail);

        if (status != WEFT_OK) {
            return status;
        }
        (void)ResetEvent(ready);
        endpoint->watched.has_begun = false;
        if (look_around(endpoint, id)) {
            (void)SetEvent(ready);
            return WEFT_OK;
        }
        if (endpoint->watched.has_begun) {
            (void)SetEvent(ready); /* look again */
        }
        /* Messages that mean nothing may set the event without end. */
        if (looks > 1 && weftos_is_past(deadline_ns)) {
            return weftos_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                0, step);
        }
        status = weftos_wait_once(&ready, 1, deadline_ns, &index, detail, step);
        if (status != WEFT_OK) {
            return status;
        }
    }
}

/* --------------------------------------------------------------- accept --- */

weft_status weftos_endpoint_accept(weftos_endpoint *endpoint,
                                   weft_handle *socket, weftos_peer *peer,
                                   weft_detail *detail)
{
    struct weftos_link *link;
    weft_status status = ensure_instance(endpoint, detail);

    if (status != WEFT_OK) {
        return status;
    }
    if (!look_for_client(endpoint)) {
        restore_event(endpoint);
        return weftos_fail(detail, WEFT_EAGAIN, 0, "accept a connection");
    }
    status = weftos_link_add(endpoint->pipe, false, &link, detail);
    if (status == WEFT_OK) {
        *peer = weftos_link_peer(link);
        *socket = (weft_handle)endpoint->pipe;
        endpoint->pipe = INVALID_HANDLE_VALUE;
    } else {
        drop_instance(endpoint); /* and whoever has connected */
    }
    (void)ensure_instance(endpoint, NULL); /* else the next wait does */
    restore_event(endpoint);
    return status;
}

weft_status weftos_endpoint_watch(weftos_endpoint *endpoint, uint64_t id,
                                  weft_handle socket, weft_handle process,
                                  weft_detail *detail)
{
    return weftos_watch_add(&endpoint->watched, id, weftos_native(socket),
                            weftos_native(process), detail);
}

void weftos_endpoint_forget(weftos_endpoint *endpoint, uint64_t id,
                            weft_handle socket, weft_handle process)
{
    (void)id; /* a socket is watched under one */
    (void)process;
    if (socket == WEFTOS_NONE) {
        await_no_name(endpoint);
        return;
    }
    weftos_watch_remove(&endpoint->watched, weftos_native(socket));
}
