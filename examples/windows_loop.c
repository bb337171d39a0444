/* SPDX-License-Identifier: MIT
 *
 * A loop with WaitForMultipleObjects: one thread serves a listener and up to 63
 * senders. It prints what they say, and ends when so many of them have gone as
 * its argument says (1 if there is none). Start senders with:
 *
 *     echo hello | weft send loop
 *
 * WaitForMultipleObjects takes 64 objects; a poll set (weft/poll.h) has no such
 * limit.
 */
#include <stdio.h>
#include <stdlib.h>

#include <windows.h>

#include <weft/weft.h>

/* The first is the listener's, the others are the senders'. */
static HANDLE handles[MAXIMUM_WAIT_OBJECTS];
static weft_channel *senders[MAXIMUM_WAIT_OBJECTS];
static DWORD count = 1;

/* Lets in everybody who is waiting, as far as there is a place. */
static void accept_all(weft_listener *listener)
{
    weft_channel *channel;
    weft_handle handle;

    while (count < MAXIMUM_WAIT_OBJECTS &&
           weft_channel_accept(listener, WEFT_NOW, &channel, NULL) == WEFT_OK) {
        if (weft_channel_recv_handle(channel, &handle) == WEFT_OK) {
            senders[count] = channel;
            handles[count++] = (HANDLE)handle;
        } else {
            weft_channel_close(&channel);
        }
    }
}

/*
 * Takes all that is there: the handle is set no more after WEFT_EAGAIN. Returns
 * 1 if the sender has gone; the last one has its place then.
 */
static unsigned read_sender(DWORD place)
{
    weft_status status;
    const void *data;
    size_t bytes;

    while ((status = weft_channel_peek(senders[place], &data, &bytes,
                                       WEFT_NOW)) == WEFT_OK) {
        fwrite(data, 1, bytes, stdout);
        weft_channel_release(senders[place]);
    }
    fflush(stdout);
    if (status == WEFT_EAGAIN) {
        return 0;
    }
    fprintf(stderr, "a sender is gone: %s\n", weft_status_text(status));
    weft_channel_close(&senders[place]);
    count--;
    senders[place] = senders[count];
    handles[place] = handles[count];
    return 1;
}

int main(int argc, char **argv)
{
    unsigned long left = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    weft_listener *listener;

    if (weft_channel_listen("loop", NULL, &listener, NULL) != WEFT_OK) {
        return 1;
    }
    handles[0] = (HANDLE)weft_listener_handle(listener);
    while (left > 0) {
        DWORD which = WaitForMultipleObjects(count, handles, FALSE, INFINITE);

        if (which >= WAIT_OBJECT_0 + count) {
            break;
        }
        which -= WAIT_OBJECT_0;
        if (which == 0) {
            accept_all(listener);
        } else {
            left -= read_sender(which);
        }
    }
    while (count > 1) {
        weft_channel_close(&senders[--count]);
    }
    weft_listener_close(&listener);
    return left == 0 ? 0 : 1;
}
