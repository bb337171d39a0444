/* SPDX-License-Identifier: MIT
 *
 * What the double of macOS is: a Mac with Apple silicon.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sources.h"

void sources_check(const weft_system *system)
{
    const uint32_t unknown = WEFT_SYSTEM_CPU_QUOTA | WEFT_SYSTEM_MEMORY_LIMIT |
                             WEFT_SYSTEM_CONTAINER;
    const char *wait = getenv("WEFT_DOUBLE_WAIT");

    check_case("the system is the one that the double is");
    CHECK((system->valid & unknown) == 0);
    CHECK((system->valid | unknown) == 0x3fff);
    CHECK(strcmp(system->os, "macOS") == 0);
    CHECK(strcmp(system->machine, "arm64") == 0);
    if (wait == NULL || strcmp(wait, "os_sync") == 0) {
        CHECK(strcmp(system->version, "14.4") == 0);
        CHECK(strcmp(system->kernel, "Darwin 23.4.0") == 0);
    }
    CHECK(system->page_bytes == 16384);
    CHECK(system->line_bytes == 128);
    CHECK(system->cpus_usable == system->cpus);

    check_case("who was compiled for another processor is translated");
    CHECK(system->emulated == (strcmp(system->process, "arm64") != 0));
    CHECK(strcmp(system->emulator, system->emulated ? "Rosetta" : "") == 0);
}
