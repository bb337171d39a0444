/* SPDX-License-Identifier: MIT
 *
 * __ulock_wait(), __ulock_wake() and os_sync_wait_on_address(), over futexes.
 * A shared futex is found by object and offset, as XNU's SHARED opcodes find
 * their word, so two processes meet there at any two addresses.
 *
 * As in XNU:
 *  - a word that has another value is success, not told from a wake.
 *  - success is a number >= 0: the waiters that are left, or nothing at all.
 *  - a wait may fail with EFAULT (the word's page is not resident just now)
 *    and EINTR at any time. Both are injected, as are wakes for no reason.
 *  - a time-out of 0 is for ever with __ulock, and EINVAL with os_sync.
 *  - a wake that finds nobody is ENOENT; it may fail with EFAULT as well.
 *  - a signal's handler ends a wait even with SA_RESTART.
 *  - os_sync is the same calls again, with NO_ERRNO.
 *  - a time-out is added to the clock unchecked, as older kernels do it, and
 *    one that wraps around is over at once. The sum is of ns, as on Intel.
 *
 * Weaker than XNU: the count of waiters left is made up; EDOM (waiters of two
 * opcodes at one word) is not seen; words of 8 bytes are not there.
 */
#define _GNU_SOURCE
#include "words.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <mach/mach_time.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"

/* The opcodes and flags of XNU's bsd/sys/ulock.h. */
#define COMPARE_AND_WAIT 1u
#define COMPARE_AND_WAIT_SHARED 3u
#define OPCODE_MASK 0xffu
#define WAKE_ALL 0x100u
#define WAIT_CANCEL_POINT 0x20000u
#define NO_ERRNO 0x01000000u
#define DEADLINE 0x02000000u

#define SHARED_FLAG 1u

/* As in darwin.h, which these files do not include. */
#define CLOCK_UPTIME_RAW 8

/* Longer than any test, so that futex() always has a time-out: see above. */
#define FOREVER_S 100000000

static int finish(uint32_t operation, int error)
{
    if (error <= 0) {
        return -error;
    }
    return (operation & NO_ERRNO) != 0 ? -error : double_fail(error);
}

/* 0 or an errno: what every call checks first. */
static int check(uint32_t operation, uint32_t flags, const void *address)
{
    uint32_t opcode = operation & OPCODE_MASK;

    if (opcode == 5 || opcode == 6) {
        double_lacks("waiting at words of 8 bytes");
    }
    if ((opcode != COMPARE_AND_WAIT && opcode != COMPARE_AND_WAIT_SHARED) ||
        (operation & ~(OPCODE_MASK | flags)) != 0 || address == NULL ||
        (uintptr_t)address % sizeof(uint32_t) != 0) {
        return EINVAL;
    }
    return 0;
}

static int futex_flag(uint32_t operation)
{
    return (operation & OPCODE_MASK) == COMPARE_AND_WAIT ? FUTEX_PRIVATE_FLAG
                                                         : 0;
}

static bool is_over_at_once(uint64_t timeout_ns)
{
    uint64_t now_ns = double_clock_gettime_nsec_np(CLOCK_UPTIME_RAW);

    return now_ns + timeout_ns < now_ns;
}

/* Success is minus the waiters left, a failure an errno. */
static int wait_ns(uint32_t operation, void *address, uint64_t value,
                   uint64_t timeout_ns)
{
    struct timespec left = {FOREVER_S, 0};
    int others = (int)double_random(3);

    if (double_fault()) {
        const int ends[] = {EFAULT, EINTR, -others};

        return ends[double_random(3)];
    }
    if (timeout_ns != 0) {
        if (is_over_at_once(timeout_ns)) {
            return *(_Atomic uint32_t *)address == value ? ETIMEDOUT : -others;
        }
        left.tv_sec = (time_t)(timeout_ns / UINT64_C(1000000000));
        left.tv_nsec = (long)(timeout_ns % UINT64_C(1000000000));
    }
    if (syscall(SYS_futex, address, FUTEX_WAIT | futex_flag(operation),
                (uint32_t)value, &left, NULL, 0) == 0 ||
        errno == EAGAIN) {
        return -others;
    }
    return errno;
}

int double_ulock_wait2(uint32_t operation, void *address, uint64_t value,
                       uint64_t timeout, uint64_t value2)
{
    uint64_t now = mach_absolute_time();
    int error =
        check(operation, WAIT_CANCEL_POINT | NO_ERRNO | DEADLINE, address);

    if (error == 0 && value2 != 0) {
        error = EINVAL;
    }
    if (error == 0 && (operation & DEADLINE) != 0 && timeout != 0) {
        if (double_waits() != DOUBLE_OS_SYNC) {
            error = EINVAL; /* younger than this macOS */
        } else if (timeout <= now) {
            error = ETIMEDOUT;
        } else {
            timeout = (timeout - now) * 125 / 3;
        }
    }
    if (error == 0) {
        error = wait_ns(operation, address, value, timeout);
    }
    return finish(operation, error);
}

int double_ulock_wait(uint32_t operation, void *address, uint64_t value,
                      uint32_t timeout_us)
{
    int error = check(operation, WAIT_CANCEL_POINT | NO_ERRNO, address);

    if (error == 0) {
        error = wait_ns(operation, address, value,
                        (uint64_t)timeout_us * UINT64_C(1000));
    }
    return finish(operation, error);
}

int double_ulock_wake(uint32_t operation, void *address, uint64_t value)
{
    int count = (operation & WAKE_ALL) != 0 ? INT_MAX : 1;
    int error = check(operation, WAKE_ALL | NO_ERRNO, address);

    (void)value; /* a thread's port, with a flag that is not here */
    if (error == 0 && double_fault()) {
        error = EFAULT;
    }
    if (error == 0) {
        long woken =
            syscall(SYS_futex, address, FUTEX_WAKE | futex_flag(operation),
                    count, NULL, NULL, 0);

        error = woken < 0 ? EINVAL : woken == 0 ? ENOENT : 0;
    }
    return finish(operation, error);
}

/* -------------------------------------------------------------- os_sync --- */

/* The opcode, or 0: what os_sync refuses before it asks the kernel. */
static uint32_t opcode_of(const void *address, size_t bytes, uint32_t flags)
{
    if (bytes == sizeof(uint64_t)) {
        double_lacks("waiting at words of 8 bytes");
    }
    if (address == NULL || bytes != sizeof(uint32_t) ||
        (flags & ~SHARED_FLAG) != 0) {
        return 0;
    }
    return NO_ERRNO | (flags != 0 ? COMPARE_AND_WAIT_SHARED : COMPARE_AND_WAIT);
}

static int to_errno(int result)
{
    return result < 0 ? double_fail(-result) : result;
}

int double_os_sync_wait(void *address, uint64_t value, size_t bytes,
                        uint32_t flags)
{
    uint32_t opcode = opcode_of(address, bytes, flags);

    return opcode == 0
               ? double_fail(EINVAL)
               : to_errno(double_ulock_wait2(opcode, address, value, 0, 0));
}

int double_os_sync_wait_with_timeout(void *address, uint64_t value,
                                     size_t bytes, uint32_t flags,
                                     os_clockid_t clock, uint64_t timeout_ns)
{
    uint32_t opcode = opcode_of(address, bytes, flags);

    if (opcode == 0 || clock != OS_CLOCK_MACH_ABSOLUTE_TIME ||
        timeout_ns == 0) {
        return double_fail(EINVAL);
    }
    return to_errno(double_ulock_wait2(opcode, address, value, timeout_ns, 0));
}

int double_os_sync_wait_with_deadline(void *address, uint64_t value,
                                      size_t bytes, uint32_t flags,
                                      os_clockid_t clock, uint64_t deadline)
{
    uint32_t opcode = opcode_of(address, bytes, flags);

    if (opcode == 0 || clock != OS_CLOCK_MACH_ABSOLUTE_TIME || deadline == 0) {
        return double_fail(EINVAL);
    }
    return to_errno(
        double_ulock_wait2(opcode | DEADLINE, address, value, deadline, 0));
}

int double_os_sync_wake_any(void *address, size_t bytes, uint32_t flags)
{
    uint32_t opcode = opcode_of(address, bytes, flags);

    return opcode == 0 ? double_fail(EINVAL)
                       : to_errno(double_ulock_wake(opcode, address, 0));
}

int double_os_sync_wake_all(void *address, size_t bytes, uint32_t flags)
{
    uint32_t opcode = opcode_of(address, bytes, flags);

    return opcode == 0
               ? double_fail(EINVAL)
               : to_errno(double_ulock_wake(opcode | WAKE_ALL, address, 0));
}

/* ---------------------------------------------------------------- names --- */

typedef void any_call(void);

/* ISO C has no cast from a function's address to an object's. */
static void *as_object(any_call *call)
{
    void *address;

    memcpy(&address, &call, sizeof(address));
    return address;
}

void *double_find_word_call(const char *name)
{
    /* Which macOS, from the newest, is the last to lack it. */
    const struct {
        const char *name;
        any_call *call;
        enum double_waits oldest;
    } calls[] = {
        {"os_sync_wait_on_address", (any_call *)double_os_sync_wait,
         DOUBLE_OS_SYNC},
        {"os_sync_wait_on_address_with_timeout",
         (any_call *)double_os_sync_wait_with_timeout, DOUBLE_OS_SYNC},
        {"os_sync_wait_on_address_with_deadline",
         (any_call *)double_os_sync_wait_with_deadline, DOUBLE_OS_SYNC},
        {"os_sync_wake_by_address_any", (any_call *)double_os_sync_wake_any,
         DOUBLE_OS_SYNC},
        {"os_sync_wake_by_address_all", (any_call *)double_os_sync_wake_all,
         DOUBLE_OS_SYNC},
        {"__ulock_wait2", (any_call *)double_ulock_wait2, DOUBLE_ULOCK},
        {"__ulock_wait", (any_call *)double_ulock_wait, DOUBLE_ULOCK_OLD},
        {"__ulock_wake", (any_call *)double_ulock_wake, DOUBLE_ULOCK_OLD},
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(name, calls[i].name) == 0) {
            return double_waits() <= calls[i].oldest ? as_object(calls[i].call)
                                                     : NULL;
        }
    }
    return NULL;
}
