/* SPDX-License-Identifier: MIT
 *
 * What `weft bench fanin` measures where there are no Unix sockets: weft alone.
 */
#include "bench_fanin.h"

const fanin_transport *const fanin_transports[] = {
    &fanin_weft,
};

const size_t fanin_transport_count =
    sizeof(fanin_transports) / sizeof(fanin_transports[0]);
