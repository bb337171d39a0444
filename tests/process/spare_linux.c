/* SPDX-License-Identifier: MIT
 *
 * A supervisor waits for the next start, and a leader borrows its memory: what
 * neither may change.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "process/tree_linux.h"

#define CHILDREN_MAX 16
#define ENOUGH_NS UINT64_C(10000000000)

/* False: there is no such process any more, or it has ended. */
static bool look(int64_t pid, pid_t *parent)
{
    char path[64];
    char state = 'Z';
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    if (fscanf(file, "%*d (%*[^)]) %c %d", &state, parent) != 2) {
        state = 'Z';
    }
    (void)fclose(file);
    return state != 'Z';
}

static pid_t parent_of(int64_t pid)
{
    pid_t parent = 0;

    REQUIRE(look(pid, &parent));
    return parent;
}

/* The helper's children: the supervisors, and the spare. */
static size_t list_children(pid_t helper, pid_t *children)
{
    char path[64];
    size_t count = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", helper,
                   helper);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (count < CHILDREN_MAX && fscanf(file, "%d", &children[count]) == 1) {
        count++;
    }
    (void)fclose(file);
    return count;
}

/* The one that has no child itself, if there are so many that live; or 0. */
static pid_t find_spare(pid_t helper, size_t count)
{
    pid_t children[CHILDREN_MAX];
    pid_t others[CHILDREN_MAX];
    size_t childless = 0;
    pid_t parent;
    pid_t spare = 0;

    if (list_children(helper, children) != count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (!look(children[i], &parent)) {
            return 0;
        }
        if (list_children(children[i], others) == 0) {
            spare = children[i];
            childless++;
        }
    }
    return childless == 1 ? spare : 0;
}

static pid_t await_spare(pid_t helper, size_t count)
{
    uint64_t until = weft_after_ns(ENOUGH_NS);
    pid_t spare;

    while ((spare = find_spare(helper, count)) == 0) {
        REQUIRE(weft_now_ns() < until);
        (void)sched_yield();
    }
    return spare;
}

static int open_process(pid_t pid)
{
    int handle = (int)syscall(SYS_pidfd_open, pid, 0);

    REQUIRE(handle >= 0);
    return handle;
}

/* Waits for the end of the process, and closes the handle. */
static bool has_ended(int handle)
{
    struct pollfd found = {.fd = handle, .events = POLLIN};
    bool has = poll(&found, 1, 10000) == 1;

    (void)close(handle);
    return has;
}

/* Runs one, and waits until its supervisor has ended, too. */
static void run_one(weft_process_spec *spec)
{
    weft_process *process = tree_start(spec, "stay", "0");
    int supervisor = open_process(parent_of(weft_process_pid(process)));

    weft_process_close(&process);
    CHECK(has_ended(supervisor));
}

static void show_memory(pid_t pid)
{
    char path[64];
    char line[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Pss:", 4) == 0 ||
            strncmp(line, "Private_Dirty:", 14) == 0) {
            printf("# a spare: %s", line);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void check_takes(void)
{
    weft_process_spec *spec = tree_spec();
    weft_process *stays[3];
    pid_t helper;
    pid_t spare;
    pid_t next;
    int handles[2];

    stays[0] = tree_start(spec, "stay", "0");
    stays[1] = tree_start(spec, "stay", "0");
    helper = parent_of(parent_of(weft_process_pid(stays[0])));
    CHECK(parent_of(parent_of(weft_process_pid(stays[1]))) == helper);
    spare = await_spare(helper, 3);
    stays[2] = tree_start(spec, "stay", "0");
    CHECK(parent_of(weft_process_pid(stays[2])) == spare);
    next = await_spare(helper, 4);
    CHECK(next != spare);

    check_case("it is the only one that is left");
    for (int i = 0; i < 3; i++) {
        weft_process_close(&stays[i]);
    }
    CHECK(await_spare(helper, 1) == next);
    show_memory(next);

    check_case("it and the helper end with the spec");
    handles[0] = open_process(next);
    handles[1] = open_process(helper);
    weft_process_spec_close(&spec);
    CHECK(has_ended(handles[0]));
    CHECK(has_ended(handles[1]));
}

static void check_killed(void)
{
    weft_process_spec *spec = tree_spec();
    weft_process *stays = tree_start(spec, "stay", "0");
    pid_t helper = parent_of(parent_of(weft_process_pid(stays)));
    pid_t spare;
    int handle;

    run_one(spec);
    spare = await_spare(helper, 2);
    CHECK(kill(spare, SIGKILL) == 0);
    run_one(spec); /* the helper takes it, sooner or later */
    run_one(spec);
    spare = await_spare(helper, 2);

    check_case("it ends with the helper; a program goes on");
    handle = open_process(spare);
    CHECK(kill(helper, SIGKILL) == 0);
    CHECK(has_ended(handle));
    CHECK_STATUS(weft_process_signal(stays, SIGTERM, false), WEFT_OK);
    weft_process_close(&stays);
    weft_process_spec_close(&spec);
}

static void check_refusals(void)
{
    char *missing[] = {"/no/such/program", NULL};
    uint64_t cpus[16] = {[15] = UINT64_C(1) << 63};
    weft_process_spec *spec = tree_spec();
    weft_process *process = NULL;

    for (int i = 0; i < 4; i++) {
        CHECK_STATUS(weft_process_start(spec, missing, &process, NULL),
                     WEFT_ENOENT);
        CHECK(strstr(weft_process_spec_refusal(spec), "execute") != NULL);
        run_one(spec);
    }
    CHECK_STATUS(weft_process_spec_cpus(spec, cpus, 16), WEFT_OK);
    CHECK_STATUS(weft_process_start(spec, missing, &process, NULL), WEFT_EOS);
    CHECK(strstr(weft_process_spec_refusal(spec), "CPUs") != NULL);
    weft_process_spec_close(&spec);
}

/* What the helper remembers of control groups changes no limit. */
static void check_limits(void)
{
    weft_process_spec *spec = tree_spec();
    weft_level levels[3] = {WEFT_LEVEL_UNSUPPORTED};
    struct tree_run run;

    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 4, WEFT_TRY),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 64u << 20,
                                         WEFT_TRY),
                 WEFT_OK);
    for (int i = 0; i < 5; i++) {
        tree_run(spec, &run, "burn", "1", NULL);
        CHECK(run.result.reason == WEFT_REASON_EXITED);
        if (i == 0) {
            levels[0] = run.rows[WEFT_FENCE_PROCESSES].level;
            levels[1] = run.rows[WEFT_FENCE_MEMORY].level;
            levels[2] = run.rows[WEFT_FENCE_TREE_KILL].level;
        }
        CHECK(run.rows[WEFT_FENCE_PROCESSES].level == levels[0]);
        CHECK(run.rows[WEFT_FENCE_MEMORY].level == levels[1]);
        CHECK(run.rows[WEFT_FENCE_TREE_KILL].level == levels[2]);
    }
    weft_process_spec_close(&spec);
}

static int exit_code_of(weft_process_spec *spec, char *const *arguments)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = NULL;

    REQUIRE(weft_process_start(spec, arguments, &process, NULL) == WEFT_OK);
    REQUIRE(weft_process_wait(process, WEFT_FOREVER, &result) == WEFT_OK);
    weft_process_close(&process);
    return result.exit_code;
}

/* A script without "#!", which a shell runs, with few arguments or many. */
static void check_scripts(void)
{
    static char *arguments[4002];
    char path[] = "/tmp/weft-script-XXXXXX";
    const char text[] = "exit $(($# % 251))\n";
    weft_process_spec *spec = tree_spec();
    int file = mkostemp(path, O_CLOEXEC);

    REQUIRE(file >= 0);
    REQUIRE(write(file, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
    REQUIRE(fchmod(file, 0700) == 0);
    (void)close(file);
    arguments[0] = path;
    for (int i = 1; i <= 1000; i++) {
        arguments[i] = "x";
    }
    CHECK(exit_code_of(spec, arguments) == 1000 % 251);
    for (int i = 1; i <= 4000; i++) {
        arguments[i] = "x";
    }
    CHECK(exit_code_of(spec, arguments) == 4000 % 251);
    (void)unlink(path);
    weft_process_spec_close(&spec);
}

void test_main(void)
{
    tree_act();

    check_case("a spare takes the third start");
    check_takes();

    check_case("one that is killed holds nothing up");
    check_killed();

    check_case("what can't be started leaves all as it was");
    check_refusals();

    check_case("each start is as firmly limited as the first");
    check_limits();

    check_case("a script is run by a shell");
    check_scripts();
}
