/* SPDX-License-Identifier: MIT
 *
 * What processes use, for people and as JSON. What is not known of a process
 * is a dash or is absent; of a sum it is told of how many it is known.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "sys.h"
#include "usage_table.h"

/* How far a command is moved to the right below its parent's, at most. */
#define DEPTH_MOST 20

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* ------------------------------------------------------------------ sum --- */

/* Of how many this is not known. */
static size_t count_unknown(const weft_member *members, size_t count,
                            uint32_t bit)
{
    size_t unknown = 0;

    for (size_t i = 0; i < count; i++) {
        unknown += (members[i].valid & bit) == 0;
    }
    return unknown;
}

/* What follows a figure that is known of some of them only. */
static void print_gap(const weft_member *members, size_t count, uint32_t bit)
{
    size_t unknown = count_unknown(members, count, bit);

    if (unknown > 0) {
        printf("  (without %zu of %zu processes, which this user may not look "
               "into)",
               unknown, count);
    }
    putchar('\n');
}

static void print_bytes(const char *label, const weft_member *members,
                        size_t count, uint32_t bit, uint64_t bytes)
{
    char text[24];

    if (count_unknown(members, count, bit) == count) {
        printf("  %-32s unknown: this user may not look into it\n", label);
        return;
    }
    tool_format_bytes((double)bytes, text, sizeof(text));
    printf("  %-32s %s", label, text);
    print_gap(members, count, bit);
}

static void print_count(const char *label, const weft_member *members,
                        size_t count, uint32_t bit, uint64_t number)
{
    if (count_unknown(members, count, bit) == count) {
        printf("  %-32s unknown: this user may not look into it\n", label);
        return;
    }
    printf("  %-32s %" PRIu64, label, number);
    print_gap(members, count, bit);
}

/* "2026-11-21 21:30:00", local. */
static void format_start(uint64_t unix_ns, const char *form, char *text,
                         size_t room)
{
    time_t start = (time_t)(unix_ns / 1000000000);
    const struct tm *parts = localtime(&start);

    if (parts == NULL || strftime(text, room, form, parts) == 0) {
        (void)snprintf(text, room, "-");
    }
}

static void print_head(const weft_member *root)
{
    char command[sizeof(root->command)];
    char start[32];

    (void)snprintf(command, sizeof(command), "%s", root->command);
    tool_clean(command);
    format_start(root->started_unix_ns, "%Y-%m-%d %H:%M:%S", start,
                 sizeof(start));
    printf("%" PRId64 ": %s, since %s\n", root->pid, command, start);
}

void usage_print_sum(const weft_member *members, size_t count)
{
    weft_member sum;
    size_t ended = 0;

    if (weft_tree_sum(members, count, &sum) != WEFT_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        ended += members[i].has_ended;
    }
    print_head(&members[0]);
    printf("  %-32s %zu", "processes", count);
    if (ended > 0) {
        printf("  (%zu of them ended, but not waited for)", ended);
    }
    putchar('\n');
    print_count("threads", members, count, WEFT_MEMBER_THREADS, sum.threads);
    printf("  %-32s %.2f s\n", "CPU, user", seconds(sum.user_ns));
    printf("  %-32s %.2f s\n", "CPU, system", seconds(sum.system_ns));
    printf("  %-32s %.2f s\n", "CPU of children that ended",
           seconds(sum.waited_user_ns + sum.waited_system_ns));
    print_bytes("memory: PSS (shared in shares)", members, count,
                WEFT_MEMBER_SHARE, sum.share_bytes);
    print_bytes("memory: RSS (shared in each)", members, count,
                WEFT_MEMBER_RESIDENT, sum.resident_bytes);
    if (count_unknown(members, count, WEFT_MEMBER_PEAK) < count) {
        print_bytes("peak RSS of the largest process", members, count,
                    WEFT_MEMBER_PEAK, sum.peak_bytes);
    }
    print_count("open files", members, count, WEFT_MEMBER_HANDLES, sum.handles);
}

/* ----------------------------------------------------------------- tree --- */

static void print_cell(bool is_known, const char *text, int width)
{
    printf("%*s ", width, is_known ? text : "-");
}

static void print_bytes_cell(const weft_member *member, uint32_t bit,
                             uint64_t bytes)
{
    char text[24];

    tool_format_bytes((double)bytes, text, sizeof(text));
    print_cell((member->valid & bit) != 0, text, 10);
}

static void print_count_cell(const weft_member *member, uint32_t bit,
                             uint64_t number, int width)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    print_cell((member->valid & bit) != 0, text, width);
}

static void print_process(const weft_member *member, unsigned depth)
{
    char command[sizeof(member->command)];
    char text[32];

    (void)snprintf(command, sizeof(command), "%s", member->command);
    tool_clean(command);
    printf("%7" PRId64 " ", member->pid);
    (void)snprintf(text, sizeof(text), "%.2f", seconds(member->user_ns));
    print_cell(true, text, 8);
    (void)snprintf(text, sizeof(text), "%.2f", seconds(member->system_ns));
    print_cell(true, text, 8);
    print_bytes_cell(member, WEFT_MEMBER_SHARE, member->share_bytes);
    print_bytes_cell(member, WEFT_MEMBER_RESIDENT, member->resident_bytes);
    print_bytes_cell(member, WEFT_MEMBER_PEAK, member->peak_bytes);
    print_count_cell(member, WEFT_MEMBER_THREADS, member->threads, 4);
    print_count_cell(member, WEFT_MEMBER_HANDLES, member->handles, 5);
    format_start(member->started_unix_ns, "%m-%d %H:%M:%S", text, sizeof(text));
    printf("%14s  %*s%s%s\n", text,
           (int)(2 * (depth < DEPTH_MOST ? depth : DEPTH_MOST)), "", command,
           member->has_ended ? " (has ended)" : "");
}

/* The next one below `parent` behind `after`, or `count`. */
static size_t next_child(const weft_member *members, size_t count,
                         int64_t parent, size_t after)
{
    for (size_t i = after + 1; i < count; i++) {
        if (members[i].parent == parent) {
            return i;
        }
    }
    return count;
}

static size_t find_member(const weft_member *members, size_t count, int64_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (members[i].pid == pid) {
            return i;
        }
    }
    return count;
}

/*
 * One that was printed is left to print those below it, and come back: each
 * comes after its parent in the list, so this ends.
 */
static void print_below(const weft_member *members, size_t count, size_t top)
{
    size_t at = top;
    size_t after = top;
    unsigned depth = 0;

    print_process(&members[top], depth);
    for (;;) {
        size_t child = next_child(members, count, members[at].pid, after);

        if (child < count) {
            at = child;
            after = child;
            depth++;
            print_process(&members[at], depth);
        } else if (at == top) {
            return;
        } else {
            after = at;
            at = find_member(members, count, members[at].parent);
            depth--;
        }
    }
}

void usage_print_tree(const weft_member *members, size_t count)
{
    printf("%7s %8s %8s %10s %10s %10s %4s %5s %14s  %s\n", "PID", "USER s",
           "SYSTEM s", "PSS", "RSS", "PEAK RSS", "THR", "FILES", "STARTED",
           "COMMAND");
    for (size_t i = 0; i < count; i++) {
        /* The root, and orphans that were found by their sessions. */
        if (find_member(members, i, members[i].parent) == i) {
            print_below(members, count, i);
        }
    }
}

/* ----------------------------------------------------------------- JSON --- */

static void json_figures(tool_json *json, const weft_member *member)
{
    const struct {
        const char *key;
        uint32_t bit;
        uint64_t value;
    } figures[] = {
        {"started_unix_ns", WEFT_MEMBER_STARTED, member->started_unix_ns},
        {"user_ns", WEFT_MEMBER_CPU, member->user_ns},
        {"system_ns", WEFT_MEMBER_CPU, member->system_ns},
        {"waited_user_ns", WEFT_MEMBER_WAITED, member->waited_user_ns},
        {"waited_system_ns", WEFT_MEMBER_WAITED, member->waited_system_ns},
        {"pss_bytes", WEFT_MEMBER_SHARE, member->share_bytes},
        {"rss_bytes", WEFT_MEMBER_RESIDENT, member->resident_bytes},
        {"rss_peak_bytes", WEFT_MEMBER_PEAK, member->peak_bytes},
        {"threads", WEFT_MEMBER_THREADS, member->threads},
        {"open_files", WEFT_MEMBER_HANDLES, member->handles},
    };

    for (size_t i = 0; i < TOOL_COUNT_OF(figures); i++) {
        if ((member->valid & figures[i].bit) != 0) {
            tool_json_u64(json, figures[i].key, figures[i].value);
        }
    }
}

void usage_print_json(const weft_member *members, size_t count, bool each)
{
    weft_member sum;
    tool_json json;

    for (size_t i = 0; each && i < count; i++) {
        tool_json_begin(&json, stdout);
        tool_json_text(&json, "type", "process");
        tool_json_u64(&json, "pid", (uint64_t)members[i].pid);
        tool_json_u64(&json, "parent", (uint64_t)members[i].parent);
        tool_json_text(&json, "command", members[i].command);
        tool_json_bool(&json, "ended", members[i].has_ended);
        json_figures(&json, &members[i]);
        tool_json_end(&json);
    }
    if (weft_tree_sum(members, count, &sum) != WEFT_OK) {
        return;
    }
    tool_json_begin(&json, stdout);
    tool_json_text(&json, "type", "tree");
    tool_json_u64(&json, "pid", (uint64_t)sum.pid);
    tool_json_text(&json, "command", sum.command);
    tool_json_u64(&json, "processes", count);
    json_figures(&json, &sum);
    tool_json_end(&json);
}
