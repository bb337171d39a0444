/* SPDX-License-Identifier: MIT
 *
 * Whatever lies in the memory of a state, a reader stays within it, and comes
 * to an end. What can't be is told apart from what is merely late.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ipc/state.h"
#include "ipc/sync_shared.h"
#include "peer.h"

#define MOST 100
#define ROUNDS 20000u

static const struct wefti_wording wording = {"v-", "w-", ".weft-state"};

static weft_state *open_state(unsigned flags)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *state = NULL;

    options.flags = flags;
    CHECK_STATUS(weft_state_open("scribbled", MOST, &options, &state, NULL),
                 WEFT_OK);
    REQUIRE(state != NULL);
    return state;
}

static weft_shared *open_memory(size_t bytes)
{
    weft_shared_options options = WEFT_SHARED_OPTIONS_INIT;
    weft_shared *shared = NULL;

    CHECK_STATUS(wefti_shared_open("scribbled", &wording, bytes, &options,
                                   &shared, NULL),
                 WEFT_OK);
    REQUIRE(shared != NULL);
    return shared;
}

static struct wefti_state_slot *slot_of(weft_shared *shared, uint64_t version)
{
    size_t stride = 0;
    size_t total = 0;

    CHECK(wefti_state_measure(MOST, &stride, &total));
    return (void *)((unsigned char *)weft_shared_base(shared) +
                    sizeof(struct wefti_state_head) +
                    version % WEFTI_STATE_SLOTS * stride);
}

/* With room for more than a value may have: it is not filled beyond that. */
static weft_status get(const weft_state *state)
{
    unsigned char data[MOST + 1];
    size_t bytes = sizeof(data);
    weft_status status;

    data[MOST] = 0xa5;
    status = weft_state_get(state, data, &bytes, NULL);
    CHECK(status != WEFT_OK || bytes <= MOST);
    CHECK(data[MOST] == 0xa5);
    return status;
}

/* ---------------------------------------------------------------- words --- */

static void test_words(void)
{
    weft_state *state = open_state(WEFT_STATE_WRITE);
    weft_shared *shared = open_memory(0);
    struct wefti_state_head *head = weft_shared_base(shared);
    struct wefti_state_slot *slot = slot_of(shared, 1);
    uint64_t value = 1;

    CHECK_STATUS(weft_state_set(state, &value, sizeof(value)), WEFT_OK);
    CHECK_STATUS(get(state), WEFT_OK);

    check_case("a length that can't be is not believed");
    weftos_store_relaxed(&slot->bytes, MOST + 1);
    CHECK_STATUS(get(state), WEFT_ECORRUPT);
    weftos_store_relaxed(&slot->bytes, UINT64_MAX);
    CHECK_STATUS(get(state), WEFT_ECORRUPT);
    weftos_store_relaxed(&slot->bytes, MOST);
    CHECK_STATUS(get(state), WEFT_OK);

    check_case("a version that its slot has not is not believed");
    weftos_store_relaxed(&slot->version, 0);
    CHECK_STATUS(get(state), WEFT_ECORRUPT);
    weftos_store_relaxed(&slot->version, 5);
    CHECK_STATUS(get(state), WEFT_ECORRUPT);
    weftos_store_relaxed(&slot->version, 1);
    weftos_store_relaxed(&head->value.state, UINT64_MAX);
    CHECK_STATUS(get(state), WEFT_ECORRUPT);
    weft_state_close(&state);

    check_case("nobody writes where the versions end");
    CHECK_STATUS(
        weft_state_open("scribbled", MOST,
                        &(weft_state_options){sizeof(weft_state_options), 0,
                                              WEFT_STATE_WRITE},
                        &state, NULL),
        WEFT_ECORRUPT);
    weftos_store_relaxed(&head->value.state, 1 << 1);
    state = open_state(WEFT_STATE_WRITE);
    CHECK_STATUS(get(state), WEFT_OK);
    CHECK_STATUS(weft_state_set(state, &value, sizeof(value)), WEFT_OK);
    CHECK_STATUS(get(state), WEFT_OK);

    check_case("what is no object is not waited at");
    weftos_store_relaxed(&head->value.head, 0);
    CHECK_STATUS(weft_state_wait(state, 2, WEFT_FOREVER), WEFT_ECORRUPT);
    weft_state_close(&state);
    weft_shared_close(&shared);
}

/* --------------------------------------------------------------- layout --- */

static void check_refused(void)
{
    weft_state *state = NULL;

    CHECK_STATUS(weft_state_open("scribbled", 0, NULL, &state, NULL),
                 WEFT_ECORRUPT);
    CHECK(state == NULL);
}

static void test_layout(void)
{
    static const uint64_t lies[] = {0,
                                    129,
                                    4096,
                                    WEFT_STATE_BYTES_MAX,
                                    WEFT_STATE_BYTES_MAX + 1,
                                    UINT64_C(1) << 32,
                                    UINT64_MAX};
    weft_shared *shared = open_memory(64);
    weft_state *state;
    struct wefti_state_head *head;

    check_case("memory that is no state is not opened");
    check_refused();
    weft_shared_close(&shared);
    shared = open_memory(4096);
    check_refused();
    weft_shared_close(&shared);

    check_case("a size that does not fit the memory is not believed");
    state = open_state(0);
    shared = open_memory(0);
    head = weft_shared_base(shared);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        head->bytes_max = lies[i];
        check_refused();
        CHECK(weft_state_bytes_max(state) == MOST);
    }
    weft_state_close(&state);
    weft_shared_close(&shared);
}

/* ---------------------------------------------------------------- bytes --- */

static void test_bytes(void)
{
    weft_state *state = open_state(WEFT_STATE_WRITE);
    weft_shared *shared = open_memory(0);
    size_t words = weft_shared_bytes(shared) / sizeof(uint64_t);
    weftos_word *memory = weft_shared_base(shared);
    uint64_t random = 1;
    uint64_t value = 0;
    unsigned rounds = peer_rounds(ROUNDS);
    unsigned whole = 0;

    check_case("any bytes at all do no harm");
    for (unsigned i = 0; i < rounds; i++) {
        size_t word = (size_t)(peer_random(&random) % words);
        uint64_t was = weftos_load_relaxed(&memory[word]);
        weft_status status;

        weftos_store_relaxed(&memory[word],
                             peer_random(&random) >> peer_random(&random) % 64);
        status = get(state);
        whole += status == WEFT_OK;
        CHECK(status == WEFT_OK || status == WEFT_EAGAIN ||
              status == WEFT_EMSGSIZE || status == WEFT_ECORRUPT);
        (void)weft_state_wait(state, weft_state_version(state), WEFT_NOW);
        (void)weft_state_wait(state, weft_state_version(state), 1);
        (void)weft_state_set(state, &value, sizeof(value));
        if (i % 16 != 0 ||
            word < sizeof(struct wefti_state_head) / sizeof(uint64_t)) {
            weftos_store_relaxed(&memory[word], was);
        }
    }
    CHECK(whole > 0 && whole < rounds);
    weft_state_close(&state);
    weft_shared_close(&shared);
}

void test_main(void)
{
    peer_names_begin();
    test_words();
    test_layout();
    test_bytes();
    peer_names_end();
}
