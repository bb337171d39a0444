/* SPDX-License-Identifier: MIT
 *
 * Being told that memory is scarce: wrong use, and a machine that has plenty.
 */
#include <string.h>

#include <weft/memory.h>

#include "check.h"

#define MS UINT64_C(1000000)

/* Closes what was not to be opened. */
static void refuse(const weft_memory_watch_options *options,
                   weft_status expected)
{
    weft_memory_watch *watch = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};

    CHECK_STATUS(weft_memory_watch_open(options, &watch, &detail), expected);
    CHECK(watch == NULL && detail.operation != NULL);
    weft_memory_watch_close(&watch);
}

static void test_arguments(void)
{
    weft_memory_watch_options options = WEFT_MEMORY_WATCH_OPTIONS_INIT;
    struct {
        weft_memory_watch_options known;
        char beyond[8];
    } longer = {{sizeof(longer), 0, 0}, {0}};

    check_case("wrong use is refused");
    CHECK_STATUS(weft_memory_watch_open(NULL, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_watch_next(NULL, WEFT_NOW, NULL), WEFT_EINVAL);
    CHECK(weft_memory_watch_handle(NULL) == WEFT_HANDLE_NONE);
    weft_memory_watch_close(NULL);
    options.size--;
    refuse(&options, WEFT_EINVAL);
    options.size++;
    options.stall_ns = 2000 * MS;
    refuse(&options, WEFT_EINVAL);
    options.window_ns = 2000 * MS;
    refuse(&options, WEFT_EINVAL);
    longer.beyond[7] = 1;
    refuse(&longer.known, WEFT_EINVAL);
}

static void test_plenty(void)
{
    weft_memory_watch *watch;
    weft_memory_watch_options options = {
        .size = sizeof(options), .stall_ns = 1900 * MS, .window_ns = 2000 * MS};
    weft_detail detail;
    weft_status status = weft_memory_watch_open(&options, &watch, &detail);

    if (status == WEFT_ENOTSUP) {
        SKIP("this system does not tell");
    }
    check_case("a machine with plenty tells nothing");
    REQUIRE(status == WEFT_OK);
    CHECK(weft_memory_watch_handle(watch) != WEFT_HANDLE_NONE);
    CHECK_STATUS(weft_memory_watch_next(watch, WEFT_NOW, &detail), WEFT_EAGAIN);
    CHECK_STATUS(
        weft_memory_watch_next(watch, weft_now_ns() + 20 * MS, &detail),
        WEFT_ETIMEDOUT);
    weft_memory_watch_close(&watch);
    CHECK(watch == NULL);
    weft_memory_watch_close(&watch);
}

void test_main(void)
{
    test_arguments();
    test_plenty();
}
