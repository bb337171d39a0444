/* SPDX-License-Identifier: MIT
 *
 * Who waits costs no CPU time, and no thread, as Windows counts them.
 */
#include <stdio.h>
#include <windows.h>

#include "check.h"
#include "peer.h"

#include <tlhelp32.h>

/* User and kernel time are counted in ticks, and each may be one tick off. */
#define TICK_NS (16 * PEER_MS)

static void read_on(weft_channel *channel, void *context)
{
    size_t bytes;

    (void)context;
    CHECK_STATUS(weft_channel_recv(channel, NULL, 0, &bytes), WEFT_ECLOSED);
}

static void write_on(weft_channel *channel, void *context)
{
    char data[100] = {0};

    (void)context;
    while (weft_channel_send(channel, data, sizeof(data)) == WEFT_OK) {
    }
}

static uint64_t nanoseconds(FILETIME time)
{
    return ((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) * 100;
}

static uint64_t cpu_ns(const peer_process *child)
{
    FILETIME created;
    FILETIME ended;
    FILETIME kernel;
    FILETIME user;

    REQUIRE(GetProcessTimes((HANDLE)child->handle, &created, &ended, &kernel,
                            &user));
    return nanoseconds(kernel) + nanoseconds(user);
}

static unsigned count_threads(int process)
{
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry = {.dwSize = sizeof(entry)};
    unsigned count = 0;

    REQUIRE(list != INVALID_HANDLE_VALUE);
    for (BOOL more = Thread32First(list, &entry); more;
         more = Thread32Next(list, &entry)) {
        count += entry.th32OwnerProcessID == (DWORD)process;
    }
    CHECK(CloseHandle(list));
    return count;
}

/* A writer sleeps for good after it has grown its ring and filled it. */
static void settle(const peer_process *child)
{
    uint64_t before;

    do {
        CHECK(peer_await_asleep(child));
        before = cpu_ns(child);
        Sleep(100);
    } while (before != cpu_ns(child) || !peer_is_asleep(child->main_thread));
}

#define SLEEPERS 4

void test_main(void)
{
    weft_channel_options block = peer_options(WEFT_WAIT_BLOCK);
    weft_channel *mine[SLEEPERS];
    peer_process children[SLEEPERS];
    uint64_t before[SLEEPERS];

    check_case("blocked readers and writers do nothing at all");
    for (unsigned i = 0; i < SLEEPERS; i++) {
        children[i] =
            peer_start(NULL, i < 2 ? &block : NULL,
                       i % 2 == 0 ? read_on : write_on, NULL, 0, &mine[i]);
    }
    for (unsigned i = 0; i < SLEEPERS; i++) {
        settle(&children[i]);
    }
    for (unsigned i = 0; i < SLEEPERS; i++) {
        before[i] = cpu_ns(&children[i]);
    }
    Sleep(2000);
    for (unsigned i = 0; i < SLEEPERS; i++) {
        uint64_t spent_ns = cpu_ns(&children[i]) - before[i];

        if (!CHECK(spent_ns < 2 * TICK_NS)) {
            printf("# %llu ms\n", (unsigned long long)(spent_ns / PEER_MS));
        }
        CHECK(peer_is_asleep(children[i].main_thread));
        CHECK(count_threads(children[i].id) == 1);
        weft_channel_close(&mine[i]);
        CHECK(peer_ended_well(&children[i]));
    }
}
