/* SPDX-License-Identifier: MIT
 *
 * No screen: this build has no library for one.
 */
#include <stdio.h>

#include "screen.h"

screen *screen_open(char *why, size_t room)
{
    (void)snprintf(why, room,
                   "this build of weft has no screen, for which "
                   "it takes ncurses");
    return NULL;
}

void screen_close(screen *me)
{
    (void)me;
}

int screen_rows(const screen *me)
{
    (void)me;
    return 0;
}

int screen_columns(const screen *me)
{
    (void)me;
    return 0;
}

bool screen_is_unicode(const screen *me)
{
    (void)me;
    return false;
}

void screen_begin(screen *me)
{
    (void)me;
}

void screen_put(screen *me, int row, int column, int width, screen_style style,
                const char *text)
{
    (void)me;
    (void)row;
    (void)column;
    (void)width;
    (void)style;
    (void)text;
}

int screen_width(const screen *me, const char *text, int most)
{
    (void)me;
    (void)text;
    (void)most;
    return 0;
}

void screen_cursor(screen *me, int row, int column)
{
    (void)me;
    (void)row;
    (void)column;
}

void screen_show(screen *me)
{
    (void)me;
}

screen_event screen_wait(screen *me, uint64_t deadline_ns)
{
    (void)me;
    (void)deadline_ns;
    return SCREEN_GONE;
}

uint32_t screen_take_key(screen *me)
{
    (void)me;
    return SCREEN_NO_KEY;
}
