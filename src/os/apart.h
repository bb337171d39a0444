/* SPDX-License-Identifier: MIT
 *
 * apart.h - what a listener inside a program that knows nothing of it needs of
 * the operating system besides os.h (src/os/linux/preload.c).
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_APART_H
#define WEFTOS_APART_H

#include "os.h"

/*
 * Gives the calling thread a table of descriptors of its own, which is empty:
 * what it opens from here on no other thread sees, inherits or closes, and
 * nothing of theirs is kept open by it. WEFT_ENOTSUP: that can't be had.
 */
weft_status weftos_apart_begin(weft_detail *detail);

/*
 * Removes an endpoint's name, if that is still its own, and nothing else; by
 * any thread of a process that is about to end.
 */
void weftos_apart_unname(const weftos_endpoint *endpoint);

#endif
