/* SPDX-License-Identifier: MIT
 *
 * What the daemon tells, as lines.
 */
#include <string.h>

#include "memory_event.h"

static const char *const names[] = {
#define EVENT_NAME(symbol, name) [symbol] = (name),
    MEMORY_EVENT_LIST(EVENT_NAME)
#undef EVENT_NAME
};

const char *memory_event_name(memory_event_kind kind)
{
    return names[kind];
}

bool memory_event_find(const char *name, memory_event_kind *kind)
{
    for (size_t i = 0; i < TOOL_COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *kind = (memory_event_kind)i;
            return true;
        }
    }
    return false;
}

/* ----------------------------------------------------------------- text --- */

static void format_signed(int64_t bytes, char *text, size_t room)
{
    size_t used = 0;

    if (bytes < 0 && room > 1) {
        text[used++] = '-';
    }
    tool_format_bytes(bytes < 0 ? -(double)bytes : (double)bytes, text + used,
                      room - used);
}

/* What was done, such as "page out 3.0 MiB of 'make' (1234)". */
static void format_action(const memory_event *event, char *text, size_t room)
{
    static const char *const verbs[] = {[POLICY_OWN] = "give back own memory",
                                        [POLICY_ASK] =
                                            "ask programs to give memory back",
                                        [POLICY_COLD] = "mark as cold",
                                        [POLICY_PAGEOUT] = "page out",
                                        [POLICY_TELL] = "tell"};
    char size[32] = "";
    char who[96] = "";

    if (event->bytes > 0) {
        tool_format_bytes((double)event->bytes, size, sizeof(size));
    }
    if (event->pid != 0) {
        (void)snprintf(who, sizeof(who), "%s'%s' (%lld)",
                       size[0] != '\0' ? " of " : "", event->name,
                       (long long)event->pid);
    }
    (void)snprintf(text, room, "%s%s%s%s", verbs[event->verb],
                   size[0] != '\0' || who[0] != '\0' ? " " : "", size, who);
}

static void format_verdict(const memory_event *event, char *text, size_t room)
{
    const weft_verdict *verdict = &event->verdict;
    char released[40] = "unknown";
    char kept[40] = "";
    int64_t left = 0;
    bool is_known = true;

    if ((verdict->valid & WEFT_VERDICT_RELEASED) != 0) {
        format_signed(verdict->released_bytes, released, sizeof(released));
    }
    if ((verdict->valid & WEFT_VERDICT_KEPT_300S) != 0) {
        left = verdict->kept_300s_bytes;
    } else if ((verdict->valid & WEFT_VERDICT_KEPT_60S) != 0) {
        left = verdict->kept_60s_bytes;
    } else if ((verdict->valid & WEFT_VERDICT_KEPT_10S) != 0) {
        left = verdict->kept_10s_bytes;
    } else {
        is_known = false;
    }
    if (is_known) {
        format_signed(left, kept, sizeof(kept));
    }
    (void)snprintf(text, room, "%s: released %s%s%s after %u s",
                   weft_outcome_name(verdict->outcome), released,
                   is_known ? ", kept " : "", kept,
                   (unsigned)(event->after_ns / 1000000000));
}

void memory_event_print(FILE *file, const memory_event *event)
{
    char what[256];
    char line[640];

    switch (event->kind) {
    case MEMORY_EVENT_STATE:
        (void)snprintf(line, sizeof(line), "%s -> %s: %s",
                       weft_pressure_name(event->from),
                       weft_pressure_name(event->to), event->reason);
        break;
    case MEMORY_EVENT_ACTION:
        format_action(event, what, sizeof(what));
        (void)snprintf(line, sizeof(line), "%s%s: %s",
                       event->is_dry ? "would " : "", what, event->reason);
        break;
    case MEMORY_EVENT_VERDICT:
        format_action(event, what, sizeof(what));
        (void)snprintf(line, sizeof(line), "%s: ", what);
        format_verdict(event, line + strlen(line), sizeof(line) - strlen(line));
        break;
    default:
        (void)snprintf(line, sizeof(line), "%s", event->reason);
        break;
    }
    tool_clean(line);
    fprintf(file, "%s\n", line);
}

/* ----------------------------------------------------------------- JSON --- */

static void put_verdict(tool_json *json, const memory_event *event)
{
    static const struct {
        const char *key;
        uint32_t bit;
        size_t offset;
        bool is_signed;
    } figures[] = {
#define FIGURE(bit, member, is_signed)                                         \
    {#member, WEFT_VERDICT_##bit, offsetof(weft_verdict, member), is_signed}
        FIGURE(CLAIMED, claimed_bytes, true),
        FIGURE(RELEASED, released_bytes, true),
        FIGURE(RELOCATED, relocated_bytes, true),
        FIGURE(KEPT_10S, kept_10s_bytes, true),
        FIGURE(KEPT_60S, kept_60s_bytes, true),
        FIGURE(KEPT_300S, kept_300s_bytes, true),
        FIGURE(HALF_LIFE, half_life_ns, false),
        FIGURE(REFAULT, refault_bytes, false),
        FIGURE(STALL, stall_ns, false),
        FIGURE(CPU, cpu_ns, false),
#undef FIGURE
    };
    const char *base = (const char *)&event->verdict;

    tool_json_u64(json, "after_ns", event->after_ns);
    tool_json_text(json, "outcome", weft_outcome_name(event->verdict.outcome));
    for (size_t i = 0; i < TOOL_COUNT_OF(figures); i++) {
        const void *place = base + figures[i].offset;

        if ((event->verdict.valid & figures[i].bit) == 0) {
            continue;
        }
        if (figures[i].is_signed) {
            tool_json_i64(json, figures[i].key, *(const int64_t *)place);
        } else {
            tool_json_u64(json, figures[i].key, *(const uint64_t *)place);
        }
    }
}

void memory_event_json(FILE *file, const memory_event *event)
{
    tool_json json;

    tool_json_begin(&json, file);
    tool_json_text(&json, "event", memory_event_name(event->kind));
    tool_json_u64(&json, "time_ns", event->unix_ns);
    if (event->kind == MEMORY_EVENT_STATE) {
        tool_json_text(&json, "from", weft_pressure_name(event->from));
    }
    tool_json_text(&json, "state", weft_pressure_name(event->to));
    if (event->kind == MEMORY_EVENT_ACTION ||
        event->kind == MEMORY_EVENT_VERDICT) {
        tool_json_text(&json, "verb", policy_verb_name(event->verb));
        tool_json_bool(&json, "dry_run", event->is_dry);
    }
    if (event->pid != 0) {
        tool_json_i64(&json, "pid", event->pid);
        tool_json_text(&json, "name", event->name);
        tool_json_text(&json, "exe", event->exe);
    }
    if (event->bytes > 0) {
        tool_json_u64(&json, "bytes", event->bytes);
    }
    if (event->kind == MEMORY_EVENT_VERDICT) {
        put_verdict(&json, event);
    }
    tool_json_text(&json, "reason", event->reason);
    tool_json_end(&json);
}
