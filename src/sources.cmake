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
    ipc/client.c
    ipc/guest.c
    ipc/handshake.c
    ipc/inspect.c
    ipc/names.c
    ipc/listener.c
    ipc/message.c
    ipc/park.c
    ipc/poll.c
    ipc/poll_sources.c
    ipc/room.c
    ipc/rx.c
    ipc/service.c
    ipc/service_next.c
    ipc/state.c
    ipc/sync_condition.c
    ipc/sync_event.c
    ipc/sync_lobby.c
    ipc/sync_lock.c
    ipc/sync_mutex.c
    ipc/sync_rwlock.c
    ipc/sync_semaphore.c
    ipc/sync_shared.c
    ipc/sync_watch.c
    ipc/topic_control.c
    ipc/topic_feed.c
    ipc/topic_join.c
    ipc/topic_place.c
    ipc/topic_publisher.c
    ipc/topic_room.c
    ipc/topic_subscriber.c
    ipc/topic_tap.c
    ipc/topic_wait.c
    ipc/tx.c
)

set(WEFT_PROCESS_SOURCES
    process/process.c
    process/request.c
    process/spec.c
)

# Added when WEFT_TEST_HOOKS is on.
set(WEFT_HOOK_SOURCES
    os/fake/step.c
)

# What Linux and macOS share.
set(WEFT_OS_POSIX_SOURCES
    os/posix/bell.c
    os/posix/map.c
    os/posix/misc.c
    os/posix/named.c
    os/posix/names.c
    os/posix/numbers.c
    os/posix/place.c
    os/posix/probe.c
    os/posix/run.c
    os/posix/thread.c
    os/posix/watch.c
)

# One of these lists is the back end, by WEFT_OS.
set(WEFT_OS_LINUX_SOURCES
    os/linux/bell.c
    os/linux/endpoint.c
    os/linux/features.c
    os/linux/fence.c
    os/linux/lookout.c
    os/linux/misc.c
    os/linux/process.c
    os/linux/run_child.c
    os/linux/run_helper.c
    os/linux/run_members.c
    os/linux/run_pump.c
    os/linux/run_report.c
    os/linux/run_tree.c
    os/linux/set.c
    os/linux/shm.c
    os/linux/socket.c
    os/linux/vigil.c
    os/linux/wait.c
    os/linux/word.c
    ${WEFT_OS_POSIX_SOURCES}
)

set(WEFT_OS_MACOS_SOURCES
    os/macos/bell.c
    os/macos/connect.c
    os/macos/endpoint.c
    os/macos/events.c
    os/macos/features.c
    os/macos/misc.c
    os/macos/os_sync.c
    os/macos/process.c
    os/macos/queue.c
    os/stub/run_helper.c
    os/macos/set.c
    os/macos/shm.c
    os/macos/socket.c
    os/macos/wait.c
    os/macos/word.c
    ${WEFT_OS_POSIX_SOURCES}
)
if(WEFT_APPLE_APP_STORE_SAFE)
    list(APPEND WEFT_OS_MACOS_SOURCES os/macos/ulock_none.c)
else()
    list(APPEND WEFT_OS_MACOS_SOURCES os/macos/ulock.c)
endif()

# macOS's calls, on Linux, for the tests of the macOS back end.
set(WEFT_DOUBLE_SOURCES
    os/double/faults.c
    os/double/files.c
    os/double/knote.c
    os/double/kqueue.c
    os/double/listen.c
    os/double/memory.c
    os/double/messages.c
    os/double/process.c
    os/double/socket.c
    os/double/system.c
    os/double/vnode.c
    os/double/words.c
)
if(WEFT_DOUBLE)
    list(APPEND WEFT_OS_MACOS_SOURCES ${WEFT_DOUBLE_SOURCES})
endif()

set(WEFT_OS_WINDOWS_SOURCES
    os/windows/bell.c
    os/windows/connect.c
    os/windows/endpoint.c
    os/windows/expose.c
    os/windows/features.c
    os/windows/handles.c
    os/windows/inbox.c
    os/windows/io.c
    os/windows/link.c
    os/windows/misc.c
    os/windows/named.c
    os/windows/names.c
    os/windows/pipe.c
    os/windows/place.c
    os/windows/proof.c
    os/stub/run_handles.c
    os/stub/run_helper.c
    os/windows/security.c
    os/windows/set.c
    os/windows/shm.c
    os/windows/socket.c
    os/windows/socket_wait.c
    os/windows/thread.c
    os/windows/wait.c
    os/windows/watch.c
    os/windows/word.c
    os/windows/word_local.c
)

set(WEFT_OS_STUB_SOURCES
    os/stub/clock.c
    os/stub/endpoint.c
    os/stub/memory.c
    os/stub/process.c
    os/stub/run_handles.c
    os/stub/run_helper.c
    os/stub/set.c
    os/stub/socket.c
    os/stub/system.c
    os/stub/thread.c
    os/stub/waiter.c
)
