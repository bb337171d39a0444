/* SPDX-License-Identifier: MIT
 *
 * A test that checks nothing has not passed.
 */
#include "check.h"

void test_main(void)
{
}
