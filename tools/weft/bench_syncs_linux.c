/* SPDX-License-Identifier: MIT
 *
 * The families of objects that `weft bench sync` measures on Linux.
 */
#include "bench_sync.h"

const sync_family *const sync_families[] = {
    &sync_weft, &sync_robust, &sync_pthread, &sync_sem, &sync_raw,
};

const size_t sync_family_count =
    sizeof(sync_families) / sizeof(sync_families[0]);
