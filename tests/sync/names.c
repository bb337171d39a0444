/* SPDX-License-Identifier: MIT
 *
 * Memory and objects have names of any length; what nobody uses any more is
 * made anew, and nothing is left behind.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "peer.h"

#define LONG 5000

static char *long_name(char last)
{
    char *name = malloc(LONG + 1);

    REQUIRE(name != NULL);
    memset(name, 'n', LONG);
    name[LONG - 1] = last;
    name[LONG] = '\0';
    return name;
}

static weft_sync *open_one(const char *name, weft_sync_kind kind)
{
    weft_sync *sync = NULL;

    CHECK_STATUS(weft_sync_open(name, kind, NULL, &sync, NULL), WEFT_OK);
    return sync;
}

/* ----------------------------------------------------------- one by one --- */

static void test_kinds(void)
{
    weft_sync_options options = WEFT_SYNC_OPTIONS_INIT;
    weft_sync *mutex = open_one("kinds", WEFT_SYNC_MUTEX);
    weft_sync *event = NULL;
    weft_sync *semaphore = NULL;
    weft_sync *sync = NULL;
    uint32_t value = 0;

    check_case("an object is of the kind that it was opened as");
    CHECK(weft_sync_mutex(mutex) != NULL);
    CHECK(weft_sync_condition(mutex) == NULL);
    CHECK(weft_sync_semaphore(mutex) == NULL);
    CHECK(weft_sync_event(mutex) == NULL);
    CHECK(weft_sync_rwlock(mutex) == NULL);
    CHECK_STATUS(weft_mutex_lock(weft_sync_mutex(mutex)), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(weft_sync_mutex(mutex)), WEFT_OK);
    CHECK_STATUS(weft_sync_open("kinds", WEFT_SYNC_EVENT, NULL, &sync, NULL),
                 WEFT_EINUSE);
    CHECK(sync == NULL);
    CHECK_STATUS(weft_sync_open("kinds", WEFT_SYNC_RWLOCK, NULL, &sync, NULL),
                 WEFT_EINUSE);
    weft_sync_close(&mutex);
    CHECK(mutex == NULL);
    weft_sync_close(&mutex);
    weft_sync_close(NULL);

    check_case("a new object is made as the options say");
    options.value = 3;
    CHECK_STATUS(weft_sync_open("kinds", WEFT_SYNC_SEMAPHORE, &options,
                                &semaphore, NULL),
                 WEFT_OK);
    CHECK_STATUS(
        weft_semaphore_get_value(weft_sync_semaphore(semaphore), &value),
        WEFT_OK);
    CHECK(value == 3);
    weft_sync_close(&semaphore);
    options.value = 0;
    options.flags = WEFT_EVENT_SET;
    CHECK_STATUS(
        weft_sync_open("kinds", WEFT_SYNC_EVENT, &options, &event, NULL),
        WEFT_OK);
    CHECK_STATUS(weft_event_wait(weft_sync_event(event)), WEFT_OK);
    weft_sync_close(&event);
}

static void test_arguments(void)
{
    weft_sync_options options = WEFT_SYNC_OPTIONS_INIT;
    weft_shared_options shared_options = WEFT_SHARED_OPTIONS_INIT;
    weft_sync *sync = NULL;
    weft_shared *shared = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};

    check_case("what does not fit the kind is refused");
    options.value = 1;
    CHECK_STATUS(weft_sync_open("bad", WEFT_SYNC_MUTEX, &options, &sync, NULL),
                 WEFT_EINVAL);
    options.value = 0;
    options.flags = WEFT_EVENT_SET;
    CHECK_STATUS(
        weft_sync_open("bad", WEFT_SYNC_SEMAPHORE, &options, &sync, &detail),
        WEFT_EINVAL);
    CHECK(detail.status == WEFT_EINVAL && detail.operation != NULL);
    options.flags = 0;
    options.size = 1;
    CHECK_STATUS(weft_sync_open("bad", WEFT_SYNC_MUTEX, &options, &sync, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_sync_open("bad", (weft_sync_kind)6, NULL, &sync, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_sync_open("bad", (weft_sync_kind)0, NULL, &sync, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_sync_open("bad", WEFT_SYNC_MUTEX, NULL, NULL, NULL),
                 WEFT_EINVAL);
    shared_options.mode = 01777;
    CHECK_STATUS(weft_shared_open("bad", 4096, &shared_options, &shared, NULL),
                 WEFT_EINVAL);

    check_case("a name that breaks the rules is no name");
    CHECK_STATUS(weft_sync_open("", WEFT_SYNC_MUTEX, NULL, &sync, NULL),
                 WEFT_ENAME);
    CHECK_STATUS(weft_sync_open(".x", WEFT_SYNC_MUTEX, NULL, &sync, NULL),
                 WEFT_ENAME);
    CHECK_STATUS(weft_sync_open("a b", WEFT_SYNC_MUTEX, NULL, &sync, NULL),
                 WEFT_ENAME);
    CHECK_STATUS(weft_shared_open("a\nb", 4096, NULL, &shared, NULL),
                 WEFT_ENAME);
    CHECK_STATUS(weft_shared_open(NULL, 4096, NULL, &shared, NULL),
                 WEFT_EINVAL);
    CHECK(weft_shared_base(NULL) == NULL && weft_shared_bytes(NULL) == 0);
}

static void test_long(void)
{
    char *first_name = long_name('1');
    char *second_name = long_name('2');
    weft_sync *first = open_one(first_name, WEFT_SYNC_MUTEX);
    weft_sync *again = open_one(first_name, WEFT_SYNC_MUTEX);
    weft_sync *second = open_one(second_name, WEFT_SYNC_MUTEX);

    check_case("names of any length are told apart to the last letter");
    CHECK_STATUS(weft_mutex_lock(weft_sync_mutex(first)), WEFT_OK);
    CHECK_STATUS(weft_mutex_try_lock(weft_sync_mutex(again)), WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_try_lock(weft_sync_mutex(second)), WEFT_OK);
    weft_sync_close(&first);
    weft_sync_close(&again);
    weft_sync_close(&second);
    free(first_name);
    free(second_name);
}

static void test_memory(void)
{
    weft_shared *first = NULL;
    weft_shared *second = NULL;
    weft_sync *sync = NULL;

    check_case("memory is opened with its size, or made with one");
    CHECK_STATUS(weft_shared_open("memory", 0, NULL, &first, NULL),
                 WEFT_ENOENT);
    CHECK(first == NULL);
    CHECK_STATUS(weft_shared_open("memory", 8192, NULL, &first, NULL), WEFT_OK);
    CHECK_STATUS(weft_shared_open("memory", 4096, NULL, &second, NULL),
                 WEFT_EINUSE);
    CHECK_STATUS(weft_shared_open("memory", 0, NULL, &second, NULL), WEFT_OK);
    CHECK(weft_shared_bytes(second) == 8192);
    *(uint64_t *)weft_shared_base(first) = 7;
    CHECK(*(uint64_t *)weft_shared_base(second) == 7);

    check_case("an object may have the name of memory");
    CHECK_STATUS(weft_sync_open("memory", WEFT_SYNC_MUTEX, NULL, &sync, NULL),
                 WEFT_OK);
    weft_sync_close(&sync);
    weft_shared_close(&first);
    weft_shared_close(&second);
    weft_shared_close(&second);

    check_case("memory that all have closed is gone");
    CHECK_STATUS(weft_shared_open("memory", 0, NULL, &first, NULL),
                 WEFT_ENOENT);
}

/* --------------------------------------------------------------- others --- */

struct errand {
    peer_gate ready;
};

static void lock_and_stay(void *context)
{
    struct errand *errand = context;
    weft_sync *sync = open_one("stale", WEFT_SYNC_MUTEX);

    CHECK_STATUS(weft_mutex_lock(weft_sync_mutex(sync)), WEFT_OK);
    peer_gate_open(&errand->ready);
    peer_await_kill();
}

static void test_stale(void)
{
    struct errand errand;
    peer_process child;
    weft_sync *sync;

    peer_gate_init(&errand.ready);
    check_case("an object whose last user died is made anew");
    child = peer_run(lock_and_stay, &errand, sizeof(errand));
    CHECK(peer_gate_pass(&errand.ready));
    peer_kill(&child);
    sync = open_one("stale", WEFT_SYNC_MUTEX);
    CHECK_STATUS(weft_mutex_try_lock(weft_sync_mutex(sync)), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(weft_sync_mutex(sync)), WEFT_OK);

    check_case("an object that others have open is the one that it was");
    child = peer_run(lock_and_stay, &errand, sizeof(errand));
    CHECK(peer_gate_pass(&errand.ready));
    CHECK_STATUS(weft_mutex_try_lock(weft_sync_mutex(sync)), WEFT_EAGAIN);
    peer_kill(&child);
    CHECK_STATUS(weft_mutex_lock_until(weft_sync_mutex(sync), peer_soon()),
                 WEFT_EOWNERDEAD);
    weft_sync_close(&sync);
    peer_gate_deinit(&errand.ready);
}

void test_main(void)
{
    peer_names_begin();
    test_kinds();
    test_arguments();
    test_long();
    test_memory();
    test_stale();
    peer_names_end();
}
