/* SPDX-License-Identifier: MIT
 *
 * weft stat - what goes on at one endpoint, once or again and again.
 */
#include <inttypes.h>
#include <string.h>

#include "inspection.h"
#include "sys.h"

/* Lines after which a terminal shows the header again. */
#define HEADER_EVERY 20

typedef struct stat_values {
    bool json;
    bool watch;
    uint64_t interval_ns;
    uint64_t count;
    uint64_t timeout_ns;
} stat_values;

static const tool_option options[] = {
    {.name = "watch",
     .letter = 'w',
     .kind = TOOL_FLAG,
     .offset = offsetof(stat_values, watch),
     .help = "print a line after each interval, until the endpoint ends"},
    {.name = "interval",
     .letter = 'i',
     .kind = TOOL_DURATION,
     .offset = offsetof(stat_values, interval_ns),
     .label = "D",
     .least = 1000000,
     .help = "with '--watch': how long one is (default 1s)"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(stat_values, count),
     .label = "N",
     .least = 1,
     .help = "with '--watch': end after N lines"},
    {.name = "timeout",
     .letter = 't',
     .kind = TOOL_DURATION,
     .offset = offsetof(stat_values, timeout_ns),
     .label = "D",
     .least = 1,
     .help = "wait so long for the endpoint to answer (default 1s); then the "
             "exit code is 124"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(stat_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "stat",
    .usage = "[options] NAME",
    .about = "Prints the counters of the endpoint NAME: a service, a topic's "
             "publisher or a\nlistener. Further publishers of a topic are "
             "NAME+1, NAME+2 and so on. The\nendpoint is asked once, and then "
             "read without any work for it.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

/* One run. */
typedef struct stat_job {
    const stat_values *values;
    const char *name;
    weft_inspection *inspection;
    weft_endpoint_stats before;
    weft_endpoint_stats now;
    uint64_t lines;
} stat_job;

/* -------------------------------------------------------------- failures -- */

static int fail(const stat_job *job, weft_status status,
                const weft_detail *detail)
{
    char text[256];

    switch (status) {
    case WEFT_ENOENT:
        tool_error("nobody listens at '%s'", job->name);
        return TOOL_FAILED;
    case WEFT_ECLOSED:
        tool_error("'%s' was closed", job->name);
        return TOOL_OK;
    case WEFT_EPEERDIED:
        tool_error("the process of '%s' has ended without closing it",
                   job->name);
        return TOOL_FAILED;
    case WEFT_EAGAIN:
    case WEFT_ETIMEDOUT:
        tool_error("'%s' does not answer: its process (%" PRId64
                   ") is stopped, or busy with something else",
                   job->name, job->now.owner.pid);
        return TOOL_TIMEOUT;
    default:
        weft_detail_text(detail, text, sizeof(text));
        tool_error("cannot inspect '%s': %s", job->name, text);
        return TOOL_FAILED;
    }
}

/* ------------------------------------------------------------------ text -- */

static void print_count(const char *label, unsigned bit,
                        const weft_endpoint_stats *stats, uint64_t number)
{
    if ((stats->valid & bit) != 0) {
        printf("  %-12s %" PRIu64 "\n", label, number);
    }
}

static void print_bytes(const char *label, unsigned bit,
                        const weft_endpoint_stats *stats, uint64_t bytes)
{
    char text[24];

    if ((stats->valid & bit) != 0) {
        tool_format_bytes((double)bytes, text, sizeof(text));
        printf("  %-12s %s\n", label, text);
    }
}

static void print_once(const stat_job *job)
{
    const weft_endpoint_stats *now = &job->now;
    char command[64] = "";

    (void)sys_process_name(now->owner.pid, command, sizeof(command));
    tool_clean(command);
    printf("%s: %s of process %" PRId64 "%s%s%s, for %.1f s\n", job->name,
           inspection_kind(now->kind), now->owner.pid,
           command[0] != '\0' ? " (" : "", command,
           command[0] != '\0' ? ")" : "", (double)now->age_ns / 1e9);
    print_count("peers", WEFT_STATS_PEERS, now, now->peers);
    print_count("reliable", WEFT_STATS_RELIABLE, now, now->reliable);
    print_count("parked", WEFT_STATS_PARKED, now, now->parked);
    print_count("admitted", WEFT_STATS_ADMITTED, now, now->admitted);
    print_count("turned away", WEFT_STATS_TURNED_AWAY, now, now->turned_away);
    print_count("cut off", WEFT_STATS_CUT_OFF, now, now->cut_off);
    print_count("received", WEFT_STATS_RECEIVED, now, now->received);
    print_bytes("", WEFT_STATS_RECEIVED, now, now->received_bytes);
    print_count("lost", WEFT_STATS_LOST, now, now->lost);
    print_count("sent", WEFT_STATS_SENT, now, now->sent);
    print_bytes("", WEFT_STATS_SENT, now, now->sent_bytes);
    print_count("depth", WEFT_STATS_DEPTH, now, now->depth);
    print_bytes("queued", WEFT_STATS_QUEUED, now, now->queued_bytes);
    print_count("full", WEFT_STATS_FULL, now, now->full);
    if ((now->valid & WEFT_STATS_BLOCKED) != 0) {
        printf("  %-12s %.3f s\n", "blocked", (double)now->blocked_ns / 1e9);
    }
    print_count("wakes", WEFT_STATS_WAKES, now, now->wakes);
    print_bytes("memory", WEFT_STATS_MEMORY, now, now->memory_bytes);
}

/* A column of the table: absent is a dash. */
static void print_cell(const weft_endpoint_stats *now, unsigned bit,
                       double number)
{
    char text[24] = "-";

    if ((now->valid & bit) != 0) {
        inspection_format(number, text, sizeof(text));
    }
    printf(" %7s", text);
}

static void print_line(stat_job *job)
{
    static const char *const heads[] = {
        "peers",   "recv/s", "recvB/s", "sent/s",  "sentB/s", "depth",
        "queuedB", "lost",   "full",    "wakes/s", "parked",  "blocked"};
    const weft_endpoint_stats *before = &job->before;
    const weft_endpoint_stats *now = &job->now;
    uint64_t ns = now->at_ns - before->at_ns;

    if (job->lines == 0 ||
        (sys_stdout_is_terminal() && job->lines % HEADER_EVERY == 0)) {
        for (size_t i = 0; i < TOOL_COUNT_OF(heads); i++) {
            printf(" %7s", heads[i]);
        }
        putchar('\n');
    }
    print_cell(now, WEFT_STATS_PEERS, (double)now->peers);
    print_cell(now, WEFT_STATS_RECEIVED,
               inspection_rate(before->received, now->received, ns));
    print_cell(
        now, WEFT_STATS_RECEIVED,
        inspection_rate(before->received_bytes, now->received_bytes, ns));
    print_cell(now, WEFT_STATS_SENT,
               inspection_rate(before->sent, now->sent, ns));
    print_cell(now, WEFT_STATS_SENT,
               inspection_rate(before->sent_bytes, now->sent_bytes, ns));
    print_cell(now, WEFT_STATS_DEPTH, (double)now->depth);
    print_cell(now, WEFT_STATS_QUEUED, (double)now->queued_bytes);
    print_cell(now, WEFT_STATS_LOST, (double)now->lost);
    print_cell(now, WEFT_STATS_FULL, (double)now->full);
    print_cell(now, WEFT_STATS_WAKES,
               inspection_rate(before->wakes, now->wakes, ns));
    print_cell(now, WEFT_STATS_PARKED, (double)now->parked);
    print_cell(now, WEFT_STATS_BLOCKED, now->blocked_ns != 0);
    putchar('\n');
}

/* ------------------------------------------------------------------ both -- */

static void print_object(const stat_job *job)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "name", job->name);
    tool_json_text(&json, "kind", inspection_kind(job->now.kind));
    inspection_json_owner(&json, &job->now.owner);
    inspection_json_stats(&json, &job->now);
    if (job->values->watch) {
        inspection_json_rates(&json, &job->before, &job->now);
    }
    tool_json_end(&json);
}

static void print_now(stat_job *job)
{
    if (job->values->json) {
        print_object(job);
    } else if (job->values->watch) {
        print_line(job);
    } else {
        print_once(job);
    }
    job->lines++;
}

/* The intervals do not add up their delays. */
static int watch(stat_job *job)
{
    uint64_t next_ns = job->now.at_ns;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = WEFT_OK;

    while (status == WEFT_OK) {
        next_ns += job->values->interval_ns;
        status = weft_inspection_wait(job->inspection, next_ns, &detail);
        if (status != WEFT_ETIMEDOUT && status != WEFT_EPEERDIED) {
            return fail(job, status, &detail);
        }
        job->before = job->now;
        status =
            weft_inspection_read(job->inspection, &job->now, WEFT_NOW, &detail);
        if (status == WEFT_OK) {
            print_now(job);
            if (fflush(stdout) != 0 || job->lines == job->values->count) {
                return TOOL_OK; /* main() says it if a write has failed */
            }
        }
    }
    return fail(job, status, &detail);
}

static int look(stat_job *job)
{
    uint64_t deadline_ns = weft_after_ns(job->values->timeout_ns);
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weft_inspection_open(
        job->name, deadline_ns, &job->inspection, &job->now.owner, &detail);

    if (status == WEFT_OK) {
        status = weft_inspection_read(job->inspection, &job->now, deadline_ns,
                                      &detail);
    }
    if (status != WEFT_OK) {
        return fail(job, status, &detail);
    }
    if (job->values->watch) {
        return watch(job);
    }
    print_now(job);
    return TOOL_OK;
}

int cmd_stat(int argc, char **argv)
{
    stat_values values = {.interval_ns = 1000000000, .timeout_ns = 1000000000};
    stat_job job = {.values = &values};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    job.name = operands.items[0];
    job.now.size = sizeof(job.now);
    exit_code = look(&job);
    weft_inspection_close(&job.inspection);
    return exit_code;
}
