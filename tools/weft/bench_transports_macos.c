/* SPDX-License-Identifier: MIT
 *
 * The transports that `weft bench` measures on macOS. There is no raw one: the
 * calls to sleep at a word are private, or too new.
 */
#include "bench_transport.h"

const bench_transport *const bench_transports[] = {
    &bench_weft,
    &bench_pipe,
    &bench_uds,
};

const size_t bench_transport_count =
    sizeof(bench_transports) / sizeof(bench_transports[0]);
