/* SPDX-License-Identifier: MIT
 *
 * The figures of the machine's memory, from /proc.
 *
 * MemAvailable leaves out the pages that each CPU keeps in lists of its own,
 * which are free: tens of MiB after a large program has ended. /proc/zoneinfo
 * has them. With ZFS the cache of files is in neither: what of it can be given
 * back is added too.
 *
 * The files stay open, and each look reads them from their beginning: the
 * kernel makes their text anew then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"
#include "meter.h"
#include "text.h"

/* More than /proc/meminfo has, and others but zoneinfo, which comes in parts.
 */
#define TEXT_BYTES 16384

/* "/dev/zram" and a number: the memory that a device takes is told there. */
#define ZRAM "/dev/zram"

enum meter_file {
    METER_MEMINFO,
    METER_ZONEINFO,
    METER_PRESSURE,
    METER_SWAPS,
    METER_ARC,
    METER_FILES
};

static const char *const paths[METER_FILES] = {
    "/proc/meminfo", "/proc/zoneinfo", "/proc/pressure/memory", "/proc/swaps",
    "/proc/spl/kstat/zfs/arcstats"};

struct weftos_meter {
    int files[METER_FILES]; /* -1: there is none */
    uint64_t page_bytes;
    struct weftos_levels *levels; /* of memory; NULL: none in sight */
    char root[PATH_MAX];
    char text[TEXT_BYTES];
};

/* The text of a file, terminated, from `offset` on; 0: no more of it. */
static size_t read_part(weftos_meter *meter, enum meter_file file, off_t offset,
                        size_t kept)
{
    ssize_t got;

    if (meter->files[file] < 0) {
        return 0;
    }
    do {
        got = pread(meter->files[file], meter->text + kept,
                    sizeof(meter->text) - 1 - kept, offset);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

/* All of it, or what there is room for. False: there is no such file. */
static bool read_all(weftos_meter *meter, enum meter_file file)
{
    size_t length = 0;
    size_t got;

    do {
        got = read_part(meter, file, (off_t)length, length);
        length += got;
    } while (got > 0 && length < sizeof(meter->text) - 1);
    meter->text[length] = '\0';
    return length > 0;
}

/* ------------------------------------------------------------- meminfo --- */

/* The sum of the lines that are there; false: the first one is not. */
static bool find_sum(const char *text, const char *const *labels, size_t count,
                     uint64_t *bytes)
{
    uint64_t part;

    if (!weftos_find_bytes(text, labels[0], bytes)) {
        return false;
    }
    for (size_t i = 1; i < count; i++) {
        if (weftos_find_bytes(text, labels[i], &part)) {
            *bytes += part;
        }
    }
    return true;
}

/* Figures that are a line, or the sum of some. */
#define LABELS_MOST 5

static const struct {
    weft_memory_figure figure;
    size_t offset;
    const char *labels[LABELS_MOST];
} lines[] = {
#define LINE(symbol, member) symbol, offsetof(weft_memory_figures, member)
    {LINE(WEFT_MEMORY_TOTAL, total_bytes), {"MemTotal:"}},
    {LINE(WEFT_MEMORY_FREE, free_bytes), {"MemFree:"}},
    {LINE(WEFT_MEMORY_ANONYMOUS, anonymous_bytes), {"AnonPages:"}},
    {LINE(WEFT_MEMORY_SHARED, shared_bytes), {"Shmem:"}},
    {LINE(WEFT_MEMORY_KERNEL, kernel_bytes),
     {"SUnreclaim:", "KernelStack:", "PageTables:", "SecPageTables:",
      "Percpu:"}},
    {LINE(WEFT_MEMORY_DIRTY, dirty_bytes), {"Dirty:", "Writeback:"}},
    {LINE(WEFT_MEMORY_LOCKED, locked_bytes), {"Unevictable:"}},
    {LINE(WEFT_MEMORY_SWAP_TOTAL, swap_total_bytes), {"SwapTotal:"}},
    {LINE(WEFT_MEMORY_SWAP_FREE, swap_free_bytes), {"SwapFree:"}},
    {LINE(WEFT_MEMORY_PACKED, packed_bytes), {"Zswapped:"}},
    {LINE(WEFT_MEMORY_PACK, pack_bytes), {"Zswap:"}},
    {LINE(WEFT_MEMORY_COMMITTED, committed_bytes), {"Committed_AS:"}},
    {LINE(WEFT_MEMORY_COMMIT_LIMIT, commit_limit_bytes), {"CommitLimit:"}},
#undef LINE
};

#define LINES (sizeof(lines) / sizeof(lines[0]))

static void find_cached(const char *text, weft_memory_figures *figures)
{
    static const char *const labels[] = {
        "Cached:", "Buffers:", "SReclaimable:"};
    uint64_t cached;

    if (!find_sum(text, labels, 3, &cached)) {
        return;
    }
    /* The kernel counts shared memory as a cache, which it can't drop. */
    if (cached >= figures->shared_bytes) {
        cached -= figures->shared_bytes;
    }
    WEFTOS_FIGURE(figures, WEFT_MEMORY_CACHED, cached, cached);
}

static void read_meminfo(weftos_meter *meter, weft_memory_figures *figures)
{
    uint64_t available;

    if (!read_all(meter, METER_MEMINFO)) {
        return;
    }
    for (size_t i = 0; i < LINES; i++) {
        size_t count = 1;
        uint64_t bytes;

        while (count < LABELS_MOST && lines[i].labels[count] != NULL) {
            count++;
        }
        if (find_sum(meter->text, lines[i].labels, count, &bytes)) {
            memcpy((char *)figures + lines[i].offset, &bytes, sizeof(bytes));
            figures->valid |= UINT32_C(1) << lines[i].figure;
        }
    }
    find_cached(meter->text, figures);
    if (weftos_find_bytes(meter->text, "MemAvailable:", &available)) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_AVAILABLE, available, available);
        WEFTOS_SET_TEXT(figures->available_method, "MemAvailable");
    }
}

/* --------------------------------------------------------- what is added ---
 */

static void add_available(weft_memory_figures *figures, uint64_t bytes,
                          const char *what)
{
    size_t length = strlen(figures->available_method);

    figures->available_bytes += bytes;
    (void)snprintf(figures->available_method + length,
                   sizeof(figures->available_method) - length, " + %s", what);
}

/*
 * The lines "count:" of all lists. The file has a part for each CPU in each
 * zone, so it can be long: it is read in parts that end with a line.
 */
static void read_lists(weftos_meter *meter, weft_memory_figures *figures)
{
    off_t offset = 0;
    size_t kept = 0;
    uint64_t pages = 0;
    bool has_lists = false;
    size_t got;

    while ((got = read_part(meter, METER_ZONEINFO, offset, kept)) > 0) {
        char *line = meter->text;
        char *end;

        offset += (off_t)got;
        meter->text[kept + got] = '\0';
        while ((end = strchr(line, '\n')) != NULL) {
            uint64_t count;

            *end = '\0';
            line += strspn(line, " ");
            if (weftos_find_number(line, "count:", &count)) {
                pages += count;
                has_lists = true;
            }
            line = end + 1;
        }
        kept = strlen(line);
        if (kept >= sizeof(meter->text) - 1) {
            return; /* no such line is the kernel's */
        }
        memmove(meter->text, line, kept);
    }
    if (has_lists && pages <= UINT64_MAX / meter->page_bytes) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_LISTED, listed,
                      pages * meter->page_bytes);
        add_available(figures, figures->listed_bytes, "lists of CPUs");
    }
}

/* "size  4  123": the name, the type and the value. */
static bool find_kstat(const char *text, const char *label, uint64_t *value)
{
    uint64_t type;
    const char *line = strstr(text, label);
    const char *end;

    if (line == NULL) {
        return false;
    }
    line += strlen(label);
    line += strspn(line, " ");
    if (!weftos_parse_number(line, &end, &type)) {
        return false;
    }
    return weftos_parse_number(end + strspn(end, " "), &end, value);
}

static void read_arc(weftos_meter *meter, weft_memory_figures *figures)
{
    uint64_t size;
    uint64_t least;

    if (read_all(meter, METER_ARC) &&
        find_kstat(meter->text, "\nsize ", &size) &&
        find_kstat(meter->text, "\nc_min ", &least) && size > least) {
        add_available(figures, size - least, "ZFS ARC");
    }
}

/* ------------------------------------------------- swap in memory, stalls ---
 */

/* "original compressed used …" of a device that is swapped to. */
static void read_zram(weftos_meter *meter, const char *name, uint64_t *packed,
                      uint64_t *pack)
{
    char path[PATH_MAX + 64];
    char text[256];
    const char *at = text;
    uint64_t values[3];

    (void)snprintf(path, sizeof(path), "%s/sys/block/zram%.*s/mm_stat",
                   meter->root, (int)strspn(name, "0123456789"), name);
    if (!weftos_read_text(path, text, sizeof(text))) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        at += strspn(at, " ");
        if (!weftos_parse_number(at, &at, &values[i])) {
            return;
        }
    }
    *packed += values[0];
    *pack += values[2];
}

static void read_swaps(weftos_meter *meter, weft_memory_figures *figures)
{
    uint64_t packed = figures->packed_bytes;
    uint64_t pack = figures->pack_bytes;
    bool has_zram = false;

    if (!read_all(meter, METER_SWAPS)) {
        return;
    }
    for (const char *line = meter->text; line != NULL && *line != '\0';) {
        if (strncmp(line, ZRAM, strlen(ZRAM)) == 0) {
            read_zram(meter, line + strlen(ZRAM), &packed, &pack);
            has_zram = true;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    if (has_zram) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_PACKED, packed, packed);
        WEFTOS_FIGURE(figures, WEFT_MEMORY_PACK, pack, pack);
    }
}

/* "some avg10=0.12 … total=4711": percent, and microseconds. */
static bool find_stall(const char *text, const char *kind, uint64_t *total_ns,
                       uint32_t *ppm)
{
    const char *line = strstr(text, kind);
    const char *total = line != NULL ? strstr(line, "total=") : NULL;
    const char *at = line != NULL ? strstr(line, "avg10=") : NULL;
    const char *end;
    uint64_t whole;
    uint64_t parts;
    uint64_t us;

    if (total == NULL || at == NULL ||
        !weftos_parse_number(total + 6, &end, &us) || us > UINT64_MAX / 1000 ||
        !weftos_parse_number(at + 6, &end, &whole) || whole > 100 ||
        *end != '.' || !weftos_parse_number(end + 1, &end, &parts) ||
        parts > 99) {
        return false;
    }
    *total_ns = us * 1000;
    *ppm = (uint32_t)(whole * 10000 + parts * 100);
    return true;
}

static void read_stalls(weftos_meter *meter, weft_memory_figures *figures)
{
    figures->has_stalls =
        read_all(meter, METER_PRESSURE) &&
        find_stall(meter->text, "some ", &figures->stall_some_ns,
                   &figures->stall_some_ppm) &&
        find_stall(meter->text, "full ", &figures->stall_all_ns,
                   &figures->stall_all_ppm);
}

static void read_limit(weftos_meter *meter, weft_memory_figures *figures)
{
    uint64_t limit;
    uint64_t used;

    if (meter->levels != NULL &&
        weftos_levels_read(meter->levels, &limit, &used, figures->limit_source,
                           sizeof(figures->limit_source))) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_LIMIT, limit, limit);
        WEFTOS_FIGURE(figures, WEFT_MEMORY_LIMIT_USED, limit_used, used);
    }
}

/* ---------------------------------------------------------------- whole --- */

/*
 * What is not there is done without: where /proc shows processes alone
 * (subset=pid) these can be listed still.
 */
static weft_status open_files(weftos_meter *meter, weft_detail *detail)
{
    char path[PATH_MAX + 64];

    for (int i = 0; i < METER_FILES; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", meter->root, paths[i]);
        meter->files[i] = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (meter->files[i] < 0 &&
            (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
            return weftos_fail_errno(detail, "open a file of /proc");
        }
    }
    return WEFT_OK;
}

weft_status weftos_meter_open(const char *root, weftos_meter **meter,
                              weft_detail *detail)
{
    weftos_meter *made = calloc(1, sizeof(*made));
    weft_status status;

    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    (void)snprintf(made->root, sizeof(made->root), "%s", root);
    made->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < METER_FILES; i++) {
        made->files[i] = -1;
    }
    /*
     * In this order: a search for the levels that has found nothing for want
     * of descriptors is followed by a failure here.
     */
    status = weftos_levels_open(root, &made->levels, detail);
    if (status == WEFT_OK) {
        status = open_files(made, detail);
    }
    if (status != WEFT_OK) {
        weftos_meter_close(made);
        return status;
    }
    *meter = made;
    return WEFT_OK;
}

void weftos_meter_close(weftos_meter *meter)
{
    if (meter == NULL) {
        return;
    }
    for (int i = 0; i < METER_FILES; i++) {
        if (meter->files[i] >= 0) {
            (void)close(meter->files[i]);
        }
    }
    weftos_levels_close(meter->levels);
    free(meter);
}

weft_status weftos_meter_read(weftos_meter *meter, weft_memory_figures *figures,
                              weft_detail *detail)
{
    read_meminfo(meter, figures);
    if ((figures->valid >> WEFT_MEMORY_TOTAL & 1) == 0) {
        return weftos_fail(detail, WEFT_EOS,
                           meter->files[METER_MEMINFO] < 0 ? ENOENT : 0,
                           "read /proc/meminfo");
    }
    if ((figures->valid >> WEFT_MEMORY_AVAILABLE & 1) != 0) {
        read_lists(meter, figures);
        read_arc(meter, figures);
    }
    read_swaps(meter, figures);
    read_stalls(meter, figures);
    read_limit(meter, figures);
    return WEFT_OK;
}
