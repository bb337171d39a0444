/* SPDX-License-Identifier: MIT
 *
 * curses_posix.h - the calls of ncurses, taken from its library when a screen
 * is first needed: so the command starts, and does all but that, where there is
 * none. Only functions are used: a global variable of a library that is loaded
 * this way is another one than the header's macros mean.
 */
#ifndef WEFT_CURSES_POSIX_H
#define WEFT_CURSES_POSIX_H

#include <stdbool.h>
#include <stddef.h>

#define NCURSES_NOMACROS
#define NCURSES_WIDECHAR 1
#include <curses.h>

#define CURSES_CALLS(X)                                                        \
    X(cbreak)                                                                  \
    X(clearok)                                                                 \
    X(curs_set)                                                                \
    X(delscreen)                                                               \
    X(delwin)                                                                  \
    X(doupdate)                                                                \
    X(endwin)                                                                  \
    X(has_colors)                                                              \
    X(init_pair)                                                               \
    X(keypad)                                                                  \
    X(newpad)                                                                  \
    X(newterm)                                                                 \
    X(newwin)                                                                  \
    X(nodelay)                                                                 \
    X(noecho)                                                                  \
    X(nonl)                                                                    \
    X(resizeterm)                                                              \
    X(set_escdelay)                                                            \
    X(start_color)                                                             \
    X(tigetstr)                                                                \
    X(use_default_colors)                                                      \
    X(waddnstr)                                                                \
    X(wattr_set)                                                               \
    X(werase)                                                                  \
    X(wget_wch)                                                                \
    X(wmove)                                                                   \
    X(wnoutrefresh)

typedef struct curses_calls {
#define CURSES_MEMBER(name) __typeof__(name) *(name);
    CURSES_CALLS(CURSES_MEMBER)
#undef CURSES_MEMBER
} curses_calls;

/* NULL: `why` has the reason. */
const curses_calls *curses_load(char *why, size_t room);

#endif
