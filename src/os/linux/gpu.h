/* SPDX-License-Identifier: MIT
 *
 * gpu.h - what the two files on the kernel's graphics drivers share.
 */
#ifndef WEFTOS_LINUX_GPU_H
#define WEFTOS_LINUX_GPU_H

#include <limits.h>

#include "../gpu.h"

struct weftos_gpus {
    char root[PATH_MAX];
};

/*
 * What is in a directory and has a number for a name, behind a prefix; by
 * rising numbers, for the caller to free. WEFT_ENOMEM, WEFT_ELIMIT; what can't
 * be opened otherwise has none.
 */
struct weftos_numbers {
    uint64_t *items;
    size_t count;
    size_t room;
};
weft_status weftos_list_numbers(const char *path, const char *prefix,
                                struct weftos_numbers *numbers,
                                weft_detail *detail);

#endif
