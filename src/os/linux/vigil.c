/* SPDX-License-Identifier: MIT
 *
 * Waiting for a name.
 *
 * Who waits watches the directory by inotify, of which a user has 128 instances
 * by default: fewer than clients wait for a server that is started again. So
 * one of those who have a watch keeps a door, an abstract socket whose name is
 * that of the directory, and those who can't have one connect to it. They are
 * never let in: the kernel hangs up on them when the keeper leaves the door,
 * because its watch has told it something, or because it dies. Then all try
 * the name again. Others with a watch stand at the door too, to keep it next.
 *
 * Somebody whose watch was refused could not wait at all without the door; all
 * others rely on nobody. Only a process of the same user is taken for a keeper.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vigil.h"

/*
 * Between two keepers there is none for a moment: so often the door is tried,
 * with a yield after each, before that counts as a failure.
 */
#define DOOR_TRIES 1000

/* As many can stand at the door; the system may allow fewer. */
#define DOOR_QUEUE 4096

/* ---------------------------------------------------------------- watch --- */

/*
 * Watches the directory of a name for whatever is made, moved or changed there
 * (a listener's chmod is the last step before it can be reached); where it does
 * not exist, its parent. It may have come into being between the two, so it is
 * tried once more. A watch of the parent is good for one change.
 */
static int watch_directory(const struct weftos_place *place, bool *is_parent)
{
    const uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_ATTRIB;
    const char *directory = place->directory_path;
    char parent[PATH_MAX];
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    *is_parent = false;
    if (watch < 0 || inotify_add_watch(watch, directory, mask) >= 0) {
        return watch;
    }
    weftos_place_parent(directory, parent);
    if (errno == ENOENT && inotify_add_watch(watch, parent, mask) >= 0) {
        (void)inotify_add_watch(watch, directory, mask);
        *is_parent = true;
        return watch;
    }
    weftos_close(watch);
    return -1;
}

/* Takes some events. False: what was watched is no more. */
static bool take_events(int watch)
{
    /* Room for one event with the longest name; aligned as the events are. */
    _Alignas(struct inotify_event) char events[4096];
    ssize_t bytes = read(watch, events, sizeof(events));
    ssize_t at = 0;

    while (at < bytes) {
        const struct inotify_event *event =
            (const struct inotify_event *)(const void *)(events + at);

        if ((event->mask & IN_IGNORED) != 0) {
            return false;
        }
        at += (ssize_t)sizeof(*event) + (ssize_t)event->len;
    }
    return true;
}

/* ----------------------------------------------------------------- door --- */

/*
 * The address of the door before a directory, or before its parent as long as
 * it does not exist; 0 bytes: there is none. Abstract names are one space for
 * all users.
 */
static socklen_t find_door(const struct weftos_place *place,
                           struct sockaddr_un *address)
{
    struct stat found;
    char parent[PATH_MAX];
    int bytes;

    if (stat(place->directory_path, &found) != 0) {
        weftos_place_parent(place->directory_path, parent);
        if (errno != ENOENT || stat(parent, &found) != 0) {
            return 0;
        }
    }
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    bytes = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
                     "weft/%lx/%llx/%llx", (unsigned long)geteuid(),
                     (unsigned long long)found.st_dev,
                     (unsigned long long)found.st_ino);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                       (size_t)bytes);
}

static bool keep_door(int fd, const struct sockaddr_un *address,
                      socklen_t length)
{
    return bind(fd, (const struct sockaddr *)address, length) == 0 &&
           listen(fd, DOOR_QUEUE) == 0;
}

static bool stand_at_door(int fd, const struct sockaddr_un *address,
                          socklen_t length)
{
    struct ucred keeper;
    socklen_t room = sizeof(keeper);

    return connect(fd, (const struct sockaddr *)address, length) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &keeper, &room) == 0 &&
           keeper.uid == geteuid();
}

/* Nobody's descriptor of the door is needed to hang up on those before it. */
static void leave_door(struct weftos_vigil *vigil)
{
    int fd = vigil->keeps ? 0 : -1;

    if (vigil->keeps) {
        /* From here on it refuses; a forked child may have it, too. */
        (void)shutdown(vigil->door, SHUT_RDWR);
    }
    while (fd >= 0) {
        fd = accept4(vigil->door, NULL, NULL, SOCK_CLOEXEC);
        weftos_close(fd);
    }
    weftos_close(vigil->door);
    vigil->door = -1;
    vigil->keeps = false;
}

/* One try. False: it is neither there nor can it be kept. */
static bool try_door(struct weftos_vigil *vigil)
{
    const int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

    vigil->door = socket(AF_UNIX, type, 0);
    if (vigil->door < 0) {
        return false;
    }
    vigil->keeps = vigil->watch >= 0 && keep_door(vigil->door, &vigil->address,
                                                  vigil->address_bytes);
    if (vigil->keeps ||
        stand_at_door(vigil->door, &vigil->address, vigil->address_bytes)) {
        return true;
    }
    weftos_close(vigil->door);
    vigil->door = -1;
    return false;
}

/* ---------------------------------------------------------------- vigil --- */

weft_status weftos_vigil_begin(struct weftos_vigil *vigil,
                               const struct weftos_place *place,
                               weft_detail *detail)
{
    vigil->keeps = false;
    vigil->door = -1;
    vigil->address_bytes = find_door(place, &vigil->address);
    for (unsigned i = 0; i < DOOR_TRIES; i++) {
        vigil->watch = watch_directory(place, &vigil->is_over);
        if (vigil->watch < 0 && errno != EMFILE) {
            break;
        }
        vigil->is_over = vigil->is_over || vigil->watch < 0;
        if ((vigil->address_bytes > 0 && try_door(vigil)) ||
            vigil->watch >= 0) {
            return WEFT_OK; /* who has a watch does without a door, too */
        }
        weftos_yield();
        errno = EMFILE;
    }
    return weftos_fail_errno(detail, "watch for the name");
}

weft_status weftos_vigil_wait(struct weftos_vigil *vigil, uint64_t deadline_ns,
                              bool interruptible, weft_detail *detail)
{
    weft_status status;

    for (;;) {
        status = weftos_socket_wait(vigil->watch, false,
                                    vigil->keeps ? -1 : vigil->door,
                                    deadline_ns, interruptible, detail);
        if (status != WEFT_EPEERDIED || vigil->watch < 0) {
            break;
        }
        leave_door(vigil);
        (void)try_door(vigil);
    }
    if (status == WEFT_OK && !take_events(vigil->watch)) {
        vigil->is_over = true;
    }
    return status == WEFT_EPEERDIED ? WEFT_OK : status;
}

/* The door first: to close a watch takes the kernel 7 ms and more. */
void weftos_vigil_end(struct weftos_vigil *vigil)
{
    leave_door(vigil);
    weftos_close(vigil->watch);
    vigil->watch = -1;
}
