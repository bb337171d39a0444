/* SPDX-License-Identifier: MIT
 *
 * gpu_lists.h - graphics devices and who uses them, as the commands want them.
 */
#ifndef GPU_LISTS_H
#define GPU_LISTS_H

#include "tool.h"

#define GPU_SOURCES_MOST 4

typedef struct gpu_lists {
    weft_gpu_source sources[GPU_SOURCES_MOST];
    size_t source_count;
    weft_gpu_device *devices;
    size_t device_count;
    weft_gpu_process *processes;
    size_t process_count;
} gpu_lists;

/*
 * Fills in all of it but for the processes, and those if they are asked for.
 * gpu_lists_end frees it, after a failure too.
 */
weft_status gpu_lists_read(gpu_lists *lists, bool with_processes,
                           weft_detail *detail);
void gpu_lists_end(gpu_lists *lists);

#endif
