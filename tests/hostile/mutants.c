/* SPDX-License-Identifier: MIT
 *
 * Random mutations by clients and subscribers: hostile processes come to a
 * server, or a publisher, as honest ones do, and then write over all that they
 * may write, with something right now and then, so that they get far. An honest
 * client, or subscriber, has right answers, and all messages, meanwhile; and in
 * the end nothing of the attackers is left.
 *
 * Said but not judged is how long the honest client waits for an answer, beside
 * as many processes that only burn CPU time and beside the attackers.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attacker.h"
#include "guard.h"
#include "ipc/received.h"
#include "peer.h"
#include "swarm.h"

#define SERVICE "mutated"
#define TOPIC "mutated"
#define ATTACKERS 3u
#define STEPS_MOST 64 /* of one connection */
#define BYTES_MOST 600
#define SAMPLES 4096u
#define BURN_NS (500 * PEER_MS)

struct board {
    uint64_t seed;
    int honest; /* the number of the honest process */
    _Atomic uint64_t mutations;
    _Atomic uint64_t visits;
    _Atomic uint64_t beats; /* of the honest one, as long as it lives */
    atomic_bool burns_over;
    atomic_bool over;
    atomic_bool clients_gone;
    peer_gate ready; /* the victim is there */
};

struct errand {
    struct board *board;
    unsigned number;
};

struct mutant {
    struct board *board;
    struct attacker kit;
    uint32_t pattern;
    uint64_t random;
    uint64_t call;
};

static uint64_t below(struct mutant *self, uint64_t limit)
{
    return swarm_below(&self->random, limit);
}

/* ---------------------------------------------------------------- coming -- */

/* Subscribers greet with a home, taps with nothing. */
static size_t greet_topic(struct mutant *self, struct wefti_greeting *greeting)
{
    greeting->topic_flags = (uint32_t)below(self, WEFTI_TOPIC_JOIN);
    if (below(self, 4) != 0) {
        return 1;
    }
    greeting->topic_flags &= WEFTI_TOPIC_HISTORY;
    greeting->topic_flags |= WEFTI_TOPIC_TAP;
    greeting->home_bytes = 0;
    return 0;
}

/* False: it is not let in. */
static bool greet(struct mutant *self)
{
    struct attacker *kit = &self->kit;
    const weft_handle handles[] = {kit->offer.object, kit->offer.ring};
    struct wefti_settings settings;
    struct wefti_greeting greeting;
    weftos_received received;
    weft_status status;
    size_t count = 2;

    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    settings.pattern = self->pattern;
    attacker_greeting(kit, WEFTI_HELLO, &greeting);
    greeting.pattern = self->pattern;
    if (self->pattern == WEFTI_TOPIC) {
        count = greet_topic(self, &greeting);
    }
    if (!attacker_send(kit->socket, &greeting, sizeof(greeting), handles,
                       count) ||
        wefti_greeting_await(kit->socket, false, weft_after_ns(LATE_NS),
                             &received, NULL) != WEFT_OK) {
        return false;
    }
    status = wefti_greeting_read(&greeting, &received, WEFTI_WELCOME, &settings,
                                 NULL);
    wefti_received_drop(&received);
    return status == WEFT_OK;
}

static bool visit(struct mutant *self, const char *name)
{
    weftos_peer peer;
    bool is_in;

    memset(&self->kit, 0, sizeof(self->kit));
    self->kit.answer.process = WEFTOS_NONE;
    self->kit.answer.bell.handle = WEFTOS_NONE;
    self->call = 0;
    if (weftos_endpoint_connect(name, false, weft_after_ns(LATE_NS), false,
                                &self->kit.socket, &peer, NULL) != WEFT_OK) {
        return false;
    }
    REQUIRE(wefti_offer_init(&self->kit.offer, self->pattern == WEFTI_TOPIC,
                             NULL) == WEFT_OK);
    is_in = greet(self);
    self->board->visits += is_in;
    return true;
}

/* What the victim says is taken, and not looked at. */
static bool is_dropped(const struct mutant *self)
{
    weftos_received received;
    weft_status status;

    do {
        status = weftos_socket_recv(self->kit.socket, &received, NULL);
        if (status == WEFT_OK) {
            wefti_received_drop(&received);
        }
    } while (status == WEFT_OK);
    return status != WEFT_EAGAIN;
}

/* ------------------------------------------------------------- mutations -- */

static uint64_t value(struct mutant *self)
{
    return swarm_value(&self->random, self->kit.at);
}

/* The words that mean something come first. */
static void write_home(struct mutant *self)
{
    static const size_t words[] = {offsetof(struct wefti_home, cursor),
                                   offsetof(struct wefti_home, parked_at),
                                   offsetof(struct wefti_home, space_at),
                                   offsetof(struct wefti_home, closed_at)};
    unsigned char *home = (unsigned char *)self->kit.offer.home;

    if (below(self, 4) == 0) {
        swarm_write(&self->random, home, self->kit.offer.home_bytes,
                    self->kit.at);
        return;
    }
    weftos_store_release((weftos_word *)(void *)(home + words[below(self, 4)]),
                         value(self));
}

static void ride(struct mutant *self)
{
    static const uint32_t types[] = {WEFTI_RING, WEFTI_DATA, WEFTI_PARK,
                                     WEFTI_RESEAT, 99};
    weft_handle handles[] = {self->kit.offer.object, self->kit.offer.object,
                             self->kit.offer.object};
    uint64_t position = below(self, 2) == 0 ? 0 : value(self);
    size_t count = below(self, 4) == 0 ? (size_t)below(self, 4) : 0;

    (void)attacker_ride(&self->kit, types[below(self, 5)], position, handles,
                        count);
}

static void babble(struct mutant *self)
{
    uint64_t words[2] = {peer_random(&self->random), value(self)};

    (void)attacker_send(self->kit.socket, words, (size_t)below(self, 17), NULL,
                        0);
}

/* A whole message, with a tag that is mostly right. */
static void say(struct mutant *self)
{
    static const enum wefti_parcel known[] = {
        WEFTI_DUE, WEFTI_CALL, WEFTI_ONE_WAY, WEFTI_CANCEL, WEFTI_CALL_DUE};
    unsigned char data[BYTES_MOST];
    size_t bytes = (size_t)below(self, sizeof(data));
    uint64_t at = self->kit.at & (attacker_ring_bytes(&self->kit) - 1);
    struct wefti_header *header =
        (struct wefti_header *)(void *)(attacker_ring(&self->kit) + at);
    uint64_t parcel = below(self, 16) == 0 ? below(self, 256)
                                           : (uint64_t)known[below(self, 5)];

    /* It does not go round: that the victim finds out, too. */
    if (at + WEFTI_HEADER + sizeof(data) + WEFTI_HEADER >
        attacker_ring_bytes(&self->kit)) {
        self->kit.at = 0;
        return;
    }
    peer_fill(data, bytes, self->call);
    bytes = parcel == WEFTI_DUE ? 8 : parcel == WEFTI_CANCEL ? 0 : bytes;
    header->tag = wefti_tag((enum wefti_parcel)parcel,
                            parcel == WEFTI_CALL || parcel == WEFTI_CALL_DUE
                                ? ++self->call
                                : below(self, 8));
    attacker_forge(&self->kit,
                   forged_word(WEFTI_HEADER + bytes, WEFTI_DATA,
                               WEFTI_FIRST | WEFTI_LAST | WEFTI_TAGGED, 0),
                   data, bytes);
    (void)attacker_ride(&self->kit, WEFTI_RING, 0, NULL, 0);
}

static void mutate(struct mutant *self)
{
    uint64_t what = below(self, 32);

    if (what < 16 && self->pattern == WEFTI_SERVICE) {
        say(self);
    } else if (what < 20) {
        write_home(self);
    } else if (what < 22) {
        swarm_write(&self->random, attacker_ring(&self->kit),
                    attacker_ring_bytes(&self->kit), self->kit.at);
    } else if (what < 31) {
        ride(self);
    } else {
        babble(self);
    }
}

/* A LOOK, mostly with something wrong in it, and then whatever. */
static void look(struct mutant *self, const char *name)
{
    struct wefti_greeting greeting = wefti_greeting(WEFTI_LOOK, WEFTI_CHANNEL);
    unsigned char bytes[sizeof(greeting)];
    weftos_peer peer;

    if (weftos_endpoint_connect(name, false, weft_after_ns(LATE_NS), false,
                                &self->kit.socket, &peer, NULL) != WEFT_OK) {
        return;
    }
    memcpy(bytes, &greeting, sizeof(bytes));
    if (below(self, 2) == 0) {
        bytes[below(self, sizeof(bytes))] ^=
            (unsigned char)(1 + below(self, 9));
    }
    (void)attacker_send(
        self->kit.socket, bytes,
        below(self, 8) == 0 ? (size_t)below(self, 64) : sizeof(bytes), NULL, 0);
    for (uint64_t i = below(self, 3); i > 0; i--) {
        (void)attacker_send(self->kit.socket, bytes, sizeof(bytes), NULL, 0);
        guard_nap_us((unsigned)below(self, 100));
    }
    weftos_close(self->kit.socket);
    self->board->mutations++;
}

static void attack(struct board *board, unsigned number, uint32_t pattern,
                   const char *name)
{
    static struct mutant self;

    self.board = board;
    self.pattern = pattern;
    self.random = board->seed + number;
    while (!swarm_is_over(&board->beats, &board->over)) {
        if (below(&self, 4) == 0) {
            look(&self, name);
        }
        if (!CHECK(visit(&self, name))) {
            return;
        }
        for (uint64_t i = below(&self, STEPS_MOST) + 1;
             i > 0 && !board->over && !is_dropped(&self); i--) {
            mutate(&self);
            board->mutations++;
            if (below(&self, 8) == 0) {
                guard_nap_us((unsigned)below(&self, 100));
            }
        }
        attacker_leave(&self.kit);
    }
}

static void attack_service(void *context)
{
    const struct errand *errand = context;

    attack(errand->board, errand->number, WEFTI_SERVICE, SERVICE);
}

static void attack_topic(void *context)
{
    const struct errand *errand = context;

    attack(errand->board, errand->number, WEFTI_TOPIC, TOPIC);
}

static void burn(void *context)
{
    const struct errand *errand = context;

    while (!swarm_is_over(&errand->board->beats, &errand->board->burns_over)) {
    }
}

/* ----------------------------------------------------------- the victims -- */

/* The honest one gets the same; others get that, much, nothing or all of it. */
static void answer(weft_service *service, const weft_request *request,
                   bool is_honest, uint64_t *random)
{
    static unsigned char large[40000];
    weft_message message = {.data = (void *)(uintptr_t)request->data,
                            .bytes = request->bytes};
    uint64_t what = is_honest ? 0 : peer_random(random) % 8;
    weft_status status;

    if (what == 1) {
        message.data = large;
        message.bytes = sizeof(large);
    }
    if (what == 2) {
        return;
    }
    status =
        weft_service_reply(service, request->client, request->call, WEFT_OK,
                           what == 3 ? WEFT_REPLY_MORE : 0, &message);
    CHECK(status == WEFT_OK ||
          (!is_honest && (status == WEFT_ENOENT || status == WEFT_ELIMIT ||
                          status == WEFT_ECORRUPT || status == WEFT_EPROTO)));
}

static void serve(void *context)
{
    const struct errand *errand = context;
    struct board *board = errand->board;
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    weft_service *service = NULL;
    int handles;
    int mappings;
    uint64_t random = ~board->seed;
    unsigned inside = 0;

    options.flags = WEFT_SERVICE_TAKES_HANDLES;
    options.message_max_bytes = 1 << 20;
    options.queue_max_bytes = 1 << 18;
    REQUIRE(weft_service_open(SERVICE, &options, &service, NULL) == WEFT_OK);
    handles = check_open_handles();
    mappings = guard_mappings();
    peer_gate_open(&board->ready);
    while (inside > 0 || !swarm_is_over(&board->beats, &board->clients_gone)) {
        weft_request request;
        weft_status status = weft_service_next(
            service, &request, weft_after_ns(50 * PEER_MS), NULL);
        bool is_honest;

        if (status == WEFT_ETIMEDOUT) {
            continue;
        }
        REQUIRE(status == WEFT_OK);
        is_honest = request.peer.pid == board->honest;
        inside += request.kind == WEFT_REQUEST_CONNECT;
        inside -= request.kind == WEFT_REQUEST_DISCONNECT;
        CHECK(request.kind != WEFT_REQUEST_DISCONNECT || !is_honest ||
              request.reason == WEFT_ECLOSED);
        if (request.kind == WEFT_REQUEST_CALL) {
            answer(service, &request, is_honest, &random);
        }
        for (unsigned i = 0; i < request.handle_count; i++) {
            CHECK(peer_close(request.handles[i]));
        }
    }
    /* Where handles are put in from outside, some stay that are nobody's. */
    CHECK(!peer_forks || check_open_handles() == handles);
    CHECK(guard_mappings() == mappings);
    weft_service_close(&service);
}

static void publish(void *context)
{
    const struct errand *errand = context;
    struct board *board = errand->board;
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_publisher *publisher = NULL;
    uint64_t late;
    uint64_t number = 0;

    options.ring_bytes = (size_t)64 << 10;
    options.cut_off_ns = LATE_NS;
    REQUIRE(weft_publisher_open(TOPIC, &options, &publisher, NULL) == WEFT_OK);
    peer_gate_open(&board->ready);
    while (!swarm_is_over(&board->beats, &board->clients_gone)) {
        unsigned char data[200];
        size_t bytes = (size_t)(number % sizeof(data));

        peer_fill(data, bytes, number);
        if (!CHECK_STATUS(weft_publisher_send(publisher, data, bytes,
                                              weft_after_ns(3 * LATE_NS)),
                          WEFT_OK)) {
            break;
        }
        number++;
        guard_nap_us(20);
    }
    late = peer_soon();
    do {
        CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    } while (stats.subscribers > 0 && CHECK(weft_now_ns() < late));
    printf("# %" PRIu64 " messages published\n", number);
    weft_publisher_close(&publisher);
}

/* ------------------------------------------------------------ the honest -- */

static uint64_t call_once(weft_client *client, uint64_t number)
{
    unsigned char request[100];
    uint64_t began = weft_now_ns();
    weft_reply reply;

    peer_fill(request, sizeof(request), number);
    if (CHECK_STATUS(weft_client_call(client, request, sizeof(request), &reply,
                                      peer_soon()),
                     WEFT_OK)) {
        CHECK(reply.bytes == sizeof(request) &&
              memcmp(reply.data, request, sizeof(request)) == 0);
    }
    return weft_now_ns() - began;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Calls for a while, or until there were so many mutations. */
static void call_on(struct board *board, weft_client *client, uint64_t until_ns,
                    uint64_t mutations, const char *beside)
{
    static uint64_t took[SAMPLES];
    uint64_t count = 0;
    uint64_t some;

    while (weft_now_ns() < until_ns && board->mutations < mutations &&
           !hostile_noted()) {
        took[count % SAMPLES] = call_once(client, count);
        board->beats++;
        count++;
    }
    some = count < SAMPLES ? count : SAMPLES;
    qsort(took, (size_t)some, sizeof(took[0]), compare);
    printf("# beside %s: %" PRIu64 " calls, median %" PRIu64
           " ns, 99 %% in %" PRIu64 " ns\n",
           beside, count, took[some / 2], took[some * 99 / 100]);
}

static void start(struct board *board, peer_task *task, peer_process *children)
{
    for (unsigned i = 0; i < ATTACKERS; i++) {
        struct errand errand = {board, i};

        children[i] = peer_run(task, &errand, sizeof(errand));
    }
}

static void end(peer_process *children)
{
    for (unsigned i = 0; i < ATTACKERS; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
}

static struct board *open_board(peer_task *victim, peer_process *child)
{
    struct board *board = peer_shared(sizeof(*board));
    struct errand errand = {board, 0};

    board->seed = swarm_seed();
    board->honest = peer_self();
    peer_gate_init(&board->ready);
    *child = peer_run(victim, &errand, sizeof(errand));
    REQUIRE(peer_gate_pass(&board->ready));
    return board;
}

static void close_board(struct board *board, peer_process *victim)
{
    board->clients_gone = true;
    CHECK(peer_ended_well(victim));
    CHECK(board->visits >= board->mutations / STEPS_MOST);
    printf("# %" PRIu64 " mutations, %" PRIu64 " visits, seed %" PRIu64 "\n",
           board->mutations, board->visits, board->seed);
    peer_gate_deinit(&board->ready);
    peer_unshare(board, sizeof(*board));
}

static void run_service(void)
{
    uint64_t mutations = swarm_mutations();
    peer_process server;
    struct board *board = open_board(serve, &server);
    peer_process children[ATTACKERS];
    weft_client *client = NULL;

    REQUIRE(weft_client_open(SERVICE, NULL, peer_soon(), &client, NULL) ==
            WEFT_OK);
    start(board, burn, children);
    call_on(board, client, weft_after_ns(BURN_NS), mutations, "CPU burners");
    board->burns_over = true;
    end(children);
    start(board, attack_service, children);
    call_on(board, client, WEFT_FOREVER, mutations, "attackers");
    board->over = true;
    end(children);
    weft_client_close(&client);
    close_board(board, &server);
}

static void run_topic(void)
{
    uint64_t mutations = swarm_mutations();
    peer_process publisher;
    struct board *board = open_board(publish, &publisher);
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *honest = NULL;
    peer_process children[ATTACKERS];
    uint64_t next = 0;
    bool goes_on = true;

    options.flags = WEFT_SUBSCRIBER_RELIABLE;
    start(board, attack_topic, children);
    REQUIRE(weft_subscriber_open(TOPIC, &options, peer_soon(), &honest, NULL) ==
            WEFT_OK);
    while (goes_on && board->mutations < mutations) {
        unsigned char data[200];
        weft_publication taken = {.data = data, .bytes = sizeof(data)};

        goes_on = CHECK_STATUS(
            weft_subscriber_recv(honest, &taken, weft_after_ns(3 * LATE_NS)),
            WEFT_OK);
        goes_on = goes_on && CHECK(next == 0 || taken.sequence == next) &&
                  CHECK(taken.bytes == taken.sequence % sizeof(data) &&
                        peer_is_filled(data, taken.bytes, taken.sequence));
        next = taken.sequence + 1;
        board->beats++;
    }
    board->over = true;
    weft_subscriber_close(&honest);
    end(children);
    close_board(board, &publisher);
}

void test_main(void)
{
    peer_names_begin();
    check_case("clients that write over all they may harm nobody");
    run_service();
    check_case("subscribers that write over all they may harm nobody");
    run_topic();
    peer_names_end();
}
