/* SPDX-License-Identifier: MIT
 *
 * What a thread does and where it runs, on Windows.
 *
 * No call tells that a thread sleeps, and Wine has no thread states. But a
 * sleeping thread is inside one of the few calls of ntdll.dll that wait, and
 * its program counter says so: it is where that call's system call returns to.
 * The thread is suspended for the look, which does not end its wait.
 */
#include <string.h>
#include <windows.h>

#include "check.h"
#include "peer.h"

/* A call of ntdll.dll is no longer than this. */
#define CALL_BYTES 32

#if defined(__aarch64__)
#define PROGRAM_COUNTER(context) ((uintptr_t)(context).Pc)
#else
#define PROGRAM_COUNTER(context) ((uintptr_t)(context).Rip)
#endif

static const char *const waiting_calls[] = {
    "NtWaitForSingleObject",    "NtWaitForMultipleObjects",
    "NtRemoveIoCompletion",     "NtRemoveIoCompletionEx",
    "NtWaitForAlertByThreadId", "NtFsControlFile", /* a wait for a pipe */
};

int peer_thread(void)
{
    return (int)GetCurrentThreadId();
}

/* ntdll.dll lies at one address in all processes. */
static bool is_waiting_at(uintptr_t place)
{
    HMODULE module = GetModuleHandleW(L"ntdll.dll");

    for (size_t i = 0; i < sizeof(waiting_calls) / sizeof(waiting_calls[0]);
         i++) {
        uintptr_t call = (uintptr_t)GetProcAddress(module, waiting_calls[i]);

        if (call != 0 && place >= call && place - call < CALL_BYTES) {
            return true;
        }
    }
    return false;
}

static bool looks_asleep(HANDLE thread)
{
    CONTEXT context;
    bool known;

    memset(&context, 0, sizeof(context));
    context.ContextFlags = CONTEXT_CONTROL;
    if (SuspendThread(thread) == (DWORD)-1) {
        return false;
    }
    known = GetThreadContext(thread, &context) != 0;
    (void)ResumeThread(thread);
    return known && is_waiting_at(PROGRAM_COUNTER(context));
}

/* Whoever looks again and again must let the thread get on in between. */
bool peer_is_asleep(int thread)
{
    bool asleep;
    HANDLE handle;

    if (thread == peer_thread()) {
        return false; /* and could not end its own suspension */
    }
    handle = OpenThread(THREAD_SUSPEND_RESUME | THREAD_GET_CONTEXT, FALSE,
                        (DWORD)thread);
    asleep = handle != NULL && looks_asleep(handle);
    CHECK(handle != NULL && CloseHandle(handle));
    if (!asleep) {
        Sleep(1);
    }
    return asleep;
}

static DWORD_PTR own_cpus(void)
{
    DWORD_PTR own = 0;
    DWORD_PTR all = 0;

    (void)GetProcessAffinityMask(GetCurrentProcess(), &own, &all);
    return own;
}

unsigned peer_cpus(void)
{
    unsigned count = 0;

    for (DWORD_PTR rest = own_cpus(); rest != 0; rest &= rest - 1) {
        count++;
    }
    return count;
}

bool peer_pin(unsigned nth)
{
    DWORD_PTR rest = own_cpus();

    while (nth-- > 0) {
        rest &= rest - 1;
    }
    /* The lowest of those that are left. */
    return rest != 0 &&
           SetThreadAffinityMask(GetCurrentThread(), rest & (0 - rest)) != 0;
}

uint64_t peer_free_memory(void)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof(status)};

    return GlobalMemoryStatusEx(&status) ? status.ullAvailPhys : 0;
}
