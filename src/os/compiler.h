/* SPDX-License-Identifier: MIT
 *
 * What weft asks of a compiler beyond C11. Where one knows no such thing, the
 * code is the same, and slower.
 */
#ifndef WEFTOS_COMPILER_H
#define WEFTOS_COMPILER_H

/*
 * A function for what seldom happens: kept out of its callers, so that they
 * save no registers for it.
 */
#if defined(__GNUC__)
#define WEFTOS_COLD __attribute__((cold, noinline))
#else
#define WEFTOS_COLD
#endif

/* The same for what happens often. */
#if defined(__GNUC__)
#define WEFTOS_APART __attribute__((noinline))
#else
#define WEFTOS_APART
#endif

/* A function that must be part of its callers, however many they are. */
#if defined(__GNUC__)
#define WEFTOS_INLINE static inline __attribute__((always_inline))
#else
#define WEFTOS_INLINE static inline
#endif

#endif
