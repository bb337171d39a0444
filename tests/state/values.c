/* SPDX-License-Identifier: MIT
 *
 * A state has the value that was set last, with its version, for everybody who
 * has it open; and what is not allowed is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "peer.h"

#define MOST ((size_t)1000)

static weft_state *open_state(const char *name, size_t bytes_max,
                              unsigned flags)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *state = NULL;

    options.flags = flags;
    CHECK_STATUS(weft_state_open(name, bytes_max, &options, &state, NULL),
                 WEFT_OK);
    REQUIRE(state != NULL);
    return state;
}

static weft_status try_open(const char *name, size_t bytes_max, unsigned flags)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *state = (weft_state *)&options;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    options.flags = flags;
    status = weft_state_open(name, bytes_max, &options, &state, &detail);
    CHECK(status != WEFT_OK && state == NULL);
    CHECK(detail.status == status && detail.operation != NULL);
    return status;
}

/* Gets what was set as version `version`, of so many bytes, and nothing else.
 */
static void check_value(const weft_state *state, size_t expected,
                        uint64_t version)
{
    unsigned char data[MOST + 1];
    size_t bytes = sizeof(data);
    uint64_t found = 0;

    memset(data, 0xa5, sizeof(data));
    CHECK_STATUS(weft_state_get(state, data, &bytes, &found), WEFT_OK);
    CHECK(bytes == expected && found == version);
    CHECK(peer_is_filled(data, bytes, version));
    CHECK(data[bytes] == 0xa5);
    CHECK(weft_state_version(state) == version);
}

static void set(weft_state *state, size_t bytes, uint64_t seed)
{
    unsigned char data[MOST];

    peer_fill(data, bytes, seed);
    CHECK_STATUS(weft_state_set(state, data, bytes), WEFT_OK);
}

/* -------------------------------------------------------------- values --- */

static void test_values(void)
{
    weft_state *writer = open_state("values", MOST, WEFT_STATE_WRITE);
    weft_state *reader = open_state("values", 0, 0);
    weft_state *other = open_state("values", MOST, 0);
    unsigned char data[8] = {0};
    size_t bytes = sizeof(data);
    uint64_t version = 7;

    check_case("before the first value there is none");
    CHECK(weft_state_bytes_max(reader) == MOST);
    CHECK_STATUS(weft_state_get(reader, data, &bytes, &version), WEFT_EAGAIN);
    CHECK(version == 0 && bytes == sizeof(data));
    CHECK(weft_state_version(reader) == 0);

    check_case("everybody gets the latest value, of any size");
    for (uint64_t i = 1; i <= 3 * MOST; i++) {
        set(writer, i % (MOST + 1), i);
        check_value(reader, i % (MOST + 1), i);
    }
    check_value(other, 3 * MOST % (MOST + 1), 3 * MOST);
    check_value(writer, 3 * MOST % (MOST + 1), 3 * MOST);

    check_case("a value that is too large for its reader is not cut");
    bytes = 7;
    set(writer, 8, 1);
    CHECK_STATUS(weft_state_get(reader, data, &bytes, &version), WEFT_EMSGSIZE);
    CHECK(bytes == 8 && version == 3 * MOST + 1 && data[0] == 0);
    CHECK_STATUS(weft_state_get(reader, data, &bytes, NULL), WEFT_OK);
    CHECK(peer_is_filled(data, 8, 1));

    check_case("a value of no bytes is one");
    CHECK_STATUS(weft_state_set(writer, NULL, 0), WEFT_OK);
    bytes = 0;
    CHECK_STATUS(weft_state_get(reader, NULL, &bytes, &version), WEFT_OK);
    CHECK(bytes == 0 && version == 3 * MOST + 2);

    weft_state_close(&writer);
    CHECK(writer == NULL);
    weft_state_close(&reader);
    weft_state_close(&other);
    weft_state_close(&other);
    weft_state_close(NULL);
}

static void test_sizes(void)
{
    static const size_t sizes[] = {1, 7, 8, 9, 4096, (size_t)3 << 20};

    check_case("a state is of any size");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        weft_state *state = open_state("sizes", sizes[i], WEFT_STATE_WRITE);
        unsigned char *data = malloc(sizes[i] + 1);
        size_t bytes = sizes[i];

        REQUIRE(data != NULL);
        CHECK(weft_state_bytes_max(state) == sizes[i]);
        for (uint64_t round = 1; round <= 5; round++) {
            peer_fill(data, sizes[i], round);
            CHECK_STATUS(weft_state_set(state, data, sizes[i]), WEFT_OK);
            memset(data, 0, sizes[i]);
            CHECK_STATUS(weft_state_get(state, data, &bytes, NULL), WEFT_OK);
            CHECK(bytes == sizes[i] && peer_is_filled(data, bytes, round));
        }
        CHECK_STATUS(weft_state_set(state, data, sizes[i] + 1), WEFT_EMSGSIZE);
        CHECK(weft_state_version(state) == 5);
        free(data);
        weft_state_close(&state);
    }
}

/* --------------------------------------------------------------- others --- */

static void set_and_end(void *context)
{
    weft_state *state = open_state("life", 0, WEFT_STATE_WRITE);

    (void)context;
    set(state, 33, 2);
    /* It ends without closing it. */
}

static void check_in_child(void *context)
{
    weft_state *state = open_state("life", 0, 0);

    (void)context;
    check_value(state, 20, 1);
    CHECK(try_open("life", 0, WEFT_STATE_WRITE) == WEFT_EINUSE);
    weft_state_close(&state);
}

static void test_life(void)
{
    weft_state *state = open_state("life", 100, WEFT_STATE_WRITE);
    weft_state *reader = open_state("life", 100, 0);
    peer_process child;

    check_case("other processes get the value, and can't set it too");
    set(state, 20, 1);
    child = peer_run(check_in_child, NULL, 0);
    CHECK(peer_ended_well(&child));
    CHECK(try_open("life", 100, WEFT_STATE_WRITE) == WEFT_EINUSE);

    check_case("the value outlives its writer");
    weft_state_close(&state);
    check_value(reader, 20, 1);

    check_case("the next writer goes on with the versions");
    child = peer_run(set_and_end, NULL, 0);
    CHECK(peer_ended_well(&child));
    check_value(reader, 33, 2);

    check_case("a dead writer is replaced");
    state = open_state("life", 0, WEFT_STATE_WRITE);
    set(state, 44, 3);
    check_value(reader, 44, 3);
    weft_state_close(&state);
    weft_state_close(&reader);

    check_case("a state that all have closed is gone");
    CHECK(try_open("life", 0, 0) == WEFT_ENOENT);
    state = open_state("life", 50, 0);
    CHECK(weft_state_version(state) == 0);
    weft_state_close(&state);
}

/* --------------------------------------------------------------- misuse --- */

static void test_misuse(void)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *state = open_state("misuse", 64, WEFT_STATE_WRITE);
    weft_state *reader = open_state("misuse", 0, 0);
    weft_state *none = state;
    weft_shared *shared = NULL;
    unsigned char data[65] = {0};
    size_t bytes = sizeof(data);

    check_case("what is not allowed is refused");
    CHECK_STATUS(weft_state_set(reader, data, 8), WEFT_EINVAL);
    CHECK_STATUS(weft_state_set(NULL, data, 8), WEFT_EINVAL);
    CHECK_STATUS(weft_state_set(state, NULL, 8), WEFT_EINVAL);
    CHECK_STATUS(weft_state_set(state, data, 65), WEFT_EMSGSIZE);
    CHECK_STATUS(weft_state_get(NULL, data, &bytes, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_state_get(state, NULL, &bytes, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_state_get(state, data, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_state_wait(NULL, 0, WEFT_NOW), WEFT_EINVAL);
    CHECK(weft_state_version(NULL) == 0 && weft_state_bytes_max(NULL) == 0);
    CHECK(weft_state_version(state) == 0);

    check_case("a state is opened as it was made");
    CHECK(try_open("misuse", 63, 0) == WEFT_EINUSE);
    CHECK(try_open("misuse", 6400, 0) == WEFT_EINUSE);
    CHECK(try_open("misuse", 64, 8) == WEFT_EINVAL);
    CHECK(try_open("none", 0, 0) == WEFT_ENOENT);
    CHECK(try_open("none", WEFT_STATE_BYTES_MAX + 1, 0) == WEFT_EINVAL);
    CHECK(try_open("a b", 64, 0) == WEFT_ENAME);
    CHECK(try_open(NULL, 64, 0) == WEFT_EINVAL);
    CHECK_STATUS(weft_state_open("none", 64, NULL, NULL, NULL), WEFT_EINVAL);
    options.size = 1;
    CHECK_STATUS(weft_state_open("misuse", 64, &options, &none, NULL),
                 WEFT_EINVAL);
    CHECK(none == NULL);

    check_case("the names of states are their own");
    CHECK_STATUS(weft_shared_open("misuse", 0, NULL, &shared, NULL),
                 WEFT_ENOENT);
    CHECK_STATUS(weft_shared_open("misuse", 4096, NULL, &shared, NULL),
                 WEFT_OK);
    weft_shared_close(&shared);
    weft_state_close(&reader);
    weft_state_close(&state);
}

void test_main(void)
{
    peer_names_begin();
    test_values();
    test_sizes();
    test_life();
    test_misuse();
    peer_names_end();
}
