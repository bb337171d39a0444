/* SPDX-License-Identifier: MIT
 *
 * In the host: starts the helper.
 *
 * It inherits its end of the control socket and nothing else. A copy of that
 * has to be one that can be inherited for a moment: another thread that starts
 * a program just then, with all that can be inherited, gives it to that too;
 * so the helper does not take the hang-up of the socket alone for the host's
 * end, but watches its process.
 */
#include "../run.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "link.h"
#include "run_text.h"

#define HELPER_NAME L"weft-helper.exe"
#define PATH_ROOM 32768 /* the longest path of Windows, and its end */

/* Beside the library or program that this code is in. */
static bool find_beside(wchar_t *path)
{
    HMODULE module = NULL;
    DWORD length;
    wchar_t *slash;

    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (const wchar_t *)(uintptr_t)find_beside, &module)) {
        return false;
    }
    length = GetModuleFileNameW(module, path, PATH_ROOM);
    slash = length > 0 && length < PATH_ROOM ? wcsrchr(path, L'\\') : NULL;
    if (slash == NULL ||
        (size_t)(slash + 1 - path) + ARRAYSIZE(HELPER_NAME) > PATH_ROOM) {
        return false;
    }
    (void)wcscpy(slash + 1, HELPER_NAME);
    return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

/* `room` is of PATH_ROOM. */
static weft_status find_helper(const char *path, wchar_t *room,
                               struct run_text *found)
{
    DWORD length;

    if (path != NULL) {
        return weftos_text_add_utf8(found, path);
    }
    length = GetEnvironmentVariableW(L"WEFT_HELPER", room, PATH_ROOM);
    if ((length > 0 && length < PATH_ROOM) || find_beside(room)) {
        return weftos_text_add(found, room, wcslen(room));
    }
    return weftos_text_add_utf8(found, WEFT_HELPER_PATH ".exe");
}

/* What CreateProcessW takes besides; `*list` is to be freed after deletion. */
static bool list_handle(HANDLE *handle, LPPROC_THREAD_ATTRIBUTE_LIST *list)
{
    SIZE_T bytes = 0;

    (void)InitializeProcThreadAttributeList(NULL, 1, 0, &bytes);
    *list = malloc(bytes);
    if (*list == NULL ||
        !InitializeProcThreadAttributeList(*list, 1, 0, &bytes)) {
        free(*list);
        *list = NULL;
        return false;
    }
    return UpdateProcThreadAttribute(*list, 0,
                                     PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handle,
                                     sizeof(*handle), NULL, NULL) != 0;
}

/*
 * Starts it where it keeps no directory in use. It has the host's console, as
 * the programs are to have; without one it gets one that nobody sees, as
 * CTRL_BREAK goes by a console.
 */
static bool create(const wchar_t *path, HANDLE socket,
                   PROCESS_INFORMATION *made)
{
    STARTUPINFOEXW startup = {.StartupInfo.cb = sizeof(startup)};
    DWORD flags = EXTENDED_STARTUPINFO_PRESENT | CREATE_NEW_PROCESS_GROUP |
                  (GetConsoleCP() == 0 ? CREATE_NO_WINDOW : 0);
    wchar_t directory[MAX_PATH] = L"";
    wchar_t line[64];
    bool is_made = false;

    (void)GetWindowsDirectoryW(directory, ARRAYSIZE(directory));
    (void)_snwprintf(line, ARRAYSIZE(line), L"weft-helper %llu",
                     (unsigned long long)(uintptr_t)socket);
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    if (list_handle(&socket, &startup.lpAttributeList)) {
        is_made = CreateProcessW(path, line, NULL, NULL, TRUE, flags, NULL,
                                 directory, &startup.StartupInfo, made) != 0;
    }
    if (startup.lpAttributeList != NULL) {
        DWORD cause = GetLastError();

        DeleteProcThreadAttributeList(startup.lpAttributeList);
        free(startup.lpAttributeList);
        SetLastError(cause);
    }
    return is_made;
}

static weft_status refuse(weft_detail *detail)
{
    DWORD cause = GetLastError();
    weft_status status = weftos_error_status(cause);

    if (cause == ERROR_FILE_NOT_FOUND || cause == ERROR_PATH_NOT_FOUND) {
        status = WEFT_ENOENT;
    } else if (cause == ERROR_BAD_EXE_FORMAT) {
        status = WEFT_EACCES;
    }
    return weftos_fail(detail, status, cause,
                       "start weft-helper (is it installed? $WEFT_HELPER)");
}

static weft_status start(const wchar_t *path, HANDLE socket,
                         weft_detail *detail)
{
    HANDLE self = GetCurrentProcess();
    PROCESS_INFORMATION made;
    HANDLE copy = NULL;
    bool is_made = false;
    weft_status status = WEFT_OK;

    if (!DuplicateHandle(self, socket, self, &copy, 0, TRUE,
                         DUPLICATE_SAME_ACCESS)) {
        return weftos_fail_last(detail, "copy the helper's socket");
    }
    for (int i = 0; i < WEFTOS_CREATE_TRIES && !is_made; i++) {
        is_made = create(path, copy, &made);
        if (!is_made && GetLastError() != ERROR_INTERNAL_ERROR) {
            break;
        }
    }
    if (is_made) {
        weftos_link_introduce(socket, made.dwProcessId);
        (void)CloseHandle(made.hThread);
        (void)CloseHandle(made.hProcess);
    } else {
        status = refuse(detail);
    }
    (void)CloseHandle(copy);
    return status;
}

weft_status weftos_helper_start(const char *path, bool forks,
                                weft_handle socket, weft_detail *detail)
{
    static const char step[] = "find weft-helper";
    struct run_text found = {NULL, 0, 0};
    wchar_t *room;
    weft_status status;

    if (forks) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "fork the helper");
    }
    room = calloc(PATH_ROOM, sizeof(*room));
    if (room == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, step);
    }
    status = find_helper(path, room, &found);
    status = status == WEFT_OK
                 ? start(found.units, weftos_native(socket), detail)
                 : weftos_fail(detail, status, 0, step);
    weftos_text_free(&found);
    free(room);
    return status;
}
