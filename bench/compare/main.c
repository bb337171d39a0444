/* SPDX-License-Identifier: MIT
 *
 * A program that measures one other library, with the options, the loops, the
 * check and the output of `weft bench`, `weft bench fanin` and `weft bench
 * fanout`.
 */
#include <string.h>

#include "bench_fanin.h"
#include "bench_fanout.h"
#include "sys.h"
#include "tool.h"

int main(int argc, char **argv)
{
    sys_start(argc, argv);
    if (argc > 1 && strcmp(argv[1], "fanin") == 0 &&
        fanin_transport_count > 0) {
        return cmd_bench_fanin(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "fanout") == 0 &&
        fanout_transport_count > 0) {
        return cmd_bench_fanout(argc - 1, argv + 1);
    }
    return cmd_bench(argc, argv);
}
