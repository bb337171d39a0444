/* SPDX-License-Identifier: MIT
 *
 * Tables of `weft memory top` on a stream.
 */
#include <inttypes.h>
#include <string.h>

#include "memory_json.h"
#include "sys.h"
#include "top.h"

/* Lines are as long as a terminal has columns, and a path is not cut. */
#define LINE_COLUMNS 80

static void print_head(const top *me)
{
    const weft_memory_figures *figures = &me->history.figures;
    char total[32];
    char available[32];

    tool_format_bytes((double)figures->total_bytes, total, sizeof(total));
    tool_format_bytes((double)figures->available_bytes, available,
                      sizeof(available));
    printf("%s: %s of %s available; %s\n",
           figures->pressure_reason[0] != '\0'
               ? weft_pressure_name(figures->pressure)
               : "unknown",
           (figures->valid >> WEFT_MEMORY_AVAILABLE & 1) != 0 ? available : "-",
           total, figures->pressure_reason);
}

static void print_titles(const top_place *places, int count)
{
    for (int i = 0; i < count; i++) {
        const char *title = top_title(places[i].column);

        if (i + 1 == count) {
            printf("%s\n", title);
        } else if (top_is_number(places[i].column)) {
            printf("%*s ", places[i].width, title);
        } else {
            printf("%-*s ", places[i].width, title);
        }
    }
}

static void print_row(const top *me, const top_row *row,
                      const top_place *places, int count)
{
    for (int i = 0; i < count; i++) {
        char text[1600];

        top_field(&me->view, row, places[i].column, false, text, sizeof(text));
        tool_clean(text);
        if (i + 1 == count) {
            printf("%s\n", text);
        } else if (top_is_number(places[i].column)) {
            printf("%*s ", places[i].width, text);
        } else {
            printf("%-*.*s ", places[i].width, places[i].width, text);
        }
    }
}

static void print_table(const top *me, size_t rows)
{
    top_place places[TOP_COLUMNS];
    int count = top_columns(&me->view, LINE_COLUMNS, places);

    print_head(me);
    print_titles(places, count);
    for (size_t i = 0; i < rows; i++) {
        print_row(me, &me->view.rows[i], places, count);
    }
    putchar('\n');
}

/* ----------------------------------------------------------------- JSON --- */

static void add(tool_json *json, const top_row *row, uint32_t what,
                const char *key, uint64_t value)
{
    if ((row->valid & what) != 0) {
        tool_json_u64(json, key, value);
    }
}

static void print_row_json(const top *me, const top_row *row)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind",
                   row->process != NULL ? "process" : groups_word(me->view.by));
    tool_json_text(&json, "name", row->name);
    if (row->pid > 0) {
        tool_json_u64(&json, "pid", (uint64_t)row->pid);
    }
    if (row->process == NULL) {
        tool_json_u64(&json, "processes", row->members);
        tool_json_bool(&json, "complete", !row->is_partial);
    } else if (row->user[0] != '\0') {
        tool_json_text(&json, "user", row->user);
    }
    if (row->exe[0] != '\0') {
        tool_json_text(&json, "exe", row->exe);
    }
    if (row->path[0] != '\0') {
        tool_json_text(&json, "group", row->path);
    }
    add(&json, row, WEFT_MEMORY_PROCESS_FOOTPRINT, "footprint_bytes",
        row->footprint_bytes);
    add(&json, row, WEFT_MEMORY_PROCESS_PRIVATE, "private_bytes",
        row->private_bytes);
    add(&json, row, WEFT_MEMORY_PROCESS_SWAPPED, "swapped_bytes",
        row->swapped_bytes);
    add(&json, row, WEFT_MEMORY_PROCESS_RESIDENT, "resident_bytes",
        row->resident_bytes);
    tool_json_end(&json);
}

static void print_json(const top *me, size_t rows)
{
    const top_history *history = &me->history;
    double waiting = top_history_at(history->waiting, history->count, 0);
    double refaults = top_history_at(history->refaults, history->count, 0);
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "memory");
    tool_json_u64(&json, "unix_ns", sys_unix_ns());
    memory_json_figures(&json, &history->figures);
    if (waiting >= 0) {
        tool_json_double(&json, "waiting_percent", waiting);
    }
    if (refaults >= 0) {
        tool_json_double(&json, "refaulted_bytes_per_s", refaults);
    }
    tool_json_end(&json);
    for (size_t i = 0; i < rows; i++) {
        print_row_json(me, &me->view.rows[i]);
    }
}

/* ----------------------------------------------------------------- loop --- */

static weft_status look(top *me, size_t limit, weft_detail *detail)
{
    weft_status status =
        top_history_look(&me->history, me->table.memory, detail);

    if (status == WEFT_OK) {
        status = top_table_read(&me->table, detail);
    }
    me->view.total_bytes = me->history.figures.total_bytes;
    top_table_save(&me->table);
    while (status == WEFT_OK) {
        if (!top_view_make(&me->view, &me->table)) {
            *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
            return WEFT_ENOMEM;
        }
        if (!top_view_measure(&me->view, &me->table, 0, limit)) {
            break;
        }
    }
    return status;
}

static int print_all(top *me, const top_plain_options *options,
                     weft_detail *detail)
{
    uint64_t next_ns = weft_now_ns();
    int code = 0;

    for (uint64_t i = 0; options->count == 0 || i < options->count; i++) {
        size_t limit =
            options->limit < SIZE_MAX ? (size_t)options->limit : SIZE_MAX;
        size_t rows;

        if (i > 0 && sys_wait_handle(WEFT_HANDLE_NONE, next_ns, &code) ==
                         SYS_INTERRUPTED) {
            break;
        }
        if (look(me, limit, detail) != WEFT_OK) {
            return TOOL_FAILED;
        }
        next_ns = weft_after_ns(options->interval_ns);
        rows = me->view.count < limit ? me->view.count : limit;
        if (options->json) {
            print_json(me, rows);
        } else {
            print_table(me, rows);
        }
        if (fflush(stdout) != 0) {
            break; /* main() says why */
        }
    }
    return TOOL_OK;
}

int top_plain(top *me, const top_plain_options *options)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[256];
    int exit_code = TOOL_FAILED;

    if (top_table_open(&me->table, false, &detail)) {
        sys_hold_signals();
        exit_code = print_all(me, options, &detail);
        sys_release_signals();
    }
    if (exit_code != TOOL_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot look at the processes: %s", text);
    }
    top_view_close(&me->view);
    top_table_close(&me->table);
    return exit_code;
}
