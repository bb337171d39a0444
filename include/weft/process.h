/* SPDX-License-Identifier: MIT
 *
 * weft/process.h - programs under firm limits, and the truth about them.
 *
 * A spec says how programs are to be run: under which limits, with which
 * files, network and environment. Each program started by it is a tree: the
 * leader, which is the program itself, and all that it starts. The tree ends
 * with its leader, with weft_process_kill or with this process, however that
 * ends; nothing of it is left, and the result says if that is known.
 *
 * Nothing asked for is silently dropped. What cannot be enforced on this
 * system makes the start fail, unless WEFT_TRY allows to go without; and each
 * row of the report (weft_enforcement) says how a thing is enforced here.
 *
 * A helper, a small program of weft's own, stands between this process and
 * the trees. It is started with the first program of a spec and lives until
 * the spec and all its processes are closed. So the figures of a tree do not
 * contain this process's own, no signal handler is needed, and the children
 * of this process that wait() tells of are its own only, unless this process
 * adopts orphans; on macOS one that waits for any child while the helper is
 * started may be told of a process between. What is inherited and not named
 * here (credentials, the umask, resource limits, the terminal) is as it was
 * when the helper started.
 *
 * Threads: one thread at a time may use a spec, and one a process; different
 * ones are independent. Fork: in a forked child every call returns
 * WEFT_EFORKED, but for the closing calls, which free the child's copy.
 * Signals: nothing here is safe in a signal handler.
 */
#ifndef WEFT_PROCESS_H
#define WEFT_PROCESS_H

#include <stdbool.h>

#include <weft/base.h>
#include <weft/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_process_spec weft_process_spec;
typedef struct weft_process weft_process;

/* --------------------------------------------------------- enforcement --- */

/* How firmly a thing is enforced; more is firmer. */
typedef enum weft_level {
    WEFT_LEVEL_UNSUPPORTED = 0, /* not at all */
    WEFT_LEVEL_MONITORED = 1,   /* the helper looks, and ends the tree */
    WEFT_LEVEL_PROCESS = 2,     /* the kernel, for each process by itself */
    WEFT_LEVEL_TREE = 3         /* the kernel, for the tree as a whole */
} weft_level;

/* What is to happen where something can't be enforced. */
typedef enum weft_demand {
    WEFT_REQUIRE = 0, /* the start fails with WEFT_ENOTSUP */
    WEFT_TRY = 1      /* the start goes on; the report says so */
} weft_demand;

/*
 * Everything that a report has a row for: symbol, value, name, unit. First
 * the limits, then what isolates.
 *
 * MEMORY: what the tree uses together; more ends it. CPU: user and system time
 * of all processes of the tree, dead ones included. WALL: time since the start
 * by the monotonic clock. PROCESSES: at one time; on Linux each thread counts.
 * FILES: open descriptors of each process. FILE_SIZE: of each file written.
 * OUTPUT: bytes written to standard output and standard error together, where
 * these are not files of the program's own; what goes beyond is not passed on.
 * CORE: of a core dump; 0 is allowed. STACK: of each process's first thread.
 * IDLE: time without a byte of output.
 *
 * On Windows MEMORY is what the tree has committed, PROCESSES does not count
 * threads, and FILES, FILE_SIZE, CORE and STACK are unsupported.
 */
#define WEFT_FENCE_LIST(X)                                                     \
    X(WEFT_FENCE_MEMORY, 0, "memory", "bytes")                                 \
    X(WEFT_FENCE_CPU, 1, "cpu", "ns")                                          \
    X(WEFT_FENCE_WALL, 2, "wall", "ns")                                        \
    X(WEFT_FENCE_PROCESSES, 3, "processes", "count")                           \
    X(WEFT_FENCE_FILES, 4, "files", "count")                                   \
    X(WEFT_FENCE_FILE_SIZE, 5, "file_size", "bytes")                           \
    X(WEFT_FENCE_OUTPUT, 6, "output", "bytes")                                 \
    X(WEFT_FENCE_CORE, 7, "core", "bytes")                                     \
    X(WEFT_FENCE_STACK, 8, "stack", "bytes")                                   \
    X(WEFT_FENCE_IDLE, 9, "idle", "ns")                                        \
    X(WEFT_FENCE_TREE_KILL, 10, "tree_kill", "")                               \
    X(WEFT_FENCE_PRIVILEGES, 11, "privileges", "")                             \
    X(WEFT_FENCE_NETWORK, 12, "network", "")                                   \
    X(WEFT_FENCE_PATHS, 13, "paths", "")                                       \
    X(WEFT_FENCE_PIDS, 14, "pids", "")                                         \
    X(WEFT_FENCE_IPC, 15, "ipc", "")                                           \
    X(WEFT_FENCE_CALLS, 16, "calls", "")                                       \
    X(WEFT_FENCE_TEMP, 17, "temp", "")

typedef enum weft_fence {
#define WEFT_FENCE_ENUM(symbol, value, name, unit) symbol = (value),
    WEFT_FENCE_LIST(WEFT_FENCE_ENUM)
#undef WEFT_FENCE_ENUM
} weft_fence;

#define WEFT_FENCE_LIMITS 10 /* the first so many are limits with a value */
#define WEFT_FENCE_COUNT 18

/* "memory" and so on, and "bytes", "ns", "count" or ""; static. Since 0.1. */
WEFT_API const char *weft_fence_name(weft_fence fence);
WEFT_API const char *weft_fence_unit(weft_fence fence);
WEFT_API const char *weft_level_name(weft_level level);

/* One row of a report. The strings are terminated, "" where there is none. */
typedef struct weft_enforcement {
    weft_fence fence;
    weft_demand demand;
    weft_level level;
    bool has_value;       /* `requested` and `applied` mean something */
    uint64_t requested;   /* the hard value asked for */
    uint64_t applied;     /* what is in force, after the system's rounding */
    uint64_t granularity; /* in the fence's unit; 0: exact, or unknown */
    uint64_t blind_ns;    /* MONITORED: the longest time between two looks */
    char mechanism[64];   /* such as "cgroup v1 memory" */
    char why_not[96];     /* why nothing firmer than this is used here */
} weft_enforcement;

/* ----------------------------------------------------------------- spec --- */

/*
 * Makes a spec without any limit: the program inherits the environment, the
 * working directory and the standard streams, and nothing else that is open.
 * The caller ends it with weft_process_spec_close.
 *
 * WEFT_EINVAL, WEFT_ENOMEM. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_open(weft_process_spec **out);

/*
 * Frees the spec and sets `*spec` to NULL; what it has started goes on. NULL
 * and pointers to NULL are allowed. Since 0.1.
 */
WEFT_API void weft_process_spec_close(weft_process_spec **spec);

/*
 * All setters below copy what they are given, replace what was set before, and
 * hold for the programs that are started afterwards. They return WEFT_OK,
 * WEFT_EINVAL (the value makes no sense), WEFT_ENOMEM or WEFT_EFORKED.
 */

/*
 * Sets a limit. At `hard` the tree is ended; at `soft`, if that is not 0, it
 * is sent SIGTERM (on Windows: CTRL_BREAK) once, and goes on. Only CPU, WALL,
 * OUTPUT and IDLE have a soft value, which must be below the hard one.
 * FILES, FILE_SIZE, CORE and STACK do not end the tree: the program's own call
 * fails, as the system says (for FILE_SIZE with SIGXFSZ).
 *
 * WEFT_EINVAL: `fence` is no limit, or has no soft value; hard is 0 (but for
 * CORE); soft is not below hard. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_limit(weft_process_spec *spec,
                                             weft_fence fence, uint64_t soft,
                                             uint64_t hard, weft_demand demand);

/*
 * How long the tree has between SIGTERM and SIGKILL when a hard limit of CPU,
 * WALL, OUTPUT or IDLE is reached. 0, the default: no SIGTERM. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_grace(weft_process_spec *spec,
                                             uint64_t grace_ns);

/*
 * An isolation with a name and no value: WEFT_FENCE_TREE_KILL (always tried;
 * this makes it required), PRIVILEGES (no program gains any by set-uid and the
 * like), NETWORK (none at all, not even loopback), PIDS (it sees and signals
 * no process but its own), IPC (likewise System V and POSIX queues, abstract
 * Unix sockets), CALLS (a filter of system calls: nothing that runs, talks and
 * computes needs what it refuses), TEMP (a temporary directory of its own,
 * which goes with the tree: $TMPDIR, on Windows %TEMP% and %TMP%, too; on Linux
 * it takes the place of /tmp, and a rule that shows the host's /tmp excludes
 * it). On Windows only TREE_KILL, PRIVILEGES and TEMP are supported, and no
 * rules for paths. On macOS each process of a tree has a variable WEFT_TREE, by
 * which those are found that have left it.
 *
 * WEFT_EINVAL: any other fence. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_isolate(weft_process_spec *spec,
                                               weft_fence fence,
                                               weft_demand demand);

/* What the program may do below a path. */
typedef enum weft_access {
    WEFT_ACCESS_READ = 1,  /* read, list, and execute */
    WEFT_ACCESS_WRITE = 2, /* that, and change, make and remove */
    WEFT_ACCESS_HIDE = 3,  /* nothing: it is as if it were empty */
    /*
     * A directory of which it sees what the host has in there, and changes what
     * it has the rights to; but all changes are its own, in memory, and gone at
     * the end. No other file system may be mounted below it.
     */
    WEFT_ACCESS_OVERLAY = 4,
    /* A directory that is empty, its own to write, and gone at the end. */
    WEFT_ACCESS_TEMP = 5
} weft_access;

/*
 * Allows, hides or replaces the file or directory `path`. With the first READ
 * or WRITE all that is not named is out of reach; with the others alone all
 * else stays as it is. The path must exist when the program is started; a link
 * is followed then. Of two rules for nested paths the deeper one counts. A
 * standard stream that is a directory would lead out: the start fails with
 * WEFT_EINVAL.
 *
 * OVERLAY and TEMP are had on Linux only. They are for directories other than
 * the root: else the start fails with WEFT_EINVAL. What they hold is in memory,
 * which a control group counts as the tree's.
 *
 * WEFT_EINVAL: the path is not absolute, or has a rule already that differs.
 * Since 0.1.
 */
WEFT_API weft_status weft_process_spec_path(weft_process_spec *spec,
                                            const char *path,
                                            weft_access access,
                                            weft_demand demand);

/*
 * Presets: BASIC is PRIVILEGES, TEMP, IPC, PIDS and a clean environment, each
 * tried; STRICT requires them, and NETWORK and CALLS, and lets it read the
 * system's programs and libraries and no other file. Since 0.1.
 */
typedef enum weft_sandbox {
    WEFT_SANDBOX_NONE = 0,
    WEFT_SANDBOX_BASIC = 1,
    WEFT_SANDBOX_STRICT = 2
} weft_sandbox;

WEFT_API weft_status weft_process_spec_sandbox(weft_process_spec *spec,
                                               weft_sandbox sandbox);

/*
 * Starts with an empty environment from here on, instead of this process's.
 * PATH, HOME, LANG, LC_ALL, TERM and TZ are passed on if they are set; on
 * Windows SystemRoot always. Since 0.1.
 */
WEFT_API weft_status
weft_process_spec_clean_environment(weft_process_spec *spec);

/*
 * Sets a variable; with `value` NULL it has this process's value at the start,
 * if there is one then.
 *
 * WEFT_EINVAL: the name is empty or contains '='. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_variable(weft_process_spec *spec,
                                                const char *name,
                                                const char *value);

/*
 * The working directory; the default is this process's own. What cannot be seen
 * inside, by rules for paths or TEMP, makes the start fail with WEFT_ENOENT; by
 * default it starts in the temporary directory then, or in "/". Since 0.1.
 */
WEFT_API weft_status weft_process_spec_directory(weft_process_spec *spec,
                                                 const char *path);

/* Where standard input (0), output (1) or error (2) lead. */
typedef enum weft_stream {
    WEFT_STREAM_INHERIT = 0, /* this process's own */
    WEFT_STREAM_NULL = 1,    /* nothing to read; what is written is lost */
    WEFT_STREAM_HANDLE = 2   /* a copy of `handle`, taken at the start */
} weft_stream;

/*
 * Redirects a standard stream. The handle stays the caller's, and must live
 * until the start. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_stream(weft_process_spec *spec,
                                              unsigned number,
                                              weft_stream stream,
                                              weft_handle handle);

/*
 * Runs it as another user and group, without supplementary groups. This
 * process must have the right to; WEFT_ENOTSUP at the start on Windows.
 * Since 0.1.
 */
WEFT_API weft_status weft_process_spec_user(weft_process_spec *spec,
                                            uint32_t uid, uint32_t gid);

/*
 * Runs it on these CPUs only, of which bit N of word N / 64 is one.
 * WEFT_EINVAL: no bit is set, or more than 16 words. WEFT_ENOTSUP at the start
 * on macOS. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_cpus(weft_process_spec *spec,
                                            const uint64_t *words,
                                            size_t word_count);

/*
 * Gives the program a connected channel, which it opens with
 * weft_channel_adopt(WEFT_HANDLE_NONE, ...). weft_process_channel gives the
 * other end. `options` as in weft_channel_pair. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_channel(
    weft_process_spec *spec, const weft_channel_options *options);

/*
 * Where the helper is. Without it: $WEFT_HELPER, then beside the library or
 * the program that contains it, then where it was installed. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_helper(weft_process_spec *spec,
                                              const char *path);

/*
 * The helper is a fork of this process instead of a program of its own: for
 * small programs with one thread, such as the command weft, which it spares
 * the start of another program. Peak memory then contains the little that this
 * process has. WEFT_ENOTSUP at the start on Windows. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_fork_helper(weft_process_spec *spec);

/*
 * Tries, in throw-away children, what could be enforced of everything there
 * is, and writes one row for each fence: for what the spec asks with its
 * values, for all else as if it were asked with WEFT_TRY. `room` is at least
 * WEFT_FENCE_COUNT. Starts no program. Blocks for some milliseconds.
 *
 * As weft_process_start, without WEFT_ENOENT and WEFT_EACCES for the program.
 * Since 0.1.
 */
WEFT_API weft_status weft_process_spec_probe(weft_process_spec *spec,
                                             weft_enforcement *rows,
                                             size_t room, weft_detail *detail);

/* -------------------------------------------------------------- process --- */

/*
 * Starts arguments[0], found by PATH as the shell does unless it contains a
 * '/', with these arguments; the list ends with NULL. Blocks until the program
 * runs or has failed to: some milliseconds. The caller owns `*out` and ends it
 * with weft_process_close.
 *
 * On Windows a backslash or a drive does as well as a '/', the endings of
 * PATHEXT are tried, the working directory is no part of PATH, and a batch file
 * is WEFT_EACCES, as nobody can quote arguments for it. Texts are UTF-8; others
 * are WEFT_EINVAL.
 *
 * WEFT_ENOENT: there is no such program (or helper, or path of a rule; the
 * detail says). WEFT_EACCES: it can't be executed, or this process lacks the
 * right to something asked for. WEFT_ENOTSUP: something required can't be
 * enforced here: weft_process_spec_refusal says what. WEFT_EINVAL, WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EFORKED, WEFT_EOS. In each case nothing was run.
 * WEFT_EPEERDIED: the helper was killed meanwhile. If the program ran already
 * its tree has been ended.
 * Since 0.1.
 */
WEFT_API weft_status weft_process_start(weft_process_spec *spec,
                                        char *const *arguments,
                                        weft_process **out,
                                        weft_detail *detail);

/*
 * After a start that has failed: why, as one line such as "cannot enforce
 * memory: cgroup v1 memory: Permission denied", or "". It is the spec's, until
 * the next start. Since 0.1.
 */
WEFT_API const char *weft_process_spec_refusal(const weft_process_spec *spec);

/* The leader's process number in this process's namespace. Since 0.1. */
WEFT_API int64_t weft_process_pid(const weft_process *process);

/*
 * This end of the channel that weft_process_spec_channel asked for, or NULL.
 * It is the process's, and closed with it; weft_process_take_channel gives it
 * to the caller. Since 0.1.
 */
WEFT_API weft_channel *weft_process_channel(const weft_process *process);
WEFT_API weft_channel *weft_process_take_channel(weft_process *process);

/*
 * A handle that is readable (level-triggered) when weft_process_wait with
 * WEFT_NOW has a result. Owned by the process. Since 0.1.
 */
WEFT_API weft_handle weft_process_handle(const weft_process *process);

/*
 * Counts the CPU time of all processes of a tree, also of those whose ends
 * nobody waits for, where the system can: WEFT_USAGE_CPU_COMPLETE says that it
 * does. It costs a start some 0.1 ms; a limit of memory, CPU time or processes
 * does the same. Since 0.1.
 */
WEFT_API weft_status weft_process_spec_account(weft_process_spec *spec);

/* What a tree has used; what `valid` does not name is unknown. */
#define WEFT_USAGE_WALL 1u
#define WEFT_USAGE_CPU 2u       /* cpu_ns */
#define WEFT_USAGE_CPU_SPLIT 4u /* user_ns and system_ns */
#define WEFT_USAGE_MEMORY 8u    /* memory_bytes */
#define WEFT_USAGE_PEAK 16u     /* memory_peak_bytes */
#define WEFT_USAGE_RSS_PEAK 32u
#define WEFT_USAGE_PROCESSES 64u
#define WEFT_USAGE_OUTPUT 128u
#define WEFT_USAGE_FAULTS 256u
#define WEFT_USAGE_SWITCHES 512u
#define WEFT_USAGE_CPU_COMPLETE 1024u /* cpu_ns misses no process */

typedef struct weft_usage {
    size_t size;    /* sizeof(weft_usage), set by the caller */
    uint32_t valid; /* WEFT_USAGE_... */
    uint64_t wall_ns;
    uint64_t cpu_ns; /* user and system, of all processes, dead ones too */
    uint64_t user_ns;
    uint64_t system_ns;
    uint64_t memory_bytes; /* of the tree now, as `memory_metric` says */
    uint64_t memory_peak_bytes;
    uint64_t rss_peak_bytes; /* the largest that one process ever had */
    uint64_t processes;      /* now */
    uint64_t processes_peak; /* 0: unknown */
    uint64_t output_bytes;
    uint64_t minor_faults; /* of the processes that have ended */
    uint64_t major_faults;
    uint64_t switches_voluntary;
    uint64_t switches_involuntary;
    /* Such as "cgroup v2 cpu.stat"; the process's, until it is closed. */
    const char *cpu_method;
    const char *memory_metric; /* such as "cgroup v1 charge, with cache" */
} weft_usage;

/*
 * What the tree has used so far. WEFT_ENOENT: it has ended; the result tells.
 * WEFT_EAGAIN, WEFT_EINVAL, WEFT_EFORKED, as weft_process_signal. Waits for the
 * helper's answer, some 100 us. Since 0.1.
 */
WEFT_API weft_status weft_process_usage(weft_process *process,
                                        weft_usage *usage);

/*
 * Sends a signal to the leader or to each process of the tree. On Windows only
 * SIGKILL (9), SIGTERM and SIGINT (15 and 2, both as CTRL_BREAK for all that
 * are in the leader's group; if it can't be sent, the evidence says so).
 *
 * WEFT_ENOENT: it has ended. WEFT_EAGAIN: the helper has not taken yet what it
 * was told before. WEFT_EINVAL: no such signal. WEFT_ENOTSUP, WEFT_EFORKED.
 * Since 0.1.
 */
WEFT_API weft_status weft_process_signal(weft_process *process, int number,
                                         bool whole_tree);

/*
 * Ends the whole tree at once; the reason is then WEFT_REASON_CANCELLED,
 * unless it has ended by itself before. Wait for the result. Statuses as
 * weft_process_signal. Since 0.1.
 */
WEFT_API weft_status weft_process_kill(weft_process *process);

/* Why a tree has ended: symbol, value, name. */
#define WEFT_REASON_LIST(X)                                                    \
    X(WEFT_REASON_EXITED, 0, "exited")       /* of itself: see exit_code */    \
    X(WEFT_REASON_SIGNALLED, 1, "signalled") /* see signal_number */           \
    X(WEFT_REASON_MEMORY, 2, "memory")       /* from here: a limit of ours */  \
    X(WEFT_REASON_CPU, 3, "cpu")                                               \
    X(WEFT_REASON_WALL, 4, "wall")                                             \
    X(WEFT_REASON_PROCESSES, 5, "processes")                                   \
    X(WEFT_REASON_OUTPUT, 6, "output")                                         \
    X(WEFT_REASON_IDLE, 7, "idle")                                             \
    X(WEFT_REASON_FILE_SIZE, 8, "file_size")  /* it died of SIGXFSZ */         \
    X(WEFT_REASON_VIOLATION, 9, "violation")  /* of the system-call filter */  \
    X(WEFT_REASON_CANCELLED, 10, "cancelled") /* weft_process_kill */          \
    X(WEFT_REASON_HOST, 11, "host") /* the system ran out of memory */         \
    X(WEFT_REASON_LOST, 12, "lost") /* the helper died; see survivors */

typedef enum weft_reason {
#define WEFT_REASON_ENUM(symbol, value, name) symbol = (value),
    WEFT_REASON_LIST(WEFT_REASON_ENUM)
#undef WEFT_REASON_ENUM
} weft_reason;

/* "exited" and so on; static. Since 0.1. */
WEFT_API const char *weft_reason_name(weft_reason reason);

/* How a tree has ended. */
typedef struct weft_process_result {
    size_t size; /* sizeof(weft_process_result), set by the caller */
    weft_reason reason;
    bool exited;       /* the leader returned exit_code */
    int exit_code;     /* -1 if it did not */
    int signal_number; /* that ended the leader; 0: none */
    bool dumped_core;
    bool was_killed;   /* the helper has sent SIGKILL */
    uint32_t exceeded; /* bit F: the limit of fence F was reached */
    int64_t survivors; /* processes of the tree that are left; -1: unknown */
    weft_usage usage;  /* its size is set by the call */
    size_t enforcement_count;
    const weft_enforcement *enforcement; /* the process's, until it is closed */
    /*
     * What the reason rests on, one fact a line, such as "memory.oom_control:
     * oom_kill 0 -> 1". The process's, until it is closed.
     */
    const char *evidence;
} weft_process_result;

/*
 * Waits until the tree has ended, and tells how; may be called again.
 *
 * WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW), WEFT_EINVAL, WEFT_EFORKED, WEFT_EOS.
 * Since 0.1.
 */
WEFT_API weft_status weft_process_wait(weft_process *process,
                                       uint64_t deadline_ns,
                                       weft_process_result *result);

/*
 * The rows of the report while it runs; the process's, until it is closed.
 * Since 0.1.
 */
WEFT_API const weft_enforcement *
weft_process_enforcement(const weft_process *process, size_t *count);

/*
 * Ends the tree if it still runs, waits for that, frees the process and sets
 * `*process` to NULL. NULL and pointers to NULL are allowed. Since 0.1.
 */
WEFT_API void weft_process_close(weft_process **process);

#ifdef __cplusplus
}
#endif

#endif
