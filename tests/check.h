/* SPDX-License-Identifier: MIT
 *
 * check.h - what a test is made of.
 *
 * A test is one program of one process. It defines test_main() instead of
 * main(), and is run with a time limit:
 *
 *     void test_main(void)
 *     {
 *         check_case("an empty ring has no message");
 *         CHECK(ring_is_empty(&ring));
 *         CHECK_STATUS(weft_channel_try_recv(...), WEFT_EAGAIN);
 *     }
 *
 * It says in TAP which cases passed, and ends with status 0 if at least one
 * check ran, all held, and as many descriptors are open as before; else with
 * 1. A test that can't run here calls SKIP and ends with 77.
 *
 * Threads: checks may run in any thread, cases are begun by one. Processes:
 * children are started by peer.h, or forked where a test is for POSIX alone;
 * such a one ends with check_exit_child(), and its parent looks at the status.
 */
#ifndef WEFT_TESTS_CHECK_H
#define WEFT_TESTS_CHECK_H

#include <stdbool.h>

#include <weft/base.h>

/* Whether AddressSanitizer is on, which keeps what is freed for a while. */
#if defined(__SANITIZE_ADDRESS__)
#define CHECK_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECK_SANITIZED true
#endif
#endif
#ifndef CHECK_SANITIZED
#define CHECK_SANITIZED false
#endif

/* Notes whether the expression is true and goes on; gives its truth. */
#define CHECK(expression)                                                      \
    check_that((expression), #expression, __FILE__, __LINE__)

/* Notes a failure: what was not so in a place that should not be reached. */
#define CHECK_NOT_HERE(what) check_that(false, (what), __FILE__, __LINE__)

/* Notes whether a call returned a status; gives whether it did. */
#define CHECK_STATUS(call, expected)                                           \
    check_status((call), (expected), #call, __FILE__, __LINE__)

/* As CHECK, but the test ends when it is false: what follows needs it. */
#define REQUIRE(expression)                                                    \
    check_require((expression), #expression, __FILE__, __LINE__)

/* Ends the test as skipped, and says why. */
#define SKIP(reason) check_skip(reason)

/* The test's own work; check.c has main(). */
void test_main(void);

/* The program's arguments as main() has them: for a test that runs itself. */
extern char **check_arguments;

/* Begins a case: its name states the property that is checked. */
void check_case(const char *name);

bool check_that(bool truth, const char *expression, const char *file, int line);
bool check_status(weft_status actual, weft_status expected, const char *call,
                  const char *file, int line);
void check_require(bool truth, const char *expression, const char *file,
                   int line);
_Noreturn void check_skip(const char *reason);

/*
 * Whether weft wants a feature, by its name in doctor's list, and this system
 * does not have it.
 */
bool check_lacks(const char *name);

/* Ends a child: 0 if all of its checks held, and a fork's parent's so far. */
_Noreturn void check_exit_child(void);

/* Open descriptors of this process, or -1 where that can't be told. */
int check_open_handles(void);

/*
 * What is open now may be open at the end: a part of the library has opened it
 * once and for all.
 */
void check_keep_handles(void);

#endif
