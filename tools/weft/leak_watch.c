/* SPDX-License-Identifier: MIT
 *
 * Samples of what processes have for themselves, over time.
 */
#include "leak_watch.h"

#include <stdlib.h>
#include <string.h>

#include "process_number.h"

static weft_status fail_memory(weft_detail *detail)
{
    *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
    return WEFT_ENOMEM;
}

static bool is_named(const leak_watch *watch,
                     const weft_memory_process *process)
{
    for (size_t i = 0; i < watch->name_count; i++) {
        int64_t pid;

        if (process_parse(watch->names[i], &pid)
                ? pid == process->pid
                : strcmp(watch->names[i], process->name) == 0) {
            return true;
        }
    }
    return false;
}

/* The one that is this process; the number alone may be a later one's. */
static leak_subject *find(leak_watch *watch, const weft_memory_process *process)
{
    for (size_t i = 0; i < watch->count; i++) {
        leak_subject *subject = &watch->subjects[i];

        if (subject->process.pid == process->pid &&
            subject->process.started == process->started) {
            return subject;
        }
    }
    return NULL;
}

/* NULL: no memory. */
static leak_subject *add(leak_watch *watch, const weft_memory_process *process)
{
    leak_subject *subject;

    if (watch->count == watch->room) {
        size_t room = watch->room * 2 + 64;
        leak_subject *grown = realloc(watch->subjects, room * sizeof(*grown));

        if (grown == NULL) {
            return NULL;
        }
        watch->subjects = grown;
        watch->room = room;
    }
    subject = &watch->subjects[watch->count];
    memset(subject, 0, sizeof(*subject));
    subject->process = *process;
    subject->series = calloc(1, sizeof(*subject->series));
    if (subject->series == NULL) {
        return NULL;
    }
    watch->count++;
    return subject;
}

static weft_status sample(leak_watch *watch, weft_memory_process *process,
                          double time, weft_detail *detail)
{
    bool named = is_named(watch, process);
    leak_subject *subject = find(watch, process);
    weft_status status;

    if (watch->name_count > 0 ? !named : process->is_kernel) {
        return WEFT_OK;
    }
    status = weft_memory_glance(watch->memory, process, detail);
    if (status == WEFT_ENOENT || status == WEFT_EACCES) {
        return WEFT_OK; /* it has ended, or may not be looked at */
    }
    if (status != WEFT_OK || (process->valid & WEFT_MEMORY_PROCESS_OWN) == 0) {
        return status;
    }
    if (subject == NULL) {
        subject = add(watch, process);
        if (subject == NULL) {
            return fail_memory(detail);
        }
        subject->is_named = named;
    }
    subject->process = *process;
    subject->has_ended = false;
    leak_add(subject->series, time, (double)process->own_bytes);
    return WEFT_OK;
}

weft_status leak_watch_sample(leak_watch *watch, double time,
                              weft_detail *detail)
{
    weft_status status =
        memory_read_processes(watch->memory, &watch->listed, detail);

    for (size_t i = 0; status == WEFT_OK && i < watch->count; i++) {
        watch->subjects[i].has_ended = true;
    }
    for (size_t i = 0; status == WEFT_OK && i < watch->listed.count; i++) {
        status = sample(watch, &watch->listed.items[i], time, detail);
    }
    return status;
}

static bool correct(leak_watch *watch, double span_least)
{
    double *p = calloc(watch->count > 0 ? watch->count : 1, sizeof(*p));
    size_t count = 0;
    bool is_done;

    if (p == NULL) {
        return false;
    }
    for (size_t i = 0; i < watch->count; i++) {
        const leak_finding *finding = &watch->subjects[i].finding;

        if (finding->has_line && finding->span >= span_least) {
            p[count++] = finding->p;
        }
    }
    is_done = trend_correct(p, count);
    count = 0;
    for (size_t i = 0; is_done && i < watch->count; i++) {
        leak_finding *finding = &watch->subjects[i].finding;

        if (finding->has_line && finding->span >= span_least) {
            finding->p = p[count++];
        }
    }
    free(p);
    return is_done;
}

bool leak_watch_judge(leak_watch *watch, double level, double span_least)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (!leak_look(watch->subjects[i].series,
                       &watch->subjects[i].finding)) {
            return false;
        }
    }
    if (!correct(watch, span_least)) {
        return false;
    }
    for (size_t i = 0; i < watch->count; i++) {
        leak_decide(&watch->subjects[i].finding, level, span_least);
    }
    return true;
}

void leak_watch_end(leak_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        free(watch->subjects[i].series);
    }
    free(watch->subjects);
    free(watch->listed.items);
    watch->subjects = NULL;
    watch->listed.items = NULL;
    watch->count = 0;
}
