/* SPDX-License-Identifier: MIT
 *
 * sync_shared.h - memory with a name, for what the library itself keeps there.
 */
#ifndef WEFTI_SYNC_SHARED_H
#define WEFTI_SYNC_SHARED_H

#include <stdbool.h>

#include <weft/sync.h>

/*
 * What goes before names as they are, before those that are cut, and after
 * paths: so names of different things are kept apart, and a file of another
 * kind that somebody names by mistake is not taken for ours. Each of the first
 * two is two characters long.
 */
struct wefti_wording {
    const char *whole;
    const char *cut;
    const char *path;
};

extern const struct wefti_wording wefti_memory_wording;
extern const struct wefti_wording wefti_object_wording;
extern const struct wefti_wording wefti_state_wording;

/* As weft_shared_open, with names of another wording. `*out` is NULL before. */
weft_status wefti_shared_open(const char *name,
                              const struct wefti_wording *wording, size_t bytes,
                              const weft_shared_options *options,
                              weft_shared **out, weft_detail *detail);

#endif
