/* SPDX-License-Identifier: MIT
 *
 * seatbelt.h - the double's sandbox, which confines nobody.
 */
#ifndef DOUBLE_SEATBELT_H
#define DOUBLE_SEATBELT_H

/* The address of a call by its name; NULL: this macOS has no seatbelt. */
void *double_find_seatbelt(const char *name);

#endif
