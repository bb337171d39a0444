/* SPDX-License-Identifier: MIT
 *
 * What Windows has that is no memory object of weft's, no doorbell, or no
 * control socket. Memory is to be a section that the page file backs, all of
 * it committed; a bell is an event that may be set.
 */
#include "attacker.h"

#include <windows.h>

static weft_handle duplicate(HANDLE object, DWORD access)
{
    HANDLE self = GetCurrentProcess();
    HANDLE copy = NULL;

    REQUIRE(object != NULL && object != INVALID_HANDLE_VALUE);
    REQUIRE(DuplicateHandle(self, object, self, &copy, access, FALSE,
                            DUPLICATE_CLOSE_SOURCE));
    return (weft_handle)copy;
}

static weft_handle checked(HANDLE object)
{
    REQUIRE(object != NULL && object != INVALID_HANDLE_VALUE);
    return (weft_handle)object;
}

/* -------------------------------------------------------------- memory --- */

static HANDLE section(HANDLE file, DWORD protection, uint64_t bytes)
{
    return CreateFileMappingW(file, NULL, protection, (DWORD)(bytes >> 32),
                              (DWORD)bytes, NULL);
}

/* A file that is gone when its last handle is closed. */
static HANDLE open_file(uint64_t bytes)
{
    WCHAR folder[MAX_PATH];
    WCHAR path[MAX_PATH];
    LARGE_INTEGER end = {.QuadPart = (LONGLONG)bytes};
    HANDLE file;

    REQUIRE(GetTempPathW(MAX_PATH, folder) > 0);
    REQUIRE(GetTempFileNameW(folder, L"wft", 0, path) != 0);
    file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_DELETE,
                       NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    REQUIRE(SetFilePointerEx(file, end, NULL, FILE_BEGIN) &&
            SetEndOfFile(file));
    return file;
}

static weft_handle a_file(uint64_t bytes)
{
    return checked(open_file(bytes));
}

static weft_handle memory_of_a_file(uint64_t bytes)
{
    HANDLE file = open_file(bytes);
    HANDLE mapping = section(file, PAGE_READWRITE, bytes);

    REQUIRE(CloseHandle(file));
    return checked(mapping);
}

static weft_handle memory_of_a_program(uint64_t bytes)
{
    WCHAR path[MAX_PATH];
    HANDLE file;
    HANDLE mapping;

    (void)bytes;
    REQUIRE(GetModuleFileNameW(NULL, path, MAX_PATH) > 0);
    file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
                       0, NULL);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    mapping = section(file, PAGE_READONLY | SEC_IMAGE, 0);
    REQUIRE(CloseHandle(file));
    return checked(mapping);
}

/* Its pages need not be there when they are touched. */
static weft_handle reserved_memory(uint64_t bytes)
{
    return checked(
        section(INVALID_HANDLE_VALUE, PAGE_READWRITE | SEC_RESERVE, bytes));
}

static weft_handle memory_with_access(uint64_t bytes, DWORD access)
{
    return duplicate(section(INVALID_HANDLE_VALUE, PAGE_READWRITE, bytes),
                     access);
}

static weft_handle write_only_memory(uint64_t bytes)
{
    return memory_with_access(bytes, SECTION_MAP_WRITE | SECTION_QUERY);
}

/* What it is can't be asked by this. */
static weft_handle memory_without_query(uint64_t bytes)
{
    return memory_with_access(bytes, SECTION_MAP_READ);
}

static weft_handle plain_memory(uint64_t bytes)
{
    return checked(section(INVALID_HANDLE_VALUE, PAGE_READWRITE, bytes));
}

/* --------------------------------------------------------------- others --- */

static weft_handle an_event(uint64_t bytes)
{
    (void)bytes;
    return checked(CreateEventW(NULL, FALSE, FALSE, NULL));
}

static weft_handle an_event_to_wait_for(uint64_t bytes)
{
    (void)bytes;
    return duplicate(CreateEventW(NULL, FALSE, FALSE, NULL), SYNCHRONIZE);
}

static weft_handle a_mutex(uint64_t bytes)
{
    (void)bytes;
    return checked(CreateMutexW(NULL, FALSE, NULL));
}

static weft_handle a_semaphore(uint64_t bytes)
{
    (void)bytes;
    return checked(CreateSemaphoreW(NULL, 0, 1, NULL));
}

static weft_handle a_timer(uint64_t bytes)
{
    (void)bytes;
    return checked(CreateWaitableTimerW(NULL, FALSE, NULL));
}

static weft_handle a_process(uint64_t bytes)
{
    (void)bytes;
    return checked(
        OpenProcess(PROCESS_ALL_ACCESS, FALSE, GetCurrentProcessId()));
}

static weft_handle a_thread(uint64_t bytes)
{
    (void)bytes;
    return checked(OpenThread(THREAD_ALL_ACCESS, FALSE, GetCurrentThreadId()));
}

static weft_handle nothing(uint64_t bytes)
{
    (void)bytes;
    return checked(CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                               OPEN_EXISTING, 0, NULL));
}

static weft_handle a_directory(uint64_t bytes)
{
    WCHAR folder[MAX_PATH];

    (void)bytes;
    REQUIRE(GetTempPathW(MAX_PATH, folder) > 0);
    return checked(
        CreateFileW(folder, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL));
}

/* A pipe of bytes, where a control socket's has messages. */
static weft_handle a_pipe(uint64_t bytes)
{
    HANDLE ends[2];

    (void)bytes;
    REQUIRE(CreatePipe(&ends[0], &ends[1], NULL, 0));
    REQUIRE(CloseHandle(ends[0]));
    return checked(ends[1]);
}

/* --------------------------------------------------------------- tables --- */

static const struct hostile_thing no_memory[] = {
    {"a file", a_file, false},
    {"memory of a file", memory_of_a_file, false},
    {"memory of a program", memory_of_a_program, false},
    {"reserved memory", reserved_memory, false},
    {"write-only memory", write_only_memory, false},
    {"memory that can't be asked", memory_without_query, false},
    {"an event", an_event, false},
    {"a mutex", a_mutex, false},
    {"a semaphore", a_semaphore, false},
    {"a timer", a_timer, false},
    {"a process", a_process, false},
    {"a thread", a_thread, false},
    {"NUL", nothing, false},
    {"a directory", a_directory, false},
    {"a pipe", a_pipe, false},
};

static const struct hostile_thing no_bells[] = {
    {"an event that can't be set", an_event_to_wait_for, false},
    {"a mutex", a_mutex, false},
    {"a semaphore", a_semaphore, false},
    {"a timer", a_timer, false},
    {"a process", a_process, false},
    {"a thread", a_thread, false},
    {"memory", plain_memory, false},
    {"a file", a_file, false},
    {"NUL", nothing, false},
    {"a directory", a_directory, false},
    {"a pipe", a_pipe, false},
};

static const struct hostile_thing no_sockets[] = {
    {"a pipe of bytes", a_pipe, false},
    {"a file", a_file, false},
    {"NUL", nothing, false},
    {"an event", an_event, false},
    {"a process", a_process, false},
    {"memory", plain_memory, false},
};

#define THINGS(list)                                                           \
    {                                                                          \
        list, sizeof(list) / sizeof(list[0])                                   \
    }
const struct hostile_things hostile_no_memory = THINGS(no_memory);
const struct hostile_things hostile_no_bells = THINGS(no_bells);
const struct hostile_things hostile_no_sockets = THINGS(no_sockets);
