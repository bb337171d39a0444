/* SPDX-License-Identifier: MIT
 *
 * protect_gate.h - the way to a process, for whoever acts on one. There is no
 * other.
 */
#ifndef WEFTI_PROTECT_GATE_H
#define WEFTI_PROTECT_GATE_H

#include <weft/protect.h>

/*
 * A gate is for one act, at once: what a process is changes when it runs
 * another program. Who waits between two acts opens another.
 */
struct wefti_gate {
    weft_handle target; /* Linux: a pidfd; WEFT_HANDLE_NONE: it is shut */
    weft_memory_identity identity;
    weft_protection protection; /* why it is shut */
};

/*
 * Opens the way to the process with this number and start. The handle is
 * opened first, and what the process is is read while it lives, so that the
 * answer is about the one that the handle means.
 *
 * WEFT_OK: it may be acted on, by the handle. The caller ends it with
 * wefti_gate_close. Else the handle is none. WEFT_EACCES: it is protected;
 * `protection` says why. WEFT_ENOENT: it has ended; its number may be
 * another's. WEFT_ENOTSUP: no safe way to act here. WEFT_EINVAL, WEFT_EFORKED,
 * WEFT_ENOMEM, WEFT_ELIMIT, WEFT_EOS.
 */
weft_status wefti_gate_open(weft_memory *memory, int64_t pid, uint64_t started,
                            const weft_memory_rules *rules, bool is_named,
                            struct wefti_gate *gate, weft_detail *detail);

/* One that is shut is allowed. */
void wefti_gate_close(struct wefti_gate *gate);

#endif
