/* SPDX-License-Identifier: MIT
 *
 * os.h: doorbells, and the waiters that hear them, a socket and a process.
 */
#include "contract.h"

/* A waiter, and what can wake it. */
struct room {
    weft_handle bell;
    weftos_bell ringer;
    weft_handle ends[2];
    weft_handle process; /* WEFTOS_NONE, but where a test says so */
    weftos_waiter *waiter;
};

static struct room room;

static void open_room(void)
{
    weft_handle theirs;

    REQUIRE(weftos_bell_open(&room.bell, &theirs, NULL) == WEFT_OK);
    REQUIRE(weftos_bell_adopt(theirs, &room.ringer, NULL) == WEFT_OK);
    contract_sockets(room.ends);
    room.process = WEFTOS_NONE;
    REQUIRE(weftos_waiter_open(room.bell, room.ends[0], room.process,
                               &room.waiter, NULL) == WEFT_OK);
}

static void close_room(void)
{
    weftos_waiter_close(room.waiter);
    weftos_close(room.bell);
    weftos_close(room.ringer.handle);
    weftos_close(room.ends[0]);
    weftos_close(room.ends[1]);
}

/* Looks until nothing more is told; gives all that was. */
static unsigned look(weftos_waiter *waiter)
{
    unsigned all = 0;
    unsigned events;

    for (unsigned i = 0; i < 8; i++) {
        CHECK_STATUS(weftos_waiter_wait(waiter, WEFT_NOW, false, &events, NULL),
                     WEFT_OK);
        all |= events;
    }
    return all;
}

struct wish {
    weftos_waiter *waiter;
    unsigned events; /* all of them are waited for */
};

/* Waits until all that is wished for was told. */
static weft_status wait_for(void *context, uint64_t deadline_ns)
{
    const struct wish *wish = context;
    unsigned missing = wish->events;
    unsigned events;
    weft_status status;

    for (unsigned i = 0; i < CONTRACT_EARLY_MOST; i++) {
        status =
            weftos_waiter_wait(wish->waiter, deadline_ns, false, &events, NULL);
        missing &= ~events;
        if (status != WEFT_OK || missing == 0) {
            return status;
        }
        if (events == 0 && deadline_ns <= weft_now_ns()) {
            break;
        }
    }
    return contract_nothing_by(deadline_ns);
}

static void check_told(weftos_waiter *waiter, unsigned events)
{
    struct wish wish = {waiter, events};

    CHECK_STATUS(wait_for(&wish, peer_soon()), WEFT_OK);
}

static void ring(void)
{
    CHECK_STATUS(weftos_bell_ring(&room.ringer, NULL), WEFT_OK);
}

/* ------------------------------------------------------------- the bell --- */

static void test_bell(void)
{
    check_case("a ring is kept until it is heard, and told once");
    open_room();
    CHECK(look(room.waiter) == 0);
    ring();
    check_told(room.waiter, WEFTOS_EVENT_BELL);
    CHECK(look(room.waiter) == 0);
    ring();
    ring();
    ring();
    check_told(room.waiter, WEFTOS_EVENT_BELL);
    CHECK(look(room.waiter) == 0);
    close_room();
}

static void test_deadlines(void)
{
    struct wish wish;

    check_case("a waiter sleeps until its deadline, and not longer");
    open_room();
    wish = (struct wish){room.waiter, WEFTOS_EVENT_BELL};
    contract_deadlines(wait_for, &wish);
    close_room();
}

#define WAKES 500

static void test_each_ring(void)
{
    struct wish wish;

    check_case("each ring wakes who sleeps");
    open_room();
    wish = (struct wish){room.waiter, WEFTOS_EVENT_BELL};
    for (unsigned i = 0; i < WAKES; i++) {
        contract_sleeper sleeper;

        contract_sleep(&sleeper, wait_for, &wish,
                       i == 0 ? CONTRACT_FAR : WEFT_FOREVER);
        ring();
        if (!CHECK_STATUS(contract_woken(&sleeper), WEFT_OK)) {
            break;
        }
    }
    close_room();
}

/* More rings than a doorbell can hold, heard in time or not. */
static void test_many_rings(void)
{
    check_case("any number of rings blocks nobody, and the next is heard");
    open_room();
    for (unsigned i = 0; i < 20000; i++) {
        ring();
        if (i % 64 == 0) {
            (void)look(room.waiter);
        }
    }
    (void)look(room.waiter);
    ring();
    check_told(room.waiter, WEFTOS_EVENT_BELL);
    for (unsigned i = 0; i < 100000; i++) {
        if (weftos_bell_ring(&room.ringer, NULL) != WEFT_OK) {
            CHECK_NOT_HERE("a ring that nobody hears");
            break;
        }
    }
    check_told(room.waiter, WEFTOS_EVENT_BELL);
    close_room();
}

static void test_deaf(void)
{
    check_case("a ring that nobody can hear any more does no harm");
    open_room();
    weftos_waiter_close(room.waiter);
    room.waiter = NULL;
    ring();
    weftos_close(room.bell);
    room.bell = WEFTOS_NONE;
    for (unsigned i = 0; i < 100; i++) {
        ring();
    }
    close_room();
}

static void test_adopt(void)
{
    weft_handle ends[2];
    weftos_bell bell;
    weft_detail detail = {WEFT_OK, 0, NULL};
    int handles;

    check_case("what is no doorbell is refused, and used up all the same");
    handles = check_open_handles();
    contract_sockets(ends);
    CHECK_STATUS(weftos_bell_adopt(ends[0], &bell, &detail), WEFT_EPROTO);
    CHECK(detail.status == WEFT_EPROTO && detail.operation != NULL);
    CHECK(!peer_is_open(ends[0]));
    CHECK_STATUS(weftos_bell_adopt(WEFTOS_NONE, &bell, NULL), WEFT_EPROTO);
    weftos_close(ends[1]);
    CHECK(check_open_handles() == handles);
}

static void test_passed(void)
{
    weft_handle mine;
    weft_handle theirs;
    weftos_bell bell;

    check_case("the ends of a doorbell are closed over exec");
    REQUIRE(weftos_bell_open(&mine, &theirs, NULL) == WEFT_OK);
    CHECK(!peer_is_passed(mine) && !peer_is_passed(theirs));
    REQUIRE(weftos_bell_adopt(theirs, &bell, NULL) == WEFT_OK);
    CHECK(!peer_is_passed(bell.handle));
    weftos_close(mine);
    weftos_close(bell.handle);
}

/* ---------------------------------------------------------- two waiters --- */

#define RINGS 200

static void test_two(void)
{
    weftos_waiter *second;
    struct wish wishes[2];

    check_case("two waiters that share a doorbell each hear each ring");
    open_room();
    REQUIRE(weftos_waiter_open(room.bell, room.ends[0], room.process, &second,
                               NULL) == WEFT_OK);
    wishes[0] = (struct wish){room.waiter, WEFTOS_EVENT_BELL};
    wishes[1] = (struct wish){second, WEFTOS_EVENT_BELL};
    for (unsigned i = 0; i < RINGS; i++) {
        contract_sleeper sleepers[2];
        unsigned awake = i % 3; /* 2: both sleep */

        for (unsigned k = 0; k < 2; k++) {
            if (k != awake) {
                contract_sleep(&sleepers[k], wait_for, &wishes[k], peer_soon());
            }
        }
        ring();
        for (unsigned k = 0; k < 2; k++) {
            CHECK_STATUS(k != awake ? contract_woken(&sleepers[k])
                                    : wait_for(&wishes[k], peer_soon()),
                         WEFT_OK);
        }
    }
    CHECK(look(room.waiter) == 0 && look(second) == 0);
    weftos_waiter_close(second);
    close_room();
}

/* ---------------------------------------------- the socket, the process --- */

static void test_socket(void)
{
    weftos_received received;

    check_case("a control message is told once, and a hang-up is told");
    open_room();
    CHECK_STATUS(weftos_socket_send(room.ends[1], "m", 1, NULL, 0, NULL),
                 WEFT_OK);
    check_told(room.waiter, WEFTOS_EVENT_SOCKET);
    CHECK((look(room.waiter) & ~WEFTOS_EVENT_SOCKET) == 0);
    CHECK_STATUS(weftos_socket_recv(room.ends[0], &received, NULL), WEFT_OK);
    weftos_close(received.process);
    CHECK(look(room.waiter) == 0);
    weftos_socket_hang_up(room.ends[1]);
    check_told(room.waiter, WEFTOS_EVENT_HANGUP);
    close_room();
}

static void test_all_at_once(void)
{
    check_case("a ring and a message that come at once are both told");
    open_room();
    for (unsigned i = 0; i < 20; i++) {
        weftos_received received;

        ring();
        CHECK_STATUS(weftos_socket_send(room.ends[1], "m", 1, NULL, 0, NULL),
                     WEFT_OK);
        check_told(room.waiter, WEFTOS_EVENT_BELL | WEFTOS_EVENT_SOCKET);
        CHECK_STATUS(weftos_socket_recv(room.ends[0], &received, NULL),
                     WEFT_OK);
        weftos_close(received.process);
    }
    close_room();
}

struct plan {
    weft_handle end;
    peer_gate leave;
};

static void greet(void *context)
{
    const struct plan *plan = context;

    CHECK_STATUS(weftos_socket_adopt(plan->end, NULL), WEFT_OK);
    CHECK_STATUS(weftos_socket_send(plan->end, "m", 1, NULL, 0, NULL), WEFT_OK);
    CHECK(peer_gate_pass(&plan->leave));
}

/* Receives a child's greeting, and with it a handle on the child. */
static peer_process start_greeter(struct plan *plan, weft_handle mine)
{
    weftos_received received;
    peer_process child;

    peer_gate_init(&plan->leave);
    peer_pass(plan->end);
    child = peer_run(greet, plan, sizeof(*plan));
    REQUIRE(weftos_socket_wait(mine, false, WEFTOS_NONE, peer_soon(), false,
                               NULL) == WEFT_OK);
    REQUIRE(weftos_socket_recv(mine, &received, NULL) == WEFT_OK);
    room.process = received.process;
    return child;
}

static void test_death(void)
{
    struct plan plan;
    weft_handle ends[2];
    weftos_waiter *waiter;
    peer_process child;

    check_case("the death of the process is told, though its socket lives");
    open_room();
    contract_sockets(ends);
    plan.end = ends[1];
    child = start_greeter(&plan, ends[0]);
    REQUIRE(weftos_waiter_open(room.bell, ends[0], room.process, &waiter,
                               NULL) == WEFT_OK);
    CHECK((look(waiter) & WEFTOS_EVENT_DEATH) == 0);
    if (room.process != WEFTOS_NONE) {
        struct wish wish = {waiter, WEFTOS_EVENT_DEATH};
        contract_sleeper sleeper;

        contract_sleep(&sleeper, wait_for, &wish, peer_soon());
        peer_kill(&child);
        CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
        CHECK((look(waiter) & WEFTOS_EVENT_HANGUP) == 0);
    } else {
        peer_kill(&child);
    }
    weftos_waiter_close(waiter);
    weftos_close(room.process);
    peer_gate_deinit(&plan.leave);
    weftos_close(ends[0]);
    weftos_close(ends[1]);
    close_room();
}

static void test_dead_before(void)
{
    struct plan plan;
    weft_handle ends[2];
    weftos_waiter *waiter;
    peer_process child;

    check_case("a waiter that is opened too late tells of the death as well");
    open_room();
    contract_sockets(ends);
    plan.end = ends[1];
    child = start_greeter(&plan, ends[0]);
    peer_kill(&child);
    weftos_close(ends[1]);
    REQUIRE(weftos_waiter_open(room.bell, ends[0], room.process, &waiter,
                               NULL) == WEFT_OK);
    check_told(waiter, room.process != WEFTOS_NONE
                           ? WEFTOS_EVENT_HANGUP | WEFTOS_EVENT_DEATH
                           : WEFTOS_EVENT_HANGUP);
    weftos_waiter_close(waiter);
    weftos_close(room.process);
    peer_gate_deinit(&plan.leave);
    weftos_close(ends[0]);
    close_room();
}

/* -------------------------------------------------------------- exposed --- */

/* Ready once, and again, and in some ms: as level-triggered handles are. */
static bool stays_ready(weft_handle handle)
{
    return contract_is_ready(handle, 1000) && contract_is_ready(handle, 0) &&
           contract_is_ready(handle, 1);
}

static weft_handle expose(bool ready)
{
    weft_handle handle = WEFTOS_NONE;
    weft_detail detail;

    REQUIRE(weftos_waiter_expose(room.waiter, ready, &handle, &detail) ==
            WEFT_OK);
    return handle;
}

static void test_expose(void)
{
    weft_handle handle;

    check_case("the exposed handle is ready while a wait would return at once");
    open_room();
    handle = expose(false);
    CHECK(!peer_is_passed(handle));
    CHECK(!contract_is_ready(handle, 1));
    ring();
    CHECK(stays_ready(handle));
    check_told(room.waiter, WEFTOS_EVENT_BELL);
    (void)look(room.waiter);
    CHECK(!contract_is_ready(handle, 1));
    CHECK_STATUS(weftos_socket_send(room.ends[1], "m", 1, NULL, 0, NULL),
                 WEFT_OK);
    CHECK(stays_ready(handle));
    (void)look(room.waiter);
    CHECK(!contract_is_ready(handle, 1));
    ring();
    weftos_socket_hang_up(room.ends[1]);
    CHECK(stays_ready(handle));
    CHECK(expose(false) == handle);
    close_room();
}

static void test_expose_ready(void)
{
    weft_handle handle;

    check_case("the exposed handle is ready while the last call said so");
    open_room();
    handle = expose(true);
    CHECK(stays_ready(handle));
    check_told(room.waiter, WEFTOS_EVENT_BELL);
    CHECK(stays_ready(handle));
    CHECK(expose(true) == handle && stays_ready(handle));
    CHECK(expose(false) == handle);
    (void)look(room.waiter);
    CHECK(!contract_is_ready(handle, 1));
    CHECK(expose(false) == handle);
    CHECK(!contract_is_ready(handle, 1));
    CHECK(expose(true) == handle && stays_ready(handle));
    close_room();
}

static void test_nothing(void)
{
    int handles = check_open_handles();

    check_case("no waiter can be closed");
    weftos_waiter_close(NULL);
    CHECK(check_open_handles() == handles);
}

void test_main(void)
{
    test_bell();
    test_deadlines();
    test_each_ring();
    test_many_rings();
    test_deaf();
    test_adopt();
    test_passed();
    test_two();
    test_socket();
    test_all_at_once();
    test_death();
    test_dead_before();
    test_expose();
    test_expose_ready();
    test_nothing();
}
