/* SPDX-License-Identifier: MIT
 *
 * run.h - what the process plane needs of the operating system besides os.h.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_RUN_H
#define WEFTOS_RUN_H

#include "os.h"

/*
 * Starts the helper that runs programs, with `socket` as its end of a control
 * socket: the program at `path`, or the one that is found if that is NULL; or,
 * with `forks`, a fork of this process that does the same. It is no child that
 * this process's wait() could tell of.
 *
 * WEFT_ENOENT: there is none. WEFT_EACCES: it can't be executed. WEFT_ENOTSUP:
 * this system can't run programs under limits yet, or can't fork.
 */
weft_status weftos_helper_start(const char *path, bool forks,
                                weft_handle socket, weft_detail *detail);

/*
 * The helper's work, to the end; it returns the exit code. Called by the
 * helper's main() alone.
 */
int weftos_helper_main(weft_handle socket);

/* A handle for the working directory, or for `path` from there. */
weft_status weftos_directory_open(const char *path, weft_handle *directory,
                                  weft_detail *detail);

/*
 * A copy, closed over exec, of what standard stream 0, 1 or 2 leads to.
 * WEFT_ENOENT: it is closed.
 */
weft_status weftos_stream_copy(unsigned number, weft_handle *copy,
                               weft_detail *detail);

/* A copy of a handle of this process's, closed over exec. */
weft_status weftos_handle_copy(weft_handle handle, weft_handle *copy,
                               weft_detail *detail);

/*
 * The environment as it is now: "NAME=value" each, in UTF-8 on Windows, and
 * NULL after the last one. To be given to weftos_environment_close.
 * WEFT_EINVAL: it has a text that can't be written in UTF-8. WEFT_ENOMEM.
 */
weft_status weftos_environment_open(char ***variables, weft_detail *detail);
void weftos_environment_close(char **variables);

/* Whether two names of variables, of so many bytes each, are the same. */
bool weftos_variable_is(const char *name, const char *other, size_t bytes);

/* The numbers that signals have on all systems. */
#define WEFTOS_SIGNAL_INTERRUPT 2
#define WEFTOS_SIGNAL_KILL 9
#define WEFTOS_SIGNAL_TERMINATE 15

/* Whether this system can send it, in whatever way. */
bool weftos_signal_is_known(int number);

#endif
