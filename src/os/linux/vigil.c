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
 * the name again. Others with a watch stand at the door too, to keep it next;
 * but not endpoints (lookout.h), whose program may be busy with other things.
 * They keep a door that nobody has: a slow keeper is better than none.
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
 * What a directory is watched for. A watch that is good for one event is gone
 * when its instance is closed, which then often takes the kernel 40 us, and not
 * 7 ms and more: so who waits for that event alone has such a one.
 */
static uint32_t mask_of(const struct weftos_vigil *vigil,
                        const struct weftos_place *place)
{
    return IN_MOVED_TO | IN_ATTRIB | (place->is_private ? 0 : IN_CREATE) |
           (vigil->stands ? IN_ONESHOT : 0);
}

/*
 * Watches the directory of a name for the last step of a listener before it can
 * be reached, which is chmod; not for the first one, or all who wait would try
 * twice. Only a path may also come to a listener by a link. Where the directory
 * does not exist, its parent is watched for it. It may have come into being
 * between the two, so it is tried once more. A watch of the parent is good for
 * one change.
 */
static int watch_directory(const struct weftos_place *place,
                           struct weftos_vigil *vigil)
{
    const uint32_t mask = mask_of(vigil, place);
    const char *directory = place->directory_path;
    char parent[PATH_MAX];
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    vigil->is_over = false;
    vigil->marks[1] = -1;
    if (watch < 0) {
        return watch;
    }
    vigil->marks[0] = inotify_add_watch(watch, directory, mask);
    if (vigil->marks[0] >= 0) {
        return watch;
    }
    weftos_place_parent(directory, parent);
    if (errno == ENOENT) {
        vigil->marks[0] = inotify_add_watch(watch, parent, mask | IN_CREATE);
    }
    if (vigil->marks[0] >= 0) {
        vigil->marks[1] = inotify_add_watch(watch, directory, mask);
        vigil->is_over = true;
        return watch;
    }
    weftos_close(watch);
    return -1;
}

/*
 * Takes some events, and tells of them. 0: there are none. -1: what was watched
 * is no more.
 */
static int take_events(int watch, weftos_vigil_tell *tell, void *context)
{
    /* Room for one event with the longest name; aligned as the events are. */
    _Alignas(struct inotify_event) char events[4096];
    ssize_t bytes = read(watch, events, sizeof(events));
    ssize_t at = 0;
    int count = 0;

    while (at < bytes) {
        const struct inotify_event *event =
            (const struct inotify_event *)(const void *)(events + at);

        if ((event->mask & IN_IGNORED) != 0) {
            return -1;
        }
        /* Without a name: the directory itself, or too many events. */
        tell(context, event->len > 0 ? event->name : NULL);
        count++;
        at += (ssize_t)sizeof(*event) + (ssize_t)event->len;
    }
    return count;
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
        ((vigil->stands || vigil->watch < 0) &&
         stand_at_door(vigil->door, &vigil->address, vigil->address_bytes))) {
        return true;
    }
    weftos_close(vigil->door);
    vigil->door = -1;
    return false;
}

/* ---------------------------------------------------------------- vigil --- */

weft_status weftos_vigil_begin(struct weftos_vigil *vigil,
                               const struct weftos_place *place, bool stands,
                               weft_detail *detail)
{
    const char *path = place->address.sun_path;
    const char *slash = strrchr(path, '/');

    (void)snprintf(vigil->file, sizeof(vigil->file), "%s",
                   slash != NULL ? slash + 1 : path);
    vigil->keeps = false;
    vigil->stands = stands;
    vigil->door = -1;
    vigil->address_bytes = find_door(place, &vigil->address);
    for (unsigned i = 0; i < DOOR_TRIES; i++) {
        vigil->watch = watch_directory(place, vigil);
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

/* Those at the door may wait for another name than the keeper. */
static void tell_those_at_door(struct weftos_vigil *vigil)
{
    if (vigil->keeps) {
        leave_door(vigil);
        (void)try_door(vigil);
    }
}

/* NULL: any entry may have changed. */
static void note(void *context, const char *file)
{
    struct weftos_vigil *vigil = context;

    if (file == NULL || strcmp(file, vigil->file) == 0) {
        vigil->is_over = true;
    }
}

/*
 * Takes all events. If the vigil goes on, it has a new watch. What comes
 * between the two is not missed: then the name is tried.
 */
static void take_news(struct weftos_vigil *vigil,
                      const struct weftos_place *place)
{
    while (take_events(vigil->watch, note, vigil) != 0) {
    }
    if (!vigil->is_over) {
        vigil->marks[0] = inotify_add_watch(vigil->watch, place->directory_path,
                                            mask_of(vigil, place));
        vigil->is_over = vigil->marks[0] < 0;
    }
    tell_those_at_door(vigil);
}

weft_status weftos_vigil_wait(struct weftos_vigil *vigil,
                              const struct weftos_place *place,
                              uint64_t deadline_ns, bool interruptible,
                              weft_detail *detail)
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
    if (status == WEFT_OK) {
        take_news(vigil, place);
    }
    return status == WEFT_EPEERDIED ? WEFT_OK : status;
}

int weftos_vigil_handle(const struct weftos_vigil *vigil)
{
    return vigil->watch >= 0 ? vigil->watch : vigil->door;
}

bool weftos_vigil_look(struct weftos_vigil *vigil, weftos_vigil_tell *tell,
                       void *context)
{
    int count = 0;
    int events;

    if (vigil->watch < 0) {
        if (weftos_socket_wait(vigil->door, false, WEFTOS_NONE, WEFT_NOW, false,
                               NULL) == WEFT_OK) {
            tell(context, NULL);
            return true;
        }
        return false;
    }
    do {
        events = take_events(vigil->watch, tell, context);
        count += events > 0;
    } while (events > 0);
    if (events < 0 || (count > 0 && vigil->is_over)) {
        tell(context, NULL);
        return true;
    }
    if (count > 0) {
        tell_those_at_door(vigil);
    }
    return false;
}

/* The door first: to close a watch takes the kernel 7 ms and more. */
void weftos_vigil_end(struct weftos_vigil *vigil, bool forked)
{
    if (!forked) {
        leave_door(vigil);
    }
    weftos_close(vigil->door);
    weftos_close(vigil->watch);
    vigil->door = -1;
    vigil->watch = -1;
}

int weftos_vigil_end_soon(struct weftos_vigil *vigil)
{
    int watch = vigil->watch;

    leave_door(vigil);
    for (unsigned i = 0; i < 2 && watch >= 0; i++) {
        if (vigil->marks[i] >= 0) {
            (void)inotify_rm_watch(watch, vigil->marks[i]);
        }
    }
    vigil->watch = -1;
    return watch;
}
