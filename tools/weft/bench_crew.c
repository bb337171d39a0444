/* SPDX-License-Identifier: MIT
 *
 * The stages of a round with many sides, and what is read between them.
 */
#include <string.h>

#include "bench_crew.h"
#include "bench_round.h"

/* Until everybody sleeps who has nothing to do. */
#define SETTLE_NS UINT64_C(50000000)

/* A tenth, and at least this. */
#define WARMUP_PART 10
#define WARMUP_LEAST_NS UINT64_C(20000000)

/* What the stack of a member may need while it connects. */
#define STACK_BYTES 32768

static unsigned side_count(const bench_crew *crew)
{
    return crew->count + BENCH_FIRST_MEMBER;
}

/* ----------------------------------------------------------- the parent --- */

size_t bench_crew_bytes(unsigned count)
{
    return (count + BENCH_FIRST_MEMBER) * sizeof(bench_report) +
           count * sizeof(bench_member);
}

bool bench_crew_open(bench_crew *crew, unsigned count, void *room)
{
    weft_status status;

    crew->count = count;
    crew->has_pss = true;
    crew->reports = room;
    crew->members = (bench_member *)(void *)(crew->reports + side_count(crew));
    status = weft_semaphore_init(&crew->arrived, 0);
    if (status == WEFT_OK) {
        status = weft_semaphore_init(&crew->leader_go, 0);
    }
    for (unsigned i = 0; i < count && status == WEFT_OK; i++) {
        status = weft_semaphore_init(&crew->members[i].go, 0);
    }
    if (status != WEFT_OK) {
        tool_error("bench: cannot make a semaphore: %s",
                   weft_status_text(status));
    }
    return status == WEFT_OK;
}

void bench_crew_close(bench_crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        weft_semaphore_deinit(&crew->members[i].go);
    }
    weft_semaphore_deinit(&crew->leader_go);
    weft_semaphore_deinit(&crew->arrived);
}

static uint64_t progress_of(const void *context)
{
    const bench_crew *crew = context;

    return bench_round_progress(crew->reports, side_count(crew));
}

bool bench_crew_run(bench_crew *crew, const char *name, bench_sys_body *body,
                    uint64_t more_ns)
{
    int signal = 0;
    bench_sys_result ended =
        bench_sys_run(body, crew, side_count(crew), NULL, progress_of,
                      bench_stall_ns + more_ns, &signal);

    if (ended != BENCH_SYS_DONE) {
        bench_complain(name, crew->reports, side_count(crew), ended, signal);
    }
    return ended == BENCH_SYS_DONE;
}

/* ------------------------------------------------------------ all sides --- */

void bench_advance(bench_side *side)
{
    atomic_fetch_add_explicit(&side->report->progress, 1, memory_order_relaxed);
}

bool bench_require(bench_side *side, const char *step, weft_status status)
{
    return status == WEFT_OK ||
           bench_fail(side, "cannot %s: %s", step, weft_status_text(status));
}

static bool post(bench_side *side, weft_semaphore *semaphore)
{
    return bench_require(side, "post a semaphore",
                         weft_semaphore_post(semaphore, 1));
}

static bool await(bench_side *side, weft_semaphore *semaphore)
{
    return bench_require(side, "wait for a semaphore",
                         weft_semaphore_wait(semaphore));
}

bool bench_arrive(bench_crew *crew, bench_side *side)
{
    bench_advance(side);
    return post(side, &crew->arrived);
}

static bench_member *member_of(bench_crew *crew, const bench_side *side)
{
    return &crew->members[side->index - BENCH_FIRST_MEMBER];
}

bool bench_await_go(bench_crew *crew, bench_side *side)
{
    return await(side, side->index == BENCH_LEADER
                           ? &crew->leader_go
                           : &member_of(crew, side)->go);
}

void bench_begin_member(bench_crew *crew, bench_side *side)
{
    volatile unsigned char room[STACK_BYTES];

    for (size_t i = 0; i < sizeof(room); i += 1024) {
        room[i] = 1;
    }
    member_of(crew, side)->process = bench_sys_process();
}

/* -------------------------------------------------------- the conductor --- */

bool bench_await_arrivals(bench_crew *crew, bench_side *side, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!await(side, &crew->arrived)) {
            return false;
        }
    }
    bench_advance(side);
    return true;
}

bool bench_let_leader_go(bench_crew *crew, bench_side *side)
{
    return post(side, &crew->leader_go);
}

bool bench_let_all_go(bench_crew *crew, bench_side *side)
{
    for (unsigned i = 0; i < crew->count; i++) {
        if (!post(side, &crew->members[i].go)) {
            return false;
        }
    }
    return true;
}

bool bench_go_in_turn(bench_crew *crew, bench_side *side, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!post(side, &crew->members[i].go) ||
            !bench_await_arrivals(crew, side, 1)) {
            return false;
        }
    }
    return true;
}

static bool read_pss(const bench_crew *crew, bench_side *side,
                     bench_memory *memory)
{
    uint64_t bytes;

    memory->members = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        if (!bench_sys_pss(crew->members[i].process, &bytes)) {
            return false;
        }
        memory->members += bytes;
        bench_advance(side);
    }
    return bench_sys_pss(crew->leader_process, &memory->leader);
}

void bench_measure_pss(bench_crew *crew, bench_side *side, bench_memory *memory)
{
    bench_sys_sleep(SETTLE_NS);
    crew->has_pss = crew->has_pss && read_pss(crew, side, memory);
}

void bench_measure_idle(bench_crew *crew, uint64_t idle_ns)
{
    uint64_t before = 0;
    uint64_t after = 0;

    if (idle_ns == 0) {
        return;
    }
    bench_sys_sleep(SETTLE_NS);
    crew->has_idle = bench_sys_cpu_time(crew->leader_process, &before);
    bench_sys_sleep(idle_ns);
    crew->has_idle =
        bench_sys_cpu_time(crew->leader_process, &after) && crew->has_idle;
    crew->idle_cpu_ns = after - before;
}

uint64_t bench_warmup_ns(uint64_t duration_ns)
{
    uint64_t warmup_ns = duration_ns / WARMUP_PART;

    return warmup_ns < WARMUP_LEAST_NS ? WARMUP_LEAST_NS : warmup_ns;
}

/* -------------------------------------------------------------- samples --- */

/* When there is no room, only each second of them stays. */
void bench_keep(bench_samples *samples, uint64_t ns)
{
    if (samples->stride == 0) {
        samples->stride = 1;
    }
    if (samples->seen++ % samples->stride != 0) {
        return;
    }
    if (samples->kept == BENCH_SAMPLES) {
        samples->kept /= 2;
        samples->stride *= 2;
        for (size_t i = 1; i < samples->kept; i++) {
            samples->ns[i] = samples->ns[2 * i];
        }
    }
    samples->ns[samples->kept++] = ns;
}

size_t bench_copy_samples(const bench_samples *samples, uint64_t *to)
{
    memcpy(to, samples->ns, samples->kept * sizeof(*to));
    return samples->kept;
}
