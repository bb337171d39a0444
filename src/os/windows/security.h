/* SPDX-License-Identifier: MIT
 *
 * Who this process is, who others are, and who may open what it makes.
 */
#ifndef WEFTOS_SECURITY_H
#define WEFTOS_SECURITY_H

#include "win.h"

/* The room for a SID as text, with its end: 15 parts of 10 digits at most. */
#define WEFTOS_SID_TEXT 192

/*
 * How much a process may do, as far as handles go: its integrity level, or 0
 * if it is in a sandbox (a restricted token, an AppContainer) or can't be
 * looked at.
 */
typedef DWORD weftos_rank;

/* This process's user. */
struct weftos_self {
    BYTE sid[SECURITY_MAX_SID_SIZE];
    wchar_t sid_text[WEFTOS_SID_TEXT];
    weftos_rank rank;
};

/* Found out by the first call that succeeds; NULL: WEFT_EOS, see `detail`. */
const struct weftos_self *weftos_get_self(weft_detail *detail);

/* Another process, as this one may see it. */
struct weftos_party {
    DWORD pid;
    HANDLE process; /* NULL: may not be opened at all, or has ended */
    bool can_watch; /* `process` can be waited for */
    bool can_reach; /* handles can be duplicated into and out of it */
    bool is_same_user;
    weftos_rank rank;
};

/* Never fails: what can't be found out is not true. */
void weftos_party_open(struct weftos_party *party, DWORD pid);
void weftos_party_close(struct weftos_party *party);

/* Whom an access list lets in. */
enum weftos_access {
    WEFTOS_ACCESS_USER,   /* this user and the system, in all ways */
    WEFTOS_ACCESS_NOBODY, /* only who was given a handle, with its rights */
    WEFTOS_ACCESSES
};

/*
 * For what is to be made; what one makes so belongs to this user. Made once,
 * and never freed. NULL: WEFT_EOS, see `detail`.
 */
SECURITY_ATTRIBUTES *weftos_get_access(enum weftos_access access,
                                       weft_detail *detail);

/* Was the object made by this user, with an access list from here? */
bool weftos_is_own_object(HANDLE object);

#endif
