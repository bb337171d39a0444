/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <windows.h>

#include "filter.h"

void filter_begin(void)
{
    (void)_setmode(_fileno(stdin), _O_BINARY);
    (void)_setmode(_fileno(stdout), _O_BINARY);
    (void)_setmode(_fileno(stderr), _O_BINARY);
}

void filter_die(void)
{
    (void)TerminateProcess(GetCurrentProcess(),
                           (UINT)EXCEPTION_ACCESS_VIOLATION);
    filter_hang();
}

void filter_hang(void)
{
    for (;;) {
        Sleep(INFINITE);
    }
}
