/* SPDX-License-Identifier: MIT
 *
 * What the processes of a tree have and use, as the system's list of processes
 * says.
 *
 * For where the job itself does not count. What lives shorter than the time
 * between two looks is not seen, nor what a process has used after the last
 * look at it.
 */
#include <stdlib.h>

#include "process_list.h"
#include "run.h"

/* The job's list of its processes, with room for so many. */
static JOBOBJECT_BASIC_PROCESS_ID_LIST *make_list(DWORD room, DWORD *bytes)
{
    *bytes = (DWORD)(sizeof(JOBOBJECT_BASIC_PROCESS_ID_LIST) +
                     room * sizeof(ULONG_PTR));
    return calloc(1, *bytes);
}

/* The caller frees it; NULL: it can't be had. */
static JOBOBJECT_BASIC_PROCESS_ID_LIST *list_job(HANDLE job)
{
    DWORD room = 64;

    for (int i = 0; i < 8; i++) {
        DWORD bytes;
        JOBOBJECT_BASIC_PROCESS_ID_LIST *list = make_list(room, &bytes);

        if (list == NULL ||
            (QueryInformationJobObject(job, JobObjectBasicProcessIdList, list,
                                       bytes, NULL) &&
             list->NumberOfProcessIdsInList ==
                 list->NumberOfAssignedProcesses)) {
            return list;
        }
        if (GetLastError() != ERROR_MORE_DATA &&
            list->NumberOfAssignedProcesses == 0) {
            free(list);
            return NULL;
        }
        room = list->NumberOfAssignedProcesses * 2 + 64;
        free(list);
    }
    return NULL;
}

static bool is_in(const JOBOBJECT_BASIC_PROCESS_ID_LIST *list, ULONG_PTR pid)
{
    for (DWORD i = 0; i < list->NumberOfProcessIdsInList; i++) {
        if (list->ProcessIdList[i] == pid) {
            return true;
        }
    }
    return false;
}

/* The member that this is, or a new one; NULL: no memory. */
static struct run_member *member_of(struct run *run,
                                    const struct weftos_process_entry *entry)
{
    DWORD pid = (DWORD)entry->pid;

    for (size_t i = 0; i < run->member_count; i++) {
        if (run->members[i].pid == pid &&
            run->members[i].created == entry->created) {
            return &run->members[i];
        }
    }
    if (run->member_count == run->member_room) {
        size_t room = run->member_room == 0 ? 16 : run->member_room * 2;
        struct run_member *grown =
            realloc(run->members, room * sizeof(run->members[0]));

        if (grown == NULL) {
            return NULL;
        }
        run->members = grown;
        run->member_room = room;
    }
    run->members[run->member_count] =
        (struct run_member){.pid = pid, .created = entry->created};
    return &run->members[run->member_count++];
}

static void take_entry(struct run *run,
                       const struct weftos_process_entry *entry,
                       struct run_sample *sample)
{
    struct run_member *member = member_of(run, entry);

    if (member != NULL) {
        member->is_seen = true;
        member->user_ns = entry->user * 100;
        member->system_ns = entry->kernel * 100;
    }
    sample->processes++;
    sample->commit += entry->commit;
    if (entry->working_set[0] > sample->resident) {
        sample->resident = entry->working_set[0];
    }
}

/* Adds up, and forgets those that have ended. */
static void add_up(struct run *run, struct run_sample *sample)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->member_count; i++) {
        struct run_member *member = &run->members[i];

        if (!member->is_seen) {
            run->ended_user_ns += member->user_ns;
            run->ended_system_ns += member->system_ns;
            continue;
        }
        sample->user_ns += member->user_ns;
        sample->system_ns += member->system_ns;
        member->is_seen = false;
        run->members[kept++] = *member;
    }
    run->member_count = kept;
    sample->user_ns += run->ended_user_ns;
    sample->system_ns += run->ended_system_ns;
}

bool weftos_run_sample(struct run *run, struct run_sample *sample)
{
    JOBOBJECT_BASIC_PROCESS_ID_LIST *job = list_job(run->job);
    struct weftos_process_list all = {.data = NULL};
    struct weftos_process_entry entry;
    bool is_told = job != NULL && weftos_list_processes(&all) == 0;

    *sample = (struct run_sample){.processes = 0};
    while (is_told && weftos_process_next(&all, &entry)) {
        if (is_in(job, (ULONG_PTR)entry.pid)) {
            take_entry(run, &entry, sample);
        }
    }
    /* Who is not in the part that was read has not ended. */
    is_told = is_told && !all.is_broken;
    if (is_told) {
        add_up(run, sample);
    }
    free(all.data);
    free(job);
    return is_told;
}
