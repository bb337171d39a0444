/* SPDX-License-Identifier: MIT
 *
 * Graphics devices and who uses them, in room that is made to fit.
 */
#include "gpu_lists.h"

#include <stdlib.h>
#include <string.h>

typedef weft_status read_list(weft_gpu *gpu, void *items, size_t room,
                              size_t *count, weft_detail *detail);

static weft_status read_devices(weft_gpu *gpu, void *items, size_t room,
                                size_t *count, weft_detail *detail)
{
    return weft_gpu_list(gpu, items, room, count, detail);
}

static weft_status read_processes(weft_gpu *gpu, void *items, size_t room,
                                  size_t *count, weft_detail *detail)
{
    return weft_gpu_processes(gpu, items, room, count, detail);
}

/* Asks again with more room until all fit. */
static weft_status read_all(weft_gpu *gpu, read_list *read, size_t bytes,
                            void **items, size_t *count, weft_detail *detail)
{
    size_t room = 0;
    weft_status status;

    do {
        status = read(gpu, *items, room, count, detail);
        if (status != WEFT_OK || *count <= room) {
            return status;
        }
        room = *count + 16;
        free(*items);
        *items = calloc(room, bytes);
    } while (*items != NULL);
    *count = 0;
    *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
    return WEFT_ENOMEM;
}

weft_status gpu_lists_read(gpu_lists *lists, bool with_processes,
                           weft_detail *detail)
{
    weft_gpu *gpu = NULL;
    void *devices = NULL;
    void *processes = NULL;
    weft_status status;

    memset(lists, 0, sizeof(*lists));
    status = weft_gpu_open(&gpu, detail);
    if (status == WEFT_OK) {
        status = weft_gpu_sources(gpu, lists->sources, GPU_SOURCES_MOST,
                                  &lists->source_count, detail);
    }
    if (status == WEFT_OK) {
        status = read_all(gpu, read_devices, sizeof(*lists->devices), &devices,
                          &lists->device_count, detail);
    }
    if (status == WEFT_OK && with_processes) {
        status = read_all(gpu, read_processes, sizeof(*lists->processes),
                          &processes, &lists->process_count, detail);
    }
    weft_gpu_close(&gpu);
    lists->devices = devices;
    lists->processes = processes;
    return status;
}

void gpu_lists_end(gpu_lists *lists)
{
    free(lists->devices);
    free(lists->processes);
    memset(lists, 0, sizeof(*lists));
}
