/* SPDX-License-Identifier: MIT
 *
 * Limits of this process: set, told, inherited, exceeded and enforced. Each
 * case is a child, which takes its limits with it.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <weft/system.h>

#include "check.h"
#include "peer.h"

#define KIB UINT64_C(1024)
#define FILES_MOST 4096

static weft_limit get(weft_resource resource)
{
    weft_limit limit;
    weft_detail detail = {WEFT_OK, 0, NULL};

    memset(&limit, 0, sizeof(limit));
    CHECK_STATUS(weft_self_limit_get(resource, &limit, &detail), WEFT_OK);
    return limit;
}

static weft_status set(weft_resource resource, uint64_t soft, uint64_t hard)
{
    return weft_self_limit_set(resource, soft, hard, NULL);
}

static void run(peer_task *task)
{
    peer_process child = peer_run(task, NULL, 0);

    CHECK(peer_ended_well(&child));
}

static void test_arguments(void)
{
    weft_limit limit;
    weft_detail detail = {WEFT_OK, 0, NULL};

    check_case("wrong arguments are refused");
    CHECK_STATUS(weft_self_limit_get(WEFT_RESOURCE_FILES, NULL, &detail),
                 WEFT_EINVAL);
    CHECK(detail.status == WEFT_EINVAL && detail.operation != NULL);
    CHECK_STATUS(weft_self_limit_get((weft_resource)99, &limit, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_self_limit_get((weft_resource)-1, &limit, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(set((weft_resource)WEFT_RESOURCE_COUNT, 1, 1), WEFT_EINVAL);
    CHECK_STATUS(set(WEFT_RESOURCE_CORE, 2, 1), WEFT_EINVAL);
    CHECK_STATUS(set(WEFT_RESOURCE_CPU, 0, 1), WEFT_EINVAL);

    check_case("a limit that the system does not enforce is not set");
    CHECK_STATUS(weft_self_limit_set(WEFT_RESOURCE_RESIDENT, 1, 1, &detail),
                 WEFT_ENOTSUP);
    CHECK(detail.status == WEFT_ENOTSUP);
    CHECK(detail.operation != NULL && strstr(detail.operation, "RLIMIT_RSS"));
    CHECK_STATUS(weft_self_limit_get(WEFT_RESOURCE_RESIDENT, &limit, NULL),
                 WEFT_ENOTSUP);
}

/* As the system has it. */
static uint64_t raw(uint64_t value)
{
    return value == (uint64_t)RLIM_INFINITY ? WEFT_UNLIMITED : value;
}

static void compare(void *context)
{
    static const struct {
        weft_resource resource;
        int number;
    } known[] = {
        {WEFT_RESOURCE_FILES, RLIMIT_NOFILE},
        {WEFT_RESOURCE_FILE_SIZE, RLIMIT_FSIZE},
        {WEFT_RESOURCE_CORE, RLIMIT_CORE},
        {WEFT_RESOURCE_STACK, RLIMIT_STACK},
    };

    (void)context;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        weft_limit limit = get(known[i].resource);
        struct rlimit found;

        REQUIRE(getrlimit(known[i].number, &found) == 0);
        CHECK(limit.soft == raw(found.rlim_cur));
        CHECK(limit.hard == raw(found.rlim_max));
    }
    CHECK_STATUS(set(WEFT_RESOURCE_FILE_SIZE, 300 * KIB, 400 * KIB), WEFT_OK);
    CHECK(get(WEFT_RESOURCE_FILE_SIZE).soft == 300 * KIB);
    CHECK(get(WEFT_RESOURCE_FILE_SIZE).hard == 400 * KIB);
    CHECK_STATUS(set(WEFT_RESOURCE_CORE, 0, 0), WEFT_OK);
    CHECK(get(WEFT_RESOURCE_CORE).hard == 0);

    /* Whole seconds, never fewer. */
    CHECK_STATUS(set(WEFT_RESOURCE_CPU, 1500 * PEER_MS, 1 + 5 * PEER_S),
                 WEFT_OK);
    CHECK(get(WEFT_RESOURCE_CPU).soft == 2 * PEER_S);
    CHECK(get(WEFT_RESOURCE_CPU).hard == 6 * PEER_S);
    CHECK(get(WEFT_RESOURCE_CPU).has_used);
}

/* Whether it may is asked of the system itself. */
static void raise_hard(void *context)
{
    struct rlimit found;
    weft_status expected;

    (void)context;
    CHECK_STATUS(set(WEFT_RESOURCE_FILE_SIZE, KIB, 2 * KIB), WEFT_OK);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &found) == 0);
    found.rlim_max++;
    expected = setrlimit(RLIMIT_FSIZE, &found) == 0 ? WEFT_OK : WEFT_EACCES;
    CHECK_STATUS(set(WEFT_RESOURCE_FILE_SIZE, KIB, 4 * KIB), expected);
    CHECK(get(WEFT_RESOURCE_FILE_SIZE).soft == KIB);
}

/* There may be gaps below the highest one, which are filled first. */
static void reach_files(void *context)
{
    static int opened[FILES_MOST];
    weft_limit limit = get(WEFT_RESOURCE_FILES);
    weft_self self = {.size = sizeof(self)};
    unsigned count = 0;

    (void)context;
    CHECK(limit.has_used && !limit.exceeded);
    CHECK_STATUS(set(WEFT_RESOURCE_FILES, limit.used + 3, limit.hard), WEFT_OK);
    while (count < FILES_MOST &&
           (opened[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        count++;
    }
    CHECK(count >= 3 && count < FILES_MOST && errno == EMFILE);
    CHECK(!get(WEFT_RESOURCE_FILES).exceeded);

    /* What is open stays, and is more than is allowed. */
    CHECK_STATUS(set(WEFT_RESOURCE_FILES, limit.used, limit.hard), WEFT_OK);
    CHECK(get(WEFT_RESOURCE_FILES).exceeded);
    CHECK(get(WEFT_RESOURCE_FILES).used == limit.used + 3);
    REQUIRE(weft_self_usage(&self) == WEFT_OK);
    CHECK((self.limits_known >> WEFT_RESOURCE_FILES & 1) != 0);
    CHECK((self.limits_exceeded >> WEFT_RESOURCE_FILES & 1) != 0);
    CHECK((self.limits_known >> WEFT_RESOURCE_RESIDENT & 1) == 0);
    for (unsigned i = 0; i < count; i++) {
        (void)close(opened[i]);
    }
    CHECK(!get(WEFT_RESOURCE_FILES).exceeded);
}

static void write_more(void *context)
{
    char path[] = "/tmp/weft-limit-XXXXXX";
    char block[KIB];
    int fd = mkstemp(path);
    unsigned written = 0;

    (void)context;
    REQUIRE(fd >= 0);
    (void)unlink(path);
    (void)signal(SIGXFSZ, SIG_IGN);
    memset(block, 0, sizeof(block));
    CHECK_STATUS(set(WEFT_RESOURCE_FILE_SIZE, 4 * KIB, 4 * KIB), WEFT_OK);
    while (written < 10 && write(fd, block, sizeof(block)) > 0) {
        written++;
    }
    CHECK(written == 4 && errno == EFBIG);
    (void)close(fd);
}

/* Its own action on SIGXCPU is to end; an hour later it ends by itself. */
static void burn(void *context)
{
    weft_limit limit;

    (void)context;
    CHECK_STATUS(set(WEFT_RESOURCE_CORE, 0, 0), WEFT_OK);
    limit = get(WEFT_RESOURCE_CPU);
    CHECK_STATUS(set(WEFT_RESOURCE_CPU, PEER_S, limit.hard), WEFT_OK);
    for (uint64_t start = weft_now_ns(); weft_now_ns() - start < 60 * PEER_S;) {
    }
}

static void test_limits(void)
{
    peer_process child;

    check_case("limits are told and set as the system has them");
    run(compare);
    check_case("a hard limit is raised by who may raise it");
    run(raise_hard);
    check_case("a limit of descriptors is enforced, and seen as exceeded");
    run(reach_files);
    check_case("a limit of a file's size is enforced, in bytes");
    run(write_more);
    check_case("a limit of CPU time ends the process");
    child = peer_run(burn, NULL, 0);
    CHECK(peer_status(&child) == PEER_CRASHED);
}

void test_main(void)
{
    test_arguments();
    test_limits();
}
