/* SPDX-License-Identifier: MIT
 *
 * kqueue() and kevent(). A kqueue is an epoll instance: its descriptor can be
 * polled and be watched by another one, and an edge-triggered entry is told
 * once for each new event, as EV_CLEAR is. The lists of knotes are this
 * process's own.
 *
 * As in XNU:
 *  - changes are made in order. One that fails fills an event with EV_ERROR
 *    while there is room, and EV_RECEIPT always does; then nothing is waited
 *    for. Without room the call fails, and later changes are not made.
 *  - a kqueue is closed over exec and absent in a forked child.
 *  - closing a descriptor ends what watches it.
 *  - an event that has become untrue before it is collected is not told.
 *
 * Weaker than XNU: only what the back end closes, or a later kqueue() or
 * EV_ADD that finds the number in use anew, ends a watch; a child of a bare
 * clone() keeps the descriptors; a kqueue that is closed while another thread
 * sleeps in it does not wake that thread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "faults.h"
#include "knote.h"

struct queue {
    struct queue *next;
    int fd; /* the epoll instance */
    struct knote *notes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *queues;
static uint64_t serials;

static void lock_lists(void)
{
    (void)pthread_mutex_lock(&lock);
}

static void unlock_lists(void)
{
    (void)pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------- lists --- */

/* The place of a queue in the list, or of its end. */
static struct queue **find_queue(int fd)
{
    struct queue **place = &queues;

    while (*place != NULL && (*place)->fd != fd) {
        place = &(*place)->next;
    }
    return place;
}

static void remove_note(struct knote **place)
{
    struct knote *note = *place;

    *place = note->next;
    double_knote_free(note);
}

/* Frees a queue, but leaves its descriptor to the caller. */
static void remove_queue(struct queue **place)
{
    struct queue *queue = *place;

    *place = queue->next;
    while (queue->notes != NULL) {
        remove_note(&queue->notes);
    }
    free(queue);
}

static struct knote **find_note(struct queue *queue,
                                const struct kevent *change)
{
    struct knote **place = &queue->notes;

    while (*place != NULL && ((*place)->wanted.ident != change->ident ||
                              (*place)->wanted.filter != change->filter)) {
        place = &(*place)->next;
    }
    return place;
}

static struct knote **find_serial(struct queue *queue, uint64_t serial)
{
    struct knote **place = &queue->notes;

    while (*place != NULL && (*place)->serial != serial) {
        place = &(*place)->next;
    }
    return place;
}

bool double_vnode_is_shared(const struct knote *note, int watch)
{
    for (struct queue *queue = queues; queue != NULL; queue = queue->next) {
        for (struct knote *other = queue->notes; other != NULL;
             other = other->next) {
            if (other != note && other->wanted.filter == EVFILT_VNODE &&
                (other->watch == watch || other->parent_watch == watch)) {
                return true;
            }
        }
    }
    return false;
}

/* Under the lock: tells the knotes of files of one event. */
static void tell_notes(const struct inotify_event *found)
{
    for (struct queue *queue = queues; queue != NULL; queue = queue->next) {
        for (struct knote *note = queue->notes; note != NULL;
             note = note->next) {
            if (note->wanted.filter == EVFILT_VNODE) {
                double_vnode_happened(note, found);
            }
        }
    }
}

static void close_in_child(void)
{
    while (queues != NULL) {
        int fd = queues->fd;

        remove_queue(&queues);
        (void)close(fd);
    }
    double_vnode_forget();
    unlock_lists();
}

static void watch_forks(void)
{
    if (pthread_atfork(lock_lists, unlock_lists, close_in_child) != 0) {
        double_lacks("a process without room for a fork handler");
    }
}

bool double_is_kqueue(int fd)
{
    bool found;

    lock_lists();
    found = *find_queue(fd) != NULL;
    unlock_lists();
    return found;
}

/* A descriptor's knotes are those whose ident it is: files, not processes. */
static bool is_of_file(const struct knote *note, int fd)
{
    return note->wanted.ident == (uintptr_t)fd &&
           note->wanted.filter != EVFILT_PROC &&
           note->wanted.filter != EVFILT_TIMER &&
           note->wanted.filter != EVFILT_USER;
}

void double_kqueue_forget(int fd)
{
    struct queue **place;

    lock_lists();
    place = find_queue(fd);
    if (*place != NULL) {
        remove_queue(place);
    }
    for (struct queue *queue = queues; queue != NULL; queue = queue->next) {
        struct knote **at = &queue->notes;

        while (*at != NULL) {
            if (is_of_file(*at, fd)) {
                remove_note(at);
            } else {
                at = &(*at)->next;
            }
        }
    }
    unlock_lists();
}

void double_kqueue_touch(int fd)
{
    lock_lists();
    for (struct queue *queue = queues; queue != NULL; queue = queue->next) {
        for (struct knote *note = queue->notes; note != NULL;
             note = note->next) {
            if (is_of_file(note, fd) && note->enabled) {
                double_knote_unwatch(note);
                (void)double_knote_watch(note);
            }
        }
    }
    unlock_lists();
}

int kqueue(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL) {
        return double_fail(ENOMEM);
    }
    (void)pthread_once(&once, watch_forks);
    queue->fd = epoll_create1(EPOLL_CLOEXEC);
    if (queue->fd < 0) {
        free(queue);
        return -1;
    }
    double_kqueue_forget(queue->fd); /* an old one, closed behind our back */
    lock_lists();
    queue->next = queues;
    queues = queue;
    unlock_lists();
    return queue->fd;
}

/* -------------------------------------------------------------- changes --- */

#define LASTING (EV_ONESHOT | EV_CLEAR | EV_DISPATCH)

static int add(struct queue *queue, const struct kevent *change)
{
    struct knote *note = calloc(1, sizeof(*note));
    int error;

    if (note == NULL) {
        return ENOMEM;
    }
    note->wanted = *change;
    note->wanted.flags &= LASTING;
    note->serial = ++serials;
    note->epoll = queue->fd;
    note->owner = getpid();
    note->source = -1;
    note->enabled = (change->flags & EV_DISABLE) == 0;
    error = double_knote_attach(note);
    if (error == 0) {
        error = double_knote_touch(note, change);
    }
    if (error == 0 && note->enabled) {
        error = double_knote_watch(note);
    }
    if (error != 0) {
        double_knote_free(note);
        return error;
    }
    note->next = queue->notes;
    queue->notes = note;
    return 0;
}

static int update(struct knote *note, const struct kevent *change)
{
    int error;

    if (note->wanted.filter == EVFILT_TIMER) {
        double_lacks("a change to a timer that has not gone off");
    }
    if ((change->flags & EV_ADD) != 0) {
        note->wanted.udata = change->udata;
        note->wanted.flags = change->flags & LASTING;
        if (change->filter != EVFILT_USER) {
            note->wanted.fflags = change->fflags;
        }
    }
    if ((change->flags & EV_DISABLE) != 0) {
        note->enabled = false;
    } else if ((change->flags & (EV_ENABLE | EV_ADD)) != 0) {
        note->enabled = true;
    }
    error = double_knote_touch(note, change);
    if (error == 0) {
        double_knote_unwatch(note);
        error = note->enabled ? double_knote_watch(note) : 0;
    }
    return error;
}

/* Makes one change; gives 0 or an errno. */
static int change_one(int fd, const struct kevent *change)
{
    struct queue *queue;
    struct knote **place;
    int error;

    lock_lists();
    queue = *find_queue(fd);
    if (queue == NULL) {
        unlock_lists();
        return EBADF;
    }
    place = find_note(queue, change);
    if (*place == NULL) {
        error = (change->flags & EV_ADD) != 0 ? add(queue, change) : ENOENT;
    } else if ((change->flags & EV_DELETE) != 0) {
        remove_note(place);
        error = 0;
    } else {
        error = update(*place, change);
    }
    unlock_lists();
    return error;
}

/*
 * Makes the changes. `*filled` events were used to report on them. Gives 0, or
 * the errno of the change that there was no event for.
 */
static int change_all(int fd, const struct kevent *changes, int change_count,
                      struct kevent *events, int event_count, int *filled)
{
    *filled = 0;
    for (int i = 0; i < change_count; i++) {
        struct kevent change = changes[i];
        int error;

        change.flags &= (uint16_t)~EV_SYSFLAGS;
        error = change_one(fd, &change);
        if (error == 0 && (change.flags & EV_RECEIPT) == 0) {
            continue;
        }
        if (*filled < event_count) {
            change.flags |= EV_ERROR;
            change.data = error;
            events[(*filled)++] = change;
        } else if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* ----------------------------------------------------------------- wait --- */

#define BATCH 64

/* Translates one entry that epoll reported; false: it tells nothing. */
static bool take(int fd, const struct epoll_event *found, struct kevent *event)
{
    struct queue *queue;
    struct knote **place;
    bool told = false;
    bool over = false;

    lock_lists();
    if (found->data.u64 == VNODE_SERIAL) {
        double_vnode_read(tell_notes);
    }
    queue = *find_queue(fd);
    place = queue != NULL ? find_serial(queue, found->data.u64) : NULL;
    if (place != NULL && *place != NULL) {
        struct knote *note = *place;

        told = double_knote_report(note, found->events, event, &over);
        if (over || (told && (note->wanted.flags & EV_ONESHOT) != 0)) {
            remove_note(place);
        } else if (told && (note->wanted.flags & EV_DISPATCH) != 0) {
            note->enabled = false;
            double_knote_unwatch(note);
        }
    }
    unlock_lists();
    return told;
}

static int look(int fd, struct kevent *events, int event_count,
                const struct timespec *left)
{
    struct epoll_event found[BATCH];
    int most = event_count < BATCH ? event_count : BATCH;
    int told = 0;
    int count = epoll_pwait2(fd, found, most, left, NULL);

    for (int i = 0; i < count; i++) {
        told += take(fd, &found[i], &events[told]);
    }
    return count > 0 && told == 0 ? -2 : count < 0 ? -1 : told;
}

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static int64_t now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return nanoseconds(&time);
}

/* Waits until something is told; what turned out untrue does not count. */
static int scan(int fd, struct kevent *events, int event_count,
                const struct timespec *timeout)
{
    struct timespec left;
    int64_t end = timeout != NULL ? now() + nanoseconds(timeout) : 0;
    int told;

    if (timeout != NULL) {
        left = *timeout;
    }
    /* A stop and a continue end a wait so, without any handler. */
    if ((timeout == NULL || nanoseconds(timeout) > 0) && double_fault()) {
        return double_fail(EINTR);
    }
    for (;;) {
        int64_t rest;

        told = look(fd, events, event_count, timeout != NULL ? &left : NULL);
        if (told != -2) {
            return told;
        }
        if (timeout != NULL) {
            rest = end - now();
            rest = rest > 0 ? rest : 0;
            left.tv_sec = (time_t)(rest / INT64_C(1000000000));
            left.tv_nsec = (long)(rest % INT64_C(1000000000));
        }
    }
}

int kevent(int queue, const struct kevent *changes, int change_count,
           struct kevent *events, int event_count,
           const struct timespec *timeout)
{
    int filled = 0;
    int error;

    if (timeout != NULL && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
                            timeout->tv_nsec >= 1000000000)) {
        return double_fail(EINVAL);
    }
    if (!double_is_kqueue(queue)) {
        return double_fail(EBADF);
    }
    error =
        change_all(queue, changes, change_count, events, event_count, &filled);
    if (error != 0) {
        return double_fail(error);
    }
    if (filled > 0 || event_count == 0) {
        return filled;
    }
    return scan(queue, events, event_count, timeout);
}
