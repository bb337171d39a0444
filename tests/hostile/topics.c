/* SPDX-License-Identifier: MIT
 *
 * A subscriber that keeps no rule harms itself alone: the publisher lets go of
 * it, or bears it, and the others get all. So does a tap. A publisher that
 * keeps none is found out by its subscribers and taps.
 */
#include <pthread.h>
#include <string.h>

#include "attacker.h"
#include "ipc/received.h"
#include "peer.h"
#include "weft/topic.h"

#define TOPIC "attacked"
#define RING ((size_t)16 << 10)
#define COUNT 500u

/* ---------------------------------------------- a subscriber that attacks - */

/* What an attack leads to. */
enum outcome { IS_DROPPED, IS_BORNE };

typedef void attack(struct attacker *attacker);

struct plan {
    const char *name;
    attack *attack;
    enum outcome outcome;
};

static void init_settings(struct wefti_settings *settings)
{
    REQUIRE(wefti_settings_init(settings, NULL, NULL) == WEFT_OK);
    settings->pattern = WEFTI_TOPIC;
}

/* Greets as a reliable subscriber, and tells what the answer is. */
static weft_status greet(struct attacker *attacker,
                         const struct wefti_greeting *greeting, size_t handles)
{
    const weft_handle both[] = {attacker->offer.object, attacker->offer.object};
    struct wefti_settings settings;
    struct wefti_greeting answer;
    weftos_received received;
    weft_status status;

    init_settings(&settings);
    REQUIRE(attacker_send(attacker->socket, greeting, sizeof(*greeting), both,
                          handles));
    status = wefti_greeting_await(attacker->socket, false, peer_soon(),
                                  &received, NULL);
    if (status == WEFT_OK) {
        status = wefti_greeting_read(&answer, &received, WEFTI_WELCOME,
                                     &settings, NULL);
        wefti_received_drop(&received);
    }
    return status;
}

static void visit(struct attacker *attacker, struct wefti_greeting *greeting)
{
    weftos_peer peer;

    memset(attacker, 0, sizeof(*attacker));
    attacker->answer.process = WEFTOS_NONE;
    attacker->answer.bell.handle = WEFTOS_NONE;
    REQUIRE(wefti_offer_init(&attacker->offer, true, NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_connect(TOPIC, false, peer_soon(), false,
                                    &attacker->socket, &peer, NULL) == WEFT_OK);
    attacker_greeting(attacker, WEFTI_HELLO, greeting);
    greeting->pattern = WEFTI_TOPIC;
    greeting->topic_flags = WEFTI_TOPIC_RELIABLE;
}

static void park_beyond(struct attacker *attacker)
{
    (void)attacker_ride(attacker, WEFTI_PARK, (uint64_t)1 << 40, NULL, 0);
}

static void park_at_none(struct attacker *attacker)
{
    (void)attacker_ride(attacker, WEFTI_PARK, WEFTI_NONE, NULL, 0);
}

static void park_without_end(struct attacker *attacker)
{
    for (unsigned i = 0; i < 20000; i++) {
        (void)attacker_ride(attacker, WEFTI_PARK, 0, NULL, 0);
    }
}

static void ring_without_end(struct attacker *attacker)
{
    for (unsigned i = 0; i < 20000; i++) {
        (void)attacker_ride(attacker, WEFTI_RING, 0, NULL, 0);
    }
}

static void ring_somewhere(struct attacker *attacker)
{
    (void)attacker_ride(attacker, WEFTI_RING, 16, NULL, 0);
}

static void say_unknown(struct attacker *attacker)
{
    (void)attacker_ride(attacker, 1, 0, NULL, 0);
}

static void say_short(struct attacker *attacker)
{
    (void)attacker_send(attacker->socket, "weft", 4, NULL, 0);
}

static void send_handle(struct attacker *attacker)
{
    (void)attacker_ride(attacker, WEFTI_PARK, 0, &attacker->offer.object, 1);
}

static void set_cursor(struct attacker *attacker, uint64_t cursor)
{
    weftos_store_release(&attacker->offer.home->cursor, cursor);
}

static void come_too_far(struct attacker *attacker)
{
    set_cursor(attacker, (uint64_t)1 << 50);
}

static void go_back(struct attacker *attacker)
{
    set_cursor(attacker, WEFTI_NONE - 15);
}

/* As one that reads all; then it may be as slow as it likes. */
static void come_anywhere(struct attacker *attacker)
{
    set_cursor(attacker, 3);
    set_cursor(attacker, 0);
}

static weft_publisher *open_topic(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher = NULL;

    options.ring_bytes = RING;
    options.cut_off_ns = 20 * PEER_MS;
    REQUIRE(weft_publisher_open(TOPIC, &options, &publisher, NULL) == WEFT_OK);
    return publisher;
}

/* Publishes, and an honest subscriber gets each message. */
static void serve_honest(weft_publisher *publisher, weft_subscriber *honest)
{
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned char data[100];
        weft_publication publication = {.data = data, .bytes = sizeof(data)};

        peer_fill(data, sizeof(data), i);
        CHECK_STATUS(
            weft_publisher_send(publisher, data, sizeof(data), peer_soon()),
            WEFT_OK);
        CHECK_STATUS(weft_subscriber_recv(honest, &publication, peer_soon()),
                     WEFT_OK);
        CHECK(publication.lost == 0 && peer_is_filled(data, sizeof(data), i));
    }
}

/* All are cut off in the end, because they take nothing. */
static void run_plan(const void *argument)
{
    const struct plan *plan = argument;
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_publisher *publisher = open_topic();
    weft_subscriber *honest = NULL;
    struct wefti_greeting greeting;
    struct attacker attacker;
    uint64_t soon = peer_soon();

    options.flags = WEFT_SUBSCRIBER_RELIABLE;
    REQUIRE(weft_subscriber_open(TOPIC, &options, peer_soon(), &honest, NULL) ==
            WEFT_OK);
    visit(&attacker, &greeting);
    CHECK_STATUS(greet(&attacker, &greeting, 1), WEFT_OK);
    plan->attack(&attacker);
    serve_honest(publisher, honest);
    do {
        CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    } while (stats.subscribers > 1 && weft_now_ns() < soon);
    CHECK(stats.subscribers == 1 && stats.reliable == 1);
    CHECK(stats.cut_off == (plan->outcome == IS_BORNE ? 1 : 0));
    attacker_leave(&attacker);
    weft_subscriber_close(&honest);
    weft_publisher_close(&publisher);
}

/* ------------------------------------------------- greetings that are wrong */

static void run_greetings(const void *argument)
{
    weft_publisher *publisher = open_topic();
    struct wefti_greeting greeting;
    struct attacker attacker;

    (void)argument;
    for (unsigned i = 0; i < 5; i++) {
        visit(&attacker, &greeting);
        greeting.topic_flags = i == 0   ? WEFTI_TOPIC_FLAGS_KNOWN + 1
                               : i == 4 ? WEFTI_TOPIC_JOIN
                                        : 0;
        greeting.position = i == 1 ? 16 : 0;
        greeting.sequence = i == 2 ? 1 : 0;
        CHECK_STATUS(greet(&attacker, &greeting, i == 3 ? 2 : 1), WEFT_EPROTO);
        attacker_leave(&attacker);
    }
    weft_publisher_close(&publisher);
}

/* As a tap that brings nothing, but for the flaw. */
static weft_status greet_as_tap(struct attacker *attacker, unsigned flaw)
{
    struct wefti_greeting greeting;

    visit(attacker, &greeting);
    greeting.topic_flags = WEFTI_TOPIC_TAP;
    greeting.home_bytes = 0;
    switch (flaw) {
    case 1:
        greeting.topic_flags |= WEFTI_TOPIC_RELIABLE;
        break;
    case 2:
        greeting.topic_flags |= WEFTI_TOPIC_JOIN;
        break;
    case 3:
        greeting.home_bytes = WEFTI_HOME_MIN;
        break;
    case 4:
        return greet(attacker, &greeting, 1);
    case 5:
        greeting.position = 16;
        break;
    default:
        break;
    }
    return greet(attacker, &greeting, 0);
}

static void run_tap_greetings(const void *argument)
{
    weft_publisher *publisher = open_topic();
    struct attacker attacker;

    (void)argument;
    for (unsigned i = 0; i < 6; i++) {
        CHECK_STATUS(greet_as_tap(&attacker, i),
                     i == 0 ? WEFT_OK : WEFT_EPROTO);
        attacker_leave(&attacker);
    }
    weft_publisher_close(&publisher);
}

#define LINGERING 200u

/* They don't hang up, and some say more: others come in all the same. */
static void run_lingering(const void *argument)
{
    static struct attacker attackers[LINGERING];
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_publisher *publisher = open_topic();
    weft_subscriber *honest = NULL;

    (void)argument;
    for (unsigned i = 0; i < LINGERING; i++) {
        CHECK_STATUS(greet_as_tap(&attackers[i], 0), WEFT_OK);
        if (i % 3 == 0) {
            (void)attacker_ride(&attackers[i], WEFTI_PARK, 0, NULL, 0);
        }
    }
    options.flags = WEFT_SUBSCRIBER_RELIABLE;
    REQUIRE(weft_subscriber_open(TOPIC, &options, peer_soon(), &honest, NULL) ==
            WEFT_OK);
    serve_honest(publisher, honest);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.subscribers == 1 && stats.cut_off == 0);
    for (unsigned i = 0; i < LINGERING; i++) {
        attacker_leave(&attackers[i]);
    }
    weft_subscriber_close(&honest);
    weft_publisher_close(&publisher);
}

/* ------------------------------------------------ a publisher that attacks */

struct lie {
    const char *name;
    void (*greet)(struct wefti_greeting *greeting); /* NULL: in good faith */
    void (*forge)(struct wefti_topic_head *head, unsigned char *ring);
    weft_status expected;
    unsigned flags;
};

/* The attacker's segment, and where it waits; it lets in one at most. */
struct press {
    const struct lie *lie;
    weftos_endpoint *endpoint;
    weft_handle segment;
    struct wefti_topic_head *head;
    size_t bytes;
    struct attacker attacker;
};

static void open_press(struct press *press, const struct lie *lie)
{
    size_t page = weftos_get_facts()->page_bytes;
    weft_handle handle;
    void *base;

    memset(press, 0, sizeof(*press));
    press->lie = lie;
    press->bytes = page + RING;
    REQUIRE(weftos_process_mark(NULL, NULL, NULL) == WEFT_OK);
    REQUIRE(weftos_shm_create(press->bytes, &press->segment, &base, NULL) ==
            WEFT_OK);
    press->head = base;
    press->head->home.magic = WEFTI_MAGIC;
    weftos_store_relaxed(&press->head->home.closed_at, WEFTI_NONE);
    weftos_store_relaxed(&press->head->home.space_at, WEFTI_NONE);
    weftos_store_relaxed(&press->head->claim, 1024);
    REQUIRE(weftos_endpoint_open(TOPIC, 0600, &press->endpoint, &handle,
                                 NULL) == WEFT_OK);
}

static void close_press(struct press *press)
{
    wefti_answer_deinit(&press->attacker.answer, false);
    weftos_close(press->attacker.socket);
    weftos_endpoint_close(press->endpoint, false);
    weftos_shm_unmap(press->head, press->bytes);
    weftos_close(press->segment);
}

/* Lets the victim in. */
static void *welcome(void *context)
{
    struct press *press = context;
    struct attacker *attacker = &press->attacker;
    struct wefti_settings settings;
    struct wefti_greeting greeting;
    weftos_peer peer;
    uint64_t id;

    init_settings(&settings);
    REQUIRE(weftos_endpoint_wait(press->endpoint, peer_soon(), false, &id,
                                 NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_accept(press->endpoint, &attacker->socket, &peer,
                                   NULL) == WEFT_OK);
    REQUIRE(wefti_answer_receive(&attacker->answer, attacker->socket,
                                 WEFTI_HELLO, &settings, peer_soon(),
                                 NULL) == WEFT_OK);
    memset(&greeting, 0, sizeof(greeting));
    greeting.magic = WEFTI_MAGIC;
    greeting.protocol = WEFTI_PROTOCOL;
    greeting.kind = WEFTI_WELCOME;
    greeting.home_bytes = press->bytes;
    greeting.ring_max_bytes = RING;
    greeting.message_max_bytes = wefti_record_max(RING) - WEFTI_HEADER;
    greeting.pattern = WEFTI_TOPIC;
    greeting.sequence = 7;
    if (press->lie->greet != NULL) {
        press->lie->greet(&greeting);
    }
    REQUIRE(attacker_send(attacker->socket, &greeting, sizeof(greeting),
                          &press->segment, 1));
    weftos_endpoint_close(press->endpoint, false);
    press->endpoint = NULL;
    return NULL;
}

static void lie_to_subscriber(const struct lie *lie)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *victim = NULL;
    unsigned char room[RING];
    weft_publication publication = {.data = room, .bytes = sizeof(room)};
    struct press press;
    pthread_t thread;
    weft_status status;

    open_press(&press, lie);
    REQUIRE(pthread_create(&thread, NULL, welcome, &press) == 0);
    options.flags = lie->flags;
    status = weft_subscriber_open(TOPIC, &options, peer_soon(), &victim, NULL);
    REQUIRE(pthread_join(thread, NULL) == 0);
    if (lie->greet != NULL) {
        CHECK_STATUS(status, lie->expected);
    } else if (CHECK_STATUS(status, WEFT_OK)) {
        uint64_t began = weft_now_ns();

        lie->forge(press.head,
                   (unsigned char *)press.head + (press.bytes - RING));
        CHECK_STATUS(weft_subscriber_recv(victim, &publication,
                                          weft_after_ns(VICTIM_NS)),
                     lie->expected);
        CHECK_IN_TIME(began, VICTIM_NS);
    }
    weft_subscriber_close(&victim);
    close_press(&press);
}

/* What a tap finds within the time. */
static weft_status look(weft_tap *victim)
{
    uint64_t until = weft_after_ns(VICTIM_NS);
    unsigned char room[RING];
    weft_publication publication;
    weft_status status;

    do {
        publication = (weft_publication){.data = room, .bytes = sizeof(room)};
        status = weft_tap_next(victim, &publication);
    } while (status == WEFT_EAGAIN && weft_now_ns() < until);
    return status == WEFT_EAGAIN ? WEFT_ETIMEDOUT : status;
}

static void lie_to_tap(const struct lie *lie)
{
    weft_tap *victim = NULL;
    struct press press;
    pthread_t thread;
    weft_status status;

    open_press(&press, lie);
    REQUIRE(pthread_create(&thread, NULL, welcome, &press) == 0);
    status = weft_tap_open(TOPIC, NULL, peer_soon(), &victim, NULL);
    REQUIRE(pthread_join(thread, NULL) == 0);
    if (lie->greet != NULL) {
        CHECK_STATUS(status, lie->expected);
    } else if (CHECK_STATUS(status, WEFT_OK)) {
        uint64_t began = weft_now_ns();

        lie->forge(press.head,
                   (unsigned char *)press.head + (press.bytes - RING));
        status = look(victim);
        /* Where a process can't be watched, its place is asked, and is gone. */
        if (status != WEFT_EPEERDIED || !check_lacks("pidfd")) {
            CHECK_STATUS(status, lie->expected);
        }
        CHECK_IN_TIME(began, VICTIM_NS);
    }
    weft_tap_close(&victim);
    close_press(&press);
}

static void run_lie(const void *argument)
{
    const struct lie *lie = argument;

    lie_to_subscriber(lie);
    if (lie->flags == 0) {
        lie_to_tap(lie);
    }
}

/* --------------------------------------------------------------- welcomes - */

static void odd_ring(struct wefti_greeting *greeting)
{
    greeting->ring_max_bytes = RING - 16;
}

static void small_ring(struct wefti_greeting *greeting)
{
    greeting->ring_max_bytes = RING / 2;
}

static void no_ring(struct wefti_greeting *greeting)
{
    greeting->ring_max_bytes = 0;
}

static void huge_ring(struct wefti_greeting *greeting)
{
    greeting->ring_max_bytes = (uint64_t)1 << 63;
}

static void long_segment(struct wefti_greeting *greeting)
{
    greeting->home_bytes += WEFTI_HOME_MIN;
}

static void long_message(struct wefti_greeting *greeting)
{
    greeting->message_max_bytes++;
}

static void odd_position(struct wefti_greeting *greeting)
{
    greeting->position = 8;
}

static void some_flags(struct wefti_greeting *greeting)
{
    greeting->topic_flags = 1;
}

/* ---------------------------------------------------------------- records - */

/* A record of this word at the beginning, and its number. */
static void forge(unsigned char *ring, uint64_t word, uint64_t number)
{
    struct wefti_header *header = (struct wefti_header *)(void *)ring;

    header->tag = number;
    weftos_store_release(&header->word, word);
}

#define PLAIN(length) ((uint64_t)(length) | WEFTI_PLAIN << WEFTI_TYPE_SHIFT)

static void forge_good(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, PLAIN(20), 7);
}

static void forge_short(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, PLAIN(7), 7);
}

static void forge_long(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, PLAIN(wefti_record_max(RING) + 1), 7);
}

static void forge_longest(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, PLAIN(UINT32_MAX), 7);
}

static void forge_type(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, 32 | (uint64_t)WEFTI_RESEAT << WEFTI_TYPE_SHIFT, 7);
}

static void forge_reserved(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, PLAIN(20) | (uint64_t)1 << 63, 7);
}

static void forge_wrap(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, RING | (uint64_t)WEFTI_WRAP << WEFTI_TYPE_SHIFT, 7);
}

static void forge_past(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, PLAIN(20), 6);
}

static void forge_gap(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)head;
    forge(ring, PLAIN(20), 8);
}

static void claim_all(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)ring;
    weftos_store_release(&head->claim, UINT64_MAX);
}

static void claim_and_move(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)ring;
    weftos_store_release(&head->tail, 4096);
    weftos_store_release(&head->claim, UINT64_MAX);
}

static void claim_and_stray(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)ring;
    weftos_store_release(&head->tail, 4097);
    weftos_store_release(&head->claim, UINT64_MAX);
}

static void close_elsewhere(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)ring;
    weftos_store_release(&head->home.closed_at, 4096);
}

static void close_and_boast(struct wefti_topic_head *head, unsigned char *ring)
{
    (void)ring;
    weftos_store_release(&head->count, UINT64_MAX);
    weftos_store_release(&head->home.closed_at, 0);
}

static const struct lie lies[] = {
    {"nothing", NULL, forge_good, WEFT_OK, 0},
    {"a ring that is no power of two", odd_ring, NULL, WEFT_EPROTO, 0},
    {"a ring that is too small", small_ring, NULL, WEFT_EPROTO, 0},
    {"no ring", no_ring, NULL, WEFT_EPROTO, 0},
    {"a huge ring", huge_ring, NULL, WEFT_EPROTO, 0},
    {"the segment's size", long_segment, NULL, WEFT_EPROTO, 0},
    {"the largest message", long_message, NULL, WEFT_EPROTO, 0},
    {"an odd position", odd_position, NULL, WEFT_EPROTO, 0},
    {"flags of its own", some_flags, NULL, WEFT_EPROTO, 0},
    {"a record without a header", NULL, forge_short, WEFT_ECORRUPT, 0},
    {"a record that is too long", NULL, forge_long, WEFT_ECORRUPT, 0},
    {"the longest record", NULL, forge_longest, WEFT_ECORRUPT, 0},
    {"a record of another type", NULL, forge_type, WEFT_ECORRUPT, 0},
    {"a reserved bit", NULL, forge_reserved, WEFT_ECORRUPT, 0},
    {"a wrap of a whole lap", NULL, forge_wrap, WEFT_ECORRUPT, 0},
    {"a number of the past", NULL, forge_past, WEFT_ECORRUPT, 0},
    {"a gap, to a lossy one", NULL, forge_gap, WEFT_OK, 0},
    {"a gap, to a reliable one", NULL, forge_gap, WEFT_ECORRUPT,
     WEFT_SUBSCRIBER_RELIABLE},
    {"a claim of all", NULL, claim_all, WEFT_ECORRUPT, 0},
    {"a claim of all, to a reliable one", NULL, claim_all, WEFT_ELIMIT,
     WEFT_SUBSCRIBER_RELIABLE},
    {"a claim of all, and a tail", NULL, claim_and_move, WEFT_ECORRUPT, 0},
    {"a claim of all, and no tail", NULL, claim_and_stray, WEFT_ECORRUPT, 0},
    {"an end elsewhere", NULL, close_elsewhere, WEFT_ETIMEDOUT, 0},
    {"an end, and a boast", NULL, close_and_boast, WEFT_ECLOSED, 0},
};

static const struct plan plans[] = {
    {"sleeps for what is far away", park_beyond, IS_DROPPED},
    {"sleeps for nothing", park_at_none, IS_DROPPED},
    {"says that it sleeps, without end", park_without_end, IS_BORNE},
    {"rings without end", ring_without_end, IS_BORNE},
    {"rings for a position", ring_somewhere, IS_DROPPED},
    {"says what nobody knows", say_unknown, IS_DROPPED},
    {"says too little", say_short, IS_DROPPED},
    {"sends a handle", send_handle, IS_DROPPED},
    {"has read what is not written", come_too_far, IS_DROPPED},
    {"reads backwards", go_back, IS_DROPPED},
    {"does not read", come_anywhere, IS_BORNE},
};

void test_main(void)
{
    peer_names_begin();
    hostile_case("a subscriber whose greeting is wrong is refused",
                 run_greetings, NULL);
    hostile_case("a tap whose greeting is wrong is refused", run_tap_greetings,
                 NULL);
    hostile_case("taps that do not hang up keep nobody out", run_lingering,
                 NULL);
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        hostile_case(hostile_name("a subscriber", plans[i].name), run_plan,
                     &plans[i]);
    }
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        hostile_case(hostile_name("a publisher lies about", lies[i].name),
                     run_lie, &lies[i]);
    }
    peer_names_end();
}
