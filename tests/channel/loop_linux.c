/* SPDX-License-Identifier: MIT
 *
 * poll(2) and epoll.
 */
#include "channel/loop.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"

static int loop;

static void watch(weft_handle handle)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN;
    event.data.fd = (int)handle;
    CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, (int)handle, &event) == 0);
}

void loop_open(weft_handle first, weft_handle second)
{
    loop = epoll_create1(EPOLL_CLOEXEC);
    REQUIRE(loop >= 0);
    watch(first);
    watch(second);
}

void loop_close(void)
{
    CHECK(close(loop) == 0);
}

bool loop_is_ready(weft_handle handle, int timeout_ms)
{
    struct pollfd entry = {.fd = (int)handle, .events = POLLIN};
    struct epoll_event events[2];
    bool polled = poll(&entry, 1, timeout_ms) == 1;
    int count = epoll_wait(loop, events, 2, 0);
    bool found = false;

    for (int i = 0; i < count; i++) {
        found = found || events[i].data.fd == (int)handle;
    }
    CHECK(found == polled);
    return polled;
}
