/* SPDX-License-Identifier: MIT
 *
 * Whether a handle is ready, by poll(2).
 */
#include <poll.h>

#include "contract.h"

bool contract_is_ready(weft_handle handle, unsigned ms)
{
    struct pollfd entry = {.fd = (int)handle, .events = POLLIN};

    return poll(&entry, 1, (int)ms) == 1;
}
