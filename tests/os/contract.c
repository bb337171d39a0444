/* SPDX-License-Identifier: MIT
 *
 * What the tests of os.h share; contract.h has what each part is for.
 */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>

void contract_deadlines(contract_wait *wait, void *context)
{
    /* Around the units that systems count in: 1 us, 100 ns, 1 ms. */
    static const uint64_t lengths_ns[] = {
        1, 99, 101, 999, 1001, 999999, 1000001, 15 * PEER_MS + 1,
    };

    CHECK_STATUS(wait(context, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(wait(context, 1), WEFT_ETIMEDOUT);
    for (size_t i = 0; i < sizeof(lengths_ns) / sizeof(lengths_ns[0]); i++) {
        uint64_t start = weft_now_ns();
        uint64_t took;

        CHECK_STATUS(wait(context, start + lengths_ns[i]), WEFT_ETIMEDOUT);
        took = weft_now_ns() - start;
        CHECK(took >= lengths_ns[i]);
        CHECK(took < lengths_ns[i] + CONTRACT_LATE_NS);
    }
}

static void *sleep_in_thread(void *argument)
{
    contract_sleeper *sleeper = argument;

    sleeper->number = peer_thread();
    sleeper->status = sleeper->wait(sleeper->context, sleeper->deadline_ns);
    return NULL;
}

void contract_sleep(contract_sleeper *sleeper, contract_wait *wait,
                    void *context, uint64_t deadline_ns)
{
    uint64_t late = peer_soon();

    sleeper->wait = wait;
    sleeper->context = context;
    sleeper->deadline_ns = deadline_ns;
    sleeper->number = 0;
    sleeper->status = WEFT_OK;
    REQUIRE(pthread_create(&sleeper->thread, NULL, sleep_in_thread, sleeper) ==
            0);
    while (sleeper->number == 0 && weft_now_ns() < late) {
        weftos_yield();
    }
    CHECK(peer_await_thread_asleep(sleeper->number));
}

weft_status contract_woken(contract_sleeper *sleeper)
{
    REQUIRE(pthread_join(sleeper->thread, NULL) == 0);
    return sleeper->status;
}

void contract_sockets(weft_handle ends[2])
{
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    REQUIRE(weftos_socket_adopt(ends[1], NULL) == WEFT_OK);
}

void contract_forget_memory(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s.mem", getenv("WEFT_RUNTIME_DIR"),
                   name);
    (void)remove(path);
}
