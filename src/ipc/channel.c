/* SPDX-License-Identifier: MIT
 *
 * Channels: the two halves of a handshake put together, and the public calls.
 */
#include <stdlib.h>
#include <string.h>

#include "handshake.h"
#include "poll.h"
#include "received.h"
#include "rx.h"
#include "tx.h"

/*
 * A channel of weft_channel_pair begins pending: the first call finishes the
 * handshake, while those of the other direction's thread wait for it.
 */
enum phase { READY, PENDING, FINISHING, FAILED };

/*
 * The two directions belong to two threads, so no line of one is the other's;
 * what changes rarely lies between them.
 */
struct weft_channel {
    alignas(64) struct wefti_tx tx;
    uint64_t token;          /* of the process that opened it */
    weftos_word ready_token; /* the same, once the handshake is done */
    _Atomic uint32_t phase;
    struct wefti_offer offer;
    struct wefti_answer answer;
    struct wefti_settings settings;
    weft_detail detail;      /* of the handshake */
    weftos_waiter *greeting; /* hears the peer's first word; NULL: not asked */
    bool is_greeted;         /* it had come before that was heard */
    void *memory;            /* what to free: the struct is aligned within */
    alignas(64) struct wefti_rx rx;
    struct wefti_line line;
};

/* ------------------------------------------------------------- creation --- */

static weft_channel *allocate(void)
{
    const size_t line = alignof(weft_channel);
    void *memory = calloc(1, sizeof(weft_channel) + line);
    uintptr_t at = ((uintptr_t)memory + line - 1) & ~(uintptr_t)(line - 1);
    weft_channel *channel = (weft_channel *)at;

    if (memory == NULL) {
        return NULL;
    }
    channel->memory = memory;
    channel->line.socket = WEFTOS_NONE;
    channel->answer.process = WEFTOS_NONE;
    channel->answer.bell.handle = WEFTOS_NONE;
    channel->token = weftos_process_token();
    return channel;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * How far a ring of ours may grow: what both sides allow, as a power of two.
 * The peer's word is any number at all. Less than a page is the home's ring.
 */
static uint64_t ring_limit(const struct wefti_settings *settings,
                           const struct wefti_answer *answer)
{
    uint64_t most = least(settings->ring_max_bytes, answer->ring_max_bytes);
    uint64_t bytes = weftos_get_facts()->page_bytes;

    if (most < bytes) {
        return bytes / 2;
    }
    while (bytes <= most / 2) {
        bytes *= 2;
    }
    return bytes;
}

/* Equal to no process's token. */
#define NOT_READY UINT64_MAX

/* Both halves are here: sets up the two directions. */
static void assemble(weft_channel *channel)
{
    const struct wefti_settings *settings = &channel->settings;
    const struct wefti_answer *answer = &channel->answer;
    struct wefti_line *line = &channel->line;
    uint64_t ring_max = ring_limit(settings, answer);
    struct wefti_limits sending = {
        least(settings->ring_bytes, ring_max), ring_max,
        least(settings->message_max_bytes, answer->message_max_bytes)};
    struct wefti_limits receiving = {0, settings->peer_ring_max_bytes,
                                     settings->message_max_bytes};

    line->own = channel->offer.home;
    line->peer = answer->home;
    line->hear = channel->offer.hear;
    line->process = answer->process;
    line->bell = answer->bell;
    line->wait = settings->wait;
    line->interruptible = settings->interruptible;
    line->is_hub = settings->is_hub;
    line->hears_socket =
        settings->pattern == WEFTI_SERVICE && !settings->is_hub;
    line->fences_remote =
        channel->offer.can_fence_remote && answer->can_fence_remote;
    wefti_tx_init(&channel->tx, line, channel->offer.home_bytes, &sending,
                  settings->full == WEFT_FULL_DROP);
    wefti_rx_init(&channel->rx, line, answer->home_bytes, &receiving);
    weftos_store_release(&channel->ready_token, channel->token);
}

weft_status wefti_channel_create(weft_handle socket, struct wefti_offer *offer,
                                 struct wefti_answer *answer,
                                 const struct wefti_settings *settings,
                                 weft_channel **out, weft_detail *detail)
{
    weft_channel *channel = allocate();

    *out = NULL;
    if (channel == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a channel");
    }
    weftos_store_relaxed(&channel->ready_token, NOT_READY);
    channel->line.socket = socket;
    channel->offer = *offer;
    channel->settings = *settings;
    if (answer != NULL) {
        channel->answer = *answer;
        assemble(channel);
    }
    atomic_store(&channel->phase, answer != NULL ? READY : PENDING);
    *out = channel;
    return WEFT_OK;
}

/* The connecting side. The socket and the offer are used up in any case. */
static weft_status greet(weft_handle socket, struct wefti_offer *offer,
                         const struct wefti_settings *settings,
                         uint64_t deadline_ns, weft_channel **out,
                         weft_detail *detail)
{
    struct wefti_answer answer;
    uint64_t began_ns = weftos_now_ns();
    weft_status status =
        wefti_offer_send(offer, socket, WEFTI_HELLO, settings, detail);

    if (status == WEFT_OK || status == WEFT_EPEERDIED) {
        /* A listener that turned us away before this still left its answer. */
        status = wefti_answer_receive(
            &answer, socket, WEFTI_WELCOME, settings,
            wefti_within(deadline_ns, settings->handshake_ns), detail);
        if (status == WEFT_OK) {
            status = wefti_channel_create(socket, offer, &answer, settings, out,
                                          detail);
            if (status == WEFT_OK) {
                wefti_site_learn_greeting(&(*out)->rx.site,
                                          weftos_now_ns() - began_ns);
                return WEFT_OK;
            }
            wefti_answer_deinit(&answer, false);
        }
    }
    wefti_offer_deinit(offer, false);
    weftos_close(socket);
    return status;
}

static weft_status connect_checked(const char *name,
                                   const struct wefti_settings *settings,
                                   uint64_t deadline_ns, weft_handle *socket,
                                   weft_detail *detail)
{
    weftos_peer peer;
    weft_status status =
        weftos_endpoint_connect(name, settings->await_name, deadline_ns,
                                settings->interruptible, socket, &peer, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = wefti_check_peer(settings, &peer, detail);
    if (status != WEFT_OK) {
        weftos_close(*socket);
    }
    return status;
}

/*
 * The offer is made first, so that the greeting comes at once: a listener has
 * few places for those who have connected and say nothing.
 */
static weft_status connect_once(const char *name,
                                const struct wefti_settings *settings,
                                uint64_t deadline_ns, weft_channel **out,
                                weft_detail *detail)
{
    struct wefti_offer offer;
    weft_handle socket;
    weft_status status = wefti_offer_init(&offer, false, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = connect_checked(name, settings, deadline_ns, &socket, detail);
    if (status != WEFT_OK) {
        wefti_offer_deinit(&offer, false);
        return status;
    }
    return greet(socket, &offer, settings, deadline_ns, out, detail);
}

/*
 * A process that dies closes one handle after the other: who finds a connection
 * gone may still find its listener, which then hangs up without a word. So who
 * waits for the next one looks again.
 */
weft_status wefti_channel_connect(const char *name,
                                  const struct wefti_settings *settings,
                                  uint64_t deadline_ns, weft_channel **out,
                                  weft_detail *detail)
{
    weft_status status = wefti_check_name(name, detail);
    weft_detail found;

    if (status != WEFT_OK) {
        return status;
    }
    for (unsigned tries = 1;; tries++) {
        found = (weft_detail){WEFT_OK, 0, NULL};
        status = connect_once(name, settings, deadline_ns, out, &found);
        if (status != WEFT_EPEERDIED || !settings->await_name ||
            tries == WEFTI_HANG_UPS_MOST) {
            return wefti_pass(detail, status, &found);
        }
    }
}

weft_status weft_channel_connect(const char *name,
                                 const weft_channel_options *options,
                                 uint64_t deadline_ns, weft_channel **out,
                                 weft_detail *detail)
{
    struct wefti_settings settings;
    weft_status status;

    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    status = wefti_settings_init(&settings, options, detail);
    return status != WEFT_OK ? status
                             : wefti_channel_connect(name, &settings,
                                                     deadline_ns, out, detail);
}

weft_status weft_channel_pair(const weft_channel_options *options,
                              weft_channel **mine, weft_handle *theirs,
                              weft_detail *detail)
{
    struct wefti_settings settings;
    struct wefti_offer offer;
    weft_handle ends[2];
    weft_status status;

    if (mine == NULL || theirs == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *mine = NULL;
    *theirs = WEFT_HANDLE_NONE;
    status = wefti_settings_init(&settings, options, detail);
    if (status == WEFT_OK) {
        status = wefti_offer_init(&offer, false, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    status = weftos_socket_pair(ends, detail);
    if (status == WEFT_OK) {
        status = wefti_channel_create(ends[0], &offer, NULL, &settings, mine,
                                      detail);
        if (status == WEFT_OK) {
            *theirs = ends[1];
            return WEFT_OK;
        }
        weftos_close(ends[0]);
        weftos_close(ends[1]);
    }
    wefti_offer_deinit(&offer, false);
    return status;
}

/* Reads WEFT_CHANNEL_ENV and removes it: it is for one reader. */
static weft_status inherited_handle(weft_handle *handle, weft_detail *detail)
{
    const char *text = getenv(WEFT_CHANNEL_ENV);
    char *end;
    long long number;

    if (text == NULL) {
        return wefti_fail(detail, WEFT_ENOENT, "find " WEFT_CHANNEL_ENV);
    }
    number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || number < 0 || number > INTPTR_MAX) {
        return wefti_fail(detail, WEFT_EINVAL, "read " WEFT_CHANNEL_ENV);
    }
    *handle = (weft_handle)number;
    weftos_environment_remove(WEFT_CHANNEL_ENV);
    return WEFT_OK;
}

weft_status weft_channel_adopt(weft_handle theirs,
                               const weft_channel_options *options,
                               uint64_t deadline_ns, weft_channel **out,
                               weft_detail *detail)
{
    struct wefti_settings settings;
    struct wefti_offer offer;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    status = theirs == WEFT_HANDLE_NONE ? inherited_handle(&theirs, detail)
                                        : WEFT_OK;
    if (status != WEFT_OK) {
        return status;
    }
    status = wefti_settings_init(&settings, options, detail);
    if (status == WEFT_OK) {
        status = weftos_socket_adopt(theirs, detail);
    }
    if (status == WEFT_OK) {
        status = wefti_offer_init(&offer, false, detail);
    }
    if (status != WEFT_OK) {
        weftos_close(theirs);
        return status;
    }
    return greet(theirs, &offer, &settings, deadline_ns, out, detail);
}

/* ---------------------------------------------------------------- entry --- */

/* Does the accepting side's part of the handshake of a pair. */
static weft_status finish_handshake(weft_channel *channel, uint64_t deadline_ns)
{
    weft_status status = wefti_answer_receive(
        &channel->answer, channel->line.socket, WEFTI_HELLO, &channel->settings,
        deadline_ns, &channel->detail);

    if (status == WEFT_OK) {
        status = wefti_offer_send(&channel->offer, channel->line.socket,
                                  WEFTI_WELCOME, &channel->settings,
                                  &channel->detail);
        if (status != WEFT_OK) {
            wefti_answer_deinit(&channel->answer, false);
        }
    }
    if (status == WEFT_OK) {
        memset(&channel->detail, 0, sizeof(channel->detail));
        assemble(channel);
    }
    return status;
}

/* No greeting has come yet: the next call may go on waiting for it. */
static bool is_early(const weft_channel *channel, weft_status status)
{
    return !channel->answer.was_received &&
           (status == WEFT_ETIMEDOUT || status == WEFT_EAGAIN ||
            status == WEFT_EINTR || status == WEFT_ENOMEM);
}

/* Waits until another thread has finished the handshake, or given it up. */
static weft_status await_other_thread(weft_channel *channel,
                                      uint64_t deadline_ns)
{
    return weftos_word_wait(&channel->phase, FINISHING, NULL, deadline_ns,
                            channel->settings.interruptible, NULL);
}

static weft_status finish(weft_channel *channel, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;
    uint32_t phase = PENDING;

    while (
        !atomic_compare_exchange_strong(&channel->phase, &phase, FINISHING)) {
        if (phase == READY) {
            return WEFT_OK;
        }
        if (phase == FAILED) {
            return channel->detail.status;
        }
        status = await_other_thread(channel, deadline_ns);
        if (status != WEFT_OK) {
            return status;
        }
        phase = PENDING;
    }
    status = finish_handshake(channel, deadline_ns);
    if (status != WEFT_OK && !is_early(channel, status)) {
        wefti_refuse(channel->line.socket, &channel->settings, status);
        channel->detail.status = status;
    }
    atomic_store(&channel->phase, status == WEFT_OK           ? READY
                                  : is_early(channel, status) ? PENDING
                                                              : FAILED);
    weftos_word_wake(&channel->phase, UINT32_MAX, NULL);
    return status;
}

/* What the short ways check: not pending, and not in a forked child. */
static inline bool is_ready(const weft_channel *channel)
{
    /* Acquire: the two directions were assembled before. */
    return channel != NULL &&
           weftos_process_token() == weftos_load_acquire(&channel->ready_token);
}

/* What every call on a channel checks first. */
static inline weft_status enter(weft_channel *channel, uint64_t deadline_ns)
{
    if (channel == NULL) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != channel->token) {
        return WEFT_EFORKED;
    }
    if (atomic_load_explicit(&channel->phase, memory_order_acquire) != READY) {
        return finish(channel, deadline_ns);
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- sending --- */

static WEFTOS_COLD weft_status send_long(weft_channel *channel,
                                         const void *data, size_t bytes,
                                         uint64_t deadline_ns)
{
    weft_message message; /* not cleared: the handles are not looked at */
    weft_status status = enter(channel, deadline_ns);

    if (status != WEFT_OK) {
        return status;
    }
    if (data == NULL && bytes > 0) {
        return WEFT_EINVAL;
    }
    /* The producer only reads through it. */
    message.data = (void *)(uintptr_t)data;
    message.bytes = bytes;
    message.tag = 0;
    message.handle_count = 0;
    return wefti_tx_send(&channel->tx, &message, deadline_ns);
}

/* For messages that are copied by a call; kept out of the way of others. */
static WEFTOS_APART weft_status send_larger(weft_channel *channel,
                                            const void *data, size_t bytes,
                                            uint64_t deadline_ns)
{
    if (is_ready(channel) && data != NULL &&
        wefti_tx_send_short(&channel->tx, data, bytes, false)) {
        return WEFT_OK;
    }
    return send_long(channel, data, bytes, deadline_ns);
}

weft_status weft_channel_send_until(weft_channel *channel, const void *data,
                                    size_t bytes, uint64_t deadline_ns)
{
    if (is_ready(channel) && data != NULL &&
        wefti_tx_send_short(&channel->tx, data, bytes, true)) {
        return WEFT_OK;
    }
    return send_larger(channel, data, bytes, deadline_ns);
}

weft_status weft_channel_send_message(weft_channel *channel,
                                      const weft_message *message,
                                      uint64_t deadline_ns)
{
    weft_status status = enter(channel, deadline_ns);

    if (status != WEFT_OK) {
        return status;
    }
    if (message == NULL || (message->data == NULL && message->bytes > 0)) {
        return WEFT_EINVAL;
    }
    return wefti_tx_send(&channel->tx, message, deadline_ns);
}

weft_status weft_channel_reserve(weft_channel *channel, size_t bytes,
                                 void **space, uint64_t deadline_ns)
{
    weft_status status;

    if (is_ready(channel) && space != NULL) {
        *space = wefti_tx_reserve_short(&channel->tx, bytes);
        if (*space != NULL) {
            return WEFT_OK;
        }
    }
    status = enter(channel, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    return space == NULL
               ? WEFT_EINVAL
               : wefti_tx_reserve(&channel->tx, bytes, space, deadline_ns);
}

weft_status weft_channel_commit(weft_channel *channel, size_t bytes)
{
    weft_status status = enter(channel, WEFT_NOW);

    return status != WEFT_OK ? status : wefti_tx_commit(&channel->tx, bytes);
}

void weft_channel_cancel(weft_channel *channel)
{
    if (enter(channel, WEFT_NOW) == WEFT_OK) {
        wefti_tx_cancel(&channel->tx);
    }
}

weft_status weft_channel_flush(weft_channel *channel, uint64_t deadline_ns)
{
    weft_status status = enter(channel, deadline_ns);

    return status != WEFT_OK ? status
                             : wefti_tx_flush(&channel->tx, deadline_ns);
}

weft_status weft_channel_shutdown(weft_channel *channel)
{
    weft_status status = enter(channel, WEFT_NOW);

    if (status == WEFT_OK) {
        wefti_tx_end(&channel->tx);
    }
    return status;
}

weft_status weft_channel_trim(weft_channel *channel, uint64_t deadline_ns)
{
    weft_status status = enter(channel, deadline_ns);

    return status != WEFT_OK ? status
                             : wefti_tx_trim(&channel->tx, deadline_ns);
}

/* ------------------------------------------------------------ receiving --- */

static WEFTOS_COLD weft_status recv_long(weft_channel *channel, void *buffer,
                                         size_t room, size_t *bytes,
                                         uint64_t deadline_ns)
{
    weft_status status = enter(channel, deadline_ns);

    if (status != WEFT_OK) {
        return status;
    }
    if (bytes == NULL || (buffer == NULL && room > 0)) {
        return WEFT_EINVAL;
    }
    return wefti_rx_receive_plain(&channel->rx, buffer, room, bytes,
                                  deadline_ns);
}

weft_status weft_channel_recv_until(weft_channel *channel, void *buffer,
                                    size_t room, size_t *bytes,
                                    uint64_t deadline_ns)
{
    if (is_ready(channel) && buffer != NULL && bytes != NULL &&
        wefti_rx_receive_short(&channel->rx, buffer, room, bytes)) {
        return WEFT_OK;
    }
    return recv_long(channel, buffer, room, bytes, deadline_ns);
}

weft_status weft_channel_recv_message(weft_channel *channel,
                                      weft_message *message,
                                      uint64_t deadline_ns)
{
    weft_status status = enter(channel, deadline_ns);

    if (status != WEFT_OK) {
        return status;
    }
    if (message == NULL || (message->data == NULL && message->bytes > 0)) {
        return WEFT_EINVAL;
    }
    return wefti_rx_receive(&channel->rx, message, true, deadline_ns);
}

weft_status weft_channel_peek(weft_channel *channel, const void **data,
                              size_t *bytes, uint64_t deadline_ns)
{
    weft_status status;

    if (is_ready(channel) && data != NULL && bytes != NULL &&
        wefti_rx_peek_short(&channel->rx, data, bytes)) {
        return WEFT_OK;
    }
    status = enter(channel, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    return data == NULL || bytes == NULL
               ? WEFT_EINVAL
               : wefti_rx_peek(&channel->rx, data, bytes, deadline_ns);
}

void weft_channel_release(weft_channel *channel)
{
    if (enter(channel, WEFT_NOW) == WEFT_OK) {
        wefti_rx_release(&channel->rx);
    }
}

/* ----------------------------------------------------------- inspection --- */

/* A pair's handshake must be finished before there is anything to poll. */
static weft_status enter_to_poll(weft_channel *channel, weft_handle *handle)
{
    if (handle == NULL || channel == NULL) {
        return WEFT_EINVAL;
    }
    *handle = WEFT_HANDLE_NONE;
    return enter(channel,
                 wefti_within(WEFT_FOREVER, channel->settings.handshake_ns));
}

weft_status weft_channel_recv_handle(weft_channel *channel, weft_handle *handle)
{
    weft_status status = enter_to_poll(channel, handle);

    return status != WEFT_OK ? status : wefti_rx_expose(&channel->rx, handle);
}

weft_status weft_channel_send_handle(weft_channel *channel, weft_handle *handle)
{
    weft_status status = enter_to_poll(channel, handle);

    return status != WEFT_OK ? status : wefti_tx_expose(&channel->tx, handle);
}

/* Some systems hear the socket only from the first look on. */
static weft_status open_greeting(weft_channel *channel)
{
    unsigned events = 0;
    weft_status status =
        weftos_waiter_open(channel->offer.hear, channel->line.socket,
                           WEFTOS_NONE, &channel->greeting, NULL);

    channel->is_greeted = status == WEFT_OK &&
                          weftos_waiter_wait(channel->greeting, WEFT_NOW, false,
                                             &events, NULL) == WEFT_OK &&
                          events != 0;
    return status;
}

weft_status weft_channel_pair_handle(weft_channel *channel, weft_handle *handle)
{
    weft_status status = WEFT_OK;
    uint32_t phase;

    if (handle == NULL || channel == NULL) {
        return WEFT_EINVAL;
    }
    *handle = WEFT_HANDLE_NONE;
    phase = atomic_load(&channel->phase);
    if (weftos_process_token() != channel->token) {
        status = WEFT_EFORKED;
    } else if (phase == READY || phase == FAILED) {
        status = phase == READY ? WEFT_ENOENT : channel->detail.status;
    } else if (channel->greeting == NULL) {
        status = open_greeting(channel);
    }
    return status != WEFT_OK
               ? status
               : weftos_waiter_expose(channel->greeting, channel->is_greeted,
                                      handle, NULL);
}

weft_status weft_channel_get_stats(const weft_channel *channel,
                                   weft_channel_stats *stats)
{
    if (channel == NULL || stats == NULL || stats->size != sizeof(*stats)) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != channel->token) {
        return WEFT_EFORKED;
    }
    *stats = (weft_channel_stats){.size = sizeof(*stats)};
    if (atomic_load(&channel->phase) == READY) {
        wefti_tx_stats(&channel->tx, &stats->sent);
        wefti_rx_stats(&channel->rx, &stats->received);
    }
    return WEFT_OK;
}

weft_status weft_channel_get_peer(const weft_channel *channel, weft_peer *peer)
{
    if (channel == NULL || peer == NULL) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != channel->token) {
        return WEFT_EFORKED;
    }
    if (atomic_load(&channel->phase) != READY) {
        return WEFT_EAGAIN;
    }
    *peer = channel->answer.peer;
    return WEFT_OK;
}

void weft_channel_get_detail(const weft_channel *channel, weft_detail *detail)
{
    if (channel == NULL || detail == NULL) {
        return;
    }
    *detail = channel->detail;
    if (detail->status == WEFT_OK) {
        *detail = channel->rx.site.detail;
    }
    if (detail->status == WEFT_OK) {
        *detail = channel->tx.site.detail;
    }
}

/* ---------------------------------------------------- what more is made --- */

struct wefti_tx *wefti_channel_tx(weft_channel *channel)
{
    return &channel->tx;
}

struct wefti_rx *wefti_channel_rx(weft_channel *channel)
{
    return &channel->rx;
}

struct wefti_line *wefti_channel_line(weft_channel *channel)
{
    return &channel->line;
}

/* -------------------------------------------------------------- closing --- */

/* What a hub has received, and no record has asked for. */
static void drop_early(struct wefti_line *line)
{
    for (unsigned i = 0; line->early != NULL && i < line->early->count; i++) {
        wefti_received_drop(&line->early->received[i]);
    }
    free(line->early);
    line->early = NULL;
}

void weft_channel_close(weft_channel **channel_)
{
    weft_channel *channel;
    bool forked;

    if (channel_ == NULL || *channel_ == NULL) {
        return;
    }
    channel = *channel_;
    *channel_ = NULL;
    forked = weftos_process_token() != channel->token;
    weftos_waiter_close(channel->greeting);
    if (atomic_load(&channel->phase) == READY) {
        if (!forked) {
            wefti_source_leave(channel->rx.site.source);
            wefti_tx_end(&channel->tx);
            wefti_rx_leave(&channel->rx);
            /* Wakes the peer, even if a forked child holds the socket too. */
            weftos_socket_hang_up(channel->line.socket);
        }
        wefti_tx_deinit(&channel->tx, forked);
        wefti_rx_deinit(&channel->rx, forked);
        wefti_answer_deinit(&channel->answer, forked);
    }
    wefti_offer_deinit(&channel->offer, forked);
    drop_early(&channel->line);
    weftos_close(channel->line.socket);
    free(channel->memory);
}
