/* SPDX-License-Identifier: MIT
 *
 * weft memory suggest - what could be better, and what says so.
 *
 * A suggestion rests on a figure that was read or on outcomes that were
 * measured, and names it. Where nothing was measured nothing is suggested.
 */
#include <inttypes.h>

#include "memory_daemon.h"

/* Outcomes of an application from which on something is said of it. */
#define OUTCOMES_LEAST 5

/* Compressed memory that is not worth it takes more of what it holds, in %. */
#define PACK_MOST 80

/* A limit that leaves less than this, in %, is near. */
#define LIMIT_LEFT 10

/* The newest events, in which scarce times are looked for. */
#define EVENTS_MOST 5000

typedef struct suggest_values {
    config_source source; /* first: see CONFIG_SOURCE_ROWS */
    bool json;
} suggest_values;

static const tool_option options[] = {
    CONFIG_SOURCE_ROWS,
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(suggest_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory suggest",
    .usage = "[options]",
    .about = "Prints what could be better with the memory of this machine, and "
             "the figures or\nthe measured outcomes that say so. What was not "
             "measured is not suggested.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

typedef struct suggesting {
    weft_memory_figures figures;
    uint64_t scarce; /* times that memory got scarce, as the history knows */
    unsigned count;
    bool json;
} suggesting;

/* `gain_bytes` 0: not measured. */
static void suggest(suggesting *me, const char *name, uint64_t gain_bytes,
                    const char *text, const char *evidence)
{
    char clean[512];
    tool_json json;

    me->count++;
    if (me->json) {
        tool_json_begin(&json, stdout);
        tool_json_text(&json, "suggestion", name);
        tool_json_text(&json, "text", text);
        tool_json_text(&json, "evidence", evidence);
        if (gain_bytes > 0) {
            tool_json_u64(&json, "gain_bytes", gain_bytes);
        }
        tool_json_end(&json);
        return;
    }
    (void)snprintf(clean, sizeof(clean), "%s\n", text);
    printf("- %s", clean);
    (void)snprintf(clean, sizeof(clean), "%s", evidence);
    tool_clean(clean);
    printf("    %s\n", clean);
}

/* ---------------------------------------------------------------- facts --- */

static bool knows(const suggesting *me, weft_memory_figure figure)
{
    return (me->figures.valid >> figure & 1) != 0;
}

static void suggest_swap(suggesting *me)
{
    char anonymous[32];
    char evidence[256];
    bool is_scarce = me->figures.pressure >= WEFT_PRESSURE_WATCH;

    /* Without scarcity there is nothing that swap would have been good for. */
    if (!knows(me, WEFT_MEMORY_SWAP_TOTAL) ||
        !knows(me, WEFT_MEMORY_ANONYMOUS) || me->figures.swap_total_bytes > 0 ||
        (!is_scarce && me->scarce == 0)) {
        return;
    }
    tool_format_bytes((double)me->figures.anonymous_bytes, anonymous,
                      sizeof(anonymous));
    (void)snprintf(evidence, sizeof(evidence),
                   "no swap, %s of anonymous memory; memory is %s now, and got "
                   "scarce %" PRIu64 " times before",
                   anonymous, weft_pressure_name(me->figures.pressure),
                   me->scarce);
    suggest(me, "swap", 0,
            "Add swap, compressed (zram) or on a disk: without it memory that "
            "no program\n  uses can't leave",
            evidence);
}

static void suggest_packing(suggesting *me)
{
    char evidence[256];
    uint64_t percent;

    if (!knows(me, WEFT_MEMORY_PACKED) || !knows(me, WEFT_MEMORY_PACK) ||
        me->figures.packed_bytes < UINT64_C(16) << 20) {
        return;
    }
    percent = me->figures.pack_bytes / (me->figures.packed_bytes / 100);
    if (percent <= PACK_MOST) {
        return;
    }
    (void)snprintf(
        evidence, sizeof(evidence),
        "%" PRIu64 " MiB compressed take %" PRIu64 " MiB: %" PRIu64 " %%",
        me->figures.packed_bytes >> 20, me->figures.pack_bytes >> 20, percent);
    suggest(me, "packing", 0,
            "What is in compressed memory hardly compresses: a disk, or a "
            "stronger\n  algorithm, would do better",
            evidence);
}

static void suggest_stalls(suggesting *me)
{
    weft_memory_watch *watch = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    char evidence[256];

    if (weft_memory_watch_open(NULL, &watch, &detail) == WEFT_OK) {
        weft_memory_watch_close(&watch);
        return;
    }
    weft_detail_text(&detail, evidence, sizeof(evidence));
    suggest(me, "stalls", 0,
            "Let the system tell for how long programs wait for memory (on "
            "Linux: start\n  it with psi=1): without that only what is "
            "available can be judged",
            evidence);
}

static void suggest_limit(suggesting *me)
{
    char evidence[256];
    uint64_t left;

    if (!knows(me, WEFT_MEMORY_LIMIT) || !knows(me, WEFT_MEMORY_LIMIT_USED) ||
        me->figures.limit_used_bytes > me->figures.limit_bytes) {
        return;
    }
    left = me->figures.limit_bytes - me->figures.limit_used_bytes;
    if (left > me->figures.limit_bytes / 100 * LIMIT_LEFT) {
        return;
    }
    (void)snprintf(evidence, sizeof(evidence),
                   "%s: %" PRIu64 " of %" PRIu64 " MiB are used",
                   me->figures.limit_source, me->figures.limit_used_bytes >> 20,
                   me->figures.limit_bytes >> 20);
    suggest(me, "limit", 0,
            "The limit of this group is near: raise it, or start less in it",
            evidence);
}

/* -------------------------------------------------------------- history --- */

static bool count_scarce(void *context, const memory_event *event)
{
    suggesting *me = context;

    me->scarce += event->kind == MEMORY_EVENT_STATE &&
                  event->from == WEFT_PRESSURE_CALM &&
                  event->to > WEFT_PRESSURE_CALM;
    return true;
}

static bool suggest_app(void *context, const memory_gain *gain)
{
    suggesting *me = context;
    uint64_t all = gain->helped + gain->no_effect + gain->hurt;
    char evidence[512];
    char text[384];
    char kept[32];

    if (all < OUTCOMES_LEAST) {
        return true;
    }
    tool_format_bytes(gain->kept_bytes > 0 ? (double)gain->kept_bytes : 0, kept,
                      sizeof(kept));
    (void)snprintf(evidence, sizeof(evidence),
                   "%.255s: of %" PRIu64 " times %" PRIu64
                   " helped and %" PRIu64 " hurt; %s kept for a minute, on "
                   "average",
                   gain->exe, all, gain->helped, gain->hurt, kept);
    if (gain->hurt > gain->helped) {
        (void)snprintf(text, sizeof(text),
                       "Leave '%.60s' alone: add 'avoid exe=\"%.200s\"' to "
                       "[rules]",
                       gain->name, gain->exe);
        tool_clean(text);
        suggest(me, "avoid", 0, text, evidence);
    } else if (gain->helped * 2 > all && gain->kept_bytes > 0) {
        (void)snprintf(text, sizeof(text),
                       "'%.60s' keeps memory that it does not use: page it "
                       "out before memory is\n  scarce, with 'proactive = yes' "
                       "in [policy]",
                       gain->name);
        suggest(me, "proactive", (uint64_t)gain->kept_bytes, text, evidence);
    }
    return true;
}

static int suggest_all(suggesting *me, const memory_config *config)
{
    history_problem problem = {""};
    memory_store *store = NULL;
    history_state state =
        memory_store_open(config->history_file, HISTORY_READ, &store, &problem);
    bool is_read =
        state != HISTORY_OPEN ||
        memory_store_each(store, EVENTS_MOST, count_scarce, me, &problem);

    suggest_swap(me);
    suggest_packing(me);
    suggest_stalls(me);
    suggest_limit(me);
    is_read = is_read && (state != HISTORY_OPEN ||
                          memory_store_gains(store, suggest_app, me, &problem));
    memory_store_close(&store);
    if (state == HISTORY_FAILED || !is_read) {
        tool_error("nothing is suggested from experience: %s", problem.text);
    } else if (state == HISTORY_EMPTY) {
        tool_error("there is no experience yet: 'weft memory daemon' gathers "
                   "it");
    }
    if (me->count == 0 && !me->json) {
        printf("Nothing to suggest.\n");
    }
    return TOOL_OK;
}

int cmd_memory_suggest(int argc, char **argv)
{
    static memory_config config;
    suggest_values values = {.json = false};
    suggesting me = {.figures = {.size = sizeof(me.figures)}};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_memory *memory = NULL;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    me.json = values.json;
    exit_code = TOOL_USAGE;
    if (memory_config_load(&config, &values.source, config_print_mistake,
                           &config)) {
        exit_code = TOOL_FAILED;
        if (weft_memory_open(&memory, &detail) == WEFT_OK &&
            weft_memory_look(memory, &me.figures, &detail) == WEFT_OK) {
            exit_code = suggest_all(&me, &config);
        } else {
            weft_detail_text(&detail, text, sizeof(text));
            tool_error("cannot look at the memory: %s", text);
        }
    }
    weft_memory_close(&memory);
    memory_config_end(&config);
    return exit_code;
}
