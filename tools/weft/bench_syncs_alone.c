/* SPDX-License-Identifier: MIT
 *
 * The families of objects that `weft bench sync` measures where the system has
 * none that processes can share at any address: weft's own.
 */
#include "bench_sync.h"

const sync_family *const sync_families[] = {
    &sync_weft,
};

const size_t sync_family_count =
    sizeof(sync_families) / sizeof(sync_families[0]);
