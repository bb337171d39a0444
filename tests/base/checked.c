/* SPDX-License-Identifier: MIT
 *
 * Checked sizes notice overflow at its exact edge.
 */
#include "base/checked.h"

#include "check.h"

#define TOP (SIZE_MAX / 2 + 1) /* the greatest power of two */

static void test_add(void)
{
    size_t sum = 7;

    check_case("a sum up to the greatest size is right");
    CHECK(wefti_add(SIZE_MAX - 1, 1, &sum) && sum == SIZE_MAX);
    CHECK(wefti_add(0, 0, &sum) && sum == 0);

    check_case("a sum beyond it is refused and writes nothing");
    CHECK(!wefti_add(SIZE_MAX, 1, &sum) && sum == 0);
    CHECK(!wefti_add(1, SIZE_MAX, &sum) && sum == 0);
}

static void test_multiply(void)
{
    size_t product = 7;

    check_case("a product up to the greatest size is right");
    CHECK(wefti_multiply(SIZE_MAX / 2, 2, &product) && product == SIZE_MAX - 1);
    CHECK(wefti_multiply(SIZE_MAX, 0, &product) && product == 0);
    CHECK(wefti_multiply(0, SIZE_MAX, &product) && product == 0);

    check_case("a product beyond it is refused and writes nothing");
    CHECK(!wefti_multiply(TOP, 2, &product) && product == 0);
    CHECK(!wefti_multiply(SIZE_MAX, SIZE_MAX, &product) && product == 0);
}

static void test_powers(void)
{
    size_t power = 7;

    check_case("powers of two are told from other sizes");
    CHECK(wefti_is_power_of_two(1) && wefti_is_power_of_two(TOP));
    CHECK(!wefti_is_power_of_two(0) && !wefti_is_power_of_two(TOP + 1));
    CHECK(!wefti_is_power_of_two(SIZE_MAX));

    check_case("the next power of two is found, or refused");
    CHECK(wefti_power_of_two_up(0, &power) && power == 1);
    CHECK(wefti_power_of_two_up(4096, &power) && power == 4096);
    CHECK(wefti_power_of_two_up(4097, &power) && power == 8192);
    CHECK(wefti_power_of_two_up(TOP, &power) && power == TOP);
    CHECK(!wefti_power_of_two_up(TOP + 1, &power) && power == TOP);
}

static void test_align(void)
{
    size_t aligned = 7;

    check_case("sizes are rounded up to a unit, or refused");
    CHECK(wefti_align_up(0, 16, &aligned) && aligned == 0);
    CHECK(wefti_align_up(1, 16, &aligned) && aligned == 16);
    CHECK(wefti_align_up(16, 16, &aligned) && aligned == 16);
    CHECK(wefti_align_up(SIZE_MAX - 15, 16, &aligned));
    CHECK(aligned == SIZE_MAX - 15);
    CHECK(!wefti_align_up(SIZE_MAX - 14, 16, &aligned));
    CHECK(aligned == SIZE_MAX - 15);
}

void test_main(void)
{
    test_add();
    test_multiply();
    test_powers();
    test_align();
}
