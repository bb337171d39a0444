/* SPDX-License-Identifier: MIT
 *
 * Who a peer, or an owner, says it is: what this process holds itself proves
 * nothing about others; a handle that holds up whoever asks about it does not
 * hold up who receives; a number that was used again is not its last owner.
 */
#include "os/windows/proof.h"
#include "os/windows/link.h"

#include <string.h>

#include "imports.h"
#include "os/contract.h"

/* ------------------------------------------------------------- own ends --- */

static void write_as(weft_handle end, DWORD pid)
{
    struct weftos_header header;
    OVERLAPPED io = {0};
    DWORD written;

    weftos_header_fill(&header, (HANDLE)end, WEFTOS_KIND_MESSAGE, 0);
    header.pid = pid;
    CHECK(WriteFile((HANDLE)end, &header, sizeof(header), NULL, &io) ||
          weftos_io_finish((HANDLE)end, &io, false, &written) == 0);
}

static void test_own_end(void)
{
    weft_handle ends[2];
    weftos_received received;

    check_case("an end that this process has not closed proves nobody");
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    write_as(ends[1], GetCurrentProcessId());
    CHECK_STATUS(weftos_socket_recv(ends[0], &received, NULL), WEFT_EPROTO);
    weftos_close(ends[1]);
    weftos_close(ends[0]);
}

/* -------------------------------------------------------------- stalled --- */

typedef BOOL WINAPI pipe_info_call(HANDLE pipe, DWORD *flags, DWORD *out,
                                   DWORD *in, DWORD *most);

extern pipe_info_call *__imp_GetNamedPipeInfo;

static pipe_info_call *real_pipe_info;
static HANDLE stalled; /* nobody learns about this one before `release` */
static HANDLE release;

static BOOL WINAPI stall(HANDLE pipe, DWORD *flags, DWORD *out, DWORD *in,
                         DWORD *most)
{
    if (pipe == stalled) {
        (void)WaitForSingleObject(release, INFINITE);
    }
    return real_pipe_info(pipe, flags, out, in, most);
}

static bool is_open(HANDLE handle)
{
    DWORD flags;

    return GetHandleInformation(handle, &flags) != 0;
}

static void test_stalled(void)
{
    weft_handle ends[2];
    uint64_t late = peer_soon();
    HANDLE self = GetCurrentProcess();
    HANDLE copy;
    uint64_t began;

    check_case("the other end is known by its name and its role");
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    REQUIRE(DuplicateHandle(self, (HANDLE)ends[1], self, &copy, 0, FALSE,
                            DUPLICATE_SAME_ACCESS));
    CHECK(weftos_is_proven_end((HANDLE)ends[0], copy));
    CHECK(!is_open(copy));
    REQUIRE(DuplicateHandle(self, (HANDLE)ends[0], self, &copy, 0, FALSE,
                            DUPLICATE_SAME_ACCESS));
    CHECK(!weftos_is_proven_end((HANDLE)ends[0], copy));

    check_case("a handle that holds up who asks is given up, and closed later");
    REQUIRE(DuplicateHandle(self, (HANDLE)ends[1], self, &stalled, 0, FALSE,
                            DUPLICATE_SAME_ACCESS));
    release = CreateEventW(NULL, TRUE, FALSE, NULL);
    real_pipe_info = __imp_GetNamedPipeInfo;
    IMPORT_SET(__imp_GetNamedPipeInfo, stall);
    began = weft_now_ns();
    CHECK(!weftos_is_proven_end((HANDLE)ends[0], stalled));
    CHECK(weft_now_ns() - began < 2 * CONTRACT_LATE_NS);
    CHECK(is_open(stalled));
    CHECK(SetEvent(release));
    while (is_open(stalled) && weft_now_ns() < late) {
        weftos_yield();
    }
    CHECK(!is_open(stalled));
    IMPORT_SET(__imp_GetNamedPipeInfo, real_pipe_info);
    Sleep(1); /* the thread ends after it has closed that */
    CHECK(CloseHandle(release));
    weftos_close(ends[1]);
    weftos_close(ends[0]);
}

/* --------------------------------------------------------------- denied --- */

typedef HANDLE WINAPI open_call(DWORD rights, BOOL inherit, DWORD pid);

extern open_call *__imp_OpenProcess;

static HANDLE WINAPI deny(DWORD rights, BOOL inherit, DWORD pid)
{
    (void)rights;
    (void)inherit;
    (void)pid;
    SetLastError(ERROR_ACCESS_DENIED);
    return NULL;
}

static void test_denied(void)
{
    open_call *real = __imp_OpenProcess;
    _Atomic uint32_t word = 0;
    weftos_process_id self;
    weftos_process_id nobody;
    uint32_t stamp = 0;
    weftos_site site = {.id = 4711};

    check_case("an owner that may not be opened is told from its successor");
    REQUIRE(weftos_process_mark(&self, NULL, NULL) == WEFT_OK);
    CHECK(weftos_listed_stamp(self.pid, &stamp) && stamp == self.stamp);
    nobody = (weftos_process_id){.pid = 0x7ffffffc, .stamp = self.stamp};
    CHECK(weftos_listed_stamp(nobody.pid, &stamp) && stamp == 0);
    IMPORT_SET(__imp_OpenProcess, deny);
    site.owner = self;
    CHECK_STATUS(weftos_word_wait(&word, 0, &site, WEFT_NOW, false, NULL),
                 WEFT_EAGAIN);
    site.owner.stamp ^= 1;
    CHECK_STATUS(weftos_word_wait(&word, 0, &site, WEFT_NOW, false, NULL),
                 WEFT_EPEERDIED);
    site.owner = nobody;
    CHECK_STATUS(weftos_word_wait(&word, 0, &site, WEFT_NOW, false, NULL),
                 WEFT_EPEERDIED);
    IMPORT_SET(__imp_OpenProcess, real);
}

void test_main(void)
{
    test_own_end();
    test_stalled();
    test_denied();
}
