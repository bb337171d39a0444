/* SPDX-License-Identifier: MIT
 *
 * What a process is: from the list of all processes, which tells everybody of
 * each its parent, start and session, and from the process itself, if it may
 * be opened. Windows keeps its own ones shut: of those nothing more is known,
 * and that protects them.
 */
#include "../identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../known.h"
#include "process_list.h"
#include "win.h"

/* The idle process and the system's own one, on every machine. */
#define PID_IDLE 0
#define PID_SYSTEM 4

/* Longer lines of parents, which no machine has, are not followed. */
#define ANCESTORS_MOST 1024

/* Members of PROCESSINFOCLASS; both are NULL or 0 if there is none. */
#define DEBUG_PORT 7
#define BREAK_ON_TERMINATION 29

/* Of PROCESS_INFORMATION_CLASS, since Windows 8.1. */
#define PROTECTION_LEVEL_INFO 7
#define PROTECTION_NONE 0xFFFFFFFEu

/* As long as any path. */
#define PATH_UNITS 32768

struct look {
    struct weftos_process_list *all;
    struct weftos_process_entry entry;
    HANDLE process; /* NULL: it may not be opened */
    weft_memory_identity *identity;
};

static void mark(struct look *look, weft_mark which, bool is_set)
{
    weftos_identity_mark(look->identity, which, is_set);
}

/* --------------------------------------------------------------- family --- */

static bool find(struct weftos_process_list *all, uint64_t pid,
                 struct weftos_process_entry *entry)
{
    all->at = 0;
    all->has_ended = false;
    while (weftos_process_next(all, entry)) {
        if (entry->pid == pid) {
            return true;
        }
    }
    return false;
}

/*
 * Whether a process descends from the process `pid`. A parent's number is not
 * kept for it: who began later has only got the number.
 */
static bool descends(const struct look *look,
                     const struct weftos_process_entry *from, uint64_t pid)
{
    struct weftos_process_entry entry = *from;

    for (int i = 0; i < ANCESTORS_MOST; i++) {
        struct weftos_process_entry parent;

        if (!find(look->all, entry.parent, &parent) ||
            parent.pid == entry.pid || parent.created > entry.created) {
            return false;
        }
        if (parent.pid == pid) {
            return true;
        }
        entry = parent;
    }
    return false;
}

static void look_family(struct look *look)
{
    uint64_t pid = look->entry.pid;
    uint64_t own = GetCurrentProcessId();
    struct weftos_process_entry self;

    mark(look, WEFT_MARK_SELF, pid == own);
    if (find(look->all, own, &self)) {
        mark(look, WEFT_MARK_ANCESTOR, descends(look, &self, pid));
    }
    mark(look, WEFT_MARK_KERNEL, pid == PID_IDLE || pid == PID_SYSTEM);
    mark(look, WEFT_MARK_FIRST, pid == PID_SYSTEM);
}

/* ----------------------------------------------------------------- texts ---
 */

/* Into a member; false: it has no room, or is no text. */
static bool set_text(char *member, size_t room, const wchar_t *text, int units)
{
    int length = units == 0 ? 0
                            : WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS,
                                                  text, units, member,
                                                  (int)room - 1, NULL, NULL);

    if (units != 0 && length <= 0) {
        memset(member, 0, room);
        return false;
    }
    member[length] = '\0';
    return true;
}

static void look_name(struct look *look)
{
    weft_memory_identity *identity = look->identity;

    weftos_process_name(look->all, &look->entry, identity->name,
                        sizeof(identity->name));
    /* As long as the room is as good as cut. */
    if (strlen(identity->name) + 1 < sizeof(identity->name)) {
        identity->valid |= WEFT_IDENTITY_NAME;
    } else {
        memset(identity->name, 0, sizeof(identity->name));
    }
}

/*
 * A process without a file of its own (the registry's, that of compressed
 * memory, of a virtual machine's memory) has a name in its place.
 */
static void look_program(struct look *look)
{
    weft_memory_identity *identity = look->identity;
    wchar_t *path = calloc(PATH_UNITS, sizeof(*path));
    DWORD units = PATH_UNITS;

    if (path != NULL &&
        QueryFullProcessImageNameW(look->process, 0, path, &units) &&
        set_text(identity->exe, sizeof(identity->exe), path, (int)units)) {
        identity->valid |= WEFT_IDENTITY_EXE;
        if (strchr(identity->exe, '\\') == NULL) {
            identity->marks |= WEFT_MARK_BIT(WEFT_MARK_KERNEL);
        }
    }
    free(path);
}

/* The length of `begin` and a separator if the path begins so, else 0. */
static size_t begins(const char *path, const char *begin)
{
    size_t length = strlen(begin);

    return _strnicmp(path, begin, length) == 0 && path[length] == '\\' ? length
                                                                       : 0;
}

/* The path as known.c has it. */
static void write_known(const char *exe, char *text, size_t room)
{
    static const char *const programs[] = {":\\Program Files (x86)",
                                           ":\\Program Files"};
    wchar_t windows[MAX_PATH] = L"";
    char folder[MAX_PATH * 3] = "";
    size_t length;

    (void)GetSystemWindowsDirectoryW(windows, MAX_PATH);
    (void)WideCharToMultiByte(CP_UTF8, 0, windows, -1, folder, sizeof(folder),
                              NULL, NULL);
    length = begins(exe, folder);
    if (length > 0) {
        (void)snprintf(text, room, "%%SystemRoot%%%s", exe + length);
        return;
    }
    (void)snprintf(text, room, "%s", exe);
    for (size_t i = 0; i < 2 && exe[0] != '\0' && exe[0] == folder[0]; i++) {
        length = begins(exe + 1, programs[i]);
        if (length > 0) {
            (void)snprintf(text, room, "%%ProgramFiles%%%s", exe + 1 + length);
            return;
        }
    }
}

static void look_known(struct look *look)
{
    weft_memory_identity *identity = look->identity;
    char text[sizeof(identity->exe) + 16];

    if ((identity->valid & WEFT_IDENTITY_EXE) == 0) {
        return;
    }
    write_known(identity->exe, text, sizeof(text));
    identity->marks |= weftos_known_marks(&weftos_known, text, true);
    /* Who plays by the server of sound is not seen, as elsewhere. */
    identity->marks_known |= WEFT_MARK_BIT(WEFT_MARK_SESSION) |
                             WEFT_MARK_BIT(WEFT_MARK_AUDIO) |
                             WEFT_MARK_BIT(WEFT_MARK_MACHINE);
}

/* ----------------------------------------------------------------- marks ---
 */

typedef LONG NTAPI query_process(HANDLE process, int what, void *facts,
                                 ULONG bytes, ULONG *used);
typedef BOOL WINAPI get_information(HANDLE process, int what, void *facts,
                                    DWORD bytes);

static void look_system(struct look *look)
{
    query_process *query = (query_process *)weftos_find_function(
        L"ntdll.dll", "NtQueryInformationProcess");
    get_information *get = (get_information *)weftos_find_function(
        L"kernel32.dll", "GetProcessInformation");
    ULONG is_critical = 0;
    DWORD level = PROTECTION_NONE;
    DWORD_PTR port = 0;

    if (query != NULL && query(look->process, BREAK_ON_TERMINATION,
                               &is_critical, sizeof(is_critical), NULL) >= 0) {
        mark(look, WEFT_MARK_CRITICAL, is_critical != 0);
    }
    if (query != NULL &&
        query(look->process, DEBUG_PORT, &port, sizeof(port), NULL) >= 0) {
        mark(look, WEFT_MARK_TRACED, port != 0);
    }
    if (get != NULL &&
        get(look->process, PROTECTION_LEVEL_INFO, &level, sizeof(level))) {
        mark(look, WEFT_MARK_PLATFORM, level != PROTECTION_NONE);
    }
}

/* A working set that may not shrink is as good as locked. */
static void look_scheduling(struct look *look)
{
    DWORD class = GetPriorityClass(look->process);
    SIZE_T least;
    SIZE_T most;
    DWORD flags = 0;

    if (class != 0) {
        mark(look, WEFT_MARK_REALTIME, class == REALTIME_PRIORITY_CLASS);
    }
    if (GetProcessWorkingSetSizeEx(look->process, &least, &most, &flags)) {
        mark(look, WEFT_MARK_LOCKED,
             (flags & QUOTA_LIMITS_HARDWS_MIN_ENABLE) != 0);
    }
}

/*
 * A function of user32.dll, which stays loaded then: it holds on to what it has
 * opened when it is used first.
 */
static weftos_function *find_user(const char *name)
{
    HMODULE library = GetModuleHandleW(L"user32.dll");

    if (library == NULL) {
        library =
            LoadLibraryExW(L"user32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    }
    return library != NULL ? (weftos_function *)GetProcAddress(library, name)
                           : NULL;
}

/* The process of the window in front; 0: it is not told. */
static uint32_t find_front(void)
{
    typedef HWND WINAPI get_window(void);
    typedef DWORD WINAPI get_process(HWND window, DWORD * pid);
    get_window *window = (get_window *)find_user("GetForegroundWindow");
    get_process *process = (get_process *)find_user("GetWindowThreadProcessId");
    HWND front = window != NULL ? window() : NULL;
    DWORD pid = 0;

    if (front != NULL && process != NULL) {
        (void)process(front, &pid);
    }
    return pid;
}

/*
 * Session 0 is that of services: it has no window, and what is in it is the
 * system's. A window is seen in this process's own session alone.
 */
static void look_front(struct look *look)
{
    uint64_t pid = look->entry.pid;
    DWORD own = 0;
    uint32_t front = 0;

    if (ProcessIdToSessionId(GetCurrentProcessId(), &own) &&
        own == look->entry.session) {
        front = find_front();
    }
    mark(look, WEFT_MARK_FOREGROUND,
         front != 0 && (pid == front || descends(look, &look->entry, front)));
    mark(look, WEFT_MARK_WINDOWED, front == 0 && look->entry.session != 0);
    if (look->entry.session == 0) {
        mark(look, WEFT_MARK_SESSION, true);
    }
}

/* What Windows has nothing of. */
static void look_absent(struct look *look)
{
    look->identity->valid |= WEFT_IDENTITY_GROUP | WEFT_IDENTITY_CONTAINER;
    mark(look, WEFT_MARK_SPARED, false);
    mark(look, WEFT_MARK_GUARDED, false);
    mark(look, WEFT_MARK_SHELTERED, false);
}

/* ----------------------------------------------------------------- whole ---
 */

/* The list has those that have ended and that somebody has a handle of. */
static bool has_ended(HANDLE process)
{
    return process != NULL && weftos_is_signalled(process);
}

/* As few rights as will do: with more it may be refused. */
static HANDLE open_process(DWORD pid)
{
    HANDLE process =
        OpenProcess(PROCESS_QUERY_INFORMATION | SYNCHRONIZE, FALSE, pid);

    return process != NULL
               ? process
               : OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE,
                             FALSE, pid);
}

static void look_all(struct look *look)
{
    weft_memory_identity *identity = look->identity;

    identity->pid = (int64_t)look->entry.pid;
    identity->parent = (int64_t)look->entry.parent;
    identity->started = look->entry.created;
    identity->session = (int64_t)look->entry.session;
    identity->valid |= WEFT_IDENTITY_SESSION;
    identity->ignores_case = true;
    look_family(look);
    look_name(look);
    look_absent(look);
    look_front(look);
    if (look->process != NULL) {
        look_program(look);
        look_known(look);
        look_system(look);
        look_scheduling(look);
    }
}

weft_status weftos_identify(const char *root, int64_t pid,
                            weft_memory_identity *identity, weft_detail *detail)
{
    struct weftos_process_list all;
    struct look look = {.all = &all, .identity = identity};
    DWORD os_code;

    (void)root;
    if (pid <= 0 || pid > UINT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    look.process = open_process((DWORD)pid);
    os_code = weftos_list_processes(&all);
    if (os_code != 0) {
        weftos_close_native(look.process);
        return weftos_fail(detail, weftos_error_status(os_code), os_code,
                           "list the processes");
    }
    if (find(&all, (uint64_t)pid, &look.entry) && !has_ended(look.process)) {
        look_all(&look);
    }
    free(all.data);
    weftos_close_native(look.process);
    return identity->pid == pid
               ? WEFT_OK
               : weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
}

/* ---------------------------------------------------------------- target ---
 */

weft_status weftos_target_open(int64_t pid, weft_handle *target,
                               weft_detail *detail)
{
    HANDLE process;

    *target = WEFTOS_NONE;
    if (pid <= 0 || pid > UINT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    process =
        OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SET_QUOTA |
                        PROCESS_SET_INFORMATION | SYNCHRONIZE,
                    FALSE, (DWORD)pid);
    if (process == NULL) {
        /* No process has this number. */
        return GetLastError() == ERROR_INVALID_PARAMETER
                   ? weftos_fail(detail, WEFT_ENOENT, ERROR_INVALID_PARAMETER,
                                 "find the process")
                   : weftos_fail_last(detail, "open another process");
    }
    *target = (weft_handle)process;
    return WEFT_OK;
}

bool weftos_target_lives(weft_handle target)
{
    return !weftos_is_signalled(weftos_native(target));
}

void weftos_target_close(weft_handle target)
{
    weftos_close(target);
}
