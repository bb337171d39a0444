/* SPDX-License-Identifier: MIT
 *
 * A reader of a state is overtaken exactly where it hurts: after it has copied
 * a value, and before it has found out whether the copy is whole. And what the
 * calls that are said to need no system call cost of them.
 */
#include <string.h>

#include "check.h"
#include "ipc/state.h"
#include "os/fake/fake.h"
#include "os/fake/step.h"
#include "peer.h"

static weft_state *writer;
static struct wefti_steps steps;
static unsigned laps;   /* how often the reader is still to be overtaken */
static unsigned values; /* that are set each time */
static uint64_t last;   /* the number of the last one */

static weft_state *open_state(unsigned flags)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *state = NULL;

    options.flags = flags;
    CHECK_STATUS(weft_state_open("overtaken", 16, &options, &state, NULL),
                 WEFT_OK);
    REQUIRE(state != NULL);
    return state;
}

static void set(void)
{
    uint64_t words[2] = {last + 1, ~(last + 1)};

    last++;
    CHECK_STATUS(weft_state_set(writer, words, sizeof(words)), WEFT_OK);
}

/* Stands for a death at that step, which it is not. */
static void overtake(void)
{
    if (laps > 0) {
        laps--;
        for (unsigned i = 0; i < values; i++) {
            set();
        }
    }
}

static void look(unsigned laps_, unsigned values_, weft_status expected,
                 uint64_t expected_number)
{
    uint64_t words[2] = {0, 0};
    size_t bytes = sizeof(words);
    uint64_t version = 0;

    laps = laps_;
    values = values_;
    CHECK_STATUS(weft_state_get(writer, words, &bytes, &version), expected);
    CHECK(version == expected_number);
    CHECK(expected != WEFT_OK ||
          (words[0] == expected_number && words[1] == ~expected_number));
}

static void test_overtaken(void)
{
    check_case("a reader is not troubled by three more values");
    set();
    wefti_step_follow(&steps, overtake);
    (void)strcpy(steps.die_in, "copied a slot");
    look(1, WEFTI_STATE_SLOTS - 1, WEFT_OK, last);

    check_case("one that was overtaken gets a later value");
    look(1, WEFTI_STATE_SLOTS, WEFT_OK, last + WEFTI_STATE_SLOTS);
    look(5, WEFTI_STATE_SLOTS, WEFT_OK, last + 5 * WEFTI_STATE_SLOTS);

    check_case("one that is overtaken each time gives up");
    look(64, WEFTI_STATE_SLOTS, WEFT_EAGAIN, last + 63 * WEFTI_STATE_SLOTS);
    look(0, 0, WEFT_OK, last);
    wefti_step_follow(NULL, NULL);
}

/* ------------------------------------------------------ half-written - */

#define STEPS_TO_BEGIN 1 /* becoming the writer */
#define STEPS_OF_SET 5
#define STEPS_TO_HALF 3 /* of which one has written the data */

/* Writes as many as there are slots, and dies within the last one. */
static void write_almost_all(void *context)
{
    struct wefti_steps own;

    last = *(uint64_t *)context;
    memset(&own, 0, sizeof(own));
    weftos_store_relaxed(
        &own.die_at, STEPS_TO_BEGIN + (WEFTI_STATE_SLOTS - 1) * STEPS_OF_SET +
                         STEPS_TO_HALF);
    wefti_step_follow(&own, peer_die);
    writer = open_state(WEFT_STATE_WRITE);
    for (unsigned i = 0; i < WEFTI_STATE_SLOTS; i++) {
        set();
    }
}

static void overtake_by_half(void)
{
    peer_process child;

    wefti_step_follow(NULL, NULL);
    child = peer_run(write_almost_all, &last, sizeof(last));
    CHECK(peer_was_killed(&child));
}

/* The copy might be of the value that is half written. */
static void test_half(void)
{
    check_case("a value that is being overwritten is not taken for whole");
    weft_state_close(&writer);
    writer = open_state(0);
    wefti_step_follow(&steps, overtake_by_half);
    look(0, 0, WEFT_OK, last + WEFTI_STATE_SLOTS - 1);
    weft_state_close(&writer);
    writer = NULL;
}

/* ---------------------------------------------------------- system calls - */

static unsigned calls;

static void count_call(const char *name)
{
    (void)name;
    calls++;
}

static void test_calls(void)
{
    uint64_t before = last;

    check_case("to set and to get take no system call");
    fake_before_each(count_call);
    for (unsigned i = 0; i < 100; i++) {
        set();
        look(0, 0, WEFT_OK, last);
        CHECK_STATUS(weft_state_wait(writer, before, WEFT_FOREVER), WEFT_OK);
    }
    CHECK(calls == 0);

    check_case("nor does a value that nobody waits for any more");
    CHECK_STATUS(weft_state_wait(writer, last, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    set(); /* the one that they had said they wait for */
    calls = 0;
    set();
    CHECK(calls == 0);
    fake_before_each(NULL);
}

void test_main(void)
{
    weft_state *keeper;

    peer_names_begin();
    writer = open_state(WEFT_STATE_WRITE);
    keeper = open_state(0);
    test_overtaken();
    test_calls();
    test_half();
    weft_state_close(&keeper);
    peer_names_end();
}
