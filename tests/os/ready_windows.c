/* SPDX-License-Identifier: MIT
 *
 * Whether a handle is ready, by WaitForSingleObject().
 */
#include "contract.h"

#include <windows.h>

bool contract_is_ready(weft_handle handle, unsigned ms)
{
    return WaitForSingleObject((HANDLE)handle, ms) == WAIT_OBJECT_0;
}
