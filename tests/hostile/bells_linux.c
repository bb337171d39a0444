/* SPDX-License-Identifier: MIT
 *
 * A doorbell that only Linux has: a pipe of the kernel's watch queue takes no
 * bytes, and writing to it says EXDEV.
 */
#define _GNU_SOURCE
#include "attacker.h"

#include <fcntl.h>
#include <unistd.h>

static void rings_watch_queue(const void *argument)
{
    weftos_bell bell;
    weft_status status;
    int fds[2];

    (void)argument;
    /* O_NOTIFICATION_PIPE, which is O_EXCL. */
    if (pipe2(fds, O_CLOEXEC | O_EXCL) != 0) {
        CHECK(true); /* this kernel has none */
        return;
    }
    status = weftos_bell_adopt(fds[1], &bell, NULL);
    CHECK(status == WEFT_EPROTO || status == WEFT_OK);
    if (status == WEFT_OK) {
        CHECK(weftos_bell_ring(&bell, NULL) != WEFT_EAGAIN);
        weftos_close(bell.handle);
    }
    (void)close(fds[0]);
}

void test_main(void)
{
    hostile_case("a bell of the watch queue does no harm", rings_watch_queue,
                 NULL);
}
