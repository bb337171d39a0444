# SPDX-License-Identifier: MIT
#
# Every source file of the library, one a line and sorted.
set(WEFT_BASE_SOURCES
    base/clock.c
    base/log.c
    base/status.c
    base/system.c
    base/version.c
)

set(WEFT_IPC_SOURCES
    ipc/channel.c
    ipc/handshake.c
    ipc/listener.c
    ipc/message.c
    ipc/park.c
    ipc/room.c
    ipc/rx.c
    ipc/tx.c
)

# Added when WEFT_TEST_HOOKS is on.
set(WEFT_HOOK_SOURCES
    os/fake/step.c
)

# One of these lists is the back end, by WEFT_OS.
set(WEFT_OS_LINUX_SOURCES
    os/linux/bell.c
    os/linux/endpoint.c
    os/linux/features.c
    os/linux/fence.c
    os/linux/misc.c
    os/linux/named.c
    os/linux/place.c
    os/linux/process.c
    os/linux/shm.c
    os/linux/socket.c
    os/linux/wait.c
)

set(WEFT_OS_STUB_SOURCES
    os/stub/endpoint.c
    os/stub/memory.c
    os/stub/process.c
    os/stub/socket.c
    os/stub/system.c
    os/stub/waiter.c
)

# The C library of MinGW has no timespec_get().
if(WIN32)
    list(APPEND WEFT_OS_STUB_SOURCES os/stub/clock_windows.c)
else()
    list(APPEND WEFT_OS_STUB_SOURCES os/stub/clock.c)
endif()
