/* SPDX-License-Identifier: MIT
 *
 * Tells the CPU that this is a spin loop.
 */
#ifndef BENCH_PAUSE_H
#define BENCH_PAUSE_H

#if defined(__x86_64__) && defined(__GNUC__)

static inline void bench_pause(void)
{
    __builtin_ia32_pause();
}

#elif defined(__aarch64__) && defined(__GNUC__)

/* YIELD does nothing on most cores; ISB waits for the pipeline to drain. */
static inline void bench_pause(void)
{
    __asm__ volatile("isb" ::: "memory");
}

#else

static inline void bench_pause(void)
{
}

#endif

#endif
