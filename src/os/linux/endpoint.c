/* SPDX-License-Identifier: MIT
 *
 * Endpoints: the one thing that has a name.
 *
 * A name is a Unix socket in a directory that only its owner can change. That
 * is checked each time (owner, mode, not a symbolic link), so nobody else can
 * put a socket of his own there, or replace ours. A socket whose owner died
 * refuses connections; the next owner removes it. Two of them that do so at
 * once are kept apart by a lock on the directory itself, so that no lock file
 * has to lie around.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../apart.h"
#include "lookout.h"

/* Connections that the kernel holds until we look at them. */
#define BACKLOG 128

struct weftos_endpoint {
    int socket;
    int epoll;
    struct sockaddr_un address;
    struct stat bound; /* our socket file, to remove no other's */
    struct weftos_awaited awaited;
    uint64_t awaited_id;
};

/* What the epoll says of a name that is awaited: no id of anybody's. */
#define AWAITED (WEFTOS_NEW_CONNECTION - 1)

/* --------------------------------------------------------------- listen --- */

/*
 * Whether anybody listens at the address. A full queue means yes. Called
 * under the directory's lock.
 */
static bool is_alive(const struct sockaddr_un *address)
{
    bool alive;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return true; /* unknown: remove nothing */
    }
    alive =
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
        (errno != ECONNREFUSED && errno != ENOENT);
    (void)close(fd);
    return alive;
}

static weft_status bind_name(int fd, const struct weftos_place *place,
                             unsigned mode, weft_detail *detail)
{
    const struct sockaddr *address = (const struct sockaddr *)&place->address;
    const char *path = place->address.sun_path;
    struct stat info;

    if (lstat(path, &info) == 0) {
        if (!S_ISSOCK(info.st_mode) || is_alive(&place->address)) {
            return weftos_fail(detail, WEFT_EINUSE, EADDRINUSE,
                               "take the name");
        }
        /* Its owner was about to remove it, which takes no lock. */
        if (unlink(path) != 0 && errno != ENOENT) {
            return weftos_fail_errno(detail, "remove a dead socket");
        }
    }
    /* bind takes the mode, less the umask, from the unbound socket's. */
    if (fchmod(fd, mode) != 0 ||
        bind(fd, address, sizeof(place->address)) != 0) {
        return weftos_fail(detail,
                           errno == EADDRINUSE ? WEFT_EINUSE
                                               : weftos_errno_status(errno),
                           errno, "bind the name");
    }
    /* chmod comes last: those who wait for the name are told of it. */
    if (listen(fd, BACKLOG) != 0 || chmod(path, mode) != 0) {
        weft_status status = weftos_fail_errno(detail, "listen");

        (void)unlink(path);
        return status;
    }
    return WEFT_OK;
}

static int watch(const weftos_endpoint *endpoint, uint64_t id,
                 weft_handle handle, uint32_t events)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = events;
    event.data.u64 = id;
    return epoll_ctl(endpoint->epoll, EPOLL_CTL_ADD, (int)handle, &event);
}

static weft_status listen_at(weftos_endpoint *endpoint,
                             const struct weftos_place *place, unsigned mode,
                             weft_detail *detail)
{
    weft_status status;

    endpoint->address = place->address;
    endpoint->socket =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (endpoint->socket < 0) {
        return weftos_fail_errno(detail, "socket");
    }
    if (watch(endpoint, WEFTOS_NEW_CONNECTION, endpoint->socket, EPOLLIN) !=
        0) {
        return weftos_fail_errno(detail, "epoll");
    }
    status = weftos_place_lock(place, detail);
    if (status != WEFT_OK) {
        return status;
    }
    status = bind_name(endpoint->socket, place, mode, detail);
    if (status == WEFT_OK &&
        lstat(place->address.sun_path, &endpoint->bound) != 0) {
        status = weftos_fail_errno(detail, "look at the bound name");
    }
    weftos_place_unlock(place);
    return status;
}

static weft_status start(weftos_endpoint *endpoint, const char *name,
                         unsigned mode, weft_detail *detail)
{
    struct weftos_place place;
    weft_status status;

    endpoint->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (endpoint->epoll < 0) {
        return weftos_fail_errno(detail, "epoll");
    }
    if (name == NULL) {
        return WEFT_OK;
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
    endpoint->epoll = -1;
    endpoint->awaited = (struct weftos_awaited)WEFTOS_AWAITED_NONE;
    status = start(endpoint, name, mode, detail);
    if (status != WEFT_OK) {
        weftos_endpoint_close(endpoint, true);
        return status;
    }
    *out = endpoint;
    *handle = endpoint->epoll;
    return WEFT_OK;
}

/* Only our own file: another owner may have replaced it by now. */
void weftos_apart_unname(const weftos_endpoint *endpoint)
{
    struct stat found;

    if (endpoint->socket >= 0 &&
        lstat(endpoint->address.sun_path, &found) == 0 &&
        found.st_ino == endpoint->bound.st_ino &&
        found.st_dev == endpoint->bound.st_dev) {
        (void)unlink(endpoint->address.sun_path);
    }
}

void weftos_endpoint_close(weftos_endpoint *endpoint, bool forked)
{
    if (endpoint == NULL) {
        return;
    }
    if (!forked) {
        weftos_apart_unname(endpoint);
    }
    weftos_await_close(&endpoint->awaited, forked);
    weftos_close(endpoint->socket);
    weftos_close(endpoint->epoll);
    free(endpoint);
}

/* --------------------------------------------------------------- accept --- */

weft_status weftos_endpoint_wait(weftos_endpoint *endpoint,
                                 uint64_t deadline_ns, bool interruptible,
                                 uint64_t *id, weft_detail *detail)
{
    static const char step[] = "wait for a connection";
    struct epoll_event event;
    struct timespec left;
    int count;

    weftos_await_tidy(&endpoint->awaited);
    do {
        count = weftos_epoll_wait(endpoint->epoll, &event, 1,
                                  weftos_time_left(deadline_ns, &left));
    } while ((count < 0 && errno == EINTR && !interruptible) ||
             (count > 0 && event.data.u64 == AWAITED &&
              !weftos_await_hear(&endpoint->awaited)));
    if (count < 0) {
        return weftos_fail_errno(detail, step);
    }
    if (count == 0) {
        return weftos_fail(
            detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT, 0,
            step);
    }
    *id = event.data.u64 == AWAITED ? endpoint->awaited_id : event.data.u64;
    return WEFT_OK;
}

weft_status weftos_endpoint_watch(weftos_endpoint *endpoint, uint64_t id,
                                  weft_handle socket, weft_handle process,
                                  weft_detail *detail)
{
    if (watch(endpoint, id, socket, EPOLLIN | EPOLLRDHUP) != 0) {
        return weftos_fail_errno(detail, "watch a connection");
    }
    if (process == WEFTOS_NONE) {
        return WEFT_OK;
    }
    if (watch(endpoint, id, process, EPOLLIN) != 0) {
        weft_status status = weftos_fail_errno(detail, "watch a process");

        weftos_endpoint_forget(endpoint, id, socket, WEFTOS_NONE);
        return status;
    }
    /* To open a descriptor for each message takes as long as the message. */
    weftos_socket_forget_senders((int)socket);
    return WEFT_OK;
}

void weftos_endpoint_forget(weftos_endpoint *endpoint, uint64_t id,
                            weft_handle socket, weft_handle process)
{
    (void)id; /* epoll knows them by their descriptors */
    if (socket == WEFTOS_NONE) {
        weftos_await_end(&endpoint->awaited);
        return;
    }
    (void)epoll_ctl(endpoint->epoll, EPOLL_CTL_DEL, (int)socket, NULL);
    if (process != WEFTOS_NONE) {
        (void)epoll_ctl(endpoint->epoll, EPOLL_CTL_DEL, (int)process, NULL);
    }
}

weft_status weftos_endpoint_await(weftos_endpoint *endpoint, uint64_t id,
                                  const struct weftos_place *place,
                                  weft_detail *detail)
{
    endpoint->awaited_id = id;
    return weftos_await_begin(&endpoint->awaited, endpoint->epoll, AWAITED,
                              place, detail);
}

static weft_status ask_peer(int fd, weftos_peer *peer, weft_detail *detail)
{
    struct ucred found;
    socklen_t room = sizeof(found);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &room) != 0) {
        return weftos_fail_errno(detail, "SO_PEERCRED");
    }
    weftos_fill_peer(peer, &found);
    return WEFT_OK;
}

weft_status weftos_endpoint_accept(weftos_endpoint *endpoint,
                                   weft_handle *socket, weftos_peer *peer,
                                   weft_detail *detail)
{
    weft_status status;
    int fd;

    do {
        fd =
            accept4(endpoint->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        /* ECONNABORTED: that one has gone again; the next may be there. */
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return weftos_fail_errno(detail, "accept a connection");
    }
    status = ask_peer(fd, peer, detail);
    if (status == WEFT_OK) {
        status = weftos_socket_name_senders(fd, detail);
    }
    if (status != WEFT_OK) {
        (void)close(fd);
        return status;
    }
    *socket = fd;
    return WEFT_OK;
}

/* -------------------------------------------------------------- connect --- */

/* A place in the wait for a listener: by when, and what may end it early. */
struct patience {
    uint64_t deadline_ns;
    bool interruptible;
};

/*
 * connect waits while the listener's queue is full; SO_SNDTIMEO bounds that.
 * 0 means for ever, so that the least bound is a microsecond.
 */
static int connect_by(int fd, const struct sockaddr_un *address,
                      const struct patience *patience)
{
    struct timespec left;
    int result;

    do {
        const struct timespec *bound =
            weftos_time_left(patience->deadline_ns, &left);
        struct timeval limit = {0, 0};

        if (bound != NULL) {
            limit.tv_sec = bound->tv_sec;
            limit.tv_usec = bound->tv_nsec / 1000;
            limit.tv_usec += limit.tv_sec == 0 && limit.tv_usec == 0;
        }
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        result =
            connect(fd, (const struct sockaddr *)address, sizeof(*address));
    } while (result != 0 && errno == EINTR && !patience->interruptible);
    return result;
}

static weft_status connect_status(int os_code, uint64_t deadline_ns)
{
    switch (os_code) {
    case ENOENT:
    case ECONNREFUSED:
        return WEFT_ENOENT;
    case EPROTOTYPE:
    case ENOTSOCK:
        return WEFT_EPROTO;
    case EAGAIN:
        return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
    default:
        return weftos_errno_status(os_code);
    }
}

static weft_status try_connect(const struct weftos_place *place,
                               const struct patience *patience,
                               weft_handle *socket_, weftos_peer *peer,
                               weft_detail *detail)
{
    weft_status status;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return weftos_fail_errno(detail, "socket");
    }
    if (connect_by(fd, &place->address, patience) != 0) {
        status =
            weftos_fail(detail, connect_status(errno, patience->deadline_ns),
                        errno, "connect");
        (void)close(fd);
        return status;
    }
    status = ask_peer(fd, peer, detail);
    if (status == WEFT_OK) {
        status = weftos_socket_name_senders(fd, detail);
    }
    if (status != WEFT_OK) {
        (void)close(fd);
        return status;
    }
    *socket_ = fd;
    return WEFT_OK;
}

static weft_status connect_once(const char *name,
                                const struct patience *patience,
                                weft_handle *socket, weftos_peer *peer,
                                weft_detail *detail)
{
    struct weftos_place place;
    weft_status status = weftos_place_open(name, false, &place, detail);

    if (status == WEFT_OK) {
        status = try_connect(&place, patience, socket, peer, detail);
        weftos_close(place.directory);
    }
    return status;
}

/*
 * Tries again whenever something happens to the name. The vigil begins before
 * the first try, so nothing is missed. WEFT_ENOENT: it is over.
 */
static weft_status await_name(const char *name, const struct patience *patience,
                              weft_handle *socket, weftos_peer *peer,
                              weft_detail *detail)
{
    struct weftos_place place;
    struct weftos_vigil vigil;
    weft_status status = weftos_place_name(name, &place, detail);

    if (status == WEFT_OK) {
        status = weftos_vigil_begin(&vigil, &place, true, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    do {
        status = connect_once(name, patience, socket, peer, detail);
        if (status == WEFT_ENOENT) {
            weft_status waited =
                weftos_vigil_wait(&vigil, &place, patience->deadline_ns,
                                  patience->interruptible, detail);

            status = waited != WEFT_OK ? waited : WEFT_ENOENT;
        }
    } while (status == WEFT_ENOENT && !vigil.is_over);
    weftos_vigil_end(&vigil, false);
    return status;
}

weft_status weftos_endpoint_connect(const char *name, bool await,
                                    uint64_t deadline_ns, bool interruptible,
                                    weft_handle *socket, weftos_peer *peer,
                                    weft_detail *detail)
{
    struct patience patience = {deadline_ns, interruptible};
    weft_detail found = {WEFT_OK, 0, NULL};
    weft_status status;

    /* Without a watch at first: to close one takes the kernel 7 ms and more. */
    do {
        status = connect_once(name, &patience, socket, peer, &found);
        if (status == WEFT_ENOENT && await) {
            status = await_name(name, &patience, socket, peer, &found);
        }
    } while (status == WEFT_ENOENT && await);
    if (status != WEFT_OK && detail != NULL) {
        *detail = found;
    }
    return status;
}
