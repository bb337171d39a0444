/* SPDX-License-Identifier: MIT
 *
 * Steps; step.h says what they are for.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ipc/ring.h"
#include "step.h"

static _Atomic(struct wefti_steps *) followed;
static _Atomic(wefti_step_death *) death;

void wefti_step_follow(struct wefti_steps *steps, wefti_step_death *die)
{
    atomic_store(&death, die);
    atomic_store(&followed, steps);
}

void wefti_step(const char *name)
{
    struct wefti_steps *steps =
        atomic_load_explicit(&followed, memory_order_relaxed);
    wefti_step_death *die;
    uint64_t step;

    if (steps == NULL) {
        return;
    }
    step = atomic_fetch_add(&steps->count, 1) + 1;
    if (step == weftos_load_relaxed(&steps->die_at) ||
        strcmp(name, steps->die_in) == 0) {
        die = atomic_load(&death);
        (void)snprintf(steps->died_in, sizeof(steps->died_in), "%s", name);
        weftos_store_release(&steps->died_ns, weft_now_ns());
        die();
    }
}
