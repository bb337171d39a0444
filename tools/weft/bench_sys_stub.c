/* SPDX-License-Identifier: MIT
 *
 * Systems on which the benchmark does not run yet. The command asks
 * bench_sys_supported first, so nothing else here is ever called.
 */
#include "bench_sys.h"
#include "bench_transport.h"

const bool bench_sys_supported = false;
const char *const bench_sys_killer = "";

const bench_transport *const bench_transports[] = {&bench_weft};
const size_t bench_transport_count = 1;

void bench_sys_begin(char **arguments)
{
    (void)arguments;
}

uintptr_t bench_sys_number(const void *object)
{
    (void)object;
    return 0;
}

const void *bench_sys_object(uintptr_t number)
{
    (void)number;
    return NULL;
}

const char *bench_sys_cause(char *text, size_t room)
{
    (void)room;
    *text = '\0';
    return text;
}

size_t bench_sys_cpus(unsigned *cpus, size_t room)
{
    (void)cpus;
    (void)room;
    return 0;
}

bool bench_sys_has_cpu(unsigned cpu)
{
    (void)cpu;
    return false;
}

void *bench_sys_share(size_t bytes)
{
    (void)bytes;
    return NULL;
}

void bench_sys_unshare(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

bench_sys_result bench_sys_run(bench_sys_body *body, void *context,
                               unsigned count, const unsigned *cpus,
                               bench_sys_progress *progress, uint64_t stall_ns,
                               int *signal)
{
    (void)body;
    (void)context;
    (void)count;
    (void)cpus;
    (void)progress;
    (void)stall_ns;
    (void)signal;
    return BENCH_SYS_ERROR;
}

uint64_t bench_sys_process(void)
{
    return 0;
}

bool bench_sys_pss(uint64_t process, uint64_t *bytes)
{
    (void)process;
    (void)bytes;
    return false;
}

bool bench_sys_cpu_time(uint64_t process, uint64_t *ns)
{
    (void)process;
    (void)ns;
    return false;
}

bool bench_sys_thread_cpu_time(uint64_t *ns)
{
    (void)ns;
    return false;
}

uint64_t bench_sys_enlarge_pipe(int pipe)
{
    (void)pipe;
    return 0;
}

void bench_sys_sleep(uint64_t ns)
{
    (void)ns;
}

void bench_sys_yield(void)
{
}
