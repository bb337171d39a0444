/* SPDX-License-Identifier: MIT
 *
 * Who is at the other end of a pipe.
 *
 * For a pipe that was connected by name, Windows says which process made the
 * pipe and which one connected to it, and weft lets neither hand its end on.
 * The inherited end of a pair was connected by its maker, so there the system
 * knows nothing. The other process says its number in each message, and the
 * value that its end has among its handles; this process copies that handle
 * and looks at what it is. The pipe's name is random and it has one instance,
 * so a handle with that name and the role of the other end is the other end:
 * who has it can speak for it. What is only said is who of its holders did.
 */
#include "link.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "proof.h"

/* A server has thousands of links. */
#define BUCKET_BITS 12
#define BUCKETS (1u << BUCKET_BITS)

static struct weftos_link *buckets[BUCKETS];
static SRWLOCK table_lock = SRWLOCK_INIT;

/* -------------------------------------------------------------- entries --- */

static struct weftos_link **bucket_of(HANDLE pipe)
{
    /*
     * Handle values of pipes lie at even distances. The factor, 2^32 by the
     * golden ratio, spreads those over the upper bits.
     */
    uint32_t spread = (uint32_t)(uintptr_t)pipe * UINT32_C(0x9E3779B1);

    return &buckets[spread >> (32 - BUCKET_BITS)];
}

/* The process at the other end, as the system has it; 0: unknown. */
static DWORD other_process(HANDLE pipe)
{
    bool is_server;
    ULONG pid = 0;

    if (!weftos_is_server_end(pipe, &is_server) ||
        !(is_server ? GetNamedPipeClientProcessId(pipe, &pid)
                    : GetNamedPipeServerProcessId(pipe, &pid))) {
        return 0;
    }
    return pid;
}

static void init(struct weftos_link *link, HANDLE pipe, bool is_inherited)
{
    *link = (struct weftos_link){.pipe = pipe, .is_inherited = is_inherited};
    InitializeSRWLock(&link->lock);
    InitializeSRWLock(&link->inbox_lock);
    link->read_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    link->write_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!is_inherited) {
        weftos_party_open(&link->peer, other_process(pipe));
        link->has_peer = true;
    }
}

void weftos_link_init(struct weftos_link *link, HANDLE pipe)
{
    init(link, pipe, false);
}

weft_status weftos_link_add(HANDLE pipe, bool is_inherited,
                            struct weftos_link **out, weft_detail *detail)
{
    static const char step[] = "note a control socket";
    struct weftos_link *link = calloc(1, sizeof(*link));
    struct weftos_link **bucket = bucket_of(pipe);

    if (link == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, step);
    }
    init(link, pipe, is_inherited);
    if (link->read_event == NULL || link->write_event == NULL) {
        weft_status status = weftos_fail_last(detail, step);

        weftos_link_free(link);
        return status;
    }
    AcquireSRWLockExclusive(&table_lock);
    link->next = *bucket;
    *bucket = link;
    ReleaseSRWLockExclusive(&table_lock);
    if (out != NULL) {
        *out = link;
    }
    return WEFT_OK;
}

struct weftos_link *weftos_link_find(HANDLE pipe)
{
    struct weftos_link *link;

    AcquireSRWLockShared(&table_lock);
    link = *bucket_of(pipe);
    while (link != NULL && link->pipe != pipe) {
        link = link->next;
    }
    ReleaseSRWLockShared(&table_lock);
    return link;
}

struct weftos_link *weftos_link_remove(HANDLE pipe)
{
    struct weftos_link **place = bucket_of(pipe);
    struct weftos_link *link;

    AcquireSRWLockExclusive(&table_lock);
    while (*place != NULL && (*place)->pipe != pipe) {
        place = &(*place)->next;
    }
    link = *place;
    if (link != NULL) {
        *place = link->next;
    }
    ReleaseSRWLockExclusive(&table_lock);
    return link;
}

/* Those of the first `seen` messages; they lie in order. */
static void close_lent(struct weftos_link *link, unsigned seen)
{
    unsigned done = 0;

    while (done < link->lent_count && link->lent[done].number <= seen) {
        (void)CloseHandle(link->lent[done++].handle);
    }
    link->lent_count -= done;
    memmove(link->lent, link->lent + done,
            link->lent_count * sizeof(link->lent[0]));
}

void weftos_link_deinit(struct weftos_link *link)
{
    close_lent(link, UINT_MAX);
    weftos_party_close(&link->peer);
    weftos_close_native(link->read_event);
    weftos_close_native(link->write_event);
}

void weftos_link_free(struct weftos_link *link)
{
    weftos_link_deinit(link);
    free(link);
}

void weftos_link_confirm(struct weftos_link *link, unsigned seen)
{
    AcquireSRWLockExclusive(&link->lock);
    close_lent(link, seen);
    link->is_confirmed = true;
    ReleaseSRWLockExclusive(&link->lock);
}

/* ---------------------------------------------------------------- proof --- */

static void set_peer(struct weftos_link *link, const struct weftos_party *party)
{
    AcquireSRWLockExclusive(&link->lock);
    weftos_party_close(&link->peer);
    link->peer = *party;
    link->has_peer = true;
    ReleaseSRWLockExclusive(&link->lock);
}

/* Until it is closed here, the end for the peer is this process's too. */
static bool is_adopted_here(HANDLE ours, HANDLE theirs)
{
    return weftos_link_find(theirs) != NULL &&
           weftos_is_other_end(ours, theirs);
}

static bool is_held_by(const struct weftos_party *party, HANDLE ours,
                       HANDLE theirs)
{
    HANDLE copy = NULL;

    return party->can_reach &&
           DuplicateHandle(party->process, theirs, GetCurrentProcess(), &copy,
                           0, FALSE, DUPLICATE_SAME_ACCESS) &&
           weftos_is_proven_end(ours, copy);
}

bool weftos_link_prove(struct weftos_link *link, DWORD pid, HANDLE theirs)
{
    struct weftos_party party;

    weftos_party_open(&party, pid);
    if (!(pid == GetCurrentProcessId()
              ? is_adopted_here(link->pipe, theirs)
              : is_held_by(&party, link->pipe, theirs))) {
        weftos_party_close(&party);
        return false;
    }
    set_peer(link, &party);
    return true;
}

void weftos_link_introduce(HANDLE theirs, DWORD pid)
{
    AcquireSRWLockShared(&table_lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct weftos_link *link = buckets[i]; link != NULL;
             link = link->next) {
            if (link->is_inherited && !link->has_peer &&
                weftos_is_other_end(link->pipe, theirs)) {
                struct weftos_party party;

                weftos_party_open(&party, pid);
                set_peer(link, &party);
                weftos_link_confirm(link, 0);
            }
        }
    }
    ReleaseSRWLockShared(&table_lock);
}

void weftos_link_meet(HANDLE pipe)
{
    weftos_link_introduce(pipe, GetCurrentProcessId());
}

weftos_peer weftos_link_peer(const struct weftos_link *link)
{
    return (weftos_peer){
        .who = {.pid = link->peer.pid, .uid = -1, .gid = -1},
        .is_same_user = link->peer.is_same_user,
    };
}
