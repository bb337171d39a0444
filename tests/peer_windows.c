/* SPDX-License-Identifier: MIT
 *
 * Children on Windows: this program, started again.
 *
 * A child's arguments are PEER_ARGUMENT and the value of an inherited section,
 * its block: the number of its function, its context, and what memory to share
 * at which address. All children are in one job, which ends them when the last
 * handle of it is closed, and that is when this process ends in any way.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "check.h"
#include "peer.h"

#define PEER_ARGUMENT "--peer"
#define SOON_MS 10000

/* The exit code of who is killed here. Exceptions have codes beyond these. */
#define KILLED 0x7ead
#define EXIT_MOST 0xff

/* How often a child is tried to be started. */
#define TRIES 3

/* The most pieces of memory that are shared at a time. */
#define SHARED_MOST 16

/* Far from all that a program is usually given by Windows, and by Wine. */
#define SHARED_BASE UINT64_C(0x100000000000)
#define SHARED_APART UINT64_C(0x100000000)

struct shared {
    HANDLE section;
    void *base; /* NULL: unused */
};

struct block {
    _Atomic uint32_t begun; /* the child has come to its function */
    uintptr_t task;
    void *shared_context; /* if none is copied */
    size_t bytes;
    struct shared shared[SHARED_MOST];
    _Alignas(16) unsigned char copy[];
};

const bool peer_forks = false;
const unsigned peer_cost = 10;

static HANDLE job;
static struct shared shared[SHARED_MOST];

/* ------------------------------------------------------------- starting --- */

/* Maps what the parent shares, before anything else takes the addresses. */
static void map_shared(const struct block *block)
{
    memcpy(shared, block->shared, sizeof(shared));
    for (size_t i = 0; i < SHARED_MOST; i++) {
        REQUIRE(shared[i].base == NULL ||
                MapViewOfFileEx(shared[i].section, FILE_MAP_ALL_ACCESS, 0, 0, 0,
                                shared[i].base) == shared[i].base);
    }
}

static _Noreturn void live(HANDLE section)
{
    struct block *block = MapViewOfFile(section, FILE_MAP_ALL_ACCESS, 0, 0, 0);
    peer_task *task;

    REQUIRE(block != NULL);
    map_shared(block);
    task = (peer_task *)peer_function_of(block->task);
    atomic_store(&block->begun, 1);
    task(block->bytes > 0 ? block->copy : block->shared_context);
    check_exit_child();
}

static void make_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;

    memset(&limits, 0, sizeof(limits));
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    job = CreateJobObjectW(NULL, NULL);
    /* Not a check: a test that makes none of its own has to fail. */
    if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation,
                                 &limits, sizeof(limits))) {
        printf("Bail out! there is no job for children\n");
        exit(EXIT_FAILURE);
    }
}

void peer_begin(char **arguments)
{
    if (arguments[1] != NULL && strcmp(arguments[1], PEER_ARGUMENT) == 0) {
        live((HANDLE)(uintptr_t)strtoull(arguments[2], NULL, 10));
    }
    make_job();
}

/*
 * Wine 8 fails now and then with ERROR_INTERNAL_ERROR, once in thousands of
 * times on a busy machine.
 */
static void create(const WCHAR *path, WCHAR *line, STARTUPINFOW *startup,
                   PROCESS_INFORMATION *made)
{
    DWORD cause = ERROR_INTERNAL_ERROR;

    for (int i = 0; i < TRIES && cause == ERROR_INTERNAL_ERROR; i++) {
        if (CreateProcessW(path, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL,
                           NULL, startup, made)) {
            return;
        }
        cause = GetLastError();
        printf("# cannot start a child: error %lu\n", cause);
    }
    REQUIRE(false);
}

/* Starts this program with these arguments, and with what it may inherit. */
static peer_process start(const char *arguments)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION made;
    WCHAR path[MAX_PATH];
    WCHAR line[MAX_PATH + 64];

    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    REQUIRE(GetModuleFileNameW(NULL, path, MAX_PATH) < MAX_PATH);
    (void)swprintf(line, sizeof(line) / sizeof(line[0]), L"\"%ls\" %hs", path,
                   arguments);
    create(path, line, &startup, &made);
    /* A child has no job of its own: its children are in its parent's. */
    REQUIRE(job == NULL || AssignProcessToJobObject(job, made.hProcess));
    REQUIRE(ResumeThread(made.hThread) == 1);
    return (peer_process){.id = (int)made.dwProcessId,
                          .main_thread = (int)made.dwThreadId,
                          .handle = (intptr_t)made.hProcess,
                          .thread = (intptr_t)made.hThread};
}

/* A section that children inherit. */
static HANDLE make_section(size_t bytes)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    HANDLE section =
        CreateFileMappingW(INVALID_HANDLE_VALUE, &inherited, PAGE_READWRITE,
                           (DWORD)((uint64_t)bytes >> 32), (DWORD)bytes, NULL);

    REQUIRE(section != NULL);
    return section;
}

peer_process peer_run(peer_task *task, const void *context, size_t bytes)
{
    HANDLE section = make_section(sizeof(struct block) + bytes);
    struct block *block = MapViewOfFile(section, FILE_MAP_ALL_ACCESS, 0, 0, 0);
    char arguments[48];
    peer_process child;

    REQUIRE(block != NULL);
    block->task = peer_number_of((peer_function *)task);
    block->bytes = bytes;
    memcpy(block->shared, shared, sizeof(shared));
    if (bytes > 0) {
        memcpy(block->copy, context, bytes);
    } else {
        block->shared_context = (void *)(uintptr_t)context;
    }
    (void)snprintf(arguments, sizeof(arguments), PEER_ARGUMENT " %llu",
                   (unsigned long long)(uintptr_t)section);
    child = start(arguments);
    child.block = block;
    CHECK(CloseHandle(section));
    return child;
}

peer_process peer_execute(const char *argument)
{
    return start(argument);
}

bool peer_await_begun(const peer_process *child)
{
    const struct block *block = child->block;
    uint64_t late = peer_soon();

    while (block != NULL && atomic_load(&block->begun) == 0) {
        if (weft_now_ns() > late) {
            return false;
        }
        Sleep(1);
    }
    return true;
}

/* --------------------------------------------------------------- ending --- */

bool peer_await_end(const peer_process *child)
{
    return WaitForSingleObject((HANDLE)child->handle, SOON_MS) == WAIT_OBJECT_0;
}

int peer_status(peer_process *child)
{
    bool ended = peer_await_end(child);
    DWORD code = 0;

    if (!ended) {
        (void)TerminateProcess((HANDLE)child->handle, KILLED);
        (void)peer_await_end(child);
    }
    REQUIRE(GetExitCodeProcess((HANDLE)child->handle, &code));
    CHECK(CloseHandle((HANDLE)child->handle));
    CHECK(CloseHandle((HANDLE)child->thread));
    CHECK(child->block == NULL || UnmapViewOfFile(child->block));
    if (!ended) {
        return PEER_LATE;
    }
    if (code <= EXIT_MOST) {
        return (int)code;
    }
    return code == KILLED ? PEER_KILLED : PEER_CRASHED;
}

void peer_kill(peer_process *child)
{
    CHECK(TerminateProcess((HANDLE)child->handle, KILLED));
    CHECK(peer_was_killed(child));
}

bool peer_strike(int id)
{
    HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, (DWORD)id);
    bool done = process != NULL && TerminateProcess(process, KILLED);

    return process != NULL && CloseHandle(process) && done;
}

void peer_die(void)
{
    (void)TerminateProcess(GetCurrentProcess(), KILLED);
    abort();
}

int peer_self(void)
{
    return (int)GetCurrentProcessId();
}

void peer_stop(const peer_process *child)
{
    CHECK(SuspendThread((HANDLE)child->thread) == 0);
}

void peer_go_on(const peer_process *child)
{
    CHECK(ResumeThread((HANDLE)child->thread) == 1);
}

/* ------------------------------------------------- what children share --- */

void *peer_shared(size_t bytes)
{
    for (size_t i = 0; i < SHARED_MOST; i++) {
        void *wanted = (void *)(uintptr_t)(SHARED_BASE + i * SHARED_APART);

        if (shared[i].base == NULL) {
            shared[i].section = make_section(bytes);
            shared[i].base = MapViewOfFileEx(
                shared[i].section, FILE_MAP_ALL_ACCESS, 0, 0, 0, wanted);
            REQUIRE(shared[i].base == wanted);
            return wanted;
        }
    }
    printf("# no more than %d pieces of memory can be shared\n", SHARED_MOST);
    REQUIRE(false);
    return NULL;
}

void peer_unshare(void *memory, size_t bytes)
{
    (void)bytes;
    for (size_t i = 0; i < SHARED_MOST; i++) {
        if (shared[i].base == memory) {
            CHECK(UnmapViewOfFile(memory));
            CHECK(CloseHandle(shared[i].section));
            shared[i].base = NULL;
            return;
        }
    }
    printf("# this is no memory of peer_shared()\n");
    CHECK(false);
}

void peer_pass(weft_handle handle)
{
    CHECK(SetHandleInformation((HANDLE)handle, HANDLE_FLAG_INHERIT,
                               HANDLE_FLAG_INHERIT));
}

bool peer_is_passed(weft_handle handle)
{
    DWORD flags = 0;

    return GetHandleInformation((HANDLE)handle, &flags) &&
           (flags & HANDLE_FLAG_INHERIT) != 0;
}

bool peer_close(weft_handle handle)
{
    return CloseHandle((HANDLE)handle) != 0;
}

bool peer_is_open(weft_handle handle)
{
    DWORD flags;

    return GetHandleInformation((HANDLE)handle, &flags) != 0;
}

/* For getenv() in this process, and for the block that children are given. */
void peer_set_variable(const char *name, const char *value)
{
    CHECK(_putenv_s(name, value != NULL ? value : "") == 0);
}

void peer_gate_init(peer_gate *gate)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    HANDLE semaphore = CreateSemaphoreW(&inherited, 0, LONG_MAX, NULL);

    REQUIRE(semaphore != NULL);
    gate->ends[0] = (intptr_t)semaphore;
    gate->ends[1] = 0;
}

void peer_gate_deinit(peer_gate *gate)
{
    CHECK(CloseHandle((HANDLE)gate->ends[0]));
}

void peer_gate_open(const peer_gate *gate)
{
    CHECK(ReleaseSemaphore((HANDLE)gate->ends[0], 1, NULL));
}

bool peer_gate_pass(const peer_gate *gate)
{
    return WaitForSingleObject((HANDLE)gate->ends[0], SOON_MS) == WAIT_OBJECT_0;
}

/* --------------------------------------------------------------- names --- */

/* No directory is behind a name here; it only has to be one's own. */
void peer_names_begin(void)
{
    char place[64];

    (void)snprintf(place, sizeof(place), "weft-test-%d", peer_self());
    peer_set_variable("WEFT_RUNTIME_DIR", place);
}

void peer_names_forget(void)
{
}

void peer_names_end(void)
{
    peer_set_variable("WEFT_RUNTIME_DIR", NULL);
}

/* -------------------------------------------------------------- tokens --- */

weft_handle peer_token(unsigned number)
{
    HANDLE section = CreateFileMappingW(
        INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof(number), NULL);
    unsigned *place = section == NULL ? NULL
                                      : MapViewOfFile(section, FILE_MAP_WRITE,
                                                      0, 0, sizeof(number));

    REQUIRE(place != NULL);
    *place = number;
    CHECK(UnmapViewOfFile(place));
    return (weft_handle)section;
}

bool peer_token_is(weft_handle token, unsigned number)
{
    const unsigned *place =
        MapViewOfFile((HANDLE)token, FILE_MAP_READ, 0, 0, sizeof(number));
    bool right = place != NULL && *place == number;

    return (place == NULL || UnmapViewOfFile(place)) &&
           CloseHandle((HANDLE)token) && right;
}

/* ---------------------------------------------------------------- pace --- */

unsigned peer_rounds(unsigned many)
{
    return many / 20 + 1;
}
