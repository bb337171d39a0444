/* SPDX-License-Identifier: MIT
 *
 * memory_trace.h - recordings of what memory did, as lines of text.
 *
 * docs/memory-trace-format.md describes them. What is read is never trusted.
 */
#ifndef MEMORY_TRACE_H
#define MEMORY_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A number that is not known; the file has "-". */
#define TRACE_UNKNOWN UINT64_MAX

/* The machine in a second: member, in the order of the line. */
#define TRACE_MACHINE_LIST(X)                                                  \
    X(time_ms)                                                                 \
    X(available_kib)                                                           \
    X(cached_kib)                                                              \
    X(anonymous_kib)                                                           \
    X(swap_free_kib)                                                           \
    X(packed_kib)                                                              \
    X(pack_kib)                                                                \
    X(stall_some_us)                                                           \
    X(stall_all_us)                                                            \
    X(stall_io_us)                                                             \
    X(refault_file_kib)                                                        \
    X(refault_anonymous_kib)                                                   \
    X(swapped_in_kib)                                                          \
    X(swapped_out_kib)                                                         \
    X(major_faults)

/* The group that the processes count in. */
#define TRACE_GROUP_LIST(X)                                                    \
    X(used_kib)                                                                \
    X(limit_kib)                                                               \
    X(refault_kib)

/* One process. */
#define TRACE_ROW_LIST(X)                                                      \
    X(id)                                                                      \
    X(resident_kib)                                                            \
    X(anonymous_kib)                                                           \
    X(swapped_kib)                                                             \
    X(referenced_kib)                                                          \
    X(since_ms)                                                                \
    X(minor_faults)                                                            \
    X(major_faults)

#define TRACE_MEMBER(name) uint64_t name;

typedef struct trace_machine {
    TRACE_MACHINE_LIST(TRACE_MEMBER)
} trace_machine;

typedef struct trace_group {
    TRACE_GROUP_LIST(TRACE_MEMBER)
} trace_group;

typedef struct trace_row {
    TRACE_ROW_LIST(TRACE_MEMBER)
} trace_row;

#undef TRACE_MEMBER

/* What stands before all else. */
typedef struct trace_head {
    uint64_t total_kib;
    uint64_t swap_total_kib;
    uint64_t page_bytes;
    uint64_t interval_ms;
} trace_head;

/* ---------------------------------------------------------------- write --- */

void trace_write_head(FILE *file, const trace_head *head);
void trace_write_machine(FILE *file, const trace_machine *machine);
void trace_write_group(FILE *file, const trace_group *group);
/* The name may be anything; blanks and control bytes are replaced. */
void trace_write_process(FILE *file, uint64_t id, const char *name);
void trace_write_row(FILE *file, const trace_row *row);

/* ----------------------------------------------------------------- read --- */

/* More than anybody records; more than this is refused. */
#define TRACE_TICKS_MOST 90000
#define TRACE_PROCESSES_MOST 4096
#define TRACE_ROWS_MOST 4000000

typedef struct trace_tick {
    trace_machine machine;
    bool has_group;
    trace_group group;
    size_t row_first; /* of trace.rows */
    size_t row_count;
} trace_tick;

typedef struct trace_process {
    char name[64];
} trace_process;

typedef struct trace {
    trace_head head;
    trace_tick *ticks;
    size_t tick_count;
    size_t tick_room;
    trace_row *rows; /* `id` is the index of trace.processes */
    size_t row_count;
    size_t row_room;
    trace_process *processes;
    size_t process_count;
    size_t process_room;
} trace;

typedef struct trace_error {
    uint64_t line; /* 0: of no line */
    char text[128];
} trace_error;

/*
 * Reads all of it. False: why stands in `*error`, and `*read` is empty. Else
 * the caller frees it by trace_free.
 */
bool trace_read(FILE *file, trace *read, trace_error *error);

void trace_free(trace *read);

#endif
