/* SPDX-License-Identifier: MIT
 *
 * The loop of weft memory daemon: what wakes it, the look at the machine, and
 * the config that it lives by.
 */
#include "memory_daemon.h"

#include <string.h>

#include <weft/system.h>
#include <weft/trim.h>

/*
 * With memory to spare and an alarm that rings when programs begin to wait,
 * nothing is missed by looking rarely.
 */
#define PLENTY_LOOK_NS UINT64_C(10000000000)

/* The alarm rings once in so long at most; on Windows it keeps ringing. */
#define ALARM_WINDOW_NS UINT64_C(2000000000)

/* After so long without an event the history is closed, for its library takes
 * more memory than all the rest. */
#define REST_NS UINT64_C(20000000000)

/* How often what is old is let go of in the history. */
#define PRUNE_NS UINT64_C(3600000000000)

/* ----------------------------------------------------------------- open --- */

static bool open_failed(const char *what, const weft_detail *detail)
{
    char text[256];

    weft_detail_text(detail, text, sizeof(text));
    tool_error("%s: %s", what, text);
    return false;
}

/* Whoever has the name is the daemon. */
static bool open_service(memory_daemon *me)
{
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    /* Small: who asks is one person, or a few programs. */
    options.clients_max = 16;
    options.calls_max = 4;
    options.message_max_bytes = UINT64_C(256) << 10;
    options.client_ring_max_bytes = (size_t)16 << 10;
    options.reply_ring_max_bytes = (size_t)16 << 10;
    options.queue_max_bytes = UINT64_C(256) << 10;
    status = weft_service_open(DAEMON_NAME, &options, &me->service, &detail);
    if (status == WEFT_EINUSE) {
        tool_error("a memory daemon runs already: 'weft memory status' asks "
                   "it");
        return false;
    }
    return status == WEFT_OK ||
           open_failed("cannot be asked at '" DAEMON_NAME "'", &detail);
}

static void open_watch(memory_daemon *me)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[256];

    if (weft_memory_watch_open(NULL, &me->watch, &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        daemon_note(me,
                    "the system does not tell when programs wait (%s): "
                    "memory is looked at each second",
                    text);
    }
}

static bool open_rules(const memory_config *config, weft_memory_rules **rules)
{
    weft_detail detail = {WEFT_OK, 0, NULL};

    *rules = NULL;
    return config->rules == NULL ||
           weft_memory_rules_open(config->rules, config->rules_bytes, rules,
                                  NULL, &detail) == WEFT_OK ||
           open_failed("cannot take in the rules", &detail);
}

static void take_config(memory_daemon *me)
{
    me->policy.constants = me->config.constants;
    me->policy.is_proactive = me->config.proactive;
}

bool memory_daemon_open(memory_daemon *me, int *exit_code)
{
    weft_system system = {.size = sizeof(system)};
    weft_detail detail = {WEFT_OK, 0, NULL};

    *exit_code = TOOL_USAGE;
    if (!memory_config_load(&me->config, &me->source, config_print_mistake,
                            &me->config)) {
        return false;
    }
    *exit_code = TOOL_FAILED;
    me->started_ns = weft_now_ns();
    me->started_unix_ns = sys_unix_ns();
    me->page_bytes = 4096;
    if (weft_system_info(&system) == WEFT_OK &&
        (system.valid & WEFT_SYSTEM_PAGE) != 0) {
        me->page_bytes = system.page_bytes;
    }
    policy_init(&me->policy, &me->config.constants);
    take_config(me);
    bandit_seed(&me->random, me->started_unix_ns);
    if (weft_memory_open(&me->memory, &detail) != WEFT_OK) {
        return open_failed("cannot look at the memory", &detail);
    }
    if (!open_rules(&me->config, &me->rules) || !open_service(me) ||
        !daemon_http_open(me)) {
        return false;
    }
    open_watch(me);
    daemon_open_topic(me);
    return true;
}

void memory_daemon_close(memory_daemon *me)
{
    daemon_end_runs(me);
    daemon_end_alerts(me);
    daemon_http_close(me);
    weft_service_close(&me->service);
    weft_publisher_close(&me->publisher);
    weft_memory_watch_close(&me->watch);
    weft_memory_close(&me->memory);
    weft_memory_rules_close(&me->rules);
    memory_store_close(&me->store);
    memory_config_end(&me->config);
}

/* --------------------------------------------------------------- reload --- */

/* The first mistake of a config that is read again. */
typedef struct mistake {
    const memory_config *config;
    char text[384];
} mistake;

static void note_mistake(void *context, int line, const char *text)
{
    mistake *first = context;

    if (first->text[0] == '\0') {
        (void)snprintf(first->text, sizeof(first->text),
                       line > 0 ? "line %d: %s" : "%.0d%s", line > 0 ? line : 0,
                       text);
    }
}

/* What can't be changed while it runs. */
static bool needs_restart(const memory_config *old, const memory_config *next)
{
    return strcmp(old->http_listen, next->http_listen) != 0 ||
           strcmp(old->http_token_file, next->http_token_file) != 0 ||
           strcmp(old->history_file, next->history_file) != 0 ||
           old->keeps_history != next->keeps_history;
}

bool memory_daemon_reload(memory_daemon *me, char *why, size_t room)
{
    static memory_config next;
    mistake first = {.config = &next};
    weft_memory_rules *rules = NULL;
    bool is_right =
        memory_config_load(&next, &me->source, note_mistake, &first);

    if (is_right && !open_rules(&next, &rules)) {
        (void)snprintf(first.text, sizeof(first.text),
                       "the rules can't be taken in");
        is_right = false;
    }
    if (!is_right) {
        (void)snprintf(why, room, "%s", first.text);
        daemon_note(me, "the config is wrong, and the old one stays: %.120s",
                    first.text);
        memory_config_end(&next);
        return false;
    }
    daemon_note(me, "the config was read again%s",
                needs_restart(&me->config, &next)
                    ? "; [http] and [history] change with a restart only"
                    : "");
    memory_config_end(&me->config);
    me->config = next;
    weft_memory_rules_close(&me->rules);
    me->rules = rules;
    take_config(me);
    me->list_ns = 0;
    me->look_ns = 0;
    return true;
}

/* ----------------------------------------------------------------- look --- */

static bool knows(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

/* Whether programs have waited lately, beyond the target. */
static bool has_waited(memory_daemon *me, const policy_sample *sample)
{
    const policy_sample *last = &me->policy.last;
    double interval = (double)(sample->now_ns - last->now_ns);

    if (me->policy.has_sample && sample->now_ns > last->now_ns &&
        sample->stall_some_ns > last->stall_some_ns &&
        100 * (double)(sample->stall_some_ns - last->stall_some_ns) >=
            interval * me->config.constants.stall_target) {
        me->waited_ns = sample->now_ns;
    }
    return me->waited_ns != 0 && (double)(sample->now_ns - me->waited_ns) <=
                                     me->config.constants.dwell * 1e9;
}

/*
 * In a group with a limit, the limit is what there is. Copies of files count
 * against it, too, and go without harm, so that little is left of it says
 * nothing unless programs wait besides.
 */
static void take_limit(memory_daemon *me, policy_sample *sample)
{
    const weft_memory_figures *figures = &me->figures;
    uint64_t left;

    if (!knows(figures, WEFT_MEMORY_LIMIT) ||
        !knows(figures, WEFT_MEMORY_LIMIT_USED) || figures->limit_bytes == 0 ||
        figures->limit_bytes >= sample->total_bytes ||
        (figures->has_stalls && !has_waited(me, sample))) {
        return;
    }
    left = figures->limit_used_bytes < figures->limit_bytes
               ? figures->limit_bytes - figures->limit_used_bytes
               : 0;
    sample->total_bytes = figures->limit_bytes;
    if (left < sample->available_bytes) {
        sample->available_bytes = left;
    }
}

static void take_sample(memory_daemon *me, uint64_t now_ns,
                        policy_sample *sample)
{
    const weft_memory_figures *figures = &me->figures;

    *sample = (policy_sample){.now_ns = now_ns,
                              .total_bytes = figures->total_bytes,
                              .available_bytes = figures->available_bytes,
                              .page_bytes = me->page_bytes,
                              .has_stalls = figures->has_stalls,
                              .stall_some_ns = figures->stall_some_ns,
                              .stall_all_ns = figures->stall_all_ns,
                              .told = WEFT_PRESSURE_CALM};
    if (knows(figures, WEFT_MEMORY_SWAP_TOTAL) &&
        knows(figures, WEFT_MEMORY_SWAP_FREE)) {
        sample->swap_total_bytes = figures->swap_total_bytes;
        sample->swap_free_bytes = figures->swap_free_bytes;
    }
    take_limit(me, sample);
    if (!figures->has_stalls) {
        sample->told = figures->pressure;
    }
}

/* When there is plenty, and the alarm will ring if that changes. */
static uint64_t next_look_ns(const memory_daemon *me,
                             const policy_sample *sample)
{
    bool has_plenty = me->decision.state == WEFT_PRESSURE_CALM &&
                      !me->decision.has_eta &&
                      (double)sample->available_bytes >=
                          (double)sample->total_bytes * 2 *
                              me->config.constants.watch_available / 100;

    return has_plenty && me->watch != NULL &&
                   me->decision.next_look_ns < PLENTY_LOOK_NS
               ? PLENTY_LOOK_NS
               : me->decision.next_look_ns;
}

static void look(memory_daemon *me, uint64_t now_ns)
{
    policy_target targets[DAEMON_TARGETS_MOST];
    policy_sample sample;
    weft_detail detail = {WEFT_OK, 0, NULL};
    memory_event event = {.kind = MEMORY_EVENT_STATE};
    weft_pressure before = me->policy.state;

    me->figures = (weft_memory_figures){.size = sizeof(me->figures)};
    me->look_ns = now_ns + me->decision.next_look_ns;
    if (weft_memory_look(me->memory, &me->figures, &detail) != WEFT_OK ||
        !knows(&me->figures, WEFT_MEMORY_AVAILABLE) ||
        me->figures.total_bytes == 0) {
        me->look_ns = now_ns + ALARM_WINDOW_NS;
        daemon_note(me, "the system does not tell how much memory is "
                        "available");
        return;
    }
    me->looks++;
    take_sample(me, now_ns, &sample);
    me->policy.is_proactive = me->config.proactive || me->is_wanted;
    if (me->policy.state >= WEFT_PRESSURE_WATCH ||
        me->policy.rising >= WEFT_PRESSURE_WATCH || me->policy.is_proactive) {
        daemon_list_targets(me, now_ns);
    }
    daemon_fill_targets(me, now_ns, targets);
    policy_decide(&me->policy, &sample, targets, me->target_count,
                  &me->decision);
    me->is_wanted = false;
    me->look_ns = now_ns + next_look_ns(me, &sample);
    if (me->decision.has_changed) {
        event.from = before;
        (void)snprintf(event.reason, sizeof(event.reason), "%s",
                       me->decision.reason);
        daemon_tell(me, &event);
    }
    daemon_act(me, now_ns);
}

void daemon_want_memory(memory_daemon *me)
{
    me->is_wanted = true;
    me->look_ns = 0;
    daemon_note(me, "asked to look now");
}

/* ----------------------------------------------------------------- loop --- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void hear_alarm(memory_daemon *me, uint64_t now_ns)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    if (me->watch == NULL || now_ns < me->deaf_until_ns) {
        return;
    }
    status = weft_memory_watch_next(me->watch, WEFT_NOW, &detail);
    if (status == WEFT_OK) {
        me->alarms++;
        me->deaf_until_ns = now_ns + ALARM_WINDOW_NS;
        me->look_ns = 0;
    } else if (status != WEFT_EAGAIN && status != WEFT_EINTR) {
        daemon_note(me, "the system tells no more when programs wait: memory "
                        "is looked at each second");
        weft_memory_watch_close(&me->watch);
    }
}

static sys_event sleep_until(memory_daemon *me, uint64_t until_ns, int *code)
{
    sys_waits waits = {.count = 0};
    uint64_t http_ns = WEFT_FOREVER;
    weft_handle http = daemon_http_handle(me, &http_ns);

    waits.handles[waits.count++] = weft_service_handle(me->service);
    if (me->watch != NULL && weft_now_ns() >= me->deaf_until_ns) {
        waits.handles[waits.count++] = weft_memory_watch_handle(me->watch);
    }
    if (http != WEFT_HANDLE_NONE) {
        waits.handles[waits.count++] = http;
    }
    return sys_wait_several(&waits, sooner(until_ns, http_ns), code);
}

/* Returns when it is to be closed. */
static uint64_t rest(memory_daemon *me, uint64_t now_ns)
{
    if (me->store == NULL) {
        return WEFT_FOREVER;
    }
    if (now_ns - me->store_ns >= REST_NS) {
        memory_store_close(&me->store);
        /* Where there is no such call, what was freed stays in the heap. */
        (void)weft_memory_trim_heap(NULL);
        return WEFT_FOREVER;
    }
    return me->store_ns + REST_NS;
}

static void prune(memory_daemon *me, uint64_t now_ns)
{
    uint64_t now_unix_ns = sys_unix_ns();
    history_problem problem = {""};

    if (me->store == NULL || now_ns < me->prune_ns) {
        return;
    }
    me->prune_ns = now_ns + PRUNE_NS;
    (void)memory_store_prune(me->store,
                             now_unix_ns > me->config.history_keep_ns
                                 ? now_unix_ns - me->config.history_keep_ns
                                 : 0,
                             me->config.history_most_bytes, &problem);
}

/* True: it is to end. */
static bool take_signal(memory_daemon *me)
{
    bool is_shared;
    char why[384];

    if (sys_take_signal(&is_shared) != sys_signal_number("HUP")) {
        return true;
    }
    (void)memory_daemon_reload(me, why, sizeof(why));
    return false;
}

int memory_daemon_run(memory_daemon *me)
{
    sys_event event = SYS_READY;
    char text[128];
    int code = 0;

    daemon_note(me, "started%s", me->config.dry_run ? ", as a dry run" : "");
    while (event != SYS_ERROR) {
        uint64_t now_ns = weft_now_ns();
        uint64_t due_ns;

        hear_alarm(me, now_ns);
        if (now_ns >= me->look_ns) {
            look(me, now_ns);
        }
        due_ns = daemon_follow(me, now_ns);
        daemon_look_at_alerts(me);
        daemon_answer(me);
        daemon_http_step(me);
        prune(me, now_ns);
        due_ns = sooner(due_ns, rest(me, now_ns));
        event = sleep_until(me, sooner(me->look_ns, due_ns), &code);
        if (event == SYS_INTERRUPTED && take_signal(me)) {
            daemon_note(me, "ended");
            return TOOL_OK;
        }
    }
    tool_error("cannot wait: %s", sys_error_text(code, text, sizeof(text)));
    return TOOL_FAILED;
}
