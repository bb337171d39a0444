/* SPDX-License-Identifier: MIT
 *
 * Asks the memory daemon for its state.
 */
#include "memory_ask.h"

#include <string.h>

#include "memory_daemon.h"

/* It answers in less than a millisecond, unless it is not let run. */
#define ANSWER_NS UINT64_C(200000000)

/*
 * The daemon is this user's and so is not hostile, but it may be another
 * version: a word that is none of a state's is no answer.
 */
static bool read_state(const char *answer, memory_daemon_state *found)
{
    static const char key[] = "\"state\":\"";
    const char *at = strstr(answer, key);

    for (int i = WEFT_PRESSURE_CALM; at != NULL && i <= WEFT_PRESSURE_EMERGENCY;
         i++) {
        const char *name = weft_pressure_name((weft_pressure)i);
        size_t bytes = strlen(name);

        if (strncmp(at + sizeof(key) - 1, name, bytes) == 0 &&
            at[sizeof(key) - 1 + bytes] == '"') {
            (void)snprintf(found->state, sizeof(found->state), "%s", name);
            found->is_dry = strstr(answer, "\"dry_run\":true") != NULL;
            return true;
        }
    }
    return false;
}

bool memory_ask_state(memory_daemon_state *found)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    uint64_t deadline_ns = weft_after_ns(ANSWER_NS);
    weft_client *client = NULL;
    weft_reply reply;
    char answer[1024] = "";

    options.wait = WEFT_WAIT_BLOCK;
    if (weft_client_open(DAEMON_NAME, &options, deadline_ns, &client, NULL) !=
        WEFT_OK) {
        return false;
    }
    if (weft_client_call(client, "status", sizeof("status") - 1, &reply,
                         deadline_ns) == WEFT_OK &&
        reply.status == WEFT_OK) {
        (void)snprintf(answer, sizeof(answer), "%.*s",
                       (int)(reply.bytes < sizeof(answer) ? reply.bytes
                                                          : sizeof(answer) - 1),
                       (const char *)reply.data);
    }
    weft_client_close(&client);
    return read_state(answer, found);
}
