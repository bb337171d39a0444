/* SPDX-License-Identifier: MIT
 *
 * knote.h - one thing that a kqueue watches, between kqueue.c, which keeps
 * the lists, and knote.c, which knows the filters.
 */
#ifndef DOUBLE_KNOTE_H
#define DOUBLE_KNOTE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/event.h>
#include <sys/types.h>

struct knote {
    struct knote *next;
    struct kevent wanted; /* as registered; the flags are the lasting ones */
    uint64_t serial;      /* epoll knows it by this */
    int epoll;            /* the kqueue that it belongs to */
    pid_t owner;          /* a forked child must not touch the instance */
    int source;           /* what epoll watches for it; -1: not yet */
    bool owns_source;     /* a descriptor of the knote's own */
    bool enabled;
    /*
     * EVFILT_VNODE: what has happened and was not told yet; inotify's numbers
     * for the object and for its directory, -1: none; its name there.
     */
    uint32_t pending;
    int watch;
    int parent_watch;
    char name[NAME_MAX + 1];
};

/* All give 0 or an errno. */

/* Finds what to watch for a new knote. */
int double_knote_attach(struct knote *note);

/* Acts on a change to it: NOTE_TRIGGER. */
int double_knote_touch(struct knote *note, const struct kevent *change);

/* Lets epoll watch it, or not. */
int double_knote_watch(struct knote *note);
void double_knote_unwatch(struct knote *note);

/* Ends the watch and what the knote owns, and frees it. */
void double_knote_free(struct knote *note);

/*
 * Says what a knote that epoll reported has to tell now, as kevent() does.
 * False: nothing after all. `*over`: the knote has told all it ever will.
 */
bool double_knote_report(struct knote *note, uint32_t found,
                         struct kevent *event, bool *over);

/* ---------------------------------------------------------------- vnode --- */

/* epoll's number for what all knotes of EVFILT_VNODE share. */
#define VNODE_SERIAL 0

int double_vnode_attach(struct knote *note);
void double_vnode_detach(struct knote *note);
bool double_vnode_report(struct knote *note, struct kevent *event);

/* Lets a kqueue hear that there is something to read; twice does no harm. */
void double_vnode_listen(int epoll);

/*
 * Reads what has happened, and calls `each` for every piece of it. That finds
 * the knotes, and has double_vnode_happened() look at each of them.
 */
struct inotify_event;
void double_vnode_read(void (*each)(const struct inotify_event *found));
void double_vnode_happened(struct knote *note,
                           const struct inotify_event *found);

/* Whether any knote but this one watches by this number; kqueue.c. */
bool double_vnode_is_shared(const struct knote *note, int watch);

/* In a forked child: leaves what was the parent's. */
void double_vnode_forget(void);

/* ----------------------------------------------------------------- read --- */

/* The connections that a listening socket holds; 1 if that can't be told. */
int double_pending(int fd);

#endif
