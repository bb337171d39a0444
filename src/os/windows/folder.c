/* SPDX-License-Identifier: MIT
 *
 * Directories of this user. The known folders are the shell's, a library that
 * is large and slow to start, so it is loaded when somebody asks, and stays.
 */
#include "../system.h"

#include "win.h"

#include <objbase.h>

const bool weftos_paths_are_windows = true;

/* Tells the place and makes nothing: KF_FLAG_DONT_VERIFY. */
#define ONLY_TELL 0x4000

static const GUID profile = {0x5e6c858f,
                             0x0e22,
                             0x4760,
                             {0x9a, 0xfe, 0xea, 0x33, 0x17, 0xb6, 0x71, 0x73}};
static const GUID roaming = {0x3eb685db,
                             0x65f9,
                             0x4cf6,
                             {0xa0, 0x3a, 0xe3, 0xef, 0x65, 0x72, 0x9f, 0x3d}};

/* As UTF-8, and without separators at the end unless that is the root. */
static weft_status copy(const wchar_t *from, char path[WEFTOS_FOLDER_BYTES])
{
    int length = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, from, -1,
                                     path, WEFTOS_FOLDER_BYTES, NULL, NULL);

    if (length == 0) {
        return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? WEFT_ELIMIT
                                                           : WEFT_EOS;
    }
    for (length--; length > 3 && path[length - 1] == '\\'; length--) {
        path[length - 1] = '\0';
    }
    return length > 0 ? WEFT_OK : WEFT_ENOENT;
}

static weftos_function *find_function(const wchar_t *library, const char *name)
{
    if (GetModuleHandleW(library) == NULL) {
        (void)LoadLibraryExW(library, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    }
    return weftos_find_function(library, name);
}

static weft_status ask_shell(const GUID *folder, char path[WEFTOS_FOLDER_BYTES])
{
    typedef HRESULT WINAPI ask_folder(const GUID *id, DWORD flags, HANDLE token,
                                      wchar_t **found);
    typedef void WINAPI free_text(void *text);
    ask_folder *ask =
        (ask_folder *)find_function(L"shell32.dll", "SHGetKnownFolderPath");
    free_text *give_back =
        (free_text *)find_function(L"ole32.dll", "CoTaskMemFree");
    wchar_t *found = NULL;
    weft_status status = WEFT_EOS;
    HRESULT result;

    if (ask == NULL || give_back == NULL) {
        return WEFT_ENOTSUP;
    }
    result = ask(folder, ONLY_TELL, NULL, &found);
    if (result == S_OK && found != NULL) {
        status = copy(found, path);
    } else if (result == E_OUTOFMEMORY) {
        status = WEFT_ENOMEM;
    } else if (result == HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND) ||
               result == HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND)) {
        status = WEFT_ENOENT;
    }
    give_back(found); /* of what failed, too: it may be NULL */
    return status;
}

static weft_status ask_temp(char path[WEFTOS_FOLDER_BYTES])
{
    wchar_t found[MAX_PATH + 2]; /* what it may need, as it is documented */
    DWORD length = GetTempPathW(ARRAYSIZE(found), found);

    if (length == 0) {
        return WEFT_EOS;
    }
    return length < ARRAYSIZE(found) ? copy(found, path) : WEFT_ELIMIT;
}

weft_status weftos_folder_find(enum weftos_folder folder,
                               char path[WEFTOS_FOLDER_BYTES],
                               const char **rule)
{
    switch (folder) {
    case WEFTOS_FOLDER_HOME:
        *rule = "the known folder Profile";
        return ask_shell(&profile, path);
    case WEFTOS_FOLDER_CONFIG:
        *rule = "the known folder RoamingAppData";
        return ask_shell(&roaming, path);
    case WEFTOS_FOLDER_TEMP:
        *rule = "GetTempPath";
        return ask_temp(path);
    default:
        return WEFT_ENOTSUP;
    }
}
