/* SPDX-License-Identifier: MIT
 *
 * Many subscribers, each in a process of its own, each get every message.
 */
#include "check.h"
#include "reader.h"

#define READERS 64u
#define COUNT 10000u

static void test_many(unsigned flags, size_t ring_bytes, weft_wait wait)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    peer_process children[READERS];
    weft_publisher *publisher;
    struct reader reader;
    unsigned readers = READERS / peer_cost;
    unsigned count = peer_rounds(COUNT);

    reader_init(&reader, readers);
    reader.flags = flags;
    reader.wait = wait;
    for (unsigned i = 0; i < readers; i++) {
        children[i] = reader_run(&reader, i);
    }
    options.ring_bytes = ring_bytes;
    publisher = reader_open(&options);
    reader_await(&reader, readers);
    CHECK_STATUS(reader_publish(publisher, 0, count, 0), WEFT_OK);
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < readers; i++) {
        CHECK(peer_ended_well(&children[i]));
        CHECK(reader.found[i].messages == count);
        CHECK(reader.found[i].lost_in_all == 0);
        CHECK_STATUS((weft_status)reader.found[i].end, WEFT_ECLOSED);
    }
    reader_deinit(&reader, readers);
}

void test_main(void)
{
    peer_names_begin();
    check_case("many reliable subscribers get every message");
    test_many(WEFT_SUBSCRIBER_RELIABLE, (size_t)64 << 10, WEFT_WAIT_ADAPTIVE);
    check_case("the same, of those that never spin, by a small ring");
    test_many(WEFT_SUBSCRIBER_RELIABLE, (size_t)16 << 10, WEFT_WAIT_BLOCK);
    check_case("many lossy ones, too, of a ring that holds all");
    test_many(0, (size_t)4 << 20, WEFT_WAIT_ADAPTIVE);
    peer_names_end();
}
