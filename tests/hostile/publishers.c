/* SPDX-License-Identifier: MIT
 *
 * Random mutations by publishers: hostile processes take places of a topic, let
 * in whoever comes, with greetings that are right as a rule, publish, and write
 * over all of their ring and its head. An honest publisher has another place.
 * Who subscribes, or taps, gets the honest messages, all of them or with those
 * counted that were lost, is told nothing that is not documented, is never
 * late, and keeps nothing.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "attacker.h"
#include "guard.h"
#include "ipc/received.h"
#include "peer.h"
#include "swarm.h"

#define TOPIC "mutated"
#define ATTACKERS 3u
#define PLACES                                                                 \
    20u /* of one attacker, in turn: who lies is not joined again              \
         */
#define GUESTS 4u
#define STEPS_MOST 64
#define LOOKS_MOST 64 /* of the tap, for one of the subscriber's */
#define BYTES_MOST 600
#define ROUND_NS (20 * PEER_MS)
/* Who never answers leaves before that; an honest one may have to wait. */
#define HANDSHAKE_NS (LATE_NS / 3)
#define ROOM ((size_t)64 << 10)

struct board {
    uint64_t seed;
    uint64_t secret; /* what honest messages begin with */
    _Atomic uint64_t mutations;
    _Atomic uint64_t visits;
    _Atomic uint64_t beats;
    atomic_bool over;
    peer_gate ready;
};

struct errand {
    struct board *board;
    unsigned number;
};

/* -------------------------------------------------- a hostile publisher --- */

struct press {
    struct board *board;
    uint64_t random;
    weftos_endpoint *endpoint;
    weft_handle segment;
    struct wefti_topic_head *head;
    unsigned char *ring;
    size_t bytes;
    uint64_t ring_bytes;
    uint64_t written;
    uint64_t sequence;
    weft_handle guests[GUESTS];
    bool has_greeted[GUESTS];
};

static uint64_t below(struct press *self, uint64_t limit)
{
    return swarm_below(&self->random, limit);
}

static uint64_t value(struct press *self)
{
    return swarm_value(&self->random, self->written);
}

/* False: the place is not free yet. */
static bool open_press(struct press *self, unsigned place)
{
    size_t page = weftos_get_facts()->page_bytes;
    char name[32];
    weft_handle handle;
    void *base;

    self->ring_bytes = (uint64_t)WEFTI_TOPIC_RING_MIN << below(self, 3);
    self->bytes = page + (size_t)self->ring_bytes;
    self->written = 0;
    self->sequence = 0;
    for (unsigned i = 0; i < GUESTS; i++) {
        self->guests[i] = WEFTOS_NONE;
    }
    (void)snprintf(name, sizeof(name), "%s+%u", TOPIC, place);
    if (weftos_endpoint_open(name, 0600, &self->endpoint, &handle, NULL) !=
        WEFT_OK) {
        return false;
    }
    REQUIRE(weftos_shm_create(self->bytes, &self->segment, &base, NULL) ==
            WEFT_OK);
    self->head = base;
    self->ring = (unsigned char *)base + page;
    self->head->home.magic = WEFTI_MAGIC;
    weftos_store_relaxed(&self->head->home.closed_at, WEFTI_NONE);
    weftos_store_relaxed(&self->head->home.space_at, WEFTI_NONE);
    return true;
}

static void close_press(struct press *self)
{
    if (below(self, 3) == 0) {
        weftos_store_release(&self->head->home.closed_at, self->written);
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        weftos_close(self->guests[i]);
    }
    weftos_endpoint_close(self->endpoint, false);
    weftos_shm_unmap(self->head, self->bytes);
    weftos_close(self->segment);
}

/* What is right, or nearly so. */
static void welcome(struct press *self, weft_handle guest)
{
    struct wefti_greeting greeting = wefti_greeting(WEFTI_WELCOME, WEFTI_TOPIC);
    const weft_handle handles[] = {self->segment, self->segment};
    size_t count = below(self, 16) == 0 ? (size_t)below(self, 3) : 1;
    uint64_t word;

    greeting.home_bytes = self->bytes;
    greeting.ring_max_bytes = self->ring_bytes;
    greeting.message_max_bytes =
        wefti_record_max(self->ring_bytes) - WEFTI_HEADER;
    greeting.position = self->written;
    greeting.sequence = self->sequence;
    if (below(self, 16) == 0) {
        greeting.kind = WEFTI_REFUSE;
        greeting.status = -(int32_t)below(self, 25);
        count = 0;
    }
    if (below(self, 4) == 0) {
        word = value(self);
        memcpy((unsigned char *)&greeting +
                   8 * below(self, sizeof(greeting) / 8),
               &word, sizeof(word));
    }
    (void)attacker_send(guest, &greeting,
                        below(self, 32) == 0 ? (size_t)below(self, 64)
                                             : sizeof(greeting),
                        handles, count);
    self->board->visits++;
}

/* Hears one that is in, or wants to be; some never get an answer. */
static void hear(struct press *self, unsigned which)
{
    weftos_received received;
    weft_status status = WEFT_EAGAIN;

    if (self->guests[which] != WEFTOS_NONE) {
        status = weftos_socket_recv(self->guests[which], &received, NULL);
    }
    if (status == WEFT_OK) {
        wefti_received_drop(&received);
        if (!self->has_greeted[which] && below(self, 16) != 0) {
            welcome(self, self->guests[which]);
        }
        self->has_greeted[which] = true;
    } else if (status != WEFT_EAGAIN) {
        weftos_close(self->guests[which]);
        self->guests[which] = WEFTOS_NONE;
    }
}

/* Lets in who comes before the deadline, and hears those who are in. */
static void serve(struct press *self, uint64_t deadline_ns)
{
    unsigned which = (unsigned)below(self, GUESTS);
    weftos_peer peer;
    uint64_t id;

    if (weftos_endpoint_wait(self->endpoint, deadline_ns, false, &id, NULL) ==
        WEFT_OK) {
        weftos_close(self->guests[which]);
        self->has_greeted[which] = false;
        if (weftos_endpoint_accept(self->endpoint, &self->guests[which], &peer,
                                   NULL) != WEFT_OK) {
            self->guests[which] = WEFTOS_NONE;
        }
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        hear(self, i);
    }
}

static struct wefti_header *header_at(const struct press *self, uint64_t at)
{
    return (struct wefti_header *)(void *)(self->ring +
                                           (at & (self->ring_bytes - 1)));
}

/* As an honest one. */
static void say(struct press *self)
{
    uint64_t bytes = below(self, BYTES_MOST);
    uint64_t record = wefti_round_up(WEFTI_HEADER + bytes);
    uint64_t left = self->ring_bytes - (self->written & (self->ring_bytes - 1));
    struct wefti_header *header;

    weftos_store_release(&self->head->claim,
                         self->written + left + record + WEFTI_HEADER);
    atomic_thread_fence(memory_order_release);
    if (record > left) {
        weftos_store_relaxed(&header_at(self, self->written + left)->word, 0);
        weftos_store_release(&header_at(self, self->written)->word,
                             forged_word(left, WEFTI_WRAP, 0, 0));
        self->written += left;
    }
    header = header_at(self, self->written);
    weftos_store_relaxed(&header_at(self, self->written + record)->word, 0);
    header->tag = self->sequence++;
    peer_fill(header + 1, (size_t)bytes, header->tag);
    weftos_store_release(&header->word, (WEFTI_HEADER + bytes) |
                                            WEFTI_PLAIN << WEFTI_TYPE_SHIFT);
    self->written += record;
    weftos_store_relaxed(&self->head->count, self->sequence);
    weftos_store_release(&self->head->tail, self->written);
}

static void write_head(struct press *self)
{
    weftos_word *const words[] = {
        &self->head->claim,         &self->head->tail,
        &self->head->count,         &self->head->home.closed_at,
        &self->head->home.space_at, &self->head->home.cpu};

    if (below(self, 8) == 0) {
        swarm_write(&self->random, self->head, sizeof(*self->head),
                    self->written);
        return;
    }
    weftos_store_release(words[below(self, 6)], value(self));
}

/* Near the next record, which readers look at, or anywhere. */
static void write_ring(struct press *self)
{
    if (below(self, 2) == 0) {
        weftos_store_release(
            &header_at(self, self->written - 16 * below(self, 8))->word,
            value(self));
        return;
    }
    swarm_write(&self->random, self->ring, self->ring_bytes, self->written);
}

static void ride(struct press *self)
{
    static const uint32_t types[] = {WEFTI_RING, WEFTI_JOIN, WEFTI_CUT_OFF,
                                     WEFTI_PARK, 99};
    const struct wefti_rider rider = {below(self, 32) == 0 ? 0 : WEFTI_MAGIC,
                                      types[below(self, 5)],
                                      below(self, 8) == 0 ? value(self) : 0};
    weft_handle guest = self->guests[below(self, GUESTS)];

    if (guest != WEFTOS_NONE) {
        (void)attacker_send(guest, &rider,
                            below(self, 16) == 0 ? (size_t)below(self, 17)
                                                 : sizeof(rider),
                            &self->segment, below(self, 16) == 0 ? 1 : 0);
    }
}

static void mutate(struct press *self)
{
    uint64_t what = below(self, 32);

    if (what < 20) {
        say(self);
    } else if (what < 24) {
        write_head(self);
    } else if (what < 28) {
        write_ring(self);
    } else {
        ride(self);
    }
}

static void attack(void *context)
{
    const struct errand *errand = context;
    struct board *board = errand->board;
    static struct press self;

    self.board = board;
    self.random = board->seed + errand->number;
    REQUIRE(weftos_process_mark(NULL, NULL, NULL) == WEFT_OK);
    for (unsigned visit = 0; !swarm_is_over(&board->beats, &board->over);
         visit++) {
        uint64_t visits = board->visits;
        uint64_t until = weft_after_ns(5 * ROUND_NS);

        if (!open_press(&self, 1 + errand->number * PLACES + visit % PLACES)) {
            guard_nap_us(100);
            continue;
        }
        while (board->visits == visits && weft_now_ns() < until) {
            serve(&self, weft_after_ns(PEER_MS));
        }
        for (uint64_t i = below(&self, STEPS_MOST) + 1; i > 0; i--) {
            serve(&self, WEFT_NOW);
            mutate(&self);
            board->mutations++;
            if (below(&self, 8) == 0) {
                guard_nap_us((unsigned)below(&self, 100));
            }
        }
        close_press(&self);
    }
}

/* ------------------------------------------------- the honest publisher --- */

struct honest {
    uint64_t secret;
    uint64_t number;
    unsigned char data[84];
};

static void publish(void *context)
{
    const struct errand *errand = context;
    struct board *board = errand->board;
    weft_publisher *publisher = NULL;
    struct honest message = {.secret = board->secret};

    REQUIRE(weft_publisher_open(TOPIC, NULL, &publisher, NULL) == WEFT_OK);
    peer_gate_open(&board->ready);
    while (!swarm_is_over(&board->beats, &board->over)) {
        peer_fill(message.data, sizeof(message.data), message.number);
        CHECK_STATUS(weft_publisher_send(publisher, &message, sizeof(message),
                                         weft_after_ns(LATE_NS)),
                     WEFT_OK);
        message.number++;
        guard_nap_us(50);
    }
    weft_publisher_close(&publisher);
}

/* ------------------------------------------------------------- victims --- */

/* What one of the two has seen since it was opened. */
struct victim {
    uint64_t publisher; /* the honest one's number; 0: not known yet */
    uint64_t next;
};

struct tally {
    uint64_t honest;
    uint64_t others;
    uint64_t ends;
};

static unsigned char room[ROOM];

static bool judge_message(struct board *board, struct victim *victim,
                          const weft_publication *taken, bool is_reliable,
                          struct tally *tally)
{
    struct honest message;

    CHECK(taken->bytes <= sizeof(room));
    if (taken->bytes != sizeof(message) ||
        memcmp(room, &board->secret, sizeof(board->secret)) != 0) {
        tally->others++;
        return CHECK(taken->publisher != victim->publisher);
    }
    memcpy(&message, room, sizeof(message));
    tally->honest++;
    if (victim->publisher == 0) {
        victim->publisher = taken->publisher;
        victim->next = message.number - taken->lost;
    }
    CHECK(taken->publisher == victim->publisher &&
          taken->sequence == message.number &&
          message.number == victim->next + taken->lost);
    CHECK(!is_reliable || taken->lost == 0);
    victim->next = message.number + 1;
    return CHECK(
        peer_is_filled(message.data, sizeof(message.data), message.number));
}

/* `nothing` is what is returned when there is none. */
static void judge_status(weft_status status, weft_status nothing,
                         bool may_be_limit, struct tally *tally)
{
    switch (status) {
    case WEFT_EPEERDIED:
    case WEFT_ECORRUPT:
    case WEFT_EPROTO:
        tally->ends++;
        break;
    case WEFT_ELIMIT:
    case WEFT_EOS:
        CHECK(may_be_limit);
        tally->ends++;
        break;
    default:
        CHECK_STATUS(status, nothing);
        break;
    }
}

static weft_subscriber *subscribe(unsigned flags)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *subscriber = NULL;
    uint64_t began = weft_now_ns();

    options.flags = flags;
    options.handshake_ns = HANDSHAKE_NS;
    CHECK_STATUS(
        weft_subscriber_open(TOPIC, &options, peer_soon(), &subscriber, NULL),
        WEFT_OK);
    CHECK_IN_TIME(began, 8 * HANDSHAKE_NS);
    return subscriber;
}

static weft_tap *open_tap(unsigned flags)
{
    weft_tap_options options = WEFT_TAP_OPTIONS_INIT;
    weft_tap *tap = NULL;
    uint64_t began = weft_now_ns();

    options.flags = flags;
    options.handshake_ns = HANDSHAKE_NS;
    CHECK_STATUS(weft_tap_open(TOPIC, &options, peer_soon(), &tap, NULL),
                 WEFT_OK);
    CHECK_IN_TIME(began, 8 * HANDSHAKE_NS);
    return tap;
}

static void receive(struct board *board, weft_subscriber *subscriber,
                    struct victim *victim, bool is_reliable,
                    struct tally *tally)
{
    weft_publication taken = {.data = room, .bytes = sizeof(room)};
    uint64_t began = weft_now_ns();
    weft_status status =
        weft_subscriber_recv(subscriber, &taken, weft_after_ns(PEER_MS));

    CHECK_IN_TIME(began, PEER_MS);
    if (status == WEFT_OK) {
        (void)judge_message(board, victim, &taken, is_reliable, tally);
    } else {
        judge_status(status, WEFT_ETIMEDOUT, true, tally);
    }
}

/* False: there is nothing for now. */
static bool look(struct board *board, weft_tap *tap, struct victim *victim,
                 struct tally *tally)
{
    weft_publication taken = {.data = room, .bytes = sizeof(room)};
    uint64_t began = weft_now_ns();
    weft_status status = weft_tap_next(tap, &taken);

    CHECK_IN_TIME(began, 0);
    if (status == WEFT_OK) {
        (void)judge_message(board, victim, &taken, false, tally);
    } else {
        judge_status(status, WEFT_EAGAIN, false, tally);
    }
    return status != WEFT_EAGAIN && !hostile_noted();
}

/* They come, and look for a while. */
static void visit(struct board *board, unsigned round, struct tally *tallies)
{
    bool is_reliable = round % 2 == 0;
    weft_subscriber *subscriber = subscribe(
        WEFT_SUBSCRIBER_STAYS | (is_reliable ? WEFT_SUBSCRIBER_RELIABLE : 0) |
        (round % 3 == 0 ? WEFT_SUBSCRIBER_HISTORY : 0));
    weft_tap *tap =
        open_tap(WEFT_TAP_STAYS | (round % 3 == 1 ? WEFT_TAP_HISTORY : 0));
    struct victim subscribed = {0, 0};
    struct victim tapped = {0, 0};
    uint64_t until = weft_after_ns(ROUND_NS);

    while (subscriber != NULL && tap != NULL && weft_now_ns() < until &&
           !hostile_noted()) {
        receive(board, subscriber, &subscribed, is_reliable, &tallies[0]);
        for (unsigned i = 0; i < LOOKS_MOST; i++) {
            if (!look(board, tap, &tapped, &tallies[1])) {
                break;
            }
        }
        board->beats++;
    }
    weft_subscriber_close(&subscriber);
    weft_tap_close(&tap);
}

static void report(const char *who, const struct tally *tally)
{
    CHECK(tally->honest > 0 && tally->others > 0);
    printf("# the %s took %" PRIu64 " honest messages and %" PRIu64
           " others, and was told of %" PRIu64 " ends\n",
           who, tally->honest, tally->others, tally->ends);
}

static void run(void)
{
    struct board *board = peer_shared(sizeof(*board));
    uint64_t mutations = swarm_mutations();
    struct errand errand = {board, 0};
    struct tally tallies[2];
    peer_process attackers[ATTACKERS];
    peer_process publisher;
    int mappings;

    memset(tallies, 0, sizeof(tallies));
    board->seed = swarm_seed();
    board->secret = UINT64_C(0x686f6e65737421) ^ board->seed << 32;
    peer_gate_init(&board->ready);
    publisher = peer_run(publish, &errand, sizeof(errand));
    REQUIRE(peer_gate_pass(&board->ready));
    for (unsigned i = 0; i < ATTACKERS; i++) {
        errand.number = i;
        attackers[i] = peer_run(attack, &errand, sizeof(errand));
    }
    visit(board, 0, tallies); /* what is made once is kept */
    mappings = guard_mappings();
    guard_count_strays();
    for (unsigned round = 0; board->mutations < mutations && !hostile_noted();
         round++) {
        visit(board, round, tallies);
    }
    /* What was put in from outside, and came when we had gone. */
    CHECK(guard_close_strays() <= board->visits / 10);
    CHECK(guard_mappings() == mappings);
    board->over = true;
    for (unsigned i = 0; i < ATTACKERS; i++) {
        CHECK(peer_ended_well(&attackers[i]));
    }
    CHECK(peer_ended_well(&publisher));
    report("subscriber", &tallies[0]);
    report("tap", &tallies[1]);
    printf("# %" PRIu64 " mutations, %" PRIu64 " visits, seed %" PRIu64 "\n",
           board->mutations, board->visits, board->seed);
    peer_gate_deinit(&board->ready);
    peer_unshare(board, sizeof(*board));
}

void test_main(void)
{
    peer_names_begin();
    check_case("publishers that write over all they may harm nobody");
    run();
    peer_names_end();
}
