/* SPDX-License-Identifier: MIT
 *
 * libuv's loop, on Linux and macOS: it serves a listener, any number of senders
 * and standard input, as epoll_loop does. It prints what the senders say, and
 * ends when its standard input does. Start senders with:
 *
 *     echo hello | weft send loop
 *
 * libuv polls sockets alone on Windows. There a thread may wait for a poll set
 * (weft/poll.h) and call uv_async_send().
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>
#include <weft/weft.h>

/* A channel and libuv's watch of its handle. */
struct sender {
    uv_poll_t watch;
    weft_channel *channel;
};

/* The descriptor is the channel's: libuv must have let go of it before. */
static void free_sender(uv_handle_t *watch)
{
    struct sender *sender = watch->data;

    weft_channel_close(&sender->channel);
    free(sender);
}

/* Takes all that is there: the handle is ready no more after WEFT_EAGAIN. */
static void read_sender(uv_poll_t *watch, int error, int events)
{
    struct sender *sender = watch->data;
    weft_status status;
    const void *data;
    size_t bytes;

    (void)error; /* the channel knows what it means */
    (void)events;
    while ((status = weft_channel_peek(sender->channel, &data, &bytes,
                                       WEFT_NOW)) == WEFT_OK) {
        fwrite(data, 1, bytes, stdout);
        weft_channel_release(sender->channel);
    }
    fflush(stdout);
    if (status != WEFT_EAGAIN) {
        fprintf(stderr, "a sender is gone: %s\n", weft_status_text(status));
        uv_close((uv_handle_t *)watch, free_sender);
    }
}

static void add_sender(uv_loop_t *loop, weft_channel *channel)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    weft_handle handle;

    if (sender == NULL ||
        weft_channel_recv_handle(channel, &handle) != WEFT_OK ||
        uv_poll_init(loop, &sender->watch, (int)handle) != 0) {
        free(sender);
        weft_channel_close(&channel);
        return;
    }
    sender->channel = channel;
    sender->watch.data = sender;
    if (uv_poll_start(&sender->watch, UV_READABLE, read_sender) != 0) {
        uv_close((uv_handle_t *)&sender->watch, free_sender);
    }
}

static void accept_all(uv_poll_t *watch, int error, int events)
{
    weft_channel *channel;

    (void)error;
    (void)events;
    while (weft_channel_accept(watch->data, WEFT_NOW, &channel, NULL) ==
           WEFT_OK) {
        add_sender(watch->loop, channel);
    }
}

/* When standard input has ended, so has the loop. */
static void read_input(uv_poll_t *watch, int error, int events)
{
    char ignored[256];

    (void)events;
    if (error != 0 || read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0) {
        uv_stop(watch->loop);
    }
}

/* Closes what is left open; the senders are freed by it. */
static void close_watch(uv_handle_t *watch, void *context)
{
    if (!uv_is_closing(watch)) {
        uv_close(watch,
                 watch == context || watch->data == NULL ? NULL : free_sender);
    }
}

int main(int argc, char **argv)
{
    weft_listener *listener;
    uv_loop_t *loop = uv_default_loop();
    uv_poll_t newcomers;
    uv_poll_t input;

    if (weft_channel_listen(argc > 1 ? argv[1] : "loop", NULL, &listener,
                            NULL) != WEFT_OK) {
        return 1;
    }
    newcomers.data = listener;
    input.data = NULL;
    if (uv_poll_init(loop, &newcomers, (int)weft_listener_handle(listener)) !=
            0 ||
        uv_poll_init(loop, &input, STDIN_FILENO) != 0) {
        weft_listener_close(&listener);
        return 1;
    }
    uv_poll_start(&newcomers, UV_READABLE, accept_all);
    uv_poll_start(&input, UV_READABLE, read_input);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_walk(loop, close_watch, &newcomers);
    uv_run(loop, UV_RUN_DEFAULT);
    weft_listener_close(&listener);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
