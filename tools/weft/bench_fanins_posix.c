/* SPDX-License-Identifier: MIT
 *
 * What `weft bench fanin` measures where there are Unix sockets.
 */
#include "bench_fanin.h"

const fanin_transport *const fanin_transports[] = {
    &fanin_weft,
    &fanin_uds,
};

const size_t fanin_transport_count =
    sizeof(fanin_transports) / sizeof(fanin_transports[0]);
