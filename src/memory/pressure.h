/* SPDX-License-Identifier: MIT
 *
 * pressure.h - how scarce memory is, as <weft/memory.h> says it.
 */
#ifndef WEFTI_PRESSURE_H
#define WEFTI_PRESSURE_H

#include <weft/memory.h>

/* Whether the look has found this figure. */
static inline bool wefti_knows(const weft_memory_figures *figures,
                               weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

/*
 * Works out USED, and the pressure unless the system has told it. What is
 * available is never more than there is.
 */
void wefti_pressure_judge(weft_memory_figures *figures);

#endif
