/* SPDX-License-Identifier: MIT
 *
 * Text that takes the place of the table: the help, and all that is known of
 * what is selected.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <weft/protect.h>

#include "top.h"

/* A piece of the screen that lines are written to from the top. */
typedef struct page {
    top *me;
    size_t line;
} page;

/* One line; those above and below the screen are counted only. */
static void put_line(page *at, const char *text)
{
    top *me = at->me;
    size_t line = at->line++;
    size_t rows = (size_t)screen_rows(me->screen) - 2;

    if (line >= me->scrolled && line - me->scrolled < rows) {
        screen_put(me->screen, 1 + (int)(line - me->scrolled), 0,
                   screen_columns(me->screen), SCREEN_PLAIN, text);
    }
}

TOOL_PRINTF(2, 3)
static void print_line(page *at, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    put_line(at, text);
}

/* A value that may be longer than a line goes on in the next ones. */
static void print_long(page *at, const char *label, const char *value)
{
    int width = screen_columns(at->me->screen) - 14;
    size_t length = strlen(value);
    size_t step = width > 8 ? (size_t)width : 8;
    size_t done = 0;

    do {
        size_t part = length - done < step ? length - done : step;

        /* Not within a character. */
        while (part > 1 && part < length - done &&
               ((unsigned char)value[done + part] & 0xc0) == 0x80) {
            part--;
        }
        print_line(at, "%-12s  %.*s", done == 0 ? label : "", (int)part,
                   value + done);
        done += part;
    } while (done < length);
}

/* ----------------------------------------------------------------- help --- */

static const char *const help[] = {
    "arrows, PgUp, PgDn, Home, End   move; the selection stays with a process",
    "s  >  <    order by the next column, or the one before",
    "r          reverse the order",
    "/          filter by number, or part of name, executable, user, group;",
    "           Enter keeps it, Esc puts back what was there; in the table Esc",
    "           shows all",
    "g          groups: application, group, container, user, tree, none",
    "t          processes as a tree",
    "Enter      all that is known of what is selected",
    "+  -       look less or more often",
    "p          pause",
    "q          quit",
    "",
    "FOOTPRINT  what a process takes: what N have in common counts for an Nth.",
    "           It costs time to ask, so it is asked for what is on the screen",
    "           and only so often that it takes 0.5 % of a CPU; a process that",
    "           has changed comes first. '-' was not asked yet, or this user",
    "           may not know it.",
    "PRIVATE    what comes free when it ends",
    "SWAPPED    its share of swap, or of what is compressed",
    "RESIDENT   what it has in memory; what is shared counts in each",
    "%          the footprint in percent of all memory",
    "",
    "Groups count footprints, never what is resident. A '+' behind a sum: some",
    "members are not in it, because they are not measured yet or may not be.",
    "Threads of the system's own take no such memory and are left out.",
    "",
    "Waiting    the part of the time that some program waited for memory",
    "Read again what had been in memory, was dropped, and was needed again:",
    "           the sign that memory is too small for what is done with it",
    "Meter      '|' is used, ':' holds copies of files",
};

static void draw_help(page *at)
{
    for (size_t i = 0; i < TOOL_COUNT_OF(help); i++) {
        put_line(at, help[i]);
    }
}

/* -------------------------------------------------------------- details --- */

static void print_size(page *at, const char *label, bool is_known,
                       uint64_t bytes, const char *note)
{
    char size[32];

    tool_format_bytes((double)bytes, size, sizeof(size));
    if (is_known) {
        print_line(at, "%-12s  %s  (%" PRIu64 " bytes)%s%s", label, size, bytes,
                   note[0] != '\0' ? "  " : "", note);
    } else {
        print_line(at, "%-12s  not known", label);
    }
}

static void print_process_sizes(page *at, const top_process *process)
{
    const weft_memory_process *now = &process->now;
    char age[64] = "";

    if (process->is_denied) {
        print_line(at, "%-12s  this user may not know", "footprint");
    } else {
        if (process->measured_ns != 0) {
            (void)snprintf(age, sizeof(age), "measured %.0f s ago",
                           (double)(weft_now_ns() - process->measured_ns) /
                               1e9);
        }
        print_size(at, "footprint",
                   (now->valid & WEFT_MEMORY_PROCESS_FOOTPRINT) != 0,
                   now->footprint_bytes, age);
        print_size(at, "private",
                   (now->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0,
                   now->private_bytes, "");
        print_size(at, "swapped",
                   (now->valid & WEFT_MEMORY_PROCESS_SWAPPED) != 0,
                   now->swapped_bytes, "");
    }
    print_size(at, "resident", (now->valid & WEFT_MEMORY_PROCESS_RESIDENT) != 0,
               now->resident_bytes, "");
}

/* Each mark that is known, with its reason, and which ones are not. */
static void print_marks(page *at, const weft_memory_identity *identity)
{
    char unknown[256] = "";
    bool has_any = false;

    for (unsigned i = 0; i < WEFT_MARK_COUNT; i++) {
        const char *name = weft_mark_name((weft_mark)i);

        if ((identity->marks_known & WEFT_MARK_BIT(i)) == 0) {
            size_t length = strlen(unknown);

            (void)snprintf(unknown + length, sizeof(unknown) - length, "%s%s",
                           length > 0 ? ", " : "", name);
        } else if ((identity->marks & WEFT_MARK_BIT(i)) != 0) {
            print_line(at, "%-12s  %s: %s", has_any ? "" : "marks", name,
                       weft_mark_text((weft_mark)i));
            has_any = true;
        }
    }
    if (!has_any) {
        print_line(at, "%-12s  none", "marks");
    }
    if (unknown[0] != '\0') {
        print_long(at, "not known", unknown);
    }
}

static void print_identity(page *at, const top_process *process)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    weft_protection protection = {.size = sizeof(protection)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[256];

    if (weft_memory_identify(at->me->table.memory, process->now.pid, &identity,
                             &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        print_line(at, "%-12s  not known: %s", "identity", text);
        return;
    }
    print_long(at, "executable",
               (identity.valid & WEFT_IDENTITY_EXE) == 0 ? "not known"
               : identity.exe[0] == '\0'                 ? "none"
                                                         : identity.exe);
    print_long(at, "group",
               (identity.valid & WEFT_IDENTITY_GROUP) == 0 ? "not known"
                                                           : identity.group);
    if ((identity.valid & WEFT_IDENTITY_CONTAINER) == 0) {
        print_line(at, "%-12s  not known", "container");
    } else if (identity.container[0] != '\0') {
        print_line(at, "%-12s  %s %s", "container",
                   weft_container_name(identity.maker), identity.container);
    } else {
        print_line(at, "%-12s  none", "container");
    }
    if ((identity.valid & WEFT_IDENTITY_SESSION) != 0) {
        print_line(at, "%-12s  %" PRId64, "session", identity.session);
    }
    print_marks(at, &identity);
    (void)weft_memory_protection(&identity, NULL, false, &protection);
    print_line(at, "%-12s  %s%s%s", "protected",
               protection.is_protected ? "yes: " : "no",
               protection.is_protected ? protection.reason : "",
               protection.is_protected && protection.gives_way
                   ? "; not if it is named"
                   : "");
}

static void draw_process(page *at, const top_process *process)
{
    const weft_memory_process *now = &process->now;

    print_line(at, "%-12s  %s", "name", now->name);
    print_line(at, "%-12s  %" PRId64, "pid", now->pid);
    print_line(at, "%-12s  %" PRId64, "parent", now->parent);
    print_line(at, "%-12s  %s", "user",
               (now->valid & WEFT_MEMORY_PROCESS_OWNER) != 0
                   ? top_user(now->owner)
                   : "not known");
    print_process_sizes(at, process);
    print_identity(at, process);
}

static void draw_group(page *at, const top_row *row)
{
    const top *me = at->me;
    const groups_group *group = &me->view.found.items[row->group];
    char size[32];

    print_long(at, groups_word(me->view.by), row->name);
    if (group->key != NULL) {
        char key[1024];

        (void)snprintf(key, sizeof(key), "%.*s", (int)group->key_bytes,
                       group->key);
        print_long(at, "key", key);
    }
    print_line(at, "%-12s  %zu, %zu measured, %zu that this user may not",
               "processes", group->members, group->measured, group->denied);
    print_size(at, "footprint", group->measured > 0, group->footprint_bytes,
               row->is_partial ? "of those that are measured" : "");
    print_size(at, "private", group->measured > 0, group->private_bytes, "");
    print_size(at, "swapped", group->measured > 0, group->swapped_bytes, "");
    put_line(at, "");
    for (size_t i = 0; i < me->table.count; i++) {
        const top_process *process = &me->table.items[i];

        if (me->view.found.of[i] != row->group) {
            continue;
        }
        (void)snprintf(size, sizeof(size), "-");
        if ((process->now.valid & WEFT_MEMORY_PROCESS_FOOTPRINT) != 0) {
            top_format_size(process->now.footprint_bytes, size, sizeof(size));
        }
        print_line(at, "%7" PRId64 " %7s  %-20s  %s", process->now.pid, size,
                   process->now.name, process->exe != NULL ? process->exe : "");
    }
}

/* ----------------------------------------------------------------- draw --- */

static void draw_details(page *at)
{
    const top_view *view = &at->me->view;
    const top_row *row = &view->rows[view->selected];

    if (view->selected >= view->count) {
        put_line(at, "it has ended");
    } else if (row->process != NULL) {
        draw_process(at, row->process);
    } else {
        draw_group(at, row);
    }
}

void top_draw_text(top *me)
{
    page at = {me, 0};
    int bottom = screen_rows(me->screen) - 1;
    bool is_help = me->mode == TOP_MODE_HELP;

    screen_put(me->screen, 0, 0, screen_columns(me->screen), SCREEN_MARKED,
               is_help ? "weft memory top: keys and words"
                       : "weft memory top: details");
    if (is_help) {
        draw_help(&at);
    } else {
        draw_details(&at);
    }
    me->text_lines = at.line;
    screen_put(me->screen, bottom, 0, screen_columns(me->screen), SCREEN_FAINT,
               "q back  arrows scroll");
}
