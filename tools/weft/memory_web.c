/* SPDX-License-Identifier: MIT
 *
 * What the daemon's web server answers.
 */
#include "memory_web.h"

#include <inttypes.h>
#include <string.h>

#define JSON "application/json"
#define METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* ---------------------------------------------------------------- place --- */

const char *web_parse_place(const char *text, web_place *place)
{
    static const char v4[] = "127.0.0.1:";
    static const char v6[] = "[::1]:";
    uint64_t port;

    place->is_v6 = strncmp(text, v6, sizeof(v6) - 1) == 0;
    if (place->is_v6) {
        text += sizeof(v6) - 1;
    } else if (strncmp(text, v4, sizeof(v4) - 1) == 0) {
        text += sizeof(v4) - 1;
    } else {
        return "is neither 127.0.0.1:PORT nor [::1]:PORT";
    }
    if (!tool_parse_count(text, &port) || port > UINT16_MAX) {
        return "has no port from 0 to 65535";
    }
    place->port = (uint16_t)port;
    return NULL;
}

static const char *why_no_token(int code, char *why, size_t room)
{
    switch (code) {
    case SYS_NOT_OURS:
        return "it belongs to another user";
    case SYS_EXPOSED:
        return "others may read it: it is to have mode 0600";
    case SYS_NO_FILE:
        return "it is no file";
    default:
        return sys_error_text(code, why, room);
    }
}

const char *web_read_token(const char *path, web_place *place, char *why,
                           size_t room)
{
    char text[WEB_TOKEN_ROOM + 2] = "";
    weft_handle file;
    size_t bytes = 0;
    int code = sys_file_open(path, SYS_FILE_READ, &file);

    place->token[0] = '\0';
    if (code == 0) {
        code = sys_file_trust(file, true);
        if (code == 0) {
            code = sys_file_read(file, 0, text, sizeof(text) - 1, &bytes);
        }
        (void)sys_file_close(file);
    }
    if (code != 0) {
        return why_no_token(code, why, room);
    }
    bytes -= bytes > 0 && text[bytes - 1] == '\n';
    text[bytes] = '\0';
    if (bytes < WEB_TOKEN_LEAST || bytes >= WEB_TOKEN_ROOM) {
        return "a token has 16 to 128 characters";
    }
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return "a token has no blanks and no control characters";
        }
    }
    memcpy(place->token, text, bytes + 1);
    return NULL;
}

/* --------------------------------------------------------------- checks --- */

/* A name of ours, with our port. */
static bool is_own_name(const web_place *place, const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    char full[32];

    for (size_t i = 0; host != NULL && i < TOOL_COUNT_OF(names); i++) {
        (void)snprintf(full, sizeof(full), "%s:%u", names[i], place->port);
        if (strcmp(host, full) == 0 ||
            (place->port == 80 && strcmp(host, names[i]) == 0)) {
            return true;
        }
    }
    return false;
}

/* A page of ours, or no page at all. */
static bool is_own_origin(const web_place *place, const char *origin)
{
    static const char scheme[] = "http://";

    return origin == NULL ||
           (strncmp(origin, scheme, sizeof(scheme) - 1) == 0 &&
            is_own_name(place, origin + sizeof(scheme) - 1));
}

/* Takes as long whatever is given, but for its length. */
static bool has_token(const web_place *place, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    char given[WEB_TOKEN_ROOM] = "";
    char expected[WEB_TOKEN_ROOM] = "";
    volatile unsigned char difference = 0;

    if (place->token[0] == '\0' || authorization == NULL ||
        strncmp(authorization, scheme, sizeof(scheme) - 1) != 0 ||
        strlen(authorization + sizeof(scheme) - 1) >= sizeof(given)) {
        return false;
    }
    (void)snprintf(given, sizeof(given), "%s",
                   authorization + sizeof(scheme) - 1);
    (void)snprintf(expected, sizeof(expected), "%s", place->token);
    for (size_t i = 0; i < sizeof(given); i++) {
        difference |= (unsigned char)(given[i] ^ expected[i]);
    }
    return difference == 0;
}

/* -------------------------------------------------------------- metrics --- */

static void put_head(FILE *file, const char *name, const char *type,
                     const char *unit, const char *help)
{
    fprintf(file, "# TYPE weft_memory_%s %s\n", name, type);
    if (unit != NULL) {
        fprintf(file, "# UNIT weft_memory_%s %s\n", name, unit);
    }
    fprintf(file, "# HELP weft_memory_%s %s\n", name, help);
}

static void put_bytes(FILE *file, const char *name, uint64_t value,
                      const char *help)
{
    put_head(file, name, "gauge", "bytes", help);
    fprintf(file, "weft_memory_%s %" PRIu64 "\n", name, value);
}

static void put_counter(FILE *file, const char *name, uint64_t value,
                        const char *help)
{
    put_head(file, name, "counter", NULL, help);
    fprintf(file, "weft_memory_%s_total %" PRIu64 "\n", name, value);
}

static void put_pressure(const memory_daemon *me, FILE *file)
{
    put_head(file, "pressure", "stateset", NULL, "How scarce memory is.");
    for (int i = WEFT_PRESSURE_CALM; i <= WEFT_PRESSURE_EMERGENCY; i++) {
        fprintf(file, "weft_memory_pressure{weft_memory_pressure=\"%s\"} %d\n",
                weft_pressure_name((weft_pressure)i),
                me->policy.state == (weft_pressure)i);
    }
}

static void put_stalls(const memory_daemon *me, FILE *file)
{
    if (!me->figures.has_stalls) {
        return;
    }
    put_head(file, "stall_seconds", "counter", "seconds",
             "For how long programs have waited for memory.");
    fprintf(file, "weft_memory_stall_seconds_total{scope=\"some\"} %.6f\n",
            (double)me->figures.stall_some_ns / 1e9);
    fprintf(file, "weft_memory_stall_seconds_total{scope=\"all\"} %.6f\n",
            (double)me->figures.stall_all_ns / 1e9);
}

static void put_verdicts(const memory_daemon *me, FILE *file)
{
    static const char *const words[] = {[WEFT_OUTCOME_UNKNOWN] = "unknown",
                                        [WEFT_OUTCOME_HELPED] = "helped",
                                        [WEFT_OUTCOME_NO_EFFECT] = "no_effect",
                                        [WEFT_OUTCOME_HURT] = "hurt"};

    put_head(file, "verdicts", "counter", NULL,
             "What came of actions, a minute after each.");
    for (size_t i = 0; i < TOOL_COUNT_OF(words); i++) {
        fprintf(file,
                "weft_memory_verdicts_total{outcome=\"%s\"} %" PRIu64 "\n",
                words[i], me->outcomes[i]);
    }
}

void web_put_metrics(const memory_daemon *me, FILE *file)
{
    const weft_memory_figures *figures = &me->figures;

    put_pressure(me, file);
    put_bytes(file, "managed_bytes", me->policy.last.total_bytes,
              "The memory of the machine, or of the group with a limit.");
    put_bytes(file, "available_bytes", me->policy.last.available_bytes,
              "What programs can have before anything goes to swap.");
    if ((figures->valid >> WEFT_MEMORY_SWAP_TOTAL & 1) != 0 &&
        (figures->valid >> WEFT_MEMORY_SWAP_FREE & 1) != 0) {
        put_bytes(file, "swap_bytes", figures->swap_total_bytes, "All swap.");
        put_bytes(file, "swap_free_bytes", figures->swap_free_bytes,
                  "Swap that is free.");
    }
    put_stalls(me, file);
    put_counter(file, "looks", me->looks, "Looks at the memory.");
    put_counter(file, "alarms", me->alarms,
                "Times that the system told that programs wait.");
    put_counter(file, "actions", me->actions,
                "What was done, or in a dry run decided.");
    put_verdicts(me, file);
    put_head(file, "kept_bytes", "gauge", "bytes",
             "What actions have gained that was kept for a minute.");
    fprintf(file, "weft_memory_kept_bytes %" PRId64 "\n", me->kept_bytes);
    put_counter(file, "history_failures", me->store_failures,
                "Times that the history could not be written.");
    fputs("# EOF\n", file);
}

/* -------------------------------------------------------------- answers --- */

static void refuse(FILE *file, web_reply *reply, unsigned code,
                   const char *text)
{
    tool_json json;

    reply->code = code;
    tool_json_begin(&json, file);
    tool_json_text(&json, "error", text);
    tool_json_end(&json);
}

static void done(FILE *file, web_reply *reply, const char *text)
{
    tool_json json;

    reply->code = 200;
    tool_json_begin(&json, file);
    tool_json_text(&json, "done", text);
    tool_json_end(&json);
}

static void get_metrics(memory_daemon *me, const web_request *request,
                        FILE *file, web_reply *reply)
{
    (void)request;
    reply->type = METRICS;
    web_put_metrics(me, file);
}

static void get_status(memory_daemon *me, const web_request *request,
                       FILE *file, web_reply *reply)
{
    (void)request;
    (void)reply;
    daemon_put_status(me, file);
}

static void get_history(memory_daemon *me, const web_request *request,
                        FILE *file, web_reply *reply)
{
    uint64_t most = DAEMON_EVENTS_MOST;

    if (request->most != NULL && !tool_parse_count(request->most, &most)) {
        refuse(file, reply, 400, "most is a number of events");
        return;
    }
    reply->type = "application/x-ndjson";
    daemon_put_history(me, most, file);
}

static void post_reload(memory_daemon *me, const web_request *request,
                        FILE *file, web_reply *reply)
{
    char why[384];

    (void)request;
    if (memory_daemon_reload(me, why, sizeof(why))) {
        done(file, reply, "reloaded");
    } else {
        refuse(file, reply, 409, why);
    }
}

/* The next look is at once, and as if memory were wanted. */
static void post_optimize(memory_daemon *me, const web_request *request,
                          FILE *file, web_reply *reply)
{
    (void)request;
    daemon_want_memory(me);
    done(file, reply, "the policy looks now; /history tells what it did");
}

typedef void answer_function(memory_daemon *me, const web_request *request,
                             FILE *file, web_reply *reply);

static const struct {
    const char *path;
    bool is_change;
    answer_function *answer;
} routes[] = {
    {"/metrics", false, get_metrics},   {"/status", false, get_status},
    {"/history", false, get_history},   {"/reload", true, post_reload},
    {"/optimize", true, post_optimize},
};

static void route(memory_daemon *me, const web_place *place,
                  const web_request *request, size_t at, FILE *file,
                  web_reply *reply)
{
    bool is_get = strcmp(request->method, "GET") == 0 ||
                  strcmp(request->method, "HEAD") == 0;

    if (routes[at].is_change ? strcmp(request->method, "POST") != 0 : !is_get) {
        reply->allow = routes[at].is_change ? "POST" : "GET, HEAD";
        refuse(file, reply, 405, "not with this method");
    } else if (routes[at].is_change &&
               !has_token(place, request->authorization)) {
        refuse(file, reply, 401,
               place->token[0] == '\0' ? "token-file in [http] is not set"
                                       : "the token is missing or wrong");
    } else {
        routes[at].answer(me, request, file, reply);
    }
}

void web_answer(memory_daemon *me, const web_place *place,
                const web_request *request, FILE *file, web_reply *reply)
{
    *reply = (web_reply){.code = 200, .type = JSON};
    if (!is_own_name(place, request->host)) {
        refuse(file, reply, 403, "not by this name");
        return;
    }
    if (!is_own_origin(place, request->origin)) {
        refuse(file, reply, 403, "not for pages of other sites");
        return;
    }
    if (request->is_too_long) {
        refuse(file, reply, 413, "no body is wanted");
        return;
    }
    for (size_t i = 0; i < TOOL_COUNT_OF(routes); i++) {
        if (strcmp(routes[i].path, request->path) == 0) {
            route(me, place, request, i, file, reply);
            return;
        }
    }
    refuse(file, reply, 404,
           "there are /metrics, /status, /history, /reload and /optimize");
}
