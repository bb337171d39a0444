/* SPDX-License-Identifier: MIT
 *
 * Atomics on memory that two processes share.
 *
 * C11 lock-free atomics are coherent between processes that map the same
 * pages; a lock-based fallback would not be, so that is asserted. The memory
 * order is part of each name: the reader sees it without looking it up.
 */
#ifndef WEFTOS_ATOMIC_H
#define WEFTOS_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
               "shared words must be lock-free");
_Static_assert(sizeof(_Atomic uint64_t) == 8, "no room for a hidden lock");

typedef _Atomic uint64_t weftos_word;

static inline uint64_t weftos_load_relaxed(const weftos_word *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static inline uint64_t weftos_load_acquire(const weftos_word *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static inline void weftos_store_relaxed(weftos_word *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline void weftos_store_release(weftos_word *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* Orders every access before it against every access after it. */
static inline void weftos_fence_full(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

/*
 * Orders only the compiler. It is one half of an asymmetric fence, whose
 * other half is weftos_fence_remote() in the process at the other end.
 */
static inline void weftos_fence_compiler(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* Tells the CPU that this is a spin loop. Its length varies: 2 to 40 ns. */
static inline void weftos_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    /* ISB waits for the pipeline to drain; YIELD is a no-op on most cores. */
    __asm__ volatile("isb" ::: "memory");
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

#endif
