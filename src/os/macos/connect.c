/* SPDX-License-Identifier: MIT
 *
 * Connecting to a name, and waiting for it; endpoint.c has how a listener lets
 * others know.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/event.h>
#include <unistd.h>

#include "../posix/place.h"
#include "macos.h"

/*
 * A listener that dies while its queue is full tells nobody who is not in that
 * queue. So whoever waits for a place there looks again this often, besides
 * being told.
 */
#define LOOK_AGAIN_NS UINT64_C(1000000000)

/* By when, and what may end it early. */
struct patience {
    uint64_t deadline_ns;
    bool interruptible;
};

/* ------------------------------------------------------------------ try --- */

static weft_status connect_status(int os_code,
                                  const struct sockaddr_un *address)
{
    switch (os_code) {
    case ECONNREFUSED:
        return weftos_is_alive(address) ? WEFT_EAGAIN : WEFT_ENOENT;
    case ENOENT:
        return WEFT_ENOENT;
    case EPROTOTYPE:
    case ENOTSOCK:
        return WEFT_EPROTO;
    default:
        return weftos_errno_status(os_code);
    }
}

/* WEFT_EAGAIN: the listener's queue is full. */
static weft_status try_connect(const struct weftos_place *place,
                               weft_handle *out, weftos_peer *peer,
                               weft_detail *detail)
{
    int fd = weftos_socket_make(SOCK_STREAM);
    weft_status status = WEFT_OK;
    int result;

    if (fd < 0) {
        return weftos_fail_errno(detail, "socket");
    }
    do {
        result = connect(fd, (const struct sockaddr *)&place->address,
                         sizeof(place->address));
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        int cause = errno;

        status = weftos_fail(detail, connect_status(cause, &place->address),
                             cause, "connect");
    } else {
        status = weftos_socket_ask_peer(fd, peer, detail);
    }
    if (status != WEFT_OK) {
        (void)close(fd);
        return status;
    }
    *out = fd;
    return WEFT_OK;
}

static weft_status connect_once(const char *name, weft_handle *socket,
                                weftos_peer *peer, weft_detail *detail)
{
    struct weftos_place place;
    weft_status status = weftos_place_open(name, false, &place, detail);

    if (status == WEFT_OK) {
        status = try_connect(&place, socket, peer, detail);
        weftos_close(place.directory);
    }
    return status;
}

/* ----------------------------------------------------------------- wait --- */

/* What hears of changes in the directory of a name, in a kqueue of its own. */
struct ear {
    struct weftos_queue queue;
    struct weftos_changes changes;
};

void weftos_changes_close(struct weftos_changes *changes)
{
    weftos_close(changes->directory);
    weftos_close(changes->parent);
    *changes = (struct weftos_changes)WEFTOS_CHANGES_NONE;
}

static int listen_to(int queue, const char *path, uint64_t id, int *fd)
{
    *fd = open(path, O_EVTONLY | O_CLOEXEC);
    return *fd < 0 ? -1
                   : weftos_queue_change(
                         queue, (uintptr_t)*fd, EVFILT_VNODE, EV_ADD | EV_CLEAR,
                         NOTE_WRITE | NOTE_DELETE | NOTE_RENAME, id);
}

/* The directory may have come into being between the two: it is tried again. */
static int listen_to_place(struct weftos_changes *changes, int queue,
                           const struct weftos_place *place, uint64_t id)
{
    const char *directory = place->directory_path;
    char parent[PATH_MAX];

    if (listen_to(queue, directory, id, &changes->directory) == 0) {
        return 0;
    }
    if (errno != ENOENT) {
        return -1;
    }
    weftos_place_parent(directory, parent);
    if (listen_to(queue, parent, id, &changes->parent) != 0) {
        return -1;
    }
    return listen_to(queue, directory, id, &changes->directory) == 0 ||
                   errno == ENOENT
               ? 0
               : -1;
}

weft_status weftos_changes_open(struct weftos_changes *changes, int queue,
                                const struct weftos_place *place, uint64_t id,
                                weft_detail *detail)
{
    weft_status status = WEFT_OK;

    *changes = (struct weftos_changes)WEFTOS_CHANGES_NONE;
    if (listen_to_place(changes, queue, place, id) != 0) {
        status = weftos_fail_errno(detail, "watch for the name");
        weftos_changes_close(changes);
    }
    return status;
}

static void close_ear(struct ear *ear)
{
    weftos_changes_close(&ear->changes);
    weftos_queue_close(&ear->queue);
}

static weft_status open_ear(struct ear *ear, const char *name,
                            weft_detail *detail)
{
    struct weftos_place place;
    weft_status status;

    *ear = (struct ear){WEFTOS_QUEUE_NONE, WEFTOS_CHANGES_NONE};
    status = weftos_place_name(name, &place, detail);
    if (status == WEFT_OK) {
        status = weftos_queue_open(&ear->queue, detail);
    }
    return status == WEFT_OK ? weftos_changes_open(&ear->changes, ear->queue.fd,
                                                   &place, 0, detail)
                             : status;
}

static weft_status await_change(const struct ear *ear,
                                const struct patience *patience, bool is_full,
                                weft_detail *detail)
{
    static const char step[] = "wait for the name";
    struct kevent events[2];
    uint64_t again_ns = weftos_now_ns() + LOOK_AGAIN_NS;
    uint64_t deadline_ns = patience->deadline_ns;
    int count;

    if (is_full && again_ns < deadline_ns) {
        deadline_ns = again_ns;
    }
    do {
        count = weftos_queue_wait(ear->queue.fd, events, 2, deadline_ns);
    } while (count < 0 && errno == EINTR && !patience->interruptible);
    if (count < 0) {
        return weftos_fail_errno(detail, step);
    }
    return count > 0 || deadline_ns != patience->deadline_ns
               ? WEFT_OK
               : weftos_fail(detail, WEFT_ETIMEDOUT, 0, step);
}

/* Whether there is any point in trying again. */
static bool may_change(weft_status status, bool await,
                       const struct patience *patience)
{
    return patience->deadline_ns != WEFT_NOW &&
           (status == WEFT_EAGAIN || (await && status == WEFT_ENOENT));
}

/* The ear is opened before each try, so nothing is missed between them. */
static weft_status keep_trying(const char *name, bool await,
                               const struct patience *patience,
                               weft_handle *socket, weftos_peer *peer,
                               weft_detail *detail)
{
    weft_status status;

    do {
        struct ear ear;

        status = open_ear(&ear, name, detail);
        if (status == WEFT_OK) {
            status = connect_once(name, socket, peer, detail);
        }
        if (may_change(status, await, patience)) {
            weft_status wait =
                await_change(&ear, patience, status == WEFT_EAGAIN, detail);

            status = wait != WEFT_OK ? wait : status;
        }
        close_ear(&ear);
    } while (may_change(status, await, patience));
    return status;
}

weft_status weftos_endpoint_connect(const char *name, bool await,
                                    uint64_t deadline_ns, bool interruptible,
                                    weft_handle *socket, weftos_peer *peer,
                                    weft_detail *detail)
{
    struct patience patience = {deadline_ns, interruptible};
    weft_status status = connect_once(name, socket, peer, detail);

    if (may_change(status, await, &patience)) {
        status = keep_trying(name, await, &patience, socket, peer, detail);
    }
    /* Linux says the same of a name that is awaited with WEFT_NOW. */
    return await && deadline_ns == WEFT_NOW && status == WEFT_ENOENT
               ? weftos_fail(detail, WEFT_EAGAIN, 0, "wait for the name")
               : status;
}
