/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <windows.h>

#include "check.h"
#include "process/helped.h"

void helped_pipe(weft_handle ends[2])
{
    HANDLE made[2];

    REQUIRE(CreatePipe(&made[0], &made[1], NULL, 0));
    ends[0] = (weft_handle)made[0];
    ends[1] = (weft_handle)made[1];
}

size_t helped_read(weft_handle end, char *text, size_t room)
{
    size_t bytes = 0;
    char rest[512];
    DWORD more;

    while (bytes < room - 1 &&
           ReadFile((HANDLE)end, text + bytes, (DWORD)(room - 1 - bytes), &more,
                    NULL)) {
        bytes += more;
    }
    while (ReadFile((HANDLE)end, rest, sizeof(rest), &more, NULL)) {
    }
    text[bytes] = '\0';
    return bytes;
}

bool helped_spawn(const char *argument)
{
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION made;
    char line[MAX_PATH + 64];

    (void)snprintf(line, sizeof(line), "\"%s\" %s", helped_self(), argument);
    if (!CreateProcessA(helped_self(), line, NULL, NULL, TRUE,
                        CREATE_NEW_PROCESS_GROUP, NULL, NULL, &startup,
                        &made)) {
        return false;
    }
    (void)CloseHandle(made.hThread);
    return CloseHandle(made.hProcess) != 0;
}

const char *helped_self(void)
{
    static char path[MAX_PATH];

    REQUIRE(GetModuleFileNameA(NULL, path, MAX_PATH) < MAX_PATH);
    return path;
}

void helped_begin(void)
{
    (void)_setmode(_fileno(stdout), _O_BINARY);
}
