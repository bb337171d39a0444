/* SPDX-License-Identifier: MIT
 *
 * The double's ways to wait at words give what XNU's give, also between two
 * processes that see the word at different addresses; compiled as the macOS
 * back end is.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <mach/mach_time.h>
#include <os/clock.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/proc.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define SHARED 3u
#define PRIVATE 1u
#define ALL 0x100u
#define NO_ERRNO 0x01000000u
#define MS UINT64_C(1000000)

typedef int wait2_call(uint32_t, void *, uint64_t, uint64_t, uint64_t);
typedef int wait_call(uint32_t, void *, uint64_t, uint32_t);
typedef int wake_call(uint32_t, void *, uint64_t);
typedef int timeout_call(void *, uint64_t, size_t, uint32_t, os_clockid_t,
                         uint64_t);
typedef int any_call(void *, size_t, uint32_t);

static wait2_call *ulock_wait2;
static wait_call *ulock_wait;
static wake_call *ulock_wake;
static timeout_call *wait_for;
static timeout_call *wait_until;
static any_call *wake_any;
static any_call *wake_all;

/* Fills in a function's address; NULL if this macOS has no such name. */
static void look_up(const char *name, void *call)
{
    void *found = dlsym(RTLD_DEFAULT, name);

    memcpy(call, &found, sizeof(found));
}

static void look_up_all(const char *waits)
{
    REQUIRE(setenv("WEFT_DOUBLE_WAIT", waits, 1) == 0);
    look_up("__ulock_wait2", &ulock_wait2);
    look_up("__ulock_wait", &ulock_wait);
    look_up("__ulock_wake", &ulock_wake);
    look_up("os_sync_wait_on_address_with_timeout", &wait_for);
    look_up("os_sync_wait_on_address_with_deadline", &wait_until);
    look_up("os_sync_wake_by_address_any", &wake_any);
    look_up("os_sync_wake_by_address_all", &wake_all);
}

static void check_names(void)
{
    check_case("each macOS has the calls of its time");
    look_up_all("pipe");
    CHECK(ulock_wait2 == NULL && ulock_wake == NULL && wait_for == NULL);
    look_up_all("ulock_old");
    CHECK(ulock_wait2 == NULL && ulock_wait != NULL && ulock_wake != NULL);
    look_up_all("ulock");
    CHECK(ulock_wait2 != NULL && wait_for == NULL);
    look_up_all("os_sync");
    CHECK(ulock_wait2 != NULL && wait_for != NULL && wake_all != NULL);
    CHECK(dlsym(RTLD_DEFAULT, "no_such_call") == NULL);
}

static void check_ulock(void)
{
    uint32_t word = 5;
    char *odd = (char *)&word + 1;

    check_case("another value is success");
    CHECK(ulock_wait2(SHARED, &word, 6, 0, 0) >= 0);
    CHECK(ulock_wait(PRIVATE, &word, 6, 0) >= 0);

    check_case("a time-out is one, in ns and in us");
    CHECK(ulock_wait2(SHARED, &word, 5, MS, 0) == -1 && errno == ETIMEDOUT);
    CHECK(ulock_wait(SHARED, &word, 5, 1000) == -1 && errno == ETIMEDOUT);
    CHECK(ulock_wait2(SHARED | NO_ERRNO, &word, 5, MS, 0) == -ETIMEDOUT);

    check_case("a time-out that wraps the clock around is over at once");
    CHECK(ulock_wait2(SHARED, &word, 5, UINT64_MAX, 0) == -1 &&
          errno == ETIMEDOUT);
    CHECK(ulock_wait2(SHARED, &word, 6, UINT64_MAX, 0) >= 0);

    check_case("a wake that finds nobody is ENOENT");
    CHECK(ulock_wake(SHARED, &word, 0) == -1 && errno == ENOENT);
    CHECK(ulock_wake(SHARED | ALL | NO_ERRNO, &word, 0) == -ENOENT);

    check_case("what the kernel does not know is EINVAL");
    CHECK(ulock_wait2(SHARED, NULL, 0, MS, 0) == -1 && errno == EINVAL);
    CHECK(ulock_wait2(SHARED, odd, 0, MS, 0) == -1 && errno == EINVAL);
    CHECK(ulock_wait2(4, &word, 5, MS, 0) == -1 && errno == EINVAL);
    CHECK(ulock_wait2(SHARED | ALL, &word, 5, MS, 0) == -1 && errno == EINVAL);
    CHECK(ulock_wait2(SHARED, &word, 5, MS, 1) == -1 && errno == EINVAL);
    CHECK(ulock_wake(SHARED, NULL, 0) == -1 && errno == EINVAL);
}

static void check_os_sync(void)
{
    const os_clockid_t clock = OS_CLOCK_MACH_ABSOLUTE_TIME;
    uint32_t word = 5;

    check_case("os_sync: another value is success, a time-out ETIMEDOUT");
    CHECK(wait_for(&word, 6, 4, 1, clock, MS) >= 0);
    CHECK(wait_for(&word, 5, 4, 1, clock, MS) == -1 && errno == ETIMEDOUT);
    CHECK(wake_any(&word, 4, 1) == -1 && errno == ENOENT);
    CHECK(wake_all(&word, 4, 0) == -1 && errno == ENOENT);

    check_case("os_sync: deadlines are ticks");
    CHECK(wait_until(&word, 5, 4, 1, clock, mach_absolute_time() + 24000) ==
              -1 &&
          errno == ETIMEDOUT);
    CHECK(wait_until(&word, 5, 4, 1, clock, 1) == -1 && errno == ETIMEDOUT);

    check_case("os_sync: zero, another clock, size or flag are EINVAL");
    CHECK(wait_for(&word, 5, 4, 1, clock, 0) == -1 && errno == EINVAL);
    CHECK(wait_for(&word, 5, 4, 1, 0, MS) == -1 && errno == EINVAL);
    CHECK(wait_for(&word, 5, 2, 1, clock, MS) == -1 && errno == EINVAL);
    CHECK(wait_for(&word, 5, 4, 2, clock, MS) == -1 && errno == EINVAL);
    CHECK(wake_any(&word, 4, 2) == -1 && errno == EINVAL);
}

static void on_signal(int number)
{
    (void)number;
}

static void check_signal(void)
{
    struct sigaction action;
    struct itimerval timer = {{0, 20000}, {0, 20000}};
    uint32_t word = 5;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    check_case("a handler ends a wait, SA_RESTART or not");
    REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
    REQUIRE(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    CHECK(ulock_wait2(SHARED, &word, 5, 0, 0) == -1 && errno == EINTR);
    memset(&timer, 0, sizeof(timer));
    REQUIRE(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

#define PAGE ((size_t)16384)
#define ROUNDS 2000

/* Two words in turn: each side waits until the other has made the next step. */
static uint32_t *map_words(int fd)
{
    uint32_t *words =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    REQUIRE(words != MAP_FAILED);
    return words;
}

static uint32_t load(uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* Waits for `step`; counts the waits that failed for no reason. */
static unsigned await_step(uint32_t *word, uint32_t step, bool by_ulock)
{
    unsigned faults = 0;
    uint32_t seen;

    while ((seen = load(word)) != step) {
        int result =
            by_ulock ? ulock_wait2(SHARED, word, seen, 0, 0)
                     : wait_for(word, seen, 4, 1, OS_CLOCK_MACH_ABSOLUTE_TIME,
                                UINT64_C(10000) * MS);

        if (result < 0) {
            if (errno != EFAULT && errno != EINTR) {
                CHECK(errno == 0);
                return faults;
            }
            faults++;
        }
    }
    return faults;
}

static void make_step(uint32_t *word, uint32_t step, bool by_ulock)
{
    int result;

    __atomic_store_n(word, step, __ATOMIC_SEQ_CST);
    do {
        result =
            by_ulock ? ulock_wake(SHARED | ALL, word, 0) : wake_all(word, 4, 1);
    } while (result < 0 && errno == EFAULT);
}

/* One side waits by os_sync and the other by ulock: they share a table. */
static void check_processes(void)
{
    const char name[] = "/weft-double-words";
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    uint32_t *words;
    unsigned faults = 0;
    int status = -1;
    pid_t child;

    check_case("two processes wait for each other at different addresses");
    REQUIRE(fd >= 0 && shm_unlink(name) == 0);
    REQUIRE(ftruncate(fd, (off_t)PAGE) == 0);
    words = map_words(fd);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        uint32_t *own = map_words(fd);

        CHECK(own != words && munmap(words, PAGE) == 0);
        for (uint32_t i = 1; i <= ROUNDS; i++) {
            (void)await_step(&own[0], i, true);
            make_step(&own[1], i, true);
        }
        check_exit_child();
    }
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        make_step(&words[0], i, false);
        faults += await_step(&words[1], i, false);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    check_case("waits fail with EFAULT and EINTR now and then");
    CHECK(faults > 0);
    CHECK(munmap(words, PAGE) == 0 && close(fd) == 0);
}

static void check_clocks(void)
{
    mach_timebase_info_data_t base;
    uint64_t ticks;
    uint64_t ns;

    check_case("a tick is 125/3 ns, and CLOCK_UPTIME_RAW counts ticks in ns");
    CHECK(mach_timebase_info(&base) == KERN_SUCCESS);
    CHECK(base.numer == 125 && base.denom == 3);
    ticks = mach_absolute_time();
    ns = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    CHECK(ns >= ticks * 125 / 3 && ns - ticks * 125 / 3 < 1000 * MS);
}

static void check_process(void)
{
    struct proc_bsdinfo info;
    int cpus = 0;
    size_t bytes = sizeof(cpus);
    uint64_t thread = 0;
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    check_case("a process that was not reaped is told only when asked for");
    do {
        (void)sched_yield();
    } while (proc_pidinfo(child, PROC_PIDTBSDINFO, 0, &info, sizeof(info)) > 0);
    CHECK(errno == ESRCH);
    CHECK(proc_pidinfo(child, PROC_PIDTBSDINFO, 1, &info, sizeof(info)) ==
          (int)sizeof(info));
    CHECK(info.pbi_status == SZOMB);
    REQUIRE(waitpid(child, NULL, 0) == child);
    CHECK(proc_pidinfo(child, PROC_PIDTBSDINFO, 1, &info, sizeof(info)) == 0 &&
          errno == ESRCH);

    check_case("a process has a start and a number, a machine has CPUs");
    CHECK(proc_pidinfo(getpid(), PROC_PIDTBSDINFO, 0, &info, sizeof(info)) ==
          (int)sizeof(info));
    CHECK(info.pbi_pid == (uint32_t)getpid() && info.pbi_start_tvsec > 0);
    CHECK(info.pbi_uid == getuid());
    CHECK(sysctlbyname("hw.ncpu", &cpus, &bytes, NULL, 0) == 0 && cpus > 0);
    CHECK(sysctlbyname("no.such", &cpus, &bytes, NULL, 0) == -1 &&
          errno == ENOENT);
    CHECK(pthread_threadid_np(NULL, &thread) == 0 && thread != 0);
}

/* The faults are off for what has one right answer. */
void test_main(void)
{
    pid_t child;
    int status = -1;

    check_names();
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        REQUIRE(setenv("WEFT_DOUBLE_FAULTS", "4", 1) == 0);
        check_processes();
        check_exit_child();
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    REQUIRE(setenv("WEFT_DOUBLE_FAULTS", "0", 1) == 0);
    check_ulock();
    check_os_sync();
    check_signal();
    check_clocks();
    check_process();
}
