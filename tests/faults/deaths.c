/* SPDX-License-Identifier: MIT
 *
 * Single deaths, each at a moment that is hard: asleep, with messages unread,
 * with a child that keeps the sockets open, or in the middle of nothing.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "os/fake/fake.h"
#include "os/os.h"
#include "peer.h"
#include "sides.h"

#define SECONDS 20
#define PATIENCE_NS UINT64_C(5000000000)
#define BOUND_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))
#define ROUNDS 20
#define LARGE 100000

static const weft_channel_options options = {
    .size = sizeof(weft_channel_options),
    .wait = WEFT_WAIT_BLOCK,
    .ring_max_bytes = 65536,
};

static unsigned char room[LARGE];

/* What the victim and the one that kills it tell each other. */
struct shared {
    _Atomic bool ready;
    _Atomic bool spoken; /* the survivor has sent all that it will */
    _Atomic uint64_t killed_ns;
    _Atomic int victim;
    _Atomic int child; /* of the victim; 0: it has none */
};

static struct shared *shared;

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* A channel whose other end is a victim's. */
struct pair {
    weft_channel *channel;
    peer_process victim;
};

static struct pair start(peer_work *play)
{
    struct pair pair;

    shared->ready = false;
    shared->spoken = false;
    shared->killed_ns = 0;
    shared->child = 0;
    pair.victim =
        peer_start(&options, &options, play, shared, 0, &pair.channel);
    shared->victim = pair.victim.id;
    return pair;
}

static void await_ready(const struct shared *told)
{
    while (!told->ready) {
        guard_nap_us(100);
    }
}

static void kill_victim(struct pair *pair)
{
    await_ready(shared);
    peer_kill(&pair->victim);
}

/* Another process kills the victim while this one is asleep. */
static void kill_later(void *context)
{
    struct shared *told = context;

    guard_watch("who kills the victim", SECONDS);
    await_ready(told);
    guard_nap_us(2000);
    told->killed_ns = weft_now_ns();
    CHECK(peer_strike(told->victim));
}

static void wait_for_death(struct shared *told)
{
    guard_watch("a victim that nobody kills", SECONDS);
    told->ready = true;
    for (;;) {
        guard_nap_us(100000);
    }
}

static void idle(weft_channel *channel, void *context)
{
    (void)channel;
    wait_for_death(context);
}

/* ------------------------------------------------------------- sleepers --- */

static weft_status sleep_receiving(weft_channel *channel)
{
    size_t got;

    return weft_channel_recv_until(channel, room, sizeof(room), &got, soon());
}

static weft_status sleep_sending(weft_channel *channel)
{
    weft_status status;

    do {
        status = weft_channel_send_until(channel, room, sizeof(room), soon());
    } while (status == WEFT_OK);
    return status;
}

static weft_status sleep_flushing(weft_channel *channel)
{
    weft_status status = weft_channel_send(channel, room, 10);

    return status == WEFT_OK ? weft_channel_flush(channel, soon()) : status;
}

static void live_on(void *context)
{
    (void)context;
    guard_watch("the child of a victim", SECONDS);
    for (;;) {
        guard_nap_us(100000);
    }
}

/* The victim's own child has copies of all that it had open. */
static void idle_with_child(weft_channel *channel, void *context)
{
    struct shared *told = context;

    (void)channel;
    sides_pass_all();
    told->child = peer_run(live_on, NULL, 0).id;
    wait_for_death(told);
}

static void die_before_sleeper(const char *title, peer_work *play,
                               weft_status (*wait)(weft_channel *channel))
{
    uint64_t latest = 0;

    check_case(title);
    for (int i = 0; i < ROUNDS; i++) {
        struct sides_holdings before = sides_hold();
        struct pair pair = start(play);
        peer_process killer = peer_run(kill_later, shared, 0);
        uint64_t delay;

        CHECK_STATUS(wait(pair.channel), WEFT_EPEERDIED);
        delay = weft_now_ns() - shared->killed_ns;
        CHECK(delay < BOUND_NS);
        latest = delay > latest ? delay : latest;
        CHECK(peer_ended_well(&killer));
        CHECK(peer_was_killed(&pair.victim));
        CHECK(shared->child == 0 || peer_strike(shared->child));
        weft_channel_close(&pair.channel);
        sides_check_holdings(&before);
    }
    printf("# known %.3f ms after the kill at most\n", (double)latest / 1e6);
}

/* ----------------------------------------------------------- last words --- */

static void send_handle(weft_channel *channel, unsigned number)
{
    weft_message message = {.data = room, .bytes = 10, .handle_count = 1};

    message.handles[0] = peer_token(number);
    CHECK_STATUS(weft_channel_send_message(channel, &message, soon()), WEFT_OK);
    CHECK(peer_close(message.handles[0]));
}

/* Takes the first message, and leaves a handle behind it alone. */
static void speak(weft_channel *channel, const struct shared *told)
{
    size_t got;

    CHECK_STATUS(weft_channel_recv(channel, room, 1, &got), WEFT_OK);
    while (!told->spoken) {
        guard_nap_us(100);
    }
    send_handle(channel, 2);
}

/* Both ends have sent handles that nobody has taken when one goes. */
static void speak_and_die(weft_channel *channel, void *context)
{
    speak(channel, context);
    wait_for_death(context);
}

static void speak_and_close(weft_channel *channel, void *context)
{
    speak(channel, context);
    weft_channel_close(&channel);
    wait_for_death(context);
}

static void check_last_words(const char *title, peer_work *play,
                             weft_status end)
{
    struct sides_holdings before = sides_hold();
    weft_message message = {.data = room, .bytes = sizeof(room)};
    struct pair pair;

    check_case(title);
    pair = start(play);
    CHECK_STATUS(weft_channel_send(pair.channel, "", 1), WEFT_OK);
    send_handle(pair.channel, 1);
    shared->spoken = true;
    kill_victim(&pair);
    if (CHECK_STATUS(weft_channel_recv_message(pair.channel, &message, soon()),
                     WEFT_OK)) {
        CHECK(message.handle_count == 1 &&
              peer_token_is(message.handles[0], 2));
    }
    message.bytes = sizeof(room);
    CHECK_STATUS(weft_channel_recv_message(pair.channel, &message, soon()),
                 end);
    weft_channel_close(&pair.channel);
    sides_check_holdings(&before);
}

/* -------------------------------------------------------- without sleep --- */

/* A sender that never waits and never receives. */
static void check_trying_sender(void)
{
    struct pair pair;
    weft_status status;
    uint64_t deadline;

    check_case("a sender that never waits learns of a death");
    pair = start(idle);
    CHECK_STATUS(weft_channel_send_until(pair.channel, "", 1, soon()), WEFT_OK);
    kill_victim(&pair);
    deadline = weft_after_ns(BOUND_NS);
    do {
        status = weft_channel_try_send(pair.channel, room, 1000);
    } while ((status == WEFT_OK || status == WEFT_EAGAIN) &&
             weft_now_ns() < deadline);
    CHECK_STATUS(status, WEFT_EPEERDIED);
    weft_channel_close(&pair.channel);
}

static void check_trying_receiver(void)
{
    struct pair pair;
    weft_status status;
    uint64_t deadline;
    size_t got;

    check_case("a receiver that never waits learns of a death");
    pair = start(idle);
    CHECK_STATUS(weft_channel_send_until(pair.channel, "", 1, soon()), WEFT_OK);
    kill_victim(&pair);
    deadline = weft_after_ns(BOUND_NS);
    do {
        status = weft_channel_try_recv(pair.channel, room, sizeof(room), &got);
    } while (status == WEFT_EAGAIN && weft_now_ns() < deadline);
    CHECK_STATUS(status, WEFT_EPEERDIED);
    weft_channel_close(&pair.channel);
}

/* ------------------------------------------------------------- no death --- */

static unsigned complaints;

static void count_log(void *context, weft_log_level level, const char *line)
{
    (void)context;
    (void)level;
    complaints += strstr(line, "took too long") != NULL;
}

/* With a clock that jumps from one deadline to the next. */
static void check_stalled_handshake(void)
{
    weft_handle silent = WEFT_HANDLE_NONE;
    weft_listener *listener;
    weft_channel *channel;
    weftos_peer peer;
    uint64_t began = weft_now_ns();
    uint64_t hour = began + UINT64_C(3600000000000);

    check_case("a handshake that stalls is ended by the clock, no call is");
    peer_names_begin();
    REQUIRE(weft_channel_listen("stall", NULL, &listener, NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_connect("stall", false, soon(), false, &silent,
                                    &peer, NULL) == WEFT_OK);
    weft_log_set(count_log, NULL);
    fake_clock_stop(began);
    CHECK_STATUS(weft_channel_accept(listener, hour, &channel, NULL),
                 WEFT_ETIMEDOUT);
    CHECK(weft_now_ns() == hour);
    fake_reset();
    weft_log_set(NULL, NULL);
    CHECK(complaints == 1);
    CHECK(weft_now_ns() - began < PATIENCE_NS);
    weft_listener_close(&listener);
    weftos_close(silent);
    peer_names_end();
}

void test_main(void)
{
    shared = peer_shared(sizeof(*shared));
    die_before_sleeper("a receiver asleep learns of a death", idle,
                       sleep_receiving);
    die_before_sleeper("a sender asleep learns of a death", idle,
                       sleep_sending);
    die_before_sleeper("a flush asleep learns of a death", idle,
                       sleep_flushing);
    if (!check_lacks("pidfd")) {
        die_before_sleeper("a death is told though a child keeps the sockets",
                           idle_with_child, sleep_receiving);
    }
    check_stalled_handshake();
    check_trying_receiver();
    check_trying_sender();
    check_last_words("what a dead peer left unread hides nothing that it sent",
                     speak_and_die, WEFT_EPEERDIED);
    check_last_words("what a peer left unread when it closed hides nothing",
                     speak_and_close, WEFT_ECLOSED);
    peer_unshare(shared, sizeof(*shared));
}
