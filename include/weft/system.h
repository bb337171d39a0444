/* SPDX-License-Identifier: MIT
 *
 * weft/system.h - what this system offers and what weft makes of it; what this
 * process uses and may use; paths.
 *
 * What is not known is absent from a `valid` mask, and never 0. Nothing here
 * waits for another process, unless a call says so; each reads some files or
 * makes some calls, of which it keeps nothing.
 *
 * Threads: callable from any thread. A limit is the whole process's: who sets
 * one sets it for all threads. Fork: works in a forked child. Signals: nothing
 * here is safe in a signal handler.
 */
#ifndef WEFT_SYSTEM_H
#define WEFT_SYSTEM_H

#include <stdbool.h>

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weft_feature_state {
    WEFT_FEATURE_USED = 1,      /* present, and weft relies on it */
    WEFT_FEATURE_AVAILABLE = 2, /* present, and weft has no need of it here */
    WEFT_FEATURE_ABSENT = 3     /* not here; the note says why */
} weft_feature_state;

/* One feature of the system. All strings are terminated. */
typedef struct weft_feature {
    const char *name; /* such as "membarrier"; a static string */
    const char *use;  /* what weft does with it; a static string */
    weft_feature_state state;
    char note[160]; /* a value, or the reason; "" if there is none */
} weft_feature;

/*
 * Probes the system by trying each feature once, and writes up to `room`
 * entries. `*count` is how many there are, which may be more than `room`;
 * call with room 0 to learn it. Takes some milliseconds, leaves nothing
 * behind.
 *
 * WEFT_OK; WEFT_EINVAL if count is NULL, or features is NULL with room > 0.
 * Since 0.1.
 */
WEFT_API weft_status weft_system_features(weft_feature *features, size_t room,
                                          size_t *count);

/* ----------------------------------------------------------- the system --- */

/* No limit: where a value may be limited and is known not to be. */
#define WEFT_UNLIMITED UINT64_MAX

/*
 * What this process runs in: symbol, value, name. NONE: it sees the machine as
 * the machine's own processes do. UNKNOWN: it does not, and nothing says by
 * whose doing; a sandbox is such a thing too.
 */
#define WEFT_CONTAINER_LIST(X)                                                 \
    X(WEFT_CONTAINER_NONE, 0, "none")                                          \
    X(WEFT_CONTAINER_UNKNOWN, 1, "unknown")                                    \
    X(WEFT_CONTAINER_DOCKER, 2, "docker")                                      \
    X(WEFT_CONTAINER_PODMAN, 3, "podman")                                      \
    X(WEFT_CONTAINER_KUBERNETES, 4, "kubernetes")                              \
    X(WEFT_CONTAINER_LXC, 5, "lxc")                                            \
    X(WEFT_CONTAINER_NSPAWN, 6, "systemd-nspawn")                              \
    X(WEFT_CONTAINER_WSL, 7, "wsl")                                            \
    X(WEFT_CONTAINER_CONTAINERD, 8, "containerd")

typedef enum weft_container {
#define WEFT_CONTAINER_ENUM(symbol, value, name) symbol = (value),
    WEFT_CONTAINER_LIST(WEFT_CONTAINER_ENUM)
#undef WEFT_CONTAINER_ENUM
} weft_container;

/* "docker" and so on, or "unknown"; static. Since 0.1. */
WEFT_API const char *weft_container_name(weft_container container);

/* Which members of a weft_system are known. */
#define WEFT_SYSTEM_OS 1u
#define WEFT_SYSTEM_VERSION 2u
#define WEFT_SYSTEM_KERNEL 4u
#define WEFT_SYSTEM_MACHINE 8u
#define WEFT_SYSTEM_EMULATED 16u
#define WEFT_SYSTEM_CPUS 32u
#define WEFT_SYSTEM_CPUS_USABLE 64u
#define WEFT_SYSTEM_CPU_QUOTA 128u
#define WEFT_SYSTEM_PAGE 256u
#define WEFT_SYSTEM_LINE 512u
#define WEFT_SYSTEM_MEMORY 1024u
#define WEFT_SYSTEM_CONTAINER 2048u
#define WEFT_SYSTEM_MEMORY_LIMIT 4096u
#define WEFT_SYSTEM_ELEVATED 8192u

/*
 * A system. All strings are terminated, and "" where they are not known.
 *
 * Architectures have one name everywhere: "x86_64", "arm64", "x86", "arm",
 * "riscv64"; of others the system's own word.
 */
typedef struct weft_system {
    size_t size;       /* sizeof(weft_system), set by the caller */
    uint32_t valid;    /* WEFT_SYSTEM_... */
    char os[16];       /* "Linux", "macOS", "Windows" */
    char version[96];  /* "Debian GNU/Linux 12 (bookworm)", "14.5" */
    char kernel[96];   /* "Linux 6.1.0-13-amd64", "Darwin 23.5.0" */
    char machine[16];  /* the architecture of the machine */
    char process[16];  /* the one that this process was compiled for; always */
    bool emulated;     /* a program translates this process's instructions */
    char emulator[32]; /* it, where it has a name: "Rosetta" */
    bool elevated;     /* effective user root, or an elevated token */
    weft_container container;
    uint32_t cpus;        /* of the machine, that are on */
    uint32_t cpus_usable; /* that this process may run on */
    uint32_t page_bytes;
    uint32_t line_bytes;   /* of the first-level data cache */
    uint64_t memory_bytes; /* of the machine */
    /*
     * The tightest quota of CPU time and limit of memory of all the groups
     * that this process is in, as far as it can see them; or WEFT_UNLIMITED.
     * The quota is in thousandths of a CPU, rounded up: 1500 is one and a half.
     */
    uint64_t cpu_quota_milli;
    uint64_t memory_limit_bytes;
    char cpu_quota_source[96]; /* such as "cgroup v2 cpu.max of /work" */
    char memory_limit_source[96];
    char container_fact[96]; /* what `container` is concluded from */
} weft_system;

/*
 * Fills in what can be found out about the system, and names what it could in
 * `valid`: Linux by uname, sysconf, /proc and the control groups; macOS by
 * sysctl; Windows by its calls and the job. Takes some hundred microseconds.
 * `*system` is the caller's.
 *
 * WEFT_OK; WEFT_EINVAL: NULL, or its size is not right. Since 0.1.
 */
WEFT_API weft_status weft_system_info(weft_system *system);

/* --------------------------------------------------------- this process --- */

/*
 * What this process may be kept from using more of: symbol, value, name, unit.
 *
 * ADDRESS_SPACE: all that is mapped; on macOS from 12 on, and no less than is
 * mapped already. DATA: memory of its own that it may write; on Windows what it
 * has committed; not on macOS. RESIDENT: memory it has in RAM;
 * no system enforces that, so it is always WEFT_ENOTSUP. CPU: user and system
 * time. FILES: descriptors, counted to the highest that is open. PROCESSES: of
 * this user; threads count on Linux, and root is exempt. FILE_SIZE: of a file
 * that is written. CORE: of a core dump. STACK: of the first thread.
 */
#define WEFT_RESOURCE_LIST(X)                                                  \
    X(WEFT_RESOURCE_ADDRESS_SPACE, 0, "address_space", "bytes")                \
    X(WEFT_RESOURCE_DATA, 1, "data", "bytes")                                  \
    X(WEFT_RESOURCE_RESIDENT, 2, "resident", "bytes")                          \
    X(WEFT_RESOURCE_CPU, 3, "cpu", "ns")                                       \
    X(WEFT_RESOURCE_FILES, 4, "files", "count")                                \
    X(WEFT_RESOURCE_PROCESSES, 5, "processes", "count")                        \
    X(WEFT_RESOURCE_FILE_SIZE, 6, "file_size", "bytes")                        \
    X(WEFT_RESOURCE_CORE, 7, "core", "bytes")                                  \
    X(WEFT_RESOURCE_STACK, 8, "stack", "bytes")

typedef enum weft_resource {
#define WEFT_RESOURCE_ENUM(symbol, value, name, unit) symbol = (value),
    WEFT_RESOURCE_LIST(WEFT_RESOURCE_ENUM)
#undef WEFT_RESOURCE_ENUM
} weft_resource;

#define WEFT_RESOURCE_COUNT 9

/* "files" and "count" and so on; static; "" of no resource. Since 0.1. */
WEFT_API const char *weft_resource_name(weft_resource resource);
WEFT_API const char *weft_resource_unit(weft_resource resource);

/* Which members of a weft_self are known. */
#define WEFT_SELF_CPU 1u /* user_ns and system_ns */
#define WEFT_SELF_MEMORY 2u
#define WEFT_SELF_PEAK 4u
#define WEFT_SELF_ADDRESS_SPACE 8u
#define WEFT_SELF_DATA 16u
#define WEFT_SELF_STACK 32u
#define WEFT_SELF_HANDLES 64u
#define WEFT_SELF_HIGHEST 128u
#define WEFT_SELF_THREADS 256u

/* What this process uses. Times are those of its threads, dead ones too. */
typedef struct weft_self {
    size_t size;    /* sizeof(weft_self), set by the caller */
    uint32_t valid; /* WEFT_SELF_... */
    uint64_t user_ns;
    uint64_t system_ns;
    uint64_t memory_bytes;      /* now, as `memory_metric` says */
    uint64_t memory_peak_bytes; /* the most that ever was, likewise */
    uint64_t address_space_bytes;
    uint64_t data_bytes;
    uint64_t stack_bytes;
    uint64_t handles;        /* open now, without those of this call */
    uint64_t handle_highest; /* the highest open descriptor, and 1 */
    uint64_t threads;        /* alive now; Windows does not tell it */
    /*
     * Bit R: the soft limit of resource R is known, or exceeded: more is used
     * than it allows, as when it was set below what was used already; of CPU
     * as much.
     */
    uint32_t limits_known;
    uint32_t limits_exceeded;
    const char *memory_metric; /* such as "resident set"; static */
} weft_self;

/*
 * Fills in what this process uses now. The peak is its own: on Linux it is
 * VmHWM of /proc, because getrusage() tells that of the process which has
 * started this one, if that was larger. The metric is the resident set on
 * Linux, which counts it to some pages, the footprint on macOS, the working set
 * on Windows.
 *
 * On Linux the figures of memory are in files: where no descriptor is free,
 * they are absent.
 *
 * WEFT_OK; WEFT_EINVAL: NULL, or its size is not right; WEFT_ENOTSUP: this
 * system has no back end. Since 0.1.
 */
WEFT_API weft_status weft_self_usage(weft_self *self);

/* A limit of this process's own. */
typedef struct weft_limit {
    uint64_t soft; /* what is enforced; WEFT_UNLIMITED: nothing */
    uint64_t hard; /* how far this process may raise the soft one */
    bool has_used; /* `used` and `exceeded` are known */
    bool exceeded; /* as in weft_self */
    uint64_t used; /* of what the limit is about */
} weft_limit;

/*
 * Tells a limit of this process, in the resource's unit.
 *
 * WEFT_ENOTSUP: this system has no such limit; the detail's operation is the
 * reason. WEFT_EINVAL: no such resource, or `limit` is NULL; WEFT_EOS.
 * Since 0.1.
 */
WEFT_API weft_status weft_self_limit_get(weft_resource resource,
                                         weft_limit *limit,
                                         weft_detail *detail);

/*
 * Sets a limit of this process, and of what it starts from now on. A hard one
 * can't be raised again without the right to. CPU is rounded up to whole
 * seconds, as weft_self_limit_get then tells. What is used already stays: then
 * the limit is exceeded, and the next request fails.
 *
 * On Windows it is put into a job of its own that it never leaves; there soft
 * and hard must be the same, and DATA alone can be limited: weft looks whether
 * the system has kept the value.
 *
 * WEFT_ENOTSUP: this system has no such limit, or does not enforce it; the
 * detail's operation is the reason, and nothing was changed. WEFT_EINVAL: no
 * such resource, soft above hard, 0 for CPU, or a value that the system
 * refuses; WEFT_EACCES: the hard limit would rise. WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_self_limit_set(weft_resource resource, uint64_t soft,
                                         uint64_t hard, weft_detail *detail);

/* ---------------------------------------------------------------- paths --- */

/*
 * The calls below write a terminated path to `text`, of `bytes` bytes, and
 * return its length without the terminator, as snprintf does. A path is never
 * cut: what does not fit (a length of `bytes` or more) is not written, and
 * `text` is "" then, if it has any room. `text` may be NULL if `bytes` is 0. A
 * result below 0 is a weft_status, and `text` is "". `text` must not overlap
 * what is passed in. Paths are UTF-8 on Windows, and any bytes elsewhere.
 *
 * Each: WEFT_EINVAL: a NULL; WEFT_ELIMIT: longer than INT_MAX.
 */

/*
 * Joins two paths by a separator where there is none. An absolute `second` is
 * the result alone, so this keeps nothing inside `first`. An empty one changes
 * nothing. On Windows `\x` keeps the drive or the share of `first`, and `C:x`
 * is joined only to a path of the same drive. The result is not normalised.
 * Since 0.1.
 */
WEFT_API int weft_path_join(const char *first, const char *second, char *text,
                            size_t bytes);

/*
 * Removes what a path can do without: repeated separators, those at the end,
 * `.`, and `..` with the part before it; an empty path becomes `.`. A `..` that
 * leads out of the root is dropped, one that leads out of a relative path is
 * kept. On Windows both separators count and become `\`; the roots are drives
 * (`C:\`, and `C:` without one), shares (`\\server\share\`) and devices
 * (`\\.\`); what begins with `\\?\` is copied as it is, as Windows takes it.
 *
 * It looks at the text alone: where a part before `..` is a symbolic link, the
 * result can be another file. So it proves nothing about where a path leads.
 * Since 0.1.
 */
WEFT_API int weft_path_normalise(const char *path, char *text, size_t bytes);

/*
 * The file name of a program: on Windows `.exe` is added to what does not end
 * in `.exe`, `.com`, `.bat` or `.cmd`; elsewhere it is a copy.
 * WEFT_EINVAL: it is empty or ends in a separator. Since 0.1.
 */
WEFT_API int weft_path_executable(const char *name, char *text, size_t bytes);

/*
 * This user's directory for
 *
 * - home: $HOME, else what the system's list of users says; on Windows the
 *   known folder Profile.
 * - config: $XDG_CONFIG_HOME, else .config at home; on macOS
 *   Library/Application Support at home; on Windows RoamingAppData.
 * - temp: $TMPDIR, else /tmp; on macOS without the variable the directory that
 *   the system keeps for the user; on Windows GetTempPath. Others may write
 *   there.
 * - runtime (not on Windows), which is this user's alone and ends with the
 * session: $XDG_RUNTIME_DIR, else /run/user/UID if that is ours; on macOS the
 *   directory that the system keeps for the user (DARWIN_USER_DIR).
 *
 * A variable that is no absolute path is passed over. `*rule`, which may be
 * NULL, is set to the variable or rule that decided, a static string; no
 * directory is made, and none needs to exist. Without the variable this may
 * wait for a process of the system, or for the machine that keeps the users;
 * on Windows it loads the shell's library, which stays.
 *
 * WEFT_ENOENT: there is none for this user. WEFT_ENOTSUP: this system has no
 * such directory. WEFT_EOS, WEFT_ENOMEM. Since 0.1.
 */
WEFT_API int weft_path_home(char *text, size_t bytes, const char **rule);
WEFT_API int weft_path_config(char *text, size_t bytes, const char **rule);
WEFT_API int weft_path_temp(char *text, size_t bytes, const char **rule);
WEFT_API int weft_path_runtime(char *text, size_t bytes, const char **rule);

/* --------------------------------------------------------------- errors --- */

/*
 * Writes a failure with what a report of it needs, as one line: what
 * weft_detail_text writes, the status's symbol and the system's code, the
 * system and its architecture, the container and its limit of memory if there
 * is one, and which of this process's limits are exceeded. Always terminated,
 * cut to `bytes`; returns the length that the whole text has, as snprintf
 * does. `detail` must not be NULL. Since 0.1.
 */
WEFT_API int weft_error_context(const weft_detail *detail, char *text,
                                size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
