/* SPDX-License-Identifier: MIT
 *
 * What the waiter knows about doorbells.
 */
#ifndef WEFTOS_BELL_H
#define WEFTOS_BELL_H

#include "linux.h"

/*
 * After this many wakes a waiter settles its doorbell. A pipe holds at least
 * one page, 4096 rings, even for a user who has used up pipe-user-pages-soft.
 */
#define WEFTOS_SETTLE_AFTER 512

/*
 * Takes the rings out of a doorbell but for the last, which keeps the pipe
 * readable: see bell.c.
 */
void weftos_bell_settle(int fd);

#endif
