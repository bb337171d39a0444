/* SPDX-License-Identifier: MIT
 *
 * The leader, between the fork and the program; what all systems share of that
 * is in posix/run_exec.c.
 */
#define _DARWIN_C_SOURCE
#include <grp.h>
#include <libproc.h>
#include <stdlib.h>
#include <unistd.h>

#include "run.h"

void weftos_run_close_from(int first, int kept)
{
    int bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, NULL, 0);
    struct proc_fdinfo *list = bytes > 0 ? malloc((size_t)bytes) : NULL;
    int most = (int)sysconf(_SC_OPEN_MAX);

    if (list != NULL) {
        bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, list, bytes);
    }
    if (list != NULL && bytes > 0) {
        for (int i = 0; i < bytes / (int)PROC_PIDLISTFD_SIZE; i++) {
            if (list[i].proc_fd >= first && list[i].proc_fd != kept) {
                (void)close(list[i].proc_fd);
            }
        }
    } else {
        for (int i = first; i < most; i++) {
            if (i != kept) {
                (void)close(i);
            }
        }
    }
    free(list);
}

static void become_user(const struct run *run, int pipe)
{
    uid_t uid = run->request->uid;
    gid_t gid = run->request->gid;

    if ((run->request->flags & WEFTI_RUN_HAS_USER) == 0) {
        return;
    }
    if (setgroups(1, &gid) != 0 || setregid(gid, gid) != 0 ||
        setreuid(uid, uid) != 0) {
        weftos_run_child_fail(pipe, -1, "become another user");
    }
}

char *weftos_run_mark(const struct run *run)
{
    return run->slot->mark;
}

_Noreturn void weftos_run_child(struct run *run, int pipe)
{
    weftos_run_reset_signals();
    if (fchdir(run->handles[WEFTI_RUN_DIRECTORY]) != 0) {
        weftos_run_child_fail(pipe, -1, "enter the working directory");
    }
    pipe = weftos_run_place_handles(run, pipe);
    weftos_run_close_from(run->handles[WEFTI_RUN_CHANNEL] >= 0
                              ? RUN_CHANNEL_FD + 1
                              : RUN_CHANNEL_FD,
                          pipe);
    weftos_run_set_limits(run, pipe);
    become_user(run, pipe);
    weftos_run_isolate_confine(run, pipe);
    weftos_run_execute(run, pipe);
}
