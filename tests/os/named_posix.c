/* SPDX-License-Identifier: MIT
 *
 * os.h: memory that has a name, where that is a file, and threads can be
 * cancelled.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

static void make_nothing(void *base, size_t bytes, void *context)
{
    (void)base;
    (void)bytes;
    (void)context;
}

/* ---------------------------------------------------------------- paths --- */

static weft_status open_once(const char *name)
{
    size_t bytes = weftos_get_facts()->page_bytes;
    weft_handle handle;
    void *base;
    weft_status status = weftos_shm_open(name, 0600, &bytes, make_nothing, NULL,
                                         &handle, &base, NULL);

    if (status == WEFT_OK) {
        weftos_shm_unmap(base, bytes);
        weftos_close(handle);
    }
    return status;
}

static void test_long_paths(void)
{
    const char *old = getenv("WEFT_RUNTIME_DIR");
    char kept[512];
    char directory[1024];
    char path[PATH_MAX];
    weftos_endpoint *endpoint;
    weft_handle handle;

    check_case("memory has room where a socket has none");
    REQUIRE(old != NULL && strlen(old) < sizeof(kept));
    (void)snprintf(kept, sizeof(kept), "%s", old);
    (void)snprintf(directory, sizeof(directory), "%s/%0*d", kept, 120, 0);
    (void)mkdir(kept, 0700);
    REQUIRE(setenv("WEFT_RUNTIME_DIR", directory, 1) == 0);
    CHECK_STATUS(weftos_endpoint_open("long", 0600, &endpoint, &handle, NULL),
                 WEFT_ENAME);
    (void)snprintf(path, sizeof(path), "%s/long.mem", directory);
    CHECK_STATUS(open_once("long"), WEFT_OK);
    CHECK(unlink(path) == 0);
    (void)snprintf(path, sizeof(path), "%s/by-path", directory);
    CHECK_STATUS(open_once(path), WEFT_OK);
    CHECK(unlink(path) == 0 && rmdir(directory) == 0);
    CHECK_STATUS(open_once(path), WEFT_ENAME);
    REQUIRE(setenv("WEFT_RUNTIME_DIR", kept, 1) == 0);
}

/* --------------------------------------------------------- cancellation --- */

#define STEPS 4

/* What a thread did although somebody wanted it to end. */
struct work {
    weft_status status[STEPS];
    unsigned done;
    size_t bytes;
    weft_handle handle;
    void *base;
};

/* The checks are the caller's: they may print, which may end this thread. */
static void *work_on(void *context)
{
    static _Atomic uint32_t own;
    struct work *work = context;
    weftos_site site = {.id =
                            UINT64_C(0x6e616d6564) << 20 | (uint32_t)getpid()};
    size_t none = 0;

    (void)pthread_cancel(pthread_self());
    work->status[0] =
        weftos_shm_open("cancel", 0600, &work->bytes, make_nothing, NULL,
                        &work->handle, &work->base, NULL);
    if (work->status[0] == WEFT_OK) {
        work->status[1] = weftos_shm_open("cancel", 0600, &none, NULL, NULL,
                                          NULL, NULL, NULL);
        work->status[2] = weftos_word_wait(work->base, 0, &site,
                                           weft_after_ns(PEER_MS), false, NULL);
        weftos_word_wake(work->base, 1, &site);
        work->status[3] = weftos_word_wait(&own, 0, NULL,
                                           weft_after_ns(PEER_MS), false, NULL);
        weftos_word_wake(&own, 1, NULL);
        work->done = STEPS;
    }
    pthread_testcancel();
    return NULL;
}

/* Waits may end early. */
static bool has_waited(weft_status status)
{
    return status == WEFT_OK || status == WEFT_ETIMEDOUT;
}

static void test_cancel(void)
{
    struct work work = {.bytes = weftos_get_facts()->page_bytes};
    pthread_t thread;
    void *result = NULL;

    check_case("no call that weft/sync.h makes is a cancellation point");
    REQUIRE(weftos_process_mark(NULL, NULL, NULL) == WEFT_OK);
    REQUIRE(pthread_create(&thread, NULL, work_on, &work) == 0);
    REQUIRE(pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED);
    CHECK_STATUS(work.status[0], WEFT_OK);
    if (CHECK(work.done == STEPS)) {
        CHECK_STATUS(work.status[1], WEFT_OK);
        CHECK(has_waited(work.status[2]) && has_waited(work.status[3]));
        weftos_shm_unmap(work.base, work.bytes);
        weftos_close(work.handle);
        contract_forget_memory("cancel");
    }
}

void test_main(void)
{
    peer_names_begin();
    test_long_paths();
    test_cancel();
    peer_names_end();
}
