/* SPDX-License-Identifier: MIT
 *
 * What this system offers, found out by trying it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../posix/probe.h"
#include "linux.h"
#include "without.h"

/* Linux 6.5. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

/* Makes a sealed object, and sees which seals it bears. */
static void probe_sealing(weft_feature *feature)
{
    size_t bytes = weftos_get_facts()->page_bytes;
    weft_handle object;
    void *base;
    weft_detail detail = {WEFT_OK, 0, NULL};

    if (weftos_shm_create(bytes, &object, &base, &detail) != WEFT_OK) {
        errno = detail.os_code;
        weftos_probe_judge(feature, false);
        return;
    }
    if ((fcntl((int)object, F_GET_SEALS) & F_SEAL_FUTURE_WRITE) != 0) {
        weftos_probe_set(feature, WEFT_FEATURE_USED, "");
    } else {
        weftos_probe_set(
            feature, WEFT_FEATURE_ABSENT,
            "peers get a descriptor to read from, and can open another one");
    }
    weftos_shm_unmap(base, bytes);
    weftos_close(object);
}

static uint64_t time_fences(void)
{
    const unsigned times = 16;
    uint64_t start = weftos_now_ns();

    for (unsigned i = 0; i < times; i++) {
        (void)weftos_fence_remote(NULL);
    }
    return (weftos_now_ns() - start) / times;
}

static void probe_fence(weft_feature *feature)
{
    char text[sizeof(feature->note)];
    weft_detail detail = {WEFT_OK, 0, NULL};

    if (weftos_fence_remote(&detail) != WEFT_OK) {
        errno = detail.os_code;
        weftos_probe_judge(feature, false);
        return;
    }
    (void)snprintf(text, sizeof(text), "%llu ns while nobody spins",
                   (unsigned long long)time_fences());
    weftos_probe_set(feature, WEFT_FEATURE_USED, text);
}

static void probe_pidfd(weft_feature *feature)
{
    weft_handle self;
    weft_detail detail = {WEFT_OK, 0, NULL};

    if (weftos_process_open(getpid(), &self, &detail) != WEFT_OK) {
        errno = detail.os_code;
        weftos_probe_judge(feature, false);
        return;
    }
    weftos_close(self);
    weftos_probe_set(feature, WEFT_FEATURE_USED, "");
}

static void probe_passpidfd(weft_feature *feature)
{
    int on = 1;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    weftos_probe_judge(feature, fd >= 0 && !WITHOUT_PIDFD &&
                                    setsockopt(fd, SOL_SOCKET, SO_PASSPIDFD,
                                               &on, sizeof(on)) == 0);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void probe_pwait2(weft_feature *feature)
{
    struct timespec none = {0, 0};
    struct epoll_event event;
    int fd = epoll_create1(EPOLL_CLOEXEC);

    weftos_probe_judge(
        feature, fd >= 0 && epoll_pwait2(fd, &event, 1, &none, NULL) >= 0);
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* weftos_bell_open tries whether each ring is heard. */
static void probe_edges(weft_feature *feature)
{
    weftos_bell bell = {WEFTOS_NONE, false};
    weft_handle mine;
    weft_handle theirs;
    weft_status status = weftos_bell_open(&mine, &theirs, NULL);

    if (status != WEFT_OK) {
        weftos_probe_set(
            feature, WEFT_FEATURE_ABSENT,
            status == WEFT_ENOTSUP
                ? "rings of an unread pipe are lost: Linux 5.5 to 5.13"
                : weft_status_text(status));
        return;
    }
    (void)weftos_bell_adopt(theirs, &bell, NULL);
    weftos_probe_set(feature, WEFT_FEATURE_USED,
                     bell.shared ? "without /proc: slower rings" : "");
    weftos_close(mine);
    weftos_close(bell.handle);
}

static void probe_descriptors(weft_feature *feature)
{
    weftos_probe_descriptors(feature, 5);
}

static void probe_io_uring(weft_feature *feature)
{
    weftos_probe_set(
        feature, WEFT_FEATURE_AVAILABLE,
        access("/proc/sys/kernel/io_uring_disabled", F_OK) == 0
            ? "not needed: epoll on a pipe is as fast as a futex wait on two"
            : "not probed");
}

static const struct weftos_probe probes[] = {
    {"kernel", "everything", weftos_probe_kernel},
    {"cpus", "waits spin briefly before they sleep", weftos_probe_cpus},
    {"page size", "each side of an idle channel holds one page",
     weftos_probe_page},
    {"memfd seals", "memory that only its owner can write or resize",
     probe_sealing},
    {"membarrier", "a sender that streams leaves its fence to the sleeper",
     probe_fence},
    {"pidfd", "the kernel tells of the peer's death", probe_pidfd},
    {"SO_PASSPIDFD", "the peer's process without a race on its number",
     probe_passpidfd},
    {"epoll_pwait2", "deadlines exact to the kernel's timer", probe_pwait2},
    {"epoll edges on pipes", "doorbells that are never read", probe_edges},
    {"descriptors", "five for each end of a channel", probe_descriptors},
    {"io_uring", "nothing", probe_io_uring},
};

size_t weftos_features(weft_feature *found, size_t room)
{
    return weftos_probe_all(probes, sizeof(probes) / sizeof(probes[0]), found,
                            room);
}
