/* SPDX-License-Identifier: MIT
 *
 * EVFILT_VNODE: changes to files and directories, by inotify. A directory's
 * NOTE_WRITE is told for entries that come, go or change their name, and not
 * for what happens to those that stay.
 *
 * A process has one inotify instance, because Linux takes 10 ms to close one.
 * It stays open in a place among the descriptors that was taken before main(),
 * so that whoever counts descriptors sees no change. Every kqueue that has such
 * a knote hears it; who reads it rings the eventfds of the knotes that an
 * event is for, whichever kqueue they are in.
 *
 * Weaker than XNU: the deletion of a directory that is held open is learned
 * from its parent as it was at registration; the removal of a file's name
 * counts as a change of its attributes too; only EV_CLEAR.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "knote.h"

/* ------------------------------------------------------------- instance --- */

/* Above what tests open, and below what systems allow. */
#define PLACE_LEAST 900

static int place = -1;
static bool is_open; /* an instance, and not what keeps its place */

static void keep_place(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (place < 0) {
        place = fcntl(fd, F_DUPFD_CLOEXEC, PLACE_LEAST);
    } else {
        (void)dup3(fd, place, O_CLOEXEC);
    }
    (void)close(fd);
    is_open = false;
}

__attribute__((constructor)) static void take_place(void)
{
    keep_place();
}

/* The limit on descriptors is for those that macOS would have, too. */
static int open_instance(void)
{
    struct rlimit limit;
    struct rlimit most;
    int fd;

    if (is_open) {
        return 0;
    }
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    most = (struct rlimit){limit.rlim_max, limit.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &most);
    fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    is_open = fd >= 0 && dup3(fd, place, O_CLOEXEC) >= 0;
    (void)close(fd);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return is_open ? 0 : EMFILE;
}

void double_vnode_forget(void)
{
    if (is_open) {
        keep_place();
    }
}

void double_vnode_listen(int epoll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = VNODE_SERIAL};

    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, place, &event);
}

/* --------------------------------------------------------------- attach --- */

static uint32_t inotify_mask(uint32_t fflags, bool is_directory)
{
    uint32_t mask = 0;

    if ((fflags & (NOTE_WRITE | NOTE_LINK)) != 0) {
        mask |= is_directory
                    ? IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM
                    : IN_MODIFY;
    }
    if ((fflags & NOTE_ATTRIB) != 0) {
        mask |= IN_ATTRIB;
    }
    return mask;
}

/*
 * The object's own entry: while a descriptor is open for it, inotify says of
 * its removal nothing, but the directory that it lies in does.
 */
static void watch_parent(struct knote *note, const char *self)
{
    char path[PATH_MAX];
    ssize_t length = readlink(self, path, sizeof(path) - 1);
    char *slash;

    if (length <= 1) {
        return;
    }
    path[length] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL || strlen(slash + 1) > NAME_MAX) {
        return;
    }
    (void)snprintf(note->name, sizeof(note->name), "%s", slash + 1);
    slash[slash == path ? 1 : 0] = '\0';
    note->parent_watch =
        inotify_add_watch(place, path, IN_DELETE | IN_MOVED_FROM | IN_MASK_ADD);
}

static int watch_object(struct knote *note)
{
    uint32_t fflags = note->wanted.fflags;
    struct stat info;
    char self[32];
    uint32_t mask;

    if (fstat((int)note->wanted.ident, &info) != 0) {
        return errno;
    }
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d",
                   (int)note->wanted.ident);
    if ((fflags & (NOTE_DELETE | NOTE_RENAME)) != 0) {
        watch_parent(note, self);
    }
    mask = inotify_mask(fflags, S_ISDIR(info.st_mode));
    if (mask != 0) {
        note->watch = inotify_add_watch(place, self, mask | IN_MASK_ADD);
    }
    return mask != 0 && note->watch < 0 ? errno : 0;
}

int double_vnode_attach(struct knote *note)
{
    const uint32_t known =
        NOTE_WRITE | NOTE_LINK | NOTE_ATTRIB | NOTE_DELETE | NOTE_RENAME;
    int error = open_instance();

    note->watch = -1;
    note->parent_watch = -1;
    if ((note->wanted.fflags & ~known) != 0 ||
        (note->wanted.flags & EV_CLEAR) == 0) {
        double_lacks("this kind of EVFILT_VNODE");
    }
    if (error != 0) {
        return error;
    }
    note->source = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    note->owns_source = true;
    return note->source < 0 ? errno : watch_object(note);
}

static void remove_watch(const struct knote *note, int watch)
{
    if (watch >= 0 && !double_vnode_is_shared(note, watch)) {
        (void)inotify_rm_watch(place, watch);
    }
}

void double_vnode_detach(struct knote *note)
{
    if (note->wanted.filter == EVFILT_VNODE) {
        remove_watch(note, note->watch);
        remove_watch(note, note->parent_watch);
    }
}

/* --------------------------------------------------------------- report --- */

static uint32_t translate(const struct knote *note,
                          const struct inotify_event *found)
{
    uint32_t told = 0;

    if (found->wd == note->parent_watch &&
        strcmp(found->len > 0 ? found->name : "", note->name) == 0) {
        told |= (found->mask & IN_DELETE) != 0 ? NOTE_DELETE : 0;
        told |= (found->mask & IN_MOVED_FROM) != 0 ? NOTE_RENAME : 0;
    }
    if (found->wd != note->watch) {
        return told;
    }
    if ((found->mask & IN_ATTRIB) != 0 && found->len == 0) {
        told |= NOTE_ATTRIB; /* its own, not an entry's */
    }
    if ((found->mask & (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM |
                        IN_MODIFY)) != 0) {
        told |= NOTE_WRITE;
        told |= (found->mask & IN_ISDIR) != 0 ? NOTE_LINK : 0;
    }
    return told;
}

void double_vnode_happened(struct knote *note,
                           const struct inotify_event *found)
{
    uint32_t told = translate(note, found) & note->wanted.fflags;
    uint64_t one = 1;

    if (told != 0) {
        note->pending |= told;
        (void)!write(note->source, &one, sizeof(one));
    }
}

void double_vnode_read(void (*each)(const struct inotify_event *found))
{
    _Alignas(struct inotify_event) char room[4096];
    ssize_t bytes;

    while ((bytes = read(place, room, sizeof(room))) > 0) {
        const char *at = room;

        while (at < room + bytes) {
            const struct inotify_event *found =
                (const struct inotify_event *)(const void *)at;

            each(found);
            at += sizeof(*found) + found->len;
        }
    }
}

bool double_vnode_report(struct knote *note, struct kevent *event)
{
    uint64_t count;

    (void)!read(note->source, &count, sizeof(count));
    event->fflags = note->pending;
    note->pending = 0;
    return event->fflags != 0;
}
