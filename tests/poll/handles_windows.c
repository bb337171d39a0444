/* SPDX-License-Identifier: MIT
 *
 * Handles of Windows in a poll set: more than WaitForMultipleObjects takes, and
 * of kinds that are told once.
 */
#include <windows.h>

#include "check.h"
#include "peer.h"

#define MANY 100

static weft_poll *poll;

/* The key that is told, now or in the end; UINT64_MAX: none. */
static uint64_t key_by(uint64_t deadline_ns)
{
    weft_poll_item item;
    size_t count;

    return weft_poll_wait(poll, &item, 1, &count, deadline_ns, NULL) == WEFT_OK
               ? item.key
               : UINT64_MAX;
}

static bool is_quiet(void)
{
    return key_by(weft_after_ns(10 * PEER_MS)) == UINT64_MAX;
}

static void add(HANDLE handle, uint64_t key)
{
    CHECK_STATUS(weft_poll_add_handle(poll, (weft_handle)handle, WEFT_POLL_READ,
                                      key, NULL),
                 WEFT_OK);
}

static void take_out(HANDLE handle)
{
    CHECK_STATUS(weft_poll_remove_handle(poll, (weft_handle)handle), WEFT_OK);
    CHECK(CloseHandle(handle));
}

static void test_many(void)
{
    HANDLE events[MANY];

    check_case("each of many events is told while it is set");
    for (unsigned i = 0; i < MANY; i++) {
        events[i] = CreateEventW(NULL, TRUE, FALSE, NULL);
        REQUIRE(events[i] != NULL);
        add(events[i], i);
    }
    CHECK(is_quiet());
    for (unsigned i = 0; i < MANY; i++) {
        CHECK(SetEvent(events[i]));
        CHECK(key_by(peer_soon()) == i);
        CHECK(key_by(peer_soon()) == i);
        CHECK(ResetEvent(events[i]));
    }
    CHECK(is_quiet());
    for (unsigned i = 0; i < MANY; i++) {
        take_out(events[i]);
    }
}

static void test_once(void)
{
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    HANDLE semaphore = CreateSemaphoreW(NULL, 0, 10, NULL);

    REQUIRE(event != NULL && semaphore != NULL);
    add(event, 1);
    add(semaphore, 2);
    check_case("an auto-reset event is told once for each time");
    for (unsigned i = 0; i < 3; i++) {
        CHECK(is_quiet());
        CHECK(SetEvent(event));
        CHECK(key_by(peer_soon()) == 1);
    }
    check_case("a semaphore is told as often as it was released");
    CHECK(is_quiet());
    CHECK(ReleaseSemaphore(semaphore, 3, NULL));
    for (unsigned i = 0; i < 3; i++) {
        CHECK(key_by(peer_soon()) == 2);
    }
    CHECK(is_quiet());
    take_out(event);
    take_out(semaphore);
}

static void test_refused(void)
{
    HANDLE event = CreateEventW(NULL, TRUE, TRUE, NULL);

    check_case("there is nothing to write to an event");
    CHECK_STATUS(weft_poll_add_handle(poll, (weft_handle)event, WEFT_POLL_WRITE,
                                      0, NULL),
                 WEFT_ENOTSUP);
    CHECK_STATUS(weft_poll_add_handle(poll, (weft_handle)event,
                                      WEFT_POLL_READ | WEFT_POLL_WRITE, 0,
                                      NULL),
                 WEFT_ENOTSUP);
    CHECK(is_quiet());
    CHECK(CloseHandle(event));
}

/* For so many events the pool has had more than one thread, which ends soon. */
static void await_pool(int handles)
{
    uint64_t end = peer_soon();

    while (check_open_handles() != handles && weft_now_ns() < end) {
        SwitchToThread();
    }
}

void test_main(void)
{
    int handles = check_open_handles();

    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    test_once();
    test_refused();
    test_many();
    weft_poll_close(&poll);
    await_pool(handles);
}
