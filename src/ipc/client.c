/* SPDX-License-Identifier: MIT
 *
 * The client of a service: a channel, and the calls that are in flight on it.
 *
 * Answers that come for another call than the one that is waited for are kept.
 * Those to calls that were given up are dropped when they come.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "handshake.h"
#include "received.h"
#include "rx.h"
#include "tx.h"

/* What is kept while a call waits for its own answer. */
#define KEPT_MOST_BYTES (UINT64_C(64) << 20)

/* Room for an answer, at least: an idle client should be small. */
#define ROOM_LEAST_BYTES ((size_t)512)

/* Room for an answer that is kept for the next one. */
#define ROOM_KEPT_BYTES ((size_t)1 << 20)

/* Answers to calls that were given up, passed over by a look. */
#define STALE_MOST 64

/* An answer, kept. */
struct letter {
    struct letter *next;
    weft_reply reply;
    unsigned char data[];
};

struct weft_client {
    uint64_t token;
    char *name;
    struct wefti_settings settings;
    weft_channel *channel;
    weft_detail detail; /* of our own failures */

    uint64_t last_call;
    struct wefti_calls calls; /* in flight */

    struct letter *first;
    struct letter *last;
    uint64_t kept_bytes;
    struct letter *shown; /* the one that the caller looks at */

    void *room;
    size_t room_bytes;
};

/* ----------------------------------------------------------- open, close ---
 */

weft_status weft_client_open(const char *name,
                             const weft_channel_options *options,
                             uint64_t deadline_ns, weft_client **out,
                             weft_detail *detail)
{
    weft_client *client;
    weft_status status;

    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a client");
    }
    status = wefti_settings_init(&client->settings, options, detail);
    if (status == WEFT_OK && client->settings.full != WEFT_FULL_BLOCK) {
        status = wefti_fail(detail, WEFT_EINVAL, "check the option full");
    }
    client->settings.pattern = WEFTI_SERVICE;
    if (status == WEFT_OK) {
        status = wefti_copy_name(name, &client->name, detail);
    }
    if (status == WEFT_OK) {
        status = wefti_channel_connect(name, &client->settings, deadline_ns,
                                       &client->channel, detail);
    }
    client->token = weftos_process_token();
    if (status != WEFT_OK) {
        weft_client_close(&client);
    }
    *out = client;
    return status;
}

static void drop_letter(struct letter *letter)
{
    wefti_close_handles(letter->reply.handles, letter->reply.handle_count);
    free(letter);
}

/* What was shown is gone; its handles are the caller's. */
static void end_show(weft_client *client)
{
    free(client->shown);
    client->shown = NULL;
    if (client->room_bytes > ROOM_KEPT_BYTES) {
        free(client->room);
        client->room = NULL;
        client->room_bytes = 0;
    }
}

static void drop_kept(weft_client *client)
{
    while (client->first != NULL) {
        struct letter *letter = client->first;

        client->first = letter->next;
        drop_letter(letter);
    }
    client->kept_bytes = 0;
}

void weft_client_close(weft_client **client_)
{
    weft_client *client;

    if (client_ == NULL || *client_ == NULL) {
        return;
    }
    client = *client_;
    *client_ = NULL;
    weft_channel_close(&client->channel);
    end_show(client);
    drop_kept(client);
    free(client->calls.open);
    free(client->room);
    free(client->name);
    free(client);
}

static weft_status enter(weft_client *client)
{
    if (client == NULL) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != client->token) {
        return WEFT_EFORKED;
    }
    end_show(client);
    return WEFT_OK;
}

weft_status weft_client_reopen(weft_client *client, uint64_t deadline_ns,
                               weft_detail *detail)
{
    weft_channel *channel;
    weft_status status = enter(client);

    if (status == WEFT_OK &&
        wefti_channel_rx(client->channel)->site.source != NULL) {
        status = WEFT_EINUSE; /* by its poll set */
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, "check the client");
    }
    status = wefti_channel_connect(client->name, &client->settings, deadline_ns,
                                   &channel, detail);
    if (status != WEFT_OK) {
        return status;
    }
    weft_channel_close(&client->channel);
    client->channel = channel;
    client->calls.count = 0;
    drop_kept(client);
    memset(&client->detail, 0, sizeof(client->detail));
    return WEFT_OK;
}

weft_status weft_client_handle(weft_client *client, weft_handle *handle)
{
    if (handle != NULL) {
        *handle = WEFT_HANDLE_NONE;
    }
    return client != NULL ? weft_channel_recv_handle(client->channel, handle)
                          : WEFT_EINVAL;
}

weft_channel *wefti_client_channel(const weft_client *client)
{
    return client->channel;
}

bool wefti_client_has_kept(const weft_client *client)
{
    return client->first != NULL;
}

void weft_client_detail(const weft_client *client, weft_detail *detail)
{
    if (client == NULL || detail == NULL) {
        return;
    }
    *detail = client->detail;
    if (detail->status == WEFT_OK) {
        weft_channel_get_detail(client->channel, detail);
    }
}

/* ---------------------------------------------------------------- calls --- */

/* A number for a new call, which is noted. 0: no memory. */
static uint64_t add_call(weft_client *client)
{
    do {
        client->last_call = (client->last_call + 1) & WEFTI_CALL_MASK;
    } while (client->last_call == 0 ||
             wefti_calls_have(&client->calls, client->last_call));
    return wefti_calls_add(&client->calls, client->last_call, 0)
               ? client->last_call
               : 0;
}

static weft_status send_parcel(weft_client *client, const weft_message *message,
                               enum wefti_parcel parcel, uint64_t call,
                               uint64_t deadline_ns)
{
    weft_message copy = *message;

    copy.tag = wefti_tag(parcel, call);
    return weft_channel_send_message(client->channel, &copy, deadline_ns);
}

static weft_status send_call(weft_client *client, const weft_message *message,
                             uint64_t call, uint64_t deadline_ns)
{
    bool has_due = deadline_ns != WEFT_FOREVER && deadline_ns != WEFT_NOW;
    weft_status status = WEFT_OK;

    if (message->handle_count == 0 &&
        wefti_tx_send_briefly(
            wefti_channel_tx(client->channel), message->data, message->bytes,
            wefti_tag(has_due ? WEFTI_CALL_DUE : WEFTI_CALL, call),
            has_due ? &deadline_ns : NULL, true)) {
        return WEFT_OK;
    }
    if (has_due) {
        weft_message due = {.data = &deadline_ns, .bytes = sizeof(deadline_ns)};

        status = send_parcel(client, &due, WEFTI_DUE, 0, deadline_ns);
    }
    return status != WEFT_OK
               ? status
               : send_parcel(client, message, WEFTI_CALL, call, deadline_ns);
}

static weft_status check_message(const weft_message *message)
{
    return message == NULL || message->tag != 0 ||
                   (message->data == NULL && message->bytes > 0)
               ? WEFT_EINVAL
               : WEFT_OK;
}

weft_status weft_client_begin(weft_client *client, const weft_message *message,
                              uint64_t deadline_ns, uint64_t *call)
{
    weft_status status = enter(client);

    if (status == WEFT_OK) {
        status = call != NULL ? check_message(message) : WEFT_EINVAL;
    }
    if (status != WEFT_OK) {
        return status;
    }
    *call = add_call(client);
    if (*call == 0) {
        return wefti_fail(&client->detail, WEFT_ENOMEM, "note a call");
    }
    status = send_call(client, message, *call, deadline_ns);
    if (status != WEFT_OK) {
        wefti_calls_end(&client->calls, *call);
        *call = 0;
    }
    return status;
}

weft_status weft_client_send(weft_client *client, const weft_message *message,
                             uint64_t deadline_ns)
{
    weft_status status = enter(client);

    if (status == WEFT_OK) {
        status = check_message(message);
    }
    return status != WEFT_OK
               ? status
               : send_parcel(client, message, WEFTI_ONE_WAY, 0, deadline_ns);
}

weft_status weft_client_cancel(weft_client *client, uint64_t call)
{
    static const weft_message nothing = {.bytes = 0};
    weft_status status = enter(client);

    if (status != WEFT_OK) {
        return status;
    }
    if (!wefti_calls_have(&client->calls, call)) {
        return WEFT_ENOENT;
    }
    wefti_calls_end(&client->calls, call);
    /* A server that has not even room for this hears of it no earlier. */
    status = send_parcel(client, &nothing, WEFTI_CANCEL, call, WEFT_NOW);
    return status == WEFT_EAGAIN ? WEFT_OK : status;
}

/* -------------------------------------------------------------- answers --- */

static weft_status grow_room(weft_client *client, size_t bytes)
{
    void *room;

    if (client->room != NULL && bytes <= client->room_bytes) {
        return WEFT_OK;
    }
    bytes = bytes < ROOM_LEAST_BYTES ? ROOM_LEAST_BYTES : bytes;
    room = calloc(1, bytes);
    if (room == NULL) {
        return wefti_fail(&client->detail, WEFT_ENOMEM,
                          "allocate room for an answer");
    }
    free(client->room);
    client->room = room;
    client->room_bytes = bytes;
    return WEFT_OK;
}

static weft_status receive(weft_client *client, weft_message *message,
                           uint64_t deadline_ns)
{
    weft_status status = grow_room(client, 0);

    while (status == WEFT_OK) {
        message->data = client->room;
        message->bytes = client->room_bytes;
        status =
            weft_channel_recv_message(client->channel, message, deadline_ns);
        if (status != WEFT_EMSGSIZE) {
            break;
        }
        status = grow_room(client, message->bytes);
    }
    return status;
}

static void show_message(weft_reply *reply, const weft_message *message)
{
    reply->call = message->tag & WEFTI_CALL_MASK;
    reply->status =
        (weft_status) -
        (int)((message->tag >> WEFTI_FAILURE_SHIFT) & WEFTI_FAILURE_MASK);
    reply->flags = (message->tag & WEFTI_MORE) != 0 ? WEFT_REPLY_MORE : 0;
    reply->data = message->data;
    reply->bytes = message->bytes;
    reply->handle_count = message->handle_count;
    memcpy(reply->handles, message->handles,
           message->handle_count * sizeof(message->handles[0]));
}

/* Receives the next answer to a call in flight, or event. */
static weft_status take(weft_client *client, weft_reply *reply,
                        uint64_t deadline_ns)
{
    unsigned stale = 0;

    for (;;) {
        weft_message message;
        weft_status status = receive(client, &message, deadline_ns);
        enum wefti_parcel parcel;

        if (status != WEFT_OK) {
            return status;
        }
        show_message(reply, &message);
        parcel = wefti_tag_parcel(message.tag);
        if (parcel == WEFTI_REPLY &&
            wefti_calls_have(&client->calls, reply->call)) {
            if ((reply->flags & WEFT_REPLY_MORE) == 0) {
                wefti_calls_end(&client->calls, reply->call);
            }
            return WEFT_OK;
        }
        if (parcel == WEFTI_NEWS && message.tag == wefti_tag(parcel, 0)) {
            return WEFT_OK;
        }
        wefti_close_handles(message.handles, message.handle_count);
        if (parcel != WEFTI_REPLY) {
            return wefti_fail(&client->detail, WEFT_EPROTO, "read an answer");
        }
        /* It was given up; a server may go on about such for ever. */
        if (deadline_ns == WEFT_NOW ? ++stale >= STALE_MOST
                                    : deadline_ns != WEFT_FOREVER &&
                                          weftos_now_ns() >= deadline_ns) {
            return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
        }
    }
}

static weft_status keep(weft_client *client, const weft_reply *reply)
{
    uint64_t bytes = sizeof(struct letter) + reply->bytes;
    struct letter *letter = calloc(1, (size_t)bytes);

    if (letter == NULL) {
        return WEFT_ENOMEM;
    }
    letter->next = NULL;
    letter->reply = *reply;
    letter->reply.data = letter->data;
    if (reply->bytes > 0) {
        memcpy(letter->data, reply->data, reply->bytes);
    }
    if (client->first == NULL) {
        client->first = letter;
    } else {
        client->last->next = letter;
    }
    client->last = letter;
    client->kept_bytes += bytes;
    return WEFT_OK;
}

weft_status weft_client_next(weft_client *client, weft_reply *reply,
                             uint64_t deadline_ns)
{
    weft_status status = enter(client);
    struct letter *letter;

    if (status != WEFT_OK || reply == NULL) {
        return status != WEFT_OK ? status : WEFT_EINVAL;
    }
    letter = client->first;
    if (letter == NULL) {
        return take(client, reply, deadline_ns);
    }
    client->first = letter->next;
    client->kept_bytes -= sizeof(*letter) + letter->reply.bytes;
    client->shown = letter;
    *reply = letter->reply;
    return WEFT_OK;
}

/* Waits for the answer to one call, and keeps the others. */
static weft_status await_answer(weft_client *client, uint64_t call,
                                weft_reply *reply, uint64_t deadline_ns)
{
    for (;;) {
        weft_status status = WEFT_ELIMIT;

        if (client->kept_bytes <= KEPT_MOST_BYTES) {
            status = take(client, reply, deadline_ns);
        }
        if (status != WEFT_OK || reply->call == call) {
            return status;
        }
        status = keep(client, reply);
        if (status != WEFT_OK) {
            wefti_close_handles(reply->handles, reply->handle_count);
            return wefti_fail(&client->detail, status, "keep an answer");
        }
    }
}

weft_status weft_client_call(weft_client *client, const void *data,
                             size_t bytes, weft_reply *reply,
                             uint64_t deadline_ns)
{
    /* The message is only read through it. */
    weft_message message = {.data = (void *)(uintptr_t)data, .bytes = bytes};
    uint64_t call;
    weft_status status =
        reply == NULL ? WEFT_EINVAL
                      : weft_client_begin(client, &message, deadline_ns, &call);

    if (status != WEFT_OK) {
        return status;
    }
    status = await_answer(client, call, reply, deadline_ns);
    if (status != WEFT_OK) {
        (void)weft_client_cancel(client, call);
    }
    return status;
}
