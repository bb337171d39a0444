/* SPDX-License-Identifier: MIT
 *
 * What `weft bench fanout` measures where there are no Unix sockets: weft
 * alone.
 */
#include "bench_fanout.h"

const fanout_transport *const fanout_transports[] = {
    &fanout_weft,
    &fanout_reliable,
};

const size_t fanout_transport_count =
    sizeof(fanout_transports) / sizeof(fanout_transports[0]);
