/* SPDX-License-Identifier: MIT
 *
 * Jobs, for what is to end with this process.
 */
#include <string.h>

#include "sys_windows.h"

HANDLE sys_job_make(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    HANDLE job = CreateJobObjectW(NULL, NULL);

    memset(&limits, 0, sizeof(limits));
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (job != NULL &&
        !SetInformationJobObject(job, JobObjectExtendedLimitInformation,
                                 &limits, sizeof(limits))) {
        DWORD cause = GetLastError();

        (void)CloseHandle(job);
        SetLastError(cause);
        return NULL;
    }
    return job;
}
