/* SPDX-License-Identifier: MIT
 *
 * step.h - the steps of the protocol, counted, with a death at one of them.
 *
 * Only in builds with WEFT_TEST_HOOKS, on systems with signals. The counts lie
 * in memory of the test's own, which may be shared: then another process sees
 * how far this one came.
 */
#ifndef WEFTOS_STEP_H
#define WEFTOS_STEP_H

#include "os/atomic.h"

struct wefti_steps {
    weftos_word count;  /* so far */
    weftos_word die_at; /* the step, from 1, at which to die; 0: none */
    weftos_word died_ns;
    _Atomic(const char *) died_in; /* the step's name; static */
};

/* From here on this process's steps count there; NULL: nowhere. */
void wefti_step_follow(struct wefti_steps *steps);

#endif
