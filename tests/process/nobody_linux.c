/* SPDX-License-Identifier: MIT
 *
 * Without the right to make groups what can be held is held, and the report
 * says how.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "process/tree_linux.h"

#define NOBODY 65534
#define MIB ((uint64_t)1024 * 1024)

static void eat(struct tree_run *run, const char *mib, const char *count)
{
    weft_process_spec *spec = tree_spec();

    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 48 * MIB,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, run, "eat", mib, count);
    CHECK(run->rows[WEFT_FENCE_MEMORY].level == WEFT_LEVEL_MONITORED);
    CHECK(strstr(run->rows[WEFT_FENCE_MEMORY].mechanism, "RLIMIT_DATA") !=
          NULL);
    CHECK(run->rows[WEFT_FENCE_MEMORY].blind_ns != 0);
    CHECK(run->rows[WEFT_FENCE_MEMORY].why_not[0] != '\0');
    weft_process_spec_close(&spec);
}

static void check_all(void)
{
    struct tree_run run;

    check_case("who needs less is let be");
    eat(&run, "20", "1");
    CHECK(run.result.reason == WEFT_REASON_EXITED && run.result.exit_code == 0);

    check_case("one process can't have more; why it ends is not guessed");
    eat(&run, "100", "1");
    CHECK(run.result.reason == WEFT_REASON_EXITED && run.result.exit_code == 7);

    check_case("several that have more together are ended");
    eat(&run, "30", "4");
    CHECK(run.result.reason == WEFT_REASON_MEMORY);
    CHECK(strstr(run.evidence, "sum by /proc: ") != NULL);
}

void test_main(void)
{
    char self[4096];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
    pid_t child;
    int status = 0;

    tree_act();
    REQUIRE(bytes > 0);
    self[bytes] = '\0';
    CHECK(setenv("WEFT_CGROUP_ROOT", "", 1) == 0);
    check_all();
    if (geteuid() != 0) {
        return;
    }
    child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 ||
            setuid(NOBODY) != 0 || access(self, X_OK) != 0 ||
            access(getenv("WEFT_HELPER"), X_OK) != 0) {
            _exit(77); /* it can't be reached from there */
        }
        (void)unsetenv("WEFT_CGROUP_ROOT");
        check_all();
        check_exit_child();
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) &&
          (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
}
