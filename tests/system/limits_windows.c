/* SPDX-License-Identifier: MIT
 *
 * Limits of this process on Windows: what it can't limit it refuses, and what
 * it takes it keeps.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/system.h>

#include "check.h"
#include "peer.h"

#define MIB (UINT64_C(1) << 20)

static void limit_data(void *context)
{
    weft_limit limit;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;
    void *memory;

    (void)context;
    check_keep_handles();
    REQUIRE(weft_self_limit_get(WEFT_RESOURCE_DATA, &limit, NULL) == WEFT_OK);
    CHECK(limit.soft == WEFT_UNLIMITED && limit.hard == WEFT_UNLIMITED);
    status =
        weft_self_limit_set(WEFT_RESOURCE_DATA, 200 * MIB, 200 * MIB, &detail);
    if (status == WEFT_ENOTSUP) { /* Wine */
        CHECK(strstr(detail.operation, "does not keep") != NULL);
        REQUIRE(weft_self_limit_get(WEFT_RESOURCE_DATA, &limit, NULL) ==
                WEFT_OK);
        CHECK(limit.soft == WEFT_UNLIMITED);
        return;
    }
    CHECK_STATUS(status, WEFT_OK);
    check_keep_handles(); /* the job */
    REQUIRE(weft_self_limit_get(WEFT_RESOURCE_DATA, &limit, NULL) == WEFT_OK);
    CHECK(limit.soft == 200 * MIB && limit.hard == 200 * MIB);
    memory = malloc(250 * MIB);
    CHECK(memory == NULL);
    free(memory);
    CHECK_STATUS(weft_self_limit_set(WEFT_RESOURCE_DATA, WEFT_UNLIMITED,
                                     WEFT_UNLIMITED, NULL),
                 WEFT_OK);
    memory = malloc(250 * MIB);
    CHECK(memory != NULL);
    free(memory);
}

void test_main(void)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_limit limit;
    peer_process child;

    check_case("a limit that Windows does not have is refused");
    for (int i = 0; i < WEFT_RESOURCE_COUNT; i++) {
        weft_resource resource = (weft_resource)i;

        if (resource != WEFT_RESOURCE_DATA) {
            CHECK_STATUS(weft_self_limit_set(resource, 1, 1, &detail),
                         WEFT_ENOTSUP);
            CHECK(detail.operation != NULL);
            CHECK_STATUS(weft_self_limit_get(resource, &limit, NULL),
                         WEFT_ENOTSUP);
        }
    }
    CHECK_STATUS(weft_self_limit_set(WEFT_RESOURCE_DATA, MIB, 2 * MIB, NULL),
                 WEFT_EINVAL);

    check_case("a limit of memory is kept, or refused");
    child = peer_run(limit_data, NULL, 0);
    CHECK(peer_ended_well(&child));
}
