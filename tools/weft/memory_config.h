/* SPDX-License-Identifier: MIT
 *
 * memory_config.h - what weft memory daemon is told to do: a text file of
 * sections, keys and values, with a default for each key.
 *
 * Where a value comes from is kept with it. A file with one mistake changes
 * nothing: who reads it again keeps what there was.
 */
#ifndef WEFT_MEMORY_CONFIG_H
#define WEFT_MEMORY_CONFIG_H

#include "memory_policy.h"
#include "tool.h"

/* Bytes of a file, and of a path or a command in it. */
#define CONFIG_FILE_MOST ((size_t)64 * 1024)
#define CONFIG_TEXT_ROOM 512
#define CONFIG_PATH_ROOM 1024

/* Keys, with the constants of the policy. */
#define CONFIG_KEYS_MOST 64

/* The line of a value that is no line of the file. */
#define CONFIG_DEFAULT 0
#define CONFIG_COMMAND_LINE (-1)

typedef struct memory_config {
    /* [daemon] */
    bool dry_run;
    uint64_t settle_ns;
    /* [policy] */
    bool proactive;
    policy_constants constants;
    /* [history] */
    bool keeps_history;
    char history_file[CONFIG_PATH_ROOM]; /* "": the usual one */
    uint64_t history_keep_ns;
    uint64_t history_most_bytes;
    /* [http] */
    char http_listen[64]; /* "": not at all */
    char http_token_file[CONFIG_PATH_ROOM];
    /* [alert]: a command for each state but CALM; "": none */
    char alerts[3][CONFIG_TEXT_ROOM];
    uint64_t alert_pause_ns;
    /*
     * [rules]: the file's text with nothing but these lines, each in its
     * place, so that a line's number is that of the file. To free; or NULL.
     */
    char *rules;
    size_t rules_bytes;
    int lines[CONFIG_KEYS_MOST]; /* where each value comes from */
    char path[CONFIG_PATH_ROOM]; /* of the file; "": there is none */
} memory_config;

/* ----------------------------------------------------------------- keys --- */

typedef enum config_kind {
    CONFIG_YES_NO,
    CONFIG_DURATION,
    CONFIG_SIZE,
    CONFIG_NUMBER, /* double */
    CONFIG_TEXT,   /* a path or a command: an array of `room` bytes */
} config_kind;

typedef struct config_key {
    const char *name; /* first, for tool_nearest; with '-' between words */
    const char *section;
    config_kind kind;
    size_t offset; /* in memory_config */
    size_t room;
    uint64_t least; /* DURATION, SIZE */
    uint64_t most;
} config_key;

/* In the order in which they are printed; `index` is that of `lines`. */
size_t config_key_count(void);
void config_get_key(size_t index, config_key *key, char *name, size_t room);

/* The value as it would be written in a file. */
void config_format(const memory_config *config, const config_key *key,
                   char *text, size_t room);

/* -------------------------------------------------------------- reading --- */

/* Tells of one mistake; `line` is 0 if it is in none. */
typedef void config_complain(void *context, int line, const char *text);

/* All defaults. The caller ends it with memory_config_end. */
void memory_config_begin(memory_config *config);
void memory_config_end(memory_config *config);

/*
 * Takes in a text. False: it has mistakes, of which each was told; what is
 * right of it is in the config all the same.
 */
bool memory_config_parse(memory_config *config, const char *text, size_t bytes,
                         config_complain *complain, void *context);

/* Takes "SECTION.KEY=VALUE", of the command line. NULL, or what is wrong. */
const char *memory_config_set(memory_config *config, const char *text,
                              char *why, size_t room);

/* What is wrong with several values together; NULL: nothing. */
const char *memory_config_contradiction(const memory_config *config);

/* Which file to read, and what the command line says besides. */
#define CONFIG_SETS_MOST 32
typedef struct config_source {
    const char *path; /* NULL: this user's, or else the system's, or none */
    const char *sets[CONFIG_SETS_MOST];
    size_t set_count;
} config_source;

/*
 * Begins a config and reads all of it; the caller ends it in any case. False:
 * each mistake was told.
 */
bool memory_config_load(memory_config *config, const config_source *source,
                        config_complain *complain, void *context);

/* The rows --file and --set of a command whose values begin with a source. */
tool_take config_take_set;
#define CONFIG_SOURCE_ROWS                                                     \
    {.name = "file",                                                           \
     .letter = 'f',                                                            \
     .kind = TOOL_TEXT,                                                        \
     .offset = offsetof(config_source, path),                                  \
     .label = "FILE",                                                          \
     .help = "read this file, not the usual one"},                             \
    {                                                                          \
        .name = "set", .kind = TOOL_CALL, .offset = 0, .label = "KEY=VALUE",   \
        .help = "a value that goes before the file's: SECTION.KEY=VALUE; may " \
                "be repeated",                                                 \
        .call = config_take_set                                                \
    }

/* Tells of a mistake on stderr; the context is the config. */
config_complain config_print_mistake;

#endif
