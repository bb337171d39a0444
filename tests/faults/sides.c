/* SPDX-License-Identifier: MIT
 *
 * Holdings and payloads of the failure tests.
 */
#include "sides.h"

#include <stdio.h>

#include "check.h"
#include "guard.h"

/* ------------------------------------------------------------- holdings --- */

struct sides_holdings sides_hold(void)
{
    struct sides_holdings now = {check_open_handles(), guard_mappings()};

    return now;
}

void sides_check_holdings(const struct sides_holdings *before)
{
    struct sides_holdings now = sides_hold();

    if (!CHECK(now.handles == before->handles)) {
        printf("# handles: %d, then %d\n", before->handles, now.handles);
    }
    if (!CHECK(now.mappings == before->mappings)) {
        printf("# mappings: %d, then %d\n", before->mappings, now.mappings);
    }
}

/* ------------------------------------------------------------- payloads --- */

static unsigned char expected_byte(uint64_t number, size_t place)
{
    return (unsigned char)((number * 131 + place * 7 + (place >> 8)) & 0xff);
}

void sides_fill(void *payload, size_t bytes, uint64_t number)
{
    unsigned char *to = payload;

    for (size_t i = 0; i < bytes; i++) {
        to[i] = expected_byte(number, i);
    }
}

bool sides_matches(const void *payload, size_t bytes, uint64_t number)
{
    const unsigned char *from = payload;

    for (size_t i = 0; i < bytes; i++) {
        if (from[i] != expected_byte(number, i)) {
            return false;
        }
    }
    return true;
}
