/* SPDX-License-Identifier: MIT
 *
 * Rules for paths, resolved: what the view of the files is made from.
 *
 * A path is gone through part by part, as the kernel would. A rule is then
 * about the place where that ends, which no link leads to; the links on the way
 * are noted, so that the view can have them as well and the path as it was
 * named works inside.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run_isolate.h"

#define LINKS_MAX 40 /* on one way, as the kernel has it */

/* What the system's own programs need to run. What is missing is left out. */
static const char *const system_paths[] = {
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/localtime",
};

/* Those that nobody can harm; where there is a /dev they are in it. */
static const char *const devices[] = {
    "/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---------------------------------------------------------------- lists --- */

static int add_link(struct run_isolation *isolation, const char *path,
                    const char *text)
{
    size_t bytes = (isolation->link_count + 1) * sizeof(isolation->links[0]);
    struct run_link *grown;
    struct run_link *link;

    for (size_t i = 0; i < isolation->link_count; i++) {
        if (strcmp(isolation->links[i].path, path) == 0) {
            return 0;
        }
    }
    grown = realloc(isolation->links, bytes);
    if (grown == NULL) {
        return ENOMEM;
    }
    isolation->links = grown;
    link = &grown[isolation->link_count];
    *link = (struct run_link){strdup(path), strdup(text)};
    if (link->path == NULL || link->text == NULL) {
        return ENOMEM;
    }
    isolation->link_count++;
    return 0;
}

/*
 * Adds a rule for a resolved path. One of the user's replaces one of the
 * system's; EEXIST: there is one already that says something else.
 */
static int add_rule(struct run_isolation *isolation,
                    const struct run_rule *rule)
{
    size_t bytes = (isolation->rule_count + 1) * sizeof(isolation->rules[0]);
    struct run_rule *grown;

    for (size_t i = 0; i < isolation->rule_count; i++) {
        struct run_rule *before = &isolation->rules[i];

        if (strcmp(before->path, rule->path) != 0) {
            continue;
        }
        if (before->access == rule->access &&
            before->file_system == rule->file_system) {
            before->is_system = before->is_system || rule->is_system;
            return 0;
        }
        if (rule->is_system) {
            return 0;
        }
        if (!before->is_system) {
            return EEXIST;
        }
        before->access = rule->access;
        before->file_system = rule->file_system;
        before->is_system = false;
        return 0;
    }
    grown = realloc(isolation->rules, bytes);
    if (grown == NULL) {
        return ENOMEM;
    }
    isolation->rules = grown;
    grown[isolation->rule_count] = *rule;
    grown[isolation->rule_count].path = strdup(rule->path);
    if (grown[isolation->rule_count].path == NULL) {
        return ENOMEM;
    }
    isolation->rule_count++;
    return 0;
}

/* ----------------------------------------------------------- resolution --- */

/* The way that is left to go, and how far it has come. */
struct way {
    char here[PATH_MAX];
    char rest[PATH_MAX];
    unsigned links;
};

/* Replaces the last part of the way, a link, by what it says. */
static int follow(struct run_isolation *isolation, struct way *way)
{
    char text[PATH_MAX];
    char more[PATH_MAX];
    ssize_t bytes = readlink(way->here, text, sizeof(text) - 1);
    int cause;

    if (bytes < 0) {
        return errno;
    }
    text[bytes] = '\0';
    if (++way->links > LINKS_MAX) {
        return ELOOP;
    }
    cause = add_link(isolation, way->here, text);
    if (cause != 0) {
        return cause;
    }
    if ((size_t)snprintf(more, sizeof(more), "%s/%s", text, way->rest) >=
        sizeof(more)) {
        return ENAMETOOLONG;
    }
    (void)snprintf(way->rest, sizeof(way->rest), "%s", more);
    if (text[0] == '/') {
        way->here[0] = '\0';
    } else {
        *strrchr(way->here, '/') = '\0';
    }
    return 0;
}

/* Takes the next part off the rest. False: there is none. */
static bool take_part(struct way *way, char *part, size_t room)
{
    size_t skip = strspn(way->rest, "/");
    size_t bytes = strcspn(way->rest + skip, "/");

    if (bytes == 0 || bytes >= room) {
        return false;
    }
    (void)snprintf(part, room, "%.*s", (int)bytes, way->rest + skip);
    memmove(way->rest, way->rest + skip + bytes,
            strlen(way->rest + skip + bytes) + 1);
    return true;
}

/*
 * Goes to the end of a path; `*file` is what is there. The root is "/", which
 * `here` has as "" on the way.
 */
static int resolve(struct run_isolation *isolation, const char *path,
                   struct way *way, struct stat *file)
{
    char part[NAME_MAX + 1];
    int cause = 0;

    way->here[0] = '\0';
    way->links = 0;
    if ((size_t)snprintf(way->rest, sizeof(way->rest), "%s", path) >=
        sizeof(way->rest)) {
        return ENAMETOOLONG;
    }
    while (cause == 0 && take_part(way, part, sizeof(part))) {
        size_t length = strlen(way->here);

        if (strcmp(part, ".") == 0) {
            continue;
        }
        if (strcmp(part, "..") == 0) {
            if (length > 0) {
                *strrchr(way->here, '/') = '\0';
            }
            continue;
        }
        if ((size_t)snprintf(way->here + length, sizeof(way->here) - length,
                             "/%s", part) >= sizeof(way->here) - length) {
            return ENAMETOOLONG;
        }
        if (lstat(way->here, file) != 0) {
            return errno;
        }
        if (S_ISLNK(file->st_mode)) {
            cause = follow(isolation, way);
        }
    }
    if (cause == 0 && strspn(way->rest, "/") != strlen(way->rest)) {
        cause = ENAMETOOLONG;
    }
    if (cause == 0 && way->here[0] == '\0') {
        (void)snprintf(way->here, sizeof(way->here), "/");
    }
    if (cause == 0 && lstat(way->here, file) != 0) {
        cause = errno;
    }
    return cause;
}

static int file_system_of(uint32_t access)
{
    switch (access) {
    case WEFT_ACCESS_HIDE:
        return RUN_EMPTY;
    case WEFT_ACCESS_OVERLAY:
        return RUN_OVERLAY;
    case WEFT_ACCESS_TEMP:
        return RUN_TEMP;
    default:
        return RUN_HOST;
    }
}

/* Can there be such a rule for this place? */
static int check_rule(const struct run_isolation *isolation,
                      const struct run_rule *rule)
{
    bool is_new =
        rule->file_system == RUN_OVERLAY || rule->file_system == RUN_TEMP;

    if (rule->file_system == RUN_HOST) {
        return 0;
    }
    if (strcmp(rule->path, "/") == 0 || (is_new && !S_ISDIR(rule->type))) {
        return EINVAL;
    }
    return rule->file_system == RUN_OVERLAY && !isolation->has_overlay ? ENOTSUP
                                                                       : 0;
}

static int add_path(struct run *run, const char *path, uint32_t access,
                    bool is_system)
{
    struct way *way = malloc(sizeof(*way));
    struct stat file;
    int cause;

    if (way == NULL) {
        return ENOMEM;
    }
    cause = resolve(run->isolation, path, way, &file);
    if (cause == 0) {
        struct run_rule rule = {.path = way->here,
                                .access = access,
                                .type = file.st_mode & S_IFMT,
                                .is_system = is_system,
                                .tree = -1};

        rule.file_system = file_system_of(access);
        cause = check_rule(run->isolation, &rule);
        if (cause == 0) {
            cause = add_rule(run->isolation, &rule);
        }
    }
    free(way);
    return cause;
}

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strcmp(directory, "/") == 0 ||
           (strncmp(path, directory, length) == 0 && path[length] == '/');
}

static struct run_rule *rule_at(const struct run_isolation *isolation,
                                const char *path)
{
    for (size_t i = 0; i < isolation->rule_count; i++) {
        if (strcmp(isolation->rules[i].path, path) == 0) {
            return &isolation->rules[i];
        }
    }
    return NULL;
}

/*
 * A file system of our own in place of the host's. A rule for the path itself
 * then is about ours: what is hidden stays so, and what may be read can be.
 */
static int add_own(struct run *run, const char *path, int file_system)
{
    struct run_rule rule = {.path = (char *)(uintptr_t)path,
                            .file_system = file_system,
                            .type = S_IFDIR,
                            .tree = -1};
    struct run_rule *before = rule_at(run->isolation, path);

    if (before == NULL) {
        return add_rule(run->isolation, &rule);
    }
    if (before->access != WEFT_ACCESS_HIDE || file_system == RUN_TEMP) {
        before->access = 0;
        before->file_system = file_system;
    }
    return 0;
}

/* ------------------------------------------------------------ preparing --- */

static int by_path(const void *one_, const void *other_)
{
    const struct run_rule *one = one_;
    const struct run_rule *other = other_;

    return strcmp(one->path, other->path);
}

/* The rule that holds at a path if its own is not there; NULL: none. */
static struct run_rule *rule_above(const struct run_isolation *isolation,
                                   size_t index)
{
    for (size_t i = index; i > 0; i--) {
        if (is_below(isolation->rules[index].path,
                     isolation->rules[i - 1].path)) {
            return &isolation->rules[i - 1];
        }
    }
    return NULL;
}

/*
 * Is it said already by the rule above? A new file system is empty: there is
 * nothing in it to be hidden. What is not in a root of our own is hidden, too.
 */
static bool is_said(const struct run_isolation *isolation,
                    const struct run_rule *above, const struct run_rule *rule)
{
    if (rule->access == WEFT_ACCESS_HIDE) {
        return above != NULL ? above->file_system == RUN_TEMP ||
                                   above->file_system == RUN_EMPTY
                             : isolation->has_root;
    }
    return above != NULL && above->access == rule->access &&
           above->file_system == RUN_HOST && rule->file_system == RUN_HOST &&
           !(rule->is_system && S_ISCHR(rule->type));
}

/* Drops rules that need no mount. */
static void simplify(struct run_isolation *isolation)
{
    size_t kept = 0;

    for (size_t i = 0; i < isolation->rule_count; i++) {
        struct run_rule rule = isolation->rules[i];
        const struct run_rule *above;

        isolation->rules[kept] = rule;
        above = rule_above(isolation, kept);
        if (is_said(isolation, above, &rule)) {
            free(rule.path);
            continue;
        }
        isolation->rules[kept].is_inside =
            above != NULL && above->file_system == RUN_TEMP;
        kept++;
    }
    isolation->rule_count = kept;
}

static weft_status status_of(int cause)
{
    return cause == ENOENT    ? WEFT_ENOENT
           : cause == EINVAL  ? WEFT_EINVAL
           : cause == ENOTSUP ? WEFT_ENOTSUP
                              : weftos_errno_status(cause);
}

/* The user's rules. False: it has refused. */
static bool add_request(struct run *run)
{
    const struct wefti_run_request *request = run->request;
    const char *base = (const char *)request;
    const struct wefti_run_path *rules =
        (const struct wefti_run_path *)(const void *)(base + request->paths);

    for (uint32_t i = 0; i < request->path_count; i++) {
        const char *path = base + rules[i].text;
        int cause = add_path(run, path, rules[i].access, false);

        if (cause == 0) {
            continue;
        }
        if (cause == EEXIST) {
            weftos_run_refuse(run, WEFT_EINVAL, 0,
                              "two rules for one path: %.120s", path);
            return false;
        }
        if (rules[i].demand == WEFT_REQUIRE) {
            weftos_run_refuse(run, status_of(cause), cause, "path %.150s",
                              path);
            return false;
        }
        weftos_run_evidence(run, "path %.120s: left out: %s", path,
                            strerror(cause));
    }
    return true;
}

/* The working directory by its name; it is looked for inside. */
static void name_directory(const struct run *run)
{
    struct run_isolation *isolation = run->isolation;
    struct stat file;
    char link[64];
    char path[PATH_MAX];
    ssize_t bytes;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d",
                   run->handles[WEFTI_RUN_DIRECTORY]);
    bytes = readlink(link, path, sizeof(path) - 1);
    if (bytes <= 0 || fstat(run->handles[WEFTI_RUN_DIRECTORY], &file) != 0) {
        return;
    }
    path[bytes] = '\0';
    isolation->directory = strdup(path);
    isolation->directory_device = file.st_dev;
    isolation->directory_file = file.st_ino;
}

const struct run_rule *
weftos_run_paths_rule_over(const struct run_isolation *isolation,
                           const char *path)
{
    const struct run_rule *deepest = NULL;

    for (size_t i = 0; i < isolation->rule_count; i++) {
        const struct run_rule *rule = &isolation->rules[i];

        if ((is_below(path, rule->path) || strcmp(path, rule->path) == 0) &&
            (deepest == NULL || strlen(rule->path) > strlen(deepest->path))) {
            deepest = rule;
        }
    }
    return deepest;
}

/* Is this directory of the host's to be seen inside? The deepest rule says. */
static bool shows_host(const struct run_isolation *isolation, const char *path)
{
    const struct run_rule *rule = weftos_run_paths_rule_over(isolation, path);
    struct stat file;

    return (rule != NULL ? rule->file_system == RUN_HOST ||
                               rule->file_system == RUN_OVERLAY
                         : !isolation->has_root) &&
           lstat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

static bool has_other_temp(const struct run_isolation *isolation)
{
    const struct run_rule *rule = rule_at(isolation, "/tmp");

    return rule != NULL && rule->access != WEFT_ACCESS_HIDE &&
           rule->file_system != RUN_TEMP;
}

/* Can something be mounted there? In a root of our own places are made. */
static bool has_place(const struct run_isolation *isolation, const char *path)
{
    return (isolation->has_root &&
            !weftos_run_paths_has_host_root(isolation)) ||
           shows_host(isolation, path);
}

/*
 * A directory that is open leads out of the view, whatever that has. Streams
 * are all that the program gets without being asked what they are.
 */
static bool check_streams(struct run *run)
{
    bool probes = (run->request->flags & WEFTI_RUN_PROBE) != 0;
    struct stat file;

    for (int i = 0; i < 3 && !probes; i++) {
        int handle = run->handles[WEFTI_RUN_INPUT + i];

        if (handle >= 0 && fstat(handle, &file) == 0 && S_ISDIR(file.st_mode)) {
            weftos_run_refuse(
                run, WEFT_EINVAL, 0,
                "standard stream %d is a directory, which leads out of "
                "the paths that are allowed",
                i);
            return false;
        }
    }
    return true;
}

/* What is missing, or can't be seen by us, is left out. */
static int add_each(struct run *run, const char *const *paths, size_t count)
{
    int cause = 0;

    for (size_t i = 0; i < count && cause == 0; i++) {
        cause = add_path(run, paths[i], WEFT_ACCESS_READ, true);
        if (cause == ENOENT || cause == ENOTDIR || cause == EACCES) {
            cause = 0;
        }
    }
    return cause;
}

/* Is /dev, or all of it, to be read? */
static bool has_devices(const struct run_isolation *isolation)
{
    for (size_t i = 0; i < isolation->rule_count; i++) {
        const struct run_rule *rule = &isolation->rules[i];

        if (rule->access == WEFT_ACCESS_READ &&
            (strcmp(rule->path, "/") == 0 || strcmp(rule->path, "/dev") == 0)) {
            return true;
        }
    }
    return false;
}

static int add_system(struct run *run)
{
    bool is_asked = (run->request->flags & WEFTI_RUN_SYSTEM) != 0;
    int cause = 0;

    if (is_asked) {
        cause = add_each(run, system_paths, COUNT_OF(system_paths));
    }
    if (cause == 0 && (is_asked || has_devices(run->isolation))) {
        cause = add_each(run, devices, COUNT_OF(devices));
    }
    return cause;
}

bool weftos_run_paths_prepare(struct run *run)
{
    struct run_isolation *isolation = run->isolation;
    bool has_ipc = (isolation->namespaces & CLONE_NEWIPC) != 0;
    int cause = 0;

    name_directory(run);
    if (isolation->sees_paths && (!check_streams(run) || !add_request(run))) {
        return false;
    }
    if (isolation->sees_paths) {
        cause = add_system(run);
    }
    if (isolation->has_temp && has_other_temp(isolation)) {
        isolation->has_temp = false;
        weftos_run_row(run, WEFT_FENCE_TEMP, WEFT_LEVEL_UNSUPPORTED, NULL,
                       "/tmp is the host's by a rule for it");
    }
    if (cause == 0 && isolation->has_pid_namespace) {
        cause =
            add_own(run, "/proc", isolation->has_proc ? RUN_PROC : RUN_EMPTY);
    }
    if (cause == 0 && isolation->has_temp) {
        cause = add_own(run, "/tmp", RUN_TEMP);
    }
    if (cause == 0 && has_ipc && isolation->has_mounts &&
        has_place(isolation, "/dev/shm")) {
        cause = add_own(run, "/dev/shm", RUN_TEMP);
    }
    if (cause == 0 && has_ipc && isolation->has_mounts &&
        shows_host(isolation, "/dev/mqueue")) {
        cause = add_own(run, "/dev/mqueue", RUN_EMPTY);
    }
    if (cause != 0) {
        weftos_run_refuse(run, weftos_errno_status(cause), cause,
                          "cannot prepare the paths");
        return false;
    }
    if (isolation->rule_count > 0) {
        qsort(isolation->rules, isolation->rule_count,
              sizeof(isolation->rules[0]), by_path);
        simplify(isolation);
    }
    return true;
}
