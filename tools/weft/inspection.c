/* SPDX-License-Identifier: MIT
 *
 * Figures of endpoints, for people and as JSON.
 */
#include "inspection.h"
#include "sys.h"

const char *inspection_kind(weft_endpoint_kind kind)
{
    switch (kind) {
    case WEFT_ENDPOINT_LISTENER:
        return "listener";
    case WEFT_ENDPOINT_SERVICE:
        return "service";
    case WEFT_ENDPOINT_PUBLISHER:
        return "topic";
    case WEFT_ENDPOINT_TRIM:
        return "trim";
    default:
        return "unknown";
    }
}

/* Counters are another process's word: one that went back counts as 0. */
double inspection_rate(uint64_t before, uint64_t after, uint64_t ns)
{
    return ns > 0 && after > before
               ? (double)(after - before) * 1e9 / (double)ns
               : 0;
}

void inspection_format(double number, char *text, size_t room)
{
    static const char units[] = " kMGTPE";
    size_t unit = 0;

    while (number >= 999.5 && unit + 2 < sizeof(units)) {
        number /= 1000;
        unit++;
    }
    if (unit == 0) {
        snprintf(text, room, "%.0f", number);
    } else {
        snprintf(text, room, "%.*f%c", number < 99.95 ? 1 : 0, number,
                 units[unit]);
    }
}

void inspection_json_owner(tool_json *json, const weft_peer *owner)
{
    char command[64];

    if (owner->pid > 0) {
        tool_json_u64(json, "pid", (uint64_t)owner->pid);
        if (sys_process_name(owner->pid, command, sizeof(command))) {
            tool_json_text(json, "command", command);
        }
    }
    if (owner->uid >= 0) {
        tool_json_u64(json, "uid", (uint64_t)owner->uid);
    }
}

/* Each figure, the bit that says that it is there, and its name in JSON. */
static const struct {
    unsigned bit;
    size_t offset;
    const char *key;
} figures[] = {
#define FIGURE(bit, member, key)                                               \
    {                                                                          \
        (bit), offsetof(weft_endpoint_stats, member), (key)                    \
    }
    FIGURE(WEFT_STATS_AGE, age_ns, "age_ns"),
    FIGURE(WEFT_STATS_PEERS, peers, "peers"),
    FIGURE(WEFT_STATS_RELIABLE, reliable, "reliable"),
    FIGURE(WEFT_STATS_PARKED, parked, "parked"),
    FIGURE(WEFT_STATS_ADMITTED, admitted, "admitted"),
    FIGURE(WEFT_STATS_TURNED_AWAY, turned_away, "turned_away"),
    FIGURE(WEFT_STATS_CUT_OFF, cut_off, "cut_off"),
    FIGURE(WEFT_STATS_RECEIVED, received, "received"),
    FIGURE(WEFT_STATS_RECEIVED, received_bytes, "received_bytes"),
    FIGURE(WEFT_STATS_LOST, lost, "lost"),
    FIGURE(WEFT_STATS_SENT, sent, "sent"),
    FIGURE(WEFT_STATS_SENT, sent_bytes, "sent_bytes"),
    FIGURE(WEFT_STATS_DEPTH, depth, "depth"),
    FIGURE(WEFT_STATS_QUEUED, queued_bytes, "queued_bytes"),
    FIGURE(WEFT_STATS_FULL, full, "full"),
    FIGURE(WEFT_STATS_BLOCKED, blocked_ns, "blocked_ns"),
    FIGURE(WEFT_STATS_WAKES, wakes, "wakes"),
    FIGURE(WEFT_STATS_MEMORY, memory_bytes, "memory_bytes"),
#undef FIGURE
};

void inspection_json_stats(tool_json *json, const weft_endpoint_stats *stats)
{
    for (size_t i = 0; i < TOOL_COUNT_OF(figures); i++) {
        const char *base = (const char *)stats;

        if ((stats->valid & figures[i].bit) != 0) {
            tool_json_u64(
                json, figures[i].key,
                *(const uint64_t *)(const void *)(base + figures[i].offset));
        }
    }
}

void inspection_json_rates(tool_json *json, const weft_endpoint_stats *before,
                           const weft_endpoint_stats *now)
{
    uint64_t ns = now->at_ns - before->at_ns;

    tool_json_u64(json, "interval_ns", ns);
    if ((now->valid & WEFT_STATS_RECEIVED) != 0) {
        tool_json_double(json, "received_per_s",
                         inspection_rate(before->received, now->received, ns));
        tool_json_double(
            json, "received_bytes_per_s",
            inspection_rate(before->received_bytes, now->received_bytes, ns));
    }
    if ((now->valid & WEFT_STATS_SENT) != 0) {
        tool_json_double(json, "sent_per_s",
                         inspection_rate(before->sent, now->sent, ns));
        tool_json_double(
            json, "sent_bytes_per_s",
            inspection_rate(before->sent_bytes, now->sent_bytes, ns));
    }
}
