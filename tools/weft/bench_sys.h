/* SPDX-License-Identifier: MIT
 *
 * bench_sys.h - what the benchmark asks of the system: CPUs, shared memory
 * and processes. The build picks the file behind it.
 */
#ifndef BENCH_SYS_H
#define BENCH_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: there are no benchmarks on this system. */
extern const bool bench_sys_supported;

/*
 * Called by main() first. Where there is no fork a side is this program,
 * started again: in one of those it runs the side and does not return.
 */
void bench_sys_begin(char **arguments);

/* Writes up to `room` numbers of CPUs that we may run on; how many there are.
 */
size_t bench_sys_cpus(unsigned *cpus, size_t room);

/* May this process run on that CPU? */
bool bench_sys_has_cpu(unsigned cpu);

/* Zeroed memory that the sides share, at one address; NULL if there is none. */
void *bench_sys_share(size_t bytes);
void bench_sys_unshare(void *memory, size_t bytes);

/*
 * What this program holds by itself, as a number: a pointer to it is good in
 * this process alone.
 */
uintptr_t bench_sys_number(const void *object);
const void *bench_sys_object(uintptr_t number);

/*
 * The body of a side. Its process ends with it; false is failure. All that it
 * finds is what the context leads to, and that is memory of bench_sys_share,
 * or an object by its number.
 */
typedef bool bench_sys_body(void *context, unsigned index);

/* A number that grows while the sides get on. */
typedef uint64_t bench_sys_progress(const void *context);

/* How a run ended; of two that apply it is the later one. */
typedef enum bench_sys_result {
    BENCH_SYS_DONE,    /* all sides returned true */
    BENCH_SYS_FAILED,  /* a side returned false */
    BENCH_SYS_KILLED,  /* a side ended in another way */
    BENCH_SYS_STALLED, /* no progress for `stall_ns` */
    BENCH_SYS_ERROR    /* the system refused, bench_sys_cause says why */
} bench_sys_result;

/* Why the last call here, in this thread, failed; written to `text`. */
const char *bench_sys_cause(char *text, size_t room);

/* What the number behind BENCH_SYS_KILLED is: "signal", or "exit code". */
extern const char *const bench_sys_killer;

/*
 * Runs `body` in `count` processes and waits for all of them. Each is pinned to
 * its own of `count` CPUs; NULL: none is pinned. None outlives the call, nor
 * the death of this process. `*signal` is the number behind BENCH_SYS_KILLED.
 */
bench_sys_result bench_sys_run(bench_sys_body *body, void *context,
                               unsigned count, const unsigned *cpus,
                               bench_sys_progress *progress, uint64_t stall_ns,
                               int *signal);

/* This process, as the two calls below know it. */
uint64_t bench_sys_process(void);

/*
 * The memory of a process, each page divided by the number of those that map
 * it, and the CPU time that it has used so far. False: the system doesn't tell.
 */
bool bench_sys_pss(uint64_t process, uint64_t *bytes);
bool bench_sys_cpu_time(uint64_t process, uint64_t *ns);

/* The CPU time of the calling thread; likewise. */
bool bench_sys_thread_cpu_time(uint64_t *ns);

/*
 * Gives a pipe the largest buffer that helps. Returns its size, 0 if that is
 * not known.
 */
uint64_t bench_sys_enlarge_pipe(int pipe);

void bench_sys_sleep(uint64_t ns);

/* Lets another process run on this CPU. */
void bench_sys_yield(void);

#endif
