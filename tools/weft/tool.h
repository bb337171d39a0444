/* SPDX-License-Identifier: MIT
 *
 * tool.h - what the commands of `weft` share: the command table, options as
 * data, error messages, JSON, exit codes.
 *
 * The tool uses the public headers of the library only. What differs between
 * systems is behind sys.h. Results go to stdout, everything else to stderr.
 */
#ifndef WEFT_TOOL_H
#define WEFT_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weft/weft.h>

/* Lets the compiler check the arguments of a printf-like function. */
#if defined(__MINGW_PRINTF_FORMAT)
#define TOOL_PRINTF(at, first)                                                 \
    __attribute__((format(__MINGW_PRINTF_FORMAT, at, first)))
#elif defined(__GNUC__)
#define TOOL_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define TOOL_PRINTF(at, first)
#endif

#define TOOL_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Exit codes; the table in weft(1) explains them. */
typedef enum tool_exit {
    TOOL_OK = 0,
    TOOL_FAILED = 1,
    TOOL_USAGE = 2,
    TOOL_TIMEOUT = 124
} tool_exit;

/* ----------------------------------------------------------- commands --- */

/* argv[0] is the command's own name. Returns the exit code. */
typedef int tool_run(int argc, char **argv);

typedef struct tool_command {
    const char *name;
    const char *summary;
    tool_run *run;
} tool_command;

/* All commands, in the order in which the help lists them. */
extern const tool_command tool_commands[];
extern const size_t tool_command_count;

tool_run cmd_recv;
tool_run cmd_send;
tool_run cmd_pub;
tool_run cmd_sub;
tool_run cmd_tap;
tool_run cmd_record;
tool_run cmd_replay;
tool_run cmd_call;
tool_run cmd_echo;
tool_run cmd_serve;
tool_run cmd_bench; /* of messages */
tool_run cmd_bench_sync;
tool_run cmd_bench_fanin;
tool_run cmd_bench_fanout;
tool_run cmd_bench_any; /* whichever of those its first argument says */
tool_run cmd_status;
tool_run cmd_ls;
tool_run cmd_stat;
tool_run cmd_run;
tool_run cmd_usage;
tool_run cmd_kill_tree;
tool_run cmd_runs; /* the list of runs */
tool_run cmd_runs_show;
tool_run cmd_runs_stats;
tool_run cmd_runs_suggest;
tool_run cmd_runs_prune;
tool_run cmd_runs_any; /* whichever of those its first argument says */
tool_run cmd_memory;
tool_run cmd_memory_ask;
tool_run cmd_memory_config;
tool_run cmd_memory_daemon;
tool_run cmd_memory_gpu;
tool_run cmd_memory_leaks;
tool_run cmd_memory_groups;
tool_run cmd_memory_list;
tool_run cmd_memory_optimize;
tool_run cmd_memory_bench;
tool_run cmd_memory_patterns;
tool_run cmd_memory_rank;
tool_run cmd_memory_listen;
tool_run cmd_memory_record;
tool_run cmd_memory_simulate;
tool_run cmd_memory_status;
tool_run cmd_memory_suggest;
tool_run cmd_memory_top;
tool_run cmd_memory_watch;
tool_run cmd_memory_why;
tool_run cmd_doctor;
tool_run cmd_version;
tool_run cmd_help;

/* NULL if there is no such command. */
const tool_command *tool_find_command(const char *name);

/* Says that there is no such command, and which one may have been meant. */
int tool_unknown_command(const char *name);

/* The list of commands, as `weft --help` prints it. */
void tool_print_overview(FILE *file);

/* ------------------------------------------------------------ options --- */

/* The kinds of option, and what each writes at its place in the values. */
typedef enum tool_kind {
    TOOL_FLAG,     /* no argument: bool, set to true */
    TOOL_SET,      /* no argument: int, set to `value` (never 0) */
    TOOL_COUNT,    /* uint64_t */
    TOOL_SIZE,     /* uint64_t, bytes; suffixes K, M, G = 1024 each */
    TOOL_DURATION, /* uint64_t, nanoseconds; a suffix ns us ms s m h is a must
                    */
    TOOL_TEXT,     /* const char *, a pointer into argv */
    TOOL_CHOICE,   /* int: the value of the word in `choices` */
    TOOL_CALL      /* whatever `call` does with its place; may be repeated */
} tool_kind;

/* One word of a TOOL_CHOICE; the list ends with a NULL word. */
typedef struct tool_choice {
    const char *word;
    int value;
} tool_choice;

/*
 * Takes one argument of an option. Returns NULL, or why not, such as
 * "is not a transport", which follows the quoted argument in the message.
 */
typedef const char *tool_take(void *place, const char *argument);

/* One row of a command's option table. Unused fields stay zero. */
typedef struct tool_option {
    const char *name; /* the long name, without the dashes */
    char letter;      /* the short one */
    tool_kind kind;
    size_t offset;     /* its place in the command's struct of values */
    const char *label; /* the argument in the help, such as "SIZE" */
    const char *help;  /* broken into lines by the help */
    uint64_t least;    /* COUNT, SIZE, DURATION: the bounds; `most` 0: none */
    uint64_t most;
    bool power_of_two;          /* COUNT, SIZE: nothing else will do */
    int value;                  /* SET */
    const tool_choice *choices; /* CHOICE */
    tool_take *call;            /* CALL */
} tool_option;

/* What a command accepts. `--help` and `-h` are understood everywhere. */
typedef struct tool_syntax {
    const char *command;
    const char *usage; /* what follows the command, such as "NAME [options]" */
    const char *about; /* paragraphs for the help; lines broken by hand */
    const tool_option *options;
    size_t option_count;
    int operands_least;
    int operands_most;
    bool is_for_program; /* what follows the first operand is its, dashes too */
} tool_syntax;

/* The arguments that are not options; they stay in argv. */
typedef struct tool_operands {
    char **items;
    int count;
} tool_operands;

/*
 * Reads argv into `values`, which the caller has filled with the defaults,
 * and `operands`. Accepts "--name value", "--name=value", "-x value",
 * "-xvalue" and "--". False: the command returns `*exit_code` at once,
 * because the help was asked for, or because something was wrong and was
 * said.
 */
bool tool_parse(const tool_syntax *syntax, int argc, char **argv, void *values,
                tool_operands *operands, int *exit_code);

/* The parsers of the kinds, for use in a tool_take. False: it is not one. */
bool tool_parse_count(const char *text, uint64_t *count);
bool tool_parse_size(const char *text, uint64_t *bytes);
bool tool_parse_duration(const char *text, uint64_t *ns);

/* The words of every TOOL_CHOICE that means a weft_wait. */
extern const tool_choice tool_wait_modes[];

/* The word of a wait; "default" of none of them. */
const char *tool_wait_word(weft_wait wait);

/* ------------------------------------------------------------ messages --- */

/*
 * Prints "weft: " and the message as one line on stderr. Control bytes and
 * broken UTF-8 in it become '?', so a name or a peer's text can't play tricks
 * on the terminal.
 */
TOOL_PRINTF(1, 2)
void tool_error(const char *format, ...);

/*
 * Prints "weft COMMAND: " and the message, then how to get help. Returns
 * TOOL_USAGE.
 */
TOOL_PRINTF(2, 3)
int tool_usage_error(const char *command, const char *format, ...);

/* The same replacement, in place. */
void tool_clean(char *text);

/*
 * The length of the UTF-8 sequence at `text`, or 0 if it is broken, or a
 * control character.
 */
size_t tool_printable(const char *text);

/*
 * The length of the UTF-8 sequence at `text`, of which `room` bytes are there,
 * and what it means; 0 if it is broken.
 */
size_t tool_utf8(const char *text, size_t room, uint32_t *code);
bool tool_is_control(uint32_t code);

/*
 * The one of `count` words that `word` is probably a misspelling of, or NULL.
 * `words` is an array of structs of `stride` bytes whose first member is the
 * const char *.
 */
const char *tool_nearest(const char *word, const void *words, size_t count,
                         size_t stride);

/* A number of bytes as people read it, such as "1.5 GiB". */
void tool_format_bytes(double bytes, char *text, size_t room);

/* ---------------------------------------------------------------- JSON --- */

/* Writes one object as one line. The members appear in the order of calls. */
typedef struct tool_json {
    FILE *file;
    bool first;
} tool_json;

void tool_json_begin(tool_json *json, FILE *file);
void tool_json_text(tool_json *json, const char *key, const char *value);
void tool_json_u64(tool_json *json, const char *key, uint64_t value);
void tool_json_i64(tool_json *json, const char *key, int64_t value);
/* The member "text" if that is UTF-8, else "base64": nothing is changed. */
void tool_json_data(tool_json *json, const void *data, size_t bytes);
/* Six significant digits; a value that is not finite becomes null. */
void tool_json_double(tool_json *json, const char *key, double value);
void tool_json_bool(tool_json *json, const char *key, bool value);
/* A member that is a list of texts: begin, any number of items, end. */
void tool_json_list_begin(tool_json *json, const char *key);
void tool_json_list_item(tool_json *json, const char *value);
void tool_json_list_end(tool_json *json);
void tool_json_end(tool_json *json);

#endif
