/* SPDX-License-Identifier: MIT
 *
 * Waiting at words that processes share.
 */
#ifndef WEFTOS_WORD_H
#define WEFTOS_WORD_H

#include "win.h"

weft_status weftos_site_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             weft_detail *detail);
void weftos_site_wake(uint32_t count, const weftos_site *site);

#endif
