/* SPDX-License-Identifier: MIT
 *
 * A handle that is left open fails the test.
 */
#include "check.h"
#include "peer.h"

void test_main(void)
{
    CHECK(peer_is_open(peer_token(0)));
}
