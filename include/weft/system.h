/* SPDX-License-Identifier: MIT
 *
 * weft/system.h - what this system offers and what weft makes of it.
 *
 * Threads: callable from any thread. Fork: works in a forked child.
 */
#ifndef WEFT_SYSTEM_H
#define WEFT_SYSTEM_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weft_feature_state {
    WEFT_FEATURE_USED = 1,      /* present, and weft relies on it */
    WEFT_FEATURE_AVAILABLE = 2, /* present, and weft has no need of it here */
    WEFT_FEATURE_ABSENT = 3     /* not here; the note says why */
} weft_feature_state;

/* One feature of the system. All strings are terminated. */
typedef struct weft_feature {
    const char *name; /* such as "membarrier"; a static string */
    const char *use;  /* what weft does with it; a static string */
    weft_feature_state state;
    char note[160]; /* a value, or the reason; "" if there is none */
} weft_feature;

/*
 * Probes the system by trying each feature once, and writes up to `room`
 * entries. `*count` is how many there are, which may be more than `room`;
 * call with room 0 to learn it. Takes some milliseconds, leaves nothing
 * behind.
 *
 * WEFT_OK; WEFT_EINVAL if count is NULL, or features is NULL with room > 0.
 * Since 0.1.
 */
WEFT_API weft_status weft_system_features(weft_feature *features, size_t room,
                                          size_t *count);

#ifdef __cplusplus
}
#endif

#endif
