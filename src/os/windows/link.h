/* SPDX-License-Identifier: MIT
 *
 * What this process knows about each of its control sockets.
 */
#ifndef WEFTOS_LINK_H
#define WEFTOS_LINK_H

#include "security.h"
#include "wire.h"

/* Messages that can lie unread without being in the way: see inbox.c. */
#define WEFTOS_INBOX_MOST 8

struct weftos_letter {
    DWORD bytes;
    struct weftos_message message;
};

/* Handles that may be under way before the peer has first answered. */
#define WEFTOS_LENT_MOST (2 * WEFTOS_SOCKET_HANDLES)

/* A handle that the peer may copy; handles.c has the theory. */
struct weftos_lent {
    HANDLE handle;
    unsigned number; /* of the message that says so, from 1 */
};

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
    /*
     * Of the thread whose endpoint watches the socket: how, and whether the
     * peer is known to the caller, who needs not be told of it again.
     */
    struct weftos_watch *watch;
    bool is_known;
    _Atomic bool has_hung_up; /* one of the two sides, as far as was seen */
    _Atomic unsigned taken;   /* messages that were received */
    _Atomic unsigned arrived; /* messages that were read from the pipe */
    /* Of the inbox, a ring, and of who reads the pipe; with what that needs. */
    SRWLOCK inbox_lock;
    HANDLE read_event; /* manual-reset */
    bool has_ended;    /* the peer's hang-up was read out of the pipe */
    unsigned first_letter;
    unsigned letters;
    struct weftos_letter inbox[WEFTOS_INBOX_MOST];
    /*
     * Guards what is below. Only the receiving thread changes it, but for what
     * is lent; so that thread reads the rest without the lock.
     */
    SRWLOCK lock;
    HANDLE write_event; /* manual-reset: for who holds the lock and writes */
    bool has_peer;      /* `peer` is filled in */
    /* The peer has sent a message, so it knows this process. */
    bool is_confirmed;
    struct weftos_party peer;
    unsigned sent; /* messages */
    struct weftos_lent lent[WEFTOS_LENT_MOST];
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

/*
 * Another end of a pair, which is this process's still, is to be inherited by
 * this process that it has made: so that is who is at the first one. It gets
 * handles before it has said a word.
 */
void weftos_link_introduce(HANDLE theirs, DWORD pid);

/*
 * A message of the peer's has come, who has received `seen` of ours: what was
 * lent with those is done with.
 */
void weftos_link_confirm(struct weftos_link *link, unsigned seen);

/*
 * An entry that nobody can find, for a pipe that is to be closed. Its events
 * may be NULL: nobody else reads or writes that pipe.
 */
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
