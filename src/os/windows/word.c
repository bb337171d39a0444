/* SPDX-License-Identifier: MIT
 *
 * Waiting at words that processes share; word_local.c has the others.
 *
 * WaitOnAddress knows the threads of one process only. A word that processes
 * share is found by the number of its site, which names a row of places. Each
 * wait takes the first free place, a semaphore that holds at most one token,
 * and sleeps until it is given one. The names vanish with the last handle, so
 * those of the dead do.
 *
 *      sleeper                         waker
 *      take a place                    change the word
 *      FULL FENCE                      FULL FENCE
 *      load the word                   for each place there may be, until
 *      sleep, unless it has changed        `count` tokens were taken:
 *      leave the place                     offer it a token
 *
 * Without the fences each side's load could pass its own store; with them,
 * either the sleeper sees the new word or the waker sees the place. A common
 * semaphore for all would not do: a sleeper that comes later, for the new
 * value, could take the token of one that has looked at the old one and is not
 * yet asleep.
 *
 * A place takes one token only, so two wakers end two waits. Who leaves a
 * place fills it first, so that nobody offers it a token in vain. If somebody
 * has done so already, that wake is passed on.
 */
#include "word.h"

#include <limits.h>
#include <wchar.h>

#include "security.h"

/* --------------------------------------------------------------- deaths --- */

#define WATCHED_MOST (WEFTOS_SITE_OTHERS + 1)

_Static_assert(WATCHED_MOST + 1 <= WEFTOS_WAIT_MOST, "all fit into one wait");

/* Whose deaths a wait hears: their processes, then what it waits for. */
struct watches {
    HANDLE objects[WATCHED_MOST + 1];
    DWORD count;
};

/* One that may not be opened can't be watched, but looked up. */
static bool is_another(const weftos_process_id *who)
{
    uint32_t stamp;

    return weftos_listed_stamp(who->pid, &stamp) && stamp != who->stamp;
}

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

        if (cause == ERROR_INVALID_PARAMETER ||
            (cause == ERROR_ACCESS_DENIED && is_another(who))) {
            return weftos_fail(detail, WEFT_EPEERDIED, cause, step);
        }
        return cause == ERROR_ACCESS_DENIED
                   ? WEFT_OK
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

/* --------------------------------------------------------------- places --- */

/* How many can wait for one word at a time. */
#define PLACES_MOST 256

/* What a sleeper holds. */
struct place {
    HANDLE row; /* its count: there is no place from this number on */
    HANDLE semaphore;
};

static void name_row(uint64_t id, wchar_t name[64])
{
    (void)_snwprintf(name, 64, L"Local\\weft-word-%016llx",
                     (unsigned long long)id);
}

static void name_place(uint64_t id, unsigned number, wchar_t name[64])
{
    (void)_snwprintf(name, 64, L"Local\\weft-word-%016llx-%u",
                     (unsigned long long)id, number);
}

/* The right to ask; the headers of some compilers lack it. */
#ifndef SEMAPHORE_QUERY_STATE
#define SEMAPHORE_QUERY_STATE 0x0001
#endif

/* What NtQuerySemaphore tells; Windows has had it since its beginning. */
struct semaphore_facts {
    LONG count;
    LONG most;
};
typedef LONG NTAPI query_semaphore(HANDLE semaphore, int what, void *facts,
                                   ULONG bytes, ULONG *used);
#define SEMAPHORE_FACTS 0

static LONG count_of(HANDLE semaphore)
{
    query_semaphore *query = (query_semaphore *)weftos_find_function(
        L"ntdll.dll", "NtQuerySemaphore");
    struct semaphore_facts facts = {PLACES_MOST, PLACES_MOST};

    if (query != NULL) {
        (void)query(semaphore, SEMAPHORE_FACTS, &facts, sizeof(facts), NULL);
    }
    return facts.count;
}

static unsigned places_in(HANDLE row)
{
    LONG count = count_of(row);

    return count < PLACES_MOST ? (unsigned)count : PLACES_MOST;
}

/* Two who do this at once make it longer than it is, which does no harm. */
static void lengthen_row(HANDLE row, unsigned places)
{
    unsigned known = places_in(row);

    if (places > known) {
        (void)ReleaseSemaphore(row, (LONG)(places - known), NULL);
    }
}

static weft_status take_place(struct place *place, uint64_t id,
                              SECURITY_ATTRIBUTES *access, weft_detail *detail)
{
    static const char step[] = "take a place to wait at a word";
    wchar_t name[64];

    name_row(id, name);
    place->row = CreateSemaphoreW(access, 0, LONG_MAX, name);
    if (place->row == NULL) {
        return weftos_fail_last(detail, step);
    }
    for (unsigned i = 0; i < PLACES_MOST; i++) {
        DWORD cause;

        name_place(id, i, name);
        place->semaphore = CreateSemaphoreW(access, 0, 1, name);
        cause = GetLastError();
        if (place->semaphore != NULL && cause != ERROR_ALREADY_EXISTS) {
            lengthen_row(place->row, i + 1);
            return WEFT_OK;
        }
        if (place->semaphore == NULL) {
            (void)CloseHandle(place->row);
            return weftos_fail(detail, weftos_error_status(cause), cause, step);
        }
        (void)CloseHandle(place->semaphore);
    }
    (void)CloseHandle(place->row);
    return weftos_fail(detail, WEFT_ELIMIT, 0, step);
}

/* True: nobody had offered it a token. */
static bool leave_place(const struct place *place)
{
    bool was_empty = ReleaseSemaphore(place->semaphore, 1, NULL);

    (void)CloseHandle(place->semaphore);
    (void)CloseHandle(place->row);
    return was_empty;
}

/* ----------------------------------------------------------------- wait --- */

/* A death is told even if the word has changed; a token is not taken then. */
static weft_status sleep_at(_Atomic uint32_t *word, uint32_t value,
                            HANDLE token, struct watches *watches,
                            uint64_t deadline_ns, weft_detail *detail)
{
    static const char step[] = "wait at a shared word";
    DWORD count = watches->count;
    DWORD index = 0;
    bool has_changed;
    weft_status status = WEFT_EAGAIN;

    weftos_fence_full();
    has_changed = atomic_load(word) != value;
    if (!has_changed) {
        watches->objects[count++] = token;
    }
    if (count > 0) {
        status = weftos_wait_once(watches->objects, count,
                                  has_changed ? WEFT_NOW : deadline_ns, &index,
                                  detail, step);
    }
    if (status == WEFT_OK && index < watches->count) {
        return weftos_fail(detail, WEFT_EPEERDIED, 0, step);
    }
    return has_changed && status == WEFT_EAGAIN ? WEFT_OK : status;
}

static weft_status wait_at_place(_Atomic uint32_t *word, uint32_t value,
                                 const weftos_site *site,
                                 struct watches *watches, uint64_t deadline_ns,
                                 weft_detail *detail)
{
    SECURITY_ATTRIBUTES *access = weftos_get_access(WEFTOS_ACCESS_USER, detail);
    struct place place;
    weft_status status;

    if (access == NULL) {
        return WEFT_EOS;
    }
    status = take_place(&place, site->id, access, detail);
    if (status != WEFT_OK) {
        return status;
    }
    status =
        sleep_at(word, value, place.semaphore, watches, deadline_ns, detail);
    if (leave_place(&place)) {
        return status;
    }
    if (status == WEFT_ETIMEDOUT || status == WEFT_EAGAIN) {
        return WEFT_OK; /* woken after all */
    }
    weftos_site_wake(1, site);
    return status;
}

weft_status weftos_site_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             weft_detail *detail)
{
    struct watches watches;
    weft_status status = begin_watches(&watches, site, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = wait_at_place(word, value, site, &watches, deadline_ns, detail);
    end_watches(&watches);
    return status;
}

/* ----------------------------------------------------------------- wake --- */

/*
 * True: somebody was asleep there, and took the token at once. One who has only
 * begun to wait finds it; but it might also lie at the place of a dead one,
 * which is there while another waker looks at it, so that one does not count.
 */
static bool offer_token(uint64_t id, unsigned number)
{
    wchar_t name[64];
    HANDLE semaphore;
    bool is_taken;

    name_place(id, number, name);
    semaphore = OpenSemaphoreW(SEMAPHORE_MODIFY_STATE | SEMAPHORE_QUERY_STATE,
                               FALSE, name);
    if (semaphore == NULL) {
        return false;
    }
    is_taken = ReleaseSemaphore(semaphore, 1, NULL) && count_of(semaphore) == 0;
    (void)CloseHandle(semaphore);
    return is_taken;
}

void weftos_site_wake(uint32_t count, const weftos_site *site)
{
    /* Begins at another place each time, so that all get their turn. */
    static _Atomic unsigned turn;
    unsigned first = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed);
    unsigned places;
    wchar_t name[64];
    HANDLE row;

    weftos_fence_full();
    name_row(site->id, name);
    row = OpenSemaphoreW(SEMAPHORE_QUERY_STATE, FALSE, name);
    if (row == NULL) {
        return; /* nobody waits */
    }
    places = places_in(row);
    for (unsigned i = 0; i < places && count > 0; i++) {
        count -= offer_token(site->id, (first + i) % places);
    }
    (void)CloseHandle(row);
}
