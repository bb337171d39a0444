/* SPDX-License-Identifier: MIT
 *
 * screen.h - a terminal as a picture of text that is put together anew for each
 * refresh, and of which only what has changed is sent.
 *
 * While it is open the terminal is its own: whoever ends the process closes it
 * first. Signals that would end, stop or resize are taken in screen_wait alone.
 */
#ifndef WEFT_SCREEN_H
#define WEFT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct screen screen;

/* Without colours these differ by brightness or not at all. */
typedef enum screen_style {
    SCREEN_PLAIN,
    SCREEN_STRONG,
    SCREEN_FAINT,
    SCREEN_MARKED, /* light and dark are exchanged */
    SCREEN_GOOD,
    SCREEN_WARNING,
    SCREEN_BAD
} screen_style;

/*
 * A key is the code of its character, a control code among them, or one of
 * these.
 */
typedef enum screen_key {
    SCREEN_NO_KEY = 0,
    SCREEN_TAB = 9,
    SCREEN_ENTER = 10,
    SCREEN_ESCAPE = 27,
    SCREEN_BACKSPACE = 127,
    SCREEN_UP = 0x110000, /* behind the last character */
    SCREEN_DOWN,
    SCREEN_LEFT,
    SCREEN_RIGHT,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
    SCREEN_HOME,
    SCREEN_END,
    SCREEN_DELETE,
    SCREEN_OTHER_KEY
} screen_key;

/* What a wait ended with. */
typedef enum screen_event {
    SCREEN_INPUT,  /* there are keys: take all of them */
    SCREEN_REDRAW, /* the picture must be made anew, perhaps of another size */
    SCREEN_DEADLINE, /* the deadline has passed */
    SCREEN_ENDED,    /* the user or the system asks this process to end */
    SCREEN_GONE      /* there is no terminal any more */
} screen_event;

/*
 * Takes the terminal of standard input and output. NULL, and nothing was
 * changed: `why` has the reason.
 */
screen *screen_open(char *why, size_t room);

/*
 * Gives it back as it was. A signal that asked this process to end takes effect
 * then. NULL is allowed.
 */
void screen_close(screen *me);

/* Its size, and whether it shows characters beyond ASCII. */
int screen_rows(const screen *me);
int screen_columns(const screen *me);
bool screen_is_unicode(const screen *me);

/* Begins a new picture, which is empty. */
void screen_begin(screen *me);

/*
 * Writes text into `width` columns of a row, from `column` on: what has no room
 * there or on the screen is left out, what is left over of the width is blank.
 * Text is cleaned of whatever could move the cursor or hide what follows.
 */
void screen_put(screen *me, int row, int column, int width, screen_style style,
                const char *text);

/* The columns that a text takes, up to `most`. */
int screen_width(const screen *me, const char *text, int most);

/* Where the cursor is shown; without this call it is hidden. */
void screen_cursor(screen *me, int row, int column);

/*
 * Sends what differs from the last picture. If the terminal takes nothing now
 * nothing is sent, and screen_wait ends with SCREEN_REDRAW when it does again:
 * so a slow one is not sent what is past.
 */
void screen_show(screen *me);

screen_event screen_wait(screen *me, uint64_t deadline_ns);

/* The next key that was pressed, or SCREEN_NO_KEY. */
uint32_t screen_take_key(screen *me);

#endif
