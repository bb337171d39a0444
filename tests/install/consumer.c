/* SPDX-License-Identifier: MIT
 *
 * A user of an installed weft: prints the version of the library it got.
 */
#include <weft/weft.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    if (strcmp(weft_version(), WEFT_VERSION_STRING) != 0) {
        fprintf(stderr, "headers of %s, library %s\n", WEFT_VERSION_STRING,
                weft_version());
        return 1;
    }
    puts(weft_version());
    return 0;
}
