/* SPDX-License-Identifier: MIT
 *
 * The columns of the table: which ones have room, and what is in them.
 */
#include <inttypes.h>
#include <string.h>

#include "top.h"

/* The least that a name is worth showing with, and what is enough for it. */
#define NAME_LEAST 12
#define NAME_MOST 32
#define TREE_MOST 56

/* Paths are shown from so many columns on. */
#define PATH_LEAST 24

static const struct {
    const char *title;
    int width; /* 0: what is left */
    bool is_number;
} columns[TOP_COLUMNS] = {
    [TOP_PID] = {"PID", 7, true},
    [TOP_USER] = {"USER", 8, false},
    [TOP_MEMBERS] = {"PROCESSES", 9, true},
    [TOP_FOOTPRINT] = {"FOOTPRINT", 9, true},
    [TOP_PRIVATE] = {"PRIVATE", 7, true},
    [TOP_SWAPPED] = {"SWAPPED", 7, true},
    [TOP_RESIDENT] = {"RESIDENT", 8, true},
    [TOP_PERCENT] = {"%", 5, true},
    [TOP_NAME] = {"NAME", 0, false},
    [TOP_EXE] = {"EXECUTABLE", 0, false},
    [TOP_GROUP] = {"GROUP", 0, false},
};

/* In which order columns get room, by what there is; the name has its own. */
static const top_column of_processes[] = {
    TOP_PID,     TOP_FOOTPRINT, TOP_PRIVATE, TOP_RESIDENT,
    TOP_PERCENT, TOP_USER,      TOP_SWAPPED};
static const top_column of_groups[] = {TOP_FOOTPRINT, TOP_PRIVATE, TOP_PERCENT,
                                       TOP_MEMBERS, TOP_SWAPPED};

const char *top_title(top_column column)
{
    return columns[column].title;
}

bool top_is_number(top_column column)
{
    return columns[column].is_number;
}

static int add(top_place *places, int count, top_column column, int *at,
               int width)
{
    places[count] = (top_place){column, *at, width};
    *at += width + 1;
    return count + 1;
}

/* What is left goes to the name, and to paths if there is enough for them. */
static int add_texts(const top_view *view, int width, top_place *places,
                     int count, int at)
{
    int left = width - at;
    int most =
        view->is_tree && view->by == GROUPS_BY_NOTHING ? TREE_MOST : NAME_MOST;
    bool has_paths = view->by == GROUPS_BY_NOTHING ||
                     view->by == GROUPS_BY_APPLICATION ||
                     view->by == GROUPS_BY_TREE;
    int name;

    if (!has_paths || left < NAME_MOST + 1 + PATH_LEAST) {
        return add(places, count, TOP_NAME, &at, left);
    }
    name = left - 1 - PATH_LEAST < most ? left - 1 - PATH_LEAST : most;
    count = add(places, count, TOP_NAME, &at, name);
    left = width - at;
    if (left < 2 * PATH_LEAST + 1) {
        return add(places, count, TOP_EXE, &at, left);
    }
    count = add(places, count, TOP_EXE, &at, (left - 1) / 2);
    return add(places, count, TOP_GROUP, &at, width - at);
}

int top_columns(const top_view *view, int width, top_place places[TOP_COLUMNS])
{
    bool is_plain = view->by == GROUPS_BY_NOTHING;
    const top_column *wanted = is_plain ? of_processes : of_groups;
    size_t wants =
        is_plain ? TOOL_COUNT_OF(of_processes) : TOOL_COUNT_OF(of_groups);
    bool is_in[TOP_COLUMNS] = {false};
    int left = width - NAME_LEAST;
    int count = 0;
    int at = 0;

    for (size_t i = 0; i < wants && left > columns[wanted[i]].width; i++) {
        is_in[wanted[i]] = true;
        left -= columns[wanted[i]].width + 1;
    }
    for (int i = 0; i < TOP_NAME; i++) {
        if (is_in[i]) {
            count = add(places, count, (top_column)i, &at, columns[i].width);
        }
    }
    return add_texts(view, width, places, count, at);
}

/* --------------------------------------------------------------- fields --- */

void top_format_size(uint64_t bytes, char *text, size_t room)
{
    static const char units[] = "BKMGTPE";
    double number = (double)bytes;
    size_t unit = 0;
    int digits = 0;

    while (number >= 1023.5 && unit + 2 < sizeof(units)) {
        number /= 1024;
        unit++;
    }
    if (unit > 0 && number < 99.95) {
        digits = number < 9.995 && unit > 2 ? 2 : 1;
    }
    (void)snprintf(text, room, "%.*f%c", digits, number, units[unit]);
}

/* What is not known is "-"; a sum that lacks some of its parts ends in '+'. */
static void format_known(const top_row *row, uint32_t what, uint64_t bytes,
                         char *text, size_t room)
{
    char size[16];

    if ((row->valid & what) == 0) {
        (void)snprintf(text, room, "-");
        return;
    }
    top_format_size(bytes, size, sizeof(size));
    (void)snprintf(text, room, "%s%s", size, row->is_partial ? "+" : "");
}

static void format_percent(const top_view *view, const top_row *row, char *text,
                           size_t room)
{
    if ((row->valid & WEFT_MEMORY_PROCESS_FOOTPRINT) == 0 ||
        view->total_bytes == 0) {
        (void)snprintf(text, room, "-");
    } else {
        (void)snprintf(text, room, "%.1f",
                       100.0 * (double)row->footprint_bytes /
                           (double)view->total_bytes);
    }
}

static void format_name(const top_view *view, const top_row *row,
                        bool is_unicode, char *text, size_t room)
{
    const char *branch = is_unicode ? "\u2514 " : "` ";
    unsigned indent = row->depth > 0 ? row->depth * 2 - 2 : 0;

    if (view->is_tree && view->by == GROUPS_BY_NOTHING && row->depth > 0) {
        /* Deeper than this no name would be left on any screen. */
        indent = indent < 40 ? indent : 40;
        (void)snprintf(text, room, "%*s%s%s", (int)indent, "", branch,
                       row->name);
    } else {
        (void)snprintf(text, room, "%s", row->name);
    }
}

void top_field(const top_view *view, const top_row *row, top_column column,
               bool is_unicode, char *text, size_t room)
{
    switch (column) {
    case TOP_PID:
        (void)snprintf(text, room, "%" PRId64, row->pid);
        break;
    case TOP_USER:
        (void)snprintf(text, room, "%s",
                       row->user[0] != '\0' ? row->user : "-");
        break;
    case TOP_MEMBERS:
        (void)snprintf(text, room, "%" PRIu64, row->members);
        break;
    case TOP_FOOTPRINT:
        format_known(row, WEFT_MEMORY_PROCESS_FOOTPRINT, row->footprint_bytes,
                     text, room);
        break;
    case TOP_PRIVATE:
        format_known(row, WEFT_MEMORY_PROCESS_PRIVATE, row->private_bytes, text,
                     room);
        break;
    case TOP_SWAPPED:
        format_known(row, WEFT_MEMORY_PROCESS_SWAPPED, row->swapped_bytes, text,
                     room);
        break;
    case TOP_RESIDENT:
        format_known(row, WEFT_MEMORY_PROCESS_RESIDENT, row->resident_bytes,
                     text, room);
        break;
    case TOP_PERCENT:
        format_percent(view, row, text, room);
        break;
    case TOP_EXE:
        (void)snprintf(text, room, "%s", row->exe[0] != '\0' ? row->exe : "-");
        break;
    case TOP_GROUP:
        (void)snprintf(text, room, "%s",
                       row->path[0] != '\0' ? row->path : "-");
        break;
    default:
        format_name(view, row, is_unicode, text, room);
        break;
    }
}
