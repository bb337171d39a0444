/* SPDX-License-Identifier: MIT
 *
 * The common part of `weft send` and `weft recv`.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "sys.h"
#include "transfer.h"

/* The tag of last words: "lastwrds" in ASCII. */
#define LAST_WORDS_TAG UINT64_C(0x6c61737477726473)

/* The longest message that transfer_hear takes; longer ones are no words. */
#define WORDS_BYTES 512

void transfer_begin(transfer *job, const transfer_values *values,
                    const char *command, const char *name,
                    const char *peer_role)
{
    memset(job, 0, sizeof(*job));
    job->values = values;
    job->command = command;
    job->name = name;
    job->peer_role = peer_role;
    job->start_ns = weft_now_ns();
    job->deadline_ns = values->timeout_ns != 0
                           ? weft_after_ns(values->timeout_ns)
                           : WEFT_FOREVER;
}

void transfer_start(transfer *job, uint64_t total_bytes)
{
    job->start_ns = weft_now_ns();
    progress_begin(&job->bar, job->values->quiet, total_bytes);
}

bool transfer_count(transfer *job, size_t bytes)
{
    job->messages++;
    job->bytes += bytes;
    progress_update(&job->bar, job->bytes);
    return job->messages == job->values->count;
}

/* ------------------------------------------------------------- failures --- */

int transfer_failed(transfer *job, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    progress_end(&job->bar);
    tool_error("%s", text);
    return TOOL_FAILED;
}

int transfer_timed_out(transfer *job)
{
    (void)transfer_failed(job, "timed out after %g s",
                          (double)job->values->timeout_ns / 1e9);
    return TOOL_TIMEOUT;
}

/* Does the name keep to the rules of weft_channel_listen? A path may. */
static bool is_plain_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    size_t length = strlen(name);

    return sys_is_path(name) ||
           (length > 0 && length <= WEFT_NAME_MAX && name[0] != '.' &&
            strspn(name, allowed) == length);
}

int transfer_open_failed(transfer *job, const char *action,
                         const weft_detail *detail)
{
    const char *name = job->name;
    char text[256];

    switch (detail->status) {
    case WEFT_ETIMEDOUT:
        return transfer_timed_out(job);
    case WEFT_ENOENT:
        return transfer_failed(job,
                               "nobody listens at '%s'; '--wait' would wait "
                               "for it",
                               name);
    case WEFT_EINUSE:
        return transfer_failed(
            job, "the name '%s' is in use: somebody listens there", name);
    case WEFT_ENAME:
        if (!is_plain_name(name)) {
            return transfer_failed(
                job,
                "'%s' can't be a name: 1 to %d letters, digits, '.', '_', "
                "'-', not first a '.'; or %s",
                name, WEFT_NAME_MAX, sys_path_form);
        }
        /* Else it is not the name but where it leads to. */
        /* fall through */
    default:
        weft_detail_text(detail, text, sizeof(text));
        return transfer_failed(job, "cannot %s '%s': %s", action, name, text);
    }
}

/* "the sender (process 123)", as far as it is known. */
static const char *describe_peer(const transfer *job, char *text, size_t room)
{
    weft_peer peer;

    if (weft_channel_get_peer(job->channel, &peer) == WEFT_OK && peer.pid > 0) {
        snprintf(text, room, "the %s (process %" PRId64 ")", job->peer_role,
                 peer.pid);
    } else {
        snprintf(text, room, "the %s", job->peer_role);
    }
    return text;
}

int transfer_channel_failed(transfer *job, weft_status status)
{
    weft_detail detail = {status, 0, NULL};
    char peer[64];
    char text[256];

    describe_peer(job, peer, sizeof(peer));
    switch (status) {
    case WEFT_ETIMEDOUT:
        return transfer_timed_out(job);
    case WEFT_ECLOSED:
        return transfer_failed(job, "%s closed the channel before the end",
                               peer);
    case WEFT_EPEERDIED:
        return transfer_failed(job, "%s died before the end", peer);
    case WEFT_EHANDLES:
        return transfer_failed(job, "%s sent handles, which have no place here",
                               peer);
    default:
        weft_channel_get_detail(job->channel, &detail);
        if (detail.status != status) {
            return transfer_failed(job, "the channel to %s failed: %s", peer,
                                   weft_status_text(status));
        }
        weft_detail_text(&detail, text, sizeof(text));
        return transfer_failed(job, "the channel to %s failed: %s", peer, text);
    }
}

/* ----------------------------------------------------------- last words --- */

void transfer_say(transfer *job, const char *words)
{
    char copy[WORDS_BYTES];
    weft_message message = {.data = copy, .tag = LAST_WORDS_TAG};

    snprintf(copy, sizeof(copy), "%s", words);
    message.bytes = strlen(copy);
    (void)weft_channel_send_message(job->channel, &message, WEFT_NOW);
}

/* Takes a message that is too long for words off the channel. */
static weft_status skip(transfer *job)
{
    const void *data;
    size_t bytes;
    weft_status status =
        weft_channel_peek(job->channel, &data, &bytes, WEFT_NOW);

    if (status == WEFT_OK) {
        weft_channel_release(job->channel);
    }
    return status;
}

weft_status transfer_hear(transfer *job, uint64_t deadline_ns, char *words,
                          size_t room)
{
    char buffer[WORDS_BYTES];
    weft_message message = {.data = buffer, .bytes = sizeof(buffer)};
    weft_status status =
        weft_channel_recv_message(job->channel, &message, deadline_ns);

    *words = '\0';
    if (status == WEFT_EMSGSIZE) {
        return skip(job);
    }
    if (status == WEFT_OK && message.handle_count > 0) {
        return WEFT_EHANDLES; /* the transfer ends, and with it the handles */
    }
    if (status == WEFT_OK && message.tag == LAST_WORDS_TAG) {
        snprintf(words, room, "%.*s", (int)message.bytes, buffer);
    }
    return status;
}

/* ----------------------------------------------------------- statistics --- */

static const char *result_word(int exit_code)
{
    switch (exit_code) {
    case TOOL_OK:
        return "ok";
    case TOOL_TIMEOUT:
        return "timeout";
    default:
        return "failed";
    }
}

/* The counters of the direction in which the stream went. */
static void print_counters(const transfer *job, tool_json *json, bool sending)
{
    weft_channel_stats stats = {.size = sizeof(stats)};
    const weft_flow_stats *flow = sending ? &stats.sent : &stats.received;

    if (job->channel == NULL ||
        weft_channel_get_stats(job->channel, &stats) != WEFT_OK) {
        return;
    }
    tool_json_u64(json, "ring_bytes", flow->ring_bytes);
    tool_json_u64(json, "reseats", flow->reseats);
    tool_json_u64(json, "parks", flow->parks);
    tool_json_u64(json, "wakes", flow->wakes);
    if (sending) {
        tool_json_u64(json, "full", flow->full);
    }
}

bool transfer_summary_begin(transfer *job, int exit_code, tool_json *json)
{
    uint64_t elapsed_ns = weft_now_ns() - job->start_ns;

    progress_end(&job->bar);
    if (!job->values->json) {
        return false;
    }
    tool_json_begin(json, stderr);
    tool_json_text(json, "command", job->command);
    tool_json_text(json, "name", job->name);
    tool_json_text(json, "result", result_word(exit_code));
    tool_json_u64(json, "messages", job->messages);
    tool_json_u64(json, "bytes", job->bytes);
    tool_json_u64(json, "elapsed_ns", elapsed_ns);
    return true;
}

void transfer_summary(transfer *job, int exit_code)
{
    bool sending = strcmp(job->command, "send") == 0;
    tool_json json;

    if (transfer_summary_begin(job, exit_code, &json)) {
        print_counters(job, &json, sending);
        tool_json_end(&json);
    }
}
