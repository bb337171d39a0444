/* SPDX-License-Identifier: MIT
 *
 * architecture.h - the architecture that this process was compiled for.
 */
#ifndef WEFTOS_ARCHITECTURE_H
#define WEFTOS_ARCHITECTURE_H

#if defined(__arm64ec__) || defined(_M_ARM64EC)
#define WEFTOS_ARCHITECTURE "arm64ec"
#elif defined(__x86_64__) || defined(_M_X64)
#define WEFTOS_ARCHITECTURE "x86_64"
#elif defined(__aarch64__) || defined(_M_ARM64)
#define WEFTOS_ARCHITECTURE "arm64"
#elif defined(__i386__) || defined(_M_IX86)
#define WEFTOS_ARCHITECTURE "x86"
#elif defined(__arm__)
#define WEFTOS_ARCHITECTURE "arm"
#elif defined(__riscv) && __riscv_xlen == 64
#define WEFTOS_ARCHITECTURE "riscv64"
#elif defined(__powerpc64__)
#define WEFTOS_ARCHITECTURE "ppc64"
#elif defined(__s390x__)
#define WEFTOS_ARCHITECTURE "s390x"
#else
#define WEFTOS_ARCHITECTURE "unknown"
#endif

#endif
