/* SPDX-License-Identifier: MIT
 *
 * The alerts of a program that runs.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <weft/system.h>

#include "alerting.h"
#include "sys.h"

/* The helper was busy: as soon as it may not be. */
#define AGAIN_NS UINT64_C(20000000)

#define VARIABLES 5
#define VARIABLE_ROOM 128

typedef struct watch {
    const alert *alert;
    bool is_over; /* it has fired, or can't be told */
    uint64_t limit;
    uint64_t look_ns;   /* when the next look is due */
    uint64_t before;    /* the value at the last one */
    uint64_t before_ns; /* and when that was */
} watch;

struct alerting {
    watch watches[ALERTS_MAX];
    size_t count;
    sys_shell shells[ALERTS_MAX];
    const watch *causes[ALERTS_MAX]; /* of the shells */
    size_t shell_count;
    weft_process *process;
    int64_t pid;
    uint64_t started_ns;
    uint64_t output_bytes;
    uint64_t output_ns; /* when the output was last seen to have grown */
    unsigned cpus;
};

bool alerting_check(run_values *values)
{
    const run_limit *limits = values->limits;
    bool counts_output =
        limits[WEFT_FENCE_OUTPUT].is_given || limits[WEFT_FENCE_IDLE].is_given;

    for (size_t i = 0; i < values->alerts.count; i++) {
        alert *item = &values->alerts.items[i];
        const char *why =
            alert_resolve(item, limits[alert_fence(item->what)].hard);

        if (why == NULL && !counts_output &&
            (item->what == ALERT_OUTPUT || item->what == ALERT_IDLE)) {
            why = "needs --out or --idle: output is not counted without";
        }
        if (why == NULL && item->what == ALERT_PROCS &&
            !limits[WEFT_FENCE_PROCESSES].is_given) {
            why = "needs --procs: processes are not counted without";
        }
        if (why != NULL) {
            tool_usage_error("run", "option '--alert': '%s' %s",
                             item->condition, why);
            return false;
        }
    }
    return true;
}

static unsigned usable_cpus(void)
{
    weft_system system = {.size = sizeof(system)};

    return weft_system_info(&system) == WEFT_OK &&
                   (system.valid & WEFT_SYSTEM_CPUS_USABLE) != 0
               ? system.cpus_usable
               : 1;
}

/* The first look is when the value can have got there from 0. */
static void begin_watch(alerting *me, watch *item)
{
    alert_pace pace = {.cpus = me->cpus};

    item->before_ns = me->started_ns;
    item->look_ns = me->started_ns + alert_pause_ns(item->alert, &pace);
    if (item->look_ns < me->started_ns) {
        item->look_ns = WEFT_FOREVER;
    }
}

alerting *alerting_begin(const run_values *values, weft_process *process)
{
    const alert_list *list = &values->alerts;
    alerting *me;

    if (list->count == 0) {
        return NULL;
    }
    me = calloc(1, sizeof(*me));
    if (me == NULL) {
        tool_error("no alert will fire: %s", weft_status_text(WEFT_ENOMEM));
        return NULL;
    }
    me->process = process;
    me->pid = weft_process_pid(process);
    me->started_ns = weft_now_ns();
    me->output_ns = me->started_ns;
    me->cpus = usable_cpus();
    me->count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        me->watches[i].alert = &list->items[i];
        me->watches[i].limit =
            values->limits[alert_fence(list->items[i].what)].hard;
        begin_watch(me, &me->watches[i]);
    }
    return me;
}

uint64_t alerting_deadline_ns(const alerting *me)
{
    uint64_t deadline_ns = WEFT_FOREVER;

    for (size_t i = 0; me != NULL && i < me->count; i++) {
        const watch *item = &me->watches[i];

        if (!item->is_over && item->look_ns < deadline_ns) {
            deadline_ns = item->look_ns;
        }
    }
    return deadline_ns;
}

/* --------------------------------------------------------------- values --- */

static uint64_t larger(uint64_t first, uint64_t second)
{
    return first > second ? first : second;
}

/* What is known of it: a peak tells, too, what no look has met. */
static bool value_of(const alerting *me, alert_what what,
                     const weft_usage *usage, uint64_t *value)
{
    static const uint32_t needed[ALERT_WHATS] = {
        [ALERT_MEM] = WEFT_USAGE_MEMORY | WEFT_USAGE_PEAK,
        [ALERT_CPU] = WEFT_USAGE_CPU,
        [ALERT_WALL] = WEFT_USAGE_WALL,
        [ALERT_OUTPUT] = WEFT_USAGE_OUTPUT,
        [ALERT_IDLE] = WEFT_USAGE_OUTPUT,
    };

    switch (what) {
    case ALERT_MEM:
        *value = larger(
            (usage->valid & WEFT_USAGE_MEMORY) != 0 ? usage->memory_bytes : 0,
            (usage->valid & WEFT_USAGE_PEAK) != 0 ? usage->memory_peak_bytes
                                                  : 0);
        break;
    case ALERT_CPU:
        *value = usage->cpu_ns;
        break;
    case ALERT_WALL:
        *value = usage->wall_ns;
        break;
    case ALERT_PROCS:
        *value = larger(
            (usage->valid & WEFT_USAGE_PROCESSES) != 0 ? usage->processes : 0,
            usage->processes_peak);
        return *value != 0;
    case ALERT_OUTPUT:
        *value = usage->output_bytes;
        break;
    default:
        *value = weft_now_ns() - me->output_ns;
        break;
    }
    return (usage->valid & needed[what]) != 0;
}

/* --------------------------------------------------------------- firing --- */

static void fire(alerting *me, watch *item, uint64_t value)
{
    static const char form[] = "%s=%" PRIu64;
    char room[VARIABLES][VARIABLE_ROOM];
    char *variables[VARIABLES + 1] = {room[0], room[1], room[2], room[3]};
    const alert *cause = item->alert;
    char text[128];
    int code;

    item->is_over = true;
    (void)snprintf(room[0], sizeof(room[0]), "WEFT_ALERT=%s", cause->condition);
    (void)snprintf(room[1], sizeof(room[1]), form, "WEFT_ALERT_VALUE", value);
    (void)snprintf(room[2], sizeof(room[2]), form, "WEFT_ALERT_THRESHOLD",
                   cause->percent > 0 ? cause->least : cause->least - 1);
    (void)snprintf(room[3], sizeof(room[3]), "WEFT_RUN_PID=%" PRId64, me->pid);
    if (item->limit != 0) {
        (void)snprintf(room[4], sizeof(room[4]), form, "WEFT_ALERT_LIMIT",
                       item->limit);
        variables[4] = room[4];
    }
    code = sys_shell_start(cause->command, variables,
                           &me->shells[me->shell_count]);
    if (code != 0) {
        tool_error("alert '%s': cannot start its command: %s", cause->condition,
                   sys_error_text(code, text, sizeof(text)));
        return;
    }
    me->causes[me->shell_count++] = item;
}

/* --------------------------------------------------------------- looking -- */

static void note_output(alerting *me, const weft_usage *usage)
{
    if ((usage->valid & WEFT_USAGE_OUTPUT) != 0 &&
        usage->output_bytes > me->output_bytes) {
        me->output_bytes = usage->output_bytes;
        me->output_ns = weft_now_ns();
    }
}

/* Fires it, or says when to look again. */
static void look_at(alerting *me, watch *item, const weft_usage *usage)
{
    uint64_t now_ns = weft_now_ns();
    alert_pace pace = {.before = item->before,
                       .wall_ns = usage->wall_ns,
                       .step_ns = now_ns - item->before_ns,
                       .cpus = me->cpus};

    if (!value_of(me, item->alert->what, usage, &pace.value)) {
        tool_error("alert '%s': the value is not known here",
                   item->alert->condition);
        item->is_over = true;
        return;
    }
    if (pace.value >= item->alert->least) {
        fire(me, item, pace.value);
        return;
    }
    item->look_ns = now_ns + alert_pause_ns(item->alert, &pace);
    item->before = pace.value;
    item->before_ns = now_ns;
}

void alerting_look(alerting *me)
{
    weft_usage usage = {.size = sizeof(usage)};
    uint64_t now_ns = weft_now_ns();
    weft_status status;

    if (me == NULL || now_ns < alerting_deadline_ns(me)) {
        return;
    }
    status = weft_process_usage(me->process, &usage);
    if (status == WEFT_OK) {
        note_output(me, &usage);
    }
    for (size_t i = 0; i < me->count; i++) {
        watch *item = &me->watches[i];

        if (item->is_over || item->look_ns > now_ns) {
            continue;
        }
        if (status == WEFT_OK) {
            look_at(me, item, &usage);
        } else {
            /* It has ended, then the end will tell, or the helper is busy. */
            item->look_ns =
                status == WEFT_EAGAIN ? now_ns + AGAIN_NS : WEFT_FOREVER;
        }
    }
}

/* ------------------------------------------------------------------ end --- */

static void look_at_end(alerting *me, const weft_usage *usage)
{
    for (size_t i = 0; i < me->count; i++) {
        watch *item = &me->watches[i];
        uint64_t value;

        if (!item->is_over && item->alert->what != ALERT_IDLE &&
            value_of(me, item->alert->what, usage, &value) &&
            value >= item->alert->least) {
            fire(me, item, value);
        }
    }
}

void alerting_end(alerting **me, const weft_usage *usage)
{
    alerting *ended = *me;

    if (ended == NULL) {
        return;
    }
    if (usage != NULL) {
        look_at_end(ended, usage);
    }
    sys_shells_end(ended->shells, ended->shell_count,
                   weft_after_ns(ALERTING_WAIT_NS));
    for (size_t i = 0; i < ended->shell_count; i++) {
        if (ended->shells[i].ending[0] != '\0') {
            tool_error("alert '%s': its command %s",
                       ended->causes[i]->alert->condition,
                       ended->shells[i].ending);
        }
    }
    free(ended);
    *me = NULL;
}
