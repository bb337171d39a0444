/* SPDX-License-Identifier: MIT
 *
 * What this system is and offers: the back end knows, this file checks
 * arguments.
 */
#include <weft/system.h>

#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "os/system.h"

weft_status weft_system_features(weft_feature *features, size_t room,
                                 size_t *count)
{
    if (count == NULL || (features == NULL && room > 0)) {
        return WEFT_EINVAL;
    }
    *count = weftos_features(features, room);
    return WEFT_OK;
}

#define CONTAINER_NAME(symbol, value, name)                                    \
    case symbol:                                                               \
        return name;

const char *weft_container_name(weft_container container)
{
    switch (container) {
        WEFT_CONTAINER_LIST(CONTAINER_NAME)
    }
    return "unknown";
}

weft_status weft_system_info(weft_system *system)
{
    if (system == NULL || system->size != sizeof(*system)) {
        return WEFT_EINVAL;
    }
    memset(system, 0, sizeof(*system));
    system->size = sizeof(*system);
    WEFTOS_SET_TEXT(system->process, WEFTOS_ARCHITECTURE);
    weftos_system_find(system);
    return WEFT_OK;
}
