/* SPDX-License-Identifier: MIT
 *
 * The generator of faults, and the environment that steers the double.
 */
#include "faults.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_RATE 8

static unsigned long setting(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    char *end = NULL;
    unsigned long value;

    if (text == NULL || text[0] == '\0') {
        return otherwise;
    }
    value = strtoul(text, &end, 10);
    if (*end != '\0') {
        (void)fprintf(stderr, "double: %s: '%s' is not a number\n", name, text);
        abort();
    }
    return value;
}

/* splitmix64: any seed will do, and neighbours have nothing in common. */
static uint64_t next_number(void)
{
    static atomic_ulong threads;
    static _Thread_local uint64_t state;
    static _Thread_local bool seeded;
    uint64_t mixed;

    if (!seeded) {
        seeded = true;
        state = (uint64_t)setting("WEFT_DOUBLE_SEED", 1) * UINT64_C(1000003) +
                atomic_fetch_add(&threads, 1);
    }
    state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (state ^ (state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

unsigned double_random(unsigned limit)
{
    return (unsigned)(next_number() % limit);
}

bool double_fault(void)
{
    static atomic_long known = -1;
    long rate = known;

    if (rate < 0) {
        rate = (long)setting("WEFT_DOUBLE_FAULTS", FAULT_RATE);
        known = rate;
    }
    return rate > 0 && double_random((unsigned)rate) == 0;
}

bool double_is_without(const char *what)
{
    const char *name = getenv("WEFT_DOUBLE_WITHOUT");

    return name != NULL && strcmp(name, what) == 0;
}

int double_fail(int os_code)
{
    errno = os_code;
    return -1;
}

enum double_waits double_waits(void)
{
    static const char *const names[] = {"os_sync", "ulock", "ulock_old",
                                        "pipe"};
    const char *text = getenv("WEFT_DOUBLE_WAIT");

    if (text == NULL || text[0] == '\0') {
        return DOUBLE_OS_SYNC;
    }
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum double_waits)i;
        }
    }
    (void)fprintf(stderr,
                  "double: WEFT_DOUBLE_WAIT is '%s', not os_sync, ulock, "
                  "ulock_old or pipe\n",
                  text);
    abort();
}

void double_lacks(const char *what)
{
    (void)fprintf(stderr, "double: %s is not emulated\n", what);
    abort();
}
