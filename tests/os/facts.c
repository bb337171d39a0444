/* SPDX-License-Identifier: MIT
 *
 * os.h: facts, environment, clock, CPUs, texts, fences and features.
 */
#include <stdlib.h>
#include <string.h>

#include "contract.h"

#define THREADS 4

/* ---------------------------------------------------------------- facts --- */

static void *get_facts(void *result)
{
    *(const weftos_facts **)result = weftos_get_facts();
    return NULL;
}

static void test_facts(void)
{
    const weftos_facts *found[THREADS];
    pthread_t threads[THREADS];

    check_case("facts are filled once, whoever asks first");
    for (size_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, get_facts, &found[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        CHECK(found[i] == weftos_get_facts());
        CHECK(found[i]->page_bytes >= 4096);
        CHECK((found[i]->page_bytes & (found[i]->page_bytes - 1)) == 0);
        CHECK(found[i]->cpus >= 1);
        CHECK(found[i]->pauses_per_us >= 1);
    }
}

static void test_fence(void)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    check_case("a remote fence works where the facts say so");
    status = weftos_fence_remote(&detail);
    if (weftos_get_facts()->fence_remote) {
        CHECK_STATUS(status, WEFT_OK);
        CHECK(detail.operation == NULL);
    } else {
        CHECK(status != WEFT_OK);
        CHECK(detail.status == status && detail.operation != NULL);
        CHECK(weftos_fence_remote(NULL) == status);
    }
}

/* ---------------------------------------------------------- environment --- */

#define VARIABLE "WEFT_TEST_OS_FACTS"

static void has_no_variable(void *context)
{
    (void)context;
    CHECK(getenv(VARIABLE) == NULL);
}

static void test_environment(void)
{
    peer_process child;

    check_case("a variable that was removed is gone, for children too");
    peer_set_variable(VARIABLE, "here");
    REQUIRE(getenv(VARIABLE) != NULL);
    weftos_environment_remove(VARIABLE);
    CHECK(getenv(VARIABLE) == NULL);
    weftos_environment_remove(VARIABLE);
    child = peer_run(has_no_variable, NULL, 0);
    CHECK(peer_ended_well(&child));
}

/* ---------------------------------------------------------------- clock --- */

static void read_clock(void *context)
{
    *(uint64_t *)context = weftos_now_ns();
}

static void test_clock(void)
{
    uint64_t *theirs = peer_shared(sizeof(*theirs));
    uint64_t before;
    uint64_t last;
    peer_process child;

    check_case("the clock never goes back, and is one for all processes");
    last = weftos_now_ns();
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t now = weftos_now_ns();

        if (now < last || now == WEFT_NOW || now == WEFT_FOREVER) {
            CHECK_NOT_HERE("a time after the one before");
            break;
        }
        last = now;
    }
    before = weftos_now_ns();
    child = peer_run(read_clock, theirs, 0);
    CHECK(peer_ended_well(&child));
    CHECK(*theirs >= before && *theirs <= weftos_now_ns());
    peer_unshare(theirs, sizeof(*theirs));
}

static void test_cpu(void)
{
    int cpu;

    check_case("the CPU is a number that stays where a thread is pinned");
    cpu = weftos_cpu();
    CHECK(cpu >= -1);
    if (peer_pin(0)) {
        cpu = weftos_cpu();
        for (unsigned i = 0; i < 1000; i++) {
            weftos_yield();
            if (weftos_cpu() != cpu) {
                CHECK_NOT_HERE("the same CPU");
                break;
            }
        }
    }
}

/* ---------------------------------------------------------------- texts --- */

static void test_error_text(void)
{
    char whole[256];
    char cut[256];

    check_case("an error's text is terminated, and stays within its room");
    for (int code = -1; code < 100; code++) {
        memset(whole, '#', sizeof(whole));
        weftos_error_text(code, whole, sizeof(whole));
        CHECK(memchr(whole, '\0', sizeof(whole)) != NULL && whole[0] != '\0');
        memset(cut, '#', sizeof(cut));
        weftos_error_text(code, cut, 5);
        CHECK(memchr(cut, '\0', 5) != NULL && cut[5] == '#');
        weftos_error_text(code, cut, 1);
        CHECK(cut[0] == '\0');
    }
}

/* ------------------------------------------------------------- features --- */

#define FEATURES_MOST 64

static bool is_new(const weft_feature *found, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(found[i].name, found[index].name) == 0) {
            return false;
        }
    }
    return true;
}

/* Does an entry hold what it was filled with? */
static bool is_untouched(const weft_feature *feature)
{
    const unsigned char *bytes = (const unsigned char *)feature;
    size_t same = 0;

    while (same < sizeof(*feature) && bytes[same] == '#') {
        same++;
    }
    return same == sizeof(*feature);
}

static void test_features(void)
{
    static weft_feature found[FEATURES_MOST];
    size_t count;
    int handles;

    check_case("features are named, told apart, and leave nothing behind");
    count = weftos_features(NULL, 0);
    REQUIRE(count > 0 && count < FEATURES_MOST);
    handles = check_open_handles();
    memset(found, '#', sizeof(found));
    CHECK(weftos_features(found, 1) == count);
    CHECK(is_untouched(&found[1]));
    CHECK(weftos_features(found, FEATURES_MOST) == count);
    CHECK(check_open_handles() == handles);
    CHECK(is_untouched(&found[count]));
    for (size_t i = 0; i < count; i++) {
        CHECK(found[i].name[0] != '\0' && found[i].use[0] != '\0');
        CHECK(is_new(found, i));
        CHECK(found[i].state >= WEFT_FEATURE_USED &&
              found[i].state <= WEFT_FEATURE_ABSENT);
        CHECK(memchr(found[i].note, '\0', sizeof(found[i].note)) != NULL);
    }
}

void test_main(void)
{
    test_facts();
    test_fence();
    test_environment();
    test_clock();
    test_error_text();
    test_features();
    test_cpu();
}
