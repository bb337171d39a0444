/* SPDX-License-Identifier: MIT
 *
 * without.h - what the build is told to do without, as if the kernel lacked it.
 *
 * Every fallback must run, or it does not work when it is needed. The option
 * WEFT_WITHOUT of the build names features of the kernel that are taken for
 * missing; the tests are the same.
 */
#ifndef WEFTOS_WITHOUT_H
#define WEFTOS_WITHOUT_H

#ifdef WEFT_WITHOUT_MEMBARRIER
#define WITHOUT_MEMBARRIER 1
#else
#define WITHOUT_MEMBARRIER 0
#endif

#ifdef WEFT_WITHOUT_SEALING
#define WITHOUT_SEALING 1
#else
#define WITHOUT_SEALING 0
#endif

#ifdef WEFT_WITHOUT_PIDFD
#define WITHOUT_PIDFD 1
#else
#define WITHOUT_PIDFD 0
#endif

#endif
