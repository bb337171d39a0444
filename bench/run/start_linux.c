/* SPDX-License-Identifier: MIT
 *
 * bench-start - what it costs to start a program and to wait for its end.
 *
 *   bench-start [ROUNDS]
 *
 * Each round starts /bin/true once in each way, in turn, so that all meet the
 * same noise. One line of JSON for each way: the median and the 10th and 90th
 * percentile of the time from the start to the known end, and the ratio of the
 * medians to posix_spawn, or for isolated starts to bubblewrap, if that is
 * installed. $WEFT_HELPER says where the helper is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#define ROUNDS_MAX 10000

extern char **environ;

static char program[] = "/bin/true";

/* One way to start a program; false: it has failed. */
typedef bool start_function(void *context);

static bool spawn(char *const *arguments)
{
    pid_t pid;
    int status = 1;

    return posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ) ==
               0 &&
           waitpid(pid, &status, 0) == pid && status == 0;
}

static bool start_spawned(void *context)
{
    char *const arguments[] = {program, NULL};

    (void)context;
    return spawn(arguments);
}

static bool start_bubblewrapped(void *context)
{
    static char *const arguments[] = {
        "bwrap",         "--unshare-all", "--die-with-parent",
        "--new-session", "--ro-bind",     "/usr",
        "/usr",          "--symlink",     "usr/bin",
        "/bin",          "--symlink",     "usr/lib",
        "/lib",          "--symlink",     "usr/lib64",
        "/lib64",        "--proc",        "/proc",
        "--dev",         "/dev",          "--tmpfs",
        "/tmp",          program,         NULL};

    (void)context;
    return spawn(arguments);
}

static bool start_woven(void *context)
{
    char *const arguments[] = {program, NULL};
    weft_process *process = NULL;
    weft_process_result result = {.size = sizeof(result)};
    bool is_good =
        weft_process_start(context, arguments, &process, NULL) == WEFT_OK &&
        weft_process_wait(process, WEFT_FOREVER, &result) == WEFT_OK &&
        result.exited && result.exit_code == 0;

    weft_process_close(&process);
    return is_good;
}

/* ---------------------------------------------------------------- specs --- */

static weft_process_spec *open_spec(void)
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
    weft_process_spec *spec = open_spec();

    (void)weft_process_spec_limit(spec, WEFT_FENCE_MEMORY, 0, 256u << 20,
                                  WEFT_TRY);
    (void)weft_process_spec_limit(spec, WEFT_FENCE_CPU, 0, 10000000000u,
                                  WEFT_TRY);
    (void)weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 64, WEFT_TRY);
    return spec;
}

static weft_process_spec *strict(void)
{
    weft_process_spec *spec = open_spec();

    (void)weft_process_spec_sandbox(spec, WEFT_SANDBOX_STRICT);
    return spec;
}

/* -------------------------------------------------------------- figures --- */

struct way {
    const char *name;
    start_function *start;
    weft_process_spec *spec;
    unsigned beside; /* the way that it is compared with */
    bool is_out;     /* it has failed: not there, or not possible here */
    uint64_t times[ROUNDS_MAX];
};

static int compare(const void *one_, const void *other_)
{
    const uint64_t *one = one_;
    const uint64_t *other = other_;

    return (*one > *other) - (*one < *other);
}

static void print(const struct way *ways, const struct way *way,
                  unsigned rounds)
{
    const struct way *beside = &ways[way->beside];

    if (way->is_out) {
        printf("{\"way\":\"%s\",\"skipped\":true}\n", way->name);
        return;
    }
    printf("{\"way\":\"%s\",\"rounds\":%u,\"p10_ns\":%" PRIu64
           ",\"p50_ns\":%" PRIu64 ",\"p90_ns\":%" PRIu64,
           way->name, rounds, way->times[rounds / 10], way->times[rounds / 2],
           way->times[rounds * 9 / 10]);
    if (beside != way && !beside->is_out) {
        printf(",\"beside\":\"%s\",\"ratio\":%.3f", beside->name,
               (double)way->times[rounds / 2] /
                   (double)beside->times[rounds / 2]);
    }
    puts("}");
}

enum { SPAWN, WEFT, WEFT_LIMITS, BWRAP, WEFT_STRICT, WAYS };

int main(int argc, char **argv)
{
    static struct way ways[WAYS] = {
        [SPAWN] = {.name = "posix_spawn", .start = start_spawned},
        [WEFT] = {.name = "weft", .start = start_woven},
        [WEFT_LIMITS] = {.name = "weft_limits", .start = start_woven},
        [BWRAP] = {.name = "bwrap",
                   .start = start_bubblewrapped,
                   .beside = BWRAP},
        [WEFT_STRICT] = {.name = "weft_strict",
                         .start = start_woven,
                         .beside = BWRAP},
    };
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 300;

    if (argc > 2 || rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
        return 2;
    }
    ways[WEFT].spec = open_spec();
    ways[WEFT_LIMITS].spec = limited();
    ways[WEFT_STRICT].spec = strict();
    for (unsigned i = 0; i < WAYS; i++) {
        ways[i].is_out = !ways[i].start(ways[i].spec); /* the first is slow */
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < WAYS; i++) {
            uint64_t began = weft_now_ns();

            if (!ways[i].is_out && !ways[i].start(ways[i].spec)) {
                ways[i].is_out = true;
            }
            ways[i].times[round] = weft_now_ns() - began;
        }
    }
    for (unsigned i = 0; i < WAYS; i++) {
        qsort(ways[i].times, rounds, sizeof(ways[i].times[0]), compare);
    }
    for (unsigned i = 0; i < WAYS; i++) {
        print(ways, &ways[i], rounds);
        weft_process_spec_close(&ways[i].spec);
    }
    return 0;
}
