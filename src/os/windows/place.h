/* SPDX-License-Identifier: MIT
 *
 * Names into the names that Windows knows.
 */
#ifndef WEFTOS_PLACE_H
#define WEFTOS_PLACE_H

#include "win.h"

/* The longest name of a pipe or another kernel object, with its end. */
#define WEFTOS_PLACE_TEXT 260

/* L"\\\\.\\pipe\\" */
#define WEFTOS_PIPE_PREFIX L"\\\\.\\pipe\\"

struct weftos_place {
    wchar_t pipe[WEFTOS_PLACE_TEXT];
    /*
     * What names the objects beside it: the pipe's own part, in upper case,
     * as the names of pipes ignore case, and those of other objects do not.
     */
    wchar_t key[WEFTOS_PLACE_TEXT];
};

/* WEFT_ENAME: it breaks the rules of weft_channel_listen, or is no pipe. */
weft_status weftos_place_name(const char *name, struct weftos_place *place,
                              weft_detail *detail);

/*
 * Writes "<prefix><key>". Keys are of any letters; objects of all sessions
 * lie in Global\. WEFT_ENAME: it is too long.
 */
weft_status weftos_place_object(const wchar_t *prefix, const wchar_t *key,
                                wchar_t text[WEFTOS_PLACE_TEXT],
                                weft_detail *detail);

/*
 * The key of a plain name: this user's, in this run-time directory. `numbered`:
 * the name may end in a number.
 */
weft_status weftos_place_key(const char *name, bool numbered, wchar_t *key,
                             size_t room, weft_detail *detail);

#endif
