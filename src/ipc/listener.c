/* SPDX-License-Identifier: MIT
 *
 * Listeners: let peers in, many handshakes at a time.
 *
 * A peer that has connected and says nothing only takes up one of the places
 * for pending handshakes until its time is up, and so does an inspector until
 * it has hung up. When all are taken, the longest-waiting one makes room, but
 * not at once: an honest peer greets as soon as it has connected, and gets a
 * CPU. Many may not get one for a while where all clients of a server come back
 * to the next one; meanwhile others wait in the system's queue.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "board.h"
#include "listener.h"

/* So long after it has come nobody has to make room for the next one. */
#define GRACE_NS UINT64_C(100000000)

struct pending {
    weft_handle socket; /* WEFTOS_NONE: a free place */
    bool is_answered;   /* and nothing more is wanted of it than its end */
    uint64_t came_ns;
    uint64_t until_ns;
    weftos_peer peer;
};

struct weft_listener {
    uint64_t token;
    weftos_endpoint *endpoint;
    weft_handle handle; /* the endpoint's own */
    bool is_full;
    struct wefti_board *board;
    uint64_t board_bytes;
    weft_handle board_object;
    struct wefti_settings settings;
    struct pending pending[WEFTI_PENDING_MOST];
};

/* ---------------------------------------------------------------- board --- */

static weft_status open_board(weft_listener *listener, weft_detail *detail)
{
    void *board = NULL;
    weft_status status;

    listener->board_bytes = weftos_get_facts()->page_bytes;
    listener->board_object = WEFTOS_NONE;
    status = weftos_shm_create((size_t)listener->board_bytes,
                               &listener->board_object, &board, detail);
    if (status == WEFT_OK) {
        listener->board = board;
        listener->board->magic = WEFTI_MAGIC;
        listener->board->since_ns = weftos_now_ns();
        wefti_board_set(&listener->board->memory_bytes, listener->board_bytes);
    }
    return status;
}

static void close_board(weft_listener *listener, bool forked)
{
    if (!forked && listener->board != NULL) {
        /* Release: an inspector that finds it has the last of all words. */
        weftos_store_release(&listener->board->closed, 1);
        weftos_shm_unmap(listener->board, (size_t)listener->board_bytes);
    }
    weftos_close(listener->board_object);
}

struct wefti_board *wefti_listener_board(const weft_listener *listener)
{
    return listener->board;
}

/* Answers an inspector, who hangs up when it has the board. */
static weft_status show_board(const weft_listener *listener, weft_handle socket,
                              weft_detail *detail)
{
    struct wefti_greeting greeting =
        wefti_greeting(WEFTI_WELCOME, listener->settings.pattern);

    greeting.home_bytes = listener->board_bytes;
    wefti_step("show board");
    return weftos_socket_send(socket, &greeting, sizeof(greeting),
                              &listener->board_object, 1, detail);
}

/* --------------------------------------------------------- open, close --- */

weft_status wefti_listener_open(const char *name,
                                const struct wefti_settings *settings,
                                weft_listener **out, weft_detail *detail)
{
    weft_listener *listener;
    weft_status status = weftos_process_mark(NULL, NULL, detail);

    *out = NULL;
    if (status != WEFT_OK) {
        return status;
    }
    listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a listener");
    }
    listener->token = weftos_process_token();
    listener->settings = *settings;
    listener->settings.shows_board = true;
    for (size_t i = 0; i < WEFTI_PENDING_MOST; i++) {
        listener->pending[i].socket = WEFTOS_NONE;
    }
    status = open_board(listener, detail);
    if (status == WEFT_OK) {
        status = weftos_endpoint_open(name, settings->mode, &listener->endpoint,
                                      &listener->handle, detail);
    }
    if (status != WEFT_OK) {
        close_board(listener, false);
        free(listener);
        return status;
    }
    *out = listener;
    return WEFT_OK;
}

weft_status weft_channel_listen(const char *name,
                                const weft_channel_options *options,
                                weft_listener **out, weft_detail *detail)
{
    struct wefti_settings settings;
    weft_status status;

    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    status = wefti_settings_init(&settings, options, detail);
    if (status == WEFT_OK) {
        status = wefti_check_name(name, detail);
    }
    return status != WEFT_OK
               ? status
               : wefti_listener_open(name, &settings, out, detail);
}

void wefti_listener_set_full(weft_listener *listener, bool is_full)
{
    listener->is_full = is_full;
}

weft_status wefti_pokes_open(weftos_endpoint *endpoint, uint64_t id,
                             weft_handle pokes[2], weft_detail *detail)
{
    weft_handle pair[2];
    weft_status status = weftos_socket_pair(pair, detail);

    pokes[0] = WEFTOS_NONE;
    pokes[1] = WEFTOS_NONE;
    if (status != WEFT_OK) {
        return status;
    }
    status = weftos_socket_adopt(pair[1], detail);
    if (status == WEFT_OK) {
        status =
            weftos_endpoint_watch(endpoint, id, pair[0], WEFTOS_NONE, detail);
    }
    if (status != WEFT_OK) {
        weftos_close(pair[0]);
        weftos_close(pair[1]);
        return status;
    }
    pokes[0] = pair[0];
    pokes[1] = pair[1];
    return WEFT_OK;
}

weftos_endpoint *wefti_listener_endpoint(const weft_listener *listener)
{
    return listener->endpoint;
}

weft_handle weft_listener_handle(const weft_listener *listener)
{
    return listener != NULL ? listener->handle : WEFT_HANDLE_NONE;
}

void weft_listener_close(weft_listener **listener_)
{
    weft_listener *listener;
    bool forked;

    if (listener_ == NULL || *listener_ == NULL) {
        return;
    }
    listener = *listener_;
    *listener_ = NULL;
    forked = weftos_process_token() != listener->token;
    weftos_endpoint_close(listener->endpoint, forked);
    close_board(listener, forked);
    for (size_t i = 0; i < WEFTI_PENDING_MOST; i++) {
        weftos_close(listener->pending[i].socket);
    }
    free(listener);
}

/* -------------------------------------------------------------- pending --- */

/* The number of a place, by which the endpoint names its connection. */
static uint64_t place_of(const weft_listener *listener,
                         const struct pending *pending)
{
    return (uint64_t)(pending - listener->pending);
}

static void drop_pending(weft_listener *listener, struct pending *pending,
                         weft_log_level level, const char *why)
{
    if (!pending->is_answered) {
        wefti_log(level, "turned away pid %lld, uid %lld: %s",
                  (long long)pending->peer.who.pid,
                  (long long)pending->peer.who.uid, why);
        wefti_board_add(&listener->board->turned_away,
                        level == WEFT_LOG_WARNING);
    }
    weftos_endpoint_forget(listener->endpoint, place_of(listener, pending),
                           pending->socket, WEFTOS_NONE);
    weftos_close(pending->socket);
    pending->socket = WEFTOS_NONE;
}

/* The place with the least time left; NULL if no handshake is pending. */
static struct pending *oldest(weft_listener *listener)
{
    struct pending *found = NULL;

    for (size_t i = 0; i < WEFTI_PENDING_MOST; i++) {
        struct pending *pending = &listener->pending[i];

        if (pending->socket != WEFTOS_NONE &&
            (found == NULL || pending->until_ns < found->until_ns)) {
            found = pending;
        }
    }
    return found;
}

/* NULL: all are taken, by peers that may be about to greet. */
static struct pending *free_place(weft_listener *listener)
{
    struct pending *first;

    for (size_t i = 0; i < WEFTI_PENDING_MOST; i++) {
        if (listener->pending[i].socket == WEFTOS_NONE) {
            return &listener->pending[i];
        }
    }
    first = oldest(listener);
    if (weftos_now_ns() - first->came_ns < GRACE_NS) {
        return NULL;
    }
    drop_pending(listener, first, WEFT_LOG_WARNING, "too many handshakes");
    return first;
}

/* Drops those whose time is up; returns when the next one's is. */
static uint64_t drop_late(weft_listener *listener)
{
    for (;;) {
        struct pending *first = oldest(listener);

        if (first == NULL) {
            return WEFT_FOREVER;
        }
        if (first->until_ns > weftos_now_ns()) {
            return first->until_ns;
        }
        drop_pending(listener, first, WEFT_LOG_WARNING,
                     "the handshake took too long");
    }
}

/* --------------------------------------------------------------- accept --- */

/* From now on the endpoint tells what comes of it. */
static weft_status take_place(weft_listener *listener, struct pending *place,
                              weft_handle socket, weft_detail *detail)
{
    weft_status status =
        weftos_endpoint_watch(listener->endpoint, place_of(listener, place),
                              socket, WEFTOS_NONE, detail);

    if (status != WEFT_OK) {
        weftos_close(socket);
        return status;
    }
    place->socket = socket;
    place->is_answered = false;
    place->came_ns = weftos_now_ns();
    place->until_ns = weft_after_ns(listener->settings.handshake_ns);
    return WEFT_OK;
}

/*
 * Gives a new connection a place, if its user is allowed. If there is none yet
 * the endpoint tells of it again; who holds the places gets the CPU meanwhile.
 */
static weft_status take_connection(weft_listener *listener, weft_detail *detail)
{
    struct pending *place = free_place(listener);
    weft_handle socket;
    weft_status status;

    if (place == NULL) {
        weftos_yield();
        return WEFT_OK;
    }
    status = weftos_endpoint_accept(listener->endpoint, &socket, &place->peer,
                                    detail);
    if (status != WEFT_OK) {
        return status == WEFT_EAGAIN ? WEFT_OK : status;
    }
    status = take_place(listener, place, socket, detail);
    if (status != WEFT_OK) {
        return status;
    }
    if (wefti_check_peer(&listener->settings, &place->peer, NULL) != WEFT_OK) {
        wefti_refuse(socket, &listener->settings, WEFT_EACCES);
        drop_pending(listener, place, WEFT_LOG_WARNING, "not an allowed user");
    }
    return WEFT_OK;
}

/* WEFT_EAGAIN: it is not there yet, or it was an inspector's. */
static weft_status receive_hello(struct wefti_answer *answer,
                                 const weft_listener *listener,
                                 struct pending *pending, weft_detail *detail)
{
    weft_status status =
        wefti_answer_receive(answer, pending->socket, WEFTI_HELLO,
                             &listener->settings, WEFT_NOW, detail);

    if (status != WEFT_OK || !answer->is_look) {
        return status;
    }
    pending->is_answered = true;
    status = show_board(listener, pending->socket, detail);
    return status == WEFT_OK ? WEFT_EAGAIN : status;
}

/* Our half of the handshake, when the peer's greeting is there. */
static weft_status make_channel(void *out, weft_listener *listener,
                                struct pending *pending, weft_detail *detail)
{
    const struct wefti_settings *settings = &listener->settings;
    weft_handle socket = pending->socket;
    struct wefti_answer answer;
    struct wefti_offer offer;
    weft_status status = receive_hello(&answer, listener, pending, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = listener->is_full
                 ? wefti_fail(detail, WEFT_ELIMIT, "let in one more client")
                 : wefti_offer_init(&offer, settings->is_hub, detail);
    if (status == WEFT_OK) {
        status =
            wefti_offer_send(&offer, socket, WEFTI_WELCOME, settings, detail);
        if (status == WEFT_OK) {
            status = wefti_channel_create(socket, &offer, &answer, settings,
                                          (weft_channel **)out, detail);
        }
        if (status != WEFT_OK) {
            wefti_offer_deinit(&offer, false);
        }
    }
    if (status != WEFT_OK) {
        wefti_answer_deinit(&answer, false);
    } else {
        wefti_board_add(&listener->board->admitted, 1);
    }
    return status;
}

/* Or only the first part of it. */
static weft_status make_newcomer(void *out, weft_listener *listener,
                                 struct pending *pending, weft_detail *detail)
{
    struct wefti_newcomer *newcomer = out;

    newcomer->socket = pending->socket;
    return receive_hello(&newcomer->answer, listener, pending, detail);
}

/* What is made of a peer that has something to say. */
struct taker {
    weft_status (*take)(void *to, weft_listener *listener,
                        struct pending *pending, weft_detail *detail);
    void *to;
};

/* Is this failure ours, and not the one peer's who was being let in? */
static bool is_own_failure(weft_status status)
{
    return status == WEFT_ENOMEM || status == WEFT_ELIMIT ||
           status == WEFT_ENOTSUP || status == WEFT_EOS;
}

/*
 * Lets in the peer of a place that has something to say. WEFT_EAGAIN: it was
 * turned away, or only seemed to have something.
 */
static weft_status let_in(weft_listener *listener, struct pending *pending,
                          const struct taker *taker, weft_detail *detail)
{
    weft_status status;
    bool is_told;

    if (pending->is_answered) {
        drop_pending(listener, pending, WEFT_LOG_INFO, "it was answered");
        return WEFT_EAGAIN;
    }
    status = taker->take(taker->to, listener, pending, detail);
    if (status == WEFT_OK) {
        weftos_endpoint_forget(listener->endpoint, place_of(listener, pending),
                               pending->socket, WEFTOS_NONE);
        pending->socket = WEFTOS_NONE; /* it is the taker's */
        return WEFT_OK;
    }
    if (status == WEFT_EAGAIN) {
        return WEFT_EAGAIN;
    }
    is_told =
        is_own_failure(status) && !listener->is_full && !pending->is_answered;
    wefti_refuse(pending->socket, &listener->settings, status);
    /* One that hung up perhaps only asked whether anybody listens. */
    drop_pending(listener, pending,
                 status == WEFT_EPEERDIED ? WEFT_LOG_INFO : WEFT_LOG_WARNING,
                 weft_status_text(status));
    return is_told ? status : WEFT_EAGAIN;
}

/*
 * Peers that come and fail without end may not keep the caller for longer
 * than it wants: what it did so far, it did in vain.
 */
static bool is_flooded(unsigned events, uint64_t deadline_ns)
{
    if (deadline_ns == WEFT_NOW) {
        return events >= 2 * WEFTI_PENDING_MOST;
    }
    return events > 0 && deadline_ns != WEFT_FOREVER &&
           weftos_now_ns() >= deadline_ns;
}

static weft_status next(weft_listener *listener, uint64_t deadline_ns,
                        const struct taker *taker, uint64_t *id,
                        weft_detail *detail)
{
    for (unsigned events = 0;; events++) {
        uint64_t late_ns = drop_late(listener);
        weft_status status = weftos_endpoint_wait(
            listener->endpoint, deadline_ns < late_ns ? deadline_ns : late_ns,
            listener->settings.interruptible, id, detail);

        if (status == WEFT_ETIMEDOUT && late_ns < deadline_ns) {
            continue; /* somebody's handshake took too long */
        }
        if (status == WEFT_OK && is_flooded(events, deadline_ns)) {
            return wefti_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                "accept a peer among many that fail");
        }
        if (status == WEFT_OK && *id == WEFTOS_NEW_CONNECTION) {
            status = take_connection(listener, detail);
        } else if (status == WEFT_OK && *id >= WEFTI_PENDING_MOST) {
            return WEFT_OK;
        } else if (status == WEFT_OK) {
            status = let_in(listener, &listener->pending[*id], taker, detail);
            if (status == WEFT_OK) {
                *id = WEFTOS_NEW_CONNECTION;
                return WEFT_OK;
            }
            status = status == WEFT_EAGAIN ? WEFT_OK : status;
        }
        if (status != WEFT_OK) {
            return status;
        }
    }
}

weft_status wefti_listener_next(weft_listener *listener, uint64_t deadline_ns,
                                weft_channel **out, uint64_t *id,
                                weft_detail *detail)
{
    const struct taker taker = {make_channel, out};
    weft_detail found = {WEFT_OK, 0, NULL};

    *out = NULL;
    return wefti_pass(detail, next(listener, deadline_ns, &taker, id, &found),
                      &found);
}

weft_status wefti_listener_next_newcomer(weft_listener *listener,
                                         uint64_t deadline_ns,
                                         struct wefti_newcomer *newcomer,
                                         uint64_t *id, weft_detail *detail)
{
    const struct taker taker = {make_newcomer, newcomer};
    weft_detail found = {WEFT_OK, 0, NULL};

    return wefti_pass(detail, next(listener, deadline_ns, &taker, id, &found),
                      &found);
}

void wefti_listener_linger(weft_listener *listener, weft_handle socket)
{
    struct pending *place = free_place(listener);

    /* The one that it had is free, as a rule. */
    if (place == NULL) {
        weftos_close(socket);
    } else if (take_place(listener, place, socket, NULL) == WEFT_OK) {
        place->is_answered = true;
    }
}

weft_status weft_channel_accept(weft_listener *listener, uint64_t deadline_ns,
                                weft_channel **out, weft_detail *detail)
{
    weft_status status;
    uint64_t id;

    if (listener == NULL || out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    if (weftos_process_token() != listener->token) {
        return wefti_fail(detail, WEFT_EFORKED, "accept");
    }
    wefti_board_set(&listener->board->parked, 1);
    status = wefti_listener_next(listener, deadline_ns, out, &id, detail);
    if (status == WEFT_OK) {
        wefti_board_set(&listener->board->parked, 0);
    }
    return status;
}
