/* SPDX-License-Identifier: MIT
 *
 * weft memory record - what memory does, once a second, as lines of text.
 *
 * How long the pages of a program stay unused is found out for the programs
 * that this command starts, and no others: the system has to forget for it
 * which pages were used. From then on it counts those that are used again, and
 * is asked each time; after an epoch it starts afresh. So the counts of an
 * epoch are the working set as a function of the window (Denning 1968), from
 * which follows how old memory is and how likely it is used again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory_processes.h"
#include "memory_trace.h"
#include "sys.h"
#include "sys_memory.h"
#include "tool.h"

#define MS_NS UINT64_C(1000000)
#define US_NS 1000

/* Without a program, so many of the largest processes. */
#define LARGEST 10

typedef struct record_values {
    uint64_t interval_ns;
    uint64_t duration_ns;
    uint64_t epoch_ns;
} record_values;

static const tool_option options[] = {
    {.name = "interval",
     .letter = 'i',
     .kind = TOOL_DURATION,
     .offset = offsetof(record_values, interval_ns),
     .label = "TIME",
     .help = "from one look to the next (default 1s)",
     .least = 50 * MS_NS},
    {.name = "duration",
     .letter = 'd',
     .kind = TOOL_DURATION,
     .offset = offsetof(record_values, duration_ns),
     .label = "TIME",
     .help = "end after so long, and the program with it"},
    {.name = "epoch",
     .kind = TOOL_DURATION,
     .offset = offsetof(record_values, epoch_ns),
     .label = "TIME",
     .help = "forget after so long which pages the program has used; memory "
             "that is idle for longer looks alike (default 60s)",
     .least = 1000 * MS_NS},
};

static const tool_syntax syntax = {
    .command = "memory record",
    .usage = "FILE [options] [-- COMMAND [ARGUMENT...]]",
    .about =
        "Records what memory does in a new FILE of text, for 'weft memory "
        "simulate'.\nWith a COMMAND it is started, and recorded with what it "
        "starts until it ends;\nhow long their pages stay unused, too. Without "
        "one the largest processes are\nrecorded until a signal comes.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = INT32_MAX,
};

/* A process that was in the recording before. */
typedef struct known {
    int64_t pid;
    uint64_t started;
    uint64_t epoch_ns; /* when the system was made to forget; 0: it is not */
} known;

typedef struct recorder {
    const record_values *values;
    FILE *file;
    weft_memory *memory;
    weft_process *program; /* NULL: none */
    uint64_t start_ns;
    memory_processes processes; /* as listed last */
    known *knowns;              /* the index is the id */
    size_t known_room;
    size_t known_count;
} recorder;

/* -------------------------------------------------------------- machine --- */

static uint64_t kib(bool is_known, uint64_t bytes)
{
    return is_known ? bytes / 1024 : TRACE_UNKNOWN;
}

static weft_status record_machine(recorder *to, weft_detail *detail)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_memory_counters counters = {.size = sizeof(counters)};
    weft_status status = weft_memory_look(to->memory, &figures, detail);
    trace_machine machine;
    uint64_t io_ns;

    if (status != WEFT_OK) {
        return status;
    }
    if (weft_memory_count(to->memory, &counters, NULL) != WEFT_OK) {
        counters.valid = 0;
    }
#define FIGURE(symbol, member)                                                 \
    kib((figures.valid >> (symbol)&1) != 0, figures.member##_bytes)
#define COUNTER(symbol, member)                                                \
    kib((counters.valid >> (symbol)&1) != 0, counters.member##_bytes)
    machine = (trace_machine){
        .time_ms = (weft_now_ns() - to->start_ns) / MS_NS,
        .available_kib = FIGURE(WEFT_MEMORY_AVAILABLE, available),
        .cached_kib = FIGURE(WEFT_MEMORY_CACHED, cached),
        .anonymous_kib = FIGURE(WEFT_MEMORY_ANONYMOUS, anonymous),
        .swap_free_kib = FIGURE(WEFT_MEMORY_SWAP_FREE, swap_free),
        .packed_kib = FIGURE(WEFT_MEMORY_PACKED, packed),
        .pack_kib = FIGURE(WEFT_MEMORY_PACK, pack),
        .stall_some_us =
            figures.has_stalls ? figures.stall_some_ns / US_NS : TRACE_UNKNOWN,
        .stall_all_us =
            figures.has_stalls ? figures.stall_all_ns / US_NS : TRACE_UNKNOWN,
        .stall_io_us = sys_io_stall(&io_ns) ? io_ns / US_NS : TRACE_UNKNOWN,
        .refault_file_kib = COUNTER(WEFT_MEMORY_REFAULTED_FILE, refaulted_file),
        .refault_anonymous_kib =
            COUNTER(WEFT_MEMORY_REFAULTED_ANONYMOUS, refaulted_anonymous),
        .swapped_in_kib = COUNTER(WEFT_MEMORY_SWAPPED_IN, swapped_in),
        .swapped_out_kib = COUNTER(WEFT_MEMORY_SWAPPED_OUT, swapped_out),
        .major_faults = (counters.valid >> WEFT_MEMORY_MAJOR_FAULTS & 1) != 0
                            ? counters.major_faults
                            : TRACE_UNKNOWN};
#undef FIGURE
#undef COUNTER
    trace_write_machine(to->file, &machine);
    return WEFT_OK;
}

static void record_group(recorder *to)
{
    sys_memory_group group;

    if (to->program != NULL &&
        sys_memory_group_look(weft_process_pid(to->program), &group)) {
        trace_write_group(to->file,
                          &(trace_group){group.used_bytes / 1024,
                                         group.limit_bytes / 1024,
                                         group.refaulted_bytes / 1024});
    }
}

static weft_status record_head(recorder *to, weft_detail *detail)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_system system = {.size = sizeof(system)};
    weft_status status = weft_memory_look(to->memory, &figures, detail);

    if (status == WEFT_OK) {
        status = weft_system_info(&system);
    }
    if (status == WEFT_OK) {
        trace_write_head(to->file,
                         &(trace_head){figures.total_bytes / 1024,
                                       figures.swap_total_bytes / 1024,
                                       system.page_bytes,
                                       to->values->interval_ns / MS_NS});
    }
    return status;
}

/* ------------------------------------------------------------ processes --- */

static weft_status no_memory(weft_detail *detail)
{
    *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
    return WEFT_ENOMEM;
}

static known *find_known(recorder *to, const weft_memory_process *process)
{
    for (size_t i = 0; i < to->known_count; i++) {
        if (to->knowns[i].pid == process->pid &&
            to->knowns[i].started == process->started) {
            return &to->knowns[i];
        }
    }
    return NULL;
}

/* A new one gets the next id. */
static known *know(recorder *to, const weft_memory_process *process)
{
    known *found = find_known(to, process);

    if (found != NULL || to->known_count == TRACE_PROCESSES_MOST) {
        return found;
    }
    if (to->known_count == to->known_room) {
        size_t room = to->known_room == 0 ? 64 : to->known_room * 2;
        known *grown = realloc(to->knowns, room * sizeof(*grown));

        if (grown == NULL) {
            return NULL;
        }
        to->knowns = grown;
        to->known_room = room;
    }
    found = &to->knowns[to->known_count];
    *found = (known){.pid = process->pid, .started = process->started};
    trace_write_process(to->file, to->known_count++, process->name);
    return found;
}

static bool has_known_parent(recorder *to, const weft_memory_process *process)
{
    const weft_memory_process *parent =
        memory_find_process(&to->processes, process->parent);

    return parent != NULL && find_known(to, parent) != NULL;
}

/* Whoever has a parent among the known ones; parents may have later numbers. */
static void know_tree(recorder *to)
{
    int64_t leader = weft_process_pid(to->program);
    size_t before;

    do {
        before = to->known_count;
        for (size_t i = 0; i < to->processes.count; i++) {
            const weft_memory_process *process = &to->processes.items[i];

            if (process->pid == leader || (find_known(to, process) == NULL &&
                                           has_known_parent(to, process))) {
                (void)know(to, process);
            }
        }
    } while (to->known_count > before);
}

static int compare_residents(const void *a, const void *b)
{
    uint64_t x = ((const weft_memory_process *)a)->resident_bytes;
    uint64_t y = ((const weft_memory_process *)b)->resident_bytes;

    return (x < y) - (x > y);
}

static void know_largest(recorder *to)
{
    qsort(to->processes.items, to->processes.count,
          sizeof(*to->processes.items), compare_residents);
    for (size_t i = 0; i < to->processes.count && i < LARGEST; i++) {
        (void)know(to, &to->processes.items[i]);
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = ((const trace_row *)a)->id;
    uint64_t y = ((const trace_row *)b)->id;

    return (x > y) - (x < y);
}

/* What is used is counted for our own programs alone. */
static void look_at(recorder *to, const weft_memory_process *process,
                    known *found, trace_row *row)
{
    uint64_t now_ns = weft_now_ns();
    sys_pages pages = {0};
    bool knows_size;

    if (to->program != NULL) {
        sys_pages_look(process->pid, &pages);
    }
    knows_size = (pages.valid & SYS_PAGES_SIZES) != 0;
    *row = (trace_row){.id = (uint64_t)(found - to->knowns),
                       .resident_kib = (knows_size ? pages.resident_bytes
                                                   : process->resident_bytes) /
                                       1024,
                       .anonymous_kib = kib(knows_size, pages.anonymous_bytes),
                       .swapped_kib = kib(knows_size, pages.swapped_bytes),
                       .referenced_kib = TRACE_UNKNOWN,
                       .since_ms = TRACE_UNKNOWN,
                       .minor_faults = TRACE_UNKNOWN,
                       .major_faults = TRACE_UNKNOWN};
    if ((pages.valid & SYS_PAGES_FAULTS) != 0) {
        row->minor_faults = pages.minor_faults;
        row->major_faults = pages.major_faults;
    }
    if ((pages.valid & SYS_PAGES_USED) != 0 && found->epoch_ns != 0) {
        row->referenced_kib = pages.referenced_bytes / 1024;
        row->since_ms = (now_ns - found->epoch_ns) / MS_NS;
    }
    if ((pages.valid & SYS_PAGES_USED) != 0 &&
        (found->epoch_ns == 0 ||
         now_ns - found->epoch_ns >= to->values->epoch_ns)) {
        found->epoch_ns = sys_pages_forget(process->pid) ? now_ns : 0;
    }
}

static weft_status record_processes(recorder *to, weft_detail *detail)
{
    weft_status status =
        memory_read_processes(to->memory, &to->processes, detail);
    trace_row *rows;
    size_t count = 0;

    if (status != WEFT_OK) {
        return status;
    }
    if (to->program != NULL) {
        know_tree(to);
    } else {
        know_largest(to);
    }
    rows = calloc(to->processes.count + 1, sizeof(*rows));
    if (rows == NULL) {
        return no_memory(detail);
    }
    for (size_t i = 0; i < to->processes.count; i++) {
        known *found = find_known(to, &to->processes.items[i]);

        if (found != NULL) {
            look_at(to, &to->processes.items[i], found, &rows[count++]);
        }
    }
    qsort(rows, count, sizeof(*rows), compare_ids);
    for (size_t i = 0; i < count; i++) {
        trace_write_row(to->file, &rows[i]);
    }
    free(rows);
    return WEFT_OK;
}

static weft_status record_tick(recorder *to, weft_detail *detail)
{
    weft_status status = record_machine(to, detail);

    if (status == WEFT_OK) {
        record_group(to);
        status = record_processes(to, detail);
    }
    return status;
}

/* ----------------------------------------------------------------- loop --- */

/* Waits for the next tick; false: the recording is to end. */
static bool await_tick(recorder *to, uint64_t deadline_ns)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_handle handle = to->program != NULL ? weft_process_handle(to->program)
                                             : WEFT_HANDLE_NONE;

    for (;;) {
        int code = 0;

        if (weft_now_ns() >= deadline_ns) {
            return true;
        }
        if (to->program != NULL &&
            weft_process_wait(to->program, WEFT_NOW, &result) == WEFT_OK) {
            return false;
        }
        switch (sys_wait_handle(handle, deadline_ns, &code)) {
        case SYS_DEADLINE:
            return true;
        case SYS_INTERRUPTED:
        case SYS_ERROR:
            return false;
        default:
            break;
        }
    }
}

static weft_status record_on(recorder *to, weft_detail *detail)
{
    const record_values *values = to->values;
    uint64_t deadline_ns;
    weft_status status = record_head(to, detail);

    to->start_ns = weft_now_ns();
    deadline_ns = to->start_ns;
    while (status == WEFT_OK && !ferror(to->file) &&
           await_tick(to, deadline_ns)) {
        status = record_tick(to, detail);
        deadline_ns += values->interval_ns;
        if (values->duration_ns > 0 &&
            deadline_ns - to->start_ns > values->duration_ns) {
            break;
        }
    }
    return status;
}

/* --------------------------------------------------------------- set-up --- */

static bool start(char **arguments, weft_process **program)
{
    weft_process_spec *spec = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weft_process_spec_open(&spec);
    char text[256];

    if (status == WEFT_OK && sys_can_fork) {
        status = weft_process_spec_fork_helper(spec);
    }
    if (status == WEFT_OK) {
        status = weft_process_start(spec, arguments, program, &detail);
    }
    if (status != WEFT_OK) {
        if (status == WEFT_ENOENT) {
            (void)snprintf(text, sizeof(text), "there is no such program");
        } else {
            weft_detail_text(&detail, text, sizeof(text));
        }
        tool_error("cannot start '%s': %s", arguments[0], text);
    }
    weft_process_spec_close(&spec);
    return status == WEFT_OK;
}

/* What was written may fail as late as here. */
static bool close_file(FILE *file, const char *path)
{
    bool failed = ferror(file) != 0;
    char text[256];

    errno = 0; /* of an earlier write it is not known any more */
    failed |= fclose(file) != 0;
    if (failed) {
        tool_error("cannot write '%s': %s", path,
                   errno != 0 ? sys_error_text(errno, text, sizeof(text))
                              : "a write has failed");
    }
    return !failed;
}

/* To record until it is interrupted is not to fail. */
static void release_signals(void)
{
    bool is_shared;

    (void)sys_take_signal(&is_shared);
    sys_release_signals();
}

static int record(const record_values *values, const char *path,
                  char **arguments)
{
    recorder to = {.values = values};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;
    char text[256];
    bool was_started;
    bool done = false;

    to.file = fopen(path, "wx");
    if (to.file == NULL) {
        tool_error("cannot make '%s': %s", path,
                   sys_error_text(errno, text, sizeof(text)));
        return TOOL_FAILED;
    }
    sys_hold_signals();
    status = weft_memory_open(&to.memory, &detail);
    was_started = arguments == NULL || start(arguments, &to.program);
    if (was_started) {
        if (status == WEFT_OK) {
            status = record_on(&to, &detail);
        }
        done = status == WEFT_OK;
        if (!done) {
            weft_detail_text(&detail, text, sizeof(text));
            tool_error("cannot record the memory: %s", text);
        }
    }
    weft_process_close(&to.program);
    weft_memory_close(&to.memory);
    done &= close_file(to.file, path);
    if (!was_started) {
        (void)remove(path);
    }
    release_signals();
    free(to.processes.items);
    free(to.knowns);
    return done ? TOOL_OK : TOOL_FAILED;
}

int cmd_memory_record(int argc, char **argv)
{
    record_values values = {.interval_ns = 1000 * MS_NS,
                            .epoch_ns = 60000 * MS_NS};
    tool_operands operands;
    bool has_program = false;
    int exit_code;

    for (int i = 1; i < argc; i++) {
        has_program |= strcmp(argv[i], "--") == 0;
    }
    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (operands.count > 1 && !has_program) {
        return tool_usage_error("memory record",
                                "'%s': a command comes after '--'",
                                operands.items[1]);
    }
    operands.items[operands.count] = NULL; /* argv has the room for it */
    return record(&values, operands.items[0],
                  operands.count > 1 ? operands.items + 1 : NULL);
}
