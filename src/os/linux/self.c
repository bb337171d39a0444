/* SPDX-License-Identifier: MIT
 *
 * What this process uses, and which of its limits Linux enforces.
 *
 * The peak is VmHWM, that of the program which runs now: ru_maxrss starts with
 * that of the process which has made this one (exec keeps the larger one).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../posix/limit.h"
#include "linux.h"
#include "text.h"

/* More than /proc/self/status has. */
#define STATUS_BYTES 8192

static const struct {
    const char *label;
    size_t offset;
    unsigned unit;
    uint32_t valid;
} figures[] = {
    {"VmRSS:", offsetof(weft_self, memory_bytes), 1024, WEFT_SELF_MEMORY},
    {"VmHWM:", offsetof(weft_self, memory_peak_bytes), 1024, WEFT_SELF_PEAK},
    {"VmSize:", offsetof(weft_self, address_space_bytes), 1024,
     WEFT_SELF_ADDRESS_SPACE},
    {"VmData:", offsetof(weft_self, data_bytes), 1024, WEFT_SELF_DATA},
    {"VmStk:", offsetof(weft_self, stack_bytes), 1024, WEFT_SELF_STACK},
    {"Threads:", offsetof(weft_self, threads), 1, WEFT_SELF_THREADS},
};

static void read_status(weft_self *self)
{
    char text[STATUS_BYTES];
    uint64_t value;

    if (!weftos_read_text("/proc/self/status", text, sizeof(text))) {
        return;
    }
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        if (weftos_find_number(text, figures[i].label, &value)) {
            value *= figures[i].unit;
            memcpy((char *)self + figures[i].offset, &value, sizeof(value));
            self->valid |= figures[i].valid;
        }
    }
}

/* Numbers that a process may give its descriptors: fs.nr_open is this. */
#define NUMBERS_MOST (1 << 20)

/*
 * Where no more may be opened, as when a limit was set that is exceeded: Linux
 * 6.2 and later tell the number of descriptors as the size of the directory.
 */
static void probe_handles(weft_self *self)
{
    struct stat info;
    uint64_t found = 0;
    int number = 0;

    if (stat("/proc/self/fd", &info) != 0 || info.st_size <= 0) {
        return;
    }
    self->handles = (uint64_t)info.st_size;
    self->valid |= WEFT_SELF_HANDLES;
    for (; found < self->handles && number < NUMBERS_MOST; number++) {
        found += fcntl(number, F_GETFD) >= 0;
    }
    if (found == self->handles) {
        self->handle_highest = (uint64_t)number;
        self->valid |= WEFT_SELF_HIGHEST;
    }
}

static void count_handles(weft_self *self)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    const char *end;
    uint64_t number;

    if (directory == NULL) {
        probe_handles(self);
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        if (weftos_parse_number(entry->d_name, &end, &number) &&
            number != (uint64_t)dirfd(directory)) {
            self->handles++;
            if (number >= self->handle_highest) {
                self->handle_highest = number + 1;
            }
        }
    }
    (void)closedir(directory);
    self->valid |= WEFT_SELF_HANDLES | WEFT_SELF_HIGHEST;
}

weft_status weftos_self_find(weft_self *self)
{
    int cancel;

    self->memory_metric = "resident set";
    weftos_self_times(self);
    /* A thread that is cancelled in here would keep descriptors. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    read_status(self);
    count_handles(self);
    (void)pthread_setcancelstate(cancel, &cancel);
    return WEFT_OK;
}

weft_status weftos_limit_number(weft_resource resource, int *number,
                                weft_detail *detail)
{
    static const int numbers[WEFT_RESOURCE_COUNT] = {
        [WEFT_RESOURCE_ADDRESS_SPACE] = RLIMIT_AS,
        [WEFT_RESOURCE_DATA] = RLIMIT_DATA,
        [WEFT_RESOURCE_CPU] = RLIMIT_CPU,
        [WEFT_RESOURCE_FILES] = RLIMIT_NOFILE,
        [WEFT_RESOURCE_PROCESSES] = RLIMIT_NPROC,
        [WEFT_RESOURCE_FILE_SIZE] = RLIMIT_FSIZE,
        [WEFT_RESOURCE_CORE] = RLIMIT_CORE,
        [WEFT_RESOURCE_STACK] = RLIMIT_STACK,
    };

    if (resource == WEFT_RESOURCE_RESIDENT) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "limit resident memory: Linux takes RLIMIT_RSS and "
                           "does nothing with it");
    }
    *number = numbers[resource];
    return WEFT_OK;
}
