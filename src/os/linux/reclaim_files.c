/* SPDX-License-Identifier: MIT
 *
 * The copies of files that lie in memory are dropped: posix_fadvise with
 * POSIX_FADV_DONTNEED, for a file or for all below a folder. What is dirty, or
 * what somebody has mapped, stays. cachestat (Linux 6.5) tells how much there
 * is, before and after.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reclaim.h"
#include "walk.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* As the kernel's <linux/mman.h> has them; older ones do not. */
struct cache_range {
    uint64_t start;
    uint64_t bytes; /* 0: to its end */
};
struct cache_count {
    uint64_t cached;
    uint64_t dirty;
    uint64_t writeback;
    uint64_t evicted;
    uint64_t recently_evicted;
};

/* What is done with each file. */
struct round {
    bool drops;
    uint64_t page_bytes;
    uint64_t cached_bytes;
    uint64_t files;
    uint64_t refused; /* files and folders that this user may not open */
    bool is_counted;  /* cachestat has told of each */
};

/*
 * A name may be a device's or a pipe's, and to open one does something: a
 * watchdog begins to count, a tape is rewound, who waits for a reader goes on.
 * So it is found first, which does nothing, and what was found is opened if it
 * is a file. `*is_file` tells; -1 and false: it is none, or it failed.
 */
static int open_file(int folder, const char *name, bool *is_file)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int found =
        openat(folder, name,
               O_PATH | O_CLOEXEC | (folder == AT_FDCWD ? 0 : O_NOFOLLOW));
    int file = -1;
    struct stat info;
    char path[32];
    int error;

    *is_file = true;
    if (found < 0) {
        return -1;
    }
    if (fstat(found, &info) == 0) {
        *is_file = S_ISREG(info.st_mode);
    }
    if (*is_file) {
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
        file = open(path, flags | O_NOATIME);
        /* O_NOATIME is for owners. */
        file = file < 0 && errno == EPERM ? open(path, flags) : file;
    }
    error = errno;
    (void)close(found);
    errno = error;
    return file;
}

static void count_file(struct round *round, int file)
{
    struct cache_range range = {0, 0};
    struct cache_count count;

    if (syscall(SYS_cachestat, file, &range, &count, 0) == 0) {
        round->cached_bytes += count.cached * round->page_bytes;
    } else {
        round->is_counted = false;
    }
}

static weft_status visit(void *context, int folder, const char *name,
                         weft_detail *detail)
{
    struct round *round = context;
    bool is_file;
    int file;

    if (folder == -1) {
        round->refused++;
        return WEFT_OK;
    }
    file = open_file(folder, name, &is_file);
    if (file < 0 && !is_file) {
        return WEFT_OK;
    }
    if (file < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
            return weftos_fail_errno(detail, "open a file");
        }
        round->refused += errno != ENOENT;
        return WEFT_OK;
    }
    round->files++;
    if (round->drops) {
        (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    }
    count_file(round, file);
    (void)close(file);
    return WEFT_OK;
}

static weft_status go_round(weftos_reclaim *reclaim, struct round *round,
                            weft_detail *detail)
{
    round->page_bytes = reclaim->page_bytes;
    round->is_counted = true;
    return weftos_walk(reclaim->path, visit, round, detail);
}

static weft_status look(weftos_reclaim *reclaim,
                        struct weftos_target_figures *figures,
                        weft_detail *detail)
{
    struct round round = {.drops = false};
    weft_status status = go_round(reclaim, &round, detail);

    if (status == WEFT_OK && round.is_counted) {
        figures->resident_bytes = round.cached_bytes;
        figures->anonymous_bytes = 0;
        figures->valid |= WEFTOS_TARGET_RESIDENT;
    }
    return status;
}

static weft_status plan(weftos_reclaim *reclaim,
                        const weft_memory_figures *figures,
                        weft_reclaim_plan *plan, weft_detail *detail)
{
    struct round round = {.drops = false};
    weft_status status = go_round(reclaim, &round, detail);

    (void)figures;
    if (status == WEFT_ENOENT || status == WEFT_EACCES) {
        WEFTOS_OBSTRUCT(plan,
                        status == WEFT_ENOENT ? WEFT_RECLAIM_GONE
                                              : WEFT_RECLAIM_PRIVILEGE,
                        status == WEFT_ENOENT ? "there is no such file"
                                              : "this user may not look at it");
        return WEFT_OK;
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (round.files == 0 && round.refused > 0) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_PRIVILEGE,
                        "this user may not open it for reading");
        return WEFT_OK;
    }
    if (round.files == 0) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_NOTHING, "there is no file in it");
        return WEFT_OK;
    }
    if (round.is_counted) {
        plan->candidate_bytes = round.cached_bytes;
        plan->valid |= WEFT_RECLAIM_PLAN_CANDIDATE;
    }
    plan->expected_bytes = 0;
    plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason),
                   "copies of %llu files are dropped; they count as available "
                   "already, so nothing is gained by it%s",
                   (unsigned long long)round.files,
                   round.refused > 0 ? " (some may not be opened)" : "");
    return WEFT_OK;
}

static weft_status act(weftos_reclaim *reclaim, weft_handle process,
                       bool *is_done, weft_detail *detail)
{
    struct round round = {.drops = true};

    (void)process;
    *is_done = true;
    return go_round(reclaim, &round, detail);
}

const struct reclaim_way weftos_reclaim_files = {
    .plan = plan, .look = look, .act = act};
