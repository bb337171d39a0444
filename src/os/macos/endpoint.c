/* SPDX-License-Identifier: MIT
 *
 * Endpoints: the one thing that has a name.
 *
 * A name is a Unix socket in a directory that only its owner can change; the
 * directory is checked each time (posix/place.c). Two things are not as on
 * Linux:
 *
 *   - A listener whose queue is full refuses a connection with the same errno
 *     as a dead socket (unp_connect). A datagram socket tells them apart:
 *     to connect it to a stream socket that is open fails with EPROTOTYPE, to
 *     a dead one with ECONNREFUSED, and takes no place in the queue.
 *   - A kqueue tells of changes to a directory's entries, not to what they
 *     stand for. So a socket is bound under another name, and moved to its own
 *     when it listens: whoever waits for the name is told, and nobody ever
 *     finds a socket that does not listen yet. A listener whose queue was full
 *     and is no more says so by making and removing an entry.
 *
 * The move also replaces the socket of an owner that died. Two that take a
 * name at once are kept apart by a lock on the directory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "../posix/place.h"
#include "macos.h"

/* Connections that the kernel holds until we look at them. */
#define BACKLOG 128

/*
 * One whose process is watched. A kqueue tells an end once, and for each
 * process only: it is passed on to all ids that are concerned, as an event of
 * their own, which stays.
 */
struct watched {
    struct watched *next;
    uint64_t id;
    uint32_t pid;
};

struct weftos_endpoint {
    int socket;
    struct weftos_queue queue;
    struct watched *watched;
    struct sockaddr_un address;
    struct sockaddr_un other; /* the name's other name, see above */
    struct stat bound;        /* our socket file, to remove no other's */
    bool is_bound;
    int64_t full_at;               /* where the kernel begins to refuse */
    int64_t pending;               /* connections, when we last looked */
    bool was_full;                 /* or almost */
    struct weftos_changes awaited; /* those of an awaited name's directory */
    uint64_t awaited_id;
};

/* --------------------------------------------------------------- listen --- */

/* The name with a '~': as short as can be, for there are 104 bytes in all. */
static weft_status find_other_name(const struct sockaddr_un *address,
                                   struct sockaddr_un *other,
                                   weft_detail *detail)
{
    size_t length = strlen(address->sun_path);

    *other = *address;
    if (length + 1 >= sizeof(other->sun_path)) {
        return weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                           "fit the path into a socket address");
    }
    other->sun_path[length] = '~';
    other->sun_path[length + 1] = '\0';
    return WEFT_OK;
}

/* Whether any socket is open at the address, with a full queue or not. */
bool weftos_is_alive(const struct sockaddr_un *address)
{
    bool alive;
    int fd = weftos_socket_make(SOCK_DGRAM);

    if (fd < 0) {
        return true; /* unknown: remove nothing */
    }
    alive =
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
        (errno != ECONNREFUSED && errno != ENOENT);
    (void)close(fd);
    return alive;
}

/* What may lie at a name: nothing, or the socket of one that died. */
static weft_status check_free(const struct sockaddr_un *address,
                              weft_detail *detail)
{
    struct stat info;

    if (lstat(address->sun_path, &info) == 0 &&
        (!S_ISSOCK(info.st_mode) || weftos_is_alive(address))) {
        return weftos_fail(detail, WEFT_EINUSE, EADDRINUSE, "take the name");
    }
    return WEFT_OK;
}

/* The other name, too, can be left over: from a binding or an announcement. */
static weft_status free_other_name(const struct sockaddr_un *other,
                                   weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (rmdir(other->sun_path) != 0 && errno == ENOTDIR) {
        status = check_free(other, detail);
        /* Its owner may have removed it just now, which takes no lock. */
        if (status == WEFT_OK && unlink(other->sun_path) != 0 &&
            errno != ENOENT) {
            status = weftos_fail_errno(detail, "remove a dead socket");
        }
    }
    return status;
}

static weft_status bind_name(weftos_endpoint *endpoint, unsigned mode,
                             weft_detail *detail)
{
    const char *path = endpoint->other.sun_path;
    weft_status status = check_free(&endpoint->address, detail);

    if (status == WEFT_OK) {
        status = free_other_name(&endpoint->other, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (bind(endpoint->socket, (const struct sockaddr *)&endpoint->other,
             sizeof(endpoint->other)) != 0) {
        return weftos_fail(detail,
                           errno == EADDRINUSE ? WEFT_EINUSE
                                               : weftos_errno_status(errno),
                           errno, "bind the name");
    }
    /* Nobody can connect before listen, so the mode is never too wide. */
    if (lstat(path, &endpoint->bound) != 0 || chmod(path, (mode_t)mode) != 0 ||
        listen(endpoint->socket, BACKLOG) != 0 ||
        rename(path, endpoint->address.sun_path) != 0) {
        status = weftos_fail_errno(detail, "listen");
        (void)unlink(path);
        return status;
    }
    endpoint->is_bound = true;
    return WEFT_OK;
}

/* kern.ipc.somaxconn bounds the queue. */
static int64_t find_backlog(void)
{
    int most = BACKLOG;
    size_t bytes = sizeof(most);

    if (sysctlbyname("kern.ipc.somaxconn", &most, &bytes, NULL, 0) != 0 ||
        most <= 0 || most > BACKLOG) {
        most = BACKLOG;
    }
    return most;
}

static weft_status listen_at(weftos_endpoint *endpoint,
                             const struct weftos_place *place, unsigned mode,
                             weft_detail *detail)
{
    weft_status status;

    endpoint->address = place->address;
    status = find_other_name(&place->address, &endpoint->other, detail);
    if (status != WEFT_OK) {
        return status;
    }
    endpoint->full_at = find_backlog();
    endpoint->socket = weftos_socket_make(SOCK_STREAM);
    if (endpoint->socket < 0) {
        return weftos_fail_errno(detail, "socket");
    }
    status = weftos_place_lock(place, detail);
    if (status != WEFT_OK) {
        return status;
    }
    status = bind_name(endpoint, mode, detail);
    weftos_place_unlock(place);
    if (status == WEFT_OK &&
        weftos_queue_change(endpoint->queue.fd, (uintptr_t)endpoint->socket,
                            EVFILT_READ, EV_ADD, 0,
                            WEFTOS_NEW_CONNECTION) != 0) {
        status = weftos_fail_errno(detail, "kevent");
    }
    return status;
}

static weft_status start(weftos_endpoint *endpoint, const char *name,
                         unsigned mode, weft_detail *detail)
{
    struct weftos_place place;
    weft_status status = weftos_queue_open(&endpoint->queue, detail);

    if (status != WEFT_OK || name == NULL) {
        return status;
    }
    status = weftos_place_open(name, true, &place, detail);
    if (status != WEFT_OK) {
        return status == WEFT_ENOENT
                   ? weftos_fail(detail, WEFT_ENAME, ENOENT,
                                 "open the directory of the name")
                   : status;
    }
    status = listen_at(endpoint, &place, mode, detail);
    weftos_close(place.directory);
    return status;
}

weft_status weftos_endpoint_open(const char *name, unsigned mode,
                                 weftos_endpoint **out, weft_handle *handle,
                                 weft_detail *detail)
{
    weftos_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    weft_status status;

    *out = NULL;
    *handle = WEFTOS_NONE;
    if (endpoint == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate an endpoint");
    }
    endpoint->socket = -1;
    endpoint->queue.fd = -1;
    endpoint->awaited = (struct weftos_changes)WEFTOS_CHANGES_NONE;
    status = start(endpoint, name, mode, detail);
    if (status != WEFT_OK) {
        weftos_endpoint_close(endpoint, true);
        return status;
    }
    *out = endpoint;
    *handle = endpoint->queue.fd;
    return WEFT_OK;
}

void weftos_endpoint_close(weftos_endpoint *endpoint, bool forked)
{
    struct stat found;

    if (endpoint == NULL) {
        return;
    }
    /* Only our own file: another owner may have replaced it by now. */
    if (endpoint->is_bound && !forked &&
        lstat(endpoint->address.sun_path, &found) == 0 &&
        found.st_ino == endpoint->bound.st_ino &&
        found.st_dev == endpoint->bound.st_dev) {
        (void)unlink(endpoint->address.sun_path);
    }
    while (endpoint->watched != NULL) {
        struct watched *first = endpoint->watched;

        endpoint->watched = first->next;
        free(first);
    }
    weftos_changes_close(&endpoint->awaited);
    weftos_close(endpoint->socket);
    weftos_queue_close(&endpoint->queue);
    free(endpoint);
}

/* ------------------------------------------------------------- watching --- */

static struct watched *find_watched(const weftos_endpoint *endpoint,
                                    uint32_t pid)
{
    struct watched *found = endpoint->watched;

    while (found != NULL && found->pid != pid) {
        found = found->next;
    }
    return found;
}

/* An event for an id that is there until it is forgotten. */
static int tell_end(const weftos_endpoint *endpoint, uint64_t id)
{
    int fd = endpoint->queue.fd;

    return weftos_queue_change(fd, (uintptr_t)id, EVFILT_USER, EV_ADD, 0, id) !=
                   0
               ? -1
               : weftos_queue_change(fd, (uintptr_t)id, EVFILT_USER, 0,
                                     NOTE_TRIGGER, id);
}

/* A process has ended. */
static weft_status pass_on(const weftos_endpoint *endpoint, uint32_t pid,
                           weft_detail *detail)
{
    for (struct watched *entry = endpoint->watched; entry != NULL;
         entry = entry->next) {
        if (entry->pid == pid && tell_end(endpoint, entry->id) != 0) {
            return weftos_fail_errno(detail, "tell of a process's end");
        }
    }
    return WEFT_OK;
}

static weft_status watch_process(weftos_endpoint *endpoint, uint64_t id,
                                 weft_handle process, weft_detail *detail)
{
    weftos_process_id who = weftos_process_of(process);
    struct watched *entry = calloc(1, sizeof(*entry));
    weft_status status;

    if (entry == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "watch a process");
    }
    status = weftos_process_watch(endpoint->queue.fd, &who,
                                  WEFTOS_NEW_CONNECTION, detail);
    if (status == WEFT_ENOENT) {
        status = tell_end(endpoint, id) == 0
                     ? WEFT_OK
                     : weftos_fail_errno(detail, "watch a process");
    }
    if (status != WEFT_OK) {
        free(entry);
        return status;
    }
    entry->id = id;
    entry->pid = who.pid;
    entry->next = endpoint->watched;
    endpoint->watched = entry;
    return WEFT_OK;
}

static void forget_process(weftos_endpoint *endpoint, uint64_t id)
{
    struct watched **link = &endpoint->watched;
    struct watched *entry;

    while (*link != NULL && (*link)->id != id) {
        link = &(*link)->next;
    }
    entry = *link;
    if (entry == NULL) {
        return;
    }
    *link = entry->next;
    /* Either may be gone: then there is nothing to delete. */
    (void)weftos_queue_change(endpoint->queue.fd, (uintptr_t)id, EVFILT_USER,
                              EV_DELETE, 0, 0);
    if (find_watched(endpoint, entry->pid) == NULL) {
        (void)weftos_queue_change(endpoint->queue.fd, entry->pid, EVFILT_PROC,
                                  EV_DELETE, 0, 0);
    }
    free(entry);
}

weft_status weftos_endpoint_watch(weftos_endpoint *endpoint, uint64_t id,
                                  weft_handle socket, weft_handle process,
                                  weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (weftos_queue_change(endpoint->queue.fd, (uintptr_t)socket, EVFILT_READ,
                            EV_ADD, 0, id) != 0) {
        return weftos_fail_errno(detail, "watch a connection");
    }
    if (process != WEFTOS_NONE) {
        status = watch_process(endpoint, id, process, detail);
    }
    if (status != WEFT_OK) {
        weftos_endpoint_forget(endpoint, id, socket, WEFTOS_NONE);
    }
    return status;
}

void weftos_endpoint_forget(weftos_endpoint *endpoint, uint64_t id,
                            weft_handle socket, weft_handle process)
{
    if (socket == WEFTOS_NONE) {
        weftos_changes_close(&endpoint->awaited);
        return;
    }
    (void)weftos_queue_change(endpoint->queue.fd, (uintptr_t)socket,
                              EVFILT_READ, EV_DELETE, 0, 0);
    if (process != WEFTOS_NONE) {
        forget_process(endpoint, id);
    }
}

weft_status weftos_endpoint_await(weftos_endpoint *endpoint, uint64_t id,
                                  const struct weftos_place *place,
                                  weft_detail *detail)
{
    endpoint->awaited_id = id;
    /* One that listens to the directory alone goes on. */
    if (endpoint->awaited.directory >= 0 && endpoint->awaited.parent < 0) {
        return WEFT_OK;
    }
    weftos_changes_close(&endpoint->awaited);
    return weftos_changes_open(&endpoint->awaited, endpoint->queue.fd, place,
                               WEFTOS_NEW_CONNECTION, detail);
}

/* What was heard of an awaited name; a directory that has gone is let go of. */
static uint64_t take_change(weftos_endpoint *endpoint,
                            const struct kevent *event)
{
    if ((event->fflags & (NOTE_DELETE | NOTE_RENAME)) != 0) {
        weftos_changes_close(&endpoint->awaited);
    }
    return endpoint->awaited_id;
}

/* --------------------------------------------------------------- accept --- */

weft_status weftos_endpoint_wait(weftos_endpoint *endpoint,
                                 uint64_t deadline_ns, bool interruptible,
                                 uint64_t *id, weft_detail *detail)
{
    static const char step[] = "wait for a connection";
    struct kevent event;
    int count;

    for (;;) {
        weft_status status;

        do {
            count =
                weftos_queue_wait(endpoint->queue.fd, &event, 1, deadline_ns);
        } while (count < 0 && errno == EINTR && !interruptible);
        if (count < 0) {
            return weftos_fail_errno(detail, step);
        }
        if (count == 0) {
            return weftos_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                0, step);
        }
        if (event.filter != EVFILT_PROC) {
            break;
        }
        status = pass_on(endpoint, (uint32_t)event.ident, detail);
        if (status != WEFT_OK) {
            return status;
        }
    }
    if (event.filter == EVFILT_VNODE) {
        *id = take_change(endpoint, &event);
        return WEFT_OK;
    }
    *id = (uint64_t)(uintptr_t)event.udata;
    if (*id == WEFTOS_NEW_CONNECTION) {
        endpoint->pending = event.data;
    }
    return WEFT_OK;
}

/*
 * Those who found the queue full wait for a change in the directory. Each
 * connection is seen pending, by a wait, before it is accepted; so a queue
 * that was full was also seen to be so, or to be one short of it.
 */
static void announce_room(weftos_endpoint *endpoint)
{
    if (endpoint->pending * 2 > endpoint->full_at) {
        endpoint->was_full = true;
    }
    endpoint->pending -= endpoint->pending > 0;
    if (endpoint->was_full && endpoint->pending * 4 <= endpoint->full_at) {
        endpoint->was_full = false;
        /* If it is there now, whoever is about to remove it announces too. */
        (void)mkdir(endpoint->other.sun_path, 0700);
        (void)rmdir(endpoint->other.sun_path);
    }
}

/* Takes one. WEFT_ECLOSED: it has gone again; the next may be there. */
static weft_status take(weftos_endpoint *endpoint, int *out, weftos_peer *peer,
                        weft_detail *detail)
{
    weft_status status;
    int fd;

    do {
        fd = accept(endpoint->socket, NULL, NULL);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return weftos_fail_errno(detail, "accept a connection");
    }
    announce_room(endpoint);
    status = weftos_socket_prepare(fd, detail);
    if (status == WEFT_OK) {
        status = weftos_socket_ask_peer(fd, peer, detail);
    }
    if (status != WEFT_OK) {
        (void)close(fd);
        return status;
    }
    *out = fd;
    return WEFT_OK;
}

weft_status weftos_endpoint_accept(weftos_endpoint *endpoint,
                                   weft_handle *socket, weftos_peer *peer,
                                   weft_detail *detail)
{
    int fd = -1;
    weft_status status;

    do {
        status = take(endpoint, &fd, peer, detail);
    } while (status == WEFT_ECLOSED);
    if (status != WEFT_OK) {
        return status;
    }
    *socket = fd;
    return WEFT_OK;
}
