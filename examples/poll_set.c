/* SPDX-License-Identifier: MIT
 *
 * One thread waits for a service, a listener and any number of channels, with a
 * poll set. It answers calls with what they say, prints what senders send, and
 * ends with the call "quit". Try it:
 *
 *     weft call desk hello
 *     echo hello | weft send desk-mail
 *     weft call desk quit
 */
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

#define SENDERS_MOST 100

/* Keys from here on are places of senders. */
enum key { KEY_SERVICE, KEY_LISTENER, KEY_SENDERS };

static weft_poll *poll;
static weft_channel *senders[SENDERS_MOST];

/* Lets in everybody who is waiting, as far as there is a place. */
static void accept_all(weft_listener *listener)
{
    for (unsigned i = 0; i < SENDERS_MOST; i++) {
        if (senders[i] == NULL) {
            if (weft_channel_accept(listener, WEFT_NOW, &senders[i], NULL) !=
                WEFT_OK) {
                return;
            }
            if (weft_poll_add_channel(poll, senders[i], KEY_SENDERS + i,
                                      NULL) != WEFT_OK) {
                weft_channel_close(&senders[i]);
            }
        }
    }
}

/* Prints one message. If there are more the next wait says so again. */
static void read_sender(weft_channel **sender)
{
    const void *data;
    size_t bytes;
    weft_status status = weft_channel_peek(*sender, &data, &bytes, WEFT_NOW);

    if (status == WEFT_OK) {
        fwrite(data, 1, bytes, stdout);
        fflush(stdout);
        weft_channel_release(*sender);
    } else if (status != WEFT_EAGAIN) {
        fprintf(stderr, "a sender is gone: %s\n", weft_status_text(status));
        weft_channel_close(sender); /* which takes it out of the set */
    }
}

/* Answers what there is. Returns 0 for the call "quit". */
static int serve(weft_service *service)
{
    weft_request request;
    int running = 1;

    while (running &&
           weft_service_next(service, &request, WEFT_NOW, NULL) == WEFT_OK) {
        /* The message is only read. */
        weft_message answer = {.data = (void *)(uintptr_t)request.data,
                               .bytes = request.bytes};

        if (request.kind == WEFT_REQUEST_CALL) {
            running =
                request.bytes != 4 || memcmp(request.data, "quit", 4) != 0;
            weft_service_reply(service, request.client, request.call, WEFT_OK,
                               0, &answer);
        }
    }
    return running;
}

static int loop(weft_service *service, weft_listener *listener)
{
    int running = 1;

    if (weft_poll_add_service(poll, service, KEY_SERVICE, NULL) != WEFT_OK ||
        weft_poll_add_handle(poll, weft_listener_handle(listener),
                             WEFT_POLL_READ, KEY_LISTENER, NULL) != WEFT_OK) {
        return 1;
    }
    while (running) {
        weft_poll_item items[16];
        size_t count;

        if (weft_poll_wait(poll, items, 16, &count, WEFT_FOREVER, NULL) !=
            WEFT_OK) {
            return 1;
        }
        for (size_t i = 0; i < count; i++) {
            if (items[i].key == KEY_SERVICE) {
                running = serve(service) && running;
            } else if (items[i].key == KEY_LISTENER) {
                accept_all(listener);
            } else {
                read_sender(&senders[items[i].key - KEY_SENDERS]);
            }
        }
    }
    return 0;
}

int main(void)
{
    weft_service *service = NULL;
    weft_listener *listener = NULL;
    int result = 1;

    if (weft_poll_open(NULL, &poll, NULL) == WEFT_OK &&
        weft_service_open("desk", NULL, &service, NULL) == WEFT_OK &&
        weft_channel_listen("desk-mail", NULL, &listener, NULL) == WEFT_OK) {
        result = loop(service, listener);
    }
    /* The set goes first: it looks at all that is in it. */
    weft_poll_close(&poll);
    for (unsigned i = 0; i < SENDERS_MOST; i++) {
        weft_channel_close(&senders[i]);
    }
    weft_listener_close(&listener);
    weft_service_close(&service);
    return result;
}
