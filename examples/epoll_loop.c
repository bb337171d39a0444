/* SPDX-License-Identifier: MIT
 *
 * An event loop with epoll: one thread serves a listener, any number of
 * senders and standard input. It prints what the senders say, and ends when
 * its standard input does. Start senders with: echo hello | weft send loop
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <weft/weft.h>

/* Marks the two sources that are no channels in epoll's user data. */
static char listener_mark;
static char input_mark;

/* Watches a handle; level-triggered, as all of weft's handles are. */
static int watch(int epoll, weft_handle handle, void *source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, (int)handle, &event);
}

/* Lets in everybody who is waiting. */
static void accept_all(int epoll, weft_listener *listener)
{
    weft_channel *channel;
    weft_handle handle;

    while (weft_channel_accept(listener, WEFT_NOW, &channel, NULL) == WEFT_OK) {
        if (weft_channel_recv_handle(channel, &handle) != WEFT_OK ||
            watch(epoll, handle, channel) != 0) {
            weft_channel_close(&channel);
        }
    }
}

/*
 * Takes what is there. Closing the channel also ends the watching, because
 * its handle is closed with it.
 */
static void read_channel(weft_channel *channel)
{
    weft_status status;
    const void *data;
    size_t bytes;

    while ((status = weft_channel_peek(channel, &data, &bytes, WEFT_NOW)) ==
           WEFT_OK) {
        fwrite(data, 1, bytes, stdout);
        weft_channel_release(channel);
    }
    fflush(stdout);
    if (status != WEFT_EAGAIN) {
        fprintf(stderr, "a sender is gone: %s\n", weft_status_text(status));
        weft_channel_close(&channel);
    }
}

/* Returns 0 when standard input has ended. */
static int read_input(void)
{
    char ignored[256];

    return read(STDIN_FILENO, ignored, sizeof(ignored)) > 0;
}

int main(int argc, char **argv)
{
    weft_listener *listener;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int running = 1;

    if (epoll < 0 || weft_channel_listen(argc > 1 ? argv[1] : "loop", NULL,
                                         &listener, NULL) != WEFT_OK) {
        return 1;
    }
    if (watch(epoll, weft_listener_handle(listener), &listener_mark) != 0 ||
        watch(epoll, STDIN_FILENO, &input_mark) != 0) {
        weft_listener_close(&listener);
        return 1;
    }
    while (running) {
        struct epoll_event event;

        if (epoll_wait(epoll, &event, 1, -1) != 1) {
            running = errno == EINTR;
        } else if (event.data.ptr == &listener_mark) {
            accept_all(epoll, listener);
        } else if (event.data.ptr == &input_mark) {
            running = read_input();
        } else {
            read_channel(event.data.ptr);
        }
    }
    weft_listener_close(&listener);
    return 0;
}
