/* SPDX-License-Identifier: MIT
 *
 * sys.h - what the tool needs of the operating system beyond the library.
 *
 * The files sys_*_posix.c or sys_*_windows.c implement it. Codes
 * are errno values, or GetLastError() values on Windows; 0 is success.
 */
#ifndef WEFT_SYS_H
#define WEFT_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weft/channel.h>

/*
 * Call it first: standard input and output carry bytes as they are, writing to
 * a closed pipe or beyond a limit is an error code instead of a signal, and the
 * arguments are in UTF-8 where the system knows what they are in.
 */
void sys_start(int argc, char **argv);

/* Whether the helper of programs can be a fork of this process. */
extern const bool sys_can_fork;

/* Ends the process at once; nothing that is open is ended in order. */
_Noreturn void sys_abandon(int exit_code);

/* Nanoseconds since 1970, UTC, by the system's clock. */
uint64_t sys_unix_ns(void);

/* The text of a code, written to `text` and returned. */
const char *sys_error_text(int code, char *text, size_t room);

/* ------------------------------------------------------------ terminal --- */

bool sys_stderr_is_terminal(void);
bool sys_stdout_is_terminal(void);

/* The columns of the terminal at stderr; 80 if it does not tell. */
unsigned sys_terminal_columns(void);

/* ---------------------------------------------------- standard streams --- */

/*
 * How many bytes are left to read from standard input. False if that is not
 * known, because it is not a regular file.
 */
bool sys_input_left(uint64_t *bytes);

/* Reads what there is, at most `room` bytes; `*bytes` 0 at the end. */
int sys_read(void *buffer, size_t room, size_t *bytes);

/*
 * Writes all of it to standard output. SYS_TIMED_OUT when the deadline
 * passes first; `*written` says how much went out.
 */
int sys_write(const void *data, size_t bytes, uint64_t deadline_ns,
              size_t *written);

/*
 * Writes what standard output takes without waiting, perhaps nothing; on
 * Windows, where nobody can know that, it waits and writes all.
 */
int sys_write_some(const void *data, size_t bytes, size_t *written);

/* Our standard error. */
weft_handle sys_error_stream(void);

/* Closes standard output, and so learns of errors that came late. */
int sys_close_output(void);

#define SYS_TIMED_OUT (-1)

/* -------------------------------------------------------------- waiting --- */

/* What a wait ended with. */
typedef enum sys_event {
    SYS_READY,       /* the handle, or (see the call) standard input */
    SYS_OTHER,       /* the other one of the two */
    SYS_DEADLINE,    /* the deadline has passed */
    SYS_INTERRUPTED, /* the user or the system asks this process to end */
    SYS_ERROR        /* `*code` says which */
} sys_event;

/*
 * Waits until standard input can be read (SYS_READY) or `watch` is readable
 * (SYS_OTHER; looked at first). `watch` may be WEFT_HANDLE_NONE.
 */
sys_event sys_wait_input(weft_handle watch, uint64_t deadline_ns, int *code);

/*
 * Waits until `handle` is readable; WEFT_HANDLE_NONE never is. Interrupt,
 * termination and hang-up signals that come between sys_hold_signals and
 * sys_release_signals end the wait instead of the process: none is missed.
 * sys_release_signals then lets them act as if they had come just now.
 */
sys_event sys_wait_handle(weft_handle handle, uint64_t deadline_ns, int *code);
void sys_hold_signals(void);
void sys_release_signals(void);

/* What several things are waited for, and which of the streams is ready. */
#define SYS_WAITS_MAX 8
typedef struct sys_waits {
    weft_handle handles[SYS_WAITS_MAX]; /* until one is readable */
    size_t count;
    bool for_input;  /* or standard input can be read */
    bool for_output; /* or standard output takes more */
    bool has_input;
    bool has_output;
} sys_waits;

/*
 * As sys_wait_handle, for several. SYS_READY: look at each handle, and at the
 * two streams; perhaps nothing is ready yet.
 */
sys_event sys_wait_several(sys_waits *waits, uint64_t deadline_ns, int *code);

/*
 * The signal that has ended a wait, which is then forgotten; 0: none. On
 * Windows each is SIGINT, number 2. `*is_shared`: the terminal has sent it, to
 * the programs that this one has started as well.
 */
int sys_take_signal(bool *is_shared);

/*
 * The number of a signal by its name, with or without SIG, or by its number; -1
 * if this system has none.
 */
int sys_signal_number(const char *name);
#define SYS_SIGNAL_KILL 9

/* ----------------------------------------------------------------- text --- */

/* A text that is written through a stream into memory. */
typedef struct sys_text {
    FILE *file;
    char *data; /* from sys_text_close on; to free */
    size_t bytes;
} sys_text;

/* NULL: it can't be. The caller ends it with sys_text_close. */
FILE *sys_text_open(sys_text *text);

/* Closes the stream. False: not all was written, and there is no data. */
bool sys_text_close(sys_text *text);

/* ---------------------------------------------------------------- files --- */

typedef enum sys_file_use {
    SYS_FILE_READ,  /* a file that is there */
    SYS_FILE_NEW,   /* to write; the file must not be there */
    SYS_FILE_APPEND /* to read and write; it is made if it is not there */
} sys_file_use;

/* Who opens a file to write it has it alone: else SYS_BUSY. */
int sys_file_open(const char *path, sys_file_use use, weft_handle *file);
int sys_file_close(weft_handle file);

/*
 * Read and write at an offset. Fewer bytes are read only at the end. If a
 * write fails `*written` says how much was written all the same.
 */
int sys_file_read(weft_handle file, uint64_t offset, void *buffer, size_t room,
                  size_t *bytes);
int sys_file_write(weft_handle file, uint64_t offset, const void *data,
                   size_t bytes, size_t *written);

/* Cuts it to a length. */
int sys_file_cut(weft_handle file, uint64_t length);

/* Returns when what was written is on the disk. */
int sys_file_sync(weft_handle file);

#define SYS_BUSY (-2)

/* ----------------------------------------------- a program's own streams ---
 */

/*
 * Opens a file for a program's standard stream: to read, or to write, made if
 * it is not there and not emptied yet. A directory is an error.
 */
int sys_stream_open(const char *path, bool to_write, weft_handle *file);

/* Are both the same file? */
bool sys_stream_is_same(weft_handle first, weft_handle second);

/* Empties a file; what has no length is left as it is. */
int sys_stream_empty(weft_handle file);

/*
 * A pipe for what a program writes: it is read without waiting, and its end
 * for reading can be waited for. Not on Windows. Both are sys_file_close's.
 * `*bytes` 0: nothing is there now, or nobody has it for writing any more.
 */
int sys_relay_open(weft_handle *to_read, weft_handle *to_write);
int sys_relay_read(weft_handle to_read, void *buffer, size_t room,
                   size_t *bytes, bool *at_end);

/* ------------------------------------------------------------- programs --- */

/*
 * A program that was started, with pipes to its standard input and from its
 * standard output; its standard error is ours.
 */
typedef struct sys_program {
    int64_t process;   /* 0: there is none */
    weft_handle input; /* the pipes, where they are handles */
    weft_handle output;
} sys_program;

/* Starts arguments[0], found as the shell does; the list ends with NULL. */
int sys_program_start(char **arguments, sys_program *program);

/*
 * Write to its input and read its output as much as can be done without
 * waiting, perhaps nothing. A program that has closed its input is an error.
 */
int sys_program_write(const sys_program *program, const void *data,
                      size_t bytes, size_t *written);
int sys_program_read(const sys_program *program, void *buffer, size_t room,
                     size_t *bytes, bool *at_end);

/* One of several programs that are waited for. */
typedef struct sys_watch {
    const sys_program *program;
    bool to_write; /* until its input takes more, too */
} sys_watch;

/*
 * As sys_wait_handle, and until one of at most 256 programs has output.
 * SYS_READY: look at the handle and at each program.
 */
sys_event sys_wait_programs(weft_handle handle, const sys_watch *watches,
                            size_t count, uint64_t deadline_ns, int *code);

/* Closes its input, which asks it to end. */
void sys_program_close_input(sys_program *program);

/*
 * Waits for it to close its output, at most until the deadline, and ends it.
 * `text` tells how it ended, such as "has ended with exit code 1".
 */
void sys_program_end(sys_program *program, uint64_t deadline_ns, char *text,
                     size_t room);

/* A command that the shell runs beside this process. */
typedef struct sys_shell {
    int64_t process; /* 0: it does not run any more */
    char ending[64]; /* such as "has ended with exit code 1"; "": well */
} sys_shell;

/*
 * Starts it with the variables, NAME=VALUE, in its environment; the list ends
 * with NULL. It has our standard error, nothing to read, and its output goes
 * nowhere. A signal for our group does not reach it.
 */
int sys_shell_start(const char *command, char *const *variables,
                    sys_shell *shell);

/*
 * Whether it has ended by now; then it is as sys_shells_end leaves it, and
 * what it has started in the background is not looked for on POSIX systems.
 */
bool sys_shell_has_ended(sys_shell *shell);

/*
 * Waits until all of them have ended, at most until the deadline or until this
 * process is asked to end; those that are left then are ended with what they
 * have started.
 */
void sys_shells_end(sys_shell *shells, size_t count, uint64_t deadline_ns);

/*
 * The name of the program that a process runs, as the system has it, which the
 * process can choose. False, and nothing written: not known here.
 */
bool sys_process_name(int64_t pid, char *name, size_t room);

/* The name of a user. False, and nothing written: it has none, or no room. */
bool sys_user_name(uint32_t user, char *name, size_t room);

/*
 * The library that has a program give memory back: false, it is not here. And
 * puts a program with it in this one's place; returns only why not, and whether
 * that is because there is no such program.
 */
bool sys_preload_find(char *path, size_t room);
int sys_preload_execute(const char *library, char **arguments);
bool sys_preload_is_missing(int code);

/* What a service does until it is asked to end; its exit code. */
typedef int sys_service(void *context);

/*
 * Runs as a service of Windows, which the service manager has started: it is
 * told that the service runs, and to end it is what ends a wait. Signals are
 * held already. An error code: this process was not started so, or the system
 * is another one.
 */
int sys_service_run(sys_service *body, void *context, int *exit_code);

/* --------------------------------------------------------------- places --- */

/*
 * Where names live and why: the directory in `path`, and a static string
 * such as "$XDG_RUNTIME_DIR". NULL if `path` is too small.
 */
const char *sys_runtime_directory(char *path, size_t room);

/*
 * The directory for what this user's programs keep from one run to the next.
 * False: there is none, or `path` is too small.
 */
bool sys_state_directory(char *path, size_t room);

/*
 * Makes a directory, with those above it, unless it is there, and looks whether
 * nobody else can change what is in it. The same for a file, which is only made
 * if `make` says so.
 */
int sys_own_directory(const char *path);
int sys_own_file(const char *path, bool make);

#define SYS_NOT_OURS (-3) /* it belongs to somebody else */
#define SYS_EXPOSED (-4)  /* others may write to it */
#define SYS_NO_FILE (-5)  /* it is something else than a file */

/* False: there is certainly nothing of this name. */
bool sys_file_exists(const char *path);

/*
 * Whether what an open file says may be done: it is this user's or the
 * system's, and nobody else may write to it, or, if it is secret, read it. On
 * Windows that is not asked.
 */
int sys_file_trust(weft_handle file, bool is_secret);

/*
 * The path of a file of weft's for the whole system, such as
 * "/etc/weft/memory.conf". False: there is none, or no room.
 */
bool sys_system_file(const char *name, char *path, size_t room);

/* Is it on a file system that this machine alone writes to? */
bool sys_is_local(const char *path);

/* The working directory; NULL: it is not known, or too long. */
const char *sys_directory(char *path, size_t room);

/* Is the name a path, to which the rules of plain names do not apply? */
bool sys_is_path(const char *name);

/* What a path looks like, for messages: "a path with a '/'". */
extern const char *const sys_path_form;

#endif
