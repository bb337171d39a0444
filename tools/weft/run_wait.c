/* SPDX-License-Identifier: MIT
 *
 * Waiting for a program's end: one loop for its end, for signals, for alerts,
 * for its channel, and for what it writes to the terminal that has a status
 * line.
 */
#include "run_wait.h"
#include "sys.h"

/* The first one is the program's, the second one ends it. */
static void pass_on_signal(weft_process *process, bool *has_passed_on)
{
    bool is_shared;
    int number = sys_take_signal(&is_shared);

    if (*has_passed_on) {
        (void)weft_process_kill(process);
    } else if (!is_shared) {
        (void)weft_process_signal(process, number, false);
    }
    *has_passed_on = true;
}

/* Does what there is to do, and sleeps until there is more, or a signal. */
static sys_event go_on(weft_process *process, run_status *line, run_talk *talk,
                       alerting *alerts)
{
    sys_waits waits = {.handles = {weft_process_handle(process)}, .count = 1};
    uint64_t deadline_ns;
    sys_event event;
    int code = 0;

    alerting_look(alerts);
    deadline_ns = alerting_deadline_ns(alerts);
    if (line != NULL) {
        uint64_t next_ns = run_status_prepare(line, process, &waits);

        deadline_ns = next_ns < deadline_ns ? next_ns : deadline_ns;
    }
    if (talk != NULL && run_talk_prepare(talk, &waits)) {
        deadline_ns = WEFT_NOW;
    }
    event = sys_wait_several(&waits, deadline_ns, &code);
    if (talk != NULL && event == SYS_READY) {
        run_talk_hear(talk, &waits);
    }
    return event;
}

weft_status run_await(weft_process *process, run_status *line, run_talk *talk,
                      alerting *alerts, weft_process_result *result)
{
    bool has_passed_on = false;
    weft_status status = weft_process_wait(process, WEFT_NOW, result);

    while (status == WEFT_EAGAIN) {
        sys_event event = go_on(process, line, talk, alerts);

        if (event == SYS_INTERRUPTED) {
            pass_on_signal(process, &has_passed_on);
        }
        status = event != SYS_ERROR
                     ? weft_process_wait(process, WEFT_NOW, result)
                     : WEFT_EOS;
    }
    if (talk != NULL) {
        run_talk_end(talk);
    }
    if (line != NULL) {
        run_status_end(line);
    }
    return status;
}
