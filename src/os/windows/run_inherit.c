/* SPDX-License-Identifier: MIT
 *
 * What a program that is started inherits.
 */
#include "../run.h"

#include <stdlib.h>
#include <string.h>

#include "run_text.h"

weft_status weftos_directory_open(const char *path, weft_handle *directory,
                                  weft_detail *detail)
{
    static const char step[] = "open the working directory";
    struct run_text wide = {NULL, 0, 0};
    weft_status status = weftos_text_add_utf8(&wide, path);
    HANDLE found = INVALID_HANDLE_VALUE;
    BY_HANDLE_FILE_INFORMATION facts;

    if (status == WEFT_OK) {
        found =
            CreateFileW(wide.units, FILE_TRAVERSE | FILE_READ_ATTRIBUTES,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    }
    weftos_text_free(&wide);
    if (status != WEFT_OK) {
        return weftos_fail(detail, status, 0, step);
    }
    if (found == INVALID_HANDLE_VALUE) {
        DWORD cause = GetLastError();

        return weftos_fail(detail,
                           cause == ERROR_FILE_NOT_FOUND ||
                                   cause == ERROR_PATH_NOT_FOUND ||
                                   cause == ERROR_INVALID_NAME
                               ? WEFT_ENOENT
                               : weftos_error_status(cause),
                           cause, step);
    }
    if (!GetFileInformationByHandle(found, &facts) ||
        (facts.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
        (void)CloseHandle(found);
        return weftos_fail(detail, WEFT_ENOENT, ERROR_DIRECTORY, step);
    }
    *directory = (weft_handle)found;
    return WEFT_OK;
}

weft_status weftos_handle_copy(weft_handle handle, weft_handle *copy,
                               weft_detail *detail)
{
    HANDLE self = GetCurrentProcess();
    HANDLE made = NULL;

    if (!DuplicateHandle(self, weftos_native(handle), self, &made, 0, FALSE,
                         DUPLICATE_SAME_ACCESS)) {
        return GetLastError() == ERROR_INVALID_HANDLE
                   ? weftos_fail(detail, WEFT_ENOENT, ERROR_INVALID_HANDLE,
                                 "copy a handle")
                   : weftos_fail_last(detail, "copy a handle");
    }
    *copy = (weft_handle)made;
    return WEFT_OK;
}

weft_status weftos_stream_copy(unsigned number, weft_handle *copy,
                               weft_detail *detail)
{
    static const DWORD names[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
                                  STD_ERROR_HANDLE};
    HANDLE found = GetStdHandle(names[number]);

    if (found == NULL || found == INVALID_HANDLE_VALUE) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "copy a standard stream");
    }
    return weftos_handle_copy((weft_handle)found, copy, detail);
}

/* ---------------------------------------------------------- environment --- */

bool weftos_variable_is(const char *name, const char *other, size_t bytes)
{
    return _strnicmp(name, other, bytes) == 0;
}

void weftos_environment_close(char **variables)
{
    for (size_t i = 0; variables != NULL && variables[i] != NULL; i++) {
        free(variables[i]);
    }
    free(variables);
}

static size_t count_variables(const wchar_t *block)
{
    size_t count = 0;

    for (; *block != L'\0'; block += wcslen(block) + 1) {
        count++;
    }
    return count;
}

weft_status weftos_environment_open(char ***variables, weft_detail *detail)
{
    wchar_t *block = GetEnvironmentStringsW();
    const wchar_t *next = block;
    size_t count;
    weft_status status = WEFT_OK;

    *variables = NULL;
    if (block == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, GetLastError(),
                           "copy the environment");
    }
    count = count_variables(block);
    *variables = calloc(count + 1, sizeof(**variables));
    if (*variables == NULL) {
        status = WEFT_ENOMEM;
    }
    for (size_t i = 0; i < count && status == WEFT_OK; i++) {
        status = weftos_text_narrow(next, &(*variables)[i]);
        next += wcslen(next) + 1;
    }
    (void)FreeEnvironmentStringsW(block);
    if (status != WEFT_OK) {
        weftos_environment_close(*variables);
        *variables = NULL;
        return weftos_fail(detail, status, 0,
                           status == WEFT_EINVAL
                               ? "copy the environment, which has half a "
                                 "character"
                               : "copy the environment");
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- signals --- */

bool weftos_signal_is_known(int number)
{
    return number == WEFTOS_SIGNAL_KILL || number == WEFTOS_SIGNAL_TERMINATE ||
           number == WEFTOS_SIGNAL_INTERRUPT;
}
