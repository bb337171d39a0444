/* SPDX-License-Identifier: MIT
 *
 * step.h - the steps of the protocol, counted, with a death at one of them.
 *
 * Only in builds with WEFT_TEST_HOOKS. The counts lie in memory of the test's
 * own, which may be shared: then another process sees how far this one came.
 */
#ifndef WEFTOS_STEP_H
#define WEFTOS_STEP_H

#include "os/atomic.h"

#define WEFTI_STEP_NAME 32

struct wefti_steps {
    weftos_word count;   /* so far */
    weftos_word die_at;  /* the step, from 1, at which to die; 0: none */
    weftos_word died_ns; /* 0: nobody has */
    /* The step's name, cut; it is there when died_ns is. */
    char die_in[WEFTI_STEP_NAME]; /* the first step of this name is one, too */
    char died_in[WEFTI_STEP_NAME];
};

/* Ends this process as if it had been killed. */
typedef void wefti_step_death(void);

/*
 * From here on this process's steps count there, and it dies by `die`; NULL:
 * they count nowhere.
 */
void wefti_step_follow(struct wefti_steps *steps, wefti_step_death *die);

#endif
