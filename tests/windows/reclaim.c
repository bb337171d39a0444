/* SPDX-License-Identifier: MIT
 *
 * Memory is taken back on Windows: what a plan says and leaves as it is, what
 * is done to a child and undone, and a privilege that is missing.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#include <weft/reclaim.h>

#include "check.h"
#include "os/identity.h"
#include "os/reclaim.h"
#include "peer.h"

#define MS UINT64_C(1000000)

static weft_memory *memory;

static weft_reclaim_request ask_for(weft_reclaim_verb verb, int64_t pid)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;

    request.verb = verb;
    request.pid = pid;
    request.flags = WEFT_RECLAIM_NAMED;
    request.watch_ns = 100 * MS;
    return request;
}

static weft_reclaim_plan plan(const weft_reclaim_request *request)
{
    weft_reclaim_plan made = {.size = sizeof(made)};

    CHECK_STATUS(weft_reclaim_plan_make(memory, request, &made, NULL), WEFT_OK);
    CHECK(made.reason[0] != '\0');
    return made;
}

/* Below the gate, which tests of its own look at. */
static weft_reclaim_plan plan_below(weftos_reclaim *reclaim)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_reclaim_plan made = {.size = sizeof(made)};

    CHECK_STATUS(weftos_reclaim_plan(reclaim, &figures, &made, NULL), WEFT_OK);
    return made;
}

static void test_lacks(void)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_PAGEOUT, 1);
    weft_reclaim_plan made = plan(&request);
    weft_reclaim *reclaim = NULL;

    check_case("verbs of other systems are told not to be there, and why");
    CHECK(made.obstacle == WEFT_RECLAIM_UNSUPPORTED && !made.may_run);
    CHECK(strstr(made.reason, "'trim' takes all") != NULL);
    CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL),
                 WEFT_ENOTSUP);
    request = ask_for(WEFT_RECLAIM_GROUP, 0);
    request.path = "/";
    made = plan(&request);
    CHECK(made.obstacle == WEFT_RECLAIM_UNSUPPORTED);
    CHECK(strstr(made.reason, "control groups") != NULL);
    request = ask_for(WEFT_RECLAIM_PURGE, 0);
    CHECK(plan(&request).obstacle == WEFT_RECLAIM_UNSUPPORTED);

    check_case("an amount can't be had");
    request = ask_for(WEFT_RECLAIM_STANDBY, 0);
    request.bytes = 4096;
    CHECK(plan(&request).obstacle == WEFT_RECLAIM_UNSUPPORTED);
}

/* ---------------------------------------------------------------- process ---
 */

static void idle(void *context)
{
    (void)context;
    peer_await_kill();
}

typedef BOOL WINAPI get_information(HANDLE process, int what, void *facts,
                                    DWORD bytes);

/* False: it is not told, as by Wine. */
static bool get_priority(HANDLE process, ULONG *priority)
{
    union {
        FARPROC any;
        get_information *get;
    } found = {GetProcAddress(GetModuleHandleW(L"kernel32.dll"),
                              "GetProcessInformation")};
    MEMORY_PRIORITY_INFORMATION info = {0};

    if (found.any == NULL || !found.get(process, 0, &info, sizeof(info))) {
        return false;
    }
    *priority = info.MemoryPriority;
    return true;
}

/* It is done only where it can be undone. */
static void try_cold_untold(weftos_reclaim *cold, weft_handle target)
{
    bool is_done = false;

    check_case("without a memory priority to go back to, nothing is done");
    printf("# no memory priority is told here\n");
    CHECK(plan_below(cold).obstacle == WEFT_RECLAIM_UNSUPPORTED);
    CHECK_STATUS(weftos_reclaim_act(cold, target, &is_done, NULL),
                 WEFT_ENOTSUP);
    CHECK_STATUS(weftos_reclaim_restore(cold, target, NULL), WEFT_ENOTSUP);
}

static void try_cold(weftos_reclaim *cold, weft_handle target)
{
    ULONG before;
    ULONG now = 0;
    weft_reclaim_plan made;
    bool is_done = false;

    if (!get_priority((HANDLE)target, &before)) {
        try_cold_untold(cold, target);
        return;
    }
    check_case("a plan says what is there, that nothing is freed, and no more");
    made = plan_below(cold);
    CHECK(made.may_run && made.obstacle == WEFT_RECLAIM_CLEAR);
    CHECK(made.valid ==
          (WEFT_RECLAIM_PLAN_CANDIDATE | WEFT_RECLAIM_PLAN_EXPECTED));
    CHECK(made.candidate_bytes > 0 && made.expected_bytes == 0);
    CHECK(get_priority((HANDLE)target, &now) && now == before);

    check_case("the priority is the lowest one, and is undone");
    CHECK_STATUS(weftos_reclaim_act(cold, target, &is_done, NULL), WEFT_OK);
    CHECK(is_done);
    CHECK(get_priority((HANDLE)target, &now) && now == 1);
    CHECK(plan_below(cold).obstacle == WEFT_RECLAIM_NOTHING);
    CHECK_STATUS(weftos_reclaim_restore(cold, target, NULL), WEFT_OK);
    CHECK(get_priority((HANDLE)target, &now) && now == before);
}

static void try_trim(weftos_reclaim *trim, weft_handle target)
{
    struct weftos_target_figures figures;
    weft_reclaim_plan made = plan_below(trim);
    bool is_done = false;

    check_case("a plan of the whole working set does not say what is gained");
    CHECK(made.may_run && made.valid == WEFT_RECLAIM_PLAN_CANDIDATE);
    CHECK(strstr(made.reason, "used too") != NULL);

    check_case("the working set is emptied, and stays measured");
    CHECK_STATUS(weftos_reclaim_act(trim, target, &is_done, NULL), WEFT_OK);
    CHECK(is_done);
    CHECK_STATUS(weftos_reclaim_look(trim, &figures, NULL), WEFT_OK);
    CHECK((figures.valid & WEFTOS_TARGET_WHOLE) != 0);
    CHECK((figures.valid & WEFTOS_TARGET_RESIDENT) == 0);
    CHECK_STATUS(weftos_reclaim_restore(trim, target, NULL), WEFT_ENOTSUP);
}

/* Through the gate, where that opens; then all the way. */
static void try_whole(int64_t pid)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_TRIM, pid);
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim *reclaim = NULL;
    weft_reclaim_plan made = plan(&request);
    weft_status status = weft_reclaim_run(memory, &request, &reclaim, NULL);

    check_case("a child goes through the gate, or the plan says why not");
    printf("# %s: %s\n", weft_reclaim_obstacle_name(made.obstacle),
           made.reason);
    if (made.obstacle == WEFT_RECLAIM_PROTECTED) {
        CHECK_STATUS(status, WEFT_EACCES);
        return;
    }
    CHECK_STATUS(status, WEFT_OK);
    REQUIRE(reclaim != NULL);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK((verdict.valid & WEFT_VERDICT_CLAIMED) != 0);
    CHECK((verdict.valid & WEFT_VERDICT_RELOCATED) == 0);
    CHECK(verdict.released_bytes == verdict.available_bytes);
    weft_reclaim_close(&reclaim);
}

static weftos_reclaim *open_below(weft_reclaim_verb verb, int64_t pid)
{
    weft_reclaim_request request = ask_for(verb, pid);
    weftos_reclaim *reclaim = NULL;

    REQUIRE(weftos_reclaim_open("", &request, &reclaim, NULL) == WEFT_OK);
    return reclaim;
}

static void test_process(void)
{
    peer_process child = peer_run(idle, NULL, 0);
    weftos_reclaim *cold = open_below(WEFT_RECLAIM_COLD, child.id);
    weftos_reclaim *trim = open_below(WEFT_RECLAIM_TRIM, child.id);
    struct weftos_target_figures figures;
    weft_handle target;

    REQUIRE(weftos_target_open(child.id, &target, NULL) == WEFT_OK);
    try_cold(cold, target);
    try_trim(trim, target);
    try_whole(child.id);
    peer_kill(&child);
    weftos_target_close(target);

    check_case("who has ended is gone");
    CHECK(plan_below(trim).obstacle == WEFT_RECLAIM_GONE);
    CHECK_STATUS(weftos_reclaim_look(trim, &figures, NULL), WEFT_ENOENT);
    weftos_reclaim_close(cold);
    weftos_reclaim_close(trim);
}

static void test_self(void)
{
    weft_reclaim_request request =
        ask_for(WEFT_RECLAIM_TRIM, (int64_t)GetCurrentProcessId());
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim *reclaim = NULL;

    check_case("this process is protected from itself");
    CHECK(plan(&request).obstacle == WEFT_RECLAIM_PROTECTED);
    CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL),
                 WEFT_EACCES);

    check_case("its heap is not, and what left its working set is told");
    request = ask_for(WEFT_RECLAIM_HEAP, 0);
    CHECK(plan(&request).may_run);
    REQUIRE(weft_reclaim_run(memory, &request, &reclaim, NULL) == WEFT_OK);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK((verdict.valid & WEFT_VERDICT_CLAIMED) != 0);
    CHECK_STATUS(weft_reclaim_undo(reclaim, NULL), WEFT_ENOTSUP);
    weft_reclaim_close(&reclaim);
}

/* -------------------------------------------------------------- privilege ---
 */

/* Attributes of the privilege; false: the token does not have it. */
static bool look_privilege(HANDLE token, LUID *luid, DWORD *attributes)
{
    union {
        TOKEN_PRIVILEGES list;
        BYTE room[4096];
    } all;
    DWORD bytes;

    REQUIRE(
        LookupPrivilegeValueW(NULL, L"SeProfileSingleProcessPrivilege", luid));
    REQUIRE(
        GetTokenInformation(token, TokenPrivileges, &all, sizeof(all), &bytes));
    for (DWORD i = 0; i < all.list.PrivilegeCount; i++) {
        if (memcmp(&all.list.Privileges[i].Luid, luid, sizeof(*luid)) == 0) {
            *attributes = all.list.Privileges[i].Attributes;
            return true;
        }
    }
    return false;
}

static HANDLE open_token(void)
{
    HANDLE token = NULL;

    REQUIRE(OpenProcessToken(GetCurrentProcess(),
                             TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, &token));
    return token;
}

static void lack(void *context)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_STANDBY, 0);
    weftos_reclaim *below = open_below(WEFT_RECLAIM_STANDBY, 0);
    weft_detail detail = {WEFT_OK, 0, NULL};
    TOKEN_PRIVILEGES without = {.PrivilegeCount = 1};
    HANDLE token = open_token();
    DWORD attributes;
    weft_reclaim_plan made;
    bool is_done;

    (void)context;
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    if (look_privilege(token, &without.Privileges[0].Luid, &attributes)) {
        without.Privileges[0].Attributes = SE_PRIVILEGE_REMOVED;
        CHECK(AdjustTokenPrivileges(token, FALSE, &without, 0, NULL, NULL));
    }
    (void)CloseHandle(token);
    made = plan(&request);
    CHECK(made.obstacle == WEFT_RECLAIM_PRIVILEGE && !made.may_run);
    CHECK(strstr(made.reason, "SeProfileSingleProcessPrivilege") != NULL);
    CHECK_STATUS(weftos_reclaim_act(below, WEFT_HANDLE_NONE, &is_done, &detail),
                 WEFT_EACCES);
    CHECK(detail.os_code == ERROR_NOT_ALL_ASSIGNED);
    weftos_reclaim_close(below);
    weft_memory_close(&memory);
}

static void test_standby(void)
{
    weftos_reclaim *below = open_below(WEFT_RECLAIM_STANDBY, 0);
    weft_reclaim_plan made = plan_below(below);
    HANDLE token = open_token();
    peer_process child;
    LUID luid;
    DWORD before = 0;
    DWORD now = 0;
    bool is_done;
    bool has_it = look_privilege(token, &luid, &before);

    check_case("who has the privilege may, and it is as before then");
    CHECK(made.may_run == has_it);
    if (has_it) {
        CHECK(made.valid == WEFT_RECLAIM_PLAN_EXPECTED);
        CHECK(made.expected_bytes == 0);
        CHECK_STATUS(
            weftos_reclaim_act(below, WEFT_HANDLE_NONE, &is_done, NULL),
            WEFT_OK);
        CHECK(look_privilege(token, &luid, &now) && now == before);
    }
    (void)CloseHandle(token);
    weftos_reclaim_close(below);

    check_case("who lacks it is told its name, and nothing is done");
    child = peer_run(lack, NULL, 0);
    CHECK(peer_status(&child) == 0);
}

void test_main(void)
{
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_lacks();
    test_process();
    test_self();
    test_standby();
    weft_memory_close(&memory);
    check_keep_handles();
}
