/* SPDX-License-Identifier: MIT
 *
 * Doorbells: pipes that are written and hardly ever read.
 *
 * The sleeper hears the pipe with EV_CLEAR: each write wakes it, whether the
 * bytes before were read or not (pipe_write calls pipeselwakeup each time), so
 * that it needs no read of its own, and two threads can hear one bell.
 *
 * The ringer's end is one open description that it shares with whoever made
 * the pipe; macOS can't open it anew, as Linux can. So a hostile peer can
 * clear O_NONBLOCK, fill the pipe, and close its own end, at any moment. Hence
 * each ring asks poll first. What remains is the time between the two calls:
 * a peer that hits it can make one ring block until it reads, or exits, or,
 * if it has also taken F_SETNOSIGPIPE back, raise SIGPIPE. SECURITY.md has it;
 * a peer that is allowed to do this much runs as the same user.
 */
#include <fcntl.h>
#include <libproc.h>
#include <poll.h>
#include <unistd.h>

#include "macos.h"

static int set_flags(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
                   fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
                   fcntl(fd, F_SETNOSIGPIPE, 1) == 0
               ? 0
               : -1;
}

weft_status weftos_bell_open(weft_handle *mine, weft_handle *theirs,
                             weft_detail *detail)
{
    int fds[2];

    if (pipe(fds) != 0) {
        return weftos_fail_errno(detail, "pipe");
    }
    if (set_flags(fds[0]) != 0 || set_flags(fds[1]) != 0) {
        weft_status status = weftos_fail_errno(detail, "set up a pipe");

        (void)close(fds[0]);
        (void)close(fds[1]);
        return status;
    }
    *mine = fds[0];
    *theirs = fds[1];
    return WEFT_OK;
}

/* Only a pipe has this kind of information: a FIFO, which has a name, has not.
 */
static bool is_pipe_to_write(int fd)
{
    struct pipe_fdinfo info;

    return proc_pidfdinfo(getpid(), fd, PROC_PIDFDPIPEINFO, &info,
                          sizeof(info)) == (int)sizeof(info) &&
           (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

weft_status weftos_bell_adopt(weft_handle theirs, weftos_bell *bell,
                              weft_detail *detail)
{
    bell->handle = WEFTOS_NONE;
    if (!is_pipe_to_write((int)theirs)) {
        weftos_close(theirs);
        return weftos_fail(detail, WEFT_EPROTO, 0, "check the peer's doorbell");
    }
    if (set_flags((int)theirs) != 0) {
        weft_status status = weftos_fail_errno(detail, "set up a doorbell");

        weftos_close(theirs);
        return status;
    }
    bell->handle = theirs;
    bell->shared = true;
    return WEFT_OK;
}

weft_status weftos_bell_ring(const weftos_bell *bell, weft_detail *detail)
{
    struct pollfd entry = {.fd = (int)bell->handle, .events = POLLOUT};
    int cause = 0;

    /* Not ready: full. Hung up: nobody hears it any more. os.h allows both. */
    if (poll(&entry, 1, 0) > 0 && (entry.revents & POLLOUT) != 0 &&
        (entry.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0) {
        cause = write(entry.fd, "", 1) < 0 ? errno : 0;
    }
    if (cause == 0 || cause == EAGAIN || cause == EPIPE) {
        return WEFT_OK;
    }
    return weftos_fail(detail, WEFT_EOS, cause, "ring the peer's doorbell");
}
