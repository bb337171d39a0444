/* SPDX-License-Identifier: MIT
 *
 * The figures of the machine's memory.
 *
 * What Windows calls available is free, zeroed and standby memory together, so
 * dropping the standby list changes nothing of it. How long programs wait for
 * memory Windows does not tell; that memory is low it does, by an object.
 */
#include "../meter.h"

#include <stdio.h>
#include <stdlib.h>

/* The calls that kernel32 has since Windows 7, so psapi.dll is not needed. */
#define PSAPI_VERSION 2

#include "job.h"
#include "meter_lists.h"
#include "win.h"

#include <psapi.h>

struct weftos_meter {
    HANDLE low; /* signalled while memory is; NULL: there is none */
};

/* ------------------------------------------------------------- figures --- */

static bool read_physical(weft_memory_figures *figures)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof(memory)};

    if (!GlobalMemoryStatusEx(&memory)) {
        return false;
    }
    WEFTOS_FIGURE(figures, WEFT_MEMORY_TOTAL, total, memory.ullTotalPhys);
    WEFTOS_FIGURE(figures, WEFT_MEMORY_AVAILABLE, available,
                  memory.ullAvailPhys);
    WEFTOS_SET_TEXT(figures->available_method,
                    "free, zeroed and standby memory");
    return true;
}

static void read_system(weft_memory_figures *figures)
{
    PERFORMANCE_INFORMATION info = {.cb = sizeof(info)};
    uint64_t page;

    if (!GetPerformanceInfo(&info, sizeof(info))) {
        return;
    }
    page = info.PageSize;
    /* Wine tells 0 of what it does not know. */
    if (info.SystemCache > 0) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_CACHED, cached,
                      info.SystemCache * page);
    }
    if (info.KernelNonpaged > 0) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_KERNEL, kernel,
                      info.KernelNonpaged * page);
    }
    WEFTOS_FIGURE(figures, WEFT_MEMORY_COMMITTED, committed,
                  info.CommitTotal * page);
    WEFTOS_FIGURE(figures, WEFT_MEMORY_COMMIT_LIMIT, commit_limit,
                  info.CommitLimit * page);
}

struct page_files {
    uint64_t pages;
    uint64_t used;
};

static BOOL CALLBACK add_file(LPVOID context, PENUM_PAGE_FILE_INFORMATION file,
                              LPCWSTR name)
{
    struct page_files *files = context;

    (void)name;
    files->pages += file->TotalSize;
    files->used += file->TotalInUse;
    return TRUE;
}

static void read_files(weft_memory_figures *figures)
{
    struct page_files files = {0, 0};
    SYSTEM_INFO info;

    GetSystemInfo(&info);
    if (!EnumPageFilesW(add_file, &files) || files.used > files.pages) {
        return;
    }
    WEFTOS_FIGURE(figures, WEFT_MEMORY_SWAP_TOTAL, swap_total,
                  files.pages * info.dwPageSize);
    WEFTOS_FIGURE(figures, WEFT_MEMORY_SWAP_FREE, swap_free,
                  (files.pages - files.used) * info.dwPageSize);
}

/* What is counted against a job's limit Windows tells of the peak only. */
static void read_job(weft_memory_figures *figures)
{
    uint64_t process_limit;
    uint64_t job_limit;

    if (weftos_job_memory(&process_limit, &job_limit) &&
        job_limit != WEFT_UNLIMITED) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_LIMIT, limit, job_limit);
        WEFTOS_SET_TEXT(figures->limit_source, "JobMemoryLimit");
    }
}

/*
 * Told to those alone who have SeProfileSingleProcessPrivilege, and have
 * enabled it; not documented, and unknown to Wine.
 */
typedef LONG NTAPI query_system(int what, void *facts, ULONG bytes,
                                ULONG *used);
#define SYSTEM_PAGE_LISTS 80

static void read_lists(weft_memory_figures *figures)
{
    query_system *query = (query_system *)weftos_find_function(
        L"ntdll.dll", "NtQuerySystemInformation");
    struct weftos_page_lists lists = {.zero = 0};
    const ULONG older =
        (ULONG)offsetof(struct weftos_page_lists, modified_page_file);
    ULONG bytes = sizeof(lists);
    SYSTEM_INFO info;

    if (query == NULL) {
        return;
    }
    /* Each version takes the size alone that it knows. */
    if (query(SYSTEM_PAGE_LISTS, &lists, bytes, NULL) < 0) {
        bytes = older;
        if (query(SYSTEM_PAGE_LISTS, &lists, bytes, NULL) < 0) {
            return;
        }
    }
    GetSystemInfo(&info);
    weftos_page_lists_conclude(&lists, bytes, info.dwPageSize, figures);
}

static void read_notice(const weftos_meter *meter, weft_memory_figures *figures)
{
    BOOL is_low = FALSE;

    if (meter->low != NULL &&
        QueryMemoryResourceNotification(meter->low, &is_low) && is_low) {
        figures->pressure = WEFT_PRESSURE_TIGHT;
        WEFTOS_SET_TEXT(figures->pressure_reason,
                        "Windows says that memory is low");
    }
}

/* ---------------------------------------------------------------- whole --- */

weft_status weftos_meter_open(const char *root, weftos_meter **meter,
                              weft_detail *detail)
{
    weftos_meter *made = calloc(1, sizeof(*made));

    (void)root;
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->low = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    *meter = made;
    return WEFT_OK;
}

void weftos_meter_close(weftos_meter *meter)
{
    if (meter != NULL) {
        weftos_close_native(meter->low);
        free(meter);
    }
}

weft_status weftos_meter_read(weftos_meter *meter, weft_memory_figures *figures,
                              weft_detail *detail)
{
    if (!read_physical(figures)) {
        return weftos_fail_last(detail, "read the memory status");
    }
    read_system(figures);
    read_files(figures);
    read_lists(figures);
    read_job(figures);
    read_notice(meter, figures);
    return WEFT_OK;
}
