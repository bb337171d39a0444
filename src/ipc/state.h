/* SPDX-License-Identifier: MIT
 *
 * state.h - what the memory of a state holds, and how a value is written and
 * read there.
 *
 * A seqlock beside several slots. Version v lies in slot v mod 4, and the word
 * `latest` says which version is to be read. The writer goes round: it writes
 * the slot that has been the latest longest ago, so whatever it leaves undone
 * there, the latest value is another slot's, and whole. A reader is overtaken
 * only when three more values were set while it copied one; then it begins
 * again, with a later one.
 *
 *      writer                         reader
 *      slot.version = 0   (RELEASE)   v = latest          (ACQUIRE)
 *      RELEASE FENCE                  slot.version == v?  (ACQUIRE)
 *      slot.bytes, data   (relaxed)   slot.bytes, data    (relaxed)
 *      slot.version = v   (relaxed)   ACQUIRE FENCE
 *      latest = v         (RELEASE)   slot.version == v?  (relaxed)
 *
 * Who finds v in `latest` sees all of v, or something later. The fences: if the
 * copy has seen anything of a later value, then the second look sees the 0 that
 * came before it, or what follows. The first look spares a copy in vain, and
 * its partners are the 0 and the fence: who finds another version than he came
 * for finds a later `latest`, if he loads it again. If not, somebody has
 * scribbled there. models/state.pml shows that each of these is needed.
 *
 * A version is published once. A writer that was killed before it stored
 * `latest` has set nothing: the next one writes the same version, in the same
 * slot, which nobody reads before. So no reader takes one for the other.
 *
 *      word            written by        legal
 *      latest          the writer        bits 1..63: the version, growing by 1;
 *                      sleepers          bit 0, WAITERS: somebody may sleep in
 *                                        the lobby. Set by who is about to
 *                                        sleep; gone with the next version,
 *                                        whose writer then wakes all.
 *      slot.version    the writer        0: being written; or the version, of
 *                                        the same rest mod 4 as the slot
 *      slot.bytes      the writer        up to bytes_max, if version is not 0
 *      slot.data       the writer        words; the last one ends with zeros
 *
 * Who the writer is lies in a mutex, held as long as the state is open for
 * writing. Sleepers watch its owner: a writer that is killed between `latest`
 * and the wake is dead, which wakes them as well. A new writer and one that
 * goes wake all, so that they look whom they wait for.
 */
#ifndef WEFTI_STATE_H
#define WEFTI_STATE_H

#include <weft/state.h>
#include <weft/sync.h>

#include "sync_lobby.h"

#define WEFTI_STATE_MAGIC WEFTI_SYNC_MAGIC(UINT32_C(6))

#define WEFTI_STATE_SLOTS ((size_t)4)

#define WEFTI_STATE_WAITERS UINT64_C(1)
#define WEFTI_STATE_VERSION(latest) ((latest) >> 1)

/* No honest writer gets that far: 146 years at 10^9 values a second. */
#define WEFTI_STATE_VERSION_MAX (UINT64_C(1) << 62)

/* What readers look at, what they watch, and what nobody changes: apart. */
struct wefti_state_head {
    struct wefti_object value; /* its state is `latest` */
    weft_mutex writer;
    uint64_t bytes_max;
    uint64_t reserved[7]; /* 0 */
};

struct wefti_state_slot {
    weftos_word version;
    weftos_word bytes;
    weftos_word data[];
};

_Static_assert(sizeof(struct wefti_state_head) == 192 &&
                   offsetof(struct wefti_state_head, writer) == 64 &&
                   offsetof(struct wefti_state_head, bytes_max) == 128,
               "the layout of a state");
_Static_assert(offsetof(struct wefti_state_slot, data) == 16,
               "the layout of a slot");

/* The slots begin after the head, each at a cache line of its own. */
#define WEFTI_STATE_LINE ((size_t)64)

/*
 * How far one slot is from the next, and how long it all is. False: there is
 * no such state.
 */
bool wefti_state_measure(size_t bytes_max, size_t *stride, size_t *total);

#endif
