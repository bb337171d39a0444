/* SPDX-License-Identifier: MIT
 *
 * faults.h - what the double's own files share: the faults that XNU may show
 * at any time, drawn from a seeded generator, and a loud end for what the
 * double does not do.
 *
 * The environment chooses:
 *
 *   WEFT_DOUBLE_FAULTS  one fault in so many calls that can have one; 0: none.
 *                       The default is 8.
 *   WEFT_DOUBLE_SEED    where the generator starts; the default is 1. Each
 *                       thread has a generator of its own, by the order in
 *                       which the threads came here.
 *   WEFT_DOUBLE_WAIT    what this macOS has to wait at words with: os_sync
 *                       (14.4 and later; the default), ulock (11 to 14.3),
 *                       ulock_old (10.15) or pipe (nothing).
 *   WEFT_DOUBLE_SANDBOX the group of an application in the App Sandbox; without
 *                       it there is none (memory.c).
 *   WEFT_DOUBLE_USER    the directory of this user that macOS keeps; without it
 *                       one below /tmp (system.c).
 *   WEFT_DOUBLE_PRESSURE  how scarce memory is, as the kernel's level; without
 *                       it 1 (machine.c). It may change while a program runs.
 *   WEFT_DOUBLE_WITHOUT a sysctl, or host_statistics64, that fails; vfs_purge
 * is not there then.
 */
#ifndef DOUBLE_FAULTS_H
#define DOUBLE_FAULTS_H

#include <stdbool.h>

/* Whether the call that asks shall fail now. */
bool double_fault(void);

/* A number below `limit`. */
unsigned double_random(unsigned limit);

/* Whether the environment has this one fail; it may change. */
bool double_is_without(const char *what);

/* Fails with an error: -1 and errno. */
int double_fail(int os_code);

/* What this macOS has, in the order of the names above. */
enum double_waits {
    DOUBLE_OS_SYNC,
    DOUBLE_ULOCK,
    DOUBLE_ULOCK_OLD,
    DOUBLE_PIPE
};
enum double_waits double_waits(void);

/* Ends the process and says what it asked of the double in vain. */
_Noreturn void double_lacks(const char *what);

/* The kqueues of this process; kqueue.c. */
bool double_is_kqueue(int fd);
/* What watches a descriptor, or is one, ends. */
void double_kqueue_forget(int fd);
/* What watches a descriptor looks again, and may tell what it has told. */
void double_kqueue_touch(int fd);

/* Whether a descriptor is of double_shm_open(); its name may be NULL. */
bool double_is_shm(int fd, char *name, unsigned bytes);

/* Whether it is a pipe that has no name. */
bool double_is_pipe(int fd);

#endif
