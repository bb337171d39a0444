/* SPDX-License-Identifier: MIT
 *
 * weft bench - which of the benchmarks it is. Those that have options of their
 * own are named before these; all others are of messages.
 */
#include <string.h>

#include "tool.h"

static const tool_command benches[] = {
    {"sync", "of synchronisation objects", cmd_bench_sync},
    {"fanin", "of one server and many clients", cmd_bench_fanin},
    {"fanout", "of one publisher and many subscribers", cmd_bench_fanout},
};

int cmd_bench_any(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < TOOL_COUNT_OF(benches); i++) {
        if (strcmp(argv[1], benches[i].name) == 0) {
            return benches[i].run(argc - 1, argv + 1);
        }
    }
    return cmd_bench(argc, argv);
}
