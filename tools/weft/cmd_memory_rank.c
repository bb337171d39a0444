/* SPDX-License-Identifier: MIT
 *
 * weft memory rank - whose memory would be taken first, and who is protected,
 * each with the reasons. It looks only.
 *
 * Processes are looked at twice: what CPU time they have used in between says
 * how much they work with.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_processes.h"
#include "memory_rank.h"
#include "memory_rules.h"
#include "sys.h"

#define NS_PER_S UINT64_C(1000000000)

typedef struct rank_values {
    uint64_t limit;
    uint64_t window_ns;
    const char *rules;
    bool all;
    bool json;
} rank_values;

static const tool_option options[] = {
    {.name = "limit",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(rank_values, limit),
     .label = "N",
     .help = "show the first N (default 20)",
     .least = 1},
    {.name = "all",
     .letter = 'a',
     .kind = TOOL_FLAG,
     .offset = offsetof(rank_values, all),
     .help = "show all processes, the protected ones too"},
    {.name = "rules",
     .letter = 'r',
     .kind = TOOL_TEXT,
     .offset = offsetof(rank_values, rules),
     .label = "FILE",
     .help = "read rules from FILE that protect more processes"},
    {.name = "window",
     .letter = 'w',
     .kind = TOOL_DURATION,
     .offset = offsetof(rank_values, window_ns),
     .label = "TIME",
     .help = "watch for so long who uses the CPU (default 1s)",
     .least = 10000000,
     .most = 3600 * NS_PER_S},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(rank_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory rank",
    .usage = "[options]",
    .about =
        "Lists the processes in the order in which memory would be taken from "
        "them. COLD\nis guessed from what is theirs alone (PRIVATE) and the "
        "CPU time that they use,\nGAIN is what of that would come free. Who is "
        "protected is not in it; --all\nshows them too, with the reasons. "
        "Nothing is done to any of them.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

typedef struct ranking {
    rank_entry *items;
    size_t count;
    rank_backing backing;
} ranking;

/* ----------------------------------------------------------------- read --- */

/* The processes at a time. */
typedef struct moment {
    memory_processes processes;
    uint64_t at_ns;
} moment;

static weft_status read_moment(weft_memory *memory, moment *found,
                               weft_detail *detail)
{
    weft_status status =
        memory_read_processes(memory, &found->processes, detail);

    found->at_ns = weft_now_ns();
    return status;
}

/* Which part of a CPU it has used in between, if it was there both times. */
static void judge_busy(rank_entry *entry, const moment *before,
                       const moment *after)
{
    const weft_memory_process *second = &entry->process;
    const weft_memory_process *first =
        memory_find_process(&before->processes, second->pid);
    uint64_t elapsed = after->at_ns - before->at_ns;

    if (first == NULL || elapsed == 0 || first->started != second->started ||
        (first->valid & second->valid & WEFT_MEMORY_PROCESS_CPU) == 0 ||
        second->cpu_ns < first->cpu_ns) {
        return;
    }
    entry->has_busy = true;
    entry->busy_ppm = (uint32_t)((double)(second->cpu_ns - first->cpu_ns) /
                                 (double)elapsed * 1e6);
}

/* False: it has ended. */
static bool look_at(weft_memory *memory, const weft_memory_rules *rules,
                    rank_entry *entry)
{
    weft_status status;

    entry->identity.size = sizeof(entry->identity);
    entry->protection.size = sizeof(entry->protection);
    status = weft_memory_identify(memory, entry->process.pid, &entry->identity,
                                  NULL);
    if (status == WEFT_ENOENT ||
        (status == WEFT_OK &&
         entry->identity.started != entry->process.started)) {
        return false;
    }
    if (!weft_memory_protection(&entry->identity, rules, false,
                                &entry->protection) ||
        entry->protection.gives_way) {
        status = weft_memory_measure(memory, &entry->process, NULL);
        if (status == WEFT_OK) {
            status = weft_memory_glance(memory, &entry->process, NULL);
        }
    }
    return status != WEFT_ENOENT;
}

static weft_status look_at_all(weft_memory *memory,
                               const weft_memory_rules *rules,
                               const moment *before, ranking *found,
                               weft_detail *detail)
{
    moment after = {{NULL, 0}, 0};
    weft_status status = read_moment(memory, &after, detail);

    if (status == WEFT_OK) {
        found->items = calloc(after.processes.count + 1, sizeof(*found->items));
        if (found->items == NULL) {
            *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
            status = WEFT_ENOMEM;
        }
    }
    for (size_t i = 0; status == WEFT_OK && i < after.processes.count; i++) {
        rank_entry *entry = &found->items[found->count];

        *entry = (rank_entry){.process = after.processes.items[i]};
        judge_busy(entry, before, &after);
        if (look_at(memory, rules, entry)) {
            rank_judge(entry, &found->backing);
            found->count++;
        }
    }
    free(after.processes.items);
    return status;
}

/* False: this process was asked to end meanwhile. */
static bool wait_for(uint64_t ns)
{
    uint64_t deadline = weft_after_ns(ns);
    sys_event event;
    int code = 0;

    sys_hold_signals();
    event = sys_wait_handle(WEFT_HANDLE_NONE, deadline, &code);
    sys_release_signals();
    return event != SYS_INTERRUPTED;
}

static weft_status rank(const rank_values *values,
                        const weft_memory_rules *rules, ranking *found,
                        weft_detail *detail)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_memory *memory = NULL;
    moment before = {{NULL, 0}, 0};
    weft_status status = weft_memory_open(&memory, detail);

    if (status == WEFT_OK) {
        status = weft_memory_look(memory, &figures, detail);
    }
    if (status == WEFT_OK) {
        rank_find_backing(&figures, &found->backing);
        status = read_moment(memory, &before, detail);
    }
    if (status == WEFT_OK && !wait_for(values->window_ns)) {
        *detail = (weft_detail){WEFT_EINTR, 0, "watch the processes"};
        status = WEFT_EINTR;
    }
    if (status == WEFT_OK) {
        status = look_at_all(memory, rules, &before, found, detail);
    }
    if (status == WEFT_OK && found->count > 0) {
        qsort(found->items, found->count, sizeof(*found->items), rank_compare);
    }
    free(before.processes.items);
    weft_memory_close(&memory);
    return status;
}

/* ---------------------------------------------------------------- print --- */

static bool is_first(const rank_entry *entry, weft_mark mark)
{
    return entry->protection.cause != WEFT_PROTECTION_RULE &&
           entry->protection.mark == mark;
}

/* The first reason, and the other marks that are set. */
static void print_reasons(const rank_entry *entry)
{
    char reason[sizeof(entry->protection.reason)];

    (void)snprintf(reason, sizeof(reason), "%s", entry->protection.reason);
    tool_clean(reason);
    printf("  %s: %s",
           entry->protection.gives_way ? "unless named" : "protected", reason);
    for (unsigned mark = 0; mark < WEFT_MARK_COUNT; mark++) {
        if ((entry->identity.marks & WEFT_MARK_BIT(mark)) != 0 &&
            !is_first(entry, (weft_mark)mark)) {
            printf("; %s", weft_mark_text((weft_mark)mark));
        }
    }
}

static void print_size(bool is_known, uint64_t bytes)
{
    char text[32] = "-";

    if (is_known) {
        tool_format_bytes((double)bytes, text, sizeof(text));
    }
    printf(" %11s", text);
}

static void print_row(const rank_entry *entry)
{
    char name[sizeof(entry->process.name)];

    (void)snprintf(name, sizeof(name), "%s", entry->process.name);
    tool_clean(name);
    printf("%8lld", (long long)entry->process.pid);
    print_size(entry->has_gain, entry->gain_bytes);
    print_size(entry->has_gain, entry->cold_bytes);
    print_size((entry->process.valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0,
               entry->process.private_bytes);
    if (entry->has_busy) {
        printf(" %6.1f %%", (double)entry->busy_ppm / 1e4);
    } else {
        printf(" %8s", "-");
    }
    printf("  %s", name);
    if (entry->protection.is_protected) {
        print_reasons(entry);
    }
    putchar('\n');
}

static void print_text(const ranking *found, const rank_values *values)
{
    size_t shown = 0;
    size_t open = 0;

    printf("%s\n", found->backing.reason);
    printf("%8s %11s %11s %11s %8s  %s\n", "PID", "GAIN", "COLD", "PRIVATE",
           "CPU", "NAME");
    for (size_t i = 0; i < found->count; i++) {
        const rank_entry *entry = &found->items[i];

        open += !entry->protection.is_protected;
        if (values->all ||
            (!entry->protection.is_protected && shown < values->limit)) {
            print_row(entry);
            shown++;
        }
    }
    if (!values->all) {
        printf("%zu more, and %zu that are protected: see --all\n",
               open - shown, found->count - open);
    }
}

/* ---------------------------------------------------------------- JSON --- */

/* The marks that are set, or those that are not known. */
static void add_marks(tool_json *json, const char *key, uint32_t marks)
{
    tool_json_list_begin(json, key);
    for (unsigned mark = 0; mark < WEFT_MARK_COUNT; mark++) {
        if ((marks & WEFT_MARK_BIT(mark)) != 0) {
            tool_json_list_item(json, weft_mark_name((weft_mark)mark));
        }
    }
    tool_json_list_end(json);
}

static void add_identity(tool_json *json, const weft_memory_identity *identity)
{
    if ((identity->valid & WEFT_IDENTITY_EXE) != 0) {
        tool_json_text(json, "exe", identity->exe);
    }
    if ((identity->valid & WEFT_IDENTITY_OWNER) != 0) {
        tool_json_u64(json, "owner", identity->owner);
    }
    if ((identity->valid & WEFT_IDENTITY_GROUP) != 0) {
        tool_json_text(json, "group", identity->group);
    }
    if ((identity->valid & WEFT_IDENTITY_CONTAINER) != 0 &&
        identity->container[0] != '\0') {
        tool_json_text(json, "container", identity->container);
        tool_json_text(json, "container_maker",
                       weft_container_name(identity->maker));
    }
    if ((identity->valid & WEFT_IDENTITY_VIEW) != 0) {
        tool_json_bool(json, "exe_gone", identity->is_exe_gone);
        tool_json_bool(json, "exe_foreign", identity->is_exe_foreign);
    }
    add_marks(json, "marks", identity->marks);
    add_marks(json, "marks_unknown", ~identity->marks_known & WEFT_MARK_ALL);
}

static void add_figures(tool_json *json, const ranking *found,
                        const rank_entry *entry)
{
    const weft_memory_process *process = &entry->process;

    if ((process->valid & WEFT_MEMORY_PROCESS_RESIDENT) != 0) {
        tool_json_u64(json, "resident_bytes", process->resident_bytes);
    }
    if ((process->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0) {
        tool_json_u64(json, "private_bytes", process->private_bytes);
    }
    if ((process->valid & WEFT_MEMORY_PROCESS_SWAPPED) != 0) {
        tool_json_u64(json, "swapped_bytes", process->swapped_bytes);
    }
    if (entry->has_busy) {
        tool_json_u64(json, "cpu_ppm", entry->busy_ppm);
    }
    if (entry->has_gain) {
        tool_json_u64(json, "cold_bytes", entry->cold_bytes);
        tool_json_double(json, "value", found->backing.value);
        tool_json_text(json, "value_reason", found->backing.reason);
        tool_json_u64(json, "gain_bytes", entry->gain_bytes);
    }
}

static void print_object(const ranking *found, const rank_entry *entry,
                         size_t place)
{
    const weft_protection *protection = &entry->protection;
    tool_json json;

    tool_json_begin(&json, stdout);
    if (place > 0) {
        tool_json_u64(&json, "rank", place);
    }
    tool_json_u64(&json, "pid", (uint64_t)entry->process.pid);
    tool_json_text(&json, "name", entry->process.name);
    tool_json_bool(&json, "protected", protection->is_protected);
    if (protection->is_protected) {
        tool_json_bool(&json, "unless_named", protection->gives_way);
        tool_json_text(&json, "cause",
                       weft_protection_cause_name(protection->cause));
        tool_json_text(&json, "reason", protection->reason);
    }
    add_identity(&json, &entry->identity);
    add_figures(&json, found, entry);
    tool_json_end(&json);
}

static void print_json(const ranking *found, const rank_values *values)
{
    size_t place = 0;

    for (size_t i = 0; i < found->count; i++) {
        const rank_entry *entry = &found->items[i];

        if (!entry->protection.is_protected) {
            place++;
        }
        if (values->all ||
            (!entry->protection.is_protected && place <= values->limit)) {
            print_object(found, entry,
                         entry->protection.is_protected ? 0 : place);
        }
    }
}

int cmd_memory_rank(int argc, char **argv)
{
    rank_values values = {.limit = 20, .window_ns = NS_PER_S};
    ranking found = {.count = 0};
    weft_memory_rules *rules = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_status status;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    exit_code = memory_read_rules(values.rules, &rules);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    status = rank(&values, rules, &found, &detail);
    weft_memory_rules_close(&rules);
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot rank the processes: %s", text);
    } else if (values.json) {
        print_json(&found, &values);
    } else {
        print_text(&found, &values);
    }
    free(found.items);
    return status == WEFT_OK ? TOOL_OK : TOOL_FAILED;
}
