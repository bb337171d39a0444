/* SPDX-License-Identifier: MIT
 *
 * Counts this process's open handles by trying the values that they can have:
 * GetProcessHandleCount is always 0 under Wine.
 *
 * Windows opens some handles for a process when they are first needed, and
 * keeps them. They are no leaks, so they are made to be there from the start.
 */
#include "check.h"

#include <stdint.h>
#include <windows.h>

/* Values are multiples of 4 from 4 on; a longer gap has nothing behind it. */
#define VALUE_STEP 4
#define GAP_MOST 128

static void CALLBACK do_nothing(void *context, BOOLEAN timed_out)
{
    (void)context;
    (void)timed_out;
}

/*
 * The directory of named objects, and the thread pool's own: it ends what has
 * been idle for some seconds, so it is given something to wait for to the end.
 */
static void use_once(void)
{
    static HANDLE named;
    HANDLE wait;

    if (named == NULL) {
        named = CreateEventW(NULL, TRUE, FALSE, L"Local\\weft-test");
        (void)RegisterWaitForSingleObject(&wait, named, do_nothing, NULL,
                                          INFINITE, WT_EXECUTEINWAITTHREAD);
    }
}

int check_open_handles(void)
{
    unsigned gap = 0;
    int count = 0;
    DWORD flags;

    use_once();
    for (uintptr_t value = VALUE_STEP; gap < GAP_MOST; value += VALUE_STEP) {
        bool is_open = GetHandleInformation((HANDLE)value, &flags) != 0;

        count += is_open;
        gap = is_open ? 0 : gap + 1;
    }
    return count;
}
