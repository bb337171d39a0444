/* SPDX-License-Identifier: MIT
 *
 * Overlapped operations that share things: each is waited for until it has
 * ended itself, whatever sets the event; and who sends and who receives do not
 * end each other's waits.
 */
#include "os/windows/win.h"

#include <pthread.h>
#include <string.h>
#include <wchar.h>

#include "os/contract.h"

#define DELAY_MS 30

static HANDLE ends[2];

static void open_pipe(void)
{
    wchar_t name[64];

    (void)_snwprintf(name, 64, L"\\\\.\\pipe\\weft-test-io-%lu",
                     GetCurrentProcessId());
    ends[0] = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                               PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1,
                               4096, 4096, 0, NULL);
    REQUIRE(ends[0] != INVALID_HANDLE_VALUE);
    ends[1] = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL,
                          OPEN_EXISTING, 0, NULL);
    REQUIRE(ends[1] != INVALID_HANDLE_VALUE);
}

static void close_pipe(void)
{
    CHECK(CloseHandle(ends[0]));
    CHECK(CloseHandle(ends[1]));
}

/* Sets the event first, as another operation would. */
static void *set_and_write(void *event)
{
    DWORD written;

    for (unsigned i = 0; i < 3; i++) {
        Sleep(DELAY_MS);
        CHECK(SetEvent((HANDLE)event));
    }
    Sleep(DELAY_MS);
    CHECK(WriteFile(ends[1], "four", 4, &written, NULL));
    return NULL;
}

static void test_shared_event(void)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    OVERLAPPED io = {.hEvent = event};
    char bytes[8];
    pthread_t thread;
    DWORD got = 0;

    check_case("an operation is waited for, not its event");
    open_pipe();
    CHECK(!ReadFile(ends[0], bytes, sizeof(bytes), NULL, &io) &&
          GetLastError() == ERROR_IO_PENDING);
    CHECK(SetEvent(event));
    REQUIRE(pthread_create(&thread, NULL, set_and_write, event) == 0);
    CHECK(weftos_io_finish(ends[0], &io, false, &got) == 0);
    CHECK(HasOverlappedIoCompleted(&io));
    CHECK(got == 4 && memcmp(bytes, "four", 4) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    close_pipe();
    CHECK(CloseHandle(event));
}

static void test_cancelled(void)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    OVERLAPPED first = {.hEvent = event};
    OVERLAPPED second = {.hEvent = event};
    char bytes[8];
    DWORD got = 0;

    check_case("of two that share an event, the one that was cancelled ends");
    open_pipe();
    CHECK(!ReadFile(ends[0], bytes, sizeof(bytes), NULL, &first));
    CHECK(!ReadFile(ends[0], bytes, sizeof(bytes), NULL, &second));
    CHECK(SetEvent(event));
    CHECK(weftos_io_finish(ends[0], &second, true, &got) ==
          ERROR_OPERATION_ABORTED);
    CHECK(HasOverlappedIoCompleted(&second));
    CHECK(!HasOverlappedIoCompleted(&first));
    CHECK(weftos_io_finish(ends[0], &first, true, &got) ==
          ERROR_OPERATION_ABORTED);
    close_pipe();
    CHECK(CloseHandle(event));
}

/* ------------------------------------------------------ sender, receiver -- */

#define SENDS 2000

struct work {
    weft_handle socket;
    unsigned count;
};

/* Fills the pipe, so that sends are cancelled, until all were sent. */
static void *send_all(void *argument)
{
    struct work *work = argument;
    uint64_t late = peer_soon();

    while (work->count < SENDS && weft_now_ns() < late) {
        weft_status status = weftos_socket_send(
            work->socket, &work->count, sizeof(work->count), NULL, 0, NULL);

        if (status == WEFT_EAGAIN) {
            weftos_yield();
        } else if (!CHECK_STATUS(status, WEFT_OK)) {
            break;
        } else {
            work->count++;
        }
    }
    return NULL;
}

static void *receive_all(void *argument)
{
    struct work *work = argument;
    weftos_received received;
    uint64_t late = peer_soon();

    while (work->count < SENDS && weft_now_ns() < late) {
        weft_status status = weftos_socket_recv(work->socket, &received, NULL);

        if (status == WEFT_EAGAIN) {
            (void)weftos_socket_wait(work->socket, false, WEFTOS_NONE,
                                     weft_after_ns(PEER_MS), false, NULL);
            continue;
        }
        if (!CHECK_STATUS(status, WEFT_OK) ||
            !CHECK(memcmp(received.data, &work->count, sizeof(work->count)) ==
                   0)) {
            break;
        }
        weftos_close(received.process);
        work->count++;
    }
    return NULL;
}

static void test_both_ways(void)
{
    weft_handle sockets[2];
    struct work work[4];
    pthread_t threads[4];

    check_case("who sends and who receives at one socket do not disturb");
    contract_sockets(sockets);
    for (unsigned i = 0; i < 4; i++) {
        work[i] = (struct work){sockets[i / 2], 0};
        REQUIRE(pthread_create(&threads[i], NULL,
                               i % 2 == 0 ? send_all : receive_all,
                               &work[i]) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(work[i].count == SENDS);
    }
    weftos_close(sockets[0]);
    weftos_close(sockets[1]);
}

void test_main(void)
{
    test_shared_event();
    test_cancelled();
    test_both_ways();
}
