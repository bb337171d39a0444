/* SPDX-License-Identifier: MIT
 *
 * sync_lobby.h - where threads of several processes wait for a synchronisation
 * object, and what all of those objects have in common.
 *
 * A lobby is an event count: who finds that an object is not to be had takes a
 * ticket, looks again, and sleeps while the ticket is the latest one; whoever
 * changes the object and sees that somebody may sleep advances the count and
 * wakes one or all. So no wake is lost, and one that comes early or for
 * nothing does no harm: everybody looks at the object itself.
 *
 * That is the easy half. The other one is a process that is killed while it
 * owes a wake to others: after it has changed the object and before it woke
 * somebody, or after it was itself the one that was woken. Nobody would come
 * for the rest. So
 *
 * - a process is listed among the lobby's members before it sleeps there, and
 *   (where there is room) before it owes a wake to sleepers;
 * - every sleeper watches all members, and the owner that it has seen, and
 *   wakes when one of them dies. Then it looks, as if it was the one woken;
 * - a process that enters the list wakes everybody once, so that they look at
 *   the new list. It stays listed while it lives: in the long run all know
 *   all others, and a wake wakes one.
 *
 * The list is short. A process that finds it full is one of the crowd, which
 * no sleeper watches, so while there is a crowd every wake wakes all: then all
 * look, and nobody depends on another one. The same holds for processes of
 * another PID namespace than the one that the object was made in, since their
 * numbers mean nothing to the others.
 *
 * Who leaves without what he came for has perhaps used up a wake that another
 * one could have used, and passes it on.
 */
#ifndef WEFTI_SYNC_LOBBY_H
#define WEFTI_SYNC_LOBBY_H

#include "os/compiler.h"
#include "os/os.h"

/* ----------------------------------------------------------- identities --- */

/*
 * A process in the upper 60 bits of a word, so that an object and the name of
 * its owner change in one step. Whoever may die between two instructions can't
 * leave an object that is taken and says not by whom.
 *
 *      bits    meaning
 *      0..3    flags, whatever the object makes of them
 *      4..35   the process's number; 0: of another PID namespace
 *      36..63  the stamp of its start; of another namespace: any, but not 0
 *
 * All of them 0 is nobody.
 */
#define WEFTI_IDENTITY (~UINT64_C(15))
#define WEFTI_PID_SHIFT 4
#define WEFTI_STAMP_SHIFT 36

/* --------------------------------------------------------------- layout --- */

/*
 *      turn        bits 0..30: how many wakes there were; bit 31: the back end
 *                  has stirred the word, to end the sleeps. Anybody advances
 *                  it; who clears bit 31 advances it too. A sleeper that
 *                  dozes between its look and its sleep through exactly 2^31
 *                  wakes would be lost; that takes an hour of nothing else.
 *      crowd       not 0: somebody who is no member may sleep. Set before each
 *                  such sleep, cleared by whoever then wakes all.
 *      spin        how long to look before a sleep, in us; 0: not known yet,
 *                  WEFTI_SPIN_NONE: not at all. Any value is legal: it is a
 *                  guess, which those who sleep learn.
 *      cpu         the lowest bits of the CPU that the last wake came from.
 *      site        names the lobby, see os.h. Constant.
 *      members     identities, or 0; bit 0: those who sleep were not yet told
 *                  of it. A place goes from 0 or somebody dead to a
 *                  new member, and from somebody dead to 0.
 */
#define WEFTI_SPIN_NONE 255

struct wefti_lobby {
    _Atomic uint32_t turn;
    _Atomic uint16_t crowd;
    _Atomic uint8_t spin;
    _Atomic uint8_t cpu;
    uint64_t site;
    weftos_word members[WEFTOS_SITE_OTHERS];
};

/*
 * Every object. `head` says what it is: the magic of its kind and the version
 * of the layout below, the domain it was made in above. It is written last,
 * and 0 in memory that is no object.
 */
struct wefti_object {
    weftos_word head;
    weftos_word state;
    struct wefti_lobby lobby;
};

_Static_assert(sizeof(struct wefti_object) == 64, "one cache line");

#define WEFTI_LAYOUT UINT32_C(1)
#define WEFTI_SYNC_MAGIC(kind)                                                 \
    (UINT32_C(0x57660000) | ((kind) << 8) | WEFTI_LAYOUT)
#define WEFTI_MUTEX WEFTI_SYNC_MAGIC(UINT32_C(1))
#define WEFTI_CONDITION WEFTI_SYNC_MAGIC(UINT32_C(2))
#define WEFTI_SEMAPHORE WEFTI_SYNC_MAGIC(UINT32_C(3))
#define WEFTI_EVENT WEFTI_SYNC_MAGIC(UINT32_C(4))
#define WEFTI_RWLOCK WEFTI_SYNC_MAGIC(UINT32_C(5))

/* Whether an object can be there at all. */
static inline bool wefti_object_fits(const void *object)
{
    return object != NULL &&
           (uintptr_t)object % _Alignof(struct wefti_object) == 0;
}

/*
 * Makes an object of the kind, with this state, of what may hold anything.
 * WEFT_EINVAL: no object fits here. Otherwise as weftos_process_mark.
 */
weft_status wefti_object_init(struct wefti_object *object, uint32_t magic,
                              uint64_t state);
void wefti_object_deinit(struct wefti_object *object, uint32_t magic);

/* --------------------------------------------------------------- myself --- */

/*
 * Who this process is, as found out by the process of this token. The token is
 * stored last: who reads the right one finds the rest.
 */
struct wefti_self {
    weftos_word token;
    weftos_word identity;
    weftos_word domain; /* in the place that it has in a head */
};

extern struct wefti_self wefti_self;

weft_status wefti_identify_slowly(const struct wefti_object *object,
                                  uint32_t magic, uint64_t *identity);

/*
 * Checks that the memory is an object of the kind, and tells by which identity
 * this process goes there. WEFT_EINVAL: it is not.
 */
WEFTOS_INLINE weft_status wefti_identify(const struct wefti_object *object,
                                         uint32_t magic, uint64_t *identity)
{
    if (object == NULL) {
        return WEFT_EINVAL;
    }
    if (!wefti_object_fits(object) ||
        weftos_load_acquire(&wefti_self.token) != weftos_process_token() ||
        weftos_load_relaxed(&object->head) !=
            (weftos_load_relaxed(&wefti_self.domain) | magic)) {
        return wefti_identify_slowly(object, magic, identity);
    }
    *identity = weftos_load_relaxed(&wefti_self.identity);
    return WEFT_OK;
}

/* -------------------------------------------------------------- waiting --- */

/* How long a newcomer lets those go first whose turn it is; once. */
#define WEFTI_STEP_BACK_NS UINT64_C(10000000)

/* Takes a ticket: the look at the object comes after it. */
uint32_t wefti_lobby_enter(struct wefti_lobby *lobby);

/* Says whether what the thread waits for is there; called in a loop. */
typedef bool wefti_look(const void *context);

/* Looks for a bounded time. False: it is time to sleep. */
bool wefti_lobby_spin(struct wefti_lobby *lobby, wefti_look *look,
                      const void *context);

/*
 * Sleeps while the ticket is the latest. The caller has made sure before that
 * whoever changes the object will find that somebody sleeps. `owner` is an
 * identity that is watched too, or 0.
 *
 * WEFT_OK: look again. WEFT_EPEERDIED: the same, and the owner or a member is
 * dead; the member is one no more. WEFT_ETIMEDOUT, and WEFT_EAGAIN (WEFT_NOW).
 * WEFT_ENOMEM, WEFT_ELIMIT, WEFT_ENOTSUP, WEFT_EOS: can't wait here.
 */
weft_status wefti_lobby_wait(struct wefti_lobby *lobby, uint32_t ticket,
                             uint64_t self, uint64_t owner,
                             uint64_t deadline_ns);

/*
 * Enters this process among the members. True: it is one now. Everybody is
 * woken when that is new, the caller's ticket is then old.
 */
bool wefti_lobby_list(struct wefti_lobby *lobby, uint64_t self);

/*
 * The same for somebody who is about to owe a wake: looks for places of the
 * dead, if there are no others.
 */
bool wefti_lobby_list_waker(struct wefti_lobby *lobby, uint64_t self);

/* Wakes one sleeper, or all. */
void wefti_lobby_wake(struct wefti_lobby *lobby, bool all);

/*
 * Sleeps while the word is `value`; the death of `owner` ends that too. Returns
 * what weftos_word_wait does.
 */
weft_status wefti_word_wait(_Atomic uint32_t *word, uint32_t value,
                            uint64_t site, uint64_t self, uint64_t owner,
                            uint64_t deadline_ns);

/* Whether an identity is that of a process that is dead; not, for a guest. */
bool wefti_is_dead(uint64_t self, uint64_t identity);

#endif
