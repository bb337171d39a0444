/* SPDX-License-Identifier: MIT
 *
 * A writer at full speed, whose values change their size each time, and several
 * readers: none of them ever gets a value that was not set as it is, or an
 * older one than before.
 */
#include "check.h"
#include "peer.h"

#define READERS 3
#define WORDS_MOST 1024
#define RUN_NS (UINT64_C(600) * PEER_MS)

/* Of all processes. */
struct stage {
    _Atomic uint32_t ready;
    _Atomic bool over;
    _Atomic uint64_t got;
    _Atomic uint64_t waited;
};

struct errand {
    struct stage *stage;
    bool waits;
};

static weft_state *open_state(unsigned flags)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *state = NULL;

    options.flags = flags;
    CHECK_STATUS(weft_state_open("torn", WORDS_MOST * sizeof(uint64_t),
                                 &options, &state, NULL),
                 WEFT_OK);
    REQUIRE(state != NULL);
    return state;
}

/* Long ones and short ones, in an order that does not fit the slots'. */
static size_t words_of(uint64_t version)
{
    return (size_t)(1 + version * 2654435761u % WORDS_MOST);
}

static uint64_t word_of(uint64_t version, size_t i)
{
    return version * UINT64_C(0x9e3779b97f4a7c15) + i;
}

static bool is_whole(const uint64_t *words, size_t bytes, uint64_t version)
{
    size_t count = words_of(version);

    for (size_t i = 0; i < count; i++) {
        if (words[i] != word_of(version, i)) {
            return false;
        }
    }
    return bytes == count * sizeof(uint64_t);
}

static void read_on(void *context)
{
    const struct errand *errand = context;
    weft_state *state = open_state(0);
    uint64_t words[WORDS_MOST];
    uint64_t before = 0;
    uint64_t got = 0;

    errand->stage->ready++;
    while (!errand->stage->over) {
        size_t bytes = sizeof(words);
        uint64_t version = 0;
        weft_status status = WEFT_OK;

        if (errand->waits) {
            status = weft_state_wait(state, before, peer_soon());
            if (status == WEFT_ECLOSED) {
                break;
            }
            CHECK_STATUS(status, WEFT_OK);
            errand->stage->waited++;
        }
        status = weft_state_get(state, words, &bytes, &version);
        if (status == WEFT_EAGAIN) {
            continue;
        }
        if (!CHECK_STATUS(status, WEFT_OK) || !CHECK(version >= before) ||
            !CHECK(is_whole(words, bytes, version))) {
            break;
        }
        before = version;
        got++;
    }
    errand->stage->got += got;
    weft_state_close(&state);
}

static void write_until(weft_state *state, uint64_t until_ns)
{
    static uint64_t words[WORDS_MOST];
    uint64_t version = 0;

    while (weft_now_ns() < until_ns) {
        size_t count = words_of(++version);

        for (size_t i = 0; i < count; i++) {
            words[i] = word_of(version, i);
        }
        if (!CHECK_STATUS(weft_state_set(state, words, count * sizeof(*words)),
                          WEFT_OK)) {
            break;
        }
    }
}

void test_main(void)
{
    struct errand errand = {peer_shared(sizeof(struct stage)), false};
    peer_process readers[READERS];
    weft_state *state;

    check_case("no reader gets a torn value from a writer at full speed");
    peer_names_begin();
    for (unsigned i = 0; i < READERS; i++) {
        errand.waits = i == 0;
        readers[i] = peer_run(read_on, &errand, sizeof(errand));
    }
    state = open_state(WEFT_STATE_WRITE);
    while (errand.stage->ready < READERS) {
    }
    write_until(state, weft_after_ns(RUN_NS));
    errand.stage->over = true;
    /* Who waits is let go. */
    weft_state_close(&state);
    for (unsigned i = 0; i < READERS; i++) {
        CHECK(peer_ended_well(&readers[i]));
    }
    CHECK(errand.stage->got > READERS && errand.stage->waited > 0);
    peer_unshare(errand.stage, sizeof(*errand.stage));
    peer_names_end();
}
