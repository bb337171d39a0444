/* SPDX-License-Identifier: MIT
 *
 * The way to a process: for whom it opens, numbers that are used again between
 * the plan and the act, and 10,000 random plans on the processes of this
 * machine. Nothing is done to any of them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "memory/protect_gate.h"
#include "os/identity.h"
#include "stand_linux.h"

#define PLANS 10000
#define ROOM 4096
#define TRIES 100

/* Two starts that are closer can't be told apart: ticks are of 10 ms. */
#define START_NS UINT64_C(30000000)

static weft_memory *memory;

static weft_status pass(pid_t pid, uint64_t started, struct wefti_gate *gate)
{
    weft_status status =
        wefti_gate_open(memory, pid, started, NULL, true, gate, NULL);

    CHECK((status == WEFT_OK) == (gate->target != WEFT_HANDLE_NONE));
    CHECK((status == WEFT_OK) == !gate->protection.is_protected);
    return status;
}

static uint64_t start_of(pid_t pid)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    CHECK_STATUS(weft_memory_identify(memory, pid, &identity, NULL), WEFT_OK);
    return identity.started;
}

/* ----------------------------------------------------------------- simple ---
 */

static void test_open(void)
{
    struct stand stand = stand_start(&(struct stand_plan){.exe = NULL});
    pid_t pid = stand.pid;
    struct wefti_gate gate;
    uint64_t started;

    check_case("it opens for a process that nothing protects");
    REQUIRE(pid != 0);
    started = start_of(stand.pid);
    REQUIRE(pass(stand.pid, started, &gate) == WEFT_OK);
    CHECK(gate.identity.pid == stand.pid);
    CHECK(syscall(SYS_pidfd_send_signal, (int)gate.target, 0, NULL, 0) == 0);
    wefti_gate_close(&gate);
    CHECK(gate.target == WEFT_HANDLE_NONE);
    wefti_gate_close(&gate);

    check_case("not for another one with its number, nor for who has ended");
    CHECK_STATUS(pass(stand.pid, started + 1, &gate), WEFT_ENOENT);
    CHECK_STATUS(pass(stand.pid, 0, &gate), WEFT_ENOENT);
    stand_stop(&stand);
    CHECK_STATUS(pass(pid, started, &gate), WEFT_ENOENT);

    check_case("not for the first process, for this one and its parent");
    CHECK_STATUS(pass(1, start_of(1), &gate), WEFT_EACCES);
    CHECK(gate.protection.mark == WEFT_MARK_FIRST);
    CHECK_STATUS(pass(getpid(), start_of(getpid()), &gate), WEFT_EACCES);
    CHECK(gate.protection.cause == WEFT_PROTECTION_MARK);
    CHECK_STATUS(pass(getppid(), start_of(getppid()), &gate), WEFT_EACCES);

    check_case("not for what is no process, nor without a memory");
    CHECK_STATUS(pass(0, 0, &gate), WEFT_ENOENT);
    CHECK_STATUS(pass(-1, 0, &gate), WEFT_ENOENT);
    CHECK_STATUS(wefti_gate_open(NULL, 2, 0, NULL, true, &gate, NULL),
                 WEFT_EINVAL);
    CHECK(gate.protection.is_protected && gate.target == WEFT_HANDLE_NONE);
    CHECK_STATUS(wefti_gate_open(memory, 2, 0, NULL, true, NULL, NULL),
                 WEFT_EINVAL);
}

static void test_rules(void)
{
    struct stand stand = stand_start(&(struct stand_plan){.exe = NULL});
    static const char text[] = "never exe=*memory_protect_gate*\n";
    weft_memory_rules *rules = NULL;
    struct wefti_gate gate;

    check_case("the user's rules shut it");
    REQUIRE(stand.pid != 0);
    REQUIRE(weft_memory_rules_open(text, sizeof(text) - 1, &rules, NULL,
                                   NULL) == WEFT_OK);
    CHECK_STATUS(wefti_gate_open(memory, stand.pid, start_of(stand.pid), rules,
                                 true, &gate, NULL),
                 WEFT_EACCES);
    CHECK(gate.protection.cause == WEFT_PROTECTION_RULE);
    CHECK(gate.protection.line == 1 && gate.target == WEFT_HANDLE_NONE);
    weft_memory_rules_close(&rules);
    stand_stop(&stand);
}

/* ------------------------------------------------------------ used again ---
 */

/* Called in the place of weftos_identify, once. */
static void (*meanwhile)(void);
static uint64_t claimed_start; /* what the look says then */

weft_status __real_weftos_identify(const char *root, int64_t pid,
                                   weft_memory_identity *identity,
                                   weft_detail *detail);
weft_status __wrap_weftos_identify(const char *root, int64_t pid,
                                   weft_memory_identity *identity,
                                   weft_detail *detail);

weft_status __wrap_weftos_identify(const char *root, int64_t pid,
                                   weft_memory_identity *identity,
                                   weft_detail *detail)
{
    void (*first)(void) = meanwhile;
    weft_status status;

    meanwhile = NULL;
    if (first != NULL) {
        first();
    }
    status = __real_weftos_identify(root, pid, identity, detail);
    if (first != NULL) {
        identity->started = claimed_start;
    }
    return status;
}

/* Has the next process get this number, most likely. */
static void choose_next(pid_t pid)
{
    FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");

    REQUIRE(file != NULL && fprintf(file, "%d", pid - 1) > 0);
    REQUIRE(fclose(file) == 0);
}

static pid_t start_one(void)
{
    pid_t pid = fork();

    REQUIRE(pid >= 0);
    if (pid == 0) {
        for (;;) {
            (void)pause();
        }
    }
    return pid;
}

static void end_one(pid_t pid)
{
    REQUIRE(kill(pid, SIGKILL) == 0);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
}

/* Ends it, and has another one get its number. */
static void replace(pid_t pid)
{
    pid_t other = 0;

    end_one(pid);
    for (int i = 0; i < TRIES && other != pid; i++) {
        if (other != 0) {
            end_one(other);
        }
        choose_next(pid);
        other = start_one();
    }
    REQUIRE(other == pid);
}

static pid_t victim;

static void replace_victim(void)
{
    replace(victim);
}

static void pass_time(void)
{
    uint64_t later = weft_now_ns() + START_NS;

    while (weft_now_ns() < later) {
    }
}

/* The first process of a namespace of numbers, of which it can choose. */
static void use_numbers_again(void)
{
    struct wefti_gate gate;
    uint64_t started;

    check_case("a number that is used again between the plan and the act");
    victim = start_one();
    started = start_of(victim);
    pass_time();
    replace(victim);
    CHECK(start_of(victim) != started);
    CHECK_STATUS(pass(victim, started, &gate), WEFT_ENOENT);

    check_case("and between the opening and the look, with the same start");
    claimed_start = start_of(victim);
    meanwhile = replace_victim;
    CHECK_STATUS(pass(victim, claimed_start, &gate), WEFT_ENOENT);
    CHECK(meanwhile == NULL && gate.identity.pid == victim);
    end_one(victim);

    check_case("and that is nobody's any more after the look");
    CHECK_STATUS(pass(victim, claimed_start, &gate), WEFT_ENOENT);
}

static void test_reuse(void)
{
    pid_t outer = fork();
    pid_t inner;
    int how;

    REQUIRE(outer >= 0);
    if (outer == 0) {
        weft_memory_close(&memory);
        if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
            printf("# no namespace of its own can be had here\n");
            _exit(0);
        }
        inner = fork();
        REQUIRE(inner >= 0);
        if (inner == 0) {
            REQUIRE(mount("proc", "/proc", "proc", 0, NULL) == 0);
            REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
            use_numbers_again();
            weft_memory_close(&memory);
            check_exit_child();
        }
        REQUIRE(waitpid(inner, &how, 0) == inner);
        _exit(how == 0 ? 0 : 1);
    }
    check_case("numbers that are used again");
    CHECK(waitpid(outer, &how, 0) == outer && how == 0);
}

/* ------------------------------------------------------------- live plans ---
 */

static uint32_t random_state = 815;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * UINT32_C(1664525) + UINT32_C(1013904223);
    return (uint32_t)((uint64_t)(random_state >> 8) * bound >> 24);
}

/* Those that this test has started, and whether each may be touched. */
static struct {
    struct stand_plan plan;
    bool is_free;
    struct stand stand;
} cast[] = {
    {{.exe = NULL}, true, {0, -1}},
    {{.act = "rename", .word = "Xorg"}, true, {0, -1}},
    {{.act = "threads", .word = "3"}, true, {0, -1}},
    {{.act = "lock"}, false, {0, -1}},
    {{.act = "realtime"}, false, {0, -1}},
};

#define CAST (sizeof(cast) / sizeof(cast[0]))

static const char *const texts[] = {"", "avoid uid=0", "never name=bash",
                                    "avoid exe=/usr/*\nnever uid=7",
                                    "never container=?*"};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

/* Must never be opened, by what the kernel says of it itself. */
static bool is_forbidden(const weft_memory_process *process)
{
    int policy = sched_getscheduler((pid_t)process->pid);

    for (size_t i = 0; i < CAST; i++) {
        if (cast[i].stand.pid == process->pid && !cast[i].is_free) {
            return true;
        }
    }
    return process->pid <= 1 || process->is_kernel ||
           process->pid == getpid() || process->pid == getppid() ||
           policy == SCHED_FIFO || policy == SCHED_RR;
}

struct tally {
    size_t opened;
    size_t shut;
    size_t gone;
    size_t cast; /* opened of those that may be */
};

static void run_plan(const weft_memory_process *process,
                     const weft_memory_rules *rules, struct tally *tally)
{
    bool is_named = random_below(2) == 0;
    bool is_stale = random_below(10) == 0;
    struct wefti_gate gate;
    weft_status status =
        wefti_gate_open(memory, process->pid, process->started + is_stale,
                        rules, is_named, &gate, NULL);

    CHECK(status == WEFT_OK || status == WEFT_EACCES || status == WEFT_ENOENT);
    if (status == WEFT_OK) {
        CHECK(!is_stale && !is_forbidden(process));
        CHECK(gate.identity.pid == process->pid);
        CHECK(!weft_memory_protection(&gate.identity, rules, is_named, NULL));
        wefti_gate_close(&gate);
        tally->opened++;
        for (size_t i = 0; i < CAST; i++) {
            tally->cast += cast[i].stand.pid == process->pid;
        }
    }
    tally->shut += status == WEFT_EACCES;
    tally->gone += status == WEFT_ENOENT;
}

static void test_live_plans(void)
{
    static weft_memory_process processes[ROOM];
    weft_memory_rules *rules[TEXTS];
    struct tally tally = {0, 0, 0, 0};
    size_t count = 0;

    check_case("of random plans on this machine none opens a protected one");
    for (size_t i = 0; i < CAST; i++) {
        cast[i].stand = stand_start(&cast[i].plan);
    }
    for (size_t i = 0; i < TEXTS; i++) {
        REQUIRE(weft_memory_rules_open(texts[i], strlen(texts[i]), &rules[i],
                                       NULL, NULL) == WEFT_OK);
    }
    for (int i = 0; i < PLANS; i++) {
        size_t which;

        if (i % 100 == 0) {
            REQUIRE(weft_memory_processes(memory, processes, ROOM, &count,
                                          NULL) == WEFT_OK);
            REQUIRE(count > 0 && count <= ROOM);
        }
        which = random_below((uint32_t)count);
        if (i % 5 == 0) { /* one of the cast, which is at the list's end */
            for (which = count - 1;
                 which > 0 &&
                 processes[which].pid != cast[random_state % CAST].stand.pid;
                 which--) {
            }
        }
        run_plan(&processes[which], rules[random_below(TEXTS)], &tally);
    }
    printf("# %d plans: %zu opened, %zu of them the test's; %zu shut, %zu "
           "gone\n",
           PLANS, tally.opened, tally.cast, tally.shut, tally.gone);
    CHECK(tally.cast > 100 && tally.shut > 1000 && tally.gone > 100);
    for (size_t i = 0; i < TEXTS; i++) {
        weft_memory_rules_close(&rules[i]);
    }
    for (size_t i = 0; i < CAST; i++) {
        stand_stop(&cast[i].stand);
    }
}

/* Whether this system lets a process be held at all. */
static bool can_hold(void)
{
    struct wefti_gate gate;

    return pass(getpid(), start_of(getpid()), &gate) != WEFT_ENOTSUP;
}

void test_main(void)
{
    stand_begin();
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    if (!can_hold()) {
        weft_memory_close(&memory);
        check_skip("without pidfd the gate stays shut");
    }
    test_open();
    test_rules();
    test_live_plans();
    test_reuse();
    weft_memory_close(&memory);
}
