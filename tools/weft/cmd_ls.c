/* SPDX-License-Identifier: MIT
 *
 * weft ls - which names are in use, and by whom.
 *
 * All endpoints are asked at once, and then have half of the interval to
 * answer. The rates are those of what is left of it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspection.h"
#include "sys.h"

typedef struct ls_values {
    bool json;
    uint64_t interval_ns;
} ls_values;

static const tool_option options[] = {
    {.name = "interval",
     .letter = 'i',
     .kind = TOOL_DURATION,
     .offset = offsetof(ls_values, interval_ns),
     .label = "D",
     .least = 2000000,
     .help = "take so long, for all names together (default 200ms)"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(ls_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "ls",
    .usage = "[options]",
    .about = "Lists the names that are in use in the run-time directory: "
             "endpoints and who\nowns them, states, and synchronisation "
             "objects. The rate is that of messages a\nsecond: requests of a "
             "service, messages published on a topic.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* One name. */
typedef struct row {
    char name[WEFT_NAME_MAX + 8];
    weft_name_kind kind;
    weft_sync_kind object;
    uint64_t bytes;
    weft_peer owner;
    weft_inspection *inspection;
    weft_status status; /* of an endpoint: WEFT_OK, or why it is not known */
    weft_endpoint_stats first;
    weft_endpoint_stats last;
} row;

typedef struct listing {
    row *rows;
    size_t count;
    size_t room;
    bool failed;
} listing;

/* --------------------------------------------------------------- looking -- */

static int add_row(void *context, const weft_name *name)
{
    listing *list = context;
    row *next;

    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        row *rows = realloc(list->rows, room * sizeof(*rows));

        if (rows == NULL) {
            list->failed = true;
            return 1;
        }
        list->rows = rows;
        list->room = room;
    }
    next = &list->rows[list->count++];
    memset(next, 0, sizeof(*next));
    snprintf(next->name, sizeof(next->name), "%s%s", name->name,
             name->is_cut ? "~" : "");
    next->kind = name->kind;
    next->object = name->object;
    next->bytes = name->bytes;
    next->first.size = sizeof(next->first);
    next->last.size = sizeof(next->last);
    return 0;
}

static bool is_endpoint(const row *item)
{
    return item->kind == WEFT_NAME_ENDPOINT;
}

/* What has ended is no row. */
static bool has_ended(const row *item)
{
    return item->status == WEFT_ENOENT || item->status == WEFT_ECLOSED ||
           item->status == WEFT_EPEERDIED;
}

static void look(const listing *list, uint64_t interval_ns)
{
    uint64_t half_ns = weft_after_ns(interval_ns / 2);
    uint64_t end_ns = weft_after_ns(interval_ns);
    bool has_endpoints = false;
    int code;

    for (size_t i = 0; i < list->count; i++) {
        row *item = &list->rows[i];

        if (is_endpoint(item)) {
            item->status = weft_inspection_open(
                item->name, half_ns, &item->inspection, &item->owner, NULL);
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        row *item = &list->rows[i];

        if (item->inspection != NULL) {
            item->status = weft_inspection_read(item->inspection, &item->first,
                                                half_ns, NULL);
            has_endpoints = true;
        }
    }
    if (has_endpoints) {
        sys_hold_signals();
        (void)sys_wait_handle(WEFT_HANDLE_NONE, end_ns, &code);
        sys_release_signals();
    }
    for (size_t i = 0; i < list->count; i++) {
        row *item = &list->rows[i];

        if (item->inspection != NULL) {
            item->status = weft_inspection_read(item->inspection, &item->last,
                                                WEFT_NOW, NULL);
            item->owner = item->last.owner;
        }
        weft_inspection_close(&item->inspection);
    }
}

/* ----------------------------------------------------------------- words -- */

static const char *object_word(weft_sync_kind kind)
{
    switch (kind) {
    case WEFT_SYNC_MUTEX:
        return "mutex";
    case WEFT_SYNC_CONDITION:
        return "condition";
    case WEFT_SYNC_SEMAPHORE:
        return "semaphore";
    case WEFT_SYNC_EVENT:
        return "event";
    case WEFT_SYNC_RWLOCK:
        return "rwlock";
    default:
        return "object";
    }
}

static const char *kind_word(const row *item)
{
    switch (item->kind) {
    case WEFT_NAME_ENDPOINT:
        return inspection_kind(item->last.kind);
    case WEFT_NAME_STATE:
        return "state";
    case WEFT_NAME_OBJECT:
        return object_word(item->object);
    default:
        return "memory";
    }
}

/* Why there are no figures, or "". */
static const char *note_of(const row *item)
{
    switch (item->status) {
    case WEFT_OK:
        return "";
    case WEFT_EAGAIN:
    case WEFT_ETIMEDOUT:
        return "does not answer";
    default:
        return weft_status_text(item->status);
    }
}

static uint64_t memory_of(const row *item)
{
    return is_endpoint(item) ? item->last.memory_bytes : item->bytes;
}

/* Of the messages that its kind is for; below 0: none are known. */
static double rate_of(const row *item)
{
    const weft_endpoint_stats *last = &item->last;
    uint64_t ns = last->at_ns - item->first.at_ns;

    if (item->status != WEFT_OK || item->first.valid == 0 ||
        (last->valid & WEFT_STATS_SENT) == 0) {
        return -1;
    }
    return (last->valid & WEFT_STATS_RECEIVED) != 0
               ? inspection_rate(item->first.received, last->received, ns)
               : inspection_rate(item->first.sent, last->sent, ns);
}

/* ------------------------------------------------------------------ text -- */

static void print_row(const row *item, int width)
{
    char pid[24] = "-";
    char command[64] = "-";
    char uid[24] = "-";
    char peers[24] = "-";
    char rate[24] = "-";
    char memory[24] = "-";

    if (item->owner.pid > 0) {
        snprintf(pid, sizeof(pid), "%" PRId64, item->owner.pid);
        (void)sys_process_name(item->owner.pid, command, sizeof(command));
        snprintf(uid, sizeof(uid), "%" PRId64, item->owner.uid);
    }
    if ((item->last.valid & WEFT_STATS_PEERS) != 0) {
        snprintf(peers, sizeof(peers), "%" PRIu64, item->last.peers);
    }
    if (rate_of(item) >= 0) {
        inspection_format(rate_of(item), rate, sizeof(rate));
    }
    if (memory_of(item) > 0) {
        tool_format_bytes((double)memory_of(item), memory, sizeof(memory));
    }
    tool_clean(command);
    printf("%-*s  %-9s  %7s  %-15s  %6s  %6s  %7s  %10s%s%s\n", width,
           item->name, kind_word(item), pid, command, uid, peers, rate, memory,
           note_of(item)[0] != '\0' ? "  " : "", note_of(item));
}

static void print_text(const listing *list)
{
    int width = (int)strlen("NAME");

    for (size_t i = 0; i < list->count; i++) {
        int length = (int)strlen(list->rows[i].name);

        width = length > width ? length : width;
    }
    printf("%-*s  %-9s  %7s  %-15s  %6s  %6s  %7s  %10s\n", width, "NAME",
           "KIND", "PID", "COMMAND", "UID", "PEERS", "RATE", "MEMORY");
    for (size_t i = 0; i < list->count; i++) {
        if (!has_ended(&list->rows[i])) {
            print_row(&list->rows[i], width);
        }
    }
}

/* ------------------------------------------------------------------ JSON -- */

static void print_object(const row *item)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "name", item->name);
    tool_json_text(&json, "kind", kind_word(item));
    if (!is_endpoint(item)) {
        tool_json_u64(&json, "memory_bytes", item->bytes);
        tool_json_end(&json);
        return;
    }
    inspection_json_owner(&json, &item->owner);
    tool_json_bool(&json, "answers", item->status == WEFT_OK);
    if (item->status == WEFT_OK) {
        inspection_json_stats(&json, &item->last);
        if (item->first.valid != 0) {
            inspection_json_rates(&json, &item->first, &item->last);
        }
    } else {
        tool_json_text(&json, "problem", note_of(item));
    }
    tool_json_end(&json);
}

static void print_json(const listing *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!has_ended(&list->rows[i])) {
            print_object(&list->rows[i]);
        }
    }
}

int cmd_ls(int argc, char **argv)
{
    ls_values values = {.interval_ns = 200000000};
    weft_detail detail = {WEFT_OK, 0, NULL};
    listing list = {NULL, 0, 0, false};
    tool_operands operands;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (weft_names_each(add_row, &list, &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot list the names in use: %s", text);
        exit_code = TOOL_FAILED;
    } else if (list.failed) {
        tool_error("cannot list the names in use: out of memory");
        exit_code = TOOL_FAILED;
    } else {
        look(&list, values.interval_ns);
        if (values.json) {
            print_json(&list);
        } else {
            print_text(&list);
        }
        exit_code = TOOL_OK;
    }
    free(list.rows);
    return exit_code;
}
