/* SPDX-License-Identifier: MIT
 *
 * The version of the library, as it was when the library was compiled.
 */
#include <weft/version.h>

const char *weft_version(void)
{
    return WEFT_VERSION_STRING;
}
