/* SPDX-License-Identifier: MIT
 *
 * Facts of the system and the machine, and what the job allows.
 *
 * A job may be in another one, and Windows tells a process of the innermost
 * only; so the others are out of sight.
 */
#include "../system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "win.h"

/* ------------------------------------------------------------- version --- */

static void find_version(weft_system *system)
{
    char wine[32];

    WEFTOS_SET_TEXT(system->os, "Windows");
    system->valid |= WEFT_SYSTEM_OS;
    if (weftos_find_version(system->version, sizeof(system->version), wine,
                            sizeof(wine))) {
        (void)snprintf(system->kernel, sizeof(system->kernel),
                       "Windows NT %.24s%s", system->version, wine);
        system->valid |= WEFT_SYSTEM_VERSION | WEFT_SYSTEM_KERNEL;
    }
}

/* -------------------------------------------------------- architecture --- */

static const struct {
    unsigned image;     /* in the header of a program */
    unsigned processor; /* in SYSTEM_INFO */
    const char *name;
} architectures[] = {
    {IMAGE_FILE_MACHINE_AMD64, PROCESSOR_ARCHITECTURE_AMD64, "x86_64"},
    {0xaa64, 12, "arm64"}, /* older headers have no names for this one */
    {IMAGE_FILE_MACHINE_I386, PROCESSOR_ARCHITECTURE_INTEL, "x86"},
    {IMAGE_FILE_MACHINE_ARMNT, PROCESSOR_ARCHITECTURE_ARM, "arm"},
};

#define ARCHITECTURES (sizeof(architectures) / sizeof(architectures[0]))

/* Since Windows 10 1511; older ones run on nothing that they translate for. */
static const char *find_native(void)
{
    typedef BOOL WINAPI ask_machines(HANDLE process, USHORT * own,
                                     USHORT * native);
    ask_machines *ask = (ask_machines *)weftos_find_function(L"kernel32.dll",
                                                             "IsWow64Process2");
    USHORT own;
    USHORT native;
    SYSTEM_INFO info;

    if (ask != NULL && ask(GetCurrentProcess(), &own, &native)) {
        for (size_t i = 0; i < ARCHITECTURES; i++) {
            if (architectures[i].image == native) {
                return architectures[i].name;
            }
        }
        return NULL;
    }
    GetNativeSystemInfo(&info);
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        if (architectures[i].processor == info.wProcessorArchitecture) {
            return architectures[i].name;
        }
    }
    return NULL;
}

/* Whether processors of one kind run programs of another by themselves. */
static bool runs(const char *machine, const char *process)
{
    return strcmp(machine, process) == 0 ||
           (strcmp(machine, "x86_64") == 0 && strcmp(process, "x86") == 0) ||
           (strcmp(machine, "arm64") == 0 && strcmp(process, "arm") == 0) ||
           (strcmp(machine, "arm64") == 0 && strcmp(process, "arm64ec") == 0);
}

static void find_machine(weft_system *system)
{
    const char *native = find_native();

    if (native != NULL) {
        WEFTOS_SET_TEXT(system->machine, native);
        system->emulated = !runs(native, system->process);
        system->valid |= WEFT_SYSTEM_MACHINE | WEFT_SYSTEM_EMULATED;
    }
}

/* --------------------------------------------------------------- sizes --- */

static void find_cpus(weft_system *system)
{
    DWORD cpus = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    DWORD_PTR own = 0;
    DWORD_PTR all = 0;

    if (cpus > 0) {
        system->cpus = cpus;
        system->valid |= WEFT_SYSTEM_CPUS;
    }
    /* The mask is about one group, which may not be the only one. */
    if (GetActiveProcessorGroupCount() == 1 &&
        GetProcessAffinityMask(GetCurrentProcess(), &own, &all) && own != 0) {
        for (; own != 0; own &= own - 1) {
            system->cpus_usable++;
        }
        system->valid |= WEFT_SYSTEM_CPUS_USABLE;
    }
}

static void find_line(weft_system *system)
{
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION *list;
    DWORD bytes = 0;
    bool found;

    (void)GetLogicalProcessorInformation(NULL, &bytes);
    list = calloc(1, bytes + 1);
    found = list != NULL && GetLogicalProcessorInformation(list, &bytes);
    for (size_t i = 0; found && i < bytes / sizeof(*list); i++) {
        const CACHE_DESCRIPTOR *cache = &list[i].Cache;

        if (list[i].Relationship == RelationCache && cache->Level == 1 &&
            cache->Type != CacheInstruction && cache->LineSize > 0) {
            system->line_bytes = cache->LineSize;
            system->valid |= WEFT_SYSTEM_LINE;
            break;
        }
    }
    free(list);
}

static void find_sizes(weft_system *system)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof(memory)};
    SYSTEM_INFO info;

    GetSystemInfo(&info);
    system->page_bytes = info.dwPageSize;
    system->valid |= WEFT_SYSTEM_PAGE;
    if (GlobalMemoryStatusEx(&memory)) {
        system->memory_bytes = memory.ullTotalPhys;
        system->valid |= WEFT_SYSTEM_MEMORY;
    }
}

/* -------------------------------------------------------------- limits --- */

static void find_memory_limit(weft_system *system)
{
    uint64_t process_limit;
    uint64_t job_limit;

    if (!weftos_job_memory(&process_limit, &job_limit)) {
        return;
    }
    system->memory_limit_bytes = WEFT_UNLIMITED;
    if (process_limit != WEFT_UNLIMITED) {
        system->memory_limit_bytes = process_limit;
        WEFTOS_SET_TEXT(system->memory_limit_source,
                        "the job's ProcessMemoryLimit");
    }
    if (job_limit < system->memory_limit_bytes) {
        system->memory_limit_bytes = job_limit;
        WEFTOS_SET_TEXT(system->memory_limit_source,
                        "the job's JobMemoryLimit");
    }
    system->valid |= WEFT_SYSTEM_MEMORY_LIMIT;
}

/* JOBOBJECT_CPU_RATE_CONTROL_INFORMATION, of Windows 8; a class of 15. */
struct cpu_rate {
    DWORD flags;
    DWORD rate; /* of all CPUs' time, in parts of RATE_WHOLE */
};
#define CPU_RATE_CLASS ((JOBOBJECTINFOCLASS)15)
#define RATE_IS_ON 1u
#define RATE_IS_WEIGHT 2u
#define RATE_IS_HARD 4u
#define RATE_IS_RANGE 16u
#define RATE_WHOLE 10000u

static void find_quota(weft_system *system)
{
    struct cpu_rate found = {0, 0};
    DWORD rate;

    if (weftos_is_in_job() == WEFTOS_JOB_NONE) {
        system->cpu_quota_milli = WEFT_UNLIMITED;
        system->valid |= WEFT_SYSTEM_CPU_QUOTA;
        return;
    }
    if (system->cpus == 0 ||
        !QueryInformationJobObject(NULL, CPU_RATE_CLASS, &found, sizeof(found),
                                   NULL)) {
        return;
    }
    /* Of a range the upper half is the cap. */
    rate = (found.flags & RATE_IS_RANGE) != 0 ? found.rate >> 16 : found.rate;
    system->cpu_quota_milli = WEFT_UNLIMITED;
    if ((found.flags & RATE_IS_ON) != 0 &&
        (found.flags & RATE_IS_WEIGHT) == 0 &&
        (found.flags & (RATE_IS_HARD | RATE_IS_RANGE)) != 0) {
        system->cpu_quota_milli =
            ((uint64_t)rate * system->cpus * 1000 + RATE_WHOLE - 1) /
            RATE_WHOLE;
        WEFTOS_SET_TEXT(system->cpu_quota_source, "the job's CpuRate");
    }
    system->valid |= WEFT_SYSTEM_CPU_QUOTA;
}

/* ---------------------------------------------------------- the process --- */

static void find_token(weft_system *system)
{
    HANDLE token = NULL;
    TOKEN_ELEVATION elevation;
    DWORD is_container = 0;
    DWORD used;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return;
    }
    if (GetTokenInformation(token, TokenElevation, &elevation,
                            sizeof(elevation), &used)) {
        system->elevated = elevation.TokenIsElevated != 0;
        system->valid |= WEFT_SYSTEM_ELEVATED;
    }
    /* The question is unknown before Windows 8, as containers are. */
    if (GetTokenInformation(token, TokenIsAppContainer, &is_container,
                            sizeof(is_container), &used) &&
        is_container != 0) {
        system->container = WEFT_CONTAINER_UNKNOWN;
        WEFTOS_SET_TEXT(system->container_fact,
                        "its token is an AppContainer's");
        system->valid |= WEFT_SYSTEM_CONTAINER;
    }
    (void)CloseHandle(token);
}

/* Windows writes down there that it has been started in a container. */
static void find_container(weft_system *system)
{
    DWORD kind = 0;
    DWORD bytes = sizeof(kind);
    LSTATUS error =
        RegGetValueW(HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Control",
                     L"ContainerType", RRF_RT_REG_DWORD, NULL, &kind, &bytes);

    if ((system->valid & WEFT_SYSTEM_CONTAINER) != 0 ||
        (error != ERROR_SUCCESS && error != ERROR_FILE_NOT_FOUND)) {
        return;
    }
    if (error == ERROR_SUCCESS) {
        system->container = WEFT_CONTAINER_UNKNOWN;
        (void)snprintf(system->container_fact, sizeof(system->container_fact),
                       "the registry has ContainerType %lu", kind);
    } else {
        WEFTOS_SET_TEXT(system->container_fact,
                        "neither its token nor the registry tells of one");
    }
    system->valid |= WEFT_SYSTEM_CONTAINER;
}

void weftos_system_find(weft_system *system)
{
    find_version(system);
    find_machine(system);
    find_cpus(system);
    find_line(system);
    find_sizes(system);
    find_memory_limit(system);
    find_quota(system);
    find_token(system);
    find_container(system);
}
