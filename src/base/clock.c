/* SPDX-License-Identifier: MIT
 *
 * The public clock. Deadlines are absolute, so this is all there is to it.
 */
#include <weft/base.h>

#include "os/os.h"

uint64_t weft_now_ns(void)
{
    return weftos_now_ns();
}

uint64_t weft_after_ns(uint64_t ns)
{
    uint64_t now = weftos_now_ns();

    return ns > WEFT_FOREVER - now ? WEFT_FOREVER : now + ns;
}
