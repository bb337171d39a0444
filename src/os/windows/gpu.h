/* SPDX-License-Identifier: MIT
 *
 * gpu.h - the system's counters of the memory of graphics devices.
 */
#ifndef WEFTOS_WINDOWS_GPU_H
#define WEFTOS_WINDOWS_GPU_H

#include "../gpu.h"

/*
 * What an instance of a counter is about: "luid_0x00000000_0x0000d1c8_phys_0",
 * or that behind "pid_4242_". `*pid` is 0 in the first form. False: neither.
 */
bool weftos_gpu_parse_instance(const wchar_t *name, int64_t *pid,
                               uint64_t *luid);

/* One value of a counter that was asked for. */
typedef void weftos_gpu_told(void *context, int64_t pid, uint64_t luid,
                             uint64_t bytes);

/*
 * Asks for all values of a counter, such as L"\\GPU Adapter Memory(*)\\
 * Dedicated Usage". Where the system has none, nothing is told.
 */
void weftos_gpu_count(const wchar_t *counter, weftos_gpu_told *told,
                      void *context);

#endif
