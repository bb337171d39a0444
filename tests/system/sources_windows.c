/* SPDX-License-Identifier: MIT
 *
 * What the environment and the system's calls say of Windows.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sources.h"

#include <windows.h>

void sources_check(const weft_system *system)
{
    const uint32_t all = WEFT_SYSTEM_OS | WEFT_SYSTEM_VERSION |
                         WEFT_SYSTEM_KERNEL | WEFT_SYSTEM_MACHINE |
                         WEFT_SYSTEM_EMULATED | WEFT_SYSTEM_CPUS |
                         WEFT_SYSTEM_PAGE | WEFT_SYSTEM_MEMORY |
                         WEFT_SYSTEM_ELEVATED | WEFT_SYSTEM_CONTAINER;
    const char *cpus = getenv("NUMBER_OF_PROCESSORS");
    ULONGLONG kib = 0;

    check_case("the system is Windows, and what it says");
    CHECK((system->valid & all) == all);
    CHECK(strcmp(system->os, "Windows") == 0);
    CHECK(strncmp(system->kernel, "Windows NT ", 11) == 0);
    CHECK(strncmp(system->kernel + 11, system->version,
                  strlen(system->version)) == 0);
    CHECK(cpus != NULL && system->cpus == strtoul(cpus, NULL, 10));
    CHECK(system->page_bytes == 4096);
    if (GetPhysicallyInstalledSystemMemory(&kib)) {
        CHECK(system->memory_bytes <= kib * 1024);
    }
}
