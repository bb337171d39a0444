/* SPDX-License-Identifier: MIT
 *
 * The watchdog is SIGALRM, the wait is poll().
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "guard.h"

static const char *watched;

/* Calls only what a signal handler may call. */
static void on_alarm(int number)
{
    static const char text[] = "# hangs: ";

    (void)number;
    (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
    (void)!write(STDOUT_FILENO, watched, strlen(watched));
    (void)!write(STDOUT_FILENO, "\n", 1);
    _exit(EXIT_FAILURE);
}

void guard_watch(const char *doing, unsigned seconds)
{
    watched = doing;
    (void)signal(SIGALRM, on_alarm);
    (void)alarm(seconds);
}

void guard_count_strays(void)
{
    /* A descriptor comes in a message, or not at all. */
}

unsigned guard_close_strays(void)
{
    return 0;
}

bool guard_await(weft_handle handle, unsigned timeout_ms)
{
    struct pollfd entry = {.fd = (int)handle, .events = POLLIN};

    return poll(&entry, 1, (int)timeout_ms) == 1;
}

void guard_nap_us(unsigned us)
{
    const struct timespec nap = {us / 1000000, (long)(us % 1000000) * 1000};

    (void)nanosleep(&nap, NULL);
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    REQUIRE(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t guard_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t guard_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
