/* SPDX-License-Identifier: MIT
 *
 * The frame of a test: counts checks, writes TAP, looks for leaks.
 */
#include "check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/system.h>

#include "peer.h"

#define EXIT_SKIPPED 77

char **check_arguments;

/* Atomic, because threads of a test check things at the same time. */
static atomic_uint checks;
static atomic_uint failures;

/* The case that runs now; none has run while `case_number` is 0. */
static const char *case_name;
static unsigned case_number;
static unsigned case_checks;
static unsigned case_failures;

/* As many are to be open at the end. */
static int handles;

static void end_case(void)
{
    bool passed = failures == case_failures && checks > case_checks;

    if (case_name == NULL) {
        return;
    }
    if (checks == case_checks) {
        printf("# nothing was checked\n");
        failures++;
    }
    printf("%s %u - %s\n", passed ? "ok" : "not ok", case_number, case_name);
    case_name = NULL;
}

void check_case(const char *name)
{
    end_case();
    case_name = name;
    case_number++;
    case_checks = checks;
    case_failures = failures;
}

bool check_that(bool truth, const char *expression, const char *file, int line)
{
    checks++;
    if (!truth) {
        failures++;
        printf("# %s:%d: false: %s\n", file, line, expression);
    }
    return truth;
}

bool check_status(weft_status actual, weft_status expected, const char *call,
                  const char *file, int line)
{
    checks++;
    if (actual != expected) {
        failures++;
        printf("# %s:%d: %s, not %s: %s\n", file, line,
               weft_status_name(actual), weft_status_name(expected), call);
    }
    return actual == expected;
}

void check_require(bool truth, const char *expression, const char *file,
                   int line)
{
    if (!check_that(truth, expression, file, line)) {
        end_case();
        printf("Bail out! the rest of the test needs this\n");
        exit(EXIT_FAILURE);
    }
}

void check_skip(const char *reason)
{
    /* What failed before is not made good by skipping the rest. */
    if (failures > 0) {
        exit(EXIT_FAILURE);
    }
    printf("1..0 # SKIP %s\n", reason);
    exit(EXIT_SKIPPED);
}

bool check_lacks(const char *name)
{
    weft_feature features[32];
    size_t count = 0;

    REQUIRE(weft_system_features(features, 32, &count) == WEFT_OK);
    for (size_t i = 0; i < count && i < 32; i++) {
        if (strcmp(features[i].name, name) == 0) {
            return features[i].state == WEFT_FEATURE_ABSENT;
        }
    }
    return false;
}

void check_exit_child(void)
{
    /* Without the parent's exit handlers and leak reports. */
    _Exit(failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

void check_keep_handles(void)
{
    handles = check_open_handles();
}

/*
 * The library closes what it has of another process soon after that has died,
 * in a thread of its own.
 */
static int count_handles_left(void)
{
    uint64_t late = weft_after_ns(2 * PEER_S);
    int left = check_open_handles();

    while (left != handles && weft_now_ns() < late) {
        left = check_open_handles();
    }
    return left;
}

int main(int argc, char **argv)
{
    int left;

    (void)argc;
    /* Unbuffered, or a forked child would write what waits once more. */
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    check_arguments = argv;
    peer_begin(argv);
    handles = check_open_handles();
    test_main();
    end_case();
    left = count_handles_left();
    if (left != handles) {
        printf("# handles: %d at first, %d at the end\n", handles, left);
        failures++;
    }
    if (checks == 0) {
        printf("# no check ran\n");
        failures++;
    }
    printf("1..%u\n", case_number);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
