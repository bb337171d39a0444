/* SPDX-License-Identifier: MIT
 *
 * Facts of the system and the machine, by sysctl.
 *
 * What macOS runs programs in (the App Sandbox) it does not tell them in a
 * public way, and it has neither groups with quotas nor a set of CPUs for each
 * process: so those are not known, or all.
 */
#include "../system.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "macos.h"

/* A text; false: this macOS does not have it. */
static bool ask_text(const char *name, char *text, size_t bytes)
{
    size_t got = bytes - 1;

    if (sysctlbyname(name, text, &got, NULL, 0) != 0 || got == 0) {
        return false;
    }
    text[got] = '\0';
    return text[0] != '\0';
}

/* Numbers have 4 or 8 bytes, as the name and the version of macOS want. */
static bool ask_number(const char *name, uint64_t *value)
{
    union {
        uint64_t wide;
        uint32_t narrow;
    } number = {0};
    size_t got = sizeof(number);

    if (sysctlbyname(name, &number, &got, NULL, 0) != 0) {
        return false;
    }
    *value = got == sizeof(number.narrow) ? number.narrow : number.wide;
    return got == sizeof(number.narrow) || got == sizeof(number.wide);
}

/* One that fits, and is not 0. */
static bool ask_small(const char *name, uint32_t *value)
{
    uint64_t found;

    if (!ask_number(name, &found) || found == 0 || found > UINT32_MAX) {
        return false;
    }
    *value = (uint32_t)found;
    return true;
}

bool weftos_darwin_major(unsigned *major)
{
    char text[32];

    return ask_text("kern.osrelease", text, sizeof(text)) &&
           sscanf(text, "%u.", major) == 1;
}

/* ------------------------------------------------------------ the parts --- */

static void find_names(weft_system *system)
{
    char text[80];

    WEFTOS_SET_TEXT(system->os, "macOS");
    system->valid |= WEFT_SYSTEM_OS;
    /* From 10.13.4 on. */
    if (ask_text("kern.osproductversion", text, sizeof(text))) {
        WEFTOS_SET_TEXT(system->version, text);
        system->valid |= WEFT_SYSTEM_VERSION;
    }
    if (ask_text("kern.osrelease", text, sizeof(text))) {
        (void)snprintf(system->kernel, sizeof(system->kernel), "Darwin %s",
                       text);
        system->valid |= WEFT_SYSTEM_KERNEL;
    }
}

/* Under Rosetta hw.machine is what is translated, not what translates. */
static void find_machine(weft_system *system)
{
    char text[32];
    uint64_t is_arm = 0;
    uint64_t is_translated = 0;

    if (ask_number("hw.optional.arm64", &is_arm) && is_arm != 0) {
        WEFTOS_SET_TEXT(system->machine, "arm64");
        system->valid |= WEFT_SYSTEM_MACHINE;
    } else if (ask_text("hw.machine", text, sizeof(text))) {
        (void)snprintf(system->machine, sizeof(system->machine), "%.15s", text);
        system->valid |= WEFT_SYSTEM_MACHINE;
    }
    /* ENOENT: it is older than Rosetta, or the processor is Intel's. */
    if (ask_number("sysctl.proc_translated", &is_translated)) {
        system->emulated = is_translated == 1;
        system->valid |= WEFT_SYSTEM_EMULATED;
    } else if (errno == ENOENT) {
        system->valid |= WEFT_SYSTEM_EMULATED;
    }
    if (system->emulated) {
        WEFTOS_SET_TEXT(system->emulator, "Rosetta");
    }
}

static void find_sizes(weft_system *system)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (cpus > 0) {
        system->cpus = (uint32_t)cpus;
        system->cpus_usable = (uint32_t)cpus;
        system->valid |= WEFT_SYSTEM_CPUS | WEFT_SYSTEM_CPUS_USABLE;
    }
    system->page_bytes = (uint32_t)getpagesize();
    system->valid |= WEFT_SYSTEM_PAGE;
    if (ask_small("hw.cachelinesize", &system->line_bytes)) {
        system->valid |= WEFT_SYSTEM_LINE;
    }
    if (ask_number("hw.memsize", &system->memory_bytes)) {
        system->valid |= WEFT_SYSTEM_MEMORY;
    }
}

void weftos_system_find(weft_system *system)
{
    find_names(system);
    find_machine(system);
    find_sizes(system);
    system->elevated = geteuid() == 0;
    system->valid |= WEFT_SYSTEM_ELEVATED;
}
