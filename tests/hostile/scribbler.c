/* SPDX-License-Identifier: MIT
 *
 * The hostile process of the scribble test. It begins each connection as an
 * honest peer, with the library's own producer and consumer; then it writes
 * over everything that it may write, its home, its ring and its end of the
 * control socket, while it goes on streaming. What its producer and consumer
 * know is private to them, so that its own scribbling does not stop them.
 */
#include "scribble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

/* Mutations of one connection, unless the victim gives up before. */
#define MUTATIONS_MOST 64

struct scribbler {
    struct scribble_board *board;
    uint64_t random;
    uint64_t connection;
    struct attacker kit;
    struct wefti_line line;
    struct wefti_tx tx;
    struct wefti_rx rx;
};

/* -------------------------------------------------------------- honest --- */

static weft_status greet(struct scribbler *self,
                         const struct wefti_settings *settings,
                         weft_detail *detail)
{
    weft_status status = wefti_offer_init(&self->kit.offer, false, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = wefti_offer_send(&self->kit.offer, self->kit.socket, WEFTI_HELLO,
                              settings, detail);
    if (status == WEFT_OK) {
        status = wefti_answer_receive(&self->kit.answer, self->kit.socket,
                                      WEFTI_WELCOME, settings,
                                      weft_after_ns(LATE_NS), detail);
    }
    if (status != WEFT_OK) {
        wefti_offer_deinit(&self->kit.offer, false);
    }
    return status;
}

static weft_status join(struct scribbler *self, weft_detail *detail)
{
    struct wefti_settings settings;
    weftos_peer peer;
    weft_status status;

    memset(&self->kit, 0, sizeof(self->kit));
    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    status = weftos_endpoint_connect(scribble_name(self->connection), false,
                                     weft_after_ns(LATE_NS), false,
                                     &self->kit.socket, &peer, detail);
    if (status != WEFT_OK) {
        return status;
    }
    status = greet(self, &settings, detail);
    if (status != WEFT_OK) {
        weftos_close(self->kit.socket);
    }
    return status;
}

static void begin_streams(struct scribbler *self)
{
    const struct wefti_limits sending = {0, 1 << 18, 1 << 20};
    const struct wefti_limits receiving = {0, 1 << 20, 1 << 20};
    struct wefti_line *line = &self->line;

    memset(line, 0, sizeof(*line));
    line->own = self->kit.offer.home;
    line->peer = self->kit.answer.home;
    line->socket = self->kit.socket;
    line->hear = self->kit.offer.hear;
    line->process = self->kit.answer.process;
    line->bell = self->kit.answer.bell;
    line->wait = WEFT_WAIT_BLOCK;
    wefti_tx_init(&self->tx, line, self->kit.offer.home_bytes, &sending, false);
    wefti_rx_init(&self->rx, line, self->kit.answer.home_bytes, &receiving);
}

static void leave(struct scribbler *self)
{
    if (scribble_below(&self->random, 4) == 0) {
        wefti_tx_end(&self->tx);
        wefti_rx_leave(&self->rx);
    }
    wefti_tx_deinit(&self->tx, false);
    wefti_rx_deinit(&self->rx, false);
    attacker_leave(&self->kit);
}

static void send_honestly(struct scribbler *self)
{
    static unsigned char data[40000];
    static const size_t sizes[] = {1, 16, 100, 1000, 5000, 40000};
    uint64_t *random = &self->random;
    size_t size = sizes[scribble_below(random, 6)];
    weft_message message;

    memset(&message, 0, sizeof(message));
    message.data = data;
    message.bytes = (size_t)scribble_below(random, size + 1);
    message.handle_count = scribble_below(random, 16) == 0;
    message.handles[0] = self->kit.offer.hear;
    (void)wefti_tx_send(&self->tx, &message, WEFT_NOW);
}

static void receive_honestly(struct scribbler *self)
{
    static unsigned char data[1 << 20];
    weft_message message;

    message.data = data;
    message.bytes = sizeof(data);
    if (wefti_rx_receive(&self->rx, &message, true, WEFT_NOW) == WEFT_OK) {
        for (unsigned i = 0; i < message.handle_count; i++) {
            weftos_close(message.handles[i]);
        }
    }
}

static void stream(struct scribbler *self, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        if (scribble_below(&self->random, 2) == 0) {
            send_honestly(self);
        } else {
            receive_honestly(self);
        }
    }
}

/* ------------------------------------------------------------- hostile --- */

static uint64_t near_word(struct scribbler *self)
{
    uint64_t word = scribble_below(&self->random, 3000);

    word |= scribble_below(&self->random, 5) << WEFTI_TYPE_SHIFT;
    word |= scribble_below(&self->random, 9) << WEFTI_FLAGS_SHIFT;
    if (scribble_below(&self->random, 4) == 0) {
        word |= scribble_below(&self->random, 18) << WEFTI_COUNT_SHIFT;
    }
    return word;
}

/* A value near one that means something, or none at all. */
static uint64_t value(struct scribbler *self, uint64_t before)
{
    uint64_t *random = &self->random;
    uint64_t victim = weftos_load_relaxed(&self->line.peer->cursor);

    switch (scribble_below(random, 12)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX - scribble_below(random, 3);
    case 2:
        return self->tx.written + 16 * scribble_below(random, 8);
    case 3:
        return self->tx.written - 16 * scribble_below(random, 8);
    case 4:
        return victim + 16 * scribble_below(random, 8);
    case 5:
        return self->rx.read + scribble_below(random, 64) - 32;
    case 6:
        return UINT64_C(1) << scribble_below(random, 64);
    case 7:
        return before ^ UINT64_C(1) << scribble_below(random, 64);
    case 8:
        return self->tx.ring_bytes + scribble_below(random, 32) - 16;
    case 9:
    case 10:
        return near_word(self);
    default:
        return scribble_random(random);
    }
}

/* Where to write: a word that means something, a header, or anywhere. */
static weftos_word *place(struct scribbler *self)
{
    static const size_t words[] = {offsetof(struct wefti_home, cursor),
                                   offsetof(struct wefti_home, parked_at),
                                   offsetof(struct wefti_home, cpu),
                                   offsetof(struct wefti_home, space_at),
                                   offsetof(struct wefti_home, closed_at),
                                   offsetof(struct wefti_home, fence_mode)};
    uint64_t *random = &self->random;
    unsigned char *home = (unsigned char *)self->line.own;
    uint64_t behind = 16 * scribble_below(random, 64);
    uint64_t at;

    switch (scribble_below(random, 8)) {
    case 0:
    case 1:
        at = words[scribble_below(random, sizeof(words) / sizeof(words[0]))];
        return (weftos_word *)(void *)(home + at);
    case 2: /* what the victim reads next */
        at = weftos_load_relaxed(&self->line.peer->cursor);
        return (weftos_word *)(void *)(self->tx.ring + (at & self->tx.mask));
    case 3:
    case 4: /* near the last record */
        at = self->tx.written + 64 - behind;
        return (weftos_word *)(void *)(self->tx.ring +
                                       (at & self->tx.mask & ~UINT64_C(15)));
    case 5: /* anywhere in the ring */
        at = 8 * scribble_below(random, self->tx.ring_bytes / 8);
        return (weftos_word *)(void *)(self->tx.ring + at);
    default: /* anywhere in the home */
        at = 8 * scribble_below(random, self->kit.offer.home_bytes / 8);
        return (weftos_word *)(void *)(home + at);
    }
}

static void send_garbage(struct scribbler *self)
{
    uint64_t *random = &self->random;
    struct wefti_rider rider = {
        WEFTI_MAGIC, (uint32_t)scribble_below(random, 5),
        self->tx.written - 16 * scribble_below(random, 4)};
    weft_handle handles[4];

    /* Its own end of the socket, in flight, would hide that it hangs up. */
    for (size_t i = 0; i < 4; i++) {
        handles[i] = scribble_below(random, 16) == 0 ? self->kit.socket
                                                     : self->kit.offer.hear;
    }
    (void)attacker_send(self->kit.socket, &rider,
                        scribble_below(random, 3) == 0
                            ? (size_t)scribble_below(random, 17)
                            : sizeof(rider),
                        handles, (size_t)scribble_below(random, 5));
}

static void fill_words(struct scribbler *self)
{
    weftos_word *first = place(self);
    uint64_t filling = value(self, 0);

    /* As far as its cache line goes: it may begin anywhere in a page. */
    do {
        weftos_store_relaxed(first++, filling);
    } while (((uintptr_t)first & 63) != 0);
}

static void mutate(struct scribbler *self)
{
    weftos_word *word;

    switch (scribble_below(&self->random, 24)) {
    case 0:
        send_garbage(self);
        break;
    case 1:
        (void)weftos_bell_ring(&self->line.bell, NULL);
        break;
    case 2:
        fill_words(self);
        break;
    default:
        word = place(self);
        weftos_store_release(word, value(self, weftos_load_relaxed(word)));
        break;
    }
}

/* The victim goes on in its own time: let some of that pass. */
static void dawdle(struct scribbler *self)
{
    unsigned us = (unsigned)scribble_below(&self->random, 100);

    if (scribble_below(&self->random, 16) == 0) {
        guard_nap_us(us);
    }
}

static bool is_live(const struct scribbler *self)
{
    return self->board->live == self->connection && !self->board->stop;
}

/* Until the victim uses this connection. */
static void await_victim(const struct scribbler *self)
{
    for (unsigned i = 0; i < 10000 && !is_live(self); i++) {
        guard_nap_us(10);
    }
}

static void use_connection(struct scribbler *self)
{
    begin_streams(self);
    await_victim(self);
    stream(self, scribble_below(&self->random, 40));
    for (unsigned i = 0; i < MUTATIONS_MOST && is_live(self); i++) {
        mutate(self);
        self->board->mutations++;
        stream(self, scribble_below(&self->random, 3));
        dawdle(self);
    }
    leave(self);
}

/* Says why it can't go on; not so when the victim has ended the test. */
static _Noreturn void give_up(const struct scribble_board *board,
                              const weft_detail *detail)
{
    char text[160];

    if (board->stop) {
        _Exit(EXIT_SUCCESS);
    }
    (void)weft_detail_text(detail, text, sizeof(text));
    printf("# the hostile process can't connect: %s\n", text);
    _Exit(EXIT_FAILURE);
}

void scribble_attack(void *context)
{
    struct scribble_board *board = context;
    static struct scribbler self;

    self.board = board;
    self.random = board->seed;
    self.connection = 1;
    while (!board->stop) {
        weft_detail detail = {WEFT_OK, 0, NULL};

        if (join(&self, &detail) != WEFT_OK) {
            give_up(board, &detail);
        }
        use_connection(&self);
        self.connection++;
    }
    _Exit(EXIT_SUCCESS);
}
