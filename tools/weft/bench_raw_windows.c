/* SPDX-License-Identifier: MIT
 *
 * raw asleep on Windows: an auto-reset event for each side, which both inherit.
 * WaitOnAddress knows the threads of one process only.
 */
#include <windows.h>

#include "bench_raw.h"

bool raw_beds_open(raw_bed beds[2])
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    HANDLE first = CreateEventW(&inherited, FALSE, FALSE, NULL);
    HANDLE second = CreateEventW(&inherited, FALSE, FALSE, NULL);

    beds[0].event = (intptr_t)first;
    beds[1].event = (intptr_t)second;
    if (first == NULL || second == NULL) {
        raw_beds_close(beds);
        return false;
    }
    return true;
}

void raw_beds_close(raw_bed beds[2])
{
    DWORD cause = GetLastError();

    for (int i = 0; i < 2; i++) {
        if (beds[i].event != 0) {
            (void)CloseHandle((HANDLE)beds[i].event);
        }
    }
    SetLastError(cause);
}

/* A wake that came before is not lost: the event stays set until a sleep. */
void raw_bed_sleep(const raw_bed *bed, raw_word *word, uint32_t old)
{
    (void)word;
    (void)old;
    (void)WaitForSingleObject((HANDLE)bed->event, INFINITE);
}

void raw_bed_wake(const raw_bed *bed, raw_word *word)
{
    (void)word;
    (void)SetEvent((HANDLE)bed->event);
}
