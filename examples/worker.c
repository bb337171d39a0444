/* SPDX-License-Identifier: MIT
 *
 * A worker for worker_host: squares the numbers that its channel brings.
 */
#include <stdio.h>

#include <weft/weft.h>

int main(void)
{
    weft_channel *channel;
    weft_detail detail;
    uint64_t number;
    size_t bytes;
    weft_status status = weft_channel_adopt(WEFT_HANDLE_NONE, NULL,
                                            WEFT_FOREVER, &channel, &detail);

    if (status != WEFT_OK) {
        fprintf(stderr, "worker: %s: %s\n", detail.operation,
                weft_status_text(status));
        return 1;
    }
    while ((status = weft_channel_recv(channel, &number, sizeof(number),
                                       &bytes)) == WEFT_OK) {
        if (number == 0) {
            for (;;) {
                /* Work that never ends, as bugs have it. */
            }
        }
        number *= number;
        status = weft_channel_send(channel, &number, sizeof(number));
        if (status != WEFT_OK) {
            break;
        }
    }
    weft_channel_close(&channel);
    return status == WEFT_ECLOSED ? 0 : 1;
}
