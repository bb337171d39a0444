/* SPDX-License-Identifier: MIT
 *
 * tree_linux.h - programs that are hard on their limits, and their runs.
 *
 * A test that uses this is its own program: tree_act() comes first in its
 * test_main(), and does not return when it was started as one.
 */
#ifndef WEFT_TESTS_TREE_LINUX_H
#define WEFT_TESTS_TREE_LINUX_H

#include <weft/weft.h>

/*
 * What the program does:
 *
 *     burn MS COUNT   each of COUNT processes uses so much CPU time
 *     threads MS      so do two threads together
 *     orphan MS       so does one in a session of its own, without a parent
 *     unreaped MS     so does one whom nobody waits for
 *     zapped MS       so does one who stays when the leader ends
 *     eat MIB COUNT   each of COUNT processes touches so much; 7: it can't
 *     forks COUNT     tries so many at one time; the code: how many failed
 *     nested-forks N  the same, in a user namespace that it makes
 *     bomb            all its processes fork, to 300 in all, for two seconds
 *     grow            the same, but one forks every 5 ms
 *     hide COUNT      leaves so many behind that no signal but SIGKILL ends;
 *                     each writes a byte and keeps standard output open
 *     stay COUNT      the same, and stays
 *     escape          leaves behind one who has left the group, if he may, and
 *                     has a child in there
 *     headless CHILD  its first thread ends, and another one stays; with 1 that
 *                     is a child, which it leaves behind
 *
 * With $WEFT_TRUTH those who burn write to standard input, as an uint64_t, how
 * much CPU time each of their processes has used, in ns.
 */
void tree_act(void);

/* Leaves the control group of the tree. False: there is none, or it may not. */
bool tree_leave_group(void);

/*
 * Whether a process without its first thread is found. The double can't show
 * that: it looks at Linux's /proc, which has no environment of such a one.
 */
extern const bool tree_finds_headless;

/* A spec with a wall limit, as no test may hang. */
weft_process_spec *tree_spec(void);

/* Runs a program of those, and waits for its end; its processes are closed. */
struct tree_run {
    weft_process_result result;
    weft_enforcement rows[WEFT_FENCE_COUNT];
    char evidence[2048];
    char cpu_method[64];
};
void tree_run(weft_process_spec *spec, struct tree_run *run, const char *action,
              const char *first, const char *second);

/* Starts one. */
weft_process *tree_start(weft_process_spec *spec, const char *action,
                         const char *first);

/*
 * Whether nobody is left, or this system can't tell and says so: on macOS any
 * other orphan of that time may be one of the tree's.
 */
bool tree_has_ended(const weft_process_result *result);

/* Skips the test unless the system enforces this for a whole tree. */
void tree_need(weft_fence fence);

/* Whether a pipe has been closed by all that write to it, in some seconds. */
bool tree_is_closed(int pipe);

#endif
