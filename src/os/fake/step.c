/* SPDX-License-Identifier: MIT
 *
 * Steps; step.h says what they are for.
 */
#include <signal.h>
#include <stddef.h>

#include "ipc/ring.h"
#include "step.h"

static _Atomic(struct wefti_steps *) followed;

void wefti_step_follow(struct wefti_steps *steps)
{
    atomic_store(&followed, steps);
}

void wefti_step(const char *name)
{
    struct wefti_steps *steps =
        atomic_load_explicit(&followed, memory_order_relaxed);
    uint64_t step;

    if (steps == NULL) {
        return;
    }
    step = atomic_fetch_add(&steps->count, 1) + 1;
    if (step == weftos_load_relaxed(&steps->die_at)) {
        atomic_store(&steps->died_in, name);
        atomic_store(&steps->died_ns, weft_now_ns());
        (void)raise(SIGKILL);
    }
}
