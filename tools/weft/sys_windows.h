/* SPDX-License-Identifier: MIT
 *
 * sys_windows.h - what the files for Windows share.
 */
#ifndef WEFT_SYS_WINDOWS_H
#define WEFT_SYS_WINDOWS_H

#include <windows.h>

#include "sys.h"

/* A text in UTF-16, to free; NULL: out of memory. */
WCHAR *sys_wide(const char *text);

/* The time left in milliseconds, rounded up. */
DWORD sys_timeout(uint64_t deadline_ns);

/*
 * Waits for one of two objects; the first one is looked at first and counts as
 * SYS_READY, the second, which may be NULL, as SYS_OTHER.
 */
sys_event sys_wait_two(HANDLE first, HANDLE second, uint64_t deadline_ns,
                       int *code);

/*
 * As sys_wait_handle, and until a read or write of this thread has ended, which
 * its completion routine knows by then: SYS_OTHER.
 */
sys_event sys_wait_completion(weft_handle handle, uint64_t deadline_ns,
                              int *code);

/* The event that somebody asks this process to end; NULL: nobody is heard. */
HANDLE sys_end_event(void);

/* A job that ends its processes when it is closed; NULL: GetLastError(). */
HANDLE sys_job_make(void);

/*
 * Starts the line in the job with these three standard streams, which can be
 * inherited, and no other handle; the last one may be NULL.
 */
int sys_create_in_job(HANDLE job, WCHAR *line, HANDLE streams[3],
                      HANDLE *started);

/* A copy of standard error that can be inherited, or NULL. */
HANDLE sys_copy_of_stderr(void);

/* ---------------------------------------------------------------- pipes --- */

/*
 * Our end of a pipe, and the one read or write of it that may be under way.
 * That ends in a completion routine, which runs when this thread waits so that
 * it may: there is no limit to how many can be waited for.
 */
typedef struct sys_pipe sys_pipe;

/* Makes one; `theirs` is the other end, which can be inherited. */
int sys_pipe_open(bool to_read, sys_pipe **pipe, HANDLE *theirs);

/* Closes it; NULL is no pipe. What is still being written may be lost. */
void sys_pipe_close(sys_pipe **pipe);

/* As sys_program_read and sys_program_write. */
int sys_pipe_read(sys_pipe *pipe, void *buffer, size_t room, size_t *bytes,
                  bool *at_end);
int sys_pipe_write(sys_pipe *pipe, const void *data, size_t bytes,
                   size_t *written);

/* A look at it now may find something new: nothing is under way. */
bool sys_pipe_is_ready(const sys_pipe *pipe);

/* What the last read or write failed with. */
int sys_pipe_code(const sys_pipe *pipe);

#endif
