/* SPDX-License-Identifier: MIT
 *
 * A case that checks nothing has not passed, whatever the next one does.
 */
#include "check.h"

void test_main(void)
{
    check_case("nothing");
    check_case("something");
    CHECK(1 + 1 == 2);
}
