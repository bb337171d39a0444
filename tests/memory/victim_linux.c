/* SPDX-License-Identifier: MIT
 *
 * A process to take memory from, and private swap.
 *
 * The swap is kept by a process of its own, the janitor. It descends from
 * nobody and hears when the test has ended, in whichever way: then it takes
 * the swap away.
 */
#define _GNU_SOURCE
#include "victim_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* --------------------------------------------------------------- orphans ---
 */

/*
 * Runs `work` in a process that has no parent of ours and no terminal, with
 * one end of a pair of sockets; gives the other end.
 */
static int start_orphan(void (*work)(int socket, void *context), void *context)
{
    int ends[2];
    int how;
    pid_t middle;

    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    middle = fork();
    REQUIRE(middle >= 0);
    if (middle == 0) {
        pid_t orphan = setsid() >= 0 ? fork() : -1;

        if (orphan != 0) {
            _exit(orphan > 0 ? 0 : 1);
        }
        (void)close(ends[0]);
        (void)signal(SIGPIPE, SIG_IGN);
        work(ends[1], context);
        _exit(0);
    }
    (void)close(ends[1]);
    REQUIRE(waitpid(middle, &how, 0) == middle && how == 0);
    return ends[0];
}

/* --------------------------------------------------------------- victims ---
 */

/* The next of the numbers of Marsaglia's xorshift. */
static uint64_t next_random(uint64_t number)
{
    number ^= number << 13;
    number ^= number >> 7;
    return number ^ number << 17;
}

static void fill(char *memory, size_t bytes, enum victim_kind kind)
{
    static const char text[] = "and so on, line after line, ";
    uint64_t number = UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i < bytes; i++) {
        if (kind == VICTIM_RANDOM) {
            number = i % sizeof(number) == 0 ? next_random(number)
                                             : number >> 8 | number << 56;
            memory[i] = (char)number;
        } else {
            memory[i] = kind == VICTIM_TEXT ? text[i % (sizeof(text) - 1)] : 0;
        }
    }
    for (size_t i = 0; kind == VICTIM_TEXT && i < bytes; i += 4096) {
        (void)snprintf(memory + i, 32, "page %zu", i / 4096);
    }
}

static void read_all(const char *memory, size_t bytes)
{
    const volatile char *at = memory;

    for (size_t i = 0; i < bytes; i += 4096) {
        (void)at[i];
    }
}

/* A file on a disk whose pages are clean. */
static int make_file(size_t bytes)
{
    char path[] = "/var/tmp/weft-victim-XXXXXX";
    int file = mkstemp(path);
    char *block = calloc(1, 1 << 20);

    REQUIRE(file >= 0 && block != NULL && unlink(path) == 0);
    memset(block, 'x', 1 << 20);
    for (size_t i = 0; i < bytes >> 20; i++) {
        REQUIRE(write(file, block, 1 << 20) == 1 << 20);
    }
    REQUIRE(fsync(file) == 0);
    free(block);
    return file;
}

struct orders {
    const struct victim *victim;
    enum victim_kind kind;
};

static void use_hot(const struct victim *victim)
{
    for (size_t i = 0; victim->hot != NULL && i < VICTIM_HOT_BYTES; i += 4096) {
        victim->hot[i]++;
    }
}

static void live(int socket, void *context)
{
    const struct orders *orders = context;
    const struct victim *victim = orders->victim;
    pid_t self = getpid();
    size_t bytes = victim->bytes;

    if (orders->kind == VICTIM_FILE) {
        read_all(victim->memory, bytes);
    } else {
        fill(victim->memory, bytes, orders->kind);
    }
    use_hot(victim);
    (void)send(socket, &self, sizeof(self), 0);
    for (;;) {
        struct pollfd order = {.fd = socket, .events = POLLIN};

        use_hot(victim);
        if (poll(&order, 1, victim->hot != NULL ? 1 : -1) == 0) {
            continue;
        }
        if (recv(socket, &bytes, sizeof(bytes), 0) != sizeof(bytes)) {
            return;
        }
        read_all(victim->memory, bytes);
        (void)send(socket, &bytes, sizeof(bytes), 0);
    }
}

void victim_start(struct victim *victim, enum victim_kind kind, size_t bytes,
                  bool hot)
{
    int file = kind == VICTIM_FILE ? make_file(bytes) : -1;
    struct orders orders = {victim, kind};

    /* Mapped here for its address alone: no page is used. */
    victim->memory =
        mmap(NULL, bytes, file >= 0 ? PROT_READ : PROT_READ | PROT_WRITE,
             file >= 0 ? MAP_PRIVATE : MAP_PRIVATE | MAP_ANONYMOUS, file, 0);
    REQUIRE(victim->memory != MAP_FAILED);
    victim->bytes = bytes;
    victim->hot = NULL;
    if (hot) {
        /* Between pages that nobody may use: else the two would be one. */
        char *around = mmap(NULL, VICTIM_HOT_BYTES + 8192, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        REQUIRE(around != MAP_FAILED);
        victim->hot = around + 4096;
        REQUIRE(mprotect(victim->hot, VICTIM_HOT_BYTES,
                         PROT_READ | PROT_WRITE) == 0);
    }
    if (file >= 0) {
        (void)close(file);
    }
    victim->control = start_orphan(live, &orders);
    REQUIRE(recv(victim->control, &victim->pid, sizeof(victim->pid), 0) ==
            sizeof(victim->pid));
}

void victim_use(struct victim *victim, size_t bytes)
{
    REQUIRE(send(victim->control, &bytes, sizeof(bytes), 0) == sizeof(bytes));
    REQUIRE(recv(victim->control, &bytes, sizeof(bytes), 0) == sizeof(bytes));
}

void victim_end(struct victim *victim)
{
    char byte;

    /* It ends when nobody can order anything any more. */
    REQUIRE(shutdown(victim->control, SHUT_WR) == 0);
    REQUIRE(recv(victim->control, &byte, 1, 0) == 0);
    (void)close(victim->control);
    (void)munmap(victim->memory, victim->bytes);
    if (victim->hot != NULL) {
        (void)munmap(victim->hot - 4096, VICTIM_HOT_BYTES + 8192);
    }
}

/* Bytes of pages that have a bit in the page table. */
static size_t count(const struct victim *victim, const char *memory,
                    size_t bytes, int bit)
{
    char path[48];
    size_t pages = bytes / 4096;
    uint64_t *entries = calloc(pages, sizeof(*entries));
    size_t found = 0;
    int file;

    (void)snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)victim->pid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0 && entries != NULL && pages > 0);
    REQUIRE(pread(file, entries, pages * sizeof(*entries),
                  (off_t)((uintptr_t)memory / 4096 * sizeof(*entries))) ==
            (ssize_t)(pages * sizeof(*entries)));
    for (size_t i = 0; entries != NULL && i < pages; i++) {
        found += entries[i] >> bit & 1;
    }
    (void)close(file);
    free(entries);
    return found * 4096;
}

size_t victim_present(const struct victim *victim)
{
    return count(victim, victim->memory, victim->bytes, 63);
}

size_t victim_swapped(const struct victim *victim)
{
    return count(victim, victim->memory, victim->bytes, 62);
}

size_t victim_hot_present(const struct victim *victim)
{
    return count(victim, victim->hot, VICTIM_HOT_BYTES, 63);
}

/* ------------------------------------------------------------------ swap ---
 */

#define LOCK_FILE "/tmp/weft-test-swap.lock"

static int lock = -1;
static int janitor = -1;
static int device;

static bool write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool done = file >= 0 && write(file, text, strlen(text)) > 0;

    if (file >= 0) {
        (void)close(file);
    }
    return done;
}

/* Marks the device as swap, as mkswap does. */
static bool format(const char *path, size_t bytes)
{
    union {
        struct {
            char boot[1024];
            uint32_t version;
            uint32_t last_page;
            uint32_t bad_pages;
        } head;
        char bytes[4096];
    } page;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool done;

    memset(&page, 0, sizeof(page));
    page.head.version = 1;
    page.head.last_page = (uint32_t)(bytes / 4096 - 1);
    memcpy(page.bytes + sizeof(page.bytes) - 10, "SWAPSPACE2", 10);
    done = file >= 0 && write(file, &page, sizeof(page)) == sizeof(page) &&
           fsync(file) == 0;
    if (file >= 0) {
        (void)close(file);
    }
    return done;
}

/* Gives the device's number, or -1. */
static int add_device(void)
{
    char text[16] = "";
    int number = -1;
    int file = open("/sys/class/zram-control/hot_add", O_RDONLY | O_CLOEXEC);

    if (file >= 0) {
        if (read(file, text, sizeof(text) - 1) > 0) {
            number = atoi(text);
        }
        (void)close(file);
    }
    return number;
}

static void remove_device(int number)
{
    char path[64];
    char text[16];

    (void)snprintf(path, sizeof(path), "/dev/zram%d", number);
    while (swapoff(path) != 0 && errno == EINTR) {
    }
    (void)snprintf(path, sizeof(path), "/sys/block/zram%d/reset", number);
    (void)write_text(path, "1");
    (void)snprintf(text, sizeof(text), "%d", number);
    (void)write_text("/sys/class/zram-control/hot_remove", text);
}

static bool open_swap(int number, size_t bytes)
{
    char path[64];
    char text[32];

    (void)snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", number);
    (void)snprintf(text, sizeof(text), "%zu", bytes);
    if (!write_text(path, text)) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "/dev/zram%d", number);
    return format(path, bytes) &&
           swapon(path, SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK) == 0;
}

/* Tells the device's number, and waits for the end of the test. */
static void keep_swap(int socket, void *context)
{
    const size_t *bytes = context;
    int number = add_device();
    int told;
    char byte;

    if (number > 0) {
        told = open_swap(number, *bytes) ? number : -1;
        (void)send(socket, &told, sizeof(told), 0);
        (void)recv(socket, &byte, 1, 0);
        remove_device(number);
    } else {
        (void)send(socket, &number, sizeof(number), 0);
    }
    (void)send(socket, "", 1, 0);
}

void swap_lock(void)
{
    lock = open(LOCK_FILE, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(lock >= 0);
    while (flock(lock, LOCK_EX) != 0) {
        REQUIRE(errno == EINTR);
    }
}

void swap_unlock(void)
{
    (void)close(lock);
}

/* Another test's device, or the machine's own, would get our pages. */
static bool has_zram(void)
{
    char text[4096] = "";
    int file = open("/proc/swaps", O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, text, sizeof(text) - 1) : 0;

    if (file >= 0) {
        (void)close(file);
    }
    return got > 0 && strstr(text, "/dev/zram") != NULL;
}

bool swap_begin(size_t bytes, const char **why)
{
    if (geteuid() != 0) {
        *why = "swap takes root";
        return false;
    }
    if (access("/sys/class/zram-control/hot_add", F_OK) != 0) {
        *why = "this kernel has no zram";
        return false;
    }
    if (has_zram()) {
        *why = "there is other swap in memory";
        return false;
    }
    janitor = start_orphan(keep_swap, &bytes);
    if (recv(janitor, &device, sizeof(device), 0) != sizeof(device) ||
        device < 0) {
        swap_end();
        *why = "no zram device can be had as swap";
        return false;
    }
    return true;
}

uint64_t swap_takes(void)
{
    char path[64];
    char text[256] = "";
    unsigned long long used = 0;
    int file;

    (void)snprintf(path, sizeof(path), "/sys/block/zram%d/mm_stat", device);
    file = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0 && read(file, text, sizeof(text) - 1) > 0);
    (void)close(file);
    REQUIRE(sscanf(text, "%*s %*s %llu", &used) == 1);
    return used;
}

void swap_end(void)
{
    char byte;

    if (janitor < 0) {
        return;
    }
    (void)shutdown(janitor, SHUT_WR);
    (void)recv(janitor, &byte, 1, 0);
    (void)close(janitor);
    janitor = -1;
}
