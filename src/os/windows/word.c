/* SPDX-License-Identifier: MIT
 *
 * Waiting at words that processes share; word_local.c has the others.
 *
 * WaitOnAddress knows the threads of one process only. A word that processes
 * share is found by the number of its site, which names a semaphore. Each
 * wait opens it, or makes it, and closes it at its end, so that it has a
 * handle for each wait, and is gone when nobody waits. Its count is that of
 * the waits that are to end: the tokens.
 *
 *      sleeper                         waker
 *      open the semaphore              change the word
 *      FULL FENCE                      FULL FENCE
 *      load the word                   open the semaphore; if there is none,
 *      wait for a token, unless            nobody waits
 *          it has changed              add a token for each handle that is
 *      close the semaphore                 not the waker's, `count` at most
 *
 * Without the fences each side's load could pass its own store; with them,
 * either the sleeper sees the new word or the waker sees the semaphore, and the
 * sleeper's handle. Windows counts the handles, so those of the dead do not
 * count. Handles of other wakers do, and a sleeper may leave without the token
 * that was meant for it: that makes a token too many, which ends a later wait
 * early, or goes away with the semaphore.
 */
#include "word.h"

#include <limits.h>
#include <wchar.h>

#include "security.h"

/* ---------------------------------------------------------------- deaths ---
 */

#define WATCHED_MOST (WEFTOS_SITE_OTHERS + 1)

_Static_assert(WATCHED_MOST + 1 <= WEFTOS_WAIT_MOST, "all fit into one wait");

/* Whose deaths a wait hears: their processes, then what it waits for. */
struct watches {
    HANDLE objects[WATCHED_MOST + 1];
    DWORD count;
};

/*
 * The number of a process that has ended is used again as soon as its last
 * handle is closed; the stamp tells whether this one is meant. `*process` is
 * NULL if there is one and no more can be known.
 */
static weft_status watch_process(const weftos_process_id *who, HANDLE *process,
                                 weft_detail *detail)
{
    static const char step[] = "watch a process";

    *process = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION,
                           FALSE, who->pid);
    if (*process == NULL) {
        DWORD cause = GetLastError();

        return cause == ERROR_ACCESS_DENIED ? WEFT_OK
               : cause == ERROR_INVALID_PARAMETER
                   ? weftos_fail(detail, WEFT_EPEERDIED, cause, step)
                   : weftos_fail(detail, weftos_error_status(cause), cause,
                                 step);
    }
    if (weftos_process_stamp(*process) != who->stamp) {
        (void)CloseHandle(*process);
        *process = NULL;
        return weftos_fail(detail, WEFT_EPEERDIED, 0, step);
    }
    return WEFT_OK;
}

static void end_watches(struct watches *watches)
{
    while (watches->count > 0) {
        (void)CloseHandle(watches->objects[--watches->count]);
    }
}

static weft_status begin_watches(struct watches *watches,
                                 const weftos_site *site, weft_detail *detail)
{
    watches->count = 0;
    for (unsigned i = 0; i < WATCHED_MOST; i++) {
        const weftos_process_id *who =
            i == 0 ? &site->owner : &site->others[i - 1];
        HANDLE process = NULL;
        weft_status status = WEFT_OK;

        if (who->pid != 0) {
            status = watch_process(who, &process, detail);
        }
        if (status != WEFT_OK) {
            end_watches(watches);
            return status;
        }
        if (process != NULL) {
            watches->objects[watches->count++] = process;
        }
    }
    return WEFT_OK;
}

/* ------------------------------------------------------------------ wait ---
 */

static void name_semaphore(uint64_t id, wchar_t name[64])
{
    (void)_snwprintf(name, 64, L"Local\\weft-word-%016llx",
                     (unsigned long long)id);
}

/* A death is told even if the word has changed: then it looks, once. */
static weft_status sleep_at(_Atomic uint32_t *word, uint32_t value,
                            HANDLE tokens, struct watches *watches,
                            uint64_t deadline_ns, weft_detail *detail)
{
    static const char step[] = "wait at a shared word";
    DWORD index = 0;
    bool has_changed;
    weft_status status;

    weftos_fence_full();
    has_changed = atomic_load(word) != value;
    watches->objects[watches->count] = tokens;
    status = weftos_wait_once(watches->objects, watches->count + 1,
                              has_changed ? WEFT_NOW : deadline_ns, &index,
                              detail, step);
    if (status == WEFT_OK && index < watches->count) {
        return weftos_fail(detail, WEFT_EPEERDIED, 0, step);
    }
    return has_changed && status == WEFT_EAGAIN ? WEFT_OK : status;
}

weft_status weftos_site_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             weft_detail *detail)
{
    SECURITY_ATTRIBUTES *access = weftos_get_access(WEFTOS_ACCESS_USER, detail);
    struct watches watches;
    wchar_t name[64];
    HANDLE tokens;
    weft_status status;

    if (access == NULL) {
        return WEFT_EOS;
    }
    status = begin_watches(&watches, site, detail);
    if (status != WEFT_OK) {
        return status;
    }
    name_semaphore(site->id, name);
    tokens = CreateSemaphoreW(access, 0, LONG_MAX, name);
    if (tokens != NULL) {
        status = sleep_at(word, value, tokens, &watches, deadline_ns, detail);
        (void)CloseHandle(tokens);
    } else {
        status = weftos_fail_last(detail, "make the semaphore of a word");
    }
    end_watches(&watches);
    return status;
}

/* ------------------------------------------------------------------ wake ---
 */

void weftos_site_wake(uint32_t count, const weftos_site *site)
{
    wchar_t name[64];
    HANDLE tokens;
    ULONG rights;
    ULONG handles;

    weftos_fence_full();
    name_semaphore(site->id, name);
    tokens = OpenSemaphoreW(SEMAPHORE_MODIFY_STATE, FALSE, name);
    if (tokens == NULL) {
        return;
    }
    if (!weftos_ask_object(tokens, &rights, &handles)) {
        handles = 2; /* it can't fail */
    }
    count = count < handles - 1 ? count : handles - 1;
    if (count > 0) {
        (void)ReleaseSemaphore(tokens, (LONG)count, NULL);
    }
    (void)CloseHandle(tokens);
}
