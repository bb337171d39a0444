/* SPDX-License-Identifier: MIT
 *
 * Memory is taken back, in the ways that Windows has for that.
 *
 * A process's memory priority says in which order its pages are taken when
 * memory gets scarce: that is `cold`, and can be undone. Nothing takes the
 * pages alone that are not used: `trim` empties a working set. What was in it
 * alone is written before it is available, and what is used comes back at
 * once, so the target's own accounts tell what left it, and nothing of what is
 * available by that.
 */
#include "../reclaim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process_list.h"
#include "win.h"

#define HUNDRED_NS 100

/* Of PROCESS_INFORMATION_CLASS, since Windows 8; Windows 7 has no calls. */
#define MEMORY_PRIORITY_INFO 0

/* Of SYSTEM_INFORMATION_CLASS, and of its commands; not documented. */
#define SYSTEM_PAGE_LISTS 80
#define PURGE_LOW_PRIORITY_STANDBY 5

/* A token has some 35 privileges, of 12 bytes each. */
#define PRIVILEGES_BYTES 4096

static const wchar_t privilege_name[] = L"SeProfileSingleProcessPrivilege";

struct weftos_reclaim {
    weft_reclaim_verb verb;
    uint64_t pid;
    uint64_t started; /* 0: that of who had the number at the first look */
    bool is_limited;  /* an amount was asked for */
    ULONG before;     /* the memory priority that it had */
    bool knows_before;
};

static void obstruct(weft_reclaim_plan *plan, weft_reclaim_obstacle obstacle,
                     const char *reason)
{
    plan->obstacle = obstacle;
    plan->may_run = obstacle == WEFT_RECLAIM_NOTHING;
    (void)snprintf(plan->reason, sizeof(plan->reason), "%s", reason);
}

/* ---------------------------------------------------------------- target ---
 */

static bool is_target(const weftos_reclaim *reclaim,
                      const struct weftos_process_entry *entry)
{
    return entry->pid == reclaim->pid &&
           (reclaim->started == 0 || entry->created == reclaim->started);
}

/* WEFT_ENOENT: it has ended. */
static weft_status find(weftos_reclaim *reclaim,
                        struct weftos_process_entry *entry, weft_detail *detail)
{
    struct weftos_process_list all;
    bool is_found = false;
    DWORD error = weftos_list_processes(&all);

    if (error != 0) {
        return weftos_fail(detail, weftos_error_status(error), error,
                           "list the processes");
    }
    while (!is_found && weftos_process_next(&all, entry)) {
        is_found = is_target(reclaim, entry);
    }
    free(all.data);
    if (is_found) {
        reclaim->started = entry->created;
        return WEFT_OK;
    }
    return all.is_broken
               ? weftos_fail(detail, WEFT_EOS, 0, "read the list of processes")
               : weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
}

weft_status weftos_reclaim_look(weftos_reclaim *reclaim,
                                struct weftos_target_figures *figures,
                                weft_detail *detail)
{
    struct weftos_process_entry entry;
    SYSTEM_INFO info;
    weft_status status;

    memset(figures, 0, sizeof(*figures));
    if (reclaim->pid == 0) {
        return WEFT_OK;
    }
    status = find(reclaim, &entry, detail);
    if (status != WEFT_OK) {
        return status;
    }
    GetSystemInfo(&info);
    figures->resident_bytes = entry.working_set[1];
    figures->valid |= WEFTOS_TARGET_WHOLE;
    /* Wine counts none. */
    if (entry.faults > 0) {
        figures->fault_bytes = (uint64_t)entry.faults * info.dwPageSize;
        figures->valid |= WEFTOS_TARGET_FAULTS;
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- priority ---
 */

typedef BOOL WINAPI get_information(HANDLE process, int what, void *facts,
                                    DWORD bytes);
typedef BOOL WINAPI set_information(HANDLE process, int what, void *facts,
                                    DWORD bytes);

static bool get_priority(HANDLE process, ULONG *priority)
{
    get_information *get = (get_information *)weftos_find_function(
        L"kernel32.dll", "GetProcessInformation");
    MEMORY_PRIORITY_INFORMATION info = {0};

    if (get == NULL ||
        !get(process, MEMORY_PRIORITY_INFO, &info, sizeof(info))) {
        return false;
    }
    *priority = info.MemoryPriority;
    return true;
}

static weft_status set_priority(HANDLE process, ULONG priority,
                                weft_detail *detail)
{
    set_information *set = (set_information *)weftos_find_function(
        L"kernel32.dll", "SetProcessInformation");
    MEMORY_PRIORITY_INFORMATION info = {priority};

    if (set == NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "set a memory priority");
    }
    return set(process, MEMORY_PRIORITY_INFO, &info, sizeof(info))
               ? WEFT_OK
               : weftos_fail_last(detail, "set a memory priority");
}

/* What was found first is what it had; without it there is no way back. */
static weft_status act_cold(weftos_reclaim *reclaim, HANDLE process,
                            weft_detail *detail)
{
    if (!reclaim->knows_before && !get_priority(process, &reclaim->before)) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "look at a memory priority");
    }
    reclaim->knows_before = true;
    return set_priority(process, MEMORY_PRIORITY_VERY_LOW, detail);
}

weft_status weftos_reclaim_restore(weftos_reclaim *reclaim, weft_handle process,
                                   weft_detail *detail)
{
    if (reclaim->verb != WEFT_RECLAIM_COLD) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "bring back what was taken");
    }
    return reclaim->knows_before
               ? set_priority(weftos_native(process), reclaim->before, detail)
               : weftos_fail(detail, WEFT_ENOTSUP, 0,
                             "find the memory priority that it had");
}

/* With a handle for reading, for a plan has none of the gate's. */
static void plan_cold(const weftos_reclaim *reclaim, weft_reclaim_plan *plan)
{
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE,
                                 (DWORD)reclaim->pid);
    ULONG priority = MEMORY_PRIORITY_NORMAL;

    plan->expected_bytes = 0;
    plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    if (process == NULL || !get_priority(process, &priority)) {
        obstruct(plan, WEFT_RECLAIM_UNSUPPORTED,
                 "its memory priority is not told, and could not be set back");
    } else if (priority <= MEMORY_PRIORITY_VERY_LOW) {
        obstruct(plan, WEFT_RECLAIM_NOTHING,
                 "its memory has the lowest priority already");
    } else {
        plan->may_run = true;
        (void)snprintf(plan->reason, sizeof(plan->reason),
                       "its memory gets the lowest priority, to go first when "
                       "memory gets scarce; nothing is freed by itself");
    }
    weftos_close_native(process);
}

/* ----------------------------------------------------------- standby list ---
 */

union privileges {
    TOKEN_PRIVILEGES list;
    BYTE room[PRIVILEGES_BYTES];
};

/* Whether it could be enabled: looked at, and nothing else. */
static bool has_privilege(void)
{
    union privileges all;
    HANDLE token;
    LUID wanted;
    DWORD bytes = 0;
    bool is_there = false;

    if (!LookupPrivilegeValueW(NULL, privilege_name, &wanted) ||
        !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return false;
    }
    if (GetTokenInformation(token, TokenPrivileges, &all, sizeof(all),
                            &bytes)) {
        for (DWORD i = 0; i < all.list.PrivilegeCount; i++) {
            const LUID *luid = &all.list.Privileges[i].Luid;

            is_there = is_there || (luid->LowPart == wanted.LowPart &&
                                    luid->HighPart == wanted.HighPart);
        }
    }
    weftos_close_native(token);
    return is_there;
}

/*
 * A token that lacks it is left as it was with success: only the last error
 * says so. `*before` is what it is set back to.
 */
static weft_status enable_privilege(HANDLE token, TOKEN_PRIVILEGES *before,
                                    weft_detail *detail)
{
    TOKEN_PRIVILEGES wanted = {.PrivilegeCount = 1};
    DWORD bytes = 0;

    wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    if (!LookupPrivilegeValueW(NULL, privilege_name,
                               &wanted.Privileges[0].Luid) ||
        !AdjustTokenPrivileges(token, FALSE, &wanted, sizeof(*before), before,
                               &bytes)) {
        return weftos_fail_last(detail, "adjust the token's privileges");
    }
    return GetLastError() == ERROR_NOT_ALL_ASSIGNED
               ? weftos_fail(detail, WEFT_EACCES, ERROR_NOT_ALL_ASSIGNED,
                             "enable SeProfileSingleProcessPrivilege")
               : WEFT_OK;
}

static weft_status purge_standby(weft_detail *detail)
{
    typedef LONG NTAPI set_system(int what, void *command, ULONG bytes);
    typedef ULONG NTAPI find_error(LONG status);
    set_system *set = (set_system *)weftos_find_function(
        L"ntdll.dll", "NtSetSystemInformation");
    find_error *find_code = (find_error *)weftos_find_function(
        L"ntdll.dll", "RtlNtStatusToDosError");
    int command = PURGE_LOW_PRIORITY_STANDBY;
    LONG result;
    DWORD error;

    if (set == NULL || find_code == NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "purge the standby list");
    }
    result = set(SYSTEM_PAGE_LISTS, &command, sizeof(command));
    if (result >= 0) {
        return WEFT_OK;
    }
    error = find_code(result);
    return weftos_fail(detail, weftos_error_status(error), error,
                       "purge the standby list");
}

static weft_status act_standby(weft_detail *detail)
{
    TOKEN_PRIVILEGES before = {.PrivilegeCount = 0};
    HANDLE token;
    weft_status status;

    if (!OpenProcessToken(GetCurrentProcess(),
                          TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, &token)) {
        return weftos_fail_last(detail, "open the own token");
    }
    status = enable_privilege(token, &before, detail);
    if (status == WEFT_OK) {
        status = purge_standby(detail);
        /* None is in it if it was enabled before. */
        (void)AdjustTokenPrivileges(token, FALSE, &before, 0, NULL, NULL);
    }
    weftos_close_native(token);
    return status;
}

/* ----------------------------------------------------------------- plan --- */

static weft_status plan_process(weftos_reclaim *reclaim,
                                weft_reclaim_plan *plan, weft_detail *detail)
{
    struct weftos_process_entry entry;
    weft_status status = find(reclaim, &entry, detail);

    if (status == WEFT_ENOENT) {
        obstruct(plan, WEFT_RECLAIM_GONE, "the process has ended");
        return WEFT_OK;
    }
    if (status != WEFT_OK) {
        return status;
    }
    plan->candidate_bytes = entry.working_set[1];
    plan->valid |= WEFT_RECLAIM_PLAN_CANDIDATE;
    if (reclaim->verb == WEFT_RECLAIM_COLD) {
        plan_cold(reclaim, plan);
        return WEFT_OK;
    }
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason),
                   "its whole working set goes, pages that are used too: those "
                   "come back at once, for a page fault each");
    return WEFT_OK;
}

static void plan_standby(weft_reclaim_plan *plan)
{
    if (!has_privilege()) {
        obstruct(plan, WEFT_RECLAIM_PRIVILEGE,
                 "SeProfileSingleProcessPrivilege is missing: administrators "
                 "have it");
        return;
    }
    plan->expected_bytes = 0;
    plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason),
                   "copies of files of the lowest priority are dropped; they "
                   "count as available already, so nothing is gained by it");
}

weft_status weftos_reclaim_plan(weftos_reclaim *reclaim,
                                const weft_memory_figures *figures,
                                weft_reclaim_plan *plan, weft_detail *detail)
{
    (void)figures;
    if (reclaim->is_limited) {
        obstruct(plan, WEFT_RECLAIM_UNSUPPORTED,
                 "Windows does this as a whole, and not up to an amount");
        return WEFT_OK;
    }
    if (reclaim->verb == WEFT_RECLAIM_STANDBY) {
        plan_standby(plan);
        return WEFT_OK;
    }
    return plan_process(reclaim, plan, detail);
}

/* ----------------------------------------------------------------- whole ---
 */

const char *weftos_reclaim_lack(weft_reclaim_verb verb)
{
    switch (verb) {
    case WEFT_RECLAIM_PAGEOUT:
        return "Windows has no call that takes unused pages alone: 'cold' "
               "lets them go first, 'trim' takes all";
    case WEFT_RECLAIM_GROUP:
        return "Windows has no control groups";
    default:
        return "Windows has no call that does that";
    }
}

static bool has_way(weft_reclaim_verb verb)
{
    return verb == WEFT_RECLAIM_COLD || verb == WEFT_RECLAIM_TRIM ||
           verb == WEFT_RECLAIM_STANDBY || verb == WEFT_RECLAIM_HEAP;
}

weft_status weftos_reclaim_open(const char *root,
                                const weft_reclaim_request *request,
                                weftos_reclaim **reclaim, weft_detail *detail)
{
    weftos_reclaim *made;

    (void)root;
    *reclaim = NULL;
    if (!has_way(request->verb)) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "take memory back in this way");
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->verb = request->verb;
    made->pid = request->verb == WEFT_RECLAIM_HEAP ? GetCurrentProcessId()
                                                   : (uint64_t)request->pid;
    made->started = request->started;
    made->is_limited = request->bytes > 0;
    *reclaim = made;
    return WEFT_OK;
}

void weftos_reclaim_close(weftos_reclaim *reclaim)
{
    free(reclaim);
}

weft_status weftos_reclaim_members(weftos_reclaim *reclaim,
                                   weftos_member_visit *visit, void *context,
                                   weft_detail *detail)
{
    (void)reclaim;
    (void)visit;
    (void)context;
    (void)detail;
    return WEFT_OK;
}

uint64_t weftos_reclaim_lag(const char *root)
{
    (void)root;
    return 0;
}

/* Page files tell what has a place in them, be it in memory too. */
bool weftos_reclaim_disk(const char *root, uint64_t *bytes)
{
    (void)root;
    (void)bytes;
    return false;
}

static uint64_t count_units(const FILETIME *time)
{
    return (uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime;
}

uint64_t weftos_reclaim_cpu_ns(void)
{
    FILETIME created;
    FILETIME ended;
    FILETIME kernel;
    FILETIME user;

    return GetThreadTimes(GetCurrentThread(), &created, &ended, &kernel, &user)
               ? (count_units(&kernel) + count_units(&user)) * HUNDRED_NS
               : 0;
}

weft_status weftos_reclaim_mark(weftos_reclaim *reclaim, weft_handle process,
                                weft_detail *detail)
{
    (void)reclaim;
    (void)process;
    (void)detail;
    return WEFT_OK;
}

weft_status weftos_reclaim_act(weftos_reclaim *reclaim, weft_handle process,
                               bool *is_done, weft_detail *detail)
{
    *is_done = true;
    switch (reclaim->verb) {
    case WEFT_RECLAIM_COLD:
        return act_cold(reclaim, weftos_native(process), detail);
    case WEFT_RECLAIM_STANDBY:
        return act_standby(detail);
    default:
        return SetProcessWorkingSetSizeEx(weftos_native(process), (SIZE_T)-1,
                                          (SIZE_T)-1, 0)
                   ? WEFT_OK
                   : weftos_fail_last(detail, "empty a working set");
    }
}
