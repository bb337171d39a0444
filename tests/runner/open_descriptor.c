/* SPDX-License-Identifier: MIT
 *
 * A descriptor that is left open fails the test.
 */
#include <fcntl.h>

#include "check.h"

void test_main(void)
{
    CHECK(open("/dev/null", O_RDONLY) >= 0);
}
