/* SPDX-License-Identifier: MIT
 *
 * Zero copy both ways: one process draws pictures straight into the ring, the
 * other adds up their pixels where they lie. No byte is copied, and each
 * side can write only memory of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#define FRAMES 100
#define PIXELS ((size_t)320 * 240)
#define FRAME_BYTES (PIXELS * sizeof(uint32_t))

/* Draws frames in the room that the ring gives. */
static weft_status produce(weft_channel *channel)
{
    weft_status status = WEFT_OK;

    for (uint32_t frame = 0; frame < FRAMES && status == WEFT_OK; frame++) {
        void *space;

        status =
            weft_channel_reserve(channel, FRAME_BYTES, &space, WEFT_FOREVER);
        if (status == WEFT_OK) {
            uint32_t *pixels = space;

            for (size_t i = 0; i < PIXELS; i++) {
                pixels[i] = frame;
            }
            status = weft_channel_commit(channel, FRAME_BYTES);
        }
    }
    return status;
}

/* Reads frames in place until the producer closes the channel. */
static weft_status consume(weft_channel *channel, uint64_t *sum)
{
    weft_status status;
    const void *data;
    size_t bytes;

    while ((status = weft_channel_peek(channel, &data, &bytes, WEFT_FOREVER)) ==
           WEFT_OK) {
        const uint32_t *pixels = data;

        for (size_t i = 0; i < bytes / sizeof(*pixels); i++) {
            *sum += pixels[i];
        }
        weft_channel_release(channel);
    }
    return status == WEFT_ECLOSED ? WEFT_OK : status;
}

/* The child: a process of its own, with an end of its own. */
static int run_consumer(weft_handle handle)
{
    weft_channel *channel;
    uint64_t sum = 0;
    weft_status status = weft_channel_adopt(
        handle, NULL, weft_after_ns(UINT64_C(5000000000)), &channel, NULL);

    if (status == WEFT_OK) {
        status = consume(channel, &sum);
    }
    weft_channel_close(&channel);
    printf("%s, sum of pixels %" PRIu64 "\n", weft_status_text(status), sum);
    return status != WEFT_OK;
}

int main(void)
{
    weft_channel *channel;
    weft_handle theirs;
    weft_status status;
    int child_status = 0;
    pid_t child;

    if (weft_channel_pair(NULL, &channel, &theirs, NULL) != WEFT_OK) {
        return 1;
    }
    child = fork();
    if (child == 0) {
        weft_channel_close(&channel); /* frees the copy; the parent goes on */
        return run_consumer(theirs);
    }
    close((int)theirs);
    status = child > 0 ? produce(channel) : WEFT_EOS;
    weft_channel_close(&channel);
    if (child > 0) {
        waitpid(child, &child_status, 0);
    }
    return status != WEFT_OK || child_status != 0;
}
