/* SPDX-License-Identifier: MIT
 *
 * The filters of a kqueue, each over a descriptor that epoll can watch:
 *
 *   EVFILT_READ   the descriptor itself. `data` is the bytes that can be
 *                 read, or the connections; EV_EOF the other end's close.
 *   EVFILT_WRITE  a duplicate, because epoll has one entry a descriptor.
 *   EVFILT_PROC   a pidfd. NOTE_EXIT is told once, and the knote is gone. As
 *                 in XNU a process that has ended, reaped or not, is ESRCH.
 *                 NOTE_FORK is taken, and never told.
 *   EVFILT_TIMER  a timerfd, which goes off once: EV_ONESHOT.
 *   EVFILT_USER   an eventfd.
 *   EVFILT_VNODE  an eventfd too; vnode.c rings it.
 *
 * Weaker than XNU: NOTE_EXIT comes when the last thread has gone; nothing else
 * of these filters is here, and says so.
 */
#define _GNU_SOURCE
#include "knote.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "faults.h"

/* --------------------------------------------------------------- attach --- */

static int attach_process(struct knote *note)
{
    struct pollfd entry = {.fd = -1, .events = POLLIN};

    if ((note->wanted.fflags & ~(NOTE_EXIT | NOTE_FORK)) != 0) {
        double_lacks("EVFILT_PROC with more than NOTE_EXIT and NOTE_FORK");
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

static int attach_timer(struct knote *note)
{
    int64_t ns = note->wanted.data;
    struct itimerspec once = {.it_value = {.tv_sec = (time_t)(ns / 1000000000),
                                           .tv_nsec = (long)(ns % 1000000000)}};

    if (note->wanted.fflags != NOTE_NSECONDS || ns <= 0 ||
        (note->wanted.flags & EV_ONESHOT) == 0) {
        double_lacks("EVFILT_TIMER but for once, after nanoseconds");
    }
    note->source = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    note->owns_source = true;
    return note->source >= 0 &&
                   timerfd_settime(note->source, 0, &once, NULL) == 0
               ? 0
               : errno;
}

static int attach_user(struct knote *note)
{
    note->source = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    note->owns_source = true;
    return note->source < 0 ? errno : 0;
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
    case EVFILT_TIMER:
        return attach_timer(note);
    case EVFILT_USER:
        return attach_user(note);
    case EVFILT_VNODE:
        return double_vnode_attach(note);
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

    if (note->wanted.filter == EVFILT_VNODE) {
        double_vnode_listen(note->epoll);
    }
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
        double_vnode_detach(note);
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
    case EVFILT_TIMER:
        event->data = 1;
        return true;
    case EVFILT_USER:
        return report_user(note, event);
    default:
        return double_vnode_report(note, event);
    }
}
