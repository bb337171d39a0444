/* SPDX-License-Identifier: MIT
 *
 * A crowd of reliable subscribers, each in a process of its own, all get every
 * message, while nobody is cut off.
 *
 * $WEFT_READERS and $WEFT_MESSAGES say how many get how many each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "reader.h"

#define READERS 1024u
#define MESSAGES 10000u
#define RING ((size_t)64 << 10) /* so that it is full now and then */

static unsigned setting(const char *name, unsigned instead)
{
    const char *text = getenv(name);

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : instead;
}

static void test_crowd(unsigned readers, unsigned messages)
{
    peer_process *children = peer_shared(readers * sizeof(*children));
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_publisher *publisher;
    struct reader reader;
    uint64_t began;

    reader_init(&reader, readers);
    reader.flags = WEFT_SUBSCRIBER_RELIABLE;
    reader.is_late = true; /* not every system lets so many wait for a name */
    for (unsigned i = 0; i < readers; i++) {
        children[i] = reader_run(&reader, i);
    }
    options.ring_bytes = RING;
    publisher = reader_open(&options);
    for (unsigned i = 0; i < readers; i++) {
        peer_gate_open(&reader.begin);
    }
    reader_await(&reader, readers);
    began = weft_now_ns();
    CHECK_STATUS(reader_publish(publisher, 0, messages, 0), WEFT_OK);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.reliable == readers && stats.cut_off == 0);
    weft_publisher_close(&publisher);
    for (unsigned i = 0; i < readers; i++) {
        CHECK(peer_ended_well(&children[i]));
        CHECK(reader.found[i].messages == messages);
        CHECK(reader.found[i].lost_in_all == 0);
        CHECK_STATUS((weft_status)reader.found[i].end, WEFT_ECLOSED);
    }
    printf("# %u subscribers got %u messages each in %.2f s\n", readers,
           messages, (double)(weft_now_ns() - began) / 1e9);
    reader_deinit(&reader, readers);
    peer_unshare(children, readers * sizeof(*children));
}

void test_main(void)
{
    peer_names_begin();
    check_case("a crowd of reliable subscribers gets every message");
    test_crowd(setting("WEFT_READERS", READERS / peer_cost),
               setting("WEFT_MESSAGES", peer_rounds(MESSAGES)));
    peer_names_end();
}
