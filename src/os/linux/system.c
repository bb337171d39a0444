/* SPDX-License-Identifier: MIT
 *
 * Facts of the system and the machine.
 */
#define _GNU_SOURCE
#include "../system.h"

#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "container.h"
#include "text.h"

/* More than os-release has. */
#define RELEASE_BYTES 8192

/* The most CPUs that Linux can be built for. */
#define CPUS_MOST 8192

/* ------------------------------------------------------------- version --- */

/* The value of a line NAME=value, with the quotes of a shell; in place. */
static char *find_value(char *text, const char *name)
{
    size_t length = strlen(name);
    char *value;
    char *from;
    char *to;
    char quote = '\0';

    while (strncmp(text, name, length) != 0 || text[length] != '=') {
        text = strchr(text, '\n');
        if (text == NULL) {
            return NULL;
        }
        text++;
    }
    value = text + length + 1;
    to = value;
    for (from = value; *from != '\0' && *from != '\n'; from++) {
        if (quote == '\0' ? *from == '"' || *from == '\'' : *from == quote) {
            quote = quote == '\0' ? *from : '\0';
        } else if (*from == '\\' && quote != '\'' && from[1] != '\0' &&
                   from[1] != '\n') {
            *to++ = *++from;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return value;
}

static void find_version(weft_system *system)
{
    char text[RELEASE_BYTES];
    const char *value = NULL;

    if (weftos_read_text("/etc/os-release", text, sizeof(text)) ||
        weftos_read_text("/usr/lib/os-release", text, sizeof(text))) {
        value = find_value(text, "PRETTY_NAME");
    }
    if (value != NULL && value[0] != '\0') {
        WEFTOS_SET_TEXT(system->version, value);
        system->valid |= WEFT_SYSTEM_VERSION;
    }
}

/* -------------------------------------------------------- architecture --- */

static const struct {
    const char *name;
    const char *pattern; /* a name of the kernel's begins with it */
    unsigned machine;    /* in the header of a program */
} architectures[] = {
    {"x86_64", "x86_64", EM_X86_64}, {"arm64", "aarch64", EM_AARCH64},
    {"x86", "i386", EM_386},         {"x86", "i486", EM_386},
    {"x86", "i586", EM_386},         {"x86", "i686", EM_386},
    {"arm", "arm", EM_ARM},          {"riscv64", "riscv64", EM_RISCV},
    {"ppc64", "ppc64", EM_PPC64},    {"s390x", "s390x", EM_S390},
};

#define ARCHITECTURES (sizeof(architectures) / sizeof(architectures[0]))

static const char *name_of_kernel(const char *word)
{
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        if (strncmp(word, architectures[i].pattern,
                    strlen(architectures[i].pattern)) == 0) {
            return architectures[i].name;
        }
    }
    return word;
}

static const char *name_of_program(unsigned machine)
{
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        if (architectures[i].machine == machine) {
            return architectures[i].name;
        }
    }
    return "unknown";
}

/*
 * The architecture of the program that the kernel runs: a translator (QEMU,
 * Rosetta) is one of the machine's own, and shows what it translates under
 * /proc/self, but not here.
 */
static bool read_program(unsigned *machine)
{
    unsigned char header[EI_NIDENT + 4];
    FILE *file = fopen("/proc/thread-self/exe", "re");
    bool found = file != NULL &&
                 fread(header, 1, sizeof(header), file) == sizeof(header) &&
                 memcmp(header, ELFMAG, SELFMAG) == 0;

    if (file != NULL) {
        (void)fclose(file);
    }
    if (found) {
        bool is_big = header[EI_DATA] == ELFDATA2MSB;

        *machine =
            is_big
                ? (unsigned)header[EI_NIDENT + 2] << 8 | header[EI_NIDENT + 3]
                : (unsigned)header[EI_NIDENT + 3] << 8 | header[EI_NIDENT + 2];
    }
    return found;
}

static void find_machine(weft_system *system, const char *word)
{
    unsigned machine;

    WEFTOS_SET_TEXT(system->machine, name_of_kernel(word));
    system->valid |= WEFT_SYSTEM_MACHINE;
    if (!read_program(&machine)) {
        return;
    }
    system->valid |= WEFT_SYSTEM_EMULATED;
    system->emulated = strcmp(name_of_program(machine), system->process) != 0;
    if (system->emulated) {
        WEFTOS_SET_TEXT(system->machine, name_of_program(machine));
    }
}

static void find_kernel(weft_system *system)
{
    struct utsname names;

    WEFTOS_SET_TEXT(system->os, "Linux");
    system->valid |= WEFT_SYSTEM_OS;
    if (uname(&names) != 0) {
        return;
    }
    (void)snprintf(system->kernel, sizeof(system->kernel), "%.20s %.70s",
                   names.sysname, names.release);
    system->valid |= WEFT_SYSTEM_KERNEL;
    find_machine(system, names.machine);
}

/* ------------------------------------------------------------- machine --- */

static void find_cpus(weft_system *system)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t bytes = CPU_ALLOC_SIZE(CPUS_MOST);
    cpu_set_t *set = CPU_ALLOC(CPUS_MOST);

    if (cpus > 0) {
        system->cpus = (uint32_t)cpus;
        system->valid |= WEFT_SYSTEM_CPUS;
    }
    if (set == NULL) {
        return;
    }
    CPU_ZERO_S(bytes, set);
    /* Of the process: its first thread's. */
    if (sched_getaffinity(getpid(), bytes, set) == 0) {
        system->cpus_usable = (uint32_t)CPU_COUNT_S(bytes, set);
        system->valid |= WEFT_SYSTEM_CPUS_USABLE;
    }
    CPU_FREE(set);
}

static void find_line(weft_system *system)
{
    char text[32];
    const char *end;
    uint64_t bytes = 0;

    if (!weftos_read_text("/sys/devices/system/cpu/cpu0/cache/index0/"
                          "coherency_line_size",
                          text, sizeof(text)) ||
        !weftos_parse_number(text, &end, &bytes) || bytes > UINT32_MAX) {
#ifdef _SC_LEVEL1_DCACHE_LINESIZE
        long found = sysconf(_SC_LEVEL1_DCACHE_LINESIZE);

        bytes = found > 0 ? (uint64_t)found : 0;
#endif
    }
    if (bytes > 0) {
        system->line_bytes = (uint32_t)bytes;
        system->valid |= WEFT_SYSTEM_LINE;
    }
}

static void find_memory(weft_system *system)
{
    long page = sysconf(_SC_PAGESIZE);
    long pages = sysconf(_SC_PHYS_PAGES);

    system->page_bytes = (uint32_t)page;
    system->valid |= WEFT_SYSTEM_PAGE;
    if (pages > 0) {
        system->memory_bytes = (uint64_t)pages * (uint64_t)page;
        system->valid |= WEFT_SYSTEM_MEMORY;
    }
}

void weftos_system_find(weft_system *system)
{
    int cancel;

    /* A thread that is cancelled in here would keep descriptors. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    find_version(system);
    find_kernel(system);
    find_cpus(system);
    find_line(system);
    find_memory(system);
    (void)pthread_setcancelstate(cancel, &cancel);
    system->elevated = geteuid() == 0;
    system->valid |= WEFT_SYSTEM_ELEVATED;
    weftos_container_find("", system);
}
