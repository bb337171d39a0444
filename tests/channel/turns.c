/* SPDX-License-Identifier: MIT
 *
 * Wrap markers that stay alone, because the message they were made for was
 * given up: nobody may sleep beside them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "peer.h"

#define RING 2048

/* Messages of this size take up 128 bytes of the ring. */
#define STEP 112

static weft_channel *first;
static weft_channel *second;

/* Both ends, after so many messages that were sent and taken. */
static void open_at(unsigned steps)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.ring_max_bytes = RING;
    options.wait = WEFT_WAIT_BLOCK;
    peer_both_ends(&options, &options, &first, &second);
    for (unsigned i = 0; i < steps; i++) {
        CHECK_STATUS(peer_send(first, STEP, i, peer_soon()), WEFT_OK);
        peer_receives(second, STEP, i);
    }
}

static void close_both(void)
{
    weft_channel_close(&first);
    weft_channel_close(&second);
}

/* Makes the producer wrap for a message that it does not send. */
static void wrap_in_vain(void)
{
    void *space;

    CHECK_STATUS(weft_channel_reserve(first, 800, &space, peer_soon()),
                 WEFT_OK);
    weft_channel_cancel(first);
}

static void *receive_small(void *context)
{
    _Atomic int *id = context;
    char room[64];
    size_t bytes = 0;

    atomic_store(id, peer_thread());
    CHECK_STATUS(weft_channel_recv_until(second, room, sizeof(room), &bytes,
                                         peer_soon()),
                 WEFT_OK);
    CHECK(bytes == 10);
    return NULL;
}

static void test_sleeper(void)
{
    char large[800];
    weft_message message = {.data = large, .bytes = sizeof(large)};
    pthread_t sleeper;
    _Atomic int id = 0;

    check_case("a message that fails after its wrap leaves no sleeper behind");
    memset(large, 0, sizeof(large));
    open_at(11);
    REQUIRE(pthread_create(&sleeper, NULL, receive_small, &id) == 0);
    while (atomic_load(&id) == 0) {
    }
    CHECK(peer_await_thread_asleep(atomic_load(&id)));
    message.handle_count = 1;
    message.handles[0] = 9999;
    CHECK_STATUS(weft_channel_send_message(first, &message, peer_soon()),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_channel_send(first, "0123456789", 10), WEFT_OK);
    REQUIRE(pthread_join(sleeper, NULL) == 0);
    close_both();
}

static void test_flush(void)
{
    check_case("a flush does not wait for a wrap to be taken");
    open_at(11);
    wrap_in_vain();
    CHECK_STATUS(weft_channel_flush(first, peer_soon()), WEFT_OK);
    close_both();
}

static void *take_four(void *context)
{
    (void)context;
    for (unsigned i = 0; i < 4; i++) {
        peer_receives(second, STEP, i);
    }
    return NULL;
}

static void test_room(void)
{
    char large[830];
    pthread_t reader;

    check_case("a sender does not wait for a wrap to be taken");
    memset(large, 0, sizeof(large));
    open_at(7);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_STATUS(peer_send(first, STEP, i, peer_soon()), WEFT_OK);
    }
    wrap_in_vain();
    REQUIRE(pthread_create(&reader, NULL, take_four, NULL) == 0);
    CHECK_STATUS(
        weft_channel_send_until(first, large, sizeof(large), peer_soon()),
        WEFT_OK);
    REQUIRE(pthread_join(reader, NULL) == 0);
    close_both();
}

void test_main(void)
{
    test_sleeper();
    test_flush();
    test_room();
}
