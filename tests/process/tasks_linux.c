/* SPDX-License-Identifier: MIT
 *
 * A tree has no more processes than it may.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "process/tree_linux.h"

static void run_with(struct tree_run *run, uint64_t most, uint64_t wall_ms,
                     const char *action)
{
    weft_process_spec *spec = tree_spec();

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, most,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_WALL, 0,
                                         wall_ms * UINT64_C(1000000),
                                         WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, run, action, "10", NULL);
    weft_process_spec_close(&spec);
}

void test_main(void)
{
    struct tree_run run;

    tree_act();
    tree_need(WEFT_FENCE_PROCESSES);

    check_case("a fork too many fails, and that is no end");
    run_with(&run, 5, 20000, "forks");
    CHECK(run.result.reason == WEFT_REASON_EXITED);
    CHECK(run.result.exit_code == 6);
    CHECK(run.result.exceeded == 1u << WEFT_FENCE_PROCESSES);
    CHECK(strstr(run.evidence, "pids.events: max 0 -> ") != NULL);

    check_case("enough is no limit");
    run_with(&run, 11, 20000, "forks");
    CHECK(run.result.exit_code == 0);
    CHECK(run.result.exceeded == 0);

    check_case("a fork bomb ends with its time, and all of it");
    run_with(&run, 40, 300, "bomb");
    CHECK(run.result.reason == WEFT_REASON_WALL);
    CHECK((run.result.exceeded & 1u << WEFT_FENCE_PROCESSES) != 0);

    check_case("without groups one that grows slowly is ended");
    CHECK(setenv("WEFT_CGROUP_ROOT", "", 1) == 0);
    run_with(&run, 40, 10000, "grow");
    CHECK(run.result.reason == WEFT_REASON_PROCESSES);
    CHECK(run.result.exceeded == 1u << WEFT_FENCE_PROCESSES);
    CHECK(run.rows[WEFT_FENCE_PROCESSES].level == WEFT_LEVEL_MONITORED);
    CHECK(strstr(run.rows[WEFT_FENCE_PROCESSES].why_not, "outrun") != NULL);
}
