/* SPDX-License-Identifier: MIT
 *
 * The CPUs of the two sides.
 */
#include "bench_cpus.h"

#include <string.h>

#include "bench_sys.h"
#include "tool.h"

/* One CPU number of "A,B". */
static bool parse_cpu(const char *text, size_t length, unsigned *cpu)
{
    char digits[8];
    uint64_t number;

    if (length >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (!tool_parse_count(digits, &number)) {
        return false;
    }
    *cpu = (unsigned)number;
    return true;
}

const char *bench_cpus_parse(bench_cpus *cpus, const char *argument)
{
    const char *comma = strchr(argument, ',');

    if (comma == NULL ||
        !parse_cpu(argument, (size_t)(comma - argument), &cpus->numbers[0]) ||
        !parse_cpu(comma + 1, strlen(comma + 1), &cpus->numbers[1])) {
        return "is not two CPU numbers, such as 0,1";
    }
    if (!bench_sys_has_cpu(cpus->numbers[0]) ||
        !bench_sys_has_cpu(cpus->numbers[1])) {
        return "has a CPU that this process may not run on";
    }
    cpus->pinned = true;
    return NULL;
}

void bench_cpus_choose(bench_cpus *cpus)
{
    if (!cpus->pinned && bench_sys_cpus(cpus->numbers, 2) == 1) {
        cpus->numbers[1] = cpus->numbers[0];
    }
}
