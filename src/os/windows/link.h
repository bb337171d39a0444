/* SPDX-License-Identifier: MIT
 *
 * What this process knows about each of its control sockets.
 */
#ifndef WEFTOS_LINK_H
#define WEFTOS_LINK_H

#include "security.h"

/* Handles that may be under way before the peer has first answered. */
#define WEFTOS_LENT_MOST (2 * WEFTOS_SOCKET_HANDLES)

/*
 * A control socket is a bare handle. Who is at its other end is kept here, by
 * the handle's value, until weftos_close.
 */
struct weftos_link {
    struct weftos_link *next; /* in its bucket */
    HANDLE pipe;
    /*
     * This end was made with the other one, which another process is to
     * inherit: the system takes that one's owner for us, and only a message
     * can tell who it is.
     */
    bool is_inherited;
    _Atomic bool has_hung_up; /* one of the two sides, as far as was seen */
    _Atomic unsigned taken;   /* messages that were received */
    /*
     * Guards what is below. Only the receiving thread changes it, but for what
     * is lent; so that thread reads the rest without the lock.
     */
    SRWLOCK lock;
    bool has_peer; /* `peer` is filled in */
    /* The peer has sent a message, so it knows this process. */
    bool is_confirmed;
    struct weftos_party peer;
    HANDLE lent[WEFTOS_LENT_MOST]; /* see handles.c */
    unsigned lent_count;
};

/*
 * Makes an entry. Unless it `is_inherited`, asks the system for the process at
 * the other end. Only weftos_close of the handle removes it.
 */
weft_status weftos_link_add(HANDLE pipe, bool is_inherited,
                            struct weftos_link **out, weft_detail *detail);

/* The entry of a handle, or NULL. */
struct weftos_link *weftos_link_find(HANDLE pipe);

/*
 * If the other end of this pair is in this process too, tells its entry so.
 */
void weftos_link_meet(HANDLE pipe);

/* The first message of the peer's has come: takes back what was lent to it. */
void weftos_link_confirm(struct weftos_link *link);

/* An entry that nobody can find, for a pipe that is to be closed. */
void weftos_link_init(struct weftos_link *link, HANDLE pipe);
void weftos_link_deinit(struct weftos_link *link);

/* Takes the entry out and gives it to the caller; NULL if there is none. */
struct weftos_link *weftos_link_remove(HANDLE pipe);
void weftos_link_free(struct weftos_link *link);

/*
 * Learns the peer of an inherited pair from the number in its message: if that
 * process holds the other end of this very pipe, under the handle value that
 * it names, the message is its own.
 */
bool weftos_link_prove(struct weftos_link *link, DWORD pid, HANDLE theirs);

/* As weftos_peer has it. */
weftos_peer weftos_link_peer(const struct weftos_link *link);

#endif
