/* SPDX-License-Identifier: MIT
 *
 * Doorbells: pipes that are written and hardly ever read.
 *
 * The sleeper waits for the pipe with edge-triggered epoll, so each byte that
 * arrives wakes it, read or not; that saves it a system call per wake, and
 * lets two threads hear one bell. Bytes are taken out only now and then
 * (weftos_bell_settle), and never the last one: epoll drops an edge that
 * nobody has collected yet when it finds the pipe empty. On the development
 * host a round trip asleep on one CPU costs 1.12 of a futex's so, 1.39 with
 * poll and read, and 1.9 with a byte on a Unix socket.
 *
 * An eventfd would do as well, but for two things: the open description is
 * shared, so a hostile peer can clear its O_NONBLOCK, fill the counter, and
 * block our next write for ever. A pipe can be opened anew through /proc:
 * that gives the ringer a description of its own, whose flags nobody else can
 * change; opened O_RDWR, it counts as a reader too, so that a write can never
 * raise SIGPIPE. Where /proc is missing, or the pipe belongs to another user,
 * each write asks for the same two things by itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"

#ifndef PIPEFS_MAGIC
#define PIPEFS_MAGIC 0x50495045
#endif

/*
 * Linux 5.5 to 5.13 woke the reader of a pipe only when it had been empty;
 * commit 3a34b13a88ca, also in the stable releases, mended that. Rings would
 * be lost there, so nobody may sleep. Returns 1 if each write is heard, 0 if
 * not, -1 if that can't be found out now.
 */
static int try_edges(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int fds[2];
    int heard = 0;

    if (epoll < 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        weftos_close(epoll);
        return -1;
    }
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event) == 0) {
        for (int i = 0; i < 2; i++) {
            (void)!write(fds[1], "", 1);
            heard += epoll_wait(epoll, &event, 1, 0) == 1;
        }
    }
    (void)close(epoll);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return heard == 2;
}

static bool loses_rings(void)
{
    static _Atomic int known = -1;

    if (known < 0) {
        known = try_edges();
    }
    return known == 0;
}

weft_status weftos_bell_open(weft_handle *mine, weft_handle *theirs,
                             weft_detail *detail)
{
    int fds[2];

    if (loses_rings()) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "hear each ring of a pipe (broken in this kernel)");
    }
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        return weftos_fail_errno(detail, "pipe2");
    }
    *mine = fds[0];
    *theirs = fds[1];
    return WEFT_OK;
}

static bool is_anonymous_pipe(int fd, struct stat *info)
{
    struct statfs system;

    return fstat(fd, info) == 0 && S_ISFIFO(info->st_mode) &&
           fstatfs(fd, &system) == 0 && system.f_type == PIPEFS_MAGIC &&
           (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

/* A description of our own for the same pipe, or -1. */
static int reopen(int fd, const struct stat *info)
{
    char path[32];
    struct stat found;
    int own;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    own = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (own >= 0 &&
        (fstat(own, &found) != 0 || found.st_ino != info->st_ino ||
         found.st_dev != info->st_dev)) { /* /proc is something else */
        (void)close(own);
        own = -1;
    }
    return own;
}

weft_status weftos_bell_adopt(weft_handle theirs, weftos_bell *bell,
                              weft_detail *detail)
{
    struct stat info;
    int own;

    bell->handle = WEFTOS_NONE;
    if (!is_anonymous_pipe((int)theirs, &info)) {
        weftos_close(theirs);
        return weftos_fail(detail, WEFT_EPROTO, 0, "check the peer's doorbell");
    }
    own = reopen((int)theirs, &info);
    bell->shared = own < 0;
    bell->handle = own < 0 ? theirs : own;
    if (own >= 0) {
        weftos_close(theirs);
    }
    return WEFT_OK;
}

/*
 * Rings through a description that the peer shares: RWF_NOWAIT keeps the
 * write from blocking, whatever the flags say, and SIGPIPE is held back and
 * taken out again, unless one was pending before.
 */
static int ring_shared(int fd)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t) "", .iov_len = 1};
    struct timespec none = {0, 0};
    sigset_t pipe_only;
    sigset_t before;
    sigset_t pending;
    ssize_t result;
    int cause;

    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    result = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
    cause = result < 0 ? errno : 0;
    if (cause == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
        (void)sigtimedwait(&pipe_only, NULL, &none);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return cause;
}

weft_status weftos_bell_ring(const weftos_bell *bell, weft_detail *detail)
{
    int fd = (int)bell->handle;
    int cause;

    if (bell->shared) {
        cause = ring_shared(fd);
    } else {
        cause = write(fd, "", 1) < 0 ? errno : 0;
    }
    /* EAGAIN: full. EPIPE: nobody hears it any more. os.h allows both. */
    if (cause == 0 || cause == EAGAIN || cause == EPIPE) {
        return WEFT_OK;
    }
    return weftos_fail(detail, WEFT_EOS, cause, "ring the peer's doorbell");
}
