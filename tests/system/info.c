/* SPDX-License-Identifier: MIT
 *
 * Facts of the system, against other sources, and the context of an error.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "sources.h"

static void test_arguments(void)
{
    weft_system system = {.size = 1};

    check_case("wrong arguments are refused");
    CHECK_STATUS(weft_system_info(NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_system_info(&system), WEFT_EINVAL);
    CHECK(strcmp(weft_container_name(WEFT_CONTAINER_DOCKER), "docker") == 0);
    CHECK(strcmp(weft_container_name((weft_container)99), "unknown") == 0);
}

static bool is_power(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Of each member either it is known or it is as if nothing were there. */
static void test_plausible(const weft_system *system)
{
    check_case("what is known is plausible");
    CHECK(strcmp(system->process, "unknown") != 0);
    CHECK(((system->valid & WEFT_SYSTEM_PAGE) != 0) ==
          is_power(system->page_bytes));
    CHECK(((system->valid & WEFT_SYSTEM_LINE) != 0) ==
          is_power(system->line_bytes));
    CHECK(((system->valid & WEFT_SYSTEM_CPUS) != 0) == (system->cpus > 0));
    CHECK(system->cpus_usable <= system->cpus);
    CHECK(((system->valid & WEFT_SYSTEM_MEMORY) != 0) ==
          (system->memory_bytes > 0));
    CHECK((system->valid & WEFT_SYSTEM_EMULATED) == 0 || system->emulated ||
          strcmp(system->machine, system->process) == 0);
    CHECK(((system->valid & WEFT_SYSTEM_CONTAINER) != 0) ==
          (system->container_fact[0] != '\0'));
    CHECK(((system->valid & WEFT_SYSTEM_MEMORY_LIMIT) != 0 &&
           system->memory_limit_bytes != WEFT_UNLIMITED) ==
          (system->memory_limit_source[0] != '\0'));
    CHECK(((system->valid & WEFT_SYSTEM_CPU_QUOTA) != 0 &&
           system->cpu_quota_milli != WEFT_UNLIMITED) ==
          (system->cpu_quota_source[0] != '\0'));
    printf("# %s, %s, %s on %s; %u of %u CPUs, line %u; %s: %s\n", system->os,
           system->version, system->kernel, system->machine,
           (unsigned)system->cpus_usable, (unsigned)system->cpus,
           (unsigned)system->line_bytes, weft_container_name(system->container),
           system->container_fact);
    printf(
        "# memory %llu of %llu %s, quota %llu %s\n",
        (unsigned long long)system->memory_limit_bytes,
        (unsigned long long)system->memory_bytes, system->memory_limit_source,
        (unsigned long long)system->cpu_quota_milli, system->cpu_quota_source);
}

static void test_context(const weft_system *system)
{
    const weft_detail detail = {WEFT_EACCES, 13, "open a thing"};
    char text[1024];
    char part[20];
    int length = weft_error_context(&detail, text, sizeof(text));

    check_case("the context of an error has the error and the system");
    CHECK(length == (int)strlen(text));
    CHECK(strstr(text, "open a thing") != NULL);
    CHECK(strstr(text, "WEFT_EACCES") != NULL);
    CHECK(strstr(text, "system 13") != NULL);
    CHECK(strstr(text, system->kernel) != NULL);
    CHECK(strstr(text, system->process) != NULL);
    printf("# %s\n", text);

    check_case("it is cut to its room, and its length is told");
    CHECK(weft_error_context(&detail, part, sizeof(part)) == length);
    CHECK(strlen(part) == sizeof(part) - 1);
    CHECK(strncmp(part, text, sizeof(part) - 1) == 0);
}

void test_main(void)
{
    weft_system system = {.size = sizeof(system)};

    test_arguments();
    REQUIRE(weft_system_info(&system) == WEFT_OK);
    test_plausible(&system);
    sources_check(&system);
    test_context(&system);
}
