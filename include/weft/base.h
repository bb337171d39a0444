/* SPDX-License-Identifier: MIT
 *
 * weft/base.h - status codes, error detail, the log callback, time.
 *
 * Threads: everything here may be called from any thread at any time.
 * Fork: everything here works in a forked child.
 */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Marks what the shared library exports. WEFT_STATIC says that the program
 * links the static library; WEFT_BUILDING is set by weft's own build.
 */
#if defined(_WIN32) && !defined(WEFT_STATIC)
#ifdef WEFT_BUILDING
#define WEFT_API __declspec(dllexport)
#else
#define WEFT_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define WEFT_API __attribute__((visibility("default")))
#else
#define WEFT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------- status --- */

/*
 * Every status a call can return: symbol, value, text. The values are the
 * same on every system and never change; they are not errno values. What
 * the operating system said travels beside them, in a weft_detail.
 */
#define WEFT_STATUS_LIST(X)                                                    \
    X(WEFT_OK, 0, "success")                                                   \
    X(WEFT_EINVAL, -1, "invalid argument")                                     \
    X(WEFT_ENOMEM, -2, "out of memory")                                        \
    X(WEFT_ENOTSUP, -3, "not supported on this system")                        \
    X(WEFT_EAGAIN, -4, "would have to wait")                                   \
    X(WEFT_ETIMEDOUT, -5, "the deadline has passed")                           \
    X(WEFT_ECLOSED, -6, "the peer closed the connection")                      \
    X(WEFT_EPEERDIED, -7, "the peer died")                                     \
    X(WEFT_ECORRUPT, -8, "the peer's shared memory is corrupt")                \
    X(WEFT_EPROTO, -9, "the peer broke the protocol")                          \
    X(WEFT_EVERSION, -10, "the peer speaks another version")                   \
    X(WEFT_EINUSE, -11, "the name is already in use")                          \
    X(WEFT_ENOENT, -12, "nobody listens at this name")                         \
    X(WEFT_EACCES, -13, "permission denied")                                   \
    X(WEFT_ENAME, -14, "the name is not usable")                               \
    X(WEFT_EMSGSIZE, -15, "the message does not fit")                          \
    X(WEFT_ELIMIT, -16, "a limit was reached")                                 \
    X(WEFT_EBUSY, -17, "already in use by an unfinished call")                 \
    X(WEFT_EFORKED, -18, "the handle belongs to the parent process")           \
    X(WEFT_EINTR, -19, "interrupted by a signal")                              \
    X(WEFT_EHANDLES, -20, "the message carries handles")                       \
    X(WEFT_EOS, -21, "the operating system reported an error")                 \
    X(WEFT_EOWNERDEAD, -22, "the owner of the lock died")                      \
    X(WEFT_ENOTRECOVERABLE, -23, "what the lock protects is lost")

typedef enum weft_status {
#define WEFT_STATUS_ENUM(name, value, text) name = (value),
    WEFT_STATUS_LIST(WEFT_STATUS_ENUM)
#undef WEFT_STATUS_ENUM
} weft_status;

/*
 * The text of a status, such as "the peer died", or "unknown status". The
 * string is static. Never allocates; safe in signal handlers. Since 0.1.
 */
WEFT_API const char *weft_status_text(weft_status status);

/* The symbol of a status, such as "WEFT_EPEERDIED". As above. Since 0.1. */
WEFT_API const char *weft_status_name(weft_status status);

/*
 * What failed, in the caller's storage. A call that takes a weft_detail
 * fills it on failure only, with the first cause. NULL is always allowed.
 */
typedef struct weft_detail {
    weft_status status;    /* what the call returned */
    int os_code;           /* errno or GetLastError(), 0 if none applies */
    const char *operation; /* the step that failed: a static string */
} weft_detail;

/*
 * Writes "operation: status text (system text)" to text, always terminated,
 * cut to `bytes`. Returns the length the whole text has, as snprintf does.
 * Since 0.1.
 */
WEFT_API int weft_detail_text(const weft_detail *detail, char *text,
                              size_t bytes);

/* ------------------------------------------------------------------ log --- */

typedef enum weft_log_level {
    WEFT_LOG_ERROR = 1,
    WEFT_LOG_WARNING = 2,
    WEFT_LOG_INFO = 3
} weft_log_level;

/*
 * Called with one terminated line without a newline. It may be called from
 * any thread that is inside a weft call; it must not call weft.
 */
typedef void weft_log_function(void *context, weft_log_level level,
                               const char *line);

/*
 * Sets the one log callback of the process; NULL (the default) is silence.
 * The log is the only voice the library has: it never prints and never
 * exits. Call it before other threads use weft. Since 0.1.
 */
WEFT_API void weft_log_set(weft_log_function *function, void *context);

/* ----------------------------------------------------------------- time --- */

/*
 * A deadline is a reading of weft_now_ns() at which a wait gives up: absolute
 * and monotonic, so that loops and early wakes never lengthen it.
 * WEFT_FOREVER never comes. WEFT_NOW is always past: the call does what it
 * can without waiting and else returns WEFT_EAGAIN (not WEFT_ETIMEDOUT).
 */
#define WEFT_FOREVER UINT64_MAX
#define WEFT_NOW UINT64_C(0)

/*
 * Nanoseconds on the system's monotonic clock. Its zero is arbitrary; it is
 * the same clock in every process of this machine. Since 0.1.
 */
WEFT_API uint64_t weft_now_ns(void);

/*
 * The deadline that lies `ns` nanoseconds from now; WEFT_FOREVER when the
 * sum would overflow. Since 0.1.
 */
WEFT_API uint64_t weft_after_ns(uint64_t ns);

#ifdef __cplusplus
}
#endif

#endif
