/* SPDX-License-Identifier: MIT
 *
 * Why a tree has ended, and what that rests on: one table, run as this user
 * with control groups, without, and as a user without rights.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "os/linux/run_group.h"
#include "peer.h"
#include "process/tree_linux.h"

#define NOBODY 65533
#define MIB ((uint64_t)1024 * 1024)

/* ------------------------------------------------------------- programs --- */

static void be_polite(int number)
{
    (void)number;
    _exit(9);
}

/* Until the stack has no more room; volatile, so that each call has some. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static int overflow(volatile const char *above)
{
    volatile char room[4096];

    room[0] = *above;
    return above == NULL ? 0 : overflow(room) + room[0];
}

static void write_much(const char *path)
{
    static char data[65536];
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    for (int i = 0; i < 4; i++) {
        if (write(file, data, sizeof(data)) < 0) {
            _exit(errno);
        }
    }
    _exit(0);
}

static void open_many(const char *path)
{
    (void)path;
    for (int i = 0; i < 1000; i++) {
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) {
            _exit(errno);
        }
    }
}

static void kill_self(const char *path)
{
    (void)path;
    (void)kill(getpid(), SIGKILL);
}

static void do_abort(const char *path)
{
    (void)path;
    abort();
}

static void abort_without(const char *path)
{
    (void)path;
    if (mmap(NULL, 100 * MIB, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
        abort();
    }
}

static void do_overflow(const char *path)
{
    volatile char floor = path != NULL;

    _exit(overflow(&floor));
}

static void write_on(const char *path)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    write_much(path);
}

static void wait_politely(const char *path)
{
    (void)path;
    (void)signal(SIGTERM, be_polite);
    (void)!write(STDOUT_FILENO, ".", 1);
    (void)pause();
}

static void burn_politely(const char *path)
{
    (void)path;
    (void)signal(SIGTERM, be_polite);
    for (volatile int i = 0;; i++) {
    }
}

static void write_forever(const char *path)
{
    static const char data[1024];

    (void)path;
    for (;;) {
        (void)!write(STDOUT_FILENO, data, sizeof(data));
    }
}

static void write_politely(const char *path)
{
    (void)signal(SIGTERM, be_polite);
    write_forever(path);
}

static void be_deaf(const char *path)
{
    (void)path;
    (void)signal(SIGTERM, SIG_IGN);
    (void)pause();
}

static const struct {
    const char *name;
    void (*run)(const char *path);
} actions[] = {
    {"abort", do_abort},
    {"abort-without", abort_without},
    {"deaf", be_deaf},
    {"kill-self", kill_self},
    {"open", open_many},
    {"overflow", do_overflow},
    {"polite", wait_politely},
    {"polite-burn", burn_politely},
    {"polite-write", write_politely},
    {"write", write_much},
    {"write-forever", write_forever},
    {"write-on", write_on},
};

/* Returns if it is one of tree_act's. */
static void act(void)
{
    const char *name = check_arguments[1];

    for (size_t i = 0; name != NULL && i < sizeof(actions) / sizeof(actions[0]);
         i++) {
        if (strcmp(name, actions[i].name) == 0) {
            (void)alarm(60);
            actions[i].run(check_arguments[2]);
            _exit(0);
        }
    }
    tree_act();
}

/* ---------------------------------------------------------------- table --- */

enum mode { GROUPS = 1, BARE = 2, POOR = 4, ALL = 7 };

static const char *const mode_names[] = {[GROUPS] = "with groups",
                                         [BARE] = "without groups",
                                         [POOR] = "as user 65533"};

#define NO_FENCE ((weft_fence)WEFT_FENCE_COUNT)

struct row {
    const char *action;
    const char *first;
    const char *second;
    weft_fence fence; /* that has these values */
    uint64_t soft;
    uint64_t hard;
    uint64_t grace_ns;
    unsigned modes;
    weft_reason reason;
    int code;           /* -1: it did not exit */
    int signal_number;  /* 0: none */
    weft_fence reached; /* the limit */
    const char *evidence;
};

#define MS PEER_MS
#define NEVER (100 * PEER_S)

static const struct row rows[] = {
    {"burn", "1", "1", NO_FENCE, 0, 0, 0, ALL, WEFT_REASON_EXITED, 0, 0,
     NO_FENCE, "leader: exit code 0"},
    {"kill-self", NULL, NULL, NO_FENCE, 0, 0, 0, ALL, WEFT_REASON_SIGNALLED, -1,
     SIGKILL, NO_FENCE, "leader: signal 9 (Killed), which weft has not sent"},
    {"abort", NULL, NULL, NO_FENCE, 0, 0, 0, ALL, WEFT_REASON_SIGNALLED, -1,
     SIGABRT, NO_FENCE, "leader: signal 6"},
    /* Where it was is not to be known. */
    {"overflow", NULL, NULL, WEFT_FENCE_STACK, 0, MIB, 0, ALL,
     WEFT_REASON_SIGNALLED, -1, SIGSEGV, NO_FENCE, "leader: signal 11"},
    {"hide", "5", NULL, NO_FENCE, 0, 0, 0, ALL, WEFT_REASON_EXITED, 0, 0,
     NO_FENCE, "left behind by the leader: 5 processes, SIGKILL sent"},

    {"write", "", NULL, WEFT_FENCE_FILE_SIZE, 0, 100000, 0, ALL,
     WEFT_REASON_FILE_SIZE, -1, SIGXFSZ, WEFT_FENCE_FILE_SIZE,
     "leader: signal 25"},
    {"write-on", "", NULL, WEFT_FENCE_FILE_SIZE, 0, 100000, 0, ALL,
     WEFT_REASON_EXITED, EFBIG, 0, NO_FENCE, "leader: exit code 27"},
    {"open", NULL, NULL, WEFT_FENCE_FILES, 0, 20, 0, ALL, WEFT_REASON_EXITED,
     EMFILE, 0, NO_FENCE, "leader: exit code 24"},

    {"forks", "10", NULL, WEFT_FENCE_PROCESSES, 0, 5, 0, GROUPS,
     WEFT_REASON_EXITED, 6, 0, WEFT_FENCE_PROCESSES, "pids.events: max 0 -> 6"},
    {"grow", NULL, NULL, WEFT_FENCE_PROCESSES, 0, 20, 0, BARE | POOR,
     WEFT_REASON_PROCESSES, -1, SIGKILL, WEFT_FENCE_PROCESSES,
     "processes: limit reached, SIGKILL sent"},

    {"eat", "100", "1", WEFT_FENCE_MEMORY, 0, 48 * MIB, 0, GROUPS,
     WEFT_REASON_MEMORY, -1, SIGKILL, WEFT_FENCE_MEMORY, "oom_kill 0 -> "},
    {"eat", "20", "4", WEFT_FENCE_MEMORY, 0, 48 * MIB, 0, GROUPS,
     WEFT_REASON_MEMORY, -1, SIGKILL, WEFT_FENCE_MEMORY, "memory peak: "},
    {"eat", "100", "1", WEFT_FENCE_MEMORY, 0, 48 * MIB, 0, BARE | POOR,
     WEFT_REASON_EXITED, 7, 0, NO_FENCE, "leader: exit code 7"},
    {"abort-without", NULL, NULL, WEFT_FENCE_MEMORY, 0, 48 * MIB, 0,
     BARE | POOR, WEFT_REASON_SIGNALLED, -1, SIGABRT, NO_FENCE,
     "leader: signal 6"},
    {"eat", "30", "4", WEFT_FENCE_MEMORY, 0, 48 * MIB, 0, BARE | POOR,
     WEFT_REASON_MEMORY, -1, SIGKILL, WEFT_FENCE_MEMORY, "sum by /proc: "},

    {"burn", "9999", "2", WEFT_FENCE_CPU, 0, 60 * MS, 0, ALL, WEFT_REASON_CPU,
     -1, SIGKILL, WEFT_FENCE_CPU, "cpu: limit reached, SIGKILL sent"},
    {"burn", "9999", "1", WEFT_FENCE_CPU, 40 * MS, NEVER, 0, ALL,
     WEFT_REASON_SIGNALLED, -1, SIGTERM, WEFT_FENCE_CPU,
     "cpu: soft limit reached, SIGTERM sent"},
    {"polite-burn", NULL, NULL, WEFT_FENCE_CPU, 0, 60 * MS, 5 * PEER_S, ALL,
     WEFT_REASON_CPU, 9, 0, WEFT_FENCE_CPU, "cpu: limit reached, SIGTERM sent"},

    {"polite", NULL, NULL, WEFT_FENCE_WALL, 0, 100 * MS, 0, ALL,
     WEFT_REASON_WALL, -1, SIGKILL, WEFT_FENCE_WALL,
     "wall: limit reached, SIGKILL sent"},
    {"polite", NULL, NULL, WEFT_FENCE_WALL, 200 * MS, NEVER, 0, ALL,
     WEFT_REASON_EXITED, 9, 0, WEFT_FENCE_WALL,
     "wall: soft limit reached, SIGTERM sent"},
    {"polite", NULL, NULL, WEFT_FENCE_WALL, 0, 200 * MS, 5 * PEER_S, ALL,
     WEFT_REASON_WALL, 9, 0, WEFT_FENCE_WALL,
     "wall: limit reached, SIGTERM sent"},
    {"deaf", NULL, NULL, WEFT_FENCE_WALL, 0, 200 * MS, 50 * MS, ALL,
     WEFT_REASON_WALL, -1, SIGKILL, WEFT_FENCE_WALL,
     "grace time over, SIGKILL sent"},

    {"polite", NULL, NULL, WEFT_FENCE_IDLE, 0, 100 * MS, 0, ALL,
     WEFT_REASON_IDLE, -1, SIGKILL, WEFT_FENCE_IDLE,
     "idle: limit reached, SIGKILL sent"},
    {"polite", NULL, NULL, WEFT_FENCE_IDLE, 200 * MS, NEVER, 0, ALL,
     WEFT_REASON_EXITED, 9, 0, WEFT_FENCE_IDLE,
     "idle: soft limit reached, SIGTERM sent"},
    {"write-forever", NULL, NULL, WEFT_FENCE_OUTPUT, 0, 5000, 0, ALL,
     WEFT_REASON_OUTPUT, -1, SIGKILL, WEFT_FENCE_OUTPUT,
     "output: limit reached, SIGKILL sent"},
    {"polite-write", NULL, NULL, WEFT_FENCE_OUTPUT, 5000, 100 * MIB, 0, ALL,
     WEFT_REASON_EXITED, 9, 0, WEFT_FENCE_OUTPUT,
     "output: soft limit reached, SIGTERM sent"},
};

/* ----------------------------------------------------------------- runs --- */

static char file_path[64];

static weft_process_spec *spec_of(const struct row *row)
{
    weft_process_spec *spec = tree_spec();

    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_grace(spec, row->grace_ns), WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_CORE, 0, 0, WEFT_REQUIRE),
        WEFT_OK);
    if (row->fence != NO_FENCE) {
        CHECK_STATUS(weft_process_spec_limit(spec, row->fence, row->soft,
                                             row->hard, WEFT_REQUIRE),
                     WEFT_OK);
    }
    return spec;
}

static void run_row(const struct row *row, enum mode mode)
{
    weft_process_spec *spec = spec_of(row);
    uint32_t reached = row->reached != NO_FENCE ? 1u << row->reached : 0;
    bool writes = row->first != NULL && row->first[0] == '\0';
    struct tree_run run;
    bool holds;

    tree_run(spec, &run, row->action, writes ? file_path : row->first,
             row->second);
    weft_process_spec_close(&spec);
    holds = CHECK(run.result.reason == row->reason);
    holds = CHECK(run.result.exit_code == row->code) && holds;
    holds = CHECK(run.result.signal_number == row->signal_number) && holds;
    holds = CHECK(run.result.exceeded == reached) && holds;
    holds = CHECK(strstr(run.evidence, row->evidence) != NULL) && holds;
    /* With memory the kernel may have killed the leader before. */
    holds = CHECK(row->reason == WEFT_REASON_MEMORY ||
                  run.result.was_killed ==
                      (strstr(run.evidence, "SIGKILL sent") != NULL &&
                       strstr(run.evidence, "left behind") == NULL)) &&
            holds;
    if (!holds) {
        printf("# %s %s: expected '%s', evidence:\n%s", mode_names[mode],
               row->action, row->evidence, run.evidence);
    }
    (void)unlink(file_path);
}

/* Whom the leader's death surprises, weft included. */
static void check_outsider(void)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process_spec *spec = tree_spec();
    weft_process *process = tree_start(spec, "deaf", NULL);

    CHECK(kill((pid_t)weft_process_pid(process), SIGKILL) == 0);
    CHECK_STATUS(weft_process_wait(process, WEFT_FOREVER, &result), WEFT_OK);
    CHECK(result.reason == WEFT_REASON_SIGNALLED && !result.was_killed);
    CHECK(strstr(result.evidence, "which weft has not sent") != NULL);
    weft_process_close(&process);

    process = tree_start(spec, "deaf", NULL);
    CHECK_STATUS(weft_process_signal(process, SIGKILL, false), WEFT_OK);
    CHECK_STATUS(weft_process_wait(process, WEFT_FOREVER, &result), WEFT_OK);
    CHECK(result.reason == WEFT_REASON_SIGNALLED && result.was_killed);
    CHECK(strstr(result.evidence, "the host asked for SIGKILL") != NULL);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

/* Output that nobody reads: it ends all the same, and says what is missing. */
static void check_drain(void)
{
    weft_process_spec *spec = tree_spec();
    struct tree_run run;
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, ends[1]),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_OUTPUT, 0, 100 * MIB,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_WALL, 0, 100 * MS,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, &run, "write-forever", NULL, NULL);
    CHECK(run.result.reason == WEFT_REASON_WALL);
    CHECK(strstr(run.evidence, "output: nobody has read the rest") != NULL);
    weft_process_spec_close(&spec);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* ------------------------------------------------------------- processes ---
 *
 * Without groups the kernel holds the limit in a user namespace of the tree's,
 * but for root.
 */

static void check_forks(const char *action, bool is_held)
{
    weft_process_spec *spec = tree_spec();
    struct tree_run run;

    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 5, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_PIDS, WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, &run, action, "10", NULL);
    weft_process_spec_close(&spec);
    CHECK((run.rows[WEFT_FENCE_PROCESSES].level == WEFT_LEVEL_TREE) == is_held);
    CHECK((strstr(run.rows[WEFT_FENCE_PROCESSES].mechanism, "RLIMIT_NPROC") !=
           NULL) == is_held);
    /* One that has just ended may still count. */
    CHECK(!is_held || (run.result.exit_code >= 6 && run.result.exit_code < 10));
}

/* ------------------------------------------------------------ no program ---
 */

struct wrong {
    const char *text; /* of the file; NULL: see `name` */
    size_t bytes;
    mode_t mode;
    const char *name; /* of the program; NULL: the file */
    weft_status status;
    int os_code;
    const char *refusal;
};

#define TEXT(text) (text), sizeof(text) - 1

static const struct wrong wrongs[] = {
    {NULL, 0, 0, "/no/such", WEFT_ENOENT, ENOENT, "execute it"},
    {NULL, 0, 0, "weft-no-such", WEFT_ENOENT, ENOENT, "execute it"},
    {NULL, 0, 0, "/etc", WEFT_EACCES, EACCES, "execute it"},
    {NULL, 0, 0, "/etc/passwd", WEFT_EACCES, EACCES, "execute it"},
    {TEXT("#! /no/such -x\n"), 0700, NULL, WEFT_ENOENT, ENOENT,
     "find its interpreter '/no/such'"},
    {TEXT("#!/etc\n"), 0700, NULL, WEFT_EACCES, EACCES, "execute it"},
    {TEXT("\177ELF\2\1\1\0\0\0\0\0"), 0700, NULL, WEFT_EACCES, ENOEXEC,
     "execute it"},
    {TEXT("exit 0\n"), 0600, NULL, WEFT_EACCES, EACCES, "execute it"},
};

static void start_wrong(const char *path, char *argument, weft_status status,
                        int os_code, const char *refusal)
{
    char *arguments[] = {(char *)(uintptr_t)path, argument, NULL};
    weft_process_spec *spec = tree_spec();
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};

    CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                 status);
    if (!CHECK(process == NULL && detail.os_code == os_code &&
               strcmp(detail.operation, "execute the program") == 0 &&
               strstr(weft_process_spec_refusal(spec), refusal) != NULL)) {
        printf("# '%s': %s: %s (%s)\n", path, detail.operation,
               weft_process_spec_refusal(spec), strerror(detail.os_code));
    }
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

/* The only file that is written here is closed when it is executed. */
static int write_file(const struct wrong *wrong)
{
    int file =
        open(file_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, wrong->mode);

    REQUIRE(file >= 0 &&
            write(file, wrong->text, wrong->bytes) == (ssize_t)wrong->bytes);
    return file;
}

static void check_wrong(void)
{
    static char longest[200000];
    static const struct wrong text = {TEXT("exit $1\n"), 0700, NULL, 0, 0, ""};
    char seven[] = "7";
    char *arguments[] = {file_path, seven, NULL};
    weft_process_result result = {.size = sizeof(result)};
    weft_process_spec *spec = tree_spec();
    weft_process *process = NULL;
    int file;

    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        const struct wrong *wrong = &wrongs[i];

        if (wrong->text != NULL) {
            (void)close(write_file(wrong));
        }
        start_wrong(wrong->text != NULL ? file_path : wrong->name, NULL,
                    wrong->status, wrong->os_code, wrong->refusal);
        (void)unlink(file_path);
    }
    memset(longest, 'x', sizeof(longest) - 1);
    start_wrong("/bin/true", longest, WEFT_ELIMIT, E2BIG, "execute it");
    file = write_file(&text);
    start_wrong(file_path, NULL, WEFT_EACCES, ETXTBSY, "execute it");
    (void)close(file);

    check_case("a text is the shell's, with its arguments");
    REQUIRE(weft_process_start(spec, arguments, &process, NULL) == WEFT_OK);
    CHECK_STATUS(weft_process_wait(process, WEFT_FOREVER, &result), WEFT_OK);
    CHECK(result.exit_code == 7);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
    (void)unlink(file_path);
}

/* ------------------------------------------------------ a group around --- */

static int make_around(const struct run_group *parent, const char *name)
{
    static const char limit[] = "41943040";
    int group = -1;
    int file;

    if (parent->parent >= 0 && mkdirat(parent->parent, name, 0755) == 0) {
        group =
            openat(parent->parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    file = group >= 0
               ? openat(group, "memory.limit_in_bytes", O_WRONLY | O_CLOEXEC)
               : -1;
    if (file >= 0) {
        CHECK(write(file, limit, sizeof(limit) - 1) > 0);
        (void)close(file);
    }
    return group;
}

static void run_around(int group)
{
    struct tree_run run;
    weft_process_spec *spec = tree_spec();
    int entry = openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC);

    REQUIRE(entry >= 0 && write(entry, "0", 1) == 1);
    (void)close(entry);
    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 400 * MIB,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    tree_run(spec, &run, "eat", "100", "1");
    CHECK(run.result.reason == WEFT_REASON_HOST);
    CHECK(run.result.signal_number == SIGKILL && !run.result.was_killed);
    CHECK(run.result.exceeded == 0);
    CHECK(strstr(run.evidence, "oom_kill 0 -> 1") != NULL);
    CHECK(strstr(run.evidence, "which weft has not sent") != NULL);
    weft_process_spec_close(&spec);
}

/* What the memory of a group around ends is not said to be our limit's. */
static void check_around(void)
{
    struct run_group groups[RUN_TIERS];
    char name[32];
    pid_t child;
    int group;
    int status = 0;

    weftos_run_groups_find(groups);
    (void)snprintf(name, sizeof(name), "reasons-%d", getpid());
    group = make_around(&groups[RUN_MEMORY], name);
    if (group >= 0) {
        check_case("a limit around ours is the system's");
        /* The helper, too, is waited for: it is in the group. */
        CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
        child = fork();
        if (child == 0) {
            run_around(group);
            check_exit_child();
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        while (wait(NULL) > 0) {
        }
        (void)close(group);
        CHECK(unlinkat(groups[RUN_MEMORY].parent, name, AT_REMOVEDIR) == 0);
    }
    for (int i = 0; i < RUN_TIERS; i++) {
        if (groups[i].parent >= 0) {
            (void)close(groups[i].parent);
        }
    }
}

/* ---------------------------------------------------------------- modes --- */

/* Groups for memory and processes, as the rows with them need. */
static bool has_groups(void)
{
    weft_process_spec *spec = tree_spec();
    weft_enforcement found[WEFT_FENCE_COUNT];

    REQUIRE(weft_process_spec_probe(spec, found, WEFT_FENCE_COUNT, NULL) ==
            WEFT_OK);
    weft_process_spec_close(&spec);
    return found[WEFT_FENCE_MEMORY].level == WEFT_LEVEL_TREE &&
           found[WEFT_FENCE_PROCESSES].level == WEFT_LEVEL_TREE;
}

static bool has_namespaces(void)
{
    weft_process_spec *spec = tree_spec();
    weft_enforcement found[WEFT_FENCE_COUNT];

    REQUIRE(weft_process_spec_probe(spec, found, WEFT_FENCE_COUNT, NULL) ==
            WEFT_OK);
    weft_process_spec_close(&spec);
    return found[WEFT_FENCE_PIDS].level == WEFT_LEVEL_TREE;
}

static bool is_reached(void)
{
    char self[4096];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *helper = getenv("WEFT_HELPER");

    self[bytes > 0 ? bytes : 0] = '\0';
    return access(self, X_OK) == 0 &&
           (helper == NULL || access(helper, X_OK) == 0);
}

static void run_mode(enum mode mode)
{
    if (mode == POOR &&
        (setgid(NOBODY) != 0 || setuid(NOBODY) != 0 || !is_reached())) {
        printf("# user 65533 can't be had, or can't reach this: left out\n");
        check_exit_child();
    }
    if (mode != GROUPS) {
        peer_set_variable("WEFT_CGROUP_ROOT", "");
    }
    (void)snprintf(file_path, sizeof(file_path), "/tmp/weft-reasons-%d",
                   getpid());
    if (mode == GROUPS && !has_groups()) {
        printf("# no groups here: left out\n");
        check_exit_child();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((rows[i].modes & (unsigned)mode) != 0) {
            run_row(&rows[i], mode);
        }
    }
    if (mode != GROUPS && has_namespaces()) {
        check_case("a user namespace holds a limit of processes, but for root");
        check_forks("forks", geteuid() != 0);
        check_forks("nested-forks", geteuid() != 0);
    }
    check_case("who is killed by another is not said to be killed by weft");
    check_outsider();
    check_case("what can't be executed is refused, and says why");
    check_wrong();
    if (mode == BARE) {
        check_case("output that nobody reads is said to be missing");
        check_drain();
    }
    check_exit_child();
}

void test_main(void)
{
    static const enum mode modes[] = {GROUPS, BARE, POOR};
    pid_t children[3];
    int status = -1;

    act();
    check_case("the reason of each end, and its evidence");
    for (size_t i = 0; i < 3; i++) {
        children[i] = modes[i] == POOR && geteuid() != 0 ? 0 : fork();
        if (children[i] == 0 && (modes[i] != POOR || geteuid() == 0)) {
            run_mode(modes[i]);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK(children[i] == 0 ||
              (waitpid(children[i], &status, 0) == children[i] && status == 0));
    }
    check_around();
}
