/* SPDX-License-Identifier: MIT
 *
 * A wait, and a second look.
 */
#include "channel/loop.h"

#include <windows.h>

#include "check.h"

void loop_open(weft_handle first, weft_handle second)
{
    (void)first; /* there is no loop: each wait names its handles */
    (void)second;
}

void loop_close(void)
{
}

bool loop_is_ready(weft_handle handle, int timeout_ms)
{
    HANDLE object = (HANDLE)handle;
    DWORD result = WaitForSingleObject(object, (DWORD)timeout_ms);
    bool ready = result == WAIT_OBJECT_0;

    CHECK(ready || result == WAIT_TIMEOUT);
    CHECK(WaitForSingleObject(object, 0) == result);
    return ready;
}
