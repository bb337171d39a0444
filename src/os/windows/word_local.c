/* SPDX-License-Identifier: MIT
 *
 * Waiting at words: those of this process's own by WaitOnAddress, which
 * Windows 8 and later have. Without it such a word is a site too, whose number
 * is made of its address.
 */
#include "word.h"

/* More threads than this are woken by one call for all. */
#define SINGLY_MOST 8

typedef BOOL WINAPI wait_on_address(volatile void *word, void *value,
                                    SIZE_T bytes, DWORD ms);
typedef void WINAPI wake_by_address(void *word);

static struct {
    wait_on_address *wait; /* NULL: there is no such thing */
    wake_by_address *wake_one;
    wake_by_address *wake_all;
} local;

static BOOL CALLBACK find_local(INIT_ONCE *once, void *parameter,
                                void **context)
{
    static const wchar_t library[] = L"kernelbase.dll";

    (void)once;
    (void)parameter;
    (void)context;
    local.wake_one =
        (wake_by_address *)weftos_find_function(library, "WakeByAddressSingle");
    local.wake_all =
        (wake_by_address *)weftos_find_function(library, "WakeByAddressAll");
    if (local.wake_one != NULL && local.wake_all != NULL) {
        local.wait =
            (wait_on_address *)weftos_find_function(library, "WaitOnAddress");
    }
    return TRUE;
}

static bool has_local_waits(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    (void)InitOnceExecuteOnce(&once, find_local, NULL, NULL);
    return local.wait != NULL;
}

static weftos_site site_of_own(_Atomic uint32_t *word)
{
    return (weftos_site){.id = (uint64_t)(uintptr_t)word ^
                               (uint64_t)GetCurrentProcessId() << 48};
}

static weft_status wait_local(_Atomic uint32_t *word, uint32_t value,
                              uint64_t deadline_ns, weft_detail *detail)
{
    static const char step[] = "wait at a word";

    while (atomic_load(word) == value) {
        DWORD ms = weftos_ms_left(deadline_ns);

        if (ms == 0) {
            return weftos_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                0, step);
        }
        if (local.wait(word, &value, sizeof(value), ms)) {
            return WEFT_OK;
        }
        if (GetLastError() != ERROR_TIMEOUT) {
            return weftos_fail_last(detail, step);
        }
    }
    return WEFT_OK;
}

static void wake_local(_Atomic uint32_t *word, uint32_t count)
{
    if (count > SINGLY_MOST) {
        local.wake_all(word);
        return;
    }
    for (; count > 0; count--) {
        local.wake_one(word);
    }
}

weft_status weftos_word_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             bool interruptible, weft_detail *detail)
{
    weftos_site own;

    (void)interruptible; /* Windows has no signals */
    if (site == NULL && has_local_waits()) {
        return wait_local(word, value, deadline_ns, detail);
    }
    own = site == NULL ? site_of_own(word) : *site;
    return weftos_site_wait(word, value, &own, deadline_ns, detail);
}

void weftos_word_wake(_Atomic uint32_t *word, uint32_t count,
                      const weftos_site *site)
{
    weftos_site own;

    if (site == NULL && has_local_waits()) {
        wake_local(word, count);
        return;
    }
    own = site == NULL ? site_of_own(word) : *site;
    weftos_site_wake(count, &own);
}
