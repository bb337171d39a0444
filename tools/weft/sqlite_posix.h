/* SPDX-License-Identifier: MIT
 *
 * sqlite_posix.h - SQLite's calls, taken from its library when they are first
 * needed. To be linked to it would cost each command 0.3 ms, and a run 0.7 ms.
 */
#ifndef WEFT_SQLITE_POSIX_H
#define WEFT_SQLITE_POSIX_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#define SQLITE_CALLS(X)                                                        \
    X(bind_blob)                                                               \
    X(bind_int64)                                                              \
    X(bind_text)                                                               \
    X(busy_timeout)                                                            \
    X(changes)                                                                 \
    X(close)                                                                   \
    X(column_blob)                                                             \
    X(column_bytes)                                                            \
    X(column_int64)                                                            \
    X(column_text)                                                             \
    X(column_type)                                                             \
    X(db_config)                                                               \
    X(errmsg)                                                                  \
    X(errstr)                                                                  \
    X(finalize)                                                                \
    X(last_insert_rowid)                                                       \
    X(libversion_number)                                                       \
    X(limit)                                                                   \
    X(open_v2)                                                                 \
    X(prepare_v2)                                                              \
    X(shutdown)                                                                \
    X(step)                                                                    \
    X(wal_hook)

typedef struct sqlite_calls {
#define SQLITE_MEMBER(name) __typeof__(sqlite3_##name) *(name);
    SQLITE_CALLS(SQLITE_MEMBER)
#undef SQLITE_MEMBER
} sqlite_calls;

/* NULL: `why` has the reason. */
const sqlite_calls *sqlite_load(char *why, size_t room);

/* Takes the library out of this process; all files must be closed. */
void sqlite_unload(void);

#endif
