/* SPDX-License-Identifier: MIT
 *
 * Landlock: rules about files that a process lays upon itself and all its
 * children. Where the tree has a view of its own they repeat what the view
 * allows, as a second wall; where it can have none they are the only one.
 *
 * The structures and numbers are the kernel's ABI; older headers lack most of
 * them. An ABI is a number that the kernel tells; each one knows all rights of
 * those before it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run_isolate.h"

enum {
    CALL_CREATE_RULESET = 444,
    CALL_ADD_RULE = 445,
    CALL_RESTRICT_SELF = 446,
    CREATE_RULESET_VERSION = 1,
    RULE_PATH_BENEATH = 1,
    SCOPE_ABSTRACT_SOCKETS = 1
};

#define RIGHT(bit) (UINT64_C(1) << (bit))
#define EXECUTE RIGHT(0)
#define WRITE_FILE RIGHT(1)
#define READ_FILE RIGHT(2)
#define READ_DIRECTORY RIGHT(3)
#define TRUNCATE RIGHT(14)     /* ABI 3 */
#define IOCTL_DEVICE RIGHT(15) /* ABI 5 */
#define FILE_RIGHTS (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE)
#define READ_RIGHTS (EXECUTE | READ_FILE | READ_DIRECTORY)

struct ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};

/* Packed: so the kernel has it. */
struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

int weftos_run_landlock_abi(void)
{
    long abi =
        syscall(CALL_CREATE_RULESET, NULL, 0, (long)CREATE_RULESET_VERSION);

    return abi > 0 ? (int)abi : 0;
}

/* All rights to files that an ABI knows and that weft does. */
static uint64_t all_rights(int abi)
{
    if (abi >= 5) {
        return RIGHT(16) - 1;
    }
    if (abi >= 3) {
        return RIGHT(15) - 1;
    }
    return abi == 2 ? RIGHT(14) - 1 : RIGHT(13) - 1;
}

static uint64_t rights_of(const struct run_rule *rule)
{
    uint64_t rights = READ_RIGHTS;

    if (rule->file_system == RUN_TEMP || rule->file_system == RUN_OVERLAY ||
        rule->access == WEFT_ACCESS_WRITE) {
        rights = ~UINT64_C(0);
    } else if (rule->file_system == RUN_PROC) {
        rights |= WRITE_FILE;
    } else if (rule->is_system && S_ISCHR(rule->type)) {
        rights |= WRITE_FILE | TRUNCATE | IOCTL_DEVICE; /* the null device */
    }
    return S_ISDIR(rule->type) ? rights : rights & FILE_RIGHTS;
}

static void allow(int rules, const char *path, uint64_t rights, int pipe)
{
    struct path_rule rule = {.allowed = rights,
                             .parent =
                                 open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW)};

    if (rule.parent < 0 ||
        syscall(CALL_ADD_RULE, rules, (long)RULE_PATH_BENEATH, &rule, 0) != 0) {
        weftos_run_child_fail(pipe, WEFT_FENCE_PATHS,
                              "allow a path by Landlock");
    }
    (void)close(rule.parent);
}

/*
 * Terminals and the like that are open can be opened again, by names such as
 * /dev/stdout. Files can't: they may be open only to append to.
 */
static void allow_streams(int rules, uint64_t known, int pipe)
{
    struct stat file;

    for (int i = 0; i < 3; i++) {
        int mode = fcntl(i, F_GETFL) & O_ACCMODE;
        struct path_rule rule = {.allowed = IOCTL_DEVICE & known, .parent = i};

        rule.allowed |= mode != O_WRONLY ? READ_FILE : 0;
        rule.allowed |= mode != O_RDONLY ? WRITE_FILE | (TRUNCATE & known) : 0;
        if (fstat(i, &file) == 0 && S_ISCHR(file.st_mode) &&
            syscall(CALL_ADD_RULE, rules, (long)RULE_PATH_BENEATH, &rule, 0) !=
                0) {
            weftos_run_child_fail(pipe, WEFT_FENCE_PATHS, "allow a stream");
        }
    }
}

void weftos_run_landlock_enter(struct run *run, int pipe)
{
    const struct run_isolation *isolation = run->isolation;
    int abi = weftos_run_landlock_abi();
    struct ruleset asked = {
        .files = isolation->landlocks_paths ? all_rights(abi) : 0,
        .scoped = isolation->landlocks_sockets ? SCOPE_ABSTRACT_SOCKETS : 0};
    weft_fence fence =
        isolation->landlocks_paths ? WEFT_FENCE_PATHS : WEFT_FENCE_IPC;
    size_t bytes =
        abi >= LANDLOCK_SOCKETS ? sizeof(asked) : sizeof(asked.files);
    int rules;

    if (asked.files == 0 && asked.scoped == 0) {
        return;
    }
    rules = (int)syscall(CALL_CREATE_RULESET, &asked, bytes, 0);
    if (rules < 0) {
        weftos_run_child_fail(pipe, (int)fence, "make rules of Landlock");
    }
    for (size_t i = 0; i < isolation->rule_count && asked.files != 0; i++) {
        uint64_t rights = rights_of(&isolation->rules[i]) & asked.files;

        if (rights != 0) {
            allow(rules, isolation->rules[i].path, rights, pipe);
        }
    }
    if (asked.files != 0) {
        allow_streams(rules, asked.files, pipe);
    }
    if (isolation->has_root && asked.files != 0) {
        /* There is nothing to see but what the view has. */
        allow(rules, "/", READ_DIRECTORY, pipe);
    }
    if (syscall(CALL_RESTRICT_SELF, rules, 0) != 0) {
        weftos_run_child_fail(pipe, (int)fence, "restrict itself by Landlock");
    }
    (void)close(rules);
}
