/* SPDX-License-Identifier: MIT
 *
 * sys_wait_windows.h - one wait for the two files that need it.
 */
#ifndef WEFT_SYS_WAIT_WINDOWS_H
#define WEFT_SYS_WAIT_WINDOWS_H

#include <windows.h>

#include "sys.h"

/*
 * Waits for one of two objects; the first one is looked at first and counts as
 * SYS_READY, the second, which may be NULL, as SYS_OTHER.
 */
sys_event sys_wait_two(HANDLE first, HANDLE second, uint64_t deadline_ns,
                       int *code);

#endif
