/* SPDX-License-Identifier: MIT
 *
 * What this system offers: the back end knows, this file checks arguments.
 */
#include <weft/system.h>

#include "os/os.h"

weft_status weft_system_features(weft_feature *features, size_t room,
                                 size_t *count)
{
    if (count == NULL || (features == NULL && room > 0)) {
        return WEFT_EINVAL;
    }
    *count = weftos_features(features, room);
    return WEFT_OK;
}
