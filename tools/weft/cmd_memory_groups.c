/* SPDX-License-Identifier: MIT
 *
 * weft memory groups - what belongs together, and what it takes of the memory.
 *
 * Footprints are added up, for what processes share counts in each of them in
 * parts. Who can't be measured is counted and said, never left out silently.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

typedef struct groups_values {
    int by;
    bool json;
} groups_values;

static const tool_option options[] = {
    {.name = "by",
     .kind = TOOL_CHOICE,
     .offset = offsetof(groups_values, by),
     .choices = groups_words,
     .label = GROUPS_LABEL,
     .help = "what makes a group (default application)"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(groups_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory groups",
    .usage = "[options]",
    .about =
        "Adds up what processes take that belong together. SHARE counts what "
        "several\nhave in common in parts, so sums are true; PRIVATE comes "
        "free when all of them\nend. An application is told by the file that "
        "it runs and by who started it,\nnot by name.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* What it has cost to find out, and what could not be. */
typedef struct account {
    size_t processes;
    size_t measured;
    size_t denied;
    size_t failed;
    size_t unidentified;
    uint64_t cost_ns;
} account;

/* --------------------------------------------------------------- looking -- */

static void account_for(const top_process *process, account *sums)
{
    bool is_measured =
        (process->now.valid & WEFT_MEMORY_PROCESS_FOOTPRINT) != 0;

    sums->processes++;
    sums->measured += is_measured;
    sums->denied += !is_measured && process->is_denied;
    sums->failed += !is_measured && !process->is_denied;
    sums->unidentified += process->exe == NULL;
}

/* Who has ended meanwhile is in no group. */
static void look_at_all(top_table *table, account *sums)
{
    uint64_t before = weft_now_ns();
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++) {
        top_process *process = &table->items[i];

        if (!process->now.is_kernel) {
            top_table_measure(table, process);
            if (!process->is_gone) {
                top_table_identify(table, process);
            }
        }
        if (process->is_gone || process->now.is_kernel) {
            top_table_forget(process);
            continue;
        }
        account_for(process, sums);
        table->items[kept++] = *process;
    }
    table->count = kept;
    sums->cost_ns = weft_now_ns() - before;
}

/* ---------------------------------------------------------------- print --- */

static void print_size(bool is_known, uint64_t bytes)
{
    char text[32] = "-";

    if (is_known) {
        tool_format_bytes((double)bytes, text, sizeof(text));
    }
    printf(" %11s", text);
}

static void print_text(const top_view *view, const account *sums)
{
    printf("%11s %11s %11s %9s  %s\n", "SHARE", "PRIVATE", "SWAPPED",
           "PROCESSES", "GROUP");
    for (size_t i = 0; i < view->count; i++) {
        const top_row *row = &view->rows[i];
        const groups_group *group = &view->found.items[row->group];
        bool is_known = group->measured > 0;
        char label[TOP_LABEL_BYTES];

        (void)snprintf(label, sizeof(label), "%s", row->name);
        tool_clean(label);
        print_size(is_known, row->footprint_bytes);
        print_size(is_known, row->private_bytes);
        print_size(is_known, row->swapped_bytes);
        printf(" %9" PRIu64 "  %s", row->members, label);
        if (row->pid > 0) {
            printf(" (%" PRId64 ")", row->pid);
        }
        if (row->is_partial) {
            printf("  [%zu not measured]", group->members - group->measured);
        }
        putchar('\n');
    }
    printf("\n%zu of %zu processes measured, in %.1f ms", sums->measured,
           sums->processes, (double)sums->cost_ns / 1e6);
    if (sums->denied > 0) {
        printf("; %zu that this user may not look at", sums->denied);
    }
    if (sums->failed > 0) {
        printf("; %zu that the system does not tell of", sums->failed);
    }
    putchar('\n');
}

static void add_key(tool_json *json, const groups_group *group)
{
    char key[2048];

    if (group->key != NULL) {
        (void)snprintf(key, sizeof(key), "%.*s", (int)group->key_bytes,
                       group->key);
        tool_json_text(json, "key", key);
    }
}

static void print_group(const top_view *view, const top_row *row)
{
    const groups_group *group = &view->found.items[row->group];
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", groups_word(view->by));
    tool_json_bool(&json, "known", group->is_known);
    tool_json_text(&json, "name", row->name);
    add_key(&json, group);
    if (view->by == GROUPS_BY_USER && group->is_known) {
        tool_json_u64(&json, "uid", group->number);
    }
    if (row->pid > 0) {
        tool_json_u64(&json, "pid", (uint64_t)row->pid);
    }
    tool_json_u64(&json, "processes", group->members);
    tool_json_u64(&json, "measured", group->measured);
    tool_json_u64(&json, "denied", group->denied);
    if (group->measured > 0) {
        tool_json_u64(&json, "footprint_bytes", group->footprint_bytes);
        tool_json_u64(&json, "private_bytes", group->private_bytes);
        tool_json_u64(&json, "swapped_bytes", group->swapped_bytes);
    }
    tool_json_end(&json);
}

static void print_json(const top_view *view, const account *sums)
{
    tool_json json;

    for (size_t i = 0; i < view->count; i++) {
        print_group(view, &view->rows[i]);
    }
    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "summary");
    tool_json_u64(&json, "processes", sums->processes);
    tool_json_u64(&json, "measured", sums->measured);
    tool_json_u64(&json, "denied", sums->denied);
    tool_json_u64(&json, "failed", sums->failed);
    tool_json_u64(&json, "unidentified", sums->unidentified);
    tool_json_u64(&json, "cost_ns", sums->cost_ns);
    tool_json_end(&json);
}

int cmd_memory_groups(int argc, char **argv)
{
    groups_values values = {.by = GROUPS_BY_APPLICATION};
    top_view view = {.sort = TOP_FOOTPRINT};
    weft_detail detail = {WEFT_OK, 0, NULL};
    account sums = {0};
    tool_operands operands;
    top_table table;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    view.by = (groups_by)values.by;
    exit_code = TOOL_FAILED;
    if (top_table_open(&table, false, &detail) &&
        top_table_read(&table, &detail) == WEFT_OK) {
        look_at_all(&table, &sums);
        if (!top_view_make(&view, &table)) {
            detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
        } else {
            exit_code = TOOL_OK;
        }
    }
    if (exit_code != TOOL_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot look at the processes: %s", text);
    } else if (values.json) {
        print_json(&view, &sums);
    } else {
        print_text(&view, &sums);
    }
    top_view_close(&view);
    top_table_close(&table);
    return exit_code;
}
