/* SPDX-License-Identifier: MIT
 *
 * What `weft bench fanout` measures on Linux.
 */
#include "bench_fanout.h"

const fanout_transport *const fanout_transports[] = {
    &fanout_weft, &fanout_reliable, &fanout_raw, &fanout_uds, &fanout_pipe,
};

const size_t fanout_transport_count =
    sizeof(fanout_transports) / sizeof(fanout_transports[0]);
