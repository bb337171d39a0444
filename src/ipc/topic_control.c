/* SPDX-License-Identifier: MIT
 *
 * The publisher's own thread: lets subscribers in, hears them and their end,
 * and rings those that sleep. topic.h has the theory.
 *
 * All of it waits at one place, the listener's endpoint: for those who come,
 * for the sockets of those who are in, and for the publishing thread, which
 * pokes by a byte on a pair of control sockets.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "received.h"
#include "topic.h"

/* The endpoint's ids: the pokes', and from the next one on the readers'. */
#define POKE_ID WEFTI_PENDING_MOST
#define READER_ID (POKE_ID + 1)

/*
 * When the system lacks something to go on with (descriptors, as a rule), so
 * long is waited before the next try, or else until the publisher is closed.
 */
#define BREAK_NS 10000000

/* -------------------------------------------------------------- readers --- */

static void unpark(weft_publisher *publisher, struct wefti_reader *reader)
{
    struct wefti_reader **link = &publisher->parked;

    if (!reader->is_parked) {
        return;
    }
    while (*link != reader) {
        link = &(*link)->next_parked;
    }
    *link = reader->next_parked;
    reader->is_parked = false;
    wefti_board_add(&publisher->board->parked, UINT64_MAX);
}

static void free_reader(struct wefti_reader *reader, bool forked)
{
    wefti_answer_deinit(&reader->answer, forked);
    weftos_close(reader->socket);
    free(reader);
}

/* The publishing thread waits for room: is there some? */
static void look_for_room(weft_publisher *publisher)
{
    bool has_room;

    wefti_lock(&publisher->lock);
    has_room = publisher->wanted != 0 &&
               wefti_topic_has_room(publisher, publisher->wanted);
    wefti_unlock(&publisher->lock);
    if (has_room) {
        (void)atomic_fetch_add(&publisher->room_events, 1);
        weftos_word_wake(&publisher->room_events, 1, NULL);
    }
}

/* Under the lock. */
static void show_counts(const weft_publisher *publisher)
{
    wefti_board_set(&publisher->board->peers, publisher->reader_count);
    wefti_board_set(&publisher->board->reliable, publisher->reliable_count);
}

static void drop(weft_publisher *publisher, struct wefti_reader *reader,
                 weft_status why)
{
    if (why != WEFT_ECLOSED) {
        wefti_log(WEFT_LOG_WARNING, "let go of subscriber pid %lld: %s",
                  (long long)reader->answer.peer.pid, weft_status_text(why));
    }
    unpark(publisher, reader);
    wefti_lock(&publisher->lock);
    wefti_topic_give_up(publisher, reader, why);
    publisher->readers[reader->place] = NULL;
    publisher->reader_count--;
    show_counts(publisher);
    wefti_unlock(&publisher->lock);
    if (reader->is_watched) {
        weftos_endpoint_forget(wefti_listener_endpoint(publisher->listener),
                               READER_ID + reader->place, reader->socket,
                               reader->answer.process);
    }
    free_reader(reader, false);
    look_for_room(publisher);
}

/* Those that the publishing thread has given up: they are told why. */
static void drop_gone(weft_publisher *publisher)
{
    static const struct wefti_rider last = {WEFTI_MAGIC, WEFTI_CUT_OFF, 0};
    bool has_gone;

    wefti_lock(&publisher->lock);
    has_gone = publisher->has_gone;
    publisher->has_gone = false;
    wefti_unlock(&publisher->lock);
    for (unsigned i = 0; has_gone && i < publisher->reader_room; i++) {
        struct wefti_reader *reader = publisher->readers[i];
        weft_status why;

        if (reader == NULL) {
            continue;
        }
        wefti_lock(&publisher->lock);
        why = reader->gone;
        wefti_unlock(&publisher->lock);
        if (why != WEFT_OK) {
            (void)weftos_socket_send(reader->socket, &last, sizeof(last), NULL,
                                     0, NULL);
            drop(publisher, reader, why);
        }
    }
}

/* -------------------------------------------------------------- ringing --- */

/*
 * A socket that is full of rings needs no more; one that is closed will say so
 * itself.
 */
static void ring(weft_publisher *publisher, struct wefti_reader *reader,
                 uint32_t why)
{
    const struct wefti_rider rider = {WEFTI_MAGIC, why, 0};
    weft_status status = weftos_socket_send(reader->socket, &rider,
                                            sizeof(rider), NULL, 0, NULL);

    if (status != WEFT_OK && status != WEFT_EAGAIN && status != WEFT_ECLOSED) {
        drop(publisher, reader, WEFT_EOS);
    }
}

/* Rings those that sleep for what is there by now; the others' least. */
static uint64_t ring_before(weft_publisher *publisher, uint64_t tail)
{
    struct wefti_reader *reader = publisher->parked;
    uint64_t least = WEFTI_NONE;

    while (reader != NULL) {
        struct wefti_reader *next = reader->next_parked;

        if (reader->parked_at < tail) {
            wefti_step("ring");
            unpark(publisher, reader);
            ring(publisher, reader, WEFTI_RING);
        } else if (reader->parked_at < least) {
            least = reader->parked_at;
        }
        reader = next;
    }
    return least;
}

/* The control thread's half of the table in topic.h. */
static void ring_parked(weft_publisher *publisher)
{
    const weftos_word *tail = &publisher->head->tail;
    uint64_t least = WEFTI_NONE;

    do {
        least = ring_before(publisher, weftos_load_relaxed(tail));
        weftos_store_relaxed(&publisher->sleepers, least);
        weftos_fence_full();
    } while (least < weftos_load_relaxed(tail));
}

/*
 * A position beyond the claim can't have been read: an honest reader parks at
 * the tail, or at what it has seen before we see the tail move.
 */
static weft_status park(weft_publisher *publisher, struct wefti_reader *reader,
                        uint64_t position)
{
    if (position > weftos_load_relaxed(&publisher->head->claim)) {
        return WEFT_EPROTO;
    }
    unpark(publisher, reader);
    reader->is_parked = true;
    reader->parked_at = position;
    reader->next_parked = publisher->parked;
    publisher->parked = reader;
    wefti_board_add(&publisher->board->parked, 1);
    if (position < weftos_load_relaxed(&publisher->sleepers)) {
        weftos_store_relaxed(&publisher->sleepers, position);
    }
    weftos_fence_full();
    if (position < weftos_load_relaxed(&publisher->head->tail)) {
        ring_parked(publisher);
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- hearing --- */

static bool has_died(const struct wefti_reader *reader)
{
    return reader->answer.process != WEFTOS_NONE &&
           weftos_socket_wait(reader->socket, false, reader->answer.process,
                              WEFT_NOW, false, NULL) == WEFT_EPEERDIED;
}

/* One control message; if there are more, the endpoint says so again. */
static weft_status hear(weft_publisher *publisher, struct wefti_reader *reader)
{
    struct wefti_rider rider;
    weftos_received received;
    weft_status status = weftos_socket_recv(reader->socket, &received, NULL);
    bool sound;

    if (status == WEFT_EAGAIN) {
        return has_died(reader) ? WEFT_EPEERDIED : WEFT_OK;
    }
    if (status != WEFT_OK) {
        return status;
    }
    sound = received.bytes == sizeof(rider) && received.handle_count == 0;
    memcpy(&rider, received.data, sizeof(rider));
    wefti_received_drop(&received);
    if (!sound || rider.magic != WEFTI_MAGIC) {
        return WEFT_EPROTO;
    }
    look_for_room(publisher);
    if (rider.type == WEFTI_PARK) {
        return park(publisher, reader, rider.position);
    }
    return rider.type == WEFTI_RING && rider.position == 0 ? WEFT_OK
                                                           : WEFT_EPROTO;
}

static void hear_reader(weft_publisher *publisher, uint64_t id)
{
    struct wefti_reader *reader = id - READER_ID < publisher->reader_room
                                      ? publisher->readers[id - READER_ID]
                                      : NULL;
    weft_status status =
        reader != NULL ? hear(publisher, reader) : WEFT_OK; /* old news */

    if (status != WEFT_OK && status != WEFT_ENOMEM) {
        drop(publisher, reader, status);
    }
}

static void hear_poke(weft_publisher *publisher)
{
    weftos_received received;
    weft_status status =
        weftos_socket_recv(publisher->pokes[0], &received, NULL);

    /* If there are more, the endpoint says so again. */
    if (status == WEFT_OK) {
        wefti_received_drop(&received);
    }
    if (status == WEFT_ECLOSED) {
        wefti_lock(&publisher->lock);
        publisher->is_broken = true;
        wefti_unlock(&publisher->lock);
    }
    ring_parked(publisher);
}

/* --------------------------------------------------------- letting in --- */

/* Room for one more. */
static weft_status grow(weft_publisher *publisher)
{
    unsigned room =
        publisher->reader_room == 0 ? 8 : publisher->reader_room * 2;
    struct wefti_reader **readers;
    struct wefti_reader **before;

    if (publisher->reader_count < publisher->reader_room) {
        return WEFT_OK;
    }
    readers = calloc(room, sizeof(struct wefti_reader *));
    if (readers == NULL) {
        return WEFT_ENOMEM;
    }
    wefti_lock(&publisher->lock);
    if (publisher->readers != NULL) {
        memcpy(readers, publisher->readers,
               publisher->reader_room * sizeof(struct wefti_reader *));
    }
    /* In this order: a child that is forked meanwhile closes its copies. */
    before = publisher->readers;
    publisher->readers = readers;
    publisher->reader_room = room;
    wefti_unlock(&publisher->lock);
    free(before);
    return WEFT_OK;
}

/* The next place, round about: so that an old event finds nobody. */
static unsigned find_place(weft_publisher *publisher)
{
    do {
        publisher->last_place =
            (publisher->last_place + 1) % publisher->reader_room;
    } while (publisher->readers[publisher->last_place] != NULL);
    return publisher->last_place;
}

/* Goes on to the tail. Under the lock, so that nothing is overwritten. */
static struct wefti_anchor follow(const weft_publisher *publisher,
                                  struct wefti_anchor at)
{
    uint64_t tail = weftos_load_acquire(&publisher->head->tail);

    while (at.position < tail) {
        uint64_t word = weftos_load_relaxed(
            &wefti_topic_header(publisher, at.position)->word);

        at.position += wefti_round_up(word & WEFTI_LENGTH_MASK);
        at.sequence += word >> WEFTI_TYPE_SHIFT == WEFTI_PLAIN;
    }
    return at;
}

/* Where a reader begins: at the tail, or at the oldest record. Under the lock.
 */
static struct wefti_anchor find_start(const weft_publisher *publisher,
                                      bool wants_history)
{
    struct wefti_anchor start = {0, 0};
    uint64_t i = publisher->anchor_count;

    while (i > 0 && publisher->anchor_count - i < WEFTI_ANCHORS) {
        struct wefti_anchor older = publisher->anchors[(i - 1) % WEFTI_ANCHORS];

        if (publisher->claim - older.position > publisher->ring_bytes) {
            break;
        }
        start = older;
        if (!wants_history) {
            return follow(publisher, start);
        }
        i--;
    }
    return start;
}

static weft_status send_welcome(const weft_publisher *publisher,
                                weft_handle socket,
                                const struct wefti_anchor *start)
{
    struct wefti_greeting greeting = wefti_greeting(WEFTI_WELCOME, WEFTI_TOPIC);

    greeting.home_bytes = publisher->segment_bytes;
    greeting.ring_max_bytes = publisher->ring_bytes;
    greeting.message_max_bytes = publisher->record_max - WEFTI_HEADER;
    greeting.position = start->position;
    greeting.sequence = start->sequence;
    wefti_step("send greeting");
    return weftos_socket_send(socket, &greeting, sizeof(greeting),
                              &publisher->segment, 1, NULL);
}

/* From here on its cursor counts. */
static struct wefti_anchor enter(weft_publisher *publisher,
                                 struct wefti_reader *reader)
{
    bool wants_history =
        (reader->answer.topic_flags & WEFTI_TOPIC_HISTORY) != 0;
    struct wefti_anchor start;

    reader->place = find_place(publisher);
    wefti_lock(&publisher->lock);
    start = find_start(publisher, wants_history);
    reader->start = start.position;
    reader->cursor = start.position;
    publisher->readers[reader->place] = reader;
    publisher->reader_count++;
    if (reader->is_reliable) {
        publisher->reliable_count++;
        if (start.position < publisher->least) {
            publisher->least = start.position;
        }
    }
    show_counts(publisher);
    wefti_board_add(&publisher->board->admitted, 1);
    wefti_unlock(&publisher->lock);
    return start;
}

static void refuse(const weft_publisher *publisher,
                   struct wefti_newcomer *newcomer, weft_status why)
{
    wefti_refuse(newcomer->socket, &publisher->settings, why);
    wefti_board_add(&publisher->board->turned_away, 1);
    wefti_log(WEFT_LOG_WARNING, "turned away subscriber pid %lld: %s",
              (long long)newcomer->answer.peer.pid, weft_status_text(why));
    wefti_answer_deinit(&newcomer->answer, false);
    weftos_close(newcomer->socket);
}

/* Another publisher has begun: the subscribers look for it. */
static void meet(weft_publisher *publisher, struct wefti_newcomer *newcomer)
{
    const struct wefti_greeting greeting =
        wefti_greeting(WEFTI_WELCOME, WEFTI_TOPIC);

    if (publisher->is_sole) {
        refuse(publisher, newcomer, WEFT_EINUSE);
        return;
    }
    for (unsigned i = 0; i < publisher->reader_room; i++) {
        if (publisher->readers[i] != NULL) {
            ring(publisher, publisher->readers[i], WEFTI_JOIN);
        }
    }
    (void)weftos_socket_send(newcomer->socket, &greeting, sizeof(greeting),
                             NULL, 0, NULL);
    weftos_close(newcomer->socket);
}

/* It reads from there on, and of that nothing is known here. */
static void show(weft_publisher *publisher, struct wefti_newcomer *newcomer)
{
    struct wefti_anchor start;
    weft_status status;

    wefti_lock(&publisher->lock);
    start = find_start(
        publisher, (newcomer->answer.topic_flags & WEFTI_TOPIC_HISTORY) != 0);
    wefti_unlock(&publisher->lock);
    status = send_welcome(publisher, newcomer->socket, &start);
    if (status == WEFT_OK) {
        wefti_listener_linger(publisher->listener, newcomer->socket);
    } else {
        refuse(publisher, newcomer, status);
    }
}

static void admit(weft_publisher *publisher, struct wefti_newcomer *newcomer)
{
    struct wefti_reader *reader;
    struct wefti_anchor start;
    weft_status status;

    /*
     * It has perhaps read all that there is, and found the end, and looks for
     * others: it would get the history again. To it we are gone.
     */
    if (atomic_load(&publisher->is_closing) != 0) {
        wefti_answer_deinit(&newcomer->answer, false);
        weftos_close(newcomer->socket);
        return;
    }
    if ((newcomer->answer.topic_flags & WEFTI_TOPIC_JOIN) != 0) {
        meet(publisher, newcomer);
        return;
    }
    if ((newcomer->answer.topic_flags & WEFTI_TOPIC_TAP) != 0) {
        show(publisher, newcomer);
        return;
    }
    if (publisher->reader_count >= publisher->readers_max) {
        refuse(publisher, newcomer, WEFT_ELIMIT);
        return;
    }
    reader = calloc(1, sizeof(*reader));
    if (reader == NULL || grow(publisher) != WEFT_OK) {
        free(reader);
        refuse(publisher, newcomer, WEFT_ENOMEM);
        return;
    }
    reader->socket = newcomer->socket;
    reader->answer = newcomer->answer;
    reader->is_reliable =
        (reader->answer.topic_flags & WEFTI_TOPIC_RELIABLE) != 0;
    start = enter(publisher, reader);
    status = weftos_endpoint_watch(wefti_listener_endpoint(publisher->listener),
                                   READER_ID + reader->place, reader->socket,
                                   reader->answer.process, NULL);
    reader->is_watched = status == WEFT_OK;
    if (status == WEFT_OK) {
        status = send_welcome(publisher, reader->socket, &start);
    }
    if (status != WEFT_OK) {
        drop(publisher, reader, status);
    }
}

/* --------------------------------------------------------------- thread --- */

static void drop_all(weft_publisher *publisher)
{
    for (unsigned i = 0; i < publisher->reader_room; i++) {
        if (publisher->readers[i] != NULL) {
            drop(publisher, publisher->readers[i], WEFT_ECLOSED);
        }
    }
}

static void run(void *context)
{
    weft_publisher *publisher = context;

    while (atomic_load(&publisher->stopping) == 0 && !publisher->is_broken) {
        struct wefti_newcomer newcomer;
        uint64_t id;
        weft_status status = wefti_listener_next_newcomer(
            publisher->listener, WEFT_FOREVER, &newcomer, &id, NULL);

        if (status != WEFT_OK) {
            wefti_log(WEFT_LOG_ERROR, "a topic can't let anybody in: %s",
                      weft_status_text(status));
            (void)weftos_socket_wait(publisher->pokes[0], false, WEFTOS_NONE,
                                     weft_after_ns(BREAK_NS), false, NULL);
        } else if (id == WEFTOS_NEW_CONNECTION) {
            admit(publisher, &newcomer);
        } else if (id == POKE_ID) {
            hear_poke(publisher);
        } else {
            hear_reader(publisher, id);
        }
        drop_gone(publisher);
    }
    drop_all(publisher);
}

void wefti_topic_poke(weft_publisher *publisher)
{
    weft_status status =
        weftos_socket_send(publisher->pokes[1], "", 1, NULL, 0, NULL);

    /* EAGAIN: it is full of pokes that were not heard yet. */
    if (status != WEFT_OK && status != WEFT_EAGAIN) {
        publisher->failed = WEFT_EOS;
        /* It hears this, and lets go of those that would sleep on. */
        weftos_socket_hang_up(publisher->pokes[1]);
    }
}

weft_status wefti_topic_start(weft_publisher *publisher, weft_detail *detail)
{
    weftos_endpoint *endpoint = wefti_listener_endpoint(publisher->listener);
    weft_status status =
        wefti_pokes_open(endpoint, POKE_ID, publisher->pokes, detail);

    if (status != WEFT_OK) {
        return status;
    }
    publisher->board = wefti_listener_board(publisher->listener);
    wefti_board_add(&publisher->board->memory_bytes, publisher->segment_bytes);
    status = weftos_thread_start(run, publisher, &publisher->thread, detail);
    if (status != WEFT_OK) {
        weftos_endpoint_forget(endpoint, POKE_ID, publisher->pokes[0],
                               WEFTOS_NONE);
    }
    return status;
}

/* A hang-up wakes the thread for good, where a poke might not get through. */
static void end_thread(weft_publisher *publisher)
{
    atomic_store(&publisher->stopping, 1);
    weftos_socket_hang_up(publisher->pokes[1]);
    weftos_thread_join(publisher->thread, false);
    weftos_endpoint_forget(wefti_listener_endpoint(publisher->listener),
                           POKE_ID, publisher->pokes[0], WEFTOS_NONE);
}

/* What a forked child has of them are copies. */
static void free_copies(weft_publisher *publisher)
{
    weftos_thread_join(publisher->thread, true);
    for (unsigned i = 0; i < publisher->reader_room; i++) {
        if (publisher->readers[i] != NULL) {
            free_reader(publisher->readers[i], true);
        }
    }
}

void wefti_topic_stop(weft_publisher *publisher, bool forked)
{
    if (forked) {
        free_copies(publisher);
    } else if (publisher->thread != NULL) {
        end_thread(publisher);
    }
    weft_listener_close(&publisher->listener);
    weftos_close(publisher->pokes[0]);
    weftos_close(publisher->pokes[1]);
    free(publisher->readers);
}
