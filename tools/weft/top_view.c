/* SPDX-License-Identifier: MIT
 *
 * Rows of processes: which ones, in which order, and which is selected.
 */
#include <stdlib.h>
#include <string.h>

#include "top.h"

/* --------------------------------------------------------------- filter --- */

/* Letters of ASCII alone, whatever the locale; names are bytes. */
static char fold(char byte)
{
    return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

static bool contains(const char *text, const char *part)
{
    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (part[i] != '\0' && fold(text[i]) == fold(part[i])) {
            i++;
        }
        if (part[i] == '\0') {
            return true;
        }
    }
    return false;
}

/* A number is that of a process, and not part of some path. */
static bool matches(const top_view *view, const top_row *row)
{
    const char *filter = view->filter;
    bool is_number =
        filter[0] != '\0' && strspn(filter, "0123456789") == strlen(filter);
    char pid[24];

    (void)snprintf(pid, sizeof(pid), "%lld", (long long)row->pid);
    if (filter[0] == '\0' || contains(row->name, filter) ||
        (row->pid > 0 && strcmp(pid, filter) == 0)) {
        return true;
    }
    return !is_number &&
           (contains(row->exe, filter) || contains(row->user, filter) ||
            contains(row->path, filter));
}

/* ----------------------------------------------------------------- rows --- */

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

static top_row row_of_process(top_process *process)
{
    const weft_memory_process *now = &process->now;

    return (top_row){
        .process = process,
        .valid = now->valid,
        .footprint_bytes = now->footprint_bytes,
        .private_bytes = now->private_bytes,
        .swapped_bytes = now->swapped_bytes,
        .resident_bytes = now->resident_bytes,
        .members = 1,
        .pid = now->pid,
        .user = (now->valid & WEFT_MEMORY_PROCESS_OWNER) != 0
                    ? top_user(now->owner)
                    : "",
        .name = now->name,
        .exe = text_of(process->exe),
        .path = text_of(process->group),
    };
}

static void add_processes(top_view *view, top_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        top_process *process = &table->items[i];

        if (!process->now.is_kernel && !process->is_gone) {
            view->rows[view->count++] = row_of_process(process);
        }
    }
}

/* What is resident is no column of a group: what is shared would count twice.
 */
static top_row row_of_group(const top_view *view, const top_table *table,
                            size_t at)
{
    const groups_group *group = &view->found.items[at];
    const top_process *leader = &table->items[group->leader];
    top_row row = {
        .group = at,
        .is_partial = group->measured < group->members,
        .footprint_bytes = group->footprint_bytes,
        .private_bytes = group->private_bytes,
        .swapped_bytes = group->swapped_bytes,
        .resident_bytes = group->footprint_bytes + group->unmeasured_bytes,
        .members = group->members,
        .user = "",
        .name = view->labels + at * TOP_LABEL_BYTES,
        .exe = "",
        .path = "",
    };

    if (group->measured > 0) {
        row.valid = WEFT_MEMORY_PROCESS_FOOTPRINT |
                    WEFT_MEMORY_PROCESS_PRIVATE | WEFT_MEMORY_PROCESS_SWAPPED;
    }
    if (view->by == GROUPS_BY_TREE || view->by == GROUPS_BY_APPLICATION) {
        row.exe = text_of(leader->exe);
        row.path = text_of(leader->group);
    }
    if ((view->by == GROUPS_BY_TREE || view->by == GROUPS_BY_APPLICATION) &&
        group->number > 0) {
        row.pid = (int64_t)group->number;
    }
    return row;
}

static bool find_groups(top_view *view, top_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const top_process *process = &table->items[i];

        table->members[i] =
            (groups_member){&process->now, process->exe, process->group,
                            process->container, process->is_denied};
    }
    groups_free(&view->found);
    if (!groups_find(view->by, table->members, table->count, &view->found)) {
        return false;
    }
    free(view->labels);
    view->labels = calloc(view->found.count + 1, TOP_LABEL_BYTES);
    if (view->labels == NULL) {
        return false;
    }
    for (size_t i = 0; i < view->found.count; i++) {
        const groups_group *group = &view->found.items[i];
        char *label = view->labels + i * TOP_LABEL_BYTES;

        if (view->by == GROUPS_BY_USER && group->is_known) {
            (void)snprintf(label, TOP_LABEL_BYTES, "%s",
                           top_user((uint32_t)group->number));
        } else {
            groups_label(view->by, group, table->members, label,
                         TOP_LABEL_BYTES);
        }
        view->rows[view->count++] = row_of_group(view, table, i);
    }
    return true;
}

/* ---------------------------------------------------------------- order --- */

static void order_number(top_row *row, bool is_known, uint64_t number,
                         bool is_falling)
{
    row->is_ordered = is_known;
    row->is_falling = is_falling;
    row->order_number = number;
    row->order_text = "";
}

static void order_text(top_row *row, const char *text, bool is_falling)
{
    row->is_ordered = text[0] != '\0';
    row->is_falling = is_falling;
    row->order_number = 0;
    row->order_text = text;
}

/*
 * Who was not measured takes at most what it has in memory: so it comes up, is
 * measured because it is seen, and then finds its place.
 */
static uint64_t weight(const top_row *row)
{
    if ((row->valid & WEFT_MEMORY_PROCESS_FOOTPRINT) == 0 || row->is_partial) {
        return row->resident_bytes;
    }
    return row->footprint_bytes;
}

static void prepare_order(const top_view *view, top_row *row)
{
    bool is_up = view->is_reversed;

    switch (view->sort) {
    case TOP_PID:
        order_number(row, row->pid > 0, (uint64_t)row->pid, is_up);
        break;
    case TOP_USER:
        order_text(row, row->user, is_up);
        break;
    case TOP_MEMBERS:
        order_number(row, true, row->members, !is_up);
        break;
    case TOP_PRIVATE:
        order_number(row, (row->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0,
                     row->private_bytes, !is_up);
        break;
    case TOP_SWAPPED:
        order_number(row, (row->valid & WEFT_MEMORY_PROCESS_SWAPPED) != 0,
                     row->swapped_bytes, !is_up);
        break;
    case TOP_RESIDENT:
        order_number(row, (row->valid & WEFT_MEMORY_PROCESS_RESIDENT) != 0,
                     row->resident_bytes, !is_up);
        break;
    case TOP_NAME:
        order_text(row, row->name, is_up);
        break;
    case TOP_EXE:
        order_text(row, row->exe, is_up);
        break;
    case TOP_GROUP:
        order_text(row, row->path, is_up);
        break;
    default:
        order_number(row, true, weight(row), !is_up);
        break;
    }
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Equal ones keep an order of their own, or rows would change places. */
static int compare_rows(const void *first, const void *second)
{
    const top_row *a = first;
    const top_row *b = second;
    int order = b->is_ordered - a->is_ordered;

    if (order == 0) {
        order = compare_numbers(a->order_number, b->order_number);
        if (order == 0) {
            order = strcmp(a->order_text, b->order_text);
        }
        order = a->is_falling ? -order : order;
    }
    if (order == 0) {
        order = compare_numbers((uint64_t)a->pid, (uint64_t)b->pid);
    }
    return order != 0 ? order : compare_numbers(a->group, b->group);
}

/* ----------------------------------------------------------------- tree --- */

typedef struct branch {
    size_t child; /* the first one, or none */
    size_t next;  /* the next one of the same parent, or none */
    size_t parent;
    bool is_shown;
    bool is_done;
} branch;

#define NONE SIZE_MAX

/* A process by its number, among rows; `order` has them by that. */
static size_t find_row(const top_row *rows, const size_t *order, size_t count,
                       int64_t pid)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (rows[order[middle]].pid < pid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && rows[order[low]].pid == pid ? order[low] : NONE;
}

static const top_row *rows_to_compare;

static int compare_pids(const void *a, const void *b)
{
    return compare_numbers((uint64_t)rows_to_compare[*(const size_t *)a].pid,
                           (uint64_t)rows_to_compare[*(const size_t *)b].pid);
}

/* Who is whose child; those of one parent are in the order of the rows. */
static void grow(const top_view *view, branch *tree, size_t *order)
{
    for (size_t i = 0; i < view->count; i++) {
        order[i] = i;
        tree[i] = (branch){NONE, NONE, NONE, false, false};
    }
    rows_to_compare = view->rows;
    qsort(order, view->count, sizeof(*order), compare_pids);
    for (size_t i = view->count; i-- > 0;) {
        const top_process *process = view->rows[i].process;
        size_t parent =
            find_row(view->rows, order, view->count, process->now.parent);

        if (parent != NONE && parent != i &&
            view->rows[parent].process->now.started <= process->now.started) {
            tree[i].parent = parent;
            tree[i].next = tree[parent].child;
            tree[parent].child = i;
        }
    }
}

/* What matches is shown, with all that it descends from. */
static void show_matches(const top_view *view, branch *tree)
{
    for (size_t i = 0; i < view->count; i++) {
        size_t at = matches(view, &view->rows[i]) ? i : NONE;

        while (at != NONE && !tree[at].is_shown) {
            tree[at].is_shown = true;
            at = tree[at].parent;
        }
    }
}

/* One tree, from its root on: children before what comes next. */
static void climb(const top_view *view, branch *tree, size_t root,
                  top_row *rows, size_t *count)
{
    unsigned depth = 0;
    size_t at = root;

    while (at != NONE && !tree[at].is_done) {
        tree[at].is_done = true;
        if (tree[at].is_shown) {
            rows[*count] = view->rows[at];
            rows[*count].depth = depth;
            (*count)++;
        }
        if (tree[at].child != NONE) {
            at = tree[at].child;
            depth++;
            continue;
        }
        while (at != NONE && at != root && tree[at].next == NONE) {
            at = tree[at].parent;
            depth--;
        }
        at = at == NONE || at == root ? NONE : tree[at].next;
    }
}

/* Numbers that came again may close a circle: then any of it is the root. */
static bool make_tree(top_view *view)
{
    branch *tree = calloc(view->count + 1, sizeof(*tree));
    size_t *order = calloc(view->count + 1, sizeof(*order));
    top_row *rows = calloc(view->count + 1, sizeof(*rows));
    size_t count = 0;
    bool is_made = tree != NULL && order != NULL && rows != NULL;

    if (is_made) {
        grow(view, tree, order);
        show_matches(view, tree);
        for (size_t i = 0; i < view->count; i++) {
            if (tree[i].parent == NONE) {
                climb(view, tree, i, rows, &count);
            }
        }
        for (size_t i = 0; i < view->count; i++) {
            if (!tree[i].is_done) {
                climb(view, tree, i, rows, &count);
            }
        }
        memcpy(view->rows, rows, count * sizeof(*rows));
        view->count = count;
    }
    free(tree);
    free(order);
    free(rows);
    return is_made;
}

/* ----------------------------------------------------------------- make --- */

static bool make_room(top_view *view, size_t count)
{
    top_row *rows;

    if (count < view->room) {
        return true;
    }
    rows = realloc(view->rows, (count + 64) * sizeof(*rows));
    if (rows == NULL) {
        return false;
    }
    view->rows = rows;
    view->room = count + 64;
    return true;
}

static void drop_others(top_view *view)
{
    size_t kept = 0;

    for (size_t i = 0; i < view->count; i++) {
        if (matches(view, &view->rows[i])) {
            view->rows[kept++] = view->rows[i];
        }
    }
    view->count = kept;
}

bool top_view_make(top_view *view, top_table *table)
{
    view->count = 0;
    if (!make_room(view, table->count)) {
        return false;
    }
    if (view->by == GROUPS_BY_NOTHING) {
        add_processes(view, table);
    } else if (!find_groups(view, table)) {
        return false;
    }
    for (size_t i = 0; i < view->count; i++) {
        prepare_order(view, &view->rows[i]);
    }
    if (view->by == GROUPS_BY_NOTHING && view->is_tree) {
        qsort(view->rows, view->count, sizeof(*view->rows), compare_rows);
        return make_tree(view);
    }
    drop_others(view);
    qsort(view->rows, view->count, sizeof(*view->rows), compare_rows);
    return true;
}

void top_view_close(top_view *view)
{
    groups_free(&view->found);
    free(view->rows);
    free(view->labels);
    free(view->selected_key);
    *view = (top_view){.rows = NULL};
}

/* ------------------------------------------------------------ selection --- */

void top_view_select(top_view *view, size_t row)
{
    const top_row *chosen;

    free(view->selected_key);
    view->selected_key = NULL;
    view->selected_pid = 0;
    view->selected = row;
    if (row >= view->count) {
        return;
    }
    chosen = &view->rows[row];
    view->selected_pid = chosen->pid;
    if (chosen->process != NULL) {
        view->selected_started = chosen->process->now.started;
    } else {
        size_t bytes = strlen(chosen->name) + 1;

        view->selected_key = malloc(bytes);
        if (view->selected_key != NULL) {
            memcpy(view->selected_key, chosen->name, bytes);
        }
    }
}

void top_view_unselect(top_view *view)
{
    free(view->selected_key);
    view->selected_key = NULL;
    view->selected_pid = 0;
    view->selected = 0;
}

static bool is_selected(const top_view *view, const top_row *row)
{
    if (row->pid != view->selected_pid) {
        return false;
    }
    return row->process != NULL
               ? row->process->now.started == view->selected_started
               : view->selected_key != NULL &&
                     strcmp(view->selected_key, row->name) == 0;
}

/* False: it has gone, and the one in its place is selected. */
static bool find_selected(top_view *view)
{
    bool has_selected = view->selected_pid != 0 || view->selected_key != NULL;

    for (size_t i = 0; has_selected && i < view->count; i++) {
        if (is_selected(view, &view->rows[i])) {
            view->selected = i;
            return true;
        }
    }
    if (view->selected >= view->count) {
        view->selected = view->count > 0 ? view->count - 1 : 0;
    }
    if (has_selected) {
        top_view_select(view, view->selected);
    }
    return !has_selected;
}

bool top_view_follow(top_view *view, size_t rows_on_screen)
{
    bool is_there = find_selected(view);

    if (view->selected < view->first) {
        view->first = view->selected;
    }
    if (rows_on_screen > 0 && view->selected >= view->first + rows_on_screen) {
        view->first = view->selected - rows_on_screen + 1;
    }
    if (view->first + rows_on_screen > view->count) {
        view->first =
            view->count > rows_on_screen ? view->count - rows_on_screen : 0;
    }
    return is_there;
}

/* -------------------------------------------------------------- measure --- */

/* Whether a process is on one of the rows that are looked at. */
static bool is_in_sight(const top_view *view, const top_table *table,
                        const top_process *process, size_t first, size_t rows)
{
    size_t group;

    if (view->by == GROUPS_BY_NOTHING) {
        return true;
    }
    group = view->found.of[process - table->items];
    for (size_t i = first; i < view->count && i - first < rows; i++) {
        if (view->rows[i].group == group) {
            return true;
        }
    }
    return false;
}

/* The most urgent one that is looked at. */
static top_process *find_urgent(const top_view *view, const top_table *table,
                                size_t first, size_t rows)
{
    bool is_plain = view->by == GROUPS_BY_NOTHING;
    size_t count = is_plain ? view->count : table->count;
    top_process *urgent = NULL;
    uint64_t most = 0;

    for (size_t i = is_plain ? first : 0; i < count; i++) {
        top_process *process =
            is_plain ? view->rows[i].process : &table->items[i];
        uint64_t urgency = top_table_urgency(table, process);

        if (is_plain && i - first >= rows) {
            break;
        }
        if (urgency > most && is_in_sight(view, table, process, first, rows)) {
            most = urgency;
            urgent = process;
        }
    }
    return urgent;
}

/* Groups depend on who a process is, which is found out once in its life. */
static bool identify_all(top_table *table)
{
    bool has_identified = false;

    for (size_t i = 0; i < table->count && top_table_may_identify(table); i++) {
        top_process *process = &table->items[i];

        if (!process->is_identified && !process->is_gone &&
            !process->now.is_kernel) {
            top_table_identify(table, process);
            has_identified = true;
        }
    }
    return has_identified;
}

bool top_view_measure(top_view *view, top_table *table, size_t first,
                      size_t rows)
{
    bool has_measured = view->by != GROUPS_BY_NOTHING && identify_all(table);

    if (has_measured) {
        return true; /* the groups are others now */
    }

    while (top_table_may_measure(table)) {
        top_process *process = find_urgent(view, table, first, rows);

        if (process == NULL) {
            break;
        }
        top_table_measure(table, process);
        if (!process->is_identified && top_table_may_identify(table)) {
            top_table_identify(table, process);
        }
        has_measured = true;
    }
    return has_measured;
}
