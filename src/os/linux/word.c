/* SPDX-License-Identifier: MIT
 *
 * Waiting at words: the futex, which takes an absolute time on the monotonic
 * clock (the bitset form does), and which is shared between processes for
 * words that have a site.
 *
 * A futex does not tell of deaths; posix/watch.h has what does. Where the
 * kernel has no pidfd (before Linux 5.3) nobody can be told, and only there
 * the wait asks every so often whether the processes are alive.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../posix/watch.h"
#include "linux.h"

/* Without pidfd: how late a death is noticed at most. */
#define SLICE_NS UINT64_C(100000000)

/* ------------------------------------------------------------ the futex --- */

/* A signal handler ends the sleep only if the caller wants that. */
static weft_status sleep_at(_Atomic uint32_t *word, uint32_t value, int scope,
                            uint64_t deadline_ns, bool interruptible,
                            weft_detail *detail)
{
    struct timespec until = {
        (time_t)(deadline_ns / UINT64_C(1000000000)),
        (long)(deadline_ns % UINT64_C(1000000000)),
    };
    long result;

    do {
        result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | scope, value,
                         deadline_ns == WEFT_FOREVER ? NULL : &until, NULL,
                         FUTEX_BITSET_MATCH_ANY);
    } while (result != 0 && errno == EINTR && !interruptible);
    if (result == 0 || errno == EAGAIN) {
        return WEFT_OK;
    }
    if (errno == ETIMEDOUT) {
        return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
    }
    return weftos_fail_errno(detail, "futex");
}

static void wake_at(_Atomic uint32_t *word, uint32_t count, int scope)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE | scope,
                  count < INT_MAX ? (int)count : INT_MAX, NULL, NULL, 0);
}

void weftos_word_stir(_Atomic uint32_t *word)
{
    (void)atomic_fetch_or(word, WEFTOS_WORD_STIRRED);
    wake_at(word, UINT32_MAX, 0);
}

/* --------------------------------------------------------------- deaths --- */

weft_status weftos_deaths_open(weft_handle *deaths, weft_detail *detail)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0) {
        return weftos_fail_errno(detail, "epoll");
    }
    *deaths = fd;
    return WEFT_OK;
}

bool weftos_deaths_has(const weftos_process_id *who, weft_handle handle)
{
    struct pollfd entry = {.fd = (int)handle, .events = POLLIN};

    (void)who;
    return poll(&entry, 1, 0) > 0;
}

/*
 * The handle comes first: whatever the stamp then says is said of the process
 * that the handle is of, or it has died since, which the handle tells. Where
 * /proc hides others the stamp is unknown, and the number alone must do; not
 * where this process can't look because it is out of something.
 */
weft_status weftos_deaths_add(weft_handle deaths, const weftos_process_id *who,
                              weft_handle *handle, weft_detail *detail)
{
    struct epoll_event event;
    uint32_t stamp = 0;
    weft_status status = weftos_process_open(who->pid, handle, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = weftos_process_stamp(who->pid, &stamp, NULL);
    if (status == WEFT_ELIMIT || status == WEFT_ENOMEM) {
        weftos_close(*handle);
        return weftos_fail(detail, status, 0, "watch a process");
    }
    if (status != WEFT_OK) {
        stamp = who->stamp;
        status = WEFT_OK;
    }
    if (stamp != who->stamp || weftos_deaths_has(who, *handle)) {
        weftos_close(*handle);
        return weftos_fail(detail, WEFT_ENOENT, 0, "watch a process");
    }
    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN;
    event.data.u64 = who->pid;
    if (epoll_ctl((int)deaths, EPOLL_CTL_ADD, (int)*handle, &event) != 0) {
        status = errno == ENOSPC ? weftos_fail(detail, WEFT_ELIMIT, ENOSPC,
                                               "watch a process")
                                 : weftos_fail_errno(detail, "watch a process");
        weftos_close(*handle);
    }
    return status;
}

void weftos_deaths_remove(weft_handle deaths, const weftos_process_id *who,
                          weft_handle handle)
{
    (void)who;
    /* A forked child may have the handle too: close alone would not do. */
    (void)epoll_ctl((int)deaths, EPOLL_CTL_DEL, (int)handle, NULL);
    weftos_close(handle);
}

uint32_t weftos_deaths_next(weft_handle deaths)
{
    struct epoll_event event;

    return epoll_wait((int)deaths, &event, 1, -1) > 0 ? (uint32_t)event.data.u64
                                                      : 0;
}

void weftos_deaths_forget(weft_handle deaths)
{
    weftos_close(deaths);
}

/* -------------------------------------------------------------- waiting --- */

static bool is_dead(const weftos_process_id *who)
{
    uint32_t stamp = 0;
    weft_status status = WEFT_OK;

    if (who->pid != 0) {
        status = weftos_process_stamp(who->pid, &stamp, NULL);
    }
    return who->pid != 0 && (status == WEFT_ENOENT ||
                             (status == WEFT_OK && stamp != who->stamp));
}

static bool any_dead(const weftos_site *site)
{
    bool is_any = is_dead(&site->owner);

    for (size_t i = 0; i < WEFTOS_SITE_OTHERS; i++) {
        is_any = is_any || is_dead(&site->others[i]);
    }
    return is_any;
}

/* Without pidfd. */
static weft_status wait_in_slices(_Atomic uint32_t *word, uint32_t value,
                                  const weftos_site *site, uint64_t deadline_ns,
                                  bool interruptible, weft_detail *detail)
{
    for (;;) {
        uint64_t slice = weftos_now_ns() + SLICE_NS;
        weft_status status;

        if (any_dead(site)) {
            return weftos_fail(detail, WEFT_EPEERDIED, 0, "wait for a process");
        }
        if (deadline_ns <= slice) {
            return sleep_at(word, value, 0, deadline_ns, interruptible, detail);
        }
        status = sleep_at(word, value, 0, slice, interruptible, detail);
        if (status != WEFT_ETIMEDOUT) {
            return status;
        }
    }
}

weft_status weftos_word_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             bool interruptible, weft_detail *detail)
{
    struct weftos_watch watch;
    weft_status status;

    if (site == NULL || !weftos_watch_is_needed(site)) {
        return sleep_at(word, value, site == NULL ? FUTEX_PRIVATE_FLAG : 0,
                        deadline_ns, interruptible, detail);
    }
    status =
        weftos_watch_begin(&watch, word, site, deadline_ns == WEFT_NOW, detail);
    if (status == WEFT_ENOTSUP) {
        return wait_in_slices(word, value, site, deadline_ns, interruptible,
                              detail);
    }
    if (status == WEFT_OK) {
        status = sleep_at(word, value, 0, deadline_ns, interruptible, detail);
        weftos_watch_end(&watch);
    }
    return status;
}

void weftos_word_wake(_Atomic uint32_t *word, uint32_t count,
                      const weftos_site *site)
{
    wake_at(word, count, site == NULL ? FUTEX_PRIVATE_FLAG : 0);
}
