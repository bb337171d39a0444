/* SPDX-License-Identifier: MIT
 *
 * A false check fails the test, even if a true one follows.
 */
#include "check.h"

void test_main(void)
{
    CHECK(1 + 1 == 3);
    CHECK(1 + 1 == 2);
}
