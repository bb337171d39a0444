/* SPDX-License-Identifier: MIT
 *
 * What the tests of isolation share.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isolation.h"

/* Not 65534: weft's channels trust no user whom the kernel has no name for. */
#define NOBODY 65533

char isolation_self[PATH_MAX];
char isolation_folder[64];

static void make_file(const char *name)
{
    int file = open(isolation_path(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

    REQUIRE(file >= 0 && write(file, "secret", 6) == 6);
    (void)close(file);
}

void isolation_folder_make(void)
{
    (void)snprintf(isolation_folder, sizeof(isolation_folder),
                   "/tmp/weft-test-XXXXXX");
    REQUIRE(mkdtemp(isolation_folder) != NULL);
    REQUIRE(mkdir(isolation_path("read"), 0755) == 0 &&
            mkdir(isolation_path("write"), 0755) == 0 &&
            mkdir(isolation_path("write/hidden"), 0755) == 0);
    make_file("outside");
    make_file("read/file");
    make_file("write/hidden/file");
    REQUIRE(symlink("read/file", isolation_path("link")) == 0);
}

void isolation_folder_remove(void)
{
    static const char *const names[] = {
        "link",      "outside",      "read/file", "read", "write/hidden/file",
        "write/new", "write/hidden", "write"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)remove(isolation_path(names[i]));
    }
    CHECK(rmdir(isolation_folder) == 0);
}

const char *isolation_path(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", isolation_folder, name);
    return path;
}

weft_process_spec *isolation_spec(weft_sandbox sandbox)
{
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    CHECK_STATUS(weft_process_spec_sandbox(spec, sandbox), WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_variable(spec, "ASAN_OPTIONS", "detect_leaks=0"),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_variable(spec, "FOLDER", isolation_folder),
                 WEFT_OK);
    if (sandbox == WEFT_SANDBOX_STRICT) {
        isolation_rule(spec, isolation_self, WEFT_ACCESS_READ);
    }
    return spec;
}

void isolation_rule(weft_process_spec *spec, const char *path,
                    weft_access access)
{
    CHECK_STATUS(weft_process_spec_path(spec, path, access, WEFT_REQUIRE),
                 WEFT_OK);
}

weft_process *isolation_start(weft_process_spec *spec, const char *role)
{
    char *arguments[] = {isolation_self, (char *)(uintptr_t)role, NULL};
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};

    if (!CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                      WEFT_OK)) {
        printf("# %s: %s: %s\n", detail.operation,
               weft_process_spec_refusal(spec), strerror(detail.os_code));
    }
    REQUIRE(process != NULL);
    return process;
}

weft_process_result isolation_end(weft_process *process)
{
    weft_process_result result = {.size = sizeof(result)};

    REQUIRE(weft_process_wait(process, peer_soon(), &result) == WEFT_OK);
    CHECK(result.survivors == 0);
    return result;
}

void isolation_expect_well(weft_process *process)
{
    weft_process_result result = isolation_end(process);

    if (!CHECK(result.exited && result.exit_code == 0)) {
        printf("# %s", result.evidence);
    }
    weft_process_close(&process);
}

static void run_all(void *context)
{
    const uintptr_t *all = context;

    ((void (*)(void))peer_function_of(*all))();
}

static void run_as_nobody(void *context)
{
    const char *helper = getenv("WEFT_HELPER");

    if (setgid(NOBODY) != 0) {
        /* As in a user namespace that maps one user only. */
        CHECK(errno == EINVAL || errno == EPERM);
        printf("# there is no other user here: left out\n");
        return;
    }
    if (!CHECK(setuid(NOBODY) == 0)) {
        return;
    }
    if (access(isolation_self, X_OK) != 0 ||
        (helper != NULL && access(helper, X_OK) != 0)) {
        printf("# another user can't reach this program: left out\n");
        return;
    }
    run_all(context);
}

void isolation_as_users(void (*all)(void))
{
    uintptr_t number = peer_number_of(all);
    peer_process child = peer_run(run_all, &number, sizeof(number));

    CHECK(peer_ended_well(&child));
    if (geteuid() == 0) {
        child = peer_run(run_as_nobody, &number, sizeof(number));
        CHECK(peer_ended_well(&child));
    }
}

static bool lay_filter(struct sock_filter *code, size_t count)
{
    struct sock_fprog program = {(unsigned short)count, code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool isolation_refuse_namespaces(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_unshare, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
                 CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1), /* EPERM */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return lay_filter(code, sizeof(code) / sizeof(code[0]));
}

bool isolation_refuse_mounts(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 430, 0, 1), /* fsopen */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return lay_filter(code, sizeof(code) / sizeof(code[0]));
}
