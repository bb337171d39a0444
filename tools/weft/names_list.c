/* SPDX-License-Identifier: MIT
 *
 * The names that are in use.
 */
#include "names_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspection.h"
#include "sys.h"

/* --------------------------------------------------------------- looking -- */

static int add_row(void *context, const weft_name *name)
{
    names_list *list = context;
    names_row *next;

    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        names_row *rows = realloc(list->rows, room * sizeof(*rows));

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

static bool is_endpoint(const names_row *item)
{
    return item->kind == WEFT_NAME_ENDPOINT;
}

/* What has ended is no row. */
static bool has_ended(const names_row *item)
{
    return item->status == WEFT_ENOENT || item->status == WEFT_ECLOSED ||
           item->status == WEFT_EPEERDIED;
}

static void look(const names_list *list, uint64_t interval_ns)
{
    uint64_t half_ns = weft_after_ns(interval_ns / 2);
    uint64_t end_ns = weft_after_ns(interval_ns);
    bool has_endpoints = false;
    int code;

    for (size_t i = 0; i < list->count; i++) {
        names_row *item = &list->rows[i];

        if (is_endpoint(item)) {
            item->status = weft_inspection_open(
                item->name, half_ns, &item->inspection, &item->owner, NULL);
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        names_row *item = &list->rows[i];

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
        names_row *item = &list->rows[i];

        if (item->inspection != NULL) {
            item->status = weft_inspection_read(item->inspection, &item->last,
                                                WEFT_NOW, NULL);
            item->owner = item->last.owner;
        }
        weft_inspection_close(&item->inspection);
    }
}

static void drop_ended(names_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (!has_ended(&list->rows[i])) {
            list->rows[kept++] = list->rows[i];
        }
    }
    list->count = kept;
}

bool names_list_read(names_list *list, uint64_t interval_ns)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[256];

    *list = (names_list){NULL, 0, 0, false};
    if (weft_names_each(add_row, list, &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot list the names in use: %s", text);
        return false;
    }
    if (list->failed) {
        tool_error("cannot list the names in use: out of memory");
        return false;
    }
    look(list, interval_ns);
    drop_ended(list);
    return true;
}

void names_list_free(names_list *list)
{
    free(list->rows);
    *list = (names_list){NULL, 0, 0, false};
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

static const char *kind_word(const names_row *item)
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
static const char *note_of(const names_row *item)
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

static uint64_t memory_of(const names_row *item)
{
    return is_endpoint(item) ? item->last.memory_bytes : item->bytes;
}

/* Of the messages that its kind is for; below 0: none are known. */
static double rate_of(const names_row *item)
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

static void print_row(const names_row *item, int width, const char *indent)
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
    printf("%s%-*s  %-9s  %7s  %-15s  %6s  %6s  %7s  %10s%s%s\n", indent, width,
           item->name, kind_word(item), pid, command, uid, peers, rate, memory,
           note_of(item)[0] != '\0' ? "  " : "", note_of(item));
}

void names_list_print(const names_list *list, size_t most, const char *indent)
{
    size_t count = list->count < most ? list->count : most;
    int width = (int)strlen("NAME");

    for (size_t i = 0; i < count; i++) {
        int length = (int)strlen(list->rows[i].name);

        width = length > width ? length : width;
    }
    printf("%s%-*s  %-9s  %7s  %-15s  %6s  %6s  %7s  %10s\n", indent, width,
           "NAME", "KIND", "PID", "COMMAND", "UID", "PEERS", "RATE", "MEMORY");
    for (size_t i = 0; i < count; i++) {
        print_row(&list->rows[i], width, indent);
    }
}

/* ------------------------------------------------------------------ JSON -- */

static void print_object(const names_row *item)
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

void names_list_json(const names_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        print_object(&list->rows[i]);
    }
}
