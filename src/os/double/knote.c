/* SPDX-License-Identifier: MIT
 *
 * The filters of a kqueue, each over a descriptor that epoll can watch:
 *
 *   EVFILT_READ   the descriptor itself. `data` is the bytes that can be
 *                 read, or the connections; EV_EOF the other end's close.
 *   EVFILT_WRITE  a duplicate, because epoll has one entry a descriptor.
 *   EVFILT_PROC   a pidfd. NOTE_EXIT is told once, and the knote is gone. As
 *                 in XNU a process that has ended, reaped or not, is ESRCH.
 *   EVFILT_USER   an eventfd.
 *   EVFILT_VNODE  an inotify instance. A directory's NOTE_WRITE is told for
 *                 entries that come, go or change their name, and not for
 *                 what happens to those that stay.
 *
 * Weaker than XNU: the deletion of a directory that is held open is learned
 * from its parent as it was at registration; NOTE_EXIT comes when the last
 * thread has gone; nothing else of these filters is here, and says so.
 */
#define _GNU_SOURCE
#include "knote.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

/* --------------------------------------------------------------- attach --- */

static int attach_process(struct knote *note)
{
    struct pollfd entry = {.fd = -1, .events = POLLIN};

    if ((note->wanted.fflags & ~NOTE_EXIT) != 0) {
        double_lacks("EVFILT_PROC with more than NOTE_EXIT");
    }
    entry.fd = (int)syscall(SYS_pidfd_open, (pid_t)note->wanted.ident, 0);
    if (entry.fd < 0) {
        return errno == EINVAL ? ESRCH : errno;
    }
    note->source = entry.fd;
    note->owns_source = true;
    /* One that waits to be reaped can still be opened here. */
    return poll(&entry, 1, 0) == 1 ? ESRCH : 0;
}

static int attach_user(struct knote *note)
{
    note->source = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    note->owns_source = true;
    return note->source < 0 ? errno : 0;
}

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
        inotify_add_watch(note->source, path, IN_DELETE | IN_MOVED_FROM);
}

static int attach_vnode(struct knote *note)
{
    const uint32_t known =
        NOTE_WRITE | NOTE_LINK | NOTE_ATTRIB | NOTE_DELETE | NOTE_RENAME;
    uint32_t fflags = note->wanted.fflags;
    char self[32];
    struct stat info;

    if ((fflags & ~known) != 0 || (note->wanted.flags & EV_CLEAR) == 0) {
        double_lacks("this kind of EVFILT_VNODE");
    }
    if (fstat((int)note->wanted.ident, &info) != 0) {
        return errno;
    }
    note->source = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    note->owns_source = true;
    note->parent_watch = -1;
    if (note->source < 0) {
        return errno;
    }
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d",
                   (int)note->wanted.ident);
    if ((fflags & (NOTE_DELETE | NOTE_RENAME)) != 0) {
        watch_parent(note, self);
    }
    fflags = inotify_mask(fflags, S_ISDIR(info.st_mode));
    if (fflags != 0 && inotify_add_watch(note->source, self, fflags) < 0) {
        return errno;
    }
    return 0;
}

int double_knote_attach(struct knote *note)
{
    int fd = (int)note->wanted.ident;

    switch (note->wanted.filter) {
    case EVFILT_READ:
        if (note->wanted.fflags != 0) {
            double_lacks("EVFILT_READ with a low-water mark");
        }
        note->source = fd;
        return 0;
    case EVFILT_WRITE:
        note->source = dup(fd);
        note->owns_source = true;
        return note->source < 0 ? errno : 0;
    case EVFILT_PROC:
        return attach_process(note);
    case EVFILT_USER:
        return attach_user(note);
    case EVFILT_VNODE:
        return attach_vnode(note);
    default:
        double_lacks("this filter of kevent()");
    }
}

/* --------------------------------------------------------------- change --- */

int double_knote_touch(struct knote *note, const struct kevent *change)
{
    uint64_t one = 1;

    if (note->wanted.filter != EVFILT_USER) {
        return 0;
    }
    if ((change->fflags & NOTE_FFCTRLMASK) != NOTE_FFNOP) {
        double_lacks("EVFILT_USER with flags of its own");
    }
    if ((change->fflags & NOTE_TRIGGER) != 0) {
        (void)!write(note->source, &one, sizeof(one));
    }
    return 0;
}

static uint32_t epoll_events(const struct knote *note)
{
    uint32_t edge = (note->wanted.flags & EV_CLEAR) != 0 ? EPOLLET : 0;

    switch (note->wanted.filter) {
    case EVFILT_READ:
        return EPOLLIN | EPOLLRDHUP | edge;
    case EVFILT_WRITE:
        return EPOLLOUT | edge;
    default:
        return EPOLLIN; /* taken out, or told once, by the report */
    }
}

int double_knote_watch(struct knote *note)
{
    struct epoll_event event = {.events = epoll_events(note),
                                .data.u64 = note->serial};

    if (epoll_ctl(note->epoll, EPOLL_CTL_ADD, note->source, &event) == 0) {
        return 0;
    }
    /* An earlier use of the same descriptor, by another name of it. */
    if (errno == EEXIST) {
        (void)epoll_ctl(note->epoll, EPOLL_CTL_MOD, note->source, &event);
        return 0;
    }
    if (errno == EPERM) {
        double_lacks("kevent() on a file that is always ready");
    }
    return errno;
}

void double_knote_unwatch(struct knote *note)
{
    (void)epoll_ctl(note->epoll, EPOLL_CTL_DEL, note->source, NULL);
}

void double_knote_free(struct knote *note)
{
    /*
     * In a forked child the instance is the parent's too, entries and all;
     * only the child's descriptors are closed.
     */
    if (note->source >= 0 && note->owner == getpid()) {
        double_knote_unwatch(note);
    }
    if (note->owns_source && note->source >= 0) {
        (void)close(note->source);
    }
    free(note);
}

/* --------------------------------------------------------------- report --- */

static bool is_listening(int fd)
{
    int listens = 0;
    socklen_t bytes = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) == 0 &&
           listens != 0;
}

static bool report_read(const struct knote *note, uint32_t found,
                        struct kevent *event)
{
    int bytes = 0;

    if (is_listening(note->source)) {
        bytes = double_pending(note->source);
    } else if (ioctl(note->source, FIONREAD, &bytes) != 0) {
        bytes = 1; /* a kqueue */
    }
    event->data = bytes;
    if ((found & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0) {
        event->flags |= EV_EOF;
        return true;
    }
    return bytes > 0;
}

static bool report_user(const struct knote *note, struct kevent *event)
{
    uint64_t count;

    event->fflags = 0;
    if ((note->wanted.flags & EV_CLEAR) != 0) {
        return read(note->source, &count, sizeof(count)) > 0;
    }
    return true;
}

static uint32_t translate(const struct knote *note,
                          const struct inotify_event *found)
{
    if (found->wd == note->parent_watch) {
        if (strcmp(found->name, note->name) != 0) {
            return 0;
        }
        return (found->mask & IN_DELETE) != 0 ? NOTE_DELETE : NOTE_RENAME;
    }
    if ((found->mask & IN_ATTRIB) != 0) {
        return found->len == 0 ? NOTE_ATTRIB : 0; /* its own, not an entry's */
    }
    if ((found->mask & (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM |
                        IN_MODIFY)) == 0) {
        return 0;
    }
    return (found->mask & IN_ISDIR) != 0 ? NOTE_WRITE | NOTE_LINK : NOTE_WRITE;
}

static bool report_vnode(const struct knote *note, struct kevent *event)
{
    _Alignas(struct inotify_event) char room[4096];
    uint32_t told = 0;
    ssize_t bytes;

    while ((bytes = read(note->source, room, sizeof(room))) > 0) {
        const char *at = room;

        while (at < room + bytes) {
            const struct inotify_event *found =
                (const struct inotify_event *)(const void *)at;

            told |= translate(note, found);
            at += sizeof(*found) + found->len;
        }
    }
    event->fflags = told & note->wanted.fflags;
    return event->fflags != 0;
}

bool double_knote_report(struct knote *note, uint32_t found,
                         struct kevent *event, bool *over)
{
    *event = note->wanted;
    event->data = 0;
    switch (note->wanted.filter) {
    case EVFILT_READ:
        return report_read(note, found, event);
    case EVFILT_WRITE:
        event->flags |= (found & (EPOLLHUP | EPOLLERR)) != 0 ? EV_EOF : 0;
        return true;
    case EVFILT_PROC:
        event->fflags = NOTE_EXIT;
        event->flags |= EV_EOF | EV_ONESHOT;
        *over = true;
        return true;
    case EVFILT_USER:
        return report_user(note, event);
    default:
        return report_vnode(note, event);
    }
}
