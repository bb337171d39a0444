/* SPDX-License-Identifier: MIT
 *
 * trim_watch.h - a listener that watches the memory itself, besides.
 */
#ifndef WEFTI_TRIM_WATCH_H
#define WEFTI_TRIM_WATCH_H

#include <weft/trim.h>

struct wefti_trim_watch;

/* `listener` is ready when something comes there. It stays the caller's. */
weft_status wefti_trim_watch_open(weft_handle listener,
                                  struct wefti_trim_watch **out,
                                  weft_detail *detail);

/* Sets `*watch` to NULL, which is allowed before. */
void wefti_trim_watch_close(struct wefti_trim_watch **watch);

weft_handle wefti_trim_watch_handle(const struct wefti_trim_watch *watch);

/*
 * Waits until memory is scarce, which `*level` tells, or else, with 0, until
 * the listener is ready. WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW), WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EOS.
 */
weft_status wefti_trim_watch_wait(struct wefti_trim_watch *watch,
                                  uint64_t deadline_ns, unsigned *level,
                                  weft_detail *detail);

#endif
