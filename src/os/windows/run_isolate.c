/* SPDX-License-Identifier: MIT
 *
 * What isolates a tree: a token without privileges, and a directory of its own
 * for temporary files.
 *
 * Network, paths, processes and objects of others are kept from a program by an
 * AppContainer, which also keeps from it the files that it needs itself; weft
 * does not make one, and says so.
 *
 * The directory goes with the tree. One that a helper has left which was killed
 * is removed by a later one: who uses a directory has it open, and shares it
 * with nobody who would remove it.
 */
#include "run.h"

#include <ntsecapi.h>
#include <stdlib.h>
#include <wchar.h>

#include "run_text.h"
#include "security.h"

#define TEMP_PREFIX L"weft-run-"

/* ------------------------------------------------------------ privileges ---
 */

static bool make_token(HANDLE *token)
{
    HANDLE own;
    bool is_made;

    if (!OpenProcessToken(GetCurrentProcess(),
                          TOKEN_DUPLICATE | TOKEN_ASSIGN_PRIMARY | TOKEN_QUERY,
                          &own)) {
        return false;
    }
    is_made = CreateRestrictedToken(own, DISABLE_MAX_PRIVILEGE, 0, NULL, 0,
                                    NULL, 0, NULL, token) != 0;
    (void)CloseHandle(own);
    return is_made;
}

/* How many privileges a process has; -1: that can't be seen. */
static int count_privileges(HANDLE process)
{
    union {
        TOKEN_PRIVILEGES found;
        BYTE room[2048];
    } piece;
    HANDLE token;
    DWORD used;
    int count = -1;

    if (!OpenProcessToken(process, TOKEN_QUERY, &token)) {
        return -1;
    }
    if (GetTokenInformation(token, TokenPrivileges, &piece, sizeof(piece),
                            &used)) {
        count = (int)piece.found.PrivilegeCount;
    }
    (void)CloseHandle(token);
    return count;
}

/* Whether a process that is made with it has but the one that it may keep. */
static bool takes_effect(HANDLE token)
{
    HANDLE process = NULL;
    int count;

    if (!weftos_run_make_idler(NULL, token, &process)) {
        return false;
    }
    count = count_privileges(process);
    (void)TerminateProcess(process, RUN_KILLED);
    (void)CloseHandle(process);
    return count >= 0 && count <= 1;
}

static void prepare_privileges(struct run *run)
{
    if (!weftos_run_is_asked(run, WEFT_FENCE_PRIVILEGES)) {
        return;
    }
    if (make_token(&run->token) && takes_effect(run->token)) {
        weftos_run_row(run, WEFT_FENCE_PRIVILEGES, WEFT_LEVEL_PROCESS,
                       "restricted token, without privileges",
                       "it keeps the user's groups");
        return;
    }
    weftos_close_native(run->token);
    run->token = NULL;
    weftos_run_row(run, WEFT_FENCE_PRIVILEGES, WEFT_LEVEL_UNSUPPORTED, NULL,
                   "restricted token: accepted, not confirmed");
}

/* ------------------------------------------------------------- removing --- */

static bool is_dots(const wchar_t *name)
{
    return wcscmp(name, L".") == 0 || wcscmp(name, L"..") == 0;
}

/* A file, or a directory that is empty or a link. */
static bool remove_one(const wchar_t *path, DWORD attributes)
{
    if ((attributes & FILE_ATTRIBUTE_READONLY) != 0) {
        (void)SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL);
    }
    return (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0
               ? RemoveDirectoryW(path) != 0
               : DeleteFileW(path) != 0;
}

/* What a look into a directory has come to. */
enum found { FOUND_NOTHING, FOUND_DIRECTORY, FOUND_FAILURE };

/* Removes what is no directory; `path` then is that of the first one. */
static enum found clear(struct run_text *path)
{
    enum found result = FOUND_NOTHING;
    size_t length = path->length;
    WIN32_FIND_DATAW entry;
    HANDLE search;

    if (weftos_text_add(path, L"\\*", 2) != WEFT_OK) {
        return FOUND_FAILURE;
    }
    search = FindFirstFileW(path->units, &entry);
    if (search == INVALID_HANDLE_VALUE) {
        return FOUND_FAILURE;
    }
    do {
        path->length = length + 1;
        if (is_dots(entry.cFileName)) {
            continue;
        }
        result = weftos_text_add(path, entry.cFileName,
                                 wcslen(entry.cFileName)) == WEFT_OK
                     ? FOUND_NOTHING
                     : FOUND_FAILURE;
        if (result == FOUND_FAILURE) {
            break;
        }
        if ((entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0 &&
            (entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0) {
            result = FOUND_DIRECTORY;
        } else if (!remove_one(path->units, entry.dwFileAttributes)) {
            result = FOUND_FAILURE;
        }
    } while (result == FOUND_NOTHING && FindNextFileW(search, &entry));
    (void)FindClose(search);
    if (result == FOUND_NOTHING) {
        path->length = length;
        path->units[length] = L'\0';
    }
    return result;
}

/*
 * Removes a directory and all in it. No recursion: a tree may have made it very
 * deep. Links are removed, and not what they lead to.
 */
static bool remove_all(const wchar_t *directory)
{
    struct run_text path = {NULL, 0, 0};
    bool is_done = false;
    size_t top;

    /* With this prefix a path may be as long as it likes. */
    if (weftos_text_add(&path, L"\\\\?\\", 4) != WEFT_OK ||
        weftos_text_add(&path, directory, wcslen(directory)) != WEFT_OK) {
        weftos_text_free(&path);
        return false;
    }
    top = path.length;
    for (;;) {
        enum found found = clear(&path);
        wchar_t *slash;

        if (found == FOUND_DIRECTORY) {
            continue;
        }
        if (found == FOUND_FAILURE ||
            !remove_one(path.units, GetFileAttributesW(path.units))) {
            break;
        }
        is_done = path.length == top;
        slash = wcsrchr(path.units, L'\\');
        if (is_done || slash == NULL) {
            break;
        }
        path.length = (size_t)(slash - path.units);
        path.units[path.length] = L'\0';
    }
    weftos_text_free(&path);
    return is_done;
}

/* ------------------------------------------------------------- temporary ---
 */

/* Where they are made, with a backslash at its end. */
static bool find_place(wchar_t *place)
{
    wchar_t found[MAX_PATH + 1];
    DWORD length = GetTempPathW(ARRAYSIZE(found), found);

    if (length == 0 || length >= ARRAYSIZE(found)) {
        return false;
    }
    length = GetFullPathNameW(found, MAX_PATH + 1, place, NULL);
    return length > 0 && length <= MAX_PATH;
}

static HANDLE open_directory(const wchar_t *path, DWORD rights, DWORD share)
{
    HANDLE opened = CreateFileW(
        path, rights, share, NULL, OPEN_EXISTING,
        FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);

    return opened != INVALID_HANDLE_VALUE ? opened : NULL;
}

/* Removes what is there and nobody has open. */
static void tidy(const wchar_t *place)
{
    const DWORD all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    wchar_t path[2 * MAX_PATH];
    WIN32_FIND_DATAW entry;
    HANDLE search;

    (void)_snwprintf(path, ARRAYSIZE(path), L"%ls" TEMP_PREFIX L"*", place);
    search = FindFirstFileW(path, &entry);
    if (search == INVALID_HANDLE_VALUE) {
        return;
    }
    do {
        HANDLE found;

        if ((entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0 ||
            (entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 ||
            _snwprintf(path, ARRAYSIZE(path), L"%ls%ls", place,
                       entry.cFileName) < 0) {
            continue;
        }
        found = open_directory(path, DELETE, all);
        if (found != NULL) {
            (void)CloseHandle(found);
            (void)remove_all(path);
        }
    } while (FindNextFileW(search, &entry));
    (void)FindClose(search);
}

static bool make_temp(struct run *run)
{
    SECURITY_ATTRIBUTES *access = weftos_get_access(WEFTOS_ACCESS_USER, NULL);
    const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE;
    wchar_t place[MAX_PATH + 1];
    wchar_t path[2 * MAX_PATH];
    uint64_t random;

    if (access == NULL || !find_place(place) ||
        !RtlGenRandom(&random, sizeof(random))) {
        return false;
    }
    tidy(place);
    (void)_snwprintf(path, ARRAYSIZE(path), L"%ls" TEMP_PREFIX L"%016llx",
                     place, (unsigned long long)random);
    if (!CreateDirectoryW(path, access)) {
        return false;
    }
    run->temp = _wcsdup(path);
    run->temp_lock = open_directory(path, FILE_LIST_DIRECTORY, share);
    if (run->temp == NULL || run->temp_lock == NULL) {
        (void)RemoveDirectoryW(path);
        return false;
    }
    return true;
}

static void prepare_temp(struct run *run)
{
    if (!weftos_run_is_asked(run, WEFT_FENCE_TEMP)) {
        return;
    }
    if (make_temp(run)) {
        weftos_run_row(run, WEFT_FENCE_TEMP, WEFT_LEVEL_PROCESS,
                       "directory of its own in %TEMP%, removed at the end",
                       "it is named, not put in the place of %TEMP%");
    } else {
        weftos_run_row(run, WEFT_FENCE_TEMP, WEFT_LEVEL_UNSUPPORTED, NULL,
                       "no directory can be made in %TEMP%");
    }
}

void weftos_run_isolate_end(struct run *run)
{
    weftos_close_native(run->temp_lock);
    run->temp_lock = NULL;
    if (run->temp != NULL && !remove_all(run->temp)) {
        weftos_run_evidence(run, "temp: its directory could not be removed");
    }
    free(run->temp);
    run->temp = NULL;
}

/* ------------------------------------------------------------- together --- */

bool weftos_run_isolate_prepare(struct run *run)
{
    static const weft_fence missing[] = {WEFT_FENCE_NETWORK, WEFT_FENCE_PATHS,
                                         WEFT_FENCE_PIDS, WEFT_FENCE_IPC,
                                         WEFT_FENCE_CALLS};

    for (size_t i = 0; i < ARRAYSIZE(missing); i++) {
        if (weftos_run_is_asked(run, missing[i])) {
            weftos_run_row(run, missing[i], WEFT_LEVEL_UNSUPPORTED, NULL,
                           missing[i] == WEFT_FENCE_CALLS
                               ? "Windows has no filter of system calls"
                               : "it takes an AppContainer, which weft does "
                                 "not make");
        }
    }
    prepare_privileges(run);
    prepare_temp(run);
    return true;
}
