/* SPDX-License-Identifier: MIT
 *
 * Facts and features: only what holds on any system.
 */
#include <stdio.h>

#include "stub.h"

/* Every system that weft names has pages of this size or a multiple of it. */
#define SMALLEST_PAGE_BYTES 4096

static const weftos_facts facts = {
    .page_bytes = SMALLEST_PAGE_BYTES,
    .cpus = 1,
    .fence_remote = false,
    .pauses_per_us = 1,
};

const weftos_facts *weftos_get_facts(void)
{
    return &facts;
}

void weftos_error_text(int os_code, char *text, size_t bytes)
{
    (void)snprintf(text, bytes, "system error %d", os_code);
}

int weftos_cpu(void)
{
    return -1;
}

void weftos_yield(void)
{
}

size_t weftos_features(weft_feature *features, size_t room)
{
    static const weft_feature backend = {
        .name = "back end",
        .use = "everything that touches the system",
        .state = WEFT_FEATURE_ABSENT,
        .note = "weft has no back end for this system yet",
    };

    if (room > 0) {
        features[0] = backend;
    }
    return 1;
}
