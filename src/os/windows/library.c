/* SPDX-License-Identifier: MIT
 *
 * Libraries that are loaded at run time: by their name from the system's
 * directory alone, where no other user can put one.
 */
#include <stdio.h>

#include "../gpu.h"
#include "win.h"

const char *const weftos_nvml_library = "nvml.dll";

void *weftos_library_open(const char *name, char *why, size_t room)
{
    wchar_t wide[MAX_PATH];
    HMODULE module = NULL;
    char text[128];

    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, wide,
                            MAX_PATH) > 0) {
        module = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    }
    if (module == NULL) {
        weftos_error_text((int)GetLastError(), text, sizeof(text));
        (void)snprintf(why, room, "%s: %s", name, text);
    }
    return module;
}

weftos_gpu_function *weftos_library_find(void *library, const char *name)
{
    return (weftos_gpu_function *)GetProcAddress(library, name);
}

void weftos_library_close(void *library)
{
    (void)FreeLibrary(library);
}
