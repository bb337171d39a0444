/* SPDX-License-Identifier: MIT
 *
 * Messages of every size arrive whole, through rings of every size.
 *
 * The sizes around a ring's inline limit come from layout.h, so that they
 * stay at the limit when it moves. A ring of 2048 bytes is the home's on
 * systems with pages of 4 KiB; the others follow when ring_bytes asks.
 */
#include <pthread.h>

#include "check.h"
#include "ipc/layout.h"
#include "peer.h"

#define MIB ((size_t)1 << 20)

static weft_channel *first;
static weft_channel *second;

static void open_with_ring(size_t ring_bytes)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.ring_bytes = ring_bytes;
    options.ring_max_bytes = ring_bytes;
    peer_both_ends(&options, &options, &first, &second);
}

static void close_both(void)
{
    weft_channel_close(&first);
    weft_channel_close(&second);
}

/* -------------------------------------------------------- one at a time --- */

struct errand {
    weft_channel *channel;
    const size_t *sizes;
    size_t count;
};

static void *send_all(void *context)
{
    const struct errand *errand = context;

    for (size_t i = 0; i < errand->count; i++) {
        CHECK_STATUS(
            peer_send(errand->channel, errand->sizes[i], i, peer_soon()),
            WEFT_OK);
    }
    return NULL;
}

/* Another thread sends, since a large message needs a reader. */
static void pass_sizes(const size_t *sizes, size_t count)
{
    struct errand errand = {first, sizes, count};
    pthread_t sender;

    REQUIRE(pthread_create(&sender, NULL, send_all, &errand) == 0);
    for (size_t i = 0; i < count; i++) {
        if (!peer_receives(second, sizes[i], i)) {
            break;
        }
    }
    REQUIRE(pthread_join(sender, NULL) == 0);
}

static void test_ring(const char *name, size_t ring_bytes)
{
    size_t record = (size_t)wefti_record_max(ring_bytes);
    size_t piece = WEFTI_PIECE_BYTES - WEFTI_HEADER;
    size_t limit = (record < WEFTI_PIECE_BYTES ? record : WEFTI_PIECE_BYTES) -
                   WEFTI_HEADER;
    const size_t sizes[] = {0,          1,
                            15,         16,
                            17,         31,
                            32,         33,
                            limit - 17, limit - 16,
                            limit - 15, limit - 9,
                            limit - 8,  limit - 7,
                            limit - 1,  limit,
                            limit + 1,  limit + 8,
                            limit + 15, limit + 16,
                            limit + 17, 2 * limit,
                            piece - 8,  piece - 1,
                            piece,      piece + 1,
                            16383,      16384,
                            16385,      2 * piece - 8,
                            2 * piece,  65535,
                            65536,      ring_bytes - 16,
                            ring_bytes, ring_bytes + 1};

    check_case(name);
    open_with_ring(ring_bytes);
    pass_sizes(sizes, sizeof(sizes) / sizeof(sizes[0]));
    close_both();
}

static void test_large(void)
{
    const size_t home[] = {MIB, 3 * MIB + 5};
    const size_t sizes[] = {MIB, 4 * MIB - 1, 4 * MIB, 100 * MIB, 1};

    check_case("a message of a MiB passes the smallest ring");
    open_with_ring(2048);
    pass_sizes(home, sizeof(home) / sizeof(home[0]));
    close_both();

    check_case("a message of 100 MiB passes a ring of the default size");
    peer_both_ends(NULL, NULL, &first, &second);
    pass_sizes(sizes, sizeof(sizes) / sizeof(sizes[0]));
    close_both();
}

/* -------------------------------------------------------------- streams --- */

/* Mostly small, some in pieces, now and then none at all. */
static size_t random_size(uint64_t *state)
{
    uint64_t number = peer_random(state);

    switch (number % 16) {
    case 0:
        return (size_t)(number >> 8) % 70000;
    case 1:
    case 2:
    case 3:
        return (size_t)(number >> 8) % 2000;
    default:
        return (size_t)(number >> 8) % 100;
    }
}

struct stream {
    weft_channel *channel;
    uint64_t seed;
    unsigned messages;
};

static void *send_stream(void *context)
{
    const struct stream *stream = context;
    uint64_t state = stream->seed;

    for (unsigned i = 0; i < stream->messages; i++) {
        size_t bytes = random_size(&state);

        if (!CHECK_STATUS(peer_send(stream->channel, bytes, i, peer_soon()),
                          WEFT_OK)) {
            break;
        }
    }
    return NULL;
}

static void *receive_stream(void *context)
{
    const struct stream *stream = context;
    uint64_t state = stream->seed;

    for (unsigned i = 0; i < stream->messages; i++) {
        if (!peer_receives(stream->channel, random_size(&state), i)) {
            break;
        }
    }
    return NULL;
}

static void test_streams(const char *name, size_t ring_max_bytes)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    struct stream streams[4];
    pthread_t threads[4];

    check_case(name);
    options.ring_max_bytes = ring_max_bytes;
    peer_both_ends(&options, &options, &first, &second);
    for (unsigned i = 0; i < 4; i++) {
        streams[i] = (struct stream){i < 2 ? first : second,
                                     i % 2 == i / 2 ? 77 : 99, 10000};
        REQUIRE(pthread_create(&threads[i], NULL,
                               i % 2 == 0 ? send_stream : receive_stream,
                               &streams[i]) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    close_both();
}

/* --------------------------------------------------------------- limits --- */

static void test_limits(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    const char none[1] = {0};

    check_case("a message over the peer's limit is refused, and only it");
    options.message_max_bytes = 100;
    peer_both_ends(NULL, &options, &first, &second);
    CHECK_STATUS(peer_send(first, 101, 0, peer_soon()), WEFT_EMSGSIZE);
    CHECK_STATUS(peer_send(first, 100, 1, peer_soon()), WEFT_OK);
    peer_receives(second, 100, 1);

    check_case("a message over one's own limit is refused, and only it");
    CHECK_STATUS(peer_send(second, 101, 0, peer_soon()), WEFT_EMSGSIZE);
    CHECK_STATUS(peer_send(second, 100, 2, peer_soon()), WEFT_OK);
    peer_receives(first, 100, 2);
    close_both();

    check_case("a message over WEFT_MESSAGE_MAX is refused unread");
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(weft_channel_send_until(
                     first, none, (size_t)WEFT_MESSAGE_MAX + 1, peer_soon()),
                 WEFT_EMSGSIZE);

    check_case("bytes without data are refused, no bytes without data pass");
    CHECK_STATUS(weft_channel_send_until(first, NULL, 1, peer_soon()),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_channel_send_until(first, NULL, 0, peer_soon()), WEFT_OK);
    peer_receives(second, 0, 0);
    close_both();
}

void test_main(void)
{
    test_ring("all sizes pass the home's ring", 2048);
    test_ring("all sizes pass a ring of 64 KiB", 65536);
    test_ring("all sizes pass a ring of 4 MiB", 4 * MIB);
    test_large();
    test_streams("streams pass the smallest ring both ways at once", 2048);
    test_streams("streams pass growing rings both ways at once", 0);
    test_limits();
}
