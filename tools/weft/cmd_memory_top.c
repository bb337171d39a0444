/* SPDX-License-Identifier: MIT
 *
 * weft memory top - the processes that take most of the memory, again and
 * again: on a screen, or as tables on a stream.
 */
#include <string.h>

#include "top.h"

typedef struct top_values {
    uint64_t interval_ns;
    uint64_t count;
    uint64_t limit;
    int by;
    bool plain;
    bool json;
} top_values;

static const tool_option options[] = {
    {.name = "interval",
     .letter = 'i',
     .kind = TOOL_DURATION,
     .offset = offsetof(top_values, interval_ns),
     .label = "TIME",
     .help = "look so often (default 2s)",
     .least = UINT64_C(100000000)},
    {.name = "by",
     .kind = TOOL_CHOICE,
     .offset = offsetof(top_values, by),
     .choices = groups_words,
     .label = GROUPS_LABEL,
     .help = "begin with groups instead of processes"},
    {.name = "plain",
     .kind = TOOL_FLAG,
     .offset = offsetof(top_values, plain),
     .help = "print a table each time, to any stream, instead of a screen"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(top_values, json),
     .help = "the same as JSON objects, one a line"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(top_values, count),
     .label = "N",
     .help = "with --plain or --json: end after N tables",
     .least = 1},
    {.name = "limit",
     .letter = 'l',
     .kind = TOOL_COUNT,
     .offset = offsetof(top_values, limit),
     .label = "N",
     .help = "with --plain or --json: show the N largest (default 20)",
     .least = 1},
};

static const tool_syntax syntax = {
    .command = "memory top",
    .usage = "[options]",
    .about =
        "Shows what the memory of this machine does, and the processes that "
        "take most\nof it, again and again. The key h explains the others.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* --------------------------------------------------------------- screen --- */

/* What is seen is measured; that may change what is seen. */
static void settle(top *me)
{
    size_t rows = top_rows_on_screen(me);
    bool is_there = true;

    /* Each time at least one is measured that was not before. */
    for (int i = 0; i < 16; i++) {
        if (!top_view_make(&me->view, &me->table)) {
            (void)snprintf(me->message, sizeof(me->message), "out of memory");
            return;
        }
        is_there = top_view_follow(&me->view, rows);
        if (!top_view_measure(&me->view, &me->table, me->view.first, rows)) {
            break;
        }
    }
    if (!is_there && me->mode == TOP_MODE_DETAILS) {
        me->mode = TOP_MODE_TABLE;
    }
}

static void look(top *me)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    me->message[0] = '\0';
    status = top_history_look(&me->history, me->table.memory, &detail);
    if (status == WEFT_OK) {
        status = top_table_read(&me->table, &detail);
    }
    if (status != WEFT_OK) {
        weft_detail_text(&detail, me->message, sizeof(me->message));
    }
    me->view.total_bytes = me->history.figures.total_bytes;
}

/* False: to end. */
static bool take_keys(top *me)
{
    uint32_t key = screen_take_key(me->screen);

    while (key != SCREEN_NO_KEY) {
        if (!top_key(me, key)) {
            return false;
        }
        /* The next key is about what this one has made. */
        if (!top_view_make(&me->view, &me->table)) {
            return false;
        }
        (void)top_view_follow(&me->view, top_rows_on_screen(me));
        key = screen_take_key(me->screen);
    }
    return true;
}

static int run_screen(top *me)
{
    uint64_t next_ns = weft_now_ns();

    for (;;) {
        if (!me->is_paused && weft_now_ns() >= next_ns) {
            look(me);
            next_ns = weft_after_ns(me->interval_ns);
        }
        top_table_save(&me->table);
        settle(me);
        top_draw(me);
        switch (
            screen_wait(me->screen, me->is_paused ? WEFT_FOREVER : next_ns)) {
        case SCREEN_INPUT:
            if (!take_keys(me)) {
                return TOOL_OK;
            }
            break;
        case SCREEN_ENDED:
            return TOOL_OK; /* the signal says how, when the screen is closed */
        case SCREEN_GONE:
            return TOOL_FAILED;
        case SCREEN_REDRAW:
        case SCREEN_DEADLINE:
        default:
            break;
        }
        if (next_ns > weft_after_ns(me->interval_ns)) {
            next_ns = weft_after_ns(me->interval_ns);
        }
    }
}

static int show(top *me)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    char why[256];
    int exit_code;

    if (!top_table_open(&me->table, true, &detail)) {
        weft_detail_text(&detail, why, sizeof(why));
        tool_error("cannot look at the memory: %s", why);
        return TOOL_FAILED;
    }
    me->screen = screen_open(why, sizeof(why));
    if (me->screen == NULL) {
        tool_error("no screen: %s; '--plain' prints tables instead", why);
        top_table_close(&me->table);
        return TOOL_FAILED;
    }
    exit_code = run_screen(me);
    top_view_close(&me->view);
    top_table_close(&me->table);
    screen_close(me->screen);
    return exit_code;
}

int cmd_memory_top(int argc, char **argv)
{
    static top me; /* with its history it is large for a stack */
    top_values values = {.interval_ns = UINT64_C(2000000000), .limit = 0};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (!values.plain && !values.json && values.count + values.limit > 0) {
        return tool_usage_error("memory top", "option '--%s' is for '--plain'",
                                values.count > 0 ? "count" : "limit");
    }
    me.view.sort = TOP_FOOTPRINT;
    me.view.by = (groups_by)values.by;
    me.interval_ns = values.interval_ns;
    if (values.plain || values.json) {
        top_plain_options plain = {values.interval_ns, values.count,
                                   values.limit > 0 ? values.limit : 20,
                                   values.json};

        return top_plain(&me, &plain);
    }
    return show(&me);
}
