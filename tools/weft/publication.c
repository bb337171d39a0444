/* SPDX-License-Identifier: MIT
 *
 * A topic and those who wait for it.
 */
#include "publication.h"
#include "sys.h"

/* How often --wait-for looks. */
#define LOOK_NS UINT64_C(5000000)

static int open_publisher(publication *me)
{
    transfer *job = &me->job;
    weft_publisher_options publisher_options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};

    publisher_options.ring_bytes = (size_t)job->values->ring_bytes;
    publisher_options.cut_off_ns = me->values->cut_off_ns;
    return weft_publisher_open(job->name, &publisher_options, &me->publisher,
                               &detail) == WEFT_OK
               ? TOOL_OK
               : transfer_open_failed(job, "publish on", &detail);
}

/*
 * A publisher is not told that somebody has come, as it has no need to know;
 * so this looks, while nothing else is going on.
 */
static int wait_for_subscribers(publication *me, bool *interrupted)
{
    transfer *job = &me->job;
    weft_publisher_stats stats = {.size = sizeof(stats)};

    for (;;) {
        uint64_t look_ns = weft_after_ns(LOOK_NS);
        char text[128];
        int code = 0;
        sys_event event;

        if (weft_publisher_get_stats(me->publisher, &stats) == WEFT_OK &&
            stats.subscribers >= me->values->wait_for) {
            return TOOL_OK;
        }
        if (weft_now_ns() >= job->deadline_ns) {
            return transfer_timed_out(job);
        }
        event = sys_wait_handle(WEFT_HANDLE_NONE, look_ns, &code);
        if (event == SYS_INTERRUPTED) {
            *interrupted = true;
            return TOOL_FAILED;
        }
        if (event == SYS_ERROR) {
            return transfer_failed(job, "cannot wait for subscribers: %s",
                                   sys_error_text(code, text, sizeof(text)));
        }
    }
}

int publication_open(publication *me, const publication_values *values,
                     const char *command, const char *name)
{
    bool interrupted = false;
    int exit_code;

    me->values = values;
    transfer_begin(&me->job, &values->common, command, name, "subscriber");
    sys_hold_signals();
    exit_code = open_publisher(me);
    if (exit_code == TOOL_OK) {
        exit_code = wait_for_subscribers(me, &interrupted);
    }
    if (exit_code != TOOL_OK) {
        weft_publisher_close(&me->publisher);
    }
    if (interrupted) {
        (void)transfer_failed(&me->job, "interrupted");
    }
    sys_release_signals();
    return exit_code;
}

int publication_send(publication *me, const void *data, size_t bytes)
{
    transfer *job = &me->job;
    weft_status status =
        weft_publisher_send(me->publisher, data, bytes, job->deadline_ns);

    switch (status) {
    case WEFT_OK:
        return TOOL_OK;
    case WEFT_ETIMEDOUT:
        return transfer_timed_out(job);
    case WEFT_EMSGSIZE:
        return transfer_failed(
            job, "a message of %zu bytes: the ring takes %zu; see '--ring'",
            bytes, weft_publisher_message_max(me->publisher));
    default:
        return transfer_failed(job, "cannot publish on '%s': %s", job->name,
                               weft_status_text(status));
    }
}

static void print_statistics(publication *me, int exit_code)
{
    weft_publisher_stats stats = {.size = sizeof(stats)};
    tool_json json;

    if (!transfer_summary_begin(&me->job, exit_code, &json)) {
        return;
    }
    if (me->publisher != NULL &&
        weft_publisher_get_stats(me->publisher, &stats) == WEFT_OK) {
        tool_json_u64(&json, "subscribers", stats.subscribers);
        tool_json_u64(&json, "cut_off", stats.cut_off);
        tool_json_u64(&json, "full", stats.full);
        tool_json_u64(&json, "wakes", stats.wakes);
    }
    tool_json_end(&json);
}

void publication_end(publication *me, int exit_code)
{
    print_statistics(me, exit_code);
    if (exit_code != TOOL_OK) {
        sys_abandon(exit_code);
    }
    weft_publisher_close(&me->publisher);
}
