/* SPDX-License-Identifier: MIT
 *
 * Time, pages, threads, names of symbols and of system values, as a Mac with
 * Apple silicon has them: 125/3 ns in a tick of mach_absolute_time(), so that
 * ticks taken for nanoseconds show; pages of 16 KiB.
 *
 * CLOCK_UPTIME_RAW is mach_absolute_time() in ns. It differs from
 * CLOCK_MONOTONIC, which goes on while the machine sleeps, by a fixed amount
 * here, so that one taken for the other shows too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <mach/mach_time.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"
#include "machine.h"
#include "seatbelt.h"
#include "words.h"

/* As in darwin.h, which these files do not include. */
#define CLOCK_UPTIME_RAW 8
#define CS_DARWIN_USER_DIR 65536
#define CS_DARWIN_USER_TEMP_DIR 65537

#define PAGE_BYTES 16384
#define SECOND_NS UINT64_C(1000000000)
#define APART_NS (UINT64_C(100000) * SECOND_NS)

/* ----------------------------------------------------------------- time --- */

static uint64_t uptime_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec + APART_NS;
}

uint64_t mach_absolute_time(void)
{
    /* In this order a machine may be up for 600 years. */
    uint64_t now = uptime_ns();

    return now / 125 * 3 + now % 125 * 3 / 125;
}

kern_return_t mach_timebase_info(mach_timebase_info_t info)
{
    info->numer = 125;
    info->denom = 3;
    return KERN_SUCCESS;
}

uint64_t double_clock_gettime_nsec_np(clockid_t clock)
{
    if (clock != CLOCK_UPTIME_RAW) {
        double_lacks("clock_gettime_nsec_np() of such a clock");
    }
    return uptime_ns();
}

int double_clock_gettime(clockid_t clock, struct timespec *time)
{
    uint64_t now;

    if (clock != CLOCK_UPTIME_RAW) {
        return clock_gettime(clock, time);
    }
    now = uptime_ns();
    time->tv_sec = (time_t)(now / SECOND_NS);
    time->tv_nsec = (long)(now % SECOND_NS);
    return 0;
}

/* ---------------------------------------------------------------- pages --- */

int double_getpagesize(void)
{
    return PAGE_BYTES;
}

long double_sysconf(int name)
{
    return name == _SC_PAGESIZE ? PAGE_BYTES : sysconf(name);
}

/* The directories that macOS makes and keeps for each user; with a '/'. */
size_t double_confstr(int name, char *text, size_t bytes)
{
    const char *kept = getenv("WEFT_DOUBLE_USER");
    int length;

    if (name == CS_DARWIN_USER_TEMP_DIR) {
        return (size_t)snprintf(text, bytes, "/tmp/") + 1;
    }
    if (name != CS_DARWIN_USER_DIR) {
        double_lacks("confstr() of such a name");
    }
    if (kept != NULL) {
        length = snprintf(text, bytes, "%s/", kept);
    } else {
        length = snprintf(text, bytes, "/tmp/weft-double-user-%lu/",
                          (unsigned long)geteuid());
    }
    if ((size_t)length < bytes && mkdir(text, 0700) != 0 && errno != EEXIST) {
        return 0;
    }
    return (size_t)length + 1;
}

/* -------------------------------------------------------------- threads --- */

int double_pthread_threadid_np(const void *thread, uint64_t *id)
{
    if (thread != NULL) {
        double_lacks("pthread_threadid_np() of another thread");
    }
    *id = (uint64_t)syscall(SYS_gettid);
    return 0;
}

/* ---------------------------------------------------------------- names --- */

void *double_dlsym(void *handle, const char *name)
{
    if (handle != (void *)-2) { /* RTLD_DEFAULT */
        double_lacks("dlsym() in a library");
    }
    if (strncmp(name, "sandbox_", strlen("sandbox_")) == 0) {
        return double_find_seatbelt(name);
    }
    if (strcmp(name, "vfs_purge") == 0) {
        return double_find_purge();
    }
    return double_find_word_call(name);
}

/* For what is loaded already the two systems mean the same. */
void *double_dlopen(const char *path, int mode)
{
    if ((mode & RTLD_NOLOAD) == 0) {
        double_lacks("dlopen() that loads");
    }
    return dlopen(path, mode);
}

int double_dladdr(const void *address, struct double_dl_info *info)
{
    Dl_info found;

    if (dladdr(address, &found) == 0) {
        return 0;
    }
    info->dli_fname = found.dli_fname;
    info->dli_fbase = found.dli_fbase;
    info->dli_sname = found.dli_sname;
    info->dli_saddr = found.dli_saddr;
    return 1;
}

static const char *version(void)
{
    static const char *const versions[] = {
        [DOUBLE_OS_SYNC] = "14.4",
        [DOUBLE_ULOCK] = "11.0",
        [DOUBLE_ULOCK_OLD] = "10.15.7",
        [DOUBLE_PIPE] = "10.14.6",
    };

    return versions[double_waits()];
}

static const char *release(void)
{
    static const char *const releases[] = {
        [DOUBLE_OS_SYNC] = "23.4.0",
        [DOUBLE_ULOCK] = "20.1.0",
        [DOUBLE_ULOCK_OLD] = "19.6.0",
        [DOUBLE_PIPE] = "18.7.0",
    };

    return releases[double_waits()];
}

/* What runs on Apple silicon and was compiled for Intel is translated. */
#if defined(__x86_64__)
#define TRANSLATED 1
#else
#define TRANSLATED 0
#endif

static int give(void *old, size_t *old_bytes, const void *value, size_t bytes)
{
    if (old != NULL) {
        if (*old_bytes < bytes) {
            return double_fail(ENOMEM);
        }
        memcpy(old, value, bytes);
    }
    *old_bytes = bytes;
    return 0;
}

int sysctlbyname(const char *name, void *old, size_t *old_bytes, void *new_,
                 size_t new_bytes)
{
    int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t memory =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t page = PAGE_BYTES;
    int connections = 128;
    uint64_t line = 128;
    int is_arm = 1;
    int is_translated = TRANSLATED;

    if (new_ != NULL || new_bytes != 0) {
        return double_fail(EPERM);
    }
    if (double_is_without(name)) {
        return double_fail(ENOENT);
    }
    if (strcmp(name, "vm.swapusage") == 0) {
        struct xsw_usage usage = double_swap();

        return give(old, old_bytes, &usage, sizeof(usage));
    }
    if (strcmp(name, "kern.memorystatus_vm_pressure_level") == 0) {
        int level = double_pressure();

        return give(old, old_bytes, &level, sizeof(level));
    }
    if (strcmp(name, "hw.ncpu") == 0 || strcmp(name, "hw.logicalcpu") == 0) {
        return give(old, old_bytes, &cpus, sizeof(cpus));
    }
    if (strcmp(name, "hw.memsize") == 0) {
        return give(old, old_bytes, &memory, sizeof(memory));
    }
    if (strcmp(name, "hw.pagesize") == 0) {
        return give(old, old_bytes, &page, sizeof(page));
    }
    if (strcmp(name, "kern.ipc.somaxconn") == 0) {
        return give(old, old_bytes, &connections, sizeof(connections));
    }
    if (strcmp(name, "kern.osproductversion") == 0) {
        return give(old, old_bytes, version(), strlen(version()) + 1);
    }
    if (strcmp(name, "kern.osrelease") == 0) {
        return give(old, old_bytes, release(), strlen(release()) + 1);
    }
    if (strcmp(name, "hw.cachelinesize") == 0) {
        return give(old, old_bytes, &line, sizeof(line));
    }
    if (strcmp(name, "hw.optional.arm64") == 0) {
        return give(old, old_bytes, &is_arm, sizeof(is_arm));
    }
    if (strcmp(name, "sysctl.proc_translated") == 0) {
        return give(old, old_bytes, &is_translated, sizeof(is_translated));
    }
    return double_fail(ENOENT);
}
