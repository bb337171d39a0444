/* SPDX-License-Identifier: MIT
 *
 * How a server waits for its clients.
 *
 * Many rings, one sleeper. Of the clients only those that were lively lately
 * are polled, in turn; the others are armed: their next message rings, by a
 * byte on their socket, and all sockets are heard at one place, the listener's
 * endpoint. A client is armed when it has been silent for a while, or when the
 * server goes to sleep, and stays so until it rings. So going to sleep costs
 * as much as there are lively clients, whatever the number of all.
 *
 * Nothing that a client does makes the server wait for it. What it is slow to
 * take is queued, within a quota; guest.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "received.h"
#include "service.h"

/* Messages of one client before it is the next one's turn. */
#define STREAK_MOST 8

/* A client that is silent for so long, while others are busy, is armed. */
#define IDLE_NS UINT64_C(2000000)

/* While the server is busy it asks so often who has rung, or come. */
#define HEAR_NS 50000

/* So many of them at a time. */
#define HEAR_MOST 16

/* Messages that are taken from one client and are no request, in a row. */
#define SILENT_MOST 64

/* So many requests are worth a slice of time that a yield has cost. */
#define WORTH_A_SLICE 4

/* So many of those that are polled are asked where they were last seen. */
#define PLACES_MOST 64

/* Room for a request that is kept for the next one. */
#define ROOM_KEPT_BYTES ((size_t)1 << 20)

/* -------------------------------------------------------------- hearing --- */

/* Something happened at the endpoint; `channel` is a new client, or NULL. */
static weft_status heed(weft_service *service, weft_channel *channel,
                        uint64_t id, weft_detail *detail)
{
    struct wefti_guest *guest;

    if (channel != NULL) {
        return wefti_service_admit(service, channel, detail);
    }
    guest = service->guests[id - WEFTI_PENDING_MOST];
    if (guest == NULL) {
        return WEFT_OK; /* the news is old */
    }
    wefti_guest_hear(guest);
    wefti_service_note_end(service, guest);
    wefti_service_activate(service, guest);
    wefti_lock(&service->lock);
    if (guest->first != NULL) {
        struct wefti_tally before = wefti_service_tally(guest);

        wefti_guest_flush(guest);
        wefti_service_count(service, guest, &before);
    }
    wefti_unlock(&service->lock);
    return WEFT_OK;
}

/* WEFT_EAGAIN, WEFT_ETIMEDOUT: nothing has happened. */
static weft_status hear(weft_service *service, uint64_t deadline_ns,
                        weft_detail *detail)
{
    weft_channel *channel;
    uint64_t id;
    weft_status status = wefti_listener_next(service->listener, deadline_ns,
                                             &channel, &id, detail);

    return status == WEFT_OK ? heed(service, channel, id, detail) : status;
}

/*
 * What has happened so far, as far as it is not too much at a time: those who
 * come and go may not take all the time from those who call.
 */
static weft_status hear_some(weft_service *service, weft_detail *detail)
{
    uint64_t began = weftos_now_ns();
    weft_status status = WEFT_OK;

    service->heard_ns = began;
    for (unsigned i = 0; i < HEAR_MOST && status == WEFT_OK &&
                         service->heard_ns - began < HEAR_NS;
         i++) {
        status = hear(service, WEFT_NOW, detail);
        service->heard_ns = weftos_now_ns();
    }
    service->has_more = status == WEFT_OK;
    return status == WEFT_EAGAIN ? WEFT_OK : status;
}

/* --------------------------------------------------------------- taking --- */

static void fill_request(weft_request *request, const struct wefti_guest *guest,
                         weft_request_kind kind)
{
    request->kind = kind;
    request->reason = WEFT_OK;
    request->client = guest->id;
    request->call = 0;
    request->deadline_ns = WEFT_FOREVER;
    request->data = NULL;
    request->bytes = 0;
    request->handle_count = 0;
    request->peer = guest->peer;
}

/* Answers a call by ourselves. */
static void refuse_call(weft_service *service, struct wefti_guest *guest,
                        uint64_t call, weft_status why)
{
    weft_message message = {.tag = wefti_tag(WEFTI_REPLY, call) |
                                   (uint64_t) - (int64_t)why
                                       << WEFTI_FAILURE_SHIFT};
    struct wefti_tally before;
    weft_status status;

    wefti_lock(&service->lock);
    before = wefti_service_tally(guest);
    status = wefti_guest_send(guest, &message);
    wefti_service_count(service, guest, &before);
    wefti_unlock(&service->lock);
    if (status == WEFT_ELIMIT || status == WEFT_ENOMEM) {
        guest->gone = status; /* it calls, and takes no answers */
    }
}

/* Is the call to be told? */
static bool enter_call(weft_service *service, struct wefti_guest *guest,
                       uint64_t call, unsigned handles)
{
    weft_status status;

    wefti_lock(&service->lock);
    status = wefti_guest_add_call(guest, call, handles);
    wefti_board_add(&service->board->depth, status == WEFT_OK);
    wefti_unlock(&service->lock);
    if (status == WEFT_EPROTO) {
        guest->gone = status;
    } else if (status != WEFT_OK) {
        refuse_call(service, guest, call, status);
    }
    return status == WEFT_OK;
}

static void tell_message(const weft_service *service, weft_request *request,
                         const weft_message *message)
{
    wefti_board_add(&service->board->received, 1);
    wefti_board_add(&service->board->received_bytes, message->bytes);
    request->data = message->data;
    request->bytes = message->bytes;
    request->handle_count = message->handle_count;
    memcpy(request->handles, message->handles,
           message->handle_count * sizeof(message->handles[0]));
}

static bool take_call(weft_service *service, struct wefti_guest *guest,
                      const weft_message *message, weft_request *request)
{
    uint64_t call = message->tag & WEFTI_CALL_MASK;
    uint64_t due_ns = guest->due_ns;
    /* What passes here a little late is its handler's to find out. */
    bool is_late = due_ns != WEFT_FOREVER && service->heard_ns >= due_ns;

    guest->due_ns = WEFT_FOREVER;
    if (call == 0) {
        guest->gone = WEFT_EPROTO;
    } else if (message->handle_count > 0 && service->quota.handles_max == 0) {
        refuse_call(service, guest, call, WEFT_EHANDLES);
    } else if (!is_late &&
               enter_call(service, guest, call, message->handle_count)) {
        fill_request(request, guest, WEFT_REQUEST_CALL);
        request->call = call;
        request->deadline_ns = due_ns;
        tell_message(service, request, message);
        return true;
    }
    wefti_board_add(&service->board->lost, is_late);
    wefti_close_handles(message->handles, message->handle_count);
    return false;
}

static bool take_one_way(const weft_service *service,
                         const struct wefti_guest *guest,
                         const weft_message *message, weft_request *request)
{
    if (message->handle_count > 0 && service->quota.handles_max == 0) {
        wefti_close_handles(message->handles, message->handle_count);
        wefti_log(WEFT_LOG_WARNING,
                  "dropped a message of pid %lld: it carries handles",
                  (long long)guest->peer.pid);
        wefti_board_add(&service->board->lost, 1);
        return false;
    }
    fill_request(request, guest, WEFT_REQUEST_ONE_WAY);
    tell_message(service, request, message);
    return true;
}

static bool take_cancel(weft_service *service, struct wefti_guest *guest,
                        uint64_t call, weft_request *request)
{
    bool was_open;

    wefti_lock(&service->lock);
    was_open = wefti_calls_have(&guest->calls, call);
    wefti_calls_end(&guest->calls, call);
    wefti_board_add(&service->board->depth, 0 - (uint64_t)was_open);
    wefti_unlock(&service->lock);
    if (was_open) {
        fill_request(request, guest, WEFT_REQUEST_CANCEL);
        request->call = call;
    }
    return was_open;
}

/* What a message asks for. True: the request is filled in. */
static bool take_parcel(weft_service *service, struct wefti_guest *guest,
                        weft_message *message, weft_request *request)
{
    uint64_t call = message->tag & WEFTI_CALL_MASK;
    bool is_bare = message->handle_count == 0 &&
                   (message->tag & ~WEFTI_CALL_MASK) >> WEFTI_PARCEL_SHIFT ==
                       message->tag >> WEFTI_PARCEL_SHIFT;

    switch (wefti_tag_parcel(message->tag)) {
    case WEFTI_CALL:
        return take_call(service, guest, message, request);
    case WEFTI_CALL_DUE:
        if (message->bytes >= sizeof(guest->due_ns)) {
            message->bytes -= sizeof(guest->due_ns);
            memcpy(&guest->due_ns,
                   (const unsigned char *)message->data + message->bytes,
                   sizeof(guest->due_ns));
            return take_call(service, guest, message, request);
        }
        break;
    case WEFTI_ONE_WAY:
        return take_one_way(service, guest, message, request);
    case WEFTI_CANCEL:
        if (is_bare && message->bytes == 0) {
            return take_cancel(service, guest, call, request);
        }
        break;
    case WEFTI_DUE:
        if (is_bare && message->bytes == sizeof(guest->due_ns)) {
            memcpy(&guest->due_ns, message->data, sizeof(guest->due_ns));
            return false;
        }
        break;
    case WEFTI_REPLY:
    case WEFTI_NEWS:
        break;
    }
    wefti_close_handles(message->handles, message->handle_count);
    guest->gone = WEFT_EPROTO;
    return false;
}

/* Room for a request of so many bytes; what is there is not kept. */
static weft_status make_room(weft_service *service, size_t bytes)
{
    void *room;

    if (bytes <= service->room_bytes && service->room != NULL) {
        return WEFT_OK;
    }
    bytes = bytes < 4096 ? 4096 : bytes;
    room = calloc(1, bytes);
    if (room == NULL) {
        return WEFT_ENOMEM;
    }
    free(service->room);
    service->room = room;
    service->room_bytes = bytes;
    return WEFT_OK;
}

/* Receives one message. WEFT_EAGAIN: none is there, or only a part of it. */
static weft_status receive(weft_service *service, struct wefti_guest *guest,
                           weft_message *message)
{
    struct wefti_rx *rx = wefti_channel_rx(guest->channel);
    weft_status status = make_room(service, 0);

    while (status == WEFT_OK) {
        message->data = service->room;
        message->bytes = service->room_bytes;
        status = wefti_rx_receive(rx, message, true, WEFT_NOW);
        if (status != WEFT_EMSGSIZE) {
            break;
        }
        status = make_room(service, message->bytes);
    }
    return status;
}

/* Nothing is there to take: has it come to its end? */
static void look_for_end(struct wefti_guest *guest)
{
    const struct wefti_rx *rx = wefti_channel_rx(guest->channel);
    bool closed = weftos_load_acquire(&rx->peer->closed_at) == rx->read;

    if ((closed || rx->site.hung_up) && wefti_rx_word(rx) == 0) {
        guest->gone = closed
                          ? WEFT_ECLOSED
                          : wefti_line_loss(wefti_channel_line(guest->channel));
    }
}

static void tell_end(weft_service *service, struct wefti_guest *guest,
                     weft_request *request)
{
    fill_request(request, guest, WEFT_REQUEST_DISCONNECT);
    request->reason = guest->gone;
    wefti_board_add(&service->board->cut_off,
                    guest->gone != WEFT_ECLOSED &&
                        guest->gone != WEFT_EPEERDIED);
    wefti_service_remove(service, guest);
}

/*
 * Takes what the next thing is that a client has for us. WEFT_EAGAIN: nothing.
 */
static weft_status take(weft_service *service, struct wefti_guest *guest,
                        weft_request *request)
{
    struct wefti_rx *rx = wefti_channel_rx(guest->channel);
    weft_message message;

    if (!guest->is_announced) {
        guest->is_announced = true;
        fill_request(request, guest, WEFT_REQUEST_CONNECT);
        return WEFT_OK;
    }
    for (unsigned i = 0; i < SILENT_MOST; i++) {
        weft_status status;

        if (wefti_rx_word(rx) == 0 && guest->gone == WEFT_OK) {
            look_for_end(guest);
            if (guest->gone == WEFT_OK && wefti_rx_word(rx) == 0) {
                return WEFT_EAGAIN;
            }
        }
        if (guest->gone != WEFT_OK) {
            tell_end(service, guest, request);
            return WEFT_OK;
        }
        status = receive(service, guest, &message);
        if (status == WEFT_OK) {
            if (take_parcel(service, guest, &message, request)) {
                return WEFT_OK;
            }
        } else if (status == WEFT_EAGAIN || status == WEFT_ENOMEM) {
            return status;
        } else {
            guest->gone = status;
        }
    }
    return WEFT_EAGAIN;
}

/* -------------------------------------------------------------- waiting --- */

/*
 * Has a client ring for its next message. False: there is one, so it goes on
 * being polled.
 */
static bool arm(struct wefti_guest *guest)
{
    struct wefti_rx *rx = wefti_channel_rx(guest->channel);
    weft_status status = wefti_site_arm(&rx->site, rx->read);

    if (status != WEFT_OK) {
        guest->gone = status;
        return false;
    }
    if (!guest->is_announced || wefti_guest_is_ready(guest)) {
        wefti_site_disarm(&rx->site);
        return false;
    }
    return true;
}

static void arm_all(weft_service *service)
{
    for (unsigned i = service->active_count; i-- > 0;) {
        if (arm(service->active[i])) {
            wefti_service_deactivate(service, i);
        }
    }
}

/* Goes once around those that are polled. WEFT_EAGAIN: they have nothing. */
static weft_status take_next(weft_service *service, weft_request *request)
{
    for (unsigned left = service->active_count; left > 0; left--) {
        struct wefti_guest *guest;
        weft_status status;

        service->turn =
            service->turn < service->active_count ? service->turn : 0;
        guest = service->active[service->turn];
        if (wefti_guest_is_ready(guest) || !guest->is_announced) {
            guest->lively_ns = service->heard_ns;
            status = take(service, guest, request);
            if (status == WEFT_OK) {
                if (request->kind != WEFT_REQUEST_DISCONNECT &&
                    ++guest->streak >= STREAK_MOST) {
                    guest->streak = 0;
                    service->turn++;
                }
                return WEFT_OK;
            }
            if (status != WEFT_EAGAIN) {
                service->turn++;
                return status;
            }
        }
        guest->streak = 0;
        if (service->heard_ns - guest->lively_ns > IDLE_NS && arm(guest)) {
            wefti_service_deactivate(service, service->turn);
        } else {
            service->turn++;
        }
    }
    return WEFT_EAGAIN;
}

bool wefti_service_is_any_ready(const weft_service *service)
{
    for (unsigned i = 0; i < service->active_count; i++) {
        if (wefti_guest_is_ready(service->active[i])) {
            return true;
        }
    }
    return false;
}

/* Looks for a while at those that are polled. True: one has something. */
static bool spin(weft_service *service)
{
    struct wefti_site *site;
    uint64_t us;
    uint64_t pauses;

    if (service->active_count == 0) {
        return false;
    }
    site = &wefti_channel_rx(service->active[0]->channel)->site;
    us = wefti_site_spin_us(site);
    if (us != 0 && us != WEFTI_SPIN_ON) {
        us = service->spin_us;
    }
    if (us == WEFTI_SPIN_ON) {
        us = WEFTI_SPIN_MOST_US;
    }
    pauses = us * weftos_get_facts()->pauses_per_us / service->active_count;
    for (uint64_t i = 0; i < pauses; i++) {
        if (wefti_service_is_any_ready(service)) {
            wefti_spin_learn(&service->spin_us, true);
            return true;
        }
        weftos_pause();
    }
    return false;
}

/* Have so many of those that are polled something? */
static bool are_ready(const weft_service *service, unsigned count)
{
    for (unsigned i = 0; i < service->active_count && count > 0; i++) {
        count -= wefti_guest_is_ready(service->active[i]);
    }
    return count == 0;
}

static bool has_any_ready(void *service)
{
    return wefti_service_is_any_ready(service);
}

/*
 * Lets others have the CPU before the clients are armed: some may have the next
 * requests at once. A call with WEFT_NOW does it too, or they never would.
 */
static void yield(weft_service *service, uint64_t deadline_ns)
{
    service->yields.most = 1;
    (void)wefti_yields_take(
        &service->yields, deadline_ns == WEFT_NOW ? WEFT_FOREVER : deadline_ns,
        has_any_ready, service);
    if (are_ready(service, WORTH_A_SLICE)) {
        wefti_yields_forgive(&service->yields);
    }
}

/*
 * Was one of those that have nothing for us last seen on this CPU? It may wait
 * for us to leave it, while those on other CPUs keep us busy.
 */
static bool keeps_cpu_from_any(const weft_service *service)
{
    uint64_t here = (uint64_t)weftos_cpu() + 1; /* -1, unknown, gives 0 */

    for (unsigned i = 0;
         i < service->active_count && i < PLACES_MOST && here != 0; i++) {
        struct wefti_guest *guest = service->active[i];
        const struct wefti_line *line = wefti_channel_line(guest->channel);

        if (weftos_load_relaxed(&line->peer->cpu) == here &&
            !wefti_guest_is_ready(guest)) {
            return true;
        }
    }
    return false;
}

/*
 * Asks, and never sleeps. The clock is read only if somebody has come to life:
 * those who are looked at all the time are heard at once.
 */
static weft_status look_on(weft_service *service, uint64_t deadline_ns,
                           weft_detail *detail)
{
    weft_status status = hear(service, WEFT_NOW, detail);

    if (status == WEFT_OK) {
        service->heard_ns = weftos_now_ns();
        service->has_more = true;
    }
    if (status != WEFT_EAGAIN) {
        return status;
    }
    return deadline_ns != WEFT_FOREVER && weftos_now_ns() >= deadline_ns
               ? wefti_fail(detail, WEFT_ETIMEDOUT, "wait for clients")
               : WEFT_OK;
}

/*
 * Waits until somebody has something, perhaps. With WEFT_NOW the clients are
 * armed even if this never sleeps: the caller's own loop may.
 */
static weft_status rest(weft_service *service, uint64_t deadline_ns,
                        weft_detail *detail)
{
    uint64_t began;
    weft_status status;

    if (deadline_ns != WEFT_NOW && !service->yields.come_first &&
        spin(service)) {
        return WEFT_OK;
    }
    if (service->settings.wait == WEFT_WAIT_SPIN && deadline_ns != WEFT_NOW) {
        return look_on(service, deadline_ns, detail);
    }
    yield(service, deadline_ns);
    if (wefti_service_is_any_ready(service)) {
        return WEFT_OK;
    }
    arm_all(service);
    if (service->active_count > 0) {
        return WEFT_OK;
    }
    began = weftos_now_ns();
    wefti_board_set(&service->board->parked, 1);
    status = hear(service, deadline_ns, detail);
    if (status == WEFT_OK) {
        wefti_board_set(&service->board->parked, 0);
    }
    service->heard_ns = weftos_now_ns();
    service->has_more = status == WEFT_OK;
    wefti_spin_learn(&service->spin_us,
                     service->heard_ns - began < WEFTI_SHORT_SLEEP_NS);
    return status;
}

/*
 * Clients that send without end what is no request may not keep the caller
 * for longer than it wants.
 */
static bool is_flooded(unsigned looks, uint64_t deadline_ns)
{
    if (deadline_ns == WEFT_NOW) {
        return looks >= HEAR_MOST;
    }
    return looks > 0 && deadline_ns != WEFT_FOREVER &&
           weftos_now_ns() >= deadline_ns;
}

static weft_status next(weft_service *service, weft_request *request,
                        uint64_t deadline_ns, weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (service->room_bytes > ROOM_KEPT_BYTES) {
        free(service->room);
        service->room = NULL;
        service->room_bytes = 0;
    }
    if (weftos_load_relaxed(&service->board->parked) != 0) {
        wefti_board_set(&service->board->parked, 0);
    }
    atomic_store_explicit(&service->thread, wefti_service_this_thread(),
                          memory_order_relaxed);
    if (service->active_count > 0 &&
        weftos_now_ns() - service->heard_ns >= HEAR_NS) {
        wefti_service_ring_owed(service);
        if (keeps_cpu_from_any(service)) {
            yield(service, deadline_ns);
        }
        status = hear_some(service, detail);
    }
    for (unsigned looks = 0; status == WEFT_OK; looks++) {
        status = take_next(service, request);
        if (status != WEFT_EAGAIN) {
            return status == WEFT_OK
                       ? WEFT_OK
                       : wefti_fail(detail, status, "take a request");
        }
        wefti_service_ring_owed(service);
        status = is_flooded(looks, deadline_ns)
                     ? wefti_fail(detail,
                                  deadline_ns == WEFT_NOW ? WEFT_EAGAIN
                                                          : WEFT_ETIMEDOUT,
                                  "find a request among what is none")
                 : service->has_more ? hear_some(service, detail)
                                     : rest(service, deadline_ns, detail);
    }
    return status;
}

/* ------------------------------------------------------------ poll sets --- */

/* A client that has just come has itself to tell of. */
bool wefti_service_is_ready(const weft_service *service)
{
    for (unsigned i = 0; i < service->active_count; i++) {
        const struct wefti_guest *guest = service->active[i];

        if (!guest->is_announced || wefti_guest_is_ready(guest)) {
            return true;
        }
    }
    return false;
}

weft_status wefti_service_arm(weft_service *service)
{
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < HEAR_MOST && status == WEFT_OK; i++) {
        if (wefti_service_is_ready(service)) {
            return WEFT_OK;
        }
        wefti_service_ring_owed(service);
        arm_all(service);
        if (service->active_count > 0) {
            return WEFT_OK;
        }
        status = hear(service, WEFT_NOW, NULL);
        service->heard_ns = weftos_now_ns();
    }
    if (status == WEFT_EAGAIN) {
        wefti_board_set(&service->board->parked, 1);
    }
    return status;
}

/* ----------------------------------------------------------------- next --- */

weft_status weft_service_next(weft_service *service, weft_request *request,
                              uint64_t deadline_ns, weft_detail *detail)
{
    weft_detail found = {WEFT_OK, 0, NULL};

    if (service == NULL || request == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (weftos_process_token() != service->token) {
        return wefti_fail(detail, WEFT_EFORKED, "wait for clients");
    }
    wefti_source_touch(service->source); /* what is armed will not stay so */
    return wefti_pass(detail, next(service, request, deadline_ns, &found),
                      &found);
}
