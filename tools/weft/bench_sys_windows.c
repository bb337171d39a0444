/* SPDX-License-Identifier: MIT
 *
 * CPUs, shared memory and processes on Windows.
 *
 * A side is this program, started again with SIDE_ARGUMENT and the value of an
 * inherited section, its launch: what to run, and what memory to map at which
 * address. All sides are in a job that ends them with this process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "bench_sys.h"
#include "sys_windows.h"

#define SIDE_ARGUMENT "--bench-side"

/* The exit codes of a side that returned. */
#define EXIT_DONE 0
#define EXIT_FAILED 1

/* Memory lies far from all that a program is usually given. */
#define SHARED_MOST 4
#define SHARED_BASE UINT64_C(0x200000000000)
#define SHARED_APART UINT64_C(0x1000000000)

typedef struct shared_memory {
    HANDLE section;
    void *base; /* NULL: unused */
} shared_memory;

typedef struct side_launch {
    uintptr_t body; /* its number */
    void *context;
    shared_memory shared[SHARED_MOST];
    bool pinned;
    unsigned cpus[]; /* one for each side, if they are pinned */
} side_launch;

const bool bench_sys_supported = true;
const char *const bench_sys_killer = "exit code";

static shared_memory shared[SHARED_MOST];

/* --------------------------------------------------------- this program --- */

/*
 * A program may be loaded elsewhere when it is started again: what it holds is
 * named by the distance from something in it.
 */
uintptr_t bench_sys_number(const void *object)
{
    return (uintptr_t)object - (uintptr_t)&bench_sys_supported;
}

const void *bench_sys_object(uintptr_t number)
{
    return (const void *)(number + (uintptr_t)&bench_sys_supported);
}

const char *bench_sys_cause(char *text, size_t room)
{
    DWORD code = GetLastError();
    DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM |
                                      FORMAT_MESSAGE_IGNORE_INSERTS |
                                      FORMAT_MESSAGE_MAX_WIDTH_MASK,
                                  NULL, code, 0, text, (DWORD)room, NULL);

    if (length == 0) {
        snprintf(text, room, "error %lu", code);
    }
    return text;
}

/* ---------------------------------------------------------------- CPUs --- */

static DWORD_PTR own_cpus(void)
{
    DWORD_PTR own = 0;
    DWORD_PTR all = 0;

    (void)GetProcessAffinityMask(GetCurrentProcess(), &own, &all);
    return own;
}

bool bench_sys_has_cpu(unsigned cpu)
{
    return cpu < 8 * sizeof(DWORD_PTR) && (own_cpus() >> cpu & 1) != 0;
}

size_t bench_sys_cpus(unsigned *cpus, size_t room)
{
    size_t count = 0;

    for (unsigned cpu = 0; cpu < 8 * sizeof(DWORD_PTR); cpu++) {
        if (bench_sys_has_cpu(cpu)) {
            if (count < room) {
                cpus[count] = cpu;
            }
            count++;
        }
    }
    return count;
}

/* -------------------------------------------------------------- memory --- */

static bool map_at(shared_memory *memory, void *place)
{
    memory->base =
        MapViewOfFileEx(memory->section, FILE_MAP_ALL_ACCESS, 0, 0, 0, place);
    return memory->base != NULL;
}

static HANDLE make_section(size_t bytes)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};

    return CreateFileMappingW(INVALID_HANDLE_VALUE, &inherited, PAGE_READWRITE,
                              (DWORD)((uint64_t)bytes >> 32), (DWORD)bytes,
                              NULL);
}

void *bench_sys_share(size_t bytes)
{
    for (size_t i = 0; i < SHARED_MOST; i++) {
        shared_memory *memory = &shared[i];

        if (memory->base == NULL) {
            memory->section = make_section(bytes);
            if (memory->section != NULL &&
                !map_at(memory, (void *)(SHARED_BASE + i * SHARED_APART))) {
                (void)CloseHandle(memory->section);
            }
            return memory->base;
        }
    }
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return NULL;
}

void bench_sys_unshare(void *memory, size_t bytes)
{
    (void)bytes;
    for (size_t i = 0; i < SHARED_MOST; i++) {
        if (memory != NULL && shared[i].base == memory) {
            (void)UnmapViewOfFile(memory);
            (void)CloseHandle(shared[i].section);
            shared[i].base = NULL;
        }
    }
}

/* ------------------------------------------------------------ in a side --- */

static bool prepare(const side_launch *launch, unsigned index)
{
    for (size_t i = 0; i < SHARED_MOST; i++) {
        shared[i] = launch->shared[i];
        if (shared[i].base != NULL && !map_at(&shared[i], shared[i].base)) {
            return false;
        }
    }
    return !launch->pinned ||
           SetProcessAffinityMask(GetCurrentProcess(),
                                  (DWORD_PTR)1 << launch->cpus[index]) != 0;
}

void bench_sys_begin(char **arguments)
{
    const side_launch *launch;
    bench_sys_body *body;
    unsigned index;

    if (arguments[0] == NULL || arguments[1] == NULL ||
        strcmp(arguments[1], SIDE_ARGUMENT) != 0 || arguments[2] == NULL ||
        arguments[3] == NULL) {
        return;
    }
    launch = MapViewOfFile((HANDLE)(uintptr_t)strtoull(arguments[2], NULL, 10),
                           FILE_MAP_READ, 0, 0, 0);
    index = (unsigned)strtoul(arguments[3], NULL, 10);
    if (launch == NULL || !prepare(launch, index)) {
        exit(2);
    }
    body = (bench_sys_body *)(uintptr_t)bench_sys_object(launch->body);
    exit(body(launch->context, index) ? EXIT_DONE : EXIT_FAILED);
}

/* -------------------------------------------------------- in the parent --- */

/* Starts a side; NULL if that fails. */
static HANDLE start(HANDLE job, HANDLE section, unsigned index)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION made;
    WCHAR path[MAX_PATH];
    WCHAR line[MAX_PATH + 64];
    bool runs;

    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (GetModuleFileNameW(NULL, path, MAX_PATH) >= MAX_PATH) {
        return NULL;
    }
    (void)_snwprintf(line, sizeof(line) / sizeof(line[0]),
                     L"\"%ls\" %hs %llu %u", path, SIDE_ARGUMENT,
                     (unsigned long long)(uintptr_t)section, index);
    if (!CreateProcessW(path, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL,
                        NULL, &startup, &made)) {
        return NULL;
    }
    runs = AssignProcessToJobObject(job, made.hProcess) &&
           ResumeThread(made.hThread) != (DWORD)-1;
    (void)CloseHandle(made.hThread);
    if (!runs) {
        (void)TerminateProcess(made.hProcess, EXIT_FAILED);
        (void)CloseHandle(made.hProcess);
        return NULL;
    }
    return made.hProcess;
}

static bench_sys_result judge(HANDLE side, int *signal)
{
    DWORD code = EXIT_FAILED;

    (void)GetExitCodeProcess(side, &code);
    if (code == EXIT_DONE) {
        return BENCH_SYS_DONE;
    }
    *signal = (int)code;
    return code == EXIT_FAILED ? BENCH_SYS_FAILED : BENCH_SYS_KILLED;
}

/* The sides as the parent sees them. */
typedef struct side_group {
    unsigned count;
    unsigned running;
    HANDLE ended;   /* set when a side has ended */
    HANDLE *sides;  /* NULL: it has ended, or never was */
    HANDLE *alerts; /* a thread of the system's waits for the side */
} side_group;

/* In one of those threads: there is no one wait for more than 64 handles. */
static VOID CALLBACK tell(PVOID ended, BOOLEAN timed_out)
{
    (void)timed_out;
    (void)SetEvent(ended);
}

static bool add_side(side_group *group, HANDLE job, HANDLE section,
                     unsigned index)
{
    group->sides[index] = start(job, section, index);
    if (group->sides[index] == NULL) {
        return false;
    }
    group->running++;
    return RegisterWaitForSingleObject(
        &group->alerts[index], group->sides[index], tell, group->ended,
        INFINITE, WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD);
}

static void forget_side(side_group *group, unsigned index)
{
    if (group->alerts[index] != NULL) {
        (void)UnregisterWaitEx(group->alerts[index], INVALID_HANDLE_VALUE);
        group->alerts[index] = NULL;
    }
    (void)CloseHandle(group->sides[index]);
    group->sides[index] = NULL;
    group->running--;
}

/* Those that have ended. One that was killed may have felled others. */
static bench_sys_result reap_ended(side_group *group, int *signal)
{
    bench_sys_result result = BENCH_SYS_DONE;

    for (unsigned i = 0; i < group->count; i++) {
        if (group->sides[i] != NULL &&
            WaitForSingleObject(group->sides[i], 0) == WAIT_OBJECT_0) {
            bench_sys_result one = judge(group->sides[i], signal);

            forget_side(group, i);
            result = one > result ? one : result;
        }
    }
    return result;
}

/* Waits for all, or for the first that fails, or for a stall. */
static bench_sys_result watch(side_group *group, const void *context,
                              bench_sys_progress *progress, uint64_t stall_ns,
                              int *signal)
{
    DWORD timeout_ms = (DWORD)(stall_ns / 1000000);
    uint64_t before = UINT64_MAX;
    bench_sys_result result = BENCH_SYS_DONE;

    while (result == BENCH_SYS_DONE && group->running > 0) {
        DWORD ended = WaitForSingleObject(group->ended, timeout_ms);

        if (ended == WAIT_OBJECT_0) {
            result = reap_ended(group, signal);
        } else if (ended == WAIT_TIMEOUT) {
            uint64_t now = progress(context);

            result = now == before ? BENCH_SYS_STALLED : BENCH_SYS_DONE;
            before = now;
        } else {
            return BENCH_SYS_ERROR;
        }
    }
    return result;
}

/* Fills in what the sides are told; NULL if there is no memory for it. */
static HANDLE make_launch(bench_sys_body *body, void *context, unsigned count,
                          const unsigned *cpus)
{
    size_t room = (size_t)count * sizeof(*cpus);
    HANDLE section = make_section(sizeof(side_launch) + room);
    side_launch *launch;

    if (section == NULL) {
        return NULL;
    }
    launch = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    if (launch == NULL) {
        return NULL; /* the section ends with this process, which is soon */
    }
    launch->body = bench_sys_number((const void *)(uintptr_t)body);
    launch->context = context;
    launch->pinned = cpus != NULL;
    if (cpus != NULL) {
        memcpy(launch->cpus, cpus, room);
    }
    memcpy(launch->shared, shared, sizeof(shared));
    (void)UnmapViewOfFile(launch);
    return section;
}

/* With a job, which is closed here: this ends who is left. */
static bench_sys_result run_group(side_group *group, HANDLE job, HANDLE section,
                                  const void *context,
                                  bench_sys_progress *progress,
                                  uint64_t stall_ns, int *signal)
{
    bench_sys_result result = BENCH_SYS_ERROR;
    unsigned started = 0;
    DWORD cause;

    while (started < group->count && add_side(group, job, section, started)) {
        started++;
    }
    if (started == group->count) {
        result = watch(group, context, progress, stall_ns, signal);
    }
    cause = GetLastError();
    (void)CloseHandle(job);
    for (unsigned i = 0; i < group->count; i++) {
        if (group->sides[i] != NULL) {
            (void)WaitForSingleObject(group->sides[i], INFINITE);
            forget_side(group, i);
        }
    }
    SetLastError(cause);
    return result;
}

bench_sys_result bench_sys_run(bench_sys_body *body, void *context,
                               unsigned count, const unsigned *cpus,
                               bench_sys_progress *progress, uint64_t stall_ns,
                               int *signal)
{
    HANDLE section = make_launch(body, context, count, cpus);
    side_group group = {.count = count,
                        .ended = CreateEventW(NULL, FALSE, FALSE, NULL),
                        .sides = calloc(count, sizeof(HANDLE)),
                        .alerts = calloc(count, sizeof(HANDLE))};
    bool ready = section != NULL && group.ended != NULL &&
                 group.sides != NULL && group.alerts != NULL;
    HANDLE job = ready ? sys_job_make() : NULL;
    bench_sys_result result = BENCH_SYS_ERROR;
    DWORD cause;

    fflush(NULL);
    if (job != NULL) {
        result = run_group(&group, job, section, context, progress, stall_ns,
                           signal);
    }
    cause = GetLastError();
    free(group.sides);
    free(group.alerts);
    if (group.ended != NULL) {
        (void)CloseHandle(group.ended);
    }
    if (section != NULL) {
        (void)CloseHandle(section);
    }
    SetLastError(cause);
    return result;
}

/* --------------------------------------------------- what processes use --- */

uint64_t bench_sys_process(void)
{
    return GetCurrentProcessId();
}

/* Nobody is told how many processes share a page. */
bool bench_sys_pss(uint64_t process, uint64_t *bytes)
{
    (void)process;
    (void)bytes;
    return false;
}

static uint64_t ticks(FILETIME time)
{
    return (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

/* A tick is 100 ns. */
bool bench_sys_cpu_time(uint64_t process, uint64_t *ns)
{
    HANDLE handle =
        OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)process);
    FILETIME made, ended, kernel, user;
    bool known = handle != NULL &&
                 GetProcessTimes(handle, &made, &ended, &kernel, &user);

    if (known) {
        *ns = (ticks(kernel) + ticks(user)) * 100;
    }
    if (handle != NULL) {
        (void)CloseHandle(handle);
    }
    return known;
}

/* It grows by whole ticks of the scheduler, some 15 ms. */
bool bench_sys_thread_cpu_time(uint64_t *ns)
{
    FILETIME made, ended, kernel, user;

    if (!GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user)) {
        return false;
    }
    *ns = (ticks(kernel) + ticks(user)) * 100;
    return true;
}

/* ------------------------------------------------------------ the rest --- */

/* A pipe's size is chosen when it is made here. */
uint64_t bench_sys_enlarge_pipe(int pipe)
{
    (void)pipe;
    return 0;
}

void bench_sys_sleep(uint64_t ns)
{
    Sleep((DWORD)((ns + 999999) / 1000000));
}

void bench_sys_yield(void)
{
    (void)SwitchToThread();
}
