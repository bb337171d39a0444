/* SPDX-License-Identifier: MIT
 *
 * run_options.h - the options of weft run, and the spec that they make.
 */
#ifndef WEFT_RUN_OPTIONS_H
#define WEFT_RUN_OPTIONS_H

#include "alert.h"
#include "history.h"
#include "tool.h"

#define RUN_PATHS_MAX 256
#define RUN_VARIABLES_MAX 256

/* A limit as it was given: [SOFT:]HARD. */
typedef struct run_limit {
    bool is_given;
    uint64_t soft;
    uint64_t hard;
} run_limit;

/* A path and what may be done below it. */
typedef struct run_rule {
    const char *path;
    weft_access access;
} run_rule;

/* Texts of an option that may be repeated. */
typedef struct run_list {
    const char *items[RUN_VARIABLES_MAX];
    size_t count;
} run_list;

typedef struct run_rules {
    run_rule items[RUN_PATHS_MAX];
    size_t count;
} run_rules;

/* What is recorded of a run. */
enum {
    RUN_RECORD_UNSET = 0,
    RUN_RECORD_ALL = 1,
    RUN_RECORD_COMMAND = 2, /* all but the arguments */
    RUN_RECORD_NONE = 3
};

/* The values of all options. */
typedef struct run_values {
    run_limit limits[WEFT_FENCE_LIMITS];
    uint64_t grace_ns;
    uint32_t isolated; /* a bit for each fence */
    uint32_t tried;
    run_rules rules;
    run_list variables;
    bool clears;
    int sandbox;
    const char *directory;
    const char *user;
    uint64_t cpus[16];
    const char *streams[3]; /* files, in place of our own */
    bool channel;
    bool lines;           /* each line of the input is a message */
    uint64_t block_bytes; /* or so much is; 0: what comes at a time */
    const char *json;
    const char *meta;
    alert_list alerts;
    int record;
    const char *history;
    const char *labels[HISTORY_LABELS_MAX];
    size_t label_count;
    bool status;
    bool verbose;
    bool quiet;
    bool check;
    bool explain;
} run_values;

/* What weft run accepts; it fills in a run_values. */
extern const tool_syntax run_syntax;

/*
 * The spec that the options ask for, which the caller closes. False: it was
 * said what is wrong.
 */
bool run_make_spec(const run_values *values, weft_process_spec **spec);

#endif
