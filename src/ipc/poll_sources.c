/* SPDX-License-Identifier: MIT
 *
 * What may be in a poll set, and how it comes in and goes out; poll.h has the
 * theory.
 */
#include <stdlib.h>

#include "client.h"
#include "grow.h"
#include "handshake.h"
#include "poll.h"
#include "rx.h"
#include "service.h"
#include "sync_lobby.h"
#include "sync_watch.h"
#include "topic.h"

static const char adding[] = "add to a poll set";

/* ------------------------------------------------------------ endpoints --- */

static bool channel_is_ready(const void *object)
{
    return wefti_rx_is_ready(object);
}

static weft_status channel_arm(void *object)
{
    return wefti_rx_arm(object);
}

/* The object is its receiving half. */
static const struct wefti_poll_kind of_channel = {channel_is_ready,
                                                  channel_arm};

static bool client_is_ready(const void *object)
{
    const weft_client *client = object;

    return wefti_client_has_kept(client) ||
           wefti_rx_is_ready(wefti_channel_rx(wefti_client_channel(client)));
}

static weft_status client_arm(void *object)
{
    weft_client *client = object;

    return wefti_client_has_kept(client)
               ? WEFT_OK
               : wefti_rx_arm(wefti_channel_rx(wefti_client_channel(client)));
}

static const struct wefti_poll_kind of_client = {client_is_ready, client_arm};

static bool service_is_ready(const void *object)
{
    return wefti_service_is_ready(object);
}

static weft_status service_arm(void *object)
{
    return wefti_service_arm(object);
}

static const struct wefti_poll_kind of_service = {service_is_ready,
                                                  service_arm};

static bool subscriber_is_ready(const void *object)
{
    return wefti_subscriber_is_ready(object);
}

static weft_status subscriber_arm(void *object)
{
    return wefti_subscriber_arm(object);
}

static const struct wefti_poll_kind of_subscriber = {subscriber_is_ready,
                                                     subscriber_arm};

static bool object_is_ready(const void *object)
{
    return wefti_watcher_is_ready(object);
}

static weft_status object_arm(void *object)
{
    return wefti_watcher_arm(object);
}

/* The object is its watcher. */
static const struct wefti_poll_kind of_object = {object_is_ready, object_arm};

/* --------------------------------------------------------------- in, out ---
 */

/* What every call on a set's members begins with. */
static weft_status enter(const weft_poll *poll, const void *object)
{
    if (poll == NULL || object == NULL) {
        return WEFT_EINVAL;
    }
    return weftos_process_token() == poll->token ? WEFT_OK : WEFT_EFORKED;
}

/* Room for one more to be active, so that this never fails later. */
static weft_status grow(weft_poll *poll)
{
    const size_t each = sizeof(struct wefti_source *);
    size_t room = poll->active_room == 0 ? 8 : poll->active_room * 2;
    struct wefti_source **active;

    if (poll->source_count < poll->active_room) {
        return WEFT_OK;
    }
    active = wefti_grow(poll->active, poll->active_count * each, room * each);
    if (active == NULL) {
        return WEFT_ENOMEM;
    }
    poll->active = active;
    poll->active_room = room;
    return WEFT_OK;
}

static void enlist(weft_poll *poll, struct wefti_source *source)
{
    source->next = poll->sources;
    source->link = &poll->sources;
    if (source->next != NULL) {
        source->next->link = &source->next;
    }
    poll->sources = source;
    poll->source_count++;
    poll->foreign_count += source->kind == NULL;
    poll->watcher_count += source->watcher != NULL;
    if (source->slot != NULL) {
        *source->slot = source;
    }
    if (source->kind != NULL) {
        wefti_poll_activate(poll, source);
    }
}

void wefti_source_forget(struct wefti_source *source)
{
    if (source->watcher != NULL) {
        wefti_watcher_close(source->watcher, true);
    }
    free(source);
}

void wefti_source_leave(struct wefti_source *source)
{
    weft_poll *poll;

    if (source == NULL) {
        return;
    }
    poll = source->poll;
    if (source->watcher != NULL) {
        wefti_watcher_close(source->watcher, false);
        poll->watcher_count--;
    } else {
        weftos_set_remove(poll->set, source->handle, source->events,
                          (uintptr_t)source);
    }
    wefti_poll_deactivate(poll, source);
    poll->source_count--;
    poll->foreign_count -= source->kind == NULL;
    *source->link = source->next;
    if (source->next != NULL) {
        source->next->link = source->link;
    }
    if (source->slot != NULL) {
        *source->slot = NULL;
    }
    free(source);
}

/* Adds a copy of what `like` says. */
static weft_status add(weft_poll *poll, const struct wefti_source *like,
                       weft_detail *detail)
{
    struct wefti_source *source;
    weft_status status = grow(poll);

    if (status != WEFT_OK) {
        return wefti_fail(detail, status, adding);
    }
    source = calloc(1, sizeof(*source));
    if (source == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, adding);
    }
    *source = *like;
    source->poll = poll;
    if (source->watcher == NULL) {
        status = weftos_set_add(poll->set, source->handle, source->events,
                                (uintptr_t)source, detail);
    }
    if (status != WEFT_OK) {
        free(source);
        return status;
    }
    enlist(poll, source);
    return WEFT_OK;
}

/* An endpoint. `status` is what its handle was asked for with. */
static weft_status add_endpoint(weft_poll *poll, struct wefti_source *like,
                                weft_status status, weft_detail *detail)
{
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, "open the handle of an endpoint");
    }
    return add(poll, like, detail);
}

static weft_status remove_endpoint(const weft_poll *poll,
                                   struct wefti_source *source)
{
    if (source == NULL || source->poll != poll) {
        return WEFT_ENOENT;
    }
    wefti_source_leave(source);
    return WEFT_OK;
}

/* ------------------------------------------------- channels and clients --- */

/*
 * Arming one of these collects all that has made its handle ready, so it need
 * not be told before that again.
 */
#define ARMED_EVENTS (WEFTOS_READ | WEFTOS_ONCE)

/* Of a pair that has not shaken hands yet, nothing is in a set. */
static struct wefti_source **slot_of(weft_channel *channel)
{
    return &wefti_channel_rx(channel)->site.source;
}

weft_status weft_poll_add_channel(weft_poll *poll, weft_channel *channel,
                                  uint64_t key, weft_detail *detail)
{
    struct wefti_source like = {
        .kind = &of_channel, .events = ARMED_EVENTS, .key = key};
    weft_status status = enter(poll, channel);

    if (status == WEFT_OK && *slot_of(channel) != NULL) {
        status = WEFT_EINUSE;
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, adding);
    }
    status = weft_channel_recv_handle(channel, &like.handle);
    like.object = wefti_channel_rx(channel);
    like.slot = slot_of(channel);
    return add_endpoint(poll, &like, status, detail);
}

weft_status weft_poll_remove_channel(weft_poll *poll, weft_channel *channel)
{
    weft_status status = enter(poll, channel);

    return status != WEFT_OK ? status
                             : remove_endpoint(poll, *slot_of(channel));
}

weft_status weft_poll_add_client(weft_poll *poll, weft_client *client,
                                 uint64_t key, weft_detail *detail)
{
    struct wefti_source like = {.kind = &of_client,
                                .object = client,
                                .events = ARMED_EVENTS,
                                .key = key};
    weft_status status = enter(poll, client);

    if (status == WEFT_OK && *slot_of(wefti_client_channel(client)) != NULL) {
        status = WEFT_EINUSE;
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, adding);
    }
    status = weft_client_handle(client, &like.handle);
    like.slot = slot_of(wefti_client_channel(client));
    return add_endpoint(poll, &like, status, detail);
}

weft_status weft_poll_remove_client(weft_poll *poll, weft_client *client)
{
    weft_status status = enter(poll, client);

    return status != WEFT_OK
               ? status
               : remove_endpoint(poll, *slot_of(wefti_client_channel(client)));
}

/* -------------------------------------------------- services and topics --- */

weft_status weft_poll_add_service(weft_poll *poll, weft_service *service,
                                  uint64_t key, weft_detail *detail)
{
    struct wefti_source like = {.kind = &of_service,
                                .object = service,
                                .events = WEFTOS_READ,
                                .key = key};
    weft_status status = enter(poll, service);

    if (status == WEFT_OK && service->source != NULL) {
        status = WEFT_EINUSE;
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, adding);
    }
    like.handle = weft_service_handle(service);
    like.slot = &service->source;
    return add_endpoint(poll, &like, WEFT_OK, detail);
}

weft_status weft_poll_remove_service(weft_poll *poll, weft_service *service)
{
    weft_status status = enter(poll, service);

    return status != WEFT_OK ? status : remove_endpoint(poll, service->source);
}

weft_status weft_poll_add_subscriber(weft_poll *poll,
                                     weft_subscriber *subscriber, uint64_t key,
                                     weft_detail *detail)
{
    struct wefti_source like = {.kind = &of_subscriber,
                                .object = subscriber,
                                .events = WEFTOS_READ,
                                .key = key};
    weft_status status = enter(poll, subscriber);

    if (status == WEFT_OK && subscriber->source != NULL) {
        status = WEFT_EINUSE;
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, adding);
    }
    status = weft_subscriber_handle(subscriber, &like.handle);
    like.slot = &subscriber->source;
    return add_endpoint(poll, &like, status, detail);
}

weft_status weft_poll_remove_subscriber(weft_poll *poll,
                                        weft_subscriber *subscriber)
{
    weft_status status = enter(poll, subscriber);

    return status != WEFT_OK ? status
                             : remove_endpoint(poll, subscriber->source);
}

/* -------------------------------------------------------------- handles --- */

/* Programs have few of them, and add and remove them seldom. */
static struct wefti_source *find_handle(const weft_poll *poll,
                                        weft_handle handle)
{
    struct wefti_source *source = poll->sources;

    while (source != NULL &&
           (source->kind != NULL || source->handle != handle)) {
        source = source->next;
    }
    return source;
}

weft_status weft_poll_add_handle(weft_poll *poll, weft_handle handle,
                                 unsigned events, uint64_t key,
                                 weft_detail *detail)
{
    struct wefti_source like = {.handle = handle, .key = key};
    weft_status status = enter(poll, poll);

    if (status == WEFT_OK &&
        (handle == WEFT_HANDLE_NONE || events == 0 ||
         (events & ~(WEFT_POLL_READ | WEFT_POLL_WRITE)) != 0)) {
        status = WEFT_EINVAL;
    }
    if (status == WEFT_OK && find_handle(poll, handle) != NULL) {
        status = WEFT_EINUSE;
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, adding);
    }
    like.events = events;
    return add(poll, &like, detail);
}

weft_status weft_poll_remove_handle(weft_poll *poll, weft_handle handle)
{
    weft_status status = enter(poll, poll);

    return status != WEFT_OK ? status
                             : remove_endpoint(poll, find_handle(poll, handle));
}

/* ------------------------------------------------ events and semaphores --- */

/* In any thread. */
static void wake_set(void *context)
{
    weft_poll *poll = context;

    if (atomic_exchange(&poll->watchers_told, 1) == 0) {
        weftos_set_wake(poll->set);
    }
}

static struct wefti_source *find_object(const weft_poll *poll,
                                        const void *object)
{
    struct wefti_source *source = poll->sources;

    while (source != NULL &&
           (source->watcher == NULL ||
            wefti_watcher_object(source->watcher) != object)) {
        source = source->next;
    }
    return source;
}

static weft_status add_object(weft_poll *poll, void *object, uint32_t magic,
                              wefti_watch *watch, wefti_watched *is_ready,
                              uint64_t key, weft_detail *detail)
{
    struct wefti_source like = {.kind = &of_object, .key = key};
    uint64_t self;
    weft_status status = enter(poll, object);

    if (status == WEFT_OK) {
        status = wefti_identify(object, magic, &self);
    }
    if (status == WEFT_OK && find_object(poll, object) != NULL) {
        status = WEFT_EINUSE;
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, adding);
    }
    status = wefti_watcher_open(watch, is_ready, object, wake_set, poll,
                                &like.watcher, detail);
    if (status != WEFT_OK) {
        return status;
    }
    like.object = like.watcher;
    status = add(poll, &like, detail);
    if (status != WEFT_OK) {
        wefti_watcher_close(like.watcher, false);
    }
    return status;
}

static weft_status remove_object(const weft_poll *poll, const void *object)
{
    weft_status status = enter(poll, object);

    return status != WEFT_OK ? status
                             : remove_endpoint(poll, find_object(poll, object));
}

weft_status weft_poll_add_event(weft_poll *poll, weft_event *event,
                                uint64_t key, weft_detail *detail)
{
    return add_object(poll, event, WEFTI_EVENT, wefti_event_watch,
                      wefti_event_is_set, key, detail);
}

weft_status weft_poll_remove_event(weft_poll *poll, const weft_event *event)
{
    return remove_object(poll, event);
}

weft_status weft_poll_add_semaphore(weft_poll *poll, weft_semaphore *semaphore,
                                    uint64_t key, weft_detail *detail)
{
    return add_object(poll, semaphore, WEFTI_SEMAPHORE, wefti_semaphore_watch,
                      wefti_semaphore_has_some, key, detail);
}

weft_status weft_poll_remove_semaphore(weft_poll *poll,
                                       const weft_semaphore *semaphore)
{
    return remove_object(poll, semaphore);
}
