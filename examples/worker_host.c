/* SPDX-License-Identifier: MIT
 *
 * Runs a worker under limits and gives it work over a channel:
 *
 *   ./worker_host ./worker            the worker in C
 *   ./worker_host python3 worker.py   the same in Python
 *
 * Each number goes to the worker and comes back squared. The last one, 0, is
 * work that never ends: the wall limit ends the worker.
 */
#include <inttypes.h>
#include <stdio.h>

#include <weft/weft.h>

#define SECOND UINT64_C(1000000000)

static weft_status ask(weft_channel *channel, uint64_t number)
{
    uint64_t answer;
    size_t bytes;
    weft_status status = weft_channel_send(channel, &number, sizeof(number));

    if (status == WEFT_OK) {
        status = weft_channel_recv(channel, &answer, sizeof(answer), &bytes);
    }
    if (status == WEFT_OK) {
        printf("%" PRIu64 " squared is %" PRIu64 "\n", number, answer);
    }
    return status;
}

int main(int argc, char **argv)
{
    weft_process_spec *spec = NULL;
    weft_process *worker = NULL;
    weft_process_result result = {.size = sizeof(result)};
    weft_detail detail;
    weft_status status = weft_process_spec_open(&spec);

    if (argc < 2) {
        fprintf(stderr, "usage: %s WORKER [ARGUMENT...]\n", argv[0]);
        weft_process_spec_close(&spec);
        return 2;
    }
    if (status == WEFT_OK) {
        status = weft_process_spec_limit(spec, WEFT_FENCE_WALL, 0, SECOND,
                                         WEFT_REQUIRE);
    }
    if (status == WEFT_OK) {
        status = weft_process_spec_channel(spec, NULL);
    }
    if (status == WEFT_OK) {
        status = weft_process_start(spec, argv + 1, &worker, &detail);
    }
    if (status != WEFT_OK) {
        fprintf(stderr, "cannot run '%s': %s\n", argv[1],
                weft_process_spec_refusal(spec));
        weft_process_spec_close(&spec);
        return 1;
    }
    for (uint64_t i = 1; i <= 3 && status == WEFT_OK; i++) {
        status = ask(weft_process_channel(worker), i);
    }
    if (status == WEFT_OK) {
        status = ask(weft_process_channel(worker), 0);
        printf("0: %s\n", weft_status_text(status));
    }
    status = weft_process_wait(worker, WEFT_FOREVER, &result);
    if (status == WEFT_OK) {
        printf("the worker ended: %s\n", weft_reason_name(result.reason));
    }
    weft_process_close(&worker);
    weft_process_spec_close(&spec);
    return status == WEFT_OK && result.reason == WEFT_REASON_WALL ? 0 : 1;
}
