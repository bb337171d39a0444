/* SPDX-License-Identifier: MIT
 *
 * Addresses of rounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "peer.h"

char *peer_address(const char *prefix, char error[BENCH_ERROR_BYTES])
{
    char *address = malloc(PEER_ADDRESS_BYTES);

    if (address == NULL) {
        snprintf(error, BENCH_ERROR_BYTES, "out of memory");
        return NULL;
    }
    peer_choose(address, PEER_ADDRESS_BYTES, prefix);
    return address;
}

void peer_choose(char *address, size_t room, const char *prefix)
{
    snprintf(address, room, "%s%llx", prefix,
             (unsigned long long)weft_now_ns());
}

void peer_leave_nothing(const char *address)
{
    (void)address;
}

void peer_forget(const bench_case *test, void *shared)
{
    (void)test;
    free(shared);
}
