/* SPDX-License-Identifier: MIT
 *
 * On this system there is nothing to read that would be the least.
 */
#include "bench_memory.h"

const char *const bench_figures_name = "";
const char *const bench_processes_name = "";
const char *const bench_mappings_name = "";
const char *const bench_counters_name = "";

bool bench_read_figures(void)
{
    return false;
}

bool bench_read_processes(void)
{
    return false;
}

bool bench_read_mappings(void)
{
    return false;
}

bool bench_read_counters(void)
{
    return false;
}
