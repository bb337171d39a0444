/* SPDX-License-Identifier: MIT
 *
 * Fails every call to the operating system that a state makes, one at a time
 * and in each of its ways. The caller is told, nothing is kept, and the same
 * call does its work when it is made again.
 */
#include "check.h"
#include "os/fake/fake.h"
#include "peer.h"
#include "sides.h"

/* A wait that nobody ends. */
#define WAIT_NS UINT64_C(500000)

/*
 * `status` is `expected`, or what was failed just now: then the call is to be
 * made again.
 */
static bool is_through(weft_status status, weft_status expected, uint64_t seen)
{
    if (status == expected) {
        return true;
    }
    return !CHECK(fake_failed_operation() != NULL && fake_calls() > seen &&
                  status == fake_failed_how().status);
}

/* Makes a call until it does what is expected: at most one of them fails. */
#define DO(call, expected)                                                     \
    for (uint64_t seen = fake_calls(); !is_through((call), (expected), seen);  \
         seen = fake_calls()) {                                                \
    }

static weft_status open_state(unsigned flags, weft_state **state)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    options.flags = flags;
    status = weft_state_open("fail", 100, &options, state, &detail);
    CHECK(detail.status == status);
    CHECK((*state != NULL) == (status == WEFT_OK));
    return status;
}

static void go_through(void)
{
    weft_state *writer = NULL;
    weft_state *reader = NULL;
    uint64_t value = 7;
    size_t bytes = sizeof(value);

    DO(open_state(WEFT_STATE_WRITE, &writer), WEFT_OK);
    DO(open_state(0, &reader), WEFT_OK);
    DO(weft_state_set(writer, &value, sizeof(value)), WEFT_OK);
    DO(weft_state_get(reader, &value, &bytes, NULL), WEFT_OK);
    DO(weft_state_wait(reader, 1, weft_after_ns(WAIT_NS)), WEFT_ETIMEDOUT);
    DO(weft_state_set(writer, &value, sizeof(value)), WEFT_OK);
    DO(weft_state_wait(reader, 1, weft_after_ns(WAIT_NS)), WEFT_OK);
    weft_state_close(&writer);
    DO(weft_state_wait(reader, 2, weft_after_ns(WAIT_NS)), WEFT_ECLOSED);
    weft_state_close(&reader);
}

/* Returns how many ways the failed call has; 0: the script has ended before. */
static unsigned fail(uint64_t number, unsigned variant)
{
    struct sides_holdings before = sides_hold();
    int64_t live = fake_live_allocations();
    unsigned variants;

    fake_fail_at(number, variant);
    go_through();
    variants = fake_failed_variants();
    fake_reset();
    CHECK(fake_live_allocations() == live);
    sides_check_holdings(&before);
    return variants;
}

void test_main(void)
{
    uint64_t number = 0;
    unsigned variants;

    check_case("each call of a state fails once");
    peer_names_begin();
    go_through(); /* what is made once is kept */
    do {
        variants = fail(++number, 0);
        for (unsigned i = 1; i < variants; i++) {
            (void)fail(number, i);
        }
    } while (variants != 0);
    CHECK(number > 4);
    peer_names_end();
}
