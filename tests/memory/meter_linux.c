/* SPDX-License-Identifier: MIT
 *
 * What is read from /proc and the groups, in trees of files that look like the
 * kernel's: each figure, hostile text, files that are missing, and the cost.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "memory/pressure.h"
#include "os/meter.h"
#include "system/files.h"

#define KIB UINT64_C(1024)
#define MEMINFO                                                                \
    "MemTotal:       1000000 kB\nMemFree:         100000 kB\n"                 \
    "MemAvailable:    300000 kB\nBuffers:          10000 kB\n"                 \
    "Cached:          200000 kB\nSwapCached:            7 kB\n"                \
    "Unevictable:        512 kB\nSwapTotal:        50000 kB\n"                 \
    "SwapFree:         40000 kB\nZswap:             1000 kB\n"                 \
    "Zswapped:          3000 kB\nDirty:               12 kB\n"                 \
    "Writeback:            3 kB\nAnonPages:       400000 kB\n"                 \
    "Shmem:            60000 kB\nSlab:             99999 kB\n"                 \
    "SReclaimable:      5000 kB\nSUnreclaim:        4000 kB\n"                 \
    "KernelStack:        300 kB\nPageTables:         200 kB\n"                 \
    "CommitLimit:     550000 kB\nCommitted_AS:    700000 kB\n"                 \
    "Percpu:             100 kB\n"
#define ZONE(count)                                                            \
    "Node 0, zone   Normal\n  pages free     1\n  pagesets\n    cpu: 0\n"      \
    "              count:    " count "\n              high:     9\n"
#define STALLS                                                                 \
    "some avg10=1.25 avg60=0.00 avg300=0.00 total=2000\n"                      \
    "full avg10=0.50 avg60=0.00 avg300=0.00 total=1000\n"
#define V2_MOUNT "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n"

static weft_memory_figures read_tree(const char *root, weft_status expected)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weftos_meter *meter = NULL;
    weft_status status = weftos_meter_open(root, &meter, NULL);

    if (status == WEFT_OK) {
        status = weftos_meter_read(meter, &figures, NULL);
    }
    CHECK_STATUS(status, expected);
    weftos_meter_close(meter);
    return figures;
}

static bool has(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return wefti_knows(figures, figure);
}

static void test_all(void)
{
    const char *root = files_begin();
    weft_memory_figures figures;

    check_case("each figure is the kernel's");
    files_make("/proc/meminfo", MEMINFO);
    files_make("/proc/zoneinfo", ZONE("100") ZONE("28"));
    files_make("/proc/pressure/memory", STALLS);
    figures = read_tree(root, WEFT_OK);
    CHECK(figures.total_bytes == 1000000 * KIB);
    CHECK(figures.free_bytes == 100000 * KIB);
    CHECK(figures.listed_bytes == 128 * (uint64_t)sysconf(_SC_PAGESIZE));
    CHECK(figures.available_bytes == 300000 * KIB + figures.listed_bytes);
    CHECK(figures.cached_bytes == (200000 + 10000 + 5000 - 60000) * KIB);
    CHECK(figures.anonymous_bytes == 400000 * KIB);
    CHECK(figures.shared_bytes == 60000 * KIB);
    CHECK(figures.kernel_bytes == (4000 + 300 + 200 + 100) * KIB);
    CHECK(figures.dirty_bytes == 15 * KIB);
    CHECK(figures.locked_bytes == 512 * KIB);
    CHECK(figures.swap_total_bytes == 50000 * KIB);
    CHECK(figures.swap_free_bytes == 40000 * KIB);
    CHECK(figures.packed_bytes == 3000 * KIB);
    CHECK(figures.pack_bytes == 1000 * KIB);
    CHECK(figures.committed_bytes == 700000 * KIB);
    CHECK(figures.commit_limit_bytes == 550000 * KIB);
    CHECK(figures.has_stalls);
    CHECK(figures.stall_some_ns == 2000000 && figures.stall_all_ns == 1000000);
    CHECK(figures.stall_some_ppm == 12500 && figures.stall_all_ppm == 5000);
    CHECK(!has(&figures, WEFT_MEMORY_LIMIT));
    CHECK(strcmp(figures.available_method, "MemAvailable + lists of CPUs") ==
          0);
    files_end();
}

static void test_missing(void)
{
    const char *root = files_begin();
    weft_memory_figures figures;

    check_case("what is not told is not known");
    files_make("/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 10 kB\n");
    figures = read_tree(root, WEFT_OK);
    CHECK(figures.valid ==
          (UINT32_C(1) << WEFT_MEMORY_TOTAL | UINT32_C(1) << WEFT_MEMORY_FREE));
    CHECK(!figures.has_stalls);
    files_end();

    check_case("without /proc/meminfo nothing is known");
    root = files_begin();
    files_make("/proc/none", "");
    (void)read_tree(root, WEFT_EOS);
    files_make("/proc/meminfo", "MemFree: 10 kB\n");
    (void)read_tree(root, WEFT_EOS);
    files_end();
}

static void test_swap(void)
{
    const char *root = files_begin();
    weft_memory_figures figures;

    check_case("swap that lies in memory is told");
    files_make("/proc/meminfo", MEMINFO);
    files_make("/proc/swaps",
               "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n"
               "/dev/zram3 partition 4 0 5\n/dev/zram12 partition 4 0 5\n"
               "/dev/zram13 partition 4 0 5\n");
    files_make("/sys/block/zram3/mm_stat", "   4096   100   1024 0 0 0 0 0 0");
    files_make("/sys/block/zram12/mm_stat", "8192 200 2048 0 0 0 0 0 0\n");
    files_make("/sys/block/zram13/mm_stat", "8192 none");
    figures = read_tree(root, WEFT_OK);
    CHECK(figures.packed_bytes == 3000 * KIB + 4096 + 8192);
    CHECK(figures.pack_bytes == 1000 * KIB + 1024 + 2048);
    files_end();
}

static void test_arc(void)
{
    const char *root = files_begin();
    weft_memory_figures figures;

    check_case("what ZFS can give back is available");
    files_make("/proc/meminfo", MEMINFO);
    files_make("/proc/spl/kstat/zfs/arcstats",
               "13 1 0x01 2\nname type data\nhits 4 5\nc_min  4    1000\n"
               "size    4    5000\n");
    figures = read_tree(root, WEFT_OK);
    CHECK(figures.available_bytes == 300000 * KIB + 4000);
    CHECK(strcmp(figures.available_method, "MemAvailable + ZFS ARC") == 0);
    files_end();
}

/* A file of lists longer than what is read at a time. */
static void test_long(void)
{
    const char *root = files_begin();
    const size_t zones = 5000;
    const char *zone = ZONE("3");
    char *text = calloc(zones, strlen(zone) + 1);
    weft_memory_figures figures;

    check_case("a long list is read to its end");
    REQUIRE(text != NULL);
    for (size_t i = 0; i < zones; i++) {
        (void)snprintf(text + i * strlen(zone), strlen(zone) + 1, "%s", zone);
    }
    files_make("/proc/meminfo", MEMINFO);
    files_make("/proc/zoneinfo", text);
    figures = read_tree(root, WEFT_OK);
    CHECK(figures.listed_bytes == 15000 * (uint64_t)sysconf(_SC_PAGESIZE));

    check_case("a line without an end is not read for ever");
    memset(text, 'x', 40000);
    text[40000] = '\0';
    files_make("/proc/zoneinfo", text);
    figures = read_tree(root, WEFT_OK);
    CHECK(!has(&figures, WEFT_MEMORY_LISTED));
    CHECK(figures.available_bytes == 300000 * KIB);
    free(text);
    files_end();
}

/* ------------------------------------------------------------ counters --- */

static void test_counters(void)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const char *root = files_begin();
    weft_memory_counters counters = {.size = sizeof(counters)};

    check_case("each counter is the kernel's");
    CHECK_STATUS(weftos_meter_count(root, &counters, NULL), WEFT_EOS);
    files_make("/proc/vmstat", "nr_free_pages 9\nworkingset_refault_anon 3\n"
                               "workingset_refault_file 5\npswpin 7\n"
                               "pswpout 11\npgmajfault 13\n");
    CHECK_STATUS(weftos_meter_count(root, &counters, NULL), WEFT_OK);
    CHECK(counters.valid == 31);
    CHECK(counters.refaulted_anonymous_bytes == 3 * page);
    CHECK(counters.refaulted_file_bytes == 5 * page);
    CHECK(counters.swapped_in_bytes == 7 * page);
    CHECK(counters.swapped_out_bytes == 11 * page);
    CHECK(counters.major_faults == 13);

    check_case("those of an old kernel, and no nonsense");
    memset(&counters, 0, sizeof(counters));
    files_make("/proc/vmstat", "workingset_refault 2\npswpin\npswpout -1\n"
                               "pgmajfault 99999999999999999999999\n");
    CHECK_STATUS(weftos_meter_count(root, &counters, NULL), WEFT_OK);
    CHECK(counters.valid == UINT32_C(1) << WEFT_MEMORY_REFAULTED_FILE);
    CHECK(counters.refaulted_file_bytes == 2 * page);
    memset(&counters, 0, sizeof(counters));
    files_make("/proc/vmstat", "pswpin 18446744073709551615\n");
    CHECK_STATUS(weftos_meter_count(root, &counters, NULL), WEFT_OK);
    CHECK(counters.valid == 0);
    files_end();
}

/* -------------------------------------------------------------- limits --- */

static void make_group(const char *path, const char *limit, const char *used)
{
    char name[256];

    (void)snprintf(name, sizeof(name), "/cg%s/memory.max", path);
    files_make(name, limit);
    (void)snprintf(name, sizeof(name), "/cg%s/memory.current", path);
    files_make(name, used);
}

static void test_limits(void)
{
    const char *root = files_begin();
    weft_memory_figures figures;
    weftos_meter *meter = NULL;

    check_case("the limit that leaves the least counts");
    files_make("/proc/meminfo", MEMINFO);
    files_make("/proc/self/cgroup", "0::/a/b\n");
    files_make("/proc/self/mountinfo", V2_MOUNT);
    make_group("", "max\n", "9000\n");
    make_group("/a", "5000\n", "4500\n");
    make_group("/a/b", "3000\n", "1000\n");
    figures = read_tree(root, WEFT_OK);
    CHECK(has(&figures, WEFT_MEMORY_LIMIT));
    CHECK(figures.limit_bytes == 5000 && figures.limit_used_bytes == 4500);
    CHECK(strcmp(figures.limit_source, "cgroup v2 memory.max of /a") == 0);

    check_case("a limit that is set later counts");
    REQUIRE(weftos_meter_open(root, &meter, NULL) == WEFT_OK);
    make_group("/a", "max\n", "4500\n");
    make_group("/a/b", "1001\n", "1000\n");
    memset(&figures, 0, sizeof(figures));
    CHECK_STATUS(weftos_meter_read(meter, &figures, NULL), WEFT_OK);
    CHECK(figures.limit_bytes == 1001 && figures.limit_used_bytes == 1000);

    check_case("more may be used than the limit");
    make_group("/a/b", "1001\n", "5000\n");
    make_group("/a", "5000\n", "4999\n");
    memset(&figures, 0, sizeof(figures));
    CHECK_STATUS(weftos_meter_read(meter, &figures, NULL), WEFT_OK);
    CHECK(figures.limit_bytes == 1001 && figures.limit_used_bytes == 5000);
    weftos_meter_close(meter);
    files_end();
}

/* --------------------------------------------------------------- hostile ---
 */

static const char *const hostile[] = {
    "",
    "\n\n\n",
    "MemTotal:\n",
    "MemTotal: 99999999999999999999999999 kB\n",
    "MemTotal: 18446744073709551615 kB\n",
    "MemTotal: -1 kB\n",
    "MemTotal: kB kB kB",
    "some avg10=101.00 total=1\nfull avg10=0.00 total=1\n",
    "some avg10=1 total=1\nfull avg10= total=\n",
    "some total=1 avg10=\n",
    "count: 18446744073709551615\ncount: 18446744073709551615\n",
    "/dev/zram\n/dev/zram/../../x\n",
};

static void test_hostile(void)
{
    static const char *const names[] = {
        "/proc/meminfo", "/proc/zoneinfo",    "/proc/pressure/memory",
        "/proc/swaps",   "/proc/self/cgroup", "/proc/self/mountinfo"};

    check_case("no text makes it fall");
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        const char *root = files_begin();
        weftos_meter *meter = NULL;
        weft_memory_figures figures = {.size = sizeof(figures)};

        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            files_make(names[k], hostile[i]);
        }
        CHECK_STATUS(weftos_meter_open(root, &meter, NULL), WEFT_OK);
        CHECK_STATUS(weftos_meter_read(meter, &figures, NULL), WEFT_EOS);
        weftos_meter_close(meter);
        files_make("/proc/meminfo", MEMINFO);
        figures = read_tree(root, WEFT_OK);
        CHECK(!figures.has_stalls && !has(&figures, WEFT_MEMORY_LIMIT));
        files_end();
    }
}

/* ------------------------------------------------------------ exhaustion ---
 */

static void test_descriptors(void)
{
    struct rlimit limit;
    struct rlimit low;
    unsigned failures = 0;

    check_case("without descriptors it says so, and keeps none");
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    for (rlim_t most = 3;; most++) {
        weftos_meter *meter = NULL;
        weft_status status;

        low.rlim_cur = most;
        REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
        status = weftos_meter_open("", &meter, NULL);
        if (status == WEFT_OK) {
            weftos_meter_close(meter);
            break;
        }
        CHECK_STATUS(status, WEFT_ELIMIT);
        failures++;
        REQUIRE(most < 64);
    }
    CHECK(failures > 0);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

void test_main(void)
{
    test_all();
    test_missing();
    test_swap();
    test_arc();
    test_long();
    test_counters();
    test_limits();
    test_hostile();
    test_descriptors();
}
