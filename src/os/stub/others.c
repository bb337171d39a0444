/* SPDX-License-Identifier: MIT
 *
 * The names of other users, which can't be found here.
 */
#include "../others.h"

weft_status weftos_others_each(weftos_others_visit *visit, void *context,
                               weft_detail *detail)
{
    (void)visit;
    (void)context;
    if (detail != NULL) {
        *detail =
            (weft_detail){WEFT_ENOTSUP, 0, "look for the names of other users"};
    }
    return WEFT_ENOTSUP;
}
