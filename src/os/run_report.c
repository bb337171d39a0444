/* SPDX-License-Identifier: MIT
 *
 * The report of a run, and refusals.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "run_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(_WIN32)
#include "windows/run.h"
#else
#include "posix/run.h"
#endif

bool weftos_run_is_asked(const struct run *run, weft_fence fence)
{
    return run->request->fences[fence].is_asked != 0 ||
           (run->request->flags & WEFTI_RUN_PROBE) != 0;
}

weft_enforcement *weftos_run_row_of(struct run *run, weft_fence fence)
{
    return &run->report->rows[fence];
}

static weft_demand demand_of(const struct run *run, weft_fence fence)
{
    const struct wefti_run_fence *asked = &run->request->fences[fence];

    return asked->is_asked == 0 ? WEFT_TRY : (weft_demand)asked->demand;
}

void weftos_run_row(struct run *run, weft_fence fence, weft_level level,
                    const char *mechanism, const char *why_not)
{
    const struct wefti_run_fence *asked = &run->request->fences[fence];
    weft_enforcement *row = weftos_run_row_of(run, fence);

    *row = (weft_enforcement){
        .fence = fence,
        .demand = demand_of(run, fence),
        .level = level,
        .has_value = asked->is_asked != 0 && fence < WEFT_FENCE_LIMITS,
        .requested = asked->hard,
        .applied = level == WEFT_LEVEL_UNSUPPORTED ? 0 : asked->hard,
    };
    (void)snprintf(row->mechanism, sizeof(row->mechanism), "%s",
                   mechanism != NULL ? mechanism : "");
    (void)snprintf(row->why_not, sizeof(row->why_not), "%s",
                   why_not != NULL ? why_not : "");
}

void weftos_run_evidence(struct run *run, const char *format, ...)
{
    struct wefti_run_report *report = run->report;
    size_t room = sizeof(report->evidence) - report->evidence_bytes;
    char *text = report->evidence + report->evidence_bytes;
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(text, room, format, arguments);
    va_end(arguments);
    if (bytes < 0 || (size_t)bytes + 2 > room) {
        *text = '\0';
        return;
    }
    text[bytes] = '\n';
    text[bytes + 1] = '\0';
    report->evidence_bytes += (uint32_t)bytes + 1;
}

void weftos_run_refuse(struct run *run, weft_status status, int64_t os_code,
                       const char *format, ...)
{
    struct wefti_run_message message = {.magic = WEFTI_RUN_MAGIC,
                                        .type = WEFTI_RUN_REFUSED,
                                        .flags = run->is_program_wrong,
                                        .number = status,
                                        .code = (int32_t)os_code};
    va_list arguments;

    if (run->has_refused) {
        return;
    }
    run->has_refused = true;
    va_start(arguments, format);
    (void)vsnprintf(message.text, sizeof(message.text), format, arguments);
    va_end(arguments);
    (void)weftos_socket_send(run->handles[WEFTI_RUN_SOCKET], &message,
                             sizeof(message), NULL, 0, NULL);
}

bool weftos_run_check_rows(struct run *run)
{
    for (int i = 0; i < WEFT_FENCE_COUNT; i++) {
        weft_fence fence = (weft_fence)i;
        const weft_enforcement *row = weftos_run_row_of(run, fence);

        if (!weftos_run_is_asked(run, fence)) {
            continue;
        }
        if (row->level == WEFT_LEVEL_UNSUPPORTED && row->why_not[0] == '\0') {
            weftos_run_row(run, fence, WEFT_LEVEL_UNSUPPORTED, NULL,
                           "weft has no way to on this system");
        }
        if (row->level == WEFT_LEVEL_UNSUPPORTED &&
            row->demand == WEFT_REQUIRE) {
            weftos_run_refuse(run, WEFT_ENOTSUP, 0, "cannot enforce %s: %s",
                              weft_fence_name(fence), row->why_not);
            return false;
        }
    }
    return true;
}

void weftos_run_set_reason(struct run *run, weft_reason reason)
{
    if (run->report->reason == WEFT_REASON_EXITED) {
        run->report->reason = (uint32_t)reason;
    }
}
