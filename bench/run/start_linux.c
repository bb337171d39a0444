/* SPDX-License-Identifier: MIT
 *
 * bench-start - what it costs to start a program and to wait for its end.
 *
 *   bench-start [ROUNDS]
 *
 * Each round starts /bin/true once in each way, in turn, so that all meet the
 * same noise. One line of JSON for each way: the median and the 10th and 90th
 * percentile of the time from the start to the known end, and the ratio of the
 * medians to another way's, if that one is there: posix_spawn's, GNU timeout's
 * for the command, and bubblewrap's for what isolates.
 *
 * Then each way has the machine for itself for as many rounds, and cpu_ns is
 * the CPU time of one start on all CPUs, of all processes that take part in
 * it; unlike time, it does not depend much on what else the machine does.
 * What the kernel does later, as when namespaces end, is not in it.
 *
 * $WEFT_HELPER says where the helper is, and $WEFT where the command is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

#define ROUNDS_MAX 10000
#define SETTLE_NS 20000000 /* until what a start leaves behind has ended */

static char program[] = "/bin/true";

struct way {
    const char *name;
    bool (*start)(const struct way *way); /* false: it has failed */
    char *const *command;
    weft_process_spec *(*open_spec)(void);
    weft_process_spec *spec;
    unsigned beside; /* the way that it is compared with */
    bool is_out;     /* it has failed: not there, or not possible here */
    uint64_t cpu_ns; /* 0: unknown */
    uint64_t times[ROUNDS_MAX];
};

/* ----------------------------------------------------------------- ways --- */

static bool spawn(const struct way *way)
{
    char *const *command = way->command;
    pid_t pid;
    int status = 1;

    return command[0] != NULL &&
           posix_spawnp(&pid, command[0], NULL, NULL, command, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && status == 0;
}

static bool weave_by(weft_process_spec *spec)
{
    char *const arguments[] = {program, NULL};
    weft_process *process = NULL;
    weft_process_result result = {.size = sizeof(result)};
    bool is_good =
        weft_process_start(spec, arguments, &process, NULL) == WEFT_OK &&
        weft_process_wait(process, WEFT_FOREVER, &result) == WEFT_OK &&
        result.exited && result.exit_code == 0;

    weft_process_close(&process);
    return is_good;
}

static bool weave(const struct way *way)
{
    return weave_by(way->spec);
}

/* With the start of a helper. */
static bool weave_first(const struct way *way)
{
    weft_process_spec *spec = way->open_spec();
    bool is_good = weave_by(spec);

    weft_process_spec_close(&spec);
    return is_good;
}

static weft_process_spec *plain(void)
{
    weft_process_spec *spec = NULL;

    if (weft_process_spec_open(&spec) != WEFT_OK) {
        fputs("bench-start: out of memory\n", stderr);
        exit(1);
    }
    return spec;
}

static weft_process_spec *limited(void)
{
    weft_process_spec *spec = plain();

    (void)weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 256u << 20,
                                  WEFT_TRY);
    (void)weft_process_spec_limit(spec, WEFT_FENCE_CPU, 0, 10000000000u,
                                  WEFT_TRY);
    (void)weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 64, WEFT_TRY);
    return spec;
}

static weft_process_spec *strict(void)
{
    weft_process_spec *spec = plain();

    (void)weft_process_spec_sandbox(spec, WEFT_SANDBOX_STRICT);
    return spec;
}

/* ------------------------------------------------------------- commands --- */

static char *spawned[] = {program, NULL};
static char *prlimited[] = {"prlimit",      "--nofile=64", "--cpu=10",
                            "--fsize=1000", program,       NULL};
static char *timed[] = {"timeout", "10", program, NULL};
static char *run[] = {NULL, "run", "-w", "10s", "--", program, NULL};
static char *run_limited[] = {NULL, "run", "-m", "256M", "-t",    "10s",
                              "-p", "64",  "-w", "10s",  program, NULL};
static char *run_strict[] = {NULL, "run", "--sandbox=strict", program, NULL};
static char *bubblewrapped[] = {
    "bwrap",         "--unshare-all", "--die-with-parent",
    "--new-session", "--ro-bind",     "/usr",
    "/usr",          "--symlink",     "usr/bin",
    "/bin",          "--symlink",     "usr/lib",
    "/lib",          "--symlink",     "usr/lib64",
    "/lib64",        "--proc",        "/proc",
    "--dev",         "/dev",          "--tmpfs",
    "/tmp",          program,         NULL};

/* -------------------------------------------------------------- figures --- */

static int compare(const void *one_, const void *other_)
{
    const uint64_t *one = one_;
    const uint64_t *other = other_;

    return (*one > *other) - (*one < *other);
}

/* Counts the CPU time of this process and all that it makes; -1: it can't. */
static int open_counter(void)
{
    struct perf_event_attr what = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(what),
        .config = PERF_COUNT_SW_TASK_CLOCK,
        .inherit = 1,
        .exclude_hv = 1,
    };

    return (int)syscall(SYS_perf_event_open, &what, 0, -1, -1,
                        PERF_FLAG_FD_CLOEXEC);
}

static uint64_t read_counter(int counter)
{
    const struct timespec settle = {0, SETTLE_NS};
    uint64_t counted = 0;

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &settle, NULL);
    return read(counter, &counted, sizeof(counted)) == (ssize_t)sizeof(counted)
               ? counted
               : 0;
}

static void count_cpu(struct way *way, int counter, unsigned rounds)
{
    uint64_t before = read_counter(counter);

    for (unsigned i = 0; i < rounds && !way->is_out; i++) {
        way->is_out = !way->start(way);
    }
    way->cpu_ns = (read_counter(counter) - before) / rounds;
}

static void print(const struct way *ways, const struct way *way,
                  unsigned rounds)
{
    const struct way *beside = &ways[way->beside];
    unsigned middle = rounds / 2;

    if (way->is_out) {
        printf("{\"way\":\"%s\",\"skipped\":true}\n", way->name);
        return;
    }
    printf("{\"way\":\"%s\",\"rounds\":%u,\"p10_ns\":%" PRIu64
           ",\"p50_ns\":%" PRIu64 ",\"p90_ns\":%" PRIu64,
           way->name, rounds, way->times[rounds / 10], way->times[middle],
           way->times[rounds * 9 / 10]);
    if (way->cpu_ns != 0) {
        printf(",\"cpu_ns\":%" PRIu64, way->cpu_ns);
    }
    if (beside != way && !beside->is_out) {
        printf(",\"beside\":\"%s\",\"ratio\":%.3f", beside->name,
               (double)way->times[middle] / (double)beside->times[middle]);
        if (way->cpu_ns != 0 && beside->cpu_ns != 0) {
            printf(",\"cpu_ratio\":%.3f",
                   (double)way->cpu_ns / (double)beside->cpu_ns);
        }
    }
    puts("}");
}

enum {
    SPAWN,
    WEFT,
    WEFT_LIMITS,
    PRLIMIT,
    WEFT_FIRST,
    TIMEOUT,
    RUN,
    RUN_LIMITS,
    BWRAP,
    WEFT_STRICT,
    RUN_STRICT,
    WAYS
};

static struct way ways[WAYS] = {
    [SPAWN] = {.name = "posix_spawn", .start = spawn, .command = spawned},
    [WEFT] = {.name = "weft", .start = weave, .open_spec = plain},
    [WEFT_LIMITS] = {.name = "weft_limits",
                     .start = weave,
                     .open_spec = limited},
    [PRLIMIT] = {.name = "prlimit", .start = spawn, .command = prlimited},
    [WEFT_FIRST] = {.name = "weft_first",
                    .start = weave_first,
                    .open_spec = plain},
    [TIMEOUT] = {.name = "timeout",
                 .start = spawn,
                 .command = timed,
                 .beside = TIMEOUT},
    [RUN] = {.name = "weft_run",
             .start = spawn,
             .command = run,
             .beside = TIMEOUT},
    [RUN_LIMITS] = {.name = "weft_run_limits",
                    .start = spawn,
                    .command = run_limited,
                    .beside = TIMEOUT},
    [BWRAP] = {.name = "bwrap",
               .start = spawn,
               .command = bubblewrapped,
               .beside = BWRAP},
    [WEFT_STRICT] = {.name = "weft_strict",
                     .start = weave,
                     .open_spec = strict,
                     .beside = BWRAP},
    [RUN_STRICT] = {.name = "weft_run_strict",
                    .start = spawn,
                    .command = run_strict,
                    .beside = BWRAP},
};

/* The first starts of a spec are slow. */
static void begin(void)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (ways[i].open_spec != NULL) {
            ways[i].spec = ways[i].open_spec();
        }
        for (int start = 0; start < 3; start++) {
            ways[i].is_out = ways[i].is_out || !ways[i].start(&ways[i]);
        }
    }
}

static void end(void)
{
    for (unsigned i = 0; i < WAYS; i++) {
        weft_process_spec_close(&ways[i].spec);
    }
}

static void take_times(unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < WAYS; i++) {
            uint64_t began = weft_now_ns();

            if (!ways[i].is_out && !ways[i].start(&ways[i])) {
                ways[i].is_out = true;
            }
            ways[i].times[round] = weft_now_ns() - began;
        }
    }
    for (unsigned i = 0; i < WAYS; i++) {
        qsort(ways[i].times, rounds, sizeof(ways[i].times[0]), compare);
    }
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 300;
    int counter;

    if (argc > 2 || rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
        return 2;
    }
    run[0] = getenv("WEFT");
    run_limited[0] = run[0];
    run_strict[0] = run[0];
    begin();
    take_times(rounds);
    end();
    /* Helpers inherit it, which makes all that they do slower. */
    counter = open_counter();
    if (counter >= 0) {
        begin();
        for (unsigned i = 0; i < WAYS; i++) {
            count_cpu(&ways[i], counter, rounds);
        }
        end();
    }
    for (unsigned i = 0; i < WAYS; i++) {
        print(ways, &ways[i], rounds);
    }
    return 0;
}
