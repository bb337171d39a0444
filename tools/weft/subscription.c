/* SPDX-License-Identifier: MIT
 *
 * Signals: while a command waits for messages SIGINT and the like end the
 * wait, so that it can say what it has lost before they end the process. At
 * other times they end it at once, unless the command holds them itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "subscription.h"
#include "sys.h"

/* The room for messages at first. */
#define ROOM_BYTES ((size_t)64 * 1024)

/* The time between two messages about losses. */
#define TELL_NS UINT64_C(1000000000)

/* Messages between two looks for a signal. */
#define LOOK_MESSAGES 256u

/* The longest pause of a tap, in its shortest ones. */
#define PAUSES_MOST 20

int subscription_open(subscription *me, const subscription_values *values,
                      const char *command, const char *name)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    transfer *job = &me->job;
    weft_status status;

    transfer_begin(job, &values->common, command, name, "publisher");
    options.ring_max_bytes = (size_t)values->common.ring_bytes;
    options.flags = (values->reliable ? WEFT_SUBSCRIBER_RELIABLE : 0) |
                    (values->history ? WEFT_SUBSCRIBER_HISTORY : 0) |
                    (values->common.await ? WEFT_SUBSCRIBER_AWAIT_NAME : 0);
    if (weft_subscriber_open(name, &options, job->deadline_ns, &me->subscriber,
                             &detail) != WEFT_OK) {
        return transfer_open_failed(job, "subscribe to", &detail);
    }
    transfer_start(job, 0);
    /* Asked for before the first look: only then a look has it rung. */
    status = weft_subscriber_handle(me->subscriber, &me->handle);
    return status == WEFT_OK ? TOOL_OK
                             : transfer_failed(job, "cannot wait for '%s': %s",
                                               name, weft_status_text(status));
}

int subscription_open_tap(subscription *me, const subscription_values *values,
                          const char *command, const char *name)
{
    weft_tap_options options = WEFT_TAP_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    transfer *job = &me->job;

    transfer_begin(job, &values->common, command, name, "publisher");
    me->handle = WEFT_HANDLE_NONE;
    me->every_ns = values->every_ns;
    options.ring_max_bytes = (size_t)values->common.ring_bytes;
    options.flags = (values->history ? WEFT_TAP_HISTORY : 0) |
                    (values->common.await ? WEFT_TAP_AWAIT_NAME : 0);
    if (weft_tap_open(name, &options, job->deadline_ns, &me->tap, &detail) !=
        WEFT_OK) {
        return transfer_open_failed(job, "tap", &detail);
    }
    transfer_start(job, 0);
    return TOOL_OK;
}

/* ------------------------------------------------- subscriber, or tap --- */

static weft_status receive(subscription *me, weft_publication *publication)
{
    return me->tap != NULL
               ? weft_tap_next(me->tap, publication)
               : weft_subscriber_recv(me->subscriber, publication, WEFT_NOW);
}

static void get_detail(const subscription *me, weft_detail *detail)
{
    weft_tap_detail(me->tap, detail);
    weft_subscriber_detail(me->subscriber, detail);
}

static weft_subscriber_stats get_stats(const subscription *me)
{
    weft_subscriber_stats stats = {.size = sizeof(stats)};
    weft_tap_stats of_tap = {.size = sizeof(of_tap)};

    if (me->subscriber != NULL) {
        (void)weft_subscriber_get_stats(me->subscriber, &stats);
    } else if (me->tap != NULL) {
        (void)weft_tap_get_stats(me->tap, &of_tap);
        stats.lost = of_tap.lost;
        stats.gaps = of_tap.gaps;
        stats.publishers = of_tap.publishers;
    }
    return stats;
}

/* Until when to sleep, at most: a tap looks again after a pause that grows. */
static uint64_t find_wake(subscription *me)
{
    uint64_t until = me->job.deadline_ns;

    if (me->wake_ns != 0 && me->wake_ns < until) {
        until = me->wake_ns;
    }
    if (me->tap != NULL) {
        uint64_t longest_ns = PAUSES_MOST * me->every_ns;
        uint64_t look_ns;

        me->pause_ns = me->pause_ns == 0 ? me->every_ns : 2 * me->pause_ns;
        me->pause_ns = me->pause_ns < longest_ns ? me->pause_ns : longest_ns;
        look_ns = weft_after_ns(me->pause_ns);
        until = look_ns < until ? look_ns : until;
    }
    return until;
}

/* --------------------------------------------------------------- losses --- */

static void tell_lost(subscription *me)
{
    weft_subscriber_stats stats = get_stats(me);
    uint64_t fresh = stats.lost - me->told_lost;

    if (fresh == 0) {
        return;
    }
    progress_end(&me->job.bar);
    tool_error("lost %" PRIu64 " messages, %" PRIu64 " so far", fresh,
               stats.lost);
    me->told_lost = stats.lost;
    me->tell_ns = weft_after_ns(TELL_NS);
}

/* ------------------------------------------------------------- messages --- */

static int make_room(subscription *me, size_t bytes)
{
    size_t wanted = bytes > ROOM_BYTES ? bytes : ROOM_BYTES;
    char *larger;

    if (wanted <= me->room) {
        return TOOL_OK;
    }
    larger = realloc(me->data, wanted);
    if (larger == NULL) {
        return transfer_failed(&me->job,
                               "out of memory for a message of %zu "
                               "bytes",
                               bytes);
    }
    me->data = larger;
    me->room = wanted;
    return TOOL_OK;
}

/* Why a publisher's end was no good one. */
static void end_text(const subscription *me, weft_status status, char *text,
                     size_t bytes)
{
    const char *name = me->job.name;
    weft_detail detail = {WEFT_OK, 0, NULL};
    char cause[256];

    switch (status) {
    case WEFT_EPEERDIED:
        (void)snprintf(text, bytes,
                       "the publisher of '%s' died before it closed the topic",
                       name);
        break;
    case WEFT_ELIMIT:
        (void)snprintf(text, bytes,
                       "too slow: the publisher of '%s' has cut this "
                       "subscriber off",
                       name);
        break;
    default:
        get_detail(me, &detail);
        detail.operation =
            detail.status == status ? detail.operation : "receive";
        detail.os_code = detail.status == status ? detail.os_code : 0;
        detail.status = status;
        weft_detail_text(&detail, cause, sizeof(cause));
        (void)snprintf(text, bytes, "cannot receive from '%s': %s", name,
                       cause);
        break;
    }
}

/* While there are other publishers it goes on, and tells in the end. */
static int ended_badly(subscription *me, weft_status status)
{
    char text[512];

    end_text(me, status, text, sizeof(text));
    if (get_stats(me).publishers == 0) {
        return transfer_failed(&me->job, "%s", text);
    }
    progress_end(&me->job.bar);
    tool_error("%s; there are others", text);
    me->bad_ends++;
    return TOOL_OK;
}

static subscription_result ended(subscription *me, int *exit_code)
{
    if (me->bad_ends == 0) {
        return SUBSCRIPTION_END;
    }
    *exit_code = transfer_failed(
        &me->job, "%u of the publishers of '%s' did not close the topic",
        me->bad_ends, me->job.name);
    return SUBSCRIPTION_FAILED;
}

static sys_event wait_held(subscription *me, int *code)
{
    uint64_t until = find_wake(me);
    sys_event event;

    if (!me->is_held) {
        sys_hold_signals();
    }
    event = sys_wait_handle(me->handle, until, code);
    if (event == SYS_INTERRUPTED) {
        me->interrupted = true;
    } else if (!me->is_held) {
        sys_release_signals();
    }
    return event;
}

static int wait_for_message(subscription *me)
{
    transfer *job = &me->job;
    char text[128];
    int code = 0;

    progress_look(&job->bar, job->bytes);
    switch (wait_held(me, &code)) {
    case SYS_DEADLINE:
        return weft_now_ns() >= job->deadline_ns ? transfer_timed_out(job)
                                                 : TOOL_OK;
    case SYS_INTERRUPTED:
        return transfer_failed(job, "interrupted");
    case SYS_ERROR:
        return transfer_failed(job, "cannot wait for a message: %s",
                               sys_error_text(code, text, sizeof(text)));
    case SYS_READY:
    case SYS_OTHER:
        break;
    }
    return TOOL_OK;
}

/* There is none: writes and tells what there is to, and waits. */
static int rest(subscription *me, subscription_idle *idle, void *context)
{
    int exit_code = idle(context);

    if (exit_code == TOOL_OK) {
        /* A tap rests in the midst of a stream, and may lose some each time. */
        if (me->tap == NULL || weft_now_ns() >= me->tell_ns) {
            tell_lost(me);
        }
        exit_code = wait_for_message(me);
    }
    return exit_code;
}

static void note_message(subscription *me, const weft_publication *publication)
{
    me->pause_ns = 0;
    if (publication->lost > 0 && weft_now_ns() >= me->tell_ns) {
        tell_lost(me);
    }
}

/* One whose messages never stop never waits; so it looks now and then. */
static int look_for_signal(subscription *me)
{
    int code;

    if (!me->is_held || ++me->unlooked < LOOK_MESSAGES) {
        return TOOL_OK;
    }
    me->unlooked = 0;
    if (sys_wait_handle(WEFT_HANDLE_NONE, WEFT_NOW, &code) != SYS_INTERRUPTED) {
        return TOOL_OK;
    }
    me->interrupted = true;
    return transfer_failed(&me->job, "interrupted");
}

subscription_result subscription_next(subscription *me,
                                      weft_publication *publication,
                                      subscription_idle *idle, void *context,
                                      int *exit_code)
{
    *exit_code = make_room(me, 0);
    if (*exit_code == TOOL_OK) {
        *exit_code = look_for_signal(me);
    }
    while (*exit_code == TOOL_OK) {
        weft_status status;

        publication->data = me->data;
        publication->bytes = me->room;
        status = receive(me, publication);
        switch (status) {
        case WEFT_OK:
            note_message(me, publication);
            return SUBSCRIPTION_MESSAGE;
        case WEFT_ECLOSED:
            return ended(me, exit_code);
        case WEFT_EMSGSIZE:
            *exit_code = make_room(me, publication->bytes);
            break;
        case WEFT_EAGAIN:
            *exit_code = rest(me, idle, context);
            break;
        default:
            *exit_code = ended_badly(me, status);
            break;
        }
    }
    return SUBSCRIPTION_FAILED;
}

/* -------------------------------------------------------------- the end --- */

bool subscription_summary_begin(subscription *me, int exit_code,
                                tool_json *json)
{
    weft_subscriber_stats stats = get_stats(me);

    tell_lost(me);
    if (!transfer_summary_begin(&me->job, exit_code, json)) {
        return false;
    }
    tool_json_u64(json, "lost", stats.lost);
    tool_json_u64(json, "gaps", stats.gaps);
    if (me->tap == NULL) {
        tool_json_u64(json, "parks", stats.parks);
    }
    return true;
}

void subscription_close(subscription *me)
{
    weft_subscriber_close(&me->subscriber);
    weft_tap_close(&me->tap);
    free(me->data);
    me->data = NULL;
    if (me->interrupted && !me->is_held) {
        sys_release_signals();
    }
}
