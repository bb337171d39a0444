/* SPDX-License-Identifier: MIT
 *
 * Nothing is left of a tree, whoever is killed and when.
 *
 * In each round a host, in a process of its own, runs a wild tree, and one of
 * many ends comes: its own, a limit, a call, or SIGKILL for the host, the
 * helper or the supervisor, at a random moment of the start as well. This
 * process adopts all orphans of them. So when it has no child left nobody is;
 * and then no control group, mount or temporary file may be, either.
 *
 * $WEFT_SURVIVORS is how many rounds there are, $WEFT_SEED which one is first.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/linux/run_group.h"
#include "process/isolation.h"
#include "process/wild_linux.h"

#define NOBODY 65533
#define ROUNDS 20
#define MARK "WEFT_SURVIVOR"
#define START_NS_MAX (8 * PEER_MS) /* about what the slowest start takes */

/* Who runs weft, and with what. */
enum user {
    AS_IT_IS,
    WITHOUT_GROUPS,
    WITHOUT_NAMESPACES,
    POOR,
    POOREST,
    USERS
};

static const char *const user_names[USERS + 1] = {
    "as it is",
    "no groups",
    "no namespaces",
    "user 65533",
    "user 65533, no namespaces",
};

enum fences { FREE, KILLED, LIMITED, ISOLATED, BOTH, STRICT, FENCES };

static const char *const fence_names[FENCES + 1] = {
    "free", "tree_kill", "limits", "isolated", "limits, isolated", "strict"};

enum end {
    EXIT,
    WALL,
    KILL,
    CLOSE,
    TERM,
    HOST_KILLED,
    HELPER_KILLED,
    SUPERVISOR_KILLED,
    BOTH_KILLED, /* host and supervisor, and the helper hears of it at once */
    ENDS
};

static const char *const end_names[ENDS + 1] = {
    "exits",         "wall limit",        "kill",
    "close",         "SIGTERM",           "host killed",
    "helper killed", "supervisor killed", "host and supervisor killed",
};

struct round {
    uint64_t seed;
    enum user user;
    enum fences fences;
    enum end end;
    uint64_t moment_ns; /* after the beginning; 0: when all are there */
    bool forks_helper;
    char mark[32];
    int output[2];
    int orders[2]; /* to the host: one byte, or hang-up, ends the tree */
};

/* ----------------------------------------------------------------- host --- */

static void be_user(const struct round *round)
{
    bool is_poor = round->user == POOR || round->user == POOREST;

    if (is_poor && geteuid() == 0) {
        REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        (void)prctl(PR_SET_DUMPABLE, 1); /* as if it was executed so */
    }
    if (round->user == WITHOUT_GROUPS) {
        peer_set_variable("WEFT_CGROUP_ROOT", "");
    }
    if (round->user == WITHOUT_NAMESPACES || round->user == POOREST) {
        REQUIRE(isolation_refuse_namespaces());
    }
}

static bool is_limited(const struct round *round)
{
    return round->fences == LIMITED || round->fences == BOTH;
}

static weft_process_spec *spec_of(const struct round *round)
{
    weft_process_spec *spec = isolation_spec(
        round->fences == STRICT ? WEFT_SANDBOX_STRICT : WEFT_SANDBOX_NONE);
    uint64_t wall = round->end == WALL ? 20 * PEER_MS : 15 * PEER_S;

    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_WALL, 0, wall, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, round->output[1]),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_variable(spec, MARK, round->mark), WEFT_OK);
    if (round->fences == KILLED) {
        CHECK_STATUS(
            weft_process_spec_isolate(spec, WEFT_FENCE_TREE_KILL, WEFT_REQUIRE),
            WEFT_OK);
    }
    if (round->fences == ISOLATED || round->fences == BOTH) {
        CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_PIDS, WEFT_TRY),
                     WEFT_OK);
        CHECK_STATUS(
            weft_process_spec_isolate(spec, WEFT_FENCE_NETWORK, WEFT_TRY),
            WEFT_OK);
    }
    if (is_limited(round)) {
        CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 40,
                                             WEFT_TRY),
                     WEFT_OK);
        CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_OUTPUT, 0, 100000,
                                             WEFT_TRY),
                     WEFT_OK);
    }
    if (round->forks_helper) {
        CHECK_STATUS(weft_process_spec_fork_helper(spec), WEFT_OK);
    }
    return spec;
}

static weft_process *start_tree(const struct round *round,
                                weft_process_spec *spec)
{
    char role[] = "--wild";
    char seed[24];
    char stays[] = "stays";
    char *arguments[] = {isolation_self, role, seed,
                         round->end == EXIT ? NULL : stays, NULL};
    weft_process *process = NULL;
    weft_status status;

    (void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)round->seed);
    status = weft_process_start(spec, arguments, &process, NULL);
    /* The tree may be there before the host was told of it. */
    if (status != WEFT_OK && round->moment_ns == 0 &&
        (status != WEFT_EPEERDIED || round->end < HOST_KILLED)) {
        CHECK_STATUS(status, WEFT_OK);
        printf("# %s\n", weft_process_spec_refusal(spec));
    }
    return process;
}

static void check_result(const struct round *round,
                         const weft_process_result *result)
{
    static const weft_reason reasons[ENDS] = {
        [EXIT] = WEFT_REASON_EXITED,
        [WALL] = WEFT_REASON_WALL,
        [KILL] = WEFT_REASON_CANCELLED,
        [TERM] = WEFT_REASON_SIGNALLED,
        [SUPERVISOR_KILLED] = WEFT_REASON_LOST,
    };
    /* Where they are only counted there may have been too many by then. */
    bool is_many =
        is_limited(round) && (result->reason == WEFT_REASON_PROCESSES ||
                              result->reason == WEFT_REASON_EXITED);

    CHECK(result->survivors == 0 ||
          (result->reason == WEFT_REASON_LOST && result->survivors == -1));
    CHECK(is_many || result->reason == reasons[round->end]);
}

/* Runs the tree until the order to end it, and ends it as the round says. */
static void host(const struct round *round)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process_spec *spec;
    weft_process *process;
    char order;

    (void)close(round->output[0]);
    (void)close(round->orders[1]);
    be_user(round);
    spec = spec_of(round);
    process = start_tree(round, spec);
    (void)close(round->output[1]);
    if (process != NULL && round->end != EXIT && round->end != WALL) {
        (void)!read(round->orders[0], &order, 1);
    }
    if (process != NULL && round->end == KILL) {
        (void)weft_process_kill(process);
    }
    if (process != NULL && round->end == TERM) {
        (void)weft_process_signal(process, SIGTERM, true);
    }
    /* At the start there may have been nobody to be killed. */
    if (process != NULL && round->moment_ns == 0 && round->end != CLOSE &&
        round->end != HELPER_KILLED) {
        CHECK_STATUS(weft_process_wait(process, peer_soon(), &result), WEFT_OK);
        check_result(round, &result);
    }
    weft_process_close(&process);
    weft_process_spec_close(&spec);
    check_exit_child();
}

/* ------------------------------------------------------------- processes ---
 */

/* The first child of a process, but for one; 0: there is none. */
static pid_t child_of(pid_t parent, pid_t other)
{
    char path[64];
    FILE *file;
    int child;
    int found = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent,
                   parent);
    file = fopen(path, "re");
    while (file != NULL && found == 0 && fscanf(file, "%d", &child) == 1) {
        found = child != other ? child : 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

/* What is to be killed, if it is there by now; 0: it is not. */
static pid_t victim_of(const struct round *round, pid_t host)
{
    pid_t helper = child_of(getpid(), host);

    switch (round->end) {
    case HOST_KILLED:
        return host;
    case HELPER_KILLED:
        return helper;
    case SUPERVISOR_KILLED:
    case BOTH_KILLED:
        return helper != 0 ? child_of(helper, 0) : 0;
    case EXIT:
    case WALL:
    case KILL:
    case CLOSE:
    case TERM:
    case ENDS:
    default:
        return 0;
    }
}

/* Reaps until nobody is left, or it is too late. False: somebody is left. */
static bool reap_all(int ends, pid_t host, int *host_status)
{
    uint64_t deadline_ns = peer_soon();
    struct signalfd_siginfo signal_;
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) >= 0) {
        struct pollfd end = {.fd = ends, .events = POLLIN};
        uint64_t now = weft_now_ns();
        int left_ms =
            now < deadline_ns ? (int)((deadline_ns - now) / PEER_MS) : 0;

        if (pid == host) {
            *host_status = status;
        }
        if (pid == 0 && poll(&end, 1, left_ms) == 0) {
            return false;
        }
        (void)!read(ends, &signal_, sizeof(signal_));
    }
    return true;
}

/* For the other rounds; each one's children become ours. */
static unsigned kill_all(int ends)
{
    unsigned killed = 0;
    int status;
    pid_t pid;

    while ((pid = child_of(getpid(), 0)) != 0) {
        killed++;
        printf("# left: process %d\n", pid);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
    }
    (void)reap_all(ends, 0, &status);
    return killed;
}

/* How many processes on this system have the mark in their environment. */
static unsigned count_marked(const char *mark)
{
    static char text[65536];
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    unsigned count = 0;

    REQUIRE(all != NULL);
    while ((entry = readdir(all)) != NULL) {
        char path[300];
        ssize_t bytes = -1;
        int file;

        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') {
            continue;
        }
        (void)snprintf(path, sizeof(path), "/proc/%s/environ", entry->d_name);
        file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            bytes = read(file, text, sizeof(text));
            (void)close(file);
        }
        count += bytes > 0 &&
                 memmem(text, (size_t)bytes, mark, strlen(mark)) != NULL;
    }
    (void)closedir(all);
    return count;
}

/* ------------------------------------------------------- what is not left ---
 */

/*
 * Groups of our own, so that those of other tests are not counted: the hosts
 * enter them, and theirs are made in there.
 */
static struct nest {
    int directory; /* -1: none */
    int entry;
} nests[RUN_TIERS];

static struct run_group parents[RUN_TIERS];
static char nest_name[32];

static void make_nests(void)
{
    weftos_run_groups_find(parents);
    (void)snprintf(nest_name, sizeof(nest_name), "survivors-%d", getpid());
    for (int i = 0; i < RUN_TIERS; i++) {
        nests[i] = (struct nest){-1, -1};
        if (parents[i].parent >= 0 &&
            mkdirat(parents[i].parent, nest_name, 0755) == 0) {
            nests[i].directory = openat(parents[i].parent, nest_name,
                                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            nests[i].entry = openat(nests[i].directory, "cgroup.procs",
                                    O_WRONLY | O_CLOEXEC);
        }
    }
}

static void enter_nests(void)
{
    for (int i = 0; i < RUN_TIERS; i++) {
        REQUIRE(nests[i].entry < 0 || write(nests[i].entry, "0", 1) == 1);
    }
}

static void remove_nests(void)
{
    for (int i = 0; i < RUN_TIERS; i++) {
        if (nests[i].directory >= 0) {
            (void)close(nests[i].entry);
            (void)close(nests[i].directory);
            CHECK(unlinkat(parents[i].parent, nest_name, AT_REMOVEDIR) == 0);
        }
        if (parents[i].parent >= 0) {
            (void)close(parents[i].parent);
        }
    }
}

/* Directories in one that is open, or with `files` all that is in there. */
static unsigned count_in(int directory, bool files)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    unsigned count = 0;

    REQUIRE(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        if (entry->d_name[0] != '.' && (files || entry->d_type == DT_DIR)) {
            printf("# left: %s\n", entry->d_name);
            count++;
        }
    }
    (void)closedir(list);
    return count;
}

/* A number that stands for all mounts that there are. */
static uint64_t sum_mounts(void)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    uint64_t sum = 5381;
    int byte;

    REQUIRE(file != NULL);
    while ((byte = fgetc(file)) != EOF) {
        sum = sum * 33 + (unsigned)byte;
    }
    (void)fclose(file);
    return sum;
}

/* --------------------------------------------------------------- rounds --- */

struct place {
    int ends; /* of children */
    int temp; /* $TMPDIR */
    uint64_t mounts;
    char path[64];
};

static struct round new_round(uint64_t seed)
{
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    struct round round = {.seed = seed + 1};

    (void)peer_random(&random);
    round.user = (enum user)(peer_random(&random) % USERS);
    round.fences = (enum fences)(peer_random(&random) % FENCES);
    round.end = (enum end)(peer_random(&random) % ENDS);
    round.forks_helper = peer_random(&random) % 3 == 0;
    if (round.end >= HOST_KILLED && peer_random(&random) % 2 == 0) {
        round.moment_ns = 1 + peer_random(&random) % START_NS_MAX;
    }
    if (geteuid() != 0 && round.user >= POOR) {
        round.user = round.user == POOR ? AS_IT_IS : WITHOUT_NAMESPACES;
    }
    /* Which can't be had without namespaces, or without groups. */
    if (round.fences == STRICT &&
        (round.user == WITHOUT_NAMESPACES || round.user == POOREST)) {
        round.fences = ISOLATED;
    }
    (void)snprintf(round.mark, sizeof(round.mark), "%d.%llu", getpid(),
                   (unsigned long long)seed);
    return round;
}

/*
 * Until the whole tree is there, or its output has ended: by a limit that it
 * had reached, or that its own end came first.
 */
static void await_ready(const struct round *round)
{
    bool may_end = round->end == WALL || is_limited(round);
    struct pollfd output = {.fd = round->output[0], .events = POLLIN};
    char byte = 0;

    while (byte != WILD_READY && CHECK(poll(&output, 1, 20000) == 1) &&
           read(round->output[0], &byte, 1) == 1) {
    }
    CHECK(may_end || byte == WILD_READY);
}

/* A moment that has nothing to do with what goes on. */
static void await_moment(const struct round *round)
{
    uint64_t end_ns = weft_after_ns(round->moment_ns);

    while (weft_now_ns() < end_ns) {
        struct timespec rest = {0, 20000};

        (void)nanosleep(&rest, NULL);
    }
}

static void strike_both(pid_t host, pid_t supervisor)
{
    pid_t helper = child_of(getpid(), host);

    (void)kill(helper, SIGSTOP);
    (void)kill(supervisor, SIGKILL);
    (void)kill(host, SIGKILL);
    (void)kill(helper, SIGCONT);
}

static void strike(const struct round *round, pid_t host)
{
    pid_t victim = victim_of(round, host);

    if (round->moment_ns == 0 && round->end >= HOST_KILLED) {
        CHECK(victim != 0 || is_limited(round));
    }
    if (round->end == BOTH_KILLED && victim != 0) {
        strike_both(host, victim);
    } else if (victim != 0) {
        (void)kill(victim, SIGKILL);
    }
}

static bool check_nothing_left(const struct round *round,
                               const struct place *place)
{
    struct pollfd output = {.fd = round->output[0], .events = POLLIN};
    char bytes[256];
    ssize_t count = 1;
    bool is_well;

    while (count > 0 && CHECK(poll(&output, 1, 0) == 1)) {
        count = read(round->output[0], bytes, sizeof(bytes));
    }
    is_well = CHECK(count == 0);
    is_well = CHECK(count_marked(round->mark) == 0) && is_well;
    for (int i = 0; i < RUN_TIERS; i++) {
        is_well = CHECK(nests[i].directory < 0 ||
                        count_in(nests[i].directory, false) == 0) &&
                  is_well;
    }
    is_well = CHECK(count_in(place->temp, true) == 0) && is_well;
    return CHECK(sum_mounts() == place->mounts) && is_well;
}

static pid_t start_host(struct round *round, const struct place *place,
                        void (*run)(const struct round *))
{
    sigset_t none;
    pid_t child;

    REQUIRE(pipe2(round->output, O_CLOEXEC) == 0 &&
            pipe2(round->orders, O_CLOEXEC) == 0);
    child = fork();
    if (child == 0) {
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        enter_nests();
        peer_set_variable("TMPDIR", place->path);
        run(round);
    }
    REQUIRE(child > 0);
    (void)close(round->output[1]);
    (void)close(round->orders[0]);
    return child;
}

/* False: something was left, and what follows would count it again. */
static bool run_round(uint64_t seed, const struct place *place)
{
    struct round round = new_round(seed);
    pid_t child = start_host(&round, place, host);
    int status = -1;
    bool is_well;

    if (round.moment_ns != 0) {
        await_moment(&round);
    } else {
        await_ready(&round);
    }
    strike(&round, child);
    (void)close(round.orders[1]);
    is_well = CHECK(reap_all(place->ends, child, &status));
    is_well = CHECK(WIFEXITED(status) ? WEXITSTATUS(status) == 0
                                      : round.end == HOST_KILLED ||
                                            round.end == BOTH_KILLED) &&
              is_well;
    if (!is_well) {
        (void)kill_all(place->ends);
    }
    is_well = check_nothing_left(&round, place) && is_well;
    (void)close(round.output[0]);
    printf("# %llu: %s, %s, %s%s%s\n", (unsigned long long)seed,
           user_names[round.user], fence_names[round.fences],
           end_names[round.end], round.moment_ns != 0 ? " at the start" : "",
           is_well ? "" : ": NOT WELL");
    (void)fflush(stdout);
    return is_well;
}

/* --------------------------------------------------------------- itself --- */

/* A host that leaves its tree alone. */
static void abandon(const struct round *round)
{
    char role[] = "--wild";
    char seed[] = "2";
    char stays[] = "stays";
    char *arguments[] = {isolation_self, role, seed, stays, NULL};

    if (dup2(round->output[1], STDOUT_FILENO) >= 0 && fork() == 0) {
        peer_set_variable(MARK, round->mark);
        (void)execv(isolation_self, arguments);
    }
    _exit(0);
}

static void check_control(const struct place *place)
{
    struct round round = {.user = AS_IT_IS, .mark = "control"};
    pid_t child;
    int status;

    (void)snprintf(round.mark, sizeof(round.mark), "%d.control", getpid());
    child = start_host(&round, place, abandon);
    await_ready(&round);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(count_marked(round.mark) > 0);
    CHECK(child_of(getpid(), 0) != 0);
    CHECK(kill_all(place->ends) > 0);
    (void)close(round.orders[1]);
    (void)close(round.output[0]);
}

static struct place new_place(void)
{
    struct place place = {.mounts = sum_mounts()};
    sigset_t ends;

    (void)snprintf(place.path, sizeof(place.path), "/tmp/weft-test-XXXXXX");
    REQUIRE(mkdtemp(place.path) != NULL && chmod(place.path, 01777) == 0);
    place.temp = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGCHLD);
    REQUIRE(sigprocmask(SIG_BLOCK, &ends, NULL) == 0);
    place.ends = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    REQUIRE(place.temp >= 0 && place.ends >= 0);
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    return place;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

void test_main(void)
{
    uint64_t rounds = number_of("WEFT_SURVIVORS", ROUNDS);
    uint64_t seed = number_of("WEFT_SEED", weft_now_ns() % 1000000);
    ssize_t bytes = readlink("/proc/self/exe", isolation_self, PATH_MAX - 1);
    struct place place;

    REQUIRE(bytes > 0);
    isolation_self[bytes] = '\0';
    if (check_arguments[1] != NULL && check_arguments[2] != NULL) {
        wild_lead(strtoull(check_arguments[2], NULL, 10),
                  check_arguments[3] != NULL);
    }
    place = new_place();
    make_nests();
    check_case("who is left is found");
    check_control(&place);
    check_case("nothing is left of a tree, whoever is killed and when");
    for (uint64_t i = 0; i < rounds && run_round(seed + i, &place); i++) {
    }
    remove_nests();
    (void)close(place.ends);
    (void)close(place.temp);
    CHECK(rmdir(place.path) == 0);
}
