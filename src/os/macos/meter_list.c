/* SPDX-License-Identifier: MIT
 *
 * What processes take of the memory: the kernel's ledgers, which are cheap to
 * ask, so the list tells footprints already.
 *
 * Of another user's process root alone is told what it takes. Its name, parent
 * and start everybody is told, though not by proc_pidinfo(): by KERN_PROC, as
 * ps and top have it.
 */
#define _DARWIN_C_SOURCE
#include <libproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/proc.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "macos.h"
#include "meter.h"
#include "run_clock.h"

/* Processes that may start between the count and the list. */
#define SPARE 64
#define TRIES 8

#define US_PER_S UINT64_C(1000000)

/* -------------------------------------------------------------- numbers --- */

static int compare(const void *a, const void *b)
{
    pid_t one = *(const pid_t *)a;
    pid_t other = *(const pid_t *)b;

    return (one > other) - (one < other);
}

/* All numbers, rising; `*list` is the caller's to free. */
static weft_status list_all(pid_t **list, size_t *count, weft_detail *detail)
{
    *list = NULL;
    for (int i = 0; i < TRIES; i++) {
        int most = proc_listallpids(NULL, 0) + SPARE;
        int found;

        if (most <= SPARE) {
            return weftos_fail_errno(detail, "list the processes");
        }
        *list = calloc((size_t)most, sizeof(**list));
        if (*list == NULL) {
            return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        }
        found = proc_listallpids(*list, most * (int)sizeof(**list));
        /* A list that is full may have been cut. */
        if (found > 0 && found < most) {
            qsort(*list, (size_t)found, sizeof(**list), compare);
            *count = (size_t)found;
            return WEFT_OK;
        }
        free(*list);
        *list = NULL;
    }
    return weftos_fail(detail, WEFT_EOS, 0, "list the processes");
}

/* ------------------------------------------------------------------ one --- */

/* What belongs to this user, or is asked for by root. 0, or an errno. */
static int ask_own(pid_t pid, weft_memory_process *process)
{
    struct proc_bsdinfo info;

    errno = 0;
    /* The 0 passes over those that only wait for their parent to ask. */
    if (proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof(info)) !=
        (int)sizeof(info)) {
        return errno != 0 ? errno : ESRCH;
    }
    process->parent = info.pbi_ppid;
    process->owner = info.pbi_uid;
    process->started = info.pbi_start_tvsec * US_PER_S + info.pbi_start_tvusec;
    /* The longer name is empty where a program has not been executed yet. */
    if (info.pbi_name[0] != '\0') {
        (void)snprintf(process->name, sizeof(process->name), "%.*s",
                       (int)sizeof(info.pbi_name), info.pbi_name);
    } else {
        (void)snprintf(process->name, sizeof(process->name), "%.*s",
                       (int)sizeof(info.pbi_comm), info.pbi_comm);
    }
    return 0;
}

/* What everybody is told. */
static int ask_any(pid_t pid, weft_memory_process *process)
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
    struct kinfo_proc info;
    size_t bytes = sizeof(info);

    if (sysctl(name, 4, &info, &bytes, NULL, 0) != 0) {
        return errno;
    }
    /* Of nobody it fills in nothing. */
    if (bytes != sizeof(info) || info.kp_proc.p_pid != pid ||
        info.kp_proc.p_stat == SZOMB) {
        return ESRCH;
    }
    process->parent = info.kp_eproc.e_ppid;
    process->owner = info.kp_eproc.e_ucred.cr_uid;
    process->started = (uint64_t)info.kp_proc.p_starttime.tv_sec * US_PER_S +
                       (uint64_t)info.kp_proc.p_starttime.tv_usec;
    (void)snprintf(process->name, sizeof(process->name), "%.*s",
                   (int)sizeof(info.kp_proc.p_comm), info.kp_proc.p_comm);
    return 0;
}

/* 0, or an errno. */
static int ask_amounts(weft_memory_process *process)
{
    struct rusage_info_v4 usage;

    if (proc_pid_rusage((int)process->pid, RUSAGE_INFO_V4,
                        (rusage_info_t *)(void *)&usage) != 0) {
        return errno;
    }
    process->resident_bytes = usage.ri_resident_size;
    process->footprint_bytes = usage.ri_phys_footprint;
    process->cpu_ns =
        weftos_run_clock_ns(usage.ri_user_time + usage.ri_system_time);
    process->valid |= WEFT_MEMORY_PROCESS_RESIDENT |
                      WEFT_MEMORY_PROCESS_FOOTPRINT | WEFT_MEMORY_PROCESS_CPU;
    return 0;
}

/* 0, or an errno. */
static int ask_identity(weft_memory_process *process)
{
    int error = ask_own((pid_t)process->pid, process);

    if (error == EPERM) {
        error = ask_any((pid_t)process->pid, process);
    }
    process->valid |= error == 0 ? WEFT_MEMORY_PROCESS_OWNER : 0;
    return error;
}

weft_status weftos_meter_list(weft_memory_process *processes, size_t room,
                              size_t *count, weft_detail *detail)
{
    size_t all = 0;
    pid_t *pids;
    weft_status status = list_all(&pids, &all, detail);

    if (status != WEFT_OK) {
        return status;
    }
    for (size_t i = 0; i < all; i++) {
        weft_memory_process process = {.pid = pids[i]};

        /* 0 is the kernel, which is no process: see KERNEL. */
        if (pids[i] <= 0 || ask_identity(&process) != 0) {
            continue;
        }
        (void)ask_amounts(&process);
        if (*count < room) {
            processes[*count] = process;
        }
        ++*count;
    }
    free(pids);
    return WEFT_OK;
}

static weft_status fail(int error, weft_detail *detail)
{
    if (error == ESRCH) {
        return weftos_fail(detail, WEFT_ENOENT, error, "find the process");
    }
    errno = error;
    return weftos_fail_errno(detail, "look at the process");
}

weft_status weftos_meter_measure(weft_memory_process *process,
                                 weft_detail *detail)
{
    weft_memory_process now = {.pid = process->pid};
    int refused;
    int error;

    if (process->pid <= 0 || process->pid > INT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    refused = ask_amounts(&now);
    /* Its number may have been another's while it was asked. */
    error = ask_identity(&now);
    if (error != 0) {
        return fail(error, detail);
    }
    if (now.started != process->started) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    if (refused != 0) {
        return fail(refused, detail);
    }
    process->resident_bytes = now.resident_bytes;
    process->footprint_bytes = now.footprint_bytes;
    process->cpu_ns = now.cpu_ns;
    process->valid |= now.valid;
    return WEFT_OK;
}
