/* SPDX-License-Identifier: MIT
 *
 * memory_event.h - what the daemon has decided, done, and found out about it:
 * one form for its log, its history and those who ask.
 */
#ifndef WEFT_MEMORY_EVENT_H
#define WEFT_MEMORY_EVENT_H

#include <weft/reclaim.h>

#include "memory_policy.h"
#include "tool.h"

/*
 * Symbol, name. STATE: how scarce memory is has changed. ACTION: something was
 * done, or would have been. VERDICT: what has become of an action, `after_ns`
 * later. NOTE: something else, such as a config that was read again.
 */
#define MEMORY_EVENT_LIST(X)                                                   \
    X(MEMORY_EVENT_STATE, "state")                                             \
    X(MEMORY_EVENT_ACTION, "action")                                           \
    X(MEMORY_EVENT_VERDICT, "verdict")                                         \
    X(MEMORY_EVENT_NOTE, "note")

typedef enum memory_event_kind {
#define MEMORY_EVENT_ENUM(symbol, name) symbol,
    MEMORY_EVENT_LIST(MEMORY_EVENT_ENUM)
#undef MEMORY_EVENT_ENUM
} memory_event_kind;

/* "state" and so on; static. */
const char *memory_event_name(memory_event_kind kind);

/* False: no kind is called that. */
bool memory_event_find(const char *name, memory_event_kind *kind);

typedef struct memory_event {
    memory_event_kind kind;
    uint64_t unix_ns;
    weft_pressure from; /* STATE; else both are the state at that time */
    weft_pressure to;
    policy_verb verb; /* ACTION, VERDICT */
    bool is_dry;      /* it was only decided */
    int64_t pid;      /* 0: of no process */
    char name[64];
    char exe[256];
    uint64_t bytes;    /* ACTION: at most */
    uint64_t after_ns; /* VERDICT */
    weft_verdict verdict;
    char reason[256];
} memory_event;

/* One line for people, as it is logged: without the time. */
void memory_event_print(FILE *file, const memory_event *event);

/* One object, on a line. */
void memory_event_json(FILE *file, const memory_event *event);

#endif
