/* SPDX-License-Identifier: MIT
 *
 * Isolation: what seatbelt keeps from a tree, and its temporary directory.
 *
 * The leader confines itself as the last thing before the program; what it
 * starts inherits that, and nobody can take it off. Seatbelt looks at the paths
 * of what is opened: there is no view of the files as on Linux, and what is
 * denied is seen to be refused.
 */
#define _DARWIN_C_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "run_profile.h"

#define TEMP_NAME "weft-run.XXXXXX"

struct run_isolation {
    struct run_profile profile;
    char *text;   /* of the profile; NULL: it is not used */
    bool refused; /* seatbelt has not taken it */
    bool has_temp;
    char variable[PATH_MAX + 8]; /* "TMPDIR=...", with has_temp */
};

static const char *temp_of(const struct run_isolation *isolation)
{
    return strchr(isolation->variable, '=') + 1;
}

/* ----------------------------------------------------------------- plan --- */

static void plan_row(struct run *run, weft_fence fence, bool *denies,
                     const char *limitation)
{
    const char *why_not = weftos_run_seatbelt_why_not();

    if (!weftos_run_is_asked(run, fence)) {
        return;
    }
    if (run->isolation->refused) {
        why_not = "seatbelt did not take the profile";
    }
    *denies = why_not == NULL;
    weftos_run_row(run, fence,
                   *denies ? WEFT_LEVEL_PROCESS : WEFT_LEVEL_UNSUPPORTED,
                   *denies ? "seatbelt" : NULL, *denies ? limitation : why_not);
}

static bool is_any_asked(const struct run *run)
{
    for (int i = WEFT_FENCE_PRIVILEGES; i <= WEFT_FENCE_TEMP; i++) {
        if (weftos_run_is_asked(run, (weft_fence)i)) {
            return true;
        }
    }
    return false;
}

/* True: it uses seatbelt at all. */
static bool plan_rows(struct run *run, bool *sees_paths)
{
    struct run_profile *profile = &run->isolation->profile;
    bool has_any = false; /* each profile keeps set-uid programs from it */

    plan_row(run, WEFT_FENCE_PRIVILEGES, &has_any, NULL);
    plan_row(run, WEFT_FENCE_NETWORK, &profile->denies_network, NULL);
    plan_row(run, WEFT_FENCE_IPC, &profile->denies_ipc,
             "its own are refused too; Mach services stay within reach");
    plan_row(run, WEFT_FENCE_PIDS, &profile->denies_pids,
             "numbers of other processes can be tried");
    plan_row(run, WEFT_FENCE_PATHS, sees_paths,
             "it tells refused from absent; files of the system can be read");
    if (weftos_run_is_asked(run, WEFT_FENCE_CALLS)) {
        weftos_run_row(run, WEFT_FENCE_CALLS, WEFT_LEVEL_UNSUPPORTED, NULL,
                       "macOS lets no program filter its system calls");
    }
    return has_any || profile->denies_network || profile->denies_ipc ||
           profile->denies_pids || *sees_paths;
}

/* ---------------------------------------------------------------- rules --- */

static int by_path(const void *one_, const void *other_)
{
    const struct run_profile_rule *one = one_;
    const struct run_profile_rule *other = other_;

    return strcmp(one->path, other->path);
}

/* Takes `path`. 0 or an errno: EEXIST if there is one that says otherwise. */
static int add_rule(struct run_profile *profile, char *path, uint32_t access)
{
    struct run_profile_rule *grown;

    for (size_t i = 0; i < profile->rule_count; i++) {
        if (strcmp(profile->rules[i].path, path) == 0) {
            free(path);
            return profile->rules[i].access == access ? 0 : EEXIST;
        }
    }
    grown = realloc(profile->rules, (profile->rule_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        free(path);
        return ENOMEM;
    }
    profile->rules = grown;
    grown[profile->rule_count++] = (struct run_profile_rule){path, access};
    profile->denies_files = profile->denies_files || access != WEFT_ACCESS_HIDE;
    return 0;
}

static int add_path(struct run_profile *profile, const char *path,
                    uint32_t access)
{
    char *real;

    if (access > WEFT_ACCESS_HIDE) {
        return ENOTSUP; /* there is nothing to lay over a directory */
    }
    real = realpath(path, NULL);
    if (real == NULL) {
        return errno;
    }
    if (!weftos_run_profile_can_name(real) ||
        (access == WEFT_ACCESS_HIDE && strcmp(real, "/") == 0)) {
        free(real);
        return EINVAL;
    }
    return add_rule(profile, real, access);
}

static weft_status status_of(int cause)
{
    return cause == ENOENT    ? WEFT_ENOENT
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
        int cause = add_path(&run->isolation->profile, path, rules[i].access);

        if (cause == EEXIST) {
            weftos_run_refuse(run, WEFT_EINVAL, 0,
                              "two rules for one path: %.120s", path);
            return false;
        }
        if (cause != 0 && rules[i].demand == WEFT_REQUIRE) {
            weftos_run_refuse(run, status_of(cause), cause, "path %.150s",
                              path);
            return false;
        }
        if (cause != 0) {
            weftos_run_evidence(run, "path %.120s: left out: %s", path,
                                strerror(cause));
        }
    }
    return true;
}

/* As on Linux, where such a one would lead out of the view. */
static bool check_streams(struct run *run)
{
    struct stat file;

    for (int i = 0; i < 3; i++) {
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

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strcmp(directory, "/") == 0 || strcmp(path, directory) == 0 ||
           (strncmp(path, directory, length) == 0 && path[length] == '/');
}

/* The deepest rule says. */
static bool is_seen(const struct run_profile *profile, const char *path)
{
    bool seen = !profile->denies_files;

    for (size_t i = 0; i < profile->rule_count; i++) {
        if (is_below(path, profile->rules[i].path)) {
            seen = profile->rules[i].access != WEFT_ACCESS_HIDE;
        }
    }
    return seen;
}

/* Where it starts must be within its reach. False: it has refused. */
static bool choose_directory(struct run *run)
{
    const struct run_isolation *isolation = run->isolation;
    int *handle = &run->handles[WEFTI_RUN_DIRECTORY];
    char path[PATH_MAX];
    int other;

    if (fcntl(*handle, F_GETPATH, path) != 0 ||
        is_seen(&isolation->profile, path)) {
        return true;
    }
    if ((run->request->flags & WEFTI_RUN_OWN_DIRECTORY) != 0) {
        weftos_run_refuse(run, WEFT_ENOENT, ENOENT,
                          "the working directory is not among the paths that "
                          "are allowed");
        return false;
    }
    other = open(isolation->has_temp ? temp_of(isolation) : "/",
                 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (other >= 0) {
        (void)close(*handle);
        *handle = other;
        weftos_run_evidence(run, "started in %.200s",
                            isolation->has_temp ? temp_of(isolation) : "/");
    }
    return true;
}

/* ------------------------------------------------------------ temporary --- */

/* In the directory that macOS keeps for the user. 0 or an errno. */
static int make_temp(struct run *run)
{
    struct run_isolation *isolation = run->isolation;
    char base[PATH_MAX];
    char real[PATH_MAX];
    char *path;
    int length;

    if (confstr(_CS_DARWIN_USER_TEMP_DIR, base, sizeof(base)) == 0 ||
        realpath(base, real) == NULL) {
        return errno;
    }
    length = snprintf(isolation->variable, sizeof(isolation->variable),
                      "TMPDIR=%s/" TEMP_NAME, real);
    path = strchr(isolation->variable, '=') + 1;
    if (length >= (int)sizeof(isolation->variable)) {
        return ENAMETOOLONG;
    }
    if (mkdtemp(path) == NULL) {
        return errno;
    }
    isolation->has_temp = true;
    if ((run->request->flags & WEFTI_RUN_HAS_USER) != 0 &&
        chown(path, run->request->uid, run->request->gid) != 0) {
        return errno;
    }
    return 0;
}

static bool plan_temp(struct run *run)
{
    bool probes = (run->request->flags & WEFTI_RUN_PROBE) != 0;
    int cause = 0;

    if (!weftos_run_is_asked(run, WEFT_FENCE_TEMP)) {
        return true;
    }
    if (!probes && !run->isolation->has_temp) {
        cause = make_temp(run);
    }
    weftos_run_row(run, WEFT_FENCE_TEMP,
                   cause == 0 ? WEFT_LEVEL_MONITORED : WEFT_LEVEL_UNSUPPORTED,
                   cause == 0 ? "mkdtemp, removed with the tree" : NULL,
                   cause == 0 ? "a directory of the host's, which others see"
                              : strerror(cause));
    if (cause == 0 && !probes && run->isolation->profile.denies_files) {
        char *path = strdup(temp_of(run->isolation));

        cause = path == NULL ? ENOMEM
                             : add_rule(&run->isolation->profile, path,
                                        WEFT_ACCESS_WRITE);
    }
    if (cause == ENOMEM) {
        weftos_run_refuse(run, WEFT_ENOMEM, 0, "cannot prepare the paths");
    }
    return cause != ENOMEM;
}

/* ------------------------------------------------------------- planning --- */

static bool plan(struct run *run)
{
    struct run_isolation *isolation = run->isolation;
    struct run_profile *profile = &isolation->profile;
    bool sees_paths = false;
    bool is_used = plan_rows(run, &sees_paths);

    if (sees_paths && !(check_streams(run) && add_request(run))) {
        return false;
    }
    if (sees_paths && (run->request->flags & WEFTI_RUN_SYSTEM) != 0) {
        profile->denies_files = true;
        profile->allows_system = true;
    }
    if (!plan_temp(run)) {
        return false;
    }
    if (profile->rule_count > 0) {
        qsort(profile->rules, profile->rule_count, sizeof(profile->rules[0]),
              by_path);
    }
    if (!is_used || (run->request->flags & WEFTI_RUN_PROBE) != 0) {
        return true;
    }
    isolation->text = weftos_run_profile_text(profile);
    if (isolation->text == NULL) {
        weftos_run_refuse(run, WEFT_ENOMEM, 0, "cannot prepare seatbelt");
        return false;
    }
    return !sees_paths || choose_directory(run);
}

bool weftos_run_isolate_prepare(struct run *run)
{
    static struct run_isolation isolation;

    if (!is_any_asked(run)) {
        return true;
    }
    run->isolation = &isolation;
    return plan(run);
}

bool weftos_run_isolate_again(struct run *run)
{
    struct run_isolation *isolation = run->isolation;

    if (isolation == NULL || isolation->refused) {
        return false;
    }
    isolation->refused = true;
    free(isolation->text);
    isolation->text = NULL;
    for (size_t i = 0; i < isolation->profile.rule_count; i++) {
        free(isolation->profile.rules[i].path);
    }
    free(isolation->profile.rules);
    isolation->profile = (struct run_profile){.rule_count = 0};
    return plan(run);
}

/* ----------------------------------------------------------- the leader --- */

void weftos_run_isolate_confine(struct run *run, int pipe)
{
    char why[RUN_OPERATION_BYTES / 2];

    if (run->isolation != NULL && run->isolation->text != NULL &&
        !weftos_run_seatbelt(run->isolation->text, why, sizeof(why))) {
        weftos_run_child_note(pipe, "seatbelt: %s", why);
        errno = EPERM;
        weftos_run_child_fail(pipe, WEFT_FENCE_PRIVILEGES, "enter seatbelt");
    }
}

const char *weftos_run_isolate_absence(const struct run *run,
                                       const char *program)
{
    (void)program;
    return run->isolation != NULL && run->isolation->profile.denies_files
               ? "find it, or its loader, among the paths that are allowed"
               : NULL;
}

char *weftos_run_isolate_temp(const struct run *run)
{
    return run->isolation != NULL && run->isolation->has_temp
               ? run->isolation->variable
               : NULL;
}

/* ------------------------------------------------------------------ end --- */

/* So that what is in them can be removed. */
static int open_up(const char *path, const struct stat *file, int kind,
                   struct FTW *place)
{
    (void)file;
    (void)place;
    if (kind == FTW_D || kind == FTW_DNR) {
        (void)chmod(path, 0700);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *file, int kind,
                      struct FTW *place)
{
    (void)file;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void weftos_run_isolate_end(struct run *run)
{
    const char *path;

    if (run->isolation == NULL || !run->isolation->has_temp) {
        return;
    }
    path = temp_of(run->isolation);
    run->isolation->has_temp = false;
    /* Who lives on could lead another user's hand elsewhere. */
    if ((run->request->flags & WEFTI_RUN_HAS_USER) != 0 &&
        run->report->survivors != 0) {
        weftos_run_evidence(run, "%.200s is left: somebody may use it", path);
        return;
    }
    (void)nftw(path, open_up, 16, FTW_PHYS | FTW_MOUNT);
    (void)nftw(path, remove_one, 16, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}
