/* SPDX-License-Identifier: MIT
 *
 * What the keys of `weft memory top` do.
 */
#include <string.h>

#include "top.h"

static const uint64_t intervals_ns[] = {
    UINT64_C(500000000),   UINT64_C(1000000000),  UINT64_C(2000000000),
    UINT64_C(5000000000),  UINT64_C(10000000000), UINT64_C(30000000000),
    UINT64_C(60000000000),
};

static void change_interval(top *me, bool is_longer)
{
    const size_t count = TOOL_COUNT_OF(intervals_ns);

    for (size_t i = 0; i < count; i++) {
        uint64_t longer = intervals_ns[i];
        uint64_t shorter = intervals_ns[count - 1 - i];

        if (is_longer && longer > me->interval_ns) {
            me->interval_ns = longer;
            return;
        }
        if (!is_longer && shorter < me->interval_ns) {
            me->interval_ns = shorter;
            return;
        }
    }
}

/* The column beside the one that the order depends on, round and round. */
static void change_order(top *me, int step)
{
    top_place places[TOP_COLUMNS];
    int count = top_columns(&me->view, screen_columns(me->screen), places);
    int at = 0;

    for (int i = 0; i < count; i++) {
        if (places[i].column == me->view.sort) {
            at = i;
        }
    }
    me->view.sort = places[(at + step + count) % count].column;
    me->view.is_reversed = false;
    me->view.first = 0;
}

static void change_groups(top *me)
{
    me->view.by = me->view.by == GROUPS_BY_TREE
                      ? GROUPS_BY_NOTHING
                      : (groups_by)((int)me->view.by + 1);
    me->view.sort = TOP_FOOTPRINT;
    me->view.is_reversed = false;
    me->view.first = 0;
    top_view_unselect(&me->view);
}

static void change_tree(top *me)
{
    me->view.by = GROUPS_BY_NOTHING;
    me->view.is_tree = !me->view.is_tree;
    me->view.first = 0;
    top_view_unselect(&me->view);
}

/* --------------------------------------------------------------- moving --- */

/* Where a key leads from `at`; SIZE_MAX: it is no such key. */
static size_t move(uint32_t key, size_t at, size_t page, size_t last)
{
    switch (key) {
    case SCREEN_UP:
        return at > 0 ? at - 1 : 0;
    case SCREEN_DOWN:
        return at < last ? at + 1 : last;
    case SCREEN_PAGE_UP:
        return at > page ? at - page : 0;
    case SCREEN_PAGE_DOWN:
        return last - at > page ? at + page : last;
    case SCREEN_HOME:
        return 0;
    case SCREEN_END:
        return last;
    default:
        return SIZE_MAX;
    }
}

static bool move_selection(top *me, uint32_t key)
{
    size_t page = top_rows_on_screen(me);
    size_t last = me->view.count > 0 ? me->view.count - 1 : 0;
    size_t to = move(key, me->view.selected, page, last);

    if (to == SIZE_MAX) {
        return false;
    }
    top_view_select(&me->view, to);
    return true;
}

/* --------------------------------------------------------------- filter --- */

/* The last character, all of its bytes. */
static void drop_last(char *text)
{
    size_t length = strlen(text);

    while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80) {
        length--;
    }
    text[length > 0 ? length - 1 : 0] = '\0';
}

static void append(char *text, size_t room, uint32_t code)
{
    size_t length = strlen(text);
    char bytes[5] = "";

    if (code < 0x80) {
        bytes[0] = (char)code;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
    } else {
        bytes[0] = (char)(0xf0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (code & 0x3f));
    }
    if (length + strlen(bytes) < room) {
        memcpy(text + length, bytes, strlen(bytes) + 1);
    }
}

#define CONTROL(letter) ((letter)&0x1f)

static void edit(top *me, uint32_t key)
{
    char *filter = me->view.filter;

    switch (key) {
    case SCREEN_ENTER:
        me->is_editing = false;
        return;
    case SCREEN_ESCAPE:
        me->is_editing = false;
        memcpy(filter, me->filter_before, sizeof(me->filter_before));
        break;
    case SCREEN_BACKSPACE:
        drop_last(filter);
        break;
    case CONTROL('u'):
        filter[0] = '\0';
        break;
    case CONTROL('w'):
        while (filter[0] != '\0' && filter[strlen(filter) - 1] == ' ') {
            drop_last(filter);
        }
        while (filter[0] != '\0' && filter[strlen(filter) - 1] != ' ') {
            drop_last(filter);
        }
        break;
    default:
        if (key >= SCREEN_UP || tool_is_control(key)) {
            (void)move_selection(me, key);
            return;
        }
        append(filter, sizeof(me->view.filter), key);
        break;
    }
    me->view.first = 0;
}

static void begin_filter(top *me)
{
    memcpy(me->filter_before, me->view.filter, sizeof(me->filter_before));
    me->is_editing = true;
}

/* ----------------------------------------------------------------- keys --- */

static void open_text(top *me, top_mode mode)
{
    me->mode = mode;
    me->scrolled = 0;
}

static bool table_key(top *me, uint32_t key)
{
    switch (key) {
    case 'q':
        return false;
    case 'h':
    case '?':
        open_text(me, TOP_MODE_HELP);
        break;
    case SCREEN_ENTER:
        if (me->view.count > 0) {
            top_view_select(&me->view, me->view.selected);
            open_text(me, TOP_MODE_DETAILS);
        }
        break;
    case 's':
    case '>':
    case SCREEN_RIGHT:
        change_order(me, 1);
        break;
    case '<':
    case SCREEN_LEFT:
        change_order(me, -1);
        break;
    case 'r':
        me->view.is_reversed = !me->view.is_reversed;
        break;
    case '/':
        begin_filter(me);
        break;
    case SCREEN_ESCAPE:
        me->view.filter[0] = '\0';
        break;
    case 'g':
        change_groups(me);
        break;
    case 't':
        change_tree(me);
        break;
    case 'p':
        me->is_paused = !me->is_paused;
        break;
    case '+':
    case '=':
        change_interval(me, true);
        break;
    case '-':
        change_interval(me, false);
        break;
    default:
        (void)move_selection(me, key);
        break;
    }
    return true;
}

static bool text_key(top *me, uint32_t key)
{
    size_t page = (size_t)screen_rows(me->screen) - 2;
    size_t last = me->text_lines > page ? me->text_lines - page : 0;
    size_t to = move(key, me->scrolled, page, last);

    if (to != SIZE_MAX) {
        me->scrolled = to < last ? to : last;
    } else if (key == 'p') {
        me->is_paused = !me->is_paused;
    } else if (key == 'q' || key == 'h' || key == '?' || key == SCREEN_ESCAPE ||
               key == SCREEN_ENTER || key == SCREEN_LEFT) {
        me->mode = TOP_MODE_TABLE;
    }
    return true;
}

bool top_key(top *me, uint32_t key)
{
    if (me->is_editing) {
        edit(me, key);
        return true;
    }
    return me->mode == TOP_MODE_TABLE ? table_key(me, key) : text_key(me, key);
}
