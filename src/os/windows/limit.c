/* SPDX-License-Identifier: MIT
 *
 * Limits of this process. Windows has them in jobs alone, so the process is
 * put into one of its own, which is made when the first limit is set, and which
 * stays until the process ends: no process leaves a job. Whether the system
 * keeps the value (Wine does not) is seen before that.
 */
#include "../system.h"

#include "job.h"
#include "win.h"

/* ------------------------------------------------------------- reading --- */

enum weftos_job_sight weftos_is_in_job(void)
{
    BOOL is_in_job = FALSE;

    if (!IsProcessInJob(GetCurrentProcess(), NULL, &is_in_job)) {
        return WEFTOS_JOB_UNKNOWN;
    }
    return is_in_job ? WEFTOS_JOB_SOME : WEFTOS_JOB_NONE;
}

/* Of a job; NULL is the one that this process is in. */
static bool read_memory(HANDLE job, uint64_t *process_limit,
                        uint64_t *job_limit)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION found;
    DWORD flags;

    if (!QueryInformationJobObject(job, JobObjectExtendedLimitInformation,
                                   &found, sizeof(found), NULL)) {
        return false;
    }
    flags = found.BasicLimitInformation.LimitFlags;
    *process_limit = (flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0
                         ? found.ProcessMemoryLimit
                         : WEFT_UNLIMITED;
    *job_limit = (flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0
                     ? found.JobMemoryLimit
                     : WEFT_UNLIMITED;
    return true;
}

bool weftos_job_memory(uint64_t *process_limit, uint64_t *job_limit)
{
    if (weftos_is_in_job() == WEFTOS_JOB_NONE) {
        *process_limit = WEFT_UNLIMITED;
        *job_limit = WEFT_UNLIMITED;
        return true;
    }
    return read_memory(NULL, process_limit, job_limit);
}

/* Why there is no such limit, or NULL. */
static const char *refuse(weft_resource resource)
{
    switch (resource) {
    case WEFT_RESOURCE_DATA:
        return NULL;
    case WEFT_RESOURCE_CPU:
        return "limit CPU time: a job of Windows counts user time alone";
    case WEFT_RESOURCE_PROCESSES:
        return "limit processes: Windows counts those of a job, not of a user";
    default:
        return "limit this resource: Windows has no such limit of a process";
    }
}

weft_status weftos_limit_get(weft_resource resource, uint64_t *soft,
                             uint64_t *hard, weft_detail *detail)
{
    const char *reason = refuse(resource);
    uint64_t job_limit;

    if (reason != NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, reason);
    }
    if (!weftos_job_memory(soft, &job_limit)) {
        return weftos_fail_last(detail, "QueryInformationJobObject");
    }
    *hard = *soft;
    return WEFT_OK;
}

/* ------------------------------------------------------------- setting --- */

static SRWLOCK lock = SRWLOCK_INIT;
static HANDLE own_job; /* guarded by the lock; this process is in it */

static weft_status write_memory(HANDLE job, uint64_t limit, weft_detail *detail)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION wanted = {0};

    if (limit != WEFT_UNLIMITED) {
        wanted.BasicLimitInformation.LimitFlags =
            JOB_OBJECT_LIMIT_PROCESS_MEMORY;
        wanted.ProcessMemoryLimit = (SIZE_T)limit;
    }
    if (SetInformationJobObject(job, JobObjectExtendedLimitInformation, &wanted,
                                sizeof(wanted))) {
        return WEFT_OK;
    }
    return GetLastError() == ERROR_INVALID_PARAMETER
               ? weftos_fail(detail, WEFT_EINVAL, ERROR_INVALID_PARAMETER,
                             "SetInformationJobObject")
               : weftos_fail_last(detail, "SetInformationJobObject");
}

/* Whether a job has kept a limit; Windows counts whole pages. */
static bool keeps(HANDLE job, uint64_t limit)
{
    uint64_t page = weftos_get_facts()->page_bytes;
    uint64_t kept;
    uint64_t job_limit;

    return read_memory(job, &kept, &job_limit) && kept != WEFT_UNLIMITED &&
           kept / page == limit / page;
}

/* The first limit. What fails leaves the process where it is. */
static weft_status enter_job(uint64_t limit, weft_detail *detail)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    weft_status status;

    if (job == NULL) {
        return weftos_fail_last(detail, "CreateJobObject");
    }
    status = write_memory(job, limit, detail);
    if (status == WEFT_OK && !keeps(job, limit)) {
        status = weftos_fail(detail, WEFT_ENOTSUP, 0,
                             "limit data: this system does not keep the limit "
                             "of a job");
    }
    if (status == WEFT_OK &&
        !AssignProcessToJobObject(job, GetCurrentProcess())) {
        status = weftos_fail_last(detail, "AssignProcessToJobObject");
    }
    if (status != WEFT_OK) {
        (void)CloseHandle(job);
        return status;
    }
    own_job = job;
    return WEFT_OK;
}

/* Where no limit was ever set here, a limit is another's. */
static weft_status lift(weft_detail *detail)
{
    uint64_t limit;
    uint64_t job_limit;

    if (!weftos_job_memory(&limit, &job_limit)) {
        return weftos_fail_last(detail, "QueryInformationJobObject");
    }
    return limit == WEFT_UNLIMITED
               ? WEFT_OK
               : weftos_fail(detail, WEFT_EACCES, 0,
                             "lift the limit of a job of another process's");
}

weft_status weftos_limit_set(weft_resource resource, uint64_t soft,
                             uint64_t hard, weft_detail *detail)
{
    const char *reason = refuse(resource);
    weft_status status;

    if (reason != NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, reason);
    }
    if (soft != hard || (soft != WEFT_UNLIMITED && soft > SIZE_MAX)) {
        return weftos_fail(detail, WEFT_EINVAL, 0, "state the limit");
    }
    AcquireSRWLockExclusive(&lock);
    if (own_job != NULL) {
        status = write_memory(own_job, soft, detail);
    } else if (soft == WEFT_UNLIMITED) {
        status = lift(detail);
    } else {
        status = enter_job(soft, detail);
    }
    ReleaseSRWLockExclusive(&lock);
    return status;
}
