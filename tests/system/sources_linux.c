/* SPDX-License-Identifier: MIT
 *
 * What programs of Linux and /proc say of the system.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "sources.h"

/* The first line that a program prints. */
static void ask(const char *command, char *line, int bytes)
{
    FILE *pipe = popen(command, "re"); // NOLINT(cert-env33-c): a test's own

    REQUIRE(pipe != NULL);
    line[0] = '\0';
    (void)fgets(line, bytes, pipe);
    line[strcspn(line, "\n")] = '\0';
    CHECK(pclose(pipe) == 0);
}

static uint64_t ask_number(const char *command)
{
    char line[64];

    ask(command, line, sizeof(line));
    return strtoull(line, NULL, 10);
}

void sources_check(const weft_system *system)
{
    const uint32_t all = WEFT_SYSTEM_OS | WEFT_SYSTEM_KERNEL |
                         WEFT_SYSTEM_MACHINE | WEFT_SYSTEM_EMULATED |
                         WEFT_SYSTEM_CPUS | WEFT_SYSTEM_CPUS_USABLE |
                         WEFT_SYSTEM_PAGE | WEFT_SYSTEM_MEMORY |
                         WEFT_SYSTEM_CONTAINER | WEFT_SYSTEM_ELEVATED;
    char line[128];

    check_case("the kernel and the machine are those that uname tells");
    CHECK((system->valid & all) == all);
    CHECK(strcmp(system->os, "Linux") == 0);
    ask("uname -sr", line, sizeof(line));
    CHECK(strcmp(system->kernel, line) == 0);
    ask("uname -m", line, sizeof(line));
    CHECK(strcmp(system->machine, line) == 0 || strcmp(line, "aarch64") == 0 ||
          system->emulated);

    check_case("the version is that of os-release");
    if ((system->valid & WEFT_SYSTEM_VERSION) != 0) {
        ask(". /etc/os-release && echo \"$PRETTY_NAME\"", line, sizeof(line));
        CHECK(strcmp(system->version, line) == 0);
    }

    check_case("sizes and counts are those that getconf and nproc tell");
    CHECK(system->cpus == ask_number("getconf _NPROCESSORS_ONLN"));
    CHECK(system->cpus_usable ==
          ask_number("env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc"));
    CHECK(system->page_bytes == ask_number("getconf PAGESIZE"));
    CHECK(system->memory_bytes ==
          ask_number("sed -n 's/^MemTotal: *//p' /proc/meminfo") * 1024);
    if ((system->valid & WEFT_SYSTEM_LINE) != 0) {
        uint64_t line_bytes = ask_number("getconf LEVEL1_DCACHE_LINESIZE");

        CHECK(line_bytes == 0 || system->line_bytes == line_bytes);
    }

    check_case("root is elevated, and nobody else");
    CHECK(system->elevated == (ask_number("id -u") == 0));
}
