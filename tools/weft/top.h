/* SPDX-License-Identifier: MIT
 *
 * top.h - what `weft memory top` is made of.
 *
 * top_table.c keeps the processes from one look to the next, with what was
 * measured. top_view.c makes rows of them: groups, a tree, what the filter
 * lets through, in order. top_draw.c puts them on a screen, top_plain.c writes
 * them to a stream.
 */
#ifndef WEFT_TOP_H
#define WEFT_TOP_H

#include "memory_groups.h"
#include "screen.h"
#include "tool.h"

/* ---------------------------------------------------------------- table --- */

typedef struct top_process {
    weft_memory_process now;    /* with what was measured last */
    uint64_t measured_ns;       /* when; 0: never */
    uint64_t measured_resident; /* what it had in memory then */
    bool is_denied;             /* this user may not measure it */
    bool is_gone;               /* it has ended since it was listed */
    bool is_identified;
    char *exe; /* NULL: not known */
    char *group;
    char *container;
} top_process;

typedef struct top_table {
    weft_memory *memory;
    top_process *items; /* by rising numbers */
    groups_member *members;
    size_t count;
    weft_memory_process *list;
    size_t room;
    /*
     * To measure takes milliseconds for a large process. So only a part of all
     * time is spent on it, and what was overdrawn is saved up first; likewise
     * for finding out who new ones are. It is this process's CPU time.
     */
    bool is_frugal;
    int64_t measure_ns;
    int64_t identify_ns;
    uint64_t saved_at_ns;
} top_table;

bool top_table_open(top_table *table, bool is_frugal, weft_detail *detail);
void top_table_close(top_table *table);

/* Lists the processes anew. What has ended is not there any more. */
weft_status top_table_read(top_table *table, weft_detail *detail);

/* May something be measured now, or somebody be identified? */
bool top_table_may_measure(const top_table *table);
bool top_table_may_identify(const top_table *table);

/* The CPU time of this process so far, to the microsecond. */
int64_t top_cpu_ns(void);

/* Saves up for it; once for each refresh. */
void top_table_save(top_table *table);

/* How urgent it is to measure this one; 0: it is not. */
uint64_t top_table_urgency(const top_table *table, const top_process *process);

/* Measures it, and finds out who it is. Either may fail; then it says so. */
void top_table_measure(top_table *table, top_process *process);
void top_table_identify(top_table *table, top_process *process);

/* Frees what one keeps. */
void top_table_forget(top_process *process);

/* The name of a user, or its number. Asked once, and kept. */
const char *top_user(uint32_t owner);

/* ----------------------------------------------------------------- view --- */

typedef enum top_column {
    TOP_PID,
    TOP_USER,
    TOP_MEMBERS,
    TOP_FOOTPRINT,
    TOP_PRIVATE,
    TOP_SWAPPED,
    TOP_RESIDENT,
    TOP_PERCENT,
    TOP_NAME,
    TOP_EXE,
    TOP_GROUP,
    TOP_COLUMNS
} top_column;

/* A process or a group, as a row. */
typedef struct top_row {
    top_process *process; /* NULL: a group */
    size_t group;         /* its place among the groups */
    unsigned depth;       /* in a tree */
    uint32_t valid;       /* as in weft_memory_process */
    bool is_partial;      /* not all members of the group are measured */
    uint64_t footprint_bytes;
    uint64_t private_bytes;
    uint64_t swapped_bytes;
    uint64_t resident_bytes;
    uint64_t members;
    int64_t pid; /* 0: none */
    const char *user;
    const char *name;
    const char *exe;
    const char *path; /* the control group */
    /* What the order depends on. */
    bool is_ordered; /* else it comes last */
    bool is_falling;
    uint64_t order_number;
    const char *order_text;
} top_row;

#define TOP_FILTER_BYTES 128

typedef struct top_view {
    groups_by by;
    bool is_tree;
    top_column sort;
    bool is_reversed;
    char filter[TOP_FILTER_BYTES];
    top_row *rows;
    size_t count;
    size_t room;
    groups found;
    char *labels;         /* of the groups, one after the other */
    uint64_t total_bytes; /* what 100 % is */
    /* What is selected: a process, or the group of this key. */
    int64_t selected_pid;
    uint64_t selected_started;
    char *selected_key;
    size_t selected; /* its row */
    size_t first;    /* the first row on the screen */
} top_view;

#define TOP_LABEL_BYTES 512

/* Makes the rows. False: out of memory. */
bool top_view_make(top_view *view, top_table *table);
void top_view_close(top_view *view);

/* Selects a row, and keeps it selected wherever it goes. */
void top_view_select(top_view *view, size_t row);

/* Nothing is selected but the first row, whoever that is. */
void top_view_unselect(top_view *view);

/* Looks where the selected row is now, and scrolls to it. False: it has gone.
 */
bool top_view_follow(top_view *view, size_t rows_on_screen);

/*
 * Measures what the rows from `first` on show, those first that have changed
 * most, for as long as it may; all members of groups. True: something was.
 */
bool top_view_measure(top_view *view, top_table *table, size_t first,
                      size_t rows);

/* -------------------------------------------------------------- columns --- */

typedef struct top_place {
    top_column column;
    int at;
    int width;
} top_place;

/* What fits into so many columns; the count. */
int top_columns(const top_view *view, int width, top_place places[TOP_COLUMNS]);

const char *top_title(top_column column);
bool top_is_number(top_column column); /* and so set to the right */

/* Text of a field; not cleaned. */
void top_field(const top_view *view, const top_row *row, top_column column,
               bool is_unicode, char *text, size_t room);

/* A size in five characters at most: "4.0K", "123M", "1.23G". */
void top_format_size(uint64_t bytes, char *text, size_t room);

/* -------------------------------------------------------------- history --- */

/* As many as the widest terminal has columns. */
#define TOP_SAMPLES 512

typedef struct top_history {
    weft_memory_figures figures; /* of the last look */
    uint64_t looked_ns;
    uint64_t refaulted_bytes; /* in all */
    bool has_refaults;
    /* The newest is at (`count` - 1) modulo TOP_SAMPLES; below 0: not known. */
    double waiting[TOP_SAMPLES];  /* percent of the time */
    double refaults[TOP_SAMPLES]; /* bytes in a second */
    size_t count;
} top_history;

weft_status top_history_look(top_history *history, weft_memory *memory,
                             weft_detail *detail);

/* The sample `age` before the newest; below 0: not known. */
double top_history_at(const double *samples, size_t count, size_t age);

/* ----------------------------------------------------------------- draw --- */

typedef enum top_mode {
    TOP_MODE_TABLE,
    TOP_MODE_HELP,
    TOP_MODE_DETAILS
} top_mode;

typedef struct top {
    screen *screen;
    top_table table;
    top_view view;
    top_history history;
    top_mode mode;
    bool is_paused;
    bool is_editing; /* the filter */
    char filter_before[TOP_FILTER_BYTES];
    size_t scrolled;   /* lines of text above the screen */
    size_t text_lines; /* of it in all */
    uint64_t interval_ns;
    char message[128]; /* what went wrong; "": nothing */
} top;

/* How many rows of the table the screen has room for. */
size_t top_rows_on_screen(const top *me);

void top_draw(top *me);
void top_draw_header(const top *me, int *row);
void top_draw_graphs(const top *me, int row, int rows);
void top_draw_text(top *me);

/* Does what a key means; false: to end. */
bool top_key(top *me, uint32_t key);

/* Tables on a stream. */
typedef struct top_plain_options {
    uint64_t interval_ns;
    uint64_t count; /* 0: until it is ended */
    uint64_t limit;
    bool json;
} top_plain_options;

int top_plain(top *me, const top_plain_options *options);

#endif
