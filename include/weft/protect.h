/* SPDX-License-Identifier: MIT
 *
 * weft/protect.h - which processes weft leaves alone, and why.
 *
 * Whoever takes memory from a process can freeze a display, break sound, or
 * have the machine swap what keeps it reachable. So there is one place that
 * says whether a process may be touched, weft_memory_protection, and all of
 * weft asks it. It decides from two things: what the system tells of the
 * process, which weft_memory_identify reads, and the user's rules. Rules only
 * protect more. What is not known is never taken for harmless: a process whose
 * identity can't be told is protected.
 *
 * Threads: weft_memory_identify as the weft_memory that it is given; rules may
 * be read by any number of threads. Fork: weft_memory_identify returns
 * WEFT_EFORKED in a forked child, all else works. Signals: only
 * weft_mark_name and weft_mark_text are safe in a signal handler.
 */
#ifndef WEFT_PROTECT_H
#define WEFT_PROTECT_H

#include <stdbool.h>

#include <weft/base.h>
#include <weft/memory.h>
#include <weft/system.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- marks --- */

/*
 * What protects a process: symbol, value, name, whether the mark is a guess
 * that gives way when the user names the process, and the reason.
 *
 * KERNEL: a thread of the system's own. FIRST: process 1. SELF: the process
 * that asks, ANCESTOR: those that it descends from. SESSION: keeps a session
 * or the machine's services: logins, the display server and its desktop, the
 * message bus, sshd, terminal multiplexers; by lists of exact files. AUDIO:
 * plays or records sound: such a server by its file, or one that has a sound
 * device open. CRITICAL: the system itself falls with it, as it says.
 * PLATFORM: part of the system, by its signature. FOREGROUND: what a user has
 * in front of him, and what it has started: the foreground job of a terminal
 * that was used within the last 10 minutes, or the window that is in front.
 * REALTIME: one of its threads is scheduled in real time. LOCKED: has locked
 * memory. SPARED: exempt from the system's own choice of victims (Linux:
 * oom_score_adj is -500 or less). MACHINE: a virtual machine. TRACED: a
 * debugger has stopped it, or may. GUARDED: its control group has memory.min
 * or memory.low.
 *
 * Guesses: WINDOWED: it belongs to a display whose window in front is not
 * known, so that it may be the one. SHELTERED: a group above its own has
 * memory.min or memory.low, of which it may have a part.
 */
#define WEFT_MARK_LIST(X)                                                      \
    X(WEFT_MARK_KERNEL, 0, kernel, false, "a thread of the system's own")      \
    X(WEFT_MARK_FIRST, 1, first, false, "the first process")                   \
    X(WEFT_MARK_SELF, 2, self, false, "the process that asks")                 \
    X(WEFT_MARK_ANCESTOR, 3, ancestor, false,                                  \
      "the process that asks descends from it")                                \
    X(WEFT_MARK_SESSION, 4, session, false,                                    \
      "keeps a session, a display or a service of the system")                 \
    X(WEFT_MARK_AUDIO, 5, audio, false, "plays or records sound")              \
    X(WEFT_MARK_CRITICAL, 6, critical, false, "critical to the system")        \
    X(WEFT_MARK_PLATFORM, 7, platform, false,                                  \
      "part of the system, by its signature")                                  \
    X(WEFT_MARK_FOREGROUND, 8, foreground, false, "in the foreground")         \
    X(WEFT_MARK_REALTIME, 9, realtime, false, "scheduled in real time")        \
    X(WEFT_MARK_LOCKED, 10, locked, false, "has locked memory")                \
    X(WEFT_MARK_SPARED, 11, spared, false,                                     \
      "the system is told to spare it when memory runs out")                   \
    X(WEFT_MARK_MACHINE, 12, machine, false, "a virtual machine")              \
    X(WEFT_MARK_TRACED, 13, traced, false, "a debugger has it")                \
    X(WEFT_MARK_GUARDED, 14, guarded, false,                                   \
      "its control group has memory.min or memory.low")                        \
    X(WEFT_MARK_WINDOWED, 15, windowed, true,                                  \
      "may be in front on its display, which does not tell")                   \
    X(WEFT_MARK_SHELTERED, 16, sheltered, true,                                \
      "a control group above its own has memory.min or memory.low")

typedef enum weft_mark {
#define WEFT_MARK_ENUM(symbol, value, name, is_guess, text) symbol = (value),
    WEFT_MARK_LIST(WEFT_MARK_ENUM)
#undef WEFT_MARK_ENUM
} weft_mark;

#define WEFT_MARK_COUNT 17

/* A mark as a bit, and all of them. */
#define WEFT_MARK_BIT(mark) (UINT32_C(1) << (mark))
#define WEFT_MARK_ALL ((UINT32_C(1) << WEFT_MARK_COUNT) - 1)

/* "kernel" and so on; static; "" of no mark. Since 0.1. */
WEFT_API const char *weft_mark_name(weft_mark mark);

/* The reason, such as "has locked memory"; static; "" of none. Since 0.1. */
WEFT_API const char *weft_mark_text(weft_mark mark);

/* ------------------------------------------------------------- identity --- */

/*
 * Which members of a weft_memory_identity are known. What a process does not
 * have, or this system has for none, is known to be "".
 */
#define WEFT_IDENTITY_OWNER 1u
#define WEFT_IDENTITY_NAME 2u
#define WEFT_IDENTITY_EXE 4u
#define WEFT_IDENTITY_GROUP 8u
#define WEFT_IDENTITY_CONTAINER 16u
#define WEFT_IDENTITY_SESSION 32u
#define WEFT_IDENTITY_VIEW 64u /* is_exe_gone, is_exe_foreign */

/*
 * What a process is. Strings are terminated, and whole: one that has no room
 * is not known. Anything may be in `name`, `exe` and `group`, newlines and
 * terminal sequences too.
 */
typedef struct weft_memory_identity {
    size_t size;    /* sizeof(weft_memory_identity), set by the caller */
    uint32_t valid; /* WEFT_IDENTITY_... */
    /*
     * Bit N: the mark N. A mark that is not in `marks_known` could not be told
     * and means nothing in `marks`. Where a system has no such thing, it is
     * known that the process is not marked so.
     */
    uint32_t marks;
    uint32_t marks_known;
    int64_t pid;
    int64_t parent;
    uint64_t started; /* as in weft_memory_process */
    int64_t session;  /* its leader; Windows: the session's number */
    uint32_t owner;   /* the user's number; Windows: of none */
    /* Two names of a file differ by more than upper and lower case here. */
    bool ignores_case;
    /* The file was removed or replaced since: `exe` is what it was called. */
    bool is_exe_gone;
    /*
     * This process sees another file at the path: the other one has another
     * view of the file system (a container, a chroot).
     */
    bool is_exe_foreign;
    char name[64];  /* what it says it is called: it may say anything */
    char exe[1024]; /* the whole path of the file that it runs */
    /* The control group that its memory counts in, from the root; Linux. */
    char group[512];
    weft_container maker; /* of the container that it is in */
    char container[72];   /* that one's id, or name */
} weft_memory_identity;

/*
 * Finds out what a process is. It reads only. Takes some 100 us, and more for
 * a process with thousands of threads or open files.
 *
 * WEFT_OK: also if little could be told; the masks say what. WEFT_ENOENT: no
 * such process, or it has ended. WEFT_EACCES: there is one, and this user may
 * not see it (on Linux, where /proc is mounted with hidepid). WEFT_EINVAL,
 * WEFT_EFORKED, WEFT_ENOMEM, WEFT_ELIMIT; WEFT_ENOTSUP: not on this system yet;
 * WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_memory_identify(weft_memory *memory, int64_t pid,
                                          weft_memory_identity *identity,
                                          weft_detail *detail);

/* ---------------------------------------------------------------- rules --- */

/*
 * The user's rules. One rule a line: `never` or `avoid`, and then conditions,
 * all of which must hold of a process:
 *
 *     # games, and whatever they start
 *     never exe=/opt/game*
 *     never uid=1000 name=db*
 *     avoid group=/system.slice*
 *     avoid container=* exe="/usr/bin/my editor"
 *
 * A process that a `never` applies to is protected; one that an `avoid`
 * applies to is so unless the user named it. exe, name, group and container
 * take a pattern: `*` is any text, slashes too, `?` is any one byte, `\` takes
 * what a pattern means from the next byte. container is compared with the id;
 * where there is none it is "". uid takes a number. A value with blanks is put
 * in double quotes. `#` begins a comment. No rule lifts protection.
 *
 * A process chooses its name itself: a rule about names is for processes that
 * mean well. A condition on what is not known of a process protects it.
 */
typedef struct weft_memory_rules weft_memory_rules;

/* More than this is refused: bytes of a text, of a line, and rules. */
#define WEFT_RULES_TEXT_MOST ((size_t)1 << 20)
#define WEFT_RULES_LINE_MOST 4096
#define WEFT_RULES_MOST 4096

/*
 * Reads rules from `bytes` bytes of text, which need not be terminated, and
 * copies what it needs. The caller ends them with weft_memory_rules_close.
 *
 * WEFT_EINVAL: it is not such a text. Then `*line`, unless `line` is NULL, is
 * the line at fault, from 1 on (0: none is), and the detail's operation says
 * what is wrong with it. WEFT_ELIMIT: more than is taken; as WEFT_EINVAL.
 * WEFT_ENOMEM. After a failure `*out` is NULL. Since 0.1.
 */
WEFT_API weft_status weft_memory_rules_open(const char *text, size_t bytes,
                                            weft_memory_rules **out,
                                            uint32_t *line,
                                            weft_detail *detail);

/* Sets `*rules` to NULL. NULL and pointers to NULL are allowed. Since 0.1. */
WEFT_API void weft_memory_rules_close(weft_memory_rules **rules);

/* ----------------------------------------------------------- protection --- */

/* What protects a process. */
typedef enum weft_protection_cause {
    WEFT_PROTECTION_NONE = 0,    /* nothing: it may be touched */
    WEFT_PROTECTION_UNKNOWN = 1, /* it is not known what the process is */
    WEFT_PROTECTION_MARK = 2,    /* a mark */
    WEFT_PROTECTION_RULE = 3     /* one of the user's rules */
} weft_protection_cause;

/* "none" and so on, or "unknown"; static. Since 0.1. */
WEFT_API const char *weft_protection_cause_name(weft_protection_cause cause);

/* What weft_memory_protection has found: the first reason of several. */
typedef struct weft_protection {
    size_t size; /* sizeof(weft_protection), set by the caller */
    bool is_protected;
    /* It would not be if the user named it: a guess, or an `avoid`. */
    bool gives_way;
    weft_protection_cause cause;
    weft_mark mark; /* of MARK, and of UNKNOWN if it is a mark; else 0 */
    uint32_t line;  /* of RULE: of the rules' text; else 0 */
    char reason[160];
} weft_protection;

/*
 * Whether a process may not be touched, and why: the one place where this is
 * decided. True: it is protected. It asks nobody, and gives the same answer to
 * the same arguments.
 *
 * `rules` may be NULL. `is_named`: the user named this very process, or a
 * group or program that it belongs to, as the target. `out`, which may be
 * NULL, is filled in either way. Wrong arguments are protected too: an
 * identity that is NULL, whose size is not right, or with more marks than
 * there are. Allocates nothing. Since 0.1.
 */
WEFT_API bool weft_memory_protection(const weft_memory_identity *identity,
                                     const weft_memory_rules *rules,
                                     bool is_named, weft_protection *out);

#ifdef __cplusplus
}
#endif

#endif
