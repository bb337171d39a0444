/* SPDX-License-Identifier: MIT
 *
 * look.h - what the tests of inspections share.
 */
#ifndef WEFT_TESTS_INSPECT_LOOK_H
#define WEFT_TESTS_INSPECT_LOOK_H

#include <weft/weft.h>

#include "check.h"
#include "peer.h"

/* Reads once; the status is checked. */
static inline weft_endpoint_stats look_once(weft_inspection *inspection,
                                            weft_status expected)
{
    weft_endpoint_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_inspection_read(inspection, &stats, peer_soon(), NULL),
                 expected);
    return stats;
}

/*
 * Reads until a figure is what it should become: who is inspected counts after
 * it has done something, perhaps after its peer has noticed.
 */
#define LOOK_UNTIL(inspection, stats, truth)                                   \
    do {                                                                       \
        uint64_t look_until_ns = peer_soon();                                  \
        do {                                                                   \
            (stats) = look_once((inspection), WEFT_OK);                        \
        } while (!(truth) && weft_now_ns() < look_until_ns);                   \
        CHECK(truth);                                                          \
    } while (0)

static inline weft_inspection *look_at(const char *name)
{
    weft_inspection *inspection = NULL;

    REQUIRE(weft_inspection_open(name, peer_soon(), &inspection, NULL, NULL) ==
            WEFT_OK);
    return inspection;
}

#endif
