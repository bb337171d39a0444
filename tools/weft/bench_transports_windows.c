/* SPDX-License-Identifier: MIT
 *
 * The transports that `weft bench` measures on Windows.
 */
#include "bench_transport.h"

const bench_transport *const bench_transports[] = {
    &bench_weft,
    &bench_raw,
    &bench_pipe,
};

const size_t bench_transport_count =
    sizeof(bench_transports) / sizeof(bench_transports[0]);
