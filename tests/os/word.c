/* SPDX-License-Identifier: MIT
 *
 * os.h: waiting at a word of this process's own.
 */
#include "contract.h"

static _Atomic uint32_t word;

struct wish {
    uint32_t value; /* the wait is over when the word is another one */
};

static weft_status wait_for_change(void *context, uint64_t deadline_ns)
{
    const struct wish *wish = context;
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < CONTRACT_EARLY_MOST; i++) {
        if (word != wish->value) {
            return WEFT_OK;
        }
        status = weftos_word_wait(&word, wish->value, NULL, deadline_ns, false,
                                  NULL);
        if (status != WEFT_OK) {
            return status;
        }
    }
    CHECK_NOT_HERE("a wait that ends early no more often than this");
    return status;
}

static void test_changed(void)
{
    check_case("a word that is another one by now is not waited for");
    word = 5;
    CHECK_STATUS(weftos_word_wait(&word, 4, NULL, peer_soon(), false, NULL),
                 WEFT_OK);
    CHECK_STATUS(weftos_word_wait(&word, 4, NULL, WEFT_FOREVER, false, NULL),
                 WEFT_OK);
    weftos_word_wake(&word, UINT32_MAX, NULL); /* nobody is there */
}

static void test_deadlines(void)
{
    struct wish wish = {5};

    check_case("a wait at a word ends at its deadline");
    word = 5;
    contract_deadlines(wait_for_change, &wish);
    word = WEFTOS_WORD_STIRRED | 5;
    wish.value = WEFTOS_WORD_STIRRED | 5;
    contract_deadlines(wait_for_change, &wish);
}

static void test_wake(void)
{
    struct wish wish;

    check_case("a wake ends the wait, however far its deadline is");
    for (unsigned i = 0; i < 20; i++) {
        contract_sleeper sleeper;

        wish.value = i;
        word = i;
        contract_sleep(&sleeper, wait_for_change, &wish,
                       i % 2 == 0 ? WEFT_FOREVER : CONTRACT_FAR);
        word = i + 1;
        weftos_word_wake(&word, 1, NULL);
        CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
    }
}

#define CROWD 6

static _Atomic unsigned ended;

/* One wait, which counts when it has ended. */
static weft_status wait_once(void *context, uint64_t deadline_ns)
{
    weft_status status = wait_for_change(context, deadline_ns);

    ended++;
    return status;
}

static bool await_ended(unsigned count)
{
    uint64_t late = peer_soon();

    while (ended < count) {
        if (weft_now_ns() > late) {
            return false;
        }
        weftos_yield();
    }
    return true;
}

static void test_count(void)
{
    contract_sleeper sleepers[CROWD];
    struct wish wish = {1};

    check_case("a wake ends as many waits as it says, and all if asked");
    word = 1;
    ended = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        contract_sleep(&sleepers[i], wait_once, &wish, peer_soon());
    }
    word = 2;
    weftos_word_wake(&word, 1, NULL);
    CHECK(await_ended(1));
    weftos_word_wake(&word, 2, NULL);
    CHECK(await_ended(3));
    weftos_word_wake(&word, UINT32_MAX, NULL);
    CHECK(await_ended(CROWD));
    for (unsigned i = 0; i < CROWD; i++) {
        CHECK_STATUS(contract_woken(&sleepers[i]), WEFT_OK);
    }
}

#define ROUNDS 100000

static weft_status pass_turns(uint32_t first)
{
    weft_status status = WEFT_OK;

    for (uint32_t i = first; i < ROUNDS && status == WEFT_OK; i += 2) {
        struct wish wish = {i + 1};

        word = i + 1;
        weftos_word_wake(&word, 1, NULL);
        if (i + 1 < ROUNDS) {
            status = wait_for_change(&wish, peer_soon());
        }
    }
    return status;
}

static void *pass_odd_turns(void *context)
{
    struct wish wish = {0};

    (void)context;
    CHECK_STATUS(wait_for_change(&wish, peer_soon()), WEFT_OK);
    CHECK_STATUS(pass_turns(1), WEFT_OK);
    return NULL;
}

static void test_rounds(void)
{
    pthread_t thread;

    check_case("no wake is lost in 100,000");
    word = 0;
    REQUIRE(pthread_create(&thread, NULL, pass_odd_turns, NULL) == 0);
    CHECK_STATUS(pass_turns(0), WEFT_OK);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

void test_main(void)
{
    test_changed();
    test_deadlines();
    test_wake();
    test_count();
    test_rounds();
}
