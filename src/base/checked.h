/* SPDX-License-Identifier: MIT
 *
 * Arithmetic on sizes that notices overflow.
 *
 * Sizes that a peer or a caller states are added up and rounded here. Each
 * function that can overflow returns false then and leaves `*result` alone.
 */
#ifndef WEFTI_CHECKED_H
#define WEFTI_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool wefti_add(size_t a, size_t b, size_t *result)
{
    if (a > SIZE_MAX - b) {
        return false;
    }
    *result = a + b;
    return true;
}

static inline bool wefti_multiply(size_t a, size_t b, size_t *result)
{
    if (b != 0 && a > SIZE_MAX / b) {
        return false;
    }
    *result = a * b;
    return true;
}

/* 0 is not a power of two. */
static inline bool wefti_is_power_of_two(size_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Rounds up to a multiple of `unit`, which must be a power of two. */
static inline bool wefti_align_up(size_t value, size_t unit, size_t *result)
{
    if (!wefti_add(value, unit - 1, result)) {
        return false;
    }
    *result &= ~(unit - 1);
    return true;
}

/* The smallest power of two that is at least `value`; 1 for 0. */
static inline bool wefti_power_of_two_up(size_t value, size_t *result)
{
    size_t power = 1;

    while (power < value) {
        if (power > SIZE_MAX / 2) {
            return false;
        }
        power *= 2;
    }
    *result = power;
    return true;
}

#endif
