/* SPDX-License-Identifier: MIT
 *
 * os.h: waiting at words that processes share, each at an address of its own,
 * and hearing there of the deaths of others.
 */
#include "contract.h"

#define NAME "words"

/* What lies in the named memory. */
struct words {
    _Atomic uint32_t word[2];
    uint64_t site_id[2];
    /* The child writes these, and then says so at a gate. */
    weftos_process_id child;
    uint64_t domain;
};

/* One process's view of it. */
struct view {
    struct words *words;
    size_t bytes;
    weft_handle handle;
};

static struct view view;

static uint64_t random_id(void)
{
    static uint64_t state;

    if (state == 0) {
        state = weft_now_ns() << 20 | (uint64_t)peer_self();
    }
    return peer_random(&state);
}

static void make_words(void *base, size_t bytes, void *context)
{
    struct words *words = base;

    (void)bytes;
    (void)context;
    words->site_id[0] = random_id();
    words->site_id[1] = random_id();
}

static struct view open_view(void)
{
    struct view opened = {.bytes = weftos_get_facts()->page_bytes};
    void *base;

    REQUIRE(weftos_shm_open(NAME, 0600, &opened.bytes, make_words, NULL,
                            &opened.handle, &base, NULL) == WEFT_OK);
    opened.words = base;
    return opened;
}

static void close_view(struct view *opened)
{
    weftos_shm_unmap(opened->words, opened->bytes);
    weftos_close(opened->handle);
}

/* A view that lies elsewhere than `other`, which may be of another process. */
static struct view open_elsewhere(uintptr_t other)
{
    struct view opened = open_view();

    if ((uintptr_t)opened.words == other) {
        struct view again = open_view();

        close_view(&opened);
        opened = again;
    }
    CHECK((uintptr_t)opened.words != other);
    return opened;
}

/* -------------------------------------------------------------- waiting --- */

/* A wait at one of the words, as the process sees it. */
struct wish {
    struct words *words;
    unsigned which;
    uint32_t value; /* it is over when the word is another one */
    weftos_process_id owner;
    weftos_process_id other;
};

static weftos_site site_of(const struct wish *wish)
{
    weftos_site site = {.id = wish->words->site_id[wish->which],
                        .owner = wish->owner};

    site.others[WEFTOS_SITE_OTHERS - 1] = wish->other;
    return site;
}

static weft_status wait_for_change(void *context, uint64_t deadline_ns)
{
    const struct wish *wish = context;
    weftos_site site = site_of(wish);
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < CONTRACT_EARLY_MOST; i++) {
        uint32_t seen = wish->words->word[wish->which];

        if ((seen & ~WEFTOS_WORD_STIRRED) != wish->value) {
            return WEFT_OK;
        }
        status = weftos_word_wait(&wish->words->word[wish->which], seen, &site,
                                  deadline_ns, false, NULL);
        if (status != WEFT_OK) {
            return status;
        }
    }
    CHECK_NOT_HERE("a wait that ends early no more often than this");
    return status;
}

static void change(struct words *words, unsigned which, uint32_t value)
{
    words->word[which] = value;
}

static void wake(struct words *words, unsigned which, uint32_t count)
{
    weftos_site site = {.id = words->site_id[which]};

    weftos_word_wake(&words->word[which], count, &site);
}

static void begin(void)
{
    view = open_view();
}

static void end(void)
{
    close_view(&view);
    contract_forget_memory(NAME);
}

/* ---------------------------------------------------------- one process --- */

static void test_deadlines(void)
{
    struct wish wish;

    check_case("a wait at a shared word ends at its deadline");
    begin();
    wish = (struct wish){.words = view.words, .value = 0};
    contract_deadlines(wait_for_change, &wish);
    change(view.words, 0, 7);
    CHECK_STATUS(wait_for_change(&wish, WEFT_FOREVER), WEFT_OK);
    wake(view.words, 0, UINT32_MAX);
    end();
}

static void test_two_addresses(void)
{
    struct view second;
    struct wish wish;

    check_case("a wake through one address ends a wait at another");
    begin();
    second = open_view();
    CHECK(second.words != view.words);
    wish = (struct wish){.words = view.words, .which = 1};
    for (uint32_t i = 0; i < 20; i++) {
        contract_sleeper sleeper;

        wish.value = i;
        contract_sleep(&sleeper, wait_for_change, &wish,
                       i % 2 == 0 ? WEFT_FOREVER : CONTRACT_FAR);
        change(second.words, 1, i + 1);
        wake(second.words, 1, 1);
        CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
    }
    close_view(&second);
    end();
}

/* The two words are neighbours, and so may be what stands for them. */
static void test_two_words(void)
{
    contract_sleeper sleepers[2];
    struct wish wishes[2];

    check_case("a wake at one word is not lost to a neighbour's waiter");
    begin();
    for (uint32_t i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 2; k++) {
            wishes[k] = (struct wish){view.words, k, i, {0, 0}, {0, 0}};
            contract_sleep(&sleepers[k], wait_for_change, &wishes[k],
                           peer_soon());
        }
        for (unsigned k = 2; k-- > 0;) {
            change(view.words, k, i + 1);
            wake(view.words, k, 1);
            CHECK_STATUS(contract_woken(&sleepers[k]), WEFT_OK);
        }
    }
    end();
}

/* -------------------------------------------------------- two processes --- */

struct plan {
    uintptr_t address; /* of the words in the parent */
    peer_gate ready;
    peer_gate leave;
};

static struct plan plan_init(void)
{
    struct plan plan = {.address = (uintptr_t)view.words};

    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.leave);
    return plan;
}

static void plan_deinit(struct plan *plan)
{
    peer_gate_deinit(&plan->ready);
    peer_gate_deinit(&plan->leave);
}

#define ROUNDS 100000

/* Waits until `mine` is `round`, or passes the turn on to `theirs`. */
static weft_status pass_turns(struct words *words, unsigned mine, bool begins)
{
    weft_status status = WEFT_OK;

    for (uint32_t i = 0; i < ROUNDS && status == WEFT_OK; i++) {
        struct wish wish = {.words = words, .which = mine, .value = i};

        if (begins) {
            change(words, 1 - mine, i + 1);
            wake(words, 1 - mine, 1);
        }
        status = wait_for_change(&wish, peer_soon());
        if (!begins) {
            change(words, 1 - mine, i + 1);
            wake(words, 1 - mine, 1);
        }
    }
    return status;
}

static void pass_turns_in_child(void *context)
{
    const struct plan *plan = context;
    struct view own = open_elsewhere(plan->address);

    CHECK_STATUS(pass_turns(own.words, 1, false), WEFT_OK);
    close_view(&own);
}

static void test_rounds(void)
{
    struct plan plan;
    peer_process child;

    check_case("no wake is lost in 100,000 between two processes");
    begin();
    plan = plan_init();
    child = peer_run(pass_turns_in_child, &plan, sizeof(plan));
    CHECK_STATUS(pass_turns(view.words, 0, true), WEFT_OK);
    CHECK(peer_ended_well(&child));
    plan_deinit(&plan);
    end();
}

#define CROWD 4

/* Waits at word 0 while it is 0, then counts in word 1. */
static void wait_in_child(void *context)
{
    const struct plan *plan = context;
    struct view own = open_elsewhere(plan->address);
    struct wish wish = {.words = own.words};

    peer_gate_open(&plan->ready);
    CHECK_STATUS(wait_for_change(&wish, peer_soon()), WEFT_OK);
    own.words->word[1]++;
    close_view(&own);
}

static peer_process start_waiting(const struct plan *plan)
{
    peer_process child = peer_run(wait_in_child, plan, sizeof(*plan));

    CHECK(peer_gate_pass(&plan->ready));
    CHECK(peer_await_asleep(&child));
    return child;
}

static bool await_count(uint32_t count)
{
    uint64_t late = peer_soon();

    while ((view.words->word[1] & ~WEFTOS_WORD_STIRRED) < count) {
        if (weft_now_ns() > late) {
            return false;
        }
        weftos_yield();
    }
    return true;
}

static void test_count(void)
{
    struct plan plan;
    peer_process children[CROWD];

    check_case("a wake ends waits of other processes, as many as it says");
    begin();
    plan = plan_init();
    for (unsigned i = 0; i < CROWD; i++) {
        children[i] = start_waiting(&plan);
    }
    change(view.words, 0, 1);
    wake(view.words, 0, 1);
    CHECK(await_count(1));
    wake(view.words, 0, 2);
    CHECK(await_count(3));
    wake(view.words, 0, UINT32_MAX);
    CHECK(await_count(CROWD));
    for (unsigned i = 0; i < CROWD; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    plan_deinit(&plan);
    end();
}

static void test_killed_waiter(void)
{
    struct plan plan;
    peer_process children[CROWD];

    check_case("a waiter that was killed takes no wake with it");
    begin();
    plan = plan_init();
    for (unsigned i = 0; i < CROWD; i++) {
        children[i] = start_waiting(&plan);
    }
    for (unsigned i = 0; i + 1 < CROWD; i++) {
        peer_kill(&children[i]);
    }
    change(view.words, 0, 1);
    wake(view.words, 0, 1);
    CHECK(await_count(1));
    CHECK(peer_ended_well(&children[CROWD - 1]));
    plan_deinit(&plan);
    end();
}

static void test_stirred(void)
{
    struct wish wish;

    check_case("the back end's bit in a word does not keep from waiting");
    begin();
    change(view.words, 0, WEFTOS_WORD_STIRRED | 3);
    wish = (struct wish){.words = view.words, .value = 3};
    contract_deadlines(wait_for_change, &wish);
    CHECK((view.words->word[0] & ~WEFTOS_WORD_STIRRED) == 3);
    end();
}

/* --------------------------------------------------------------- deaths --- */

static void live(void *context)
{
    const struct plan *plan = context;
    struct view own = open_elsewhere(plan->address);

    CHECK_STATUS(
        weftos_process_mark(&own.words->child, &own.words->domain, NULL),
        WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->leave));
    close_view(&own);
}

static peer_process start_living(const struct plan *plan)
{
    peer_process child = peer_run(live, plan, sizeof(*plan));

    CHECK(peer_gate_pass(&plan->ready));
    CHECK(view.words->child.pid == (uint32_t)child.id);
    return child;
}

static void test_owner_dies(void)
{
    struct plan plan;
    struct wish wish;
    peer_process child;
    contract_sleeper sleepers[2];

    check_case("the owner's death ends every wait, and is told from then on");
    begin();
    plan = plan_init();
    child = start_living(&plan);
    wish = (struct wish){.words = view.words, .owner = view.words->child};
    contract_deadlines(wait_for_change, &wish);
    contract_sleep(&sleepers[0], wait_for_change, &wish, WEFT_FOREVER);
    contract_sleep(&sleepers[1], wait_for_change, &wish, CONTRACT_FAR);
    CHECK(peer_strike(child.id));
    CHECK_STATUS(contract_woken(&sleepers[0]), WEFT_EPEERDIED);
    CHECK_STATUS(contract_woken(&sleepers[1]), WEFT_EPEERDIED);
    /* Before anybody has asked how it ended, and after. */
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EPEERDIED);
    CHECK_STATUS(wait_for_change(&wish, WEFT_FOREVER), WEFT_EPEERDIED);
    CHECK(!peer_ended_well(&child));
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EPEERDIED);
    CHECK_STATUS(wait_for_change(&wish, 1), WEFT_EPEERDIED);
    CHECK_STATUS(wait_for_change(&wish, peer_soon()), WEFT_EPEERDIED);
    plan_deinit(&plan);
    end();
}

static void test_owner_leaves(void)
{
    struct plan plan;
    struct wish wish;
    peer_process child;
    contract_sleeper sleeper;

    check_case("an owner that exits in order has ended all the same");
    begin();
    plan = plan_init();
    child = start_living(&plan);
    wish = (struct wish){.words = view.words, .owner = view.words->child};
    contract_sleep(&sleeper, wait_for_change, &wish, peer_soon());
    peer_gate_open(&plan.leave);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_EPEERDIED);
    CHECK(peer_ended_well(&child));
    plan_deinit(&plan);
    end();
}

static void test_other_dies(void)
{
    struct plan plan;
    struct wish wish;
    peer_process owner;
    peer_process other;
    contract_sleeper sleeper;

    check_case("so does the death of another whom the wait is told of");
    begin();
    plan = plan_init();
    owner = start_living(&plan);
    wish = (struct wish){.words = view.words, .owner = view.words->child};
    other = start_living(&plan);
    wish.other = view.words->child;
    contract_deadlines(wait_for_change, &wish);
    contract_sleep(&sleeper, wait_for_change, &wish, peer_soon());
    peer_kill(&other);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_EPEERDIED);
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EPEERDIED);
    wish.other = (weftos_process_id){0, 0};
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EAGAIN);
    peer_kill(&owner);
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EPEERDIED);
    plan_deinit(&plan);
    end();
}

static void test_wake_before_death(void)
{
    struct plan plan;
    struct wish wish;
    peer_process child;
    contract_sleeper sleeper;

    check_case("a wake ends a wait while the owner lives on");
    begin();
    plan = plan_init();
    child = start_living(&plan);
    wish = (struct wish){.words = view.words, .owner = view.words->child};
    for (uint32_t i = 0; i < 20; i++) {
        wish.value = i;
        contract_sleep(&sleeper, wait_for_change, &wish, peer_soon());
        change(view.words, 0, i + 1);
        wake(view.words, 0, 1);
        CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
    }
    peer_kill(&child);
    wish.value++;
    CHECK_STATUS(wait_for_change(&wish, peer_soon()), WEFT_EPEERDIED);
    plan_deinit(&plan);
    end();
}

static void test_stamps(void)
{
    struct plan plan;
    struct wish wish;
    peer_process child;

    check_case("a number that was given to another process is not the owner");
    begin();
    plan = plan_init();
    child = start_living(&plan);
    wish = (struct wish){.words = view.words, .owner = view.words->child};
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EAGAIN);
    wish.owner.stamp ^= 1;
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EPEERDIED);
    CHECK_STATUS(wait_for_change(&wish, peer_soon()), WEFT_EPEERDIED);
    wish.owner.stamp ^= 1 | UINT32_C(1) << (WEFTOS_STAMP_BITS - 1);
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EPEERDIED);
    wish.owner = view.words->child;
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EAGAIN);
    wish.owner.pid = UINT32_C(0x3ffffffc); /* above all that systems give */
    CHECK_STATUS(wait_for_change(&wish, WEFT_NOW), WEFT_EPEERDIED);
    wish.owner = view.words->child;
    peer_kill(&child);
    CHECK_STATUS(wait_for_change(&wish, peer_soon()), WEFT_EPEERDIED);
    plan_deinit(&plan);
    end();
}

#define OWNERS 30

static void test_many_owners(void)
{
    struct plan plan;
    int handles = -1;

    check_case("owners come and go, and nothing of them is left");
    begin();
    plan = plan_init();
    for (unsigned i = 0; i < OWNERS; i++) {
        struct wish wish = {.words = view.words};
        contract_sleeper sleeper;
        peer_process child = start_living(&plan);

        wish.owner = view.words->child;
        contract_sleep(&sleeper, wait_for_change, &wish, peer_soon());
        peer_kill(&child);
        CHECK_STATUS(contract_woken(&sleeper), WEFT_EPEERDIED);
        if (i == OWNERS / 2) {
            handles = check_open_handles();
        }
    }
    CHECK(check_open_handles() == handles);
    plan_deinit(&plan);
    end();
}

/* The first wait that watches a process may open what stays open. */
static void warm_up(void)
{
    struct plan plan;
    struct wish wish;
    peer_process child;

    begin();
    plan = plan_init();
    child = start_living(&plan);
    wish = (struct wish){.words = view.words, .owner = view.words->child};
    peer_kill(&child);
    CHECK_STATUS(wait_for_change(&wish, peer_soon()), WEFT_EPEERDIED);
    plan_deinit(&plan);
    end();
    check_keep_handles();
}

void test_main(void)
{
    peer_names_begin();
    warm_up();
    test_deadlines();
    test_two_addresses();
    test_two_words();
    test_rounds();
    test_count();
    test_killed_waiter();
    test_stirred();
    test_owner_dies();
    test_owner_leaves();
    test_other_dies();
    test_wake_before_death();
    test_stamps();
    test_many_owners();
    peer_names_end();
}
