/* SPDX-License-Identifier: MIT
 *
 * Taps: they get every message or count it, learn what happens, and nobody
 * who publishes can tell that they are there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "reader.h"

#define SMALL_RING ((size_t)16 << 10)
#define COUNT 2000u
#define TAPS 8u
#define VISITS 10000u

static weft_tap *open_tap(unsigned flags)
{
    weft_tap_options options = WEFT_TAP_OPTIONS_INIT;
    weft_tap *tap = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};

    options.flags = flags;
    CHECK_STATUS(
        weft_tap_open(READER_TOPIC, &options, peer_soon(), &tap, &detail),
        WEFT_OK);
    CHECK_STATUS(detail.status, WEFT_OK);
    REQUIRE(tap != NULL);
    return tap;
}

static weft_publisher *open_small(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;

    options.ring_bytes = SMALL_RING;
    return reader_open(&options);
}

/* What there is of it right now. */
static weft_status look(weft_tap *tap, weft_publication *publication)
{
    static unsigned char room[READER_MOST];

    *publication = (weft_publication){.data = room, .bytes = sizeof(room)};
    return weft_tap_next(tap, publication);
}

static void take(weft_tap *tap, uint64_t sequence, uint64_t lost)
{
    weft_publication publication;

    CHECK_STATUS(look(tap, &publication), WEFT_OK);
    CHECK(publication.sequence == sequence && publication.lost == lost);
    CHECK(reader_is_sound(&publication, 0));
}

static weft_tap_stats get_stats(const weft_tap *tap)
{
    weft_tap_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_tap_get_stats(tap, &stats), WEFT_OK);
    return stats;
}

/* Nothing of a tap is in a publisher's figures. */
static void check_unnoticed(weft_publisher *publisher, unsigned subscribers)
{
    weft_publisher_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.subscribers == subscribers && stats.reliable == 0);
    CHECK(stats.full == 0 && stats.wakes == 0 && stats.cut_off == 0);
}

/* -------------------------------------------------------------- reading --- */

static void test_beginning(void)
{
    weft_publisher *publisher = reader_open(NULL);
    weft_publication publication;
    weft_tap *with_history;
    weft_tap *without;

    CHECK_STATUS(reader_publish(publisher, 0, 10, 0), WEFT_OK);
    with_history = open_tap(WEFT_TAP_HISTORY);
    without = open_tap(0);
    CHECK_STATUS(look(without, &publication), WEFT_EAGAIN);
    CHECK_STATUS(reader_publish(publisher, 10, 5, 0), WEFT_OK);
    for (uint64_t i = 0; i < 15; i++) {
        take(with_history, i, 0);
    }
    for (uint64_t i = 10; i < 15; i++) {
        take(without, i, 0);
    }
    CHECK_STATUS(look(with_history, &publication), WEFT_EAGAIN);
    check_unnoticed(publisher, 0);
    weft_publisher_close(&publisher);
    CHECK_STATUS(look(with_history, &publication), WEFT_ECLOSED);
    CHECK_STATUS(look(with_history, &publication), WEFT_ECLOSED);
    CHECK_STATUS(look(without, &publication), WEFT_ECLOSED);
    weft_tap_close(&with_history);
    weft_tap_close(&without);
}

static void test_size(void)
{
    weft_publisher *publisher = reader_open(NULL);
    weft_tap *tap = open_tap(0);
    weft_publication publication = {.data = NULL, .bytes = 0};

    CHECK_STATUS(reader_publish(publisher, 7, 1, 0), WEFT_OK);
    CHECK(reader_bytes(7, 0) > 0);
    CHECK_STATUS(weft_tap_next(tap, &publication), WEFT_EMSGSIZE);
    CHECK(publication.bytes == reader_bytes(7, 0));
    CHECK_STATUS(look(tap, &publication), WEFT_OK);
    CHECK(publication.bytes == reader_bytes(7, 0));
    weft_tap_close(&tap);
    weft_publisher_close(&publisher);
}

static void test_lost(void)
{
    weft_publisher *publisher = open_small();
    weft_tap *tap = open_tap(0);
    weft_publication publication;
    weft_tap_stats stats;

    CHECK_STATUS(reader_publish(publisher, 0, 1000, 0), WEFT_OK);
    CHECK_STATUS(look(tap, &publication), WEFT_EAGAIN);
    CHECK_STATUS(reader_publish(publisher, 1000, 1, 0), WEFT_OK);
    take(tap, 1000, 1000);
    CHECK_STATUS(reader_publish(publisher, 1001, 500, 0), WEFT_OK);
    weft_publisher_close(&publisher);
    CHECK_STATUS(look(tap, &publication), WEFT_ECLOSED);
    stats = get_stats(tap);
    CHECK(stats.messages == 1 && stats.lost == 1500 && stats.gaps == 2);
    CHECK(stats.bytes == reader_bytes(1000, 0) && stats.publishers == 0);
    weft_tap_close(&tap);
}

/* At full speed over a small ring: never a mix, and all are accounted for. */
static void test_torn(uint64_t ns)
{
    uint64_t until;
    uint64_t count = 0;
    weft_publisher *publisher;
    struct reader reader;
    peer_process children[2];

    reader_init(&reader, 2);
    reader.taps = true;
    reader.bytes_most = 2000;
    for (unsigned i = 0; i < 2; i++) {
        children[i] = reader_run(&reader, i);
    }
    publisher = open_small();
    reader_await(&reader, 2);
    for (until = weft_after_ns(ns); weft_now_ns() < until; count += 10) {
        CHECK_STATUS(reader_publish(publisher, count, 10, 2000), WEFT_OK);
    }
    check_unnoticed(publisher, 0);
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < 2; i++) {
        const struct reader_found *found = &reader.found[i];

        CHECK(peer_ended_well(&children[i]));
        CHECK_STATUS((weft_status)found->end, WEFT_ECLOSED);
        CHECK(found->messages > 0);
        CHECK(found->messages + found->lost_in_all == count - found->first);
        printf("# %" PRIu64 " of %" PRIu64 " messages taken\n",
               (uint64_t)found->messages, count);
    }
    reader_deinit(&reader, 2);
}

/* ----------------------------------------------------------- publishers --- */

/* A publisher in a process of its own. Its ring holds all. */
struct press {
    peer_gate come; /* passed before it begins */
    peer_gate open; /* opened when it has its place */
    peer_gate go;   /* passed before it publishes */
    peer_gate end;  /* passed before it ends */
    bool dies;
};

static void init_press(struct press *press)
{
    memset(press, 0, sizeof(*press));
    peer_gate_init(&press->come);
    peer_gate_init(&press->open);
    peer_gate_init(&press->go);
    peer_gate_init(&press->end);
}

static void deinit_press(struct press *press)
{
    peer_gate_deinit(&press->come);
    peer_gate_deinit(&press->open);
    peer_gate_deinit(&press->go);
    peer_gate_deinit(&press->end);
}

static void publish(void *context)
{
    const struct press *press = context;
    weft_publisher *publisher;

    REQUIRE(peer_gate_pass(&press->come));
    publisher = reader_open(NULL);
    peer_gate_open(&press->open);
    REQUIRE(peer_gate_pass(&press->go));
    CHECK_STATUS(reader_publish(publisher, 0, COUNT, 0), WEFT_OK);
    check_unnoticed(publisher, 0);
    REQUIRE(peer_gate_pass(&press->end));
    if (press->dies) {
        peer_die();
    }
    weft_publisher_close(&publisher);
}

static peer_process start_press(const struct press *press)
{
    peer_process child = peer_run(publish, press, sizeof(*press));

    peer_gate_open(&press->come);
    REQUIRE(peer_gate_pass(&press->open));
    return child;
}

/* Takes so many in all, each publisher's in its order and none lost. */
static void take_all(weft_tap *tap, unsigned presses)
{
    uint64_t publishers[TAPS] = {0};
    uint64_t next[TAPS] = {0};
    unsigned found = 0;

    for (unsigned left = presses * COUNT; left > 0; left--) {
        static unsigned char room[READER_MOST];
        weft_publication publication = {.data = room, .bytes = sizeof(room)};
        unsigned i = 0;

        if (!CHECK_STATUS(reader_await_tap(tap, &publication), WEFT_OK)) {
            return;
        }
        while (i < found && publishers[i] != publication.publisher) {
            i++;
        }
        if (i == found && CHECK(found < presses)) {
            publishers[found++] = publication.publisher;
        }
        CHECK(publication.sequence == next[i] && publication.lost == 0);
        CHECK(reader_is_sound(&publication, 0));
        next[i] = publication.sequence + 1;
    }
    CHECK(found == presses);
}

static weft_status await_end(weft_tap *tap)
{
    weft_publication publication = {.data = NULL, .bytes = 0};

    return reader_await_tap(tap, &publication);
}

/* Takes the places that the dead have left, and gives them back. */
static void clear_places(void)
{
    weft_publisher *publishers[4];

    for (unsigned i = 0; i < 4; i++) {
        publishers[i] = reader_open(NULL);
    }
    for (unsigned i = 4; i-- > 0;) {
        weft_publisher_close(&publishers[i]);
    }
}

/* The first one dies before the others end. */
static void test_several(bool all_die)
{
    peer_process children[4];
    struct press first;
    struct press press;
    weft_tap *tap;

    init_press(&first);
    init_press(&press);
    first.dies = true;
    press.dies = all_die;
    for (unsigned i = 0; i < 4; i++) {
        children[i] = start_press(i == 0 ? &first : &press);
    }
    tap = open_tap(0);
    CHECK(get_stats(tap).publishers == 4);
    peer_gate_open(&first.go);
    for (unsigned i = 1; i < 4; i++) {
        peer_gate_open(&press.go);
    }
    take_all(tap, 4);
    peer_gate_open(&first.end);
    CHECK_STATUS(await_end(tap), WEFT_EPEERDIED);
    CHECK(get_stats(tap).publishers == 3);
    for (unsigned i = 1; i < 4; i++) {
        peer_gate_open(&press.end);
    }
    for (unsigned i = 1; i < 4 && all_die; i++) {
        CHECK_STATUS(await_end(tap), WEFT_EPEERDIED);
    }
    CHECK_STATUS(await_end(tap), all_die ? WEFT_EPEERDIED : WEFT_ECLOSED);
    CHECK(get_stats(tap).publishers == 0 && get_stats(tap).lost == 0);
    weft_tap_close(&tap);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(all_die || i == 0 ? peer_was_killed(&children[i])
                                : peer_ended_well(&children[i]));
    }
    clear_places();
    deinit_press(&first);
    deinit_press(&press);
}

/* It comes while another is there, and has said all before it is found. */
static void test_late(void)
{
    weft_publication publication;
    weft_publisher *publisher;
    peer_process child;
    struct press press;
    weft_tap *tap;

    init_press(&press);
    peer_gate_open(&press.go);
    child = peer_run(publish, &press, sizeof(press));
    publisher = reader_open(NULL);
    tap = open_tap(0);
    CHECK_STATUS(look(tap, &publication), WEFT_EAGAIN);
    peer_gate_open(&press.come);
    take_all(tap, 1);
    CHECK(get_stats(tap).publishers == 2);
    peer_gate_open(&press.end);
    CHECK(peer_ended_well(&child));
    CHECK_STATUS(reader_publish(publisher, 0, 1, 0), WEFT_OK);
    take(tap, 0, 0);
    weft_publisher_close(&publisher);
    CHECK_STATUS(await_end(tap), WEFT_ECLOSED);
    weft_tap_close(&tap);
    deinit_press(&press);
}

/* With nobody there at first, and between two publishers. */
static void test_stays(void)
{
    weft_tap *tap = open_tap(WEFT_TAP_STAYS);
    weft_publication publication;

    CHECK_STATUS(look(tap, &publication), WEFT_EAGAIN);
    for (unsigned i = 0; i < 2; i++) {
        weft_publisher *publisher = reader_open(NULL);

        CHECK_STATUS(reader_publish(publisher, 0, COUNT, 0), WEFT_OK);
        take_all(tap, 1);
        weft_publisher_close(&publisher);
        CHECK_STATUS(look(tap, &publication), WEFT_EAGAIN);
        CHECK(get_stats(tap).publishers == 0);
    }
    weft_tap_close(&tap);
}

static void await_name(void *context)
{
    const struct press *press = context;
    weft_tap *tap = open_tap(WEFT_TAP_AWAIT_NAME);

    peer_gate_open(&press->open);
    take_all(tap, 1);
    CHECK_STATUS(await_end(tap), WEFT_ECLOSED);
    weft_tap_close(&tap);
}

static void test_await_name(void)
{
    weft_tap_options options = WEFT_TAP_OPTIONS_INIT;
    weft_publisher *publisher;
    peer_process child;
    struct press press;
    weft_tap *tap;

    CHECK_STATUS(weft_tap_open(READER_TOPIC, NULL, peer_soon(), &tap, NULL),
                 WEFT_ENOENT);
    options.flags = WEFT_TAP_AWAIT_NAME;
    CHECK_STATUS(weft_tap_open(READER_TOPIC, &options,
                               weft_after_ns(20 * PEER_MS), &tap, NULL),
                 WEFT_ETIMEDOUT);
    init_press(&press);
    child = peer_run(await_name, &press, sizeof(press));
    publisher = reader_open(NULL);
    REQUIRE(peer_gate_pass(&press.open));
    CHECK_STATUS(reader_publish(publisher, 0, COUNT, 0), WEFT_OK);
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&child));
    deinit_press(&press);
}

/* ------------------------------------------------------------ unnoticed --- */

static void test_full(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_subscriber *subscriber = NULL;
    weft_publisher *publisher;
    weft_subscriber *refused;
    weft_tap *taps[TAPS];

    options.subscribers_max = 1;
    publisher = reader_open(&options);
    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    for (unsigned i = 0; i < TAPS; i++) {
        taps[i] = open_tap(0);
    }
    CHECK_STATUS(
        weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &refused, NULL),
        WEFT_ELIMIT);
    check_unnoticed(publisher, 1);
    CHECK_STATUS(reader_publish(publisher, 0, 10, 0), WEFT_OK);
    for (unsigned i = 0; i < TAPS; i++) {
        for (uint64_t n = 0; n < 10; n++) {
            take(taps[i], n, 0);
        }
        weft_tap_close(&taps[i]);
    }
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
}

/* Waits until the publisher's thread has closed what it had for a moment. */
static void check_nothing_left(int handles, int mappings)
{
    uint64_t until = peer_soon();

    while (check_open_handles() != handles && weft_now_ns() < until) {
        guard_nap_us(100);
    }
    CHECK(check_open_handles() == handles);
    CHECK(guard_mappings() == mappings);
}

static void test_visits(void)
{
    weft_publisher *publisher = reader_open(NULL);
    unsigned visits = peer_rounds(VISITS);
    int handles = check_open_handles();
    int mappings = guard_mappings();
    uint64_t resident = 0;
    weft_tap *tap;

    for (unsigned i = 0; i < visits; i++) {
        if (i == visits / 2) {
            resident = guard_resident_bytes(peer_self());
        }
        tap = open_tap(i % 2 == 0 ? WEFT_TAP_HISTORY : 0);
        CHECK(get_stats(tap).publishers == 1);
        weft_tap_close(&tap);
    }
    check_nothing_left(handles, mappings);
    /* A byte of each, but for what an allocator may do of its own. */
    CHECK(guard_resident_bytes(peer_self()) <
          resident + visits / 2 + ((uint64_t)1 << 20));
    check_unnoticed(publisher, 0);
    weft_publisher_close(&publisher);
}

static void test_stopped(void)
{
    weft_publisher *publisher;
    struct reader reader;
    peer_process child;
    const uint64_t count = 10 * (uint64_t)COUNT;
    uint64_t began;

    reader_init(&reader, 1);
    reader.taps = true;
    child = reader_run(&reader, 0);
    publisher = open_small();
    reader_await(&reader, 1);
    CHECK_STATUS(reader_publish(publisher, 0, 10, 0), WEFT_OK);
    peer_stop(&child);
    began = weft_now_ns();
    CHECK_STATUS(reader_publish(publisher, 10, count, 0), WEFT_OK);
    printf("# %" PRIu64 " messages past a tap that stands still: %" PRIu64
           " us\n",
           count, (weft_now_ns() - began) / 1000);
    check_unnoticed(publisher, 0);
    peer_go_on(&child);
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&child));
    CHECK(reader.found->messages + reader.found->lost_in_all == count + 10);
    reader_deinit(&reader, 1);
}

static void read_on(void *context)
{
    const struct press *press = context;
    weft_tap *tap = open_tap(WEFT_TAP_AWAIT_NAME);

    peer_gate_open(&press->open);
    for (;;) {
        weft_publication publication;
        weft_status status = look(tap, &publication);

        if (status != WEFT_OK && status != WEFT_EAGAIN) {
            CHECK_STATUS(status, WEFT_ECLOSED);
            break;
        }
    }
    weft_tap_close(&tap);
}

/* The CPU time of the publishing thread per message, in picoseconds. */
static uint64_t measure(unsigned taps)
{
    const uint64_t count = 1000000;
    unsigned char data[16] = {0};
    peer_process children[TAPS];
    weft_publisher *publisher;
    struct press press;
    uint64_t ns;

    init_press(&press);
    for (unsigned i = 0; i < taps; i++) {
        children[i] = peer_run(read_on, &press, sizeof(press));
    }
    publisher = reader_open(NULL);
    for (unsigned i = 0; i < taps; i++) {
        REQUIRE(peer_gate_pass(&press.open));
    }
    ns = guard_thread_cpu_ns();
    for (uint64_t i = 0; i < count; i++) {
        if (!CHECK_STATUS(
                weft_publisher_send(publisher, data, sizeof(data), WEFT_NOW),
                WEFT_OK)) {
            break;
        }
    }
    ns = guard_thread_cpu_ns() - ns;
    check_unnoticed(publisher, 0);
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < taps; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    deinit_press(&press);
    return ns * 1000 / count;
}

static void test_cost(void)
{
    uint64_t without = measure(0);
    uint64_t with = measure(TAPS);

    printf("# 16 bytes: %" PRIu64 " ps of CPU time, with %u taps %" PRIu64
           " ps\n",
           without, TAPS, with);
}

void test_main(void)
{
    peer_names_begin();
    check_case("a tap begins with the history or with what comes next");
    test_beginning();
    check_case("a message that is too large stays");
    test_size();
    check_case("what was lost is counted, at the end too");
    test_lost();
    check_case("a tap at full speed sees no mix and accounts for all");
    test_torn(PEER_S);
    check_case("several publishers are tapped, and a death is told once");
    test_several(false);
    test_several(true);
    check_case("a publisher that comes later is found, with all that it said");
    test_late();
    check_case("a tap that stays goes on from publisher to publisher");
    test_stays();
    check_case("a tap waits for the name, if it is to");
    test_await_name();
    check_case("where no subscriber may come in any more, a tap may");
    test_full();
    check_case("nothing is left of taps that have gone");
    test_visits();
    check_case("a tap that stands still slows nobody");
    test_stopped();
    check_case("what taps cost the publishing thread is measured");
    test_cost();
    peer_names_end();
}
