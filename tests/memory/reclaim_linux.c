/* SPDX-License-Identifier: MIT
 *
 * Who may not take memory from whom, and the verbs that need no swap.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/reclaim.h>

#include "check.h"
#include "victim_linux.h"

#define MS UINT64_C(1000000)
#define FILE_BYTES ((size_t)8 << 20)
#define GROUPS "/sys/fs/cgroup/memory"

static weft_reclaim_request ask_for(weft_reclaim_verb verb, int64_t pid)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;

    request.verb = verb;
    request.pid = pid;
    request.flags = WEFT_RECLAIM_NAMED;
    request.watch_ns = 400 * MS;
    return request;
}

/* ------------------------------------------------------------- wrong use ---
 */

static weft_status plan(weft_memory *memory,
                        const weft_reclaim_request *request,
                        weft_reclaim_plan *made)
{
    *made = (weft_reclaim_plan){.size = sizeof(*made)};
    return weft_reclaim_plan_make(memory, request, made, NULL);
}

static void test_requests(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_PAGEOUT, 0);
    weft_reclaim_plan made = {.size = sizeof(made)};
    weft_reclaim *reclaim = NULL;

    check_case("requests that contradict themselves are refused");
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request.pid = -1;
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request.pid = 1;
    request.path = "/";
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request = ask_for(WEFT_RECLAIM_GROUP, 0);
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request.path = "";
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request = ask_for((weft_reclaim_verb)0, 0);
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request = ask_for((weft_reclaim_verb)99, 0);
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request = ask_for(WEFT_RECLAIM_HEAP, 0);
    request.flags = 1u << 31;
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request.flags = 0;
    request.size--;
    CHECK_STATUS(plan(memory, &request, &made), WEFT_EINVAL);
    request.size++;
    CHECK_STATUS(plan(NULL, &request, &made), WEFT_EINVAL);
    CHECK_STATUS(weft_reclaim_plan_make(memory, &request, NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_reclaim_start(memory, NULL, &reclaim, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_reclaim_start(memory, &request, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_reclaim_step(NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_reclaim_undo(NULL, NULL), WEFT_EINVAL);
    CHECK(weft_reclaim_due_ns(NULL) == WEFT_FOREVER);
    weft_reclaim_close(NULL);
    weft_reclaim_close(&reclaim);
}

static void test_names(void)
{
    check_case("each value has a word");
    CHECK(strcmp(weft_reclaim_verb_name(WEFT_RECLAIM_PAGEOUT), "pageout") == 0);
    CHECK(weft_reclaim_verb_name((weft_reclaim_verb)0)[0] == '\0');
    CHECK(strcmp(weft_outcome_name(WEFT_OUTCOME_NO_EFFECT), "no effect") == 0);
    CHECK(strcmp(weft_reclaim_phase_name(WEFT_RECLAIM_IDLING), "idling") == 0);
    CHECK(strcmp(weft_reclaim_obstacle_name(WEFT_RECLAIM_GONE),
                 "no such target") == 0);
    CHECK(strcmp(weft_reclaim_obstacle_name((weft_reclaim_obstacle)77),
                 "unknown") == 0);
}

/* ------------------------------------------------------------- protection ---
 */

/* The plan says why not, and nothing begins. */
static void refuse(weft_memory *memory, const weft_reclaim_request *request,
                   weft_reclaim_obstacle obstacle, weft_status status)
{
    weft_reclaim_plan made = {.size = sizeof(made)};
    weft_reclaim *reclaim = NULL;

    CHECK_STATUS(plan(memory, request, &made), WEFT_OK);
    CHECK(made.obstacle == obstacle && !made.may_run);
    CHECK(made.reason[0] != '\0');
    CHECK_STATUS(weft_reclaim_run(memory, request, &reclaim, NULL), status);
    CHECK(reclaim == NULL);
}

static void test_protected(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_PAGEOUT, 1);

    check_case("protected processes are not touched");
    refuse(memory, &request, WEFT_RECLAIM_PROTECTED, WEFT_EACCES);
    request.pid = getpid();
    refuse(memory, &request, WEFT_RECLAIM_PROTECTED, WEFT_EACCES);
    request.verb = WEFT_RECLAIM_COLD;
    request.flags |= WEFT_RECLAIM_AGGRESSIVE;
    refuse(memory, &request, WEFT_RECLAIM_PROTECTED, WEFT_EACCES);
    request.pid = getppid();
    refuse(memory, &request, WEFT_RECLAIM_PROTECTED, WEFT_EACCES);

    check_case("one that has ended is told from one that is protected");
    request.pid = INT32_MAX;
    refuse(memory, &request, WEFT_RECLAIM_GONE, WEFT_ENOENT);

    check_case("what this system has no way for is not begun");
    request.verb = WEFT_RECLAIM_TRIM;
    refuse(memory, &request, WEFT_RECLAIM_UNSUPPORTED, WEFT_ENOTSUP);
}

static void test_rules(weft_memory *memory)
{
    static const char text[] = "never uid=0\nnever uid=65534\n";
    weft_reclaim_request request;
    struct victim victim;

    check_case("the user's rules protect, and another one's number is nobody");
    victim_start(&victim, VICTIM_TEXT, FILE_BYTES, false);
    request = ask_for(WEFT_RECLAIM_COLD, victim.pid);
    REQUIRE(weft_memory_rules_open(text, strlen(text),
                                   (weft_memory_rules **)&request.rules, NULL,
                                   NULL) == WEFT_OK);
    if (geteuid() == 0) {
        refuse(memory, &request, WEFT_RECLAIM_PROTECTED, WEFT_EACCES);
    }
    weft_memory_rules_close((weft_memory_rules **)&request.rules);
    request.started = 1;
    refuse(memory, &request, WEFT_RECLAIM_GONE, WEFT_ENOENT);
    victim_end(&victim);
}

/* As nobody, which has no capability: a process of its own. */
static void try_as_nobody(void)
{
    struct victim victim;
    weft_memory *memory;
    weft_reclaim_request request;

    /* Whoever changes his user is not to be looked at otherwise. */
    if (setgid(65534) != 0 || setuid(65534) != 0 ||
        prctl(PR_SET_DUMPABLE, 1) != 0) {
        check_exit_child();
    }
    victim_start(&victim, VICTIM_TEXT, FILE_BYTES, false);
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    request = ask_for(WEFT_RECLAIM_COLD, victim.pid);
    refuse(memory, &request, WEFT_RECLAIM_PRIVILEGE, WEFT_EACCES);
    weft_memory_close(&memory);
    victim_end(&victim);
    check_exit_child();
}

static void test_fork(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_FILES, 0);
    weft_reclaim_plan made = {.size = sizeof(made)};
    weft_reclaim *reclaim = NULL;
    pid_t child;
    int how;

    check_case("a forked child can only close it");
    request.path = "/dev/null";
    REQUIRE(weft_reclaim_start(memory, &request, &reclaim, NULL) == WEFT_OK);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        CHECK_STATUS(plan(memory, &request, &made), WEFT_EFORKED);
        CHECK_STATUS(weft_reclaim_step(reclaim, NULL), WEFT_EFORKED);
        CHECK_STATUS(weft_reclaim_undo(reclaim, NULL), WEFT_EFORKED);
        weft_reclaim_close(&reclaim);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    weft_reclaim_close(&reclaim);

    check_case("without the capability the plan says which one is missing");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        try_as_nobody();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

/* ------------------------------------------------------------- no swap --- */

static bool has_swap(weft_memory *memory)
{
    weft_memory_figures figures = {.size = sizeof(figures)};

    REQUIRE(weft_memory_look(memory, &figures, NULL) == WEFT_OK);
    return figures.swap_total_bytes > 0;
}

static void test_no_swap(weft_memory *memory)
{
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim_request request;
    weft_reclaim *reclaim = NULL;
    weft_reclaim_plan made = {.size = sizeof(made)};
    struct victim victim;

    if (geteuid() != 0) {
        return;
    }
    swap_lock();
    if (has_swap(memory)) {
        swap_unlock();
        return;
    }
    check_case("without swap there is nothing to gain, and nothing is done");
    victim_start(&victim, VICTIM_TEXT, FILE_BYTES, false);
    request = ask_for(WEFT_RECLAIM_PAGEOUT, victim.pid);
    CHECK_STATUS(plan(memory, &request, &made), WEFT_OK);
    CHECK(made.obstacle == WEFT_RECLAIM_NOTHING && made.may_run);
    CHECK(strstr(made.reason, "no swap") != NULL);
    CHECK((made.valid & WEFT_RECLAIM_PLAN_EXPECTED) != 0 &&
          made.expected_bytes == 0);
    CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL), WEFT_OK);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK(verdict.outcome == WEFT_OUTCOME_NO_EFFECT);
    CHECK(verdict.claimed_bytes == 0 && verdict.released_bytes == 0);
    CHECK(victim_present(&victim) == FILE_BYTES);
    CHECK(weft_reclaim_due_ns(reclaim) == WEFT_FOREVER);
    weft_reclaim_close(&reclaim);

    check_case("to be made cold changes nothing that is seen");
    request.verb = WEFT_RECLAIM_COLD;
    CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL), WEFT_OK);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK(verdict.outcome == WEFT_OUTCOME_NO_EFFECT);
    CHECK(victim_present(&victim) == FILE_BYTES);
    CHECK_STATUS(weft_reclaim_undo(reclaim, NULL), WEFT_ENOTSUP);
    weft_reclaim_close(&reclaim);
    victim_end(&victim);
    swap_unlock();
}

/* ----------------------------------------------------------------- files ---
 */

static size_t count_cached(int file)
{
    unsigned char pages[FILE_BYTES / 4096] = {0};
    void *at = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, file, 0);
    size_t count = 0;

    REQUIRE(at != MAP_FAILED && mincore(at, FILE_BYTES, pages) == 0);
    for (size_t i = 0; i < sizeof(pages); i++) {
        count += pages[i] & 1;
    }
    (void)munmap(at, FILE_BYTES);
    return count * 4096;
}

static void test_files(weft_memory *memory)
{
    char folder[] = "/var/tmp/weft-reclaim-XXXXXX";
    char path[64];
    char *block = calloc(1, FILE_BYTES);
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_FILES, 0);
    weft_reclaim *reclaim = NULL;
    weft_reclaim_plan made = {.size = sizeof(made)};
    size_t before;
    int file;

    check_case("copies of files in a folder are dropped, and that is no gain");
    REQUIRE(block != NULL && mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(file >= 0 && write(file, block, FILE_BYTES) == FILE_BYTES);
    REQUIRE(fsync(file) == 0);
    request.path = folder;
    CHECK_STATUS(plan(memory, &request, &made), WEFT_OK);
    CHECK(made.may_run && made.expected_bytes == 0);
    before = count_cached(file);
    CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL), WEFT_OK);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK(verdict.outcome == WEFT_OUTCOME_NO_EFFECT);
    CHECK(verdict.released_bytes == 0);
    CHECK(count_cached(file) < FILE_BYTES / 8);
    /* Where cachestat is, and nobody else dropped them. */
    if ((verdict.valid & WEFT_VERDICT_CLAIMED) != 0 && before == FILE_BYTES) {
        CHECK(verdict.claimed_bytes > (int64_t)FILE_BYTES / 8 * 7);
        CHECK(made.candidate_bytes == FILE_BYTES);
    }
    weft_reclaim_close(&reclaim);
    (void)close(file);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
    free(block);
    refuse(memory, &request, WEFT_RECLAIM_GONE, WEFT_ENOENT);
}

/* What was opened of a folder's, since it is watched. */
static bool was_opened(int watch)
{
    char events[4096];

    return read(watch, events, sizeof(events)) > 0;
}

/* A pipe stands for devices, which do more when they are opened. */
static void test_no_files(weft_memory *memory)
{
    char folder[] = "/var/tmp/weft-reclaim-XXXXXX";
    char path[64];
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_FILES, 0);
    weft_reclaim_plan made = {.size = sizeof(made)};
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int file;

    check_case("what is no file is not opened, even if it is named");
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/pipe", folder);
    REQUIRE(mkfifo(path, 0600) == 0);
    REQUIRE(watch >= 0 && inotify_add_watch(watch, path, IN_OPEN) >= 0);
    request.path = path;
    CHECK_STATUS(plan(memory, &request, &made), WEFT_OK);
    CHECK(made.obstacle == WEFT_RECLAIM_NOTHING);
    CHECK(!was_opened(watch));
    file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(file >= 0 && was_opened(watch));
    (void)close(file);
    (void)close(watch);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

/* ------------------------------------------------------- large mappings ---
 */

/* More than the kernel takes in one call. */
#define LARGE_BYTES (UINT64_C(5) << 30)

/* Of the mapping at an address, in KiB; -1: it is not there. */
static long count_referenced(pid_t pid, const char *address)
{
    char path[48];
    char line[512];
    unsigned long start = 0;
    unsigned long end = 0;
    long found = -1;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    file = fopen(path, "re");
    REQUIRE(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "%lx-%lx", &start, &end);
        if (start <= (uintptr_t)address && (uintptr_t)address < end &&
            strncmp(line, "Referenced:", 11) == 0) {
            found = strtol(line + 11, NULL, 10);
        }
    }
    (void)fclose(file);
    return found;
}

static void touch_of(pid_t pid, const char *address)
{
    char path[48];
    int file;

    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    file = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(file >= 0);
    REQUIRE(pwrite(file, "x", 1, (off_t)(uintptr_t)address) == 1);
    (void)close(file);
}

static void test_large(weft_memory *memory)
{
    const size_t bytes = (size_t)LARGE_BYTES;
    weft_reclaim *reclaim = NULL;
    weft_reclaim_request request;
    struct victim victim;
    char *large;

    check_case("all of a mapping is reached, however large it is");
    large = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes != LARGE_BYTES || large == MAP_FAILED) {
        printf("# there is no room for one\n");
        return;
    }
    REQUIRE(madvise(large, bytes, MADV_NOHUGEPAGE) == 0);
    victim_start(&victim, VICTIM_TEXT, FILE_BYTES, false);
    touch_of(victim.pid, large);
    touch_of(victim.pid, large + bytes - 1);
    CHECK(count_referenced(victim.pid, large) > 0);
    request = ask_for(WEFT_RECLAIM_COLD, victim.pid);
    if (weft_reclaim_run(memory, &request, &reclaim, NULL) == WEFT_OK) {
        CHECK(count_referenced(victim.pid, large) == 0);
    } else {
        printf("# this user may not advise about another process\n");
    }
    weft_reclaim_close(&reclaim);
    victim_end(&victim);
    CHECK(munmap(large, bytes) == 0);
}

/* ---------------------------------------------------------------- groups ---
 */

static bool write_number(const char *path, long number)
{
    char text[32];
    int file = open(path, O_WRONLY | O_CLOEXEC);
    int length = snprintf(text, sizeof(text), "%ld", number);
    bool done = file >= 0 && write(file, text, (size_t)length) == length;

    if (file >= 0) {
        (void)close(file);
    }
    return done;
}

static uint64_t read_number(const char *path)
{
    char text[32] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC);

    REQUIRE(file >= 0 && read(file, text, sizeof(text) - 1) > 0);
    (void)close(file);
    return strtoull(text, NULL, 10);
}

/* A file of its own is in the victim's group, as it has made it there. */
static void test_group(weft_memory *memory)
{
    char group[64];
    char path[96];
    char tasks[96];
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_GROUP, 0);
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim *reclaim = NULL;
    weft_reclaim_plan made = {.size = sizeof(made)};
    struct victim victim;
    uint64_t before;

    check_case("a group that there is not is told");
    request.path = "/weft-no-such-group";
    refuse(memory, &request, WEFT_RECLAIM_GONE, WEFT_ENOENT);
    request.path = "/../../etc";
    refuse(memory, &request, WEFT_RECLAIM_GONE, WEFT_ENOENT);
    (void)snprintf(group, sizeof(group), GROUPS "/weft-reclaim-%ld",
                   (long)getpid());
    if (mkdir(group, 0700) != 0) {
        printf("# no group of memory (version 1) can be made\n");
        return;
    }
    request.path = group + strlen(GROUPS);
    (void)snprintf(tasks, sizeof(tasks), "%s/cgroup.procs", group);
    (void)snprintf(path, sizeof(path), "%s/memory.usage_in_bytes", group);

    check_case("a group in which a protected process is is left alone");
    REQUIRE(write_number(tasks, getpid()));
    refuse(memory, &request, WEFT_RECLAIM_PROTECTED, WEFT_EACCES);

    check_case("a group gives what it can");
    victim_start(&victim, VICTIM_FILE, FILE_BYTES, false);
    REQUIRE(write_number(GROUPS "/cgroup.procs", getpid()));
    CHECK_STATUS(plan(memory, &request, &made), WEFT_OK);
    CHECK(made.may_run && made.obstacle == WEFT_RECLAIM_CLEAR);
    CHECK(strstr(made.reason, "all that can be had") != NULL);
    before = read_number(path);
    CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, NULL), WEFT_OK);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    printf("# the group had %.1f MiB, and has %.1f; claimed %.1f: %s\n",
           (double)before / 1048576, (double)read_number(path) / 1048576,
           (double)verdict.claimed_bytes / 1048576, verdict.reason);
    CHECK(read_number(path) < before / 2);
    CHECK(verdict.claimed_bytes > (int64_t)FILE_BYTES / 2);
    CHECK(verdict.outcome == WEFT_OUTCOME_NO_EFFECT);
    weft_reclaim_close(&reclaim);
    victim_end(&victim);
    /* The last pages are counted elsewhere when the group is gone. */
    CHECK(rmdir(group) == 0);
}

/* ------------------------------------------------------------ few means --- */

/* With too few descriptors it fails, or sees an obstacle; and keeps none. */
static void try_few(weft_memory *memory, const weft_reclaim_request *request,
                    weft_reclaim_obstacle obstacle)
{
    weft_reclaim_plan made = {.size = sizeof(made)};
    struct rlimit limit;
    struct rlimit low;
    unsigned failures = 0;

    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    for (rlim_t most = 3; most < 64; most++) {
        weft_status status;

        low.rlim_cur = most;
        REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
        status = plan(memory, request, &made);
        if (status == WEFT_OK && made.obstacle == obstacle) {
            break;
        }
        CHECK(status == WEFT_ELIMIT || (status == WEFT_OK && !made.may_run));
        failures++;
    }
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(failures >= 2);
    CHECK(made.obstacle == obstacle);
}

static void test_few(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_FILES, 0);
    weft_reclaim_plan made = {.size = sizeof(made)};
    struct victim victim;

    check_case("without descriptors nothing is planned, and nothing is kept");
    request.path = "/var/tmp";
    REQUIRE(plan(memory, &request, &made) == WEFT_OK);
    try_few(memory, &request, made.obstacle);
    victim_start(&victim, VICTIM_TEXT, FILE_BYTES, false);
    request = ask_for(WEFT_RECLAIM_PAGEOUT, victim.pid);
    REQUIRE(plan(memory, &request, &made) == WEFT_OK);
    try_few(memory, &request, made.obstacle);
    victim_end(&victim);
}

/* Whether a process can be held while it is acted on. */
static bool can_hold(weft_memory *memory)
{
    weft_reclaim_request request = ask_for(WEFT_RECLAIM_COLD, getpid());
    weft_reclaim_plan made = {.size = sizeof(made)};

    REQUIRE(plan(memory, &request, &made) == WEFT_OK);
    return made.obstacle != WEFT_RECLAIM_UNSUPPORTED;
}

void test_main(void)
{
    weft_memory *memory;

    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_requests(memory);
    if (!can_hold(memory)) {
        weft_memory_close(&memory);
        check_skip("without pidfd nothing is done to any process");
    }
    test_names();
    test_protected(memory);
    test_rules(memory);
    test_fork(memory);
    test_no_swap(memory);
    test_files(memory);
    test_no_files(memory);
    test_large(memory);
    test_few(memory);
    if (geteuid() == 0) {
        test_group(memory);
    }
    weft_memory_close(&memory);
}
