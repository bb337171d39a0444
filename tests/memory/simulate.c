/* SPDX-License-Identifier: MIT
 *
 * The simulation, on recordings of which is known what must come out.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory_simulate.h"

#define MIB 1048576.0
#define TICKS 300
#define EPOCH 100

/* What a process does: how much of it is used within so many seconds. */
typedef struct pattern {
    const char *name;
    double mib;
    double grows_s; /* until it has all of it */
    double (*used)(double mib, double seconds);
} pattern;

static double use_cyclic(double mib, double seconds)
{
    return fmin(mib, mib * seconds / 20);
}

static double use_little(double mib, double seconds)
{
    return fmin(mib / 10, mib / 10 * seconds);
}

static const pattern cyclic = {"cyclic", 64, 20, use_cyclic};
static const pattern idle = {"idle", 64, 0, use_little};
static const pattern front = {"front", 64, 0, use_little};

/* A recording of such processes. */
static void make(const pattern *const *patterns, size_t count, trace *recorded)
{
    FILE *file = tmpfile();
    trace_error error;

    REQUIRE(file != NULL);
    trace_write_head(file, &(trace_head){1 << 20, 0, 4096, 1000});
    for (unsigned i = 0; i < TICKS; i++) {
        trace_machine machine;
        double since = i == 0 ? 0 : (double)((i - 1) % EPOCH + 1);

        memset(&machine, 0xff, sizeof(machine)); /* nothing is known */
        machine.time_ms = (uint64_t)i * 1000;
        machine.available_kib = 1 << 19;
        trace_write_machine(file, &machine);
        for (size_t j = 0; j < count; j++) {
            const pattern *of = patterns[j];
            trace_row row;
            double has;

            if (i == 0) {
                trace_write_process(file, j, of->name);
            }
            memset(&row, 0xff, sizeof(row));
            row.id = j;
            has = i < of->grows_s ? of->mib * (i + 1) / of->grows_s : of->mib;
            row.resident_kib = row.anonymous_kib = (uint64_t)(has * 1024);
            if (i > 0) {
                row.since_ms = (uint64_t)(since * 1000);
                row.referenced_kib =
                    (uint64_t)(fmin(has, of->used(of->mib, since)) * 1024);
            }
            trace_write_row(file, &row);
        }
    }
    rewind(file);
    REQUIRE(trace_read(file, recorded, &error));
    (void)fclose(file);
}

static sim_options options_of(double percent)
{
    return (sim_options){.memory_percent = percent,
                         .swap_percent = 100,
                         .packed_share = 0.35,
                         .scale = 64,
                         .protects = "front",
                         .seed = 1,
                         .constants = policy_defaults};
}

static sim_result play(const char *name, const trace *recorded, double percent)
{
    sim_options options = options_of(percent);
    sim_memory memory = {NULL, 0, 0, 0};
    sim_result result;

    REQUIRE(sim_find_policy(name) != NULL);
    REQUIRE(
        sim_play(sim_find_policy(name), recorded, &options, &memory, &result));
    sim_forget(&memory);
    return result;
}

static void test_kernel(void)
{
    const pattern *patterns[] = {&cyclic};
    trace recorded;
    model machine;
    model_options given = {.memory_bytes = 48 * MIB,
                           .swap_bytes = 1024 * MIB,
                           .packed_share = 0.01,
                           .scale = 1};
    double most = 0;

    make(patterns, 1, &recorded);
    check_case("with memory enough nobody waits");
    CHECK(play("kernel", &recorded, 200).stall_s <= 0);

    check_case("what is used in turn, and does not fit, comes back each time");
    REQUIRE(model_open(&machine, &recorded, &given));
    while (model_step(&machine)) {
        most = fmax(most, model_used(&machine));
        CHECK(machine.tick < 20 ||
              fabs(model_resident(&machine) + model_swap_used(&machine) -
                   64 * MIB) < MIB / 100);
    }
    CHECK(most <= 48.01 * MIB);
    /* 64 MiB each 20 s, but for the first turns. */
    CHECK(machine.refault_total_bytes > 64 * MIB * (TICKS - 50) / 20);
    CHECK(machine.refault_total_bytes < 64 * MIB * TICKS / 20);
    model_close(&machine);
    trace_free(&recorded);
}

static void test_policies(void)
{
    const pattern *patterns[] = {&idle, &front};
    trace recorded;
    sim_result ours;
    sim_result nothing;
    sim_result oracle;
    sim_result threshold;

    make(patterns, 2, &recorded);
    nothing = play("kernel", &recorded, 110);
    ours = play("weft", &recorded, 110);
    oracle = play("oracle", &recorded, 110);
    threshold = play("threshold", &recorded, 110);
    check_case("what is idle is useful to send away, and costs nothing");
    CHECK(nothing.useful_gb_s <= 0);
    CHECK(ours.useful_gb_s > 10);
    CHECK(ours.stall_s < nothing.stall_s + 0.05);
    CHECK(oracle.useful_gb_s >= ours.useful_gb_s);
    CHECK(ours.score_gb_s > nothing.score_gb_s);

    check_case("to send away all makes programs wait");
    CHECK(threshold.stall_s > ours.stall_s + 0.1);
    CHECK(threshold.violations > 0);

    check_case("ours touches nobody who is protected, at any size");
    for (unsigned percent = 50; percent <= 200; percent += 25) {
        CHECK(play("weft", &recorded, percent).violations <= 0);
        CHECK(play("weft-proactive", &recorded, percent).violations <= 0);
        CHECK(play("weft-no-brake", &recorded, percent).violations <= 0);
    }

    check_case("the same seed gives the same result");
    oracle = play("weft", &recorded, 110);
    CHECK(fabs(ours.useful_gb_s - oracle.useful_gb_s) <= 0);
    CHECK(fabs(ours.stall_s - oracle.stall_s) <= 0);
    trace_free(&recorded);
}

static void test_memory(void)
{
    const pattern *patterns[] = {&idle};
    trace recorded;
    sim_options options = options_of(110);
    sim_memory memory = {NULL, 0, 0, 0};
    sim_memory copy;
    sim_result result;
    unsigned count = 0;

    check_case("what was learnt of an application stays, by its name");
    make(patterns, 1, &recorded);
    for (unsigned i = 0; i < 6; i++) {
        REQUIRE(sim_play(sim_find_policy("weft"), &recorded, &options, &memory,
                         &result));
    }
    REQUIRE(memory.count == 1 && strcmp(memory.items[0].name, "idle") == 0);
    for (int context = 0; context < BANDIT_CONTEXTS; context++) {
        bandit_view view;

        bandit_explain(&memory.items[0].learnt, (bandit_context)context,
                       BANDIT_PAGEOUT_100, memory.now_ns, &view);
        count += view.count;
    }
    CHECK(count >= BANDIT_LEAST_OUTCOMES);
    REQUIRE(sim_remember(&memory, &copy));
    REQUIRE(copy.count == 1 && copy.items != memory.items);
    CHECK(strcmp(copy.items[0].name, "idle") == 0);
    CHECK(copy.now_ns == memory.now_ns && memory.now_ns > 0);
    sim_forget(&memory);
    sim_forget(&copy);
    CHECK(memory.count == 0);
    trace_free(&recorded);
}

static void test_bootstrap(void)
{
    double values[100];
    sim_interval interval;

    check_case("an interval of a mean is about two standard errors wide");
    for (size_t i = 0; i < 100; i++) {
        values[i] = (double)(i % 2);
    }
    sim_bootstrap(values, 100, 1, &interval);
    CHECK(fabs(interval.mean - 0.5) < 1e-9);
    CHECK(interval.low > 0.38 && interval.low < 0.43);
    CHECK(interval.high > 0.57 && interval.high < 0.62);
    sim_bootstrap(values, 1, 1, &interval);
    CHECK(interval.low <= interval.mean && interval.high >= interval.mean);
    CHECK(sim_find_policy("wefts") == NULL);
}

void test_main(void)
{
    test_kernel();
    test_policies();
    test_memory();
    test_bootstrap();
}
