/* SPDX-License-Identifier: MIT
 *
 * The screen, by ncurses: it knows what each terminal understands, and sends
 * what has changed.
 */
#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE
#define _DEFAULT_SOURCE

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "curses_posix.h"
#include "screen.h"
#include "screen_signals_posix.h"
#include "tool.h"

/*
 * How long the rest of a key's sequence may take that begins with an escape;
 * after that it was the escape key. In ms; a packet on a slow line.
 */
#define ESCAPE_MS 100

/* Longer lines than any terminal has, of four bytes a character. */
#define LINE_BYTES 4096

struct screen {
    const curses_calls *curses;
    SCREEN *terminal;
    WINDOW *window; /* all of it */
    WINDOW *keys;   /* a pad: to ask it for keys sends nothing */
    int rows;
    int columns;
    bool is_unicode;
    bool has_colors;
    bool is_behind; /* what was to be shown could not be sent */
    int cursor_row; /* below 0: it is hidden */
    int cursor_column;
};

/* ----------------------------------------------------------------- open --- */

/* A terminal without it can't show a picture. */
static bool can_address(const curses_calls *curses)
{
    const char *motion = curses->tigetstr("cup");

    return motion != NULL && motion != (char *)-1;
}

static void find_size(screen *me)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
        size.ws_col > 0) {
        me->rows = size.ws_row;
        me->columns = size.ws_col;
    } else {
        me->rows = 24;
        me->columns = 80;
    }
}

static bool make_window(screen *me)
{
    const curses_calls *curses = me->curses;

    if (me->window != NULL) {
        (void)curses->delwin(me->window);
    }
    find_size(me);
    (void)curses->resizeterm(me->rows, me->columns);
    me->window = curses->newwin(me->rows, me->columns, 0, 0);
    if (me->window == NULL) {
        return false;
    }
    return true;
}

static void begin_colors(screen *me)
{
    static const short colors[] = {COLOR_GREEN, COLOR_YELLOW, COLOR_RED};
    const char *none = getenv("NO_COLOR");
    const curses_calls *curses = me->curses;
    short behind = -1;

    if ((none != NULL && none[0] != '\0') || !curses->has_colors() ||
        curses->start_color() == ERR) {
        return;
    }
    if (curses->use_default_colors() == ERR) {
        behind = COLOR_BLACK;
    }
    for (short i = 0; i < 3; i++) {
        (void)curses->init_pair((short)(i + 1), colors[i], behind);
    }
    me->has_colors = true;
}

static bool begin(screen *me, char *why, size_t room)
{
    const curses_calls *curses = me->curses;
    const char *name = getenv("TERM");

    if (name == NULL || name[0] == '\0') {
        (void)snprintf(why, room, "TERM is not set");
        return false;
    }
    me->terminal = curses->newterm(NULL, stdout, stdin);
    if (me->terminal == NULL) {
        (void)snprintf(why, room, "the terminal '%s' is not known", name);
        return false;
    }
    if (!can_address(curses)) {
        (void)snprintf(why, room, "the terminal '%s' can't move its cursor",
                       name);
        return false;
    }
    me->keys = curses->newpad(1, 1);
    if (me->keys == NULL || !make_window(me)) {
        (void)snprintf(why, room, "ncurses is out of memory");
        return false;
    }
    (void)curses->keypad(me->keys, TRUE);
    (void)curses->nodelay(me->keys, TRUE);
    (void)curses->cbreak();
    (void)curses->noecho();
    (void)curses->nonl();
    (void)curses->set_escdelay(ESCAPE_MS);
    (void)curses->curs_set(0);
    begin_colors(me);
    return true;
}

screen *screen_open(char *why, size_t room)
{
    const curses_calls *curses;
    screen *me;

    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
        (void)snprintf(why, room,
                       "standard input and output must be a "
                       "terminal");
        return NULL;
    }
    curses = curses_load(why, room);
    if (curses == NULL) {
        return NULL;
    }
    /* What ncurses takes characters for; numbers keep their point. */
    (void)setlocale(LC_CTYPE, "");
    me = calloc(1, sizeof(*me));
    if (me == NULL) {
        (void)snprintf(why, room, "out of memory");
        return NULL;
    }
    me->curses = curses;
    me->is_unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    me->cursor_row = -1;
    /* Before ncurses looks which signals nobody takes. */
    screen_signals_hold();
    if (!begin(me, why, room)) {
        screen_close(me);
        return NULL;
    }
    return me;
}

void screen_close(screen *me)
{
    if (me == NULL) {
        return;
    }
    if (me->window != NULL) {
        (void)me->curses->delwin(me->window);
    }
    if (me->keys != NULL) {
        (void)me->curses->delwin(me->keys);
    }
    if (me->terminal != NULL) {
        (void)me->curses->curs_set(1);
        (void)me->curses->endwin();
        me->curses->delscreen(me->terminal);
    }
    free(me);
    screen_signals_release();
}

/* -------------------------------------------------------------- picture --- */

int screen_rows(const screen *me)
{
    return me->rows;
}

int screen_columns(const screen *me)
{
    return me->columns;
}

bool screen_is_unicode(const screen *me)
{
    return me->is_unicode;
}

void screen_begin(screen *me)
{
    (void)me->curses->werase(me->window);
    me->cursor_row = -1;
}

void screen_cursor(screen *me, int row, int column)
{
    me->cursor_row = row;
    me->cursor_column = column;
}

static void set_style(screen *me, screen_style style)
{
    static const struct {
        attr_t attributes;
        short pair;
    } looks[] = {
        [SCREEN_PLAIN] = {A_NORMAL, 0}, [SCREEN_STRONG] = {A_BOLD, 0},
        [SCREEN_FAINT] = {A_DIM, 0},    [SCREEN_MARKED] = {A_REVERSE, 0},
        [SCREEN_GOOD] = {A_NORMAL, 1},  [SCREEN_WARNING] = {A_BOLD, 2},
        [SCREEN_BAD] = {A_BOLD, 3},
    };

    (void)me->curses->wattr_set(me->window, looks[style].attributes,
                                me->has_colors ? looks[style].pair : (short)0,
                                NULL);
}

/* What changes the direction of text or has no width of its own. */
static bool is_invisible(uint32_t code)
{
    return (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

/* The columns that a character takes; below 0: it is not to be shown. */
static int width_of(const screen *me, uint32_t code)
{
    if (tool_is_control(code) || is_invisible(code) ||
        (code > 0x7e && !me->is_unicode)) {
        return -1;
    }
    return code < 0x7f ? 1 : wcwidth((wchar_t)code);
}

/* Cleans and cuts; returns the columns that are used. */
static int clip(const screen *me, const char *text, int width, char *line)
{
    size_t kept = 0;
    int used = 0;

    while (*text != '\0' && kept + 5 < LINE_BYTES) {
        uint32_t code = 0;
        size_t length = tool_utf8(text, strnlen(text, 4), &code);
        int columns = length > 0 ? width_of(me, code) : -1;

        if (columns < 0) {
            line[kept] = '?';
            columns = 1;
            length = length > 0 ? length : 1;
        } else {
            memcpy(line + kept, text, length);
        }
        if (used + columns > width) {
            break;
        }
        kept += line[kept] == '?' ? 1 : length;
        used += columns;
        text += length;
    }
    line[kept] = '\0';
    return used;
}

void screen_put(screen *me, int row, int column, int width, screen_style style,
                const char *text)
{
    char line[LINE_BYTES];
    int used;

    if (row < 0 || row >= me->rows || column < 0 || column >= me->columns) {
        return;
    }
    if (width > me->columns - column) {
        width = me->columns - column;
    }
    used = clip(me, text, width, line);
    if (me->curses->wmove(me->window, row, column) == ERR) {
        return;
    }
    set_style(me, style);
    (void)me->curses->waddnstr(me->window, line, -1);
    if (used < width) {
        (void)snprintf(line, sizeof(line), "%*s", width - used, "");
        (void)me->curses->waddnstr(me->window, line, -1);
    }
    set_style(me, SCREEN_PLAIN);
}

int screen_width(const screen *me, const char *text, int most)
{
    char line[LINE_BYTES];

    return clip(me, text, most, line);
}

static bool takes_output(void)
{
    struct pollfd output = {STDOUT_FILENO, POLLOUT, 0};

    return poll(&output, 1, 0) == 1;
}

void screen_show(screen *me)
{
    me->is_behind = !takes_output();
    if (me->is_behind) {
        return;
    }
    if (me->cursor_row >= 0) {
        (void)me->curses->wmove(me->window, me->cursor_row, me->cursor_column);
    }
    (void)me->curses->curs_set(me->cursor_row >= 0 ? 1 : 0);
    (void)me->curses->wnoutrefresh(me->window);
    (void)me->curses->doupdate();
}

/* ----------------------------------------------------------------- wait --- */

/* Nothing of what the terminal shows is known any more. */
static void repaint(screen *me)
{
    (void)me->curses->endwin();
    (void)make_window(me);
    if (me->window != NULL) {
        (void)me->curses->clearok(me->window, TRUE);
    }
}

/* False: it is nothing to be told. */
static bool handle(screen *me, screen_event *event)
{
    switch (screen_signals_take()) {
    case SCREEN_SIGNAL_END:
        *event = SCREEN_ENDED;
        return true;
    case SCREEN_SIGNAL_STOP:
        (void)me->curses->endwin();
        screen_signals_stop();
        repaint(me);
        break;
    case SCREEN_SIGNAL_CONTINUE:
        repaint(me);
        break;
    case SCREEN_SIGNAL_RESIZE:
        (void)make_window(me);
        break;
    case SCREEN_SIGNAL_NONE:
    default:
        return false;
    }
    *event = me->window != NULL ? SCREEN_REDRAW : SCREEN_GONE;
    return true;
}

/* Input that can be read, and is nothing, is the end of a terminal. */
static screen_event look_at_input(void)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    int bytes = 0;

    if (poll(&input, 1, 0) != 1) {
        return SCREEN_REDRAW; /* it was the output */
    }
    if ((input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
        ioctl(STDIN_FILENO, FIONREAD, &bytes) != 0 || bytes == 0) {
        return SCREEN_GONE;
    }
    return SCREEN_INPUT;
}

screen_event screen_wait(screen *me, uint64_t deadline_ns)
{
    screen_event event;

    for (;;) {
        bool is_ready = screen_signals_wait(me->is_behind, deadline_ns);

        if (handle(me, &event)) {
            return event;
        }
        if (is_ready) {
            return look_at_input();
        }
        if (weft_now_ns() >= deadline_ns) {
            return SCREEN_DEADLINE;
        }
    }
}

/* ----------------------------------------------------------------- keys --- */

/* What ncurses calls a key. */
static uint32_t name_key(wint_t code)
{
    switch (code) {
    case KEY_UP:
        return SCREEN_UP;
    case KEY_DOWN:
        return SCREEN_DOWN;
    case KEY_LEFT:
        return SCREEN_LEFT;
    case KEY_RIGHT:
        return SCREEN_RIGHT;
    case KEY_PPAGE:
        return SCREEN_PAGE_UP;
    case KEY_NPAGE:
        return SCREEN_PAGE_DOWN;
    case KEY_HOME:
        return SCREEN_HOME;
    case KEY_END:
        return SCREEN_END;
    case KEY_DC:
        return SCREEN_DELETE;
    case KEY_BACKSPACE:
        return SCREEN_BACKSPACE;
    case KEY_ENTER:
        return SCREEN_ENTER;
    default:
        return SCREEN_OTHER_KEY;
    }
}

uint32_t screen_take_key(screen *me)
{
    wint_t code = 0;
    int kind;

    do {
        kind = me->curses->wget_wch(me->keys, &code);
    } while (kind == KEY_CODE_YES && code == KEY_RESIZE);
    if (kind == ERR) {
        return SCREEN_NO_KEY;
    }
    if (kind == KEY_CODE_YES) {
        return name_key(code);
    }
    switch (code) {
    case 0:
        return SCREEN_OTHER_KEY;
    case '\r':
        return SCREEN_ENTER;
    case '\b':
        return SCREEN_BACKSPACE;
    default:
        return code <= 0x10ffff ? (uint32_t)code : (uint32_t)SCREEN_OTHER_KEY;
    }
}
