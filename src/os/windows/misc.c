/* SPDX-License-Identifier: MIT
 *
 * Facts, time, CPUs, errors, and the token of this process.
 */
#include "win.h"

#include <stdio.h>
#include <stdlib.h>
#include <winternl.h>

#include "process_list.h"

void weftos_environment_remove(const char *name)
{
    /* The C library's copy, which getenv reads, and the system's. */
    (void)_putenv_s(name, "");
}

uint64_t weftos_now_ns(void)
{
    static _Atomic uint64_t per_second;
    uint64_t frequency =
        atomic_load_explicit(&per_second, memory_order_relaxed);
    LARGE_INTEGER ticks;

    /* Neither call can fail since Windows XP. */
    if (frequency == 0) {
        (void)QueryPerformanceFrequency(&ticks);
        frequency = (uint64_t)ticks.QuadPart;
        atomic_store_explicit(&per_second, frequency, memory_order_relaxed);
    }
    (void)QueryPerformanceCounter(&ticks);
    /* In two steps, because the product of all ticks would overflow. */
    return (uint64_t)ticks.QuadPart / frequency * WEFTOS_NS_PER_S +
           (uint64_t)ticks.QuadPart % frequency * WEFTOS_NS_PER_S / frequency;
}

int weftos_cpu(void)
{
    PROCESSOR_NUMBER number;

    GetCurrentProcessorNumberEx(&number);
    return number.Group * 64 + number.Number;
}

void weftos_yield(void)
{
    (void)SwitchToThread();
}

weftos_function *weftos_find_function(const wchar_t *library, const char *name)
{
    HMODULE module = GetModuleHandleW(library);

    return module != NULL ? (weftos_function *)GetProcAddress(module, name)
                          : NULL;
}

/* GetVersion lies to programs that do not name the newest one it knows. */
bool weftos_find_version(char *version, size_t room, char *wine,
                         size_t wine_room)
{
    typedef LONG NTAPI get_version(OSVERSIONINFOW * info);
    typedef const char *CDECL get_wine_version(void);
    get_version *ask =
        (get_version *)weftos_find_function(L"ntdll.dll", "RtlGetVersion");
    get_wine_version *ask_wine = (get_wine_version *)weftos_find_function(
        L"ntdll.dll", "wine_get_version");
    OSVERSIONINFOW info = {.dwOSVersionInfoSize = sizeof(info)};

    if (ask == NULL || ask(&info) < 0) {
        return false;
    }
    (void)snprintf(version, room, "%lu.%lu.%lu", info.dwMajorVersion,
                   info.dwMinorVersion, info.dwBuildNumber);
    (void)snprintf(wine, wine_room, "%s%s", ask_wine != NULL ? " by Wine " : "",
                   ask_wine != NULL ? ask_wine() : "");
    return true;
}

typedef NTSTATUS NTAPI query_object(HANDLE object, int what, void *facts,
                                    ULONG bytes, ULONG *used);
#define OBJECT_BASICS 0

bool weftos_ask_object(HANDLE handle, ULONG *rights, ULONG *handles)
{
    query_object *query =
        (query_object *)weftos_find_function(L"ntdll.dll", "NtQueryObject");
    PUBLIC_OBJECT_BASIC_INFORMATION basics;

    if (query == NULL ||
        query(handle, OBJECT_BASICS, &basics, sizeof(basics), NULL) < 0) {
        return false;
    }
    *rights = basics.GrantedAccess;
    *handles = basics.HandleCount;
    return true;
}

void weftos_close_native(HANDLE handle)
{
    if (handle != NULL && handle != INVALID_HANDLE_VALUE) {
        (void)CloseHandle(handle);
    }
}

/* --------------------------------------------------------------- errors --- */

weft_status weftos_error_status(DWORD os_code)
{
    switch (os_code) {
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_WORKING_SET_QUOTA:
    case ERROR_PAGEFILE_QUOTA:
    case ERROR_DISK_FULL: /* Wine: no room for what stands for memory */
        return WEFT_ENOMEM;
    case ERROR_TOO_MANY_OPEN_FILES:
    case ERROR_NOT_ENOUGH_QUOTA:
        return WEFT_ELIMIT;
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
        return WEFT_EACCES;
    case ERROR_CALL_NOT_IMPLEMENTED:
    case ERROR_NOT_SUPPORTED:
    case ERROR_PROC_NOT_FOUND:
        return WEFT_ENOTSUP;
    default:
        return WEFT_EOS;
    }
}

/* Removes the blanks that stand where the line breaks were. */
static void trim(wchar_t *text, DWORD length)
{
    while (length > 0 && text[length - 1] <= L' ') {
        length--;
    }
    text[length] = L'\0';
}

void weftos_error_text(int os_code, char *text, size_t bytes)
{
    wchar_t found[256];
    DWORD length = FormatMessageW(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
            FORMAT_MESSAGE_MAX_WIDTH_MASK,
        NULL, (DWORD)os_code, 0, found, ARRAYSIZE(found) - 1, NULL);
    char room[ARRAYSIZE(found) * 3];

    trim(found, length);
    if (length == 0 || WideCharToMultiByte(CP_UTF8, 0, found, -1, room,
                                           sizeof(room), NULL, NULL) == 0) {
        (void)snprintf(room, sizeof(room), "system error %d", os_code);
    }
    (void)snprintf(text, bytes, "%s", room);
}

/* ---------------------------------------------------------------- facts --- */

/* Times a burst of pauses; the shortest of three is the undisturbed one. */
static unsigned measure_pauses(void)
{
    const unsigned burst = 1024; /* the counter's step may be 100 ns */
    uint64_t best = UINT64_MAX;
    unsigned per_us;

    for (int i = 0; i < 3; i++) {
        uint64_t start = weftos_now_ns();

        for (unsigned k = 0; k < burst; k++) {
            weftos_pause();
        }
        uint64_t took = weftos_now_ns() - start;
        best = took < best ? took : best;
    }
    per_us = (unsigned)(burst * UINT64_C(1000) / (best + 1));
    return per_us > 0 ? per_us : 1;
}

static BOOL CALLBACK fill_facts(INIT_ONCE *once, void *parameter,
                                void **context)
{
    weftos_facts *facts = parameter;
    SYSTEM_INFO info;

    (void)once;
    (void)context;
    GetSystemInfo(&info);
    facts->page_bytes = info.dwPageSize;
    facts->cpus = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    if (facts->cpus == 0) {
        facts->cpus = 1;
    }
    /* FlushProcessWriteBuffers reaches the threads of one process only. */
    facts->fence_remote = false;
    facts->pauses_per_us = measure_pauses();
    return TRUE;
}

const weftos_facts *weftos_get_facts(void)
{
    static weftos_facts facts;
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    (void)InitOnceExecuteOnce(&once, fill_facts, &facts, NULL);
    return &facts;
}

weft_status weftos_fence_remote(weft_detail *detail)
{
    return weftos_fail(detail, WEFT_ENOTSUP, 0, "fence other processes");
}

/* -------------------------------------------------------------- process --- */

/* Windows has no fork: once it is set, it stays. */
static weftos_word token;

_Atomic(const weftos_word *) weftos_token = &token;

/* One machine, one set of process numbers. */
#define DOMAIN_OF_MACHINE UINT64_C(1)

/* Of a time in units of 100 ns; what of it is used repeats after 26 s. */
static uint32_t stamp_of(uint64_t time)
{
    return (uint32_t)(time ^ time >> WEFTOS_STAMP_BITS) &
           ((UINT32_C(1) << WEFTOS_STAMP_BITS) - 1);
}

uint32_t weftos_process_stamp(HANDLE process)
{
    FILETIME created = {0, 0};
    FILETIME unused;

    if (!GetProcessTimes(process, &created, &unused, &unused, &unused)) {
        return 0;
    }
    return stamp_of((uint64_t)created.dwHighDateTime << 32 |
                    created.dwLowDateTime);
}

typedef LONG NTAPI query_list(int what, void *facts, ULONG bytes, ULONG *used);
#define SYSTEM_PROCESSES 5

/* Processes that begin meanwhile make the list longer than it was. */
#define LIST_SPARE_BYTES 65536
#define LIST_TRIES 8

DWORD weftos_list_processes(struct weftos_process_list *list)
{
    query_list *query = (query_list *)weftos_find_function(
        L"ntdll.dll", "NtQuerySystemInformation");
    ULONG bytes = LIST_SPARE_BYTES;

    for (int i = 0; query != NULL && i < LIST_TRIES; i++) {
        void *data = calloc(1, bytes);
        ULONG used = 0;

        if (data == NULL) {
            return ERROR_NOT_ENOUGH_MEMORY;
        }
        if (query(SYSTEM_PROCESSES, data, bytes, &used) >= 0) {
            *list = (struct weftos_process_list){
                .data = data,
                .bytes = used > 0 && used < bytes ? used : bytes,
                .address = (uintptr_t)data};
            return 0;
        }
        free(data);
        bytes = (used > bytes ? used : bytes) + LIST_SPARE_BYTES;
    }
    return query == NULL ? ERROR_PROC_NOT_FOUND : ERROR_MORE_DATA;
}

bool weftos_listed_stamp(DWORD pid, uint32_t *stamp)
{
    struct weftos_process_list list;
    struct weftos_process_entry entry;

    if (weftos_list_processes(&list) != 0) {
        return false;
    }
    *stamp = 0;
    while (weftos_process_next(&list, &entry)) {
        if (entry.pid == pid) {
            *stamp = stamp_of(entry.created);
        }
    }
    free(list.data);
    return !list.is_broken;
}

weft_status weftos_process_mark(weftos_process_id *self, uint64_t *domain,
                                weft_detail *detail)
{
    uint64_t unmarked = 0;

    (void)detail;
    /* The time makes it differ from that of an earlier process. */
    (void)atomic_compare_exchange_strong(
        &token, &unmarked, (weftos_now_ns() << 22) | GetCurrentProcessId());
    if (self != NULL) {
        self->pid = GetCurrentProcessId();
        self->stamp = weftos_process_stamp(GetCurrentProcess());
    }
    if (domain != NULL) {
        *domain = DOMAIN_OF_MACHINE;
    }
    return WEFT_OK;
}
