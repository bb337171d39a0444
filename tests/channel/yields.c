/* SPDX-License-Identifier: MIT
 *
 * When a waiter yields its CPU instead of sleeping. The clock stands still but
 * for what the test says that the others' turns take.
 */
#include <string.h>

#include "check.h"
#include "ipc/park.h"
#include "os/fake/fake.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

/* What park.c and its comments say. */
#define FIRST_TRY 64               /* yields */
#define SLEEPS 8                   /* in a row, before any try */
#define SHORT_NS (2 * MS)          /* what is no longer a short sleep */
#define SLICE_NS MS                /* a turn as long as this was a slice */
#define LONG_SLICE_NS (5 * MS)     /* what a deadline must leave */
#define PAUSE_MOST_NS (60000 * MS) /* the longest pause */
#define START_NS (3600000 * MS)    /* when the clock is stopped */

/* What is waited for, and what time the others take. */
struct script {
    unsigned looks;
    unsigned there_at; /* the look that finds it; 0: none */
    unsigned slow_at;  /* the look after which a turn takes `turn_ns`; 0: all */
    uint64_t turn_ns;
};

static struct wefti_yields yields;

static void pass(uint64_t ns)
{
    fake_clock_stop(weftos_now_ns() + ns);
}

static bool look(void *context)
{
    struct script *script = context;

    script->looks++;
    if (script->slow_at == 0 || script->slow_at == script->looks) {
        pass(script->turn_ns);
    }
    return script->looks == script->there_at;
}

static bool take(struct script *script, uint64_t deadline_ns)
{
    script->looks = 0;
    return wefti_yields_take(&yields, deadline_ns, look, script);
}

/* How often it looks where there is nothing, and nobody else runs. */
static unsigned take_in_vain(uint64_t deadline_ns)
{
    struct script script = {.turn_ns = 0};

    CHECK(!take(&script, deadline_ns));
    return script.looks;
}

static void sleep_often(unsigned count, uint64_t slept_ns)
{
    for (unsigned i = 0; i < count; i++) {
        wefti_yields_learn(&yields, slept_ns);
    }
}

static void begin(const char *property)
{
    check_case(property);
    memset(&yields, 0, sizeof(yields));
    fake_clock_stop(START_NS);
}

/* One that has learnt to yield. */
static void begin_learnt(const char *property)
{
    begin(property);
    sleep_often(SLEEPS, SHORT_NS - 1);
}

static void test_learning(void)
{
    begin("nobody yields before several sleeps in a row were short");
    CHECK(take_in_vain(WEFT_FOREVER) == 0);
    sleep_often(SLEEPS - 1, SHORT_NS - 1);
    CHECK(take_in_vain(WEFT_FOREVER) == 0);
    sleep_often(1, SHORT_NS);
    sleep_often(SLEEPS - 1, 0);
    CHECK(take_in_vain(WEFT_FOREVER) == 0);
    sleep_often(1, 0);
    CHECK(take_in_vain(WEFT_FOREVER) == FIRST_TRY);
}

static void test_deadline(void)
{
    begin_learnt("no deadline is made late by another one's slice");
    CHECK(take_in_vain(WEFT_NOW) == 0);
    CHECK(take_in_vain(START_NS) == 0);
    CHECK(take_in_vain(START_NS + LONG_SLICE_NS - 1) == 0);
    CHECK(take_in_vain(START_NS + LONG_SLICE_NS) == FIRST_TRY);
}

static void test_vain(void)
{
    begin_learnt("yields in vain grow fewer, and end");
    for (unsigned most = FIRST_TRY; most > 0; most /= 2) {
        CHECK(take_in_vain(WEFT_FOREVER) == most);
    }
    CHECK(take_in_vain(WEFT_FOREVER) == 0);
    sleep_often(SLEEPS, 0);
    CHECK(take_in_vain(WEFT_FOREVER) == FIRST_TRY);
}

static void test_time(void)
{
    struct script script = {.turn_ns = 300 * US};

    begin_learnt("yields end in time where each is a short turn of others");
    CHECK(!take(&script, WEFT_FOREVER));
    /* The last one began before a slice was over. */
    CHECK(script.looks == SLICE_NS / script.turn_ns + 2);
    CHECK(weftos_now_ns() < START_NS + 2 * SLICE_NS);
    /* No one turn was a slice. */
    CHECK(take_in_vain(WEFT_FOREVER) == FIRST_TRY / 2);
}

static void test_success(void)
{
    struct script script = {.there_at = 3, .turn_ns = US};

    begin_learnt("a yield that was worth it is tried first, and in full");
    CHECK(take_in_vain(WEFT_FOREVER) == FIRST_TRY);
    CHECK(take(&script, WEFT_FOREVER) && script.looks == 3);
    CHECK(yields.come_first);
    CHECK(take_in_vain(WEFT_FOREVER) == FIRST_TRY);
    CHECK(!yields.come_first);
    script.turn_ns = 0; /* nobody had the CPU meanwhile: it spins first */
    CHECK(take(&script, WEFT_FOREVER) && script.looks == 3);
    CHECK(!yields.come_first);
}

/* The turn after the first look is a slice; `there`, so was it worth it. */
static void lose_slice(bool there, uint64_t slice_ns)
{
    struct script script = {
        .there_at = there ? 2 : 0, .slow_at = 1, .turn_ns = slice_ns};

    CHECK(take(&script, WEFT_FOREVER) == there);
    CHECK(script.looks == 2);
    CHECK(!yields.come_first);
}

/* Nobody yields for so long, and then somebody does. */
static void check_pause(uint64_t pause_ns)
{
    CHECK(take_in_vain(WEFT_FOREVER) == 0);
    pass(pause_ns - 1);
    CHECK(take_in_vain(WEFT_FOREVER) == 0);
    pass(1);
}

static void test_slices(void)
{
    const uint64_t slice_ns = 2 * MS;
    uint64_t pause_ns = 4 * slice_ns;

    begin_learnt("a yield that cost a slice is not tried again for longer");
    lose_slice(true, slice_ns);
    check_pause(pause_ns);
    lose_slice(false, slice_ns);
    check_pause(4 * pause_ns);
    lose_slice(true, slice_ns);
    for (pause_ns *= 16; pause_ns < PAUSE_MOST_NS; pause_ns *= 4) {
        check_pause(pause_ns);
        lose_slice(false, slice_ns);
    }
    check_pause(PAUSE_MOST_NS);
    CHECK(take_in_vain(WEFT_FOREVER) == FIRST_TRY);
}

static void test_forgiven(void)
{
    struct script script = {.there_at = 1, .turn_ns = 0};

    begin_learnt("a pause is forgotten after a success, or when forgiven");
    lose_slice(false, 2 * MS);
    check_pause(8 * MS);
    CHECK(take(&script, WEFT_FOREVER));
    lose_slice(false, 3 * MS);
    check_pause(12 * MS);
    lose_slice(false, 3 * MS);
    wefti_yields_forgive(&yields);
    CHECK(take_in_vain(WEFT_FOREVER) == FIRST_TRY);
}

void test_main(void)
{
    test_learning();
    test_deadline();
    test_vain();
    test_time();
    test_success();
    test_slices();
    test_forgiven();
    fake_reset();
}
