/* SPDX-License-Identifier: MIT
 *
 * How publishers share a name: each finds a place, and tells the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "received.h"
#include "topic.h"

/* One that finds itself alone above the first place tries so often. */
#define TRIES 8

char *wefti_topic_place(const char *name, unsigned number)
{
    size_t bytes = strlen(name) + sizeof("+63");
    char *place = calloc(1, bytes);

    if (place != NULL) {
        (void)snprintf(place, bytes, number == 0 ? "%s" : "%s+%u", name,
                       number);
    }
    return place;
}

/* ------------------------------------------------------------- greeting --- */

/* Greets one that has been connected to, and hears what it says of it. */
static weft_status greet(const weft_publisher *publisher, weft_handle socket,
                         weft_detail *detail)
{
    const struct wefti_settings *settings = &publisher->settings;
    struct wefti_greeting greeting = wefti_greeting(WEFTI_HELLO, WEFTI_TOPIC);
    weftos_received received;
    weft_status status;

    greeting.topic_flags = WEFTI_TOPIC_JOIN;
    wefti_step("greet publisher");
    status = weftos_socket_send(socket, &greeting, sizeof(greeting), NULL, 0,
                                detail);
    if (status != WEFT_OK && status != WEFT_ECLOSED) {
        return status;
    }
    status = wefti_greeting_await(socket, false,
                                  weft_after_ns(settings->handshake_ns),
                                  &received, detail);
    if (status == WEFT_OK) {
        status = wefti_greeting_read(&greeting, &received, WEFTI_WELCOME,
                                     settings, detail);
        wefti_received_drop(&received);
    }
    return status;
}

static weft_status connect(const weft_publisher *publisher, const char *name,
                           unsigned number, uint64_t deadline_ns,
                           weft_handle *socket, weft_detail *detail)
{
    char *place = wefti_topic_place(name, number);
    weftos_peer peer;
    weft_status status;

    if (place == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "name a publisher");
    }
    status = weftos_endpoint_connect(place, false, deadline_ns, false, socket,
                                     &peer, detail);
    free(place);
    if (status != WEFT_OK) {
        return status;
    }
    status = wefti_check_peer(&publisher->settings, &peer, detail);
    if (status != WEFT_OK) {
        weftos_close(*socket);
    }
    return status;
}

static weft_status greet_place(const weft_publisher *publisher,
                               const char *name, unsigned number,
                               weft_detail *detail)
{
    weft_handle socket = WEFTOS_NONE;
    weft_status status = connect(
        publisher, name, number,
        weft_after_ns(publisher->settings.handshake_ns), &socket, detail);

    if (status == WEFT_OK) {
        status = greet(publisher, socket, detail);
        weftos_close(socket);
    }
    return status;
}

/*
 * Is this what ends our own beginning? Who has the first place must say that
 * it is a publisher. Otherwise somebody has died, or trusts us as little as we
 * do him, or has stopped: then its subscribers don't learn of us before they
 * look.
 */
static bool is_fatal(weft_status status, unsigned number)
{
    switch (status) {
    case WEFT_EINUSE:
    case WEFT_ENOMEM:
    case WEFT_ELIMIT:
    case WEFT_EOS:
    case WEFT_ENOTSUP:
        return true;
    case WEFT_EPROTO:
    case WEFT_EVERSION:
    case WEFT_ETIMEDOUT:
        return number == 0;
    default:
        return false;
    }
}

/* Greets all the others. */
static weft_status greet_others(const weft_publisher *publisher,
                                const char *name, unsigned own,
                                weft_detail *detail)
{
    uint64_t numbers = 0;
    weft_status status =
        weftos_endpoint_numbers(name, NULL, 0, &numbers, detail);

    for (unsigned i = 0; i < WEFTOS_NUMBERS && status == WEFT_OK; i++) {
        weft_status answer;

        if (i == own || (numbers >> i & 1) == 0) {
            continue;
        }
        answer = greet_place(publisher, name, i, detail);
        if (is_fatal(answer, i)) {
            return answer == WEFT_EPROTO
                       ? wefti_fail(detail, WEFT_EINUSE, "share the name")
                       : answer;
        }
        if (answer == WEFT_OK && publisher->is_sole) {
            return wefti_fail(detail, WEFT_EINUSE, "have the name alone");
        }
        if (answer != WEFT_OK && answer != WEFT_ENOENT &&
            answer != WEFT_EPEERDIED) {
            wefti_log(WEFT_LOG_WARNING, "can't greet a publisher of %s: %s",
                      name, weft_status_text(answer));
        }
    }
    return status;
}

/* --------------------------------------------------------------- places --- */

/* Does anybody listen at another place? Only asks: it may not hear us yet. */
static weft_status look_for_others(const weft_publisher *publisher,
                                   const char *name, unsigned own,
                                   bool *has_others, weft_detail *detail)
{
    uint64_t numbers = 0;
    weft_status status =
        weftos_endpoint_numbers(name, NULL, 0, &numbers, detail);

    *has_others = false;
    for (unsigned i = 0;
         i < WEFTOS_NUMBERS && status == WEFT_OK && !*has_others; i++) {
        weft_handle socket = WEFTOS_NONE;
        weft_status answer;

        if (i == own || (numbers >> i & 1) == 0) {
            continue;
        }
        answer = connect(publisher, name, i, WEFT_NOW, &socket, NULL);
        *has_others = answer != WEFT_ENOENT;
        if (answer == WEFT_OK) {
            weftos_close(socket);
        }
    }
    return status;
}

/* Listens at the first place that is free. */
static weft_status take_place(weft_publisher *publisher, const char *name,
                              unsigned *number, weft_detail *detail)
{
    unsigned most = publisher->is_sole ? 1 : WEFTOS_NUMBERS;
    weft_status status = WEFT_EINUSE;

    for (unsigned i = 0; i < most && status == WEFT_EINUSE; i++) {
        char *place = wefti_topic_place(name, i);

        if (place == NULL) {
            return wefti_fail(detail, WEFT_ENOMEM, "name a publisher");
        }
        wefti_step("take place");
        *number = i;
        status = wefti_listener_open(place, &publisher->settings,
                                     &publisher->listener, detail);
        free(place);
    }
    return status == WEFT_EINUSE && !publisher->is_sole
               ? wefti_fail(detail, WEFT_ELIMIT, "find a place of the name")
               : status;
}

weft_status wefti_topic_enter(weft_publisher *publisher, const char *name,
                              weft_detail *detail)
{
    bool has_others = false;
    unsigned number = 0;
    weft_status status;

    for (unsigned i = 0; i < TRIES; i++) {
        status = take_place(publisher, name, &number, detail);
        if (status != WEFT_OK || number == 0) {
            break;
        }
        status = look_for_others(publisher, name, number, &has_others, detail);
        if (status != WEFT_OK || has_others) {
            break;
        }
        weft_listener_close(&publisher->listener);
        status = wefti_fail(detail, WEFT_EINUSE, "find out who has the name");
    }
    if (status == WEFT_OK) {
        status = wefti_topic_start(publisher, detail);
    }
    return status == WEFT_OK ? greet_others(publisher, name, number, detail)
                             : status;
}
