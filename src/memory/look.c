/* SPDX-License-Identifier: MIT
 *
 * The figures of the machine's memory: the back end reads them, this file
 * concludes from them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/memory.h>

#include "../ipc/handshake.h"
#include "../os/meter.h"
#include "memory.h"
#include "pressure.h"

struct weft_memory {
    uint64_t token; /* of the process that opened it */
    weftos_meter *meter;
};

#define FIGURE_NAME(symbol, value, name) [value] = #name,

static const char *const figure_names[] = {
    WEFT_MEMORY_FIGURE_LIST(FIGURE_NAME)};

#undef FIGURE_NAME

_Static_assert(sizeof(figure_names) / sizeof(figure_names[0]) ==
                   WEFT_MEMORY_FIGURE_COUNT,
               "the count is not that of the list");

const char *weft_memory_figure_name(weft_memory_figure figure)
{
    return (unsigned)figure < WEFT_MEMORY_FIGURE_COUNT ? figure_names[figure]
                                                       : "";
}

weft_status weft_memory_open(weft_memory **out, weft_detail *detail)
{
    weft_memory *memory;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    memory = calloc(1, sizeof(*memory));
    if (memory == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate memory");
    }
    status = weftos_process_mark(NULL, NULL, detail);
    if (status == WEFT_OK) {
        memory->token = weftos_process_token();
        status = weftos_meter_open("", &memory->meter, detail);
    }
    if (status != WEFT_OK) {
        free(memory);
        return status;
    }
    *out = memory;
    return WEFT_OK;
}

void weft_memory_close(weft_memory **memory)
{
    if (memory == NULL || *memory == NULL) {
        return;
    }
    weftos_meter_close((*memory)->meter);
    free(*memory);
    *memory = NULL;
}

weft_status wefti_memory_check(const weft_memory *memory, const char *operation,
                               weft_detail *detail)
{
    if (memory == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    return memory->token == weftos_process_token()
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EFORKED, operation);
}

weft_status weft_memory_look(weft_memory *memory, weft_memory_figures *figures,
                             weft_detail *detail)
{
    weft_status status;

    if (figures == NULL || figures->size != sizeof(*figures)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    status = wefti_memory_check(memory, "look at the memory", detail);
    if (status != WEFT_OK) {
        return status;
    }
    memset(figures, 0, sizeof(*figures));
    figures->size = sizeof(*figures);
    status = weftos_meter_read(memory->meter, figures, detail);
    if (status != WEFT_OK) {
        return status;
    }
    wefti_pressure_judge(figures);
    return WEFT_OK;
}

weft_status weft_memory_count(weft_memory *memory,
                              weft_memory_counters *counters,
                              weft_detail *detail)
{
    weft_status status;

    if (counters == NULL || counters->size != sizeof(*counters)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    status = wefti_memory_check(memory, "read the counters of memory", detail);
    if (status != WEFT_OK) {
        return status;
    }
    memset(counters, 0, sizeof(*counters));
    counters->size = sizeof(*counters);
    return weftos_meter_count("", counters, detail);
}

/* ------------------------------------------------------------ processes --- */

static weft_status check(const weft_memory *memory, const void *output,
                         weft_detail *detail)
{
    if (output == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    return wefti_memory_check(memory, "look at the processes", detail);
}

weft_status weft_memory_processes(weft_memory *memory,
                                  weft_memory_process *processes, size_t room,
                                  size_t *count, weft_detail *detail)
{
    weft_status status = check(memory, count, detail);

    if (status == WEFT_OK && processes == NULL && room > 0) {
        status = wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (status != WEFT_OK) {
        return status;
    }
    *count = 0;
    return weftos_meter_list(processes, room, count, detail);
}

weft_status weft_memory_measure(weft_memory *memory,
                                weft_memory_process *process,
                                weft_detail *detail)
{
    weft_status status = check(memory, process, detail);

    return status == WEFT_OK ? weftos_meter_measure(process, detail) : status;
}

weft_status weft_memory_glance(weft_memory *memory,
                               weft_memory_process *process,
                               weft_detail *detail)
{
    weft_status status = check(memory, process, detail);

    return status == WEFT_OK ? weftos_meter_glance(process, detail) : status;
}
