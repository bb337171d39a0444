/* SPDX-License-Identifier: MIT
 *
 * The limits of memory that Linux enforces, in a child each.
 */
#include <stdlib.h>

#include <weft/system.h>

#include "check.h"
#include "peer.h"

#define MIB (UINT64_C(1) << 20)

static void limit_memory(void *context)
{
    const weft_resource *resource = context;
    weft_limit limit;
    void *memory;

    REQUIRE(weft_self_limit_get(*resource, &limit, NULL) == WEFT_OK);
    CHECK(limit.has_used && limit.used > 0 && !limit.exceeded);
    CHECK_STATUS(
        weft_self_limit_set(*resource, limit.used + 40 * MIB, limit.hard, NULL),
        WEFT_OK);
    memory = malloc(20 * MIB);
    CHECK(memory != NULL);
    free(memory);
    memory = malloc(60 * MIB);
    CHECK(memory == NULL);
    free(memory);

    /* Below what is used: that stays, and no more is to be had. */
    CHECK_STATUS(weft_self_limit_set(*resource, MIB / 16, limit.hard, NULL),
                 WEFT_OK);
    REQUIRE(weft_self_limit_get(*resource, &limit, NULL) == WEFT_OK);
    CHECK(limit.exceeded && limit.soft == MIB / 16);
    memory = malloc(20 * MIB);
    CHECK(memory == NULL);
    free(memory);
    CHECK_STATUS(weft_self_limit_set(*resource, limit.hard, limit.hard, NULL),
                 WEFT_OK);
}

void test_main(void)
{
    static const weft_resource resources[] = {WEFT_RESOURCE_DATA,
                                              WEFT_RESOURCE_ADDRESS_SPACE};
    peer_process child;

    check_case("a limit of memory is enforced");
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        child = peer_run(limit_memory, &resources[i], sizeof(resources[i]));
        CHECK(peer_ended_well(&child));
    }
}
