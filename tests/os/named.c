/* SPDX-License-Identifier: MIT
 *
 * os.h: memory that has a name. It is made once, is complete when anybody sees
 * it, and is made anew when all who had it open have gone.
 */
#include "contract.h"

#define NAME "named"
#define SEED 7

/* A mapping of the named memory. */
struct memory {
    weft_handle handle;
    void *base;
    size_t bytes;
};

static size_t two_pages(void)
{
    return 2 * weftos_get_facts()->page_bytes;
}

/* Counts how often it is called; slowly, so that others may see half. */
static void make(void *base, size_t bytes, void *context)
{
    unsigned char *memory = base;

    for (size_t i = 0; i < bytes; i++) {
        if (memory[i] != 0) {
            CHECK_NOT_HERE("new memory is zero");
            break;
        }
    }
    for (unsigned i = 0; i < 100; i++) {
        weftos_yield();
    }
    peer_fill(base, bytes, SEED);
    atomic_fetch_add((atomic_uint *)context, 1);
}

static weft_status open_memory(size_t bytes, atomic_uint *made,
                               struct memory *memory)
{
    memory->bytes = bytes;
    memory->handle = WEFTOS_NONE;
    memory->base = NULL;
    return weftos_shm_open(NAME, 0600, &memory->bytes, make, made,
                           &memory->handle, &memory->base, NULL);
}

static void close_memory(struct memory *memory)
{
    weftos_shm_unmap(memory->base, memory->bytes);
    weftos_close(memory->handle);
}

/* ----------------------------------------------------------- one by one --- */

static void test_make(void)
{
    atomic_uint made = 0;
    struct memory first;
    struct memory second;

    check_case("the first makes the memory, and the second shares it");
    REQUIRE(open_memory(two_pages(), &made, &first) == WEFT_OK);
    CHECK(made == 1 && first.bytes == two_pages());
    CHECK(peer_is_filled(first.base, first.bytes, SEED));
    CHECK(!peer_is_passed(first.handle));
    REQUIRE(open_memory(two_pages(), &made, &second) == WEFT_OK);
    CHECK(made == 1 && second.base != first.base);
    peer_fill(first.base, first.bytes, 2);
    CHECK(peer_is_filled(second.base, second.bytes, 2));
    peer_fill(second.base, second.bytes, 3);
    CHECK(peer_is_filled(first.base, first.bytes, 3));
    close_memory(&first);
    CHECK(peer_is_filled(second.base, second.bytes, 3));
    REQUIRE(open_memory(two_pages(), &made, &first) == WEFT_OK);
    CHECK(made == 1 && peer_is_filled(first.base, first.bytes, 3));
    close_memory(&first);
    close_memory(&second);
    contract_forget_memory(NAME);
}

static void test_open_only(void)
{
    atomic_uint made = 0;
    struct memory first;
    struct memory second;

    check_case("size 0 makes nothing, and finds out the size");
    CHECK_STATUS(open_memory(0, &made, &second), WEFT_ENOENT);
    REQUIRE(open_memory(two_pages(), &made, &first) == WEFT_OK);
    CHECK_STATUS(open_memory(0, &made, &second), WEFT_OK);
    CHECK(second.bytes == two_pages());
    CHECK(peer_is_filled(second.base, two_pages(), SEED));
    close_memory(&second);
    close_memory(&first);
    CHECK_STATUS(open_memory(0, &made, &second), WEFT_ENOENT);
    CHECK(made == 1);
    contract_forget_memory(NAME);
}

static weft_status look(void)
{
    size_t bytes = 0;

    return weftos_shm_open(NAME, 0600, &bytes, NULL, NULL, NULL, NULL, NULL);
}

static void test_look(void)
{
    atomic_uint made = 0;
    struct memory first;
    int handles;

    check_case("who only looks maps nothing, and does not count as a user");
    CHECK_STATUS(look(), WEFT_ENOENT);
    handles = check_open_handles();
    REQUIRE(open_memory(two_pages(), &made, &first) == WEFT_OK);
    CHECK_STATUS(look(), WEFT_OK);
    CHECK_STATUS(look(), WEFT_OK);
    close_memory(&first);
    CHECK_STATUS(look(), WEFT_ENOENT);
    CHECK(made == 1 && check_open_handles() == handles);
}

static void test_size(void)
{
    atomic_uint made = 0;
    struct memory first;
    struct memory second;
    int handles;

    check_case("another size is refused while anybody has the memory open");
    REQUIRE(open_memory(two_pages(), &made, &first) == WEFT_OK);
    handles = check_open_handles();
    CHECK_STATUS(open_memory(2 * two_pages(), &made, &second), WEFT_EINUSE);
    CHECK_STATUS(open_memory(two_pages() / 2, &made, &second), WEFT_EINUSE);
    CHECK(check_open_handles() == handles);
    CHECK(made == 1 && peer_is_filled(first.base, first.bytes, SEED));
    close_memory(&first);
    REQUIRE(open_memory(2 * two_pages(), &made, &second) == WEFT_OK);
    CHECK(made == 2 && peer_is_filled(second.base, second.bytes, SEED));
    close_memory(&second);
    contract_forget_memory(NAME);
}

static void test_names(void)
{
    static const char *const bad[] = {
        "",
        ".hidden",
        "two words",
        "a\\b",
        "0123456789012345678901234567890123456789012345678901234567890123",
    };
    atomic_uint made = 0;
    size_t bytes = two_pages();
    weft_handle handle;
    void *base;
    int handles;

    check_case("a name that is none makes nothing");
    handles = check_open_handles();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        weft_detail detail = {WEFT_OK, 0, NULL};

        CHECK_STATUS(weftos_shm_open(bad[i], 0600, &bytes, make, &made, &handle,
                                     &base, &detail),
                     WEFT_ENAME);
        CHECK(detail.status == WEFT_ENAME && detail.operation != NULL);
    }
    CHECK(made == 0 && check_open_handles() == handles);
}

/* ---------------------------------------------------------- with deaths --- */

struct plan {
    atomic_uint *made;
    peer_gate enter;
    peer_gate opened;
    peer_gate leave;
};

static void open_and_stay(void *context)
{
    const struct plan *plan = context;
    struct memory memory;

    if (CHECK_STATUS(open_memory(two_pages(), plan->made, &memory), WEFT_OK)) {
        peer_gate_open(&plan->opened);
        CHECK(peer_gate_pass(&plan->leave));
        close_memory(&memory);
    }
}

static void plan_init(struct plan *plan)
{
    plan->made = peer_shared(sizeof(*plan->made));
    peer_gate_init(&plan->enter);
    peer_gate_init(&plan->opened);
    peer_gate_init(&plan->leave);
}

static void plan_deinit(struct plan *plan)
{
    peer_unshare(plan->made, sizeof(*plan->made));
    peer_gate_deinit(&plan->enter);
    peer_gate_deinit(&plan->opened);
    peer_gate_deinit(&plan->leave);
    contract_forget_memory(NAME);
}

static void test_stale(void)
{
    struct plan plan;
    struct memory memory;
    peer_process child;

    check_case("what the last one left when he was killed is made anew");
    plan_init(&plan);
    child = peer_run(open_and_stay, &plan, sizeof(plan));
    REQUIRE(peer_gate_pass(&plan.opened));
    CHECK(*plan.made == 1);
    peer_kill(&child);
    CHECK_STATUS(open_memory(0, plan.made, &memory), WEFT_ENOENT);
    REQUIRE(open_memory(2 * two_pages(), plan.made, &memory) == WEFT_OK);
    CHECK(*plan.made == 2);
    CHECK(peer_is_filled(memory.base, 2 * two_pages(), SEED));
    close_memory(&memory);
    plan_deinit(&plan);
}

static void test_maker_gone(void)
{
    struct plan plan;
    struct memory memory;
    peer_process child;

    check_case("the memory outlives its maker while another has it open");
    plan_init(&plan);
    child = peer_run(open_and_stay, &plan, sizeof(plan));
    REQUIRE(peer_gate_pass(&plan.opened));
    REQUIRE(open_memory(two_pages(), plan.made, &memory) == WEFT_OK);
    peer_fill(memory.base, memory.bytes, 2);
    peer_kill(&child);
    child = peer_run(open_and_stay, &plan, sizeof(plan));
    CHECK(peer_gate_pass(&plan.opened));
    peer_gate_open(&plan.leave);
    CHECK(peer_ended_well(&child));
    CHECK(*plan.made == 1);
    CHECK(peer_is_filled(memory.base, memory.bytes, 2));
    close_memory(&memory);
    plan_deinit(&plan);
}

static void die_at_half(void *base, size_t bytes, void *context)
{
    (void)context;
    peer_fill(base, bytes / 2, SEED);
    peer_die();
}

static void make_half(void *context)
{
    size_t bytes = two_pages();
    weft_handle handle;
    void *base;

    (void)weftos_shm_open(NAME, 0600, &bytes, die_at_half, context, &handle,
                          &base, NULL);
}

static void test_half_made(void)
{
    struct plan plan;
    struct memory memory;
    peer_process child;

    check_case("a maker that dies at half leaves nothing");
    plan_init(&plan);
    child = peer_run(make_half, NULL, 0);
    CHECK(peer_was_killed(&child));
    CHECK_STATUS(open_memory(0, plan.made, &memory), WEFT_ENOENT);
    REQUIRE(open_memory(two_pages(), plan.made, &memory) == WEFT_OK);
    CHECK(*plan.made == 1);
    CHECK(peer_is_filled(memory.base, memory.bytes, SEED));
    close_memory(&memory);
    plan_deinit(&plan);
}

/* -------------------------------------------------------------- at once --- */

#define CROWD 4
#define ROUNDS 10

static void open_in_crowd(void *context)
{
    const struct plan *plan = context;
    struct memory memory;

    CHECK(peer_gate_pass(&plan->enter));
    if (CHECK_STATUS(open_memory(two_pages(), plan->made, &memory), WEFT_OK)) {
        CHECK(peer_is_filled(memory.base, memory.bytes, SEED));
        peer_gate_open(&plan->opened);
        CHECK(peer_gate_pass(&plan->leave));
        close_memory(&memory);
    }
}

static void let_all_pass(const peer_gate *gate)
{
    for (unsigned i = 0; i < CROWD; i++) {
        peer_gate_open(gate);
    }
}

static void test_crowd(void)
{
    struct plan plan;
    peer_process children[CROWD];

    check_case("of many who come at once one makes it, and all see all of it");
    plan_init(&plan);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned i = 0; i < CROWD; i++) {
            children[i] = peer_run(open_in_crowd, &plan, sizeof(plan));
        }
        let_all_pass(&plan.enter);
        for (unsigned i = 0; i < CROWD; i++) {
            CHECK(peer_gate_pass(&plan.opened));
        }
        CHECK(*plan.made == round);
        let_all_pass(&plan.leave);
        for (unsigned i = 0; i < CROWD; i++) {
            CHECK(peer_ended_well(&children[i]));
        }
    }
    plan_deinit(&plan);
}

/* Comes and goes, by no plan. */
static void come_and_go(void *context)
{
    const struct plan *plan = context;
    uint64_t state = (uint64_t)peer_self();

    for (unsigned i = 0; i < 100; i++) {
        struct memory memory;

        if (!CHECK_STATUS(open_memory(two_pages(), plan->made, &memory),
                          WEFT_OK)) {
            return;
        }
        CHECK(peer_is_filled(memory.base, memory.bytes, SEED));
        for (uint64_t k = peer_random(&state) % 8; k > 0; k--) {
            weftos_yield();
        }
        close_memory(&memory);
    }
}

static void test_traffic(void)
{
    struct plan plan;
    peer_process children[CROWD];

    check_case("whoever comes finds all of it, while others come and go");
    plan_init(&plan);
    for (unsigned i = 0; i < CROWD; i++) {
        children[i] = peer_run(come_and_go, &plan, sizeof(plan));
    }
    for (unsigned i = 0; i < CROWD; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    CHECK(*plan.made >= 1 && *plan.made <= CROWD * 100);
    plan_deinit(&plan);
}

void test_main(void)
{
    peer_names_begin();
    test_make();
    test_open_only();
    test_look();
    test_size();
    test_names();
    test_stale();
    test_maker_gone();
    test_half_made();
    test_crowd();
    test_traffic();
    peer_names_end();
}
