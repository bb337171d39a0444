/* SPDX-License-Identifier: MIT
 *
 * Listening for demands to give memory back; trim.h says how the two sides find
 * each other.
 *
 * Demands are taken one after the other, in the order in which their askers
 * have connected. Whoever connects while one is being answered waits in the
 * system's queue, and is told nothing: its deadline bounds that.
 *
 * To give takes time, and what was given has to be got back: who asks without
 * end must not make a program do nothing else. So a demand costs a token, and
 * of those there are some at first, and then so many a second. Who comes when
 * there is none is refused at once, and keeps nobody waiting who comes later.
 */
#include "trim.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../ipc/board.h"
#include "../ipc/listener.h"
#include "../os/heap.h"
#include "trim_watch.h"

/* The endpoint's id of the pokes. */
#define POKE_ID WEFTI_PENDING_MOST

/*
 * When the system lacks something to go on with (descriptors, as a rule), so
 * long is waited before the next try, or else until the listener is closed.
 */
#define BREAK_NS 10000000

/*
 * A daemon asks once in some seconds, and so do the few people that there are:
 * each may begin when it likes, so a dozen at the same time are not too many.
 * TOKEN_NS brings one token: 4 in a second.
 */
#define TOKENS_MOST 16
#define TOKEN_NS UINT64_C(250000000)

#define FLAGS_KNOWN                                                            \
    (WEFT_MEMORY_LISTENER_KEEPS_HEAP | WEFT_MEMORY_LISTENER_WATCH)

/* So many askers who get nothing may keep a caller that waits for none. */
#define TURNED_AWAY_MOST 64

/* The demand that is being answered. */
struct task {
    bool is_open;      /* there is one */
    weft_handle asker; /* WEFTOS_NONE: the system, by the listener's watch */
    uint64_t deadline_ns;
    uint64_t began_ns;
    uint64_t before_bytes;
    bool is_measured;
};

struct weft_memory_listener {
    uint64_t token;
    weft_listener *listener;
    struct wefti_trim_watch *watch; /* NULL: it does not watch */
    char name[WEFT_NAME_MAX + 1];
    unsigned flags;
    int64_t self; /* this process's number */
    struct wefti_settings settings;
    struct task task;
    unsigned tokens;
    uint64_t token_ns; /* when the last one came */

    /* With a thread of its own. */
    weftos_thread *thread;
    weft_handle pokes[2]; /* the thread hears the first */
    _Atomic uint32_t is_closing;
    weft_memory_trim *trim;
    void *context;

    /* One thread counts, any may read: each is right for itself. */
    weftos_word demands;
    weftos_word late;
    weftos_word claimed_bytes;
    weftos_word measured_bytes;
};

/* --------------------------------------------------------- open, close --- */

static weft_status take_options(const weft_memory_listener_options *given,
                                weft_memory_listener_options *options,
                                weft_detail *detail)
{
    *options = (weft_memory_listener_options)WEFT_MEMORY_LISTENER_OPTIONS_INIT;
    if (!wefti_copy_options(options, sizeof(*options), given,
                            sizeof(*options))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    return (options->flags & ~FLAGS_KNOWN) == 0
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EINVAL, "check the option flags");
}

/* Takes the first name that is free, from this process's own on. */
static weft_status take_name(weft_memory_listener *listener,
                             weft_detail *detail)
{
    weftos_process_id self = {0, 0};
    weft_status status = weftos_process_mark(&self, NULL, detail);

    listener->token = weftos_process_token();
    listener->self = self.pid;
    for (uint32_t i = 0; status == WEFT_OK && i < WEFTI_TRIM_TRIES; i++) {
        (void)snprintf(listener->name, sizeof(listener->name), "%s%u",
                       WEFTI_TRIM_NAME,
                       (unsigned)((self.pid + i) % WEFTI_TRIM_NAMES));
        status = wefti_listener_open(listener->name, &listener->settings,
                                     &listener->listener, detail);
        if (status != WEFT_EINUSE) {
            return status;
        }
        status = WEFT_OK;
    }
    return status == WEFT_OK
               ? wefti_fail(detail, WEFT_ELIMIT, "find a free name")
               : status;
}

static weft_status open_listener(const weft_memory_listener_options *options,
                                 weft_memory_listener **out,
                                 weft_detail *detail)
{
    weft_memory_listener_options taken;
    weft_memory_listener *listener;
    weft_status status = take_options(options, &taken, detail);

    if (status != WEFT_OK) {
        return status;
    }
    listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a listener");
    }
    listener->flags = taken.flags;
    listener->tokens = TOKENS_MOST;
    listener->token_ns = weftos_now_ns();
    listener->task.asker = WEFTOS_NONE;
    listener->pokes[0] = WEFTOS_NONE;
    listener->pokes[1] = WEFTOS_NONE;
    status = wefti_settings_init(&listener->settings, NULL, detail);
    if (status == WEFT_OK) {
        listener->settings.pattern = WEFTI_DEMAND;
        listener->settings.admits_root = true;
        status = take_name(listener, detail);
    }
    if (status == WEFT_OK && (taken.flags & WEFT_MEMORY_LISTENER_WATCH) != 0) {
        status = wefti_trim_watch_open(weft_listener_handle(listener->listener),
                                       &listener->watch, detail);
    }
    if (status != WEFT_OK) {
        weft_listener_close(&listener->listener);
        free(listener);
        return status;
    }
    *out = listener;
    return WEFT_OK;
}

weft_status
weft_memory_listener_open(const weft_memory_listener_options *options,
                          weft_memory_listener **out, weft_detail *detail)
{
    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    return open_listener(options, out, detail);
}

static bool is_forked(const weft_memory_listener *listener)
{
    return listener->token != weftos_process_token();
}

void weft_memory_listener_close(weft_memory_listener **listener_)
{
    weft_memory_listener *listener;
    bool forked;

    if (listener_ == NULL || *listener_ == NULL) {
        return;
    }
    listener = *listener_;
    *listener_ = NULL;
    forked = is_forked(listener);
    if (listener->thread != NULL && !forked) {
        atomic_store(&listener->is_closing, 1);
        /* It is full of pokes at worst, which were not heard yet. */
        (void)weftos_socket_send(listener->pokes[1], "", 1, NULL, 0, NULL);
    }
    weftos_thread_join(listener->thread, forked);
    if (listener->pokes[0] != WEFTOS_NONE && !forked) {
        weftos_endpoint_forget(wefti_listener_endpoint(listener->listener),
                               POKE_ID, listener->pokes[0], WEFTOS_NONE);
    }
    wefti_trim_watch_close(&listener->watch);
    weft_listener_close(&listener->listener);
    weftos_close(listener->task.asker);
    weftos_close(listener->pokes[0]);
    weftos_close(listener->pokes[1]);
    free(listener);
}

weft_handle weft_memory_listener_handle(const weft_memory_listener *listener)
{
    return listener != NULL && listener->thread == NULL
               ? weft_listener_handle(listener->listener)
               : WEFT_HANDLE_NONE;
}

weft_handle
weft_memory_listener_watch_handle(const weft_memory_listener *listener)
{
    return listener != NULL && listener->thread == NULL &&
                   listener->watch != NULL
               ? wefti_trim_watch_handle(listener->watch)
               : WEFT_HANDLE_NONE;
}

const char *wefti_memory_listener_name(const weft_memory_listener *listener)
{
    return listener->name;
}

weftos_endpoint *
wefti_memory_listener_endpoint(const weft_memory_listener *listener)
{
    return wefti_listener_endpoint(listener->listener);
}

/* ------------------------------------------------------------- demands --- */

/* False: more has been asked for than is acted on. */
static bool take_token(weft_memory_listener *listener)
{
    uint64_t now_ns = weftos_now_ns();
    uint64_t come = (now_ns - listener->token_ns) / TOKEN_NS;

    if (come >= TOKENS_MOST - listener->tokens) {
        listener->tokens = TOKENS_MOST;
        listener->token_ns = now_ns;
    } else {
        listener->tokens += (unsigned)come;
        listener->token_ns += come * TOKEN_NS;
    }
    if (listener->tokens == 0) {
        return false;
    }
    listener->tokens--;
    return true;
}

/* Nobody waits any more: nothing is worth doing. */
static bool is_too_late(const struct wefti_newcomer *newcomer)
{
    return weftos_now_ns() >= newcomer->answer.deadline_ns;
}

/* Tells the asker that it is its turn, and who we are. False: it has gone. */
static bool welcome(const struct wefti_newcomer *newcomer)
{
    const struct wefti_greeting greeting =
        wefti_greeting(WEFTI_WELCOME, WEFTI_DEMAND);

    wefti_step("welcome asker");
    return weftos_socket_send(newcomer->socket, &greeting, sizeof(greeting),
                              NULL, 0, NULL) == WEFT_OK;
}

static void begin_task(weft_memory_listener *listener, weft_handle asker,
                       uint64_t deadline_ns)
{
    struct task *task = &listener->task;

    task->is_open = true;
    task->asker = asker;
    task->deadline_ns = deadline_ns;
    task->is_measured =
        weftos_heap_footprint(&task->before_bytes, NULL) == WEFT_OK;
    task->began_ns = weftos_now_ns();
}

static void begin(weft_memory_listener *listener,
                  const struct wefti_newcomer *newcomer,
                  weft_memory_demand *demand)
{
    *demand = (weft_memory_demand){
        .level = (weft_trim_level)newcomer->answer.topic_flags,
        .deadline_ns = newcomer->answer.deadline_ns,
        .asker = newcomer->answer.peer};
    begin_task(listener, newcomer->socket, demand->deadline_ns);
    wefti_board_add(&wefti_listener_board(listener->listener)->admitted, 1);
}

/* Nobody asks, nobody waits, and nobody is told. */
static void begin_own(weft_memory_listener *listener, unsigned level,
                      weft_memory_demand *demand)
{
    *demand = (weft_memory_demand){.level = (weft_trim_level)level,
                                   .deadline_ns = WEFT_FOREVER,
                                   .asker = {0, -1, -1}};
    begin_task(listener, WEFTOS_NONE, WEFT_FOREVER);
}

/* The asker hangs up when it has read it: on Windows it would be lost else. */
static void refuse(weft_memory_listener *listener, weft_handle asker)
{
    struct wefti_board *board = wefti_listener_board(listener->listener);

    wefti_refuse(asker, &listener->settings, WEFT_ELIMIT);
    wefti_listener_linger(listener->listener, asker);
    wefti_board_add(&board->turned_away, 1);
}

/*
 * Is it to be answered now? If not it is turned away. This process itself asks
 * to end its own thread, and may always.
 */
static bool is_admitted(weft_memory_listener *listener,
                        const struct wefti_newcomer *newcomer)
{
    bool is_own = newcomer->answer.peer.pid == listener->self;

    if (is_too_late(newcomer)) {
        weftos_close(newcomer->socket);
        return false;
    }
    if (!is_own && !take_token(listener)) {
        refuse(listener, newcomer->socket);
        return false;
    }
    if (!welcome(newcomer)) {
        weftos_close(newcomer->socket);
        return false;
    }
    return true;
}

/* Have askers who get nothing kept the caller for longer than it wants? */
static bool is_kept(unsigned turned_away, uint64_t deadline_ns)
{
    if (deadline_ns == WEFT_NOW) {
        return turned_away >= TURNED_AWAY_MOST;
    }
    return turned_away > 0 && deadline_ns != WEFT_FOREVER &&
           weftos_now_ns() >= deadline_ns;
}

/* As weft_memory_listener_next; WEFT_ECLOSED: the thread is to end. */
static weft_status next(weft_memory_listener *listener,
                        weft_memory_demand *demand, uint64_t deadline_ns,
                        weft_detail *detail)
{
    struct wefti_board *board = wefti_listener_board(listener->listener);
    struct wefti_newcomer newcomer;
    weft_status status;
    uint64_t id;

    wefti_board_set(&board->parked, 1);
    for (unsigned turned_away = 0;; turned_away++) {
        if (is_kept(turned_away, deadline_ns)) {
            return wefti_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                "hear a demand among many that come to nothing");
        }
        status = wefti_listener_next_newcomer(listener->listener, deadline_ns,
                                              &newcomer, &id, detail);
        if (status == WEFT_OK && id != WEFTOS_NEW_CONNECTION) {
            status = WEFT_ECLOSED;
        }
        if (status != WEFT_OK) {
            return status;
        }
        if (is_admitted(listener, &newcomer)) {
            break;
        }
    }
    wefti_board_set(&board->parked, 0);
    begin(listener, &newcomer, demand);
    return WEFT_OK;
}

/* The same where the memory is watched, too. */
static weft_status next_or_own(weft_memory_listener *listener,
                               weft_memory_demand *demand, uint64_t deadline_ns,
                               weft_detail *detail)
{
    unsigned level;

    if (listener->watch == NULL) {
        return next(listener, demand, deadline_ns, detail);
    }
    for (unsigned tries = 0;; tries++) {
        weft_status status;

        if (is_kept(tries * TURNED_AWAY_MOST, deadline_ns)) {
            return wefti_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                "hear a demand among many that come to nothing");
        }
        status =
            wefti_trim_watch_wait(listener->watch, deadline_ns, &level, detail);
        if (status == WEFT_OK && level != 0) {
            begin_own(listener, level, demand);
            return WEFT_OK;
        }
        if (status == WEFT_OK) {
            status = next(listener, demand, WEFT_NOW, detail);
            if (status == WEFT_EAGAIN) {
                continue;
            }
        }
        return status;
    }
}

weft_status weft_memory_listener_next(weft_memory_listener *listener,
                                      weft_memory_demand *demand,
                                      uint64_t deadline_ns, weft_detail *detail)
{
    if (listener == NULL || demand == NULL || listener->thread != NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (is_forked(listener)) {
        return wefti_fail(detail, WEFT_EFORKED, "listen for pressure");
    }
    return !listener->task.is_open
               ? next_or_own(listener, demand, deadline_ns, detail)
               : wefti_fail(detail, WEFT_EBUSY, "answer the last demand first");
}

/* -------------------------------------------------------------- answer --- */

/* What this process takes now, and by how much less that is. */
static void measure(const struct task *task, struct wefti_yield *yield)
{
    uint64_t now_bytes;

    if (weftos_heap_footprint(&now_bytes, NULL) != WEFT_OK) {
        return;
    }
    yield->footprint_bytes = now_bytes;
    yield->valid |= WEFT_ANSWER_FOOTPRINT;
    if (task->is_measured) {
        yield->measured_bytes = (int64_t)(task->before_bytes - now_bytes);
        yield->valid |= WEFT_ANSWER_MEASURED;
    }
}

static void count(weft_memory_listener *listener,
                  const struct wefti_yield *yield)
{
    wefti_board_add(&listener->demands, 1);
    wefti_board_add(&listener->late,
                    weftos_now_ns() > listener->task.deadline_ns);
    wefti_board_add(&listener->claimed_bytes, yield->claimed_bytes);
    if (yield->measured_bytes > 0) {
        wefti_board_add(&listener->measured_bytes,
                        (uint64_t)yield->measured_bytes);
    }
}

/* The asker hangs up when it has read it: on Windows it would be lost else. */
static void send_yield(weft_memory_listener *listener,
                       const struct wefti_yield *yield)
{
    weft_handle asker = listener->task.asker;

    listener->task.asker = WEFTOS_NONE;
    if (asker == WEFTOS_NONE) {
        return;
    }
    wefti_step("send yield");
    if (weftos_socket_send(asker, yield, sizeof(*yield), NULL, 0, NULL) ==
        WEFT_OK) {
        wefti_listener_linger(listener->listener, asker);
    } else {
        weftos_close(asker);
    }
}

static void answer(weft_memory_listener *listener, uint64_t bytes)
{
    struct wefti_yield yield;

    memset(&yield, 0, sizeof(yield));
    yield.magic = WEFTI_MAGIC;
    if (bytes != WEFT_TRIM_UNKNOWN) {
        yield.claimed_bytes = bytes;
        yield.valid |= WEFT_ANSWER_CLAIMED;
    }
    if ((listener->flags & WEFT_MEMORY_LISTENER_KEEPS_HEAP) == 0) {
        (void)weftos_heap_trim(NULL);
    }
    yield.took_ns = weftos_now_ns() - listener->task.began_ns;
    yield.valid |= WEFT_ANSWER_TOOK;
    measure(&listener->task, &yield);
    count(listener, &yield);
    listener->task.is_open = false;
    send_yield(listener, &yield);
}

weft_status weft_memory_listener_answer(weft_memory_listener *listener,
                                        uint64_t bytes)
{
    if (listener == NULL || listener->thread != NULL) {
        return WEFT_EINVAL;
    }
    if (is_forked(listener)) {
        return WEFT_EFORKED;
    }
    if (!listener->task.is_open) {
        return WEFT_EINVAL;
    }
    answer(listener, bytes);
    return WEFT_OK;
}

weft_status weft_memory_listener_get_stats(const weft_memory_listener *listener,
                                           weft_memory_listener_stats *stats)
{
    if (listener == NULL || stats == NULL || stats->size != sizeof(*stats)) {
        return WEFT_EINVAL;
    }
    if (is_forked(listener)) {
        return WEFT_EFORKED;
    }
    stats->demands = weftos_load_relaxed(&listener->demands);
    stats->late = weftos_load_relaxed(&listener->late);
    stats->claimed_bytes = weftos_load_relaxed(&listener->claimed_bytes);
    stats->measured_bytes = weftos_load_relaxed(&listener->measured_bytes);
    return WEFT_OK;
}

weft_status weft_memory_trim_heap(weft_detail *detail)
{
    return weftos_heap_trim(detail);
}

/* -------------------------------------------------------------- thread --- */

static void run(void *context)
{
    weft_memory_listener *listener = context;

    while (atomic_load(&listener->is_closing) == 0) {
        weft_memory_demand demand;
        weft_status status = next_or_own(listener, &demand, WEFT_FOREVER, NULL);

        if (status == WEFT_OK) {
            answer(listener, listener->trim != NULL
                                 ? listener->trim(listener->context, &demand)
                                 : WEFT_TRIM_UNKNOWN);
        } else if (status != WEFT_ECLOSED) {
            wefti_log(WEFT_LOG_ERROR, "a demand for memory is not heard: %s",
                      weft_status_text(status));
            (void)weftos_socket_wait(listener->pokes[0], false, WEFTOS_NONE,
                                     weft_after_ns(BREAK_NS), false, NULL);
        }
    }
}

weft_status weft_memory_on_pressure(const weft_memory_listener_options *options,
                                    weft_memory_trim *trim, void *context,
                                    weft_memory_listener **out,
                                    weft_detail *detail)
{
    weft_memory_listener *listener = NULL;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    status = open_listener(options, &listener, detail);
    if (listener == NULL) {
        return status;
    }
    listener->trim = trim;
    listener->context = context;
    status = wefti_pokes_open(wefti_listener_endpoint(listener->listener),
                              POKE_ID, listener->pokes, detail);
    if (status == WEFT_OK) {
        status = weftos_thread_start(run, listener, &listener->thread, detail);
    }
    if (status != WEFT_OK) {
        weft_memory_listener_close(&listener);
        return status;
    }
    *out = listener;
    return WEFT_OK;
}
