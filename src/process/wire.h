/* SPDX-License-Identifier: MIT
 *
 * wire.h - what a process and the helper that runs its programs tell each
 * other.
 *
 * The host starts the helper with one end of a socket. Each start of a program
 * is one WEFTI_RUN_START message there, with the handles that its flags name,
 * in the order of the flags: a socket for this program alone, the request,
 * and what the program inherits. On the program's socket the helper then says
 * WEFTI_RUN_STARTED, with the report as a handle, or WEFTI_RUN_REFUSED; and at
 * the end WEFTI_RUN_ENDED, when the report is complete. Hang-up by the host
 * ends the tree; hang-up by the helper means that it died.
 *
 * Request and report are shared memory of their writer's, so of any size. Both
 * sides come from the same build: the stamp says so, nothing is negotiated.
 */
#ifndef WEFTI_WIRE_H
#define WEFTI_WIRE_H

#include <stdint.h>

#include <weft/process.h>

#define WEFTI_RUN_MAGIC UINT32_C(0x77727566)
#define WEFTI_RUN_CPU_WORDS 16
#define WEFTI_RUN_EVIDENCE_BYTES 2048
#define WEFTI_RUN_REASON_BYTES 192

/* What a WEFTI_RUN_START carries; a bit each, the handles in this order. */
enum {
    WEFTI_RUN_HAS_SOCKET = 1u << 0,  /* always */
    WEFTI_RUN_HAS_REQUEST = 1u << 1, /* always */
    WEFTI_RUN_HAS_INPUT = 1u << 2,   /* without it: the null device */
    WEFTI_RUN_HAS_OUTPUT = 1u << 3,
    WEFTI_RUN_HAS_ERROR = 1u << 4,
    WEFTI_RUN_HAS_DIRECTORY = 1u << 5, /* the working directory */
    WEFTI_RUN_HAS_CHANNEL = 1u << 6
};

/* The places of these handles in an array that has all of them. */
enum {
    WEFTI_RUN_SOCKET,
    WEFTI_RUN_REQUEST,
    WEFTI_RUN_INPUT,
    WEFTI_RUN_OUTPUT,
    WEFTI_RUN_ERROR,
    WEFTI_RUN_DIRECTORY,
    WEFTI_RUN_CHANNEL,
    WEFTI_RUN_HANDLES
};

enum wefti_run_message_type {
    WEFTI_RUN_START = 1, /* host: on the helper's socket */
    WEFTI_RUN_SIGNAL,    /* host: `number`, `flags` 1 for the whole tree */
    WEFTI_RUN_KILL,      /* host */
    WEFTI_RUN_ASK_USAGE, /* host: answered with WEFTI_RUN_USAGE */
    WEFTI_RUN_STARTED,   /* helper: `number` is the pid; 0: probed only. It
                             carries the report, and, where nobody can wait for
                             a socket, what is ready when it has ended. */
    WEFTI_RUN_REFUSED,   /* helper: `number` is the status; `code`, `text`;
                             `flags` 1: the program can't be executed */
    WEFTI_RUN_USAGE,     /* helper: the report's usage is up to date */
    WEFTI_RUN_ENDED      /* helper: the report is complete */
};

/* The most handles in a message of the helper's. */
#define WEFTI_RUN_CARRIED 2

struct wefti_run_message {
    uint32_t magic;
    uint32_t type;
    uint32_t flags;
    int32_t code;
    int64_t number;
    uint64_t bytes;                    /* of the request or the report */
    char text[WEFTI_RUN_REASON_BYTES]; /* terminated */
};
_Static_assert(sizeof(struct wefti_run_message) <= 256,
               "it is one control message");

struct wefti_run_fence {
    uint64_t soft;
    uint64_t hard;
    uint32_t is_asked;
    uint32_t demand;
};

/* A rule for a path. */
struct wefti_run_path {
    uint32_t access;
    uint32_t demand;
    uint64_t text; /* the offset of the path in the request */
};

enum {
    WEFTI_RUN_PROBE = 1,    /* start nothing: fill in the report's rows */
    WEFTI_RUN_HAS_USER = 2, /* uid and gid are to be changed */
    WEFTI_RUN_HAS_CPUS = 4,
    WEFTI_RUN_SYSTEM = 8, /* the system's programs and libraries are allowed */
    WEFTI_RUN_OWN_DIRECTORY = 16, /* it was asked for, and is not this one's */
    WEFTI_RUN_ACCOUNT = 32        /* count the CPU time of all processes */
};

/*
 * The texts follow: `argument_count` terminated strings from `arguments` on,
 * one after the other, and so the variables, each "NAME=value".
 */
struct wefti_run_request {
    uint32_t magic;
    uint32_t stamp; /* WEFTI_RUN_STAMP */
    uint64_t bytes;
    uint32_t flags;
    uint32_t uid;
    uint32_t gid;
    uint32_t argument_count;
    uint32_t variable_count;
    uint32_t path_count;
    uint64_t arguments; /* offsets */
    uint64_t variables;
    uint64_t paths; /* of the first struct wefti_run_path */
    uint64_t grace_ns;
    uint64_t cpus[WEFTI_RUN_CPU_WORDS];
    struct wefti_run_fence fences[WEFT_FENCE_COUNT];
};

struct wefti_run_report {
    uint32_t magic;
    uint32_t reason;
    int32_t exit_code;
    int32_t signal_number;
    uint32_t exited;
    uint32_t dumped_core;
    uint32_t was_killed;
    uint32_t exceeded;
    int64_t survivors;
    uint32_t row_count;
    uint32_t evidence_bytes; /* without the terminator */
    weft_usage usage;        /* without its pointers */
    char cpu_method[64];
    char memory_metric[64];
    weft_enforcement rows[WEFT_FENCE_COUNT];
    char evidence[WEFTI_RUN_EVIDENCE_BYTES];
};

/* Changes with the layout of what is sent. */
#define WEFTI_RUN_STAMP                                                        \
    ((uint32_t)(sizeof(struct wefti_run_request) * 65537u +                    \
                sizeof(struct wefti_run_report) +                              \
                sizeof(struct wefti_run_message)))

#endif
