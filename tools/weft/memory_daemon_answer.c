/* SPDX-License-Identifier: MIT
 *
 * What the daemon answers: its state and its events, as JSON, to the clients of
 * its service and of its web server alike.
 */
#include "memory_daemon.h"

#include <stdlib.h>
#include <string.h>

#include <weft/system.h>

/* A request longer than this is none. */
#define REQUEST_MOST 256

/* ----------------------------------------------------------------- JSON --- */

static void put_figures(const memory_daemon *me, tool_json *json)
{
    const weft_memory_figures *figures = &me->figures;

    tool_json_u64(json, "total_bytes", me->policy.last.total_bytes);
    tool_json_u64(json, "available_bytes", me->policy.last.available_bytes);
    if ((figures->valid >> WEFT_MEMORY_SWAP_TOTAL & 1) != 0) {
        tool_json_u64(json, "swap_total_bytes", figures->swap_total_bytes);
    }
    if ((figures->valid >> WEFT_MEMORY_SWAP_FREE & 1) != 0) {
        tool_json_u64(json, "swap_free_bytes", figures->swap_free_bytes);
    }
    if (figures->has_stalls) {
        tool_json_u64(json, "stall_some_ns", figures->stall_some_ns);
        tool_json_u64(json, "stall_all_ns", figures->stall_all_ns);
    }
    if (me->decision.has_eta) {
        tool_json_u64(json, "eta_ns", me->decision.eta_ns);
    }
}

static void put_own_cost(tool_json *json)
{
    weft_self self = {.size = sizeof(self)};

    if (weft_self_usage(&self) != WEFT_OK) {
        return;
    }
    if ((self.valid & WEFT_SELF_MEMORY) != 0) {
        tool_json_u64(json, "own_memory_bytes", self.memory_bytes);
    }
    if ((self.valid & WEFT_SELF_CPU) != 0) {
        tool_json_u64(json, "own_cpu_ns", self.user_ns + self.system_ns);
    }
}

void daemon_put_status(const memory_daemon *me, FILE *file)
{
    uint64_t now_ns = weft_now_ns();
    tool_json json;

    tool_json_begin(&json, file);
    tool_json_text(&json, "state", weft_pressure_name(me->policy.state));
    tool_json_text(&json, "reason", me->decision.reason);
    tool_json_bool(&json, "dry_run", me->config.dry_run);
    tool_json_u64(&json, "uptime_ns", now_ns - me->started_ns);
    if (now_ns < me->paused_until_ns) {
        tool_json_u64(&json, "paused_ns", me->paused_until_ns - now_ns);
    }
    put_figures(me, &json);
    tool_json_u64(&json, "looks", me->looks);
    tool_json_bool(&json, "has_alarm", me->watch != NULL);
    tool_json_u64(&json, "alarms", me->alarms);
    tool_json_u64(&json, "actions", me->actions);
    tool_json_u64(&json, "helped", me->outcomes[WEFT_OUTCOME_HELPED]);
    tool_json_u64(&json, "no_effect", me->outcomes[WEFT_OUTCOME_NO_EFFECT]);
    tool_json_u64(&json, "hurt", me->outcomes[WEFT_OUTCOME_HURT]);
    tool_json_i64(&json, "kept_60s_bytes", me->kept_bytes);
    tool_json_bool(&json, "history",
                   me->config.keeps_history && me->store_problem[0] == '\0');
    if (me->store_problem[0] != '\0') {
        tool_json_text(&json, "history_problem", me->store_problem);
    }
    tool_json_text(&json, "config", me->config.path);
    put_own_cost(&json);
    tool_json_end(&json);
}

void daemon_put_history(const memory_daemon *me, uint64_t most, FILE *file)
{
    uint64_t count = me->event_count < DAEMON_EVENTS_MOST ? me->event_count
                                                          : DAEMON_EVENTS_MOST;

    for (uint64_t i = 0; i < count && i < most; i++) {
        memory_event_json(
            file, &me->events[(me->event_count - 1 - i) % DAEMON_EVENTS_MOST]);
    }
}

/* -------------------------------------------------------------- requests -- */

static void put_error(FILE *file, const char *text)
{
    tool_json json;

    tool_json_begin(&json, file);
    tool_json_text(&json, "error", text);
    tool_json_end(&json);
}

static void put_done(FILE *file, const char *what)
{
    tool_json json;

    tool_json_begin(&json, file);
    tool_json_text(&json, "done", what);
    tool_json_end(&json);
}

static weft_status pause_for(memory_daemon *me, const char *text, FILE *file)
{
    uint64_t ns = UINT64_C(3600000000000);

    if (text[0] != '\0' && !tool_parse_duration(text, &ns)) {
        put_error(file, "is no duration such as 30m");
        return WEFT_EINVAL;
    }
    me->paused_until_ns = weft_after_ns(ns);
    daemon_note(me, "paused for %.0f s", (double)ns / 1e9);
    put_done(file, "paused");
    return WEFT_OK;
}

/* The word that a request begins with, and what follows it. */
static weft_status obey(memory_daemon *me, char *request, FILE *file)
{
    char *rest = request + strcspn(request, " \n");
    char why[384];

    if (*rest != '\0') {
        *rest++ = '\0';
    }
    rest[strcspn(rest, "\n")] = '\0';
    if (strcmp(request, "status") == 0) {
        daemon_put_status(me, file);
    } else if (strcmp(request, "history") == 0) {
        daemon_put_history(me, DAEMON_EVENTS_MOST, file);
    } else if (strcmp(request, "pause") == 0) {
        return pause_for(me, rest, file);
    } else if (strcmp(request, "resume") == 0) {
        me->paused_until_ns = 0;
        daemon_note(me, "goes on");
        put_done(file, "resumed");
    } else if (strcmp(request, "reload") == 0) {
        if (!memory_daemon_reload(me, why, sizeof(why))) {
            put_error(file, why);
            return WEFT_EINVAL;
        }
        put_done(file, "reloaded");
    } else {
        put_error(file, "status, history, pause [TIME], resume and reload are "
                        "what can be asked");
        return WEFT_EINVAL;
    }
    return WEFT_OK;
}

static void answer(memory_daemon *me, const weft_request *request)
{
    char text[REQUEST_MOST];
    weft_message message = {.data = NULL};
    weft_status status = WEFT_EMSGSIZE;
    sys_text written;
    FILE *file;

    if (request->bytes < sizeof(text)) {
        memcpy(text, request->data, request->bytes);
        text[request->bytes] = '\0';
        file = sys_text_open(&written);
        if (file == NULL) {
            status = WEFT_ENOMEM;
        } else {
            status = obey(me, text, file);
            if (sys_text_close(&written)) {
                message.data = written.data;
                message.bytes = written.bytes;
            }
        }
    }
    (void)weft_service_reply(me->service, request->client, request->call,
                             status, 0, &message);
    if (message.data != NULL) {
        free(written.data);
    }
}

void daemon_answer(memory_daemon *me)
{
    weft_request request;

    while (weft_service_next(me->service, &request, WEFT_NOW, NULL) ==
           WEFT_OK) {
        if (request.kind == WEFT_REQUEST_CALL) {
            answer(me, &request);
        }
    }
}
