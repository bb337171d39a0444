/* SPDX-License-Identifier: MIT
 *
 * The view that a tree has of the files, in a mount namespace of its own.
 *
 * Every place of the host that the view has is first copied as a mount that
 * is nowhere yet (open_tree), made read-only with all below it where that is
 * asked, and then put into place, parents before children. With a root of its
 * own the place is an empty file system, which in the end becomes the root, or
 * a copy of the host's; the old one is let go. Without one the host's stays,
 * and some places are covered.
 *
 * A path that leads to a place is never followed through a link: rules are
 * resolved (run_rules.c), and what has become a link since is refused.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run_isolate.h"

/* Any directory that is always there: the root is built on it. */
#define STAGE "/proc"

enum {
    TREE_CLONE = 1, /* open_tree; O_CLOEXEC goes with it */
    TREE_RECURSIVE = 0x8000,
    AT_EMPTY = 0x1000,
    MOVE_FROM_EMPTY = 0x4, /* move_mount */
    MOVE_TO_EMPTY = 0x40,
    READ_ONLY = 0x1, /* mount_setattr and fsmount */
    NO_SETUID = 0x2,
    NO_DEVICES = 0x4,
    NO_PROGRAMS = 0x8,
    FS_CLOEXEC = 1, /* fsopen and fsmount */
    SET_FLAG = 0,   /* fsconfig */
    SET_STRING = 1,
    CREATE = 6,
    NO_LINKS = 0x4, /* openat2 */
    NO_MAGIC_LINKS = 0x2,
    BENEATH = 0x8
};

struct attributes {
    uint64_t set;
    uint64_t clear;
    uint64_t propagation;
    uint64_t user_namespace;
};

struct how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

/* --------------------------------------------------------------- mounts --- */

/* A copy of what is at a path, with all that is mounted below it. */
static int copy_tree(const char *path)
{
    return (int)syscall(
        CALL_OPEN_TREE, AT_FDCWD, path,
        (long)(TREE_CLONE | TREE_RECURSIVE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW));
}

static bool set_attributes(int tree, uint64_t set, bool below)
{
    struct attributes asked = {.set = set, .propagation = MS_PRIVATE};

    return syscall(CALL_MOUNT_SETATTR, tree, "",
                   (long)(AT_EMPTY | (below ? TREE_RECURSIVE : 0)), &asked,
                   sizeof(asked)) == 0;
}

static int new_file_system(const char *type, const char *mode, int attributes)
{
    int context = (int)syscall(CALL_FSOPEN, type, (long)FS_CLOEXEC);
    int tree = -1;

    if (context < 0) {
        return -1;
    }
    if ((mode == NULL || syscall(CALL_FSCONFIG, context, (long)SET_STRING,
                                 "mode", mode, 0L) == 0) &&
        syscall(CALL_FSCONFIG, context, (long)CREATE, NULL, NULL, 0L) == 0) {
        tree = (int)syscall(CALL_FSMOUNT, context, (long)FS_CLOEXEC,
                            (long)attributes);
    }
    (void)close(context);
    return tree;
}

static bool attach(int tree, int place)
{
    return syscall(CALL_MOVE_MOUNT, tree, "", place, "",
                   (long)(MOVE_FROM_EMPTY | MOVE_TO_EMPTY)) == 0;
}

/* A path below the root that is built. */
static int open_below(int root, const char *path, int flags)
{
    struct how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                      .resolve = NO_LINKS | NO_MAGIC_LINKS | BENEATH};

    path += strspn(path, "/");
    return (int)syscall(CALL_OPENAT2, root, path[0] != '\0' ? path : ".", &how,
                        sizeof(how));
}

/* ------------------------------------------------------------- building --- */

static _Noreturn void fail_at(int pipe, const char *doing, const char *path)
{
    char operation[RUN_OPERATION_BYTES];
    int cause = errno;

    (void)snprintf(operation, sizeof(operation), "%s %s", doing, path);
    errno = cause;
    weftos_run_child_fail(pipe, WEFT_FENCE_PATHS, operation);
}

/* The directory that a path is in; -1. */
static int open_parent(int root, const char *path, const char **name)
{
    char *parent = strdup(path);
    char *slash = parent != NULL ? strrchr(parent, '/') : NULL;
    int directory = -1;

    if (slash != NULL) {
        *slash = '\0';
        *name = strrchr(path, '/') + 1;
        directory = open_below(root, parent, O_PATH | O_DIRECTORY);
    }
    free(parent);
    return directory;
}

/* Makes the directory that a path is in, and so on up to one that is there. */
static bool make_place(int root, const char *path, bool is_directory);

static bool make_parent(int root, const char *path)
{
    char *parent = strdup(path);
    char *slash = parent != NULL ? strrchr(parent, '/') : NULL;
    bool is_made = false;

    if (slash != NULL && slash != parent) {
        *slash = '\0';
        is_made = make_place(root, parent, true);
    }
    free(parent);
    return is_made;
}

/* Makes a place for a rule in a root of our own; one may be there. */
static bool make_place(int root, const char *path, bool is_directory)
{
    const char *name = NULL;
    int parent = open_parent(root, path, &name);
    int file = -1;
    bool is_made;

    if (parent < 0 && errno == ENOENT && make_parent(root, path)) {
        parent = open_parent(root, path, &name);
    }
    if (parent < 0) {
        return false;
    }
    if (is_directory) {
        is_made = mkdirat(parent, name, 0755) == 0;
    } else {
        file = openat(parent, name, O_CREAT | O_EXCL | O_CLOEXEC, 0444);
        is_made = file >= 0;
    }
    is_made = is_made || errno == EEXIST;
    if (file >= 0) {
        (void)close(file);
    }
    (void)close(parent);
    return is_made;
}

/* ------------------------------------------------------------- overlays ---
 *
 * Each has its changes in a new file system in memory. That has to be mounted
 * while the overlay is made, and is let go afterwards; the overlay keeps it.
 */

/* Where the layers are while an overlay is made; short, as options must be. */
#define UPPER STAGE "/upper"
#define WORK STAGE "/work"

static bool set_option(int context, const char *key, const char *value)
{
    return syscall(CALL_FSCONFIG, context, (long)SET_STRING, key, value, 0L) ==
           0;
}

/* The working directory is what lies below; the layers are there. */
static int make_overlay(bool has_user)
{
    int context = (int)syscall(CALL_FSOPEN, "overlay", (long)FS_CLOEXEC);
    int tree = -1;

    if (context < 0) {
        return -1;
    }
    if (set_option(context, "lowerdir", ".") &&
        set_option(context, "upperdir", UPPER) &&
        set_option(context, "workdir", WORK) &&
        (!has_user || syscall(CALL_FSCONFIG, context, (long)SET_FLAG,
                              "userxattr", NULL, 0L) == 0) &&
        syscall(CALL_FSCONFIG, context, (long)CREATE, NULL, NULL, 0L) == 0) {
        tree = (int)syscall(CALL_FSMOUNT, context, (long)FS_CLOEXEC,
                            (long)(NO_SETUID | NO_DEVICES));
    }
    (void)close(context);
    return tree;
}

/*
 * The top of the upper one is what is seen as the directory itself. Its owner,
 * if there is no such user here, is the tree's.
 */
static bool make_layers(int below)
{
    struct stat file;

    if (fstat(below, &file) != 0 || mkdir(WORK, 0700) != 0 ||
        mkdir(UPPER, 0700) != 0) {
        return false;
    }
    (void)!chown(UPPER, file.st_uid, file.st_gid);
    return chmod(UPPER, file.st_mode & 01777) == 0;
}

static int new_overlay(const char *path, bool has_user)
{
    int below = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int layers = new_file_system("tmpfs", "0700", NO_SETUID | NO_DEVICES);
    int tree = -1;
    int cause;

    if (below >= 0 && stage >= 0 && layers >= 0 && attach(layers, stage)) {
        if (make_layers(below) && fchdir(below) == 0) {
            tree = make_overlay(has_user);
        }
        cause = errno;
        if (chdir("/") != 0 || umount2(STAGE, MNT_DETACH) != 0) {
            tree = -1; /* the layers would be in the way */
        }
        errno = cause;
    }
    cause = errno;
    for (int i = 0; i < 3; i++) {
        int each = i == 0 ? below : i == 1 ? stage : layers;

        if (each >= 0) {
            (void)close(each);
        }
    }
    errno = cause;
    return tree;
}

/* The mount that a rule is about, which is nowhere yet. */
static int open_rule(const struct run_isolation *isolation,
                     const struct run_rule *rule)
{
    bool writes = rule->access == WEFT_ACCESS_WRITE;
    uint64_t set = NO_SETUID | (writes ? 0 : READ_ONLY);
    int tree;

    if (rule->file_system == RUN_TEMP) {
        return new_file_system("tmpfs", "1777", NO_SETUID | NO_DEVICES);
    }
    if (rule->file_system == RUN_OVERLAY) {
        return new_overlay(rule->path, (isolation->namespaces & CLONE_NEWUSER));
    }
    if (rule->file_system == RUN_PROC) {
        /* A user 0 without any right may still write what root owns there. */
        return new_file_system("proc", NULL,
                               NO_SETUID | NO_DEVICES | NO_PROGRAMS |
                                   (geteuid() == 0 ? READ_ONLY : 0));
    }
    if (rule->file_system == RUN_EMPTY && S_ISDIR(rule->type)) {
        return new_file_system("tmpfs", "0755", NO_SETUID | NO_DEVICES);
    }
    /*
     * A read-only mount does not keep anybody from writing to a device. So
     * there is none but those that nobody can harm, and what Landlock guards.
     */
    if (!writes && !rule->is_system && rule->file_system == RUN_HOST &&
        (S_ISDIR(rule->type) || !isolation->landlocks_paths)) {
        set |= NO_DEVICES;
    }
    tree = copy_tree(rule->file_system == RUN_EMPTY ? "/dev/null" : rule->path);
    if (tree >= 0 && !set_attributes(tree, set, true)) {
        (void)close(tree);
        return -1;
    }
    return tree;
}

static void place_rule(const struct run_isolation *isolation, int root,
                       const struct run_rule *rule, int pipe)
{
    int place;

    if ((isolation->has_root || rule->is_inside) &&
        !make_place(root, rule->path, S_ISDIR(rule->type))) {
        fail_at(pipe, "make a place for", rule->path);
    }
    place = open_below(root, rule->path, O_PATH);
    if (place < 0 || !attach(rule->tree, place)) {
        fail_at(pipe, "mount", rule->path);
    }
    (void)close(place);
}

/* A link is there already where a place of the host's contains it. */
static void place_link(int root, const struct run_link *link, int pipe)
{
    const char *name = NULL;
    int parent = open_parent(root, link->path, &name);

    if (parent < 0 && errno == ENOENT && make_parent(root, link->path)) {
        parent = open_parent(root, link->path, &name);
    }
    if (parent < 0 ||
        (symlinkat(link->text, parent, name) != 0 && errno != EEXIST)) {
        fail_at(pipe, "make the link", link->path);
    }
    (void)close(parent);
}

/* The names by which shells and others open what is open already. */
static void place_usual_links(int root)
{
    static const struct run_link usual[] = {
        {"dev/fd", "/proc/self/fd"},
        {"dev/stdin", "/proc/self/fd/0"},
        {"dev/stdout", "/proc/self/fd/1"},
        {"dev/stderr", "/proc/self/fd/2"},
    };

    /* Only where there is a /dev of ours; the host's has them itself. */
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        (void)!symlinkat(usual[i].text, root, usual[i].path);
    }
}

/* ----------------------------------------------------------------- root --- */

bool weftos_run_paths_has_host_root(const struct run_isolation *isolation)
{
    for (size_t i = 0; i < isolation->rule_count; i++) {
        if (strcmp(isolation->rules[i].path, "/") == 0) {
            return true;
        }
    }
    return false;
}

/* Puts what is to be the root on the stage, and goes there. */
static int stage_root(struct run_isolation *isolation, int pipe)
{
    int tree = weftos_run_paths_has_host_root(isolation)
                   ? isolation->rules[0].tree
                   : new_file_system("tmpfs", "0755", NO_SETUID | NO_DEVICES);
    int stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int root;

    if (tree < 0 || stage < 0 || !attach(tree, stage)) {
        fail_at(pipe, "mount", "a root");
    }
    (void)close(stage);
    root = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || fchdir(root) != 0) {
        fail_at(pipe, "enter", "the root");
    }
    if (!weftos_run_paths_has_host_root(isolation)) {
        (void)close(tree);
    }
    return root;
}

/* What is under way becomes the root, and the old one is out of reach. */
static void enter_root(const struct run_isolation *isolation, int root,
                       int pipe)
{
    if (!weftos_run_paths_has_host_root(isolation)) {
        int tree = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        place_usual_links(root);
        if (tree < 0 || !set_attributes(tree, READ_ONLY, false)) {
            fail_at(pipe, "make read-only", "the root");
        }
        (void)close(tree);
    }
    if (syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
        fail_at(pipe, "change", "the root");
    }
}

/* Is what its name leads to the working directory, or an overlay's for it? */
static bool is_directory(const struct run_isolation *isolation,
                         const struct stat *file)
{
    const struct run_rule *rule =
        weftos_run_paths_rule_over(isolation, isolation->directory);

    return (rule != NULL && rule->file_system == RUN_OVERLAY) ||
           (file->st_dev == isolation->directory_device &&
            file->st_ino == isolation->directory_file);
}

/* The working directory, if it is inside; its old place may be covered. */
static void enter_directory(const struct run *run, int pipe)
{
    const struct run_isolation *isolation = run->isolation;
    const char *instead = isolation->has_temp ? "/tmp" : "/";
    struct stat file;

    if (isolation->directory != NULL &&
        stat(isolation->directory, &file) == 0 &&
        is_directory(isolation, &file) && chdir(isolation->directory) == 0) {
        return;
    }
    if ((run->request->flags & WEFTI_RUN_OWN_DIRECTORY) != 0) {
        errno = ENOENT;
        fail_at(pipe, "enter the working directory, which is not inside,",
                isolation->directory != NULL ? isolation->directory : "");
    }
    if (chdir(instead) != 0) {
        fail_at(pipe, "enter", instead);
    }
    weftos_run_child_note(
        pipe, "the working directory is not inside: started in %s", instead);
}

void weftos_run_paths_enter(struct run *run, int pipe)
{
    struct run_isolation *isolation = run->isolation;
    size_t first =
        isolation->has_root && weftos_run_paths_has_host_root(isolation);
    int root;

    if (!isolation->has_mounts) {
        return;
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        fail_at(pipe, "make private", "the mounts");
    }
    for (size_t i = 0; i < isolation->rule_count; i++) {
        isolation->rules[i].tree = open_rule(isolation, &isolation->rules[i]);
        if (isolation->rules[i].tree < 0) {
            fail_at(pipe, "copy", isolation->rules[i].path);
        }
    }
    root = isolation->has_root ? stage_root(isolation, pipe)
                               : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = first; i < isolation->rule_count; i++) {
        place_rule(isolation, root, &isolation->rules[i], pipe);
    }
    for (size_t i = 0; i < isolation->link_count && isolation->has_root; i++) {
        place_link(root, &isolation->links[i], pipe);
    }
    for (size_t i = 0; i < isolation->rule_count; i++) {
        if (isolation->rules[i].file_system == RUN_EMPTY &&
            !set_attributes(isolation->rules[i].tree, READ_ONLY, false)) {
            fail_at(pipe, "make read-only", isolation->rules[i].path);
        }
        (void)close(isolation->rules[i].tree);
    }
    if (isolation->has_root) {
        enter_root(isolation, root, pipe);
    }
    (void)close(root);
    enter_directory(run, pipe);
}

/* --------------------------------------------------------------- probes --- */

static int failed(const char **step, const char *what)
{
    *step = what;
    return errno;
}

int weftos_run_paths_probe(const char **step)
{
    int stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int tree;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return failed(step, "mount");
    }
    tree = copy_tree("/usr");
    if (tree < 0) {
        return failed(step, "open_tree");
    }
    if (!set_attributes(tree, READ_ONLY | NO_SETUID, true)) {
        return failed(step, "mount_setattr");
    }
    tree = new_file_system("tmpfs", "0755", NO_SETUID | NO_DEVICES);
    if (tree < 0) {
        return failed(step, "fsmount tmpfs");
    }
    if (!attach(tree, stage)) {
        return failed(step, "move_mount");
    }
    if (chdir(STAGE) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0) {
        return failed(step, "pivot_root");
    }
    return 0;
}

int weftos_run_paths_probe_overlay(bool has_user, const char **step)
{
    int tree;
    int file;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return failed(step, "mount");
    }
    tree = new_overlay("/usr/bin", has_user);
    if (tree < 0) {
        return failed(step, "fsmount overlay");
    }
    file = openat(tree, ".weft-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        return failed(step, "write");
    }
    (void)close(file);
    (void)close(tree);
    return 0;
}

int weftos_run_paths_probe_proc(const char **step)
{
    return new_file_system("proc", NULL, NO_SETUID) >= 0
               ? 0
               : failed(step, "fsmount proc");
}
