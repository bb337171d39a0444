/* SPDX-License-Identifier: MIT
 *
 * The memory daemon acts: it takes what a process does not use, and tells what
 * came of it; it leaves alone whom a rule protects; it stops when that hurt,
 * and learns from it. Memory is not scarce: the daemon is told that it is.
 *
 * Each case is in a namespace of processes of its own, so that the daemon can't
 * see any other process of this machine, let alone touch it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "victim_linux.h"

#define VICTIM_BYTES ((size_t)128 << 20)
#define SWAP_BYTES ((size_t)256 << 20)

/* For what takes the daemon a look or a round, and for a verdict. */
#define SOON_S 60
#define VERDICT_S 120

/* Where the names, the config and the history of a case are. */
static char folder[64];

/* ------------------------------------------------------------- commands --- */

/* A command of weft's, whose lines are read. */
struct command {
    pid_t pid;
    int output;
    char text[65536]; /* read, and not taken yet */
    size_t bytes;
    char line[4096]; /* the last one that was taken */
};

static void become_weft(const char *const arguments[], int output)
{
    char *copy[16] = {(char *)(uintptr_t) "weft"};
    size_t count = 1;

    while (arguments[count - 1] != NULL) {
        copy[count] = (char *)(uintptr_t)arguments[count - 1];
        count++;
    }
    (void)setenv("XDG_RUNTIME_DIR", folder, 1);
    (void)setenv("XDG_STATE_HOME", folder, 1);
    (void)setenv("XDG_CONFIG_HOME", folder, 1);
    (void)setenv("HOME", folder, 1);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(output, STDOUT_FILENO);
    (void)execv(WEFT_TEST_COMMAND, copy);
    _exit(127);
}

static void begin(struct command *me, const char *const arguments[])
{
    int ends[2];

    *me = (struct command){.pid = 0};
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    me->pid = fork();
    REQUIRE(me->pid >= 0);
    if (me->pid == 0) {
        become_weft(arguments, ends[1]);
    }
    (void)close(ends[1]);
    me->output = ends[0];
}

/* Takes a line that has come; false: none has. */
static bool take_line(struct command *me)
{
    char *end = memchr(me->text, '\n', me->bytes);
    size_t length;

    if (end == NULL) {
        return false;
    }
    length = (size_t)(end - me->text);
    (void)snprintf(me->line, sizeof(me->line), "%.*s", (int)length, me->text);
    me->bytes -= length + 1;
    memmove(me->text, end + 1, me->bytes);
    printf("#   %s\n", me->line);
    return true;
}

/* False: it has ended, or no line came in time. */
static bool next_line(struct command *me, uint64_t deadline_ns)
{
    struct pollfd output = {.fd = me->output, .events = POLLIN};
    ssize_t got;

    while (!take_line(me)) {
        uint64_t now_ns = weft_now_ns();

        if (now_ns >= deadline_ns ||
            poll(&output, 1, (int)((deadline_ns - now_ns) / 1000000) + 1) < 0) {
            return false;
        }
        if (output.revents == 0) {
            continue;
        }
        got = read(me->output, me->text + me->bytes,
                   sizeof(me->text) - me->bytes);
        if (got <= 0) {
            return false;
        }
        me->bytes += (size_t)got;
    }
    return true;
}

/* Takes lines until one has both words in it. */
static bool await(struct command *me, const char *one, const char *other,
                  unsigned seconds)
{
    uint64_t deadline_ns =
        weft_after_ns(seconds * UINT64_C(1000000000) * WEFT_TEST_TIME_SCALE);

    while (next_line(me, deadline_ns)) {
        if (strstr(me->line, one) != NULL && strstr(me->line, other) != NULL) {
            return true;
        }
    }
    printf("# there is no line with %s and %s\n", one, other);
    return false;
}

/* The number that follows a key in the last line; -1: none does. */
static long long number_of(const struct command *me, const char *key)
{
    const char *at = strstr(me->line, key);

    return at != NULL ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* Waits for its end; gives its exit code. */
static int end(struct command *me)
{
    int how = -1;

    REQUIRE(waitpid(me->pid, &how, 0) == me->pid);
    (void)close(me->output);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

/* -------------------------------------------------------------- daemon --- */

/*
 * A config by which memory is always watched and never scarce, nothing waits
 * for long, and what is cold goes at once.
 */
static void write_config(const char *rest)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/weft", folder);
    REQUIRE(mkdir(path, 0700) == 0 || errno == EEXIST);
    (void)snprintf(path, sizeof(path), "%s/weft/memory.conf", folder);
    file = fopen(path, "we");
    REQUIRE(file != NULL);
    fprintf(file,
            "[daemon]\nsettle = 0s\n[policy]\nwatch-available = 100\n"
            "tight-available = 0.02\nemergency-available = 0.01\n"
            "emergency-stall = 100\nstall-target = 90\n"
            "gain-start = 1\nround = 1\n%s",
            rest);
    REQUIRE(fclose(file) == 0);
}

static void begin_daemon(struct command *me, bool is_dry)
{
    static const char *const acting[] = {"memory", "daemon", "--json", NULL};
    static const char *const dry[] = {"memory", "daemon", "--json", "--dry-run",
                                      NULL};

    begin(me, is_dry ? dry : acting);
    REQUIRE(await(me, "started", "", SOON_S));
}

static void end_daemon(struct command *me)
{
    REQUIRE(kill(me->pid, SIGTERM) == 0);
    CHECK(await(me, "ended", "", SOON_S));
    CHECK(end(me) == 0);
}

/* A victim of that name. */
static void start_victim(struct victim *victim, const char *name, size_t bytes)
{
    char before[16];

    REQUIRE(prctl(PR_GET_NAME, before) == 0);
    REQUIRE(prctl(PR_SET_NAME, name) == 0);
    victim_start(victim, VICTIM_TEXT, bytes, true);
    REQUIRE(prctl(PR_SET_NAME, before) == 0);
}

/* ---------------------------------------------------------- namespaces --- */

static void enter(void)
{
    REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    REQUIRE(mount("weft", folder, "tmpfs", MS_NOSUID, "mode=0700") == 0);
    REQUIRE(mount("proc", "/proc", "proc", 0, NULL) == 0);
}

/*
 * Does a case as the first process of a namespace: all that is in it ends with
 * that one, in whichever way.
 */
static void do_alone(void (*work)(void))
{
    pid_t outer;
    int how = -1;

    (void)snprintf(folder, sizeof(folder), "/tmp/weft-test-daemon-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
    outer = fork();
    REQUIRE(outer >= 0);
    if (outer == 0) {
        pid_t inner = unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 ? fork() : -1;

        if (inner == 0) {
            enter();
            work();
            check_exit_child();
        }
        _exit(inner > 0 && waitpid(inner, &how, 0) == inner && how == 0 ? 0
                                                                        : 1);
    }
    CHECK(waitpid(outer, &how, 0) == outer && how == 0);
    CHECK(rmdir(folder) == 0);
}

static bool can_be_alone(void)
{
    pid_t child = fork();
    int how = -1;

    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 ? 0 : 1);
    }
    return waitpid(child, &how, 0) == child && how == 0;
}

/* ---------------------------------------------------------------- cases --- */

static void do_dry(void)
{
    static struct command daemon;
    struct victim victim;

    write_config("");
    start_victim(&victim, "weft-taken", VICTIM_BYTES);
    begin_daemon(&daemon, true);
    REQUIRE(await(&daemon, "\"verb\":\"pageout\"", "\"name\":\"weft-taken\"",
                  SOON_S));
    CHECK(strstr(daemon.line, "\"dry_run\":true") != NULL);
    end_daemon(&daemon);
    CHECK(victim_swapped(&victim) == 0);
    CHECK(victim_present(&victim) == VICTIM_BYTES);
    victim_end(&victim);
}

/* What experience says of the victims: how often something was tried. */
static void check_learnt(const char *pid)
{
    const char *const why[] = {"memory", "why", "--json", pid, NULL};
    static struct command command;
    char history[128];

    (void)snprintf(history, sizeof(history), "%s/weft/memory.db", folder);
    if (access(history, F_OK) != 0) {
        printf("# without SQLite nothing is kept\n");
        return;
    }
    begin(&command, why);
    CHECK(await(&command, "\"arm\":\"page out 100 %\"", "\"n\":1,", SOON_S));
    CHECK(end(&command) == 0);
}

static void do_act(void)
{
    static struct command daemon;
    struct victim taken;
    struct victim spared;
    char pid[16];

    write_config("[rules]\nnever name=weft-spared\n");
    start_victim(&spared, "weft-spared", VICTIM_BYTES * 2);
    start_victim(&taken, "weft-taken", VICTIM_BYTES);
    begin_daemon(&daemon, false);

    CHECK(
        await(&daemon, "\"verb\":\"pageout\"", "\"event\":\"action\"", SOON_S));
    CHECK(number_of(&daemon, "\"pid\":") == taken.pid);
    CHECK(strstr(daemon.line, "\"dry_run\":false") != NULL);
    REQUIRE(await(&daemon, "\"event\":\"verdict\"", "\"verb\":\"pageout\"",
                  VERDICT_S));
    CHECK(number_of(&daemon, "\"pid\":") == taken.pid);
    CHECK(number_of(&daemon, "\"claimed_bytes\":") > 0);
    CHECK(victim_swapped(&taken) > 0);
    CHECK(victim_hot_present(&taken) == VICTIM_HOT_BYTES);
    CHECK(victim_swapped(&spared) == 0);
    CHECK(victim_present(&spared) == VICTIM_BYTES * 2);

    /* All of it is used again: that has hurt. */
    victim_use(&taken, VICTIM_BYTES);
    REQUIRE(await(&daemon, "\"after_ns\":60000000000", "\"verb\":\"pageout\"",
                  VERDICT_S));
    CHECK(strstr(daemon.line, "\"outcome\":\"hurt\"") != NULL);
    CHECK(await(&daemon, "too much of what was paged out", "", SOON_S));
    CHECK(victim_swapped(&spared) == 0);
    end_daemon(&daemon);

    (void)snprintf(pid, sizeof(pid), "%d", (int)taken.pid);
    check_learnt(pid);
    victim_end(&taken);
    victim_end(&spared);
}

void test_main(void)
{
    const char *why = "";

    if (geteuid() != 0) {
        SKIP("swap takes root");
    }
    if (!can_be_alone()) {
        SKIP("no namespace of processes can be made");
    }
    swap_lock();
    if (!swap_begin(SWAP_BYTES, &why)) {
        SKIP(why);
    }
    check_case("a dry run decides, and does nothing");
    do_alone(do_dry);
    check_case("it takes what is not used from whom it may, and backs off "
               "when that hurt");
    do_alone(do_act);
    swap_end();
    swap_unlock();
}
