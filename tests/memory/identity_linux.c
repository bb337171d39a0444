/* SPDX-License-Identifier: MIT
 *
 * What real processes are found to be: their files, whatever those are called
 * and whatever became of them, their marks, and what others may not see.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/protect.h>

#include "check.h"
#include "stand_linux.h"

#define NOBODY 65533

static weft_memory *memory;
static char folder[64]; /* for copies of this program */

static weft_memory_identity look(pid_t pid)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    CHECK_STATUS(weft_memory_identify(memory, pid, &identity, NULL), WEFT_OK);
    return identity;
}

static bool has(const weft_memory_identity *identity, weft_mark mark)
{
    return (identity->marks & WEFT_MARK_BIT(mark)) != 0;
}

static bool knows(const weft_memory_identity *identity, weft_mark mark)
{
    return (identity->marks_known & WEFT_MARK_BIT(mark)) != 0;
}

static bool is_absent(const weft_memory_identity *identity, weft_mark mark)
{
    return knows(identity, mark) && !has(identity, mark);
}

/* What one that does this is found to be. */
static weft_memory_identity look_at(const struct stand_plan *plan)
{
    struct stand stand = stand_start(plan);
    weft_memory_identity identity = {.size = 0};

    if (stand.pid != 0) {
        identity = look(stand.pid);
        stand_stop(&stand);
    }
    return identity;
}

/* --------------------------------------------------------------- simple --- */

static void test_self(void)
{
    weft_memory_identity identity = look(getpid());
    char exe[PATH_MAX] = "";

    check_case("this process, and those that it descends from");
    REQUIRE(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    CHECK(has(&identity, WEFT_MARK_SELF));
    CHECK(is_absent(&identity, WEFT_MARK_ANCESTOR));
    CHECK(identity.pid == getpid() && identity.parent == getppid());
    CHECK(identity.session == getsid(0) && identity.owner == geteuid());
    CHECK((identity.valid & WEFT_IDENTITY_EXE) != 0);
    CHECK(strcmp(identity.exe, exe) == 0);
    CHECK((identity.valid & WEFT_IDENTITY_VIEW) != 0);
    CHECK(!identity.is_exe_gone && !identity.is_exe_foreign);
    CHECK(!identity.ignores_case);
    identity = look(getppid());
    CHECK(is_absent(&identity, WEFT_MARK_SELF));
    CHECK(has(&identity, WEFT_MARK_ANCESTOR));

    check_case("the first process");
    identity = look(1);
    CHECK(has(&identity, WEFT_MARK_FIRST));
    CHECK(weft_memory_protection(&identity, NULL, true, NULL));
}

static void test_plain(void)
{
    weft_memory_identity identity = look_at(&(struct stand_plan){.exe = NULL});

    check_case("a process that nothing is special about");
    for (unsigned i = 0; i < WEFT_MARK_COUNT; i++) {
        /* The group is the machine's. */
        if (i != WEFT_MARK_GUARDED && i != WEFT_MARK_SHELTERED) {
            CHECK(is_absent(&identity, (weft_mark)i));
        }
    }
    CHECK(identity.owner == geteuid());
}

static void test_arguments(void)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    pid_t child;
    int how;

    check_case("wrong use is refused, and who is not there is not found");
    CHECK_STATUS(weft_memory_identify(NULL, 1, &identity, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_identify(memory, 1, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_identify(memory, 0, &identity, NULL), WEFT_ENOENT);
    CHECK_STATUS(weft_memory_identify(memory, -1, &identity, NULL),
                 WEFT_ENOENT);
    CHECK_STATUS(weft_memory_identify(memory, INT64_MAX, &identity, NULL),
                 WEFT_ENOENT);
    identity.size--;
    CHECK_STATUS(weft_memory_identify(memory, 1, &identity, NULL), WEFT_EINVAL);
    identity.size++;

    check_case("who has ended and was not asked about is not found");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    REQUIRE(waitid(P_PID, (id_t)child, &(siginfo_t){.si_pid = 0},
                   WEXITED | WNOWAIT) == 0);
    CHECK_STATUS(weft_memory_identify(memory, child, &identity, NULL),
                 WEFT_ENOENT);
    CHECK(waitpid(child, &how, 0) == child);

    check_case("a forked child is refused");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        CHECK_STATUS(weft_memory_identify(memory, 1, &identity, NULL),
                     WEFT_EFORKED);
        weft_memory_close(&memory);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

/* ---------------------------------------------------------------- files --- */

static void test_names(void)
{
    static const char *const names[] = {"Xorg", "sshd", "com.docker.backend"};
    char path[PATH_MAX];
    weft_memory_identity identity;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        check_case("a file that is only called like the system's is not it");
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        stand_copy(path);
        identity = look_at(&(struct stand_plan){.exe = path});
        CHECK(strcmp(identity.exe, path) == 0);
        CHECK(is_absent(&identity, WEFT_MARK_SESSION));
        REQUIRE(unlink(path) == 0);
    }
    check_case("who calls himself something else is still who he is");
    identity =
        look_at(&(struct stand_plan){.act = "rename", .word = "sshd) R 1 ("});
    CHECK(strcmp(identity.name, "sshd) R 1 (") == 0);
    CHECK(is_absent(&identity, WEFT_MARK_SESSION));
    CHECK(identity.session != 1 && identity.parent != getpid());

    check_case("a name that looks like other lines is no other lines");
    identity = look_at(
        &(struct stand_plan){.act = "rename", .word = "\nUid:\t7\t7\t7"});
    CHECK(identity.owner == geteuid());
    CHECK(strcmp(identity.name, "\nUid:\t7\t7\t7") == 0);
}

static void test_gone(void)
{
    char path[PATH_MAX];
    char noted[PATH_MAX + 16];
    weft_memory_identity identity;

    check_case("a file that was removed is known by what it was called");
    (void)snprintf(path, sizeof(path), "%s/gone", folder);
    stand_copy(path);
    identity = look_at(
        &(struct stand_plan){.exe = path, .act = "remove", .word = path});
    CHECK(strcmp(identity.exe, path) == 0);
    CHECK(identity.is_exe_gone && !identity.is_exe_foreign);

    check_case("a file whose name ends like the kernel's note is there");
    (void)snprintf(noted, sizeof(noted), "%s (deleted)", path);
    stand_copy(noted);
    identity = look_at(&(struct stand_plan){.exe = noted});
    CHECK(strcmp(identity.exe, noted) == 0 && !identity.is_exe_gone);
    identity = look_at(
        &(struct stand_plan){.exe = noted, .act = "remove", .word = noted});
    CHECK(strcmp(identity.exe, noted) == 0 && identity.is_exe_gone);
}

static void test_replaced(void)
{
    char path[PATH_MAX];
    char other[PATH_MAX + 16];
    weft_memory_identity identity;
    struct stand stand;

    check_case("a file that was replaced is known by what it was called");
    (void)snprintf(path, sizeof(path), "%s/replaced", folder);
    (void)snprintf(other, sizeof(other), "%s.new", path);
    stand_copy(path);
    stand_copy(other);
    stand = stand_start(&(struct stand_plan){.exe = path});
    REQUIRE(stand.pid != 0 && rename(other, path) == 0);
    identity = look(stand.pid);
    CHECK(strcmp(identity.exe, path) == 0 && identity.is_exe_gone);
    stand_stop(&stand);
    REQUIRE(unlink(path) == 0);
}

static void test_odd_paths(void)
{
    char path[PATH_MAX];
    char *end;
    weft_memory_identity identity;
    weft_memory_rules *rules = NULL;
    static const char never[] = "never exe=*/a?b";

    check_case("a newline in a path is a byte like others");
    (void)snprintf(path, sizeof(path), "%s/a\nb", folder);
    stand_copy(path);
    identity = look_at(&(struct stand_plan){.exe = path});
    CHECK(strcmp(identity.exe, path) == 0 && !identity.is_exe_gone);
    REQUIRE(weft_memory_rules_open(never, sizeof(never) - 1, &rules, NULL,
                                   NULL) == WEFT_OK);
    CHECK(weft_memory_protection(&identity, rules, true, NULL));
    weft_memory_rules_close(&rules);
    REQUIRE(unlink(path) == 0);

    check_case("a path that has no room is not known, and protects");
    (void)snprintf(path, sizeof(path), "%s", folder);
    end = path + strlen(path);
    for (int i = 0; i < 6; i++) {
        *end++ = '/';
        memset(end, 'd', 200);
        end += 200;
        *end = '\0';
        REQUIRE(mkdir(path, 0700) == 0);
    }
    (void)snprintf(end, 8, "/exe");
    stand_copy(path);
    identity = look_at(&(struct stand_plan){.exe = path});
    CHECK((identity.valid & WEFT_IDENTITY_EXE) == 0);
    CHECK(identity.exe[0] == '\0');
    CHECK(weft_memory_protection(&identity, NULL, true, NULL));
    REQUIRE(unlink(path) == 0);
    for (int i = 0; i < 6; i++) {
        *strrchr(path, '/') = '\0';
        REQUIRE(rmdir(path) == 0);
    }
}

/* ---------------------------------------------------------------- marks --- */

/* Marked so, or it could not be done here. */
static void check_mark(const char *act, const char *word, weft_mark mark)
{
    weft_memory_identity identity =
        look_at(&(struct stand_plan){.act = act, .word = word});

    if (identity.size == 0) {
        printf("# '%s' can't be done here\n", act);
        return;
    }
    CHECK(has(&identity, mark));
    CHECK(weft_memory_protection(&identity, NULL, true, NULL));
}

static void test_marks(void)
{
    weft_memory_identity identity;

    check_case("locked memory, and a thread in real time");
    check_mark("lock", "", WEFT_MARK_LOCKED);
    check_mark("realtime", "", WEFT_MARK_REALTIME);

    check_case("a hundred threads are none in real time");
    identity = look_at(&(struct stand_plan){.act = "threads", .word = "100"});
    CHECK(is_absent(&identity, WEFT_MARK_REALTIME));

    check_case("a thread of the kernel's own");
    identity = (weft_memory_identity){.size = sizeof(identity)};
    if (weft_memory_identify(memory, 2, &identity, NULL) == WEFT_OK &&
        strcmp(identity.name, "kthreadd") == 0) {
        CHECK(has(&identity, WEFT_MARK_KERNEL));
        CHECK(weft_memory_protection(&identity, NULL, true, NULL));
    }
}

static void test_traced(void)
{
    struct stand stand = stand_start(&(struct stand_plan){.exe = NULL});
    weft_memory_identity identity;

    check_case("a process that a debugger has");
    REQUIRE(stand.pid != 0);
    if (ptrace(PTRACE_SEIZE, stand.pid, NULL, NULL) == 0) {
        identity = look(stand.pid);
        CHECK(has(&identity, WEFT_MARK_TRACED));
        CHECK(ptrace(PTRACE_INTERRUPT, stand.pid, NULL, NULL) == 0);
        CHECK(waitpid(stand.pid, NULL, __WALL) == stand.pid);
        CHECK(ptrace(PTRACE_DETACH, stand.pid, NULL, NULL) == 0);
    }
    identity = look(stand.pid);
    CHECK(is_absent(&identity, WEFT_MARK_TRACED));
    stand_stop(&stand);
}

static void test_display(void)
{
    static const struct {
        char *variables[3];
        bool is_windowed;
    } rows[] = {
        {{"DISPLAY=:0", NULL}, true},
        {{"A=b", "WAYLAND_DISPLAY=wayland-0", NULL}, true},
        {{"DISPLAY=", "A=b", NULL}, false},
        {{"XDISPLAY=:0", "A=DISPLAY=:0", NULL}, false},
        {{"", "DISPLAY", NULL}, false},
    };

    check_case("who was told of a display may be in front there");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weft_memory_identity identity =
            look_at(&(struct stand_plan){.environment = rows[i].variables});

        CHECK(knows(&identity, WEFT_MARK_WINDOWED));
        CHECK(has(&identity, WEFT_MARK_WINDOWED) == rows[i].is_windowed);
        CHECK(is_absent(&identity, WEFT_MARK_FOREGROUND));
    }
}

/* ---------------------------------------------------------------- users --- */

static void test_users(void)
{
    struct stand ours = stand_start(&(struct stand_plan){.exe = NULL});
    weft_memory_identity identity;
    pid_t child;
    int how;

    REQUIRE(ours.pid != 0);
    if (geteuid() != 0) {
        stand_stop(&ours);
        return;
    }
    check_case("another user's process is what it is");
    identity = look_at(&(struct stand_plan){.act = "user", .word = "65533"});
    CHECK(identity.owner == NOBODY);
    CHECK((identity.valid & WEFT_IDENTITY_EXE) != 0);

    check_case("who may not see which program it is may not touch it");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        weft_memory *own;

        REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        REQUIRE(weft_memory_open(&own, NULL) == WEFT_OK);
        weft_memory_close(&memory);
        memory = own;
        identity = look(ours.pid);
        CHECK(identity.owner == 0 && identity.exe[0] == '\0');
        CHECK((identity.valid & WEFT_IDENTITY_EXE) == 0);
        CHECK(!knows(&identity, WEFT_MARK_AUDIO));
        CHECK(!knows(&identity, WEFT_MARK_MACHINE));
        CHECK(!knows(&identity, WEFT_MARK_SESSION));
        CHECK(weft_memory_protection(&identity, NULL, true, NULL));
        weft_memory_close(&memory);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    stand_stop(&ours);
}

/* ---------------------------------------------------------------- views --- */

/*
 * In a view of the file system of its own: a folder of the system's that holds
 * a copy of this program, and devices that are none.
 */
static bool enter_view(void)
{
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("weft", "/usr/local/lib", "tmpfs", 0, NULL) != 0) {
        return false;
    }
    stand_copy("/usr/local/lib/sshd");
    stand_copy("/usr/local/lib/qemu-system-x86_64");
    stand_copy("/usr/local/lib/pipewire");
    stand_copy("/usr/local/lib/sshd.old");
    if (mount("weft", "/dev", "tmpfs", 0, NULL) != 0) {
        return false;
    }
    REQUIRE(mkdir("/dev/snd", 0755) == 0);
    REQUIRE(mknod("/dev/snd/pcmC0D0p", S_IFREG | 0600, 0) == 0);
    REQUIRE(mknod("/dev/kvm", S_IFREG | 0600, 0) == 0);
    REQUIRE(mknod("/dev/kvmx", S_IFREG | 0600, 0) == 0);
    return true;
}

static void check_view(const struct stand_plan *plan, int tell, int wait)
{
    struct stand stand = stand_start(plan);
    char byte;

    REQUIRE(write(tell, &stand.pid, sizeof(stand.pid)) == sizeof(stand.pid));
    REQUIRE(read(wait, &byte, 1) == 1);
    stand_stop(&stand);
}

static const struct {
    struct stand_plan plan;
    weft_mark mark;
    bool is_set;
} views[] = {
    {{.exe = "/usr/local/lib/sshd"}, WEFT_MARK_SESSION, true},
    {{.exe = "/usr/local/lib/sshd.old"}, WEFT_MARK_SESSION, false},
    {{.exe = "/usr/local/lib/pipewire"}, WEFT_MARK_AUDIO, true},
    {{.exe = "/usr/local/lib/qemu-system-x86_64"}, WEFT_MARK_MACHINE, true},
    {{.act = "open", .word = "/dev/snd/pcmC0D0p"}, WEFT_MARK_AUDIO, true},
    {{.act = "open", .word = "/dev/kvm"}, WEFT_MARK_MACHINE, true},
    {{.act = "open", .word = "/dev/kvmx"}, WEFT_MARK_MACHINE, false},
};

#define VIEWS (sizeof(views) / sizeof(views[0]))

/* Each is made in the other view, and looked at from this one. */
static void test_views(void)
{
    int tell[2] = {-1, -1};
    int wait[2] = {-1, -1};
    pid_t child;
    int how;

    REQUIRE(pipe2(tell, O_CLOEXEC) == 0 && pipe2(wait, O_CLOEXEC) == 0);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        bool is_in = enter_view();

        (void)close(tell[0]);
        (void)close(wait[1]);
        for (size_t i = 0; is_in && i < VIEWS; i++) {
            check_view(&views[i].plan, tell[1], wait[0]);
        }
        weft_memory_close(&memory);
        check_exit_child();
    }
    (void)close(tell[1]);
    (void)close(wait[0]);
    for (size_t i = 0; i < VIEWS; i++) {
        weft_memory_identity identity;
        pid_t pid;

        if (read(tell[0], &pid, sizeof(pid)) != sizeof(pid)) {
            printf("# no view of its own can be had here\n");
            break;
        }
        check_case("in another view of the files, and with devices");
        identity = look(pid);
        CHECK(knows(&identity, views[i].mark));
        CHECK(has(&identity, views[i].mark) == views[i].is_set);
        if (views[i].plan.exe != NULL) {
            CHECK(strcmp(identity.exe, views[i].plan.exe) == 0);
            CHECK(identity.is_exe_foreign && !identity.is_exe_gone);
        }
        REQUIRE(write(wait[1], "", 1) == 1);
    }
    (void)close(tell[0]);
    (void)close(wait[1]);
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

void test_main(void)
{
    stand_begin();
    (void)snprintf(folder, sizeof(folder), "/tmp/weft-stand-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
    REQUIRE(chmod(folder, 0755) == 0);
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_arguments();
    test_self();
    test_plain();
    test_names();
    test_gone();
    test_replaced();
    test_odd_paths();
    test_marks();
    test_traced();
    test_display();
    test_users();
    test_views();
    weft_memory_close(&memory);
    CHECK(rmdir(folder) == 0);
}
