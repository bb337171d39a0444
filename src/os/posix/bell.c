/* SPDX-License-Identifier: MIT
 *
 * The hearer's side of doorbells: pipes that are hardly ever read.
 *
 * Bytes are taken out only to make room, and never the last one: epoll and
 * kqueue both drop a wake that nobody has collected yet when they find the
 * pipe empty.
 */
#define _DEFAULT_SOURCE
#include <sys/ioctl.h>
#include <unistd.h>

#include "posix.h"

static void take_rings(int fd)
{
    char away[512];
    int held = 0;

    if (ioctl(fd, FIONREAD, &held) != 0) {
        return;
    }
    /* Only what is there now: a peer may fill it as fast as it is emptied. */
    while (held > 1) {
        size_t most = (size_t)held - 1;
        ssize_t taken =
            read(fd, away, most < sizeof(away) ? most : sizeof(away));

        if (taken <= 0) {
            return;
        }
        held -= (int)taken;
    }
}

/*
 * Two waiters that share a doorbell may come here at once; together they would
 * take the last ring too. One lock for all doorbells is enough: it is taken
 * once in several wakes, for less than a microsecond.
 */
void weftos_bell_settle(weft_handle mine)
{
    static atomic_flag busy = ATOMIC_FLAG_INIT;

    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
        weftos_yield();
    }
    take_rings((int)mine);
    atomic_flag_clear_explicit(&busy, memory_order_release);
}
