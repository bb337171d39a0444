/* SPDX-License-Identifier: MIT
 *
 * A limit of memory ends a tree that needs more, and no other.
 */
#include <string.h>

#include "check.h"
#include "process/tree_linux.h"

#define MIB ((uint64_t)1024 * 1024)

static void eat(struct tree_run *run, const char *mib, const char *count)
{
    weft_process_spec *spec = tree_spec();

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 48 * MIB,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, run, "eat", mib, count);
    CHECK(run->rows[WEFT_FENCE_MEMORY].level == WEFT_LEVEL_TREE);
    CHECK(run->rows[WEFT_FENCE_MEMORY].applied == 48 * MIB);
    weft_process_spec_close(&spec);
}

static void check_is_over(const struct tree_run *run)
{
    CHECK(run->result.reason == WEFT_REASON_MEMORY);
    CHECK(run->result.exceeded == 1u << WEFT_FENCE_MEMORY);
    CHECK(!run->result.exited);
    CHECK(strstr(run->evidence, "oom_kill 0 -> ") != NULL);
}

void test_main(void)
{
    struct tree_run run;

    tree_act();
    tree_need(WEFT_FENCE_MEMORY);

    check_case("who needs less is let be, and the peak is told");
    eat(&run, "20", "1");
    CHECK(run.result.reason == WEFT_REASON_EXITED);
    CHECK(run.result.exit_code == 0);
    CHECK(run.result.exceeded == 0);
    CHECK((run.result.usage.valid & WEFT_USAGE_PEAK) == 0 ||
          (run.result.usage.memory_peak_bytes >= 20 * MIB &&
           run.result.usage.memory_peak_bytes < 48 * MIB));

    check_case("who needs more is ended, for that reason");
    eat(&run, "100", "1");
    check_is_over(&run);

    check_case("the processes of a tree count together");
    eat(&run, "20", "4");
    check_is_over(&run);
}
