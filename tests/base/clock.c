/* SPDX-License-Identifier: MIT
 *
 * The clock runs forwards, and a deadline never wraps round.
 */
#include "check.h"

void test_main(void)
{
    uint64_t before = weft_now_ns();
    uint64_t latest = before;
    bool forwards = true;

    check_case("the clock moves on and never back");
    for (int i = 0; i < 100000 || latest == before; i++) {
        uint64_t now = weft_now_ns();

        forwards = forwards && now >= latest;
        latest = now;
    }
    CHECK(forwards);
    CHECK(before != WEFT_NOW);

    check_case("a deadline lies as far off as it was asked for");
    before = weft_now_ns();
    latest = weft_after_ns(1000);
    CHECK(latest >= before + 1000);
    CHECK(latest <= weft_now_ns() + 1000);

    check_case("a deadline that would overflow never comes");
    CHECK(weft_after_ns(UINT64_MAX) == WEFT_FOREVER);
    CHECK(weft_after_ns(UINT64_MAX - before + 1) == WEFT_FOREVER);
    CHECK(weft_after_ns(0) != WEFT_FOREVER);
}
