/* SPDX-License-Identifier: MIT
 *
 * memory_groups.h - which processes belong together. It looks at nothing but
 * what it is given, so it can be tried on processes of any system.
 *
 * By application. What identifies a program is the file that it runs, never
 * the name it gives itself. Where that file lies decides what it stands for:
 *
 * - in a bundle of macOS ("/Applications/X.app/..."): the outermost bundle,
 *   with all helpers in it;
 * - in a folder that many programs share ("/usr/bin"): that file;
 * - in a folder of its own ("/opt/google/chrome"): an application with its
 *   helpers. What descends from a process of that folder and runs a file of it
 *   too is part of the same instance, whatever is in between: so a renderer
 *   belongs to its browser, and two programs that share a runtime are told
 *   apart. A helper that has left its tree joins the only instance there is.
 *   Instances of one process each are told by their file alone.
 *
 * By tree: each process that the first one has started, or another that runs
 * the same file as that one (the user's part of it), with all that descends
 * from it.
 */
#ifndef WEFT_MEMORY_GROUPS_H
#define WEFT_MEMORY_GROUPS_H

#include "tool.h"

typedef enum groups_by {
    GROUPS_BY_NOTHING, /* each process is one */
    GROUPS_BY_APPLICATION,
    GROUPS_BY_GROUP, /* of the system's control groups */
    GROUPS_BY_CONTAINER,
    GROUPS_BY_USER,
    GROUPS_BY_TREE
} groups_by;

/* "application" and so on, for options; ends with NULL. */
extern const tool_choice groups_words[];
#define GROUPS_LABEL "application|group|container|user|tree"
const char *groups_word(groups_by by);

/* A process; a text that is not known is NULL, one that it has none of "". */
typedef struct groups_member {
    const weft_memory_process *process;
    const char *exe;
    const char *group;
    const char *container;
    bool is_denied; /* this user may not measure it */
} groups_member;

#define GROUPS_NONE SIZE_MAX

/* Processes that belong together. The key is part of a member's text. */
typedef struct groups_group {
    bool is_known;
    const char *key; /* such as the path; NULL: it is a number, or not known */
    size_t key_bytes;
    uint64_t number; /* the user; or the process that leads, 0 if any does */
    size_t leader;   /* a member: the root, or the one with the least number */
    size_t members;
    size_t measured;
    size_t denied;
    /* Of those that are measured. */
    uint64_t footprint_bytes;
    uint64_t private_bytes;
    uint64_t swapped_bytes;
    /* Of the others: what they have in memory, which is no less. */
    uint64_t unmeasured_bytes;
} groups_group;

typedef struct groups {
    groups_group *items;
    size_t count;
    size_t *of; /* for each member its group, or GROUPS_NONE */
} groups;

/*
 * Finds the groups of `count` processes, which are sorted by their numbers, and
 * adds up what they take. Threads of the system's own are in none. False: out
 * of memory. groups_free also after that.
 */
bool groups_find(groups_by by, const groups_member *members, size_t count,
                 groups *found);
void groups_free(groups *found);

/*
 * What a group is called: "chrome", "Slack.app", a path of a control group, the
 * number of a user, "not known". Not cleaned.
 */
void groups_label(groups_by by, const groups_group *group,
                  const groups_member *members, char *text, size_t room);

#endif
