/* SPDX-License-Identifier: MIT
 *
 * Sets: any number of handles, and one event for all.
 *
 * WaitForMultipleObjects takes no more than 64, so the system's thread pool
 * waits for each handle, once: when it is signalled, the handle is put into a
 * list, and the event is set. What was told is asked for itself, by the next
 * wait, and goes back to the pool when it is signalled no more; that makes it
 * level-triggered. So a handle is always in one of these states:
 *
 *      WATCHED   the pool waits for it
 *      FIRED     the pool was told, and has put it into the list
 *      TOLD      the caller was told; nobody waits
 *
 * The pool changes WATCHED into FIRED, under the lock; all else is done by the
 * thread that uses the set.
 */
#include <stdlib.h>

#include "win.h"

enum state { TOLD, WATCHED, FIRED };

/* A handle, in the list of its state; those that are WATCHED are in none. */
struct member {
    weftos_set *set;
    HANDLE handle;
    uint64_t id;
    HANDLE wait; /* the pool's; NULL: none */
    enum state state;
    struct member *next_same; /* in the list */
    struct member *next;      /* among all */
};

struct list {
    struct member *first;
    struct member **end;
    size_t count;
};

struct weftos_set {
    HANDLE event; /* auto-reset: look at `fired` and `is_woken` */
    HANDLE timer;
    struct member *all;
    struct list told;
    SRWLOCK lock;
    struct list fired; /* under the lock */
    bool is_woken;     /* under the lock */
};

/* ---------------------------------------------------------------- lists --- */

static void list_init(struct list *list)
{
    *list = (struct list){.end = &list->first};
}

static void list_append(struct list *list, struct member *member)
{
    member->next_same = NULL;
    *list->end = member;
    list->end = &member->next_same;
    list->count++;
}

static void list_remove(struct list *list, struct member *member)
{
    struct member **at = &list->first;

    while (*at != NULL && *at != member) {
        at = &(*at)->next_same;
    }
    if (*at == NULL) {
        return;
    }
    *at = member->next_same;
    if (list->end == &member->next_same) {
        list->end = at;
    }
    list->count--;
}

static struct member *list_take(struct list *list)
{
    struct member *member = list->first;

    if (member != NULL) {
        list_remove(list, member);
    }
    return member;
}

/* -------------------------------------------------------------- members --- */

static void CALLBACK note(void *context, BOOLEAN timed_out)
{
    struct member *member = context;
    weftos_set *set = member->set;

    (void)timed_out; /* it waits for ever */
    AcquireSRWLockExclusive(&set->lock);
    member->state = FIRED;
    list_append(&set->fired, member);
    ReleaseSRWLockExclusive(&set->lock);
    (void)SetEvent(set->event);
}

/* Has the pool wait. */
static weft_status watch(struct member *member, weft_detail *detail)
{
    member->state = WATCHED;
    if (RegisterWaitForSingleObject(
            &member->wait, member->handle, note, member, INFINITE,
            WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE)) {
        return WEFT_OK;
    }
    member->wait = NULL;
    return weftos_fail_last(detail, "watch a handle");
}

/* Ends that; note() is not running then. */
static void unwatch(struct member *member)
{
    if (member->wait != NULL) {
        (void)UnregisterWaitEx(member->wait, INVALID_HANDLE_VALUE);
        member->wait = NULL;
    }
}

/* ---------------------------------------------------------- open, close --- */

weft_status weftos_set_open(weftos_set **out, weft_detail *detail)
{
    static const char step[] = "open a set";
    weftos_set *set = calloc(1, sizeof(*set));

    *out = NULL;
    if (set == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, step);
    }
    InitializeSRWLock(&set->lock);
    list_init(&set->told);
    list_init(&set->fired);
    set->event = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (set->event == NULL) {
        weft_status status = weftos_fail_last(detail, step);

        free(set);
        return status;
    }
    *out = set;
    return WEFT_OK;
}

void weftos_set_close(weftos_set *set)
{
    if (set == NULL) {
        return;
    }
    while (set->all != NULL) {
        struct member *first = set->all;

        set->all = first->next;
        unwatch(first);
        free(first);
    }
    weftos_close_native(set->event);
    weftos_close_native(set->timer);
    free(set);
}

weft_status weftos_set_add(weftos_set *set, weft_handle handle, unsigned events,
                           uint64_t id, weft_detail *detail)
{
    struct member *member;
    weft_status status;

    if ((events & WEFTOS_WRITE) != 0) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "wait for more than READ");
    }
    member = calloc(1, sizeof(*member));
    if (member == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "add to a set");
    }
    member->set = set;
    member->handle = weftos_native(handle);
    member->id = id;
    status = watch(member, detail);
    if (status != WEFT_OK) {
        free(member);
        return status;
    }
    member->next = set->all;
    set->all = member;
    return WEFT_OK;
}

void weftos_set_remove(weftos_set *set, weft_handle handle, unsigned events,
                       uint64_t id)
{
    HANDLE wanted = weftos_native(handle);
    struct member **at = &set->all;
    struct member *member;

    (void)events;
    (void)id; /* a handle is in the set once */
    while (*at != NULL && (*at)->handle != wanted) {
        at = &(*at)->next;
    }
    member = *at;
    if (member == NULL) {
        return;
    }
    *at = member->next;
    unwatch(member);
    AcquireSRWLockExclusive(&set->lock);
    list_remove(member->state == FIRED ? &set->fired : &set->told, member);
    ReleaseSRWLockExclusive(&set->lock);
    free(member);
}

/* ----------------------------------------------------------------- wait --- */

static void tell(struct member *member, weftos_news *news, size_t *count)
{
    member->state = TOLD;
    list_append(&member->set->told, member);
    news[*count].id = member->id;
    news[(*count)++].events = WEFTOS_READ;
}

/* The first `left` of those that were told before: are they signalled still? */
static weft_status ask_told(weftos_set *set, size_t left, weftos_news *news,
                            size_t room, size_t *count, weft_detail *detail)
{
    weft_status status = WEFT_OK;

    for (; left > 0 && *count < room && status == WEFT_OK; left--) {
        struct member *member = list_take(&set->told);

        if (weftos_is_signalled(member->handle)) {
            tell(member, news, count);
            continue;
        }
        status = watch(member, detail);
        if (status != WEFT_OK) {
            member->state = TOLD;
            list_append(&set->told, member);
        }
    }
    /* What is to be told already must be told. */
    return *count > 0 ? WEFT_OK : status;
}

/* Those that the pool has found signalled. True: woken. */
static bool take_fired(weftos_set *set, weftos_news *news, size_t room,
                       size_t *count)
{
    bool is_woken;

    AcquireSRWLockExclusive(&set->lock);
    while (*count < room && set->fired.first != NULL) {
        tell(list_take(&set->fired), news, count);
    }
    is_woken = set->is_woken;
    set->is_woken = false;
    ReleaseSRWLockExclusive(&set->lock);
    return is_woken;
}

/* Gives back to the system what the waits of those were that have fired. */
static void end_waits(const weftos_set *set)
{
    for (struct member *member = set->told.first; member != NULL;
         member = member->next_same) {
        unwatch(member);
    }
}

weft_status weftos_set_wait(weftos_set *set, uint64_t deadline_ns,
                            bool interruptible, weftos_news *news, size_t room,
                            size_t *count, weft_detail *detail)
{
    size_t told = set->told.count;
    weft_status status;
    DWORD index;
    bool is_woken;

    (void)interruptible; /* Windows has no signals */
    *count = 0;
    /* What is new comes first, or the old would leave no room for it. */
    is_woken = take_fired(set, news, room, count);
    status = ask_told(set, told, news, room, count, detail);
    if (is_woken) {
        status = WEFT_OK; /* what failed does so again the next time */
    }
    while (status == WEFT_OK) {
        end_waits(set);
        if (*count > 0 || is_woken) {
            return WEFT_OK;
        }
        status = weftos_wait_objects(&set->event, 1, deadline_ns, &set->timer,
                                     &index, detail, "wait for a set");
        if (status == WEFT_OK) {
            is_woken = take_fired(set, news, room, count);
        }
    }
    return status;
}

void weftos_set_wake(weftos_set *set)
{
    AcquireSRWLockExclusive(&set->lock);
    set->is_woken = true;
    ReleaseSRWLockExclusive(&set->lock);
    (void)SetEvent(set->event);
}
