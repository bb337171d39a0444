/* SPDX-License-Identifier: MIT
 *
 * Who wants to be told when memory gets scarce.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/memory.h>

#include "../ipc/handshake.h"
#include "../os/meter.h"

/* One percent of the time that anyone waits is more than a busy machine has. */
#define DEFAULT_STALL_NS UINT64_C(20000000)
#define DEFAULT_WINDOW_NS UINT64_C(2000000000)

struct weft_memory_watch {
    uint64_t token; /* of the process that opened it */
    weftos_alarm *alarm;
};

/* A later version's options are longer: what is beyond must be zero. */
static const char *take_options(const weft_memory_watch_options *given,
                                weft_memory_watch_options *options)
{
    const size_t known = sizeof(*options);

    memset(options, 0, known);
    options->size = known;
    if (given != NULL) {
        if (given->size < known) {
            return "check the option size";
        }
        for (size_t i = known; i < given->size; i++) {
            if (((const char *)given)[i] != 0) {
                return "check the option size";
            }
        }
        options->stall_ns = given->stall_ns;
        options->window_ns = given->window_ns;
    }
    if (options->stall_ns == 0) {
        options->stall_ns = DEFAULT_STALL_NS;
    }
    if (options->window_ns == 0) {
        options->window_ns = DEFAULT_WINDOW_NS;
    }
    return options->stall_ns < options->window_ns
               ? NULL
               : "check that the stall is below the window";
}

weft_status weft_memory_watch_open(const weft_memory_watch_options *options,
                                   weft_memory_watch **out, weft_detail *detail)
{
    weft_memory_watch_options taken;
    weft_memory_watch *watch;
    const char *fault;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    fault = take_options(options, &taken);
    if (fault != NULL) {
        return wefti_fail(detail, WEFT_EINVAL, fault);
    }
    watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate memory");
    }
    status = weftos_process_mark(NULL, NULL, detail);
    if (status == WEFT_OK) {
        watch->token = weftos_process_token();
        status = weftos_alarm_open(taken.stall_ns, taken.window_ns,
                                   &watch->alarm, detail);
    }
    if (status != WEFT_OK) {
        free(watch);
        return status;
    }
    *out = watch;
    return WEFT_OK;
}

void weft_memory_watch_close(weft_memory_watch **watch)
{
    if (watch == NULL || *watch == NULL) {
        return;
    }
    weftos_alarm_close((*watch)->alarm);
    free(*watch);
    *watch = NULL;
}

weft_handle weft_memory_watch_handle(const weft_memory_watch *watch)
{
    return watch != NULL ? weftos_alarm_handle(watch->alarm) : WEFT_HANDLE_NONE;
}

weft_status weft_memory_watch_next(weft_memory_watch *watch,
                                   uint64_t deadline_ns, weft_detail *detail)
{
    if (watch == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (watch->token != weftos_process_token()) {
        return wefti_fail(detail, WEFT_EFORKED, "watch the memory");
    }
    return weftos_alarm_wait(watch->alarm, deadline_ns, detail);
}
