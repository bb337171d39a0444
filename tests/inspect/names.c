/* SPDX-License-Identifier: MIT
 *
 * The names in use are all told, in order, and no others.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "peer.h"

#define MOST 16

struct seen {
    unsigned count;
    char names[MOST][WEFT_NAME_MAX + 8];
    weft_name entries[MOST];
    unsigned stop_at; /* 0: never */
};

static int note(void *context, const weft_name *name)
{
    struct seen *seen = context;

    if (CHECK(seen->count < MOST)) {
        (void)snprintf(seen->names[seen->count], sizeof(seen->names[0]), "%s",
                       name->name);
        seen->entries[seen->count++] = *name;
    }
    return seen->count == seen->stop_at;
}

static bool is_seen(const struct seen *seen, unsigned i, weft_name_kind kind,
                    const char *name)
{
    return i < seen->count && seen->entries[i].kind == kind &&
           strcmp(seen->names[i], name) == 0;
}

static void look(struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    CHECK_STATUS(weft_names_each(note, seen, NULL), WEFT_OK);
}

/* Dies as who has an endpoint, and memory. */
static void leave_names(void *context)
{
    weft_listener *listener;
    weft_shared *shared;

    (void)context;
    REQUIRE(weft_channel_listen("dead", NULL, &listener, NULL) == WEFT_OK);
    REQUIRE(weft_shared_open("dead", 4096, NULL, &shared, NULL) == WEFT_OK);
    peer_die();
}

static void test_kinds(void)
{
    weft_state_options state_options = WEFT_STATE_OPTIONS_INIT;
    weft_publisher *publishers[2];
    weft_inspection *inspection;
    weft_listener *listener;
    weft_shared *shared;
    weft_state *state;
    weft_sync *sync;
    struct seen seen;

    check_case("each kind of name is told");
    REQUIRE(weft_channel_listen("a-listener", NULL, &listener, NULL) ==
            WEFT_OK);
    REQUIRE(weft_publisher_open("a-topic", NULL, &publishers[0], NULL) ==
            WEFT_OK);
    REQUIRE(weft_publisher_open("a-topic", NULL, &publishers[1], NULL) ==
            WEFT_OK);
    REQUIRE(weft_shared_open("memory", 12345, NULL, &shared, NULL) == WEFT_OK);
    state_options.flags = WEFT_STATE_WRITE;
    REQUIRE(weft_state_open("state", 100, &state_options, &state, NULL) ==
            WEFT_OK);
    REQUIRE(weft_sync_open("lock", WEFT_SYNC_RWLOCK, NULL, &sync, NULL) ==
            WEFT_OK);
    look(&seen);
    CHECK(seen.count == 6);
    CHECK(is_seen(&seen, 0, WEFT_NAME_ENDPOINT, "a-listener"));
    CHECK(is_seen(&seen, 1, WEFT_NAME_ENDPOINT, "a-topic"));
    CHECK(is_seen(&seen, 2, WEFT_NAME_ENDPOINT, "a-topic+1"));
    CHECK(is_seen(&seen, 3, WEFT_NAME_MEMORY, "memory"));
    CHECK(is_seen(&seen, 4, WEFT_NAME_STATE, "state"));
    CHECK(is_seen(&seen, 5, WEFT_NAME_OBJECT, "lock"));
    CHECK(seen.entries[3].bytes == 12345 && seen.entries[4].bytes > 400);
    CHECK(seen.entries[5].object == WEFT_SYNC_RWLOCK);
    for (unsigned i = 0; i < seen.count; i++) {
        CHECK(seen.entries[i].is_cut == 0);
    }

    check_case("a further publisher is inspected by its number");
    REQUIRE(weft_inspection_open("a-topic+1", peer_soon(), &inspection, NULL,
                                 NULL) == WEFT_OK);
    weft_inspection_close(&inspection);

    check_case("who visits may stop");
    memset(&seen, 0, sizeof(seen));
    seen.stop_at = 2;
    CHECK_STATUS(weft_names_each(note, &seen, NULL), WEFT_OK);
    CHECK(seen.count == 2);
    weft_sync_close(&sync);
    weft_state_close(&state);
    weft_shared_close(&shared);
    weft_publisher_close(&publishers[0]);
    weft_publisher_close(&publishers[1]);
    weft_listener_close(&listener);

    check_case("what is closed is told no more");
    look(&seen);
    CHECK(seen.count == 0);
}

static void test_long(void)
{
    static const char beginning[] = "a-name-that-is-";
    char name[100];
    weft_shared *shared;
    struct seen seen;

    check_case("a name that was cut says so");
    memset(name, 'x', sizeof(name));
    memcpy(name, beginning, strlen(beginning));
    name[sizeof(name) - 1] = '\0';
    REQUIRE(weft_shared_open(name, 100, NULL, &shared, NULL) == WEFT_OK);
    look(&seen);
    CHECK(seen.count == 1 && seen.entries[0].kind == WEFT_NAME_MEMORY);
    CHECK(seen.entries[0].is_cut != 0);
    CHECK(strncmp(seen.names[0], beginning, strlen(beginning)) == 0);
    weft_shared_close(&shared);
}

static void test_dead(void)
{
    peer_process child = peer_run(leave_names, NULL, 0);
    weft_inspection *inspection;
    weft_listener *listener;
    weft_shared *shared;
    struct seen seen;

    check_case(
        "memory of the dead is not told; of endpoints, connecting tells");
    CHECK(peer_was_killed(&child));
    look(&seen);
    CHECK(seen.count == 0 ||
          (seen.count == 1 && is_seen(&seen, 0, WEFT_NAME_ENDPOINT, "dead")));
    CHECK_STATUS(
        weft_inspection_open("dead", peer_soon(), &inspection, NULL, NULL),
        WEFT_ENOENT);
    /* So that both are cleaned up. */
    REQUIRE(weft_channel_listen("dead", NULL, &listener, NULL) == WEFT_OK);
    weft_listener_close(&listener);
    REQUIRE(weft_shared_open("dead", 4096, NULL, &shared, NULL) == WEFT_OK);
    weft_shared_close(&shared);
}

void test_main(void)
{
    struct seen seen;

    peer_names_begin();
    memset(&seen, 0, sizeof(seen));
    if (weft_names_each(note, &seen, NULL) == WEFT_ENOTSUP) {
        SKIP("the names in use can't be told here");
    }
    check_case("where no run-time directory is there are no names");
    look(&seen);
    CHECK(seen.count == 0);
    test_kinds();
    test_long();
    test_dead();
    peer_names_end();
}
