/* SPDX-License-Identifier: MIT
 *
 * The server of a service: its options, its clients, and what it sends them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "service.h"

#define DEFAULT_CLIENTS 16384
#define LARGEST_CLIENTS (1u << 20)
#define DEFAULT_CALLS 256
#define LARGEST_CALLS 65536
#define DEFAULT_HANDLES 64
#define LARGEST_HANDLES (LARGEST_CALLS * WEFT_HANDLES_MAX)
#define DEFAULT_MESSAGE (UINT64_C(16) << 20)
#define DEFAULT_RING ((size_t)1 << 20)
#define DEFAULT_QUEUE (UINT64_C(4) << 20)

/* A client's number: where it is, and how many came before it. */
#define PLACE_BITS 20
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

/* -------------------------------------------------------------- options --- */

static const char *find_fault(const weft_service_options *options)
{
    const unsigned known = WEFT_SERVICE_TAKES_HANDLES |
                           WEFT_SERVICE_INTERRUPTIBLE |
                           WEFT_SERVICE_GATHERS_WAKES;

    if ((options->flags & ~known) != 0) {
        return "check the option flags";
    }
    if (options->clients_max > LARGEST_CLIENTS) {
        return "check the option clients_max";
    }
    if (options->calls_max > LARGEST_CALLS) {
        return "check the option calls_max";
    }
    if (options->handles_max > LARGEST_HANDLES) {
        return "check the option handles_max";
    }
    if (options->queue_max_bytes > SIZE_MAX / 2) {
        return "check the option queue_max_bytes";
    }
    return NULL;
}

/* Those that a channel has too are checked as its own. */
static weft_status init_settings(struct wefti_settings *settings,
                                 const weft_service_options *options,
                                 weft_detail *detail)
{
    weft_channel_options of_channel = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status;

    of_channel.wait = options->wait;
    of_channel.mode = options->mode;
    of_channel.ring_max_bytes = options->reply_ring_max_bytes != 0
                                    ? options->reply_ring_max_bytes
                                    : DEFAULT_RING;
    of_channel.message_max_bytes = options->message_max_bytes != 0
                                       ? options->message_max_bytes
                                       : DEFAULT_MESSAGE;
    of_channel.peer_ring_max_bytes = options->client_ring_max_bytes != 0
                                         ? options->client_ring_max_bytes
                                         : DEFAULT_RING;
    of_channel.handshake_ns = options->handshake_ns;
    of_channel.allow = options->allow;
    of_channel.allow_context = options->allow_context;
    if ((options->flags & WEFT_SERVICE_INTERRUPTIBLE) != 0) {
        of_channel.flags = WEFT_CHANNEL_INTERRUPTIBLE;
    }
    status = wefti_settings_init(settings, &of_channel, detail);
    settings->pattern = WEFTI_SERVICE;
    settings->is_hub = true;
    return status;
}

static unsigned or_default(unsigned value, unsigned instead)
{
    return value != 0 ? value : instead;
}

static weft_status take_options(weft_service *service,
                                const weft_service_options *options,
                                weft_detail *detail)
{
    weft_service_options copy = WEFT_SERVICE_OPTIONS_INIT;
    const char *fault;

    if (!wefti_copy_options(&copy, sizeof(copy), options,
                            offsetof(weft_service_options, clients_max))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    fault = find_fault(&copy);
    if (fault != NULL) {
        return wefti_fail(detail, WEFT_EINVAL, fault);
    }
    service->clients_max = or_default(copy.clients_max, DEFAULT_CLIENTS);
    service->quota.calls_max = or_default(copy.calls_max, DEFAULT_CALLS);
    service->quota.queue_max_bytes =
        copy.queue_max_bytes != 0 ? copy.queue_max_bytes : DEFAULT_QUEUE;
    service->quota.handles_max =
        (copy.flags & WEFT_SERVICE_TAKES_HANDLES) != 0
            ? or_default(copy.handles_max, DEFAULT_HANDLES)
            : 0;
    service->gathers_wakes = (copy.flags & WEFT_SERVICE_GATHERS_WAKES) != 0;
    return init_settings(&service->settings, &copy, detail);
}

/* ----------------------------------------------------------- open, close ---
 */

weft_status weft_service_open(const char *name,
                              const weft_service_options *options,
                              weft_service **out, weft_detail *detail)
{
    weft_service *service;
    weft_status status;

    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    service = calloc(1, sizeof(*service));
    if (service == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a service");
    }
    service->spin_us = WEFTI_SPIN_MOST_US;
    status = take_options(service, options, detail);
    if (status == WEFT_OK) {
        status = wefti_check_name(name, detail);
    }
    if (status == WEFT_OK) {
        status = wefti_listener_open(name, &service->settings,
                                     &service->listener, detail);
    }
    if (status != WEFT_OK) {
        free(service);
        return status;
    }
    service->board = wefti_listener_board(service->listener);
    service->token = weftos_process_token();
    *out = service;
    return WEFT_OK;
}

weft_handle weft_service_handle(const weft_service *service)
{
    return service != NULL ? weft_listener_handle(service->listener)
                           : WEFT_HANDLE_NONE;
}

static uint64_t place_of(const struct wefti_guest *guest)
{
    return guest->id & PLACE_MASK;
}

static void forget(weft_service *service, struct wefti_guest *guest)
{
    const struct wefti_line *line = wefti_channel_line(guest->channel);

    weftos_endpoint_forget(wefti_listener_endpoint(service->listener),
                           WEFTI_PENDING_MOST + place_of(guest), line->socket,
                           line->process);
}

void weft_service_close(weft_service **service_)
{
    weft_service *service;
    bool forked;

    if (service_ == NULL || *service_ == NULL) {
        return;
    }
    service = *service_;
    *service_ = NULL;
    forked = weftos_process_token() != service->token;
    if (!forked) {
        wefti_source_leave(service->source);
    }
    for (unsigned i = 0; i < service->guest_room; i++) {
        if (service->guests[i] != NULL) {
            if (!forked) {
                forget(service, service->guests[i]);
            }
            wefti_guest_close(service->guests[i]);
        }
    }
    weft_listener_close(&service->listener);
    free(service->guests);
    free(service->active);
    free(service->room);
    free(service);
}

/* ------------------------------------------------------------ who is in --- */

static struct wefti_guest *find_guest(const weft_service *service,
                                      uint64_t client)
{
    uint64_t place = client & PLACE_MASK;
    struct wefti_guest *guest =
        place < service->guest_room ? service->guests[place] : NULL;

    return guest != NULL && guest->id == client ? guest : NULL;
}

/* Room for one more in both lists. */
static weft_status grow(weft_service *service)
{
    const size_t each = sizeof(struct wefti_guest *);
    unsigned room = service->guest_room == 0 ? 8 : service->guest_room * 2;
    struct wefti_guest **active;
    struct wefti_guest **guests;

    if (service->guest_count < service->guest_room) {
        return WEFT_OK;
    }
    active =
        wefti_grow(service->active, service->active_count * each, room * each);
    if (active == NULL) {
        return WEFT_ENOMEM;
    }
    service->active = active;
    wefti_lock(&service->lock);
    guests =
        wefti_grow(service->guests, service->guest_room * each, room * each);
    if (guests != NULL) {
        service->guests = guests;
        service->guest_room = room;
    }
    wefti_unlock(&service->lock);
    return guests != NULL ? WEFT_OK : WEFT_ENOMEM;
}

void wefti_service_activate(weft_service *service, struct wefti_guest *guest)
{
    guest->lively_ns = service->heard_ns;
    guest->streak = 0;
    if (!guest->is_active) {
        guest->is_active = true;
        service->active[service->active_count++] = guest;
    }
}

void wefti_service_deactivate(weft_service *service, unsigned index)
{
    service->active[index]->is_active = false;
    service->active[index] = service->active[--service->active_count];
}

/* The next place, round about: so that a number is long unused. */
static unsigned find_place(weft_service *service)
{
    do {
        service->last_place = (service->last_place + 1) % service->guest_room;
    } while (service->guests[service->last_place] != NULL);
    return service->last_place;
}

static weft_status seat(weft_service *service, struct wefti_guest *guest,
                        weft_detail *detail)
{
    const struct wefti_line *line = wefti_channel_line(guest->channel);
    weft_status status = grow(service);
    unsigned place;

    if (status != WEFT_OK) {
        return wefti_fail(detail, status, "allocate room for clients");
    }
    place = find_place(service);
    status = weftos_endpoint_watch(wefti_listener_endpoint(service->listener),
                                   WEFTI_PENDING_MOST + place, line->socket,
                                   line->process, detail);
    if (status != WEFT_OK) {
        return status;
    }
    guest->id = ++service->serial << PLACE_BITS | place;
    wefti_lock(&service->lock);
    service->guests[place] = guest;
    wefti_board_add(&service->board->memory_bytes,
                    weftos_get_facts()->page_bytes);
    wefti_unlock(&service->lock);
    service->guest_count++;
    wefti_service_activate(service, guest);
    return WEFT_OK;
}

static void set_full(weft_service *service)
{
    unsigned count = service->guest_count - service->left_count;

    wefti_board_set(&service->board->peers, count);
    wefti_listener_set_full(service->listener, count >= service->clients_max);
}

/* Its place is the next one's, before all that it sent has been taken. */
void wefti_service_note_end(weft_service *service, struct wefti_guest *guest)
{
    if (!guest->has_left && wefti_guest_has_ended(guest)) {
        guest->has_left = true;
        service->left_count++;
        set_full(service);
    }
}

weft_status wefti_service_admit(weft_service *service, weft_channel *channel,
                                weft_detail *detail)
{
    struct wefti_guest *guest = wefti_guest_create(channel, &service->quota);
    weft_status status;

    if (guest == NULL) {
        weft_channel_close(&channel);
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a client");
    }
    status = seat(service, guest, detail);
    if (status != WEFT_OK) {
        wefti_guest_close(guest);
        return status;
    }
    set_full(service);
    return WEFT_OK;
}

/* Under the lock: what it has of the service is over. */
static void uncount(const weft_service *service,
                    const struct wefti_guest *guest)
{
    struct wefti_tally last = wefti_service_tally(guest);
    struct wefti_board *board = service->board;

    wefti_board_add(&board->depth, 0 - (uint64_t)guest->calls.count);
    wefti_board_add(&board->queued_bytes, 0 - last.queued_bytes);
    wefti_board_add(&board->memory_bytes,
                    0 - (last.ring_bytes + weftos_get_facts()->page_bytes));
}

void wefti_service_remove(weft_service *service, struct wefti_guest *guest)
{
    forget(service, guest);
    for (unsigned i = 0; i < service->active_count; i++) {
        if (service->active[i] == guest) {
            wefti_service_deactivate(service, i);
            break;
        }
    }
    wefti_service_ring_owed(service);
    wefti_lock(&service->lock);
    service->guests[place_of(guest)] = NULL;
    uncount(service, guest);
    wefti_unlock(&service->lock);
    service->guest_count--;
    service->left_count -= guest->has_left;
    set_full(service);
    wefti_guest_close(guest);
}

/* -------------------------------------------------------------- sending --- */

/* What every call of a replier begins with. */
static weft_status enter(const weft_service *service,
                         const weft_message *message)
{
    if (service == NULL || (message != NULL && message->tag != 0) ||
        (message != NULL && message->data == NULL && message->bytes > 0)) {
        return WEFT_EINVAL;
    }
    return weftos_process_token() == service->token ? WEFT_OK : WEFT_EFORKED;
}

struct wefti_tally wefti_service_tally(const struct wefti_guest *guest)
{
    const struct wefti_tx *tx = wefti_channel_tx(guest->channel);
    uint64_t ring_bytes = tx->ring != tx->home_ring ? tx->ring_bytes : 0;

    return (struct wefti_tally){tx->messages, tx->bytes, tx->wakes,
                                guest->queued_bytes, ring_bytes};
}

void wefti_service_count(const weft_service *service,
                         const struct wefti_guest *guest,
                         const struct wefti_tally *before)
{
    struct wefti_tally after = wefti_service_tally(guest);
    struct wefti_board *board = service->board;

    wefti_board_add(&board->sent, after.messages - before->messages);
    wefti_board_add(&board->sent_bytes, after.bytes - before->bytes);
    wefti_board_add(&board->wakes, after.wakes - before->wakes);
    if (after.queued_bytes != before->queued_bytes) {
        wefti_board_add(&board->full, before->queued_bytes == 0);
        wefti_board_add(&board->queued_bytes,
                        after.queued_bytes - before->queued_bytes);
    }
    if (after.ring_bytes != before->ring_bytes) {
        wefti_board_add(&board->memory_bytes,
                        after.ring_bytes - before->ring_bytes);
    }
}

/* Each thread has an errno of its own. MinGW's _Thread_local costs a handle. */
uintptr_t wefti_service_this_thread(void)
{
    return (uintptr_t)&errno;
}

/*
 * May the client's wake wait? Only where this thread is to come back for other
 * requests, which are there already. That the client sleeps is a guess here:
 * one that falls asleep meanwhile is woken at once.
 */
static bool may_owe(const weft_service *service, const struct wefti_line *line)
{
    return service->gathers_wakes && !line->owes_ring &&
           weftos_load_relaxed(&line->peer->parked_at) != WEFTI_NONE &&
           atomic_load_explicit(&service->thread, memory_order_relaxed) ==
               wefti_service_this_thread() &&
           service->owed_count < WEFTI_OWED_MOST &&
           wefti_service_is_any_ready(service);
}

void wefti_service_ring_owed(weft_service *service)
{
    if (service->owed_count == 0) {
        return;
    }
    wefti_lock(&service->lock);
    for (unsigned i = 0; i < service->owed_count; i++) {
        struct wefti_line *line = wefti_channel_line(service->owed[i]->channel);

        line->owes_ring = false;
        (void)wefti_line_ring(line, NULL);
    }
    service->owed_count = 0;
    wefti_unlock(&service->lock);
}

/* Under the lock. */
static weft_status send_to(weft_service *service, struct wefti_guest *guest,
                           const weft_message *message, uint64_t tag)
{
    static const weft_message nothing = {.bytes = 0};
    struct wefti_line *line = wefti_channel_line(guest->channel);
    weft_message copy = message != NULL ? *message : nothing;
    struct wefti_tally before = wefti_service_tally(guest);
    weft_status status;

    copy.tag = tag;
    if (may_owe(service, line)) {
        line->defers = true;
        status = wefti_guest_send(guest, &copy);
        line->defers = false;
        if (line->owes_ring) {
            service->owed[service->owed_count++] = guest;
        }
    } else {
        status = wefti_guest_send(guest, &copy);
    }
    wefti_service_count(service, guest, &before);
    return status == WEFT_ECLOSED || status == WEFT_EPEERDIED ? WEFT_ENOENT
                                                              : status;
}

weft_status weft_service_reply(weft_service *service, uint64_t client,
                               uint64_t call, weft_status answer,
                               unsigned flags, const weft_message *message)
{
    weft_status status = enter(service, message);
    uint64_t failure = (uint64_t) - (int64_t)answer;
    struct wefti_guest *guest;

    if (status != WEFT_OK) {
        return status;
    }
    if (failure > WEFTI_FAILURE_MASK || (flags & ~WEFT_REPLY_MORE) != 0) {
        return WEFT_EINVAL;
    }
    wefti_lock(&service->lock);
    guest = find_guest(service, client);
    status = WEFT_ENOENT;
    if (guest != NULL && wefti_calls_have(&guest->calls, call)) {
        status = send_to(service, guest, message,
                         wefti_tag(WEFTI_REPLY, call) |
                             failure << WEFTI_FAILURE_SHIFT |
                             ((flags & WEFT_REPLY_MORE) != 0 ? WEFTI_MORE : 0));
        if (status == WEFT_OK && (flags & WEFT_REPLY_MORE) == 0) {
            wefti_calls_end(&guest->calls, call);
            wefti_board_add(&service->board->depth, UINT64_MAX);
        }
    }
    wefti_unlock(&service->lock);
    return status;
}

weft_status weft_service_send(weft_service *service, uint64_t client,
                              const weft_message *message)
{
    weft_status status = enter(service, message);
    struct wefti_guest *guest;

    if (status != WEFT_OK || message == NULL) {
        return status != WEFT_OK ? status : WEFT_EINVAL;
    }
    wefti_lock(&service->lock);
    guest = find_guest(service, client);
    status = guest != NULL
                 ? send_to(service, guest, message, wefti_tag(WEFTI_NEWS, 0))
                 : WEFT_ENOENT;
    wefti_unlock(&service->lock);
    return status;
}

weft_status weft_service_drop(weft_service *service, uint64_t client)
{
    weft_status status = enter(service, NULL);
    struct wefti_guest *guest;

    if (status != WEFT_OK) {
        return status;
    }
    guest = find_guest(service, client);
    if (guest == NULL) {
        return WEFT_ENOENT;
    }
    wefti_board_add(&service->board->cut_off, 1);
    wefti_service_remove(service, guest);
    return WEFT_OK;
}
